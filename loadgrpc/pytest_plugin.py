"""The fixture `loadgrpc` of pytest: load tests beside others, with a bound in an assert.

    def test_shop_holds(loadgrpc):
        result = loadgrpc.run("web.py::TestShop.test_buy", users=10, iterations=20)
        assert result.successful, result.reason
        assert result.hits.p95 < 0.3

Rule: pytest imports this wherever loadgrpc is installed, for people who never use it: nothing is
imported here that pytest has not loaded already.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from loadgrpc.client import LoadResult


class LoadOfTest:
    """What the fixture gives to a test."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def run(self, test: Any, **options: Any) -> LoadResult:
        """`loadgrpc.run`; a file is found from the folder of the test that runs it, too."""
        from loadgrpc import eager  # noqa: PLC0415 - heavy, and only for those who use it

        if isinstance(test, str) and "::" in test:
            file, _, name = test.partition("::")
            beside = self._folder / file
            if not Path(file).exists() and beside.exists():
                test = f"{beside}::{name}"
        return eager.run(test, **options)


@pytest.fixture
def loadgrpc(request: pytest.FixtureRequest) -> LoadOfTest:
    """Runs tests under load, on this machine: `loadgrpc.run(TEST, users=10, iterations=20)`."""
    return LoadOfTest(request.path.parent)
