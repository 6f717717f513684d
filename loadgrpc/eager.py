"""A run here and now: `loadgrpc.run("web.py::TestShop.test_buy", users=10, iterations=20)`.

Rule: what `loadgrpc run` does without `-b`, as a call: a cluster of one for as long as the run
lasts, the same runner processes and the same result. Runners start in the current folder. A run
that is interrupted, or that takes too long, is killed.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from loadgrpc.client import Client, LoadResult
from loadgrpc.client.portal import portal
from loadgrpc.local import local_cluster
from loadgrpc.model import Plan, plan_of

Test = str | Plan | Callable[..., Any]


def run(
    test: Test, *, throw: bool = False, timeout: float | None = None, **options: Any
) -> LoadResult:
    """Runs a test under load on this machine, and returns its result when it is over.

    Args:
        test: `package.module.Class.method`, `file.py::Class.method`, the method itself
            (`TestShop.test_buy`), or a whole plan.
        throw: Whether to raise if the run did not pass.
        timeout: Seconds that it may take at most, with its start and its end; None: any time.
        options: Of the plan, by their names in `loadgrpc.model.Plan` and `Scenario`, such as
            `users=10`, `iterations=20`, `duration_s=60`, `server_url="http://…"` and
            `parameters={"product": 9}`; `secrets={"token": …}` are what only the test gets.

    Raises:
        InvalidRequest: options, or parameters of the test, are wrong.
        TimeoutError: it was not over in time, and was killed.
        RunFailed, TestNotLoaded: with `throw`, as `LoadResult.raise_for_verdict` says.
    """
    return portal().call(run_async(test, throw=throw, timeout=timeout, **options))


async def run_async(
    test: Test,
    *,
    throw: bool = False,
    timeout: float | None = None,  # noqa: ASYNC109 - as `run` has it
    **options: Any,
) -> LoadResult:
    """The same, for asyncio."""
    if isinstance(test, Plan):
        if options:
            raise TypeError(f"a plan has its own options: {', '.join(options)}")
        plan = test
    else:
        plan = plan_of(test=test if isinstance(test, str) else name_of(test), **options)
    async with local_cluster() as endpoint, Client.connect(endpoint) as client:
        handle = await client.start(plan)
        result = await handle.result(timeout)
    return result.raise_for_verdict() if throw else result


def name_of(method: Callable[..., Any]) -> str:
    """The name of a test method as a plan has it.

    Raises:
        TypeError: it is no method of a class at the top of a file.
    """
    name = getattr(method, "__qualname__", "")
    file = inspect.getsourcefile(method) if inspect.isfunction(method) else None
    if file is None or name.count(".") != 1:
        raise TypeError(f"{method!r} is no method of a class, such as TestShop.test_buy")
    return f"{file}::{name}"
