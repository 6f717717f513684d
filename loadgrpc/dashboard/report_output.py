"""`html` and `pdf`: the page of a run as one file, which needs neither a broker nor a network."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from loadgrpc.dashboard.frozen import report_of
from loadgrpc.dashboard.pdf import need_browser, print_pdf
from loadgrpc.model import RunComparison
from loadgrpc.outputs import FileOutput, OutputError, Results


class HtmlReport(FileOutput):
    """See the module."""

    default = "report.html"

    def __init__(self, target: str) -> None:
        super().__init__(target)
        self.others: Sequence[Results] = ()
        """Runs that are in it beside the one that it is written for."""
        self.comparisons: Sequence[RunComparison] = ()
        """Theirs with that one."""

    async def write(self, results: Results) -> None:
        """See Output."""
        text = await self.text(results)
        with self.file.open() as file:
            file.write(text)

    async def text(self, results: Results) -> str:
        """The page."""
        return await report_of([results, *self.others], self.comparisons)


class PdfReport(HtmlReport):
    """The same, printed by a Chromium that is installed."""

    default = "report.pdf"

    def check(self) -> None:
        """See Output."""
        need_browser()
        if self.file.is_stdout:
            raise OutputError("a PDF is not written to standard output: name a file")
        super().check()

    async def write(self, results: Results) -> None:
        """See Output."""
        text = await self.text(results)
        await asyncio.to_thread(print_pdf, text, Path(self.file.path))
