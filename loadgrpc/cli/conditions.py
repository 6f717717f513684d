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
