"""The account of a source: nothing is lost without a word, nothing is counted twice."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from loadgrpc.broker.ledger import NOT_SENT, Ledger
from loadgrpc.errors import InvalidRequest
from loadgrpc.model import Loss
from loadgrpc.protocol.home import MAX_SEQUENCE, Accept, Duplicate, OutOfOrder


class Source(RuleBasedStateMachine):
    """A source that sends, repeats, overlaps, leaves gaps, skips and finishes, in any order.

    Beside the ledger a model keeps what became of each number, one by one.
    """

    def __init__(self):
        super().__init__()
        self.ledger = Ledger()
        self.fates = {}
        self.delivered_again = 0
        self.gap_open = False

    @property
    def received(self):
        return len(self.fates)

    def offer(self, first, count, decision, fate):
        """What must be decided about numbers, and what becomes of them."""
        last = first + count - 1
        if first > self.received + 1:
            assert decision == OutOfOrder(self.received + 1, report=not self.gap_open)
            self.gap_open = True
            return []
        new = range(self.received + 1, last + 1)
        self.delivered_again += count - len(new)
        if not new:
            assert decision == Duplicate()
            return []
        assert decision == Accept(count - len(new))
        self.gap_open = False
        self.fates.update(dict.fromkeys(new, fate))
        return new

    @precondition(lambda self: not self.ledger.finished)
    @rule(ahead=st.integers(-8, 3), count=st.integers(1, 6), data=st.data())
    def batch(self, ahead, count, data):
        """A batch comes that starts where it should, before, or after; some of it is invalid."""
        first = max(1, self.received + 1 + ahead)
        new = self.offer(first, count, self.ledger.batch(first, count), "committed")
        wrong = data.draw(st.sets(st.sampled_from(list(new)))) if new else set()
        self.ledger.reject(len(wrong))
        self.fates.update(dict.fromkeys(wrong, "rejected"))

    @precondition(lambda self: not self.ledger.finished and not self.gap_open)
    @rule(count=st.integers(1, 6))
    def batch_without_number(self, count):
        """A batch without a number follows what came before."""
        first = self.received + 1
        self.offer(first, count, self.ledger.batch(0, count), "committed")

    @precondition(lambda self: not self.ledger.finished)
    @rule(ahead=st.integers(-8, 3), count=st.integers(1, 6), reason=st.sampled_from("xy"))
    def skip(self, ahead, count, reason):
        """Numbers are declared lost; those that came before are not."""
        first = max(1, self.received + 1 + ahead)
        self.offer(first, count, self.ledger.skip(first, count, reason), reason)

    @rule()
    def opened(self):
        """The source opens again, and a gap from then on is told again."""
        self.ledger.opened()
        self.gap_open = False

    @precondition(lambda self: not self.ledger.finished)
    @rule(missing=st.integers(-3, 5))
    def finish(self, missing):
        """The source says how much it produced; less than it sent cannot be."""
        produced = self.received + missing
        if missing < 0:
            with pytest.raises(InvalidRequest, match=str(self.received)):
                self.ledger.finish(produced)
            return
        self.ledger.finish(produced)
        new = range(self.received + 1, produced + 1)
        self.fates.update(dict.fromkeys(new, NOT_SENT))

    @precondition(lambda self: self.ledger.finished and self.fates)
    @rule(data=st.data())
    def again_after_the_end(self, data):
        """What was sent before comes again after the end."""
        first = data.draw(st.integers(1, self.received))
        count = data.draw(st.integers(1, self.received - first + 1))
        assert self.ledger.batch(first, count) == Duplicate()
        self.delivered_again += count

    @precondition(lambda self: self.ledger.finished)
    @rule(count=st.integers(1, 6))
    def more_after_the_end(self, count):
        """More than was produced cannot come."""
        for first in (self.received + 1, 0):
            with pytest.raises(InvalidRequest, match="after finish"):
                self.ledger.batch(first, count)

    @rule()
    def copy(self):
        """A copy goes its own way."""
        copy = self.ledger.copy()
        assert copy == self.ledger
        copy.skip(copy.received + 1, 1, "z") if not copy.finished else copy.reject(1)
        assert copy != self.ledger
        assert "z" not in self.ledger.skipped

    @invariant()
    def the_law_holds(self):
        """Produced = committed + rejected + lost, and each number has exactly one fate."""
        fates = list(self.fates.values())
        ledger = self.ledger
        assert ledger.received == len(fates)
        assert ledger.committed == fates.count("committed")
        assert ledger.rejected == fates.count("rejected")
        for reason in ("x", "y", NOT_SENT):
            lost = ledger.skipped[reason].events if reason in ledger.skipped else 0
            assert lost == fates.count(reason)
        assert ledger.duplicates == self.delivered_again
        lost = sum(loss.count for loss in ledger.losses("a"))
        assert ledger.received == ledger.committed + ledger.rejected + lost


TestSource = Source.TestCase
TestSource.settings = settings(max_examples=150, stateful_step_count=25)


def test_a_gap_is_told_once():
    """What follows a gap is ignored in silence, duplicates too, until the number expected comes."""
    ledger = Ledger()
    ledger.batch(1, 4)

    assert ledger.batch(10, 1) == OutOfOrder(5, report=True)
    assert ledger.batch(11, 1) == OutOfOrder(5, report=False)
    assert ledger.batch(1, 4) == Duplicate()
    assert ledger.batch(12, 1) == OutOfOrder(5, report=False)
    assert ledger.batch(4, 2) == Accept(1)
    assert ledger.batch(10, 1) == OutOfOrder(6, report=True)


@pytest.mark.parametrize("first", [MAX_SEQUENCE + 1, 2**64 - 1])
def test_numbers_that_no_database_holds_are_refused(first):
    """A number, a count or a total beyond 2**53 is refused, and changes nothing."""
    ledger = Ledger()
    for act in (
        lambda: ledger.batch(first, 1),
        lambda: ledger.batch(1, first),
        lambda: ledger.skip(1, first, "x"),
        lambda: ledger.finish(first),
    ):
        with pytest.raises(InvalidRequest):
            act()
    assert ledger == Ledger()


def test_losses_name_their_agent_and_reason():
    """Each reason is one loss, exact, with the agent it happened on."""
    ledger = Ledger()
    ledger.skip(1, 3, "too fast", hits=1)
    ledger.skip(2, 4, "too fast", hits=4)  # 2 and 3 are known: no more than 2 hits are lost
    ledger.finish(9)

    assert ledger.losses("a") == [
        Loss(reason="too fast", count=5, hits=3, at_least=False, agent_id="a"),
        Loss(reason=NOT_SENT, count=4, hits=0, at_least=False, agent_id="a"),
    ]
