"""What `loadgrpc.design` gives, and what it costs who wants little of it."""

import subprocess
import sys

import pytest

from loadgrpc import design
from loadgrpc.design import public


def test_each_name_is_given():
    """By the package, though it is loaded only then."""
    names = [name for name in vars(public) if not name.startswith("_") and name != "annotations"]
    assert {"DecisionTable", "CauseEffectGraph", "cases", "load", "Range"} <= set(names)
    for name in names:
        assert getattr(design, name) is getattr(public, name)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = design.nothing


@pytest.mark.parametrize("first", ["case_file", "feed", "files", "table", "graph"])
def test_any_part_may_be_imported_first(first):
    """No part waits for another that waits for it; what feeds users loads no tables."""
    code = (
        f"import sys; from loadgrpc.design import {first};"
        "sys.exit('loadgrpc.design.table' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert ended.stderr == b""
    assert ended.returncode == (first != "feed")
