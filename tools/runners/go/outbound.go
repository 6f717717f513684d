package main

import (
	"google.golang.org/protobuf/proto"

	v1 "github.com/loadgrpc/loadgrpc/tools/runners/go/gen/loadgrpc/v1"
)

// maxKept bounds, in bytes, what is kept while nobody takes it; what comes then is lost, and
// said to be.
const maxKept = 64 << 20

// outbound is what a source has said and the other side has not acked, in order. It decides
// what is sent next and does nothing by itself. What is not acked is sent again on the next
// stream.
type outbound struct {
	kept      []item
	keptBytes uint64
	last      uint64 // the number of the last event
	hits      uint64

	ready      *v1.PublishEventsRequest
	readySent  bool
	finish     *v1.PublishEventsRequest
	finishSent bool

	limits    *v1.Limits // nil: the stream is not open yet
	sent      int        // how many of the kept were sent on this stream
	sentBytes uint64
}

// item is a batch, or a skip, which has no entries.
type item struct {
	first, count uint64
	entries      entries
	request      *v1.PublishEventsRequest
	bytes        uint64
}

func (i item) last() uint64 {
	return i.first + i.count - 1
}

// What the source says

func (o *outbound) keep(what entries) {
	first := o.last + 1
	o.last += what.count()
	o.hits += uint64(len(what.hits))
	one := batch(first, what)
	if o.keptBytes+one.bytes > maxKept {
		one = skip(first, what.count(), uint64(len(what.hits)), "nobody took events for too long")
	}
	o.kept = append(o.kept, one)
	o.keptBytes += one.bytes
}

func (o *outbound) sayReady(cycle uint32) {
	ready := &v1.CycleReady{Cycle: cycle}
	o.ready = &v1.PublishEventsRequest{Message: &v1.PublishEventsRequest_Ready{Ready: ready}}
	o.readySent = false
}

func (o *outbound) sayFinish(loadError *v1.ExceptionInfo) {
	totals := &v1.SourceTotals{Events: o.last, Hits: &o.hits}
	finish := &v1.Finish{Totals: totals, LoadError: loadError}
	o.finish = &v1.PublishEventsRequest{Message: &v1.PublishEventsRequest_Finish{Finish: finish}}
}

// One stream

// begin is called for each new stream: nothing was said on it.
func (o *outbound) begin() {
	o.limits = nil
	o.readySent = false
	o.sendAgain()
}

// next is what may be sent now, and counts as sent then; nil: nothing.
func (o *outbound) next() *v1.PublishEventsRequest {
	if o.limits == nil {
		return nil
	}
	if o.ready != nil && !o.readySent {
		o.readySent = true
		return o.ready
	}
	if o.sent < len(o.kept) {
		return o.nextKept()
	}
	// Not before all is acked: what is answered by `gap` or `too_large` comes before the end.
	if o.finish != nil && !o.finishSent && len(o.kept) == 0 {
		o.finishSent = true
		return o.finish
	}
	return nil
}

func (o *outbound) nextKept() *v1.PublishEventsRequest {
	for over(o.kept[o.sent].bytes, o.limits.MaxBatchBytes) {
		o.split(o.sent)
	}
	one := o.kept[o.sent]
	full := over(uint64(o.sent)+1, uint64(o.limits.MaxUnackedBatches)) ||
		over(o.sentBytes+one.bytes, o.limits.MaxUnackedBytes)
	if full && o.sent > 0 {
		return nil
	}
	o.sent++
	o.sentBytes += one.bytes
	return one.request
}

// over tells whether a bound is exceeded; 0 is none.
func over(value, bound uint64) bool {
	return bound != 0 && value > bound
}

// What the other side says

func (o *outbound) opened(opened *v1.SourceOpened) {
	o.acked(opened.DurableSequence)
	o.bridge(opened.DurableSequence + 1)
	o.limits = opened.Limits
}

func (o *outbound) acked(durable uint64) {
	for len(o.kept) > 0 && o.kept[0].last() <= durable {
		o.keptBytes -= o.kept[0].bytes
		if o.sent > 0 {
			o.sent--
			o.sentBytes -= o.kept[0].bytes
		}
		o.kept = o.kept[1:]
	}
}

// gap: a number is missing there, and all that came after it was ignored.
func (o *outbound) gap(expected uint64) {
	o.sendAgain()
	o.bridge(expected)
}

// tooLarge: the batch that begins with this number was ignored.
func (o *outbound) tooLarge(first uint64) {
	for at := range o.sent {
		if o.kept[at].first == first {
			o.split(at)
			o.sendAgain()
			return
		}
	}
}

func (o *outbound) cycleStarted(cycle uint32) {
	if o.ready != nil && o.ready.GetReady().Cycle <= cycle {
		o.ready = nil
	}
}

func (o *outbound) sendAgain() {
	o.sent, o.sentBytes = 0, 0
	o.finishSent = false
}

// bridge declares lost what the other side expects and nobody has any more. That is so only
// when it has lost what it had acked.
func (o *outbound) bridge(expected uint64) {
	first := o.last + 1
	if len(o.kept) > 0 {
		first = o.kept[0].first
	}
	if expected < first {
		lost := skip(expected, first-expected, 0, "acked once, and lost since by its receiver")
		o.kept = append([]item{lost}, o.kept...)
	}
}

// split makes two batches of a kept one, or declares its only event lost.
func (o *outbound) split(at int) {
	large := o.kept[at]
	var halves []item
	if large.count > 1 {
		head, tail := large.entries.cut(int(large.count / 2))
		halves = []item{batch(large.first, head), batch(large.first+head.count(), tail)}
	} else {
		hits := uint64(len(large.entries.hits))
		halves = []item{skip(large.first, 1, hits, "an event is larger than a batch may be")}
	}
	o.keptBytes -= large.bytes
	for _, half := range halves {
		o.keptBytes += half.bytes
	}
	o.kept = append(o.kept[:at:at], append(halves, o.kept[at+1:]...)...)
}

// Requests

func openRequest(source *v1.SourceId, epoch uint64, allUsers bool) *v1.PublishEventsRequest {
	return &v1.PublishEventsRequest{
		Source: source,
		Message: &v1.PublishEventsRequest_Open{Open: &v1.OpenSource{
			Epoch: epoch,
			Capabilities: &v1.RunnerCapabilities{
				CycleBarrier: allUsers, Cases: true, Stages: allUsers},
		}},
	}
}

func batch(first uint64, what entries) item {
	events := what.encode()
	events.FirstSequence = first
	request := &v1.PublishEventsRequest{Message: &v1.PublishEventsRequest_Batch{Batch: events}}
	return item{first, what.count(), what, request, uint64(proto.Size(events))}
}

func skip(first, count, hits uint64, reason string) item {
	lost := &v1.Skip{FirstSequence: first, Count: count, Hits: hits, Reason: reason}
	request := &v1.PublishEventsRequest{Message: &v1.PublishEventsRequest_Skip{Skip: lost}}
	return item{first: first, count: count, request: request}
}
