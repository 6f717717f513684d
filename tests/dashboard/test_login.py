"""The page of a broker that asks who calls: each viewer in their own name, and nobody else."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import ssl
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from loadgrpc.broker import server
from loadgrpc.broker.access import Access
from loadgrpc.broker.tokens import MARK
from loadgrpc.certs import CertsError, TlsChoice, TlsFiles, files
from loadgrpc.client import Client, Credentials
from loadgrpc.dashboard import page_server, viewers
from loadgrpc.dashboard.guesses import MAX_GUESSES
from loadgrpc.dashboard.login_check import FOR_ALL
from loadgrpc.dashboard.reading import PageInfo
from loadgrpc.dashboard.routes import app
from loadgrpc.dashboard.viewer import VIEWER, Viewer, shown, viewers_client
from loadgrpc.errors import NotAllowed
from loadgrpc.model import Role, Token
from loadgrpc.protocol.rights import RIGHTS
from loadgrpc.store import Store, TokenRecord

WRITES = {"X-Loadgrpc": "1"}
ROLES = (Role.WATCH, Role.RUN, Role.ADMIN)
FAR = 4_000_000_000 * 10**9
WAYS = ("inside", "beside", "beside with the rights of an admin")
"""Where the page is: in the broker's process; elsewhere, with no certificate, and with one."""


def secret_of(name):
    """The secret of a token that is prepared."""
    return f"{MARK}{name}"


def bearer(name):
    """The header of a request with a token."""
    return {"Authorization": f"Bearer {secret_of(name)}"}


async def prepared(path):
    """A store with a token of each role, one that has expired, and one that was revoked."""
    store = await Store.open(path)
    given = {"create_time_ns": 1, "expire_time_ns": FAR}
    tokens = [Token(name=role.name.lower(), role=role, **given) for role in ROLES]
    tokens.append(Token(name="other", role=Role.RUN, **given))
    tokens.append(Token(name="expired", role=Role.ADMIN, create_time_ns=1, expire_time_ns=2))
    tokens.append(Token(name="revoked", role=Role.ADMIN, revoke_time_ns=2, **given))
    for token in tokens:
        digest = hashlib.sha256(secret_of(token.name).encode()).hexdigest()
        await store.access.save_token(TokenRecord(digest, token))
    await store.close()


@dataclass
class Door:
    """A page, those who ask it, and the broker's admin."""

    url: str
    http: Any
    admin: Client
    reading: Any

    async def ask(self, method, path, name="", http=200, **more):
        """The document that somebody gets; `name`: that of their token."""
        headers = {**WRITES, **(bearer(name) if name else {}), **more.pop("headers", {})}
        answer = await self.http.request(method, path, headers=headers, **more)
        assert answer.status_code == http, answer.text
        return answer.json()


@asynccontextmanager
async def client_of(way, inside, address, tokens, issued):
    """The connection of a page to the broker."""
    ca = TlsFiles(ca=issued.admin.ca)
    endpoint, known = {
        "inside": (inside, None),
        "beside": (tokens, ca),
        "beside with the rights of an admin": (address, issued.admin),
    }[way]
    async with viewers_client(endpoint, known) as client:
        yield client


def choice(of):
    """These files, as somebody chooses them."""
    return TlsChoice(ca=of.ca, cert=of.cert, key=of.key)


@pytest.fixture
def at_door(issued, tmp_path):
    """`at_door(use, …)` runs `use(door)` with a page of a broker that asks who calls."""

    def run(use, *, way="inside", control=True, tls=None, names=()):
        async def main():
            store = str(tmp_path / "runs.db")
            await prepared(store)
            inside = f"unix:{tmp_path}/page.sock"
            config = server.BrokerConfig(
                listen="127.0.0.1:0",
                listen_tokens="127.0.0.1:0",
                listen_inside=inside,
                store=store,
                tls=issued.broker,
            )
            async with AsyncExitStack() as stack:
                enter = stack.enter_async_context
                await enter(asyncio.timeout(60))
                address = await enter(server.running(config))
                as_admin = Credentials(choice=choice(issued.admin))
                admin = await enter(Client.connect(address, credentials=as_admin))
                tokens = (await admin.access.caller()).tokens_address
                client = await enter(client_of(way, inside, address, tokens, issued))
                listening = page_server.bound("127.0.0.1:0")
                settings = page_server.PageConfig(control=control, login=True, tls=tls, names=names)
                reading = await enter(page_server.served(client, settings, listening, address))
                url = page_server.url_of(listening, tls=tls is not None)
                verify = ssl.create_default_context(cafile=str(tls.ca)) if tls else True
                http = await enter(httpx.AsyncClient(base_url=url, timeout=20, verify=verify))
                return await use(Door(url, http, admin, reading))

        return asyncio.run(main())

    return run


async def waiting(door, name="run"):
    """A run that somebody has asked for, and that waits."""
    body = {"plan": {"test": "a.B.c"}, "delay": "3600s"}
    return (await door.ask("POST", "/api/runs", name, json=body))["run"]


def rows(door):
    """The routes of the page."""
    return app(door.admin, PageInfo(broker="")).rows


REFUSED = ("none", "expired", "revoked", "unknown", "malformed", "basic")
CREDENTIALS = {
    "none": {},
    "unknown": bearer("unknown"),
    "malformed": {"Authorization": "Bearer"},
    "basic": {"Authorization": "Basic YTpi"},
}


@pytest.mark.parametrize("way", [WAYS[0], WAYS[2]])
def test_each_role_may_use_what_the_table_says(way, at_door, monkeypatch, caplog):
    """Every route, with every credential and role: as the methods that it calls say."""
    caplog.set_level(logging.ERROR)
    monkeypatch.setattr("loadgrpc.dashboard.guesses.MAX_GUESSES", 1_000)

    async def use(door):
        found = []
        for row in rows(door):
            path = row.path.format(run="r-0000000000", agent="a")
            for who in (*REFUSED, *(role.name.lower() for role in ROLES)):
                headers = {**WRITES, **CREDENTIALS.get(who, bearer(who))}
                body = None if row.method == "GET" else {}
                answer = await door.http.request(row.method, path, headers=headers, json=body)
                found.append((row, who, answer))
        return found

    wrong = []
    for row, who, answer in at_door(use, way=way):
        rights = [RIGHTS[f"/loadgrpc.v1.ControlService/{each}"] for each in row.calls.split()]
        if row.path in FOR_ALL:
            expected = answer.status_code not in (401, 403)
        elif who in REFUSED:
            expected = answer.status_code == 401 and "www-authenticate" in answer.headers
        else:
            may = all(right.includes(Role[who.upper()]) for right in rights)
            expected = (answer.status_code == 403) is not may and answer.status_code != 401
        if not expected or answer.status_code >= 500:
            wrong.append((row.method, row.path, who, answer.status_code, answer.text))
    assert wrong == []
    assert caplog.messages == []


def test_what_a_route_calls_is_in_its_row(at_door, monkeypatch):
    """Whatever the broker is asked for by a route, its row names: so the table is complete."""
    called = set()
    let_in = Access._let_in

    def noted(self, method, right, context):
        called.add(method.rpartition("/")[2])
        return let_in(self, method, right, context)

    monkeypatch.setattr(Access, "_let_in", noted)

    async def use(door):
        run, other = await waiting(door), await waiting(door)
        for each in (run, other):
            await door.admin.stop_run(each["runId"])
        queries = {
            "/api/compare": f"?run={run['runId']}&run={other['runId']}",
            "/api/report": f"?run={run['runId']}",
            "/api/runs": "?figures=1",
        }
        found = {}
        for row in sorted(rows(door), key=lambda row: row.method == "DELETE"):
            if not row.calls:
                continue
            called.clear()
            path = row.path.format(run=run["runId"], agent="a")
            query = queries.get(row.path, "") if row.method == "GET" else ""
            body = None if row.method == "GET" else {}
            headers = {**WRITES, **bearer("admin")}
            await door.http.request(row.method, path + query, headers=headers, json=body)
            found[row.method, row.path] = set(called), set(row.calls.split())
        return found

    found = at_door(use)
    ours = {"GetCaller", "ServerReflectionInfo"}
    unnamed = {route: made - named - ours for route, (made, named) in found.items()}
    assert {route: each for route, each in unnamed.items() if each} == {}
    assert [route for route, (made, _) in found.items() if not made - ours] == []


def test_a_viewer_logs_in_and_out(at_door):
    """The token is kept where no script is, and in no answer; who is in is known, and is out."""

    async def use(door):
        outside = await door.ask("GET", "/api/web")
        assert (outside["login"], outside["access"], outside["may"]) == (True, None, [])
        assert (outside["version"], outside["broker"], outside["why"]) == ("", "", "")
        refused = await door.ask("GET", "/api/runs", http=401)
        assert refused["reason"] == "NOT_ALLOWED"
        assert "loadgrpc tokens create" in refused["message"]
        answer = await door.http.post(
            "/api/login", json={"token": f" {secret_of('run')}\n"}, headers=WRITES
        )
        assert answer.status_code == 200
        assert secret_of("run") not in answer.text
        kept = answer.headers["set-cookie"]
        assert kept.startswith(f"loadgrpc-{door.url.rpartition(':')[2].strip('/')}={MARK}run;")
        assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(kept.split("; "))
        inside = await door.ask("GET", "/api/web")
        assert inside == answer.json()
        assert (inside["access"]["name"], inside["access"]["role"]) == ("run", "ROLE_RUN")
        assert "StartRun" in inside["may"]
        assert "DrainAgent" not in inside["may"]
        await door.ask("GET", "/api/runs")
        assert not (await door.ask("POST", "/api/logout", json={}))["access"]
        await door.ask("GET", "/api/runs", http=401)
        await door.ask("GET", "/api/runs", "run")

    at_door(use)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("unknown", "the token is not known here"),
        ("expired", "the token expired has expired: an admin can make another one"),
        ("revoked", "the token revoked was revoked"),
        ("a b", "this is not a token: expected up to 256 letters, digits and marks"),
    ],
)
def test_a_token_that_is_none_gets_one_sentence(name, why, at_door):
    """It is not kept; and who comes back with one that was kept learns the same."""

    async def use(door):
        body = {"token": secret_of(name)}
        answer = await door.http.post("/api/login", json=body, headers=WRITES)
        assert (answer.status_code, answer.json()["message"]) == (401, why)
        assert "set-cookie" not in answer.headers
        seen = await door.ask("GET", "/api/web", name)
        assert (seen["access"], seen["why"]) == (None, why)

    at_door(use)


def test_a_page_that_only_shows_lets_in(at_door):
    """Without --web-control everybody may look, as far as their role goes, and nobody act."""

    async def use(door):
        body = {"token": secret_of("admin")}
        web = await door.ask("POST", "/api/login", json=body)
        assert web["access"]["role"] == "ROLE_ADMIN"
        assert not web["control"]
        assert "StopRun" not in web["may"]
        assert "GetRun" in web["may"]
        refused = await door.ask("POST", "/api/runs", "admin", http=403, json={})
        assert refused["reason"] == "READ_ONLY"

    at_door(use, control=False)


@pytest.mark.parametrize("way", WAYS)
def test_a_viewer_acts_in_their_own_name(way, at_door):
    """A run is of its viewer; another may not stop it; the log and the audit say who and where."""

    async def use(door):
        run = await waiting(door, "run")
        path = f"/api/runs/{run['runId']}"
        assert run["plan"]["userId"] == "run"
        refused = await door.ask("POST", f"{path}/stop", "other", http=403, json={})
        assert "belongs to run: other (run) may watch it" in refused["message"]
        refused = await door.ask("POST", f"{path}/stop", "watch", http=403, json={})
        assert "watch (watch) may not call StopRun: it needs the role run" in refused["message"]
        await door.ask("POST", f"{path}/stop", "run", json={})
        log = (await door.ask("GET", f"{path}/changes", "watch"))["changes"]
        entries = {}
        async with asyncio.timeout(20):
            while "stopped a run" not in {did for did, _ in entries}:
                await asyncio.sleep(0.1)  # they are stored once a second
                audited, _ = await door.admin.access.list_audit(limit=100)
                entries = {(each.did, each.name): each for each in audited}
        return log, entries

    log, entries = at_door(use, way=way)
    assert any("run (run) at 127.0.0.1 by way of the page" in each["reason"] for each in log)
    for did, name in (("started a run", "run"), ("stopped a run", "run"), ("was refused", "")):
        assert entries[did, name].address.startswith("127.0.0.1 by way of the page at ")


def test_a_revoked_token_ends_what_is_open(at_door, monkeypatch):
    """Its stream says why and ends, whoever the run is watched for; others come back at once."""
    monkeypatch.setattr(viewers, "KNOWN_FOR_S", 0.2)

    async def use(door):
        _, secret = await door.admin.access.create_token("ann", Role.WATCH)
        anns = {"Authorization": f"Bearer {secret}"}
        run = await waiting(door)
        path = f"/api/runs/{run['runId']}"

        async def told(headers, opened):
            """The events of a stream, to its end."""
            found = []
            async with door.http.stream("GET", f"{path}/watch", headers=headers) as answer:
                async for line in answer.aiter_lines():
                    if line.startswith("event: "):
                        found.append(line[7:])
                    elif line.startswith("data: ") and found:
                        found.append(json.loads(line[6:]))
                    opened.set()
            return found

        async def begun(headers):
            """A stream, once something has come by it."""
            opened = asyncio.Event()
            task = asyncio.create_task(told(headers, opened))
            await opened.wait()
            return task

        first = await begun(anns)
        second = await begun(bearer("watch"))
        assert len(door.reading.watches._watches) == 1
        await door.admin.access.revoke_token("ann")
        async with asyncio.timeout(10):
            ended = await first
            other = await second
        refused = await door.ask("GET", path, http=401, headers=anns)
        (await begun(bearer("watch"))).cancel()
        return ended, other, refused

    ended, other, refused = at_door(use)
    assert ended[0] == other[0] == "trouble"
    assert ended[1]["message"] == refused["message"] == "the token ann was revoked"
    assert (ended[1]["code"], other[1]["code"]) == ("UNAUTHENTICATED", "UNAVAILABLE")


def test_a_viewer_of_what_another_watches_is_cut_off_too(at_door, monkeypatch):
    """The run is watched in the first one's name; the second one's token ends all the same."""
    monkeypatch.setattr(viewers, "KNOWN_FOR_S", 0.2)

    async def use(door):
        _, secret = await door.admin.access.create_token("ann", Role.WATCH)
        run = await waiting(door)
        path = f"/api/runs/{run['runId']}/watch"
        async with (
            door.http.stream("GET", path, headers=bearer("watch")) as first,
            door.http.stream("GET", path, headers={"Authorization": f"Bearer {secret}"}) as ann,
        ):
            lines, anns = first.aiter_lines(), ann.aiter_lines()
            await anext(lines)
            await anext(anns)
            await door.admin.access.revoke_token("ann")
            async with asyncio.timeout(10):
                rest = [line async for line in anns]
            assert door.reading.watches.viewers == 1
            return rest

    assert "the token ann was revoked" in at_door(use)[-2]


def test_what_was_made_for_others_is_not_for_everybody(at_door):
    """An answer that is kept for a moment is given to nobody who is not known."""

    async def use(door):
        await waiting(door)
        for _ in range(2):
            await door.ask("GET", "/api/runs", "watch")
            await door.ask("GET", "/api/runs", http=401)
            await door.ask("GET", "/api/runs", "revoked", http=401)

    at_door(use)


def test_guesses_are_bounded_and_lock_out_nobody_who_is_in(at_door):
    """Ten wrong tokens of an address, and then none is even looked at; who is known stays."""

    async def use(door):
        await door.ask("GET", "/api/runs", "watch")
        for number in range(MAX_GUESSES):
            await door.ask("GET", "/api/runs", f"guess-{number}", http=401)
        refused = await door.ask("GET", "/api/runs", "run", http=429)
        assert refused["reason"] == "TOO_MANY_GUESSES"
        body = {"token": secret_of("run")}
        await door.ask("POST", "/api/login", http=429, json=body)
        await door.ask("GET", "/api/runs", "watch")
        await door.ask("GET", "/api/web", "watch")

    at_door(use)


def test_nothing_is_asked_in_nobodys_name():
    """Outside of a request, or without a token, a call of the page raises before it is made."""
    with pytest.raises(NotAllowed):
        shown()
    token = VIEWER.set(Viewer(token="", address="192.0.2.1"))
    with pytest.raises(NotAllowed):
        shown()
    VIEWER.reset(token)
    assert "lgt_" not in repr(Viewer(token="lgt_x", address=""))


def test_tokens_go_nowhere_without_encryption():
    """A page that has no certificates is not connected to a broker on the network."""

    async def main():
        with pytest.raises(CertsError, match="never sent without encryption"):
            async with viewers_client("127.0.0.1:1", None):
                pass

    asyncio.run(main())


# With encryption


def test_a_page_with_encryption(at_door, issued):
    """The cookie comes back with encryption only; who speaks without gets nothing."""

    async def use(door):
        assert door.url.startswith("https://127.0.0.1:")
        body = {"token": secret_of("watch")}
        answer = await door.http.post("/api/login", json=body, headers=WRITES)
        kept = answer.headers["set-cookie"]
        assert kept.startswith("__Host-loadgrpc-")
        assert {"Secure", "HttpOnly", "SameSite=strict", "Path=/"} <= set(kept.split("; "))
        assert (await door.ask("GET", "/api/web"))["access"]["name"] == "watch"
        async with httpx.AsyncClient() as plain:
            with pytest.raises(httpx.TransportError):
                await plain.get(door.url.replace("https", "http"))

    at_door(use, tls=issued.broker)


def test_a_certificate_is_replaced_while_the_page_is_open(at_door, issue, monkeypatch):
    """Who connects from then on gets the new one; a stream that is open goes on."""
    monkeypatch.setattr(files, "LOOK_S", 0.0)
    page = issue()

    async def use(door):
        run = await waiting(door)
        path = f"/api/runs/{run['runId']}/watch"
        port = int(door.url.rpartition(":")[2].strip("/"))

        async def serial():
            """Of the certificate that a new connection is shown."""
            context = ssl.create_default_context(cafile=str(page.admin.ca))
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
            found = writer.get_extra_info("peercert")["serialNumber"]
            writer.close()
            return found

        async with door.http.stream("GET", path, headers=bearer("watch")) as answer:
            lines = answer.aiter_lines()
            await anext(lines)
            before = await serial()
            for kept in list(page.folder.kept()):
                page.folder.renew(kept, page.now())
            after = await serial()
            page.broker.cert.write_text("not a certificate")
            assert await serial() == after != before
            await door.admin.stop_run(run["runId"])
            return [line async for line in lines]

    assert "event: end" in at_door(use, tls=page.broker)
