"""The parameters of a plan, compared with what its tests declare, by the client that has the tests.

Rule: what is wrong is known before anything is sent, and what a test declares as a secret is
marked as one, so that no broker shows or stores it. Tests are loaded in a process of their own, as
a runner would; one that cannot be loaded here is left to the agents, which compare in any case.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import replace
from typing import Any, Final

from loadgrpc.errors import InvalidRequest, Violation
from loadgrpc.model import Plan, Scenario

LOAD_S: Final = 20.0
"""How long loading a test may take here; then it is left to the agents."""
ASKED: Final = ("-P", "-m", "loadgrpc.runner.declared")


async def compared(plan: Plan) -> Plan:
    """The plan, with those parameters marked as secrets that its tests, loaded from here, declare.

    Raises:
        InvalidRequest: parameters do not fit, unless the plan is `unchecked`; each is named.
    """
    wrong: list[Violation] = []
    scenarios: list[Scenario] = []
    for at, scenario in enumerate(plan.scenarios):
        if scenario.parameters and not scenario.test_runner and not scenario.by_hand:
            found = await _asked(scenario)
            where = f"plan.scenarios[{at}]." if scenario.name else "plan."
            wrong += [
                Violation(f"{where}parameters[{name!r}]", what)
                for name, what in found.get("wrong", ())
            ]
            secret = set(found.get("secrets", ()))
            marked = (
                replace(each, secret=each.secret or each.name in secret)
                for each in scenario.parameters
            )
            scenarios.append(replace(scenario, parameters=tuple(marked)))
        else:
            scenarios.append(scenario)
    if wrong and not plan.unchecked:
        raise InvalidRequest(wrong)
    return replace(plan, scenarios=tuple(scenarios))


async def _asked(scenario: Scenario) -> dict[str, Any]:
    """What a process that has loaded the test says; nothing, if it cannot."""
    given = [[each.name, each.value, each.secret] for each in scenario.parameters]
    question = json.dumps({"test": scenario.test, "parameters": given})
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *ASKED,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(LOAD_S):
            said, _ = await process.communicate(question.encode())
        found: dict[str, Any] = json.loads(said)
    except (TimeoutError, ValueError):
        return {}
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return found
