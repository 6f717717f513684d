package main

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	v1 "github.com/loadgrpc/loadgrpc/tools/runners/go/gen/loadgrpc/v1"
)

const answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// answering serves each connection with the given answers, one for each request, and then
// closes it.
func answering(t *testing.T, answers ...string) (url string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			requests := bufio.NewReader(connection)
			for _, answer := range answers {
				if _, err := http.ReadRequest(requests); err != nil {
					break
				}
				connection.Write([]byte(answer))
			}
			connection.Close()
		}
	}()
	return "http://" + listener.Addr().String() + "/"
}

func recording() *recorder {
	return &recorder{produced: &produced{}}
}

// Each way to get no whole answer has its name, and makes one hit.
func TestErrors(t *testing.T) {
	for name, of := range map[string]struct {
		url  string
		kind v1.HitError
	}{
		"refused":   {"http://127.0.0.1:1/", v1.HitError_HIT_ERROR_CONNECT},
		"no TLS":    {"https" + answering(t, answer)[4:], v1.HitError_HIT_ERROR_TLS},
		"no answer": {answering(t, ""), v1.HitError_HIT_ERROR_CLOSED},
		"half a body": {answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"),
			v1.HitError_HIT_ERROR_CLOSED},
		"no HTTP": {answering(t, "220 mail.example.com\r\n\r\n"), v1.HitError_HIT_ERROR_PROTOCOL},
	} {
		recorder := recording()
		if _, err := newSession(1, recorder).get(context.Background(), of.url); err == nil {
			t.Errorf("%s: no error", name)
		}
		hits := recorder.pending.hits
		if len(hits) != 1 || hits[0].label.error != of.kind || hits[0].label.message == "" {
			t.Errorf("%s: %+v", name, hits)
		}
	}
}

// A request whose user is cut off is aborted.
func TestAborted(t *testing.T) {
	gone := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		<-gone
	}))
	defer server.Close()
	defer close(gone)
	ctx, cancel := context.WithCancel(context.Background())
	recorder := recording()
	time.AfterFunc(10*time.Millisecond, cancel)

	newSession(1, recorder).get(ctx, server.URL)

	if kind := recorder.pending.hits[0].label.error; kind != v1.HitError_HIT_ERROR_ABORTED {
		t.Errorf("it is %v", kind)
	}
}

// A connection is kept, and told once; what passes on it is counted for each request.
func TestMeasured(t *testing.T) {
	url := answering(t, answer, answer)
	recorder := recording()
	session := newSession(7, recorder)
	for range 2 {
		if status, err := session.get(context.Background(), url+"?q=1"); status != 200 || err != nil {
			t.Fatalf("%d, %v", status, err)
		}
	}

	first, second := recorder.pending.hits[0], recorder.pending.hits[1]
	if first.connect == 0 || second.connect != 0 {
		t.Errorf("connecting took %v and %v", first.connect, second.connect)
	}
	for _, one := range recorder.pending.hits {
		if one.received != int64(len(answer)) || one.sent < 20 || one.user != 7 {
			t.Errorf("measured is %+v", one)
		}
		if one.firstByte <= 0 || one.firstByte > one.elapsed {
			t.Errorf("the first byte came after %v of %v", one.firstByte, one.elapsed)
		}
		if one.label.name != url || one.url != url+"?q=1" {
			t.Errorf("it is named %q and asked for %q", one.label.name, one.url)
		}
	}
}

// A request on a kept connection that gets no answer is a failed hit, and not sent again.
func TestNoRetry(t *testing.T) {
	url := answering(t, answer, "")
	recorder := recording()
	session := newSession(1, recorder)
	session.get(context.Background(), url)

	if _, err := session.get(context.Background(), url); err == nil {
		t.Error("it was sent again")
	}

	if kind := recorder.pending.hits[1].label.error; kind != v1.HitError_HIT_ERROR_CLOSED {
		t.Errorf("it is %v", kind)
	}
}

// Statuses of 400 and above are failures; redirects are answers.
func TestOutcomes(t *testing.T) {
	for status, expected := range map[string]v1.TestOutcome{
		"200 OK":           v1.TestOutcome_TEST_OUTCOME_SUCCESS,
		"302 Found":        v1.TestOutcome_TEST_OUTCOME_SUCCESS,
		"404 Not Found":    v1.TestOutcome_TEST_OUTCOME_FAILURE,
		"500 Server Error": v1.TestOutcome_TEST_OUTCOME_FAILURE,
	} {
		url := answering(t, "HTTP/1.1 "+status+"\r\nContent-Length: 0\r\nLocation: /\r\n\r\n")
		one := &test{name: "a test", url: url}

		outcome, why := one.run(context.Background(), newSession(1, recording()), nil)

		if outcome != expected {
			t.Errorf("%s is %v", status, outcome)
		}
		message := "GET " + url + " answered " + status[:3]
		if failed := outcome == v1.TestOutcome_TEST_OUTCOME_FAILURE; failed && why.message != message {
			t.Errorf("%s says %q", status, why.message)
		}
	}
}

// A test is a URL, or a path below the server's; anything else is not loaded.
func TestNewTest(t *testing.T) {
	for _, of := range [][3]string{
		{"http://a/b?c", "", "http://a/b?c"},
		{"http://a/b", "http://other", "http://a/b"},
		{"b", "http://a", "http://a/b"},
		{"/b", "http://a/c/", "http://a/c/b"},
		{"b", "", ""},
		{"ftp://a/b", "", ""},
	} {
		found, err := newTest(&v1.Assignment{Test: of[0], ServerUrl: of[1]})
		if (err != nil) != (of[2] == "") || err == nil && (found.url != of[2] || found.name != of[0]) {
			t.Errorf("%q of %q is %v, %v", of[0], of[1], found, err)
		}
	}
}

// Users are numbered over all agents, cycle by cycle, and each has its own URL.
func TestIndex(t *testing.T) {
	assignment := &v1.Assignment{Test: "http://a/?user={index}"}
	for _, of := range []struct {
		placement   *v1.Placement
		cycle, user uint32
		url         string
	}{
		{nil, 2, 3, "http://a/?user=2"},
		{&v1.Placement{UserOffsets: []uint32{5, 7}}, 1, 1, "http://a/?user=5"},
		{&v1.Placement{UserOffsets: []uint32{5, 7}}, 2, 3, "http://a/?user=9"},
	} {
		assignment.Placement = of.placement
		found, err := newTest(assignment)
		if err != nil {
			t.Fatal(err)
		}
		l := &load{assignment: assignment}
		if url := found.of(l.index(of.cycle, of.user)).url; url != of.url {
			t.Errorf("user %d of cycle %d asks for %q", of.user, of.cycle, url)
		}
	}
}
