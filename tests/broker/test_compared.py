"""Whoever starts a run waits until its parameters are compared with the test, and not for long."""

import asyncio
from dataclasses import replace

import pytest

from loadgrpc.broker.parameters import Comparison, refused
from loadgrpc.broker.part import Part
from loadgrpc.broker.run import ActiveRun
from loadgrpc.broker.split import assignments
from loadgrpc.errors import InvalidRequest
from loadgrpc.model import ExceptionInfo, Run, RunnerMode, RunState, plan_of
from loadgrpc.protocol.fleet import Registration


def a_run(**plan):
    """A run whose runners have not loaded the test yet."""
    asked = plan_of(**{"test": "a.B.c", "parameters": {"product": "x"}, **plan})
    run = Run(run_id="r", state=RunState.STARTING, plan=asked, create_time_ns=1, agent_ids=("a",))
    return ActiveRun(run, [Part(share, "host") for share in assignments(asked, "r", ("a",))])


def wrong(run, message, kind="InvalidParameters"):
    """The runner of the run could not load it."""
    run.parts["a", ""].load_error = ExceptionInfo(type=kind, message=message)


def test_what_is_wrong_is_refused_field_by_field():
    """As soon as a runner says so; sentences may have semicolons in them."""

    async def main():
        run = a_run()
        waiting = asyncio.create_task(Comparison({"r": run}).compared("r"))
        await asyncio.sleep(0)
        assert not waiting.done()
        run.wake()  # something else has happened
        wrong(run, "prodct: is none; did you mean 'product'?; product: must be x: y")
        run.wake()
        with pytest.raises(InvalidRequest) as caught:
            await waiting
        assert [(each.field, each.description) for each in caught.value.violations] == [
            ("plan.parameters['prodct']", "is none; did you mean 'product'?"),
            ("plan.parameters['product']", "must be x: y"),
        ]
        assert run.watchers == set()

    asyncio.run(main())


def test_nobody_waits_for_what_is_not_compared():
    """A run with another runner, by hand, unchecked, unknown, or that has begun."""

    async def main():
        begun = a_run()
        begun.run = Run(**{**vars(begun.run), "state": RunState.RUNNING})
        for run in (
            a_run(test_runner="./x"),
            a_run(runner_mode=RunnerMode.BY_HAND),
            a_run(parameters={}),  # its agents are of others, and report nothing of the kind
            a_run(unchecked=True),
            begun,
        ):
            await Comparison({"r": run}).compared("r")
            await Comparison({}).compared("r")

    asyncio.run(main())


def test_one_that_is_missing_is_noticed_without_any():
    """If the agents can report it."""

    async def main():
        run = a_run(parameters={})
        machine = Registration(agent_id="a", hostname="h", pid=1, version="1", cores=1)
        run.machines["a"] = replace(machine, prepares=True)
        waiting = asyncio.create_task(Comparison({"r": run}).compared("r"))
        await asyncio.sleep(0)
        assert not waiting.done()
        wrong(run, "card: is missing: the test declares it without a value")
        run.wake()
        with pytest.raises(InvalidRequest, match="card"):
            await waiting

    asyncio.run(main())


def test_a_runner_that_takes_its_time_is_not_waited_for():
    """Its run goes on: it says what is wrong when it knows."""

    async def main():
        run = a_run()
        await Comparison({"r": run}, 0.001).compared("r")
        assert run.watchers == set()

    asyncio.run(main())


def test_other_errors_of_loading_are_none_of_these():
    """They are the run's own end."""
    run = a_run()
    wrong(run, "no module", kind="ModuleNotFoundError")
    assert refused(run) == []
