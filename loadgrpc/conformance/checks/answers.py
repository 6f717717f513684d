"""Answers that a runner has to cope with: rules 6."""

from __future__ import annotations

from loadgrpc.conformance.checks.registry import check
from loadgrpc.conformance.finding import Finding, broken, kept, not_shown
from loadgrpc.conformance.story import Story
from loadgrpc.text import counted


@check("6.1", numbered=True)
def after_a_gap_the_number_expected_comes(story: Story) -> Finding:
    """After `gap` a batch comes that has the number expected."""
    gaps = story.told("gap")
    if not gaps:
        return not_shown("no batch came after the one that was lost")
    at, told = gaps[0]
    expected = told.answer.gap.expected_sequence
    after = [sent for sent in story.sent if sent.at > at]
    if not any(sent.first <= expected <= sent.last for sent in after):
        seen = f"number {after[0].first}" if after else "no event"
        return broken(f"number {expected} again, after `gap`", seen)
    return kept(f"number {expected} came again")


@check("6.2", numbered=True)
def a_batch_that_is_too_large_is_split(story: Story) -> Finding:
    """What was too large comes again in smaller batches, all of it."""
    told = story.told("too_large")
    if not told:
        return not_shown("no batch had more than one event")
    at, answer = told[0]
    first = answer.answer.too_large.first_sequence
    large = next(s for s in reversed(story.sent) if s.at < at and s.first == first)
    parts = [s for s in story.sent if s.at > at and s.first <= large.last and s.last >= first]
    whole = [part for part in parts if part.count >= large.count]
    words = f"the {large.count} events from number {first} on in smaller batches"
    if whole:
        return broken(words, f"{whole[0].count} in one batch again")
    came = {number for part in parts for number in range(part.first, part.last + 1)}
    missing = [number for number in range(first, large.last + 1) if number not in came]
    if missing:
        return broken(words, f"nothing of {len(missing)} of them, from number {missing[0]} on")
    return kept(f"{counted(large.count, 'event')} came again in {counted(len(parts), 'batch')}")


@check("6.3")
def an_unknown_answer_is_ignored(story: Story) -> Finding:
    """A runner that gets an unknown answer goes on to its end."""
    unknown = len(story.told(None))
    if not unknown:
        return not_shown("no event was sent")
    return _went_on(story, f"after {unknown} answers of a kind that is not known")


@check("6.4")
def it_goes_on_after_rejected(story: Story) -> Finding:
    """A runner whose event was rejected goes on to its end."""
    if not story.told("rejected"):
        return not_shown("no event was sent")
    return _went_on(story, "after an event was rejected")


def _went_on(story: Story, after: str) -> Finding:
    """Whether the runner got to its end as it should."""
    transcript = story.transcript
    if transcript.timed_out:
        return broken(f"that it goes on {after}", "that it neither went on nor ended")
    if story.numbered and not story.heard("finish"):
        return broken(f"that it goes on {after}", "no `finish`")
    if transcript.exit is not None and transcript.exit.status:
        return broken(f"that it goes on {after}", f"exit status {transcript.exit.status}")
    return kept(f"it went on {after}")


@check("6.5")
def an_error_ends_it(story: Story) -> Finding:
    """After `error` there is no other stream, and the runner exits, not with 0."""
    return _ends(story, "error")


@check("6.6")
def run_closed_ends_it(story: Story) -> Finding:
    """After `run_closed` there is no other stream, and the runner exits, not with 0."""
    return _ends(story, "run_closed")


def _ends(story: Story, kind: str) -> Finding:
    """How the runner exits after `run_closed` or `error`."""
    told = story.told(kind)
    if not told:
        return not_shown(f"`{kind}` was not sent: no stream was open in the middle of the load")
    at, answer = told[0]
    more = [call for call_at, call in story.calls("PublishEvents") if call_at > at]
    if more:
        return broken(f"no stream after `{kind}`", str(len(more)))
    if story.transcript.timed_out:
        after_s = story.transcript.ended_s - answer.at_s
        return broken(f"an end after `{kind}`", f"that it still ran {after_s:.0f} s later")
    end = story.transcript.exit
    if end is None:
        return not_shown("nobody saw its end")
    if end.status == 0:
        return broken(f"an exit status that is not 0 after `{kind}`", "0")
    return kept(f"it exited with {end.status}")
