"""How a runner follows a load that changes over time: arrivals, and users who come and go.

It knows straight lines only. `docs/writing-a-runner.md` has the same arithmetic.
"""

from __future__ import annotations

import math
import queue
import threading
import time
from collections import Counter

from loadgrpc.v1 import event_pb2, run_pb2

NS_PER_S = 1_000_000_000
USERS = 20
"""Users that arrivals have."""
LOOK_S = 0.02
NEAR_NS = 5 * NS_PER_S
"""A beginning that is farther from now is none."""
ALMOST = 1e-6


def seconds(duration):
    """A duration as a number."""
    return duration.ToNanoseconds() / NS_PER_S


def pieces(stages):
    """Straight lines, one after another: two levels, and seconds from one to the other."""
    for stage in stages:
        if stage.HasField("hold"):
            yield stage.hold.level, stage.hold.level, seconds(stage.hold.duration)
        elif stage.HasField("ramp"):
            yield stage.ramp.start, stage.ramp.end, seconds(stage.ramp.duration)
        else:
            for level in stage.steps.levels:
                yield level, level, seconds(stage.steps.each)


def changed(planned, changes):
    """The same, as live changes have made it."""
    left, level, factor, paused, now = list(planned), None, 1.0, False, 0.0
    for change in [*sorted(changes, key=lambda each: seconds(each.at)), None]:
        until = math.inf if change is None else seconds(change.at)
        if paused and left and until > now:
            yield 0.0, 0.0, until - now
            now = until
        while left and now < until:
            start, end, span = left.pop(0)
            if now + span > until:
                middle = start + (end - start) * (until - now) / span
                left.insert(0, (middle, end, span - (until - now)))
                end, span = middle, until - now
            now += span
            yield (start * factor, end * factor, span) if level is None else (level, level, span)
        if change is None:
            return
        if change.kind == run_pb2.LOAD_CHANGE_KIND_LEVEL:
            level = change.value
        elif change.kind == run_pb2.LOAD_CHANGE_KIND_FACTOR:
            level, factor = None, change.value
        else:
            paused = change.kind == run_pb2.LOAD_CHANGE_KIND_PAUSE


def instant(line, n):
    """The last time at which the area under a line is at most n; None: the line ends before."""
    areas = [0.0 if span == math.inf else (a + b) / 2 * span for a, b, span in line]
    if n > sum(areas) - ALMOST:
        return None
    begin = 0.0
    for (start, end, span), area in zip(line, areas, strict=True):
        if n < area:
            root = math.sqrt(max(0.0, start * start + 2 * (end - start) / span * n))
            return begin + (2 * n / (start + root) if n > 0 else 0.0)
        n = max(0.0, n - area)
        begin += span
    return None


def level(line, at):
    """The level of a line at a time."""
    for start, end, span in line:
        if at < span:
            return start if start == end else start + (end - start) * at / span
        at -= span
    return 0.0


def gap(seed, i):
    """How far arrival i - 1 is behind the one before, where they are memoryless."""
    mask = 2**64 - 1
    z = (seed + i * 0x9E3779B97F4A7C15) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return -math.log1p(-((z ^ (z >> 31)) >> 11) * 2.0**-53)


class Following:
    """One cycle of a load of a runner."""

    def __init__(self, load, number, cycle):
        self.load, self.publisher, self.fault = load, load.publisher, load.fault
        self.assignment = load.assignment
        self.status = {"users": cycle.users, "cycle": number}
        self.began_s, self.began_ns = time.monotonic(), time.time_ns()
        in_ns = self.publisher.begin_ns - self.began_ns
        if abs(in_ns) <= NEAR_NS:
            self.began_s, self.began_ns = self.began_s + in_ns / NS_PER_S, self.publisher.begin_ns
        self.first = self.assignment.placement.agent_index
        self.step = self.assignment.placement.agents or 1
        self.counts = {"planned": Counter(), "started": Counter()}
        self.counting = threading.Lock()
        self.wanted = 0

    def run(self):
        """The cycle, to its end."""
        while (left := self.began_s - time.monotonic()) > 0 and not self.publisher.over:
            time.sleep(min(left, LOOK_S))
        if self.assignment.stages[0].unit == run_pb2.LOAD_UNIT_ARRIVALS:
            self.arrivals()
        else:
            self.levels()

    def line(self):
        """The load as it is known now, and how long that has been going on."""
        changes = self.publisher.changes or self.assignment.load_changes
        line = list(changed(pieces(self.assignment.stages), changes))
        return line, time.monotonic() - self.began_s

    def count(self, what, time_ns):
        """Something happened to an arrival then."""
        with self.counting:
            self.counts[what][time_ns // NS_PER_S] += 1

    # Arrivals

    def place(self, k):
        """What the area is at arrival k."""
        plan = self.assignment.plan
        if plan.arrivals != run_pb2.SPACING_POISSON:
            return float(k)
        return sum(gap(plan.seed, i) for i in range(1, k + 2))

    def arrivals(self):
        """Starts what is due, until nothing comes any more."""
        due = queue.Queue()
        users = [
            threading.Thread(target=self.serve, args=(user, due)) for user in range(1, USERS + 1)
        ]
        for user in users:
            user.start()
        k = self.first
        at_n = self.place(k)
        while not self.publisher.over:
            line, now = self.line()
            at = instant(line, at_n)
            if at is None:
                if now >= sum(span for _, _, span in line):
                    break
                time.sleep(LOOK_S)
                continue
            if (left := self.fault.tick(at) - now) > 0:
                time.sleep(min(left, LOOK_S))
                continue
            planned_ns = self.began_ns + round(at * NS_PER_S)
            self.count("planned", planned_ns)
            due.put(planned_ns)
            k += self.step
            at_n = self.place(k)
        for _ in users:
            due.put(None)
        for user in users:
            user.join()
        self.report()

    def serve(self, user, due):
        """One user, who makes what is due."""
        iteration = 0
        while (planned_ns := due.get()) is not None:
            iteration += 1
            self.count("started", time.time_ns())
            self.iterate(user, iteration, planned_ns)

    def iterate(self, user, iteration, planned_ns=0):
        """One iteration."""
        place = {**self.status, "current_user": user, "current_iteration": iteration}
        self.load.iteration(event_pb2.LoadStatus(**place), planned_ns)

    def report(self):
        """What became of arrivals, second by second."""
        planned, started = self.counts["planned"], self.counts["started"]
        every = planned.keys() | started.keys()
        waiting = 0
        for second in range(min(every, default=0), max(every, default=-1) + 1):
            waiting += planned[second] - started[second]
            state = event_pb2.ArrivalsState(
                planned=planned[second], started=started[second], waiting=waiting, users=USERS
            )
            event = event_pb2.Event(status=self.status, arrivals=state)
            event.time.FromNanoseconds(second * NS_PER_S + NS_PER_S // 2)
            self.publisher.add(event)

    # Users

    def levels(self):
        """Lets users come and go."""
        places, come = {}, 0
        while not self.publisher.over:
            line, now = self.line()
            if now >= sum(span for _, _, span in line):
                break
            total = math.floor(level(line, now) + 0.5)
            self.wanted = len(range(self.first, total, self.step))
            for place in range(self.wanted):
                if place not in places or not places[place].is_alive():
                    come += 1
                    user = place + 1 if self.fault.numbers_places else come
                    places[place] = threading.Thread(target=self.live, args=(user, place))
                    places[place].start()
            time.sleep(LOOK_S)
        self.wanted = 0
        for user in places.values():
            user.join()

    def live(self, user, place):
        """One user, while it is wanted."""
        iteration = 0
        while place < self.wanted and not self.publisher.over:
            iteration += 1
            self.iterate(user, iteration)
