"""The sockets of a run, such as WebSockets: a line of totals, and a table by name."""

from __future__ import annotations

from typing import Final

from loadgrpc.cli.figures import NONE, duration, duration_column, rate, size
from loadgrpc.cli.hit_tables import MAX_NAMES, more, without_server
from loadgrpc.cli.line import Line, Style
from loadgrpc.cli.table import TableRow, figures_table, labelled
from loadgrpc.model import OTHER, ElapsedFigures, SocketFigures, SocketNameFigures, Summary
from loadgrpc.text import one_line

_FIGURES: Final = (
    *("opened", "broken", "sent", "received", "gap p50", "gap p95", "gap p99", "sent/s", "rec/s"),
)
_BESIDE: Final = ("opened", "broken", "sent", "received")


def socket_totals(summary: Summary, width: int) -> list[Line]:
    """How many there were, and what went through them."""
    if summary.sockets is None:
        return []
    total = summary.sockets.total
    opened = [f"{total.opened} opened", f"{total.closed} closed", f"{total.broken} broken"]
    if total.open:
        opened.append(f"{total.open} left open")
    messages = [
        f"{total.messages_sent} sent ({size(total.bytes_sent)})",
        rate(total.sent_rate),
        f"{total.messages_received} received ({size(total.bytes_received)})",
        rate(total.received_rate),
    ]
    if total.gaps != ElapsedFigures():
        gaps = total.gaps
        messages.append(
            f"between two received: p50 {duration(gaps.p50_ns)}, p99 {duration(gaps.p99_ns)}"
        )
    return [
        *labelled("sockets", opened, width, Style.BAD if total.broken else Style.PLAIN),
        *labelled("messages", messages, width),
    ]


def sockets_by_name(summary: Summary, *, verbose: bool, width: int) -> list[Line]:
    """Sockets by name, if there are several; unless verbose, those with the most messages."""
    sockets = summary.sockets
    if sockets is None or len(sockets.names) < 2:  # noqa: PLR2004 - the totals say it of one
        return []
    shown = list(sockets.names)
    if len(shown) > MAX_NAMES and not verbose:
        most = sorted(shown, key=lambda entry: -_messages(entry.sockets))[:MAX_NAMES]
        kept = set(map(id, most))
        shown = [entry for entry in sockets.names if id(entry) in kept]
    rows = [_row(_name(summary, entry), entry.sockets) for entry in shown]
    rows.append(_row("all", sockets.total))
    return [
        *figures_table("Sockets by name", _FIGURES, rows, width, beside=_BESIDE),
        *more(len(sockets.names) - len(shown), "name"),
    ]


def _messages(figures: SocketFigures) -> int:
    return figures.messages_sent + figures.messages_received


def _name(summary: Summary, entry: SocketNameFigures) -> str:
    name = entry.name if entry.name == OTHER else without_server(summary, entry.name)
    name = f"{entry.protocol} {name}".strip()
    return f"{entry.scenario}: {name}" if entry.scenario else name


def _row(name: str, figures: SocketFigures) -> TableRow:
    gaps = figures.gaps
    had_gaps = gaps != ElapsedFigures()
    return TableRow(
        one_line(name),
        (
            str(figures.opened),
            str(figures.broken),
            str(figures.messages_sent),
            str(figures.messages_received),
            *(
                duration_column(ns) if had_gaps else NONE
                for ns in (gaps.p50_ns, gaps.p95_ns, gaps.p99_ns)
            ),
            rate(figures.sent_rate),
            rate(figures.received_rate),
        ),
        Style.BAD if figures.broken else Style.PLAIN,
    )
