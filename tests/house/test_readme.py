"""The pages for users do what they say: their commands are run, their tables are compared.

A fenced block says in its info string what a test makes of it:

    ```python file=example.py   the file that the reader saves
    ```sh background            each line is a process of its own; it serves before we go on
    ```sh run                   a reader types it; every command in it exits with 0
    ```sh run exit=67           ... the last one exits with 67
    ```sh run needs=grpcurl     ... for readers who have that program, or all of `grpcurl,jq`
    ```sh run short             ... its loads of minutes last for a second
    ```text output              what the block before it prints, figures that vary aside; a line
                                `…` stands for any lines
    ```sh                       shown only

A page is read from its top to its end in an empty folder, as a newcomer does, with one reading
for each program that not everybody has. Ports that pages name are replaced by free ones: those
of servers in the text, that of the broker by a command `loadgrpc` with another default. A run's
id in a command stands for the newest run.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from loadgrpc import verdict
from loadgrpc.cli import elsewhere
from loadgrpc.cli.command import opposite
from loadgrpc.cli.root import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    "README.md",
    "docs/asynchronous-tests.md",
    "docs/campaigns.md",
    "docs/ci.md",
    "docs/cluster.md",
    "docs/coming-from-k6.md",
    "docs/coming-from-loads.md",
    "docs/coming-from-locust.md",
    "docs/comparing.md",
    "docs/configuration.md",
    "docs/conformance.md",
    "docs/data.md",
    "docs/designing-tests.md",
    "docs/driving-with-grpcurl.md",
    "docs/load-models.md",
    "docs/observers.md",
    "docs/outputs.md",
    "docs/python-api.md",
    "docs/run-life.md",
    "docs/runs.md",
    "docs/safety.md",
    "docs/summary.md",
    "docs/thresholds.md",
    "docs/writing-a-runner.md",
    "docs/writing-tests.md",
)

LONG_PAGES = (
    *("docs/asynchronous-tests.md", "docs/campaigns.md", "docs/ci.md", "docs/comparing.md"),
    *("docs/coming-from-k6.md", "docs/coming-from-loads.md", "docs/coming-from-locust.md"),
    *("docs/configuration.md", "docs/load-models.md", "docs/python-api.md", "docs/run-life.md"),
    *("docs/runs.md", "docs/thresholds.md"),
)
"""Their commands take longer together than all others; `make long` runs them."""

BROKER_PORT = "7979"
SERVER_PORTS = ("9200", "9001", "9000")
SERVES = "listening on|connected to"
"""What a process prints once it serves."""
RUN_ID = r"\br-[0-9a-f]{10}\b"

LOAD_OF_MINUTES, SHORT_LOAD = r"(?<= -d )\d+[mh]\b", "1s"

COMMAND = """\
#!/bin/sh
exec "{python}" -c '
import sys

from loadgrpc import cli

cli.DEFAULT_BROKER = "127.0.0.1:{port}"
sys.exit(cli.main())
' "$@"
"""
"""The command, with another default broker."""

GROUPS = (
    *(("schedule", "add"), ("campaign", "run"), ("campaign", "stop")),
    *(("certs", "init"), ("certs", "renew"), ("certs", "client"), ("tokens", "create")),
)
"""Commands of a group that have options of their own."""

VARIES = (
    (RUN_ID, "RUN"),
    (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d", "MOMENT"),
    (r"localhost:\d+", "localhost"),
    (r"[\d.]+ ?(ns|µs|ms|s|min|h)\b", "DURATION"),
    (r"[\d.]+/s", "RATE"),
    (r"[\d.]+ (B|kB|MB)\b", "SIZE"),
    (r"\d+ events", "events"),  # how often users are counted depends on how long it takes
    (r"(?m)^generator .*", "GENERATOR"),  # whether it kept up depends on the machine
    (r"(?m)^Saturated: (?:.+\n)+\n", ""),
    (r"[ \t]+", " "),
)
"""What differs from reading to reading, and what it is compared as."""

FROM_LOADS = "docs/coming-from-loads.md"
"""Names options of Loads; its tables have a test of their own."""
NOT_OURS = {"--cacert", "--csv", "--defect", "--latency-correction"}
"""Options of others that pages speak of; `--defect` is that of an example."""
PIP = {"--no-deps", "--wheel-dir"}
TOOLS = {"--part", "--rounds", "--quick", "--only", "--list", "--seed", "--keep", "--seconds"}
"""Those of `make bench` and `make faults`."""
GH = {"--body-file", "--create-if-none", "--edit-last"}
"""Those of `gh pr comment`."""
SUPERVISORS = {"--daemon", "--build"}
"""Those of Circus and Compose."""
JQ = {"--arg"}
"""Those of jq."""
PROTOC = {"--include", "--descriptor", "--python", "--grpc", "--java"}
"""Those of protoc, up to their underscore."""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    line: int
    kind: str
    """`file`, `background`, `run`, `output`, or nothing."""
    words: dict[str, str]
    text: str

    @property
    def needs(self) -> str:
        """The programs that its reader has."""
        return self.words.get("needs", "")


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page."""
    found = []
    for match in re.finditer(r"^```(.*)\n((?:.*\n)*?)```$", page, re.MULTILINE):
        _, *info = match[1].split() or [""]
        words = dict(word.partition("=")[::2] for word in info)
        kinds = [word for word in words if word in ("file", "background", "run", "output")]
        line = page.count("\n", 0, match.start()) + 1
        found.append(Block(line, kinds[0] if kinds else "", words, match[2]))
    return found


def comparable(text: str) -> str:
    """A text without what varies."""
    for pattern, name in VARIES:
        text = re.sub(pattern, name, text)
    return text


def prints(expected: str, printed: str) -> bool:
    """Whether what was printed is what was expected, but for figures that vary."""
    pattern = "".join(
        r"(?:.*\n)*?" if line == "…" else re.escape(line) + r"\n"
        for line in comparable(expected).splitlines()
    )
    return re.fullmatch(pattern, comparable(printed)) is not None


class Reader:
    """Somebody who reads a page and types what it says, in a folder of their own."""

    def __init__(self, folder: Path, start, programs) -> None:
        self._start = start
        self._folder = folder / "home"
        self._folder.mkdir()
        self._ports = {port: str(free_port()) for port in (BROKER_PORT, *SERVER_PORTS)}
        command = folder / "bin/loadgrpc"
        command.parent.mkdir()
        command.write_text(COMMAND.format(python=sys.executable, port=self._ports[BROKER_PORT]))
        command.chmod(0o755)
        path = [command.parent, Path(sys.executable).parent, *(Path(p).parent for p in programs)]
        self._environment = {
            "PATH": os.pathsep.join([*map(str, path), os.environ["PATH"]]),
            "XDG_STATE_HOME": str(folder / "state"),
        }
        self._printed = ""

    def read(self, block: Block) -> None:
        """Does what a block says."""
        if block.kind == "file":
            path = self._folder / block.words["file"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self._with_free_ports(block.text))
        elif block.kind == "background":
            for line in block.text.splitlines():
                command = f"exec {self._with_free_ports(line)}"
                self._start(
                    *("bash", "-c", command),
                    until=SERVES,
                    within_s=20.0,
                    cwd=self._folder,
                    env=self._environment,
                )
        elif block.kind == "run":
            text = self._with_free_ports(block.text)
            if "short" in block.words:
                text = re.sub(LOAD_OF_MINUTES, SHORT_LOAD, text)
            done = self._run(self._with_newest_run(text))
            expected = int(block.words.get("exit", "0"))
            assert done.returncode == expected, f"line {block.line}:\n{block.text}{done.stdout}"
            self._printed = done.stdout
        elif block.kind == "output":
            assert prints(block.text, self._printed), (
                f"line {block.line} says\n{block.text}\nbut it prints\n{self._printed}"
            )

    def _run(self, script: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self._folder,
            # Pytest says to its workers how wide it prints; without a terminal nothing is cut.
            env={**{k: v for k, v in os.environ.items() if k != "COLUMNS"}, **self._environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )

    def _with_free_ports(self, text: str) -> str:
        for port, free in self._ports.items():
            text = re.sub(rf"(?<=[: ]){port}\b", free, text)
        return text

    def _with_newest_run(self, script: str) -> str:
        if not re.search(RUN_ID, script):
            return script
        newest = re.search(RUN_ID, self._run("loadgrpc runs -n 1").stdout)
        assert newest, "there is no run yet"
        return re.sub(RUN_ID, newest[0], script)


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def readings():
    """Each page, once for readers without special programs and once for each program."""
    found = []
    for page in PAGES:
        needed = {block.needs for block in blocks((ROOT / page).read_text())}
        marks = pytest.mark.long if page in LONG_PAGES else ()
        found.extend(pytest.param(page, needs, marks=marks) for needs in sorted(needed))
    return found


@pytest.mark.system
@pytest.mark.parametrize(("page", "needs"), readings())
def test_commands_do_what_the_page_says(page, needs, tmp_path, start, tool):
    """Each command of a page exits as it should, and prints what the page shows."""
    reader = Reader(tmp_path, start, [tool(name) for name in needs.split(",") if name])
    shown = False
    for block in blocks((ROOT / page).read_text()):
        if block.kind == "run":
            shown = block.needs == needs
        if block.kind in ("file", "background") or (block.kind and shown):
            reader.read(block)


def test_pages_have_commands_to_run():
    """The reading above has something to read: files, servers, commands and what they print."""
    readme = blocks((ROOT / "README.md").read_text())
    others = [block for page in PAGES[1:] for block in blocks((ROOT / page).read_text())]

    assert {"file", "background", "run", "output"} <= {block.kind for block in readme}
    assert {block.needs for block in readme} == {"", "grpcurl"}
    assert {"jq", "grpcurl,jq"} <= {block.needs for block in others}


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        ("took 1.20 ms\n", "took 35 s\n", True),
        ("1200 hits   1874/s\n", "1200 hits  99.1/s\n", True),
        ("1200 hits\n", "1199 hits\n", False),
        ("…\nlast\n", "first\nsecond\nlast\n", True),
        ("first\n…\nlast\n", "first\nlast\n", True),
        ("first\n…\n", "second\n", False),
        ("run r-0123456789\n", "run r-abcdefabcd\n", True),
        ("generator   lag p99 1 ms\n\nlast\n", "generator   CPU 3 %\n\nlast\n", True),
        ("first\n\nlast\n", "first\n\nSaturated: it is\nso.\n\nlast\n", True),
        ("first\n\nlast\n", "first\n\nSaturated: it is\nso.\n\n", False),
    ],
)
def test_printed_lines_are_compared(expected, printed, same):
    """Durations, rates and ids may vary; counts and words may not."""
    assert prints(expected, printed) is same


def table(page: str, first: str) -> list[list[str]]:
    """The rows of the table whose first heading is `first`."""
    lines = page.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith(f"| {first} |"))
    rows = []
    for line in lines[at + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def help_of(*command: str) -> str:
    """The help of a command, its paragraphs on one line each."""
    return subprocess.run(
        [sys.executable, "-m", "loadgrpc", *command, "--help"],
        env={**os.environ, "COLUMNS": "400"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def documented(text: str) -> dict[str, str]:
    """Options by spelling, and the default that the help says each has."""
    found = {}
    entry = r"^  (-\S.*?)(?:  +|\n +)(\S.*(?:\n {10,}\S.*)*)"
    for match in re.finditer(entry, text, re.MULTILINE):
        explained = " ".join(match[2].split())
        default = re.search(r"\[default: (.*?)\]", explained)
        spellings = re.findall(r"(?<!\S)--?[A-Za-z][\w-]*", match[1])
        found.update(dict.fromkeys(spellings, default[1] if default else ""))
    return found


def test_exit_codes_are_in_their_order(root):
    """The table of exit codes has those of the verdict, in the order in which they apply."""
    told = [int(code) for code, _ in table((root / "README.md").read_text(), "code")]

    assert told == [*(code for _, code in verdict.TABLE), verdict.PASSED]
    in_help = re.search(r"Exit codes.*?:\n((?: +\d+ .*\n)+)", help_of("run"))
    assert in_help
    assert told == [int(line.split()[0]) for line in in_help[1].splitlines()]


def test_options_that_pages_name_exist(root):
    """What a page spells like an option of ours is one."""
    known = {option for name in COMMANDS for option in documented(help_of(name))}
    of_design = ("simplify", "cases", "graph")
    known |= {option for name in of_design for option in documented(help_of("design", name))}
    known |= {option for name in GROUPS for option in documented(help_of(*name))}
    known |= {opposite(option) for option in known} | {"--no"}
    known |= {"--port", "--version"} | NOT_OURS | PROTOC | SUPERVISORS | PIP | TOOLS | JQ | GH
    known |= elsewhere.OPTIONS.keys()
    pages = [str(path.relative_to(root)) for path in sorted((root / "docs").glob("*.md"))]
    pages.remove(FROM_LOADS)
    for page in ("README.md", "CONTRIBUTING.md", *pages):
        named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*[a-z]", (root / page).read_text()))
        assert named - known == set(), page
