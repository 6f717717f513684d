package main

import (
	"math"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	v1 "github.com/loadgrpc/loadgrpc/tools/runners/go/gen/loadgrpc/v1"
)

func span(seconds float64) *durationpb.Duration {
	return durationpb.New(time.Duration(seconds * float64(time.Second)))
}

func hold(level, seconds float64) *v1.Stage {
	return &v1.Stage{Form: &v1.Stage_Hold{Hold: &v1.HoldStage{Level: level, Duration: span(seconds)}}}
}

func ramp(from, to, seconds float64) *v1.Stage {
	return &v1.Stage{Form: &v1.Stage_Ramp{
		Ramp: &v1.RampStage{Start: from, End: to, Duration: span(seconds)}}}
}

func sine(low, high, period, seconds float64) *v1.Stage {
	return &v1.Stage{Form: &v1.Stage_Sine{Sine: &v1.SineStage{
		Low: low, High: high, Period: span(period), Duration: span(seconds)}}}
}

func steps(each float64, levels ...float64) *v1.Stage {
	return &v1.Stage{Form: &v1.Stage_Steps{Steps: &v1.StepsStage{Levels: levels, Each: span(each)}}}
}

func change(at float64, kind v1.LoadChangeKind, value float64) *v1.LoadChange {
	return &v1.LoadChange{At: span(at), Kind: kind, Value: value}
}

const (
	level  = v1.LoadChangeKind_LOAD_CHANGE_KIND_LEVEL
	factor = v1.LoadChangeKind_LOAD_CHANGE_KIND_FACTOR
	pause  = v1.LoadChangeKind_LOAD_CHANGE_KIND_PAUSE
	resume = v1.LoadChangeKind_LOAD_CHANGE_KIND_RESUME
)

// all are the instants of a plan, in seconds.
func all(p *plan) (found []float64) {
	for {
		due, any := p.due()
		if !any {
			return found
		}
		found = append(found, due.Seconds())
		p.take()
	}
}

func near(one, other float64) bool {
	return math.Abs(one-other) < 1e-6
}

// Arrival k is where the area under the line is k.
func TestInstants(t *testing.T) {
	for name, of := range map[string]struct {
		stages []*v1.Stage
		count  int
		k      int
		at     float64
	}{
		"even":          {[]*v1.Stage{hold(200, 2)}, 400, 3, 0.015},
		"a ramp":        {[]*v1.Stage{ramp(0, 100, 2)}, 100, 25, 1},
		"down":          {[]*v1.Stage{ramp(100, 0, 2)}, 100, 75, 1},
		"behind a ramp": {[]*v1.Stage{ramp(0, 100, 2), hold(100, 1)}, 200, 150, 2.5},
		"a step":        {[]*v1.Stage{steps(1, 10, 0, 20)}, 30, 10, 2},
		"a wave":        {[]*v1.Stage{sine(0, 100, 2, 4)}, 200, 50, 1},
	} {
		found := all(newPlan(newLine(of.stages, nil), stripe{0, 1}, v1.Spacing_SPACING_EVEN, 0))
		if len(found) != of.count {
			t.Errorf("%s: %d arrivals", name, len(found))
		} else if !near(found[of.k], of.at) {
			t.Errorf("%s: arrival %d is at %v", name, of.k, found[of.k])
		}
	}
}

// All agents together have each arrival once, whatever their spacing.
func TestStripes(t *testing.T) {
	load := newLine([]*v1.Stage{ramp(5, 50, 2)}, nil)
	for _, spacing := range []v1.Spacing{v1.Spacing_SPACING_EVEN, v1.Spacing_SPACING_POISSON} {
		whole := all(newPlan(load, stripe{0, 1}, spacing, 7))
		count := 0
		for first := range 3 {
			for at, instant := range all(newPlan(load, stripe{first, 3}, spacing, 7)) {
				if k := first + 3*at; !near(whole[k], instant) {
					t.Errorf("arrival %d is at %v, not %v", k, instant, whole[k])
				}
				count++
			}
		}
		if count != len(whole) {
			t.Errorf("%d arrivals of %d", count, len(whole))
		}
	}
}

// The numbers that are drawn are those of every other runner.
func TestPoisson(t *testing.T) {
	if drawn := uniform(42, 1); !near(drawn, 0.7415648787718233) {
		t.Errorf("the first is %v", drawn)
	}
}

// A change holds from its moment on, and what it brings does not depend on when it is learnt of.
func TestChanges(t *testing.T) {
	stages := []*v1.Stage{hold(10, 2)}
	for name, of := range map[string]struct {
		changes  []*v1.LoadChange
		count    int
		duration float64
	}{
		"none":         {nil, 20, 2},
		"a level":      {[]*v1.LoadChange{change(1, level, 30)}, 40, 2},
		"a factor":     {[]*v1.LoadChange{change(1, level, 30), change(1.5, factor, 2)}, 35, 2},
		"a pause":      {[]*v1.LoadChange{change(1, pause, 0), change(4, resume, 0)}, 20, 5},
		"no end":       {[]*v1.LoadChange{change(1, pause, 0)}, 10, math.Inf(1)},
		"after it":     {[]*v1.LoadChange{change(3, level, 30)}, 20, 2},
		"out of order": {[]*v1.LoadChange{change(4, resume, 0), change(1, pause, 0)}, 20, 5},
	} {
		changed := newLine(stages, of.changes)
		plan := newPlan(newLine(stages, nil), stripe{0, 1}, v1.Spacing_SPACING_EVEN, 0)
		for range 5 {
			plan.take() // before the change is known
		}
		plan.line = changed
		if count := 5 + len(all(plan)); count != of.count || changed.duration != of.duration {
			t.Errorf("%s: %d arrivals in %v s", name, count, changed.duration)
		}
	}
}

// Users are the level, rounded, and shared out like arrivals.
func TestUsers(t *testing.T) {
	load := newLine([]*v1.Stage{ramp(0, 10, 1), hold(7, 1)}, nil)
	for at, users := range map[float64]int{-1: 0, 0: 0, 0.5: 5, 0.96: 10, 1: 7, 1.9: 7, 2: 0} {
		if found := load.users(at); found != users {
			t.Errorf("%d users at %v", found, at)
		}
	}
	for first, share := range []int{3, 2, 2} {
		if found := (stripe{first, 3}).count(7); found != share {
			t.Errorf("agent %d has %d of 7 users", first, found)
		}
	}
}

// At the end of each second planned = started + dropped + waiting, and nothing is reported twice.
func TestTally(t *testing.T) {
	begin := time.Duration(second(0)+1)*time.Second - time.Duration(began.UnixNano())
	counts := newTally(begin)
	for range 3 {
		counts.plan(begin)
	}
	counts.start(begin)
	counts.drop(begin)
	counts.start(begin + time.Second)
	found := append(counts.take(begin+time.Second, 2, 4), counts.rest(2, 4)...)
	waiting := []uint64{1, 0}
	if len(found) != 2 {
		t.Fatalf("%d seconds", len(found))
	}
	for at, event := range found {
		if state := event.GetArrivals(); state.Waiting != waiting[at] || state.Users != 2 {
			t.Errorf("second %d: %v", at, state)
		}
	}
}

// Users are made while those there are may not be enough: by the time that iterations take, or the
// age of those in flight.
func TestNeed(t *testing.T) {
	var some need
	if users := some.users(100, 0, 1000); users != needLeast {
		t.Errorf("%d before anything is known", users)
	}
	some.start(0)
	if users := some.users(100, time.Second, 10_000); users != 1000 {
		t.Errorf("%d while the server stands still", users)
	}
	some.end(0, 100*time.Millisecond)
	if users := some.users(100, time.Second, 10_000); users != 100 {
		t.Errorf("%d for iterations of 100 ms", users)
	}
}
