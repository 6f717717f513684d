"""Options from a file and from the environment, beneath those that are typed."""

import json

import pytest

TEST = "example.TestWebSite.test_es"
OF_DOCUMENTATION = """\
[loads]
fqn = example.TestWebSite.test_es
agents = 4
include_file = data/*.csv
               helper.sh
test_dir = /tmp/tests
users = 5
duration = 30
detach = True
"""
"""The sample of Loads' documentation, except for its observer."""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty current folder, and an environment without options."""
    import os

    for name in [each for each in os.environ if each.startswith("LOADGRPC_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def started(folder, invoke, client):
    """The plan that a command line starts, in the folder."""

    def start(*argv):
        client.asked.clear()
        code, out, err = invoke("run", *argv)
        assert code == 0, (out, err)
        (plan,) = [what[0] for name, *what in client.asked if name == "start_run"]
        return plan

    return start


def test_the_sample_of_the_documentation_works_as_it_stands(folder, started, client):
    """--config FILE, a section [loads], fqn and all."""
    (folder / "config.ini").write_text(OF_DOCUMENTATION)
    (folder / "data").mkdir()
    for name in ("example.py", "data/users.csv", "helper.sh"):
        (folder / name).write_text("class TestWebSite: pass\n")

    plan = started("--config", "config.ini")

    (scenario,) = plan.scenarios
    assert (scenario.test, scenario.users, scenario.duration_s) == (TEST, (5,), 30.0)
    assert plan.agents == 4
    assert client.endpoint == "127.0.0.1:7979"
    (_, sent), (last, _) = client.asked
    assert {"example.py", "data/users.csv", "helper.sh"} <= {*sent}
    assert plan.test_dir == "/tmp/tests"
    assert last == "start_run"  # detached: nobody watches


def test_d4_the_command_line_overrides_the_file(folder, started):
    """`users = 3` in the file beats no -u that was typed: with Loads it did."""
    (folder / "loadgrpc.ini").write_text(f"[loadgrpc]\ntest = {TEST}\nusers = 3\nagents = 2\n")

    assert started().users == (3,)
    assert started("-u", "1").users == (1,)


def test_d4_a_flag_that_is_false_is_not_set(folder, started, client):
    """`detach = False` does not detach, and --no-detach overrides `detach = True`."""
    file = folder / "loadgrpc.ini"
    for text, typed, detached in (
        ("detach = False", (), False),
        ("detach = no", (), False),
        ("detach = True", (), True),
        ("detach = True", ("--no-detach",), False),
        ("detach = False", ("--detach",), True),
    ):
        file.write_text(f"[loadgrpc]\nagents = 1\n{text}\n")
        started(TEST, *typed)
        asked = [name for name, *_ in client.asked]
        assert asked == ["start_run"] + ["get_summary"] * (not detached), text


def test_d4_the_test_may_be_there_twice(folder, started):
    """In the file and on the command line: that is no error, and the typed one counts."""
    (folder / "loadgrpc.ini").write_text("[loadgrpc]\nfqn = a.B.test_c\nagents = 1\n")

    assert started("d.E.test_f").scenarios[0].test == "d.E.test_f"


def test_d4_hits_in_the_file_make_way_for_a_duration_that_was_typed(folder, started):
    """Options that exclude each other are no error in two places: the stronger place wins."""
    (folder / "loadgrpc.ini").write_text("[loadgrpc]\nhits = 5\nagents = 1\n")

    assert started(TEST).scenarios[0].iterations == (5,)
    (scenario,) = started(TEST, "-d", "9").scenarios
    assert (scenario.iterations, scenario.duration_s) == ((), 9.0)


def test_the_order_is_default_file_plan_environment_command_line(folder, started, monkeypatch):
    """Each place goes before those in front of it, option by option."""
    assert started(TEST, "-a", "1").users == (1,)
    (folder / "loadgrpc.ini").write_text(
        "[loadgrpc]\nagents = 1\nusers = 2\nserver_url = http://file/\nprocesses = 2\ntitle = file"
    )
    assert started(TEST).users == (2,)
    (folder / "plan.json").write_text(
        json.dumps({"test": TEST, "users": 3, "host": "http://plan/", "processes": 3})
    )
    assert started("-f", "plan.json").users == (3,)
    monkeypatch.setenv("LOADGRPC_USERS", "4")
    monkeypatch.setenv("LOADGRPC_HOST", "http://environment/")
    plan = started("-f", "plan.json", "-u", "5")
    (scenario,) = plan.scenarios
    assert scenario.users == (5,)
    assert scenario.server_url == "http://environment/"
    assert scenario.processes == 3
    assert plan.title == "file"
    assert started("-f", "plan.json").users == (4,)


def test_a_file_fills_only_gaps_of_a_plan(folder, started):
    """Neither hits nor the plan's own duration are combined with what a file has."""
    (folder / "loadgrpc.ini").write_text("[loadgrpc]\nagents = 1\nduration = 9\nusers = 8\n")
    scenarios = [
        {"name": "one", "test": TEST, "hits": 2},
        {"name": "two", "test": TEST, "users": 3},
    ]
    (folder / "plan.json").write_text(json.dumps({"scenarios": scenarios}))

    one, two = started("-f", "plan.json").scenarios

    assert (one.users, one.iterations, one.duration_s) == ((8,), (2,), None)
    assert (two.users, two.iterations, two.duration_s) == ((3,), (), 9.0)


def test_pyproject_and_toml(folder, started):
    """[tool.loadgrpc], with numbers, lists and truths of TOML."""
    (folder / "pyproject.toml").write_text(
        "[project]\nname = 'x'\n[tool.loadgrpc]\n"
        "users = [1, 2]\nduration = '5m'\nagents = 2\nsplit = true\n\"spawn-rate\" = 2.5\n"
    )

    plan = started(TEST)

    (scenario,) = plan.scenarios
    assert (scenario.users, scenario.duration_s, scenario.spawn_rate) == ((1, 2), 300.0, 2.5)
    assert (plan.agents, plan.split) == (2, True)


def test_loadgrpc_ini_goes_before_pyproject(folder, started):
    """There is one configuration at a time; of two the one that is only ours."""
    (folder / "pyproject.toml").write_text("[tool.loadgrpc]\nusers = 1\n")
    (folder / "loadgrpc.ini").write_text("[other]\nx = 1\n")
    assert started(TEST, "-a", "1").users == (1,)
    (folder / "loadgrpc.ini").write_text("[loads]\nusers = 2\n[loadgrpc]\nusers = 3\n")
    assert started(TEST, "-a", "1").users == (3,)


def test_references(folder, started, monkeypatch):
    """`${NAME}` is a variable, `${HERE}` the folder of the file, `$${NAME}` neither."""
    monkeypatch.setenv("WHO", "me")
    (folder / "etc").mkdir()
    (folder / "etc/x.ini").write_text(
        "[loads]\nagents = 1\ntest_runner = ${HERE}/run --as ${WHO} $${TEST} $x\n"
    )

    (scenario,) = started("x", "--config", "etc/x.ini").scenarios

    assert scenario.test_runner == f"{folder}/etc/run --as me ${{TEST}} $x"


def test_every_command_asks_the_broker_that_is_configured(folder, invoke, client, monkeypatch):
    """The file's address, above it LOADGRPC_BROKER, above that -b."""
    (folder / "loadgrpc.ini").write_text("[loadgrpc]\nbroker = file:1\nusers = 3\n")
    for name in ("status", "runs", "show r-1", "stop r-1"):
        assert invoke(*name.split())[0] == 0
        assert client.endpoint == "file:1"
    monkeypatch.setenv("LOADGRPC_BROKER", "environment:2")
    invoke("status")
    assert client.endpoint == "environment:2"
    invoke("status", "-b", "typed:3")
    assert client.endpoint == "typed:3"


def test_local_is_here_whatever_is_configured(folder, monkeypatch):
    """--local starts the run in this process, though a broker and agents are configured."""
    import click

    from loadgrpc.cli import run

    monkeypatch.setenv("LOADGRPC_BROKER", "environment:2")
    (folder / "loadgrpc.ini").write_text("[loadgrpc]\nagents = 4\n")
    for argv, broker in (([TEST], "environment:2"), ([TEST, "--local"], None)):
        with run.command.make_context("run", list(argv)) as ctx:
            assert isinstance(click.get_current_context(), click.Context)
            assert run.read(**ctx.params).broker == broker


@pytest.mark.parametrize("typed", ["-a 2", "-b here:1"])
def test_local_and_elsewhere_is_wrong(folder, invoke, typed):
    """Both cannot have been meant."""
    code, _, err = invoke("run", TEST, "--local", *typed.split())
    assert code == 2
    assert "--local cannot be combined with -b/--broker and -a/--agents" in err


WRONG = {
    "[loadgrpc]\nuserz = 3": (
        "loadgrpc.ini [loadgrpc]: no such option: 'userz' (did you mean 'users'?)"
    ),
    "[loadgrpc]\nvus = 3": "loadgrpc.ini [loadgrpc]: no such option: 'vus' (did you mean 'users'?)",
    "[loadgrpc]\nheadless = true": (
        "loadgrpc.ini [loadgrpc]: no such option: 'headless': every run is headless"
    ),
    "[loadgrpc]\nfrobnicate = 3": "loadgrpc.ini [loadgrpc]: no such option: 'frobnicate'",
    "[loads]\nzmq_receiver = x": "loadgrpc.ini [loads]: no such option: 'zmq_receiver'",
    "[loadgrpc]\nusers = many": (
        "-u/--users, set by loadgrpc.ini [loadgrpc]: 'many' is not a whole number"
    ),
    "[loadgrpc]\nsplit = perhaps": "--split, set by loadgrpc.ini [loadgrpc]: 'perhaps' is not",
    "[loadgrpc]\nusers = 1\nusers = 2": "loadgrpc.ini is not a configuration: ",
    "[loadgrpc]\nhits = 1\niterations = 2": (
        "loadgrpc.ini [loadgrpc]: 'hits' and 'iterations' are the same"
    ),
    "[loadgrpc]\nhits = 1\nduration = 2": "cannot be combined with -i/--iterations",
    "[loadgrpc]\ntitle = a\n  b": (
        "loadgrpc.ini [loadgrpc]: 'title' takes one value, and there are 2"
    ),
    "[loadgrpc]\ntitle = ${NOBODY_SET_THIS}": (
        "'title' needs the variable NOBODY_SET_THIS, which is not set"
    ),
    "users = 3": "loadgrpc.ini is not a configuration: File contains no section headers",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_named(folder, invoke, text):
    """One line, with the file and the key, and the nearest name if there is one."""
    (folder / "loadgrpc.ini").write_text(text)

    code, out, err = invoke("run", TEST)

    assert (code, out) == (2, "")
    assert err.startswith("loadgrpc run: error: ")
    assert WRONG[text] in err
    assert err.count("\n") == 1


def test_a_file_that_somebody_named_must_have_a_section(folder, invoke):
    """It was named for nothing otherwise."""
    (folder / "x.ini").write_text("[other]\n")
    (folder / "x.toml").write_text("[project]\n")
    assert "x.ini has no section [loadgrpc] or [loads]" in invoke("run", "--config", "x.ini")[2]
    assert "x.toml has no section [tool.loadgrpc]" in invoke("run", "--config", "x.toml")[2]
    assert "no.ini cannot be read: No such file" in invoke("run", "--config", "no.ini")[2]


def test_a_slip_in_a_variable_is_an_error(folder, invoke, monkeypatch):
    """LOADGRPC_USRES is not silently nothing; a variable of somebody else's is none of ours."""
    monkeypatch.setenv("LOADGRPC_UPDATE_SNAPSHOTS_OF", "1")
    assert invoke("status", "-h")[0] == 0
    monkeypatch.setenv("LOADGRPC_USRES", "3")
    code, _, err = invoke("run", TEST)
    assert code == 2
    assert (
        "LOADGRPC_USRES in the environment is not an option (did you mean LOADGRPC_USERS?)" in err
    )


def test_a_wrong_variable_is_named(folder, invoke, monkeypatch):
    """The message says which variable it was."""
    monkeypatch.setenv("LOADGRPC_DURATION", "soon")
    _, _, err = invoke("run", TEST)
    assert "-d/--duration, set by LOADGRPC_DURATION: 'soon' is not a duration" in err


def test_variables_of_a_runner_are_not_options(folder, started, monkeypatch):
    """In the shell of a runner LOADGRPC_DURATION says what its run is, not what to start."""
    monkeypatch.setenv("LOADGRPC_RUN_ID", "r-1")
    monkeypatch.setenv("LOADGRPC_DURATION", "5")
    monkeypatch.setenv("LOADGRPC_USERS", "2")

    (scenario,) = started(TEST, "-a", "1").scenarios

    assert (scenario.duration_s, scenario.users) == (None, (2,))


def test_a_flag_may_be_a_variable(folder, started, monkeypatch):
    """And may be switched off by one, and on the command line."""
    for text, typed, split in (
        ("1", (), True),
        ("false", (), False),
        ("true", ("--no-split",), False),
        ("false", ("--split",), True),
    ):
        monkeypatch.setenv("LOADGRPC_SPLIT", text)
        assert started(TEST, "-a", "1", *typed).split is split


def test_a_flag_whose_name_begins_with_no_has_an_opposite(folder, started, monkeypatch):
    """--dns-resolve is the opposite of --no-dns-resolve."""
    monkeypatch.setenv("LOADGRPC_NO_DNS_RESOLVE", "1")
    assert started(TEST, "-a", "1").no_dns_resolve is True
    assert started(TEST, "-a", "1", "--dns-resolve").no_dns_resolve is False


def test_config_show_says_what_holds_and_where_it_comes_from(folder, invoke, monkeypatch):
    """Value and source of each option; without secrets."""
    (folder / "loadgrpc.ini").write_text(
        "[loadgrpc]\nusers = 5:10\nserver_url = http://me:hunter2@x/\nlisten = 127.0.0.1:0\n"
        "duration = 5\n"
    )
    monkeypatch.setenv("LOADGRPC_BROKER", "there:1")

    code, out, err = invoke("config", "show")

    assert (code, err) == (0, "")
    assert "hunter2" not in out
    shown = [line.split(maxsplit=1) for line in out.splitlines() if line.strip()]
    rows = {name: rest.strip() for name, rest in reversed(shown)}
    assert rows["users"].split() == ["5:10", "loadgrpc.ini", "[loadgrpc]"]
    assert rows["host"].split() == ["http://me:***@x/", "loadgrpc.ini", "[loadgrpc]"]
    assert rows["broker"].split() == ["there:1", "LOADGRPC_BROKER"]
    assert rows["listen"].split() == ["127.0.0.1:0", "loadgrpc.ini", "[loadgrpc]"]
    assert rows["stop_timeout"].split() == ["30s", "default"]
    assert rows["iterations"].split() == ["-", "default"]
    assert rows["split"].split() == ["false", "default"]


def test_config_show_as_json_and_of_what_is_set(folder, invoke):
    """For programs; and nothing is said if there is nothing."""
    assert invoke("config", "show", "--set") == (0, "everything has its default\n", "")
    (folder / "x.toml").write_text("[tool.loadgrpc]\nusers = [1, 2]\n")

    _, out, _ = invoke("config", "show", "--config", "x.toml", "--set", "--json")

    held = {
        "command": "run",
        "option": "users",
        "value": "1:2",
        "source": "x.toml [tool.loadgrpc]",
    }
    assert json.loads(out) == {"options": [held]}


def test_config_show_names_what_is_wrong(folder, invoke):
    """It reads the file as the commands do."""
    (folder / "loadgrpc.ini").write_text("[loadgrpc]\nlisten = here\n")
    code, out, err = invoke("config", "show")
    assert (code, out) == (2, "")
    assert "--listen, set by loadgrpc.ini [loadgrpc]: 'here' is not HOST:PORT" in err


def test_run_says_what_it_takes_from_where(folder, invoke, client, monkeypatch):
    """On stderr, so that a run with another load than was typed surprises nobody; -q does not."""
    (folder / "loadgrpc.ini").write_text("[loadgrpc]\nusers = 2\nagents = 1\ntitle = x\n")
    monkeypatch.setenv("LOADGRPC_BROKER", "there:1")

    _, _, err = invoke("run", TEST, "--title", "y")

    assert err == "set by loadgrpc.ini [loadgrpc]: users, agents\nset by LOADGRPC_BROKER: broker\n"
    assert invoke("run", TEST, "-q")[2] == ""


def test_the_file_may_be_named_by_a_variable(folder, started, monkeypatch):
    """LOADGRPC_CONFIG, instead of --config; it goes before the file of the folder."""
    (folder / "loadgrpc.ini").write_text("[loadgrpc]\nusers = 2\n")
    (folder / "other.ini").write_text("[loadgrpc]\nusers = 3\n")
    monkeypatch.setenv("LOADGRPC_CONFIG", "other.ini")
    assert started(TEST, "-a", "1").users == (3,)
    assert started(TEST, "-a", "1", "--config", "loadgrpc.ini").users == (2,)


def test_sections_of_outputs_and_observers(folder, started, invoke):
    """`[output-file]` with `filename` is --output-file-filename; other sections are others'."""
    (folder / "loadgrpc.ini").write_text(
        "[loads]\nagents: 1\n[output-file]\nfilename: hits.jsonl\n[pytest]\nfilename = x\n"
    )

    _, out, _ = invoke("config", "show", "--set")

    assert "output_file_filename  hits.jsonl  loadgrpc.ini [loads]" in out
    (folder / "loadgrpc.ini").write_text("[loads]\n[observer-irc]\nserverz = x\n")
    assert "no such option: 'observer_irc_serverz'" in invoke("run", TEST)[2]
