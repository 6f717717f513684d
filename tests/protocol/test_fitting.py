"""Figures that do not fit their fields."""

import pytest

from loadgrpc import model
from loadgrpc.protocol import progress, times
from loadgrpc.protocol.fitting import fit
from loadgrpc.v1 import control_pb2, fleet_pb2, run_pb2

HUGE = 2**200


@pytest.mark.parametrize(
    ("kind", "field", "highest", "lowest"),
    [
        (run_pb2.HitFigures, "bytes_sent", 2**64 - 1, 0),
        (control_pb2.RunProgress, "users", 2**32 - 1, 0),
        (fleet_pb2.RunnerExit, "exit_status", 2**31 - 1, -(2**31)),
    ],
)
def test_hostile_4_numbers_out_of_range_become_the_nearest(kind, field, highest, lowest):
    """A number that its field cannot hold is told as the nearest that it can."""
    assert getattr(fit(kind, **{field: HUGE}), field) == highest
    assert getattr(fit(kind, **{field: -HUGE}), field) == lowest
    assert getattr(fit(kind, **{field: 7}), field) == 7


def test_hostile_4_numbers_in_maps_become_the_nearest():
    """So do those of a map, and its keys; what else is wrong is still an error."""
    summary = fit(run_pb2.RunSummary, counters={"up": HUGE, "down": -HUGE, "good": 7}, run_id="r")
    assert dict(summary.counters) == {"up": 2**63 - 1, "down": -(2**63), "good": 7}
    assert dict(fit(run_pb2.NameFigures, statuses={HUGE: HUGE}).statuses) == {2**32 - 1: 2**64 - 1}
    with pytest.raises(TypeError):
        fit(run_pb2.HitFigures, count="many")


def test_hostile_4_times_out_of_range_become_the_nearest():
    """Moments and durations stay in the range that JSON has words for."""
    assert times.timestamp_to_proto(HUGE).ToJsonString() == "9999-12-31T23:59:59.999999999Z"
    assert times.timestamp_to_proto(-HUGE).ToJsonString() == "0001-01-01T00:00:00Z"
    assert times.duration_to_proto(HUGE).ToJsonString() == "315576000000s"
    assert times.duration_to_proto(-1).ToJsonString() == "0s"
    assert times.signed_to_proto(-HUGE).ToJsonString() == "-315576000000s"
    assert times.signed_from_proto(times.signed_to_proto(-1_500_000_000)) == -1_500_000_000


def test_hostile_5_live_figures_always_fit():
    """Users that add up to more than a field holds do not end a watcher's stream."""
    news = model.News(1, model.Progress(users=2 * (2**32 - 1), hits=HUGE))
    assert progress.news_to_proto(news).progress.users == 2**32 - 1
