"""Runs that the broker asks for itself: once for each request, whatever is in the plan."""

import pytest

from loadgrpc.broker.launcher import Launcher
from loadgrpc.model import Parameter, RunState, StopMode
from loadgrpc.testing import plan_of

PLAN = plan_of(
    test="a.B.c",
    iterations=(1,),
    labels=("z",),
    env=(("LOADGRPC_RESULTS", "{}"), ("Z", "1")),
    parameters=(Parameter("password", "hunter2"),),
)


def test_asking_again_starts_nothing(at_desk, tmp_path):
    """Neither here nor after a restart: what is stored is taken for what was asked for."""
    store = str(tmp_path / "s.db")

    async def ask(desk):
        launcher = Launcher(desk.broker._parts[0])
        asked = [
            await launcher.start(PLAN, "request", label="campaign=c-1", within_s=60.0)
            for _ in range(2)
        ]
        found = await launcher.find("request")
        assert {each.run_id for each in asked} == {found.run_id}
        assert (await launcher.find("another")).run_id == ""
        return found.run_id, asked[-1].reason

    first = at_desk(ask, store=store)
    assert first == at_desk(ask, store=store)
    assert first[1] == "1 of 1 in the queue: needs 1 agent, none known"


@pytest.mark.parametrize("label", ["schedule=my own", "x" * 65])
def test_what_cannot_be_a_label_is_none(at_desk, label):
    """The run is started all the same."""

    async def use(desk):
        launched = await Launcher(desk.broker._parts[0]).start(
            PLAN, "request", label=label, within_s=60.0
        )
        return (await desk.broker.get_run(launched.run_id)).plan.labels

    assert at_desk(use) == ("z",)


def test_a_run_that_is_gone(at_desk):
    """It was stopped in the queue and deleted: it has a result, which nobody knows."""

    async def use(desk):
        launcher = Launcher(desk.broker._parts[0])
        run_id = (await launcher.start(PLAN, "q", label="a", within_s=60.0)).run_id
        assert await launcher.result(run_id) is None
        await launcher.stop(run_id, StopMode.GRACEFUL, "a test")
        await launcher.stop(run_id, StopMode.GRACEFUL, "a test")
        await desk.settled()
        stopped = await launcher.result(run_id)
        await desk.broker.archive.delete_run(run_id)
        return stopped, await launcher.result(run_id)

    stopped, gone = at_desk(use)
    assert (stopped.state, stopped.verdict.exit_code) == (RunState.STOPPED, 105)
    assert (gone.state, gone.verdict) == (RunState.FAILED, None)
