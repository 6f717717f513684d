"""What people type, read."""

import pytest

from loadgrpc.cli import plan_values, spans, values
from loadgrpc.model import Between, Constant, Exponential, Lognormal, RunnerMode
from loadgrpc.protocol import options


def reader(field):
    """What reads an option of a plan."""
    return plan_values.of_kind(options.ALL[field].kind).read


users, iterations, mode = map(reader, ("users", "iterations", "runner_mode"))
MOST_S = options.ALL["duration"].kind.most

GOOD = [
    (users, "10", (10,)),
    (users, "10:20:30", (10, 20, 30)),
    (users, "100000", (100_000,)),
    (iterations, "20", (20,)),
    (iterations, "5:5", (5, 5)),
    (values.rate, "0", 0.0),
    (values.rate, "2.5", 2.5),
    (values.address, "127.0.0.1:7979", "127.0.0.1:7979"),
    (values.address, "broker.example.com:1", "broker.example.com:1"),
    (values.address, "[::1]:65535", "[::1]:65535"),
    (values.url, "http://127.0.0.1:8000", "http://127.0.0.1:8000"),
    (values.limit, "requests=500/s", ("requests", 500)),
    (values.limit, "requests=500", ("requests", 500)),
    (values.limit, "watches=50", ("watches", 50)),
    (spans.wait, "3", Constant(3.0)),
    (spans.wait, "500ms", Constant(0.5)),
    (spans.wait, "0", Constant(0.0)),
    (spans.wait, "1s..3s", Between(1.0, 3.0)),
    (spans.wait, "1..3", Between(1.0, 3.0)),
    (spans.wait, "between(1s, 3s)", Between(1.0, 3.0)),
    (spans.wait, "exponential 2s", Exponential(2.0)),
    (spans.wait, "lognormal 2s 0.5", Lognormal(2.0, 0.5)),
    (mode, "by-hand", RunnerMode.BY_HAND),
    (mode, "ALL_USERS", RunnerMode.ALL_USERS),
]
BAD = [
    (users, "", "'' is not a whole number from 1 to 100000"),
    (users, "0", "'0' is not a whole number"),
    (users, "-1", "'-1' is not a whole number"),
    (users, "10:x", "expected users of each cycle, such as 10 or 10:20:30"),
    (users, "10:", "'' is not a whole number"),
    (users, "1.5", "'1.5' is not a whole number"),
    (users, "١٢", "'١٢' is not a whole number"),
    (users, "100001", "from 1 to 100000"),
    (users, "9" * 5000, "from 1 to 100000"),
    (users, ":".join(["1"] * 101), "101 numbers are more than 100"),
    (iterations, "0", "expected iterations of each user, such as 20 or 5:5"),
    (iterations, "1000000000:1", "sums to more than 1000000000"),
    (values.rate, "-1", "expected users per second, such as 5"),
    (values.rate, "nan", "is not a number, 0 or more"),
    (values.rate, "inf", "is not a number, 0 or more"),
    (values.rate, "fast", "is not a number, 0 or more"),
    (values.address, "7979", "is not HOST:PORT"),
    (values.address, ":7979", "is not HOST:PORT"),
    (values.address, "http://h:1", "is not HOST:PORT"),
    (values.address, "::1:7979", "is not HOST:PORT"),
    (values.address, "h:0", "has no port from 1 to 65535"),
    (values.address, "h:65536", "has no port from 1 to 65535"),
    (values.address, "h:x", "has no port from 1 to 65535"),
    (values.url, "127.0.0.1:8000", "expected one such as http://127.0.0.1:8000"),
    (values.url, "http://", "is not a URL"),
    (values.limit, "request=5", "'request' is none of requests, calls, watches, uploads, events"),
    (values.limit, "requests", "'' is not a whole number from 1 to 1000000000"),
    (values.limit, "watches=5/s", "'5/s' is not a whole number"),
    (values.limit, "watches=0", "expected watches=500, which is the default"),
    (values.limit, "events=5", "'5' is not a whole number from 1000 to"),
    (spans.wait, "", "'' is not a wait; expected 2s, 1s..3s, 'exponential 2s' or"),
    (spans.wait, "soon", "'soon' is not a duration; expected 90, 90s"),
    (spans.wait, "3s..1s", "is from 3s to 1s: the first must not be longer"),
    (spans.wait, "1s..", "'' is not a duration"),
    (spans.wait, "25h", "at most 86400s"),
    (spans.wait, "normal 2s 1s", "is not a wait"),
    (spans.wait, "lognormal 2s 9", "has a sigma of 9: it must be more than 0 and at most 5"),
    (spans.wait, "exponential 0s", "it must be more than 0"),
    (mode, "some-users", "'some-users' is none of one-user, all-users, by-hand"),
]


@pytest.mark.parametrize(("read", "text", "value"), GOOD)
def test_good_values_are_read(read, text, value):
    """Each spelling that the help shows means what it says."""
    assert read(text) == value


@pytest.mark.parametrize(("read", "text", "message"), BAD)
def test_bad_values_are_refused_with_what_is_accepted(read, text, message):
    """A bad value is refused, and the message says what would be good."""
    with pytest.raises(ValueError, match=r".") as caught:
        read(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("4096", 4096), ("20 GB", 20 * 10**9), ("1.5kB", 1500), ("2TB", 2 * 10**12)],
)
def test_sizes_are_read(text, size):
    """Sizes come with units of a thousand, without one as bytes."""
    assert values.size(text) == size


@pytest.mark.parametrize("text", ["", "MB", "-1", "5 mb", "1e9", "1,5GB", "5GiB"])
def test_a_wrong_size_is_named(text):
    """What is no size is told, with what would be."""
    with pytest.raises(ValueError, match="expected 4096, 500MB") as caught:
        values.size(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90.0),
        ("90s", 90.0),
        ("5m", 300.0),
        ("1h30m", 5400.0),
        ("1h0m1s", 3601.0),
        ("1.5s", 1.5),
        ("0.25", 0.25),
        ("500ms", 0.5),
        ("1s500ms", 1.5),
        ("720h", MOST_S),
    ],
)
def test_durations_are_read(text, seconds):
    """Durations come with units, without one as seconds, and combined from large to small."""
    assert spans.seconds(text, most=MOST_S) == seconds


@pytest.mark.parametrize(
    "text", ["", "s", "5x", "-5", "1m1h", "5 s", "1e3", "inf", "5m5m", "0", "0s", "721h", "1d"]
)
def test_other_durations_are_refused(text):
    """What is no duration, no time at all, or over 30 days is refused."""
    with pytest.raises(ValueError, match="expected"):
        spans.seconds(text, most=MOST_S)


def test_a_timeout_may_be_zero():
    """Where no time is a sensible time, 0 is accepted."""
    assert spans.seconds("0", most=1, zero=True) == 0


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("127.0.0.1:1", True),
        ("127.8.8.8:1", True),
        ("localhost:1", True),
        ("[::1]:1", True),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("10.0.0.1:1", False),
        ("broker.example.com:1", False),
    ],
)
def test_only_loopback_is_loopback(address, loopback):
    """An address that other machines might reach is not taken for a loopback one."""
    assert values.is_loopback(address) is loopback
