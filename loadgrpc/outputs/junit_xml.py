"""Reports of tests as JUnit XML: the one place that writes it, whatever is reported.

Rule: the document follows the schema of Apache Ant's JUnit reports (JUnit.xsd), which GitLab,
Jenkins and others read, and is well-formed whatever the texts in it are. A case that passed and has
something to say says it in a `system-out` of its own, which they read, too.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TextIO

from loadgrpc.clock import NS_PER_S
from loadgrpc.outputs.xml_text import HEAD, attribute, content

UNNAMED: Final = "loadgrpc"
"""What has no name is called."""
MAX_NAME: Final = 200
"""Characters of a name, which CI servers show in lists."""
FAILURE: Final = "failure"
ERROR: Final = "error"


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Why a case is red."""

    element: str
    type: str
    message: str
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class ReportedCase:
    """A line of the report."""

    class_name: str
    name: str
    duration_ns: int = 0
    problem: Problem | None = None
    skipped: bool = False
    """Whether nothing was done: neither green nor red."""
    said: str = ""
    """What there is to say of a case without a problem: why it was skipped, or what was seen."""


@dataclass(frozen=True, kw_only=True)
class ReportedSuite:
    """Cases that belong together, and figures about them."""

    name: str
    cases: list[ReportedCase]
    duration_ns: int
    properties: Mapping[str, str] = field(default_factory=dict)


def write(
    suites: Iterable[ReportedSuite], file: TextIO, *, began_ns: int = 0, host: str = ""
) -> None:
    """Writes suites as a document, of what began then (wall clock) on that host."""
    began = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(began_ns // NS_PER_S))
    host = attribute(host) or "localhost"
    file.write(f"{HEAD}<testsuites>\n")
    for number, suite in enumerate(suites):
        name = attribute(suite.name, limit=MAX_NAME) or UNNAMED
        failures, errors = (
            sum(case.problem is not None and case.problem.element == kind for case in suite.cases)
            for kind in (FAILURE, ERROR)
        )
        skipped = sum(case.skipped and case.problem is None for case in suite.cases)
        file.write(
            f'  <testsuite id="{number}" package="{name}" name="{name}" timestamp="{began}"'
            f' hostname="{host}" tests="{len(suite.cases)}" failures="{failures}"'
            f' errors="{errors}" skipped="{skipped}" time="{suite.duration_ns / 1e9:.3f}">\n'
            "    <properties>\n"
        )
        file.writelines(
            f'      <property name="{key}" value="{attribute(value)}"/>\n'
            for key, value in suite.properties.items()
        )
        file.write("    </properties>\n")
        for case in suite.cases:
            _write_case(case, file)
        file.write("    <system-out/>\n    <system-err/>\n  </testsuite>\n")
    file.write("</testsuites>\n")


def _write_case(case: ReportedCase, file: TextIO) -> None:
    names = (
        f'name="{attribute(case.name, limit=MAX_NAME) or UNNAMED}"'
        f' classname="{attribute(case.class_name, limit=MAX_NAME) or UNNAMED}"'
        f' time="{case.duration_ns / 1e9:.3f}"'
    )
    if case.problem is None:
        file.write(f"    <testcase {names}{_inside(case)}\n")
        return
    problem = case.problem
    file.write(
        f"    <testcase {names}>\n"
        f'      <{problem.element} message="{attribute(problem.message)}"'
        f' type="{attribute(problem.type, limit=MAX_NAME)}">{content(problem.text)}'
        f"</{problem.element}>\n    </testcase>\n"
    )


def _inside(case: ReportedCase) -> str:
    """The rest of a case that has no problem."""
    if case.skipped:
        why = f' message="{attribute(case.said)}"' if case.said else ""
        return f"><skipped{why}/></testcase>"
    if case.said:
        return f"><system-out>{content(case.said)}</system-out></testcase>"
    return "/>"
