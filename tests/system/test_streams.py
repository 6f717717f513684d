"""The command line among pipes, closed descriptors, full disks and terminals that go away."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

TESTS = """\
import time, unittest


class T(unittest.TestCase):
    def test_short(self):
        time.sleep(0.05)

    def test_long(self):
        time.sleep(0.5)

    def test_bad(self):
        self.fail("é\\x9b\\u202e")
"""
COMMAND = "loadgrpc run ok.T.test_short -i 3"


@pytest.fixture
def shell(folder, tmp_path):
    """`shell("loadgrpc runs | head -1")`: code of the first command, stdout, stderr, by bash."""
    (folder / "ok.py").write_text(TESTS)
    beside = str(Path(sys.executable).parent)
    home = tmp_path / "tmp"
    home.mkdir()

    def run(line, **env):
        done = subprocess.run(
            ["/bin/bash", "-c", f'{line}\nexit "${{PIPESTATUS[0]}}"'],
            cwd=folder,
            capture_output=True,
            timeout=100,
            check=False,
            env={
                **os.environ,
                "PATH": f"{beside}:{os.environ['PATH']}",
                "TMPDIR": str(home),
                **env,
            },
        )
        assert b"defect" not in done.stderr, done.stderr.decode()
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    return run


def test_f19_json_is_written_to_a_stdout_that_is_not_utf8(shell):
    """The document is there, in ASCII, and the exit code is the run's."""
    code, out, _ = shell("loadgrpc run ok.T.test_bad --json", PYTHONIOENCODING="ascii")
    assert code == 1
    assert out.isascii()
    assert json.loads(out)["failures"][0]["exception"]["message"] == "é\x9b\u202e"


@pytest.mark.long
def test_f26_a_reader_that_goes_away_does_not_falsify_the_run(shell, folder):
    """`| head -1`: the run goes to its end, its document is written, and its code is its own."""
    code, out, err = shell(f"{COMMAND} --json-file s.json | head -1")
    assert (code, len(out.splitlines()), err) == (0, 1, "")
    assert json.loads((folder / "s.json").read_text())["iterations"]["success"] == "3"
    assert shell("loadgrpc run ok.T.test_bad --json | true")[0] == 1
    assert shell("loadgrpc run --help | true")[0] == 0


@pytest.mark.long
def test_f26_a_full_stdout_is_told_and_no_success(shell):
    """What cannot be written is one line on stderr, and not exit code 0; no traceback."""
    words = "loadgrpc: error: cannot write to standard output: No space left on device\n"
    assert shell("loadgrpc --help >/dev/full") == (3, "", words)
    assert shell(f"{COMMAND} -q --json >/dev/full") == (3, "", f"exit 0: passed\n{words}")
    assert shell("loadgrpc run ok.T.test_bad -q >/dev/full")[0] == 1
    assert shell("loadgrpc run --wrong 2>/dev/full")[0] == 2


def test_f26_closed_descriptors_are_as_dev_null(shell):
    """A command whose stdin, stdout and stderr are closed does its work."""
    assert shell(f"{COMMAND} --json-file s.json >&- 2>&- <&-; cat s.json | head -1") == (
        0,
        "{\n",
        "",
    )
    code, _, err = shell("loadgrpc run -f - <&-")
    assert (code, err) == (2, "loadgrpc run: error: standard input cannot be read: it is closed\n")


@pytest.mark.parametrize("target", [">(cat >copy)", "fifo", "/dev/stdout >copy"])
def test_f26_the_json_file_may_be_a_pipe(shell, folder, target):
    """A process substitution, a FIFO and a standard stream get the document, whole and alone."""
    before = "mkfifo fifo; cat fifo >copy &" if target == "fifo" else ""
    code, out, err = shell(f"{before}\n{COMMAND} -q --json-file {target}")
    assert (code, out + err) == (0, "exit 0: passed\n")
    deadline = time.monotonic() + 10
    while not (folder / "copy").read_text().endswith("}\n") and time.monotonic() < deadline:
        time.sleep(0.02)
    assert json.loads((folder / "copy").read_text())["hits"]["count"] == "0"


@pytest.mark.parametrize(
    "line",
    [
        r"loadgrpc run $'ok.T.\xff'",
        r"loadgrpc run ok.T.test_short -H $'http://\xff/'",
        r"loadgrpc run ok.T.test_short -b $'\xff:1'",
        r"loadgrpc run x --test-runner $'\xff'",
        r"loadgrpc show $'\xff'",
        r"loadgrpc events r-1 -k $'\xff'",
        r"loadgrpc $'\xff'",
        r"loadgrpc broker --store $'postgresql://\xff/x'",
    ],
)
def test_f26_arguments_that_are_no_text_are_told(shell, line):
    """One line, exit code 2."""
    code, out, err = shell(line)
    assert (code, out, len(err.splitlines())) == (2, "", 1)


def test_f26_a_folder_that_is_gone_is_told(shell):
    """Who was started in a folder that was deleted says so."""
    for line in ("broker --listen 127.0.0.1:0", "agent", "run ok.T.test_short"):
        code, _, err = shell(f"mkdir gone; cd gone; rmdir ../gone; loadgrpc {line}")
        assert code == 2
        assert "the current folder does not exist any more" in err


def test_f26_no_home_is_told(shell):
    """An agent of a user without a home says what to set."""
    line = (
        "unset HOME XDG_STATE_HOME; exec unshare -r --map-user=54321 loadgrpc agent -b 127.0.0.1:1"
    )
    code, _, err = shell(line)
    if "unshare" in err:
        pytest.skip(f"no user namespaces: {err.strip()}")
    assert (code, len(err.splitlines())) == (2, 1)
    assert "set --state-dir, XDG_STATE_HOME or HOME" in err


@pytest.mark.parametrize("closed", [False, True])
def test_f26_a_hang_up_stops_the_run_as_sigterm_does(folder, tmp_path, on_terminal, closed):
    """SIGHUP, and a window that is closed: summary, folder removed, cursor shown, exit 105."""
    (folder / "ok.py").write_text(TESTS)
    home = tmp_path / "tmp"
    home.mkdir()
    asked = ("run", "ok.T.test_long", "-d", "90", "--json-file", "s.json")
    terminal = on_terminal(*asked, cwd=folder, env={"TMPDIR": str(home)})
    assert terminal.read_until(b"iterations")
    if closed:
        os.close(terminal.master)
    else:
        os.kill(terminal.pid, signal.SIGHUP)
        assert terminal.read_until(b"exit 105: stopped")
        shown, hidden = (terminal.output.rfind(b"\x1b[?25" + end) for end in (b"h", b"l"))
        assert shown > hidden >= 0
    assert terminal.wait() == 105
    assert list(home.iterdir()) == []
    assert json.loads((folder / "s.json").read_text())["verdict"]["exitCode"] == 105


@pytest.mark.long
def test_f26_nohup_is_respected(shell, folder):
    """Who ignores SIGHUP from the start goes on."""
    line = "nohup loadgrpc run ok.T.test_long -i 3 >out 2>&1 & until grep -q running out; do"
    _, out, _ = shell(
        f"touch out; {line} sleep 0.05; done; kill -HUP $!; wait $!; echo $?; cat out"
    )
    assert out.startswith("0\n")
    assert out.endswith("exit 0: passed\n")
