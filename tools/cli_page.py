"""Writes docs/cli.md, the page of all commands and options, from the commands themselves.

    python tools/cli_page.py            write the page
    python tools/cli_page.py --check    exit 1 when what is committed differs

Rule: every sentence on the page is one that `--help` shows, but for the head of the page.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import re
import sys
from pathlib import Path

import click

from loadgrpc.cli.command import Command
from loadgrpc.cli.root import COMMANDS, root
from loadgrpc.protocol import options

ROOT = Path(__file__).resolve().parent.parent
PAGE = Path("docs/cli.md")

HEAD = """\
# The command line

Generated from the commands by `make protos`. `loadgrpc --help` lists the commands, and
`loadgrpc COMMAND --help` shows the same as this page.

Times are written like `90`, `90s`, `5m`, `1h30m`, `1.5s` or `500ms`, sizes like `4096`, `500MB` or
`1.5GB`. An address is `HOST:PORT`; the host is a name, an IPv4 address, or an IPv6 address in
brackets.

A flag is switched off by `--no-` in front of its name (`--no-split`), which is for flags that a
[configuration](configuration.md) sets; the last one that is typed counts.

The scripts `loadgrpc-runner`, `loadgrpc-broker` and `loadgrpc-agent` take the options of
`loadgrpc run`, `loadgrpc broker` and `loadgrpc agent`, and [those of Loads](coming-from-loads.md).
"""

PLAN_FILES = """\
## Plan files

`loadgrpc run -f FILE` reads a JSON object, or a TOML document, with these keys: the `plan` of
StartRun. A key may be written as `spawn_rate`, `spawnRate` or `spawn-rate`, or as the option that
sets the same; times and lists of numbers may be written as on the command line. With several
scenarios, the keys of a scenario belong in the entries of `scenarios`, each of which has a `name`;
`duration` may be set beside `scenarios`, for all that have neither `duration` nor `iterations`.
Options on the command line override the file, in each scenario.
"""

DEFAULT = re.compile(r"\s*\[default: (.*)\]$")


def page() -> str:
    """The page."""
    parts = [HEAD, *(f"- [loadgrpc {name}](#loadgrpc-{name})" for name in COMMANDS)]
    parts += ["- [plan files](#plan-files)", ""]
    for name, module in COMMANDS.items():
        command = importlib.import_module(module).command
        parts += section(name, command)
        for each, inner in getattr(command, "commands", {}).items():
            parts += section(f"{name} {each}", inner)
    return "\n".join([*parts, *plan_files()])


def plan_files() -> list[str]:
    """The section on plan files: what can stand in one, from the rows of the options."""
    rows = []
    for row in options.ALL.values():
        flag = next((f"`{each}`" for each in row.flags if each.startswith("--")), "TEST")
        of = "scenario" if row in options.OF_SCENARIO else "plan"
        rows.append(f"| `{row.field}` | {of} | {cell(str(row.kind))} | {flag} |")
    return [PLAN_FILES, "| key | of | value | option |", "| --- | --- | --- | --- |", *rows, ""]


def section(name: str, command: Command) -> list[str]:
    """What there is to say of a command, line by line."""
    parent = root.make_context("loadgrpc", [], resilient_parsing=True)
    context = click.Context(command, info_name=name, parent=parent)
    usage = " ".join(command.collect_usage_pieces(context)).strip()
    lines = [f"## loadgrpc {name}", "", f"`loadgrpc {name} {usage}`", "", *prose(command), ""]
    left = {str(each.name): each for each in command.params if isinstance(each, click.Option)}
    for heading, names in getattr(command, "sections", {}).items():
        lines += [f"{heading}:", "", *table([left.pop(each) for each in names])]
    return lines + table(list(left.values()))


def prose(command: click.Command) -> list[str]:
    """The help text of a command: paragraphs, and what is indented as blocks."""
    lines: list[str] = []
    block: list[str] = []
    for line in [*inspect.cleandoc(command.help or "").splitlines(), ""]:
        if line == "\b":
            continue
        if line.startswith("  "):
            block.append(line[2:])
            continue
        if block:
            shell = any("loadgrpc " in each for each in block)
            lines += ["", f"```{'sh' if shell else 'text'}", *block, "```", ""]
            block = []
        lines.append(line)
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines))
    return text.strip().splitlines()


def table(found: list[click.Option]) -> list[str]:
    """The table of some options."""
    if not found:
        return []
    rows = [f"| {spelling(each)} | {explained(each)} | {default(each)} |" for each in found]
    return ["| option | what it does | default |", "| --- | --- | --- |", *rows, ""]


def spelling(option: click.Option) -> str:
    """How an option is typed."""
    names = ", ".join(f"`{name}`" for name in option.opts)
    if option.is_flag or option.count:
        return names
    kind = option.type
    choices = "|".join(map(str, kind.choices)) if isinstance(kind, click.Choice) else ""
    value = option.metavar or choices or kind.name.upper()
    return f"{names} {cell(value[1:-1] if value.startswith('[') else value)}"


def explained(option: click.Option) -> str:
    """What an option does."""
    return cell(DEFAULT.sub("", option.help or ""))


def default(option: click.Option) -> str:
    """What holds without an option."""
    if found := DEFAULT.search(option.help or ""):
        return cell(found[1])
    return cell(str(option.default)) if option.show_default else ""


def cell(text: str) -> str:
    """A text as a cell of a table has it."""
    return text.replace("|", "\\|").replace("<", "&lt;")


def main() -> int:
    """The command line; see the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    if parser.parse_args().check:
        fresh = (ROOT / PAGE).read_text() == page()
        print("" if fresh else f"{PAGE} is not what the commands say: run `make protos`")
        return 0 if fresh else 1
    (ROOT / PAGE).write_text(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
