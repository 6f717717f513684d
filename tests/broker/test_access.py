"""Who may call what: every role, method and credential, at a broker that listens."""

import asyncio
import hashlib
import logging

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from loadgrpc.broker import server
from loadgrpc.broker.access import Access
from loadgrpc.broker.audit import MAX_AUDIT_WAITING, Audit
from loadgrpc.broker.tokens import MARK, Tokens
from loadgrpc.certs import TlsFiles
from loadgrpc.client import Client, Credentials
from loadgrpc.errors import AlreadyExists, Forbidden, InvalidRequest, NoRoom, NotAllowed, NotFound
from loadgrpc.model import Caller, Role, Token
from loadgrpc.protocol import status
from loadgrpc.protocol.rights import RIGHTS
from loadgrpc.protocol.transport import new_channel
from loadgrpc.store import Store, StoreError, TokenRecord
from loadgrpc.testing import ManualClock
from loadgrpc.v1 import (
    access_pb2,
    campaign_pb2,
    control_pb2,
    fleet_pb2,
    runner_pb2,
    schedule_pb2,
)

MODULES = (access_pb2, campaign_pb2, control_pb2, fleet_pb2, runner_pb2, schedule_pb2)
CODE = grpc.StatusCode
REFUSALS = (CODE.UNAUTHENTICATED, CODE.PERMISSION_DENIED, CODE.UNAVAILABLE)
ROLES = tuple(Role)
HEALTH, REFLECTION = "/grpc.health.v1.Health/", "/grpc.reflection.v1"


def services():
    """Every service that a broker has, by what describes it."""
    ours = [each for module in MODULES for each in module.DESCRIPTOR.services_by_name.values()]
    others = (health_pb2, reflection_pb2)
    return ours + [each for pb2 in others for each in pb2.DESCRIPTOR.services_by_name.values()]


def shapes():
    """How each method is called, by its path."""
    found = {
        f"/{service.full_name}/{method.name}": (
            "stream" if method.client_streaming else "unary",
            "stream" if method.server_streaming else "unary",
        )
        for service in services()
        for method in service.methods
    }
    alpha = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
    return {**found, alpha.replace("v1alpha", "v1"): found[alpha]}


SHAPES = shapes()


def test_every_method_has_its_row():
    """A new method that nobody has put into the table may be called by nobody, and fails here."""
    assert SHAPES.keys() <= RIGHTS.keys()
    assert RIGHTS.keys() - SHAPES.keys() <= {f"{HEALTH}List"}  # newer libraries have it


async def ending(channel, path, metadata=()):
    """The status that an empty request of a method ends with; gRPC loses some of them."""
    for _ in range(10):
        code, details = await _ending(channel, path, metadata)
        if code is not CODE.INTERNAL or details == status.DEFECT:
            break
    return code


async def _ending(channel, path, metadata):
    takes, gives = SHAPES[path]
    begin = getattr(channel, f"{takes}_{gives}")(path)
    # A stream that ends before it has begun would not wait for an answer.
    request = b"" if takes == "unary" else iter([b""])
    try:
        call = begin(request, metadata=metadata, timeout=20)
        if gives == "unary":
            await call
        else:
            async for _ in call:
                call.cancel()  # whoever gets an answer was let in
                return CODE.OK, ""
    except grpc.aio.AioRpcError as error:
        return error.code(), error.details()
    return CODE.OK, ""


async def endings(channel, metadata=()):
    """The same, of each method."""
    return {path: await ending(channel, path, metadata) for path in sorted(SHAPES)}


def secret_of(name):
    """The secret of a token that is prepared."""
    return f"{MARK}{name}"


async def prepared(path):
    """A store with a token of each role, one that has expired, and one that was revoked."""
    store = await Store.open(path)
    far = 4_000_000_000 * 10**9
    tokens = [
        Token(name=r.name.lower(), role=r, create_time_ns=1, expire_time_ns=far) for r in ROLES
    ]
    tokens.append(Token(name="expired", role=Role.ADMIN, create_time_ns=1, expire_time_ns=2))
    tokens.append(
        Token(
            name="revoked",
            role=Role.ADMIN,
            create_time_ns=1,
            expire_time_ns=far,
            revoke_time_ns=2,
        )
    )
    for token in tokens:
        digest = hashlib.sha256(secret_of(token.name).encode()).hexdigest()
        await store.access.save_token(TokenRecord(digest, token))
    await store.close()


def at_broker(issued, use, tmp_path, **more):
    """Runs `use` with the addresses of a broker with TLS: for certificates, and for tokens."""

    async def main():
        store = str(tmp_path / "runs.db")
        await prepared(store)
        config = server.BrokerConfig(
            listen="127.0.0.1:0",
            listen_tokens="127.0.0.1:0",
            store=store,
            tls=issued.broker,
            **more,
        )
        async with asyncio.timeout(60), server.running(config) as address:
            shown = Credentials(choice=choice(issued.admin))
            async with Client.connect(address, credentials=shown) as admin:
                tokens = (await admin.access.caller()).tokens_address
            return await use(address, tokens)

    return asyncio.run(main())


def choice(files):
    """These files, as somebody chooses them."""
    from loadgrpc.certs import TlsChoice

    return TlsChoice(ca=files.ca, cert=files.cert, key=files.key)


def bearer(name):
    """The metadata of a call with a token."""
    return (("authorization", f"Bearer {secret_of(name)}"),)


def test_each_role_may_call_what_the_table_says(issued, tmp_path, caplog):
    """Every method with a certificate, and with a token, of each role: right, or wrong role."""
    caplog.set_level(logging.ERROR)

    async def use(address, tokens):
        found = {}
        for role in ROLES:
            async with new_channel(
                address, issued.caller(role.name.lower(), f"t-{role.name}")
            ) as one:
                found[role, "certificate"] = await endings(one)
        async with new_channel(tokens, TlsFiles(ca=issued.admin.ca)) as channel:
            for role in (Role.WATCH, Role.RUN, Role.ADMIN):
                found[role, "token"] = await endings(channel, bearer(role.name.lower()))
        return found

    wrong = [
        (role.name, shown, path, code.name)
        for (role, shown), codes in at_broker(issued, use, tmp_path).items()
        for path, code in codes.items()
        if (code in REFUSALS) == RIGHTS[path].includes(role)
        or (code in REFUSALS and code is not CODE.PERMISSION_DENIED)
        or code is CODE.INTERNAL
    ]
    assert wrong == []
    assert caplog.messages == []


@pytest.mark.parametrize("shown", ["none", "expired", "revoked", "unknown", "malformed", "basic"])
def test_without_a_valid_token_nobody_may_call_anything(shown, issued, tmp_path):
    """Every method, reflection and health too: UNAUTHENTICATED."""
    metadata = {
        "none": (),
        "unknown": bearer("unknown"),
        "malformed": (("authorization", "Bearer"),),
        "basic": (("authorization", "Basic YTpi"),),
    }

    async def use(_, tokens):
        async with new_channel(tokens, TlsFiles(ca=issued.admin.ca)) as channel:
            return await endings(channel, metadata.get(shown, bearer(shown)))

    assert set(at_broker(issued, use, tmp_path).values()) == {CODE.UNAUTHENTICATED}


@pytest.mark.parametrize("shown", ["none", "expired", "another", "broker", "plain"])
def test_without_a_valid_certificate_there_is_no_connection(shown, issue, issued, tmp_path):
    """None, one that has expired, of another authority, or of a broker; or without encryption."""
    ca = issued.admin.ca
    files = {"none": TlsFiles(ca=ca), "plain": None}
    if shown == "expired":
        files[shown] = issued.caller("admin", "expired", days=-800)
    if shown == "another":
        other = issue().admin
        files[shown] = TlsFiles(ca=ca, cert=other.cert, key=other.key)
    if shown == "broker":
        files[shown] = issued.broker

    async def use(address, _):
        async with new_channel(address, files[shown]) as channel:
            return await endings(channel)

    assert set(at_broker(issued, use, tmp_path).values()) == {CODE.UNAVAILABLE}


def test_a_certificate_of_nobody_known_is_refused(issued, tmp_path):
    """The authority issued it; but it does not say whose it is."""
    from cryptography import x509

    authority = issued.folder._load()
    usages = [x509.ExtendedKeyUsageOID.CLIENT_AUTH]
    made = authority._issue("ann", [x509.DNSName("ann")], usages, issued.now())
    cert, key = tmp_path / "c.pem", tmp_path / "k.pem"
    cert.write_bytes(made.cert)
    key.write_bytes(made.key)

    async def use(address, _):
        async with new_channel(
            address, TlsFiles(ca=issued.admin.ca, cert=cert, key=key)
        ) as channel:
            return await endings(channel)

    assert set(at_broker(issued, use, tmp_path).values()) == {CODE.UNAUTHENTICATED}


def test_open_reflection_is_health_and_methods_only(issued, tmp_path):
    """With that option everybody may ask for these, and for nothing else."""

    async def use(_, tokens):
        async with new_channel(tokens, TlsFiles(ca=issued.admin.ca)) as channel:
            return await endings(channel)

    found = at_broker(issued, use, tmp_path, open_reflection=True)
    let_in = {path for path, code in found.items() if code is not CODE.UNAUTHENTICATED}
    assert let_in == {path for path in SHAPES if path.startswith((HEALTH, REFLECTION))}


def test_an_agents_certificate_goes_with_no_token(issued, tmp_path):
    """Who has taken over an agent, and a token, is still that agent and nothing else."""

    async def use(address, _):
        async with new_channel(address, issued.caller("agent", "one")) as channel:
            path = "/loadgrpc.v1.ControlService/GetBroker"
            return await ending(channel, path, bearer("admin"))

    assert at_broker(issued, use, tmp_path) is CODE.UNAUTHENTICATED


def test_an_agent_is_the_agent_of_its_certificate(issued, tmp_path):
    """It registers, asks for assignments and reports in its own name only."""
    from loadgrpc.v1 import fleet_pb2_grpc, runner_pb2_grpc

    async def use(address, _):
        async with new_channel(address, issued.caller("agent", "one")) as channel:
            fleet = fleet_pb2_grpc.FleetServiceStub(channel)
            runner = runner_pb2_grpc.RunnerServiceStub(channel)
            source = runner_pb2.SourceId(run_id="r", agent_id="two", runner_id="1")
            found = []
            for name in ("one", "two"):
                register = fleet_pb2.Register(agent_id=name, version="0.1.0")
                call = fleet.Connect(iter([fleet_pb2.ConnectRequest(register=register)]))
                try:
                    found.append((await call.read()).WhichOneof("message"))
                except grpc.aio.AioRpcError as error:
                    found.append(error.code())
                call.cancel()
            try:
                await runner.GetAssignment(runner_pb2.GetAssignmentRequest(source=source))
            except grpc.aio.AioRpcError as error:
                found.append(error.code())
            opened = runner_pb2.PublishEventsRequest(source=source, open=runner_pb2.OpenSource())
            call = runner.PublishEvents(iter([opened]))
            found.append((await call.read()).error.reason)
            call.cancel()
            return found

    assert at_broker(issued, use, tmp_path) == [
        "registered",
        CODE.PERMISSION_DENIED,
        CODE.PERMISSION_DENIED,
        "FORBIDDEN",
    ]


def test_a_run_belongs_to_whoever_started_it(issued, tmp_path, caplog):
    """Another may watch it and not stop it, an admin may; nobody starts one for somebody else."""
    from loadgrpc.model import RunState, Submission, plan_of

    caplog.set_level(logging.INFO)
    later = Submission(delay_s=3_600.0)

    async def use(address, tokens):
        async with (
            Client.connect(
                address, credentials=Credentials(choice=choice(issued.caller("run", "eve")))
            ) as eve,
            Client.connect(
                tokens,
                credentials=Credentials(
                    choice=choice(TlsFiles(ca=issued.admin.ca)), token=secret_of("run")
                ),
            ) as run,
            Client.connect(address, credentials=Credentials(choice=choice(issued.admin))) as admin,
        ):
            mine = await run.start_run(plan_of(test="a.B.c"), submission=later)
            assert mine.plan.user_id == "run"
            assert (await eve.get_run(mine.run_id)).run_id == mine.run_id
            for refused in (eve.stop_run(mine.run_id), eve.delete_run(mine.run_id)):
                with pytest.raises(Forbidden, match=r"belongs to run: eve \(run\) may watch it"):
                    await refused
            with pytest.raises(Forbidden, match="cannot ask for a run of ann"):
                await eve.start_run(plan_of(test="a.B.c", user_id="ann"), submission=later)
            given = await admin.start_run(plan_of(test="a.B.c", user_id="ann"), submission=later)
            assert given.plan.user_id == "ann"
            await admin.stop_run(given.run_id)
            stopped = await run.stop_run(mine.run_id)
            await run.delete_run(mine.run_id)
            return stopped.state

    assert at_broker(issued, use, tmp_path) is RunState.STOPPED
    assert any(line.startswith("run (run) at ipv4:127.0.0.1") for line in caplog.messages)


def test_a_revoked_token_ends_what_is_open(issued, tmp_path):
    """A stream that nobody closes is cut off when its token is revoked; the next is refused."""

    async def use(address, tokens):
        shown = Credentials(choice=choice(issued.admin))
        async with (
            Client.connect(address, credentials=shown) as admin,
            new_channel(tokens, TlsFiles(ca=issued.admin.ca)) as channel,
        ):
            token, secret = await admin.access.create_token("ci", Role.WATCH, 3_600)
            assert secret.startswith(MARK)
            metadata = (("authorization", f"Bearer {secret}"),)
            watch = channel.unary_stream(f"{HEALTH}Watch")(b"", metadata=metadata)
            await watch.read()
            with pytest.raises(AlreadyExists, match="revoke it first"):
                await admin.access.create_token("ci", Role.WATCH)
            assert (await admin.access.revoke_token("ci")).revoke_time_ns is not None
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await watch.read()
            assert raised.value.details() == "the token ci was revoked"
            assert await ending(channel, f"{HEALTH}Check", metadata) is CODE.UNAUTHENTICATED
            await admin.access.create_token("ci", Role.RUN)
            with pytest.raises(NotFound, match="no token 'other'"):
                await admin.access.revoke_token("other")
            return [each.name for each in await admin.access.list_tokens()], token.role

    names, role = at_broker(issued, use, tmp_path)
    assert names == ["admin", "agent", "ci", "expired", "revoked", "run", "watch"]
    assert role is Role.WATCH


class Held:
    """A store that keeps tokens in a list."""

    def __init__(self):
        self.access = self
        self.saved = []
        self.away = False

    async def save_token(self, record):
        self.saved.append(record)

    async def tokens(self):
        return self.saved

    async def add_audited(self, entries, keep):
        if self.away:
            raise StoreError("away")
        self.saved += entries


def test_only_the_hash_of_a_secret_is_stored():
    """32 random bytes, of which the store has a SHA-256; a restarted broker knows them by it."""

    async def main():
        store, clock = Held(), ManualClock()
        tokens = Tokens(store, clock)
        _, secret = await tokens.create("ann", Role.RUN, 60.0)
        assert len(secret) == len(MARK) + 43
        assert secret not in repr(store.saved)
        again = Tokens(store, clock)
        await again.recall()
        assert again.caller(secret) == Caller(
            name="ann",
            role=Role.RUN,
            token=True,
            expire_time_ns=clock.wall_ns() + 60 * 10**9,
        )
        clock.advance(60.0)
        with pytest.raises(NotAllowed, match="the token ann has expired"):
            again.caller(secret)
        return await again.create("ann", Role.RUN, 60.0)

    asyncio.run(main())


def test_tokens_are_bounded():
    """A thousand of them; their names can be used again once they are void."""

    async def main():
        clock = ManualClock()
        tokens = Tokens(Held(), clock)
        for number in range(1_000):
            await tokens.create(f"t{number}", Role.WATCH, 60.0)
        with pytest.raises(NoRoom, match="1,000 tokens"):
            await tokens.create("another", Role.WATCH, 60.0)
        await tokens.revoke("t7")
        await tokens.create("t7", Role.WATCH, 60.0)

    asyncio.run(main())


class Context:
    """A call that shows a certificate."""

    def __init__(self, files):
        self._pem = files.cert.read_bytes()

    def invocation_metadata(self):
        return ()

    def auth_context(self):
        return {"x509_pem_cert": [self._pem]}

    def peer(self):
        return "ipv4:192.0.2.1:4711"


def test_what_is_open_ends_with_its_certificate(issued):
    """An agent reconnects with a renewed one; what does not is cut off."""

    async def main():
        clock = ManualClock(wall_ns=round(issued.now().timestamp()) * 10**9)
        access = Access(Tokens(Held(), clock), clock, Audit(Held(), clock))
        entered = asyncio.Event()

        async def call():
            context = Context(issued.caller("agent", "one"))
            with access.admission("/loadgrpc.v1.FleetService/Connect", context):
                entered.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(call())
        await entered.wait()
        clock.advance(364 * 86_400.0)
        access.cut_off()
        await asyncio.sleep(0)
        assert not task.done()
        clock.advance(2 * 86_400.0)
        access.cut_off()
        with pytest.raises(NotAllowed, match=r"the certificate of one \(agent\) has expired"):
            await task

    asyncio.run(main())


def test_a_call_that_its_client_cancels_is_cancelled(issued):
    """Only what is cut off becomes an error."""

    async def main():
        clock = ManualClock()
        access = Access(Tokens(Held(), clock), clock, Audit(Held(), clock))

        async def call():
            context = Context(issued.caller("agent", "one"))
            with access.admission("/loadgrpc.v1.FleetService/Connect", context):
                await asyncio.Event().wait()

        task = asyncio.create_task(call())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_a_broker_without_tls_asks_nobody(tmp_path):
    """As ever: everybody may do everything; and it makes no tokens, which nobody would ask for."""

    async def main():
        config = server.BrokerConfig(listen="127.0.0.1:0", store=":memory:")
        async with server.running(config) as address, new_channel(address) as channel:
            codes = await endings(channel)
            async with Client.connect(address, credentials=Credentials()) as client:
                info = await client.access.caller()
                with pytest.raises(Exception, match="has no TLS and asks nobody for a token"):
                    await client.access.create_token("ann", Role.RUN)
            return codes, info

    codes, info = asyncio.run(main())
    assert not set(codes.values()) & set(REFUSALS)
    assert (info.caller, info.tls) == (None, False)


def test_what_was_done_is_listed(issued, tmp_path):
    """By whom, where from, what and to what; what was refused, too; page by page."""
    from loadgrpc.model import Submission, plan_of

    async def use(address, tokens):
        async with Client.connect(
            address, credentials=Credentials(choice=choice(issued.admin))
        ) as admin:
            only_ca = choice(TlsFiles(ca=issued.admin.ca))
            shown = Credentials(choice=only_ca, token=secret_of("watch"))
            async with Client.connect(tokens, credentials=shown) as watch:
                for _ in range(3):
                    with pytest.raises(Forbidden):
                        await watch.purge_runs(0.0)
            _, secret = await admin.access.create_token("ci", Role.RUN)
            plan = plan_of(test="a.B.c", user_id="ann")
            run = await admin.start_run(plan, submission=Submission(delay_s=3_600.0))
            await admin.stop_run(run.run_id)
            await admin.delete_run(run.run_id)
            entries = []
            async with asyncio.timeout(20):
                while len(entries) < 7:
                    entries, token = await admin.access.list_audit(limit=100)
                    await asyncio.sleep(0.05)
            assert token == ""
            first, token = await admin.access.list_audit(limit=5)
            rest, last = await admin.access.list_audit(limit=5, page_token=token)
            assert [*first, *rest] == entries
            assert last == ""
            mine, _ = await admin.access.list_audit(name="watch")
            with pytest.raises(InvalidRequest, match="was not issued by this broker"):
                await admin.access.list_audit(page_token="x")
            return entries, mine, run.run_id, secret

    entries, mine, run_id, secret = at_broker(issued, use, tmp_path)
    assert [(each.name, each.did, each.what) for each in reversed(entries)] == [
        ("admin", "connected", ""),
        ("watch", "connected", ""),
        ("", "was refused", "/loadgrpc.v1.ControlService/PurgeRuns"),
        ("admin", "made a token", "ci"),
        ("admin", "started a run", run_id),
        ("admin", "stopped a run", run_id),
        ("admin", "deleted a run", run_id),
    ]
    assert entries[-1].address.startswith("ipv4:127.0.0.1:")
    assert "it needs the role admin" in entries[-3].detail
    assert [each.did for each in mine] == ["connected"]
    assert secret not in repr(entries)


def test_what_was_done_waits_for_the_store_within_a_bound(issued):
    """While the store is away entries wait, in order; beyond the bound they are counted."""

    async def main():
        store, clock = Held(), ManualClock()
        audit, context = Audit(store, clock), Context(issued.caller("agent", "one"))
        store.away = True
        for number in range(MAX_AUDIT_WAITING + 3):
            audit.note(context, "did", str(number))
        await audit.store()
        store.away = False
        await audit.store()
        await audit.store()
        return store.saved

    saved = asyncio.run(main())
    assert [each.what for each in saved[:MAX_AUDIT_WAITING]] == list(
        map(str, range(MAX_AUDIT_WAITING))
    )
    assert [each.did for each in saved[MAX_AUDIT_WAITING:]] == ["lost 3 entries like these"]


def test_refusals_are_counted_by_the_minute(issued):
    """Somebody who asks again and again gets one entry a minute for each method."""

    async def main():
        store, clock = Held(), ManualClock()
        audit, context = Audit(store, clock), Context(issued.caller("agent", "one"))
        for _ in range(100):
            audit.refused(context, "/a/B", NotAllowed("no"))
        audit.refused(context, "/a/C", NotAllowed("no"))
        clock.advance(60.0)
        audit.refused(context, "/a/B", NotAllowed("no"))
        await audit.store()
        return [each.what for each in store.saved]

    assert asyncio.run(main()) == ["/a/B", "/a/C", "/a/B"]
