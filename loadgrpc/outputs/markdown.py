"""`markdown`: the result as a page of Markdown, for a comment on a pull request or a job's summary.

Rule: a pure function from a summary to text of at most MAX_CHARS. The verdict and the thresholds
come first; of names and of what went wrong the most important are there, and what is left out is
counted. Nothing in the text of a test or of a server is markup: it is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from loadgrpc import verdict
from loadgrpc.clock import NS_PER_S
from loadgrpc.model import OTHER, NameFigures, Summary, ThresholdOutcome, ThresholdResult
from loadgrpc.outputs.output import FileOutput, Results
from loadgrpc.text import one_line

MAX_CHARS: Final = 60_000
"""A comment on GitHub takes 65,536."""
MAX_NAMES: Final = 25
MAX_THRESHOLDS: Final = 100
MAX_GROUPS: Final = 10
MAX_TEXT: Final = 200
"""Characters of a cell."""
_SPECIAL: Final = re.compile(r"([\\`*_\[\]<>|#~@&])")
_WORDS: Final = {
    ThresholdOutcome.PASS: "✅ pass",
    ThresholdOutcome.FAIL: "❌ fail",
    ThresholdOutcome.NO_DATA: "❔ no data",
}


class Markdown(FileOutput):
    """See the module."""

    default = "summary.md"

    async def write(self, results: Results) -> None:
        """See Output."""
        with self.file.open() as file:
            file.write(markdown(results.summary))


def markdown(summary: Summary) -> str:
    """The page."""
    lines: list[str] = []
    size = 0
    for section in (
        _head(summary),
        _thresholds(summary.thresholds),
        _totals(summary),
        _wrong(summary),
        _names(summary),
    ):
        for line in section:
            size += len(line) + 1
            if size > MAX_CHARS:
                return "\n".join([*lines, "", "… cut for its length", ""])
            lines.append(line)
    return "\n".join(lines) + "\n"


def _head(summary: Summary) -> Iterator[str]:
    code = summary.verdict.exit_code
    mark = "✅" if code == verdict.PASSED else "❌"
    yield f"## {mark} {_text(summary.plan.label)}"
    yield ""
    yield f"**Exit {code}**: {_text(summary.verdict.reason or 'passed', 2 * MAX_TEXT)}"
    yield ""


def _thresholds(results: Sequence[ThresholdResult]) -> Iterator[str]:
    if not results:
        return
    failed = sum(each.failed for each in results)
    yield f"### Thresholds: {f'{failed} of {len(results)} failed' if failed else 'all passed'}"
    yield ""
    yield "| | threshold | evidence |"
    yield "| --- | --- | --- |"
    order = sorted(results, key=lambda each: (not each.aborted, not each.failed))
    for each in order[:MAX_THRESHOLDS]:
        stopped = "stopped the run: " if each.aborted else ""
        yield f"| {_WORDS[each.outcome]} | {_code(each.text)} | {stopped}{_text(each.message)} |"
    yield ""


def _totals(summary: Summary) -> Iterator[str]:
    hits, iterations = summary.hits, summary.iterations
    headings = "hits | per second | failed | p50 | p95 | p99"
    yield f"| {headings} | iterations | failures | errors | users |"
    yield f"|{' ---: |' * 10}"
    times = hits.response or hits.elapsed
    cells = (
        f"{hits.count:,}",
        f"{hits.rate:,.1f}",
        _share(hits.failed, hits.count),
        *(_ms(each) for each in (times.p50_ns, times.p95_ns, times.p99_ns)),
        f"{iterations.started:,}",
        f"{iterations.failure:,}",
        f"{iterations.error:,}",
        f"{max(summary.plan.closed_users, default=0) + summary.arrival_users:,}",
    )
    yield f"| {' | '.join(cells)} |"
    yield ""
    generator = summary.generator
    if generator is not None and generator.saturated:
        seconds = generator.saturated_ns / NS_PER_S
        yield f"⚠️ The generator of the load was saturated for {seconds:.0f} s."
        yield ""
    if summary.accounting.lost:
        yield f"⚠️ {summary.accounting.lost:,} events were lost."
        yield ""


def _wrong(summary: Summary) -> Iterator[str]:
    found = [
        (group.count, f"{raised.type}: {raised.message}", group.test)
        for group in (*summary.failures, *summary.errors)
        for raised in (group.exception,)
    ]
    found += [
        (
            group.count,
            f"{group.error.name.lower()}: {group.error_message}",
            f"{group.method} {group.name}",
        )
        for group in summary.hit_errors
    ]
    found += [
        (count, f"status {status}", f"{each.method} {each.name}")
        for each in summary.names
        for status, count in each.failed_statuses.items()
    ]
    if not found:
        return
    found.sort(key=lambda each: -each[0])
    yield "### What went wrong"
    yield ""
    yield "| times | what | where |"
    yield "| ---: | --- | --- |"
    for count, what, where in found[:MAX_GROUPS]:
        yield f"| {count:,} | {_text(what)} | {_text(where)} |"
    if len(found) > MAX_GROUPS:
        yield f"| | … and {len(found) - MAX_GROUPS} more | |"
    yield ""


def _names(summary: Summary) -> Iterator[str]:
    if not summary.names:
        return
    shown = sorted(summary.names, key=lambda each: (each.name == OTHER, -each.hits.count))
    yield f"<details><summary>Hits by name ({len(shown)})</summary>"
    yield ""
    yield "| name | hits | per second | failed | p50 | p95 | p99 |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for each in shown[:MAX_NAMES]:
        yield _name(each)
    if len(shown) > MAX_NAMES:
        yield f"| … and {len(shown) - MAX_NAMES} more | | | | | | |"
    yield ""
    yield "</details>"


def _name(each: NameFigures) -> str:
    hits, times = each.hits, each.hits.response or each.hits.elapsed
    where = f"{each.scenario}: " if each.scenario else ""
    cells = (
        _text(f"{where}{each.method} {each.name}".strip()),
        f"{hits.count:,}",
        f"{hits.rate:,.1f}",
        _share(hits.failed, hits.count),
        *(_ms(ns) for ns in (times.p50_ns, times.p95_ns, times.p99_ns)),
    )
    return f"| {' | '.join(cells)} |"


def _text(text: str, most: int = MAX_TEXT) -> str:
    """Text from elsewhere, on one line, without markup."""
    text = one_line(text)
    text = text if len(text) <= most else text[: most - 1] + "…"
    return _SPECIAL.sub(r"\\\1", text)


def _code(text: str) -> str:
    """Text from elsewhere as code; a pipe would end the cell."""
    return "`" + one_line(text)[: 2 * MAX_TEXT].replace("`", "'").replace("|", "\\|") + "`"


def _share(part: int, whole: int) -> str:
    return f"{part:,} ({100 * part / whole:.3g}%)" if part else "0"


def _ms(ns: int) -> str:
    return f"{ns / 1e6:,.3g} ms" if ns < 10**9 else f"{ns / 1e9:,.3g} s"
