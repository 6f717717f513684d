"""What views ask the server for: what they show, and no more."""

import threading
from urllib.parse import parse_qs, urlsplit

from loadgrpc.model import RunState, words_of

RUN = "r-0123456789"
OTHER = "r-9876543210"


def asked(door, path):
    """The queries of all requests for a path."""
    urls = [urlsplit(url) for _, url in door.asked]
    return [parse_qs(each.query) for each in urls if each.path == f"/api/{path}"]


def test_the_view_of_the_cluster_asks_for_active_runs(door, open_page):
    """Of these it asks for all states, and for no figures: it shows none."""
    page = open_page("#/cluster")
    page.wait_for_selector("[data-table=agents] tbody tr")
    query, *_ = asked(door, "runs")

    assert query.keys() == {"limit", "state"}
    active = {word for word, state in words_of(RunState).items() if not state.final}
    assert {*query["state"]} == active


def test_a_comparison_asks_for_what_it_draws(door, open_page):
    """It has no picture of distributions, and leaves them where they are."""
    page = open_page(f"#/compare/{RUN},{OTHER}")
    page.wait_for_selector("[data-table=differences] tbody tr")
    queries = [asked(door, f"runs/{run_id}/timeline") for run_id in (RUN, OTHER)]

    assert [[each["distribution"] for each in found] for found in queries] == [[["0"]]] * 2


def test_a_view_that_was_left_asks_for_nothing(door, open_page):
    """Not even if it was left before it had its first answer."""
    left = threading.Event()
    broker = door.documents["broker"]
    door.documents["broker"] = lambda *_: broker if left.wait(10) else None
    page = open_page("#/cluster")
    page.evaluate("location.hash = '#/runs'")
    page.wait_for_selector("[data-table=runs] tbody tr")
    with page.expect_response("**/api/broker"):
        left.set()
    before = len(asked(door, "broker"))
    for _ in range(2):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        page.wait_for_timeout(100)

    assert before == len(asked(door, "broker"))
