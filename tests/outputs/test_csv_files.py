"""`csv`: the names and columns of Locust, and figures that add up."""

import asyncio
import csv
from dataclasses import replace

import pytest

from loadgrpc.model import CpuFigures, ElapsedFigures, HitError, HitErrorGroup
from loadgrpc.outputs import OutputError
from loadgrpc.outputs.csv_files import CsvFiles, safe

FILES = ("arrivals", "exceptions", "failures", "generator", "series", "stats", "stats_history")


def rows(path):
    """A file of rows, by column."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write(target, results):
    """Checks and writes, as a command does."""
    output = CsvFiles(str(target))
    output.check()
    asyncio.run(output.write(results))


@pytest.fixture
def written(tmp_path, script, summary, windows):
    """The files of a run, by name."""
    write(tmp_path / "run", script(summary, windows))
    assert sorted(each.name for each in tmp_path.iterdir()) == [f"run_{name}.csv" for name in FILES]
    return {name: rows(tmp_path / f"run_{name}.csv") for name in FILES}


def test_the_columns_are_those_of_locust(written):
    """Scripts that read Locust's files find the same columns, in the same order."""
    assert ",".join(written["stats"][0]) == (
        "Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time,"
        "Min Response Time,Max Response Time,Average Content Size,Requests/s,Failures/s,"
        "50%,90%,95%,99%,100%"
    )
    assert ",".join(written["stats_history"][0]) == (
        "Timestamp,User Count,Type,Name,Requests/s,Failures/s,50%,90%,95%,99%,100%,"
        "Total Request Count,Total Failure Count,Total Median Response Time,"
        "Total Average Response Time,Total Min Response Time,Total Max Response Time,"
        "Total Average Content Size"
    )
    assert ",".join(written["failures"][0]) == (
        "Method,Name,Error,Occurrences,First Seen,Last Seen"
    )
    assert ",".join(written["exceptions"][0]) == "Count,Message,Traceback,Nodes"


def test_rows_add_up_to_the_totals(written, summary):
    """By name, by failure, by window and by series: everywhere the same sums."""
    *names, total = written["stats"]
    assert total["Name"] == "Aggregated"
    for column, whole in (("Request Count", 10), ("Failure Count", 3)):
        assert int(total[column]) == sum(int(row[column]) for row in names) == whole
        assert sum(int(row[column]) for row in written["series"]) == whole
        assert int(written["stats_history"][-1][f"Total {column}"]) == whole
    assert sum(int(row["Occurrences"]) for row in written["failures"]) == 3
    assert sum(int(row["Count"]) for row in written["exceptions"]) == 3
    assert sum(float(row["Requests/s"]) for row in written["stats_history"]) == 10


def test_times_are_milliseconds(written):
    """Percentiles of a window are those of its hits; what is not known is N/A."""
    first, second = written["stats_history"]
    assert [first[each] for each in ("50%", "90%", "95%", "99%", "100%")] == [
        "2",
        "4",
        "6",
        "8",
        "10",
    ]
    assert second["Total Median Response Time"] == "N/A"
    assert float(second["Total Average Response Time"]) == pytest.approx(
        (5 * 2 + 2 * 4) / 7, abs=0.001
    )
    assert (second["Total Min Response Time"], second["Total Max Response Time"]) == ("1", "20")
    assert written["stats"][1]["50%"] == "N/A"  # nothing was answered


def test_failures_and_exceptions_say_what_happened(written):
    """An answer that failed by its status, a hit without one by its error, and tracebacks whole."""
    said = [(row["Method"], row["Name"], row["Error"]) for row in written["failures"]]
    assert said == [
        ("GET", "/a", "500 Internal Server Error"),
        ("POST", "/b", "connect: Connection refused"),
    ]
    first = written["exceptions"][0]
    assert first["Message"] == "AssertionError: 500 != 200"
    assert first["Traceback"] == "Traceback\n  line\n"


def test_planned_hits_are_timed_from_their_plan(tmp_path, script, summary):
    """Response times, where they differ from service times, hide no waiting."""
    late = replace(summary.hits, response=ElapsedFigures(avg_ns=10**9, p50_ns=10**9, max_ns=10**9))
    write(tmp_path / "x", script(replace(summary, hits=late)))
    assert rows(tmp_path / "x_stats.csv")[-1]["Median Response Time"] == "1000"


def test_a_folder_gets_files_without_prefix(tmp_path, script, summary):
    """`csv=out/` makes the folder."""
    write(f"{tmp_path}/out/", script(summary))
    assert sorted(each.name for each in (tmp_path / "out").iterdir()) == [
        f"{name}.csv" for name in FILES
    ]


def test_nothing_appears_if_one_cannot_be_written(tmp_path, script, summary):
    """The files of a run appear together, or none of them."""

    class Gone(script):
        async def windows(self, *_, **__):
            raise OutputError("the broker was lost")
            yield

    with pytest.raises(OutputError):
        write(tmp_path / "x", Gone(summary))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_the_way_is_named(tmp_path):
    """The error says which of the files cannot be written."""
    (tmp_path / "x_failures.csv").mkdir()
    with pytest.raises(OSError, match=r"Is a directory: '.*x_failures\.csv'"):
        CsvFiles(str(tmp_path / "x")).check()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("@SUM(1)", "'@SUM(1)"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("/a=b", "/a=b"),
        ("\x1b[31mred\x00", "\\x1b[31mred\\x00"),
        ("\r=1", "\\r=1"),
        ("\t=1", "'    =1"),
        ("two\nlines", "two\nlines"),
    ],
)
def test_a_spreadsheet_computes_nothing(text, shown):
    """Text from a server is no formula, and steers no terminal."""
    assert safe(text) == shown


def test_hostile_names_come_back_as_one_cell(tmp_path, script, summary):
    """Quotes, commas and line breaks stay inside of their cell; numbers are left alone."""
    name = '=1,"2"\n3'
    group = HitErrorGroup(count=3, name=name, method="GET", error=HitError.OTHER, error_message="")
    write(tmp_path / "x", script(replace(summary, hit_errors=(group,))))
    found = rows(tmp_path / "x_failures.csv")[-1]
    assert found["Name"] == "'" + name
    assert found["Occurrences"] == "3"


def test_arrivals_have_a_file_of_their_own(tmp_path, script, summary, windows, written):
    """With rows of windows in which something was planned, or became of it."""
    assert written["arrivals"] == []
    began = replace(windows[0], planned=50, started=40, waiting=10, late=3)
    ended = replace(windows[1], dropped=10)
    write(tmp_path / "open", script(summary, [began, ended]))

    found = rows(tmp_path / "open_arrivals.csv")
    assert [list(row.values())[2:7] for row in found] == [
        ["50", "40", "0", "10", "3"],
        ["0", "0", "10", "0", "0"],
    ]
    assert int(found[0]["Timestamp"]) == began.start_ns // 10**9


def test_how_the_generator_kept_up_has_a_file_of_its_own(tmp_path, script, summary, windows):
    """A row for each window in which it was reported; what was not is not known."""
    lag = ElapsedFigures(p99_ns=1_500_000, max_ns=2_000_000)
    told = replace(windows[0], lag=lag, cpu=CpuFigures(avg=0.25, max=0.5))
    write(tmp_path / "run", script(summary, [told, windows[1], replace(told, lag=None)]))

    assert [list(row.values())[1:] for row in rows(tmp_path / "run_generator.csv")] == [
        ["1", "1.5", "2", "25", "50"],
        ["1", "N/A", "N/A", "25", "50"],
    ]
