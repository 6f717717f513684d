package main

// column puts a value of each row into as few bytes as the greatest of them needs, 1, 2, 4 or
// 8, little-endian; none when all are zero.
func column[Row any](rows []Row, value func(*Row) int64) []byte {
	values := make([]uint64, len(rows))
	var all uint64
	for at := range rows {
		values[at] = uint64(value(&rows[at]))
		all |= values[at]
	}
	if all == 0 {
		return nil
	}
	width := 1
	for width < 8 && all>>(8*width) != 0 {
		width *= 2
	}
	bytes := make([]byte, 0, width*len(rows))
	for _, number := range values {
		for shift := 0; shift < 8*width; shift += 8 {
			bytes = append(bytes, byte(number>>shift))
		}
	}
	return bytes
}

// table is a list of different keys, each of which knows its place.
type table[Key comparable] struct {
	keys   []Key
	places map[Key]int64
}

func (t *table[Key]) place(key Key) int64 {
	place, known := t.places[key]
	if !known {
		if t.places == nil {
			t.places = map[Key]int64{}
		}
		place = int64(len(t.keys))
		t.places[key] = place
		t.keys = append(t.keys, key)
	}
	return place
}
