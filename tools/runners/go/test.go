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
// A runner that is to do something else does it here.
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

// run is one iteration: how it ended, and why, if it did not pass.
func (t *test) run(ctx context.Context, session *session) (v1.TestOutcome, exception) {
	status, err := session.get(ctx, t.url)
	switch {
	case err != nil:
		return v1.TestOutcome_TEST_OUTCOME_ERROR, exceptionOf(err)
	case status >= 400:
		message := fmt.Sprintf("GET %s answered %d", t.url, status)
		return v1.TestOutcome_TEST_OUTCOME_FAILURE, exception{kind: "StatusError", message: message}
	default:
		return v1.TestOutcome_TEST_OUTCOME_SUCCESS, exception{}
	}
}
