"""What the page reads and asks for: the documents of the command line, or an error that helps."""

import asyncio
import json
import re

from loadgrpc.dashboard.reading import PageInfo
from loadgrpc.dashboard.routes import app
from loadgrpc.model import Submission, TimelineQuery
from loadgrpc.protocol.comparisons import comparison_to_proto
from loadgrpc.protocol.document import as_document, summary_json
from loadgrpc.protocol.progress import change_to_proto
from loadgrpc.protocol.runs import agent_to_proto, broker_to_proto, run_to_proto
from loadgrpc.protocol.thresholds import checked_to_proto
from loadgrpc.protocol.timeline import window_to_proto
from loadgrpc.testing import plan_of

HOSTILE = [
    "<script>alert(1)</script>",
    "</script><!--",
    "\u202eright to left\u2066",
    "control\x01\x1b[31m\x7f",
    "\u2028line\u2029",
    '"quotes" \\ & entities &lt;',
    "x" * 2_000,
    "emoji 🧨, and 日本語",
]


def test_documents_are_those_of_the_command_line(at_page, ended):
    """Every document has what `--json` prints of the same: from the same values, by one way."""

    async def use(desk, page):
        first, second = await ended(desk), await ended(desk, hits=7)
        client, run_id = page.client, first.run_id
        summary = await client.get_summary(run_id)
        assert await page.get(f"/api/runs/{run_id}/summary") == json.loads(summary_json(summary))
        run = as_document(run_to_proto(await client.get_run(run_id)))
        assert await page.get(f"/api/runs/{run_id}") == run
        changes = [as_document(change_to_proto(e)) for e in await client.list_changes(run_id)]
        assert await page.get(f"/api/runs/{run_id}/changes") == {"changes": changes}
        query = TimelineQuery(run_id=run_id)
        windows = [as_document(window_to_proto(e)) async for e in client.list_windows(query)]
        timeline = await page.get(f"/api/runs/{run_id}/timeline")
        assert timeline == {"windows": windows, "resolution": "1s", "nextPageToken": ""}
        assert windows
        runs, _ = await client.list_runs()
        listed = await page.get("/api/runs")
        assert listed["runs"] == [as_document(run_to_proto(each)) for each in runs]
        assert (listed["more"], listed["storeTrouble"]) == (False, "")
        agents = [as_document(agent_to_proto(each)) for each in await client.list_agents()]
        assert await page.get("/api/agents") == {"agents": agents}
        assert await page.get("/api/broker") == as_document(
            broker_to_proto(await client.get_broker())
        )
        checked = await client.check_run(run_id, ["hits/s > 0 over run"])
        found = await page.get(f"/api/runs/{run_id}/check", threshold="hits/s > 0 over run")
        assert found == as_document(checked_to_proto(checked))
        both = [run_id, second.run_id]
        compared = [
            as_document(comparison_to_proto(each)) for each in await client.compare_runs(both)
        ]
        assert await page.get("/api/compare", run=both) == {"comparisons": compared}

    at_page(use)


def test_every_route_is_answered(at_page, ended, active):
    """Each route of the table answers a request as it is documented."""
    plan = {"test": "a.B.c", "iterations": [1]}
    asked = {
        ("GET", "/api/web"): None,
        ("GET", "/api/broker"): None,
        ("GET", "/api/agents"): None,
        ("GET", "/api/runs"): None,
        ("GET", "/api/compare"): "?run={over}&run={other}",
        ("GET", "/api/report"): "?run={over}",
        ("GET", "/api/runs/{run}"): None,
        ("GET", "/api/runs/{run}/summary"): None,
        ("GET", "/api/runs/{run}/timeline"): "?series=0&distribution=1",
        ("GET", "/api/runs/{run}/changes"): None,
        ("GET", "/api/runs/{run}/events"): "?kind=hit&limit=2",
        ("GET", "/api/runs/{run}/check"): "?threshold=loss == 0",
        ("GET", "/api/runs/{run}/report.md"): None,
        ("GET", "/api/runs/{run}/watch"): None,
        ("POST", "/api/login"): {"token": "x"},
        ("POST", "/api/logout"): {},
        ("POST", "/api/runs"): {"plan": plan, "requestId": "once", "queue": True},
        ("POST", "/api/runs/{going}/load"): {"users": 5},
        ("POST", "/api/runs/{going}/note"): {"text": "cache off"},
        ("POST", "/api/runs/{going}/stop"): {"mode": "STOP_MODE_KILL"},
        ("POST", "/api/agents/{agent}/drain"): {"undo": False},
        ("DELETE", "/api/runs/{run}"): None,
    }

    async def use(desk, page):
        over, other = await ended(desk), await ended(desk)
        going, _ = await active(desk, load="10 users for 1h")
        there = app(page.client, PageInfo(broker="")).asgi.routes
        rows = {(method, re.sub(r"\{(going|agent)\}", "{run}", path)) for method, path in asked}
        assert rows == {
            (method, route.path.replace("{agent}", "{run}"))
            for route in there
            for method in route.methods - {"HEAD"}
            if route.path.startswith("/api")
        }
        names = {
            "run": over.run_id,
            "over": over.run_id,
            "other": other.run_id,
            "going": going.run_id,
            "agent": "a1",
        }
        for (method, path), more in asked.items():
            query = more if isinstance(more, str) else ""
            body = more if isinstance(more, dict) else None
            headers = {} if method == "GET" else {"X-Loadgrpc": "1"}
            answer = await page.http.request(
                method, (path + query).format(**names), json=body, headers=headers
            )
            assert answer.status_code == 200, (method, path, answer.text)
            assert answer.headers["cache-control"] == "no-store"

    at_page(use, control=True)


def test_what_is_asked_for_is_done(at_page, active):
    """A run is started once for a request, its load changed, noted and stopped; the log has all."""

    async def use(desk, page):
        desk.agent("a2")
        body = {"plan": {"test": "a.B.c", "duration": "60s"}, "requestId": "k"}
        started = await page.post("/api/runs", body)
        assert await page.post("/api/runs", body) == started
        run, _ = await active(desk, load="10 users for 1h")
        path = f"/api/runs/{run.run_id}"
        noted = await page.post(f"{path}/note", {"text": "  cache\noff ", "requestId": "n"})
        assert await page.post(f"{path}/note", {"text": "cache off", "requestId": "n"}) == noted
        assert noted["change"]["kind"] == "CHANGE_KIND_NOTE"
        assert noted["change"]["reason"] == "cache off"
        changed = await page.post(f"{path}/load", {"users": 5})
        assert changed["changes"][0]["load"]["value"] == 5
        stopped = await page.post(f"{path}/stop", {"mode": "STOP_MODE_GRACEFUL"})
        assert stopped["run"]["state"] == "RUN_STATE_STOPPING"
        log = (await page.get(f"{path}/changes"))["changes"]
        assert [each for each in log if each == noted["change"]]
        refused = await page.post(f"/api/runs/{run.run_id}", method="DELETE", http=409)
        assert refused["reason"] == "RUN_NOT_OVER"

    at_page(use, control=True)


def test_a_note_is_of_an_active_run(at_page, ended):
    """Nothing is added to the log of a run that is over, and nothing empty to any."""

    async def use(desk, page):
        run = await ended(desk)
        for text, field in (("late", "run_id"), ("", "text"), ("x" * 401, "text")):
            path = f"/api/runs/{run.run_id}/note"
            refused = await page.post(path, {"text": text}, http=400)
            assert [each["field"] for each in refused["fields"]] == [field]

    at_page(use, control=True)


def test_nothing_is_changed_of_a_run_that_is_not_there(at_page):
    """It is not found, whatever is asked for."""

    async def use(_, page):
        for path, body in (("note", {"text": "x"}), ("load", {"users": 1}), ("stop", {})):
            refused = await page.post(f"/api/runs/r-nowhere/{path}", body, http=404)
            assert refused["reason"] == "NOT_FOUND"

    at_page(use, control=True)


def test_a_plan_is_checked_without_a_run(at_page):
    """A plan comes back as it is read, with why it would wait; a wrong one names its fields."""

    async def use(desk, page):
        plan = {"test": "a.B.c", "iterations": [3]}
        found = await page.post("/api/runs?check=1", {"plan": plan})
        assert found["plan"]["iterations"] == [3]
        assert found["waitsFor"].startswith("1 agent asked for, but 0 idle")
        desk.agent()
        assert (await page.post("/api/runs?check=1", {"plan": plan}))["waitsFor"] == ""
        wrong = {"plan": {"test": "a.B.c", "users": [0], "loadModel": 1}}
        refused = await page.post("/api/runs?check=1", wrong, http=400)
        assert "loadModel" in refused["message"]
        wrong["plan"].pop("loadModel")
        refused = await page.post("/api/runs?check=1", wrong, http=400)
        assert [each["field"] for each in refused["fields"]] == ["plan.users[0]"]
        assert (await page.get("/api/runs"))["runs"] == []

    at_page(use, control=True)


WRONG = [
    ("/api/runs/r-0000000000", 404, None),
    ("/api/runs/r-0000000000/summary", 404, None),
    ("/api/runs/r-0000000000/watch", 404, None),
    ("/api/nothing", 404, None),
    ("/../pyproject.toml", 404, None),
    ("/%2e%2e/%2e%2e/pyproject.toml", 404, None),
    ("/api/runs?limit=0", 400, "limit"),
    ("/api/runs?limit=1001", 400, "limit"),
    ("/api/runs?state=busy", 400, "state"),
    ("/api/runs?verdict=ok", 400, "verdict"),
    ("/api/runs?page=2", 400, "page"),
    ("/api/runs?token=x", 400, "page_token"),
    ("/api/runs/latest/timeline?resolution=ten", 400, "resolution"),
    ("/api/runs/latest/timeline?from=noon", 400, "from"),
    ("/api/runs/latest/timeline?series=maybe", 400, "series"),
    ("/api/runs/latest/watch?after=-1", 400, "after"),
    ("/api/runs/latest/watch?after=" + "9" * 30, 400, "after"),
    ("/api/runs/latest/events?kind=hat", 400, "kinds[0]"),
    ("/api/runs/latest/check?threshold=p95", 400, "thresholds[0]"),
    ("/api/compare?run=latest", 400, "run_ids"),
    ("/api/report", 400, "run"),
]


def test_what_cannot_be_answered_is_refused_with_a_reason(at_page, ended):
    """Each error has a code, a reason and a sentence; a wrong parameter is named."""

    async def use(desk, page):
        await ended(desk)
        for path, http, field in WRONG:
            refused = await page.get(path, http=http)
            assert refused.keys() == {"code", "reason", "message", "fields"}
            assert all(refused[each] for each in ("code", "reason", "message"))
            if field is not None:
                assert field in [each["field"] for each in refused["fields"]]

    at_page(use)


BODIES = [
    (b"{", "application/json", 400),
    (b"[]", "application/json", 400),
    (b'{"plan": {"test": 5}}', "application/json", 400),
    (b'{"nothing": 1}', "application/json", 400),
    (b"[" * 100_000, "application/json", 400),
    (b"{}", "text/plain", 415),
    (b"{}", "application/x-www-form-urlencoded", 415),
    (b" " * (1 << 20) + b"{}", "application/json", 413),
]


def test_bodies_that_are_no_request_are_refused(at_page):
    """What is not JSON, not such a message, or too large."""

    async def use(_, page):
        for body, kind, http in BODIES:
            headers = {"X-Loadgrpc": "1", "Content-Type": kind}
            answer = await page.http.post("/api/runs", content=body, headers=headers)
            assert answer.status_code == http
            assert answer.json()["message"]

    at_page(use, control=True)


def test_a_broker_that_is_away_is_said_to_be(at_page):
    """The page stays, and says so; that is no defect of it."""

    async def use(_, page):
        await page.server.stop(0)
        refused = await page.get("/api/broker", http=502)
        assert (refused["code"], refused["reason"]) == ("UNAVAILABLE", "UNAVAILABLE")

    at_page(use)


def test_hostile_texts_are_data(at_page):
    """Whatever a test is called and labelled, a reader of JSON gets exactly that."""

    async def use(desk, page):
        for at, text in enumerate(HOSTILE):
            run = await desk.start(f"a{at}", title=text[:128])
            found = await page.get(f"/api/runs/{run.run_id}")
            assert found["plan"]["title"] == text[:128]
            listed = await page.get("/api/runs", title=text[:128])
            assert [each["runId"] for each in listed["runs"]] == [run.run_id]
            answer = await page.http.get(f"/api/runs/{run.run_id}/summary")
            assert answer.headers["content-type"] == "application/json"
            assert answer.headers["x-content-type-options"] == "nosniff"

    at_page(use)


def test_figures_of_a_list(at_page, ended, active):
    """A list has the figures of its runs, if they are asked for: those of their summaries."""

    async def use(desk, page):
        over = await ended(desk, hits=5)
        going, runner = await active(desk)
        await runner.publish(3, first=1)
        listed = await page.get("/api/runs", figures=1)
        found = {each["runId"]: each["figures"] for each in listed["runs"]}
        for run, hits in ((over, "5"), (going, "3")):
            summary = await page.get(f"/api/runs/{run.run_id}/summary")
            assert found[run.run_id]["hits"] == hits == summary["hits"]["count"]
            assert found[run.run_id]["p95"] == summary["hits"]["elapsed"]["p95"]
            assert found[run.run_id]["rate"] == summary["hits"]["rate"]
        assert "figures" not in (await page.get("/api/runs"))["runs"][0]

    at_page(use)


def test_a_long_list_is_read_page_by_page(at_page):
    """A limit beyond one page of the broker's is kept, and the next token goes on from there."""

    async def use(desk, page):
        for _ in range(7):
            plan, waits = plan_of(test="a.B.c"), Submission(queue=True)
            await page.client.start_run(plan, submission=waits)
        whole = await page.get("/api/runs")
        first = await page.get("/api/runs", limit=5)
        rest = await page.get("/api/runs", limit=5, token=first["nextPageToken"])
        assert first["more"]
        assert not rest["more"]
        assert first["runs"] + rest["runs"] == whole["runs"]

    at_page(use)


def test_many_who_ask_are_one_to_the_broker(at_page, active, monkeypatch):
    """Twenty pages that ask for a summary at the same time cost the broker one."""

    async def use(desk, page):
        run, _ = await active(desk)
        asked = []
        call = page.client.raw.call

        async def counted(name, request):
            asked.append(name)
            return await call(name, request)

        monkeypatch.setattr(page.client.raw, "call", counted)
        path = f"/api/runs/{run.run_id}/summary"
        found = await asyncio.gather(*(page.get(path) for _ in range(20)))
        assert all(each == found[0] for each in found)
        assert asked == ["GetSummary"]

    at_page(use)


def test_large_answers_are_packed(at_page, ended):
    """A browser that takes gzip gets it, any other client the document as it is."""

    async def use(desk, page):
        run = await ended(desk, title="x" * 128, labels=("y" * 64,))
        path = f"/api/runs/{run.run_id}/summary"
        packed = await page.http.get(path, headers={"Accept-Encoding": "gzip"})
        plain = await page.http.get(path, headers={"Accept-Encoding": "identity"})
        assert packed.headers["content-encoding"] == "gzip"
        assert "content-encoding" not in plain.headers
        assert packed.json() == plain.json()

    at_page(use)
