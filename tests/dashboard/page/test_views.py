"""Every view of the page opens without an error, fits, and can be read by everybody."""

import pytest

RUN = "r-0123456789"
OTHER = "r-9876543210"
VIEWS = ["#/runs", f"#/runs/{RUN}", f"#/compare/{RUN},{OTHER}", "#/cluster", "#/start"]
SHOWN = [f"[data-table={each}] tbody tr" for each in ("runs", "names", "differences", "agents")]
SHOWN.append("input[name=test]")
WIDTHS = [360, 1280, 1920, 2560]
SCHEMES = {"light": {}, "dark": {"runOnly": ["color-contrast"]}}
"""What axe looks for: all of it, and what the other colours can change."""
VIOLATIONS = (
    "rules => axe.run(document, {resultTypes: ['violations'], ...rules}).then(({violations}) =>"
    " violations.map(({id, nodes}) => `${id}: ${nodes.map(({html}) => html).join('; ')}`))"
)


@pytest.fixture
def controlled(door):
    """The door allows everything."""
    door.documents["web"]["control"] = True
    door.documents["POST runs"] = lambda *_: {"plan": door.documents[f"runs/{RUN}"]["plan"]}
    return door


def test_every_view_opens_fits_and_is_accessible(controlled, open_page, axe):
    """No console error and no other origin, no view wider than the window, no violation of axe.

    Tables scroll in themselves; the page does not, from side to side. Contrast, names, roles and
    order are as WCAG 2.2 AA has them, light and dark.
    """
    page = open_page(VIEWS[0])
    page.evaluate(axe)
    for view, what in zip(VIEWS, SHOWN, strict=True):
        page.evaluate("view => { location.hash = view; }", view)
        page.wait_for_selector(what)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            fits = "width => document.documentElement.scrollWidth <= width"
            page.wait_for_function(fits, arg=width, timeout=10_000)
        for scheme, rules in SCHEMES.items():
            page.emulate_media(color_scheme=scheme)
            assert page.evaluate(VIOLATIONS, rules) == [], view
