"""`json`: the summary document, as `loadgrpc show --json` prints it."""

from __future__ import annotations

from loadgrpc.outputs.output import FileOutput, Results
from loadgrpc.protocol.document import summary_json
from loadgrpc.text import json_for


class SummaryDocument(FileOutput):
    """See the module. Where standard output has no UTF-8 it is in ASCII."""

    default = "-"

    async def write(self, results: Results) -> None:
        """See Output."""
        text = summary_json(results.summary)
        with self.file.open() as file:
            file.write(json_for(file.encoding, text) + "\n")
