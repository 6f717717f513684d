"""The options of a plan, a row each: its field, its unit and bounds, its flags, what it needs.

Rule: what holds for an option by itself is stated here, and only here. Checks and converters
(`plans.py`), bounds (`bounds.py`), the flags of `loadgrpc run`, the keys of a plan file and
docs/cli.md are made from the rows; defaults are those of the model. A test holds the rows against
run.proto. Protobuf is not imported: the command line reads the rows before it needs it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

from loadgrpc.model import LatePolicy, Plan, RunnerMode, Scenario, Spacing, TestOrder
from loadgrpc.protocol.case_kind import MAX_CASES, CasesKind
from loadgrpc.protocol.kinds import (
    DAY_S,
    ChoiceKind,
    CountKind,
    CountsKind,
    DigestKind,
    FlagKind,
    Kind,
    ObserversKind,
    PercentKind,
    RateKind,
    RequirementsKind,
    SecondsKind,
    TextKind,
    ThresholdsKind,
    UrlKind,
    VariablesKind,
)
from loadgrpc.protocol.kinds_of_users import TEST_CHARS, TestsKind, WaitKind
from loadgrpc.protocol.labels_kind import LABELS
from loadgrpc.protocol.load_kinds import LoadKind, StagesKind
from loadgrpc.protocol.parameters_kind import ParametersKind
from loadgrpc.protocol.retry_kind import RetryKind
from loadgrpc.protocol.signatures_kind import SignaturesKind


@dataclass(frozen=True, kw_only=True)
class Option:
    """A row."""

    field: str
    """In run.proto."""
    kind: Kind
    flags: tuple[str, ...] = ()
    """How `loadgrpc run` spells it; the names of those that are long are keys of plan files, too.
    Empty: it is the argument TEST, or made by the command itself."""
    section: str = ""
    """Of the help of `loadgrpc run`."""
    help: str = ""
    default: str = ""
    """What applies without it, as a text for people."""
    metavar: str | None = None
    needs: str = ""
    """A field without which it means nothing."""
    excludes: tuple[str, ...] = ()
    """Fields that it cannot be combined with."""
    python: bool = False
    """Whether only the Python runner carries it out: with a `test_runner` it is refused."""
    secrets: bool = False
    """Whether it may contain a password, which is masked wherever it is shown."""

    @property
    def name(self) -> str:
        """Its name in the model."""
        return self.field + self.kind.suffix


OF_SCENARIO: Final = (
    Option(field="test", kind=TextKind(TEST_CHARS)),
    Option(field="tests", kind=TestsKind(100, 1_000), excludes=("test",), python=True),
    Option(
        field="test_order",
        kind=ChoiceKind(TestOrder),
        flags=("--test-order",),
        section="Load",
        help="How users choose among several TESTs: drawn by weight, drawn with all equally likely,"
        " or one after another.",
        default="weighted",
        needs="tests",
        python=True,
    ),
    Option(
        field="users",
        kind=CountsKind(100_000, 100, "users of each cycle, such as 10 or 10:20:30"),
        flags=("-u", "--users"),
        section="Load",
        help="Virtual users. 10:20:30 makes three cycles, one after another.",
        default="1",
    ),
    Option(
        field="iterations",
        kind=CountsKind(
            1_000_000_000, 100, "iterations of each user, such as 20 or 5:5", total=1_000_000_000
        ),
        flags=("-i", "--iterations", "--hits"),
        section="Load",
        help="How often each user calls the test in a cycle; 5:5 means their sum.",
        default="1",
    ),
    Option(
        field="duration",
        kind=SecondsKind(30 * DAY_S, zero=False),
        flags=("-d", "--duration", "-t", "--run-time"),
        section="Load",
        help="How long each cycle lasts, instead of iterations: 90, 90s, 5m, 1h30m.",
        excludes=("iterations",),
    ),
    Option(
        field="spawn_rate",
        kind=RateKind(),
        flags=("-r", "--spawn-rate"),
        section="Load",
        help="Users started per second on each agent; --split shares the rate out, too.",
        default="all at once",
    ),
    Option(
        field="pacing",
        kind=WaitKind(),
        flags=("--pacing",),
        section="Load",
        help="Start iterations of a user at least this far apart, from start to start: 3s, 2s..4s,"
        " 'exponential 3s' or 'lognormal 3s 0.5'. What takes longer is not made up for.",
        default="what the test says",
        metavar="WAIT",
        python=True,
    ),
    Option(
        field="think",
        kind=WaitKind(),
        flags=("--think",),
        section="Load",
        help="Let users wait after each iteration: 2s, 1s..3s, 'exponential 2s' or"
        " 'lognormal 2s 0.5'. A stop does not wait for it.",
        default="what the test says",
        metavar="WAIT",
        python=True,
    ),
    Option(
        field="load",
        kind=LoadKind(4_096),
        flags=("--load",),
        section="Load",
        help='How the load changes over time, instead of users and iterations: "100/s for 30s",'
        ' "ramp 0..50 users in 30s; hold 5m; down in 10s". See docs/load-models.md.',
        excludes=("users", "iterations", "duration", "spawn_rate", "stages"),
        metavar="STAGES",
    ),
    Option(field="stages", kind=StagesKind(1_000), excludes=("users", "iterations", "duration")),
    Option(
        field="arrivals",
        kind=ChoiceKind(Spacing),
        flags=("--arrivals",),
        section="Load",
        help="How arrivals of --load are spaced at a constant rate.",
        default="even",
    ),
    Option(
        field="late",
        kind=ChoiceKind(LatePolicy),
        flags=("--late",),
        section="Load",
        help="What becomes of an arrival for which no user is free: it starts late, or never.",
        default="queue",
    ),
    Option(
        field="max_users",
        kind=CountKind(1_000_000),
        flags=("--max-users",),
        section="Load",
        help="Users that arrivals may have at a time, on all agents together.",
        default="ten times what they need, at most 10,000 on an agent",
    ),
    Option(
        field="server_url",
        kind=UrlKind(2_048),
        flags=("-H", "--host", "--server-url"),
        section="Load",
        help="What the test sees as self.server_url.",
        default="what the test says",
        secrets=True,
    ),
    Option(
        field="processes",
        kind=CountKind(1_024),
        flags=("--processes",),
        section="Where",
        help="User processes on each agent.",
        default="one for each core",
    ),
    Option(
        field="test_runner",
        kind=TextKind(4_096),
        flags=("--test-runner",),
        section="Runner",
        help="A program that runs the users, in any language; {test} in it stands for TEST.",
        default="the Python runner",
        metavar="COMMAND",
        secrets=True,
    ),
    Option(
        field="runner_mode",
        kind=ChoiceKind(RunnerMode),
        flags=("--runner-mode",),
        section="Runner",
        help="One process for each user of each cycle, or one on each agent for all of them; or"
        " none: see `loadgrpc assignment`.",
        default="one-user",
        needs="test_runner",
    ),
    Option(
        field="silence_timeout",
        kind=SecondsKind(DAY_S),
        flags=("--silence-timeout",),
        section="Runner",
        help="End a process of --test-runner that is silent for this long; 0: never.",
        default="5m",
        needs="test_runner",
    ),
    Option(
        field="parameters",
        kind=ParametersKind(entries=100, name_chars=128, value_chars=4_096),
        flags=("-p", "--param"),
        section="Test",
        help="A value for a parameter that the test declares, such as `product: int = 7`; without a"
        " value, that of the variable of this name here. Repeatable.",
        metavar="NAME[=VALUE]",
        secrets=True,
    ),
    Option(
        field="cases",
        kind=CasesKind(MAX_CASES),
        flags=("--cases",),
        section="Cases",
        help="Feed iterations with the cases of this decision table, or with those that `loadgrpc"
        " design cases --format json` printed.",
        metavar="FILE",
    ),
)
"""Of each scenario; of the plan itself, when it has only one without a name."""

OF_PLAN: Final = (
    Option(
        field="agents",
        kind=CountKind(10_000, least=1),
        flags=("-a", "--agents"),
        section="Where",
        help="Number of agents to run on; each gets the whole load.",
        default="here, or 1 with -b",
    ),
    Option(
        field="split",
        kind=FlagKind(),
        flags=("--split",),
        section="Where",
        help="Share the users out among the agents instead.",
    ),
    Option(
        field="stop_timeout",
        kind=SecondsKind(DAY_S),
        flags=("--stop-timeout",),
        section="Where",
        help="How long users may take to finish when time is over.",
        default="30s",
    ),
    Option(
        field="no_dns_resolve",
        kind=FlagKind(),
        flags=("--no-dns-resolve",),
        section="Load",
        help="Resolve names for each connection.",
        default="once for each user, who then takes all addresses in turn",
    ),
    Option(
        field="no_patching",
        kind=FlagKind(),
        flags=("--no-patching",),
        section="Runner",
        help="Run users as threads of processes that gevent does not patch: for libraries that it"
        " breaks. Slower, and for some hundred users at most.",
        default="users are greenlets",
    ),
    Option(
        field="env",
        kind=VariablesKind(entries=100, name_chars=128, value_chars=32_768),
        flags=("--env",),
        section="Runner",
        help="A variable for the environment of tests on all agents; without a value, the one that"
        " it has here. Repeatable.",
        metavar="NAME[=VALUE]",
        secrets=True,
    ),
    Option(
        field="title",
        kind=TextKind(128, printable=True),
        flags=("--title",),
        section="Output",
        help="What to call the run wherever it is shown.",
        secrets=True,
    ),
    Option(
        field="project_name",
        kind=TextKind(128, printable=True),
        flags=("--project-name",),
        section="Output",
        help="The project that the run belongs to, shown with its results.",
    ),
    Option(
        field="user_id",
        kind=TextKind(128, printable=True),
        flags=("--owner", "--user-id"),
        section="Output",
        help="Who starts the run, shown with its results; `loadgrpc runs --owner` finds it.",
    ),
    Option(
        field="require_coverage",
        kind=PercentKind(100, least=1),
        flags=("--require-coverage",),
        section="Verdict",
        help="Fail the run, with 99, if fewer of the rules of decision tables were exercised.",
        metavar="PERCENT",
    ),
    Option(
        field="thresholds",
        kind=ThresholdsKind(1_024, 100),
        flags=("--threshold",),
        section="Verdict",
        help="What the results have to meet, such as 'p95(response) < 300ms'; if one does not hold,"
        " the run fails, with 99. May be given several times; what the test says is added.",
        metavar="CONDITION",
    ),
    Option(
        field="seed",
        kind=CountKind(4_294_967_295),
        flags=("--seed",),
        section="Load",
        help="The seed of what is drawn at random: with the same one the plan is the same.",
        default="drawn by the broker, and shown with the plan",
    ),
    Option(field="bundle", kind=DigestKind(64)),
    Option(
        field="test_dir",
        kind=TextKind(1_024, printable=True),
        flags=("--test-dir",),
        section="Files",
        help="Start in this folder on each agent, with the agent's id appended to it; it is created"
        " if it does not exist, and kept.",
        metavar="DIR",
    ),
    Option(
        field="python_deps",
        kind=RequirementsKind(1_024, 100),
        flags=("--python-dep",),
        section="Files",
        help="Have pip install this on each agent, for the test alone: a requirement, or a wheel or"
        " project here. May be given several times.",
        metavar="REQUIREMENT",
        secrets=True,
    ),
    Option(
        field="observers",
        kind=ObserversKind(20),
        flags=("--observer",),
        section="Observers",
        help="Whom the broker notifies of the run: webhook, irc, email, slack, or another that it"
        " knows. May be given several times.",
        metavar="NAME",
        secrets=True,
    ),
    Option(
        field="unchecked",
        kind=FlagKind(),
        flags=("--unchecked",),
        section="Test",
        help="Do not compare the values of -p with what the test declares.",
    ),
    Option(
        field="agent_labels",
        kind=LABELS,
        flags=("--agent-label",),
        section="Where",
        help="Run only on agents with this label: see `loadgrpc agent --label`. May be given"
        " several times; agents need all of them.",
        metavar="LABEL",
    ),
    Option(
        field="labels",
        kind=LABELS,
        flags=("--label",),
        section="Output",
        help="A label of the run, which `loadgrpc runs --label` finds it by. May be given several"
        " times.",
        metavar="LABEL",
    ),
    Option(
        field="retry",
        kind=RetryKind(100, DAY_S, 100.0),
        flags=("--retry",),
        section="When",
        help="Try the run again when agents were lost or could not start it: how many attempts in"
        " all, and, separated by commas, initial-backoff=1s, multiplier=2, max-backoff=5m, jitter,"
        " and on=REASON for each reason: agent-lost, not-started, broker-gone, not-loaded,"
        " incomplete, test-failed, requirement.",
        default="one attempt",
        metavar="ATTEMPTS[,...]",
    ),
    Option(field="signatures", kind=SignaturesKind(100), secrets=True),
)
"""Of the plan, whatever scenarios it has."""

ALL: Final = {option.field: option for option in (*OF_SCENARIO, *OF_PLAN)}
"""By field."""

DEFAULTS: Final[dict[str, Any]] = {
    field.name: field.default for kind in (Scenario, Plan) for field in fields(kind)
} | {"stages": None}
"""By the name in the model."""


def rivals(option: Option) -> frozenset[str]:
    """The fields that an option cannot be combined with."""
    others = {each.field for each in ALL.values() if option.field in each.excludes}
    return frozenset({*option.excludes, *others})
