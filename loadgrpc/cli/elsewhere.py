"""What other load testers call things, and what is close to a name of ours.

Rule: a term of Loads, Locust, k6, Molotov and the like leads to what does the same here, or to a
sentence that says that nothing does. Anything else is taken for a typo, and only if it is a very
small one: a wrong guess is worse than none.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_CHECK: Final = "`loadgrpc check-agents`"
_STATUS: Final = "`loadgrpc status`"
_RUNS: Final = "`loadgrpc runs`"
_BROKER: Final = "`loadgrpc broker`"
_AGENT: Final = "`loadgrpc agent -b HOST:PORT`"
_EVENTS: Final = "`loadgrpc events RUN --json`"
_ATTACH: Final = "`loadgrpc attach RUN`"
_FILES: Final = "!tests are not sent to agents; each machine needs the files"
_PAGE: Final = "!there is no web page; `loadgrpc status`, `runs` and `show` tell"
_OUTPUT: Final = "--output"
_CSV: Final = "!write `--output csv=PREFIX`: the names and columns of files are the same"
_TEST: Final = "!which test to run is said as TEST: file.py::Class.method"
_STAGES: Final = "--users"
_THRESHOLD: Final = "!there are no thresholds; ask the document of --json-file"

OPTIONS: Final = {
    # Loads
    "--attach": _ATTACH,
    "--check-cluster": _CHECK,
    "--cycles": "--users",
    "--external-process-timeout": "--silence-timeout",
    "--health-check": _CHECK,
    "--include-file": _FILES,
    "--no-patching": "!user processes are always patched by gevent; --test-runner runs others",
    "--observer": "!nobody is notified; `loadgrpc attach RUN` ends when the run does",
    "--output-file-filename": "!write `--output file=PATH`",
    "--output-funkload-filename": "!write `--output funkload=PATH`",
    "--ping-broker": _STATUS,
    "--purge-broker": "`loadgrpc stop --all`",
    "--python-dep": _FILES,
    "--ssh": f"!there are no tunnels; agents dial the broker: {_AGENT} on each machine",
    "--test-dir": _FILES,
    "--zmq-endpoint": "--broker",
    "--zmq-publisher": "--broker",
    "--zmq-receiver": "--broker",
    # Locust
    "--autostart": "!a run starts at once",
    "--class-picker": _TEST,
    "--csv": _CSV,
    "--csv-full-history": _CSV,
    "--exclude-tags": _TEST,
    "--expect-workers": "--agents",
    "--exit-code-on-error": "!a failed iteration is exit code 1, always",
    "--headless": "!there is no web page: every run is headless",
    "--html": "!there is no HTML report; --output csv, junit and others write files",
    "--list": _RUNS,
    "--locustfile": _TEST,
    "--logfile": "!logs go to stderr; 2>FILE keeps them",
    "--loglevel": "--verbose",
    "--master": _BROKER,
    "--master-host": "--broker",
    "--master-port": "--broker",
    "--only-summary": "--quiet",
    "--slave": _AGENT,
    "--step-load": _STAGES,
    "--tags": _TEST,
    "--web-host": _PAGE,
    "--web-port": _PAGE,
    "--worker": _AGENT,
    # k6
    "--env": "!tests see the environment that the agent was started in",
    "--execution-segment": "--split",
    "--linger": "--detach",
    "--no-summary": "--quiet",
    "--no-thresholds": _THRESHOLD,
    "--out": _OUTPUT,
    "--paused": "!a run starts at once, and cannot be paused",
    "--rps": "!there are no arrival rates: users go on as fast as they are answered",
    "--stage": _STAGES,
    "--stages": _STAGES,
    "--summary-export": "--json-file",
    "--summary-mode": "--verbose",
    "--thresholds": _THRESHOLD,
    "--vus": "--users",
    "--max-vus": "--users",
    # Molotov
    "--console": "--quiet",
    "--console-update": "--quiet",
    "--delay": "!there are no think times; a test may sleep",
    "--disable-dns-resolve": "--no-dns-resolve",
    "--exception": "!failures do not end a run; `loadgrpc stop RUN` does",
    "--fail": "!a failed iteration is exit code 1, always",
    "--force-shutdown": "--stop-timeout",
    "--max-runs": "--iterations",
    "--ramp-up": "--spawn-rate",
    "--single-mode": _TEST,
    "--single-run": "--iterations",
    "--sizing": "!a run does not look for its size; -u 10:20:30 makes cycles",
    "--statsd": _EVENTS,
    "--statsd-address": _EVENTS,
    "--uvloop": "!users are greenlets; --test-runner runs other programs",
    "--workers": "--users",
    # Others
    "--clients": "--users",
    "--concurrency": "--users",
    "--connections": "--users",
    "--count": "--iterations",
    "--debug": "--verbose",
    "--format": "--json",
    "--hatch-rate": "--spawn-rate",
    "--loops": "--iterations",
    "--num-clients": "--users",
    "--rate": "--spawn-rate",
    "--repeat": "--iterations",
    "--requests": "--iterations",
    "--target": "--host",
    "--threads": "--users",
    "--time": "--duration",
    "--url": "--host",
    "-c": "--users",
    "-e": "!tests see the environment that the agent was started in",
    "-l": _RUNS,
    "-n": "--iterations",
    "-o": _OUTPUT,
    "-p": "--processes",
    "-w": "--users",
}
"""Options of other load testers: the option of ours, or the command in backquotes, or, behind
an exclamation mark, a sentence."""

COMMANDS: Final = {
    "archive": _FILES,
    "cancel": "stop",
    "check": "check-agents",
    "check-cluster": "check-agents",
    "health-check": "check-agents",
    "cloud": "`loadgrpc run -b HOST:PORT`",
    "describe": "show",
    "export": "`loadgrpc show RUN --json`",
    "get": "show",
    "help": "`loadgrpc --help`",
    "info": "status",
    "inspect": "show",
    "kill": "`loadgrpc stop RUN --kill`",
    "list": "runs",
    "loads-agent": "agent",
    "loads-broker": "broker",
    "loads-runner": "run",
    "logs": "events",
    "ls": "runs",
    "master": "broker",
    "new": "!there is nothing to set up: `loadgrpc run TEST` runs a unittest method",
    "pause": "!a run cannot be paused; `loadgrpc stop RUN` ends it",
    "ping": "status",
    "ps": "runs",
    "report": "show",
    "results": "show",
    "resume": _ATTACH,
    "rm": "delete",
    "remove": "delete",
    "scale": "!the users of an active run cannot be changed; -u 10:20:30 makes cycles",
    "serve": "broker",
    "server": "broker",
    "slave": "agent",
    "start": "run",
    "stats": "show",
    "summary": "show",
    "tail": "events",
    "test": "run",
    "version": "`loadgrpc --version`",
    "wait": "attach",
    "watch": "attach",
    "worker": "agent",
}
"""Commands of other load testers, in the same way."""

_SHORT: Final = 7
"""Words of at most this many characters become another with two typos: attach and detach."""
_LEAST_PREFIX: Final = 3


def hint(word: str, known: Iterable[str], elsewhere: dict[str, str]) -> str:
    """What to say behind "no such option: WORD", its leading space included; empty: nothing."""
    names = list(known)
    bare = word.lstrip("-")
    told = elsewhere.get(word) or elsewhere.get("--" + bare.replace("_", "-"), "")
    if told.startswith("!"):
        return f": {told[1:]}"
    if told.startswith("`") or told in names:
        return f" (did you mean {told}?)"
    near = nearest(word, names)
    return f" (did you mean {near}?)" if near else ""


def nearest(word: str, names: Iterable[str]) -> str:
    """The one name that a slip of the fingers makes this word of; empty: there is none."""
    bare = word.lstrip("-").lower().replace("_", "-")
    bears = {name: name.lstrip("-") for name in names}
    for name, other in bears.items():
        if bare == other:
            return name
    begun = [name for name, other in bears.items() if other.startswith(bare)]
    if len(bare) >= _LEAST_PREFIX and len(begun) == 1:
        return begun[0]
    return slip(bare, bears)


def slip(word: str, names: Iterable[str]) -> str:
    """The one name that was typed with a letter or two wrong; empty: there is none."""
    bare = word.lstrip("-").lower().replace("_", "-")
    bears = {name: name.lstrip("-").replace("_", "-") for name in names}
    slips = 1 if len(bare) <= _SHORT else 2
    found = sorted((_slips(bare, other), name) for name, other in bears.items())
    close = [name for distance, name in found if distance <= slips and distance < len(bare) - 1]
    if not close or (len(found) > 1 and found[0][0] == found[1][0] and len(close) > 1):
        return ""  # none, or two that are as close
    return close[0]


def _slips(one: str, other: str) -> int:
    """Letters left out, added, changed, or swapped with their neighbour between two words."""
    if abs(len(one) - len(other)) > 2:  # noqa: PLR2004 - more than is ever asked about
        return len(one) + len(other)
    before: list[int] = []
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, 1):
        older, before, row = before, row, [at]
        for to, wanted in enumerate(other, 1):
            cost = min(before[to] + 1, row[-1] + 1, before[to - 1] + (letter != wanted))
            if older and to > 1 and letter == other[to - 2] and one[at - 2] == wanted:
                cost = min(cost, older[to - 2] + 1)
            row.append(cost)
    return row[-1]
