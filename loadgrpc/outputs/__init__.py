"""Outputs: what turns the results of a run into something for people or other tools.

Rule: an output is fed by what a broker serves about a run that is over: its summary, its timeline
and its events. So it gives the same for a run on this machine, for one on a hundred, and for one
that ended last month; and it takes no CPU time from a load that is going on.
"""

from __future__ import annotations

from loadgrpc.outputs.destination import Destination
from loadgrpc.outputs.output import FileOutput, Output, OutputError, Results

__all__ = ["Destination", "FileOutput", "Output", "OutputError", "Results"]
