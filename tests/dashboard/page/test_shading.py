"""Charts are shaded where a threshold failed: on the page, live, and in a report."""

import asyncio
import copy
from concurrent.futures import ThreadPoolExecutor

import page_documents as made

from loadgrpc.dashboard.frozen import report_of

RUN = "r-0123456789"
FAILED = "p95(response) < 40ms over 30s"
TINTED = """([chart, start, seconds]) => {
  const {plot} = document.querySelector(`[data-chart=${chart}] .plot`).chart;
  const {top, height} = plot.bbox;
  return [...Array(seconds).keys()].filter(at => {
    const x = Math.round(plot.valToPos(start + at + 0.5, 'x', true));
    const {data} = plot.ctx.getImageData(x, top, 1, height);
    let tinted = 0;
    for (let pixel = 0; pixel < data.length; pixel += 4)
      tinted += data[pixel + 3] > 0 && data[pixel] > data[pixel + 2] + 60;
    return tinted > height / 2;
  });
}"""
"""Seconds of the run in which most of a chart is tinted: red, or amber."""
ALL = {at for start, length, _ in made.FAILED_SPANS for at in range(start, start + length)}


def tinted(page, chart="response", *, wanted):
    """The seconds that are shaded, as soon as they are those that are wanted."""
    page.wait_for_selector(f"[data-chart={chart}] .u-over")
    asked = [chart, made.START_S, made.SECONDS]
    script = f"asked => ({TINTED})(asked).join() === {','.join(map(str, sorted(wanted)))!r}"
    page.wait_for_function(script, arg=asked)
    return set(page.evaluate(TINTED, asked))


def results(door):
    """The results of thresholds of the run, as the door has them."""
    return door.documents[f"runs/{RUN}/summary"]["thresholds"]


def test_all_windows_that_failed_are_shaded(door, open_page):
    """In the chart of what the threshold is about, and in no other; a list for screen readers."""
    page = open_page(f"#/runs/{RUN}")

    assert tinted(page, wanted=ALL) == ALL
    assert tinted(page, "users", wanted=()) == set()
    said = page.get_attribute("[data-chart=response] .plot", "aria-label")
    times = [at for start, length, _ in made.FAILED_SPANS for at in (start, start + length)]
    shown = page.evaluate(
        "async all => { const {timeOfDay} = await import('./figures.js');"
        " return all.map(at => timeOfDay(at * 1000)); }",
        [made.START_S + at for at in times],
    )
    first, second = (f"{a} to {b}" for a, b in zip(shown[::2], shown[1::2], strict=True))
    assert f"limit {FAILED} did not hold, failed {first}, {second}" in said


def test_a_threshold_that_holds_has_its_windows_too(door, open_page):
    """Two windows failed where three in a row had to: they are shaded, and it holds."""
    [found] = [each for each in results(door) if each["threshold"] == FAILED]
    found.update(outcome="THRESHOLD_OUTCOME_PASS", failed=False)
    page = open_page(f"#/runs/{RUN}")

    assert tinted(page, wanted=ALL) == ALL
    said = page.get_attribute("[data-chart=response] .plot", "aria-label")
    assert f"limit {FAILED} holds, failed " in said


def test_of_an_older_broker_the_worst_window_is_shaded(door, open_page):
    """It says only that one."""
    for each in results(door):
        each["failedSpans"] = []
    page = open_page(f"#/runs/{RUN}")
    worst = set(range(60, 90))

    assert tinted(page, wanted=worst) == worst


def test_shading_follows_a_run_that_is_active(door, open_page):
    """What the stream says of thresholds counts, not the summary from before."""
    run = made.run(active=True)
    door.documents[f"runs/{RUN}"] = made.as_document(run)
    now = copy.deepcopy(results(door))
    for each in results(door):
        each.update(failedSpans=[], outcome="THRESHOLD_OUTCOME_PASS")
    door.streams[f"runs/{RUN}/watch"] = [
        ("", "2", {"run": made.as_document(run), "sequence": "2"}),
        ("", "2", {"progress": {"hits": "1", "thresholds": now}, "sequence": "2"}),
    ]
    page = open_page(f"#/runs/{RUN}")

    assert tinted(page, wanted=ALL) == ALL


def test_a_report_is_shaded_as_the_page_is(door, open_page, tmp_path):
    """Of the same summary, through the protocol and back."""
    kept = made.Results(door.documents[f"runs/{RUN}/timeline"])
    report = tmp_path / "report.html"
    with ThreadPoolExecutor() as pool:  # in this thread there is the loop of the browser
        report.write_text(pool.submit(asyncio.run, report_of([kept])).result())
    page = open_page("", url=report.as_uri())

    assert tinted(page, wanted=ALL) == ALL
