"""Loads that Python computes, asked before a run begins."""

import pytest

from loadgrpc.cli.shapes import shape_of
from loadgrpc.model import Load, LoadUnit, Steps

SHAPES = """
import numpy as np

class Rush:
    unit = "/s"
    def __call__(self, second):
        return second * 2.5 if second < 3 else None

def steady(second):
    return 3 if second < 2 else None

def endless(second):
    return 1

def odd(second):
    return "3"

def failing(second):
    return 1 / (2 - second)

def crowded(second):
    return 100_001

def over(second):
    return None

def leaving(second):
    raise SystemExit("enough")

def counted(second):
    return np.int64(second) if second < 2 else None

nothing = 5
"""


@pytest.fixture(autouse=True)
def module(tmp_path, monkeypatch):
    """A module of shapes in the current folder."""
    (tmp_path / "shapes_of_test.py").write_text(SHAPES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")


def test_a_shape_is_asked_for_each_second():
    """A class or a function, of arrivals or of users, until it returns None."""
    assert shape_of("shapes_of_test:Rush") == Load(
        LoadUnit.ARRIVALS, (Steps((0.0, 2.5, 5.0), 1.0),)
    )
    assert shape_of("shapes_of_test:steady") == Load(LoadUnit.USERS, (Steps((3.0, 3.0), 1.0),))
    assert shape_of("shapes_of_test:counted").stages == (Steps((0.0, 1.0), 1.0),)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("shapes_of_test", "is not MODULE:NAME"),
        ("nowhere:Rush", "cannot be loaded: ModuleNotFoundError"),
        ("shapes_of_test:Absent", "cannot be loaded: AttributeError"),
        ("shapes_of_test:nothing", "neither a function nor a class"),
        ("shapes_of_test:endless", "does not end"),
        ("shapes_of_test:odd", "returned a str for second 0"),
        ("shapes_of_test:failing", "failed for second 2: ZeroDivisionError"),
        ("shapes_of_test:crowded", "returned 100001 for second 0: not from 0 to 100,000"),
        ("shapes_of_test:over", "returned None for second 0"),
        ("shapes_of_test:leaving", "failed for second 0: SystemExit: enough"),
    ],
)
def test_what_is_wrong_with_a_shape_is_said(text, why):
    """Which of them, in which second, and what."""
    with pytest.raises(ValueError, match=why):
        shape_of(text)
