package main

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	v1 "github.com/loadgrpc/loadgrpc/tools/runners/go/gen/loadgrpc/v1"
)

// session makes the requests of one user, one at a time, and measures them. Its connections
// are its own, so what passes on them belongs to the request under way.
type session struct {
	user, iteration uint32
	rule            string        // of the case that the iteration is fed with
	name            string        // of hits; empty: their URL
	expected        int           // status: such an answer did not fail
	late            time.Duration // how late the iteration is; so is its first hit, and no other
	recorder        *recorder
	transport       *http.Transport

	// Of the request under way; connections are read and written by goroutines of net/http.
	firstByte, connect, sent, received atomic.Int64
}

func newSession(user uint32, recorder *recorder) *session {
	s := &session{user: user, recorder: recorder}
	s.transport = &http.Transport{
		DialContext:        s.dial,
		DialTLSContext:     s.dialTLS,
		DisableCompression: true,
	}
	return s
}

func (s *session) close() {
	s.transport.CloseIdleConnections()
}

// get asks for a URL and reads the answer to its end. A redirect is an answer like others.
func (s *session) get(ctx context.Context, url string) (status int, err error) {
	return s.read(ctx, url, io.Discard)
}

// read does that, too, and writes the body of the answer somewhere.
func (s *session) read(
	ctx context.Context, url string, into io.Writer,
) (status int, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	s.firstByte.Store(0)
	s.connect.Store(0)
	s.sent.Store(0)
	s.received.Store(0)
	start := now()
	response, err := s.transport.RoundTrip(request)
	if err == nil {
		status = response.StatusCode
		_, err = io.Copy(into, response.Body)
		response.Body.Close()
	}
	one := hit{
		label:     hitLabel{name: s.named(url), method: http.MethodGet, status: uint32(status)},
		rule:      s.rule,
		user:      s.user,
		iteration: s.iteration,
		start:     start,
		elapsed:   now() - start,
		late:      s.late,
		connect:   time.Duration(s.connect.Load()),
		sent:      s.sent.Load(),
		received:  s.received.Load(),
	}
	s.late = 0
	if first := time.Duration(s.firstByte.Load()); first > 0 {
		one.firstByte = first - start
	}
	if one.label.name != url {
		one.url = url
	}
	if err != nil {
		one.label.error = s.kindOf(ctx, err)
		one.label.message = wordsOf(err)
	}
	one.label.failed = err != nil || status >= http.StatusBadRequest && status != s.expected
	s.recorder.hit(one)
	return status, err
}

// named is what a hit is reported under: a name, or its URL without query and fragment.
func (s *session) named(url string) string {
	if s.name != "" {
		return s.name
	}
	return bare(url)
}

// bare is a URL without query and fragment.
func bare(url string) string {
	if at := strings.IndexAny(url, "?#"); at >= 0 {
		return url[:at]
	}
	return url
}

func (s *session) dial(ctx context.Context, network, address string) (net.Conn, error) {
	return s.connected(ctx, network, address, nil)
}

func (s *session) dialTLS(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	return s.connected(ctx, network, address, &tls.Config{ServerName: host})
}

// connected makes a connection, and measures that.
func (s *session) connected(
	ctx context.Context, network, address string, config *tls.Config,
) (net.Conn, error) {
	if s.sent.Load() > 0 {
		// net/http would send the request again, which nobody would see.
		return nil, &failure{v1.HitError_HIT_ERROR_CLOSED, errClosed}
	}
	start := now()
	connection, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, &failure{v1.HitError_HIT_ERROR_CONNECT, err}
	}
	if config != nil {
		secure := tls.Client(connection, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			connection.Close()
			return nil, &failure{v1.HitError_HIT_ERROR_TLS, err}
		}
		connection = secure
	}
	s.connect.Store(int64(now() - start))
	return &metered{connection, s}, nil
}

var errClosed = errors.New("the connection was closed before an answer came")

// metered is a connection that counts for its session.
type metered struct {
	net.Conn
	session *session
}

func (m *metered) Read(into []byte) (int, error) {
	read, err := m.Conn.Read(into)
	if read > 0 {
		m.session.firstByte.CompareAndSwap(0, int64(now()))
		m.session.received.Add(int64(read))
	}
	return read, err
}

func (m *metered) Write(from []byte) (int, error) {
	written, err := m.Conn.Write(from)
	m.session.sent.Add(int64(written))
	return written, err
}
