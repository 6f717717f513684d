"""What other load testers call things, and what is close to a name of ours.

Rule: a term of Loads, Locust, k6, Molotov and the like leads to what does the same here, or to a
sentence that says that nothing does. Anything else is taken for a typo, and only if it is a very
small one: a wrong guess is worse than none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_CHECK: Final = "`loadgrpc check-agents`"
_STATUS: Final = "`loadgrpc status`"
_RUNS: Final = "`loadgrpc runs`"
_BROKER: Final = "`loadgrpc broker`"
_AGENT: Final = "`loadgrpc agent -b HOST:PORT`"
_EVENTS: Final = "`loadgrpc events RUN --json`"
_ATTACH: Final = "`loadgrpc attach RUN`"
_PAGE: Final = (
    "!`loadgrpc run --web` shows a run in a browser, `loadgrpc broker --web HOST:PORT` those of a"
    " broker"
)
_OUTPUT: Final = "--output"
_SENT: Final = "!`loadgrpc run` sends a test's files to the agents by itself; see --include-file"
_CSV: Final = "!write `--output csv=PREFIX`: the names and columns of files are the same"
_TEST: Final = "!which test to run is said as TEST: file.py::Class.method"
_NO_FLAG: Final = (
    "!it is a secret, and everybody on a machine can read its command lines: set "
    "LOADGRPC_OBSERVER_{0}, or LOADGRPC_OBSERVER_{0}_FILE, where the broker runs"
)
_STAGES: Final = "--users"
_THRESHOLD: Final = "!thresholds are conditions: --threshold 'p95(response) < 300ms'"
_SOCKET: Final = (
    "!there is no ZeroMQ, and one address for all: `loadgrpc broker --listen HOST:PORT`, and"
    " -b HOST:PORT everywhere else"
)
_TUNNEL: Final = (
    "!there are no tunnels; agents dial the broker: `loadgrpc agent -b HOST:PORT` on each machine;"
    " `ssh -L 7979:127.0.0.1:7979 HOST` beside it forwards the port of a broker"
)
_DATABASE: Final = "!results are in a file or in PostgreSQL: `loadgrpc broker --store URL`"
_WATCHED: Final = "!agents are always watched; `loadgrpc broker --lease TIME` gives them time"
_WEIGHTS: Final = "!each scenario of a plan has its own users; see -f/--plan"
_STORE: Final = "!results are in the broker's store: `loadgrpc broker --store PATH`"
_SESSION: Final = "!requests are those of Requests: the test sets that on self.session"
_LOG: Final = "!logs go to stderr; 2>FILE keeps them, and services have --log-file"
_ENVIRONMENT: Final = "!tests see the environment of their agent, and what --env adds to it"
_SUMMARY: Final = "!the summary has all there is; `loadgrpc show RUN --json` is for programs"

OPTIONS: Final = {
    # Loads
    "--attach": _ATTACH,
    "--batched": "!results are always sent in batches",
    "--check": _STATUS,
    "--check-cluster": _CHECK,
    "--cycles": "--iterations",
    "--external-process-timeout": "--silence-timeout",
    "--health-check": _CHECK,
    "--observer-email-password": _NO_FLAG.format("EMAIL_PASSWORD"),
    "--observer-slack-url": _NO_FLAG.format("SLACK_URL"),
    "--observer-webhook-secret": _NO_FLAG.format("WEBHOOK_SECRET"),
    "--observer-irc-password": _NO_FLAG.format("IRC_PASSWORD"),
    "--ping-broker": _STATUS,
    "--purge-broker": "`loadgrpc stop --all`",
    "--ssh": _TUNNEL,
    "--shh": _TUNNEL,
    "--zmq-endpoint": _SOCKET,
    "--zmq-publisher": _SOCKET,
    "--zmq-receiver": _SOCKET,
    # Its broker and its agent
    "--backend": _SOCKET,
    "--db": _STORE,
    "--db-python-directory": _STORE,
    "--db-python-max-size": "!the store is bounded by `loadgrpc broker --keep-hits SIZE`",
    "--db-python-sync-delay": "!what is acknowledged is stored: there is no delay to set",
    "--db-redis-host": _DATABASE,
    "--db-redis-port": _DATABASE,
    "--frontend": _SOCKET,
    "--heartbeat": _WATCHED,
    "--io-threads": "!there is no ZeroMQ, and nothing to set for it",
    "--params": _ENVIRONMENT,
    "--publisher": _SOCKET,
    "--receiver": _SOCKET,
    "--register": _SOCKET,
    "--timeout": "!a run says how long users may take: `loadgrpc run --stop-timeout TIME`",
    "--web-root": _PAGE,
    # Locust
    "--autoquit": "!a command ends with its run",
    "--autostart": "!a run starts at once",
    "--class-picker": _TEST,
    "--config-users": _STAGES,
    "--csv": _CSV,
    "--csv-full-history": _CSV,
    "--enable-rebalancing": "!users stay where they start; `loadgrpc run --split` shares them out",
    "--equal-weights": _WEIGHTS,
    "--exclude-tags": _TEST,
    "--exit-code-on-error": "!a failed iteration is exit code 1, always",
    "--expect-slaves": "--agents",
    "--expect-workers": "--agents",
    "--expect-workers-max-wait": "--wait",
    "--headless": "!every run is headless, unless it has --web",
    "--heartbeat-interval": _WATCHED,
    "--heartbeat-liveness": _WATCHED,
    "--html": "!write `--output html=FILE`",
    "--list": _RUNS,
    "--locustfile": _TEST,
    "--logfile": _LOG,
    "--loglevel": "--verbose",
    "--master": _BROKER,
    "--master-bind-host": "`loadgrpc broker --listen HOST:PORT`",
    "--master-bind-port": "`loadgrpc broker --listen HOST:PORT`",
    "--master-host": "--broker",
    "--master-port": "--broker",
    "--no-reset-stats": "!figures are never reset",
    "--only-summary": "--quiet",
    "--print-stats": "!figures are printed while the run goes on, always",
    "--profile": "--title",
    "--reset-stats": "!figures are never reset; `loadgrpc show RUN --timeline` has them by time",
    "--show-task-ratio": _WEIGHTS,
    "--show-task-ratio-json": _WEIGHTS,
    "--skip-log-setup": _LOG,
    "--slave": _AGENT,
    "--stats-history": "`loadgrpc show RUN --timeline`",
    "--step-load": "--load",
    "--step-time": "--duration",
    "--step-users": "--load",
    "--tags": _TEST,
    "--web-auth": _PAGE,
    "--web-base-path": _PAGE,
    "--web-host": _PAGE,
    "--web-login": _PAGE,
    "--web-port": _PAGE,
    "--worker": _AGENT,
    "-E": _TEST,
    "-L": "--verbose",
    "-P": _PAGE,
    "-T": _TEST,
    "-V": "`loadgrpc --version`",
    "-s": "!-s is --stop-timeout in Locust, and stages in k6, which are --load here",
    # k6
    "--address": "!a run is asked for at its broker: `loadgrpc broker --listen HOST:PORT`",
    "--archive-out": _SENT,
    "--batch": _SESSION,
    "--batch-per-host": _SESSION,
    "--blacklist-ip": _SESSION,
    "--block-hostnames": _SESSION,
    "--compatibility-mode": "!tests are Python; --test-runner runs k6",
    "--console-output": _LOG,
    "--discard-response-bodies": _SESSION,
    "--dns": "--no-dns-resolve",
    "--exclude-env-vars": _ENVIRONMENT,
    "--execution-segment": "--split",
    "--execution-segment-sequence": "--split",
    "--exit-on-running": "--detach",
    "--http-debug": _EVENTS,
    "--include-system-env-vars": _ENVIRONMENT,
    "--insecure-skip-tls-verify": "!the test sets self.session.verify = False",
    "--linger": "--detach",
    "--local-ips": _SESSION,
    "--log-output": _LOG,
    "--max": "--users",
    "--max-redirects": _SESSION,
    "--max-vus": "--users",
    "--min-iteration-duration": "!there are no think times; a test may sleep",
    "--no-color": "!set NO_COLOR=1 in the environment",
    "--no-connection-reuse": _SESSION,
    "--no-setup": "!setUp belongs to the test, and so does what it leaves out",
    "--no-summary": "--quiet",
    "--no-teardown": "!tearDown belongs to the test, and so does what it leaves out",
    "--no-thresholds": _THRESHOLD,
    "--no-usage-report": "!nothing is reported to anybody",
    "--no-vu-connection-reuse": _SESSION,
    "--out": _OUTPUT,
    "--paused": "!a run starts at once; `loadgrpc load RUN --pause` pauses it",
    "--profiling-enabled": "!py-spy and perf look into any process, runners included",
    "--rps": '!a rate is that of an open load: --load "100/s for 1m"',
    "--stage": "--load",
    "--stages": "--load",
    "--summary-export": "--json-file",
    "--summary-mode": "--verbose",
    "--summary-time-unit": _SUMMARY,
    "--summary-trend-stats": _SUMMARY,
    "--system-tags": _SUMMARY,
    "--tag": "--label",
    "--thresholds": _THRESHOLD,
    "--throw": "!an exception ends its iteration, which counts as an error",
    "--traces-output": _EVENTS,
    "--type": _TEST,
    "--upload": _OUTPUT,
    "--user-agent": "!the test sets self.session.headers",
    "--vus": "--users",
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
    "--sizing-tolerance": "!a run does not look for its size; -u 10:20:30 makes cycles",
    "--statsd": _EVENTS,
    "--statsd-address": _EVENTS,
    "--use-extension": "!a test imports what it needs",
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
    "-c": "!-c is --hits in Loads, --config in k6, and --users in old versions of Locust",
    "-e": "--env",
    "-l": _RUNS,
    "-m": "--users",
    "-n": "--iterations",
    "-o": _OUTPUT,
    "-w": "--users",
    "-x": "!failures do not end a run; `loadgrpc stop RUN` does",
}
"""Options of other load testers: the option of ours, or the command in backquotes, or, behind
an exclamation mark, a sentence."""

COMMANDS: Final = {
    "archive": _SENT,
    "cancel": "stop",
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
    "pause": "!`loadgrpc load RUN --pause` pauses a run with stages; `loadgrpc stop RUN` ends one",
    "ping": "status",
    "ps": "runs",
    "results": "show",
    "resume": _ATTACH,
    "rm": "delete",
    "remove": "delete",
    "scale": "!`loadgrpc load RUN --scale 1.5` changes the load of a run with stages",
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

_OPTION: Final = re.compile(r"(?<=did you mean )--([a-z-]+)")
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


def hint_of_key(key: str, keys: Iterable[str]) -> str:
    """The same for a key of a file, which is an option without its dashes, with `_`."""
    found = hint(f"--{key.replace('_', '-')}", [f"--{k.replace('_', '-')}" for k in keys], OPTIONS)
    return _OPTION.sub(lambda option: repr(option[1].replace("-", "_")), found)


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
