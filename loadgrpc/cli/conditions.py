"""Thresholds as people type them; what is wrong with one is pointed at."""

from __future__ import annotations

from typing import Final

from loadgrpc.cli.values import Value

BELOW: Final = "\n  "
"""In an error: before each line that is shown below it as it is."""


class ConditionText(Value[str]):
    """See `loadgrpc.judge.grammar`."""

    name = "CONDITION"
    envvar_list_splitter = ";"

    def read(self, text: str) -> str:
        """See Value."""
        from loadgrpc.judge.cursor import BadThreshold  # noqa: PLC0415
        from loadgrpc.judge.grammar import parse  # noqa: PLC0415 - loads NumPy

        try:
            return parse(text).text
        except BadThreshold as error:
            raise ValueError(BELOW.join(["it cannot be read:", *error.lines()])) from None


class Conjunction(Value[tuple[str, ...]]):
    """Thresholds with `and` between them, each on the whole of what is judged."""

    name = "CONDITION"

    def read(self, text: str) -> tuple[str, ...]:
        """See Value."""
        found = tuple(map(ConditionText().read, separated(text)))
        from loadgrpc.judge.grammar import parse  # noqa: PLC0415 - loads NumPy

        for each in map(parse, found):
            if each.abort or each.skip_ns:
                raise ValueError(f"{each.text!r}: abort and skip are for runs, and make no sense")
            if each.metric.of_run is not None:
                raise ValueError(f"{each.text!r}: {each.metric.name} is known of whole runs only")
        return found


def separated(text: str) -> list[str]:
    """What stands between words `and`, other than those in quotes or braces."""
    parts, depth, quoted, start, at = [], 0, False, 0, 0
    while at < len(text):
        character = text[at]
        if character == '"':
            quoted = not quoted
        elif not quoted:
            depth += (character == "{") - (character == "}")
            if not depth and text[at : at + 5].lower() == " and ":
                parts.append(text[start:at].strip())
                start = at = at + 5
                continue
        at += 1
    return [*parts, text[start:].strip()]
