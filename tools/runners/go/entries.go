package main

import (
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/loadgrpc/loadgrpc/tools/runners/go/gen/loadgrpc/v1"
)

// began is what all times count from.
var began = time.Now()

func now() time.Duration {
	return time.Since(began)
}

// protocol of all hits.
const protocol = "http"

// hit is one request, measured.
type hit struct {
	label           hitLabel
	url, rule       string
	user, iteration uint32
	start, elapsed  time.Duration
	late            time.Duration // how long before its start it was planned; 0: it was not
	firstByte       time.Duration
	connect         time.Duration
	sent, received  int64
}

// hitLabel is what many hits have in common.
type hitLabel struct {
	name, method string
	status       uint32
	error        v1.HitError
	message      string
	failed       bool
}

// iteration is one call of the test by one user.
type iteration struct {
	label          iterationLabel
	rule           string
	user, number   uint32
	start, elapsed time.Duration
	late           time.Duration // as that of a hit
}

// iterationLabel is what many iterations have in common.
type iterationLabel struct {
	test      string
	outcome   v1.TestOutcome
	exception exception
}

// exception is why an iteration did not pass; the zero value: it did.
type exception struct {
	kind, message, trace string
}

// entries are events in the order of their numbers: rows, then hits, then iterations, all of
// one cycle.
type entries struct {
	status     *v1.LoadStatus
	rows       []*v1.Event
	hits       []hit
	iterations []iteration
}

func (e entries) count() uint64 {
	return uint64(len(e.rows) + len(e.hits) + len(e.iterations))
}

// cut gives the first `at` entries, and the others.
func (e entries) cut(at int) (head, tail entries) {
	head, tail = e, e
	head.rows, tail.rows, at = cut(e.rows, at)
	head.hits, tail.hits, at = cut(e.hits, at)
	head.iterations, tail.iterations, _ = cut(e.iterations, at)
	return head, tail
}

func cut[T any](all []T, at int) (head, tail []T, left int) {
	at, left = min(at, len(all)), max(0, at-len(all))
	return all[:at:at], all[at:], left
}

// encode makes a batch of them.
func (e entries) encode() *v1.EventBatch {
	batch := &v1.EventBatch{Events: e.rows, Count: uint32(e.count())}
	if len(e.hits) > 0 {
		batch.HitBlocks = []*v1.HitBlock{hitBlock(e.status, e.hits)}
	}
	if len(e.iterations) > 0 {
		batch.TestBlocks = []*v1.TestBlock{testBlock(e.status, e.iterations)}
	}
	return batch
}

func hitBlock(status *v1.LoadStatus, hits []hit) *v1.HitBlock {
	base := hits[0].start
	for _, h := range hits {
		base = min(base, h.start)
	}
	var labels table[hitLabel]
	var urls, rules table[string]
	urls.place("")  // no URL but the name
	rules.place("") // no case
	block := &v1.HitBlock{
		Count:         uint32(len(hits)),
		BaseTime:      timestamppb.New(began.Add(base)),
		Status:        status,
		Label:         column(hits, func(h *hit) int64 { return labels.place(h.label) }),
		StartNs:       column(hits, func(h *hit) int64 { return int64(h.start - base) }),
		DelayNs:       column(hits, func(h *hit) int64 { return int64(h.late) }),
		ElapsedNs:     column(hits, func(h *hit) int64 { return int64(h.elapsed) }),
		FirstByteNs:   column(hits, func(h *hit) int64 { return int64(h.firstByte) }),
		ConnectNs:     column(hits, func(h *hit) int64 { return int64(h.connect) }),
		BytesSent:     column(hits, func(h *hit) int64 { return h.sent }),
		BytesReceived: column(hits, func(h *hit) int64 { return h.received }),
		User:          column(hits, func(h *hit) int64 { return int64(h.user) }),
		Iteration:     column(hits, func(h *hit) int64 { return int64(h.iteration) }),
		Url:           column(hits, func(h *hit) int64 { return urls.place(h.url) }),
		Case:          column(hits, func(h *hit) int64 { return rules.place(h.rule) }),
	}
	block.Urls = urls.keys[1:]
	block.Cases = rules.keys[1:]
	block.Labels = hitLabels(labels.keys)
	return block
}

func hitLabels(labels []hitLabel) []*v1.HitLabel {
	var messages []*v1.HitLabel
	for _, label := range labels {
		messages = append(messages, &v1.HitLabel{
			Name:         label.name,
			Method:       label.method,
			Status:       label.status,
			Error:        label.error,
			ErrorMessage: label.message,
			Protocol:     protocol,
			Failed:       proto.Bool(label.failed),
		})
	}
	return messages
}

func testBlock(status *v1.LoadStatus, tests []iteration) *v1.TestBlock {
	base := tests[0].start
	for _, t := range tests {
		base = min(base, t.start)
	}
	var labels table[iterationLabel]
	var rules table[string]
	rules.place("") // no case
	block := &v1.TestBlock{
		Count:     uint32(len(tests)),
		BaseTime:  timestamppb.New(began.Add(base)),
		Status:    status,
		Label:     column(tests, func(t *iteration) int64 { return labels.place(t.label) }),
		StartNs:   column(tests, func(t *iteration) int64 { return int64(t.start - base) }),
		DelayNs:   column(tests, func(t *iteration) int64 { return int64(t.late) }),
		ElapsedNs: column(tests, func(t *iteration) int64 { return int64(t.elapsed) }),
		User:      column(tests, func(t *iteration) int64 { return int64(t.user) }),
		Iteration: column(tests, func(t *iteration) int64 { return int64(t.number) }),
		Case:      column(tests, func(t *iteration) int64 { return rules.place(t.rule) }),
	}
	block.Cases = rules.keys[1:]
	block.Labels = testLabels(labels.keys)
	return block
}

func testLabels(labels []iterationLabel) []*v1.TestLabel {
	var messages []*v1.TestLabel
	for _, label := range labels {
		message := &v1.TestLabel{Test: label.test, Outcome: label.outcome}
		if why := label.exception; why != (exception{}) {
			message.Exception = &v1.ExceptionInfo{
				Type: why.kind, Message: why.message, Traceback: why.trace}
		}
		messages = append(messages, message)
	}
	return messages
}
