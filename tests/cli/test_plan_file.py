"""A plan in a file, as people write it, and with options beside it."""

import json

import pytest

from loadgrpc.cli.failure import Failure
from loadgrpc.cli.plan_file import plan_of_file
from loadgrpc.model import Between, Constant, Exponential, Lognormal, RunnerMode

TEST = "example.TestWebSite.test_es"


@pytest.fixture
def plan(tmp_path):
    """The plan that a document makes, with a command line beside it."""

    def read(document, test=None, beneath=None, **asked):
        path = tmp_path / "plan.json"
        text = document if isinstance(document, str) else json.dumps(document)
        path.write_text(text, encoding="utf-8")
        return plan_of_file(path, {"test": test, **asked}, beneath=beneath).plan

    return read


def test_c6_the_command_line_overrules_the_file(plan):
    """Every option beside a plan file goes before what the file says."""
    of_file = {"test": TEST, "users": [3], "iterations": [7], "serverUrl": "http://a/"}
    made = plan(
        of_file, "other.T.test_x", agents=4, users=(5, 6), duration_s=9.0, server_url="http://b/",
        spawn_rate=2.0, processes=3, split=True, no_dns_resolve=True, stop_timeout_s=0.0,
    )  # fmt: skip
    (scenario,) = made.scenarios
    assert (scenario.test, scenario.users, scenario.server_url) == (
        "other.T.test_x",
        (5, 6),
        "http://b/",
    )
    assert (scenario.iterations, scenario.duration_s) == ((), 9.0)
    assert (scenario.spawn_rate, scenario.processes) == (2.0, 3)
    assert (made.agents, made.split, made.no_dns_resolve, made.stop_timeout_s) == (4, True, True, 0)


def test_c6_a_zero_on_the_command_line_is_said(invoke, client, tmp_path):
    """A zero is a value: it goes before what the file says, for the plan and for scenarios."""
    path = tmp_path / "plan.json"
    load = {"test": "x", "test_runner": "./x {test}", "silence_timeout": "1m"}
    path.write_text(json.dumps({**load, "stop_timeout": "20s", "processes": 3}))
    zeros = ("--stop-timeout", "0", "--silence-timeout", "0", "--processes", "0", "-r", "0")
    assert invoke("run", "-f", str(path), *zeros, "-a", "1")[0] == 0
    plan = client.asked[0][1]
    assert (plan.stop_timeout_s, plan.scenarios[0].silence_timeout_s) == (0.0, 0.0)
    assert (plan.scenarios[0].processes, plan.scenarios[0].spawn_rate) == (0, 0.0)


def test_c6_a_zero_that_means_nothing_is_refused(invoke, client, tmp_path):
    """--silence-timeout 0 beside a plan without a runner of its own is wrong, as any other is."""
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({"test": TEST}))
    code, _, err = invoke("run", "-f", str(path), "--silence-timeout", "0", "-a", "1")
    assert (code, client.asked) == (2, [])
    assert "silence_timeout: needs a test_runner, which the plan does not have" in err
    code, _, err = invoke("run", TEST, "--silence-timeout", "0", "-a", "1")
    words = "--silence-timeout needs a --test-runner, which the plan does not have"
    assert (code, err) == (2, f"loadgrpc run: error: {words}\n")


def test_c6_what_is_not_said_stays_as_the_file_has_it(plan):
    """Options that were not given change nothing."""
    of_file = {"test": TEST, "users": [3], "duration": "2s", "agents": 2}
    made = plan(of_file, users=None, split=False, duration_s=None, server_url="http://b/")
    assert (made.agents, made.split, made.scenarios[0].duration_s) == (2, False, 2.0)
    assert (made.scenarios[0].users, made.scenarios[0].server_url) == ((3,), "http://b/")


def test_c6_options_go_to_every_scenario(plan):
    """With several scenarios an option is one of each; the plan's duration makes way."""
    of_file = {
        "scenarios": [{"name": "a", "test": TEST}, {"name": "b", "test": TEST, "users": 4}],
        "duration": "5m",
    }
    made = plan(of_file, iterations=(2,), server_url="http://b/")
    assert {each.server_url for each in made.scenarios} == {"http://b/"}
    assert {(each.iterations, each.duration_s) for each in made.scenarios} == {((2,), None)}
    with pytest.raises(
        Failure, match=r"it has 2 scenarios .'a', 'b'., and TEST can be that of one"
    ):
        plan(of_file, TEST)


SPELLINGS = [
    {"users": 10, "iterations": 5},
    {"users": "10", "hits": "5"},
    {"users": [10], "iterations": ["5"]},
    {"Users": [10], "iterations": [5]},
]


@pytest.mark.parametrize("written", SPELLINGS, ids=str)
def test_c6_numbers_are_taken_as_people_write_them(plan, written):
    """`"users": 10` can only mean one thing."""
    (scenario,) = plan({"test": TEST, **written}).scenarios
    assert (scenario.users, scenario.iterations) == ((10,), (5,))


@pytest.mark.parametrize("key", ["duration", "runTime", "run-time", "run_time"])
@pytest.mark.parametrize(
    ("value", "seconds"),
    [("5m", 300), ("1h30m", 5400), ("90", 90), (90, 90), (1.5, 1.5), ("2s", 2)],
)
def test_c6_durations_are_taken_as_people_write_them(plan, key, value, seconds):
    """As the command line has them, and as protobuf's JSON has them."""
    assert plan({"test": TEST, key: value}).scenarios[0].duration_s == seconds


def test_c6_the_other_fields_are_taken_as_options_spell_them(plan):
    """Names of options and of fields are the same."""
    made = plan(
        {"test": "x", "host": "http://a/", "test-runner": "./x {test}", "runner-mode": "all-users",
         "silence-timeout": "1m", "stop_timeout": "10", "users": "1:2:3"}
    )  # fmt: skip
    (scenario,) = made.scenarios
    assert (scenario.server_url, scenario.test_runner) == ("http://a/", "./x {test}")
    assert (scenario.runner_mode, scenario.silence_timeout_s) == (RunnerMode.ALL_USERS, 60.0)
    assert (made.stop_timeout_s, scenario.users) == (10.0, (1, 2, 3))


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("{", "plan.json is not a plan: Expecting property name"),
        ("[]", "plan.json is not a plan: it is not a JSON object"),
        ("[" * 100_000, "plan.json is not a plan: "),
        ({"test": TEST, "userz": 3}, "a plan has no 'userz' (did you mean 'users'?)"),
        ({"test": TEST, "vus": 3}, "a plan has no 'vus' (did you mean 'users'?)"),
        ({"Test": TEST, "test": TEST}, "'test' is there twice"),
        ({"test": TEST, "duration": "soon"}, "'duration': 'soon' is not a duration; expected"),
        (
            {"test": TEST, "load": "20/s for 1x; hold 1s"},
            "expected a time with its unit, such as 30s, 5m or 1h30m (at character 10, '1x;')",
        ),
        ({"test": TEST, "users": "x"}, "'users': 'x' is not a whole number"),
        (
            {"scenarios": [{"name": "Ann", "test": TEST, "iteration": 3}]},
            "a scenario has no 'iteration' (did you mean 'iterations'?)",
        ),
        ({"test": "Es"}, "plan.test: must be package.module.Class.method"),
    ],
    ids=str,
)
def test_c6_what_is_wrong_is_named(plan, document, words):
    """One line, with the name as it was written: no letter of it changes."""
    with pytest.raises(Failure) as raised:
        plan(document)
    assert words in raised.value.message


def test_c6_no_letter_of_a_name_is_changed(invoke, client, tmp_path):
    """A message that begins with a name shows it as it is."""
    path = tmp_path / "Plan.json"
    path.write_text("{")
    _, _, err = invoke("run", "-f", str(path))
    assert err.startswith(f"loadgrpc run: error: {path} is not a plan: ")
    _, _, err = invoke("run", "-f", "-", "-i", "1", "-d", "1")
    assert "error: standard input" in err


TOML = f"""\
title = "nightly"
duration = "5m"

[[scenarios]]
name = "browse"
test = "{TEST}"
users = 10

[[scenarios]]
name = "buy"
test = "{TEST}"
users = [1, 2]
spawn-rate = 2
"""


@pytest.mark.parametrize("name", ["plan.toml", "plan.txt"])
def test_a_plan_may_be_toml(tmp_path, name):
    """By its name, or because it does not begin as JSON does; written as people write."""
    path = tmp_path / name
    path.write_text(TOML)

    made = plan_of_file(path, {"server_url": "http://b/"}).plan

    browse, buy = made.scenarios
    assert (made.title, browse.users, buy.users, buy.spawn_rate) == ("nightly", (10,), (1, 2), 2.0)
    assert {each.duration_s for each in made.scenarios} == {300.0}
    assert {each.server_url for each in made.scenarios} == {"http://b/"}


def test_what_is_wrong_with_toml_is_named(tmp_path):
    """As with JSON."""
    path = tmp_path / "plan.toml"
    path.write_text("users = ")
    with pytest.raises(Failure, match=r"plan.toml is not a plan: Invalid value"):
        plan_of_file(path)


@pytest.mark.parametrize(
    ("written", "wait"),
    [
        (3, Constant(3.0)),
        ("1s..3s", Between(1.0, 3.0)),
        ("lognormal 2s 0.5", Lognormal(2.0, 0.5)),
        ({"between": {"least": "1s", "most": "3s"}}, Between(1.0, 3.0)),
        ({"exponential": "2s"}, Exponential(2.0)),
    ],
)
def test_waits_are_written_as_typed_or_as_messages(plan, written, wait):
    """What people type is accepted beside protobuf's JSON; the command line goes before it."""
    document = {"test": TEST, "think": written, "pacing": "5s"}

    assert plan(document).scenarios[0].think == wait
    assert plan(document, think=Constant(0.0)).scenarios[0].think == Constant(0.0)
    assert plan(document).scenarios[0].pacing == Constant(5.0)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"think": "soon"}, "'think': 'soon' is not a duration"),
        ({"think": {}}, "plan.think: needs a kind of wait"),
        ({"think": {"between": {"least": "3s", "most": "1s"}}}, "is from 3s to 1s"),
        ({"think": {"constant": "-1s"}}, "plan.think.constant"),
        ({"think": "1s", "testRunner": "./x"}, "can only be used with the Python runner"),
    ],
)
def test_a_wrong_wait_is_named(plan, document, message):
    """Wherever it is written; a test_runner waits by itself."""
    with pytest.raises(Failure) as caught:
        plan({"test": TEST, **document})
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ({"include_file": "data/*.csv"}, ("data/*.csv",)),
        ({"includeFiles": ["a", "b"], "include-file": "c"}, ("a", "b", "c")),
        ({}, ()),
    ],
)
def test_a_plan_file_names_what_is_sent_with_it(tmp_path, document, found):
    """As --include-file does, which may be there beside it."""
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({"test": TEST, **document}))
    assert plan_of_file(path).include_files == found


@pytest.mark.parametrize("value", [3, [""], [["a"]], None])
def test_what_cannot_be_included_is_named(tmp_path, value):
    """The sentence says which key is wrong, and what is expected."""
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({"test": TEST, "include_file": value}))
    with pytest.raises(Failure, match=r"'include_file': is a path or a pattern"):
        plan_of_file(path)


def test_files_of_a_plan_file_are_sent(invoke, client, tmp_path, monkeypatch):
    """Those of the plan and those of the command line are in one bundle."""
    monkeypatch.chdir(tmp_path)
    for name in ("users.csv", "more.csv"):
        (tmp_path / name).write_text("a\n")
    (tmp_path / "plan.json").write_text(
        json.dumps({"test": "x", "test_runner": "./x {test}", "include_file": "users.csv"})
    )
    assert invoke("run", "-f", "plan.json", "-a", "1", "--include-file", "more.csv")[0] == 0
    assert client.asked[0] == ("upload_bundle", ["more.csv", "users.csv"])
