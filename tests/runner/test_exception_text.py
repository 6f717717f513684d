"""Exceptions as text: short, true, and equal for equal causes."""

import time

import pytest

from loadgrpc.runner import exception_text
from loadgrpc.runner.exception_text import exception_info, is_a


class OwnError(Exception):
    pass


def _raise(error):
    raise error


def _raised(make):
    with pytest.raises(BaseException) as caught:  # noqa: PT011  # any
        _raise(make())
    return caught.value


def _chained():
    try:
        _raise(KeyError("inner"))
    except KeyError as error:
        raise OwnError("outer") from error


def test_type_message_and_traceback():
    """Builtins go by their name, others with their module; the traceback has path and line."""
    info = exception_info(_raised(lambda: ValueError("no")))
    assert (info.type, info.message) == ("ValueError", "no")
    assert info.traceback.startswith("Traceback (most recent call last):\n")
    assert f'File "{__file__}", line ' in info.traceback
    assert info.traceback.endswith("ValueError: no\n")
    assert exception_info(_raised(OwnError)).type == f"{__name__}.OwnError"


def test_addresses_are_taken_out():
    """Two objects of a kind make the same text."""
    first, second = (exception_info(_raised(lambda: OwnError(object()))) for _ in range(2))
    assert first == second
    assert first.message == "<object object>"
    assert " at 0x" not in first.traceback


def test_causes_are_told():
    """The traceback shows the exception that led to another, as Python does."""
    try:
        _chained()
    except OwnError as error:
        text = exception_info(error).traceback
    assert text.index("KeyError: 'inner'") < text.index("direct cause") < text.index("outer")


def test_groups_and_notes_are_told():
    """An exception group shows its members, an exception its notes."""

    def make():
        member = ValueError("member")
        member.add_note("a note")
        return ExceptionGroup("several", [member])

    text = exception_info(_raised(make)).traceback
    assert "ValueError: member" in text
    assert "a note" in text


def test_an_exception_that_cannot_speak_is_told_all_the_same():
    """A __str__ that raises does not hide the exception it belongs to."""

    class MuteError(Exception):
        def __str__(self):
            raise RuntimeError

    info = exception_info(_raised(MuteError))
    assert info.type.endswith("MuteError")
    assert info.message == "<exception whose str() failed>"


def test_what_differs_is_told_apart():
    """Equal words from another line, or with another cause, are another text."""
    first = exception_info(_raised(lambda: OwnError("x")))
    with pytest.raises(OwnError) as caught:
        _raise(OwnError("x"))
    second = exception_info(caught.value)
    assert first.message == second.message
    assert first.traceback != second.traceback


def test_the_memory_of_texts_is_bounded(monkeypatch):
    """Messages that never repeat do not pile up."""
    monkeypatch.setattr(exception_text, "_CACHED", 10)
    exception_text._cache.clear()
    for number in range(25):
        exception_info(_raised(lambda number=number: OwnError(number)))
    assert len(exception_text._cache) <= 10


def test_the_same_exception_again_is_cheap():
    """Under load the same failure comes thousands of times a second: its text is made once."""

    def both():
        try:
            _chained()
        except OwnError as error:
            return exception_info(error)

    first = both()
    start = time.perf_counter()
    for _ in range(200):
        assert both() is first
    assert (time.perf_counter() - start) / 200 < 0.001


def test_is_a_knows_classes_by_name():
    """A class is known by its qualified name, through its descendants, too."""

    class Descendant(OwnError):
        pass

    assert is_a(Descendant(), f"{__name__}.OwnError")
    assert not is_a(ValueError(), f"{__name__}.OwnError")


@pytest.mark.parametrize("depth", [1, 50])
def test_a_long_chain_ends(depth):
    """Exceptions that lead to one another in a circle are told once each."""
    error = _raised(lambda: OwnError("first"))
    for number in range(depth):
        following = OwnError(str(number))
        following.__context__ = error
        error = following
    assert exception_info(error).message == str(depth - 1)
