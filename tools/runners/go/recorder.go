package main

import (
	"sync"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/loadgrpc/loadgrpc/tools/runners/go/gen/loadgrpc/v1"
)

const (
	flushEvery = 250 * time.Millisecond
	tellUsers  = time.Second
)

// users of a cycle.
type users struct {
	active  uint32 // alive now
	started uint32 // so far
}

// recorder collects what users do, and hands it to the publisher a few times a second: users
// wait for nothing but each other's appending of a few words.
type recorder struct {
	publisher *publisher

	mutex    sync.Mutex
	pending  entries
	produced *produced
	users    users
	told     users // as was reported last, then:
	toldAt   time.Duration

	flushing sync.Mutex
}

func newRecorder(publisher *publisher, produced *produced) *recorder {
	r := &recorder{publisher: publisher, produced: produced, toldAt: -tellUsers}
	go func() {
		for range time.Tick(flushEvery) {
			r.flush()
		}
	}()
	return r
}

// begin says which load what follows is of; all before it must have ended.
func (r *recorder) begin(status *v1.LoadStatus) {
	r.close()
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.pending.status = status
	r.users, r.told = users{}, users{}
}

func (r *recorder) hit(one hit) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.pending.hits = append(r.pending.hits, one)
	r.produced.events++
	r.produced.hits++
}

func (r *recorder) iteration(one iteration) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.pending.iterations = append(r.pending.iterations, one)
	r.produced.events++
}

// rows takes events as they are.
func (r *recorder) rows(events []*v1.Event) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for _, event := range events {
		event.Status = r.pending.status
	}
	r.pending.rows = append(r.pending.rows, events...)
	r.produced.events += uint64(len(events))
}

func (r *recorder) userStarted() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.users.active++
	r.users.started++
}

func (r *recorder) userEnded() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.users.active--
}

// flush hands over what there is.
func (r *recorder) flush() {
	r.flushing.Lock() // what was taken first is published first
	defer r.flushing.Unlock()
	r.mutex.Lock()
	if r.users != r.told && now()-r.toldAt >= tellUsers {
		r.tellUsers()
	}
	taken := r.pending
	r.pending = entries{
		status:     taken.status,
		hits:       make([]hit, 0, len(taken.hits)),
		iterations: make([]iteration, 0, len(taken.iterations)),
	}
	r.mutex.Unlock()
	if taken.count() > 0 {
		r.publisher.publish(taken)
	}
}

// close hands over the last there is of a cycle: all users have ended.
func (r *recorder) close() {
	r.mutex.Lock()
	if r.users != r.told {
		r.tellUsers()
	}
	r.mutex.Unlock()
	r.flush()
}

func (r *recorder) tellUsers() {
	r.told, r.toldAt = r.users, now()
	state := &v1.RunnerState{
		ActiveUsers:  r.users.active,
		StartedUsers: proto.Uint32(r.users.started),
	}
	r.pending.rows = append(r.pending.rows, &v1.Event{
		Time:   timestamppb.New(began.Add(r.toldAt)),
		Status: r.pending.status,
		Event:  &v1.Event_State{State: state},
	})
	r.produced.events++
}
