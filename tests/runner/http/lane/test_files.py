"""The files that Requests looks for before each request, and how often the lane looks."""

import os

import pytest

from loadgrpc.runner.http.lane import files as lane_files
from loadgrpc.runner.http.lane.files import LOOK_EVERY_NS, MAX_LOOKS, FileLook


@pytest.fixture
def accesses(monkeypatch):
    """Which files were looked for."""
    seen = []
    access = os.access

    def noted(path, mode):
        seen.append(path)
        return access(path, mode)

    monkeypatch.setattr(os, "access", noted)
    return seen


@pytest.fixture
def files(tmp_path):
    """A netrc file that is not there, and a certificate that is."""
    absent, present = tmp_path / ".netrc", tmp_path / "authorities.pem"
    present.touch()
    return absent, present


def _look(files):
    absent, present = files
    return FileLook((str(absent),), (str(present),))


def test_files_are_looked_for_once_in_10_ms(files, accesses):
    """However many requests ask in between; the next one after that looks again."""
    look = _look(files)
    now_ns = 1_000_000_000
    assert all(look.holds(now_ns + after) for after in range(0, LOOK_EVERY_NS, 1_000))
    assert accesses == [str(each) for each in files]
    assert look.holds(now_ns + LOOK_EVERY_NS)
    assert len(accesses) == 4


def test_a_file_that_appears_or_goes_is_noticed_within_10_ms(files):
    """Both kinds: one that should be missing, and one that should be there."""
    absent, present = files
    look, now_ns = _look(files), 0
    assert look.holds(now_ns)
    for change, holds in (
        (absent.touch, False),
        (absent.unlink, True),
        (present.unlink, False),
        (present.touch, True),
    ):
        change()
        now_ns += LOOK_EVERY_NS
        assert look.holds(now_ns) is holds


def test_another_clock_is_not_believed(files):
    """A look at a time that is still to come by this clock says nothing."""
    absent, _ = files
    look = _look(files)
    assert look.holds(5 * LOOK_EVERY_NS)
    absent.touch()
    assert not look.holds(LOOK_EVERY_NS)


def test_sessions_share_a_look(tmp_path, monkeypatch):
    """For the same files, and no more looks are kept than there is room for."""
    monkeypatch.setattr(lane_files, "_looks", {})
    paths = (str(tmp_path / "a"),)
    assert FileLook.of(paths, ()) is FileLook.of(paths, ())
    assert FileLook.of(paths, ()) is not FileLook.of((), paths)
    for number in range(2 * MAX_LOOKS):
        FileLook.of((str(number),), ())
    assert len(lane_files._looks) <= MAX_LOOKS
