"""Writes docs/limits.md, the page of everything that is limited, from the code that keeps it.

    python tools/limits_page.py            write the page

Rule: every figure on the page is a constant of the code, or made of one; a test compares.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

from loadgrpc.agent import streams
from loadgrpc.broker import (
    audit,
    bundles,
    campaigns,
    fleet_service,
    hits,
    inbox,
    outbox,
    queue,
    quotas,
    schedules,
    server,
    tokens,
)
from loadgrpc.campaign import shape
from loadgrpc.dashboard import page_server, shared_watch
from loadgrpc.model import LIMITS, Limit
from loadgrpc.protocol import bound, bounds, home, kinds, plan_bounds, transport

ROOT = Path(__file__).resolve().parent.parent
PAGE = Path("docs/limits.md")

HEAD = """\
# Limits

Everything that a broker takes from others has a bound. This page lists them; `make protos` writes
it from the code.

## That can be set

`loadgrpc broker --limit NAME=N` sets one, and may be given several times:

```sh
loadgrpc broker --limit requests=500/s --limit watches=50
```

A *caller* is whoever a token or a certificate names. Where a broker has no certificates it is a
machine, by its address. On loopback all are on one machine, and there it is a connection, so that
one script does not stop the others. Those who come by a Unix socket, as in a local run, have no
such limits.

"""

AFTER_SETTABLE = f"""
What is refused ends with RESOURCE_EXHAUSTED and the reason OVER_LIMIT. The message says which
limit it was, and google.rpc.RetryInfo after how long to try again. `loadgrpc status` shows each
limit that somebody has met, how many calls it refused and delayed, and who met it last; `limits`
of GetBroker has the same for programs, and `errors` counts all calls that ended with an error, by
its reason. `streams` and `connections` are kept by gRPC itself, which counts nothing.

Nothing that runners measured is refused or lost by a limit: agents are slowed down, never sent
away, and what waits with them is on their disk. An agent opens a further connection for each
{streams.EACH} runner processes that report, so that `streams` is enough for any number of them.

## That are fixed

What breaks one of them is refused with the error in the table, counted in `errors` of GetBroker
by the reason in parentheses. What gRPC refuses by itself has no reason, and is not counted.
"""


class Row(NamedTuple):
    """A limit that is fixed."""

    what: str
    figure: str
    beyond: str


INVALID = "INVALID_ARGUMENT (INVALID_REQUEST), with the field"
NO_ROOM = "RESOURCE_EXHAUSTED (NO_ROOM)"
BY_GRPC = "RESOURCE_EXHAUSTED, by gRPC"


def size(count: int) -> str:
    """Bytes, in the largest unit that divides them."""
    for unit, shift in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if count >= 1 << shift and not count % (1 << shift):
            return f"{count >> shift:,} {unit}"
    return f"{count:,} bytes"


def seconds(count: float) -> str:
    """A time in seconds."""
    return f"{count:g} s"


def metadata() -> dict[str, int]:
    """The options of every server of ours, by name."""
    return dict(transport.SERVER_OPTIONS)


def sections() -> dict[str, list[Row]]:
    """The limits that are fixed, by what they are limits of."""
    options = metadata()
    requests = [
        Row(f"a request of {path.rpartition('/')[2]}", size(most), INVALID)
        for path, most in bounds.REQUEST_BYTES.items()
        if not path.endswith("PublishEvents")
    ]
    return {
        "Connections": [
            Row(
                "until a new connection speaks TLS and HTTP/2",
                seconds(server.GREETING_S),
                "It is closed.",
            ),
            Row(
                "a connection without a call",
                seconds(server.CALL_LESS_S),
                "It is closed; clients connect again by themselves.",
            ),
            Row(
                "a peer that does not answer a ping",
                seconds(
                    (options["grpc.keepalive_time_ms"] + options["grpc.keepalive_timeout_ms"]) / 1e3
                ),
                "Its connection is closed.",
            ),
            Row(
                "pings without data",
                f"one in {seconds(options['grpc.http2.min_ping_interval_without_data_ms'] / 1e3)}",
                "The connection ends with ENHANCE_YOUR_CALM, by gRPC.",
            ),
            Row(
                "metadata of a call",
                f"{size(options['grpc.max_metadata_size'])}; surely refused from"
                f" {size(options['grpc.absolute_max_metadata_size'])} on",
                BY_GRPC,
            ),
        ],
        "Messages": [
            Row("any message", size(bounds.MAX_RECEIVED_BYTES), BY_GRPC),
            Row("a request", size(bounds.MAX_REQUEST_BYTES), INVALID),
            *requests,
            Row(
                "a batch of events",
                f"{size(bounds.MAX_BATCH_BYTES)}, {bounds.MAX_BATCH_ROWS:,} rows,"
                f" {bounds.MAX_BATCH_ENTRIES:,} entries of blocks",
                "`too_large`: the runner splits it.",
            ),
            Row(
                "batches that are not acked",
                f"{home.MAX_UNACKED_BATCHES}, {size(home.MAX_UNACKED_BYTES)}",
                "The runner waits.",
            ),
            Row("answers that a peer has not read", f"{outbox.MOST:,}", "It is not read from."),
            Row(
                "heartbeats of an agent",
                f"{fleet_service.MOST_PER_S}/s",
                "It is read from more slowly.",
            ),
        ],
        "Names and plans": [
            Row("an id", f"{bound.MAX_ID_CHARS} characters", INVALID),
            Row("a name of a hit", f"{bound.MAX_NAME_CHARS} characters", "It is cut."),
            Row("a plan", size(bounds.MAX_PLAN_BYTES), INVALID),
            Row("scenarios of a plan", f"{plan_bounds.MAX_SCENARIOS}", INVALID),
            Row("settings of an observer", f"{kinds.MAX_SETTINGS}", INVALID),
            Row("steps of a campaign", f"{shape.MAX_STEPS}", INVALID),
            Row(
                "names of a run that have figures of their own",
                f"{hits.MAX_SERIES:,}",
                "Others are one, and counted.",
            ),
        ],
        "A broker in all": [
            Row(
                "runs that wait",
                f"{queue.MAX_RUNS_WAITING:,}",
                "RESOURCE_EXHAUSTED (TOO_FEW_AGENTS)",
            ),
            Row("campaigns that are active", f"{campaigns.MAX_CAMPAIGNS}", NO_ROOM),
            Row("schedules", f"{schedules.MAX_SCHEDULES}", NO_ROOM),
            Row("tokens", f"{tokens.MAX_TOKENS:,}", NO_ROOM),
            Row(
                "a bundle",
                f"{size(bounds.MAX_BUNDLE_BYTES)}, {bounds.MAX_BUNDLE_ENTRIES:,} files and folders",
                INVALID,
            ),
            Row("all bundles", size(bundles.MAX_BYTES), NO_ROOM),
            Row("sources on a stream", f"{inbox.MAX_STREAM_SOURCES:,}", INVALID),
            Row(
                "entries of the audit",
                f"{audit.MAX_AUDITED:,}",
                "The oldest go.",
            ),
            Row(
                "callers whose calls are counted",
                f"{quotas.MAX_CALLERS:,}",
                "The one that called longest ago is counted from 0 again.",
            ),
        ],
        "The page": [
            Row("connections", f"{page_server.MAX_CONNECTIONS:,}", "Further ones are refused."),
            Row("pages that are kept up to date", f"{shared_watch.MAX_VIEWERS}", "503"),
        ],
    }


TAIL = """
Every string, list, and time of every message has a bound of its own: [the
protocol](protocol.md#bounds) lists them, and says what is cut and what is refused. What a test
may take of an agent's machine is not on this page.

## That a broker cannot limit

gRPC for Python does not tell connections apart by the address that opened them. So `connections`
is for all together: a machine that may reach a broker's port can take all of them, and then
nobody else gets one until they have been idle for a while. Nor can a broker refuse the connection
of an address, or slow down the handshakes of TLS. Where strangers can reach the port, put a
firewall before it that limits connections by address, such as nftables with `ct count`.
"""


def settable(row: Limit) -> str:
    """The line of a limit that can be set."""
    name = f"`{row.name}`"
    return f"| {name} | {row.counts} | {row.of} | {row.shown(row.default)} | {row.beyond} |"


def page() -> str:
    """The page."""
    parts = [
        HEAD,
        "| name | of | for | default | beyond it |\n",
        "| --- | --- | --- | --- | --- |\n",
    ]
    parts += [f"{settable(row)}\n" for row in LIMITS.values()]
    parts.append(AFTER_SETTABLE)
    for heading, rows in sections().items():
        parts.append(f"\n### {heading}\n\n| what | at most | beyond it |\n| --- | --- | --- |\n")
        parts += [f"| {row.what} | {row.figure} | {row.beyond} |\n" for row in rows]
    return "".join([*parts, TAIL])


def main() -> int:
    """The command line; see the module."""
    (ROOT / PAGE).write_text(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
