"""Token, opening, numbers, limits, and streams that break: rules 1 to 5."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from loadgrpc.conformance.checks.registry import check
from loadgrpc.conformance.finding import Finding, broken, kept, not_shown
from loadgrpc.conformance.happening import Happening
from loadgrpc.conformance.home import BEARER, DEFECT
from loadgrpc.conformance.script import CLOSED
from loadgrpc.conformance.story import Sent, Story
from loadgrpc.conformance.transcript import Ended, HomeMessage, RunnerMessage
from loadgrpc.errors import InvalidRequest, NotAllowed, Unavailable
from loadgrpc.protocol import home
from loadgrpc.protocol.sources import source_to_proto
from loadgrpc.text import counted

LEAST_PAUSE_S: Final = 0.05
"""A shorter average pause before another attempt counts as none."""
ENVELOPE_BYTES: Final = 16
"""What a batch has beside its events, which a sender may leave out when it counts."""
GROWTH: Final = 1.5
"""By how much the longest of the last pauses is longer than the shortest of the first."""
_TWO: Final = 2


@check("1.1")
def every_call_carries_the_token(story: Story) -> Finding:
    """Every call has the bearer token that the environment gave."""
    calls = story.calls()
    if not calls:
        return not_shown("it made no call")
    expected = BEARER + story.transcript.token
    wrong = [call for _, call in calls if call.token != expected]
    if wrong:
        seen = f"{wrong[0].token!r}" if wrong[0].token else "none"
        return broken(
            "`authorization: Bearer LOADGRPC_TOKEN` in the metadata of every call",
            f"{seen} in that of {wrong[0].method} ({len(wrong)} of {len(calls)} calls)",
        )
    return kept(counted(len(calls), "call"))


@check("1.2")
def it_says_who_it_is(story: Story) -> Finding:
    """Whatever names a source names the one of the environment."""
    ours = story.transcript.source
    asked = [call.source for _, call in story.calls("GetAssignment")]
    said = [
        type(ours)(named.run_id, named.agent_id, named.runner_id)
        for _, heard in story.heard()
        if heard.request.HasField("source")
        for named in (heard.request.source,)
    ]
    if not asked and not said:
        return not_shown("it named no source")
    other = next((source for source in (*asked, *said) if source != ours), None)
    if other is not None:
        return broken(f"the source {ours}, as the environment has it", f"{other}")
    return kept(f"{ours}, {counted(len(asked) + len(said), 'time')}")


@check("1.3")
def a_refused_token_is_not_tried_again(story: Story) -> Finding:
    """After UNAUTHENTICATED the same method is not called again."""
    methods = [call.method for _, call in story.calls()]
    if not methods:
        return not_shown("it made no call")
    most = max(methods, key=methods.count)
    if methods.count(most) > 1:
        return broken(
            "one call, which is refused, and no other", f"{methods.count(most)} of {most}"
        )
    return kept(f"one call of {' and of '.join(methods)}")


@check("1.4")
def without_a_token_it_ends(story: Story) -> Finding:
    """A runner that is refused exits, and not with 0."""
    transcript = story.transcript
    if transcript.timed_out:
        return broken(
            "an end after the token was refused",
            f"that it still ran after {transcript.ended_s:.0f} s",
        )
    if transcript.exit is None:
        return not_shown("nobody saw its end")
    if transcript.exit.status == 0:
        return broken("an exit status that is not 0 after the token was refused", "0")
    return kept(f"it exited with {transcript.exit.status}")


@check("2.1")
def open_comes_first(story: Story) -> Finding:
    """The first message of each stream is `open`, and names the source."""
    if story.transcript.timed_out and not story.calls("PublishEvents"):
        return broken("a stream", "none")
    said = [
        first
        for spoken in story.streams.values()
        if (first := next((e for _, e in spoken if isinstance(e, RunnerMessage)), None))
    ]
    if not said:
        return broken("a stream on which the source is opened", "none")
    for heard in said:
        if (kind := heard.request.WhichOneof("message")) != "open":
            return broken(f"`open` first on stream {heard.stream}", f"`{kind}`")
        if heard.request.source != source_to_proto(story.transcript.source):
            return broken("`open` with the source", "another source, or none")
    return kept(f"on {counted(len(said), 'stream')}" if len(said) > 1 else "on its stream")


@check("2.2", numbered=True)
def each_stream_has_a_higher_epoch(story: Story) -> Finding:
    """A stream that follows another has a higher epoch."""
    epochs = [heard.request.open.epoch for _, heard in story.heard("open")]
    if len(epochs) < _TWO:
        return not_shown("it opened one stream")
    if any(later <= earlier for earlier, later in pairwise(epochs)):
        return broken("a higher epoch with each stream", ", ".join(map(str, epochs)))
    return kept(", ".join(map(str, epochs)))


@check("2.3", numbered=True)
def events_wait_for_opened(story: Story) -> Finding:
    """No numbered event is sent before `opened` has said where to continue, and the limits."""
    if not story.sent:
        return not_shown("no event was sent")
    opened = {told.stream: at for at, told in reversed(story.told("opened"))}
    early = [sent for sent in story.sent if sent.at < opened.get(sent.heard.stream, sent.at + 1)]
    if early:
        return broken("no event before `opened`", f"{sum(sent.count for sent in early)} events")
    return kept("all events came after it")


@check("3.1", numbered=True)
def numbers_have_no_gaps(story: Story) -> Finding:
    """Numbers begin with 1 and follow each other; they go back only where they have to."""
    highest = 0
    expected: dict[int, int] = {}
    free: set[int] = set()
    items = {sent.at: sent for sent in story.sent}
    for at, entry in story.entries:
        if isinstance(entry, HomeMessage) and entry.kind in ("gap", "too_large"):
            free.add(entry.stream)
        if (sent := items.get(at)) is None:
            continue
        due = expected.get(sent.heard.stream, highest + 1)
        goes_back = sent.heard.stream not in expected or sent.heard.stream in free
        if not (sent.first == due or (goes_back and 0 < sent.first <= highest + 1)):
            return broken(
                f"events from number {due} on", f"a batch of {sent.count} from {sent.first} on"
            )
        expected[sent.heard.stream] = sent.last + 1
        highest = max(highest, sent.last)
    if not items:
        return not_shown("no event was sent")
    return kept(f"1 to {highest} in {counted(len(items), 'batch')}")


@check("3.2")
def a_batch_counts_its_events(story: Story) -> Finding:
    """`count` is 0, or what is in the fields."""
    batches = [batch for _, _, batch in story.batches()]
    if not batches:
        return not_shown("no event was sent")
    for batch in batches:
        if batch.count not in (0, home.known(batch)):
            return broken(
                f"count 0 or {home.known(batch)}, as many as the batch has", str(batch.count)
            )
    return kept(counted(len(batches), "batch"))


@check("3.3", numbered=True)
def a_number_is_one_event(story: Story) -> Finding:
    """An event that is sent again has the number it had."""
    first: dict[int, Happening] = {}
    again = 0
    for came in story.all_came:
        known = first.setdefault(came.number, came.what)
        again += known is not came.what
        if known != came.what:
            return broken(
                f"the same event under the number {came.number}",
                f"first {_words(known)}, then {_words(came.what)}",
            )
    return (
        kept(f"{counted(again, 'event')} came again") if first else not_shown("no event was sent")
    )


def _words(what: Happening) -> str:
    place = what.place
    where = f" of user {place.user}, iteration {place.iteration}" if place else ""
    return f"{what.kind.value}{where}"


@check("4.1")
def batches_are_within_their_bound(story: Story) -> Finding:
    """No batch is larger than `max_batch_bytes`."""
    bound = story.transcript.limits.max_batch_bytes
    sizes = [sent.size for sent in story.sent]
    if max(sizes, default=0) > bound:
        return broken(f"batches of at most {bound} bytes", f"one of {max(sizes)}")
    if sum(sizes) <= bound:
        return not_shown(f"all there was to send has {sum(sizes)} bytes, and {bound} are allowed")
    return kept(f"at most {max(sizes)} of {bound} bytes")


@check("4.2", numbered=True)
def few_batches_are_on_their_way(story: Story) -> Finding:
    """No more than `max_unacked_batches` are sent and not acked."""
    bound = story.transcript.limits.max_unacked_batches
    unacked = _unacked(story)
    if not unacked:
        return not_shown("no event was sent")
    most = max(len(before) + 1 for before, _ in unacked)
    if most > bound:
        return broken(f"at most {bound} batches sent and not acked", str(most))
    return kept(f"at most {most} of {bound}")


@check("4.3", numbered=True)
def few_bytes_are_on_their_way(story: Story) -> Finding:
    """No batch is sent that goes over `max_unacked_bytes`, unless it is the only one."""
    bound = story.transcript.limits.max_unacked_bytes
    unacked = _unacked(story)
    if not unacked:
        return not_shown("no event was sent")
    most = max(
        sum(sent.size - ENVELOPE_BYTES for sent in (*before, last)) if before else 0
        for before, last in unacked
    )
    if most > bound:
        return broken(f"at most {bound} bytes sent and not acked", f"{most} with another batch")
    total = sum(sent.size for sent in story.sent)
    if total <= bound:
        return not_shown(f"all there was to send has {total} bytes, and {bound} are allowed")
    return kept(f"at most {max(0, most)} of {bound} bytes with another batch")


@check("4.4")
def a_limit_of_0_is_none(story: Story) -> Finding:
    """A home without limits gets events, and none is declared lost."""
    batches, skipped = len(list(story.batches())), len(story.heard("skip"))
    if skipped or not batches:
        return broken(
            "all events, as the home sets no limit", f"{skipped} skips" if skipped else "none"
        )
    return kept(counted(batches, "batch"))


@check("4.5", numbered=True)
def an_event_that_fits_into_no_batch_is_shortened_or_skipped(story: Story) -> Finding:
    """A runner copes with events that are over the bound, each by itself."""
    bound = story.transcript.limits.max_batch_bytes
    wanted = f"an end of a load whose events do not all fit into {bound} bytes"
    if story.transcript.timed_out or not story.heard("finish"):
        return broken(wanted, "none")
    came = {number for sent in story.sent for number in range(sent.first, sent.last + 1)}
    produced = story.heard("finish")[-1][1].request.finish.totals.events
    if missing := sorted(set(range(1, produced + 1)) - came):
        return broken(
            f"number {missing[0]}, shortened or by `skip`", f"neither ({len(missing)} such)"
        )
    skipped = sum(heard.request.skip.count for _, heard in story.heard("skip"))
    if skipped:
        return kept(f"{counted(skipped, 'event')} skipped")
    return kept(f"all events fit into batches of {bound} bytes")


def _unacked(story: Story) -> list[tuple[list[Sent], Sent]]:
    """Each batch, with those that were sent before on its stream and not acked.

    After `gap` and `too_large` it is not known what the sender counts as under way: batches that
    were sent meanwhile are ignored, and come again.
    """
    found = []
    waiting: dict[int, list[Sent]] = {}
    unclear: set[int] = set()
    items = {sent.at: sent for sent in story.sent if sent.size}  # a skip is no batch
    for at, entry in story.entries:
        if isinstance(entry, HomeMessage):
            kind = entry.kind
            if kind in ("gap", "too_large"):
                unclear.add(entry.stream)
            elif kind == "ack":
                durable = entry.answer.ack.durable_sequence
                mine = waiting.get(entry.stream, [])
                waiting[entry.stream] = [sent for sent in mine if sent.last > durable]
        elif (sent := items.get(at)) is not None and sent.heard.stream not in unclear:
            before = waiting.setdefault(sent.heard.stream, [])
            found.append((list(before), sent))
            before.append(sent)
    return found


@check("5.1", numbered=True)
def a_broken_stream_is_opened_again(story: Story) -> Finding:
    """After UNAVAILABLE there is another stream."""
    ended = story.ended(Unavailable.reason)
    if not ended:
        return not_shown("no stream broke")
    if not _opens_again(story, ended):
        return broken(f"another stream after stream {ended[-1][1].stream} broke", "none")
    return kept(counted(len(ended), "time"))


def _opens_again(story: Story, ended: Sequence[tuple[int, Ended]]) -> bool:
    """Whether there is another stream after the last of those that ended."""
    last_at, _ = ended[-1]
    return any(at > last_at for at, _ in story.calls("PublishEvents"))


@check("5.2", numbered=True)
def it_goes_on_from_what_is_durable(story: Story) -> Finding:
    """The first number on a stream is that after the durable one, or before it."""
    again = 0
    for at, told in story.told("opened"):
        durable = told.answer.opened.durable_sequence
        highest = max((sent.last for sent in story.sent if sent.at < at), default=0)
        if told.stream == 1 or highest <= durable:
            continue
        first = next((s for s in story.sent if s.heard.stream == told.stream), None)
        if first is None or first.first > durable + 1:
            seen = f"number {first.first}" if first else "no event"
            return broken(f"number {durable + 1} first on stream {told.stream}", seen)
        again += 1
    return (
        kept(f"on {counted(again, 'stream')}")
        if again
        else not_shown("nothing was to be sent again")
    )


@check("5.3", numbered=True)
def what_is_durable_is_not_sent_again(story: Story) -> Finding:
    """No batch has only numbers that `opened` has said to be durable."""
    streams = 0
    for _, told in story.told("opened"):
        durable = told.answer.opened.durable_sequence
        if told.stream == 1 or not durable:
            continue
        streams += 1
        for sent in story.sent:
            if sent.heard.stream == told.stream and sent.last <= durable:
                return broken(
                    f"nothing on stream {told.stream} up to number {durable}, which is durable",
                    f"numbers {sent.first} to {sent.last}",
                )
    return kept(f"on {counted(streams, 'stream')}") if streams else not_shown("nothing was durable")


def _pauses(story: Story) -> list[float]:
    """From the end of each stream that broke to the next attempt."""
    calls = story.calls("PublishEvents")
    return [
        next_call
        for at, ended in story.ended(Unavailable.reason)
        if (next_call := next((c.at_s - ended.at_s for n, c in calls if n > at), None)) is not None
    ]


@check("5.4")
def it_pauses_before_it_opens_again(story: Story) -> Finding:
    """Attempts do not follow each other at once."""
    pauses = _pauses(story)
    if len(pauses) < _TWO:
        return not_shown("streams did not break often enough")
    mean = sum(pauses) / len(pauses)
    if mean < LEAST_PAUSE_S:
        return broken(
            f"pauses of {LEAST_PAUSE_S * 1e3:.0f} ms or more before another attempt, on average",
            f"{mean * 1e3:.1f} ms",
        )
    return kept(f"{mean * 1e3:.0f} ms on average")


@check("5.5")
def pauses_grow(story: Story) -> Finding:
    """Later pauses are longer, whatever the jitter."""
    pauses = _pauses(story)
    if len(pauses) < _TWO * 2:
        return not_shown("streams did not break often enough")
    if sum(pauses) < LEAST_PAUSE_S * len(pauses):
        return not_shown("there were no pauses")
    message = ", ".join(f"{pause * 1e3:.0f} ms" for pause in pauses)
    if max(pauses[-_TWO:]) < GROWTH * min(pauses[:_TWO]):
        return broken("longer pauses with each attempt", message)
    return kept(message)


@check("5.6", numbered=True)
def finish_is_said_again(story: Story) -> Finding:
    """A `finish` that a stream has taken with it comes again on the next."""
    finishes = story.heard("finish")
    cut = [at for at, _ in story.ended(Unavailable.reason)]
    lost = [at for at, _ in finishes if any(at < end for end in cut)]
    if not lost:
        return not_shown("no stream broke after `finish`")
    if not any(at > max(cut) for at, _ in finishes):
        return broken("`finish` again, after the stream broke without an answer", "none")
    return kept(counted(len(finishes), "time"))


@check("5.7", numbered=True)
def a_closed_stream_is_opened_again(story: Story) -> Finding:
    """A stream that the home has closed, with no status that says why, is one that broke."""
    closed = story.ended(CLOSED)
    if not closed:
        return not_shown("no stream was closed")
    if not _opens_again(story, closed):
        return broken("another stream after the home had closed one without a status", "none")
    return kept("it was")


@check("5.8", numbered=True)
def a_defect_of_the_home_is_no_end(story: Story) -> Finding:
    """After INTERNAL there is another stream."""
    ended = story.ended(DEFECT)
    if not ended:
        return not_shown("it opened no stream")
    if not _opens_again(story, ended):
        return broken("another stream after one that ended with INTERNAL", "none")
    return kept(counted(len(ended), "time"))


@check("5.9", numbered=True)
def a_stream_that_ends_for_good_is_the_end(story: Story) -> Finding:
    """After one of two statuses there is no other stream, and an end that is not 0."""
    ended = [*story.ended(NotAllowed.reason), *story.ended(InvalidRequest.reason)]
    if not ended:
        return not_shown("no stream was open in the middle of the load")
    at, end = ended[0]
    name = "UNAUTHENTICATED" if end.status == NotAllowed.reason else "INVALID_ARGUMENT"
    if more := [call for call_at, call in story.calls("PublishEvents") if call_at > at]:
        return broken(f"no stream after one that ended with {name}", counted(len(more), "stream"))
    transcript = story.transcript
    if transcript.timed_out:
        after_s = transcript.ended_s - end.at_s
        return broken(f"an end after {name}", f"that it still ran {after_s:.0f} s later")
    if transcript.exit is None:
        return not_shown("nobody saw its end")
    if transcript.exit.status == 0:
        return broken(f"an exit status that is not 0 after {name}", "0")
    return kept(f"it exited with {transcript.exit.status}")
