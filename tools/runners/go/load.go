package main

import (
	"context"
	"sync"
	"time"

	v1 "github.com/loadgrpc/loadgrpc/tools/runners/go/gen/loadgrpc/v1"
)

// How far from now a load may begin; a begin that is farther away is no begin.
const (
	mostEarly = 2 * time.Second
	mostLate  = 5 * time.Second
)

// load runs the users of an assignment, cycle by cycle. A cycle is over when its last user
// has ended. Users look before each iteration whether they may go on; who takes longer than
// the stop timeout to finish the last one is cut off.
type load struct {
	assignment *v1.Assignment
	recorder   *recorder
	publisher  *publisher
	deck       *deck
	started    chan *v1.StartCycle // of the newest cycle that was started

	mutex   sync.Mutex
	changes []*v1.LoadChange // how the load was changed live, all of it
	roused  chan struct{}    // something is there when it was changed

	stopping  context.Context // done: no user begins another iteration
	stopUsers context.CancelFunc
	cut       context.Context // done: users who have not finished are cut off
	cutUsers  context.CancelFunc
}

func newLoad(assignment *v1.Assignment, recorder *recorder, publisher *publisher) *load {
	l := &load{
		assignment: assignment,
		recorder:   recorder,
		publisher:  publisher,
		started:    make(chan *v1.StartCycle, 1),
		changes:    assignment.LoadChanges,
		roused:     make(chan struct{}, 1),
	}
	l.stopping, l.stopUsers = context.WithCancel(context.Background())
	l.cut, l.cutUsers = context.WithCancel(context.Background())
	return l
}

// first is the number of the first cycle.
func (l *load) first() uint32 {
	return max(1, l.assignment.FirstCycle)
}

// opened: somebody takes what happens. A process that runs one user waits for no more: it
// was started when its cycle began.
func (l *load) opened() {
	if l.assignment.User != 0 {
		l.start(&v1.StartCycle{Cycle: l.first()})
	}
}

// start lets a cycle begin.
func (l *load) start(cycle *v1.StartCycle) {
	select {
	case <-l.started:
	default:
	}
	l.started <- cycle
}

// stop lets users finish their iteration; after the timeout they are cut off.
func (l *load) stop(timeout time.Duration) {
	l.stopUsers()
	time.AfterFunc(timeout, l.cutUsers)
}

// changed: the load was changed live; these are all changes so far.
func (l *load) changed(changes []*v1.LoadChange) {
	l.mutex.Lock()
	l.changes = changes
	l.mutex.Unlock()
	select {
	case l.roused <- struct{}{}:
	default:
	}
}

// run runs all cycles; what it returns is why none could be.
func (l *load) run() *v1.ExceptionInfo {
	test, err := newTest(l.assignment)
	if err == nil {
		l.deck, err = newDeck(l.assignment.Deck)
	}
	if err != nil {
		why := exceptionOf(err)
		return &v1.ExceptionInfo{Type: why.kind, Message: why.message, Traceback: why.trace}
	}
	for at, each := range l.assignment.Cycles {
		number := l.first() + uint32(at)
		begin, ok := l.released(number)
		if !ok {
			break
		}
		l.recorder.begin(&v1.LoadStatus{
			Iterations: each.Iterations, Users: each.Users, Cycle: number})
		switch of := (cycle{each, number, begin, test}); {
		case len(l.assignment.Stages) == 0:
			l.closed(of)
		case l.assignment.Stages[0].Unit == v1.LoadUnit_LOAD_UNIT_ARRIVALS:
			l.open(of)
		default:
			l.levels(of)
		}
	}
	return nil
}

// released waits until a cycle begins, and says when that is or was; false: the run is being
// stopped.
func (l *load) released(cycle uint32) (time.Duration, bool) {
	if l.assignment.User == 0 {
		l.publisher.ready(cycle)
	}
	for {
		select {
		case started := <-l.started:
			if started.Cycle < cycle {
				continue
			}
			begin := beginOf(started)
			select {
			case <-time.After(begin - now()):
				return begin, l.stopping.Err() == nil
			case <-l.stopping.Done():
				return 0, false
			}
		case <-l.stopping.Done():
			return 0, false
		}
	}
}

// beginOf is when a load begins: as it was told, or now if that is not within a few seconds.
func beginOf(start *v1.StartCycle) time.Duration {
	at := now()
	if start.BeginTime == nil {
		return at
	}
	in := time.Until(start.BeginTime.AsTime())
	if in < -mostLate || in > mostEarly {
		return at
	}
	return at + in
}

// cycle is one of the assignment, with its number, and what its users do.
type cycle struct {
	*v1.Cycle
	number uint32
	begin  time.Duration
	test   *test
}

// closed runs the users of a cycle, who wait for nothing but their answers, to their end.
func (l *load) closed(cycle cycle) {
	ending, end := l.ending(cycle.Cycle)
	defer end()
	cut, cutOff := l.cutting(ending)
	defer cutOff()
	goesOn := func() bool { return ending.Err() == nil }

	var users sync.WaitGroup
	for _, user := range l.users(cycle.Cycle) {
		users.Go(func() {
			if !wait(ending, l.delay(user)) {
				return
			}
			l.recorder.userStarted()
			defer l.recorder.userEnded()
			l.user(cycle, user, user).live(cut, goesOn, cycle.Iterations)
		})
	}
	users.Wait()
}

// ending is done when no user begins another iteration of a cycle.
func (l *load) ending(cycle *v1.Cycle) (context.Context, context.CancelFunc) {
	if cycle.Duration == nil {
		return context.WithCancel(l.stopping)
	}
	return context.WithTimeout(l.stopping, cycle.Duration.AsDuration())
}

// cutting is done when users who have not finished are cut off: the stop timeout after `ending`.
func (l *load) cutting(ending context.Context) (context.Context, context.CancelFunc) {
	cut, cutOff := context.WithCancel(l.cut)
	patience := l.assignment.StopTimeout.AsDuration()
	done := context.AfterFunc(ending, func() { time.AfterFunc(patience, cutOff) })
	return cut, func() {
		done()
		cutOff()
	}
}

// users are the numbers of those to run.
func (l *load) users(cycle *v1.Cycle) []uint32 {
	if l.assignment.User != 0 {
		return []uint32{l.assignment.User}
	}
	numbers := make([]uint32, cycle.Users)
	for at := range numbers {
		numbers[at] = uint32(at) + 1
	}
	return numbers
}

// user is one with a number, in the place of the user that has the number `place`: what is shared
// out among the users of a cycle goes by places.
func (l *load) user(cycle cycle, number, place uint32) *user {
	test := cycle.test.of(l.index(cycle.number, place))
	return newUser(number, test, l.seat(cycle.number, place, cycle.Cycle), l.recorder)
}

// index is where a user of a cycle stands among those of all agents: what is shared out by it, such
// as rows of a file, is shared out exactly.
func (l *load) index(cycle, user uint32) uint32 {
	if index := l.assignment.UserIndex; index != nil {
		return *index // of the one user that this process runs
	}
	offsets := l.assignment.GetPlacement().GetUserOffsets()
	if int(cycle) > len(offsets) {
		return user - 1 // the broker is older: there is only this agent
	}
	return offsets[cycle-1] + user - 1
}

// seat is where a user of a cycle gets its cases from.
func (l *load) seat(number, user uint32, cycle *v1.Cycle) seat {
	found := seat{deck: l.deck, place: uint64(l.index(number, user)), users: uint64(cycle.Users)}
	totals := l.assignment.GetPlacement().GetTotalUsers()
	if int(number) > len(totals) {
		return found // the broker is older: there is only this agent
	}
	found.users = uint64(totals[number-1])
	for _, users := range totals[:number-1] {
		found.before += uint64(users) * uint64(cycle.Iterations)
	}
	return found
}

// delay is when a user starts, from the start of its cycle.
func (l *load) delay(user uint32) time.Duration {
	if l.assignment.SpawnRate == 0 {
		return 0
	}
	return time.Duration(float64(user-1) / l.assignment.SpawnRate * float64(time.Second))
}

// wait waits for some time; false: it has ended before.
func wait(ending context.Context, some time.Duration) bool {
	select {
	case <-time.After(some):
		return ending.Err() == nil
	case <-ending.Done():
		return false
	}
}

// The load over time

// follow gives the line of the load: the one that is known, unless it was changed live.
func (l *load) follow(known *line) *line {
	l.mutex.Lock()
	changes := l.changes
	l.mutex.Unlock()
	if known != nil && known.changes == len(changes) {
		return known
	}
	return newLine(l.assignment.Stages, changes)
}

// spec is what the plan has beside the stages.
func (l *load) spec() interface {
	GetArrivals() v1.Spacing
	GetLate() v1.LatePolicy
} {
	if scenarios := l.assignment.Plan.GetScenarios(); len(scenarios) > 0 {
		return scenarios[0]
	}
	return l.assignment.Plan
}

// pause waits for some time, or until the load is changed or ends.
func (l *load) pause(ending context.Context, some time.Duration) {
	timer := time.NewTimer(some)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.roused:
	case <-ending.Done():
	}
}
