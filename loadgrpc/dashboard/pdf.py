"""A report on paper: a Chromium that is installed prints it.

Rule: nothing of a browser is brought along; where there is none, that is said.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from loadgrpc.outputs import OutputError

BROWSERS: Final = (
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
    *("chrome", "microsoft-edge", "brave-browser"),
)
PRINT_S: Final = 60.0
DRAWN_MS: Final = 5_000
"""How long the page may take to be drawn, by the browser's own clock."""


def browser() -> str | None:
    """The Chromium to print with; None: there is none."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def need_browser() -> str:
    """The Chromium to print with.

    Raises:
        OutputError: there is none.
    """
    if (found := browser()) is None:
        raise OutputError(
            f"PDF needs a Chromium, and none of {', '.join(BROWSERS)} is installed here; print the"
            " HTML report from a browser instead"
        )
    return found


def print_pdf(html: str, target: Path) -> None:
    """Prints a report to a file.

    Raises:
        OutputError: there is no Chromium, or it could not.
    """
    program = need_browser()
    with tempfile.TemporaryDirectory(prefix="loadgrpc-", ignore_cleanup_errors=True) as folder:
        page, made = Path(folder) / "report.html", Path(folder) / "report.pdf"
        page.write_text(html, encoding="utf-8")
        command = [
            program,
            "--headless",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--no-pdf-header-footer",
            f"--user-data-dir={folder}/profile",
            f"--virtual-time-budget={DRAWN_MS}",
            f"--print-to-pdf={made}",
            page.as_uri(),
        ]
        if os.geteuid() == 0:  # it refuses to have a sandbox then
            command.insert(1, "--no-sandbox")
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PRINT_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise OutputError(f"{program} could not print: {error}") from error
        if not made.exists():
            last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise OutputError(f"{program} printed nothing: {' '.join(last)[:300]}")
        shutil.copyfile(made, target)
