"""Plans, as their messages and back.

Rule: a plan comes from a stranger: every wrong field is named.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Final, TypeVar

from loadgrpc import model
from loadgrpc.errors import InvalidRequest, Violation
from loadgrpc.model import Scenario
from loadgrpc.protocol import bounds, options
from loadgrpc.protocol.options import Option
from loadgrpc.v1 import run_pb2

_TEST_NAME: Final = re.compile(r"[^\s:]+\.[^\s.:]+\.[^\s.:]+|[^\n]+?::[^\s:]+(::|\.)[^\s:.]+")
"""`package.module.Class.method`, or `file.py::Class.method`."""
DURATION: Final = options.ALL["duration"]
"""With scenarios, too, it may be one of the plan: of those that say nothing else."""

OF_ARRIVALS: Final = ("arrivals", "late", "max_users")
"""What only an open load has."""

M = TypeVar("M", model.Plan, Scenario)

Check = Callable[[bool, str, str], None]
"""Notes a violation unless the first argument holds: of a field, as text."""


def plan_to_proto(plan: model.Plan) -> run_pb2.RunSpec:
    """A plan as RunSpec."""
    message = run_pb2.RunSpec()
    _put(options.OF_PLAN, plan, message)
    if len(plan.scenarios) == 1 and not plan.scenarios[0].name:
        _put(options.OF_SCENARIO, plan.scenarios[0], message)
    else:
        for scenario in plan.scenarios:
            _put(options.OF_SCENARIO, scenario, message.scenarios.add(name=scenario.name))
    return message


def _put(
    rows: Iterable[Option],
    source: model.Plan | Scenario,
    message: run_pb2.RunSpec | run_pb2.Scenario,
) -> None:
    """Sets what a plan or a scenario says; not what is a default and means nothing there."""
    implied: tuple[str, ...] = ()
    if isinstance(source, Scenario):
        implied = options.ALL["load"].excludes if source.load is not None else ()
        implied += () if source.is_open else OF_ARRIVALS
    for row in rows:
        value = getattr(source, row.name)
        if row.field in implied:
            continue  # it follows from the load, or means nothing without one
        means_nothing = row.needs and not getattr(source, options.ALL[row.needs].name)
        if value is None or (means_nothing and value == options.DEFAULTS[row.name]):
            continue
        row.kind.put(message, row.field, value)


def _got(rows: Iterable[Option], message: run_pb2.RunSpec | run_pb2.Scenario) -> dict[str, Any]:
    """What a message sets of a plan or a scenario; the rest has its default."""
    values = {row.name: row.kind.get(message, row.field) for row in rows}
    return {name: value for name, value in values.items() if value is not None}


def plan_from_proto(message: run_pb2.RunSpec) -> model.Plan:
    """A RunSpec as a plan, defaults filled in.

    Raises:
        InvalidRequest: fields break a rule of run.proto; all of them are named, and those that
            break a bound before the others.
    """
    if (size := message.ByteSize()) > bounds.MAX_PLAN_BYTES:
        detail = f"has {size:,} bytes, more than {bounds.MAX_PLAN_BYTES:,}"
        raise InvalidRequest([Violation("plan", detail)])
    bounds.check(message, "plan.")
    violations = _plan_violations(message)
    if violations:
        raise InvalidRequest(violations)
    return checked_plan(message)


def checked_plan(message: run_pb2.RunSpec) -> model.Plan:
    """A plan that a broker has checked, today or years ago."""
    if message.scenarios:
        default_s = DURATION.kind.get(message, DURATION.field)
        scenarios = tuple(_scenario(each, each.name, default_s) for each in message.scenarios)
    else:
        scenarios = (_scenario(message, ""),)
    return model.Plan(scenarios=scenarios, **_got(options.OF_PLAN, message))


def kept_plan(plan: model.Plan) -> run_pb2.RunSpec:
    """A plan as its message, to be stored: without the values of secret parameters."""
    return plan_to_proto(plan.kept())


def shown_plan(plan: model.Plan) -> run_pb2.RunSpec:
    """A plan as its message, to be shown: without the secrets that only runners need."""
    scenarios = tuple(_masked(options.OF_SCENARIO, scenario) for scenario in plan.scenarios)
    return plan_to_proto(replace(_masked(options.OF_PLAN, plan), scenarios=scenarios))


def _masked(rows: Iterable[Option], source: M) -> M:
    """A plan or a scenario without what is secret in it."""
    shown: dict[str, Any] = {
        row.name: row.kind.shown(getattr(source, row.name)) for row in rows if row.secrets
    }
    return replace(source, **shown)


def _scenario(
    message: run_pb2.RunSpec | run_pb2.Scenario, name: str, default_s: float | None = None
) -> Scenario:
    given = _got(options.OF_SCENARIO, message)
    stages = given.pop("stages", None)
    if (load := given.setdefault("load", stages)) is not None:
        users = model.users_of(load, given.get("max_users", 0))
        given |= {"users": (users,), "duration_s": load.duration_s}
    elif "iterations" not in given and given.setdefault("duration_s", default_s) is None:
        given["iterations"] = (1,)
    return Scenario(name=name, **given)


def is_test_name(test: str) -> bool:
    """Whether this can be the name of a test of the Python runner at all."""
    return _TEST_NAME.fullmatch(test) is not None


def command(test_runner: str, test: str) -> list[str]:
    """The program and the arguments that a `test_runner` names.

    Raises:
        ValueError: it names none, a quotation is not closed, or it is too long with the test.
    """
    length = len(test_runner) + test_runner.count("{test}") * len(test)
    if length > bounds.MAX_COMMAND_BYTES:
        raise ValueError(f"with the test in it, it has {length:,} characters")
    words = [word.replace("{test}", test) for word in shlex.split(test_runner)]
    if not words or not words[0]:
        raise ValueError("it names no program")
    return words


# What is wrong with a plan


def _plan_violations(plan: run_pb2.RunSpec) -> list[Violation]:
    found: list[Violation] = []

    def check(valid: bool, field: str, description: str) -> None:  # noqa: FBT001 - reads as a sentence
        if not valid:
            found.append(Violation(f"plan.{field}", description))

    if plan.scenarios:
        _check_scenarios(plan, check)
        _check_options([DURATION], plan, "", check)
    else:
        _check_load(plan, "", check)
    _check_options(options.OF_PLAN, plan, "", check)
    parts = max(1, plan.agents) * len(plan.scenarios)
    message = f"times the scenarios, must be at most {bounds.MAX_PARTS:,}"
    check(parts <= bounds.MAX_PARTS, "agents", message)
    return found


def _check_scenarios(plan: run_pb2.RunSpec, check: Check) -> None:
    told = {field.name for field, _ in plan.ListFields()} - {DURATION.field}
    for row in options.OF_SCENARIO:
        check(row.field not in told, row.field, "must be set per scenario")
    names: set[str] = set()
    for at, scenario in enumerate(plan.scenarios):
        where = f"scenarios[{at}]."
        check(
            bool(scenario.name) and scenario.name.isprintable(),
            f"{where}name",
            "is required, and of characters that can be printed",
        )
        check(scenario.name not in names, f"{where}name", f"{scenario.name!r} is there twice")
        names.add(scenario.name)
        _check_load(scenario, where, check)


def _check_load(message: run_pb2.RunSpec | run_pb2.Scenario, where: str, check: Check) -> None:
    _check_test(message, where, check)
    _check_options(options.OF_SCENARIO, message, where, check)
    _check_open(message, where, check)


def _check_options(
    rows: Iterable[Option],
    message: run_pb2.RunSpec | run_pb2.Scenario,
    where: str,
    check: Check,
) -> None:
    """Checks each option by itself, and what it needs and excludes."""
    told = {field.name for field, _ in message.ListFields()}
    by_hand = message.runner_mode == run_pb2.RUNNER_MODE_BY_HAND
    for row in rows:
        if row.field not in told:
            continue
        for place, detail in row.kind.wrong(row.kind.get(message, row.field)):
            check(False, f"{where}{row.field}{place}", detail)  # noqa: FBT003 - it is not valid
        lacks = bool(row.needs) and row.needs not in told and not by_hand
        needed = "several tests" if row.needs == "tests" else f"a {row.needs}"
        check(not lacks, f"{where}{row.field}", f"needs {needed}, which the plan does not have")
        foreign = row.python and "test_runner" in told
        detail = "can only be used with the Python runner: a test_runner has to do this by itself"
        check(not foreign, f"{where}{row.field}", detail)
        for excluded in row.excludes:
            detail = f"cannot be combined with {excluded}"
            check(excluded not in told, f"{where}{row.field}", detail)


def _check_open(message: run_pb2.RunSpec | run_pb2.Scenario, where: str, check: Check) -> None:
    """What only arrivals have, and what they need."""
    load = options.ALL["load"].kind.get(message, "load")
    load = load or options.ALL["stages"].kind.get(message, "stages")
    is_open = isinstance(load, model.Load) and load.is_open
    if isinstance(load, model.Load) or load is None:
        for field in OF_ARRIVALS:
            detail = "is for a load of arrivals, such as 100/s for 30s, and there is none"
            check(is_open or not getattr(message, field), f"{where}{field}", detail)
    for field in ("pacing", "think"):
        wait = options.ALL[field].kind.get(message, field)
        detail = "is for users who wait: arrivals start when they are planned; 0s is no wait"
        check(not is_open or wait in (None, model.Constant(0.0)), f"{where}{field}", detail)
    one_user_each = message.test_runner and message.runner_mode in {
        run_pb2.RUNNER_MODE_UNSPECIFIED,
        run_pb2.RUNNER_MODE_ONE_USER,
    }
    detail = "arrivals need all-users mode: use runner_mode all-users"
    check(not (is_open and one_user_each), f"{where}load", detail)


def _check_test(message: run_pb2.RunSpec | run_pb2.Scenario, where: str, check: Check) -> None:
    if message.tests:
        _check_tests(message, where, check)
        return
    if message.runner_mode == run_pb2.RUNNER_MODE_BY_HAND:
        check(bool(message.test), f"{where}test", "is required")
        check(not message.test_runner, f"{where}test_runner", "is not started, by hand")
        return
    if not message.test_runner:
        check(
            is_test_name(message.test),
            f"{where}test",
            "must be package.module.Class.method or file.py::Class.method"
            + (f", not {message.test!r}" if message.test else "; it is required"),
        )
        return
    check(bool(message.test), f"{where}test", "is required")
    try:
        command(message.test_runner, message.test)
    except ValueError as error:
        check(False, f"{where}test_runner", f"cannot be a command: {error}")  # noqa: FBT003 - it is not valid


def _check_tests(message: run_pb2.RunSpec | run_pb2.Scenario, where: str, check: Check) -> None:
    """Checks the names of several tests, and that their weights mean something."""
    for at, each in enumerate(message.tests):
        check(
            is_test_name(each.test),
            f"{where}tests[{at}].test",
            "must be package.module.Class.method or file.py::Class.method"
            + (f", not {each.test!r}" if each.test else "; it is required"),
        )
    is_random = message.test_order == run_pb2.TEST_ORDER_RANDOM
    weighted = any(each.weight > 1 for each in message.tests)
    detail = "cannot be random where there are weights: it draws all alike"
    check(not (is_random and weighted), f"{where}test_order", detail)
