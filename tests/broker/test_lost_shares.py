"""What an agent that was lost had not started: nobody else's, and counted, also after changes."""

from hypothesis import given, settings
from hypothesis import strategies as st

from loadgrpc.broker.part import Part
from loadgrpc.broker.split import assignments
from loadgrpc.clock import NS_PER_S
from loadgrpc.model import IterationFigures, LoadChange, LoadChangeKind, Spacing
from loadgrpc.stats.arrival_counts import ArrivalCounts
from loadgrpc.stats.arrivals import Arrivals, Stripe
from loadgrpc.stats.load_line import LoadLine
from loadgrpc.stats.load_text import stages
from loadgrpc.testing import plan_of

loads = st.sampled_from(
    [
        "12/s for 6s",
        "ramp 0..20/s in 4s; hold 2s",
        "step +5/s x3 each 2s",
        "sine 3..15/s period 2s for 5s; down in 1s",
        "levels 9,0,21/s each 2s",
    ]
)
changes = st.lists(
    st.builds(
        LoadChange,
        st.integers(0, 80).map(lambda n: n / 10),
        st.sampled_from(LoadChangeKind),
        st.integers(0, 30).map(lambda n: n / 10),
    ),
    max_size=3,
).map(lambda found: (*found, LoadChange(9.0, LoadChangeKind.RESUME)))


def taken(arrivals, *, until_s=60.0):
    """The numbers of the arrivals that are started before some time."""
    found = []
    while (due_ns := arrivals.due_ns) is not None and due_ns < until_s * NS_PER_S:
        found.append(arrivals.index)
        arrivals.take()
    return found


@settings(max_examples=50)
@given(
    text=loads,
    made=changes,
    agents=st.sampled_from([1, 3, 7]),
    lost=st.integers(0, 6),
    lost_s=st.floats(0, 8),
    knew=st.booleans(),
    spacing=st.sampled_from(Spacing),
    seed=st.integers(1, 2**32 - 1),
)
def test_the_shares_of_all_agents_are_the_plan(
    text, made, agents, lost, lost_s, knew, spacing, seed
):
    """Each arrival is started once, or counted as not started by the agent whose it was.

    The load is changed live, before the agent is lost or after it, which may never learn of that.
    """
    load, lost = stages(text), lost % agents
    line = LoadLine(load, made)
    plan = plan_of(load=load, users=(100,), arrivals=spacing, seed=seed, agents=agents)
    parts = [Part(each, "") for each in assignments(plan, "r-1", list(map(str, range(agents))))]
    whole = taken(Arrivals(line, Stripe(), spacing, seed))

    started, not_yet, planned = [], 0, 0
    for at, part in enumerate(parts):
        follows = line if at != lost or knew else LoadLine(load)
        own = Arrivals(follows, Stripe(at, agents), spacing, seed)
        mine = taken(own, until_s=lost_s if at == lost else 60.0)
        part.change_load(made)
        if at == lost:
            part.lose("its machine is gone", 1)
        else:
            part.end(1)
        came = IterationFigures(started=len(mine))
        told = ArrivalCounts(planned=len(mine), started=len(mine))
        figures = part.with_arrivals(came, told, stopped=False)
        assert figures.planned == figures.started + figures.dropped + figures.not_yet
        started += mine
        planned, not_yet = planned + figures.planned, not_yet + figures.not_yet
        if at == lost:
            rest = [index for index in whole if index % agents == at and index not in mine]
            assert figures.not_yet == len(rest)
        else:
            assert figures.not_yet == 0

    assert len(started) == len(set(started))
    beyond = [index for index in started if index not in whole]  # it did not know that less is due
    assert all(index % agents == lost and not knew for index in beyond)
    assert planned == len(whole) + len(beyond)
    assert len(started) + not_yet == planned
