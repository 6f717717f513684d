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

    async def look_up(self, client: Client) -> None:
        """See, before there is any load, that the broker has the run that is named.

        Raises:
            NotFound: it does not.
        """
        if self.baseline is not None and self.baseline.partition(":")[0] != compare.LAST_PASSED:
            await client.get_run(self.baseline)

    async def pass_through(self, client: Client, run_id: str, code: int, told: Reporting) -> int:
        """Compares a run that is over, and says how; the exit code, `code` if it is no worse."""
        if self.baseline is None:
            return code
        from loadgrpc.cli import line  # noqa: PLC0415

        try:
            first = await compare.named(client, self.baseline, run_id)
        except Failure as failure:
            return self._not_compared(failure.message, code, told)
        (found,) = await client.compare_runs([first, run_id], min_effect=self.min_effect)
        if not told.quiet and not told.silent:
            line.write(compare.report(found, line.width_of(told.stream)), told.stream)
        if found.refusals:
            return self._not_compared(found.refusals[0], code, told)
        worse = [compare.label(each) for each in found.figures if each.is_worse]
        if not (self.fail_if_worse and worse and code in _GREEN):
            return code
        more = f" (and {len(worse) - 1} more)" if len(worse) > 1 else ""
        line.say(f"exit {verdict.REQUIREMENT}: worse than {first}: {worse[0]}{more}", told.stream)
        return verdict.REQUIREMENT

    def _not_compared(self, why: str, code: int, told: Reporting) -> int:
        """It cannot be said whether the run is worse: that is no success where it was asked for."""
        from loadgrpc.cli import line  # noqa: PLC0415

        sentence = f"not compared with {self.baseline}: {why}"
        if self.fail_if_worse and code in _GREEN:
            line.say(f"exit {verdict.INCOMPLETE}: {sentence}", told.stream)
            return verdict.INCOMPLETE
        line.say(sentence, told.stream)
        return code


_GREEN: Final = (verdict.PASSED, verdict.TEST_FAILED)
"""Exit codes that a worse figure takes the place of."""
