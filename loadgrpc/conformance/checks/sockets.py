"""What events say of sockets, such as WebSockets: rules 9.24 and 9.25."""

from __future__ import annotations

from typing import Final

from loadgrpc.conformance.checks.registry import check
from loadgrpc.conformance.finding import Finding, broken, kept, not_applicable
from loadgrpc.conformance.happening import Fact
from loadgrpc.conformance.story import Story
from loadgrpc.text import counted
from loadgrpc.v1 import event_pb2

PER_S: Final = 5
"""Reports of a name in a second, after as many at once."""
_NONE: Final = "no event is about sockets"


def _by_name(story: Story) -> dict[tuple[str, str], list[event_pb2.SocketActivity]]:
    """What was reported of sockets, by name and protocol."""
    found: dict[tuple[str, str], list[event_pb2.SocketActivity]] = {}
    for came in story.of(Fact.OTHER):
        event = event_pb2.Event.FromString(came.what.other)
        if event.HasField("socket"):
            key = event.socket.name, event.socket.protocol
            found.setdefault(key, []).append(event.socket)
    return found


@check("9.24")
def sockets_that_ended_were_opened(story: Story) -> Finding:
    """Of each name no more sockets ended than were opened."""
    names = _by_name(story)
    if not names:
        return not_applicable(_NONE)
    for (name, _), reports in names.items():
        opened = sum(each.opened for each in reports)
        ended = sum(each.closed + each.broken for each in reports)
        if ended > opened:
            return broken(f"at most the {opened} sockets of {name!r} that were opened", str(ended))
    return kept(f"sockets of {counted(len(names), 'name')}")


@check("9.25")
def messages_of_sockets_are_reported_together(story: Story) -> Finding:
    """Of each name there are few reports in a second."""
    names = _by_name(story)
    if not names:
        return not_applicable(_NONE)
    most = PER_S * (1 + story.transcript.ended_s)
    for (name, _), reports in names.items():
        if len(reports) > most:
            return broken(
                f"one report of {name!r} per second or so",
                f"{len(reports)} in {story.transcript.ended_s:.1f} s",
            )
    return kept(f"at most {counted(max(map(len, names.values())), 'report')} of a name")
