"""Rows from files, added up over processes and agents; what a verdict says of them."""

from loadgrpc.broker.aggregate import Aggregate
from loadgrpc.broker.judgement import PlannedWork, remarks, undone
from loadgrpc.broker.taken_data import MAX_FILES, TakenData
from loadgrpc.model import OTHER, DataFigures, DataMode, DataUse, IterationFigures, UserFigures
from loadgrpc.protocol.batches import decode
from loadgrpc.v1 import event_pb2, runner_pb2

ONCE = DataMode.ONCE


def test_uses_add_up_by_scenario_file_and_mode():
    """Whichever process reports them; the rows are those of the file."""
    taken = TakenData()
    taken.add("x", [DataUse("a.csv", ONCE, 10, 7, taken=3), DataUse("b.csv", ONCE, 1, 1, 1)])
    taken.add("x", [DataUse("a.csv", ONCE, 10, 7, taken=4, repeated=1, refused=2, stopped=1)])
    taken.add("y", [DataUse("a.csv", DataMode.UNIQUE, 10, 7, taken=1)])
    assert taken.figures() == (
        DataFigures(
            file="a.csv",
            mode=ONCE,
            scenario="x",
            rows=10,
            taken=7,
            repeated=1,
            refused=2,
            stopped=1,
        ),
        DataFigures(file="b.csv", mode=ONCE, scenario="x", rows=1, taken=1),
        DataFigures(file="a.csv", mode=DataMode.UNIQUE, scenario="y", rows=10, taken=1),
    )
    assert [each.file for each in taken.of("y")] == ["a.csv"]


def test_copies_that_differ_are_noticed():
    """Then the rows are not shared out at all; 0 says nothing."""
    taken = TakenData()
    taken.add("", [DataUse("a.csv", ONCE, 10, 7), DataUse("a.csv", ONCE, 12, 0)])
    assert [each.differs for each in taken.figures()] == [False]
    taken.add("", [DataUse("a.csv", ONCE, 9, 8)])
    assert taken.figures() == (
        DataFigures(file="a.csv", mode=ONCE, scenario="", rows=12, differs=True),
    )


def test_there_are_at_most_a_hundred_files():
    """The rest are added up under a name that says so, at the end."""
    taken = TakenData()
    for at in range(MAX_FILES + 5):
        taken.add("x", [DataUse(f"{at:03}.csv", ONCE, 10, at + 1, taken=2)])
    *known, other = taken.figures()
    assert len(known) == MAX_FILES
    assert other == DataFigures(file=OTHER, mode=ONCE, scenario="", rows=10, taken=10)


def test_events_are_checked_and_counted():
    """An event without a file or a mode, or with more repeated than taken, is rejected."""
    uses = [
        {"file": "a.csv", "mode": 4, "rows": 5, "taken": 2},
        {"mode": 4},
        {"file": "a.csv"},
        {"file": "a.csv", "mode": 9},
        {"file": "a.csv", "mode": 1, "taken": 1, "repeated": 2},
    ]
    batch = runner_pb2.EventBatch(events=[event_pb2.Event(data=use) for use in uses])
    decoded = decode(batch, arrival_ns=1)
    assert (len(decoded.data), decoded.rejected) == (1, 4)
    assert "data: file: is required" in decoded.violations
    aggregate = Aggregate()
    aggregate.add(("a", "x"), "r", decoded, arrival_ns=1)
    assert aggregate.data.figures() == (
        DataFigures(file="a.csv", mode=ONCE, scenario="x", rows=5, taken=2),
    )


def work(*data, planned=10, finished=10, interrupted=0, duration_s=None):
    """Work of one scenario that took rows."""
    return PlannedWork(
        iterations=IterationFigures(
            started=finished + interrupted,
            success=finished,
            interrupted=interrupted,
            planned=planned,
            dropped=max(0, planned - finished - interrupted),
        ),
        users=UserFigures(planned=2, started=2),
        duration_s=duration_s,
        data=data,
    )


def test_a_run_whose_rows_ended_its_users_is_incomplete():
    """Also where a stop timeout of zero allows iterations to be cut off."""
    ended = DataFigures(file="a.csv", mode=ONCE, rows=5, taken=5, stopped=2)
    said = undone([work(ended, finished=5, interrupted=2)], over=True)
    assert said == "a.csv ran out of its 5 rows: 2 users ended, and 5 of 10 iterations finished"
    timed = work(ended, planned=0, finished=5, interrupted=2, duration_s=60.0)
    assert undone([timed], over=True) == (
        "a.csv ran out of its 5 rows: 2 users ended, and 5 iterations finished"
    )


def test_rows_that_two_users_had_are_mentioned():
    """A run that passes all the same says so; going round in turn is what was asked for."""
    shared = DataFigures(file="a.csv", mode=DataMode.UNIQUE, rows=5, taken=7, repeated=2)
    turns = DataFigures(file="b.csv", mode=DataMode.IN_TURN, rows=5, taken=7, repeated=2)
    other = DataFigures(file="c.csv", mode=DataMode.IN_TURN, rows=5, taken=7, differs=True)
    assert undone([work(shared, turns)], over=True) == ""
    assert remarks([work(shared, turns, other)]) == (
        "a.csv had too few rows: 2 users shared a row with another;"
        " c.csv was not the same file everywhere, so its rows were not shared out"
    )
