"""How often somebody may be wrong, on a clock that stands."""

import pytest

from loadgrpc.dashboard import guesses
from loadgrpc.dashboard.guesses import FORGIVEN_S, MAX_GUESSES, Guesses
from loadgrpc.dashboard.refusal import TurnedAway


class Clock:
    """Stands until it is advanced."""

    now = 1_000.0

    def __call__(self):
        return self.now


def test_ten_in_a_row_then_one_every_ten_seconds():
    """The eleventh is sent away with how long to wait, and after that one more is let in."""
    clock = Clock()
    tried = Guesses(clock)
    for _ in range(MAX_GUESSES):
        tried.check("192.0.2.1")
        tried.wrong("192.0.2.1")
    with pytest.raises(TurnedAway, match=r"wrong tokens came from 192\.0\.2\.1: try again in 10 s"):
        tried.check("192.0.2.1")
    clock.now += FORGIVEN_S
    tried.check("192.0.2.1")
    tried.wrong("192.0.2.1")
    with pytest.raises(TurnedAway):
        tried.check("192.0.2.1")
    clock.now += MAX_GUESSES * FORGIVEN_S
    for _ in range(MAX_GUESSES):
        tried.check("192.0.2.1")
        tried.wrong("192.0.2.1")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("", "192.0.2.1", False),
    ],
)
def test_whose_guesses_they_are(one, other, same):
    """An address of IPv4, or a network of IPv6, in which one machine may have any address."""
    tried = Guesses(Clock())
    for _ in range(MAX_GUESSES):
        tried.wrong(one)
    if same:
        with pytest.raises(TurnedAway):
            tried.check(other)
    else:
        tried.check(other)


def test_addresses_are_bounded(monkeypatch):
    """The one that has been quiet longest is forgotten, and no other."""
    monkeypatch.setattr(guesses, "MAX_ADDRESSES", 2)
    tried = Guesses(Clock())
    for _ in range(MAX_GUESSES):
        for address in ("192.0.2.1", "192.0.2.2"):
            tried.wrong(address)
    tried.wrong("192.0.2.3")
    tried.check("192.0.2.1")
    with pytest.raises(TurnedAway):
        tried.check("192.0.2.2")
