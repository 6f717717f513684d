"""Exceptions as text: short, true, and equal for equal causes."""

import gc
import itertools
import tempfile
import time
import tracemalloc

import pytest
from greenlet import GreenletExit

from loadgrpc.runner import exception_text, texts
from loadgrpc.runner.exception_text import exception_info, is_a, visible_frames
from loadgrpc.secrets import conceal


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


class Odd:
    """What an exception can have for notes, words, names and causes."""

    def __str__(self):
        raise ValueError("odd")

    __repr__ = __str__


class OddMeta(type):
    def __getattribute__(cls, name):
        raise ValueError("odd")


class OddText(str):
    __slots__ = ()

    def __getitem__(self, key):
        raise ValueError("odd")

    encode = __contains__ = __getitem__


def _with(**members):
    """An exception with these members in its class."""
    return type("SomeError", (Exception,), members)("words")


def _with_notes(notes):
    error = ValueError("words")
    error.__notes__ = notes
    return error


def _in_a_circle():
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__context__ = second, first
    return first


def _chain_of(length):
    error = ValueError("first")
    for number in range(length):
        following = ValueError(f"number {number}")
        following.__cause__ = error
        error = following
    return error


def _nested(depth):
    error = ValueError("inner")
    for _ in range(depth):
        error = ExceptionGroup("nest", [error])
    return error


def _of_code(filename):
    """An exception raised in a file of this name."""
    code = compile("raise ValueError('words')", "f", "exec").replace(co_filename=filename)
    try:
        exec(code)  # noqa: S102 - ours
    except ValueError as error:
        return error


def _of_latin_1():
    """An exception raised in a file that is not UTF-8."""
    with tempfile.NamedTemporaryFile(suffix=".py") as file:
        file.write(b"caf\xe9 = 1\n")
        file.flush()
        return _of_code(file.name)


def _mute(error):
    def __str__(self):  # noqa: N807
        raise error

    return _with(__str__=__str__, __repr__=__str__)


def _endless(self):
    return type(self)()


ODD = {
    "notes of a number": lambda: _with_notes(5),
    "notes of None": lambda: _with_notes(None),
    "notes that cannot speak": lambda: _with_notes([Odd(), 3, None, b"x"]),
    "notes that are one": lambda: _with_notes(Odd()),
    "endless notes": lambda: _with_notes(itertools.count()),
    "a million notes": lambda: _with_notes(["note"] * 1_000_000),
    "notes that raise": lambda: _with(__notes__=property(lambda self: 1 / 0)),
    "a huge note": lambda: _with_notes(["x" * 10_000_000]),
    "words that raise": lambda: _mute(ValueError("odd")),
    "words that leave": lambda: _mute(SystemExit(3)),
    "words that interrupt": lambda: _mute(KeyboardInterrupt()),
    "words that recurse": lambda: _with(__str__=lambda self: str(self)),
    "words that are none": lambda: _with(__str__=lambda self: 5),
    "words of an odd kind": lambda: _with(__str__=lambda self: OddText("odd")),
    "words that no UTF-8 can carry": lambda: ValueError("\udcff\ud800"),
    "huge words": lambda: ValueError("x" * 10_000_000),
    "a class that lies": lambda: OddMeta("Lies", (Exception,), {})("words"),
    "no module": lambda: _with(__module__=None),
    "a module of a number": lambda: _with(__module__=5),
    "no name": lambda: type("", (Exception,), {"__module__": "builtins"})(),
    "a huge name": lambda: type("N" * 100_000, (Exception,), {})(),
    "a circle": _in_a_circle,
    "a long chain": lambda: _chain_of(100_000),
    "a deep nest": lambda: _nested(5_000),
    "a wide group": lambda: ExceptionGroup("wide", [ValueError(n) for n in range(100_000)]),
    "an endless chain": lambda: _with(__cause__=property(_endless)),
    "a cause that raises": lambda: _with(__cause__=property(lambda self: 1 / 0)),
    "a cause of another kind": lambda: _with(__cause__=5, __context__="x", __traceback__=7),
    "odd members of a group": lambda: type("G", (ExceptionGroup,), {"exceptions": 5})(
        "odd", [ValueError("x")]
    ),
    "an error that is empty": lambda: _with(__bool__=lambda self: 1 / 0, __len__=lambda self: 0),
    "a file that cannot be": lambda: _of_code("a\0b"),
    "a file with a surrogate": lambda: _of_code("a\udcffb"),
    "a file in another encoding": _of_latin_1,
    "carets without end": lambda: SyntaxError("x", ("f", 1, 1, "text", 1, 10**9)),
    "a syntax error of odd things": lambda: SyntaxError("x", (5, "y", [], {}, "z", object())),
    "a syntax error without words": SyntaxError,
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("raised", [False, True])
def test_f04_every_exception_has_a_text(name, raised):
    """Whatever an exception is made of, it has a type, and texts within bounds, and at once."""
    made = ODD[name]()
    start = time.perf_counter()
    error = _raised(lambda: made) if raised else made
    for _ in range(2):
        info = exception_info(error)
        assert info.type
        assert all(isinstance(text, str) for text in (info.type, info.message, info.traceback))
        assert len(info.type.encode()) <= texts.NAME_BYTES
        assert len(info.message.encode()) <= texts.MESSAGE_BYTES
        assert len(info.traceback.encode()) <= texts.TRACEBACK_BYTES
        assert info.traceback
    is_a(error, "another")
    visible_frames(error)
    assert time.perf_counter() - start < 20  # no work unfinished


def test_f04_the_end_of_a_greenlet_is_not_swallowed():
    """Who is cut off while an exception finds its words is cut off."""
    with pytest.raises(GreenletExit):
        exception_info(_mute(GreenletExit()))


def test_f04_a_long_chain_still_tells_its_end():
    """Of too many exceptions the last are told, the one that was raised at the end."""
    text = exception_info(_raised(lambda: _chain_of(1_000))).traceback
    assert text.endswith("ValueError: number 999\n")
    assert "ValueError: number 995\n" in text


def test_f04_a_deep_traceback_tells_both_ends(monkeypatch):
    """Of a traceback that is too long the middle is left out."""

    def one(depth):
        return two(depth - 1)

    def two(depth):
        return one(depth - 1) if depth > 0 else _raise(ValueError("deep"))

    text = exception_info(_raised_by(lambda: one(800))).traceback
    assert text.startswith("Traceback (most recent call last):\n")
    assert "characters ...]" in text
    assert text.endswith("ValueError: deep\n")


def _raised_by(call):
    with pytest.raises(ValueError, match="deep") as caught:
        call()
    return caught.value


def test_f07_what_is_kept_of_exceptions_is_bounded_in_bytes(monkeypatch):
    """Failures with a page of their own each take no more memory than one: all is cut first."""
    monkeypatch.setattr(exception_text, "_cache", {})
    monkeypatch.setattr(exception_text, "_characters", 0)
    tracemalloc.start()
    try:
        for number in range(600):
            exception_info(
                _raised(lambda number=number: AssertionError(f"{number}" + "x" * 300_000))
            )
            exception_info(
                _raised(lambda number=number: _with_notes([f"{number}" + "y" * 300_000]))
            )
        gc.collect()
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert kept < 16 << 20
    assert len(exception_text._cache) <= exception_text._CACHED


def test_f07_equal_beginnings_are_one_group():
    """Texts that differ only in what is cut off are equal."""

    def text(end):
        return exception_info(_raised(lambda: ValueError("x" * 5_000 + end)))

    assert text("one") == text("two")


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


def _raise(error):
    raise error


def test_a_secret_is_hidden_before_a_text_is_cut():
    """Half of one, at the end of what is kept, would not be recognised."""
    secret = "hunter2" * 20
    conceal([secret])
    try:
        for before in range(3_900, 4_100, 20):
            with pytest.raises(ValueError, match="x") as caught:
                _raise(ValueError("x" * before + secret))
            info = exception_info(caught.value)
            assert "hunter2" not in info.message + info.traceback
            assert len(info.message) <= 4_096
    finally:
        conceal([])
