package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"syscall"

	v1 "github.com/loadgrpc/loadgrpc/tools/runners/go/gen/loadgrpc/v1"
)

// failure is an error of which it is known what it made fail.
type failure struct {
	kind v1.HitError
	error
}

func (f *failure) Unwrap() error {
	return f.error
}

// kindOf tells why a request has no whole answer.
func (s *session) kindOf(ctx context.Context, err error) v1.HitError {
	var unresolved *net.DNSError
	var slow net.Error
	var known *failure
	switch {
	case ctx.Err() != nil:
		return v1.HitError_HIT_ERROR_ABORTED
	case errors.As(err, &unresolved):
		return v1.HitError_HIT_ERROR_DNS
	case errors.As(err, &slow) && slow.Timeout():
		return v1.HitError_HIT_ERROR_TIMEOUT
	case errors.As(err, &known):
		return known.kind
	case isClosed(err):
		return v1.HitError_HIT_ERROR_CLOSED
	case s.received.Load() > 0:
		return v1.HitError_HIT_ERROR_PROTOCOL
	default:
		return v1.HitError_HIT_ERROR_OTHER
	}
}

func isClosed(err error) bool {
	for _, closed := range []error{
		io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE, net.ErrClosed,
	} {
		if errors.Is(err, closed) {
			return true
		}
	}
	return strings.Contains(err.Error(), "server closed") // net/http's, which has no name
}

// wordsOf is what an error says, without our own port: errors that differ in nothing else are
// one.
func wordsOf(err error) string {
	var operation *net.OpError
	if errors.As(err, &operation) {
		nameless := *operation
		nameless.Source = nil
		return nameless.Error()
	}
	return err.Error()
}

// exceptionOf is an error as text, with the stack of who calls.
func exceptionOf(err error) exception {
	var known *failure
	if errors.As(err, &known) {
		err = known.error
	}
	return exception{fmt.Sprintf("%T", err), wordsOf(err), stack()}
}

// stack is that of who calls the caller, innermost call first, without those of Go itself.
func stack() string {
	callers := make([]uintptr, 32)
	frames := runtime.CallersFrames(callers[:runtime.Callers(3, callers)])
	var lines []string
	for more := true; more; {
		var frame runtime.Frame
		frame, more = frames.Next()
		if strings.HasPrefix(frame.Function, "main.") {
			lines = append(lines, fmt.Sprintf("%s\n\t%s:%d", frame.Function, frame.File, frame.Line))
		}
	}
	return strings.Join(lines, "\n")
}
