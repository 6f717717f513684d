"""The environment of a runner; the head of runner.proto says what each variable means."""

from __future__ import annotations

from pathlib import Path

from loadgrpc.model import Assignment, SourceId
from loadgrpc.protocol.produced import RUN_DIR_ENV


def connection(source: SourceId, *, endpoint: str, token: str) -> dict[str, str]:
    """Where a runner reports, and as whom."""
    return {
        "LOADGRPC_ENDPOINT": endpoint,
        "LOADGRPC_TOKEN": token,
        "LOADGRPC_RUN_ID": source.run_id,
        "LOADGRPC_AGENT_ID": source.agent_id,
        "LOADGRPC_RUNNER_ID": source.runner_id,
    }


def folder(path: Path) -> dict[str, str]:
    """The folder of a runner's own."""
    return {RUN_DIR_ENV: str(path)}


def work(assignment: Assignment) -> dict[str, str]:
    """What a runner of a `test_runner` is to do; with the names that Loads had beside ours."""
    cycle = assignment.cycles[0]
    told = {
        "TEST": assignment.test,
        "STOP_TIMEOUT": _seconds(assignment.stop_timeout_s),
        "TOTAL_USERS": ":".join(str(each.users) for each in assignment.cycles),
    }
    if assignment.user:
        told["CURRENT_USER"] = str(assignment.user)
        told["CURRENT_CYCLE"] = str(assignment.first_cycle)
    if cycle.duration_s is None:
        told["TOTAL_ITERATIONS"] = str(cycle.iterations)
    else:
        told["DURATION"] = _seconds(cycle.duration_s)
    if assignment.server_url:
        told["SERVER_URL"] = assignment.server_url
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


def _seconds(seconds: float) -> str:
    return f"{seconds:.9f}".rstrip("0").rstrip(".")
