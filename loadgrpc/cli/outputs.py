"""The outputs that a command line asks for: made and checked before the run, written after it.

Rule: one after another, in the order in which they were asked for; one that fails, in whatever
way, does not hinder the others.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from loadgrpc.cli import elsewhere
from loadgrpc.cli.failure import Failure
from loadgrpc.outputs import Output, OutputError, Results, names

_log = logging.getLogger(__name__)

FIRST_S: Final = 3.0
PROGRESS_S: Final = 10.0
"""When an output that takes long first says how far it is, and how often after that."""
_INTERRUPTED: Final = "interrupted before it was written"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """An output that was asked for, by this option."""

    option: str
    name: str
    output: Output

    @property
    def to_stdout(self) -> bool:
        """Whether it goes to standard output."""
        return any(each.is_stdout for each in self.output.destinations)

    @property
    def label(self) -> str:
        """What it is called in messages."""
        return f"--output {self.name}" if self.option == "--output" else self.option


def asked(specs: Iterable[tuple[str, str]], shown: Collection[str]) -> list[Asked]:
    """The outputs of options and NAME[=TARGET], each of which can be written.

    Names in `shown` are those that nothing is written for.

    Raises:
        Failure: one of them does not exist, cannot be written, or is another's file.
    """
    found: list[Asked] = []
    for option, spec in specs:
        name, equals, target = spec.partition("=")
        if name in shown:
            if equals:
                raise Failure(f"--output {name} takes no path")
            continue
        if equals and not target:
            raise Failure(f"--output {spec}: PATH is missing")
        if name not in (known := names.known()):
            raise Failure(f"--output {spec}: {_unknown(name, [*known, *shown])}")
        try:
            each = Asked(option=option, name=name, output=names.make(name, target))
        except (OutputError, OSError) as error:
            raise Failure(f"--output {spec}: {reason(error)}") from error
        try:
            each.output.check()
        except (OutputError, OSError) as error:
            raise Failure(_cannot(each, error)) from error
        except Exception as error:  # code of others
            raise Failure(_defective(each, error)) from error
        found.append(each)
    _differ(found)
    return found


def _unknown(name: str, known: Sequence[str]) -> str:
    """What is wrong with a name that no output has, and what may have been meant."""
    near = elsewhere.nearest(name, known)
    more = f" (did you mean {near}?)" if near else f"; there are {', '.join(sorted(known))}"
    return f"there is no output {name!r}{more}"


def _differ(found: Sequence[Asked]) -> None:
    """Two outputs would write to the same file.

    Raises:
        Failure: they would.
    """
    places: dict[str, str] = {}
    for each in found:
        for destination in each.output.destinations:
            place = destination.real_path
            if place in places and place != os.devnull:
                where = "standard output" if destination.is_stdout else repr(str(destination))
                raise Failure(f"{places[place]} and {each.label} would both write to {where}")
            places[place] = each.label


async def write(
    outputs: Sequence[Asked], results: Results, notice: Callable[[str], None]
) -> list[str]:
    """Writes the outputs; a sentence for each that could not be written.

    When it is cancelled, it returns: the rest is not written. `notice` says how far it is.
    """
    unwritten: list[str] = []
    task = asyncio.current_task()
    for each in outputs:
        if task is not None and task.cancelling():
            unwritten.append(f"{each.label}: {_INTERRUPTED}")
            continue
        progress = asyncio.create_task(_progress(each, results, notice))
        try:
            await each.output.write(results)
        except (OutputError, OSError) as error:
            unwritten.append(_cannot(each, error))
        except asyncio.CancelledError:
            unwritten.append(f"{each.label}: {_INTERRUPTED}")
        except Exception as error:  # noqa: BLE001 - code of others; the next one is written
            _log.exception("%s raised", each.label)
            unwritten.append(_defective(each, error))
        finally:
            progress.cancel()
            with suppress(asyncio.CancelledError):
                await progress
    if task is not None:
        while task.cancelling():
            task.uncancel()
    return unwritten


async def _progress(each: Asked, results: Results, notice: Callable[[str], None]) -> None:
    """Says how far an output is that takes long."""
    pause_s = FIRST_S
    while True:
        await asyncio.sleep(pause_s)
        pause_s = PROGRESS_S
        read = getattr(results, "read", 0)
        notice(f"{each.label} is being written" + (f": {read} events read" if read else ""))


def _cannot(each: Asked, error: OutputError | OSError) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{each.label}: cannot write {str(error.filename)!r}: {reason(error)}"
    return f"{each.label}: {reason(error)}"


def _defective(each: Asked, error: Exception) -> str:
    return f"{each.label}: it is defective: {type(error).__name__}: {error}"


def reason(error: OutputError | OSError) -> str:
    """Why an output cannot be written."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
