package main

import (
	"context"
	"sync"
	"time"

	v1 "github.com/loadgrpc/loadgrpc/tools/runners/go/gen/loadgrpc/v1"
)

const (
	// heldUp: an arrival that is noticed later than this makes no new user. This process is behind,
	// and more users would hold it up for longer.
	heldUp = 10 * time.Millisecond
	// waitLook is how often arrivals that wait at the end are looked at.
	waitLook = 20 * time.Millisecond
)

// openPool starts iterations at planned instants, whatever the answers do.
//
//	next arrival is due ──▶ a user is free ─────────▶ it makes the iteration
//	                    ├─▶ there may be one more ──▶ a new user makes it
//	                    └─▶ neither: it waits, or is dropped
//
// One goroutine starts everything, in the order of the plan; users never wait for it.
type openPool struct {
	load  *load
	cycle cycle
	cut   context.Context // done: users who have not finished are cut off
	drop  bool            // what no user is free for never starts

	users sync.WaitGroup

	mutex sync.Mutex
	free  []chan time.Duration // users who are, each waits for the instant of its next iteration
	late  []time.Duration      // the instants of arrivals that wait for a user
	come  int                  // users so far
	most  int                  // users that there may be now
	need  need
	tally *tally
	over  bool // nobody begins an iteration any more
}

// open runs the arrivals of a cycle that has just begun.
func (l *load) open(cycle cycle) {
	ending, end := context.WithCancel(l.stopping)
	defer end()
	cut, cutOff := l.cutting(ending)
	defer cutOff()
	begin := cycle.begin
	p := &openPool{
		load:  l,
		cycle: cycle,
		cut:   cut,
		drop:  l.spec().GetLate() == v1.LatePolicy_LATE_POLICY_DROP,
		tally: newTally(begin),
	}
	p.follow(ending, begin)
	end()
	p.leaveOff()
	p.users.Wait()
	p.mutex.Lock()
	defer p.mutex.Unlock()
	l.recorder.rows(p.tally.rest(p.come, p.most))
}

// follow starts what is due until the load is over, or is stopped.
func (p *openPool) follow(ending context.Context, begin time.Duration) {
	l := p.load
	stripe, plan := stripeOf(l.assignment), (*plan)(nil)
	line, rate := (*line)(nil), 0.0
	for ending.Err() == nil {
		if newer := l.follow(line); newer != line {
			line, rate = newer, newer.peak()/float64(stripe.step)
			if plan == nil {
				plan = newPlan(line, stripe, l.spec().GetArrivals(), uint64(l.assignment.Plan.GetSeed()))
			}
			plan.line = line
		}
		at := now()
		due, any := plan.due()
		if any && begin+due <= at {
			plan.take()
			p.arrived(begin+due, at, rate)
			p.tell(begin + due)
			continue
		}
		p.tell(at) // all that was planned until now has come
		left := line.duration - (at - begin).Seconds()
		if any {
			left = (begin + due - at).Seconds()
		} else if left <= 0 {
			return
		}
		l.pause(ending, time.Duration(min(left, 1)*float64(time.Second)))
	}
}

// arrived: an arrival is due.
func (p *openPool) arrived(planned, at time.Duration, rate float64) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.tally.plan(planned)
	if last := len(p.free) - 1; last >= 0 {
		p.free[last] <- planned
		p.free = p.free[:last]
		return
	}
	p.most = p.need.users(rate, at, int(p.cycle.Users))
	switch behind := at-planned > heldUp && p.come > 0; {
	case p.come < p.most && !behind:
		p.late = append(p.late, planned) // who has waited goes first
		p.come++
		number, first := uint32(p.come), p.takeLate()
		p.users.Go(func() { p.serve(number, first) })
	case p.drop:
		p.tally.drop(at)
	default:
		p.late = append(p.late, planned)
	}
}

func (p *openPool) takeLate() time.Duration {
	first := p.late[0]
	p.late = p.late[1:]
	return first
}

// serve is one user, from its first iteration to the end of the cycle.
func (p *openPool) serve(number uint32, planned time.Duration) {
	user := p.load.user(p.cycle, number, number)
	defer user.session.close()
	p.load.recorder.userStarted()
	defer p.load.recorder.userEnded()
	turn, goesOn := make(chan time.Duration, 1), true
	for iteration := uint32(1); goesOn; iteration++ {
		start := now()
		p.count(func() { p.need.start(start); p.tally.start(start) })
		user.iterate(p.cut, iteration, max(1, start-planned))
		p.count(func() { p.need.end(start, now()) })
		planned, goesOn = p.next(turn)
	}
}

func (p *openPool) count(what func()) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	what()
}

// next is when the next iteration of a user was planned to start; false: there is none.
func (p *openPool) next(turn chan time.Duration) (planned time.Duration, any bool) {
	p.mutex.Lock()
	if p.over || p.cut.Err() != nil || p.load.stopping.Err() != nil {
		p.mutex.Unlock()
		return 0, false
	}
	if len(p.late) > 0 {
		defer p.mutex.Unlock()
		return p.takeLate(), true
	}
	p.free = append(p.free, turn)
	p.mutex.Unlock()
	planned, any = <-turn
	return planned, any
}

// leaveOff: no arrival comes any more. What waits still starts, until users are cut off; after a
// stop nothing does. Then all leave.
func (p *openPool) leaveOff() {
	for p.waits() {
		select {
		case <-time.After(waitLook):
		case <-p.load.stopping.Done():
		case <-p.cut.Done():
		}
		p.tell(now())
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.over = true
	for _, turn := range p.free {
		close(turn)
	}
	p.free = nil
}

func (p *openPool) waits() bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	busy := len(p.late) > 0 || p.need.inFlight > 0
	return busy && p.cut.Err() == nil && p.load.stopping.Err() == nil
}

// tell reports the seconds that are over, if all arrivals before a moment have come.
func (p *openPool) tell(until time.Duration) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if found := p.tally.take(until, p.come, p.most); len(found) > 0 {
		p.load.recorder.rows(found)
	}
}
