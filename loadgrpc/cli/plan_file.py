"""A plan in a file: the RunSpec of run.proto as JSON, as grpcurl would send it in StartRun."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from loadgrpc.model import Plan

_OF_PLAN: Final = {
    "agents": "-a/--agents",
    "split": "--split",
    "stop_timeout_s": "--stop-timeout",
    "no_dns_resolve": "--no-dns-resolve",
}
"""Options that go beside a plan file, and before what it says."""


def plan_of_file(path: Path, test: str | None, asked: dict[str, Any], agents: int | None) -> Plan:
    """The plan of a file; what is asked for beside it goes before what the file says.

    Raises:
        click.UsageError: it is no plan, or an option stands beside it that belongs into it.
    """
    from google.protobuf import json_format  # noqa: PLC0415 - protobuf is heavy

    from loadgrpc.errors import InvalidRequest  # noqa: PLC0415
    from loadgrpc.protocol.plans import plan_from_proto  # noqa: PLC0415
    from loadgrpc.v1 import run_pb2  # noqa: PLC0415

    beside = [name for name, value in asked.items() if value and name not in _OF_PLAN]
    if test or beside:
        what = "TEST" if test else f"--{beside[0].removesuffix('_s').replace('_', '-')}"
        raise click.UsageError(f"{what} stands in the plan file; say it there")
    name = "standard input" if str(path) == "-" else str(path)
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text()
        message = json_format.Parse(text, run_pb2.RunSpec())
        plan = plan_from_proto(message)
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{name} cannot be read: {error}") from error
    except json_format.ParseError as error:
        raise click.UsageError(f"{name} is no plan: {error}") from error
    except InvalidRequest as error:
        raise click.UsageError(f"{name}: {error}") from error
    given = {name: asked[name] for name in _OF_PLAN if asked.get(name)}
    if agents:
        given["agents"] = agents
    return replace(plan, **given)
