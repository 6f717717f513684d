package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	v1 "github.com/loadgrpc/loadgrpc/tools/runners/go/gen/loadgrpc/v1"
)

const (
	firstPause = 100 * time.Millisecond
	mostPause  = 3 * time.Second
)

type eventStream = v1.RunnerService_PublishEventsClient

// orders receives what comes back on the stream; no method may wait.
type orders interface {
	opened()
	start(cycle *v1.StartCycle)
	stop(timeout time.Duration)
	changed(changes []*v1.LoadChange)
}

// publisher is the runner's end of PublishEvents. What it decides is in outbound; here are
// the stream, which is opened again when it breaks, and the lock.
type publisher struct {
	client   v1.RunnerServiceClient
	source   *v1.SourceId
	allUsers bool // whether it says `ready` before each cycle, and follows loads

	mutex   sync.Mutex
	changed *sync.Cond
	out     outbound
}

func newPublisher(
	client v1.RunnerServiceClient, source *v1.SourceId, allUsers bool,
) *publisher {
	p := &publisher{client: client, source: source, allUsers: allUsers}
	p.changed = sync.NewCond(&p.mutex)
	return p
}

// publish numbers what has happened, and keeps it until it is acked.
func (p *publisher) publish(what entries) {
	p.change(func() { p.out.keep(what) })
}

// ready says that the users of a cycle may start.
func (p *publisher) ready(cycle uint32) {
	p.change(func() { p.out.sayReady(cycle) })
}

// finish says that this was all; loadError is why nothing was run, or nil.
func (p *publisher) finish(loadError *v1.ExceptionInfo) {
	p.change(func() { p.out.sayFinish(loadError) })
}

func (p *publisher) change(what func()) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	what()
	p.changed.Broadcast()
}

// run keeps a stream open until everything was taken: nil. Any error is final.
func (p *publisher) run(ctx context.Context, orders orders) error {
	pause := firstPause
	for epoch := uint64(1); ; epoch++ {
		opened, err := p.stream(ctx, epoch, orders)
		if err == nil || final(err) {
			return err
		}
		if opened {
			pause = firstPause
		}
		fmt.Fprintf(os.Stderr, "the stream broke (%v); trying again\n", err)
		time.Sleep(time.Duration((0.5 + rand.Float64()) * float64(pause)))
		pause = min(2*pause, mostPause)
	}
}

// final tells whether another stream would end in the same way.
func final(err error) bool {
	var told *refused
	code := status.Code(err)
	return errors.As(err, &told) || code == codes.Unauthenticated || code == codes.InvalidArgument
}

// refused is what the other side says in band: it takes no more.
type refused struct {
	reason string
}

func (r *refused) Error() string {
	return r.reason
}

// stream is one stream, from its opening to its end.
func (p *publisher) stream(
	ctx context.Context, epoch uint64, orders orders,
) (opened bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	stream, err := p.client.PublishEvents(ctx)
	if err != nil {
		cancel()
		return false, err
	}
	p.change(p.out.begin)
	written := make(chan struct{})
	go func() {
		defer close(written)
		p.write(ctx, stream, epoch)
	}()
	defer func() {
		cancel()
		p.change(func() {}) // wakes who writes
		<-written
	}()
	for {
		response, err := stream.Recv()
		if err != nil {
			return opened, err
		}
		finished, err := p.answered(response, orders)
		if finished || err != nil {
			return opened, err
		}
		opened = opened || response.GetOpened() != nil
	}
}

// write opens the source and sends what may be sent; the reader learns why the stream ended.
func (p *publisher) write(ctx context.Context, stream eventStream, epoch uint64) {
	request := openRequest(p.source, epoch, p.allUsers)
	for request != nil && stream.Send(request) == nil {
		request = p.next(ctx)
	}
}

// next waits for what may be sent; nil: the stream has ended.
func (p *publisher) next(ctx context.Context) *v1.PublishEventsRequest {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for ctx.Err() == nil {
		if request := p.out.next(); request != nil {
			return request
		}
		p.changed.Wait()
	}
	return nil
}

// answered takes note of an answer; true when everything was taken.
func (p *publisher) answered(
	response *v1.PublishEventsResponse, orders orders,
) (finished bool, err error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	defer p.changed.Broadcast()
	switch message := response.Message.(type) {
	case *v1.PublishEventsResponse_Opened:
		p.out.opened(message.Opened)
		orders.opened()
	case *v1.PublishEventsResponse_Ack:
		p.out.acked(message.Ack.DurableSequence)
	case *v1.PublishEventsResponse_Gap:
		p.out.gap(message.Gap.ExpectedSequence)
	case *v1.PublishEventsResponse_TooLarge:
		p.out.tooLarge(message.TooLarge.FirstSequence)
	case *v1.PublishEventsResponse_Rejected:
		words := strings.Join(message.Rejected.Violations, "; ")
		fmt.Fprintf(os.Stderr, "events were rejected: %s\n", words)
	case *v1.PublishEventsResponse_StartCycle:
		p.out.cycleStarted(message.StartCycle.Cycle)
		orders.start(message.StartCycle)
	case *v1.PublishEventsResponse_LoadChanged:
		orders.changed(message.LoadChanged.Changes)
	case *v1.PublishEventsResponse_Stop:
		orders.stop(message.Stop.StopTimeout.AsDuration())
	case *v1.PublishEventsResponse_Finished:
		return true, nil
	case *v1.PublishEventsResponse_RunClosed:
		return false, &refused{"the run is over"}
	case *v1.PublishEventsResponse_Error:
		return false, &refused{message.Error.Reason + ": " + message.Error.Message}
	}
	return false, nil
}
