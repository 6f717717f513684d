"""Runs a vegeta attack as the users of a part, and reports its results as they come.

    loadgrpc run --test-runner "python vegeta.py {test}" --runner-mode all-users targets -u 9 -d 30s
    loadgrpc run --test-runner "python vegeta.py {test} -rate=200" --runner-mode all-users …

The test is a file of vegeta's targets, a URL, or a path below the server's URL. What follows it
goes to `vegeta attack`. Each result is a hit and an iteration. README.md says what is the same as
vegeta's own report, and what is not.
"""

from __future__ import annotations

import json
import os
import re
import sys
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urldefrag, urljoin

import program
from columns import Hit, Iteration
from moments import nanoseconds
from reporter import Failed, LoadFailed, Reporter, report

from loadgrpc.v1 import event_pb2, runner_pb2

FIRST_FAILED_STATUS: Final = 400
ERRORS: Final = (
    ("no such host", event_pb2.HIT_ERROR_DNS),
    ("lookup ", event_pb2.HIT_ERROR_DNS),
    ("deadline exceeded", event_pb2.HIT_ERROR_TIMEOUT),
    ("timeout", event_pb2.HIT_ERROR_TIMEOUT),
    ("x509: ", event_pb2.HIT_ERROR_TLS),
    ("tls: ", event_pb2.HIT_ERROR_TLS),
    ("dial ", event_pb2.HIT_ERROR_CONNECT),
    ("EOF", event_pb2.HIT_ERROR_CLOSED),
    ("reset by peer", event_pb2.HIT_ERROR_CLOSED),
    ("broken pipe", event_pb2.HIT_ERROR_CLOSED),
    ("malformed HTTP", event_pb2.HIT_ERROR_PROTOCOL),
)
"""What Go says, in the order in which it is looked for."""

_VARIES = re.compile(r'^\w+ "[^"]*": |\S+:\d+->')
"""What makes equal errors of Go differ: the URL, and the port of a connection."""


def entries(line: str) -> list[Hit | Iteration]:
    """What a result is: a hit, and an iteration."""
    result = json.loads(line)
    status, elapsed_ns = result["code"], result["latency"]
    end_ns = nanoseconds(result["timestamp"]) + elapsed_ns
    url, method = result["url"], result["method"]
    if status:
        error, why = event_pb2.HIT_ERROR_UNSPECIFIED, ""
    else:
        why = _VARIES.sub("", result["error"])
        error = next((kind for words, kind in ERRORS if words in why), event_pb2.HIT_ERROR_OTHER)
    name = urldefrag(url).url.partition("?")[0]
    outcome, exception = event_pb2.TEST_OUTCOME_SUCCESS, None
    if not status:
        outcome, exception = event_pb2.TEST_OUTCOME_ERROR, ("Error", why, "")
    elif status >= FIRST_FAILED_STATUS:
        outcome = event_pb2.TEST_OUTCOME_FAILURE
        exception = ("StatusError", f"{method} {url} answered {status}", "")
    return [
        Hit(end_ns, elapsed_ns, name, url, method, status, error, why),
        Iteration(end_ns, elapsed_ns, outcome, exception),
    ]


def targets(test: str, server_url: str, folder: Path) -> Path:
    """The file of targets that a test means.

    Raises:
        LoadFailed: it means none.
    """
    if Path(test).is_file():
        return Path(test)
    url = urljoin(server_url, test)
    if not url.startswith(("http://", "https://")):
        raise LoadFailed(f"{test} is neither a file of targets nor a URL")
    path = folder / "targets"
    path.write_text(f"GET {url}\n")
    return path


def is_open(options: list[str]) -> bool:
    """Whether requests come at a rate; without one there are users, who wait for their answers."""
    return any(option.lstrip("-").startswith("rate") for option in options)


def command(path: Path, cycle: runner_pb2.Cycle, options: list[str]) -> list[str]:
    """What is run for a cycle."""
    words = ["vegeta", "attack", f"-targets={path}", "-max-body=0", "-prometheus-addr="]
    words.append(f"-duration={cycle.duration.ToTimedelta().total_seconds():.3f}s")
    if not is_open(options):
        words += ["-rate=0", f"-workers={cycle.users}", f"-max-workers={cycle.users}"]
    return [*words, *options]


async def live(reporter: Reporter, test: str, options: list[str]) -> None:
    """Attacks once for each cycle.

    Raises:
        LoadFailed: there is nothing to attack, or no time to do it in.
        Failed: vegeta ended otherwise than it should.
    """
    assignment = reporter.assignment
    if any(cycle.iterations for cycle in assignment.cycles):
        raise LoadFailed("vegeta attacks for a time, not a number of iterations: use --duration")
    path = targets(test, assignment.server_url, Path(os.environ["LOADGRPC_RUN_DIR"]))
    for number, cycle in enumerate(assignment.cycles, assignment.first_cycle or 1):
        if not await reporter.enter(number, cycle):
            break
        if cycle.users:
            tell_users(reporter, 0 if is_open(options) else cycle.users)
            await attack(reporter, command(path, cycle, options))
            tell_users(reporter, 0)


def tell_users(reporter: Reporter, users: int) -> None:
    """How many users live; all of them are started at once."""
    reporter.add(event_pb2.Event(state=event_pb2.RunnerState(active_users=users)))


async def attack(reporter: Reporter, words: list[str]) -> None:
    """Runs vegeta for one cycle."""

    def take(line: str) -> None:
        for entry in entries(line):
            reporter.add(entry)

    code = await program.run(
        reporter,
        words,
        through=["vegeta", "encode", "-to", "json"],
        out=take,
        err=lambda text: print(text, file=sys.stderr, flush=True),
    )
    if code and not reporter.stopped.is_set():
        raise Failed(f"vegeta ended with {code}")


if __name__ == "__main__":
    if len(sys.argv) < 2:  # noqa: PLR2004 - its name and the test
        sys.exit("usage: vegeta.py TEST [OPTION...], as a test runner: see README.md")
    sys.exit(report(partial(live, test=sys.argv[1], options=sys.argv[2:])))
