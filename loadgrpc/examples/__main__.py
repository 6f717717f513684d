"""The demonstration: the demo server, a load test against it, and its summary.

    python -m loadgrpc.examples [OPTION…]

Options are those of `loadgrpc run`, instead of the demonstration's own load, unless they begin with
--web or --output. Exits with the
exit code of `loadgrpc run`. The server ends with this process, however this process ends.
"""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

TEST = "loadgrpc.examples.demo.TestDemo.test_browse"
LOAD = ("-u", "5:10:20", "-d", "5")
WEB = "--web"
HINT = """
To watch it in a browser:  make demo ARGS=--web
To keep it as a page:      make demo ARGS='--output html=demo.html'
"""
READY = "listening on "


def with_server(command: Sequence[str]) -> int:
    """Runs `command`, its `{url}` replaced by that of a new demo server; its exit code.

    Ctrl-C reaches the command from the terminal and is its to answer; SIGTERM is passed on.
    The server has a session of its own, so that Ctrl-C leaves it to the users' last requests.
    """
    server = subprocess.Popen(
        [sys.executable, "-m", "loadgrpc.examples.server", "--port", "0", "--while-stdin-is-open"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with server:
        try:
            assert server.stdout  # noqa: S101 - for mypy: it is a pipe
            line = server.stdout.readline()
            if not line.startswith(READY):
                print("the demo server did not start, see above", file=sys.stderr)
                return 1
            url = line.removeprefix(READY).strip()
            return _run([word.replace("{url}", url) for word in command])
        finally:
            server.terminate()


def _run(command: list[str]) -> int:
    """Runs `command` in the foreground; its exit code, 128 + N when signal N ended it."""
    print(f"$ {shlex.join([Path(command[0]).name, *command[1:]])}", flush=True)
    child: subprocess.Popen[bytes] | None = None

    def pass_on(number: int, _frame: object) -> None:
        if child and number != signal.SIGINT:
            child.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        child = subprocess.Popen(command)
        code = child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code


def main() -> int:
    """The command line; see the module."""
    loadgrpc = [sys.executable, "-m", "loadgrpc"]
    options = sys.argv[1:]
    if not options or options[0] in (WEB, "--output"):
        options = [*LOAD, *options]
    code = with_server([*loadgrpc, "run", TEST, "-H", "{url}", *options])
    if not sys.argv[1:]:
        print(HINT, end="")
    return code


if __name__ == "__main__":
    sys.exit(main())
