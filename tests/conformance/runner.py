"""A small runner that keeps every rule, and can be told to break one: `--break NAME`.

    python runner.py [--break NAME] TEST

Rows only, a thread for each user. It stands for runners in other languages: of the project it
imports the generated messages and nothing else. What is broken stands in faults.py.
"""

from __future__ import annotations

import argparse
import http.client
import math
import os
import random
import signal
import sys
import threading
import time
import traceback
from collections import deque
from urllib.parse import urlsplit

import grpc
from faults import FAULTS, Fault
from following import Following

from loadgrpc.v1 import event_pb2, runner_pb2, runner_pb2_grpc

FLUSH_S = 0.1
ROOM = 64
"""Bytes that a batch has beside its events."""
EACH = 8
"""... and that an event has beside itself."""
NS_PER_S = 1_000_000_000
FINAL = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.INVALID_ARGUMENT)
"""Statuses after which there is no sense in another stream."""


class Publisher:
    """Numbers events, sends them, keeps them until they are durable."""

    def __init__(self, stub, source, metadata, fault):
        self.stub, self.source, self.metadata, self.fault = stub, source, metadata, fault
        self.changed = threading.Condition()
        self.queue = deque()
        """Events that have no number yet."""
        self.kept = deque()
        """Batches that are not durable: first number, events; a skip has none."""
        self.last = 0
        """The highest number there is."""
        self.sent = 0
        """How many of the kept were sent on this stream."""
        self.limits = None
        """None: the stream is not open."""
        self.hits = self.epoch = 0
        self.ready = None
        """The cycle that is waited for."""
        self.ready_sent = self.finishing = self.finish_sent = False
        self.stop_s = None
        """What users have to finish their iteration, once there is a stop."""
        self.begin_ns = 0
        """When the load of the cycle begins, by the wall clock; 0: at once."""
        self.changes = []
        """How the load was changed live."""
        self.finished = False
        self.failed = ""

    @property
    def over(self):
        """Whether no more load is wanted."""
        return bool(self.failed) or self.stop_s is not None

    def add(self, event):
        """Takes an event."""
        with self.changed:
            for each in self.fault.event(event):
                self.queue.append(each)
                self.hits += each.WhichOneof("event") == "hit"

    def run(self):
        """Keeps a stream open until the end."""
        pause_s = 0.1
        while not self.finished and not self.failed:
            try:
                self.stream()
                self.fault.closed()
            except grpc.RpcError as error:
                final = self.fault.final and error.code() in FINAL
                if final or error.code().name in self.fault.gives_up_at:
                    return self.fail(error.details())
            if not self.finished and not self.failed:
                time.sleep(self.fault.pause(pause_s * random.uniform(0.7, 1.3)))
                pause_s = min(2.0, pause_s * 2)
        return None

    def fail(self, why):
        """Ends everything."""
        with self.changed:
            self.failed = why
            self.changed.notify_all()

    def stop(self):
        """Ends the load at once."""
        with self.changed:
            self.stop_s = 0.0
            self.changed.notify_all()

    def stream(self):
        """One stream."""
        with self.changed:
            self.epoch += 1
            self.limits = runner_pb2.Limits() if self.fault.early else None
            self.sent = 0
            self.ready_sent = self.finish_sent = False
        done = threading.Event()
        answers = self.stub.PublishEvents(self.requests(done), metadata=self.metadata)
        try:
            for answer in answers:
                heard = self.fault.answer(answer)
                with self.changed:
                    if heard:
                        self.answered(heard)
                    self.changed.notify_all()
                if self.finished or self.failed:
                    return
        finally:
            done.set()
            answers.cancel()

    def requests(self, done):
        """What is said on a stream."""
        opening = runner_pb2.OpenSource(
            epoch=self.epoch,
            capabilities=runner_pb2.RunnerCapabilities(cycle_barrier=True, cases=True, stages=True),
        )
        first = runner_pb2.PublishEventsRequest(source=self.source, open=opening)
        yield from self.fault.request(first)
        while not done.is_set():
            with self.changed:
                message = self.next() if self.limits else None
                if message is None:
                    self.changed.wait(FLUSH_S)
            if message is not None:
                yield from self.fault.request(message)

    def next(self):  # noqa: PLR0911 - one for each thing that may be said
        """What may be said now."""
        if self.ready and not self.ready_sent:
            self.ready_sent = True
            ready = runner_pb2.CycleReady(cycle=self.ready)
            return runner_pb2.PublishEventsRequest(ready=ready)
        self.pack()
        if self.sent < len(self.kept):
            with_it = sum(size(self.kept[at][1]) for at in range(self.sent + 1))
            if self.sent >= self.limits.max_unacked_batches > 0:
                return None
            if self.sent and with_it > self.limits.max_unacked_bytes > 0:
                return None
            first, events = self.kept[self.sent]
            self.sent += 1
            if not events:
                skip = runner_pb2.Skip(first_sequence=first, count=1, reason="too large")
                return runner_pb2.PublishEventsRequest(skip=skip)
            batch = runner_pb2.EventBatch(first_sequence=first, events=events)
            return runner_pb2.PublishEventsRequest(batch=batch)
        if self.finishing and not self.finish_sent:
            self.finish_sent = True
            totals = runner_pb2.SourceTotals(events=self.last, hits=self.hits)
            finish = runner_pb2.Finish(totals=totals)
            return runner_pb2.PublishEventsRequest(finish=finish)
        return None

    def pack(self):
        """Makes batches of what has no number."""
        bound = self.limits.max_batch_bytes or 1 << 20
        while self.queue:
            events = [self.queue.popleft()]
            while self.queue and size([*events, self.queue[0]]) <= bound:
                events.append(self.queue.popleft())
            self.last += len(events)
            first = self.last - len(events) + 1
            if len(events) == 1 and size(events) > bound:
                self.drop(events[0])
                events = []
            self.kept.append((first, events))

    def drop(self, event):
        """Loses an event that fits into no batch: it is not among the hits of `finish`."""
        self.hits -= event.WhichOneof("event") == "hit"

    def answered(self, answer):
        """Takes note of an answer."""
        kind = answer.WhichOneof("message")
        if kind == "opened":
            self.limits = answer.opened.limits
            self.durable(answer.opened.durable_sequence)
        elif kind == "ack":
            self.durable(answer.ack.durable_sequence)
        elif kind == "gap":
            self.sent, self.finish_sent = 0, False
        elif kind == "too_large":
            self.split(answer.too_large.first_sequence)
        elif kind == "stop":
            self.stop_s = answer.stop.stop_timeout.ToNanoseconds() / NS_PER_S
        elif kind == "load_changed":
            self.changes = list(answer.load_changed.changes)
        elif kind == "finished":
            self.finished = True
        elif kind == "start_cycle" and self.ready and answer.start_cycle.cycle >= self.ready:
            self.ready = None
            self.begin_ns = answer.start_cycle.begin_time.ToNanoseconds()
        elif kind in ("error", "run_closed"):
            self.failed = answer.error.message or "the run is over"

    def durable(self, number):
        """Forgets what is durable."""
        while self.kept and self.kept[0][0] + max(1, len(self.kept[0][1])) - 1 <= number:
            self.kept.popleft()
            self.sent = max(0, self.sent - 1)

    def split(self, large):
        """Makes two batches of one, and sends all that is kept again."""
        parts = deque()
        for first, events in self.kept:
            half = len(events) // 2 if first == large else 0
            if half:
                parts.append((first, events[:half]))
            elif first == large and events:
                self.drop(events[0])
                events = []  # noqa: PLW2901 - a skip in its place
            parts.append((first + half, events[half:]))
        self.kept = parts
        self.sent, self.finish_sent = 0, False

    def enter(self, cycle):
        """Says `ready` and waits for the start of a cycle; False: there will be none."""
        with self.changed:
            self.ready, self.ready_sent = cycle, False
            if not self.fault.hasty:
                self.changed.wait_for(lambda: self.ready is None or self.over)
            return not self.over

    def finish(self):
        """Says `finish` and waits for the answer."""
        with self.changed:
            self.finishing = True
            self.changed.wait_for(lambda: self.finished or self.failed)


def size(events):
    """Bytes of a batch of these."""
    return ROOM + sum(event.ByteSize() + EACH for event in events)


class StatusError(AssertionError):
    """An answer with a status that the test does not want."""


class Load:
    """Lives the users of an assignment."""

    def __init__(self, assignment, publisher, fault):
        self.assignment, self.publisher, self.fault = assignment, publisher, fault
        self.test = assignment.test
        self.url = assignment.test
        if "://" not in self.url:
            self.url = assignment.server_url.rstrip("/") + "/" + self.url.lstrip("/")

    def run(self):
        """All cycles."""
        for number, cycle in enumerate(self.assignment.cycles, self.assignment.first_cycle or 1):
            if not self.publisher.enter(number):
                return
            if self.assignment.stages:
                Following(self, number, cycle).run()
            else:
                self.cycle(number, cycle)

    def cycle(self, number, cycle):
        """One cycle, to the end of its users."""
        end_s = float("inf")
        if cycle.HasField("duration"):
            end_s = time.monotonic() + cycle.duration.ToNanoseconds() / NS_PER_S
        one = self.assignment.user
        users = []
        for user in [one] if one else range(1, cycle.users + 1):
            thread = threading.Thread(target=self.user, args=(number, cycle, user, end_s))
            thread.daemon = True
            if users and self.assignment.spawn_rate:
                time.sleep(1 / self.assignment.spawn_rate)
            users.append(thread)
            thread.start()
            if self.fault.one_by_one:
                thread.join()
        left_s = None
        while any(user.is_alive() for user in users) and not self.publisher.failed:
            time.sleep(0.02)
            stop_s = self.publisher.stop_s
            if stop_s is None and time.monotonic() > end_s:
                stop_s = self.assignment.stop_timeout.ToNanoseconds() / NS_PER_S
            if stop_s is not None:
                left_s = left_s or time.monotonic() + stop_s
                if time.monotonic() > left_s:
                    return  # users that take longer are left alone

    def user(self, number, cycle, user, end_s):
        """One user, to the end of its iterations."""
        iteration = 0
        while not self.publisher.over and time.monotonic() < end_s:
            if not cycle.HasField("duration") and iteration >= cycle.iterations:
                return
            iteration += 1
            self.iteration(
                event_pb2.LoadStatus(
                    case=self.rule(number, user, iteration),
                    users=cycle.users,
                    iterations=cycle.iterations,
                    current_user=user,
                    current_iteration=iteration,
                    cycle=number,
                )
            )

    def rule(self, number, user, iteration):
        """The rule of the case that an iteration is fed with; empty: of none."""
        deck, placement = self.assignment.deck, self.assignment.placement
        if not deck.entries:
            return ""
        size, index = len(deck.entries), placement.user_offsets[number - 1] + user - 1
        users = placement.total_users[number - 1]
        before = sum(placement.total_users[: number - 1]) * self.assignment.cycles[0].iterations
        at = before + (iteration - 1) * users + index
        turn = at // math.lcm(users, size) % math.gcd(users, size)
        return deck.cases[deck.entries[(at + turn) % size]].rule

    def iteration(self, place, planned_ns=0):
        """One iteration: start, hit, outcome, stop."""
        self.say(place, test_start=event_pb2.TestStart(test=self.test))
        try:
            self.get(place, planned_ns)
        except StatusError as error:
            failure = event_pb2.TestFailure(test=self.test, exception=exception(error))
            self.say(place, test_failure=failure)
        except OSError as error:
            failure = event_pb2.TestError(test=self.test, exception=exception(error))
            self.say(place, test_error=failure)
        else:
            self.say(place, test_success=event_pb2.TestSuccess(test=self.test))
        self.say(place, test_stop=event_pb2.TestStop(test=self.test))

    def get(self, place, planned_ns):
        """Gets the test's URL: a hit."""
        url = urlsplit(self.url)
        began_ns = time.perf_counter_ns()
        name = self.url.partition("?")[0]
        hit = event_pb2.Hit(name=name, url=self.url, method="GET", protocol="http", attempt=1)
        hit.planned_start_time.FromNanoseconds(planned_ns or time.time_ns() - 1_000_000)
        connection = http.client.HTTPConnection(url.hostname, url.port)
        try:
            connection.request("GET", url.path)
            answer = connection.getresponse()
            answer.read()
            hit.status = answer.status
            hit.failed = answer.status >= http.client.BAD_REQUEST
        except OSError as error:
            hit.error, hit.error_message = event_pb2.HIT_ERROR_CONNECT, str(error)
            raise
        finally:
            connection.close()
            hit.elapsed.FromNanoseconds(time.perf_counter_ns() - began_ns)
            self.say(place, hit=hit)
        if hit.status >= http.client.BAD_REQUEST:
            raise StatusError(f"GET {self.url} answered {hit.status}")

    def say(self, place, **what):
        """An event of now."""
        event = event_pb2.Event(status=place, **what)
        event.time.FromNanoseconds(time.time_ns())
        self.publisher.add(event)


def exception(error):
    """An exception as text."""
    return event_pb2.ExceptionInfo(
        type=type(error).__name__,
        message=str(error),
        traceback="".join(traceback.format_exception(error)),
    )


def live(fault):
    """Lives what the environment says; the exit status, and why it is not 0."""
    environ = os.environ
    source = runner_pb2.SourceId(
        run_id=environ["LOADGRPC_RUN_ID"],
        agent_id=environ["LOADGRPC_AGENT_ID"],
        runner_id=environ["LOADGRPC_RUNNER_ID"],
    )
    metadata = [("authorization", f"Bearer {environ['LOADGRPC_TOKEN']}")]
    stub = runner_pb2_grpc.RunnerServiceStub(grpc.insecure_channel(environ["LOADGRPC_ENDPOINT"]))
    request = runner_pb2.GetAssignmentRequest(source=source)
    for attempt in range(fault.attempts):
        try:
            assignment = stub.GetAssignment(request, metadata=metadata, timeout=10).assignment
            break
        except grpc.RpcError as error:
            if attempt + 1 == fault.attempts:
                return 1, f"no assignment: {error.details()}"
    publisher = Publisher(stub, source, fault.metadata(metadata), fault)
    signal.signal(signal.SIGTERM, lambda *_: fault.terminated() and publisher.stop())
    threading.Thread(target=publisher.run, daemon=True).start()
    Load(fault.assignment(assignment), publisher, fault).run()
    publisher.finish()
    return (1 if publisher.failed else 0), publisher.failed


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--break", dest="fault", choices=FAULTS)
    parser.add_argument("test", nargs="?")
    chosen = parser.parse_args().fault
    broken = FAULTS[chosen] if chosen else Fault()
    status, words = live(broken)
    if words:
        sys.stderr.write(f"{words}\n")
        sys.stderr.flush()
    os._exit(broken.status(status))  # whatever its users wait for
