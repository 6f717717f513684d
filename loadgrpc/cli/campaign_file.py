"""A campaign in a file, TOML or JSON: steps as people write them, made into one graph.

    title = "nightly"
    plan = {server_url = "http://shop"}          what all plans have, unless they say otherwise

    [[steps]]
    name = "load"
    plan = {test = "shop.TestShop.test_buy", duration = "1m"}
    map = {users = [10, 20, 30]}                 three steps: load-1, load-2, load-3

    [[steps]]
    name = "report"
    after = {load = "over"}                      all three, whatever became of them
    observer = "slack"

Rule: what a step makes several of is named together by its name in `after`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from loadgrpc.cli import plan_file, spans
from loadgrpc.cli.failure import Failure
from loadgrpc.model import StepGate, hyphened

if TYPE_CHECKING:
    from loadgrpc.model import CampaignSpec, Plan, Step

GATES: Final = {hyphened(gate.name): gate for gate in StepGate}
_KEYS: Final = frozenset({"title", "start_timeout", "plan", "steps"})
_OF_STEP: Final = frozenset(
    {"name", "after", "any_of", "results", "plan", "observer", "map", "starmap", "chunks"}
)
_MAX_TIMEOUT_S: Final = 30 * 86_400.0


class CampaignFile(NamedTuple):
    """What is in a file."""

    spec: CampaignSpec
    include_files: tuple[str, ...] = ()
    """What is to be sent with all its plans: paths and patterns, from the current folder."""


def campaign_of_file(path: Path) -> CampaignFile:
    """The campaign in a file.

    Raises:
        Failure: it is not a campaign; the message names the step.
    """
    from loadgrpc.errors import InvalidRequest  # noqa: PLC0415
    from loadgrpc.protocol.campaigns import (  # noqa: PLC0415
        campaign_spec_from_proto,
        campaign_spec_to_proto,
    )

    name = "standard input" if str(path) == "-" else str(path)
    try:
        document = plan_file.document_in(path)
        included = plan_file.included_in(document)
        spec = _campaign(document, path.parent)
        checked = campaign_spec_from_proto(campaign_spec_to_proto(spec))  # as a broker does it
        return CampaignFile(checked, included)
    except OSError as error:
        raise Failure(f"{name} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise Failure(f"{name} cannot be read: it is not UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise Failure(f"{name} is not a campaign: {error}") from error
    except InvalidRequest as error:
        raise Failure(f"{name}: {error}") from error


def _campaign(written: Mapping[str, Any], folder: Path) -> CampaignSpec:
    from loadgrpc.model import CampaignSpec  # noqa: PLC0415

    _check_keys(written, _KEYS, "a campaign")
    beneath = _table(written.get("plan", {}), "plan")
    asked = written.get("steps", [])
    if not isinstance(asked, list) or not asked:
        raise ValueError("it needs [[steps]], at least one")
    made: dict[str, list[Step]] = {}
    for at, each in enumerate(asked, 1):
        step = _table(each, f"step {at}")
        name = step.get("name")
        if not isinstance(name, str) or not name:
            raise ValueError(f"step {at} needs a name")
        if name in made:
            raise ValueError(f"there are two steps {name!r}")
        try:
            made[name] = list(_steps(name, step, beneath, folder))
        except ValueError as error:
            raise ValueError(f"step {name!r}: {error}") from None
    timeout: dict[str, Any] = {}
    if (text := written.get("start_timeout")) is not None:
        timeout["start_timeout_s"] = spans.seconds(str(text), most=_MAX_TIMEOUT_S)
    steps = tuple(_expanded(step, made) for several in made.values() for step in several)
    return CampaignSpec(title=str(written.get("title", "")), steps=steps, **timeout)


def _steps(
    name: str, written: Mapping[str, Any], beneath: Mapping[str, Any], folder: Path
) -> Iterator[Step]:
    """The steps that one of a file makes: several, if it is over many values."""
    from loadgrpc.model import Step  # noqa: PLC0415

    _check_keys(written, _OF_STEP, "a step")
    several = [key for key in ("map", "starmap", "chunks") if key in written]
    if len(several) > 1:
        raise ValueError(f"{' and '.join(several)} cannot be combined")
    of_all: dict[str, Any] = {
        "after": tuple(_after(written.get("after", ()))),
        "any_of": bool(written.get("any_of", False)),
        "results": bool(written.get("results", False)),
    }
    if "observer" in written:
        if several or "plan" in written:
            raise ValueError("an observer cannot be combined with a plan")
        yield Step(name=name, observer=_observer(written["observer"]), **of_all)
        return
    planned = _merged(_spelled(beneath), _spelled(_plan_table(written.get("plan", {}), folder)))
    rows = list(_rows(several[0], written[several[0]])) if several else []
    if not several:
        yield Step(name=name, plan=_plan(planned, folder), **of_all)
    for at, row in enumerate(rows, 1):
        yield Step(name=f"{name}-{at}", plan=_plan(_merged(planned, row), folder), **of_all)


def _rows(how: str, written: Any) -> Iterator[dict[str, Any]]:
    """What each of several steps has of its own."""
    if how == "map":
        table = _table(written, how)
        if len(table) != 1:
            raise ValueError("map is over one option: starmap takes rows of several")
        ((key, listed),) = table.items()
        for value in _list(listed, f"map.{key}"):
            yield _nested(key, value)
    elif how == "starmap":
        for at, row in enumerate(_list(written, how), 1):
            table = {}
            for key, value in _table(row, f"row {at} of starmap").items():
                table = _merged(table, _nested(key, value))
            yield table
    else:
        yield from _chunks(_table(written, how))


def _chunks(written: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    _check_keys(written, frozenset({"users", "items", "parts", "into"}), "chunks")
    users, items = written.get("users"), written.get("items")
    parts = written.get("parts")
    if not isinstance(parts, int) or parts < 1:
        raise ValueError("chunks need parts, a number")
    if isinstance(users, int) and items is None:
        parts = max(1, min(parts, users))
        for begin, end in pairwise(users * at // parts for at in range(parts + 1)):
            yield {"users": end - begin}
        return
    into = written.get("into")
    if users is not None or not isinstance(into, str):
        raise ValueError("chunks need users, a number; or items, a list, and into, what gets them")
    items = _list(items, "chunks.items")
    parts = max(1, min(parts, len(items)))
    for begin, end in pairwise(len(items) * at // parts for at in range(parts + 1)):
        some = items[begin:end]
        yield _nested(into, json.dumps(some) if into.startswith("env.") else some)


def _nested(key: str, value: Any) -> dict[str, Any]:
    """A value at a key such as `users` or `env.SHOP`."""
    first, _, rest = key.partition(".")
    return {plan_file.field_of(first): {rest: value} if rest else value}


def _after(written: Any) -> Iterator[Any]:
    """What a step comes after: names, or names and what is asked of each."""
    from loadgrpc.model import After  # noqa: PLC0415

    if isinstance(written, str):
        yield After(step=written)
    elif isinstance(written, Mapping):
        for name, wanted in written.items():
            yield _one_after(name, wanted)
    else:
        for each in _list(written, "after"):
            if isinstance(each, Mapping):
                _check_keys(each, frozenset({"step", "gate", "exit_codes"}), "an entry of after")
                wanted = each.get("exit_codes") or each.get("gate", "passed")
                yield _one_after(str(each.get("step", "")), wanted)
            else:
                yield After(step=str(each))


def _one_after(name: str, wanted: Any) -> Any:
    from loadgrpc.model import After  # noqa: PLC0415

    if isinstance(wanted, int) and not isinstance(wanted, bool):
        wanted = [wanted]
    if isinstance(wanted, list) and all(type(code) is int for code in wanted):
        return After(step=name, exit_codes=tuple(wanted))
    gate = GATES.get(hyphened(str(wanted)).removeprefix("step-gate-"))
    if gate is None:
        known = ", ".join(GATES)
        raise ValueError(f"after {name!r}: {wanted!r} is none of {known}, or a list of exit codes")
    return After(step=name, gate=gate)


def _expanded(step: Step, made: Mapping[str, list[Step]]) -> Step:
    """A step that comes after all that others make; whether there are such is checked later."""
    from dataclasses import replace  # noqa: PLC0415

    after = tuple(
        replace(each, step=one.name) if one is not None else each
        for each in step.after
        for one in made.get(each.step, (None,))
    )
    return replace(step, after=after)


def _plan_table(written: Any, folder: Path) -> Mapping[str, Any]:
    """A plan in the campaign's own file, or in another one beside it."""
    if isinstance(written, str):
        return plan_file.document_in(folder / written)
    return _table(written, "plan")


def _plan(written: Mapping[str, Any], folder: Path) -> Plan:
    from google.protobuf import json_format  # noqa: PLC0415 - protobuf is heavy

    from loadgrpc.errors import InvalidRequest  # noqa: PLC0415
    from loadgrpc.protocol.plans import plan_from_proto  # noqa: PLC0415
    from loadgrpc.v1 import run_pb2  # noqa: PLC0415

    try:
        spelled = plan_file.spelled(dict(written), folder)
        return plan_from_proto(json_format.ParseDict(spelled, run_pb2.RunSpec()))
    except json_format.ParseError as error:
        raise ValueError(str(error)) from error
    except InvalidRequest as error:
        raise ValueError(str(error)) from error


def _observer(written: Any) -> Any:
    """An observer: its name, or a table with its settings."""
    from loadgrpc.model import ObserverChoice  # noqa: PLC0415

    if isinstance(written, str):
        return ObserverChoice(name=written)
    table = _table(written, "observer")
    _check_keys(table, frozenset({"name", "settings"}), "an observer")
    settings = _table(table.get("settings", {}), "settings")
    return ObserverChoice(
        name=str(table.get("name", "")),
        settings=tuple(sorted((key, str(value)) for key, value in settings.items())),
    )


def _spelled(plan: Mapping[str, Any]) -> dict[str, Any]:
    """A plan with its keys as the protocol has them, whichever way they are written."""
    found: dict[str, Any] = {}
    for key, value in plan.items():
        if (field := plan_file.field_of(key)) in found:
            raise ValueError(f"{key!r} is there twice")
        found[field] = value
    return found


def _merged(beneath: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Tables over each other: tables in them, too; everything else is replaced."""
    merged = dict(beneath)
    for key, value in above.items():
        known = merged.get(key)
        both = isinstance(known, Mapping) and isinstance(value, Mapping)
        merged[key] = _merged(known, value) if both else value  # type: ignore[arg-type]  # `both`
    return merged


def _table(written: Any, what: str) -> dict[str, Any]:
    if not isinstance(written, dict):
        raise ValueError(f"{what} is not a table")  # noqa: TRY004 - named with its step
    return written


def _list(written: Any, what: str) -> list[Any]:
    if not isinstance(written, list | tuple):
        raise ValueError(f"{what} is not a list")  # noqa: TRY004 - named with its step
    return list(written)


def _check_keys(written: Mapping[str, Any], known: frozenset[str], what: str) -> None:
    for key in written:
        if key not in known:
            raise ValueError(f"{what} has no {key!r}; there are {', '.join(sorted(known))}")
