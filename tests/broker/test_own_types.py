"""Types that runs bring: which are had, and for how long."""



from loadgrpc.errors import NotFound


def knows(desk, symbol="acme.Order"):
    """Whether reflection describes a symbol."""
    try:
        return bool(desk.broker.types.described().file_containing_symbol(symbol))
    except NotFound:
        return False


async def bring(desk, runner, types):
    """A runner brings types; why they are refused, if they are."""
    runner.answers()
    await desk.broker.bring_types(runner.inbox, runner.source_id, types)
    refused = [answer for _, answer in runner.answers()]
    return refused[0].reason if refused else None


async def ends(desk, runner):
    """The run of a runner is over, and its agent idle."""
    await runner.ends(0)
    await desk.settled()
    desk.broker.heard_from_agent(runner.agent.agent_id)


async def running(desk, *, types=None):
    """A runner of a new run, and what was said of the types that it brought."""
    runner = await desk.runner(await desk.start(f"a{len(desk.agents) + 1}"), f"a{len(desk.agents)}")
    runner.ready(1)
    return runner, await bring(desk, runner, types) if types else None
