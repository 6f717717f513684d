"""The environment of a runner; the head of runner.proto says what each variable means."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from loadgrpc.model import Assignment, SourceId
from loadgrpc.protocol import decks
from loadgrpc.protocol.kinds import OURS
from loadgrpc.protocol.produced import RUN_DIR_ENV
from loadgrpc.stats import load_text

QUIET_ENV: Final = "LOADGRPC_QUIET_GRPC"
"""Set by the command line when it has silenced gRPC; that is for its own process."""
RUN_ID_ENV: Final = "LOADGRPC_RUN_ID"
"""Whoever has it is a runner, or a shell for one."""
PYTHONPATH: Final = "PYTHONPATH"
GRPC_VERBOSITY: Final = "GRPC_VERBOSITY"
CASES_FILE: Final = "cases.jsonl"
MAX_LOAD_CHARS: Final = 65_536
"""Of a load in the environment: a variable may have 128 KiB."""
LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_NO_PROXY: Final = ("no_proxy", "NO_PROXY")
_NO_GRPC_PROXY: Final = "no_grpc_proxy"


def inherited(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment that a runner inherits: everything except variables about a run.

    GRPC_VERBOSITY is as the user has it, or not there.
    """
    kept = {name: value for name, value in environ.items() if not name.startswith(OURS)}
    if QUIET_ENV in environ:
        kept.pop(GRPC_VERBOSITY, None)
    return kept


def direct(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables by which a runner finds whoever is on its machine without a proxy.

    gRPC looks at `no_grpc_proxy` first, and at `no_proxy` only without it; some libraries read the
    one in small letters, some the other.
    """
    known = next((environ[name] for name in _NO_PROXY if environ.get(name)), "")
    told = {name: _with_loopback(environ.get(name) or known) for name in _NO_PROXY}
    return told | {_NO_GRPC_PROXY: _with_loopback(environ.get(_NO_GRPC_PROXY) or known)}


def _with_loopback(hosts: str) -> str:
    """A list of hosts that are reached without a proxy, those of loopback among them."""
    known = [host for each in hosts.split(",") if (host := each.strip())]
    if "*" in known:
        return hosts
    return ",".join([*known, *(host for host in LOOPBACK if host not in known)])


def stale(told: Mapping[str, str]) -> list[str]:
    """Names that a shell may have of another run, and that say nothing in this one."""
    return sorted(OF_RUNNERS.difference(told))


def connection(source: SourceId, *, endpoint: str, token: str) -> dict[str, str]:
    """Where a runner reports, and its identity."""
    return {
        "LOADGRPC_ENDPOINT": endpoint,
        "LOADGRPC_TOKEN": token,
        RUN_ID_ENV: source.run_id,
        "LOADGRPC_AGENT_ID": source.agent_id,
        "LOADGRPC_RUNNER_ID": source.runner_id,
    }


def folder(path: Path) -> dict[str, str]:
    """The folder of a runner's own."""
    return {RUN_DIR_ENV: str(path)}


def imports(environ: Mapping[str, str], packages: Path) -> dict[str, str]:
    """The variable by which Python imports a test's packages before all others."""
    known = environ.get(PYTHONPATH)
    return {PYTHONPATH: os.pathsep.join([str(packages), *([known] if known else [])])}


def work(assignment: Assignment) -> dict[str, str]:
    """The assignment of a `test_runner`, also under the names that Loads used."""
    cycle = assignment.cycles[0]
    told = {
        "TEST": assignment.scenario.test,
        "STOP_TIMEOUT": _seconds(assignment.plan.stop_timeout_s),
        "TOTAL_USERS": ":".join(str(each.users) for each in assignment.cycles),
    }
    place, first = assignment.place, assignment.first_cycle - 1
    cycles = slice(first, first + len(assignment.cycles))
    told |= {
        "AGENT_INDEX": str(place.agent_index),
        "AGENTS": str(place.agents),
        "USER_OFFSET": ":".join(map(str, place.user_offsets[cycles])),
        "ALL_USERS": ":".join(map(str, place.total_users[cycles])),
    }
    if assignment.user:
        told["CURRENT_USER"] = str(assignment.user)
        told["CURRENT_CYCLE"] = str(assignment.first_cycle)
        told["USER_INDEX"] = str(assignment.user_index)
    if cycle.duration_s is None:
        told["TOTAL_ITERATIONS"] = str(cycle.iterations)
    else:
        told["DURATION"] = _seconds(cycle.duration_s)
    if assignment.scenario.load is not None:
        text = load_text.text(assignment.scenario.load)
        if len(text) <= MAX_LOAD_CHARS:
            told["LOAD"] = text
    if assignment.scenario.server_url:
        told["SERVER_URL"] = assignment.scenario.server_url
    if given := [each for each in assignment.scenario.parameters if not each.is_secret]:
        values = {each.name: each.value for each in given}
        told["PARAMETERS"] = json.dumps(values, ensure_ascii=False)
    ours = {f"LOADGRPC_{name}": value for name, value in told.items()}
    loads = {
        "LOADS_RUN_ID": assignment.run_id,
        "LOADS_AGENT_ID": assignment.agent_id,
        "LOADS_TOTAL_USERS": told["TOTAL_USERS"],
    }
    for theirs, name in (
        ("LOADS_CURRENT_USER", "CURRENT_USER"),
        ("LOADS_TOTAL_HITS", "TOTAL_ITERATIONS"),
        ("LOADS_DURATION", "DURATION"),
    ):
        if name in told:
            loads[theirs] = told[name]
    return {**ours, **loads}


def cases(assignment: Assignment, folder: Path) -> dict[str, str]:
    """The variables that feed the one user of an assignment with cases; empty: it has none.

    The file with all of them is written to a folder. Waits for the disk.

    Raises:
        OSError: it cannot be written.
    """
    lines = list(decks.lines_of_user(assignment))
    if not lines:
        return {}
    file = folder / CASES_FILE
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return {"LOADGRPC_CASE": lines[0], "LOADGRPC_CASES": str(file)}


def _seconds(seconds: float) -> str:
    return f"{seconds:.9f}".rstrip("0").rstrip(".")


OF_RUNNERS: Final = frozenset(
    f"{prefix}{name}"
    for prefix, names in (
        (
            "LOADGRPC_",
            (
                "ENDPOINT TOKEN RUN_ID AGENT_ID RUNNER_ID RUN_DIR TEST STOP_TIMEOUT TOTAL_USERS "
                "CURRENT_USER CURRENT_CYCLE TOTAL_ITERATIONS DURATION LOAD SERVER_URL "
                "AGENT_INDEX AGENTS USER_OFFSET ALL_USERS USER_INDEX RESULTS PARAMETERS CASE "
                "CASES"
            ),
        ),
        ("LOADS_", "RUN_ID AGENT_ID TOTAL_USERS CURRENT_USER TOTAL_HITS DURATION"),
    )
    for name in names.split()
)
"""All variables that may be set for a runner."""
