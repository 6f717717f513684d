"""loadgrpc-runner, loadgrpc-broker and loadgrpc-agent: flags of Loads, on our commands."""

import shlex
import subprocess
import sys
from dataclasses import replace

import click
import pytest

import loadgrpc
from loadgrpc import cli
from loadgrpc.cli import agent, broker, loads_agent, loads_broker, loads_runner, run, values
from loadgrpc.model import RunState

TEST = "example.TestWebSite.test_something"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    """Configurations of whoever runs the tests are none of these."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def runner(capsys):
    """Carry out a command line of loadgrpc-runner: its exit code, stdout and stderr."""

    def call(*argv):
        capsys.readouterr()
        code = cli.main_runner(argv)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def started(runner, client):
    """The plan that a command line starts."""

    def start(*argv):
        client.asked.clear()
        code, out, err = runner(*argv)
        assert code == 0, (out, err)
        (plan,) = [what[0] for name, *what in client.asked if name == "start_run"]
        return plan

    return start


def test_users_hits_and_agents(started):
    """-u 10:20:30 -c 20 --agents 5, as the documentation has it: 6000 iterations."""
    plan = started(TEST, "-u", "10:20:30", "-c", "20", "--agents", "5")

    assert plan.total_iterations == 6000
    assert (plan.agents, plan.users) == (5, (10, 20, 30))
    assert started(TEST, "--users", "3", "--hits", "2:3", "-a", "1").total_iterations == 15


def test_duration_in_seconds(started):
    """-d 30 is 30 seconds."""
    assert started(TEST, "-d", "30", "-a", "1").scenarios[0].duration_s == 30.0


def test_server_url(started):
    """--server-url is what the test sees."""
    plan = started(TEST, "--server-url", "http://x/", "-a", "1")
    assert plan.scenarios[0].server_url == "http://x/"


def test_project_name_and_user_id(started, client, runner, summaries):
    """Both are stored with the run, and shown with its results."""
    plan = started(TEST, "--project-name", "shop", "--user-id", "ann", "-a", "1")
    assert (plan.project_name, plan.user_id) == ("shop", "ann")
    client.summary = replace(summaries["passed"], plan=plan)
    _, out, _ = runner(TEST, "-a", "1")
    assert "\nproject     shop   by ann\n" in out


def test_d12_test_runner_and_its_timeout(started):
    """--external-process-timeout: how long a process may be silent; without it, minutes (D12)."""
    command = ("--test-runner", "./runner.js {test}", "javascript_tests.js", "-a", "1")
    (scenario,) = started(*command, "--external-process-timeout", "7").scenarios
    assert (scenario.test_runner, scenario.test) == ("./runner.js {test}", "javascript_tests.js")
    assert scenario.silence_timeout_s == 7.0
    assert started(*command).scenarios[0].silence_timeout_s == 300.0


def test_no_dns_resolve(started):
    """The same."""
    assert started(TEST, "--no-dns-resolve", "-a", "1").no_dns_resolve is True


def test_batched_says_that_it_is_always_so(runner, client):
    """A flag that asks for what is always done is answered, not swallowed."""
    _, _, err = runner(TEST, "--batched", "-a", "1")
    assert err == "loadgrpc-runner: --batched: results are always sent in batches\n"


def test_quiet_and_detach(runner, client):
    """--quiet prints the last line; --detach the run's id."""
    assert runner(TEST, "--quiet", "-a", "1")[1] == "exit 0: passed\n"
    assert runner(TEST, "--detach", "-a", "1")[1] == "r-f3a9f3a9f3\n"


def test_attach_takes_the_only_run(runner, client, run):
    """--attach without a name; and with one."""
    client.runs = [run]
    code, out, _ = runner("--attach")
    assert code == 0
    assert out.endswith("exit 0: passed\n")
    runner("--attach", "r-1")
    assert ("get_run", ("r-1",)) in client.asked


def test_ping_broker_prints_the_status(runner, client, invoke):
    """As `loadgrpc status`, of the broker that -b names."""
    told = invoke("status", "-b", "there:1")
    assert runner("--ping-broker", "-b", "there:1") == told
    assert client.endpoint == "there:1"
    assert "process 123 on one.example.com" in told[1]


def test_purge_broker_stops_all_runs_and_deletes_nothing(runner, client, run):
    """Active runs are stopped; those that are over stay."""
    client.runs = [run, replace(run, run_id="r-0", state=RunState.FINISHED)]
    assert runner("--purge-broker") == (0, f"run {run.run_id} is stopping\n", "")
    assert {name for name, *_ in client.asked} == {"list_runs", "stop_run"}
    client.runs = []
    assert runner("--purge-broker") == (0, "no run is active\n", "")


@pytest.mark.parametrize("flag", ["--check-cluster", "--health-check"])
def test_check_cluster_is_check_agents(runner, client, monkeypatch, flag):
    """Both names, the one of the code and that of the documentation."""
    asked = {}
    monkeypatch.setattr(
        loads_runner.MODES["check_cluster"].command, "callback", lambda **a: asked.update(a) or 3
    )
    assert runner(flag, "-b", "there:1", "--json")[0] == 3
    assert asked == {"broker": "there:1", "timeout_s": 30.0, "as_json": True}


def test_two_modes_are_wrong(runner):
    """Only one of them can be meant."""
    code, _, err = runner("--attach", "--ping-broker")
    assert code == 2
    assert err == "loadgrpc-runner: error: --attach cannot be combined with --ping-broker\n"


def test_without_arguments_it_prints_its_usage(runner):
    """As in Loads, with 0; but an option without a test is an error."""
    code, out, err = runner()
    assert (code, err) == (0, "")
    assert out.startswith("Usage: loadgrpc-runner ")
    code, _, err = runner("-u", "3")
    assert code == 2
    assert err.startswith("loadgrpc-runner: error: missing TEST: ")


@pytest.mark.parametrize("script", ["runner", "broker", "agent"])
def test_each_script_has_a_version_and_a_help(script, capsys):
    """--version and --help, under its own name, with a sentence on each option."""
    call = getattr(cli, f"main_{script}")
    assert call(["--version"]) == 0
    assert capsys.readouterr().out == f"loadgrpc-{script} {loadgrpc.__version__}\n"
    assert call(["--help"]) == 0
    assert capsys.readouterr().out.startswith(f"Usage: loadgrpc-{script} ")


@pytest.mark.parametrize(
    ("script", "ours"), [(loads_runner, run), (loads_broker, broker), (loads_agent, agent)]
)
def test_a_script_has_all_options_of_our_command(script, ours):
    """What is new there is here, too, and every option has its sentence."""
    names = {name for param in script.command.params for name in param.opts}
    assert {name for param in ours.command.params for name in param.opts} <= names
    for param in script.command.params:
        if isinstance(param, click.Option):
            assert param.help, param.name


REFUSED = {
    "--zmq-receiver x": "--zmq-receiver: there is no ZeroMQ, and one address for all: ",
    "--zmq-publisher x": "--zmq-publisher: there is no ZeroMQ, and one address for all: ",
    "--ssh me@host": "--ssh: there are no tunnels; agents dial the broker: ",
}


@pytest.mark.parametrize("flags", REFUSED)
def test_what_makes_sense_with_zeromq_only_is_refused(runner, client, flags):
    """With a sentence that says what to use."""
    code, _, err = runner(TEST, *flags.split())
    assert (code, client.asked) == (2, [])
    assert f"loadgrpc-runner: error: no such option: {REFUSED[flags]}" in err


@pytest.mark.parametrize("address", ["ipc:///tmp/loads-front.ipc", "tcp://127.0.0.1:7780"])
def test_addresses_of_zeromq_are_refused(runner, client, address):
    """There are no schemes in addresses here."""
    code, _, err = runner(TEST, "-b", address)
    assert (code, client.asked) == (2, [])
    assert err == (
        f"loadgrpc-runner: error: -b/--broker: {address!r} is not HOST:PORT: addresses of brokers "
        "have no scheme, and there is no ZeroMQ; expected an address such as 127.0.0.1:7979\n"
    )
    with pytest.raises(ValueError, match="is not HOST:PORT"):
        values.address(address)


SOCKETS = ["frontend", "backend", "heartbeat", "register", "receiver", "publisher", "io-threads"]
STORES = ["db", "db-python-directory", "db-python-sync-delay", "db-python-max-size"]
STORES += ["db-redis-host", "db-redis-port", "web-root"]


@pytest.mark.parametrize("name", [*SOCKETS, *STORES])
def test_broker_flags_without_a_meaning_are_answered(name, capsys):
    """Each with a sentence that says what there is instead."""
    assert cli.main_broker([f"--{name}", "x"]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"loadgrpc-broker: error: no such option: --{name}: ")


@pytest.mark.parametrize("name", ["params", "timeout"])
def test_agent_flags_without_a_meaning_are_answered(name, capsys):
    """As of the broker."""
    assert cli.main_agent([f"--{name}", "x"]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"loadgrpc-agent: error: no such option: --{name}: ")


def test_d8_check_names_the_process(client, capsys):
    """--check says which process answers, not all that it answered; 4 if none does."""
    assert cli.main_broker(["--check"]) == 0
    assert capsys.readouterr().out == (
        "a broker answers at 127.0.0.1:7979: process 123 on one.example.com\n"
    )
    client.fails["connect"] = loadgrpc.errors.Unavailable("no broker answers at 127.0.0.1:7979")
    assert cli.main_broker(["--check"]) == 4


def test_d8_a_second_broker_says_which_process_is_the_first(tmp_path, client, capsys, monkeypatch):
    """One line with its PID; or what is wrong, if it is no broker that has the address."""
    from loadgrpc.broker import server

    async def serve(config, **_):
        raise loadgrpc.errors.Unavailable(f"cannot listen on {config.listen}: it is in use")

    monkeypatch.setattr(server, "serve", serve)
    assert cli.main_broker([]) == 2
    assert capsys.readouterr().err.endswith(
        "error: there is already a broker at 127.0.0.1:7979: process 123 on one.example.com\n"
    )
    client.fails["connect"] = loadgrpc.errors.Unavailable("no broker answers")
    assert cli.main_broker([]) == 2
    assert capsys.readouterr().err.endswith(
        "error: cannot listen on 127.0.0.1:7979: it is in use\n"
    )


def test_debug_and_logfile(tmp_path, monkeypatch, capsys):
    """--debug logs more, --logfile into a file."""
    import logging

    from loadgrpc.agent import serving

    async def serve(config, *, on_connected, stop):
        del stop
        on_connected("agent-1")
        logging.getLogger("loadgrpc.agent.agent").debug("of %s", config.broker)

    monkeypatch.setattr(serving, "serve", serve)
    assert cli.main_agent(["--broker", "x:1", "--debug", "--logfile", "agent.log"]) == 0
    assert (tmp_path / "agent.log").read_text().endswith(" DEBUG agent: of x:1\n")
    assert capsys.readouterr() == ("loadgrpc agent agent-1 connected to x:1\n", "")
    assert cli.main_agent(["--broker", "x:1", "--logfile", "no/such/folder"]) == 2
    assert "--log-file: No such file or directory" in capsys.readouterr().err


@pytest.mark.parametrize("script", ["runner", "broker", "agent"])
def test_the_scripts_are_installed(script):
    """Each is a program of its own."""
    done = subprocess.run(
        [f"{sys.prefix}/bin/loadgrpc-{script}", "--version"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, f"loadgrpc-{script} {loadgrpc.__version__}\n")


DOCUMENTED = {
    "loads-runner example.TestWebSite.test_es": (
        "example.TestWebSite.test_es",
        {"total_iterations": 1, "agents": 1},
    ),
    "loads-runner example.TestWebSite.test_es -u 100 --hits 10": (
        "example.TestWebSite.test_es",
        {"total_iterations": 1000},
    ),
    "loads-runner example.TestWebSite.test_something --hits 20 -u 10:20:30": (
        "example.TestWebSite.test_something",
        {"total_iterations": 1200, "users": (10, 20, 30)},
    ),
    "loads-runner example.TestWebSite.test_something --server-url http://blog.example.org": (
        "example.TestWebSite.test_something",
        {"server_url": "http://blog.example.org"},
    ),
    "loads-runner project.tests.test_server.TestSite.test_es": (
        "project.tests.test_server.TestSite.test_es",
        {"total_iterations": 1},
    ),
    "loads-runner example.TestWebSite.test_something -u 10:20:30 -c 20 --agents 5": (
        "example.TestWebSite.test_something",
        {"total_iterations": 6000, "agents": 5},
    ),
    "loads-runner --config config.ini": (
        "example.TestWebSite.test_something",
        {"agents": 4, "duration_s": 30.0, "users": (5,)},
    ),
    'loads-runner --test-runner="./loadsjs/runner.js {test}" javascript_tests.js': (
        "javascript_tests.js",
        {"test_runner": "./loadsjs/runner.js {test}", "one_user_each": True},
    ),
}
"""The commands of Loads' documentation, and what they ask for: a test, and the rest of a plan."""


@pytest.mark.parametrize("line", DOCUMENTED)
def test_commands_of_the_documentation_work_as_they_stand(line, tmp_path):
    """With the new name, and nothing else changed."""
    (tmp_path / "config.ini").write_text(
        "[loads]\nfqn = example.TestWebSite.test_something\nagents = 4\nusers = 5\n"
        "duration = 30\ndetach = True\n"
    )
    name, *argv = shlex.split(line.replace("loads-", "loadgrpc-", 1))
    assert name == "loadgrpc-runner"
    with loads_runner.command.make_context(name, argv) as ctx:
        for mode in ("batched", *loads_runner.MODES):
            assert ctx.params.pop(mode) is False
        plan = run.read(**ctx.params).plan

    (scenario,) = plan.scenarios
    test, asked = DOCUMENTED[line]
    assert scenario.test == test
    for what, value in asked.items():
        assert getattr(plan if hasattr(plan, what) else scenario, what) == value
