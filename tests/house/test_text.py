"""What the text of the project must not contain. What ruff sees is left to ruff."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OURS = ("loadgrpc", "protos", "tests", "tools", "docs", ".ci")
"""The folders of the project; beside them the files of the top folder."""
LANGUAGES = {".go", ".java", ".js", ".proto", ".sh"}
KINDS = {".py", ".toml", ".md", ".yaml", ".yml", ".json", ".txt", ""} | LANGUAGES
COLUMNS = 100
NARROW = {"", *LANGUAGES} - {".go"}
"""Kinds whose lines are at most COLUMNS long: ruff sees to Python, gofmt to Go, and tables make
Markdown wider."""

BANNED_STEMS = {"utils", "util", "common", "helpers", "helper", "manager", "managers"}
BANNED_WORDS = {
    r"\b" + "TO" + r"DO\b": "do it, or file an issue",
    r"\b" + "FIX" + r"ME\b": "mend it, or file an issue",
    r"\b" + "XX" + r"X\b": "say what is the matter",
    r"(?<![\w.~$}])/(?:" + "work|root" + r"|(?:home|Users)/\w+)(?=[/\s\"'`),:;]|$)": (
        "a path of one machine; make it relative, or take it from the environment"
    ),
}


def built():
    """The folders that a .gitignore beside them names: builds write there, and nobody else."""
    return {
        ignore.parent / line.strip("/")
        for folder in OURS
        for ignore in (ROOT / folder).rglob(".gitignore")
        for line in ignore.read_text().split()
    }


def files():
    """The files that people have written."""
    found = [path for path in ROOT.iterdir() if path.is_file()]
    for folder in OURS:
        found.extend(path for path in (ROOT / folder).rglob("*") if path.is_file())
    not_ours = built()
    return [
        path
        for path in sorted(found)
        if path.suffix in KINDS
        and "__pycache__" not in path.parts
        and not_ours.isdisjoint(path.parents)
        and not path.is_relative_to(ROOT / "loadgrpc/v1")
        and not path.is_relative_to(ROOT / "loadgrpc/dashboard/page/uplot")  # as it was published
        and path.name != "LICENSE"
        and path.name not in (".git", ".coverage")
    ]


def banned_words(text):
    """Line number and reason for each banned word in `text`."""
    return [
        (number, reason)
        for number, line in enumerate(text.splitlines(), 1)
        for pattern, reason in BANNED_WORDS.items()
        if re.search(pattern, line)
    ]


def swallowed(source):
    """Line numbers where any exception at all is caught, and nothing done about it."""
    everything = {"Exception", "BaseException"}

    def is_all(node):
        if isinstance(node, ast.Tuple):
            return any(is_all(part) for part in node.elts)
        return node is None or (isinstance(node, ast.Name) and node.id in everything)

    def is_nothing(node):
        return isinstance(node, ast.Pass | ast.Continue) or (
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        )

    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ExceptHandler):
            if is_all(node.type) and all(is_nothing(line) for line in node.body):
                found.append(node.lineno)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
            found.extend(node.lineno for argument in node.args if is_all(argument))
    return found


def where(path, line):
    """A place, as editors understand it."""
    return f"{path.relative_to(ROOT)}:{line}"


def test_the_files_are_found():
    """The checks below look at every folder there is, so that none passes for want of files."""
    seen = {path.relative_to(ROOT).parts[0] for path in files()}

    assert {"loadgrpc", "protos", "tests", "tools", ".ci", "Makefile", "README.md"} <= seen


def test_nothing_is_left_to_do():
    """No note to oneself and no path of one's own machine is left in any file."""
    found = [
        f"{where(path, line)}: {reason}"
        for path in files()
        for line, reason in banned_words(path.read_text())
    ]
    assert found == []


def test_no_exception_is_swallowed():
    """Nobody catches everything and does nothing; narrow exceptions may be passed over."""
    found = [
        where(path, line)
        for path in files()
        if path.suffix == ".py"
        for line in swallowed(path.read_text())
    ]
    assert found == []


def test_files_are_named_after_what_they_hold():
    """No file or folder is a drawer for everything: one noun each."""
    found = [
        where(path, 1)
        for path in files()
        if BANNED_STEMS & {part.partition(".")[0] for part in path.relative_to(ROOT).parts}
    ]
    assert found == []


def test_lines_fit():
    """Lines are at most 100 columns wide, in the files that ruff does not read."""
    found = [
        where(path, number)
        for path in files()
        if path.suffix in NARROW
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if len(line) > COLUMNS
    ]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "# TO" + "DO: later",
        "x = 1  # FIX" + "ME",
        'open("/wo' + 'rk/main/x")',
        "cd /ro" + "ot && make",
        "see /ho" + "me/jane/notes",
    ],
)
def test_banned_words_are_found(line):
    """Each kind of banned word is found."""
    assert [number for number, _ in banned_words(f"fine\n{line}\n")] == [2]


@pytest.mark.parametrize(
    "line", ["mastodon", "TestDemo/work/x", "protos/root.py", "/workers", "to do", "~/work/"]
)
def test_harmless_words_are_not_found(line):
    """Words that only look like banned ones are left alone."""
    assert banned_words(line) == []


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        ("try:\n    f()\nexcept Exception:\n    pass", [3]),
        ("try:\n    f()\nexcept:\n    ...", [3]),
        ("try:\n    f()\nexcept (OSError, BaseException):\n    'never mind'", [3]),
        ("for x in y:\n    try:\n        f()\n    except Exception:\n        continue", [4]),
        ("with contextlib.suppress(Exception):\n    f()", [1]),
        ("try:\n    f()\nexcept OSError:\n    pass", []),
        ("try:\n    f()\nexcept Exception:\n    log()", []),
        ("with suppress(OSError):\n    f()", []),
    ],
)
def test_swallowed_exceptions_are_found(handler, expected):
    """Catching everything for nothing is found; a narrow catch and a handled one are not."""
    assert swallowed(handler) == expected
