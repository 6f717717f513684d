"""The fast lane against Requests' own road: what a session, an environment and a call say.

Each scenario is played three times on the same server, with Requests' own Session, with ours
without the lane, and with ours. Answers, exceptions, cookies, the bytes of the requests and,
of ours, the hits have to be the same. The roads at the end of a check say, call by call, that
the lane was really there: s Requests' own road, l the lane, r begun there and resumed.
"""

import collections
import copy
import gc
import io
import json
import os
import threading
import time
import types
import unittest.mock
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path

import pytest
import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from requests.auth import HTTPBasicAuth, HTTPDigestAuth
from requests.models import PreparedRequest
from requests.structures import CaseInsensitiveDict
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.util import SKIP_HEADER
from urllib3.util.retry import Retry

from loadgrpc.runner.http import session as session_module

MORE = float(os.environ.get("EXAMPLES", "1"))
"""How many times as many examples as usual."""
SCHEMES = ["http"] if MORE <= 1 else ["http", "https"]
plainly = pytest.mark.parametrize("triplets", SCHEMES, indirect=True)
"""For what TLS has no part in: over HTTP only, unless there is to be more of everything."""


def test_plain_requests_take_the_lane(triplets):
    """The second request of a kind takes the lane, for any URL of the origin and any method."""

    def scenario(t):
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            t.on("/a/b", b"HTTP/1.1 404 Not  Found\r\nA: 1\r\nA:  2 \r\nContent-Length: 0\r\n\r\n")
            t.thrice(method=method)
            t.request(method, "/a/b")
            t.request(method, "/?a=b&c=d")

    triplets.check(scenario, "sllll" * 6)


def test_a_head_never_takes_the_lane(triplets, answer):
    """HEAD, and methods in small letters, are Requests' own matter."""

    def scenario(t):
        t.on("/head", b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
        t.thrice("/head", "HEAD")
        t.thrice(method="get")

    triplets.check(scenario, "ssssss")


# The session changes.


def _header(name, value):
    def change(t):
        t.session.headers[name] = value

    return change


def _update(**headers):
    return lambda t: t.session.headers.update(headers)


def _reorder(t):
    t.session.headers["Accept"] = t.session.headers.pop("Accept")
    t.session.headers["User-Agent"] = t.session.headers.pop("User-Agent")


def _set(name, value):
    return lambda t: setattr(t.session, name, value)


HEADER_CHANGES = {
    "a new value": (_header("Accept", "text/plain"), "lll"),
    "a new name": (_header("X-New", "1"), "sll"),
    "another case": (_header("ACCEPT", "*/*"), "sll"),
    "none": (_header("Accept", None), "sll"),
    "bytes": (_header("Accept", b"x/y"), "sll"),
    "an empty value": (_header("Accept", ""), "sll"),
    "a value with blanks at the end": (_header("Accept", "a "), "sll"),
    "an accent": (_header("Accept", "\xe9"), "sll"),
    "a line break": (_header("Accept", "a\r\nX: y"), "sss"),
    "a number": (_header("Accept", 7), "sss"),
    "beyond Latin-1": (_header("Accept", "\u20ac"), "sss"),
    "urllib3's skip": (_header("User-Agent", SKIP_HEADER), "sll"),
    "one removed": (lambda t: t.session.headers.pop("Accept"), "sll"),
    "all removed": (lambda t: t.session.headers.clear(), "sll"),
    "two values": (_update(Accept="a/b", Connection="close"), "lll"),
    "reordered": (_reorder, "sll"),
    "a plain dict": (_set("headers", {"X-Plain": "yes"}), "sll"),
    "a CaseInsensitiveDict": (_set("headers", CaseInsensitiveDict(A="b")), "sll"),
    "an equal dict": (lambda t: setattr(t.session, "headers", t.session.headers.copy()), "sll"),
    "None for all": (_set("headers", None), "sll"),
    "a length": (_header("Content-Length", "0"), "sll"),
    "a host": (_header("Host", "example.invalid"), "sll"),
    "a cookie": (_header("Cookie", "a=b"), "sll"),
}


@plainly
@pytest.mark.parametrize("change", HEADER_CHANGES)
def test_session_headers_change(triplets, change):
    """Whatever is done to the session's headers between calls, the next call sends them."""
    do, roads = HEADER_CHANGES[change]
    if change == "None for all":
        roads = "sss"

    def scenario(t):
        t.thrice()
        do(t)
        t.thrice()

    triplets.check(scenario, "sll" + roads)


def test_a_session_header_that_changes_before_each_call(triplets):
    """A token that is new each time is followed without leaving the lane."""

    def scenario(t):
        for number in range(6):
            t.session.headers["Authorization"] = f"Bearer {number:0{number + 1}}"
            t.session.headers["X-Id"] = str(number)
            t.get()
            t.post(json=number)

    triplets.check(scenario, "ss" + "ll" * 5)


def test_a_plain_dict_of_headers_that_is_changed_in_place(triplets):
    """A plain dict for headers may be reordered and changed like the usual one."""

    def scenario(t):
        t.session.headers = {"B": "1", "A": "2"}
        t.thrice()
        t.session.headers["B"] = t.session.headers.pop("B")
        t.thrice()
        t.session.headers["B"] = "3"
        t.thrice()

    triplets.check(scenario, "sllsllsll")


def test_headers_of_a_call_win_over_those_of_the_session(triplets):
    """A call's own header stays when the session's, equal until now, changes."""

    def scenario(t):
        t.session.headers["X-A"] = "old"
        for headers in (
            {"X-A": "old"},
            {"x-a": "old"},
            {b"X-A": b"old"},
            {"X-A": None},
            {"x-a": None, "B": "c"},
        ):
            t.thrice(headers=headers)
            t.session.headers["X-A"] = "new"
            t.thrice(headers=headers)
            t.session.headers["X-A"] = "old"

    triplets.check(scenario)


def test_an_authorization_header_does_not_beat_auth(triplets):
    """A session's Authorization header that changes stays hidden behind its auth."""

    def scenario(t):
        t.session.auth = ("u", "p")
        t.session.headers["Authorization"] = "Basic dTpw"  # what u and p make
        t.thrice()
        t.session.headers["Authorization"] = "Bearer x"
        t.thrice()

    triplets.check(scenario, "sllsll")


def _custom_auth(request):
    request.headers["X-Time"] = str(len(request.headers))
    return request


def _idle_hook(response, **_):
    """A hook that leaves everything as it is."""


def _rename(response, **_):
    response.reason = "renamed"


SESSION_CHANGES = {
    "basic auth": (_set("auth", ("u", "p")), "sll"),
    "basic auth of bytes": (_set("auth", (b"u", b"p")), "sll"),
    "auth as an object": (_set("auth", HTTPBasicAuth("u", "p")), "sss"),
    "digest auth": (_set("auth", HTTPDigestAuth("u", "p")), "sss"),
    "a function for auth": (_set("auth", _custom_auth), "sss"),
    "no auth, said so": (_set("auth", ()), "sll"),
    "a wrong auth": (_set("auth", ("u", "p", "x")), "sss"),
    "params": (lambda t: t.session.params.update(a="b"), "sss"),
    "params replaced": (_set("params", [("a", "b")]), "sss"),
    "no params": (_set("params", None), "sll"),
    "a hook": (lambda t: t.session.hooks["response"].append(_idle_hook), "sss"),
    "hooks replaced": (_set("hooks", {"response": [_idle_hook]}), "sss"),
    "other hooks": (_set("hooks", {"response": [], "other": []}), "sss"),
    "verify": (_set("verify", False), "sll"),
    "verify, of no use": (_set("verify", "/does/not/exist"), None),
    "cert, of no use": (_set("cert", "/does/not/exist"), "sss"),
    "trust_env": (_set("trust_env", False), "sll"),
    "stream": (_set("stream", True), "sss"),
    "max_redirects": (_set("max_redirects", 1), "sll"),
    "something of the test's own": (_set("base", "x"), "sll"),
    "a proxy for another host": (_set("proxies", {"http://example.invalid": "http://x"}), "sss"),
    "cookies replaced": (_set("cookies", requests.cookies.cookiejar_from_dict({"a": "b"})), "sll"),
    "a jar of http.cookiejar": (_set("cookies", CookieJar()), "sll"),
}


@pytest.mark.parametrize("change", SESSION_CHANGES)
@pytest.mark.filterwarnings("ignore:Unverified HTTPS:Warning")
def test_session_attributes_change(triplets, change):
    """Whatever attribute of a session is set between calls, the next call goes by it."""
    do, roads = SESSION_CHANGES[change]
    if roads is None:
        roads = "sss" if triplets.scheme == "https" else "sll"

    def scenario(t):
        t.thrice()
        do(t)
        t.thrice()

    # A changed `verify` makes another pool, which a plain connection does not need.
    triplets.check(scenario, "sll" + roads)


def test_session_params_hooks_and_proxies_go_away_again(triplets):
    """Once the session is plain again, the lane is open again, also for what was learned."""

    def scenario(t):
        for change, undo in (
            (lambda: t.session.params.update(a="b"), lambda: t.session.params.clear()),
            (
                lambda: t.session.hooks["response"].append(_rename),
                lambda: t.session.hooks["response"].clear(),
            ),
            (lambda: t.session.proxies.update(ftp="x"), lambda: t.session.proxies.clear()),
        ):
            t.thrice()
            change()
            t.thrice()
            undo()

    triplets.check(scenario, "sllsss" * 3)


def test_a_proxy_is_taken_at_once(triplets, servers, answer):
    """A forwarding proxy set between calls gets the next call, and loses it when removed."""
    proxy = servers()

    def scenario(t):
        if t.scheme == "https":
            return
        proxy.requests.clear()
        proxy.scripts[t.url("/")] = answer(b"through")
        t.thrice()
        t.session.proxies["http"] = proxy.url()
        t.thrice()
        t.session.proxies.clear()
        t.thrice()
        t.patch.setenv("http_proxy", proxy.url())
        t.thrice()
        t.patch.setenv("NO_PROXY", "127.0.0.1")
        t.thrice()
        t.patch.delenv("NO_PROXY")
        t.thrice()
        t.get(proxies={"http": proxy.url()})
        t.get(proxies={"no_proxy": "127.0.0.1"})
        t.note(list(proxy.requests))

    roads = triplets.check(scenario)
    assert roads in ("sllssssllssssllsss" + "ss", "")


class OwnAdapter(HTTPAdapter):
    def add_headers(self, request, **kwargs):
        request.headers["X-Added"] = "here"


class FakeAdapter(BaseAdapter):
    """Answers without a wire."""

    def send(self, request, **kwargs):
        return fake_answer(request)

    def close(self):
        pass


def fake_answer(request):
    """A response as mocks make it."""
    response = requests.Response()
    response.status_code, response.url, response.request = 203, request.url, request
    response._content = b"fake"
    response.raw = io.BytesIO()
    response.raw.status = 203
    for name in ("reason", "version", "version_string", "chunked", "url"):
        setattr(response.raw, name, None)
    response.raw.headers = response.raw.data = {}
    response.raw._original_response = None
    return response


def _play_fakes(t):
    """Three calls whose answers are not urllib3's, so that only a part can be noted."""
    for _ in range(3):
        found = t.session.get(t.url())
        t.note((found.status_code, found.content))


ADAPTERS = {
    "another": lambda: HTTPAdapter(),
    "one of the test's own": OwnAdapter,
    "one that retries": lambda: HTTPAdapter(max_retries=3),
    "one that retries on statuses": lambda: HTTPAdapter(
        max_retries=Retry(0, status_forcelist=[200], raise_on_status=False)
    ),
    "one that blocks": lambda: HTTPAdapter(pool_block=True, pool_maxsize=1),
}


@pytest.mark.parametrize("kind", ADAPTERS)
@pytest.mark.parametrize("prefix", ["", "/", "other"])
def test_adapters_are_mounted(triplets, kind, prefix):
    """An adapter mounted between calls gets the next, for the scheme or for a prefix only."""

    def scenario(t):
        t.thrice()
        where = {"": f"{t.scheme}://", "/": t.url("/"), "other": "other://"}[prefix]
        t.session.mount(where, ADAPTERS[kind]())
        t.thrice()
        t.session.adapters.pop(where)
        t.session.mount(f"{t.scheme}://", HTTPAdapter())
        t.thrice()

    roads = "sll" if kind == "another" and not prefix else "sss"
    triplets.check(scenario, "sll" + roads + "sll")


def test_adapters_are_set_by_hand_and_changed(triplets):
    """Adapters put into the dictionary, and retries put into an adapter, count at once."""

    def scenario(t):
        adapter = t.session.get_adapter(t.url())
        t.thrice()
        t.session.adapters[f"{t.scheme}://"] = OwnAdapter()
        t.thrice()
        t.session.adapters[f"{t.scheme}://"] = adapter
        t.thrice()
        adapter.max_retries = Retry(0, status_forcelist=[200], raise_on_status=False)
        t.thrice()
        adapter.max_retries = Retry(0, read=False)
        t.thrice()
        adapter.max_retries.status_forcelist = {200}
        t.thrice()
        t.session.adapters.clear()
        t.thrice()

    triplets.check(scenario, "sllsss" + "sllsss" + "sllsss" + "sss", connections=False)


def test_a_pool_manager_is_cleared_and_the_session_closed(triplets):
    """After either, the next request opens a connection, as it would without the lane."""

    def scenario(t):
        t.thrice()
        t.session.get_adapter(t.url()).poolmanager.clear()
        t.thrice()
        t.session.close()
        t.thrice()
        t.session.get_adapter(t.url()).init_poolmanager(1, 1)
        t.thrice()

    triplets.check(scenario, "sll" * 4)


def _patch_adapter_class(t):
    t.patch.setattr(HTTPAdapter, "send", lambda self, request, **_: fake_answer(request))


def _patch_adapter(t):
    fake = unittest.mock.Mock(side_effect=lambda request, **_: fake_answer(request))
    t.patch.setattr(t.session.get_adapter(t.url()), "send", fake)


def _patch_session_class(t):
    t.patch.setattr(requests.Session, "send", lambda self, request, **_: fake_answer(request))


def _patch_session(t):
    t.patch.setattr(t.session, "send", lambda request, **_: fake_answer(request))


def _patch_get_adapter_class(t):
    t.patch.setattr(requests.Session, "get_adapter", lambda self, url: FakeAdapter())


def _patch_get_adapter(t):
    t.patch.setattr(t.session, "get_adapter", lambda url: FakeAdapter())


def _patch_request_class(t):
    def request(self, method, url, **_):
        return fake_answer(requests.Request(method, url).prepare())

    t.patch.setattr(requests.Session, "request", request)


def _patch_own_send(t):
    kind = type(t.session)
    t.patch.setattr(kind, "send", lambda self, request, **_: fake_answer(request))


def _patch_own_get_adapter(t):
    t.patch.setattr(type(t.session), "get_adapter", lambda self, url: FakeAdapter())


FAKES = {
    "HTTPAdapter.send, as responses": _patch_adapter_class,
    "an adapter's send": _patch_adapter,
    "requests.Session.send": _patch_session_class,
    "a session's send": _patch_session,
    "requests.Session.get_adapter, as requests-mock": _patch_get_adapter_class,
    "a session's get_adapter": _patch_get_adapter,
    "requests.Session.request": _patch_request_class,
    "our send": _patch_own_send,
    "our get_adapter": _patch_own_get_adapter,
}


@pytest.mark.parametrize("fake", FAKES)
def test_what_mocks_replace_is_asked(triplets, fake):
    """A mock gets every call from the moment it stands until it is gone."""

    def scenario(t):
        t.thrice()
        with t.patch.context() as t.patch:
            FAKES[fake](t)
            _play_fakes(t)
        t.thrice()

    triplets.check(scenario)


def _wrap(owner, name, t):
    """A wrapper around a method that counts and passes on, as tracers have it."""
    wrapped = getattr(owner, name)

    def wrapper(*args, **kwargs):
        t.note(name)
        return wrapped(*args, **kwargs)

    t.patch.setattr(owner, name, wrapper)


class Equal:
    """A wrapper that claims to be what it wraps, as wrapt's."""

    def __init__(self, wrapped, note):
        self.wrapped, self.note = wrapped, note

    def __get__(self, instance, owner):
        return Equal(self.wrapped.__get__(instance, owner), self.note)

    def __eq__(self, other):
        return self.wrapped == other

    def __hash__(self):
        return hash(self.wrapped)

    def __call__(self, *args, **kwargs):
        self.note("called")
        return self.wrapped(*args, **kwargs)


WRAPPED = {
    "requests.Session.send": lambda t: _wrap(requests.Session, "send", t),
    "requests.Session.get_adapter": lambda t: _wrap(requests.Session, "get_adapter", t),
    "requests.Session.prepare_request": lambda t: _wrap(requests.Session, "prepare_request", t),
    "merge_environment_settings": lambda t: _wrap(
        requests.Session, "merge_environment_settings", t
    ),
    "HTTPAdapter.send": lambda t: _wrap(HTTPAdapter, "send", t),
    "HTTPAdapter.build_response": lambda t: _wrap(HTTPAdapter, "build_response", t),
    "get_connection_with_tls_context": lambda t: _wrap(
        HTTPAdapter, "get_connection_with_tls_context", t
    ),
    "urlopen": lambda t: _wrap(HTTPConnectionPool, "urlopen", t),
    "_make_request": lambda t: _wrap(HTTPConnectionPool, "_make_request", t),
    "PreparedRequest.prepare": lambda t: _wrap(PreparedRequest, "prepare", t),
    "a session's send": lambda t: _wrap(t.session, "send", t),
    "a session's get_adapter": lambda t: _wrap(t.session, "get_adapter", t),
    "a session's prepare_request": lambda t: _wrap(t.session, "prepare_request", t),
    "an adapter's send": lambda t: _wrap(t.session.get_adapter(t.url()), "send", t),
    "an adapter's build_response": lambda t: _wrap(
        t.session.get_adapter(t.url()), "build_response", t
    ),
    "what is equal to what it wraps": lambda t: t.patch.setattr(
        HTTPConnectionPool, "urlopen", Equal(HTTPConnectionPool.urlopen, t.note)
    ),
}


@pytest.mark.parametrize("which", WRAPPED)
def test_what_tracers_wrap_is_called(triplets, which):
    """A wrapper sees every call while it is there, also one that claims equality."""

    def scenario(t):
        t.thrice()
        outer = t.patch
        with outer.context() as t.patch:
            WRAPPED[which](t)
            t.thrice()
        t.patch = outer
        t.thrice()

    assert triplets.check(scenario) in ("sllssssll", "sllssslll")


def test_a_wrapped_request_stays_on_the_lane(triplets):
    """Default arguments put around a session's `request` are above the lane."""

    def scenario(t):
        request = t.session.request
        t.session.request = lambda *args, **kwargs: request(*args, timeout=5, **kwargs)
        t.thrice()

    triplets.check(scenario, "sll")


def test_what_was_replaced_before_the_lane_was_imported_closes_it(tmp_path):
    """A tracer that came first is not taken for the genuine thing."""
    import subprocess
    import sys

    script = (
        "import functools, requests\n"
        "send = requests.Session.send\n"
        "@functools.wraps(send)\n"
        "def traced(*args, **kwargs):\n    return send(*args, **kwargs)\n"
        "requests.Session.send = traced\n"
        "from loadgrpc.runner.http import session\n"
        "from loadgrpc.runner.http.lane import unpatched\n"
        "print(unpatched.as_written())\n"
        "requests.Session.send = send\n"
        "print(unpatched.as_written())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\nFalse\n"


def test_a_subclass_goes_its_own_way(server, answer, hits, clock, watch_the_lane, monkeypatch):
    """A session class of the test's own, which may override anything, has no lane."""

    class Own(session_module.Session):
        pass

    monkeypatch.setenv("NO_PROXY", "*")
    server.scripts["/"] = answer(b"x")
    with Own() as session:
        session.bind(hits, clock)
        assert session._lane is None
        assert [session.get(server.url()).text for _ in range(3)] == ["x"] * 3
    assert len(hits) == 3


# Cookies.


def _cookie(name, value="v", **more):
    def change(t):
        t.session.cookies.set(name, value, **more)

    return change


def _expire_soon(t):
    t.session.cookies.set("soon", "v", expires=int(time.time()) + 30)


def _shift_time(t, seconds):
    now = time.time
    t.patch.setattr(time, "time", lambda: now() + seconds)


def _mutate(**state):
    def change(t):
        for cookie in t.session.cookies:
            vars(cookie).update(state)

    return change


COOKIE_CHANGES = {
    "set by hand": _cookie("a"),
    "for a path": _cookie("a", path="/p"),
    "for this domain": _cookie("a", domain="127.0.0.1"),
    "for another domain": _cookie("a", domain="example.invalid"),
    "for a port": _cookie("a", port="1"),
    "secure": _cookie("a", secure=True),
    "long expired": _cookie("a", expires=1),
    "about to expire": _expire_soon,
    "of version 1": _cookie("a", version=1),
    "a second one": lambda t: (_cookie("b")(t), _cookie("a")(t)),
    "the same on two paths": lambda t: (_cookie("a", path="/p")(t), _cookie("a", "w")(t)),
    "cleared": lambda t: t.session.cookies.clear(),
    "a changed value": _mutate(value="w"),
    "a changed path": _mutate(path="/p"),
    "a changed expiry": _mutate(expires=1),
    "another policy": lambda t: t.session.cookies.set_policy(
        DefaultCookiePolicy(blocked_domains=["."])
    ),
    "set again": _cookie("first", "w"),
    "deleted": lambda t: t.session.cookies.pop("first"),
}


@plainly
@pytest.mark.parametrize("change", COOKIE_CHANGES)
def test_session_cookies_change(triplets, answer, change):
    """Cookies that come, go, move or change between calls are sent from the next call on."""

    def scenario(t):
        t.on("/p/q", answer(b"deeper"))
        t.on("/pq", answer(b"beside"))
        t.session.cookies.set("first", "1")
        t.thrice()
        COOKIE_CHANGES[change](t)
        for _ in range(3):
            t.get("/")
            t.get("/p/q?x=y")
            t.get("/pq")
        _shift_time(t, 31)
        t.thrice("/p/q")
        t.session.cookies.clear()
        t.thrice()

    roads = triplets.check(scenario)
    assert roads.startswith("sll")
    assert change == "a changed path" or roads[6:12] == "llllll", roads
    assert roads.endswith("ll")


def test_a_cookie_expires_between_two_calls(triplets):
    """The second in which a cookie expires is the second from which it is not sent."""
    now = 2_000_000_000.0

    def scenario(t):
        t.patch.setattr(time, "time", lambda: now)
        t.session.cookies.set("a", "b", expires=int(now) + 60)
        t.session.cookies.set("c", "d")
        t.thrice()
        for later in (59.9, 60.0, 61.0):
            t.patch.setattr(time, "time", lambda later=later: now + later)
            t.thrice()

    triplets.check(scenario, "sll" + "lll" + "sll" + "lll")


def test_cookies_are_set_by_answers(triplets, answer):
    """A Set-Cookie, on any answer at all, is in the session and in the next request."""

    def scenario(t):
        count = iter(range(100))

        def setter(*_):
            return answer(b"set", Set_Cookie=f"n={next(count)}; Path=/")

        t.on("/set", setter)
        t.on("/elsewhere", answer(b"p", Set_Cookie="p=1; Path=/private"))
        t.on("/private/x", answer(b"x"))
        t.on("/gone", answer(b"g", Set_Cookie="n=; Path=/; Max-Age=0"))
        t.on("/to", answer(b"", "302 Found", Location="/", Set_Cookie="r=1; Path=/"))
        t.on("/to2", answer(b"", "302 Found", Location="/set"))
        t.thrice()
        t.thrice("/set")
        t.thrice()
        t.get("/elsewhere")
        t.thrice("/private/x")
        t.thrice()
        t.get("/to")
        t.thrice()
        t.get("/to2")
        t.thrice()
        t.get("/to", allow_redirects=False)
        t.get("/gone")
        t.thrice()

    roads = triplets.check(scenario)
    assert roads.startswith("sllr")
    assert roads.count("l") >= 10


def test_a_set_cookie_on_a_request_that_has_one_is_not_forgotten(triplets, answer):
    """The request that the lane learns from may itself change the cookies."""

    def scenario(t):
        values = iter("abcdefgh")
        t.on("/n", lambda *_: answer(b"", Set_Cookie=f"n={next(values)}; Path=/"))
        t.session.cookies.set("first", "1")
        for _ in range(5):
            t.get("/n")
        t.thrice()

    triplets.check(scenario)


def test_cookies_of_a_call_are_its_own(triplets):
    """Cookies given to a call are sent with it alone."""

    def scenario(t):
        t.thrice()
        t.thrice(cookies={"a": "b"})
        t.thrice(cookies={})
        t.thrice(cookies=requests.cookies.RequestsCookieJar())

    triplets.check(scenario, "sllsssllllll")


# The environment changes.


def _write_netrc(path):
    path.write_text("machine 127.0.0.1 login me password secret\n")


def test_netrc_comes_and_goes(triplets, tmp_path):
    """A .netrc counts from the next look at files on, NETRC and HOME count at once."""
    other = tmp_path / "other"
    other.mkdir(exist_ok=True)
    _write_netrc(other / ".netrc")
    _write_netrc(tmp_path / "named")

    def scenario(t):
        t.thrice()
        _write_netrc(tmp_path / ".netrc")
        t.clock.advance(0.010)
        t.thrice()
        (tmp_path / ".netrc").unlink()
        t.clock.advance(0.010)
        t.thrice()
        _write_netrc(tmp_path / "_netrc")
        t.clock.advance(0.010)
        t.thrice()
        (tmp_path / "_netrc").unlink()
        t.clock.advance(0.010)
        t.thrice()
        t.patch.setenv("NETRC", str(tmp_path / "named"))
        t.thrice()
        t.patch.setenv("NETRC", "")
        t.thrice()
        t.patch.delenv("NETRC")
        t.patch.setenv("HOME", str(other))
        t.thrice()
        t.session.auth = ("u", "p")
        t.thrice()
        t.session.trust_env, t.session.auth = False, None
        t.thrice()

    triplets.check(scenario, "sllssssllssssllssssllssssllsll")


def test_proxies_come_and_go_in_the_environment(triplets):
    """A proxy in the environment counts at once; nobody serves it here."""

    def scenario(t):
        t.thrice()
        t.patch.setenv(f"{t.scheme}_proxy", "http://127.0.0.1:9")
        t.thrice()
        t.patch.setenv("NO_PROXY", "*")
        t.thrice()
        t.patch.delenv("NO_PROXY")
        t.patch.setenv("no_proxy", "localhost")
        t.thrice()
        t.session.trust_env = False
        t.thrice()
        t.session.trust_env = True
        t.patch.delenv(f"{t.scheme}_proxy")
        t.patch.setenv("ALL_PROXY", "http://127.0.0.1:9")
        t.thrice()

    triplets.check(scenario, "sllssssllssssllsss")


def test_the_environment_is_replaced(triplets):
    """A whole other os.environ is looked at as well."""

    def scenario(t):
        t.thrice()
        t.patch.setattr(os, "environ", {"http_proxy": "http://127.0.0.1:9"})
        t.patch.setattr(os, "environ", {**os.environ, "https_proxy": "http://127.0.0.1:9"})
        t.thrice()

    triplets.check(scenario, "sllsss")


@pytest.mark.filterwarnings("ignore:Unverified HTTPS:Warning")
def test_a_bundle_in_the_environment_beats_verify(triplets, tmp_path):
    """REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE count even where the session says verify=False."""
    bundle = triplets.cafile

    def scenario(t):
        t.session.verify = False
        t.thrice()
        t.patch.setenv("REQUESTS_CA_BUNDLE", bundle or "/nowhere")
        t.thrice()
        t.patch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing"))
        t.thrice()
        t.session.trust_env = False
        t.thrice()
        t.session.trust_env = True
        t.patch.delenv("REQUESTS_CA_BUNDLE")
        t.patch.setenv("CURL_CA_BUNDLE", str(tmp_path / "missing"))
        t.thrice()

    triplets.check(scenario, "sllsllssssllsss" if bundle else "sll" * 5)


def test_a_bundle_that_vanishes_is_missed(triplets, tmp_path):
    """Requests wants to see the file of certificates before each request over TLS."""

    def scenario(t):
        if triplets.cafile:
            copied = tmp_path / "copy.pem"
            with open(triplets.cafile) as source:  # noqa: PTH123
                copied.write_text(source.read())
            t.session.verify = str(copied)
            t.thrice()
            copied.unlink()
            t.clock.advance(0.010)
            t.thrice()

    assert triplets.check(scenario) in ("sllsss", "")


# Arguments.


def test_bodies_take_the_lane(triplets):
    """JSON, forms, bytes and text are sent and shown as Requests does, each its own kind."""

    def scenario(t):
        form = {"a": [1, 2], "b": "\xe9 &", "c": None, 3: (b"x",)}
        for body in (
            {"json": {"a": ["\u20ac", 1.5, None]}},
            {"json": []},
            {"json": 0},
            {"data": form},
            {"data": b"\x00bytes"},
            {"data": "text"},
            {"data": b"bytes", "json": {"ignored": 1}},
            {"data": {}, "json": {"a": 1}},
            {"data": b"x" * 200_000},
        ):
            t.post(**body)
            t.thrice(method="POST", **body)
        t.thrice(data=b"of a GET")

    roads = triplets.check(scenario)
    assert roads == "slllllllllllsllls" + "lllslllllll" + "llll" + "llll" + "sll", roads


def test_bodies_that_change_between_calls(triplets):
    """Mutable data, params and JSON are looked at anew by each call."""

    def scenario(t):
        data, document, params = {"a": "1"}, {"a": [1]}, {"p": ["x"]}
        for number in range(4):
            t.post(data=data)
            t.post(json=document)
            t.get(params=params)
            data[f"k{number}"] = "v" * number
            document["a"].append(number)
            params["p"].append(str(number))

    triplets.check(scenario, "sss" + "lll" * 3)


JSON_CHANGES = {
    "dumps": lambda t: t.patch.setattr(json, "dumps", lambda document, **_: '"replaced"'),
    "the encoder": lambda t: t.patch.setattr(json, "JSONEncoder", OwnEncoder),
    "a method of the encoder": lambda t: t.patch.setattr(
        json.JSONEncoder, "default", lambda self, document: "odd"
    ),
    "another library": lambda t: t.patch.setattr(
        "requests.models.complexjson", types.SimpleNamespace(dumps=lambda _, **__: "other")
    ),
}


class OwnEncoder(json.JSONEncoder):
    def encode(self, o):
        return '"encoded"'


@pytest.mark.parametrize("change", JSON_CHANGES)
def test_who_encodes_json(triplets, change):
    """What a test puts in the place of the encoder encodes the next body."""

    def scenario(t):
        document = {"a": 1}
        t.post(json=document)
        t.post(json=document)
        with t.patch.context() as patch:
            outer, t.patch = t.patch, patch
            JSON_CHANGES[change](t)
            t.post(json=document)
            t.post(json={"a": {1}})
            t.patch = outer
        t.post(json=document)

    assert triplets.check(scenario) in ("sllll", "sllsl")


class Length:
    """Something falsy that is no body."""

    def __len__(self):
        return 0


def _generator():
    yield b"one"
    yield b"two"


ODD_ARGUMENTS = {
    "a file": lambda: {"data": io.BytesIO(b"file")},
    "a generator": lambda: {"data": _generator()},
    "an empty generator": lambda: {"data": iter(())},
    "multipart": lambda: {"files": {"f": ("f.txt", b"x", "text/plain")}},
    "no files": lambda: {"files": {}},
    "a list of pairs": lambda: {"data": [("a", "1"), ("a", "2")]},
    "a dict of iterators": lambda: {"data": {"a": iter("xyz")}},
    "an ordered dict": lambda: {"data": collections.OrderedDict(a="1")},
    "text beyond ASCII": lambda: {"data": "\u20ac"},
    "a bytearray": lambda: {"data": bytearray(b"x")},
    "an empty object": lambda: {"data": Length()},
    "data of nothing": lambda: {"data": {"a": None}},
    "a number": lambda: {"data": 7},
    "a surrogate": lambda: {"data": {"a": "\ud800"}},
    "JSON that is none": lambda: {"json": {1, 2}},
    "JSON with a NaN": lambda: {"json": float("nan")},
    "JSON with a surrogate": lambda: {"json": "\ud800"},
    "params of iterators": lambda: {"params": {"a": iter("xyz")}},
    "an iterator of params": lambda: {"params": iter([("a", "1"), ("b", "2")])},
    "a list of params": lambda: {"params": [("a", "1"), ("b", [1, 2])]},
    "a text of params": lambda: {"params": "a=b&c"},
    "a text of odd params": lambda: {"params": "a=b c#d"},
    "bytes of params": lambda: {"params": b"a=b"},
    "a file of params": lambda: {"params": io.StringIO("a=b")},
    "params of nothing": lambda: {"params": {"a": None}},
    "a number of params": lambda: {"params": 7},
    "params with a surrogate": lambda: {"params": {"a": "\ud800"}},
    "auth": lambda: {"auth": ("u", "p")},
    "no auth": lambda: {"auth": ()},
    "an empty auth": lambda: {"auth": ""},
    "a cert": lambda: {"cert": "/does/not/exist"},
    "an empty cert": lambda: {"cert": ""},
    "verify": lambda: {"verify": True},
    "proxies": lambda: {"proxies": {"http": "http://127.0.0.1:9", "https": "http://127.0.0.1:9"}},
    "no proxies": lambda: {"proxies": {}},
    "a hook": lambda: {"hooks": {"response": _idle_hook}},
    "no hook": lambda: {"hooks": {}},
    "stream": lambda: {"stream": True},
    "no stream": lambda: {"stream": False},
    "headers": lambda: {"headers": {"X-A": "1", "accept": "x/y", "User-Agent": None}},
    "headers of bytes": lambda: {"headers": {b"X-A": b"1"}},
    "a header that is a number": lambda: {"headers": {"X": 1}},
    "a header that is a list": lambda: {"headers": {"X": ["a"]}},
    "headers as a list": lambda: {"headers": [("a", "b")]},
    "headers as a CaseInsensitiveDict": lambda: {"headers": CaseInsensitiveDict(A="b")},
    "a content length": lambda: {"headers": {"content-length": "99"}, "data": b"x"},
    "a content type": lambda: {"headers": {"content-type": "x/y"}, "json": 1},
    "an encoding": lambda: {"headers": {"Transfer-Encoding": "chunked"}, "data": b"0\r\n\r\n"},
    "a header that leaves": lambda: {"headers": {"Connection": "close"}},
    "no redirects": lambda: {"allow_redirects": False},
    "a timeout": lambda: {"timeout": 5},
    "a pair of timeouts": lambda: {"timeout": (3, 5.5)},
    "half a timeout": lambda: {"timeout": (None, 5)},
    "the other half": lambda: {"timeout": (5, None)},
    "no timeout": lambda: {"timeout": (None, None)},
    "a timeout that is none": lambda: {"timeout": 0},
    "a timeout below": lambda: {"timeout": -1},
    "half a timeout below": lambda: {"timeout": (-1, 5)},
    "a timeout of True": lambda: {"timeout": True},
    "half a timeout of text": lambda: {"timeout": ("x", 5)},
    "a timeout of text": lambda: {"timeout": "x"},
    "three timeouts": lambda: {"timeout": (1, 2, 3)},
    "a list of timeouts": lambda: {"timeout": [1, 2]},
    "a timeout for ever": lambda: {"timeout": float("inf")},
    "a timeout that is no number": lambda: {"timeout": float("nan")},
}


@plainly
@pytest.mark.parametrize("argument", ODD_ARGUMENTS)
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.filterwarnings(
    "ignore:Non-string:DeprecationWarning",
    # urllib3 leaves a socket open whose time-out it cannot set.
    "ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning",
)
def test_arguments(triplets, argument, method):
    """Each argument of a call, plain or odd, does what it does in Requests, call after call."""

    def scenario(t):
        t.patch.setattr("urllib3.filepost.choose_boundary", lambda: "boundary")
        t.session.auth = ("session", "auth")
        t.thrice(method=method)
        for _ in range(4):
            t.request(method, "/", **ODD_ARGUMENTS[argument]())
        t.thrice(method=method)

    triplets.check(scenario, connections=argument not in ("a header that leaves", "stream"))
    gc.collect()  # so that what urllib3 leaves is found here and not in another test


def test_arguments_that_take_the_lane(triplets):
    """What is used most, headers, params and timeouts, is on the lane."""

    def scenario(t):
        for argument in (
            "headers",
            "headers of bytes",
            "a list of params",
            "a text of params",
            "no stream",
            "no hook",
            "no proxies",
            "no files",
            "no redirects",
            "a timeout",
            "a pair of timeouts",
            "half a timeout",
            "the other half",
            "no timeout",
        ):
            t.thrice(**ODD_ARGUMENTS[argument]())

    roads = triplets.check(scenario)
    assert roads == "sllsllsll" + "l" * 33


@pytest.mark.filterwarnings("ignore:Unverified HTTPS:Warning")
def test_verify_is_of_the_call(triplets, tmp_path):
    """Each way to verify has its connection, and its file is missed when it goes."""
    missing = tmp_path / "missing"

    def scenario(t):
        copied = tmp_path / "copied.pem"
        copied.write_bytes(Path(triplets.cafile).read_bytes() if triplets.cafile else b"")
        for verify in (None, False, True, str(copied), str(missing), copied, 0, 1, "", b"x", []):
            t.thrice(verify=verify)
        copied.unlink()
        for verify in (None, False, str(copied)):
            t.thrice(verify=verify)

    roads = triplets.check(scenario)
    plain = "sllsll" + ("sss" if triplets.cafile else "sll") + "sll"
    assert roads.startswith(plain)
    assert roads.endswith("llllll" + ("sss" if triplets.cafile else "lll"))


@pytest.mark.filterwarnings("ignore:Unverified HTTPS:Warning")
def test_a_bundle_in_the_environment_and_verify_of_the_call(triplets, tmp_path):
    """REQUESTS_CA_BUNDLE counts where a call says True or nothing, and not where it says False."""
    bundle = triplets.cafile

    def scenario(t):
        t.session.verify = False
        for value in (None, bundle or "/nowhere", str(tmp_path / "missing")):
            if value is not None:
                t.patch.setenv("REQUESTS_CA_BUNDLE", value)
            for verify in (None, False, True):
                t.thrice(verify=verify)

    roads = triplets.check(scenario)
    assert roads == ("sllsllsss" + "sll" * 3 + "ssssllsss" if bundle else "sll" * 9)


def test_urls_that_are_no_text(triplets):
    """A URL may be bytes, or an object that says what it is, or nothing of the kind."""

    class Place:
        def __init__(self, url):
            self.url = url

        def __str__(self):
            return self.url

    def scenario(t):
        t.thrice()
        for url in (t.url().encode(), Place(t.url()), [t.url()], None, 7):
            t.thrice(url)

    triplets.check(scenario, "sll" + "s" * 15)


def test_what_is_wrong_with_a_request_is_said_in_the_same_order(triplets):
    """Where several things are wrong, the exception is that of Requests."""

    def scenario(t):
        for wrong in (
            {"url": "nothing", "params": {"a": "\ud800"}},
            {"url": "http://", "json": {1}},
            {"url": t.url(), "json": {1}, "headers": {"a": 1}},
            {"url": t.url(), "timeout": -1, "headers": {"a": 1}},
            {"url": "http://*", "timeout": "x"},
        ):
            t.get()
            t.thrice(**wrong)

    triplets.check(scenario)


# What a test does with an answer.


def test_an_answer_belongs_to_who_has_it(triplets):
    """Changing an answer, or its request, changes no other answer and no request to come."""

    def scenario(t):
        for _ in range(4):
            found = t.get()
            found.headers["X"] = "y"
            found.request.headers["X"] = "y"
            found.request.hooks["response"].append(print)
            found.request._cookies.set("x", "y")
            found.history.append(found)
            found.cookies.set("x", "y")
            found.encoding, found.reason, found.url, found.status_code = "x", "y", "z", 9
            found.raw.headers.add("X", "y")
            t.note((found.headers["X"], found.encoding, found.reason, found.url))
            t.note((found.request.url, found.raw.status))

    triplets.check(scenario, "slll")


def test_a_prepared_request_is_its_answers_own(triplets):
    """An answer asked for its request late shows what was sent, not what changed since."""

    def scenario(t):
        t.session.headers["X-Id"] = "0"
        answers = []
        for number in range(4):
            t.session.headers["X-Id"] = str(number)
            answers.append(t.session.post(t.url("/"), json=number))
        t.note([(each.request.headers["X-Id"], each.request.body) for each in answers])
        for each in answers:
            each.url = "changed"
            t.note((each.request.url, each.raw.status, each.raw.url))

    triplets.check(scenario)


def test_answers_are_closed_copied_and_used_again(triplets):
    """`with`, copies and sending a request again work as ever."""

    def scenario(t):
        for _ in range(3):
            with t.session.get(t.url()) as found:
                t.note(found.text)
            found.close()
            t.note(found.raw.closed)
            twin, deep = copy.copy(found), copy.deepcopy(found)
            t.note((twin.text, deep.text, deep.headers, twin.raw))
            again = t.session.send(found.request)
            t.note((again.text, again.request.headers))
            t.note(found.raise_for_status())

    triplets.check(scenario)


def test_a_session_is_bound_anew(server, answer, hits, clock, monkeypatch):
    """A second sink gets what comes after it was named, on the connection that there is."""
    monkeypatch.setenv("NO_PROXY", "*")
    server.scripts["/"] = answer(b"x")
    later = type(hits)()
    with session_module.Session() as session:
        session.bind(hits, clock)
        for _ in range(3):
            session.get(server.url())
        session.bind(later, clock)
        for _ in range(3):
            session.get(server.url())
        assert (len(hits), len(later), server.connections) == (3, 3, 1)
        twin = copy.copy(session)
        assert twin.get(server.url()).text == twin.get(server.url()).text == "x"
        assert len(later) == 5


def test_a_session_that_is_forgotten_closes_its_connections(
    server, answer, hits, clock, monkeypatch
):
    """A session that nobody closes leaves no socket behind, and no cycle to be collected."""
    monkeypatch.setenv("NO_PROXY", "*")
    over = threading.Event()

    def script(connection, _):
        connection.sendall(answer(b"x"))
        if connection.recv(1) == b"":
            over.set()

    server.scripts["/"] = answer(b"x")
    server.scripts["/last"] = script
    session = session_module.Session()
    session.bind(hits, clock)
    for path in ("/", "/", "/last"):
        session.get(server.url(path))
    gc.disable()
    try:
        del session
        assert over.wait(5)
    finally:
        gc.enable()


def test_names_are_of_the_call(server, answer, hits, clock, monkeypatch):
    """`name=` names a hit on the lane, and no other."""
    monkeypatch.setenv("NO_PROXY", "*")
    server.scripts["/"] = answer(b"x")
    with session_module.Session() as session:
        session.bind(hits, clock)
        for name in ("a", None, "b", None, ""):
            session.get(server.url("/?q=1"), name=name)
    assert hits.column("name") == ["a", server.url(), "b", server.url(), server.url()]
    assert hits.column("url") == [server.url("/?q=1")] * 5


def test_who_keeps_pools_in_another_way_is_served_all_the_same(
    server, answer, hits, clock, monkeypatch
):
    """A pool manager whose pools the lane cannot look into is left to Requests, each time."""
    monkeypatch.setenv("NO_PROXY", "*")
    server.scripts["/"] = answer(b"x")

    class Pools:
        def __init__(self, pools):
            self._pools = pools

        def __getattr__(self, name):
            if name == "_container":
                raise AttributeError(name)
            return getattr(self._pools, name)

        def __setitem__(self, key, pool):
            self._pools[key] = pool

    with session_module.Session() as session:
        manager = session.get_adapter(server.url()).poolmanager
        manager.pools = Pools(manager.pools)
        session.bind(hits, clock)
        texts = [session.get(server.url()).text for _ in range(3)]
    assert texts == ["x"] * 3
    assert hits.column("status") == [200] * 3
