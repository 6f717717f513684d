"""What GitHub Actions shows of a run: annotations for what failed, and a summary of the job.

Rule: only where GitHub says that this is one of its jobs. Annotations are lines that it reads from
the output of a step, `::error title=…::…`; the summary is appended to the file that it names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, TextIO

from loadgrpc import verdict
from loadgrpc.model import Summary
from loadgrpc.outputs.markdown import markdown
from loadgrpc.text import one_line

IN_ACTIONS: Final = "GITHUB_ACTIONS"
STEP_SUMMARY: Final = "GITHUB_STEP_SUMMARY"
MAX_ANNOTATIONS: Final = 10
"""Of errors that GitHub shows of a step."""


def report(summary: Summary, stream: TextIO, environ: Mapping[str, str]) -> str:
    """Tells GitHub about a run, if it asks; why its summary could not be written, or nothing."""
    if environ.get(IN_ACTIONS) != "true":
        return ""
    for line in commands(summary):
        print(line, file=stream)
    path = environ.get(STEP_SUMMARY, "")
    if not path:
        return ""
    try:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(markdown(summary) + "\n")
    except OSError as error:
        return f"the summary of the job cannot be written to {STEP_SUMMARY}: {error.strerror}"
    return ""


def commands(summary: Summary) -> Iterator[str]:
    """A line for each threshold that failed, and one for the verdict if it is something else."""
    failed = [each for each in summary.thresholds if each.failed]
    for each in failed[:MAX_ANNOTATIONS]:
        yield _error("threshold failed", f"{each.text}: {each.message}")
    code = summary.verdict.exit_code
    if code != verdict.PASSED and not (failed and code == verdict.REQUIREMENT):
        yield _error(f"load test: exit {code}", summary.verdict.reason)


def _error(title: str, text: str) -> str:
    return f"::error title={_escaped(title, of_title=True)}::{_escaped(one_line(text))}"


def _escaped(text: str, *, of_title: bool = False) -> str:
    """As GitHub reads it: a line break would be another command."""
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return text.replace(":", "%3A").replace(",", "%2C") if of_title else text
