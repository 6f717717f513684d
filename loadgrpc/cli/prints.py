"""What tests printed on agents, in a report: how many lines, and the command that lists them."""

from __future__ import annotations

import textwrap

from loadgrpc.cli.line import Line, Style
from loadgrpc.cli.table import labelled
from loadgrpc.model import Summary
from loadgrpc.text import counted


def prints(summary: Summary, broker: str, width: int) -> list[Line]:
    """Nothing if nothing was printed, or if no broker has the lines: then they were shown."""
    output = summary.output
    if not broker or not (output.lines or output.left_out):
        return []
    told = [counted(output.lines, "line")]
    if output.left_out:
        told.append(f"{output.left_out} more left out")
    text = f"loadgrpc events {summary.run_id} -k output -b {broker} lists them"
    hint = textwrap.wrap(text, width - 2, break_on_hyphens=False) if output.lines else []
    return [
        *labelled("printed", told, width),
        *(Line(f"  {line}", Style.DIM) for line in hint),
    ]
