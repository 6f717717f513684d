"""A run of 30 days with many names, by a clock that jumps: what its timeline takes.

    python tests/stats/thirty_days.py FILE NAMES

Prints a JSON document: MiB of memory that the timeline took at most, MiB of FILE, which is a store,
and the hits that were added and that all windows have. Each second has 10 hits of each name. Where
windows of a second are not kept any more, a minute, ten, or an hour come at once; what is kept at
the end is what it would be had every second come by itself.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from pathlib import Path

import numpy as np

from loadgrpc.model import RunState
from loadgrpc.stats.rows import Row, buckets
from loadgrpc.stats.timeline import Timeline
from loadgrpc.stats.window import Series, Window
from loadgrpc.store import RunRecord, Store, StoredWindow

BEGAN = 1_790_000_000 // 3_600 * 3_600
DAYS = 30
PER_S = 10
NS = 1_000_000_000
MIB = 1 << 20
AT_ONCE = (
    (432_000 + 43_200, 3_600),
    (43_200 + 7_200, 600),
    (7_200 + 1_200, 60),
    (1_200, 10),
    (0, 1),
)
"""With so many seconds to go, so many come at once."""


def prepared(seconds: int, names: int, random: np.random.Generator) -> Window:
    """What ends in so many seconds."""
    window = Window(0)
    for at in range(names):
        for status_class, share in ((2, 1.0), (5, 0.02))[: 1 + (at % 5 == 0)]:
            count = max(1, round(seconds * PER_S * share))
            elapsed_ns = random.lognormal(16 + at % 10 / 4, 0.6, count).astype(np.int64)
            window.stats(Series("", f"/shop/products/{at}", "GET", "", status_class)).add(
                elapsed_ns=elapsed_ns,
                failed=count if status_class == 5 else 0,
                answered=True,
                bytes_sent=150 * count,
                bytes_received=1_500 * count,
            )
    window.lag.add(random.lognormal(11, 1, 100 * seconds).astype(np.int64))
    return window


async def run(path: str, names: int) -> dict[str, float]:
    """See the module."""
    random = np.random.default_rng(1)
    kinds = {
        seconds: [prepared(seconds, names, random) for _ in range(5)] for _, seconds in AT_ONCE
    }
    store = await Store.open(path)
    record = RunRecord(run_id="r", state=RunState.RUNNING, plan=b"", create_time_ns=0)
    await store.save_run(record)
    timeline = Timeline(BEGAN)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    async def keep() -> None:
        rows = list(timeline.leaving.values())
        windows = [StoredWindow(*row) for row in rows]
        await store.save_windows("r", windows, timeline.kept_from_s)
        timeline.stored([row.number for row in rows])

    second, end, hits, at = BEGAN, BEGAN + DAYS * 86_400, 0, 0
    while second < end:
        seconds = next(each for left, each in AT_ONCE if end - second > left or not left)
        window = kinds[seconds][at % 5]
        timeline.window(second).merge(window)
        hits += window.hits
        second, at = second + seconds, at + 1
        timeline.close((second + 3) * NS)
        if len(timeline.leaving) >= 20:
            await keep()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    timeline.end()
    await keep()
    counted = 0
    rows = [Row(*vars(row).values()) for row in await store.windows("r")]
    for bucket in buckets(rows, 1):
        sealed = await store.sealed_windows("r", [row.number for row in bucket.rows])
        read = [row._replace(window=sealed[row.number]) for row in bucket.rows]
        counted += bucket._replace(rows=read).window().hits
    await store.close()
    size = sum(each.stat().st_size for each in Path(path).parent.glob(Path(path).name + "*"))
    return {
        "memory_mib": memory / 1024,
        "store_mib": size / MIB,
        "rows": len(rows),
        "hits": hits,
        "counted": counted,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(run(sys.argv[1], int(sys.argv[2])))))
