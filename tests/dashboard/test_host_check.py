"""Who may talk to the page: nobody else's page, whatever name or origin it has."""

import re
import socket
from itertools import product

EVIL = "evil.example"


HOSTS = [
    ("127.0.0.1", 200),
    ("127.0.0.1:1", 200),
    ("[::1]:80", 200),
    ("192.0.2.7:8089", 200),
    ("localhost:9999", 200),
    ("LocalHost", 200),
    (socket.gethostname(), 200),
    ("load.example", 200),
    (EVIL, 403),
    (f"localhost.{EVIL}", 403),
    (f"127.0.0.1.{EVIL}:80", 403),
    ("[::1", 200),
    ("", 403),
    ("localhost@evil.example", 403),
]


def test_the_host_is_one_of_ours(at_page):
    """A name that somebody else can make lead here is refused, on every path (DNS rebinding)."""

    async def use(_, page):
        for host, http in HOSTS:
            for path, allowed in (
                ("/api/web", http),
                ("/no-such-file", {200: 404}.get(http, http)),
            ):
                answer = await page.http.get(path, headers={"Host": host})
                assert answer.status_code == allowed, (host, answer.text)
                if http == 403:
                    assert answer.json()["reason"] == "OTHER_HOST"

    at_page(use, names=["Load.example"])


OTHERS = [
    {"Origin": f"http://{EVIL}"},
    {"Origin": "null"},
    {"Origin": "http://localhost:1"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"},
    {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"},
]


def test_other_pages_are_refused(at_page):
    """Whatever another page in the same browser asks for, it gets nothing, and changes nothing."""

    async def use(_, page):
        for method, headers in product(("GET", "POST", "DELETE"), OTHERS):
            asked = {**headers, "X-Loadgrpc": "1"}
            answer = await page.http.request(method, "/api/runs", headers=asked)
            assert answer.status_code == 403
            assert answer.json()["reason"] == "OTHER_ORIGIN"
            assert not [name for name in answer.headers if name.startswith("access-control")]

    at_page(use, control=True)


def test_this_page_and_no_page_are_answered(at_page):
    """The page's own requests, links from elsewhere that people follow, and programs."""

    async def use(_, page):
        own = page.url.rstrip("/")
        for headers in (
            {},
            {"Origin": own, "Sec-Fetch-Site": "same-origin"},
            {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"},
            {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
        ):
            assert (await page.http.get("/api/web", headers=headers)).status_code == 200
        link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "X-Loadgrpc": "1"}
        assert (await page.http.post("/api/runs", headers=link)).status_code == 403

    at_page(use, control=True)


WRITES = [
    ("POST", "/api/runs"),
    ("POST", "/api/runs/latest/stop"),
    ("POST", "/api/runs/latest/load"),
    ("POST", "/api/runs/latest/note"),
    ("DELETE", "/api/runs/latest"),
    ("POST", "/api/agents/a1/drain"),
]


def test_a_page_only_shows_unless_it_may_do_more(at_page, active):
    """Without --web-control nothing is changed, whoever asks."""

    async def use(desk, page):
        await active(desk)
        for (method, path), headers in product(WRITES, ({}, {"X-Loadgrpc": "1"})):
            answer = await page.http.request(method, path, headers=headers, json={})
            assert answer.status_code == 403
            assert answer.json()["reason"] == "READ_ONLY"
        assert not (await page.get("/api/web"))["control"]
        assert (await page.get("/api/runs/latest"))["state"] == "RUN_STATE_RUNNING"

    at_page(use)


def test_what_a_form_can_send_changes_nothing(at_page):
    """A request without the header that only scripts of the page send is refused."""

    async def use(_, page):
        for method, path in WRITES:
            answer = await page.http.request(method, path, json={})
            assert answer.status_code == 403
            assert answer.json()["reason"] == "NO_HEADER"

    at_page(use, control=True)


def test_answers_say_what_browsers_may_do_with_them(at_page):
    """Every answer, an error too, has the policy; nothing inline runs, nothing is framed."""

    async def use(_, page):
        for path in ("/", "/api/web", "/api/nothing", "/api/runs?limit=0"):
            headers = (await page.http.get(path)).headers
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "script-src 'self';" in policy
            assert "frame-ancestors 'none'" in policy
            assert not re.search(r"unsafe|\*|https?:", policy)
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["x-frame-options"] == "DENY"
            assert headers["referrer-policy"] == "no-referrer"
            assert "server" not in headers
            assert not [name for name in headers if name.startswith("access-control")]

    at_page(use)


def test_a_preflight_is_not_answered(at_page):
    """No other origin is allowed anything, so a browser does not even send what it would."""

    async def use(_, page):
        headers = {"Origin": f"http://{EVIL}", "Access-Control-Request-Method": "POST"}
        answer = await page.http.options("/api/runs", headers=headers)
        assert answer.status_code == 403
        assert "access-control-allow-origin" not in answer.headers

    at_page(use, control=True)
