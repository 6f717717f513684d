"""What others say is shown as text, whatever is in it."""

import json

from hypothesis import given
from hypothesis import strategies as st

from loadgrpc import text

EVIL = "a\x1b]0;owned\x07b\x9b31m\u202ec\nd\r\te\x00\u2028\ud800\U000e0001é"


@given(st.text())
def test_hostile_10_no_line_steers_a_terminal(words):
    """A line has no control character, no line break and nothing that turns the writing."""
    for shown in (text.safe_line(words + EVIL), text.one_line(words + EVIL)):
        assert shown.isprintable()
    assert "\\x1b]0;owned\\x07" in text.safe_line(EVIL)
    assert "\\u202ec\\nd" in text.safe_line(EVIL)


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_hostile_10_documents_are_harmless_and_the_same(value):
    """What --json prints has no C1 and no bidi character, and is the same for a program."""
    for indent in (None, 2):
        document = json.dumps([value, EVIL], ensure_ascii=False, indent=indent)
        safe = text.safe_json(document)
        assert all(line.isprintable() for line in safe.split("\n"))
        assert json.loads(safe) == json.loads(document)
        assert json.loads(text.ascii_json(safe)) == json.loads(document)
        assert text.ascii_json(safe).isascii()


def test_what_can_be_read_stays_as_it_is():
    """Letters of all scripts and a line's own spaces are not touched."""
    for words in ("  café  日本 — ok", "", "x" * 100):
        assert text.safe_line(words) == words
        assert text.safe_json(json.dumps(words, ensure_ascii=False)) == f'"{words}"'


def test_hostile_10_a_huge_text_is_cut_on_a_line():
    """A line of a table is bounded whatever a peer says, and costs no time."""
    assert len(text.one_line("é" * 16_000_000)) == text.MAX_LINE
