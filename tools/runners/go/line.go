package main

import (
	"cmp"
	"math"
	"slices"
	"sort"

	v1 "github.com/loadgrpc/loadgrpc/tools/runners/go/gen/loadgrpc/v1"
)

// almost is what the area under a whole load may miss by rounding and still counts as reached.
const almost = 1e-6

// piece is a part of a line, from one moment to another. Times are seconds since its beginning.
type piece struct {
	span float64
	from float64 // the level at its beginning; of a wave, its lowest
	to   float64 // that at its end; of a wave, its highest

	period float64 // of a wave; 0: it is straight
	phase  float64 // how long after a lowest level a wave begins
}

func (p piece) flat() bool {
	return p.period == 0 && p.from == p.to
}

func (p piece) level(t float64) float64 {
	switch {
	case p.flat():
		return p.from
	case p.period == 0:
		return p.from + (p.to-p.from)*(t/p.span)
	default:
		turn := 2 * math.Pi * ((t + p.phase) / p.period)
		return p.from + (p.to-p.from)*(1-math.Cos(turn))/2
	}
}

// area is what has arrived by then.
func (p piece) area(t float64) float64 {
	switch {
	case p.flat():
		return p.from * t
	case p.period == 0:
		return p.from*t + (p.to-p.from)*t*t/(2*p.span)
	default:
		return p.waves(t+p.phase) - p.waves(p.phase)
	}
}

// waves is the area from a lowest level on.
func (p piece) waves(t float64) float64 {
	middle, half := (p.from+p.to)/2, (p.to-p.from)/2
	return middle*t - half*p.period/(2*math.Pi)*math.Sin(2*math.Pi*(t/p.period))
}

// instant is when so much has arrived: the inverse of area.
func (p piece) instant(n float64) float64 {
	switch {
	case p.flat():
		return n / p.from
	case n <= 0 && p.period == 0:
		return 0
	case p.period == 0:
		root := p.from*p.from + 2*(p.to-p.from)*n/p.span
		return 2 * n / (p.from + math.Sqrt(max(root, 0)))
	}
	wanted, whole := n+p.waves(p.phase), p.waves(p.period)
	periods := math.Floor(wanted / whole)
	wanted -= periods * whole
	below, above := 0.0, p.period
	for range 60 { // halves a period of 30 days to less than a nanosecond
		middle := (below + above) / 2
		if p.waves(middle) > wanted {
			above = middle
		} else {
			below = middle
		}
	}
	return max(0, periods*p.period+below-p.phase)
}

// cut is a part of it.
func (p piece) cut(first, last float64) piece {
	if p.period == 0 {
		return piece{span: last - first, from: p.level(first), to: p.level(last)}
	}
	p.span, p.phase = last-first, p.phase+first
	return p
}

func (p piece) times(factor float64) piece {
	p.from, p.to = p.from*factor, p.to*factor
	return p
}

// piecesOf are those of stages, as they were planned.
func piecesOf(stages []*v1.Stage) (found []piece) {
	for _, stage := range stages {
		switch form := stage.Form.(type) {
		case *v1.Stage_Hold:
			found = append(found, flat(form.Hold.Level, form.Hold.Duration.AsDuration().Seconds()))
		case *v1.Stage_Ramp:
			found = append(found, piece{
				span: form.Ramp.Duration.AsDuration().Seconds(),
				from: form.Ramp.Start,
				to:   form.Ramp.End,
			})
		case *v1.Stage_Sine:
			found = append(found, piece{
				span:   form.Sine.Duration.AsDuration().Seconds(),
				from:   form.Sine.Low,
				to:     form.Sine.High,
				period: form.Sine.Period.AsDuration().Seconds(),
			})
		case *v1.Stage_Steps:
			for _, level := range form.Steps.Levels {
				found = append(found, flat(level, form.Steps.Each.AsDuration().Seconds()))
			}
		}
	}
	return found
}

func flat(level, span float64) piece {
	return piece{span: span, from: level, to: level}
}

// line is the level of a load over time, from its stages and from how it was changed live. Times
// are seconds since the cycle began. Whoever learns late of a change computes the same line.
type line struct {
	pieces []piece
	starts []float64
	areas  []float64 // at the start of each piece
	rising []int     // the pieces in which anything arrives, and the areas at their ends:
	ends   []float64

	duration float64 // infinite: it is paused, and nobody has resumed it yet
	total    float64 // the area under all of it
	changes  int     // how many live changes there were
}

func newLine(stages []*v1.Stage, changes []*v1.LoadChange) *line {
	l := &line{changes: len(changes)}
	left := remaining{pieces: piecesOf(stages)}
	mode := mode{factor: 1}
	now := 0.0
	for _, change := range sorted(changes) {
		at := change.At.AsDuration().Seconds()
		for _, each := range mode.take(&left, max(0, at-now)) {
			l.add(each)
			now += each.span
		}
		mode.change(change)
	}
	for _, each := range mode.take(&left, math.Inf(1)) {
		l.add(each)
	}
	return l
}

// sorted are changes in the order in which they apply; of several at one time the last one holds.
func sorted(changes []*v1.LoadChange) []*v1.LoadChange {
	changes = slices.Clone(changes)
	slices.SortStableFunc(changes, func(one, other *v1.LoadChange) int {
		return cmp.Compare(one.At.AsDuration(), other.At.AsDuration())
	})
	return changes
}

func (l *line) add(one piece) {
	if one.span <= 0 {
		return
	}
	l.pieces = append(l.pieces, one)
	l.starts = append(l.starts, l.duration)
	l.areas = append(l.areas, l.total)
	l.duration += one.span
	if math.IsInf(one.span, 1) {
		return // paused
	}
	if area := one.area(one.span); area > 0 {
		l.total += area
		l.rising = append(l.rising, len(l.pieces)-1)
		l.ends = append(l.ends, l.total)
	}
}

// at is the piece of a time, which is within the line.
func (l *line) at(t float64) int {
	return sort.Search(len(l.starts), func(at int) bool { return l.starts[at] > t }) - 1
}

// users is how many are wanted at a time, on all agents.
func (l *line) users(t float64) int {
	if t < 0 || t >= l.duration {
		return 0
	}
	at := l.at(t)
	return int(math.Floor(l.pieces[at].level(t-l.starts[at]) + 0.5))
}

// instant is the last time at which the area is at most n; false: the line ends before.
func (l *line) instant(n float64) (float64, bool) {
	if n > l.total-almost {
		return 0, false
	}
	place := sort.Search(len(l.ends), func(at int) bool { return l.ends[at] > n })
	at := l.rising[place]
	since := l.pieces[at].instant(max(0, n-l.areas[at]))
	return l.starts[at] + min(since, l.pieces[at].span), true
}

// until is a time after t until which the level stays as it is, or t while it changes.
func (l *line) until(t float64) float64 {
	at := l.at(t)
	if l.pieces[at].flat() {
		return l.starts[at] + l.pieces[at].span
	}
	return t
}

// peak is the highest level.
func (l *line) peak() float64 {
	highest := 0.0
	for _, each := range l.pieces {
		highest = max(highest, each.from, each.to)
	}
	return highest
}

// mode is what changes have made of the stages.
type mode struct {
	level  *float64 // instead of that of the stages
	factor float64
	paused bool
}

func (m *mode) change(change *v1.LoadChange) {
	switch change.Kind {
	case v1.LoadChangeKind_LOAD_CHANGE_KIND_LEVEL:
		m.level = &change.Value
	case v1.LoadChangeKind_LOAD_CHANGE_KIND_FACTOR:
		m.level, m.factor = nil, change.Value
	case v1.LoadChangeKind_LOAD_CHANGE_KIND_PAUSE:
		m.paused = true
	case v1.LoadChangeKind_LOAD_CHANGE_KIND_RESUME:
		m.paused = false
	}
}

// take is what the load is for some time, or until its end.
func (m *mode) take(left *remaining, span float64) (found []piece) {
	if m.paused {
		if len(left.pieces) > 0 {
			found = append(found, flat(0, span))
		}
		return found
	}
	for _, each := range left.take(span) {
		if m.level != nil {
			found = append(found, flat(*m.level, each.span))
		} else {
			found = append(found, each.times(m.factor))
		}
	}
	return found
}

// remaining are the pieces of a plan, taken from its front.
type remaining struct {
	pieces []piece
	used   float64 // of the first of them
}

func (r *remaining) take(span float64) (found []piece) {
	for span > 0 && len(r.pieces) > 0 {
		first := r.pieces[0]
		left := first.span - r.used
		if left > span {
			found = append(found, first.cut(r.used, r.used+span))
			r.used += span
			return found
		}
		if r.used > 0 {
			first = first.cut(r.used, first.span)
		}
		found = append(found, first)
		span -= left
		r.pieces, r.used = r.pieces[1:], 0
	}
	return found
}
