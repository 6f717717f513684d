"""Every view of the page opens without an error, fits, and can be read by everybody."""

import pytest

RUN = "r-0123456789"
OTHER = "r-9876543210"
VIEWS = ["#/runs", f"#/runs/{RUN}", f"#/compare/{RUN},{OTHER}", "#/cluster", "#/start"]
WIDTHS = [360, 1280, 1920, 2560]


@pytest.fixture
def controlled(door):
    """The door allows everything."""
    door.documents["web"]["control"] = True
    door.documents["POST runs"] = lambda *_: {"plan": door.documents[f"runs/{RUN}"]["plan"]}
    return door


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_opens_fits_and_is_accessible(controlled, open_page, axe, view):
    """No console error and no other origin, no view wider than the window, no violation of axe.

    Tables scroll in themselves; the page does not, from side to side. Contrast, names, roles and
    order are as WCAG 2.2 AA has them, light and dark.
    """
    page = open_page(view)
    page.wait_for_selector("main :is(table, form, input)")

    assert "not reachable" not in page.inner_text("main")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        wide = page.evaluate(
            "new Promise(done => requestAnimationFrame(() =>"
            " done(document.documentElement.scrollWidth)))"
        )
        assert wide <= width
    page.evaluate(axe)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found = page.evaluate(
            "axe.run(document, {resultTypes: ['violations']}).then(({violations}) =>"
            " violations.map(({id, nodes}) => `${id}: ${nodes.map(({html}) => html).join('; ')}`))"
        )
        assert found == []
