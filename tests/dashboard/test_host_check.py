"""Who may talk to the page: nobody else's page, whatever name or origin it has."""

import asyncio
import re
import socket
from contextlib import suppress
from itertools import product

from loadgrpc.dashboard import asked, page_server

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
            headed = {**headers, "X-Loadgrpc": "1"}
            answer = await page.http.request(method, "/api/runs", headers=headed)
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


def test_connections_that_ask_for_nothing_are_cut(at_page, active, monkeypatch):
    """Neither silence nor half a request keeps one open; a stream that goes on stays."""
    monkeypatch.setattr(page_server, "IDLE_S", 0.1)

    async def use(desk, page):
        run, _ = await active(desk)
        port = int(page.url.rpartition(":")[2].strip("/"))
        async with page.watch(run.run_id) as messages:
            await anext(messages)
            for begun in (b"", b"GET /api/web HTTP/1.1\r\nHost: local"):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(begun)
                async with asyncio.timeout(10):
                    with suppress(ConnectionError):
                        assert await reader.read() == b""
                writer.close()
            await page.client.add_note(run.run_id, "still there")
            async for _, _, document in messages:
                if "still there" in str(document):
                    break

    at_page(use)


def test_connections_are_bounded(at_page, monkeypatch):
    """One more than there may be is closed, and those that are there are answered."""
    monkeypatch.setattr(page_server, "MAX_CONNECTIONS", 1)

    async def use(_, page):
        await page.get("/api/web")
        port = int(page.url.rpartition(":")[2].strip("/"))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(10):
            with suppress(ConnectionError):
                assert await reader.read() == b""
        writer.close()
        await page.get("/api/web")

    at_page(use)


def test_a_body_that_does_not_come_is_not_waited_for(at_page, monkeypatch):
    """Whoever announces one and sends half of it gets an answer, and not forever."""
    monkeypatch.setattr(asked, "MAX_BODY_S", 0.1)

    async def use(_, page):
        port = int(page.url.rpartition(":")[2].strip("/"))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"POST /api/runs HTTP/1.1\r\nHost: localhost\r\nX-Loadgrpc: 1\r\n"
            b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
        )
        async with asyncio.timeout(10):
            assert b" 408 " in await reader.readline()
        writer.close()

    at_page(use, control=True)
