"""Sockets, as the summary and the live display show them."""

from dataclasses import replace

from loadgrpc import model
from loadgrpc.cli.line import Style
from loadgrpc.cli.report import report
from loadgrpc.cli.view import View, plain
from loadgrpc.model import ElapsedFigures, SocketFigures, SocketNameFigures, SocketSummary

TOTAL = SocketFigures(
    opened=1_000,
    closed=990,
    broken=3,
    messages_sent=50_000,
    messages_received=49_000,
    bytes_sent=5_000_000,
    bytes_received=4_900_000,
    sent_rate=4_950.0,
    received_rate=4_851.0,
    gaps=ElapsedFigures(avg_ns=100_000_000, p50_ns=101_000_000, p99_ns=140_000_000),
)


def lines_of(summary, **settings):
    """The lines of the report."""
    return report(summary, **settings)


def test_totals_are_two_lines(summaries):
    """How many there were, and what went through them; what is broken is marked."""
    sockets = SocketSummary(total=TOTAL, names=(SocketNameFigures(name="chat", sockets=TOTAL),))
    lines = lines_of(replace(summaries["passed"], sockets=sockets), width=120)
    (about,) = [line for line in lines if line.text.startswith("sockets")]
    assert about.text == "sockets     1000 opened   990 closed   3 broken   7 left open"
    assert about.style is Style.BAD
    text = "\n".join(line.text for line in lines)
    assert "messages    50000 sent (5.00 MB)   4950/s   49000 received (4.90 MB)   4851/s" in text
    assert "between two received: p50 101 ms, p99 140 ms" in text
    assert "Sockets by name" not in text


def test_several_names_are_a_table(summaries):
    """Names are without their server, as those of hits; (other) and the sum come last."""
    server = summaries["passed"].plan.scenarios[0].server_url
    names = (
        SocketNameFigures(name=server.replace("http", "ws") + "/chat", sockets=TOTAL),
        SocketNameFigures(name="feed", scenario="web", protocol="mqtt", sockets=SocketFigures()),
    )
    sockets = SocketSummary(total=TOTAL, names=names)
    summary = replace(summaries["passed"], sockets=sockets)
    text = "\n".join(line.text for line in lines_of(summary, width=140))
    rows = text.partition("Sockets by name")[2].splitlines()[1:4]
    assert [row.split()[0] for row in rows] == ["/chat", "web:", "all"]
    assert rows[1].split()[1:3] == ["mqtt", "feed"]
    assert rows[1].split()[-5:-2] == ["-", "-", "-"]


def test_a_run_without_sockets_does_not_mention_them(summaries):
    """There is no line about them."""
    text = "\n".join(line.text for line in lines_of(summaries["passed"], width=120))
    assert "socket" not in text.lower()


def test_the_live_line_says_how_much_goes_through(run, progress):
    """How many are open, and messages per second."""
    sockets = model.SocketProgress(open=20, broken=1, sent_rate=12.5, received_rate=100.0)
    text = plain(View(run=run, progress=replace(progress, sockets=sockets))).text
    assert "sockets 20 open, 1 broken, messages 12.5/s sent, 100/s received" in text
    assert "sockets" not in plain(View(run=run, progress=progress)).text
