package main

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/loadgrpc/loadgrpc/tools/runners/go/gen/loadgrpc/v1"
)

// tally is what became of arrivals, second by second: planned = started + dropped + waiting, at the
// end of each. A second is reported when it is over, and all arrivals up to its end were planned.
// Moments are those of now(), and seconds those of the wall clock.
type tally struct {
	next    int64 // the first second that was not reported
	last    int64 // the last one in which something happened
	counts  map[int64]*v1.ArrivalsState
	waiting uint64 // at the end of the last second that was reported
}

func newTally(begin time.Duration) *tally {
	return &tally{next: second(begin), last: second(begin), counts: map[int64]*v1.ArrivalsState{}}
}

func second(at time.Duration) int64 {
	return began.Add(at).Unix()
}

func (t *tally) plan(at time.Duration)  { t.of(at).Planned++ }
func (t *tally) start(at time.Duration) { t.of(at).Started++ }
func (t *tally) drop(at time.Duration)  { t.of(at).Dropped++ }

// of are the counts of a second, or of the first that is not reported.
func (t *tally) of(at time.Duration) *v1.ArrivalsState {
	key := max(second(at), t.next)
	t.last = max(t.last, key)
	counts := t.counts[key]
	if counts == nil {
		counts = &v1.ArrivalsState{}
		t.counts[key] = counts
	}
	return counts
}

// take gives the seconds that are over by then.
func (t *tally) take(until time.Duration, users, most int) (found []*v1.Event) {
	for t.next < second(until) {
		found = append(found, t.takeOne(users, most))
	}
	return found
}

// rest gives all that was not reported, when nothing more comes.
func (t *tally) rest(users, most int) (found []*v1.Event) {
	for t.next <= t.last {
		found = append(found, t.takeOne(users, most))
	}
	return found
}

func (t *tally) takeOne(users, most int) *v1.Event {
	counts := t.counts[t.next]
	if counts == nil {
		counts = &v1.ArrivalsState{}
	}
	delete(t.counts, t.next)
	t.waiting += counts.Planned - counts.Started - counts.Dropped
	counts.Waiting, counts.Users, counts.MaxUsers = t.waiting, uint32(users), uint32(most)
	middle := time.Unix(t.next, int64(time.Second/2))
	t.next++
	return &v1.Event{
		Time:  timestamppb.New(middle),
		Event: &v1.Event_Arrivals{Arrivals: counts},
	}
}
