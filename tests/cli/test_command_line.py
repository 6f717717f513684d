"""The command line as people meet it: help, one-line errors, suggestions, start-up."""

import subprocess
import sys

import click
import pytest

import loadgrpc
from loadgrpc import errors
from loadgrpc.cli import command, failure, root
from loadgrpc.cli.root import COMMANDS

TEST = "example.TestWebSite.test_es"
WRONG = {
    "rnu": "loadgrpc: error: no such command: rnu (did you mean run?)",
    "frobnicate": "loadgrpc: error: no such command: frobnicate",
    "--verison": "loadgrpc: error: no such option: --verison (did you mean --version?)",
    "run": (
        "loadgrpc run: error: missing TEST: package.module.Class.method or file.py::Class.method"
    ),
    "run test_es": (
        "loadgrpc run: error: TEST must be package.module.Class.method or "
        "file.py::Class.method, not 'test_es'"
    ),
    f"run {TEST} more": (
        "loadgrpc run: error: TEST must be package.module.Class.method or"
        " file.py::Class.method, not 'more'"
    ),
    f"run {TEST} --test-order random": (
        "loadgrpc run: error: --test-order needs several TESTs, which the plan does not have"
    ),
    f"run {TEST}=2 a.B.c --test-order random": (
        "loadgrpc run: error: --test-order cannot be random where there are weights:"
        " it draws all alike"
    ),
    f"run {TEST} a.B.c --test-runner ./x": (
        "loadgrpc run: error: TESTs can only be used with the Python runner:"
        " a --test-runner has to do this by itself"
    ),
    f"run {TEST} {TEST}": (f"loadgrpc run: error: TEST {TEST!r} is there twice: give it a weight"),
    f"run {TEST} --userz 3": (
        "loadgrpc run: error: no such option: --userz (did you mean --users?)"
    ),
    f"run {TEST} --vus 3": "loadgrpc run: error: no such option: --vus (did you mean --users?)",
    f"run {TEST} --duratoin=3": (
        "loadgrpc run: error: no such option: --duratoin (did you mean --duration?)"
    ),
    f"run {TEST} -z": "loadgrpc run: error: no such option: -z",
    f"run {TEST} -u": "loadgrpc run: error: -u/--users needs a value",
    f"run {TEST} --json=x": "loadgrpc run: error: --json takes no value",
    f"run {TEST} -u 0": (
        "loadgrpc run: error: -u/--users: '0' is not a whole number from 1 to 100000; "
        "expected users of each cycle, such as 10 or 10:20:30"
    ),
    f"run {TEST} -u 10:x": (
        "loadgrpc run: error: -u/--users: 'x' is not a whole number from 1 to 100000; "
        "expected users of each cycle, such as 10 or 10:20:30"
    ),
    f"run {TEST} --hits 0": (
        "loadgrpc run: error: -i/--iterations: '0' is not a whole number from 1 to 1000000000; "
        "expected iterations of each user, such as 20 or 5:5"
    ),
    f"run {TEST} -t soon": (
        "loadgrpc run: error: -d/--duration: 'soon' is not a duration; "
        "expected 90, 90s, 5m, 1h30m, 1.5s or 500ms"
    ),
    f"run {TEST} -i 3 -d 5": (
        "loadgrpc run: error: -d/--duration cannot be combined with -i/--iterations"
    ),
    f"run {TEST} -q -v": "loadgrpc run: error: -q/--quiet cannot be combined with -v/--verbose",
    f"run {TEST} -a 0": (
        "loadgrpc run: error: -a/--agents: '0' is not a whole number from 1 to 10000"
    ),
    f"run {TEST} --processes 1025": (
        "loadgrpc run: error: --processes: '1025' is not a whole number from 0 to 1024"
    ),
    f"run {TEST} -H 127.0.0.1:8000": (
        "loadgrpc run: error: -H/--host: '127.0.0.1:8000' is not a URL; "
        "expected one such as http://127.0.0.1:8000"
    ),
    f"run {TEST} -b here": (
        "loadgrpc run: error: -b/--broker: 'here' is not HOST:PORT; "
        "expected an address such as 127.0.0.1:7979"
    ),
    f"run {TEST} --json-file /": (
        "loadgrpc run: error: --json-file: cannot write '/': Is a directory"
    ),
    f"run {TEST} --json-file /no/such/file": (
        "loadgrpc run: error: --json-file: cannot write '/no/such/file': No such file or directory"
    ),
    "show": "loadgrpc show: error: missing RUN",
    "stop": "loadgrpc stop: error: missing RUN; --all stops all active runs",
    "stop r-1 --all": "loadgrpc stop: error: RUN cannot be combined with --all",
    "runs -n 0": "loadgrpc runs: error: -n/--limit: '0' is not a whole number from 1 to 1000000",
    "broker --listen 0.0.0.0:7979": (
        "loadgrpc broker: error: --listen: 0.0.0.0:7979 is not a loopback address; "
        "whoever can connect to it can run code on agents, so it needs certificates "
        "(`loadgrpc certs init`), or --insecure"
    ),
    "broker --store /no/such/folder/x.db": (
        "loadgrpc broker: error: --store: there is no folder '/no/such/folder'"
    ),
    "broker --store mysql://me:secret@host/db": (
        "loadgrpc broker: error: --store: no store can be opened at mysql://…: give a file, "
        "sqlite:///FILE, postgresql://HOST/DATABASE or :memory:"
    ),
    "broker --lease 2s": (
        "loadgrpc broker: error: --lease: 2 s is too short; an agent may be silent for 5 s "
        "before it counts as unreachable"
    ),
    "broker --keep-hits much": (
        "loadgrpc broker: error: --keep-hits: 'much' is not a size; "
        "expected 4096, 500MB, 1.5GB or 2TB"
    ),
    "agent --token-file x": "loadgrpc agent: error: no such option: --token-file",
}


@pytest.mark.parametrize("line", WRONG)
def test_what_is_wrong_is_one_line_and_exit_code_2(invoke, client, line):
    """A wrong command line gets one line on stderr that names what is wrong; nothing starts."""
    code, out, err = invoke(*line.split())
    assert (code, out, err) == (2, "", WRONG[line] + "\n")
    assert client.asked == []


def test_help_says_what_it_said(snapshot, capsys):
    """The help of loadgrpc itself is what the snapshot has; that of commands is docs/cli.md."""
    assert command.call(root.root, ["--help"], terminal_width=100) == 0
    snapshot("help", capsys.readouterr().out)


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_fits_a_terminal(name, capsys):
    """No line of a help text is longer than the terminal is wide."""
    assert command.call(root.root, [*filter(None, [name]), "--help"], terminal_width=100) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 100


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_gives_an_example(name, invoke):
    """The help of each command shows a line that can be typed."""
    _, out, _ = invoke(name, "-h")
    assert f"\n    loadgrpc {name}" in out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_explained(name):
    """No option is without a sentence."""
    import importlib

    found = importlib.import_module(COMMANDS[name]).command
    for param in found.params:
        if isinstance(param, click.Option):
            assert param.help, param.name
            assert param.help.split("  [")[0].endswith("."), param.help


def test_c12_loadgrpc_alone_prints_the_help(invoke):
    """`loadgrpc` alone is no error: help on stdout, exit code 0."""
    code, out, err = invoke()
    assert (code, err) == (0, "")
    assert "Commands:" in out
    assert out == invoke("--help")[1]


def test_the_version_is_the_packages(invoke):
    """--version prints name and version."""
    assert invoke("--version") == (0, f"loadgrpc {loadgrpc.__version__}\n", "")


def test_a_wrong_line_costs_no_heavy_import():
    """Help and errors come without gRPC, rich, NumPy, gevent or requests."""
    code = (
        "import sys; from loadgrpc.cli import main; "
        "main(['run', 'a.B.c', '--userz', '1']); main(['run', '--help']); "
        "heavy = {'grpc', 'rich', 'numpy', 'gevent', 'requests', 'sqlalchemy'}; "
        "sys.exit(sorted(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_question_costs_no_heavy_import():
    """Who asks a broker, or is told that there is none, waits for gRPC, and for no NumPy."""
    code = (
        "import sys; from loadgrpc.cli import main; "
        "main(['status', '-b', '127.0.0.1:1']); "
        "heavy = {'rich', 'numpy', 'gevent', 'requests', 'sqlalchemy', 'loadgrpc.cli.run'}; "
        "sys.exit(sorted(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_module_is_the_command():
    """`python -m loadgrpc` is `loadgrpc`."""
    done = subprocess.run(
        [sys.executable, "-m", "loadgrpc", "--version"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, f"loadgrpc {loadgrpc.__version__}\n")


def _tree(kind):
    yield kind
    for child in kind.__subclasses__():
        yield from _tree(child)


@pytest.mark.parametrize(
    "kind", [kind for kind in _tree(errors.LoadgrpcError) if kind.__module__ == errors.__name__]
)
def test_every_error_has_an_exit_code(kind):
    """The table from errors to exit codes is total, and never says passed or failed."""
    assert kind in failure.EXIT_CODES
    assert failure.failure_of(kind("no")).exit_code in (2, 4, 107)


def test_a_defect_is_shown_whole_and_not_taken_for_a_verdict(invoke, client):
    """An exception of our own making prints its traceback and exits with 3."""
    client.fails["get_broker"] = ZeroDivisionError("oh")
    code, _, err = invoke("status")
    assert code == 3
    assert "ZeroDivisionError: oh" in err
    assert err.endswith("loadgrpc: error: this is a defect in loadgrpc\n")
