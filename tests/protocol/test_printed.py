"""Lines of what processes print."""

from loadgrpc.protocol.printed import BURST, LINE_BYTES, RATE, Printed, PrintedLine, safe_lines


def shown(lines):
    """Lines as they are shown."""
    return list(safe_lines(lines))


def test_c8_lines_are_whole_whatever_pieces_they_come_in():
    """A line is shown when it is whole, and the rest of one at the end."""
    printed = Printed(0.0)

    assert printed.feed(b"ha", 0.0) == []
    assert printed.feed(b"lf\nand ha", 0.0) == [PrintedLine("half")]
    assert printed.end(0.0) == [PrintedLine("and ha")]


def test_c8_what_steers_a_terminal_is_shown_as_text():
    """Escapes, carriage returns and bytes that are no text are made visible."""
    printed = Printed(0.0)

    lines = printed.feed(b"\x1b[2J\rover\xff\r\n", 0.0)
    assert [line.text for line in lines] == ["\x1b[2J\rover\\xff"]  # others may want the escapes
    assert shown(lines) == ["\\x1b[2J\\rover\\xff"]


def test_c8_a_line_without_an_end_is_cut_once():
    """Of a line that is too long the beginning is shown, once, and what follows as ever."""
    printed = Printed(0.0)
    came = [line for _ in range(5) for line in printed.feed(b"x" * LINE_BYTES, 0.0)]

    assert shown(came) == ["x" * LINE_BYTES + " …"]
    assert shown(printed.feed(b"x\nnext\n", 0.0)) == ["next"]


def test_c8_who_prints_too_much_is_shown_again_later():
    """Of a flood as much is shown as there is room for; what was left out is counted."""
    printed = Printed(0.0)
    assert len(printed.feed(b"a\n" * (int(BURST) + 7), 0.0)) == BURST
    later = shown(printed.feed(b"b\n" * int(RATE), 1.0))
    assert later == ["(too many lines to show: 7 left out)", *["b"] * int(RATE)]


def test_c8_lines_that_are_left_out_are_counted_not_made(monkeypatch):
    """A process that prints unfinished takes no time of others: what is too much is counted."""
    made = []
    line = Printed._line
    monkeypatch.setattr(Printed, "_line", lambda self, now_s: made.append(1) or line(self, now_s))
    printed = Printed(0.0)
    for _ in range(100):
        printed.feed(b"y\n" * 10_000 + b"half", 0.0)

    assert len(made) < BURST + 200
    assert printed.feed(b"\n", 10.0) == [PrintedLine("half", left_out=999_500)]


def test_c8_what_was_left_out_is_said_once():
    """When no more is printed it is said how many lines were left out, and not again later."""
    printed = Printed(0.0)
    printed.feed(b"y\n" * 1_000, 0.0)

    assert printed.left_out == 500
    assert printed.pause() == [PrintedLine(None, left_out=500)]
    assert printed.pause() == []
    assert printed.feed(b"later\n", 10.0) == [PrintedLine("later")]
    assert printed.end(10.0) == []
