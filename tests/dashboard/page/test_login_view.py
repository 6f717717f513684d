"""The way in: who is asked for a token, what they see then, and what they may do."""

import pytest
from conftest import RUN

TOKEN = "lgt_right"
WHY = "the token ann was revoked"
MAY = {
    "WATCH": ["GetRun", "ListRuns"],
    "RUN": ["GetRun", "ListRuns", "StartRun", "StopRun"],
    "ADMIN": ["GetRun", "ListRuns", "StartRun", "StopRun", "DrainAgent"],
}
FAR = "2100-01-01T00:00:00Z"


def inside(role="WATCH", **more):
    """What the page is to somebody who is in."""
    access = {"name": "ann", "role": f"ROLE_{role}", "token": True, "tls": True}
    access |= {"expireTime": FAR, "brokerExpireTime": FAR, **more}
    return {
        "control": "StartRun" in MAY[role],
        "version": "0.1.0",
        "broker": "127.0.0.1:7979",
        "login": True,
        "access": access,
        "may": MAY[role],
    }


def outside(why=""):
    """The same to somebody who is not."""
    return {"control": False, "version": "", "broker": "", "login": True, "access": None} | {
        "may": [],
        "why": why,
    }


@pytest.fixture
def asking(door):
    """A door that asks for a token."""
    state = {"web": outside()}

    def login(_, body):
        if body["token"] != TOKEN:
            return {"code": "UNAUTHENTICATED", "message": "the token is not known here"}
        state["web"] = inside()
        return state["web"]

    def logout(_, __):
        state["web"] = outside()
        return state["web"]

    door.documents |= {"web": lambda _, __: state["web"]}
    door.documents |= {"POST login": login, "POST logout": logout}
    door.state = state
    return door


def test_somebody_logs_in_and_out(asking, open_page):
    """A wrong token gets the sentence; with the right one they are where they wanted to be."""
    page = open_page(f"#/runs/{RUN}", refused="401")
    assert page.inner_text("h1") == "Log in"
    assert page.locator("nav").count() == 0
    page.fill("input[name=token]", "lgt_wrong")
    page.press("input[name=token]", "Enter")
    page.wait_for_selector(".wrong:text-is('the token is not known here')")
    page.fill("input[name=token]", f" {TOKEN} ")
    page.press("input[name=token]", "Enter")
    page.wait_for_selector("header .viewer:text-is('ann (watch)')")
    page.wait_for_selector("[data-figure=hits]")
    assert TOKEN not in page.content()
    assert page.evaluate("document.cookie + Object.keys(localStorage)") == ""
    page.click("text=Log out")
    page.wait_for_selector("h1:text-is('Log in')")
    assert page.input_value("input[name=token]") == ""


def test_somebody_who_is_not_known_any_more_is_asked_again(asking, open_page):
    """As soon as something is refused, with the reason; what was shown is gone."""
    asking.state["web"] = inside()
    page = open_page("#/cluster", refused="401")
    page.wait_for_selector("[data-table=agents]")
    asking.documents["agents"] = {"code": "UNAUTHENTICATED", "message": WHY}
    asking.state["web"] = outside(WHY)
    page.wait_for_selector(f".wrong:text-is('{WHY}')")
    assert page.locator("[data-table]").count() == 0


CELLS = [
    # role, owner of the run; may start, may delete it, may drain
    ("WATCH", "ann", False, False, False),
    ("RUN", "ann", True, True, False),
    ("RUN", "eve", True, False, False),
    ("ADMIN", "eve", True, True, True),
]


def test_what_the_role_does_not_allow_is_not_offered(asking, open_page):
    """Buttons are those of the role; of runs, those of their owner and of admins."""
    asking.state["web"] = inside()
    page = open_page("#/cluster")
    document = asking.documents[f"runs/{RUN}"]
    for role, owner, starts, deletes, drains in CELLS:
        asking.state["web"] = inside(role)
        asking.documents[f"runs/{RUN}"] = {
            **document,
            "plan": {**document["plan"], "userId": owner},
        }
        page.goto(f"{asking.url}#/cluster")
        page.reload()
        page.wait_for_selector("[data-table=agents] tbody tr")
        assert (page.locator("button:text-is('Drain')").count() > 0) is drains, role
        page.goto(f"{asking.url}#/runs/{RUN}")
        page.wait_for_selector("text='Save as report'")
        assert (page.locator("button:text-is('Delete')").count() == 1) is deletes, (role, owner)
        assert (page.locator("button:text-is('Repeat')").count() == 1) is starts, role


def test_what_ends_within_a_month_is_shown(asking, open_page):
    """The certificate of the broker, and the viewer's token, each with the day."""
    asking.state["web"] = inside(expireTime="2020-02-01T00:00:00Z")
    page = open_page("#/runs")
    page.wait_for_selector(".notice:has-text('Your token is valid until 2020-02-01')")
    assert page.locator(".notice").count() == 1
    asking.state["web"] = inside(brokerExpireTime="2020-02-01T00:00:00Z")
    page.reload()
    page.wait_for_selector(
        ".notice:has-text('certificate of the broker is valid until 2020-02-01')"
    )
