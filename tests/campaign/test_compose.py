"""What puts steps together: each makes a piece of one graph, and pieces make pieces."""

import pytest

from loadgrpc import campaign
from loadgrpc.errors import InvalidRequest
from loadgrpc.model import After, ObserverChoice, Parameter, StepGate
from loadgrpc.testing import plan_of

PLAN = plan_of(test="shop.TestShop.test_buy")
PASSED, FAILED, OVER = StepGate


def run(name):
    """A step."""
    return campaign.run(PLAN, name=name)


def edges(work):
    """What comes after what, in short."""
    return {
        step.name: [(each.step, each.gate.name.lower(), each.exit_codes) for each in step.after]
        for step in work.steps
    }


def test_a_run_is_called_as_its_runs_are():
    """Or as it was named; a slash has no place in a name, which is part of a request's."""
    assert campaign.run(PLAN).firsts == ("shop.TestShop.test_buy",)
    assert campaign.run(plan_of(test="a/b.py::C.d")).firsts == ("a-b.py::C.d",)
    assert len(campaign.run(PLAN, name="x" * 100).firsts[0]) == 64


def test_chain():
    """One after another, with the gate that was asked for."""
    assert edges(campaign.chain(run("a"), run("b"), run("c"))) == {
        "a": [],
        "b": [("a", "passed", ())],
        "c": [("b", "passed", ())],
    }
    assert edges(campaign.chain(run("a"), run("b"), on_failure="continue"))["b"] == [
        ("a", "over", ())
    ]


def test_pieces_of_pieces():
    """A chain of groups: each of the second comes after all of the first."""
    work = campaign.chain(
        campaign.group(run("a"), run("b")),
        campaign.group(run("c"), campaign.chain(run("d"), run("e"))),
    )
    assert edges(work) == {
        "a": [],
        "b": [],
        "c": [("a", "passed", ()), ("b", "passed", ())],
        "d": [("a", "passed", ()), ("b", "passed", ())],
        "e": [("d", "passed", ())],
    }
    assert (work.firsts, work.lasts) == (("a", "b"), ("c", "e"))


def test_names_are_made_unique():
    """What is there twice gets a number, and what comes after it still does."""
    work = campaign.chain(run("a"), run("a"), campaign.group(run("a"), run("a-2")))
    assert edges(work) == {
        "a": [],
        "a-2": [("a", "passed", ())],
        "a-3": [("a-2", "passed", ())],
        "a-2-2": [("a-2", "passed", ())],
    }


def test_nothing_is_nothing():
    """Empty pieces leave no hole."""
    assert edges(campaign.chain(run("a"), campaign.group(), run("b"))) == {
        "a": [],
        "b": [("a", "passed", ())],
    }


def test_chord():
    """The body gets the results; whether it comes after a failure is for who asks."""
    work = campaign.chord(campaign.group(run("a"), run("b")), run("body"), on_failure="continue")
    body = work.steps[-1]
    assert body.results
    assert body.after == (After(step="a", gate=OVER), After(step="b", gate=OVER))
    notified = campaign.chord(run("a"), campaign.notify(ObserverChoice(name="irc"))).steps[-1]
    assert (notified.observer.name, notified.results) == ("irc", False)


def test_gate():
    """What is chained to a gate comes after the way that was taken: one is enough."""
    work = campaign.chain(
        campaign.gate(run("a"), passed=run("b"), failed=run("c"), exit_codes={(99, 3): run("d")}),
        run("e"),
    )
    assert edges(work) == {
        "a": [],
        "b": [("a", "passed", ())],
        "c": [("a", "failed", ())],
        "d": [("a", "passed", (99, 3))],
        "e": [("b", "passed", ()), ("c", "passed", ()), ("d", "passed", ())],
    }
    assert [step.name for step in work.steps if step.any_of] == ["e"]
    with pytest.raises(ValueError, match="a gate cannot stand in a group"):
        campaign.group(campaign.gate(run("a"), passed=run("b"), failed=run("c")), run("x"))


def loads(work):
    """The users and variables of each run."""
    return [(each.plan.users, dict(each.plan.env)) for each in work.steps]


def test_map_and_starmap():
    """One plan over many values, as values of the plan, of its scenarios, or as variables."""
    mapped = campaign.map(PLAN, "users", [10, (20, 30)], name="load")
    assert mapped.firsts == mapped.lasts == ("load-1", "load-2")
    assert loads(mapped) == [((10,), {}), ((20, 30), {})]
    rows = [{"users": 1, "env.SHOP": "berlin"}, {"agents": 2, "env.SHOP": "paris"}]
    starred = campaign.starmap(PLAN, rows)
    assert loads(starred) == [((1,), {"SHOP": "berlin"}), ((1,), {"SHOP": "paris"})]
    assert [step.plan.agents for step in starred.steps] == [1, 2]
    with pytest.raises(ValueError, match=r"a plan has no 'user'; it has .*users"):
        campaign.map(PLAN, "user", [1])


@pytest.mark.parametrize(("number", "parts"), [(100, 4), (10, 3), (3, 10), (7, 7), (1, 1)])
def test_chunks_are_all_of_it(number, parts):
    """Users and items are split into parts that differ by one at most, and are not empty."""
    sizes = [users for (users,), _ in loads(campaign.chunks(PLAN, number, parts))]
    assert sum(sizes) == number
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) > 0
    items = list(range(number))
    lists = [
        env["ITEMS"] for _, env in loads(campaign.chunks(PLAN, items, parts, field="env.ITEMS"))
    ]
    assert [each for text in lists for each in eval(text)] == items  # noqa: S307


def test_chunks_that_cannot_be():
    """There is nothing to split, or nowhere to put it."""
    with pytest.raises(ValueError, match="at least one item"):
        campaign.chunks(PLAN, [], 3, field="env.ITEMS")
    with pytest.raises(ValueError, match="need the field that gets them"):
        campaign.chunks(PLAN, [1, 2], 2)


def wrong(*steps, **more):
    """What is wrong with a campaign of these steps."""
    with pytest.raises(InvalidRequest) as caught:
        campaign.of(campaign.Fragment(steps, (), ()), **more)
    return {each.field: each.description for each in caught.value.violations}


def test_what_is_wrong_is_said():
    """Each field that is, with what would be right."""
    (a,), (b,) = run("a").steps, run("b").steps
    after = type(a)

    def step(name, *before, **more):
        return after(name=name, plan=PLAN, after=tuple(After(step=each) for each in before), **more)

    assert wrong() == {"steps": "is required: a campaign has at least one step"}
    assert wrong(a, b, a) == {"steps[2].name": "'a' is there twice"}
    assert wrong(step("a/b")).keys() == {"steps[0].name"}
    assert wrong(step("a", "x")) == {"steps[0].after[0].step": "there is no step 'x'"}
    assert "is there twice" in wrong(a, step("b", "a", "a"))["steps[1].after[1].step"]
    circle = wrong(step("a", "c"), step("b", "a"), step("c", "b"), step("d"))
    assert circle == {"steps": "no step may come after itself: b → c → a → b"}
    assert "may come after itself" in wrong(step("a", "a"))["steps"]
    observer = after(name="n", observer=ObserverChoice(name="irc"))
    assert "observer is notified of" in wrong(observer)["steps[0].after"]
    assert "and not both" in wrong(after(name="n"))["steps[0].plan"]
    assert wrong(step("a", results=True)).keys() == {"steps[0].results"}
    assert wrong(a, title="a\nb").keys() == {"title"}
    many = [step(f"s{at}") for at in range(campaign.MAX_STEPS + 1)]
    assert wrong(*many) == {"steps": "has more than 200 entries"}


def test_a_long_chain_is_no_circle_and_is_looked_at_in_no_time():
    """200 steps, each after all those before it."""
    steps = []
    for at in range(campaign.MAX_STEPS):
        after = tuple(After(step=each.name) for each in steps)
        steps.append(type(run("a").steps[0])(name=f"s{at}", plan=PLAN, after=after))
    assert len(campaign.of(campaign.Fragment(tuple(steps), (), ())).steps) == 200


def test_parameters_of_tests():
    """One plan over many values of a parameter; others stay."""
    plan = plan_of(test="a.B.c", parameters=(Parameter("page", "1"),))
    work = campaign.map(plan, "parameters.product", [7, 9])
    assert [
        {each.name: each.value for each in step.plan.scenarios[0].parameters} for step in work.steps
    ] == [{"page": "1", "product": "7"}, {"page": "1", "product": "9"}]
