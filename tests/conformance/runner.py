"""A small runner that keeps every rule, and that can be told to break one: `--break NAME`.

    python runner.py [--break NAME] TEST

Rows only, a thread for each user. It stands for runners in other languages: of the project it
imports the generated messages and nothing else.
"""

from __future__ import annotations

import argparse
import http.client
import os
import random
import sys
import threading
import time
import traceback
from collections import deque
from urllib.parse import urlsplit

import grpc

from loadgrpc.v1 import event_pb2, runner_pb2, runner_pb2_grpc

STOP, SEND = object(), object()
FLUSH_S = 0.1
SLACK = 64
"""Bytes that a batch has beside its events."""


class StatusError(AssertionError):
    """An answer with a status that a test does not want."""


def timestamp(message, wall_ns):
    """Sets a Timestamp."""
    message.seconds, message.nanos = divmod(wall_ns, 1_000_000_000)


class Publisher:
    """Numbers events, sends them, keeps them until they are durable."""

    def __init__(self, stub, source, metadata, broken):
        self.stub, self.source, self.metadata, self.broken = stub, source, metadata, broken
        self.changed = threading.Condition()
        self.queue = deque()
        """Events that have no number yet."""
        self.kept = deque()
        """Batches that are not durable: first number, events."""
        self.sent = self.sent_bytes = 0
        self.limits = None
        self.epoch = self.events = self.hits = self.ready_for = 0
        self.started = set()
        self.split_below = 1 << 30
        self.ready_sent = self.finish_sent = False
        self.finish = None
        self.stopping = self.finished = False
        self.stop_timeout_s = 0.0
        self.failed = ""

    def add(self, event):
        """Takes an event."""
        with self.changed:
            self.queue.append(event)
            self.events += 1
            self.hits += event.WhichOneof("event") == "hit"

    def run(self):
        """Keeps a stream open until the end."""
        pause_s = 0.1
        while not self.finished and not self.failed:
            try:
                self.stream()
            except grpc.RpcError as error:
                if error.code() is grpc.StatusCode.UNAUTHENTICATED and not self.is_broken("token"):
                    self.fail(error.details())
                elif self.is_broken("gives-up"):
                    self.fail("gives up")
                elif not self.is_broken("hurry"):
                    time.sleep(pause_s * random.uniform(0.7, 1.3))
                    pause_s = min(2.0, pause_s * (1 if self.is_broken("steady") else 2))

    def is_broken(self, *names):
        """Whether one of some rules is to be broken."""
        return self.broken in names

    def fail(self, why):
        """Ends everything."""
        with self.changed:
            self.failed = why
            self.changed.notify_all()

    def stream(self):
        """One stream."""
        with self.changed:
            self.epoch += 0 if self.is_broken("epoch") and self.epoch else 1
            self.limits = None
            self.sent = self.sent_bytes = 0
            self.ready_sent = self.finish_sent = False
            if self.is_broken("forgets"):
                self.kept.clear()
        over = threading.Event()
        answers = self.stub.PublishEvents(self.requests(over), metadata=self.metadata)
        try:
            for answer in answers:
                self.answered(answer)
                if self.finished or self.failed:
                    return
        finally:
            over.set()
            with self.changed:
                self.changed.notify_all()
            answers.cancel()

    def requests(self, over):
        """What is said on a stream."""
        source = None if self.is_broken("no-source") else self.source
        capabilities = runner_pb2.RunnerCapabilities(cycle_barrier=True)
        opening = runner_pb2.OpenSource(epoch=self.epoch, capabilities=capabilities)
        if not self.is_broken("no-open"):
            yield runner_pb2.PublishEventsRequest(source=source, open=opening)
        while not over.is_set():
            with self.changed:
                message = self.next()
                if message is None:
                    self.changed.wait(FLUSH_S)
            if message is not None:
                yield message

    def next(self):
        """What may be said now."""
        if self.limits is None and not self.is_broken("early"):
            return None
        if self.ready_for and not self.ready_sent:
            self.ready_sent = True
            if not self.is_broken("no-ready"):
                return runner_pb2.PublishEventsRequest(
                    ready=runner_pb2.CycleReady(cycle=self.ready_for)
                )
        self.pack()
        if self.sent < len(self.kept):
            first, events = self.kept[self.sent]
            size = sum(event.ByteSize() for event in events)
            if self.limits and not self.is_broken("window"):
                if self.sent >= self.limits.max_unacked_batches:
                    return None
                if self.sent_bytes >= self.limits.max_unacked_bytes:
                    return None
            self.sent += 1
            self.sent_bytes += size + SLACK
            if self.is_broken("from-0"):
                first -= 1
            batch = runner_pb2.EventBatch(
                first_sequence=first,
                events=events,
                count=len(events) + 1 if self.is_broken("count") else 0,
            )
            return runner_pb2.PublishEventsRequest(batch=batch)
        if self.finish is not None and not self.finish_sent and not self.queue:
            self.finish_sent = True
            return runner_pb2.PublishEventsRequest(finish=self.finish)
        return None

    def pack(self):
        """Makes batches of what has no number."""
        bound = (self.limits.max_batch_bytes if self.limits else 1 << 20) - SLACK
        if self.is_broken("large"):
            bound = 1 << 20
        while self.queue:
            first = self.kept[-1][0] + len(self.kept[-1][1]) if self.kept else self.numbered + 1
            events, size = [], 0
            while self.queue and (not events or size + self.queue[0].ByteSize() + 8 <= bound):
                events.append(self.queue.popleft())
                size += events[-1].ByteSize() + 8
            self.kept.append((first, events))

    numbered = 0
    """The highest number that is durable."""

    def answered(self, answer):
        """Takes note of an answer."""
        kind = answer.WhichOneof("message")
        with self.changed:
            if kind == "opened":
                self.limits = answer.opened.limits
                if not self.is_broken("repeats"):
                    self.durable(answer.opened.durable_sequence)
                if self.is_broken("renumbers") and self.kept:
                    events = [event for _, part in self.kept for event in part]
                    first = self.kept[0][0]
                    self.kept = deque([(first, events[::-1])])
            elif kind == "ack":
                if not self.is_broken("repeats"):
                    self.durable(answer.ack.durable_sequence)
            elif kind == "gap" and not self.is_broken("gap"):
                self.sent = self.sent_bytes = 0
                self.finish_sent = False
            elif kind == "too_large" and not self.is_broken("too-large"):
                self.split(answer.too_large.first_sequence)
            elif kind == "too_large":
                self.sent = self.sent_bytes = 0
            elif kind == "start_cycle":
                self.started.add(answer.start_cycle.cycle)
                if answer.start_cycle.cycle >= self.ready_for:
                    self.ready_for = 0
            elif kind == "stop" and not self.is_broken("stop"):
                self.stopping = True
                self.stop_timeout_s = answer.stop.stop_timeout.ToNanoseconds() / 1e9
            elif kind == "finished":
                self.finished = True
            elif kind == "error" and not self.is_broken("error"):
                self.failed = answer.error.message
            elif kind == "run_closed" and not self.is_broken("run-closed"):
                self.failed = "the run is over"
            elif kind is None and self.is_broken("unknown"):
                self.failed = "an answer that is not known"
            elif kind == "rejected" and self.is_broken("rejected"):
                self.failed = "an event was rejected"
            self.changed.notify_all()

    def durable(self, number):
        """Forgets what is durable."""
        self.numbered = max(self.numbered, number)
        while self.kept and self.kept[0][0] + len(self.kept[0][1]) - 1 <= number:
            _, events = self.kept.popleft()
            if self.sent:
                self.sent -= 1
                self.sent_bytes -= sum(event.ByteSize() for event in events) + SLACK

    def split(self, first):
        """Makes two batches of one, and sends all that is kept again."""
        parts = deque()
        for number, events in self.kept:
            half = len(events) // 2
            if number == first and half:
                parts.append((number, events[:half]))
                parts.append((number + half, events[half:]))
            else:
                parts.append((number, events))
        self.kept = parts
        self.sent = self.sent_bytes = 0
        self.finish_sent = False

    # What the load asks for

    def wait_for_cycle(self, cycle):
        """Says `ready` and waits for the start; False: there will be none."""
        with self.changed:
            self.ready_for, self.ready_sent = cycle, False
            self.changed.notify_all()
            if self.is_broken("barrier"):
                return True
            self.changed.wait_for(lambda: cycle in self.started or self.stopping or self.failed)
            return not self.stopping and not self.failed

    def wait_for_finished(self):
        """Says `finish` and waits for the answer."""
        events = self.events + (1 if self.is_broken("totals") else 0)
        hits = self.hits + (1 if self.is_broken("hits-total") else 0)
        with self.changed:
            if not self.is_broken("no-finish"):
                totals = runner_pb2.SourceTotals(events=events, hits=hits)
                self.finish = runner_pb2.Finish(totals=totals)
            self.changed.notify_all()
            if self.is_broken("impatient", "no-finish"):
                self.changed.wait_for(lambda: self.finish_sent or self.failed, 1.0)
                time.sleep(0.1)
                return
            self.changed.wait_for(lambda: self.finished or self.failed)


class Load:
    """Lives the users of an assignment."""

    def __init__(self, assignment, publisher, broken):
        self.assignment, self.publisher, self.broken = assignment, publisher, broken
        self.url = assignment.test
        if "://" not in self.url:
            self.url = assignment.server_url.rstrip("/") + "/" + self.url.lstrip("/")
        self.current = {}
        """Users that are inside of an iteration, and since which event."""
        self.lock = threading.Lock()

    def is_broken(self, *names):
        """Whether one of some rules is to be broken."""
        return self.broken in names

    def run(self):
        """All cycles."""
        first = self.assignment.first_cycle or 1
        for number, cycle in enumerate(self.assignment.cycles, first):
            if not self.publisher.wait_for_cycle(number):
                return
            self.cycle(number, cycle)
            if self.publisher.stopping or self.publisher.failed:
                return

    def cycle(self, number, cycle):
        """One cycle."""
        users = range(1, cycle.users + 1)
        if self.assignment.user:
            users = [self.assignment.user]
        if self.is_broken("users") and len(users) > 1:
            users = users[:-1]
        end_s = None
        if cycle.HasField("duration"):
            factor = {"longer": 3.0, "shorter": 0.3}.get(self.broken, 1.0)
            end_s = time.monotonic() + cycle.duration.ToNanoseconds() / 1e9 * factor
        threads = [
            threading.Thread(target=self.user, args=(number, cycle, user, end_s), daemon=True)
            for user in users
        ]
        rate = 0 if self.is_broken("rate") else self.assignment.spawn_rate
        for at, thread in enumerate(threads):
            if at and rate:
                time.sleep(1 / rate)
            thread.start()
            if self.is_broken("one-by-one"):
                thread.join()
        for thread in threads:
            self.join(thread, end_s)

    def join(self, thread, end_s):
        """Waits for a user; who takes too long after the end is left alone."""
        timeout_s = self.assignment.stop_timeout.ToNanoseconds() / 1e9
        left_s = None
        while thread.is_alive():
            thread.join(0.05)
            if self.publisher.failed:
                return
            if self.is_broken("patient"):
                continue
            if left_s is None and self.publisher.stopping:
                left_s = time.monotonic() + self.publisher.stop_timeout_s
            elif left_s is None and end_s is not None and time.monotonic() > end_s:
                left_s = time.monotonic() + timeout_s
            if left_s is not None and time.monotonic() > left_s:
                return

    def user(self, number, cycle, user, end_s):
        """One user."""
        iteration = 0
        while not self.publisher.stopping and not self.publisher.failed:
            if end_s is not None and time.monotonic() >= end_s:
                return
            if not cycle.HasField("duration"):
                count = cycle.iterations + (1 if self.is_broken("iterations") else 0)
                if iteration >= count:
                    return
            iteration += 1
            self.iteration(self.place(number, cycle, user, iteration))

    def place(self, number, cycle, user, iteration):
        """The LoadStatus of an iteration."""
        shift = 1 if self.is_broken("iteration-0") else 0
        return event_pb2.LoadStatus(
            users=cycle.users + (1 if self.is_broken("load-status") else 0),
            iterations=cycle.iterations,
            current_user=user - (1 if self.is_broken("user-0") else 0),
            current_iteration=iteration - shift,
            cycle=number + (1 if self.is_broken("cycle") else 0),
        )

    def iteration(self, place):
        """One iteration: start, hit, outcome, stop."""
        test = "another" if self.is_broken("test-name") else self.assignment.test
        self.event(place).test_start.test = test
        outcome = self.event(place, send=False)
        try:
            self.get(place)
            if self.is_broken("outcome"):
                raise StatusError("it should have passed")
            outcome.test_success.test = test
        except StatusError as error:
            if self.is_broken("failure"):
                outcome.test_success.test = test
            else:
                outcome.test_failure.test = test
                self.exception(outcome.test_failure.exception, error)
        except OSError as error:
            body = outcome.test_failure if self.is_broken("error-kind") else outcome.test_error
            body.test = test
            self.exception(body.exception, error)
        if self.is_broken("cut-off-fails") and not outcome.WhichOneof("event"):
            outcome.test_error.test = test
        timestamp(outcome.time, time.time_ns())
        cut = self.publisher.stopping and self.is_broken("unfinished")
        if not cut:
            self.publisher.add(outcome)
        if not self.is_broken("no-stop"):
            self.event(place).test_stop.test = test

    def exception(self, info, error):
        """An exception as text."""
        info.type = "" if self.is_broken("exception") else type(error).__name__
        info.message = "" if self.is_broken("message") else str(error) or type(error).__name__
        info.traceback = "".join(traceback.format_exception(error))

    def event(self, place, *, send=True):
        """An event of now."""
        event = event_pb2.Event(status=None if self.is_broken("no-status") else place)
        timestamp(event.time, time.time_ns() - (86_400 * 10**9 if self.is_broken("clock") else 0))
        if send:
            # It is filled in at once: the publisher looks at it later.
            return Filling(event, self.publisher)
        return event

    def get(self, place):
        """Gets the test's URL: a hit."""
        url = urlsplit(self.url)
        began_ns, began_s = time.time_ns(), time.perf_counter_ns()
        hit = event_pb2.Hit(name=self.url.partition("?")[0], url=self.url, method="GET")
        if self.is_broken("method"):
            hit.method = ""
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
        try:
            connection.request("GET", url.path)
            answer = connection.getresponse()
            answer.read()
            hit.status = answer.status
            if answer.status >= 400:
                raise StatusError(f"GET {self.url} answered {answer.status}")
        except StatusError:
            if self.is_broken("status"):
                hit.status = 200
            raise
        except OSError as error:
            if not self.is_broken("hit-error"):
                hit.error = event_pb2.HIT_ERROR_CONNECT
                hit.error_message = str(error)
            raise
        finally:
            connection.close()
            elapsed_ns = time.perf_counter_ns() - began_s
            if self.is_broken("elapsed"):
                elapsed_ns //= 1_000
            event = event_pb2.Event(status=None if self.is_broken("no-status") else place, hit=hit)
            timestamp(event.time, began_ns + elapsed_ns)
            event.hit.elapsed.FromNanoseconds(elapsed_ns)
            if self.is_broken("invalid"):
                event.hit.elapsed.FromNanoseconds(-1)
            if not self.is_broken("hits"):
                self.publisher.add(event)


class Filling:
    """An event that is sent when its one field is set."""

    def __init__(self, event, publisher):
        self.__dict__.update(event=event, publisher=publisher)

    def __getattr__(self, kind):
        return Field(self.event, self.publisher, kind)


class Field:
    """The field of it."""

    def __init__(self, event, publisher, kind):
        self.__dict__.update(event=event, publisher=publisher, kind=kind)

    def __setattr__(self, name, value):
        setattr(getattr(self.event, self.kind), name, value)
        self.publisher.add(self.event)


def main():
    """The command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--break", dest="broken", default="")
    parser.add_argument("test", nargs="?")
    options = parser.parse_args()
    environ = os.environ
    source = runner_pb2.SourceId(
        run_id=environ["LOADGRPC_RUN_ID"],
        agent_id=environ["LOADGRPC_AGENT_ID"],
        runner_id="me" if options.broken == "identity" else environ["LOADGRPC_RUNNER_ID"],
    )
    token = environ["LOADGRPC_TOKEN"]
    metadata = [("authorization", f"Bearer {token}")]
    channel = grpc.insecure_channel(environ["LOADGRPC_ENDPOINT"])
    stub = runner_pb2_grpc.RunnerServiceStub(channel)
    request = runner_pb2.GetAssignmentRequest(source=source)
    tries = 5 if options.broken == "token" else 1
    for _ in range(tries):
        try:
            assignment = stub.GetAssignment(request, metadata=metadata, timeout=10).assignment
            break
        except grpc.RpcError as error:
            print(f"no assignment: {error.details()}", file=sys.stderr)
    else:
        return 0 if options.broken == "exit-0" else 1
    publisher = Publisher(stub, source, metadata, options.broken)
    publishing = threading.Thread(target=publisher.run, daemon=True)
    publishing.start()
    Load(assignment, publisher, options.broken).run()
    publisher.wait_for_finished()
    if publisher.failed:
        print(publisher.failed, file=sys.stderr)
        return 0 if options.broken == "exit-0" else 1
    return 3 if options.broken == "exit" else 0


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)
