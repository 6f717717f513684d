"""Campaigns in files: steps as people write them, made into one graph; what is wrong is said."""

import json

import pytest

from loadgrpc.cli.campaign_file import campaign_of_file
from loadgrpc.cli.failure import Failure
from loadgrpc.model import StepGate

HEAD = """\
title = "nightly"
start_timeout = "30m"
plan = {server_url = "http://shop", env = {A = "1"}, users = 3}
include_files = "data.csv"
"""
LOAD = """
[[steps]]
name = "load"
plan = {test = "a.B.c"}
"""


@pytest.fixture
def read(tmp_path):
    """`read(text)`: the campaign that a file of this text has."""

    def read(text, name="c.toml"):
        path = tmp_path / name
        path.write_text(text)
        return campaign_of_file(path)

    return read


def edges(spec):
    """What comes after what, in short."""
    return {
        step.name: [(each.step, each.gate.name.lower(), each.exit_codes) for each in step.after]
        for step in spec.steps
    }


def test_a_campaign(read):
    """What all plans have is beneath what each says; what is sent with them goes along."""
    spec, included = read(HEAD + LOAD + "after = []\n")
    (step,) = spec.steps
    assert (spec.title, spec.start_timeout_s, included) == ("nightly", 1_800.0, ("data.csv",))
    (scenario,) = step.plan.scenarios
    assert (scenario.server_url, scenario.users, step.plan.env) == (
        "http://shop",
        (3,),
        (("A", "1"),),
    )


def test_a_plan_in_a_file_of_its_own(read, tmp_path):
    """It is found beside the campaign, and says what it wants to say."""
    (tmp_path / "plan.toml").write_text('test = "x.Y.z"\nusers = 7\nenv = {B = "2"}\n')
    spec, _ = read(HEAD + '[[steps]]\nname = "a"\nplan = "plan.toml"\n')
    (step,) = spec.steps
    assert step.plan.scenarios[0].users == (7,)
    assert step.plan.env == (("A", "1"), ("B", "2"))


def test_after(read):
    """A name, names, gates, exit codes, or entries as the protocol has them."""
    text = LOAD + "".join(
        f'[[steps]]\nname = "s{at}"\nplan = {{test = "a.B.c"}}\nafter = {after}\n'
        for at, after in enumerate(
            (
                '"load"',
                '["load", "s0"]',
                '{load = "over", s0 = "failed"}',
                "{load = [0, 99], s1 = 3}",
                '[{step = "load", gate = "over"}, {step = "s0", exit_codes = [1]}]',
            )
        )
    )
    spec, _ = read(text)
    found = edges(spec)
    assert found["s0"] == [("load", "passed", ())]
    assert found["s1"] == [("load", "passed", ()), ("s0", "passed", ())]
    assert found["s2"] == [("load", "over", ()), ("s0", "failed", ())]
    assert found["s3"] == [("load", "passed", (0, 99)), ("s1", "passed", (3,))]
    assert found["s4"] == [("load", "over", ()), ("s0", "passed", (1,))]


@pytest.mark.parametrize(
    ("several", "loads"),
    [
        ("map = {users = [1, 2]}", [((1,), {}), ((2,), {})]),
        ('map = {"env.SHOP" = ["a", "b"]}', [((1,), {"SHOP": "a"}), ((1,), {"SHOP": "b"})]),
        (
            'starmap = [{users = 4}, {users = "5:6", "env.X" = "y"}]',
            [((4,), {}), ((5, 6), {"X": "y"})],
        ),
        ("chunks = {users = 5, parts = 2}", [((2,), {}), ((3,), {})]),
        (
            'chunks = {items = ["a", "b", "c"], parts = 2, into = "env.I"}',
            [((1,), {"I": '["a"]'}), ((1,), {"I": '["b", "c"]'})],
        ),
    ],
)
def test_several_of_one(read, several, loads):
    """Each is a step of its own; what comes after it comes after all of them."""
    after = '[[steps]]\nname = "end"\nplan = {test = "a.B.c"}\nafter = {load = "over"}\n'
    spec, _ = read(LOAD + several + "\n" + after)
    *steps, end = spec.steps
    assert [step.name for step in steps] == ["load-1", "load-2"]
    assert [(step.plan.users, dict(step.plan.env)) for step in steps] == loads
    assert [each.step for each in end.after] == ["load-1", "load-2"]
    assert {each.gate for each in end.after} == {StepGate.OVER}


def test_an_observer(read):
    """By its name, or with settings; it has no plan."""
    text = LOAD + '[[steps]]\nname = "tell"\nafter = "load"\nobserver = '
    spec, _ = read(text + '"slack"\n')
    assert (spec.steps[1].observer.name, spec.steps[1].plan) == ("slack", None)
    spec, _ = read(text + '{name = "irc", settings = {channel = "#x"}}\n')
    assert spec.steps[1].observer.settings == (("channel", "#x"),)


def test_json(read):
    """The same in JSON."""
    document = {"steps": [{"name": "a", "plan": {"test": "a.B.c", "users": 2}}]}
    spec, _ = read(json.dumps(document), "c.json")
    assert spec.steps[0].plan.users == (2,)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("steps = 3", "it needs [[steps]], at least one"),
        ("step = 3", "a campaign has no 'step'; there are plan, start_timeout, steps, title"),
        ("[[steps]]\nplan = {}", "step 1 needs a name"),
        (LOAD + LOAD, "there are two steps 'load'"),
        (LOAD + "aftr = 1", "step 'load': a step has no 'aftr'; there are after, any_of"),
        (LOAD + 'after = "x"', "after[0].step: there is no step 'x'"),
        (LOAD + 'after = {load = "good"}', "'good' is none of passed, failed, over"),
        (LOAD + "map = {users = 3}", "step 'load': map.users is not a list"),
        (LOAD + "map = {users = [1], agents = [2]}", "map is over one option: starmap takes rows"),
        (LOAD + "map = {users = [0]}", "'users': '0' is not a whole number"),
        (LOAD + "map = {usrs = [1]}", "a plan has no 'usrs'"),
        (LOAD + "map = {users = [1]}\nstarmap = []", "map and starmap cannot be combined"),
        (LOAD + "chunks = {users = 5}", "chunks need parts, a number"),
        (LOAD + "chunks = {items = [1], parts = 1}", "and into, what gets them"),
        (LOAD + 'observer = "x"', "an observer cannot be combined with a plan"),
        ('[[steps]]\nname = "a"\nplan = {test = "x"}', "step 'a': plan.test"),
        ('[[steps]]\nname = "a"\nplan = "no.toml"', "cannot be read: No such file"),
        ('[[steps]]\nname = "a"\nobserver = "irc"', "an observer is notified of the steps"),
        (LOAD + 'start_timeout = "soon"', "a step has no 'start_timeout'"),
        ('start_timeout = "soon"' + LOAD, "'soon' is not a duration"),
        ("=", "is not a campaign"),
    ],
)
def test_what_is_wrong_is_said(read, text, words):
    """With the step and the key, in one line."""
    with pytest.raises(Failure) as caught:
        read(text)
    assert words in caught.value.message
    assert caught.value.exit_code == 2


def test_a_file_that_is_not_there(tmp_path):
    """Is an error that says so."""
    with pytest.raises(Failure, match=r"x\.toml cannot be read: No such file"):
        campaign_of_file(tmp_path / "x.toml")


def test_parameters(read):
    """Those of a step are added to those of all, whichever way they are written."""
    text = 'plan = {param = {page = "1s", product = 1}}\n' + LOAD.replace(
        '"a.B.c"}', '"a.B.c", parameters = {kind = "x"}}'
    )
    spec, _ = read(text + 'map = {"param.product" = [7, 9]}\n')
    found = [
        {each.name: each.value for each in step.plan.scenarios[0].parameters} for step in spec.steps
    ]
    assert found == [
        {"kind": "x", "page": "1s", "product": "7"},
        {"kind": "x", "page": "1s", "product": "9"},
    ]
