package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// levelLook is how often the level is looked at.
	levelLook = 50 * time.Millisecond
	// mostUsers is how many there may be after a live change, if the plan has fewer.
	mostUsers = 10_000
)

// levels runs users whose number changes over time, in a cycle that has just begun. Those that are
// no longer wanted finish their iteration and leave; who comes has a number that no other had. A
// place is that of one user at a time: if the level rises again before its user has left, it stays.
func (l *load) levels(cycle cycle) {
	ending, end := context.WithCancel(l.stopping)
	defer end()
	cut, cutOff := l.cutting(ending)
	defer cutOff()
	begin, stripe, line := cycle.begin, stripeOf(l.assignment), (*line)(nil)
	taken := make([]atomic.Bool, max(int(cycle.Users), mostUsers))
	var wanted atomic.Int64
	var users sync.WaitGroup
	come := uint32(0)
	for ending.Err() == nil {
		line = l.follow(line)
		since := (now() - begin).Seconds()
		if since >= line.duration {
			break
		}
		level := min(stripe.count(line.users(since)), len(taken))
		wanted.Store(int64(level))
		for place := range level {
			if !taken[place].CompareAndSwap(false, true) {
				continue
			}
			come++
			user := l.user(cycle, come, uint32(place)+1)
			users.Go(func() {
				defer taken[place].Store(false)
				l.recorder.userStarted()
				defer l.recorder.userEnded()
				user.live(cut, func() bool {
					return int64(place) < wanted.Load() && ending.Err() == nil
				}, 0)
			})
		}
		left := min(levelLook.Seconds(), line.duration-since)
		l.pause(ending, time.Duration(left*float64(time.Second)))
	}
	end()
	users.Wait()
}
