"""The environment of runners: what runner.proto promises, and Loads' names beside it."""

from pathlib import Path

import pytest

from loadgrpc.broker.split import assignments
from loadgrpc.model import FedCase, FedCases, Load, LoadUnit, Parameter, SourceId, Steps
from loadgrpc.protocol import environment
from loadgrpc.stats.load_text import stages
from loadgrpc.testing import assignment_of, plan_of

URL = "http://127.0.0.1/"


def test_where_a_runner_reports():
    """Endpoint, token, and the three parts of the source; and a folder."""
    told = environment.connection(SourceId("r", "a", "x"), endpoint="127.0.0.1:1", token="t")
    assert told == {
        "LOADGRPC_AGENT_ID": "a",
        "LOADGRPC_ENDPOINT": "127.0.0.1:1",
        "LOADGRPC_RUNNER_ID": "x",
        "LOADGRPC_RUN_ID": "r",
        "LOADGRPC_TOKEN": "t",
    }
    assert environment.folder(Path("/nowhere/files")) == {"LOADGRPC_RUN_DIR": "/nowhere/files"}


def test_what_one_user_is_to_do():
    """Loads' names are all there, but for those of its transport."""
    told = environment.work(
        assignment_of(test=URL, users=(20,), iterations=(5,), user=7, first_cycle=2)
    )
    assert told == {
        "LOADGRPC_TEST": "http://127.0.0.1/",
        "LOADGRPC_TOTAL_USERS": "20",
        "LOADGRPC_CURRENT_USER": "7",
        "LOADGRPC_CURRENT_CYCLE": "2",
        "LOADGRPC_USER_INDEX": "6",
        "LOADGRPC_USER_OFFSET": "0",
        "LOADGRPC_ALL_USERS": "20",
        "LOADGRPC_AGENT_INDEX": "0",
        "LOADGRPC_AGENTS": "1",
        "LOADGRPC_TOTAL_ITERATIONS": "5",
        "LOADGRPC_STOP_TIMEOUT": "30",
        "LOADS_RUN_ID": "r",
        "LOADS_AGENT_ID": "a",
        "LOADS_TOTAL_USERS": "20",
        "LOADS_CURRENT_USER": "7",
        "LOADS_TOTAL_HITS": "5",
    }


def test_what_all_users_are_to_do():
    """Users of each cycle; a duration, and no iterations; the server, if there is one."""
    told = environment.work(
        assignment_of(
            test=URL, users=(1, 2), duration_s=1.5, server_url="http://h", stop_timeout_s=0.5
        )
    )
    assert told == {
        "LOADGRPC_TEST": "http://127.0.0.1/",
        "LOADGRPC_TOTAL_USERS": "1:2",
        "LOADGRPC_USER_OFFSET": "0:0",
        "LOADGRPC_ALL_USERS": "1:2",
        "LOADGRPC_AGENT_INDEX": "0",
        "LOADGRPC_AGENTS": "1",
        "LOADGRPC_DURATION": "1.5",
        "LOADGRPC_STOP_TIMEOUT": "0.5",
        "LOADGRPC_SERVER_URL": "http://h",
        "LOADS_RUN_ID": "r",
        "LOADS_AGENT_ID": "a",
        "LOADS_TOTAL_USERS": "1:2",
        "LOADS_DURATION": "1.5",
    }


def test_a_user_learns_where_it_stands_among_those_of_all_agents():
    """Its index follows from the users on the agents before, in its own cycle."""
    _, second = assignments(
        plan_of(test=URL, users=(3, 4), iterations=(1,), agents=2, split=True), "r", ["a", "b"]
    )
    told = environment.work(second)
    assert (told["LOADGRPC_USER_OFFSET"], told["LOADGRPC_ALL_USERS"]) == ("2:2", "3:4")
    assert (told["LOADGRPC_AGENT_INDEX"], told["LOADGRPC_AGENTS"]) == ("1", "2")
    own = environment.work(second.of_user(2, 2, duration_s=None))
    assert own["LOADGRPC_USER_INDEX"] == "3"
    assert (own["LOADGRPC_USER_OFFSET"], own["LOADGRPC_ALL_USERS"]) == ("2", "4")


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(60.0, "60"), (0.25, "0.25"), (2_592_000.0, "2592000"), (1e-9, "0.000000001"), (0.0, "0")],
)
def test_a_time_is_a_plain_number(seconds, told):
    """As a shell can read it, however long or short."""
    work = environment.work(assignment_of(test=URL, duration_s=seconds, stop_timeout_s=seconds))
    assert work["LOADGRPC_DURATION"] == work["LOADGRPC_STOP_TIMEOUT"] == told


def test_d5_a_runner_inherits_nothing_of_another_run():
    """What a shell has of an assignment does not reach runners of a later run; the rest does."""
    environ = {"LOADGRPC_DURATION": "5", "LOADS_TOTAL_HITS": "7", "PATH": "/bin", "LOADGRPC": "x"}
    assert environment.inherited(environ) == {"PATH": "/bin", "LOADGRPC": "x"}


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"GRPC_VERBOSITY": "DEBUG"}, {"GRPC_VERBOSITY": "DEBUG"}),
        ({"GRPC_VERBOSITY": "NONE", environment.QUIET_ENV: "1"}, {}),
        ({}, {}),
    ],
)
def test_d3_what_grpc_tells_is_the_users_choice(environ, told):
    """A runner has GRPC_VERBOSITY as the user has it, not as the command line has set it."""
    assert environment.inherited(environ) == told


@pytest.mark.parametrize(
    ("environ", "no_proxy", "no_grpc_proxy"),
    [
        ({}, "localhost,127.0.0.1,::1", "localhost,127.0.0.1,::1"),
        ({"no_proxy": "a, b"}, "a,b,localhost,127.0.0.1,::1", "a,b,localhost,127.0.0.1,::1"),
        ({"NO_PROXY": "localhost"}, "localhost,127.0.0.1,::1", "localhost,127.0.0.1,::1"),
        ({"no_proxy": "a", "no_grpc_proxy": "b"}, "a,{}", "b,{}"),
        ({"no_proxy": "*"}, "*", "*"),
    ],
)
def test_d3_a_runner_finds_its_agent_without_a_proxy(environ, no_proxy, no_grpc_proxy):
    """Loopback is added to what is reached without a proxy, whatever library asks; what was there
    stays, for gRPC too.
    """
    loopback = ",".join(environment.LOOPBACK)
    told = environment.direct(environ)
    assert told["no_proxy"] == told["NO_PROXY"] == no_proxy.format(loopback)
    assert told["no_grpc_proxy"] == no_grpc_proxy.format(loopback)


def test_d5_what_is_stale_is_all_that_is_not_told(tmp_path):
    """A shell that had another assignment can forget what this one does not say."""
    source = SourceId("r", "a", "x")
    assignment = assignment_of(test=URL, iterations=(5,))
    told = environment.connection(source, endpoint="h:1", token="t") | environment.work(assignment)
    stale = environment.stale(told)
    assert {"LOADGRPC_DURATION", "LOADS_DURATION", "LOADGRPC_CURRENT_USER"} < set(stale)
    assert not set(stale) & set(told)
    case = FedCases(cases=(FedCase(name="a", rule="a"),))
    # Secrets are in no environment.
    parameters = (Parameter("a", "1"), Parameter("b", "x", secret=True), Parameter("key", "y"))
    given = {"server_url": "http://h", "parameters": parameters, "cases": case}
    one = assignment_of(test=URL, duration_s=5.0, user=1, **given)
    timed = environment.work(one) | environment.cases(one, tmp_path)
    assert timed["LOADGRPC_PARAMETERS"] == '{"a": "1"}'
    staged = environment.work(assignment_of(test=URL, load=stages("ramp 0..5/s in 1m"), users=(9,)))
    assert staged["LOADGRPC_LOAD"] == "ramp 0..5/s in 1m"
    everything = {*told, *timed, *staged, *environment.folder(Path("/x"))}
    of_campaigns = "LOADGRPC_RESULTS"  # comes with the plan
    assert everything | {of_campaigns} == {*told, *stale}  # no name is missing


def test_a_load_over_time():
    """As a text for a runner of all users; one user's process has what is left of it instead."""
    load = stages("ramp 0..10 users in 5s; hold 5s")
    whole = assignment_of(test=URL, load=load, users=(10,), iterations=(), duration_s=10.0)
    own = whole.of_user(13, 1, duration_s=2.5, place=4)

    assert stages(environment.work(whole)["LOADGRPC_LOAD"]) == load
    told = environment.work(own)
    assert "LOADGRPC_LOAD" not in told
    assert (told["LOADGRPC_CURRENT_USER"], told["LOADGRPC_USER_INDEX"]) == ("13", "3")
    assert told["LOADGRPC_DURATION"] == "2.5"


def test_a_load_that_is_too_long_for_a_variable():
    """It is left out: the assignment has it."""
    load = Load(LoadUnit.ARRIVALS, (Steps(tuple(n + 0.123 for n in range(12_000)), 1.0),))
    whole = assignment_of(test=URL, load=load, users=(10,), iterations=(), duration_s=12_000.0)

    assert "LOADGRPC_LOAD" not in environment.work(whole)
