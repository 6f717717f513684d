"""A text that is read from left to right, and what is wrong with it, with the place.

Rule: spaces between words mean nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction
from typing import Final, NoReturn

from loadgrpc.judge.unit import NS, exact

NAME: Final = re.compile(r"[A-Za-z_][\w.\-]*")
NUMBER: Final = re.compile(r"\d+(\.\d+)?|\.\d+")
UNIT: Final = re.compile(r"[A-Za-zµ%/]+")
_SPACE: Final = re.compile(r"\s*")


class BadThreshold(ValueError):
    """A threshold that cannot be read: what is wrong, and where."""

    def __init__(self, text: str, at: int, message: str) -> None:
        super().__init__(message)
        self.text = text
        self.at = at
        """The first character that is wrong, from 0."""
        self.message = message

    def lines(self) -> list[str]:
        """The threshold, and below it a caret at what is wrong."""
        return [self.text, f"{' ' * self.at}^ {self.message}"]

    def __str__(self) -> str:
        where = f"at {self.text[self.at :][:20]!r}" if self.at < len(self.text) else "at its end"
        return f"{self.message} ({where} of {self.text!r})"


class Cursor:
    """See the module."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        """The next character, from 0."""

    def fail(self, at: int, message: str, choices: Iterable[str] = ()) -> NoReturn:
        """Raises what is wrong at a place, and what there could be instead."""
        choices = list(choices)
        if choices and "did you mean" not in message:
            message += f": one of {', '.join(choices)}"
        raise BadThreshold(self.text, at, message)

    def next(self) -> int:
        """Where the next character is that is no space."""
        found = _SPACE.match(self.text, self.at)
        self.at = found.end() if found is not None else self.at
        return self.at

    def take(self, text: str, *, peek: bool = False) -> bool:
        """Takes a text, if it is next; whether it was. `peek`: leaves it there."""
        at = self.next()
        if not self.text.startswith(text, at):
            return False
        if not peek:
            self.at = at + len(text)
        return True

    def name(self, expected: str) -> str:
        """A name that has to be next."""
        at = self.next()
        found = NAME.match(self.text, at)
        if found is None:
            self.fail(at, f"expected {expected}")
        self.at = found.end()
        return found[0]

    def word(self, word: str) -> bool:
        """Takes a word, if it is next; whether it was."""
        at = self.next()
        found = NAME.match(self.text, at)
        if found is None or found[0] != word:
            return False
        self.at = found.end()
        return True

    def words(self, words: str, whole: str) -> None:
        """Takes words that have to be next; `whole` shows how it is written."""
        for word in words.split():
            at = self.next()
            if not (self.word(word) if word.isalpha() else self.take(word)):
                self.fail(at, f"{word!r} is missing: {whole}")

    def time(self, expected: str) -> int:
        """A time, in nanoseconds: `30s`, `1m30s`."""
        at = self.next()
        total, read = Fraction(0), False
        while (number := NUMBER.match(self.text, self.at)) is not None:
            unit = UNIT.match(self.text, number.end())
            if unit is None or unit[0] not in NS:
                self.fail(number.end(), f"a time needs a unit: {expected}")
            total += exact(number[0]) * NS[unit[0]]
            self.at, read = unit.end(), True
        if not read:
            self.fail(at, f"{expected} is missing")
        return int(total)
