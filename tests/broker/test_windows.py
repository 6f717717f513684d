"""What is shown of a window: figures of its series, and of those who made the load."""

import numpy as np

from loadgrpc.broker.aggregate import Aggregate
from loadgrpc.broker.windows import shown_window
from loadgrpc.model import GeneratorState
from loadgrpc.protocol.decoded import Decoded
from loadgrpc.stats.rows import buckets
from loadgrpc.stats.window import Series, Window, merged

NS = 1_000_000_000
MS = 1_000_000


def of_hits(times_ms):
    """A window with hits of names that took so long."""
    window = Window(100)
    for (name, class_), times in times_ms.items():
        window.stats(Series("", name, "GET", "", class_)).add(
            elapsed_ns=np.array(times, np.int64) * MS,
            failed=0,
            answered=class_ > 0,
            bytes_sent=0,
            bytes_received=0,
        )
    return window


def test_each_series_has_its_distribution():
    """Of answered hits; by name those of all statuses together; and only if it is asked for."""
    window = of_hits({("/a", 2): [1, 2, 300], ("/a", 5): [2], ("/b", 0): [9]})
    shown = shown_window(window, distribution=True, by_name=True)
    a, b = shown.series

    assert (sum(a.distribution.counts), b.distribution) == (4, None)
    assert a.distribution == shown.distribution
    apart = shown_window(window, distribution=True).series
    assert [each.distribution and sum(each.distribution.counts) for each in apart] == [3, 1, None]
    assert not any(each.distribution for each in shown_window(window).series)


def test_windows_say_how_busy_the_generator_was():
    """The mean of what its processes reported, and the busiest; the same where windows are merged.

    Nothing is said where nobody reported it.
    """
    aggregate = Aggregate()
    for second, process, share in ((100, 1, 0.25), (100, 2, 0.75), (101, 1, 0.5)):
        state = GeneratorState(
            process=process, elapsed_ns=NS, cpu_ns=round(share * 2 * NS), cores=2
        )
        came = Decoded(generator=[(state, second * NS + 5)])
        aggregate.add(("a", ""), "r", came, arrival_ns=200 * NS)
    windows = [each.window() for each in buckets(aggregate.timeline.rows(), 1)]
    first, second = (shown_window(each).cpu for each in windows)

    assert (first.avg, first.max) == (0.5, 0.75)
    assert (second.avg, second.max) == (0.5, 0.5)
    both = shown_window(merged(windows, 100, 10)).cpu
    assert (both.avg, both.max) == (0.5, 0.75)
    assert shown_window(Window(100)).cpu is None
