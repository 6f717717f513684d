package main

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	v1 "github.com/loadgrpc/loadgrpc/tools/runners/go/gen/loadgrpc/v1"
)

// test is what users do in an iteration: here, one GET of the URL that the assignment names.
// A runner that is to do something else does it here. In the URL, {NAME} stands for a value of the
// case that the iteration is fed with. If the case expects a `status` or a `body`, the answer has to
// have it.
type test struct {
	name string // as the assignment names it
	url  string
}

// newTest loads the test: a URL, or a path below the server's URL.
func newTest(assignment *v1.Assignment) (*test, error) {
	target := assignment.Test
	if !strings.Contains(target, "://") && assignment.ServerUrl != "" {
		server := strings.TrimRight(assignment.ServerUrl, "/")
		target = server + "/" + strings.TrimLeft(target, "/")
	}
	parsed, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	if parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Host == "" {
		return nil, fmt.Errorf("%q is neither the URL of a server nor a path below one", target)
	}
	return &test{assignment.Test, target}, nil
}

// of is the test of one user: in the URL, {index} stands for its index among the users of all
// agents, from 0.
func (t *test) of(index uint32) *test {
	return &test{t.name, strings.ReplaceAll(t.url, "{index}", strconv.FormatUint(uint64(index), 10))}
}

// run is one iteration, fed with a case, if any: how it ended, and why, if it did not pass.
func (t *test) run(
	ctx context.Context, session *session, fed *v1.FedCase,
) (v1.TestOutcome, exception) {
	target := t.url
	if fed != nil {
		session.name = bare(t.url)
		for _, value := range fed.Values {
			target = strings.ReplaceAll(
				target, "{"+value.Name+"}", url.QueryEscape(textOf(value)))
		}
	}
	expected := wanted(fed)
	session.expected, _ = strconv.Atoi(expected.status)
	body := head{room: len(expected.body) + 1}
	status, err := session.read(ctx, target, &body)
	if err != nil {
		return v1.TestOutcome_TEST_OUTCOME_ERROR, of(fed, exceptionOf(err))
	}
	if why := expected.unmet(target, status, body.String()); why != (exception{}) {
		return v1.TestOutcome_TEST_OUTCOME_FAILURE, of(fed, why)
	}
	return v1.TestOutcome_TEST_OUTCOME_SUCCESS, exception{}
}

// of is why an iteration did not pass, with the rule and the values of its case, if it has one.
func of(fed *v1.FedCase, why exception) exception {
	if fed != nil {
		values := make([]string, len(fed.Values))
		for at, value := range fed.Values {
			values[at] = value.Name + "=" + textOf(value)
		}
		why.message = fmt.Sprintf(
			"[rule %s: %s] %s", fed.Rule, strings.Join(values, ", "), why.message)
	}
	return why
}

// wishes are what a case expects of an answer; empty: nothing.
type wishes struct {
	status, body string
}

func wanted(fed *v1.FedCase) (found wishes) {
	for _, value := range fed.GetExpected() {
		switch value.Name {
		case "status":
			found.status = textOf(value)
		case "body":
			found.body = textOf(value)
		}
	}
	return found
}

// head keeps the first bytes of a body: as many as it takes to compare it.
type head struct {
	strings.Builder
	room int
}

func (h *head) Write(some []byte) (int, error) {
	kept := some[:min(len(some), h.room)]
	h.room -= len(kept)
	h.Builder.Write(kept)
	return len(some), nil
}

// unmet is why an answer is not as expected; the zero value: it is.
func (w wishes) unmet(target string, status int, body string) exception {
	said := fmt.Sprintf("GET %s answered", target)
	switch {
	case w.status != "" && w.status != strconv.Itoa(status):
		return exception{kind: "StatusError", message: fmt.Sprintf("%s %d, not %s", said, status, w.status)}
	case w.status == "" && status >= 400:
		return exception{kind: "StatusError", message: fmt.Sprintf("%s %d", said, status)}
	case w.body != "" && w.body != body:
		return exception{kind: "BodyError", message: fmt.Sprintf("%s %q, not %q", said, body, w.body)}
	default:
		return exception{}
	}
}
