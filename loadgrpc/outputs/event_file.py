"""`file`: every event of a run, a line of JSON each.

Rule: a line is what `loadgrpc events --json` prints of the event, in the same order. Events are
written as they are received, so that memory does not grow with the run. Hits and iterations are
counted on the way: what the summary has and the file lacks is no success.
"""

from __future__ import annotations

from loadgrpc.outputs.output import FileOutput, OutputError, Results


class EventFile(FileOutput):
    """See the module."""

    default = "events.jsonl"
    reads_events = True

    async def write(self, results: Results) -> None:
        """See Output."""
        hits = starts = 0
        with self.file.open() as file:
            async for listed in results.events():
                kind = listed.event.WhichOneof("event")
                hits += kind == "hit"
                starts += kind == "test_start"
                file.write(results.line(listed))
                file.write("\n")
        summary = results.summary
        for found, all_there_are, what in (
            (hits, summary.hits.count, "hits"),
            (starts, summary.iterations.started, "iterations"),
        ):
            if found != all_there_are:
                raise OutputError(
                    f"it has {found} of {all_there_are} {what}: the events of the others are not"
                    " stored any more"
                )
