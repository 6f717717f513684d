"""A load as people write it, and its stages: `ramp 0..500/s in 1m; hold 5m; down in 30s`.

    100/s for 30s                   this level for that time; 30/m, 20 users
    ramp 0..500/s in 1m             a straight line; `ramp to 500/s in 1m` begins where it is
    hold 5m                         the level that was reached
    step +100/s x4 each 1m          four steps up from the level that was reached; -100/s: down
    sine 50..150/s period 2m for 10m    waves that begin at 50/s
    down in 30s                     a straight line to 0
    levels 10,20,5/s each 1s        these, one after another
    trace FILE                      the same, from a file of numbers: `trace FILE users each 10s`

Rule: pure; whoever may read files hands in how. What cannot be read is a LoadTextError, which knows
the character that is wrong. `text` writes what `stages` reads.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from loadgrpc.model import (
    MAX_LEVEL,
    MAX_LEVELS,
    MAX_LEVELS_OF,
    MAX_STAGES,
    Hold,
    Load,
    LoadUnit,
    Ramp,
    Sine,
    Stage,
    Steps,
    arrives,
    did_you_mean,
    last_level,
)

ReadFile = Callable[[str], Sequence[float]]
"""Reads the numbers in a file that a load names. Raises ValueError: it cannot."""

KEYWORDS: Final = ("ramp", "hold", "step", "sine", "down", "levels", "trace")
MAX_STEPS: Final = 10_000
MAX_S: Final = 30 * 86_400.0
_BLANK: Final = re.compile(r"\s*")
_WORD: Final = re.compile(r"[A-Za-z]+")
_NUMBER: Final = re.compile(r"[0-9]{1,12}(?:\.(?!\.)[0-9]{0,9})?|\.[0-9]{1,9}")
_TIME: Final = re.compile(r"((?:[0-9]{1,12}(?:\.[0-9]{1,9})?(?:ms|[hms])\s?)+)(?![A-Za-z0-9])")
_PART: Final = re.compile(r"([0-9.]+)(ms|[hms])")
_UNIT: Final = re.compile(r"\s*(/\s*s(?:ec)?\b|/\s*m(?:in)?\b|users?\b)")
_RATE: Final = re.compile(rf"\s*({_NUMBER.pattern})(?:\s*(/\s*s(?:ec)?|/\s*m(?:in)?))?\s*")
_FILE: Final = re.compile(r'"([^"]+)"|\'([^\']+)\'|([^\s;"\']+)')
_UNIT_S: Final = {"h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
PER_MINUTE: Final = 60.0
_AS_IN: Final = {"for": "100/s for 30s", "in": "in 1m", "each": "each 1m", "period": "period 2m"}


class LoadTextError(ValueError):
    """A load that cannot be read: which character is wrong, and what was expected there."""

    def __init__(self, text: str, at: int, why: str) -> None:
        self.text = text
        self.at = at
        """The character, from 0; the length of the text: something is missing at its end."""
        self.why = why
        rest = text[at:].split()
        found = f"at character {at + 1}, {rest[0][:40]!r}" if rest else "at its end"
        super().__init__(f"{why} ({found})")

    @property
    def marked(self) -> str:
        """The line with the mark beneath the character that is wrong, for a terminal."""
        first = max(0, self.at - 60)
        line = self.text[first : self.at + 20].replace("\n", " ").replace("\t", " ")
        return f"{line}\n{' ' * (self.at - first)}^"


class _Level(NamedTuple):
    value: float
    unit: LoadUnit
    at: int


def stages(text: str, read_file: ReadFile | None = None) -> Load:
    """The load that a text means.

    Raises:
        LoadTextError: it cannot be read.
    """
    return _Parser(text, read_file).load()


def rate(text: str) -> float:
    """Arrivals per second: `200/s`, `30/m`; a number alone is per second.

    Raises:
        LoadTextError: it is something else.
    """
    match = _RATE.fullmatch(text)
    if match is None:
        raise LoadTextError(text, 0, "expected a rate, such as 200/s or 30/m")
    per_s = float(match[1]) / (PER_MINUTE if "m" in (match[2] or "") else 1.0)
    if per_s > MAX_LEVEL:
        raise LoadTextError(text, 0, f"expected at most {MAX_LEVEL:,.0f}/s")
    return per_s


class _Parser:
    """Reads a text from its first to its last character."""

    def __init__(self, text: str, read_file: ReadFile | None) -> None:
        self._text = text
        self._read_file = read_file
        self._at = 0
        self._unit: LoadUnit | None = None
        self._level: float | None = None
        """The level that was reached; None: there was no stage yet."""
        self._stages: list[Stage] = []
        self._levels = 0
        self._per = 1.0
        """Of the unit that was read last: how many of it are one per second, or one user."""
        self._number_at = 0
        """Where the number was that was read last."""

    def load(self) -> Load:
        while True:
            self._skip()
            self._segment()
            if len(self._stages) > MAX_STAGES:
                raise self._wrong(f"it has more than {MAX_STAGES:,} stages")
            self._skip()
            if self._at == len(self._text):
                break
            self._sign(";", "expected ; before the next stage")
            if not self._text[self._at :].strip():
                break
        if sum(stage.duration_s for stage in self._stages) > MAX_S:
            raise self._wrong("its stages last more than 30 days together", 0)
        if not any(arrives(stage) for stage in self._stages):
            raise self._wrong("its level is 0 all the time", 0)
        assert self._unit is not None  # noqa: S101 - a stage has a level
        return Load(self._unit, tuple(self._stages))

    def _segment(self) -> None:
        at = self._at
        match = _WORD.match(self._text, at)
        if match is None:
            self._hold_level()
            return
        word = match[0].lower()
        self._at = match.end()
        match word:
            case "ramp":
                self._ramp()
            case "hold":
                self._add(Hold(self._reached(at, "hold"), self._time()))
            case "step":
                self._step()
            case "sine":
                self._sine()
            case "down":
                self._word("in")
                self._add(Ramp(self._reached(at, "go down from"), 0.0, self._time()))
            case "levels":
                self._listed()
            case "trace":
                self._trace()
            case _:
                hint = did_you_mean(word, KEYWORDS)
                expected = f"expected a level, such as 100/s or 20 users, or {', '.join(KEYWORDS)}"
                raise self._wrong(f"{expected}{hint}", at)

    def _hold_level(self) -> None:
        level = self._level_of(
            f"a stage begins with a level, such as 100/s or 20 users, or with {', '.join(KEYWORDS)}"
        )
        self._word("for")
        self._add(Hold(level, self._time()))

    def _ramp(self) -> None:
        if self._maybe_word("to"):
            start = self._level or 0.0
            end = self._level_of("expected the level that is reached, such as 500/s")
        else:
            first_at = self._skip()
            first = self._number(
                "expected the first level of the ramp, such as ramp 0..500/s in 1m"
            )
            unit_at = self._skip()
            if (match := _UNIT.match(self._text, self._at)) is not None:
                self._at = match.end()
            self._sign("..", "expected .. and the level that is reached, such as 0..500/s", unit_at)
            end = self._level_of("expected the level that is reached, such as 500/s")
            start = self._scaled(first, first_at)
        self._word("in")
        self._add(Ramp(start, end, self._time()))

    def _step(self) -> None:
        at = self._skip()
        down = self._maybe_sign("-")
        if not down:
            self._maybe_sign("+")
        by = self._level_of("expected how far each step goes, such as step +100/s x4 each 1m")
        by = -by if down else by
        count_at = self._skip()
        match = re.compile(r"[xX]\s*([0-9]{1,9})\b").match(self._text, self._at)
        if match is None:
            raise self._wrong("expected how many steps, such as x4")
        self._at = match.end()
        count = int(match[1])
        if not 1 <= count <= MAX_STEPS:
            raise self._wrong(f"expected 1 to {MAX_STEPS:,} steps", count_at)
        self._word("each")
        first = self._level or 0.0
        levels = tuple(round(first + by * step, 9) for step in range(1, count + 1))
        if min(levels) < 0:
            raise self._wrong(f"these steps go down to {min(levels):g}, below 0", at)
        if max(levels) > self._most:
            raise self._wrong(f"these steps go up to {max(levels):g}, over {self._most:,.0f}", at)
        self._add(Steps(levels, self._time()))

    def _sine(self) -> None:
        first_at = self._skip()
        first = self._number("expected the lowest level, such as sine 50..150/s period 2m for 10m")
        self._sign("..", "expected .. and the highest level, such as 50..150/s")
        high_at = self._skip()
        high = self._level_of("expected the highest level, such as 150/s")
        low = self._scaled(first, first_at)
        if low > high:
            raise self._wrong("the highest level is below the lowest", high_at)
        self._word("period")
        period_s = self._time()
        self._word("for")
        self._add(Sine(low, high, period_s, self._time()))

    def _listed(self) -> None:
        at = self._skip()
        numbers = [self._number("expected levels, such as levels 10,20,5/s each 1s")]
        while self._maybe_sign(","):
            numbers.append(self._number("expected another level"))
            if len(numbers) > MAX_LEVELS:
                raise self._wrong(f"it has more than {MAX_LEVELS:,} levels", at)
        self._at, last_at = self._number_at, self._number_at
        last = self._level_of("expected /s, /m or users after the last level")
        levels = (*(self._scaled(each, last_at) for each in numbers[:-1]), last)
        self._word("each")
        self._add(Steps(levels, self._time()))

    def _trace(self) -> None:
        at = self._skip()
        match = _FILE.match(self._text, self._at)
        if match is None:
            raise self._wrong("expected a file of numbers, one a line")
        self._at = match.end()
        name = next(filter(None, match.groups()))
        unit = _UNIT.match(self._text, self._at)
        if unit is not None:
            self._at = unit.end()
        self._note_unit(unit[1] if unit else "/s", at)
        each_s = self._time() if self._maybe_word("each") else 1.0
        if self._read_file is None:
            raise self._wrong("files are read by `loadgrpc run` only: write `levels` here", at)
        try:
            numbers = self._read_file(name)
        except ValueError as error:
            raise self._wrong(str(error), at) from None
        for number in numbers:
            if not 0 <= number <= self._most:
                raise self._wrong(f"{name} has {number:g}: not from 0 to {self._most:,.0f}", at)
        scale = PER_MINUTE if unit is not None and "m" in unit[1] else 1.0
        self._add(Steps(tuple(number / scale for number in numbers), each_s), at)

    # What stages are made of

    def _add(self, stage: Stage, at: int | None = None) -> None:
        if isinstance(stage, Steps):
            self._levels += len(stage.levels)
            if self._levels > MAX_LEVELS or not stage.levels:
                raise self._wrong(f"expected 1 to {MAX_LEVELS:,} levels in all", at)
        self._stages.append(stage)
        self._level = last_level(stage)

    def _reached(self, at: int, what: str) -> float:
        if self._level is None:
            raise self._wrong(f"there is no level to {what} yet: begin with one, such as 100/s", at)
        return self._level

    def _level_of(self, why: str) -> float:
        at = self._skip()
        number = self._number(why)
        match = _UNIT.match(self._text, self._at)
        if match is None:
            raise self._wrong("expected /s, /m or users after a level, such as 100/s or 20 users")
        self._note_unit(match[1], self._skip())
        self._at = match.end()
        self._per = PER_MINUTE if "m" in match[1] else 1.0
        return self._scaled(number, at)

    def _scaled(self, number: float, at: int) -> float:
        """A number in the unit of the level that was read last."""
        value = number / self._per
        if value > self._most:
            raise self._wrong(f"expected at most {self._most:,.0f}", at)
        return value

    @property
    def _most(self) -> float:
        """The highest level of the unit that there is."""
        return MAX_LEVELS_OF[self._unit or LoadUnit.ARRIVALS]

    def _note_unit(self, word: str, at: int) -> None:
        unit = LoadUnit.USERS if word.lower().startswith("u") else LoadUnit.ARRIVALS
        if self._unit not in (None, unit):
            raise self._wrong("a load has either users or arrivals (/s, /m), not both", at)
        self._unit = unit

    def _number(self, why: str) -> float:
        self._number_at = self._skip()
        match = _NUMBER.match(self._text, self._at)
        if match is None:
            raise self._wrong(why)
        self._at = match.end()
        return float(match[0])

    def _time(self) -> float:
        at = self._skip()
        match = _TIME.match(self._text, self._at)
        if match is None:
            raise self._wrong("expected a time with its unit, such as 30s, 5m or 1h30m")
        self._at = match.end()
        value = round(sum(float(n) * _UNIT_S[unit] for n, unit in _PART.findall(match[1])), 9)
        if not 0 < value <= MAX_S:
            raise self._wrong("expected a time of more than 0s and at most 30 days", at)
        return value

    def _word(self, word: str) -> None:
        if not self._maybe_word(word):
            raise self._wrong(f"expected {word!r}, as in {_AS_IN[word]!r}")

    def _maybe_word(self, word: str) -> bool:
        self._skip()
        match = _WORD.match(self._text, self._at)
        if match is None or match[0].lower() != word:
            return False
        self._at = match.end()
        return True

    def _sign(self, sign: str, why: str, at: int | None = None) -> None:
        if not self._maybe_sign(sign):
            raise self._wrong(why, at)

    def _maybe_sign(self, sign: str) -> bool:
        self._skip()
        if not self._text.startswith(sign, self._at):
            return False
        self._at += len(sign)
        return True

    def _skip(self) -> int:
        match = _BLANK.match(self._text, self._at)
        assert match is not None  # noqa: S101 - it matches nothing, too
        self._at = match.end()
        return self._at

    def _wrong(self, why: str, at: int | None = None) -> LoadTextError:
        self._skip()
        return LoadTextError(self._text, self._at if at is None else at, why)


def text(load: Load) -> str:
    """A load as `stages` reads it."""
    reached: float | None = None
    written = []
    for stage in load.stages:
        written.append(_written(stage, load.unit, reached))
        reached = last_level(stage)
    return "; ".join(written)


def _written(stage: Stage, unit: LoadUnit, reached: float | None) -> str:
    match stage:
        case Hold(level, duration_s):
            if level == reached:
                return f"hold {span(duration_s)}"
            return f"{level_text(level, unit)} for {span(duration_s)}"
        case Ramp(start, end, duration_s):
            if end == 0 and start == reached:
                return f"down in {span(duration_s)}"
            return f"ramp {_between(start, end, unit)} in {span(duration_s)}"
        case Sine(low, high, period_s, duration_s):
            return (
                f"sine {_between(low, high, unit)} period {span(period_s)} for {span(duration_s)}"
            )
        case Steps(levels, each_s):
            return _stepped(levels, each_s, unit, reached or 0.0)


def _stepped(levels: Sequence[float], each_s: float, unit: LoadUnit, reached: float) -> str:
    by = round(levels[0] - reached, 9)
    if by and all(each == round(reached + by * at, 9) for at, each in enumerate(levels, 1)):
        sign = "-" if by < 0 else "+"
        return f"step {sign}{level_text(abs(by), unit)} x{len(levels)} each {span(each_s)}"
    numbers, unit_text = _numbers(levels, unit)
    return f"levels {','.join(numbers)}{unit_text} each {span(each_s)}"


def level_text(level: float, unit: LoadUnit) -> str:
    """A level: `100/s`, `30/m`, `20 users`."""
    (number,), unit_text = _numbers([level], unit)
    return f"{number}{unit_text}"


def _between(first: float, second: float, unit: LoadUnit) -> str:
    numbers, unit_text = _numbers([first, second], unit)
    return f"{'..'.join(numbers)}{unit_text}"


def _numbers(levels: Sequence[float], unit: LoadUnit) -> tuple[list[str], str]:
    """Levels as numbers, and their unit; per minute where only that says them exactly."""
    if unit is LoadUnit.USERS:
        return [_number(each) for each in levels], " user" if list(levels) == [1.0] else " users"
    if all(float(_number(each)) == each for each in levels):
        return [_number(each) for each in levels], "/s"
    return [_number(round(each * PER_MINUTE, 9)) for each in levels], "/m"


def _number(value: float) -> str:
    return f"{value:.9f}".rstrip("0").rstrip(".")


def span(seconds: float) -> str:
    """A time: `1h30m`, `90s` as `1m30s`, `0.5s` as `500ms`."""
    left = round(seconds, 9)
    parts = []
    for unit in ("h", "m"):
        count, left = divmod(left, _UNIT_S[unit])
        if count:
            parts.append(f"{count:.0f}{unit}")
    left = round(left, 9)
    if left and not parts and left < 1:
        return f"{_number(left * 1_000)}ms"
    if left or not parts:
        parts.append(f"{_number(left)}s")
    return "".join(parts)
