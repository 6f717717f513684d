"""What our commands add to click's: one-line errors, suggestions, sections, lazy imports.

Rule: whatever is wrong with a command line is one line on stderr, `loadgrpc run: error: ...`, and
exit code 2; a usage block would push that line off the screen. What is pointed at, in a text that
was typed, is shown below it.
"""

from __future__ import annotations

import importlib
import re
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import Any, Final

import click

from loadgrpc import verdict
from loadgrpc.cli import configuration, credential_options, elsewhere
from loadgrpc.cli.conditions import BELOW
from loadgrpc.cli.failure import Failure, failure_of
from loadgrpc.errors import LoadgrpcError
from loadgrpc.text import one_line, safe_line

INTERRUPTED: Final = 130
"""What a command other than `run` exits with on Ctrl-C, as shells have it."""

_TEST_NAME: Final = re.compile(r"[\w/-]+\.[\w./-]+(::[\w.]+)*")
"""What somebody may have typed who left out `run`."""


class Command(click.Command):
    """A command whose help shows its options in sections; flags have an opposite, `--no-…`."""

    def __init__(
        self,
        *args: Any,
        sections: Mapping[str, Sequence[str]] | None = None,
        configured: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.sections = {**(sections or {}), **_encryption(self.params)}
        """Heading, and the parameters beneath it. Others come under "Options"."""
        self.configured = configured
        """Whether a configuration sets all of its options; of others it is the broker only."""

    def make_parser(self, ctx: click.Context) -> Any:
        """The parser, to which a flag may also be given as `--no-FLAG`: it is not set then."""
        parser = super().make_parser(ctx)
        known = {name for param in self.params for name in param.opts}
        for param in self.params:
            if isinstance(param, click.Option) and param.is_bool_flag and param.expose_value:
                names = [off for name in param.opts if (off := opposite(name)) not in known]
                names = [name for name in names if name]
                if names:
                    parser.add_option(param, names, param.name, action="store_const", const=False)
        return parser

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; see that an error knows whose it is."""
        configuration.in_environment(self)
        try:
            left = super().parse_args(ctx, args)
            for param in self.params:
                _check_text(param, ctx.params.get(param.name or ""))
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise
        return left

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each section with its options."""
        records = {
            str(param.name): record
            for param in self.get_params(ctx)
            if isinstance(param, click.Option) and (record := param.get_help_record(ctx))
        }
        for heading, names in self.sections.items():
            with formatter.section(heading):
                formatter.write_dl([records.pop(name) for name in names])
        with formatter.section("Options"):
            formatter.write_dl(list(records.values()))


def _encryption(params: Sequence[click.Parameter]) -> dict[str, tuple[str, ...]]:
    """The section of those options of a command that are about encryption."""
    named = {str(param.name) for param in params if not param.expose_value}
    found = tuple(name for name in credential_options.NAMES if name in named)
    return {credential_options.HEADING: found} if found else {}


def opposite(flag: str) -> str:
    """How a flag is spelled that is not to be set; empty: it has no long name."""
    if not flag.startswith("--"):
        return ""
    name = flag.removeprefix("--")
    return f"--{name.removeprefix('no-')}" if name.startswith("no-") else f"--no-{name}"


class CommandGroup(click.Group):
    """A group that lists its commands with whole sentences, and shows that without arguments."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands, each with the whole first sentence of its help."""
        rows = [
            (name, command.get_short_help_str(limit=1_000))
            for name in self.list_commands(ctx)
            if (command := self.get_command(ctx, name)) is not None
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Show the help if there are no arguments."""
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help())
            ctx.exit(verdict.PASSED)
        return super().parse_args(ctx, args)


class LazyGroup(CommandGroup):
    """A group that imports a command's module when the command is used."""

    def __init__(
        self,
        *args: Any,
        modules: Mapping[str, str],
        aliases: Mapping[tuple[str, str], str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.modules = modules
        self.aliases = aliases or {}
        """Two words, and the command that they are."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the table's order."""
        del ctx
        return list(self.modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, or None when there is no such one."""
        del ctx
        if cmd_name not in self.modules:
            return None
        command = importlib.import_module(self.modules[cmd_name]).command
        assert isinstance(command, click.Command)  # noqa: S101 - a module without one is a defect
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; suggest the nearest name when it is not there."""
        if (alias := self.aliases.get((args[0], args[1] if len(args) > 1 else ""))) is not None:
            args = [alias, *args[2:]]
        name = args[0]
        if not name.startswith("-") and name not in self.modules:
            hint = elsewhere.hint(name, self.modules, elsewhere.COMMANDS)
            if not hint and _TEST_NAME.fullmatch(name):
                hint = f" (did you mean `loadgrpc run {name}`?)"
            raise click.UsageError(f"no such command: {name}{hint}", ctx)
        return super().resolve_command(ctx, args)


def call(
    command: click.Command,
    argv: Sequence[str] | None,
    prog_name: str = "loadgrpc",
    **settings: Any,
) -> int:
    """Carry out a command line; the exit code. Errors are printed, none is raised."""
    try:
        code = command.main(argv, prog_name=prog_name, standalone_mode=False, **settings)
    except click.Abort:
        return INTERRUPTED
    except click.ClickException as error:
        ctx = getattr(error, "ctx", None)
        _complain(_path(ctx), _message(error))
        return error.exit_code
    except LoadgrpcError as error:
        failure = failure_of(error)
        _complain("loadgrpc", failure.message)
        return failure.exit_code
    except Exception:  # noqa: BLE001 - the last line of defence: a defect, shown whole
        traceback.print_exc()
        _complain("loadgrpc", "this is a defect in loadgrpc")
        return verdict.INCOMPLETE
    return code if isinstance(code, int) else verdict.PASSED


def _complain(whose: str, message: str) -> None:
    message, *below = message.split(BELOW)
    print(safe_line(f"{whose}: error: {one_line(message)}"), file=sys.stderr)
    for text in below:
        print(safe_line(f"  {text}"), file=sys.stderr)


def _check_text(param: click.Parameter, value: object) -> None:
    """Reject arguments that are not UTF-8: such bytes can name files, and nothing else.

    Raises:
        click.BadParameter: it is none.
    """
    for each in value if isinstance(value, tuple) else (value,):
        if isinstance(each, str) and any("\ud800" <= letter <= "\udfff" for letter in each):
            raise click.BadParameter(f"{each!r} is not UTF-8", param=param)


def _path(ctx: click.Context | None) -> str:
    ctx = ctx or click.get_current_context(silent=True)
    return ctx.command_path if ctx else "loadgrpc"


def _message(error: click.ClickException) -> str:
    """The error as one line: what is wrong, and what is accepted."""
    if isinstance(error, Failure):
        return error.message
    ctx = getattr(error, "ctx", None)
    if isinstance(error, click.NoSuchOption):
        names = [
            name
            for param in (ctx.command.get_params(ctx) if ctx else ())
            for name in param.opts
            if name.startswith("--")
        ]
        hint = elsewhere.hint(error.option_name, names, elsewhere.OPTIONS)
        return f"no such option: {error.option_name}{hint}"
    if isinstance(error, click.BadOptionUsage) and ctx:
        for param in ctx.command.get_params(ctx):
            if error.option_name in param.opts:
                takes = "takes no value" if getattr(param, "is_flag", False) else "needs a value"
                return f"{_name(param)} {takes}"
    if isinstance(error, click.MissingParameter) and error.param is not None:
        meaning = getattr(error.param.type, "meaning", "")
        return f"missing {_name(error.param)}" + (f": {meaning}" if meaning else "")
    if isinstance(error, click.BadParameter) and error.param is not None:
        where = configuration.where(ctx, error.param) if ctx else ""
        head, *below = error.message.split(BELOW)
        return f"{_name(error.param)}{f', set by {where}' * bool(where)}: " + BELOW.join(
            [_one_line(head), *below]
        )
    message = _one_line(error.format_message())
    return message[:1].lower() + message[1:]  # a sentence of click's: ours are Failures


def _one_line(message: str) -> str:
    return " ".join(message.split()).removesuffix(".")


def _name(param: click.Parameter) -> str:
    """A parameter as people type it: TEST, or -u/--users."""
    if isinstance(param, click.Option):
        short = [name for name in param.opts if not name.startswith("--")]
        long = [name for name in param.opts if name.startswith("--")]
        return "/".join([*short[:1], *long[:1]])
    return param.make_metavar(click.get_current_context(silent=True) or click.Context(root_stub))


root_stub: Final = click.Command("loadgrpc")
"""Only to make a context where click has left the one of the error."""
