"""What our commands have over click's: one-line errors, suggestions, sections, lazy imports.

Rule: whatever is wrong with a command line is one line on stderr, `loadgrpc run: error:
...`, and exit code 2; a usage block would push that line off the screen.
"""

from __future__ import annotations

import difflib
import importlib
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import click

from loadgrpc import verdict
from loadgrpc.cli.failure import Failure, failure_of
from loadgrpc.errors import LoadgrpcError

INTERRUPTED: Final = 130
"""What a command other than `run` exits with on Ctrl-C, as shells have it."""

WORDS_FROM_ELSEWHERE: Final = {
    "--clients": "--users",
    "--concurrency": "--users",
    "--count": "--iterations",
    "--requests": "--iterations",
    "--server-url": "--host",
    "--time": "--duration",
    "--vus": "--users",
    "--workers": "--agents",
}
"""Options of other load testers that no spelling would lead to ours."""


class Command(click.Command):
    """A command whose help shows its options in sections."""

    def __init__(
        self, *args: Any, sections: Mapping[str, Sequence[str]] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.sections = sections or {}
        """Heading, and the parameters beneath it. Others come under "Options"."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; see that an error knows whose it is."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise

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


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is asked for."""

    def __init__(self, *args: Any, modules: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.modules = modules

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

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Show the help, as an error, when there is nothing to do."""
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help(), err=True)
            ctx.exit(verdict.USAGE)
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; suggest the nearest name when it is not there."""
        name = args[0]
        if not name.startswith("-") and name not in self.modules:
            raise click.UsageError(
                f"no such command: {name}{_did_you_mean(name, self.modules)}", ctx
            )
        return super().resolve_command(ctx, args)


def call(group: click.Group, argv: Sequence[str] | None, **settings: Any) -> int:
    """Carry out a command line; the exit code. Errors are printed, none is raised."""
    try:
        code = group.main(argv, prog_name="loadgrpc", standalone_mode=False, **settings)
        sys.stdout.flush()
    except click.Abort:
        return INTERRUPTED
    except click.ClickException as error:
        ctx = getattr(error, "ctx", None)
        print(f"{_path(ctx)}: error: {_message(error)}", file=sys.stderr)
        return error.exit_code
    except LoadgrpcError as error:
        failure = failure_of(error)
        print(f"loadgrpc: error: {failure.message}", file=sys.stderr)
        return failure.exit_code
    except BrokenPipeError:
        # The reader of our output has gone, as in `loadgrpc runs | head`.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return verdict.PASSED
    except Exception:  # noqa: BLE001 - the last line of defence: a defect, shown whole
        traceback.print_exc()
        print("loadgrpc: error: this is a defect in loadgrpc", file=sys.stderr)
        return verdict.INCOMPLETE
    return code if isinstance(code, int) else verdict.PASSED


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
        meant = _did_you_mean(error.option_name, names)
        return f"no such option: {error.option_name}{meant}"
    if isinstance(error, click.BadOptionUsage) and ctx:
        for param in ctx.command.get_params(ctx):
            if error.option_name in param.opts:
                takes = "takes no value" if getattr(param, "is_flag", False) else "needs a value"
                return f"{_name(param)} {takes}"
    if isinstance(error, click.MissingParameter) and error.param is not None:
        meaning = getattr(error.param.type, "meaning", "")
        return f"missing {_name(error.param)}" + (f": {meaning}" if meaning else "")
    if isinstance(error, click.BadParameter) and error.param is not None:
        return f"{_name(error.param)}: {_one_line(error.message)}"
    message = _one_line(error.format_message())
    return message[:1].lower() + message[1:]


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


def _did_you_mean(word: str, known: Sequence[str] | Mapping[str, object]) -> str:
    elsewhere = WORDS_FROM_ELSEWHERE.get(word)
    if elsewhere in known:
        return f" (did you mean {elsewhere}?)"
    near = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {near[0]}?)" if near else ""
