package main

import (
	"math"
	"slices"
	"testing"

	v1 "github.com/loadgrpc/loadgrpc/tools/runners/go/gen/loadgrpc/v1"
)

var wide = &v1.Limits{
	MaxBatchBytes: 1 << 20, MaxUnackedBatches: math.MaxInt32, MaxUnackedBytes: 1 << 30}

// some entries: a number of hits.
func some(count int) entries {
	hits := make([]hit, count)
	for at := range hits {
		hits[at] = hit{label: hitLabel{name: "/"}, user: uint32(at) + 1, elapsed: 1}
	}
	return entries{hits: hits}
}

// opened is an outbound on a stream that is open, with what is kept.
func opened(limits *v1.Limits, counts ...int) *outbound {
	o := &outbound{}
	for _, count := range counts {
		o.keep(some(count))
	}
	o.begin()
	o.opened(&v1.SourceOpened{Limits: limits})
	return o
}

// numbers are those that each request has which may be sent now; skips are negative.
func numbers(o *outbound) (firsts []int) {
	for request := o.next(); request != nil; request = o.next() {
		switch message := request.Message.(type) {
		case *v1.PublishEventsRequest_Batch:
			firsts = append(firsts, int(message.Batch.FirstSequence))
		case *v1.PublishEventsRequest_Skip:
			firsts = append(firsts, -int(message.Skip.FirstSequence))
		}
	}
	return firsts
}

func expect(t *testing.T, found []int, expected ...int) {
	t.Helper()
	if !slices.Equal(found, expected) {
		t.Errorf("found %v, expected %v", found, expected)
	}
}

// Nothing is sent before the stream is open; then all is, once, in order.
func TestOrder(t *testing.T) {
	o := &outbound{}
	o.keep(some(3))
	o.keep(some(2))
	expect(t, numbers(o))
	o.opened(&v1.SourceOpened{Limits: wide})
	expect(t, numbers(o), 1, 4)
	expect(t, numbers(o))
	o.keep(some(1))
	expect(t, numbers(o), 6)
}

// What is not acked is sent again on the next stream, and what is acked is forgotten.
func TestNextStream(t *testing.T) {
	o := opened(wide, 3, 2, 1)
	expect(t, numbers(o), 1, 4, 6)
	o.acked(4) // a part of the second
	o.begin()
	o.opened(&v1.SourceOpened{Limits: wide, DurableSequence: 4})
	expect(t, numbers(o), 4, 6)
	o.acked(6)
	if o.keptBytes != 0 || o.sentBytes != 0 || len(o.kept) != 0 {
		t.Errorf("something is left: %+v", o)
	}
}

// The window of the other side is kept, in batches and in bytes.
func TestWindow(t *testing.T) {
	narrow := &v1.Limits{MaxBatchBytes: 1 << 20, MaxUnackedBatches: 2, MaxUnackedBytes: 1 << 30}
	o := opened(narrow, 1, 1, 1)
	expect(t, numbers(o), 1, 2)
	o.acked(1)
	expect(t, numbers(o), 3)

	expect(t, numbers(opened(&v1.Limits{}, 1, 1, 1)), 1, 2, 3) // none is set

	few := &v1.Limits{MaxBatchBytes: 1 << 20, MaxUnackedBatches: 9, MaxUnackedBytes: 1}
	o = opened(few, 1, 1)
	expect(t, numbers(o), 1) // one is sent in any case
	o.acked(1)
	expect(t, numbers(o), 2)
}

// After a gap all that is kept is sent again; what nobody has any more is declared lost.
func TestGap(t *testing.T) {
	o := opened(wide, 2, 2)
	expect(t, numbers(o), 1, 3)
	o.gap(1)
	expect(t, numbers(o), 1, 3)
	o.acked(4)
	o.gap(2)
	expect(t, numbers(o), -2)
	if lost := o.kept[0].request.GetSkip(); lost.Count != 3 {
		t.Errorf("%d are declared lost, not 3", lost.Count)
	}
}

// A batch that is too large is split until it is not, and a single event is declared lost.
func TestTooLarge(t *testing.T) {
	o := opened(wide, 4, 1)
	expect(t, numbers(o), 1, 5)
	o.tooLarge(1)
	expect(t, numbers(o), 1, 3, 5)
	small := &v1.Limits{MaxBatchBytes: o.kept[2].bytes, MaxUnackedBatches: 9, MaxUnackedBytes: 9999}
	o.begin()
	o.opened(&v1.SourceOpened{Limits: small})
	expect(t, numbers(o), 1, 2, 3, 4, 5)
	o.tooLarge(3)
	expect(t, numbers(o), 1, 2, -3, 4, 5)
}

// Ready is said again on each stream until the cycle starts.
func TestReady(t *testing.T) {
	o := opened(wide)
	o.sayReady(1)
	for range 2 {
		if o.next().GetReady().GetCycle() != 1 || o.next() != nil {
			t.Error("ready is said once on each stream")
		}
		o.begin()
		o.opened(&v1.SourceOpened{Limits: wide})
	}
	o.cycleStarted(1)
	o.begin()
	o.opened(&v1.SourceOpened{Limits: wide})
	if o.next() != nil {
		t.Error("the cycle has started")
	}
}

// Finish is said when all is acked, with totals, and again on each stream.
func TestFinish(t *testing.T) {
	o := opened(wide, 7)
	o.sayFinish(nil)
	expect(t, numbers(o), 1)
	o.acked(7)
	for range 2 {
		totals := o.next().GetFinish().GetTotals()
		if totals.GetEvents() != 7 || totals.GetHits() != 7 || o.next() != nil {
			t.Errorf("finish has %v", totals)
		}
		o.begin()
		o.opened(&v1.SourceOpened{Limits: wide, DurableSequence: 7})
	}
}
