"""docs/limits.md has the figures of the code."""

import importlib.util

import pytest

from loadgrpc.broker.quotas import Quotas
from loadgrpc.model import LIMITS
from loadgrpc.testing import ManualClock


@pytest.fixture(scope="module")
def limits_page(root):
    """The generator, tools/limits_page.py."""
    spec = importlib.util.spec_from_file_location("limits_page", root / "tools/limits_page.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_fresh(limits_page, root):
    """Writing the page again gives what is committed."""
    assert (root / limits_page.PAGE).read_text() == limits_page.page(), "run `make protos`"


def test_each_limit_that_can_be_set_is_on_the_page_and_is_kept(limits_page):
    """With its name and its default; a broker has a value for each."""
    page = limits_page.page()
    for name, row in LIMITS.items():
        assert f"| `{name}` | {row.counts} | {row.of} | {row.shown(row.default)} |" in page
    assert Quotas({}, ManualClock()).values == {name: row.default for name, row in LIMITS.items()}


@pytest.mark.parametrize(
    ("count", "shown"),
    [(16 << 20, "16 MiB"), (8 << 10, "8 KiB"), (1 << 30, "1 GiB"), (7, "7 bytes")],
)
def test_sizes_are_in_their_largest_unit(limits_page, count, shown):
    """A figure is as people say it."""
    assert limits_page.size(count) == shown
