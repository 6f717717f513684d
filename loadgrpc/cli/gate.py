"""`loadgrpc run --baseline`: the run is compared with an earlier one when it is over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from loadgrpc import verdict
from loadgrpc.cli import compare
from loadgrpc.cli.failure import Failure

if TYPE_CHECKING:
    from loadgrpc.cli.reporting import Reporting
    from loadgrpc.client import Client

F = TypeVar("F", bound=Callable[..., Any])

SECTION: Final = ("baseline", "min_effect", "fail_if_worse")


def options(command: F) -> F:
    """Gives a command the options that a `BaselineGate` is made of."""
    for option in (
        click.option(
            "--fail-if-worse", is_flag=True, help="Exit with 99 if a figure is worse: --baseline."
        ),
        click.option(
            "--min-effect",
            metavar="PERCENT",
            default="5%",
            show_default=True,
            callback=compare.percent,
            help="The smallest change that matters: --baseline.",
        ),
        click.option(
            "--baseline",
            metavar="RUN|last-passed[:LABEL]",
            help="Compare the run with this one when it is over; needs -b. See `loadgrpc compare`.",
        ),
    ):
        command = option(command)
    return command


@dataclass(frozen=True, kw_only=True)
class BaselineGate:
    """What was asked for by the options."""

    baseline: str | None = None
    """None: nothing is compared."""
    min_effect: float = 5.0
    fail_if_worse: bool = False

    def check(self, *, distributed: bool, detach: bool) -> None:
        """See that it can be done.

        Raises:
            Failure: it cannot.
        """
        if self.baseline is None:
            if self.fail_if_worse:
                raise Failure("--fail-if-worse needs --baseline, which says than what")
        elif not distributed:
            raise Failure("--baseline needs -b/--broker: a run of this process is not stored")
        elif detach:
            raise Failure("--baseline cannot be combined with --detach: ask `loadgrpc compare`")

    async def pass_through(self, client: Client, run_id: str, code: int, told: Reporting) -> int:
        """Compares a run that is over, and says how; the exit code, `code` if it is no worse."""
        if self.baseline is None:
            return code
        from loadgrpc.cli import line  # noqa: PLC0415

        first = await compare.named(client, self.baseline, run_id)
        (found,) = await client.compare_runs([first, run_id], min_effect=self.min_effect)
        if not told.quiet and not told.silent:
            line.write(compare.report(found, line.width_of(told.stream)), told.stream)
        worse = [compare.label(each) for each in found.figures if each.is_worse]
        if not (self.fail_if_worse and worse and code in (verdict.PASSED, verdict.TEST_FAILED)):
            return code
        more = f" (and {len(worse) - 1} more)" if len(worse) > 1 else ""
        line.say(f"exit {verdict.REQUIREMENT}: worse than {first}: {worse[0]}{more}", told.stream)
        return verdict.REQUIREMENT
