"""Words that made strangers stumble, and must not come back: each with a better one.

The protos, the pages, and the comments, docstrings and texts of the package are read. A pattern
that is wrong about a sentence gets a reasoned exception here, or becomes narrower.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

WORDS = {
    r"\b(?:lives?|lived|living) (?:the |all |one |its |a )?(?:virtual )?users?\b": "run users",
    r"\blived by\b": "run by",
    r"\b(?:is|are|be|been|being|was|were) (?:not |only |never |also )?told\b(?! apart| from)": (
        "is reported, is shown, is said; who is told: gets, learns, is asked to"
    ),
    r"\btells? of\b": "describes, reports, is about",
    r"\b(?:is|are|be|was|were) (?:not )?had\b": "is rejected, is available",
    r"\btime-outs?\b": "timeout",
    r"\bfor ever\b": "forever",
    r"\banew\b": "again, restarted",
    r"\berr(?:s|ed|ing)\b": "fails, ends with an error",
    r", as (?:\d|`\S+`(?: or |,))": "such as, for example",
    r"\bin the place of\b": "instead of, on behalf of",
    r"\bso (?:many|much|long|few)\b(?! (?:\w+ )?(?:that|as)\b)": "this many, this long; at most N",
    r"\bruns? (?:that|which) goe?s? on\b": "active run",
    r"\bbut for\b": "except for",
    r"\b(?:hits|users|events|requests|iterations|frames|lines) a second\b": "per second",
    r"(?:^|[.] |Rule: |\"\"\")Who (?!is\b|was\b|calls\b)\w+s\b": "The client that, a process that",
    r"\bprocessor time\b": "CPU time",
    r"\bis no (?:runner|broker|message|text|test|error|hit|plan|URL)\b": "is not a",
    r"\bjust now\b": "now, currently, at the moment",
    r"\b(?:for|to|by) who\b": "for a client that, for whoever",
    r"\bsaid (?:again|before|already)\b": "repeated, set, reported",
    r"\b(?:without|said|says|say) a word\b": "silently, anything",
    r"\b(?:is|are) said (?:in|to be|how|which)\b": "is in, is reported as, is given",
}
"""Patterns, without regard to case, and what to write instead."""

ALLOWED = {
    r"\berring[-_]test\b|[\"'`]erring[\"'`]": "the name of an option, and of a case",
}
"""What looks like one of them and is none, with the reason."""

READ = [
    *sorted((ROOT / "protos").rglob("*.proto")),
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")),
    *(page for page in sorted((ROOT / "docs").glob("*.md")) if not page.match("protocol.md")),
    *sorted((ROOT / "tools/runners").glob("*/README.md")),
    *(
        path
        for path in sorted((ROOT / "loadgrpc").rglob("*.py"))
        if "v1" not in path.relative_to(ROOT).parts
    ),
]


def prose(path: Path, text: str) -> Iterator[tuple[int, str]]:
    """The lines of a file that people read, with their numbers."""
    if path.suffix != ".py":
        yield from enumerate(text.splitlines(), 1)
        return
    texts = {tokenize.STRING, tokenize.COMMENT, getattr(tokenize, "FSTRING_MIDDLE", -1)}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in texts:
            yield from enumerate(token.string.splitlines(), token.start[0])


def stumbles(line: str) -> list[str]:
    """What of a line must not come back, each with the better word."""
    for allowed in ALLOWED:
        line = re.sub(allowed, "", line)
    return [
        f"“{found[0].strip()}”: {better}"
        for pattern, better in WORDS.items()
        if (found := re.search(pattern, line, re.IGNORECASE))
    ]


@pytest.mark.parametrize("path", READ, ids=lambda path: str(path.relative_to(ROOT)))
def test_words_do_not_come_back(path):
    """No sentence of the project has a word that was replaced by a better one."""
    found = [
        f"{path.relative_to(ROOT)}:{number}: {stumble}"
        for number, line in prose(path, path.read_text())
        for stumble in stumbles(line)
    ]

    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "The command that lives the users.",
        "Absent: it is told nowhere.",
        "Types that cannot be had.",
        "after the time-out",
        "It errs.",
        "Users of each cycle, as 10 or 20.",
        "At most so many.",
        "Who asks gets an answer.",
        "100 hits a second",
    ],
)
def test_stumbles_are_found(line):
    """Each of these would make a reader stumble."""
    assert stumbles(line)


@pytest.mark.parametrize(
    "line",
    [
        "A runner runs the virtual users.",
        "so many that it is full",
        "`--erring-test` names one",
        "as `RunSpec.users`",
        "once a second",
        "the one who asks",
    ],
)
def test_plain_sentences_pass(line):
    """These are plain English."""
    assert stumbles(line) == []
