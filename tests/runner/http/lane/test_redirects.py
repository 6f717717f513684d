"""The fast lane against Requests' own road: redirects.

Played and compared as in test_lane.py. A step is learned from what Requests made of it: of a
chain of n redirects, the (n + 2)nd call is all on the lane. The roads say h when the answers
that the lane had were handed to Requests.
"""

import os
import threading

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loadgrpc.runner.http.lane import lane as lane_module
from loadgrpc.runner.http.session import Session

MORE = float(os.environ.get("EXAMPLES", "1"))
"""How many times as many examples as usual."""
STATUSES = (301, 302, 303, 307, 308)


def redirect(location, status=302, body=b"gone", **headers):
    """An answer that redirects."""
    lines = [f"HTTP/1.1 {status} Gone", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = "\r\n".join(lines).encode()
    if location is not None:
        location = location if isinstance(location, bytes) else location.encode()
        head += b"\r\nLocation: " + location
    return head + b"\r\n\r\n" + body


BODIES = {
    "nothing": {},
    "JSON": {"json": {"a": 1}},
    "a form": {"data": {"a": "1"}},
    "bytes": {"data": b"bytes"},
    "text": {"data": "text"},
    "a large body": {"data": b"x" * 100_000},
}


@pytest.mark.parametrize("status", STATUSES)
def test_a_redirect_takes_the_lane(triplets, status):
    """Every status and method is learned once, and then the call is all on the lane."""

    def scenario(t):
        t.on("/r", redirect("/?a=b", status))
        for body in BODIES.values():
            for _ in range(4):
                t.request("POST", "/r", **body)
        for method in ("GET", "PUT", "PATCH", "DELETE", "OPTIONS"):
            for _ in range(3):
                t.request(method, "/r", data=b"x")
                t.request(method, "/r")

    # The large body is of a kind with bytes.
    triplets.check(scenario, "shll" * 5 + "llll" + "sshhll" * 5)


def test_bodies_that_change_between_calls_are_sent_again(triplets):
    """After a 307 goes the body of this call, of whatever length, and after a 303 none."""

    def scenario(t):
        t.on("/same", redirect("/", 307))
        t.on("/other", redirect("/", 303))
        for number in range(5):
            t.post("/same", json={"n": "x" * number})
            t.post("/other", json={"n": "x" * number})

    triplets.check(scenario, "shh" + "l" * 7)


def test_chains(triplets):
    """Each further redirect takes one more call to be learned; each answer has its history."""

    def scenario(t):
        for number in range(4):
            t.on(f"/{number}", redirect(f"/{number + 1}", STATUSES[number]))
        t.on("/4", redirect("/"))
        for _ in range(8):
            t.post("/0", data=b"x")
        t.get("/3")
        t.get("/3")
        t.get("/3")
        t.get("/3")

    triplets.check(scenario, "shhhhhll" + "shhl")


def test_history_belongs_to_who_has_it(triplets):
    """Changing an answer's history, or its steps, changes no other."""

    def scenario(t):
        t.on("/0", redirect("/1"))
        t.on("/1", redirect("/"))
        for _ in range(5):
            found = t.get("/0")
            t.note([len(step.history) for step in found.history])
            t.note([step is found.history[0] for step in found.history[1].history])
            found.history[1].history.append(found)
            found.history[0].request.headers["X"] = "y"
            found.history.clear()

    triplets.check(scenario, "shhll")


@pytest.mark.parametrize("limit", [0, 1, 2, 3, 5, -1, 1.5, True, "1", None])
def test_too_many_redirects(triplets, limit):
    """The limit is where it is in Requests, whoever followed, and the exception has the answer."""

    def scenario(t):
        t.on("/0", redirect("/1"))
        t.on("/1", redirect("/2"))
        t.on("/2", redirect("/"))
        t.on("/loop", redirect("/loop?a=b"))
        t.session.max_redirects = 4
        for _ in range(5):
            t.get("/0")
            t.get("/loop")
        t.session.max_redirects = limit
        for _ in range(5):
            t.get("/0")
            try:
                t.session.get(t.url("/loop"))
            except requests.TooManyRedirects as error:
                t.note((str(error), error.response.url, len(error.response.history)))
                t.note(error.response.content)
            except TypeError as error:
                t.note(str(error))

    triplets.check(scenario)


def test_redirects_that_are_not_followed(triplets):
    """With allow_redirects=False, the next request is what Requests says it would be."""

    def scenario(t):
        t.session.cookies.set("a", "b")
        for status in STATUSES:
            t.on("/r", redirect("/next?a=b", status))
            for _ in range(3):
                t.request("POST", "/r", data=b"x", allow_redirects=False)
                t.request("GET", "/r", allow_redirects=0)
        found = t.session.get(t.url("/r"), allow_redirects=False)
        t.on("/next", redirect(None))
        t.note(t.session.send(found.next).status_code)

    triplets.check(scenario, "ss" + "hh" * 14)


def test_following_is_decided_call_by_call(triplets):
    """A call that does not follow learns nothing wrong for one that does."""

    def scenario(t):
        t.on("/r", redirect("/"))
        for allowed in (False, True, False, True, True, False, True):
            t.get("/r", allow_redirects=allowed)

    triplets.check(scenario, "shhllhl")


LOCATIONS = {
    "a path": ("/a/b", True),
    "a query": ("/a?b=c&d=/?", True),
    "the whole URL": ("{base}/a", True),
    "the whole URL with a query": ("{base}/?a=b", True),
    "another host": ("{other}/a", True),
    "no path": ("{base}", False),
    "a relative path": ("a", False),
    "a path with dots": ("/a/../b", False),
    "a path relative with dots": ("../a", False),
    "only a query": ("?a=b", False),
    "only a fragment": ("#f", False),
    "a fragment": ("/a#f", False),
    "a whole URL with a fragment": ("{base}/a#f", False),
    "without a scheme": ("//127.0.0.1:{port}/a", False),
    "a scheme in capitals": ("{BASE}/a", False),
    "a host in capitals": ("{scheme}://LOCALHOST:{port}/a", True),
    "a user": ("{scheme}://u:p@127.0.0.1:{port}/a", False),
    "a parameter": ("/a;b=c", False),
    "an empty parameter": ("/a;", False),
    "an empty query": ("/a?", False),
    "an escape": ("/%41%2f", False),
    "half an escape": ("/%4", False),
    "a blank": ("/a b", False),
    "a blank at the end": ("/a ", False),
    "UTF-8": ("/\u20ac".encode(), False),
    "Latin-1": (b"/\xe9", False),
    "nothing": ("", False),
    "two slashes": ("//", False),
    "a double slash": ("/a//b", False),
    "a backslash": ("/a\\b", False),
    "an odd host": ("{scheme}://127.0.0.1#x:{port}/", False),
    "a host and a query": ("{scheme}://127.0.0.1:{port}?a=/", False),
    "another port": ("{scheme}://127.0.0.1:9/", False),
    "no host": ("http://", False),
    "no URL": ("http://[", False),
    "another kind of URL": ("ftp://127.0.0.1/a", False),
    "two in one": ("/a, /b", False),
}


@pytest.mark.parametrize("kind", LOCATIONS)
@pytest.mark.filterwarnings("ignore:Unverified HTTPS:Warning")
def test_locations(triplets, kind):
    """Wherever a redirect leads, the lane goes where Requests goes, or leaves it to Requests."""
    location, plain = LOCATIONS[kind]

    def scenario(t):
        if t.scheme == "https":
            t.session.verify = False
        base, other = t.url(""), t.url("", "localhost")
        where = location
        if isinstance(where, str):
            where = where.format(
                base=base,
                BASE=base.replace(t.scheme, t.scheme.upper()),
                other=other,
                port=t.server.port,
                scheme=t.scheme,
            )
        t.server.scripts = Anywhere({"/r": redirect(where)})
        t.session.max_redirects = 3
        for _ in range(5):
            t.get("/r")
        t.get("/r", params={"p": "q"})
        t.get(t.url("/r#mine"))
        t.get(t.url("/"))

    roads = triplets.check(scenario)
    assert roads[:6] == "shllll" if plain else "l" not in roads[:6]


@pytest.mark.parametrize("mark", ["", "#", "?", "#/", "?/", "/a#", "/a?"])
def test_locations_that_look_alike(triplets, mark):
    """What was learned of a place is not taken for what is behind a mark in its URL."""

    def scenario(t):
        t.server.scripts = Anywhere()
        for path in ("/", "/x", "", "/x?y", "/x#y"):
            t.on("/r", redirect(t.url(mark + path)))
            for _ in range(3):
                t.get("/r")

    triplets.check(scenario)


class Anywhere(dict):
    """Scripts of a server that answers everything else alike."""

    def __missing__(self, path):
        return b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def test_two_locations(triplets):
    """Of two Location headers Requests makes one, which leads nowhere."""

    def scenario(t):
        t.server.scripts = Anywhere({"/r": redirect("/a", Location="/b")})
        for _ in range(3):
            t.get("/r")

    triplets.check(scenario, "srr")


def test_a_status_without_a_location_is_no_redirect(triplets):
    """A 302 that leads nowhere is an answer like any other."""

    def scenario(t):
        for status in STATUSES:
            t.on("/r", redirect(None, status))
            t.get("/r")
            t.get("/r", allow_redirects=False)
        t.on("/r", redirect("/", 300))
        t.get("/r")

    triplets.check(scenario, "s" + "l" * 10)


def test_another_host_gets_no_password(triplets, answer):
    """Authorization goes no further than its host, on either road; other headers do."""

    def scenario(t):
        t.on("/away", redirect(t.url("/", "localhost")))
        t.on("/here", redirect(t.url("/")))
        t.session.headers["X-Own"] = "yes"
        for auth in (None, ("u", "p")):
            t.session.auth = auth
            for headers in (None, {"Authorization": "Bearer x"}):
                for _ in range(4):
                    t.get("/away", headers=headers)
                    t.get("/here", headers=headers)

    roads = triplets.check(scenario)
    assert roads == "shhlllll" * 4


def test_another_port_gets_no_password(triplets, servers, answer):
    """Nor does another server on the same host, which is seen by what comes there."""
    other = servers()

    def scenario(t):
        other.requests.clear()
        other.scripts["/there"] = answer(b"there")
        t.on("/away", redirect(other.url("/there")))
        t.session.auth = ("u", "p")
        for _ in range(5):
            t.get("/away")
        t.note(list(other.requests))

    # From HTTPS to HTTP, which no template is for, Requests goes by itself.
    assert triplets.check(scenario) == ("shlll" if triplets.scheme == "http" else "shhhh")


def test_session_headers_that_change_before_each_call(triplets):
    """A token that is new each time is sent with each step that Requests would send it with."""

    def scenario(t):
        t.on("/0", redirect("/1", 307))
        t.on("/1", redirect(t.url("/", "localhost")))
        t.on("/one", redirect("/"))
        for number in range(6):
            t.session.headers["Authorization"] = f"Bearer {number:0{number + 1}}"
            t.session.headers["X-Id"] = str(number)
            t.post("/0", json=number)
            t.get("/one")
            t.session.headers["X-Id"] = f"{number} again"
            t.get("/one")

    roads = triplets.check(scenario)
    assert roads.endswith("hll" * 3)


def test_a_cookie_header_is_made_anew(triplets):
    """A Cookie header of the session's goes with the first request only; the jar's with all."""

    def scenario(t):
        t.on("/r", redirect("/"))
        for _ in range(2):
            for cookie in ("a=1", "b=2", "b=3"):
                t.session.headers["Cookie"] = cookie
                for _ in range(3):
                    t.get("/r")
            t.session.cookies.set("a", "1")

    triplets.check(scenario)


def test_cookies_change_between_calls(triplets):
    """Cookies that come, go or are for a path are sent with the step they are for."""

    def scenario(t):
        def script(_, request):
            return redirect(request.split(b" ")[1].partition(b"to=")[2])

        t.server.scripts = Anywhere({"/r": script})
        for change in (
            lambda: t.session.cookies.set("a", "1"),
            lambda: t.session.cookies.set("b", "2", path="/deep"),
            lambda: t.session.cookies.set("c", "3", path="/deep/er"),
            lambda: t.session.cookies.set("d", "4", domain="localhost.local"),
            lambda: t.session.cookies.set("a", "5"),
            lambda: t.session.cookies.clear(),
        ):
            change()
            for _ in range(3):
                t.get("/r?to=/deep/er")
                t.get("/r?to=/deep/x")
                t.get("/r?to=/")

    roads = triplets.check(scenario)
    assert roads.count("l") > 20


def test_a_step_sets_a_cookie(triplets):
    """A cookie that a step sets goes with the next, and is the session's from then on."""

    def scenario(t):
        count = iter(range(100))
        t.on("/0", redirect("/1"))
        t.on("/1", lambda *_: redirect("/2", Set_Cookie=f"n={next(count)}; Path=/"))
        t.on("/2", redirect("/"))
        for _ in range(5):
            t.get("/0")
            t.get("/2")

    roads = triplets.check(scenario)
    assert set(roads) <= set("shr")


def test_netrc_comes_between_calls(triplets, tmp_path):
    """A .netrc counts for each step, also where the session has an auth of its own."""

    def scenario(t):
        t.on("/r", redirect("/"))
        for auth in (None, ("u", "p")):
            t.session.auth = auth
            for _ in range(4):
                t.get("/r")
            (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
            t.clock.advance(0.010)
            for _ in range(3):
                t.get("/r")
            (tmp_path / ".netrc").unlink()
            t.clock.advance(0.010)
            for _ in range(3):
                t.get("/r")

    triplets.check(scenario, "shll" + "sss" + "shl" + "shll" + "hhh" + "lll")


def _wrap_redirects(name):
    def wrap(t):
        wrapped = getattr(requests.Session, name)

        def wrapper(*args, **kwargs):
            t.note(name)
            return wrapped(*args, **kwargs)

        t.patch.setattr(requests.Session, name, wrapper)

    return wrap


def _never_strip(t):
    t.patch.setattr(requests.Session, "should_strip_auth", lambda self, old, new: False)


def _own_strip(t):
    t.session.should_strip_auth = lambda old, new: False


def _own_rebuild(t):
    t.session.rebuild_auth = lambda request, response: None


REPLACED = {
    **{
        name: _wrap_redirects(name)
        for name in (
            "resolve_redirects",
            "get_redirect_target",
            "should_strip_auth",
            "rebuild_method",
            "rebuild_auth",
            "rebuild_proxies",
        )
    },
    "should_strip_auth for good": _never_strip,
    "a session's should_strip_auth": _own_strip,
    "a session's rebuild_auth": _own_rebuild,
}


@pytest.mark.parametrize("which", REPLACED)
def test_what_others_replace_is_asked(triplets, which):
    """What a test puts in the place of Requests' own rules of redirects is what counts."""

    def scenario(t):
        t.session.headers["Authorization"] = "Bearer x"
        t.on("/r", redirect(t.url("/", "localhost")))
        for _ in range(4):
            t.get("/r")
        outer = t.patch
        with outer.context() as t.patch:
            REPLACED[which](t)
            for _ in range(3):
                t.get("/r")
        t.patch = outer

    if which == "get_redirect_target":  # our own road asks as often as Requests does
        assert triplets.check(scenario).startswith("shll")
    else:
        assert triplets.check(scenario) in ("shllhhh", "shllsss")


def test_a_connection_that_ends_with_a_redirect(triplets):
    """Where each answer ends its connection, the step goes on another."""

    def scenario(t):
        t.on("/r", redirect("/", Connection="close"))
        for _ in range(4):
            t.get("/r")
            t.get()

    triplets.check(scenario)


@pytest.mark.parametrize(
    "raw", [b"", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"]
)
def test_a_step_that_fails(triplets, raw):
    """A step cut off is a hit of its own, raises what it raises, and is sent once."""

    def script(connection, _):
        connection.sendall(raw)

    def scenario(t):
        t.on("/r", redirect("/x"))
        t.on("/x", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        for _ in range(3):
            t.get("/r")
        t.on("/x", script)
        for _ in range(2):
            t.get("/r")
            t.get()
        t.get("/r", timeout=5)

    triplets.check(scenario, "shlrsrsr")


def test_a_step_that_times_out(triplets):
    """A time-out goes for each step; the answer that is late is read by nobody."""

    def scenario(t):
        over = threading.Event()
        t.on("/r", redirect("/x"))
        t.on("/x", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        for _ in range(3):
            t.get("/r", timeout=5)
        t.on("/x", lambda *_: over.wait(5) and b"")
        t.get("/r", timeout=(5, 0.03))
        t.get()
        over.set()

    triplets.check(scenario, "shlrs")


def test_names_are_of_all_steps(server, answer, hits, clock, monkeypatch):
    """`name=` names each hit of a call, whichever road it took; without, each has its own."""
    monkeypatch.setenv("NO_PROXY", "*")
    server.scripts["/"] = answer(b"x")
    server.scripts["/r"] = redirect("/?q=1")
    with Session() as session:
        session.bind(hits, clock)
        for name in ("a", "b", "c", None):
            session.get(server.url("/r"), name=name)
    assert hits.column("name") == [*"aabbcc", server.url("/r"), server.url("/")]
    assert hits.column("status") == [302, 200] * 4
    assert hits.column("url") == [server.url("/r"), server.url("/?q=1")] * 4


def test_steps_are_timed_each_by_itself(server, answer, hits, clock, monkeypatch):
    """A step begins when the answer before it has come, on the lane as elsewhere."""
    monkeypatch.setenv("NO_PROXY", "*")

    def slow(milliseconds, raw):
        def script(*_):
            clock.advance(milliseconds / 1000)
            return raw

        return script

    server.scripts["/r"] = slow(5, redirect("/"))
    server.scripts["/"] = slow(7, answer(b"x"))
    with Session() as session:
        session.bind(hits, clock)
        for _ in range(3):
            began = clock.wall_ns()
            found = session.get(server.url("/r"))
            assert hits.column("start_ns")[-2:] == [began, began + 5_000_000]
            assert hits.column("elapsed_ns")[-2:] == [5_000_000, 7_000_000]
            assert hits.column("first_byte_ns")[-2:] == [5_000_000, 7_000_000]
            if len(hits) > 2:  # the lane has made the first step, also where Requests went on
                assert found.history[0].elapsed.microseconds == 5000
    assert [step.elapsed.microseconds for step in (*found.history, found)] == [5000, 7000]


def test_steps_are_remembered_within_bounds(server, answer, hits, clock, monkeypatch):
    """A redirect that leads elsewhere each time does not make the lane remember more and more."""
    monkeypatch.setenv("NO_PROXY", "*")
    count = iter(range(1000))
    server.scripts["/"] = answer(b"x")

    def another(*_):
        """The same host, spelled in another way."""
        number = next(count)
        letters = enumerate("localhost")
        host = "".join(c.upper() if number >> at & 1 else c for at, c in letters)
        return redirect(f"http://{host}:{server.port}/")

    server.scripts["/r"] = another
    with Session() as session:
        session.bind(hits, clock)
        for _ in range(3 * lane_module.MAX_STEPS):
            assert session.get(server.url("/r")).text == "x"
        [template] = session._lane._templates.values()
        assert 1 <= len(template.steps) <= lane_module.MAX_STEPS


HOSTS = st.sampled_from(["127.0.0.1", "localhost"])
FORMS = st.sampled_from(
    [
        "{path}",
        "{path}?a={n}",
        "{base}{path}",
        "{base}{path}?b=c",
        "{base}{path}#f",
        "{path}#f",
        ".{path}",
        "{path};",
        "{path}%20",
        "//{host}{path}",
        "{path}?",
    ]
)
HOPS = st.lists(
    st.fixed_dictionaries(
        {
            "status": st.sampled_from(STATUSES),
            "form": FORMS,
            "host": HOSTS,
            "body": st.sampled_from([b"", b"gone", b"g" * 20_000]),
            "more": st.sampled_from(
                [{}, {}, {}, {"Connection": "close"}, {"Set_Cookie": "c=d; Path=/"}]
            ),
        }
    ),
    min_size=1,
    max_size=4,
)
CALLS = st.lists(
    st.tuples(
        st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
        st.sampled_from(list(BODIES.values())[:5]),
        st.sampled_from([{}, {}, {"params": {"p": 1}}, {"allow_redirects": False}]),
        st.sampled_from([{}, {}, {"headers": {"X-A": "1"}}, {"headers": {"Authorization": "x"}}]),
    ),
    min_size=1,
    max_size=2,
)


@settings(
    max_examples=max(1, round(20 * MORE)),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    hops=HOPS,
    calls=CALLS,
    limit=st.sampled_from([30, 30, 2, 1, 0]),
    auth=st.none() | st.just(("u", "p")),
    token=st.booleans(),
    cookies=st.lists(st.sampled_from([("a", "/"), ("b", "/hop1"), ("c", "/hop")]), max_size=2),
)
def test_any_chain(triplets, hops, calls, limit, auth, token, cookies):
    """Whatever redirects whatever where, all is as Requests does it, call after call."""

    def scenario(t):
        t.server.scripts = Anywhere()
        for number, hop in enumerate(hops):
            host = f"{hop['host']}:{t.server.port}"
            location = hop["form"].format(
                path=f"/hop{number + 1}", n=number, host=host, base=f"{t.scheme}://{host}"
            )
            t.on(f"/hop{number}", redirect(location, hop["status"], hop["body"], **hop["more"]))
        t.session.max_redirects, t.session.auth = limit, auth
        for name, path in cookies:
            t.session.cookies.set(name, "v", path=path)
        for turn in range(len(hops) + 3):
            if token:
                t.session.headers["Authorization"] = f"Bearer {turn}"
                t.session.headers["X-Turn"] = str(turn)
            for method, body, more, headers in calls:
                t.request(method, "/hop0", **body, **more, **headers)

    triplets.check(scenario)
