"""When schedules are due: clocks that are put forward and back, and times that never come."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from loadgrpc.broker.cron import NICKNAMES, Cron
from loadgrpc.errors import InvalidRequest

BERLIN = ZoneInfo("Europe/Berlin")
SPRING = datetime(2026, 3, 29, tzinfo=BERLIN)
"""02:00 to 03:00 does not exist on this day."""
AUTUMN = datetime(2026, 10, 25, tzinfo=BERLIN)
"""02:00 to 03:00 comes twice on this day."""


def ns(moment):
    """A moment in nanoseconds since 1970."""
    return round(moment.timestamp()) * 10**9


def times(expression, begin, count, zone="Europe/Berlin"):
    """The next times, as people of that zone say them."""
    cron, moment = Cron(expression, zone), ns(begin)
    found = []
    for _ in range(count):
        moment = cron.after(moment)
        local = datetime.fromtimestamp(moment / 1e9, UTC).astimezone(ZoneInfo(zone))
        found.append(local.strftime("%d. %H:%M %Z"))
    return found


def test_a_time_of_day_that_does_not_exist_is_due_after_the_gap():
    """02:30 on the day when clocks are put forward is 03:00; on the days around it is 02:30."""
    assert times("30 2 * * *", SPRING - timedelta(days=1), 3) == [
        "28. 02:30 CET",
        "29. 03:00 CEST",
        "30. 02:30 CEST",
    ]


def test_a_time_of_day_that_exists_twice_is_due_once():
    """02:30 on the day when clocks are put back is the first of the two, and not the second."""
    assert times("30 2 * * *", AUTUMN - timedelta(days=1), 3) == [
        "24. 02:30 CEST",
        "25. 02:30 CEST",
        "26. 02:30 CET",
    ]


def test_between_the_two_the_next_is_tomorrow():
    """Whoever asks in the second of the doubled hours is not sent into the first one."""
    second = datetime(2026, 10, 25, 2, 10, tzinfo=BERLIN, fold=1)
    assert times("30 2 * * *", second, 1) == ["26. 02:30 CET"]


def test_every_hour_that_passes_is_due():
    """With `*` for the hour there are 23 and 25 of them on these days, each once."""
    spring = times("30 * * * *", SPRING - timedelta(minutes=1), 24)
    autumn = times("30 * * * *", AUTUMN - timedelta(minutes=1), 26)
    assert spring[:4] == ["29. 00:30 CET", "29. 01:30 CET", "29. 03:30 CEST", "29. 04:30 CEST"]
    assert autumn[1:4] == ["25. 01:30 CEST", "25. 02:30 CEST", "25. 02:30 CET"]
    assert (spring[22], spring[23]) == ("29. 23:30 CEST", "30. 00:30 CEST")
    assert (autumn[24], autumn[25]) == ("25. 23:30 CET", "26. 00:30 CET")


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Australia/Lord_Howe"])
@pytest.mark.parametrize("expression", ["*/20 * * * *", "15 2 * * *", "45 1,2 * * *"])
def test_times_go_forward_by_the_calendar(zone, expression):
    """Around both changes each time is later than the one before; no time of day comes twice."""
    for month, day in ((3, 27), (10, 2), (10, 23)):
        begin = datetime(2026, month, day, tzinfo=UTC)
        cron, moment, found = Cron(expression, zone), ns(begin), []
        while moment < ns(begin + timedelta(days=5)):
            following = cron.after(moment)
            assert following > moment
            assert cron.after(following - 1) == following
            found.append(following)
            moment = following
        if not expression.startswith("*/"):
            local = [datetime.fromtimestamp(t / 1e9, UTC).astimezone(ZoneInfo(zone)) for t in found]
            named = [each.replace(tzinfo=None) for each in local]
            assert len(named) == len(set(named))
            assert len({each.date() for each in named}) in (5, 6)


def test_the_minute_that_is_is_over():
    """Asked in the middle of 03:00, the next 03:00 is tomorrow's; a moment before it is today's."""
    three = datetime(2026, 6, 1, 3, tzinfo=BERLIN)
    cron = Cron("0 3 * * *", "Europe/Berlin")
    assert cron.after(ns(three)) == ns(three + timedelta(days=1))
    assert cron.after(ns(three) + 30 * 10**9) == ns(three + timedelta(days=1))
    assert cron.after(ns(three) - 1) == ns(three)


def test_nicknames():
    """Each is what cron has for it."""
    for name, expression in NICKNAMES.items():
        begin = datetime(2026, 5, 5, 5, 5, tzinfo=UTC)
        assert times(name, begin, 2, "UTC") == times(expression, begin, 2, "UTC")


@pytest.mark.parametrize(
    ("expression", "zone", "words"),
    [
        ("0 3 * *", "UTC", "schedule.cron has 4 fields and not 5"),
        ("0 3 * * 1 0", "UTC", "schedule.cron has 6 fields and not 5"),
        ("61 3 * * *", "UTC", "'61 3 * * *' is not a cron expression"),
        ("soon", "UTC", "such as '0 3 * * 1-5'"),
        ("0 3 * * *", "Europe/Berlln", "'Europe/Berlln' is not known: an IANA name is required"),
        ("0 3 * * *", "../../etc/passwd", "is not known"),
        ("0 3 * * *", "", "is not known"),
    ],
)
def test_what_is_wrong_is_said(expression, zone, words):
    """With the field, and what would be right."""
    with pytest.raises(InvalidRequest) as caught:
        Cron(expression, zone)
    assert words in str(caught.value).replace(": has", " has", 1)


def test_a_time_that_never_comes():
    """The 31st of February is none; the 29th is, in some years."""
    begin = ns(datetime(2026, 1, 1, tzinfo=UTC))
    try:
        never = Cron("0 0 31 2 *", "UTC").after(begin)
    except InvalidRequest:
        never = None
    assert never is None
    assert times("0 0 29 2 *", datetime(2026, 1, 1, tzinfo=UTC), 1, "UTC") == ["29. 00:00 UTC"]
