"""Thresholds as people write them.

    p95(response{name=login}) < 300ms over 30s for 3 skip 1m abort
    rate(failed) < 1% over run
    hits/s > 450 in 99% of windows
    loss == 0 or no data

    threshold  = value operator limit {clause}
    value      = aggregate "(" metric [where] ")"  |  metric [where] ["/s"]
    aggregate  = "count" | "rate" | "avg" | "min" | "max" | "p" NUMBER
    where      = "{" key ("=" | "!=") text {"," ...} "}"
    operator   = "<" | "<=" | ">" | ">=" | "==" | "!="
    limit      = NUMBER [UNIT]
    clause     = "over" (TIME | "run") | "for" NUMBER | "in" NUMBER "% of windows"
               | "skip" TIME | "abort" | "or no data"

Rule: whatever cannot be read is pointed at, with what would be right there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction
from typing import Any, Final, NoReturn

from loadgrpc.judge.cursor import NAME, NUMBER, UNIT, Cursor
from loadgrpc.judge.metrics import METRICS, Metric, counter
from loadgrpc.judge.threshold import MAX_OVER_S, OPERATORS, Threshold
from loadgrpc.judge.unit import NS, Unit, exact
from loadgrpc.judge.where import APART, EVERYTHING, STATUS_CLASSES, Pick, Where
from loadgrpc.model import did_you_mean

MAX_STRIKES: Final = 3_600
MAX_SKIP_S: Final = 86_400
AGGREGATES: Final = ("count", "rate", "avg", "min", "max")
CLAUSES: Final = ("over", "for", "in", "skip", "abort", "or")
SYNONYMS: Final = {
    "mean": "avg",
    "average": "avg",
    "med": "p50",
    "median": "p50",
    "minimum": "min",
    "maximum": "max",
    "sum": "count",
    "percent": "rate",
    "latency": "response",
    "duration": "response",
    "elapsed": "response",
    "response_time": "response",
    "http_req_duration": "response",
    "requests": "hits",
    "http_reqs": "hits",
    "rps": "hits/s",
    "failed_hits": "failed",
    "http_req_failed": "failed",
    "vus": "users",
    "lost": "loss",
    "coverage": "rules",
    "dropped_iterations": "dropped",
}
"""What others call it."""

_PERCENTILE: Final = re.compile(r"p\d+(\.\d+)?")
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_OPERATOR: Final = re.compile(r"[<>=!]+")
_BARE_TEXT: Final = re.compile(r'[^,{}"]+')


def parse(text: str) -> Threshold:
    """The threshold that is written.

    Raises:
        BadThreshold: it cannot be read, or makes no sense.
    """
    line = " ".join(text.split()) if not text.isprintable() or "  " in text else text.strip()
    return ThresholdReader(line).threshold()


class ThresholdReader(Cursor):
    """Reads a threshold from left to right."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._where_end = 0

    # What is read

    def threshold(self) -> Threshold:
        """All of it; a BadThreshold says what is wrong."""
        aggregate, metric, where, unit = self._value()
        where_end = self._where_end
        operator = self._operator()
        limit_at = self.next()
        limit = self._limit(unit, metric)
        clauses = self._clauses()
        windows = clauses.pop("over", None)
        over_s = None if windows == "run" else windows
        if over_s is None and windows is None and {"strikes", "share"} & clauses.keys():
            over_s = 1
        found = Threshold(
            text=self.text,
            aggregate=aggregate,
            metric=metric,
            where=where,
            where_end=where_end,
            operator=operator,
            limit=limit,
            unit=unit,
            over_s=over_s,
            **{name: value for name, (value, _) in clauses.items()},
        )
        self._check(found, {name: at for name, (_, at) in clauses.items()}, limit_at)
        return found

    def _value(self) -> tuple[str, Metric, Where, Unit]:
        start = self.next()
        if not self.text:
            self.fail(0, "a threshold is missing, such as p95(response) < 300ms")
        if self.take('"', peek=True):
            return self._bare(start)
        name = self.name("an aggregate such as p95(response), or a metric such as hits/s")
        if not self.take("("):
            self.at = start
            return self._bare(start)
        if name not in AGGREGATES and not _PERCENTILE.fullmatch(name):
            said = (*AGGREGATES, "p50", "p90", "p95", "p99")
            self.fail(start, f"{name!r} is no aggregate{_suggestion(name, said)}", said)
        metric_at = self.next()
        metric = self._metric()
        where = self._where(metric)
        if not self.take(")"):
            self.fail(self.at, "a closing bracket is missing: )")
        if (slash := self.next()) < len(self.text) and self.text.startswith("/s", slash):
            self.fail(slash, f"a rate per second has no aggregate: {metric.name}/s")
        return name, metric, where, self._unit(name, start, metric, metric_at)

    def _bare(self, start: int) -> tuple[str, Metric, Where, Unit]:
        metric = self._metric()
        where = self._where(metric)
        if self.text.startswith("/", self.at):
            slash = self.at
            self.at += 1
            if not self.word("s"):
                self.fail(slash, "rates are per second: /s")
            if metric.values is not None or metric.bare is not Unit.NUMBER or not metric.read:
                self.fail(slash, f"{metric.name} has no rate per second: it is {metric.what}")
            return "/s", metric, where, Unit.PER_SECOND
        if metric.bare is None:
            usual = "p95" if metric.values is Unit.TIME else "max"
            self.fail(start, f"{metric.name} needs an aggregate, such as {usual}({metric.name})")
        return ("rate" if metric.bare is Unit.SHARE else "count"), metric, where, metric.bare

    def _unit(self, aggregate: str, at: int, metric: Metric, metric_at: int) -> Unit:
        """What values of an aggregate of a metric are measured in."""
        percentile = aggregate.startswith("p")
        if percentile and not 0 <= Fraction(aggregate[1:]) <= 100:  # noqa: PLR2004 - percent
            self.fail(at, "percentiles are from p0 to p100")
        if ("pN" if percentile else aggregate) in metric.aggregates:
            if aggregate == "count":
                return Unit.NUMBER
            if aggregate == "rate":
                return Unit.SHARE
            assert metric.values is not None  # noqa: S101 - only then it has the others
            return metric.values
        return self._no_such(aggregate, at, metric, metric_at)

    def _no_such(self, aggregate: str, at: int, metric: Metric, metric_at: int) -> NoReturn:
        """A metric does not have an aggregate."""
        if metric.name not in METRICS:
            near = _suggestion(metric.name, [each for each in METRICS if _has(each, aggregate)])
            which = ", ".join(each for each in METRICS if _has(each, aggregate))
            self.fail(metric_at, f"{aggregate} is for {which}, not for counters{near}")
        if aggregate == "rate":
            each = f"; per second it is {metric.name}/s" if metric.values is None else ""
            self.fail(at, f"{metric.name} is no share of anything{each}")
        can = [each.replace("pN", "p95") for each in metric.aggregates]
        self.fail(at, f"{metric.name} has no {aggregate}: use {' or '.join(can)}")

    def _metric(self) -> Metric:
        at = self.next()
        if (quoted := _QUOTED.match(self.text, at)) is not None:
            self.at = quoted.end()
            name = re.sub(r"\\(.)", r"\1", quoted[1])
            if not name:
                self.fail(at, "the name of a counter is missing")
            return counter(name)
        name = self.name(f"a metric: {', '.join(METRICS)}, or the name of a counter")
        if name in SYNONYMS and SYNONYMS[name].removesuffix("/s") in METRICS:
            message = f"{name} is called {SYNONYMS[name]} here"
            self.fail(at, f'{message}; a counter of that name is written "{name}"')
        return METRICS.get(name) or counter(name)

    def _where(self, metric: Metric) -> Where:
        self._where_end = self.at
        if not self.take("{"):
            return EVERYTHING
        opened = self.at - 1
        picks: list[Pick] = []
        while not self.take("}"):
            if picks and not self.take(","):
                self.fail(self.next(), "a comma or a closing brace is missing: , or }")
            picks.append(self._pick(metric, opened, picks))
        self._where_end = self.at
        return Where(tuple(picks))

    def _pick(self, metric: Metric, opened: int, picks: list[Pick]) -> Pick:
        at = self.next()
        keys = metric.keys
        if not keys:
            self.fail(opened, f"{metric.name} cannot be selected from: it is {metric.what}")
        key = self.name(f"a key: {', '.join(keys)}")
        if key not in keys:
            self.fail(at, f"{metric.name} has no {key!r}{_suggestion(key, keys)}", keys)
        operator_at = self.next()
        operator = next((each for each in ("!=", "==", "=") if self.take(each)), None)
        if operator is None:
            self.fail(operator_at, "= or != is missing")
        text_at = self.next()
        if (quoted := _QUOTED.match(self.text, text_at)) is not None:
            self.at = quoted.end()
            text = re.sub(r"\\(.)", r"\1", quoted[1])
        elif (bare := _BARE_TEXT.match(self.text, text_at)) is not None:
            self.at = bare.end()
            text = bare[0].rstrip()
        else:
            self.fail(text_at, f"the {key} is missing, such as {key}=*")
        if others := _others(key, [each.key for each in picks]):
            either = " or by ".join(others)
            self.fail(at, f"a timeline does not keep both together: select by {either}")
        if key == "status":
            self._check_status(text, text_at)
        return Pick(key, text, operator == "!=")

    def _check_status(self, text: str, at: int) -> None:
        if text in STATUS_CLASSES or "*" in text:
            return
        near = f"{text[0]}xx" if re.fullmatch(r"[1-9]\d\d", text) else "5xx"
        self.fail(at, f"a timeline has classes of statuses, such as {near}, and none")

    def _operator(self) -> str:
        at = self.next()
        found = _OPERATOR.match(self.text, at)
        if found is None:
            self.fail(at, f"a comparison is missing: {' '.join(OPERATORS)}")
        if found[0] not in OPERATORS:
            right = {"=": "==", "=<": "<=", "=>": ">=", "===": "==", "<>": "!=", "!==": "!="}
            hint = f": write {right[found[0]]}" if found[0] in right else ""
            self.fail(at, f"{found[0]!r} is no comparison{hint}", list(OPERATORS))
        self.at = found.end()
        return found[0]

    def _limit(self, unit: Unit, metric: Metric) -> Fraction:
        at = self.next()
        number = NUMBER.match(self.text, at)
        if number is None:
            self.fail(at, f"a limit is missing, such as {_example(unit)}")
        self.at = number.end()
        value = exact(number[0])
        written = UNIT.match(self.text, self.at)
        name = written[0] if written is not None and not _is_word(written[0]) else ""
        unit_at = self.at
        self.at += len(name)
        match unit:
            case Unit.TIME:
                if name not in NS:
                    self.fail(unit_at, f"a time needs a unit, such as 300ms or 1.5s{_not(name)}")
                return value * NS[name]
            case Unit.SHARE:
                if name != "%":
                    self.fail(unit_at, f"{metric.name} is a share, in percent: 1%{_not(name)}")
                return value
            case Unit.PER_SECOND:
                if name not in ("", "/s"):
                    self.fail(unit_at, f"a rate per second is a number, such as 450{_not(name)}")
                return value
            case Unit.NUMBER:
                if name:
                    share = f": a share is rate({metric.name})" * (name == "%")
                    self.fail(unit_at, f"a number has no unit{share}{_not(name)}")
                return value

    def _clauses(self) -> dict[str, Any]:
        """What follows the limit: values by the names that `Threshold` has, with their places."""
        found: dict[str, Any] = {}
        value: Any
        while (at := self.next()) < len(self.text):
            word = NAME.match(self.text, at)
            if word is None:
                self.fail(at, f"this is not understood; {_CLAUSES_SAID}")
            self.at = word.end()
            match word[0]:
                case "over":
                    name, value = "over", self._over()
                case "for":
                    name, value = "strikes", self._strikes()
                case "in":
                    name, value = "share", self._share()
                case "skip":
                    name, value = "skip_ns", self._skip()
                case "abort":
                    name, value = "abort", True
                case "or":
                    self.words("no data", "or no data")
                    name, value = "or_no_data", True
                case other:
                    self.fail(at, f"{other!r} is not understood{_suggestion(other, CLAUSES)}")
            if name in found:
                self.fail(at, f"{word[0]!r} is there twice")
            found[name] = value if name == "over" else (value, at)
        return found

    def _over(self) -> int | str:
        if self.word("run"):
            return "run"
        at = self.next()
        over_ns = self.time("a time such as 30s, or run")
        if over_ns % NS["s"] or not NS["s"] <= over_ns <= MAX_OVER_S * NS["s"]:
            self.fail(at, "windows are whole seconds, at most 1h; or write over run")
        over_s = over_ns // NS["s"]
        for most, step_s in ((600, 60), (60, 10)):
            if over_s > most and over_s % step_s:
                self.fail(at, f"over {most // 60}m it has to be a multiple of {step_s}s")
        return over_s

    def _strikes(self) -> int:
        at = self.next()
        number = re.compile(r"\d+(?![\w.%])").match(self.text, at)
        if number is None or not 1 <= int(number[0]) <= MAX_STRIKES:
            message = f"a number of windows in a row is missing, 1 to {MAX_STRIKES:,}: for 3"
            self.fail(at, message)
        self.at = number.end()
        return int(number[0])

    def _share(self) -> Fraction:
        at = self.next()
        number = NUMBER.match(self.text, at)
        if number is None or not 0 < exact(number[0]) <= 100:  # noqa: PLR2004 - percent
            self.fail(at, "a share of windows is missing: in 99% of windows")
        self.at = number.end()
        self.words("% of windows", "in 99% of windows")
        return exact(number[0])

    def _skip(self) -> int:
        at = self.next()
        skip_ns = self.time("a time such as 1m")
        if skip_ns > MAX_SKIP_S * NS["s"]:
            self.fail(at, "at most a day can be left out")
        return skip_ns

    # Whether it makes sense

    def _check(self, found: Threshold, places: dict[str, int], limit_at: int) -> None:
        windows = [places[name] for name in ("strikes", "share") if name in places]
        if len(windows) > 1:
            self.fail(max(windows), "either a number of windows in a row, or a share of them")
        if windows and found.over_s is None:
            self.fail(windows[0], "over run is one window: leave out this, or over run")
        if found.metric.read is None and found.over_s is not None:
            message = f"{found.metric.name} is known for the whole run only, and not by time"
            self.fail(self.text.find(" ", limit_at) + 1 or limit_at, message)
        if found.metric.read is None and "skip_ns" in places:
            message = f"{found.metric.name} is known for the whole run only: nothing can be skipped"
            self.fail(places["skip_ns"], message)
        grows = found.aggregate == "count" and found.over_s is None
        from_below = found.operator in (">", ">=") or (found.operator == "==" and found.limit)
        if found.abort and from_below and (grows or found.metric.name == "rules"):
            self.fail(places["abort"], "it would stop every run at once: this grows from 0 on")


_CLAUSES_SAID: Final = "what may follow: over, for, in, skip, abort, or no data"


def _has(metric: str, aggregate: str) -> bool:
    kind = "pN" if _PERCENTILE.fullmatch(aggregate) else aggregate
    return kind in METRICS[metric].aggregates


def _suggestion(text: str, choices: Iterable[str]) -> str:
    choices = list(choices)
    other = SYNONYMS.get(text.lower())
    if other in choices:
        return f"; did you mean {other!r}?"
    return did_you_mean(text.lower(), choices)


def _others(key: str, before: Iterable[str]) -> tuple[str, str] | None:
    """Two keys that exclude each other, the one of `APART` first; None: there are none."""
    for each in before:
        if "scenario" not in (each, key) and each != key and {each, key} & {*APART}:
            return (key, each) if key in APART else (each, key)
    return None


def _is_word(text: str) -> bool:
    """Whether this begins a clause, so that it is no unit."""
    return text in CLAUSES


def _not(name: str) -> str:
    return f", not {name!r}" if name else ""


def _example(unit: Unit) -> str:
    return {Unit.TIME: "300ms", Unit.SHARE: "1%", Unit.NUMBER: "100", Unit.PER_SECOND: "450"}[unit]
