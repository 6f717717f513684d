package main

import (
	"context"
	"time"

	v1 "github.com/loadgrpc/loadgrpc/tools/runners/go/gen/loadgrpc/v1"
)

// user is one virtual user: a session of its own, and one iteration after another.
type user struct {
	number   uint32
	test     *test
	seat     seat
	session  *session
	recorder *recorder
}

func newUser(number uint32, test *test, seat seat, recorder *recorder) *user {
	return &user{number, test, seat, newSession(number, recorder), recorder}
}

// live makes a number of iterations, or, when that is 0, as many as there are while it goes on.
// What has not ended when `cut` is done is cut off.
func (u *user) live(cut context.Context, goesOn func() bool, iterations uint32) {
	defer u.session.close()
	for number := uint32(1); iterations == 0 || number <= iterations; number++ {
		if !goesOn() {
			return
		}
		u.iterate(cut, number, 0)
	}
}

// iterate makes one iteration. If it was planned for a moment, `late` is how long ago that is, at
// least a nanosecond; 0: nobody has planned it.
func (u *user) iterate(cut context.Context, number uint32, late time.Duration) {
	fed := u.seat.deal(number)
	u.session.iteration, u.session.rule, u.session.late = number, fed.GetRule(), late
	start := now()
	outcome, why := u.test.run(cut, u.session, fed)
	if cut.Err() != nil && outcome == v1.TestOutcome_TEST_OUTCOME_ERROR {
		outcome, why = v1.TestOutcome_TEST_OUTCOME_INTERRUPTED, exception{}
	}
	u.recorder.iteration(iteration{
		label:   iterationLabel{u.test.name, outcome, why},
		rule:    fed.GetRule(),
		user:    u.number,
		number:  number,
		start:   start,
		late:    late,
		elapsed: now() - start,
	})
}
