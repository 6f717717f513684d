"""What thresholds are read as, and what is said of those that cannot be read."""

import pytest

from loadgrpc.judge.cursor import BadThreshold
from loadgrpc.judge.explain import explain
from loadgrpc.judge.grammar import parse

MS = 1_000_000


def test_all_parts_of_a_threshold_are_read():
    """Each clause ends up where it belongs, in whatever order they come."""
    found = parse(
        'p95(response{name=login, scenario="check out"}) < 300ms skip 1m over 30s for 3 abort'
    )
    assert found.aggregate == "p95"
    assert found.metric.name == "response"
    assert str(found.where) == "{name=login,scenario=check out}"
    assert (found.operator, found.limit) == ("<", 300 * MS)
    assert (found.over_s, found.strikes, found.skip_ns) == (30, 3, 60_000 * MS)
    assert found.abort
    assert not found.or_no_data


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("p99.9(service) <= 1.5s", 1_500 * MS),
        ("max(lag) < 5000us", 5 * MS),
        ("avg(response) < 250µs", 250_000),
        ("rate(failed) < 0.1%", 0.1),
        ("hits/s > 450", 450),
        ("hits{name=a}/s > 450/s", 450),
        ("loss == 0", 0),
        ("rules == 100%", 100),
        ('count("orders placed") >= 10', 10),
        ("orders > 3", 3),
    ],
)
def test_limits_mean_the_decimal_number_that_is_written(text, limit):
    """Times are nanoseconds inside, shares percent."""
    assert float(parse(text).limit) == limit


@pytest.mark.parametrize(
    ("text", "over_s"),
    [
        ("hits/s > 450", None),
        ("hits/s > 450 over run", None),
        ("hits/s > 450 in 99% of windows", 1),
        ("hits/s > 450 for 3", 1),
        ("hits/s > 450 over 30s", 30),
        ("hits/s > 450 over 1m30s", 90),
        ("hits/s > 450 over 1h", 3_600),
    ],
)
def test_without_windows_a_threshold_is_about_the_whole_run(text, over_s):
    """Only `over`, `for` and `in` make windows."""
    assert parse(text).over_s == over_s


WRONG = [
    ("", "^ a threshold is missing"),
    ("p95(response) < 300", "                   ^ a time needs a unit, such as 300ms"),
    ("p95(response) < 300 abort", "                   ^ a time needs a unit"),
    (
        "p95(response) < 300x",
        "                   ^ a time needs a unit, such as 300ms or 1.5s, not",
    ),
    (
        "p95(respons) < 300ms",
        "    ^ p95 is for response, service, transaction, measurement, lag, not for counters; did",
    ),
    ("p95(latency) < 300ms", "    ^ latency is called response here"),
    ("median(response) < 1s", "^ 'median' is no aggregate; did you mean 'p50'?"),
    ("mean(response) < 1s", "^ 'mean' is no aggregate; did you mean 'avg'?"),
    ("foo(response) < 1s", "^ 'foo' is no aggregate: one of count, rate, avg"),
    ("response < 1s", "^ response needs an aggregate, such as p95(response)"),
    ("cpu < 1%", "^ cpu needs an aggregate, such as max(cpu)"),
    ("p101(response) < 1s", "^ percentiles are from p0 to p100"),
    ("rate(hits) > 5%", "^ hits is no share of anything; per second it is hits/s"),
    ("rate(response) > 5%", "^ response is no share of anything"),
    ("avg(failed) > 5%", "^ failed has no avg: use count or rate"),
    ("p95(users) > 5", "^ users has no p95: use avg or min or max"),
    ("rate(failed) < 1", "                ^ failed is a share, in percent: 1%"),
    ("hits < 5%", "        ^ a number has no unit: a share is rate(hits), not '%'"),
    ("hits/m > 5", "    ^ rates are per second: /s"),
    ("users/s > 5", "     ^ users has no rate per second"),
    ("p95(response < 1s", "             ^ a closing bracket is missing"),
    ("p95(response)/s < 1s", "             ^ a rate per second has no aggregate"),
    ("p95(response) = 1s", "              ^ '=' is no comparison: write =="),
    ("p95(response) =< 1s", "              ^ '=<' is no comparison: write <="),
    ("p95(response) 1s", "              ^ a comparison is missing"),
    ("p95(response) <", "               ^ a limit is missing, such as 300ms"),
    ("p95(response{nam=x}) < 1s", "             ^ response has no 'nam'; did you mean 'name'?"),
    (
        "p95(response{agent=x,name=y}) < 1s",
        "                     ^ a timeline does not keep both together: select by agent or by name",
    ),
    (
        "failures{case=x,agent=y} < 1",
        "                ^ a timeline does not keep both together: select by agent or by case",
    ),
    ("orders{case=x} < 1", "       ^ orders has no 'case'"),
    ("p95(response{name}) < 1s", "                 ^ = or != is missing"),
    ("p95(response{name=x) < 1s", None),
    ("p95(response{name=}) < 1s", "                  ^ the name is missing, such as name=*"),
    ("failed{status=404} == 0", "              ^ a timeline has classes of statuses, such as 4xx"),
    ("max(lag{name=x}) < 1s", "       ^ lag cannot be selected from"),
    ("hits > 5 ovr 30s", "         ^ 'ovr' is not understood; did you mean 'over' or"),
    ("hits > 5 over 30", "                ^ a time needs a unit"),
    ("hits > 5 over 1.5s", "              ^ windows are whole seconds"),
    ("hits > 5 over 2h", "              ^ windows are whole seconds, at most 1h"),
    ("hits > 5 over 95s", "              ^ over 1m it has to be a multiple of 10s"),
    ("hits > 5 over 11m30s", "              ^ over 10m it has to be a multiple of 60s"),
    ("hits > 5 for 0", "             ^ a number of windows in a row is missing"),
    ("hits > 5 for 30s", "             ^ a number of windows in a row is missing"),
    ("hits > 5 in 99", "              ^ '%' is missing: in 99% of windows"),
    ("hits > 5 in 101% of windows", "            ^ a share of windows is missing"),
    ("hits > 5 over run for 3", "                  ^ over run is one window"),
    ("hits > 5 for 3 in 99% of windows", "               ^ either a number of windows in a"),
    ("hits > 5 abort abort", "               ^ 'abort' is there twice"),
    ("hits > 5 abort", "         ^ it would stop every run at once"),
    ("hits > 5 or nodata", "            ^ 'no' is missing: or no data"),
    ("loss == 0 over 30s", "          ^ loss is known for the whole run only"),
    ("loss == 0 skip 30s", "          ^ loss is known for the whole run only"),
    ("hits > 5 !", "         ^ this is not understood; what may follow"),
]


@pytest.mark.parametrize(("text", "below"), WRONG)
def test_the_wrong_character_is_pointed_at(text, below):
    """With what would be right there."""
    with pytest.raises(BadThreshold) as raised:
        parse(text)
    shown, caret = raised.value.lines()
    assert shown == text
    if below is not None:
        assert caret.startswith(below)


def test_a_threshold_is_one_line_however_it_is_written():
    """Line breaks and runs of spaces in a configuration file are spaces."""
    assert parse("p95(response)\n   <  300ms").text == "p95(response) < 300ms"


def test_statuses_are_classes():
    """Those of hits without an answer are `none`; `*` stands for anything."""
    where = parse("failed{status=5xx} == 0").where
    assert where.takes_status(5)
    assert not where.takes_status(0)
    assert parse("failed{status!=2xx} == 0").where.takes_status(0)
    assert parse("failed{status=*} == 0").where.takes_status(0)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "p95(response{name=login}) < 300ms over 30s for 3 skip 1m abort",
            (
                "The 95th percentile of response times of hits named login must be below 300 ms in"
                " every window of 30 seconds (one ends every second); it fails when 3 windows in a"
                " row do not hold. What ends in the first 1 minute of the run does not count."
                " As soon as it does not hold, the run is stopped."
                " A run in which there is nothing to judge fails."
            ),
        ),
        (
            "rate(failures{case=18}) == 0% or no data",
            (
                "The share of iterations with a failed assertion of rule 18 must be 0% over the"
                " whole run. A run in which there is nothing to judge passes."
            ),
        ),
        (
            "rate(failed) < 1% over run or no data",
            (
                "The share of failed hits must be below 1% over the whole run."
                " A run in which there is nothing to judge passes."
            ),
        ),
        (
            "hits/s > 450 in 99% of windows",
            (
                "The number of hits per second must be above 450/s in 99% of the seconds of the"
                " run. A run in which there is nothing to judge fails."
            ),
        ),
        (
            "orders >= 3",
            (
                "The counter 'orders' of the test must be at least 3 over the whole run."
                " A run in which there is nothing to judge fails."
            ),
        ),
        (
            "max(cpu) < 90%",
            (
                "The largest of shares of their CPU time that processes of the generator use must"
                " be below 90% over the whole run. A run in which there is nothing to judge fails."
            ),
        ),
    ],
)
def test_a_threshold_is_explained_in_sentences(text, sentence):
    """As `loadgrpc check --explain` prints them."""
    assert explain(parse(text)) == sentence
