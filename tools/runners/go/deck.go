package main

import (
	"errors"
	"strconv"

	v1 "github.com/loadgrpc/loadgrpc/tools/runners/go/gen/loadgrpc/v1"
)

// deck deals cases to iterations, as CaseDeck in runner.proto has it; nil: there are none.
type deck struct {
	cases   []*v1.FedCase
	entries []uint32
}

func newDeck(message *v1.CaseDeck) (*deck, error) {
	if message == nil {
		return nil, nil
	}
	if len(message.Entries) == 0 {
		return nil, errors.New("the deck of the assignment has no entries")
	}
	for _, entry := range message.Entries {
		if int(entry) >= len(message.Cases) {
			return nil, errors.New("the deck of the assignment has an entry without a case")
		}
	}
	return &deck{message.Cases, message.Entries}, nil
}

// seat is where a user of a cycle gets its cases from: `place` is its index among the `users` on
// all agents, from 0, `before` the iterations in the cycles before.
type seat struct {
	deck                 *deck
	place, users, before uint64
}

// deal gives the case of an iteration, from 1; nil: there are none.
func (s seat) deal(iteration uint32) *v1.FedCase {
	if s.deck == nil {
		return nil
	}
	size := uint64(len(s.deck.entries))
	number := s.before + uint64(iteration-1)*s.users + s.place
	shared := gcd(s.users, size)
	round := s.users / shared * size
	return s.deck.cases[s.deck.entries[(number+number/round%shared)%size]]
}

func gcd(one, other uint64) uint64 {
	for other != 0 {
		one, other = other, one%other
	}
	return one
}

// textOf is a value of a case as text.
func textOf(value *v1.CaseValue) string {
	switch value := value.Value.(type) {
	case *v1.CaseValue_Text:
		return value.Text
	case *v1.CaseValue_Whole:
		return strconv.FormatInt(value.Whole, 10)
	case *v1.CaseValue_Number:
		return strconv.FormatFloat(value.Number, 'g', -1, 64)
	case *v1.CaseValue_Flag:
		return strconv.FormatBool(value.Flag)
	}
	return ""
}
