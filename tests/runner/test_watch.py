"""How a user process watches itself: no time that was due is forgotten."""

import pytest

from loadgrpc.model import MAX_LAGS, GeneratorState
from loadgrpc.runner import machine
from loadgrpc.runner.machine import MachineShares, Used
from loadgrpc.runner.watch import TICK_NS, Watch
from loadgrpc.testing import ManualClock

MS = 1_000_000
TICK_S = TICK_NS / 1e9


class Watched:
    """A watch whose clocks are in the test's hand, and what it told."""

    def __init__(self):
        self.clock = ManualClock()
        self.cpu_ns = 0
        self.told = []
        self.used = None
        self.watch = Watch(
            self.clock,
            self.told.append,
            process=2,
            processes=3,
            cpu_ns=lambda: self.cpu_ns,
            look=lambda: self.used,
        )

    def ticks(self, count, late_s=0.0):
        """So many ticks on time, the last one late."""
        for _ in range(count):
            self.clock.advance((self.watch.due_ns - self.clock.monotonic_ns()) / 1e9)
            self.clock.advance(late_s if _ == count - 1 else 0.0)
            self.watch.wake(self.clock.monotonic_ns())


@pytest.fixture
def watched():
    """A watch that has begun."""
    watched = Watched()
    watched.watch.begin()
    return watched


def test_a_calm_second(watched):
    """A hundred ticks on time are a hundred lags of 0, told when the second is over."""
    watched.ticks(99)
    assert watched.told == []
    watched.cpu_ns = 250 * MS
    watched.ticks(1)

    assert watched.told == [
        GeneratorState(process=2, elapsed_ns=1000 * MS, cpu_ns=250 * MS, lags_ns=(0,) * 100)
    ]


def test_each_second_stands_for_itself(watched):
    """What one second told, the next does not tell again."""
    watched.cpu_ns = 900 * MS
    watched.ticks(100)
    watched.cpu_ns = 1000 * MS
    watched.ticks(100)

    assert [state.cpu_ns for state in watched.told] == [900 * MS, 100 * MS]
    assert [len(state.lags_ns) for state in watched.told] == [100, 100]


def test_a_process_that_was_held_up_was_late_each_time(watched):
    """Held up for 2 s: one long lag and those of the ticks in it, each 10 ms shorter."""
    watched.ticks(1, late_s=2.0)

    (state,) = watched.told
    assert state.lags_ns == tuple(range(2000 * MS, -1, -10 * MS))
    assert state.elapsed_ns == 2010 * MS


def test_a_small_lag_is_one(watched):
    """A tick that is 7 ms late does not touch the next, which is due 3 ms later."""
    watched.ticks(1, late_s=0.007)
    watched.ticks(1)
    watched.watch.end()

    assert watched.told[0].lags_ns == (7 * MS, 0)


def test_a_tick_that_comes_too_early_is_none(watched):
    """Woken for nothing: no lag is noted, and the time that is due stays due."""
    due_ns = watched.watch.due_ns
    watched.clock.advance(TICK_S / 2)
    watched.watch.wake(watched.clock.monotonic_ns())
    watched.watch.end()

    assert watched.watch.due_ns == due_ns
    assert watched.told[0].lags_ns == ()


def test_a_tick_is_as_late_as_it_was_noticed(watched):
    """What others did between the hub's look and the turn of the watch is no lag."""
    watched.clock.advance(TICK_S)
    looked_ns = watched.clock.monotonic_ns()
    watched.clock.advance(0.004)
    watched.watch.wake(looked_ns)
    watched.watch.end()

    assert watched.told[0].lags_ns == (0,)


def test_the_end_tells_the_rest(watched):
    """A last second that is not whole is told, with the ticks that nobody was woken for."""
    watched.ticks(3)
    watched.clock.advance(0.025)
    watched.watch.end()

    (state,) = watched.told
    assert state.elapsed_ns == 55 * MS
    assert state.lags_ns == (0, 0, 0, 15 * MS, 5 * MS)


def test_what_is_between_two_cycles_is_not_told(watched):
    """While no users live nobody is late, and nothing is counted."""
    watched.watch.end()
    watched.cpu_ns = 900 * MS
    watched.clock.advance(60)
    watched.watch.begin()
    watched.ticks(2)
    watched.watch.end()

    (state,) = watched.told
    assert (state.elapsed_ns, state.cpu_ns, state.lags_ns) == (20 * MS, 0, (0, 0))


def test_a_cycle_without_any_time_tells_nothing(watched):
    """A cycle of no length has no second."""
    watched.watch.end()

    assert watched.told == []


def test_pauses_of_garbage_collection(watched):
    """They are counted, added up, and the longest is kept."""
    for pause_s in (0.002, 0.005, 0.001):
        watched.watch.collected("start", {})
        watched.clock.advance(pause_s)
        watched.watch.collected("stop", {})
    watched.watch.end()

    (state,) = watched.told
    assert (state.gc_pauses, state.gc_ns, state.gc_max_ns) == (3, 8 * MS, 5 * MS)


def test_lags_are_bounded(watched):
    """Held up for five minutes it tells as many lags as the protocol takes, the longest."""
    watched.ticks(1, late_s=300.0)

    (state,) = watched.told
    assert len(state.lags_ns) == MAX_LAGS
    assert state.lags_ns[0] == 300_000 * MS
    watched.ticks(1)
    assert watched.watch.due_ns == watched.clock.monotonic_ns() + TICK_NS


def test_b8_what_the_machine_did_is_told(watched):
    """Of 4 s of two cores 3.6 were used: 0.8 stolen, 0.9 by three processes like this one."""
    watched.used = Used(total_ns=10_000 * MS, used_ns=1_000 * MS, steal_ns=0)
    watched.watch.begin()
    watched.used = Used(total_ns=14_000 * MS, used_ns=4_600 * MS, steal_ns=800 * MS)
    watched.cpu_ns = 300 * MS
    watched.ticks(100)

    (state,) = watched.told
    assert (state.machine_cpu, state.steal) == (0.9, 0.2)
    assert state.other_cpu == pytest.approx((3.6 - 0.8 - 0.9) / 4)


def test_b8_what_cannot_be_measured_is_not_told(tmp_path):
    """Without /proc/stat, or with one of zeros, nothing is said; counters that run back are 0."""
    stat = tmp_path / "stat"
    assert machine.look(stat) is None
    for text in ("", "cpu\n", "cpu 0 0 0 0 0 0 0 0 0 0\n", "cpu 1 x\n", "intr 1 2 3 4 5 6 7 8\n"):
        stat.write_text(text)
        assert machine.look(stat) is None
    stat.write_text("cpu  100 20 30 400 50 6 7 8 90 0\ncpu0 1 2 3\n")
    used = machine.look(stat)
    assert used.used_ns * 621 == used.total_ns * 171
    assert used.steal_ns * 621 == used.total_ns * 8
    assert machine.shares(used, used, 0) is None
    assert machine.shares(None, used, 0) is machine.shares(used, None, 0) is None
    later = Used(used.total_ns + 100, used.used_ns - 5, used.steal_ns - 1)
    assert machine.shares(used, later, 50) == MachineShares(0.0, 0.0, 0.0)


def test_b8_here_the_machine_is_looked_at():
    """On Linux there is something to tell, and what was used is part of what there was."""
    used = machine.look()
    assert used is not None
    assert 0 <= used.steal_ns <= used.used_ns <= used.total_ns
