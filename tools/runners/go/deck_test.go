package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	v1 "github.com/loadgrpc/loadgrpc/tools/runners/go/gen/loadgrpc/v1"
)

func cases(rules ...string) []*v1.FedCase {
	var found []*v1.FedCase
	for _, rule := range rules {
		found = append(found, &v1.FedCase{Name: rule, Rule: rule})
	}
	return found
}

// In as many iterations as there are entries each user gets all of them, whatever it has in common
// with their number; and all users together get each equally often.
func TestDeal(t *testing.T) {
	deck, err := newDeck(&v1.CaseDeck{Cases: cases("a", "b", "c", "d"), Entries: []uint32{0, 1, 2, 3}})
	if err != nil {
		t.Fatal(err)
	}
	for users := uint64(1); users < 9; users++ {
		together := map[string]int{}
		for place := range users {
			seen := map[string]int{}
			for iteration := uint32(1); iteration <= 4; iteration++ {
				seen[seat{deck, place, users, 3}.deal(iteration).Rule]++
			}
			if len(seen) != 4 {
				t.Errorf("user %d of %d got %v", place, users, seen)
			}
			together[seat{deck, place, users, 0}.deal(1).Rule]++
		}
		for rule, count := range together {
			if count < int(users/4) || count > int(users+3)/4 {
				t.Errorf("%d users got %s %d times", users, rule, count)
			}
		}
	}
	if (seat{}).deal(1) != nil {
		t.Error("a case of no deck")
	}
}

// A deck that says nothing is no deck.
func TestBrokenDeck(t *testing.T) {
	for _, broken := range []*v1.CaseDeck{
		{Cases: cases("a")},
		{Cases: cases("a"), Entries: []uint32{1}},
	} {
		if _, err := newDeck(broken); err == nil {
			t.Errorf("no error: %v", broken)
		}
	}
}

func value(name string, whole int64) *v1.CaseValue {
	return &v1.CaseValue{Name: name, Value: &v1.CaseValue_Whole{Whole: whole}}
}

func text(name, text string) *v1.CaseValue {
	return &v1.CaseValue{Name: name, Value: &v1.CaseValue_Text{Text: text}}
}

// Values of a case are in the URL, its rule is in the hit, and what it expects is looked for.
func TestFed(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(to http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("day") == "31" {
			to.WriteHeader(http.StatusNotFound)
		}
		io.WriteString(to, r.URL.Query().Get("day")+"&"+r.URL.Query().Get("of"))
	}))
	defer server.Close()
	test := &test{"test", server.URL + "/?day={day}&of={of}"}
	passed, failed := v1.TestOutcome_TEST_OUTCOME_SUCCESS, v1.TestOutcome_TEST_OUTCOME_FAILURE
	for _, of := range []struct {
		day      int64
		expected []*v1.CaseValue
		outcome  v1.TestOutcome
		message  string
	}{
		{5, []*v1.CaseValue{text("body", "5&a b")}, passed, ""},
		{5, nil, passed, ""},
		{31, []*v1.CaseValue{value("status", 404)}, passed, ""},
		{31, nil, failed,
			"[rule r: day=31, of=a b] GET " + server.URL + "/?day=31&of=a+b answered 404"},
		{5, []*v1.CaseValue{value("status", 404)}, failed,
			"[rule r: day=5, of=a b] GET " + server.URL + "/?day=5&of=a+b answered 200, not 404"},
		{5, []*v1.CaseValue{text("body", "6")}, failed,
			"[rule r: day=5, of=a b] GET " + server.URL + `/?day=5&of=a+b answered "5&", not "6"`},
	} {
		recorder := recording()
		session := newSession(1, recorder)
		session.rule = "r"
		fed := &v1.FedCase{Rule: "r", Expected: of.expected,
			Values: []*v1.CaseValue{value("day", of.day), text("of", "a b")}}
		outcome, why := test.run(context.Background(), session, fed)
		if outcome != of.outcome || why.message != of.message {
			t.Errorf("%+v: %v, %q", of, outcome, why.message)
		}
		one := recorder.pending.hits[0]
		if one.rule != "r" || one.label.name != server.URL+"/" {
			t.Errorf("%+v", one)
		}
		if one.label.failed != (of.day == 31 && of.expected == nil) {
			t.Errorf("%+v: failed is %v", of, one.label.failed)
		}
	}
}
