package main

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	v1 "github.com/loadgrpc/loadgrpc/tools/runners/go/gen/loadgrpc/v1"
)

// loaded is a load whose users GET from a server that takes its time, in the middle of its run.
func loaded(
	t *testing.T, takes time.Duration, plan *v1.RunSpec, stages ...*v1.Stage,
) (l *load, asked *atomic.Int64, run cycle) {
	t.Helper()
	asked = &atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked.Add(1)
		time.Sleep(takes)
	}))
	t.Cleanup(server.Close)
	assignment := &v1.Assignment{
		Test: server.URL + "/", Stages: stages, Plan: plan, StopTimeout: span(5)}
	l = newLoad(assignment, recording(), nil)
	test, err := newTest(assignment)
	if err != nil {
		t.Fatal(err)
	}
	return l, asked, cycle{&v1.Cycle{Users: 100}, 1, now(), test}
}

// sums are all arrivals that were reported.
func sums(events []*v1.Event) *v1.ArrivalsState {
	sum := &v1.ArrivalsState{}
	for _, event := range events {
		if state := event.GetArrivals(); state != nil {
			sum.Planned += state.Planned
			sum.Started += state.Started
			sum.Dropped += state.Dropped
			sum.Waiting = state.Waiting
		}
	}
	return sum
}

// Every arrival starts once, and says how late it was.
func TestOpen(t *testing.T) {
	l, asked, run := loaded(t, 0, &v1.RunSpec{}, hold(100, 0.5))
	l.open(run)
	sum, made := sums(l.recorder.pending.rows), l.recorder.pending.iterations
	if sum.Planned != 50 || sum.Started != 50 || sum.Waiting != 0 || asked.Load() != 50 {
		t.Errorf("%v, and %d requests", sum, asked.Load())
	}
	for at, one := range made {
		if one.late <= 0 || l.recorder.pending.hits[at].late <= 0 {
			t.Errorf("iteration %d does not say when it was planned", at)
		}
	}
}

// What no user is free for waits, and starts late; or is dropped. None is lost.
func TestLate(t *testing.T) {
	for _, late := range []v1.LatePolicy{
		v1.LatePolicy_LATE_POLICY_QUEUE, v1.LatePolicy_LATE_POLICY_DROP,
	} {
		l, asked, run := loaded(t, 100*time.Millisecond, &v1.RunSpec{Late: late}, hold(100, 0.3))
		run.Cycle.Users = 2
		l.open(run)
		sum := sums(l.recorder.pending.rows)
		drops := late == v1.LatePolicy_LATE_POLICY_DROP
		if sum.Planned != 30 || sum.Started+sum.Dropped != 30 || (sum.Dropped > 0) != drops {
			t.Errorf("%v: %v", late, sum)
		}
		if int64(sum.Started) != asked.Load() {
			t.Errorf("%v: %d requests of %d", late, asked.Load(), sum.Started)
		}
	}
}

// After a stop nothing starts that waits, and what is under way ends.
func TestOpenStops(t *testing.T) {
	l, asked, run := loaded(t, 50*time.Millisecond, &v1.RunSpec{}, hold(100, 60))
	time.AfterFunc(300*time.Millisecond, func() { l.stop(5 * time.Second) })
	l.open(run)
	sum := sums(l.recorder.pending.rows)
	if sum.Planned > 60 || int64(sum.Started) != asked.Load() {
		t.Errorf("%v, and %d requests", sum, asked.Load())
	}
	if sum.Planned != sum.Started+sum.Dropped+sum.Waiting {
		t.Errorf("%v", sum)
	}
}

// A pause that is heard of stops what comes; the load goes on where it was.
func TestOpenPauses(t *testing.T) {
	l, asked, run := loaded(t, 0, &v1.RunSpec{}, hold(100, 0.4))
	time.AfterFunc(100*time.Millisecond, func() {
		l.changed([]*v1.LoadChange{change(0.2, pause, 0), change(0.5, resume, 0)})
	})
	begin := now()
	l.open(run)
	if took := now() - begin; asked.Load() != 40 || took < 600*time.Millisecond {
		t.Errorf("%d requests in %v", asked.Load(), took)
	}
}

// Users come and go with the level; who comes later has a number that no other had.
func TestLevels(t *testing.T) {
	l, _, run := loaded(t, 20*time.Millisecond, &v1.RunSpec{}, steps(0.3, 3, 1, 3))
	l.levels(run)
	numbers := map[uint32]bool{}
	for _, one := range l.recorder.pending.iterations {
		numbers[one.user] = true
		if one.label.outcome != v1.TestOutcome_TEST_OUTCOME_SUCCESS {
			t.Errorf("%+v", one.label)
		}
	}
	if len(numbers) != 5 || l.recorder.users.active != 0 {
		t.Errorf("users %v, %d of them there", numbers, l.recorder.users.active)
	}
}
