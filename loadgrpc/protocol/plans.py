"""Plans, as their messages and back.

Rule: a plan comes from a stranger: every wrong field is named.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from loadgrpc import model
from loadgrpc.errors import InvalidRequest, Violation
from loadgrpc.model import RunnerMode, Scenario
from loadgrpc.protocol import bounds
from loadgrpc.protocol.times import seconds_from_proto, seconds_to_proto
from loadgrpc.secrets import masked
from loadgrpc.v1 import run_pb2

_TEST_NAME: Final = re.compile(r"[^\s:]+\.[^\s.:]+\.[^\s.:]+|[^\n]+?::[^\s:]+(::|\.)[^\s:.]+")
"""`package.module.Class.method`, or `file.py::Class.method`."""
_OF_SCENARIOS: Final = (
    "test",
    "users",
    "iterations",
    "spawn_rate",
    "server_url",
    "processes",
    "test_runner",
    "runner_mode",
    "silence_timeout",
)
"""Fields of a plan that stand in its scenarios, when it has any."""

Check = Callable[[bool, str, str], None]
"""Notes a violation, unless the first is so: of a field, in words."""


def plan_to_proto(plan: model.Plan) -> run_pb2.RunSpec:
    """A plan as RunSpec."""
    message = run_pb2.RunSpec(
        agents=plan.agents,
        split=plan.split,
        stop_timeout=seconds_to_proto(plan.stop_timeout_s),
        no_dns_resolve=plan.no_dns_resolve,
    )
    if len(plan.scenarios) == 1 and not plan.scenarios[0].name:
        _load_to_proto(plan.scenarios[0], message)
    else:
        for scenario in plan.scenarios:
            _load_to_proto(scenario, message.scenarios.add(name=scenario.name))
    return message


def _load_to_proto(scenario: Scenario, message: run_pb2.RunSpec | run_pb2.Scenario) -> None:
    message.test = scenario.test
    message.users.extend(scenario.users)
    message.iterations.extend(scenario.iterations)
    if scenario.duration_s is not None:
        message.duration.CopyFrom(seconds_to_proto(scenario.duration_s))
    message.spawn_rate = scenario.spawn_rate
    message.server_url = scenario.server_url
    message.processes = scenario.processes
    if scenario.test_runner:
        message.test_runner = scenario.test_runner
        message.runner_mode = int(scenario.runner_mode)  # type: ignore[assignment]  # an enum's number
        message.silence_timeout.CopyFrom(seconds_to_proto(scenario.silence_timeout_s))
    elif scenario.runner_mode is RunnerMode.BY_HAND:
        message.runner_mode = int(scenario.runner_mode)  # type: ignore[assignment]  # as above


def plan_from_proto(message: run_pb2.RunSpec) -> model.Plan:
    """A RunSpec as a plan, defaults filled in.

    Raises:
        InvalidRequest: fields break a rule of run.proto; all of them are named, and those that
            break a bound before the others.
    """
    if (size := message.ByteSize()) > bounds.MAX_PLAN_BYTES:
        words = f"has {size:,} bytes, more than {bounds.MAX_PLAN_BYTES:,}"
        raise InvalidRequest([Violation("plan", words)])
    bounds.check(message, "plan.")
    violations = _plan_violations(message)
    if violations:
        raise InvalidRequest(violations)
    return checked_plan(message)


def checked_plan(message: run_pb2.RunSpec) -> model.Plan:
    """A plan that a broker has checked, today or years ago."""
    if message.scenarios:
        default_s = _seconds(message, "duration")
        scenarios = tuple(_scenario(each, each.name, default_s) for each in message.scenarios)
    else:
        scenarios = (_scenario(message, ""),)
    stop_timeout_s = _seconds(message, "stop_timeout")
    return model.Plan(
        scenarios=scenarios,
        agents=message.agents or 1,
        split=message.split,
        stop_timeout_s=(model.DEFAULT_STOP_TIMEOUT_S if stop_timeout_s is None else stop_timeout_s),
        no_dns_resolve=message.no_dns_resolve,
    )


def shown_plan(plan: model.Plan) -> run_pb2.RunSpec:
    """A plan as its message, to be shown: without the secrets that only runners need."""
    scenarios = tuple(
        replace(
            scenario,
            server_url=masked(scenario.server_url),
            test_runner=masked(scenario.test_runner),
        )
        for scenario in plan.scenarios
    )
    return plan_to_proto(replace(plan, scenarios=scenarios))


def _scenario(
    message: run_pb2.RunSpec | run_pb2.Scenario, name: str, default_s: float | None = None
) -> Scenario:
    duration_s = _seconds(message, "duration")
    if duration_s is None and not message.iterations:
        duration_s = default_s
    silence_s = _seconds(message, "silence_timeout")
    return Scenario(
        name=name,
        test=message.test,
        users=tuple(message.users) or (1,),
        iterations=tuple(message.iterations) or (() if duration_s is not None else (1,)),
        duration_s=duration_s,
        spawn_rate=message.spawn_rate,
        server_url=message.server_url,
        processes=message.processes,
        test_runner=message.test_runner,
        runner_mode=RunnerMode(message.runner_mode or RunnerMode.ONE_USER),
        silence_timeout_s=model.DEFAULT_SILENCE_TIMEOUT_S if silence_s is None else silence_s,
    )


def _seconds(message: run_pb2.RunSpec | run_pb2.Scenario, field: str) -> float | None:
    """A duration of a message, if it is set."""
    return seconds_from_proto(getattr(message, field)) if message.HasField(field) else None


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
    else:
        _check_load(plan, "", check)
    if plan.HasField("duration"):
        _check_duration(plan, "", check)
    check(plan.agents <= model.MAX_AGENTS, "agents", f"must be at most {model.MAX_AGENTS}")
    parts = max(1, plan.agents) * len(plan.scenarios)
    words = f"times the scenarios, must be at most {bounds.MAX_PARTS:,}"
    check(parts <= bounds.MAX_PARTS, "agents", words)
    return found


def _check_scenarios(plan: run_pb2.RunSpec, check: Check) -> None:
    told = {field.name for field, _ in plan.ListFields()}
    for name in _OF_SCENARIOS:
        check(name not in told, name, "stands in the scenarios, when there are any")
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
        if scenario.HasField("duration"):
            _check_duration(scenario, where, check)


def _check_load(message: run_pb2.RunSpec | run_pb2.Scenario, where: str, check: Check) -> None:
    _check_test(message, where, check)
    for at, users in enumerate(message.users):
        valid = 0 < users <= model.MAX_USERS
        check(valid, f"{where}users[{at}]", f"must be from 1 to {model.MAX_USERS}")
    for at, iterations in enumerate(message.iterations):
        check(
            0 < iterations <= model.MAX_ITERATIONS,
            f"{where}iterations[{at}]",
            f"must be from 1 to {model.MAX_ITERATIONS}",
        )
    check(
        sum(message.iterations) <= model.MAX_ITERATIONS,
        f"{where}iterations",
        f"must sum to at most {model.MAX_ITERATIONS}",
    )
    check(
        0 <= message.spawn_rate < float("inf"),
        f"{where}spawn_rate",
        "must be a finite number, 0 or more",
    )
    check(
        not message.server_url or "://" in message.server_url,
        f"{where}server_url",
        "must be a URL, as http://127.0.0.1:8000",
    )
    check(
        message.processes <= model.MAX_PROCESSES,
        f"{where}processes",
        f"must be at most {model.MAX_PROCESSES}",
    )


def _check_test(message: run_pb2.RunSpec | run_pb2.Scenario, where: str, check: Check) -> None:
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
        for name in ("runner_mode", "silence_timeout"):
            told = any(field.name == name for field, _ in message.ListFields())
            check(not told, f"{where}{name}", "is for a test_runner, and there is none")
        return
    check(bool(message.test), f"{where}test", "is required")
    try:
        command(message.test_runner, message.test)
    except ValueError as error:
        check(False, f"{where}test_runner", f"cannot be a command: {error}")  # noqa: FBT003 - it is not valid
    modes = (0, *RunnerMode)
    check(message.runner_mode in modes, f"{where}runner_mode", "is not known here")


def _check_duration(message: run_pb2.RunSpec | run_pb2.Scenario, where: str, check: Check) -> None:
    check(not message.iterations, f"{where}duration", "cannot be combined with iterations")
    check(seconds_from_proto(message.duration) > 0, f"{where}duration", "must be more than 0s")
