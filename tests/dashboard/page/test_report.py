"""A report in a browser: it has the charts that the page of its run has."""

import asyncio
import copy
from concurrent.futures import ThreadPoolExecutor

import page_documents as made

from loadgrpc.dashboard.frozen import report_of
from loadgrpc.protocol.document import as_document

RUN = "r-0123456789"
CHARTS = "all => all.filter(each => !each.hidden).map(each => each.dataset.chart)"


def test_a_report_has_the_charts_of_its_page(door, open_page, tmp_path):
    """That of service times, too, where hits began later than planned."""
    timeline = copy.deepcopy(door.documents[f"runs/{RUN}/timeline"])
    for each in timeline["windows"]:
        each["hits"]["response"] = as_document(made.elapsed(70))
    door.documents[f"runs/{RUN}/timeline"] = timeline
    report = tmp_path / "report.html"
    with ThreadPoolExecutor() as pool:  # in this thread there is the loop of the browser
        made_of = pool.submit(asyncio.run, report_of([made.Results(timeline)]))
        report.write_text(made_of.result())
    shown = []
    for page in (open_page(f"#/runs/{RUN}"), open_page("", url=report.as_uri())):
        page.wait_for_selector("[data-chart=rate] .u-over")
        shown.append(page.eval_on_selector_all("[data-chart]", CHARTS))

    assert shown[0] == shown[1]
    assert "service" in shown[1]
