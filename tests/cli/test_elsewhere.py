"""Words of other load testers lead to ours, and only small slips are guessed at."""

import importlib

import pytest

from loadgrpc.cli import elsewhere
from loadgrpc.cli.root import COMMANDS

TEST = "example.TestWebSite.test_es"
OPTIONS_OF_RUN = {
    name for param in importlib.import_module(COMMANDS["run"]).command.params for name in param.opts
}
C4 = {
    "run --attach": "no such option: --attach (did you mean `loadgrpc attach RUN`?)",
    "run --ping-broker": "no such option: --ping-broker (did you mean `loadgrpc status`?)",
    "run --purge-broker": "no such option: --purge-broker (did you mean `loadgrpc stop --all`?)",
    "run --ssh x": (
        "no such option: --ssh: there are no tunnels; agents dial the broker: "
        "`loadgrpc agent -b HOST:PORT` on each machine; `ssh -L 7979:127.0.0.1:7979 HOST` beside "
        "it forwards the port of a broker"
    ),
    "run --headless": ("no such option: --headless: every run is headless, unless it has --web"),
    "run --expect-workers 3": "no such option: --expect-workers (did you mean --agents?)",
    "run --vus 3": "no such option: --vus (did you mean --users?)",
    "run --ramp-up 3": "no such option: --ramp-up (did you mean --spawn-rate?)",
    "run -w 3": "no such option: -w (did you mean --users?)",
    "run --frobnicate": "no such option: --frobnicate",
    "run --run_time 3": "no such option: --run_time (did you mean --run-time?)",
    "list": "no such command: list (did you mean runs?)",
    "ping": "no such command: ping (did you mean status?)",
    "worker": "no such command: worker (did you mean agent?)",
    "kill": "no such command: kill (did you mean `loadgrpc stop RUN --kill`?)",
    TEST: f"no such command: {TEST} (did you mean `loadgrpc run {TEST}`?)",
    "web.py::T.test_x": (
        "no such command: web.py::T.test_x (did you mean `loadgrpc run web.py::T.test_x`?)"
    ),
    "delet": "no such command: delet (did you mean delete?)",
    "zap": "no such command: zap",
}


LOADS = """
    --ssh --attach --observer --no-patching --project-name --agents --zmq-receiver --zmq-publisher
    --ping-broker --check-cluster --purge-broker --broker --user-id --batched --quiet --output
    --detach --no-dns-resolve --external-process-timeout --config --users --hits --duration
    --test-dir --python-dep --include-file --test-runner --server-url --health-check
    --frontend --backend --heartbeat --register --receiver --publisher --io-threads --debug --check
    --logfile --db --web-root --db-python-directory --db-python-sync-delay --db-python-max-size
    --db-redis-host --db-redis-port --params --timeout
    -u -d -a -b -c
"""
LOCUST = """
    --locustfile --config --host --users --spawn-rate --hatch-rate --run-time --list --config-users
    --web-host --web-port --headless --autostart --autoquit --web-login --web-auth
    --class-picker --web-base-path --profile --master --master-bind-host
    --master-bind-port --expect-workers --expect-workers-max-wait --expect-slaves
    --enable-rebalancing --worker --slave --processes --master-host --master-port --tags
    --exclude-tags --csv --csv-full-history --print-stats --only-summary --reset-stats
    --no-reset-stats --html --json --json-file --skip-log-setup --loglevel --logfile
    --show-task-ratio --show-task-ratio-json --exit-code-on-error --stop-timeout --equal-weights
    --stats-history --clients --step-load --step-users --step-time --heartbeat-interval
    --heartbeat-liveness
    -f -H -u -r -t -l -P -T -E -L -s -c -V
"""
K6 = """
    --address --config --archive-out --batch --batch-per-host --blacklist-ip --block-hostnames
    --compatibility-mode --console-output --discard-response-bodies --dns --duration --env
    --exclude-env-vars --execution-segment --execution-segment-sequence --exit-on-running
    --http-debug --include-system-env-vars --insecure-skip-tls-verify --iterations --linger
    --local-ips --log-output --max-redirects --max --min-iteration-duration --no-color
    --no-connection-reuse --no-setup --no-summary --no-teardown --no-thresholds --no-usage-report
    --no-vu-connection-reuse --out --paused --profiling-enabled --quiet --rps --stage
    --summary-export --summary-mode --summary-time-unit --summary-trend-stats --system-tags --tag
    --throw --traces-output --type --upload --user-agent --verbose --vus
    -a -c -d -e -i -l -m -o -p -q -s -t -u -v
"""
MOLOTOV = """
    --single-run --single-mode --config --debug --verbose --workers --ramp-up --sizing
    --sizing-tolerance --delay --console-update --processes --duration --max-runs --quiet
    --exception --fail --console --statsd --statsd-address --uvloop --use-extension
    --force-shutdown --disable-dns-resolve
    -s -v -w -p -d -r -q -x -f -c
"""


@pytest.mark.parametrize(
    "tool", [LOADS, LOCUST, K6, MOLOTOV], ids=["Loads", "Locust", "k6", "Molotov"]
)
def test_every_name_that_users_of_other_tools_type_is_answered(tool):
    """Each option of theirs is one of ours, or leads to one, or to a sentence."""
    assert set(tool.split()) - OPTIONS_OF_RUN - elsewhere.OPTIONS.keys() == set()


@pytest.mark.parametrize("name", elsewhere.OPTIONS)
def test_the_table_is_what_people_read(invoke, client, name):
    """Whoever types a name of the table reads what it says, and nothing is started."""
    told = elsewhere.OPTIONS[name]
    answer = f": {told[1:]}" if told.startswith("!") else f" (did you mean {told}?)"

    code, out, err = invoke("run", TEST, name, "x")

    assert (code, out, client.asked) == (2, "", [])
    assert err == f"loadgrpc run: error: no such option: {name}{answer}\n"


@pytest.mark.parametrize("line", C4)
def test_c4_foreign_names_lead_to_ours(invoke, line):
    """Options and commands of Loads, Locust, k6 and Molotov are told what is theirs here."""
    code, out, err = invoke(*line.split())
    assert (code, out) == (2, "")
    assert err.split("error: ", 1)[1] == C4[line] + "\n"


@pytest.mark.parametrize("name", elsewhere.OPTIONS)
def test_c4_the_table_of_options_is_right(name):
    """What the table leads to is there, and what it says of a name is not true of our own."""
    told = elsewhere.OPTIONS[name]
    assert name not in OPTIONS_OF_RUN
    if told.startswith("--"):
        assert told in OPTIONS_OF_RUN
    else:
        _check(told)


@pytest.mark.parametrize("name", elsewhere.COMMANDS)
def test_c4_the_table_of_commands_is_right(name):
    """As for options."""
    told = elsewhere.COMMANDS[name]
    assert name not in COMMANDS
    if not told.startswith(("`", "!")):
        assert told in COMMANDS
    else:
        _check(told)


def _check(told):
    assert told.startswith(("`loadgrpc ", "!")), told
    for command in told.split("`loadgrpc ")[1:]:
        words = command.split("`")[0].split()
        if words[0] == "--help" or words[0] == "--version":
            continue
        assert words[0] in COMMANDS, told
        known = importlib.import_module(COMMANDS[words[0]]).command.params
        names = {name for param in known for name in param.opts}
        assert {word for word in words if word.startswith("-")} <= names, told


@pytest.mark.parametrize(
    ("word", "known", "near"),
    [
        ("--attach", ["--detach"], ""),
        ("--config", ["--json-file", "--host"], ""),
        ("--plna", ["--plan", "--split"], "--plan"),
        ("--dur", ["--duration", "--detach"], "--duration"),
        ("--d", ["--duration", "--detach"], ""),
        ("ruin", ["run", "runs"], "run"),
        ("sho", ["show", "stop"], "show"),
    ],
)
def test_c4_only_what_is_close_is_suggested(word, known, near):
    """A wrong guess is worse than none."""
    assert elsewhere.nearest(word, known) == near
