"""A plan in a file: the RunSpec of run.proto as JSON, as grpcurl would send it in StartRun.

Rule: what people write instead of protobuf's JSON is taken where it can only mean one thing
(`"users": 10`, `"duration": "5m"`); what stands on the command line goes before what stands in
the file, for each scenario that the file has.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from loadgrpc import model
from loadgrpc.cli import elsewhere, values
from loadgrpc.cli.failure import Failure

if TYPE_CHECKING:
    from loadgrpc.model import Plan

MAX_BYTES: Final = 16 << 20
"""Of a plan file: more than a broker would take."""

_DURATIONS: Final = {
    "duration": values.Seconds(model.MAX_DURATION_S),
    "stop_timeout": values.Seconds(model.MAX_STOP_TIMEOUT_S, zero=True),
    "silence_timeout": values.Seconds(model.MAX_SILENCE_TIMEOUT_S, zero=True),
}
_LISTS: Final[dict[str, Callable[[str], tuple[int, ...]]]] = {
    "users": values.users,
    "iterations": values.iterations,
}
_ALIASES: Final = {
    "hits": "iterations",
    "host": "server_url",
    "run_time": "duration",
}
"""Names of options, for the fields that they set."""
_MODES: Final = ("one_user", "all_users", "by_hand")


def plan_of_file(path: Path, test: str | None, asked: dict[str, Any], agents: int | None) -> Plan:
    """The plan of a file; what is asked for beside it goes before what the file says.

    `asked` has the options as the command line has them: None or False where one was not given.

    Raises:
        Failure: it is no plan, or is none together with the options.
    """
    from google.protobuf import json_format  # noqa: PLC0415 - protobuf is heavy

    from loadgrpc.errors import InvalidRequest  # noqa: PLC0415
    from loadgrpc.protocol.plans import plan_from_proto  # noqa: PLC0415
    from loadgrpc.v1 import run_pb2  # noqa: PLC0415

    name = "standard input" if str(path) == "-" else str(path)
    try:
        written = json.loads(_text(path))
        if not isinstance(written, dict):
            raise ValueError("it is not a JSON object")  # noqa: TRY301, TRY004 - told as all that is wrong
        written = spelled(written)
        message = json_format.ParseDict(written, run_pb2.RunSpec())
        _overrule(message, test, asked, agents)
        return plan_from_proto(message)
    except OSError as error:
        raise Failure(f"{name} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise Failure(f"{name} cannot be read: it is not UTF-8") from error
    except (json_format.ParseError, ValueError, RecursionError) as error:
        raise Failure(f"{name} is not a plan: {error}") from error
    except InvalidRequest as error:
        raise Failure(f"{name}: {error}") from error


def _text(path: Path) -> str:
    """What is in the file."""
    if str(path) != "-":
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    elif sys.stdin is None:  # as with `<&-`
        raise OSError("it is closed")
    else:
        content = sys.stdin.buffer.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"it has more than {MAX_BYTES >> 20} MiB")
    return content.decode("utf-8-sig")


def spelled(written: dict[str, Any], *, scenario: bool = False) -> dict[str, Any]:
    """A plan, or a scenario, as people write it, spelled as protobuf's JSON has it.

    Raises:
        ValueError: something cannot be read; the message names it.
    """
    from loadgrpc.v1 import run_pb2  # noqa: PLC0415 - protobuf is heavy

    kind = run_pb2.Scenario if scenario else run_pb2.RunSpec
    fields = kind.DESCRIPTOR.fields_by_name
    plan: dict[str, Any] = {}
    for key, value in written.items():
        field = _field(key)
        if field not in fields:
            near = elsewhere.nearest(field, [name.replace("_", "-") for name in fields])
            hint = f" (did you mean {near.replace('-', '_')!r}?)" if near else ""
            raise ValueError(f"{'a scenario' if scenario else 'a plan'} has no {key!r}{hint}")
        if field in plan:
            raise ValueError(f"{key!r} is there twice")
        try:
            plan[field] = _value(field, value)
        except ValueError as error:
            raise ValueError(f"{key!r}: {error}") from None
    return plan


def _field(key: str) -> str:
    """The field of the protocol that a key names: `spawnRate`, `spawn_rate` or `spawn-rate`."""
    snake = (
        "".join(f"_{c.lower()}" if c.isupper() else c for c in key).replace("-", "_").lstrip("_")
    )
    return _ALIASES.get(snake, snake)


def _value(field: str, value: Any) -> Any:
    if field == "scenarios" and isinstance(value, list):
        return [spelled(each, scenario=True) if isinstance(each, dict) else each for each in value]
    if isinstance(value, bool) or value is None:
        return value
    if field in _DURATIONS and isinstance(value, str | int | float):
        kind = _DURATIONS[field]
        return f"{values.seconds(str(value), most=kind.most, zero=kind.zero):.9f}s"
    if field in _LISTS and isinstance(value, str | int):
        return list(_LISTS[field](str(value)))
    if field == "runner_mode" and isinstance(value, str):
        mode = value.lower().replace("-", "_")
        return f"RUNNER_MODE_{mode.upper()}" if mode in _MODES else value
    return value


def _overrule(message: Any, test: str | None, asked: dict[str, Any], agents: int | None) -> None:
    """Put what the command line says in the place of what the file says.

    Raises:
        ValueError: it says which test, and there are several scenarios.
    """
    given = {
        name: value for name, value in asked.items() if value is not None and value is not False
    }
    if given.get("iterations") and given.get("duration_s") is not None:
        raise ValueError("-i/--iterations cannot be combined with -d/--duration")
    if agents:
        message.agents = agents
    for name in ("split", "no_dns_resolve"):
        if given.get(name):
            setattr(message, name, True)
    if "stop_timeout_s" in given:
        _set_seconds(message.stop_timeout, given["stop_timeout_s"])
    parts = list(message.scenarios) or [message]
    if test:
        if len(parts) > 1:
            names = ", ".join(repr(part.name) for part in parts)
            raise ValueError(
                f"it has {len(parts)} scenarios ({names}), and TEST can be that of one"
            )
        parts[0].test = test
    for part in parts:
        _overrule_scenario(part, given)
    if message.scenarios and given.get("iterations"):
        message.ClearField("duration")  # that was for scenarios without a number of iterations


def _overrule_scenario(part: Any, given: dict[str, Any]) -> None:
    for name in ("users", "iterations"):
        if given.get(name):
            part.ClearField(name)
            getattr(part, name).extend(given[name])
    if given.get("iterations"):
        part.ClearField("duration")
    if "duration_s" in given:
        part.ClearField("iterations")
        _set_seconds(part.duration, given["duration_s"])
    for name in ("spawn_rate", "server_url", "processes", "test_runner"):
        if name in given:
            setattr(part, name, given[name])
    if "runner_mode" in given:
        part.runner_mode = "RUNNER_MODE_" + given["runner_mode"].replace("-", "_").upper()
    if "silence_timeout_s" in given:
        _set_seconds(part.silence_timeout, given["silence_timeout_s"])


def _set_seconds(duration: Any, seconds: float) -> None:
    from loadgrpc.protocol.times import seconds_to_proto  # noqa: PLC0415 - protobuf is heavy

    duration.CopyFrom(seconds_to_proto(seconds))
