"""The pages for those who come from Locust and k6 are true: each flag does what its row says."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from loadgrpc.cli import elsewhere
from loadgrpc.cli.root import COMMANDS

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = ("coming-from-k6.md", "coming-from-locust.md")
PARAMS = importlib.import_module(COMMANDS["run"]).command.params
RUN = {name: param.opts for param in PARAMS for name in param.opts}
"""The options of `loadgrpc run`, each with all its spellings."""


def rows(page: str) -> list[tuple[str, str]]:
    """The flags of a page, each with what is said of it."""
    section = (DOCS / page).read_text().split("\n## Flags\n", 1)[1].split("\n## ", 1)[0]
    found = re.findall(r"^\| (`-.+?) \| (.+) \|$", section, re.MULTILINE)
    return [(flag, here) for flags, here in found for flag in re.findall(r"`(--?[\w-]+)", flags)]


@pytest.mark.parametrize(
    ("page", "flag", "here"), [(page, *row) for page in PAGES for row in rows(page)]
)
def test_the_flag(page, flag, here):
    """A flag that is the same is taken; whoever types another one reads what its row says."""
    if here.startswith("the same"):
        assert flag in RUN
        return
    told = elsewhere.OPTIONS.get(flag, "!")
    if told.startswith("--"):
        assert any(spelling in here for spelling in RUN[told])
    elif told.startswith("`"):
        assert " ".join(told.strip("`").split()[:2]) in here
    assert flag not in RUN or flag in ("-u", "-i", "-q", "--quiet", "-e", "--env", "-f", "-s", "-o")


@pytest.mark.parametrize("page", PAGES)
def test_what_is_named_instead_is_there(page):
    """Each option of ours in a second cell is one of `loadgrpc run`, or of the command named."""
    for _, here in rows(page):
        for command in re.findall(r"`loadgrpc ([a-z -]+)", here):
            assert command.split()[0] in COMMANDS
        own = re.sub(r"`(loadgrpc|k6) [^`]*`", "", here)
        assert set(re.findall(r"`(--?[a-z][a-z-]*)", own)) - RUN.keys() == set(), here
