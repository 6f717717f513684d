"""How a source ends: rules 10."""

from __future__ import annotations

from loadgrpc.conformance.checks.registry import check
from loadgrpc.conformance.finding import Finding, broken, kept, not_shown
from loadgrpc.conformance.happening import Fact
from loadgrpc.conformance.story import Story
from loadgrpc.text import counted

_NO_FINISH = "it said no `finish`"


def _needs_finish(story: Story) -> bool:
    """Whether `finish` is due: who sends no number, or no event, is believed without."""
    return bool(story.numbered)


@check("10.1", numbered=True)
def it_says_finish(story: Story) -> Finding:
    """A source with numbers says `finish`."""
    if story.heard("finish"):
        return kept("it did")
    if not _needs_finish(story):
        return not_shown("it sent no event, and no `finish`")
    return broken("`finish` after the last event", "none")


@check("10.2", numbered=True)
def it_has_produced_what_it_sent(story: Story) -> Finding:
    """The events of `finish` are those that were sent and skipped."""
    finishes = story.heard("finish")
    if not finishes:
        return not_shown(_NO_FINISH)
    said = finishes[-1][1].request.finish.totals.events
    if said != story.highest:
        return broken(f"{story.highest} events in `finish`, as many as were sent", str(said))
    return kept(counted(said, "event"))


@check("10.3", numbered=True)
def it_has_produced_the_hits_it_sent(story: Story) -> Finding:
    """The hits of `finish`, if there are any, are those that were sent and skipped."""
    finishes = story.heard("finish")
    if not finishes:
        return not_shown(_NO_FINISH)
    totals = finishes[-1][1].request.finish.totals
    if not totals.HasField("hits"):
        return not_shown("`finish` has no number of hits")
    skipped = sum(heard.request.skip.hits for _, heard in story.heard("skip"))
    sent = len(story.of(Fact.HIT)) + skipped
    if totals.hits != sent:
        return broken(f"{sent} hits in `finish`, as many as were sent", str(totals.hits))
    return kept(counted(totals.hits, "hit"))


@check("10.4", numbered=True)
def nothing_new_comes_after_finish(story: Story) -> Finding:
    """No event that was not sent before comes after `finish`."""
    finishes = story.heard("finish")
    if not finishes:
        return not_shown(_NO_FINISH)
    at = finishes[0][0]
    before = max((sent.last for sent in story.sent if sent.at < at), default=0)
    later = [sent for sent in story.sent if sent.at > at and sent.last > before]
    if later:
        return broken(
            "`finish` after the last event",
            f"numbers {later[0].first} to {later[0].last} after it",
        )
    return kept("it was the last")


@check("10.5", numbered=True)
def it_waits_for_finished(story: Story) -> Finding:
    """The stream of `finish` stays open until `finished` has come."""
    if not story.heard("finish"):
        return not_shown(_NO_FINISH)
    if not story.told("finished"):
        return broken("that it waits for `finished`", "that its stream ended before")
    return kept("it did")


@check("10.6")
def it_exits_with_0(story: Story) -> Finding:
    """A runner that has done everything exits with 0."""
    transcript = story.transcript
    if transcript.timed_out:
        return broken("an end", f"that it still ran after {transcript.ended_s:.0f} s")
    if transcript.exit is None:
        return not_shown("nobody saw its end")
    if transcript.exit.status:
        return broken("exit status 0", str(transcript.exit.status))
    return kept("it did")
