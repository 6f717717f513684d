"""`loadgrpc conformance`: check a runner in any language against the rules of the protocol."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from loadgrpc import verdict
from loadgrpc.cli import options, values
from loadgrpc.cli.command import Command
from loadgrpc.cli.failure import Failure

if TYPE_CHECKING:
    from loadgrpc.conformance.judgement import Report
    from loadgrpc.conformance.stage import Setting

BROKEN: Final = 1
"""The exit code when a rule was broken that has to be kept."""
MAX_TIMEOUT_S: Final = 3_600.0
MAX_JOBS: Final = 64


@click.command(
    cls=Command,
    sections={
        "What to examine with": (
            *("mode", "test", "failing_test", "erring_test"),
            *("only", "case_name", "timeout_s", "jobs"),
        ),
        "What to report": ("verbose", "junit", "listing"),
        "Another test framework": ("serve", "listen", "as_json"),
    },
    options_metavar="[OPTIONS] -- CMD [{test}]",
)
@click.option(
    "--mode",
    type=click.Choice(["all-users", "one-user"]),
    default="all-users",
    show_default=True,
    help="How many users a process runs.",
)
@click.option("--test", metavar="TEST", help="A test that passes.  [default: a URL of the kit's]")
@click.option("--failing-test", metavar="TEST", help="A test whose assertion does not hold.")
@click.option("--erring-test", metavar="TEST", help="A test that raises something else.")
@click.option(
    "--timeout",
    "timeout_s",
    type=values.Seconds(most=MAX_TIMEOUT_S),
    default="30s",
    show_default=True,
    help="How long a process may take in a case; then it is killed.",
)
@click.option(
    "--only", metavar="RULE", multiple=True, help="Only this rule, such as 5.2; repeatable."
)
@click.option(
    "--jobs",
    type=values.Count(1, MAX_JOBS),
    default=lambda: min(MAX_JOBS, max(2, os.cpu_count() or 1)),
    help="Cases at the same time.  [default: one for each core, at least 2]",
)
@click.option(
    "--junit",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write JUnit XML to a file.",
)
@click.option(
    "-v", "--verbose", is_flag=True, help="Print the whole conversation where a rule was broken."
)
@click.option("--serve", is_flag=True, help="Serve one case; you start the runner.")
@click.option(
    "--case",
    "case_name",
    metavar="NAME",
    help="Only this case; with --serve, the one to serve.  [default: all; to serve: plain]",
)
@click.option(
    "--listen",
    type=values.Address(least_port=0),
    default="127.0.0.1:0",
    show_default=True,
    help="Where to serve it.",
)
@options.as_json("Print the environment as JSON.")
@click.option("--list", "listing", is_flag=True, help="List cases and rules, and exit.")
@click.argument("runner", nargs=-1, type=click.UNPROCESSED, metavar="")
def command(
    *,
    mode: str,
    test: str | None,
    failing_test: str | None,
    erring_test: str | None,
    timeout_s: float,
    only: tuple[str, ...],
    jobs: int,
    junit: Path | None,
    serve: bool,
    case_name: str | None,
    listen: str,
    as_json: bool,
    listing: bool,
    verbose: bool,
    runner: tuple[str, ...],
) -> int:
    """Check a runner in any language against the rules of the protocol.

    It plays the agent: in each case it starts CMD with the environment that agents give, lets
    it report, cuts its stream, holds back acks, stops it, and says of each rule whether it was
    kept, with the sentence of runner.proto or event.proto that it is from. {test} stands for
    the test: a URL of the kit's, which a runner gets once in each iteration. A runner whose
    tests are something else is given three with --test, --failing-test and --erring-test;
    they find the kit's URL as their server's.

    Exit codes: 0, every rule was kept that has to be; 1, one was broken; 2, usage, or
    nothing was judged.

    \b
    A runner that runs all users:
      loadgrpc conformance -- node runner.js {test}
    One that runs one user, and one rule only:
      loadgrpc conformance --mode one-user --only 9.14 -- ./runner.sh {test}
    From another test framework, which starts the runner itself:
      loadgrpc conformance --serve --case cut
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    if listing:
        _list()
        return verdict.PASSED
    from loadgrpc.conformance.stage import Setting  # noqa: PLC0415 - heavy

    tests = {"test": test, "failing-test": failing_test, "erring-test": erring_test}
    setting = Setting(
        one_user=mode == "one-user",
        tests={kind: name for kind, name in tests.items() if name},
        timeout_s=timeout_s,
        served=serve,
    )
    _check(setting, only, case_name)
    if serve:
        if runner:
            raise Failure("--serve starts no runner: leave out what is after --")
        report = asyncio.run(_serve(setting, case_name or "plain", listen, as_json=as_json))
    else:
        if as_json:
            raise Failure("--json is for --serve")
        report = _examine(runner, setting, only, case_name, jobs)
    _tell(report, verbose=verbose)
    if junit is not None:
        _write(junit, report)
    if not report.judged:
        return verdict.USAGE
    return verdict.PASSED if report.conforms else BROKEN


def _check(setting: Setting, only: tuple[str, ...], case_name: str | None) -> None:
    """Refuses rules and cases that there are not, or that cannot be shown."""
    from loadgrpc.conformance import cases, rules  # noqa: PLC0415

    for number in only:
        if number not in rules.BY_NUMBER:
            raise Failure(f"--only: there is no rule {number!r}; --list lists them")
    if setting.tests and "test" not in setting.tests:
        raise Failure("--failing-test and --erring-test need --test as well")
    if case_name is not None:
        if case_name not in cases.BY_NAME:
            raise Failure(f"--case: there is no case {case_name!r}; --list lists them")
        if why := setting.why_not(cases.BY_NAME[case_name]):
            raise Failure(f"--case {case_name}: {why}")
        if only and not set(only) & set(cases.BY_NAME[case_name].rules):
            shown = ", ".join(cases.BY_NAME[case_name].rules)
            raise Failure(f"--case {case_name} does not show --only {', '.join(only)}: {shown}")


def _examine(
    runner: tuple[str, ...],
    setting: Setting,
    only: tuple[str, ...],
    case_name: str | None,
    jobs: int,
) -> Report:
    from loadgrpc.conformance.cases import BY_NAME  # noqa: PLC0415
    from loadgrpc.conformance.examination import examine  # noqa: PLC0415

    if not runner:
        raise Failure("missing CMD: the runner's command, after --")
    if shutil.which(runner[0]) is None:
        raise Failure(f"{runner[0]!r} is not a command that can be started")
    cases = [case_name] if case_name else []
    rules = only or (BY_NAME[case_name].rules if case_name else ())
    return asyncio.run(examine(runner, setting, only=rules, cases=cases, jobs=jobs))


def _write(junit: Path, report: Report) -> None:
    from loadgrpc.conformance import report as reports  # noqa: PLC0415

    try:
        junit.write_text(reports.junit(report), encoding="utf-8")
    except OSError as error:
        raise Failure(f"--junit: cannot write {str(junit)!r}: {error.strerror}") from error


async def _serve(setting: Setting, case_name: str, address: str, *, as_json: bool) -> Report:
    """Serves one case until the runner has finished, or until a signal comes."""
    from loadgrpc.cli.interrupts import Interrupts  # noqa: PLC0415
    from loadgrpc.conformance import target as targets  # noqa: PLC0415
    from loadgrpc.conformance.cases import BY_NAME  # noqa: PLC0415
    from loadgrpc.conformance.judgement import summed_up  # noqa: PLC0415
    from loadgrpc.conformance.stage import staged  # noqa: PLC0415

    case = BY_NAME[case_name]
    with Interrupts() as interrupts:
        interrupts.bear(2)
        async with (
            targets.running() as target,
            staged(case, setting, target, address=address) as stage,
        ):
            if as_json:
                print(json.dumps(stage.environment, indent=2), flush=True)
            else:
                for name, value in stage.environment.items():
                    print(f"export {name}={shlex.quote(value)}")
                print(flush=True)
            over = asyncio.create_task(stage.home.over.wait())
            interrupted = asyncio.create_task(interrupts.wait(1))
            await asyncio.wait([over, interrupted], return_when=asyncio.FIRST_COMPLETED)
            over.cancel()
            interrupted.cancel()
            transcript = stage.end()
    took_s = transcript.ended_s
    return summed_up([transcript], setting, only=case.rules, took_s=took_s)


def _tell(report: Report, *, verbose: bool) -> None:
    from loadgrpc.cli.line import Line, Style, write  # noqa: PLC0415
    from loadgrpc.conformance import report as reports  # noqa: PLC0415
    from loadgrpc.conformance.finding import Outcome  # noqa: PLC0415

    styles = {
        Outcome.KEPT: Style.GOOD,
        Outcome.BROKEN: Style.BAD,
        Outcome.NOT_SHOWN: Style.WARNING,
        Outcome.NOT_APPLICABLE: Style.DIM,
    }
    told = (
        Line(text, styles[outcome] if outcome else Style.PLAIN)
        for text, outcome in reports.lines(report, verbose=verbose)
    )
    write(told, sys.stdout)


def _list() -> None:
    from loadgrpc.conformance.cases import CASES  # noqa: PLC0415
    from loadgrpc.conformance.rules import RULES  # noqa: PLC0415

    print("Cases")
    for case in CASES:
        print(f"  {case.name:<14}  {case.title}")
    print("\nRules")
    for rule in RULES:
        print(f"  {rule.number:<4}  {rule.title}{'' if rule.must else ' (advice)'}")
