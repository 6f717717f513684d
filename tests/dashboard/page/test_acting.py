"""What can be done on the page: it is asked for first, and sent as the protocol has it."""

import page_documents as made
import pytest

RUN = "r-0123456789"
OTHER = "r-9876543210"


@pytest.fixture
def sent(door):
    """What was sent to a door that allows everything: (what, body)."""
    found = []

    def takes(what, answer):
        def take(parameters, body):
            found.append((what, body))
            return answer

        door.documents[f"POST {what}"] = take

    door.documents["web"]["control"] = True
    active = made.run(active=True, load="ramp 0..50 users in 1m; hold 5m", users=[], duration=None)
    door.documents[f"runs/{RUN}"] = made.as_document(active)
    door.streams[f"runs/{RUN}/watch"] = []
    for what in ("stop", "load", "note"):
        takes(f"runs/{RUN}/{what}", {})
    return found


def test_a_run_is_stopped_after_a_question(sent, open_page):
    """Nothing is sent before somebody has confirmed it; then how to stop."""
    page = open_page(f"#/runs/{RUN}")
    page.click("text=Stop >> visible=true")
    page.click("dialog >> text=Cancel")
    assert sent == []

    page.click("text=Stop >> visible=true")
    page.click("dialog >> text=Stop it")
    page.wait_for_selector("dialog", state="detached")
    assert sent == [(f"runs/{RUN}/stop", {"mode": "STOP_MODE_GRACEFUL"})]


def test_load_is_changed_and_a_note_is_added(sent, open_page):
    """Users of a load of users, as a number; a note, as it was typed."""
    page = open_page(f"#/runs/{RUN}")
    page.click("text=Change load")
    page.fill("dialog input", "80")
    page.click("dialog >> text=Change it")
    page.wait_for_selector("dialog", state="detached")
    page.click("text=Add a note")
    page.fill("dialog input", "cache <off>")
    page.click("dialog >> text=Add it")
    page.wait_for_selector("dialog", state="detached")

    (_, load), (_, note) = sent
    assert load["users"] == 80
    assert note == {"text": "cache <off>"}


def test_what_is_wrong_stands_at_the_field(sent, door, open_page):
    """A plan is checked while it is typed; a right one is started, and its run is shown."""
    plan = made.as_document(made.run())["plan"]
    asked = []

    def check(parameters, body):
        asked.append((parameters, body))
        if body["plan"].get("users") != [20]:
            wrong = {"field": "plan.users[0]", "message": "must be from 1 to 100000"}
            return {"code": "INVALID_ARGUMENT", "message": "the plan is wrong", "fields": [wrong]}
        return {"plan": plan, "waitsFor": ""} if parameters else {"run": {"runId": OTHER}}

    door.documents["POST runs"] = check
    page = open_page("#/start", refused="400 (Bad Request)")
    page.fill("input[name=test]", "shop.TestShop.test_buy")
    page.fill("input[name=duration]", "5m")
    page.fill("input[name=users]", "0")
    page.wait_for_selector("text=must be from 1 to 100000")
    assert page.get_attribute("input[name=users]", "aria-invalid") == "true"

    page.fill("input[name=users]", "20")
    page.wait_for_selector("text=can be started")
    page.click("button:text-is('Start')")
    page.wait_for_selector(f"code:text-is('{OTHER}')")
    assert asked[-1] == (
        {},
        {
            "plan": {"test": "shop.TestShop.test_buy", "users": [20], "duration": "300s"},
            "queue": False,
        },
    )


def test_runs_are_found_and_compared(door, open_page):
    """The filter looks in all columns; two ticked runs are compared, in words."""
    page = open_page("#/runs")
    page.fill("input[type=search]", OTHER)
    page.wait_for_selector("text=1 of 2 runs")
    page.fill("input[type=search]", "")
    for run_id in (RUN, OTHER):
        page.check(f"input[aria-label='Compare {run_id}']")
    page.click("text=Compare 2")
    page.wait_for_selector("[data-table=differences] tbody tr")
    outcomes = page.eval_on_selector_all(
        "[data-table=differences] .outcome", "all => all.map(each => each.textContent)"
    )

    assert outcomes == ["same", "worse", "better", "cannot tell"]


def test_charts_zoom_together(door, open_page):
    """A drag over one chart zooms all, and a key shows everything again."""
    page = open_page(f"#/runs/{RUN}")
    over = page.locator("[data-chart=rate] .u-over")
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.25, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, middle, steps=4)
    page.mouse.up()
    page.wait_for_selector("button:text-is('Whole time')")
    spans = page.evaluate(
        "[...document.querySelectorAll('.plot')].filter(each => each.chart.plot)"
        ".map(({chart: {plot: {scales: {x}}}}) => Math.round(x.max - x.min))"
    )
    page.focus("[data-chart=response] .plot")
    page.keyboard.press("0")

    assert len(spans) >= 4
    assert set(spans) == {spans[0]}
    assert 25 <= spans[0] <= 35
    assert page.is_hidden("button:text-is('Whole time')")
