"""What views ask the server for: what they show, and no more."""

from urllib.parse import parse_qs, urlsplit

from loadgrpc.model import RunState, words_of

RUN = "r-0123456789"
OTHER = "r-9876543210"


def asked(door, path):
    """The queries of requests for a path, each once."""
    urls = {url: urlsplit(url) for _, url in door.asked}
    return [parse_qs(each.query) for each in urls.values() if each.path == f"/api/{path}"]


def test_the_view_of_the_cluster_asks_for_active_runs(door, open_page):
    """Of these it asks for all states, and for no figures: it shows none."""
    page = open_page("#/cluster")
    page.wait_for_selector("[data-table=agents] tbody tr")
    (query,) = asked(door, "runs")

    assert query.keys() == {"limit", "state"}
    active = {word for word, state in words_of(RunState).items() if not state.final}
    assert {*query["state"]} == active


def test_a_comparison_asks_for_what_it_draws(door, open_page):
    """It has no picture of distributions, and leaves them where they are."""
    page = open_page(f"#/compare/{RUN},{OTHER}")
    page.wait_for_selector("[data-table=differences] tbody tr")
    queries = [asked(door, f"runs/{run_id}/timeline") for run_id in (RUN, OTHER)]

    assert [[each["distribution"] for each in found] for found in queries] == [[["0"]]] * 2
