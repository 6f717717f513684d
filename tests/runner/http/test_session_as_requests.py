"""`self.session` as an object: what wraps it, patches it, listens to it, or shares it.

Row Hn of the findings is what `requests.md` calls Fn.
"""

import contextlib
import copy
import functools
import gc
import http.client
import inspect
import io
import logging
import socket
import subprocess
import sys
import threading
import time
import unittest.mock
import uuid
import warnings
import weakref

import pytest
import requests
import urllib3.connectionpool
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool

from loadgrpc import TestCase
from loadgrpc.clock import SystemClock
from loadgrpc.runner.http.addresses import AddressBook
from loadgrpc.runner.http.lane import unpatched
from loadgrpc.runner.http.session import Session
from loadgrpc.runner.testcase import NOT_MEASURED
from loadgrpc.runner.user_reporter import UserReporter


@pytest.fixture
def bound(hits, monkeypatch):
    """A session that is bound, by the system's clock."""
    monkeypatch.setenv("NO_PROXY", "*")
    with Session() as session:
        session.bind(hits, SystemClock())
        yield session


@pytest.fixture
def both(bound, monkeypatch):
    """A stock session, and one of ours that is bound."""
    with requests.Session() as stock:
        yield stock, bound


def _gone(reference, seconds=5.0):
    until = time.monotonic() + seconds
    while reference() is not None and time.monotonic() < until:
        gc.collect()
        time.sleep(0.01)
    return reference() is None


# H0: the oldest versions


def test_h0_a_response_is_made_of_what_its_urllib3_knows(bound, server, answer):
    """`raw` is made with the arguments that this version of urllib3 takes."""
    server.scripts["/"] = answer(b"x")
    for _ in range(3):
        response = bound.get(server.url())
    assert response.raw.status == 200
    taken = inspect.signature(urllib3.HTTPResponse).parameters
    assert hasattr(response.raw, "version_string") == ("version_string" in taken)


def test_h0_made_classes_say_that_they_are_urllib3s(bound, server):
    """An error's text names urllib3's connection, not a class of ours."""
    kinds = bound.get_adapter("http://x/").poolmanager.pool_classes_by_scheme
    for scheme in ("http", "https"):
        assert kinds[scheme].__module__ == "urllib3.connectionpool"
        assert kinds[scheme].ConnectionCls.__module__ == "urllib3.connection"


def test_h0_odd_parameters_of_a_type_are_for_requests(triplets, answer):
    """A Content-Type that not every version of Requests can read is read by Requests, at once."""

    def scenario(t):
        t.on("/odd", answer(b"x", Content_Type="text/plain; a; =b; charset"))
        t.on("/even", answer(b"x", Content_Type='text/plain; a=b; charset="utf-8"'))
        t.thrice("/odd")
        t.thrice("/even")

    assert triplets.check(scenario) == "srrlll"


# H1: the time that an answer took

RESUMED = {
    "a cookie of another": {"Set_Cookie": "a=b; Domain=example.com"},
    "an unknown coding": {"Content_Encoding": "br"},
    "a chunk extension": None,
    "a long head": {"X_Long": "x" * 9_000},
    "a redirect": {"Location": "/end", "Set_Cookie": "a=b; Domain=example.com"},
    "plain": {},
}


@pytest.mark.parametrize("kind", RESUMED)
def test_h1_elapsed_is_what_the_answer_took(both, server, answer, kind):
    """`elapsed` is never shorter than the server thought, and never longer than the call took."""
    thinks = 0.15
    headers = RESUMED[kind]

    def script(*_):
        time.sleep(thinks)
        if headers is None:
            head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            return head + b"1;a=b\r\nx\r\n0\r\n\r\n"
        status = "302 Found" if "Location" in headers else "200 OK"
        return answer(b"", status, **headers)

    server.scripts["/"] = answer(b"x")
    server.scripts["/end"] = answer(b"x")
    for session in both:
        session.get(server.url())
        session.get(server.url("/end"))
    server.scripts["/"] = script
    for session in both:
        for _ in range(3):
            began = time.perf_counter()
            response = session.get(server.url())
            took = time.perf_counter() - began
            first = response.history[0] if response.history else response
            assert thinks <= first.elapsed.total_seconds() <= took
            if response.history:
                assert response.elapsed.total_seconds() <= took - thinks


# H2: adapters that are replaced


@pytest.mark.parametrize("how", ["mount", "adapters", "init_poolmanager"])
def test_h2_what_an_adapter_leaves_behind_is_closed(bound, server, answer, how):
    """The connections of an adapter that is no more are closed with it, as Requests does it."""
    server.scripts["/"] = answer(b"x")
    pools = []
    for _ in range(5):
        if how == "mount":
            bound.mount("http://", HTTPAdapter(pool_maxsize=50))
        elif how == "adapters":
            bound.adapters = {**bound.adapters, "http://": HTTPAdapter()}
        else:
            bound.adapters["http://"].init_poolmanager(10, 10)
        for _ in range(3):
            bound.get(server.url())
        (pool,) = bound.adapters["http://"].poolmanager.pools._container.values()
        pools.append(weakref.ref(pool))
    del pool
    assert all(_gone(pool) for pool in pools[:-1])
    assert len(bound._lane._connections) == 1
    assert all(t.connections.pool is pools[-1]() for t in bound._lane._templates.values())


def test_h2_an_adapter_that_is_kept_keeps_its_connection(bound, server, answer):
    """One that is mounted again goes on with the connection that it had."""
    server.scripts["/"] = answer(b"x")
    old, other = bound.adapters["http://"], HTTPAdapter()
    for adapter in (old, other, old, other):
        bound.mount("http://", adapter)
        for _ in range(3):
            bound.get(server.url())
    assert server.connections == 2


# H3: one connection, one request


def test_h3_a_connection_is_given_back_once(bound, server, answer, monkeypatch):
    """While a connection is put back, nobody else gets it: it is in one place at a time."""
    server.scripts["/"] = answer(b"x")
    for _ in range(3):
        bound.get(server.url())
    (connections,) = bound._lane._connections.values()
    put, seen = type(connections.pool)._put_conn, []

    def put_slowly(pool, connection):
        seen.append(connection in [line.connection for line in connections.lines])
        put(pool, connection)

    monkeypatch.setattr(type(connections.pool), "_put_conn", put_slowly)
    assert connections.lines
    bound._lane.give_back()
    assert seen == [False]
    assert connections.lines == []


def test_h3_many_threads_get_their_own_answers(bound, server, answer):
    """Threads that share a session get what they asked for, with a switch at every turn."""
    server.scripts = _Echo(answer)
    bound.mount("http://", HTTPAdapter(pool_maxsize=3))
    wrong, interval = [], sys.getswitchinterval()

    def ask(number):
        for turn in range(40):
            path = f"/{number}-{turn}"
            try:
                got = bound.get(server.url(path), timeout=20).text
            except Exception as error:  # noqa: BLE001 - whatever it is, it is wrong
                got = repr(error)
            if got != path:
                wrong.append((path, got))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    finally:
        sys.setswitchinterval(interval)
    assert wrong == []


class _Echo(dict):
    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def __missing__(self, path):
        return self.answer(path.encode())


# H4: a response as an object


class _Mine(requests.Response):
    def __init__(self, response):
        self.__dict__ = response.__dict__


class _Updated(requests.Response):
    def __init__(self, response):
        super().__init__()
        self.__dict__.update(response.__dict__)


class _Other(requests.Response):
    pass


def _recast(response):
    response.__class__ = _Other
    return response


@pytest.mark.parametrize("wrap", [_Mine, _Updated, _recast, copy.copy])
def test_h4_a_response_can_be_wrapped(both, server, answer, wrap):
    """What holds of Requests' response holds of one that was wrapped, whatever road it came."""
    server.scripts["/"] = answer(b"hello", Content_Type="text/plain", A="b")
    seen = []
    for session in both:
        for _ in range(3):
            response = wrap(session.get(server.url()))
        seen.append(
            (
                type(response),
                response.__class__,
                list(vars(response)),
                dict(response.headers),
                response.reason,
                response.encoding,
                response.text,
                response.request.url,
                response.history,
                response.elapsed.total_seconds() >= 0,
            )
        )
    assert seen[0] == seen[1]


def test_h4_a_response_has_the_attributes_of_requests_own(both, server, answer):
    """`vars` of a response has the same names in the same order, and so have `dir` and class."""
    server.scripts["/"] = answer(b"hello")
    stock, ours = ([session.get(server.url()) for _ in range(3)][-1] for session in both)
    assert list(vars(ours)) == list(vars(stock))
    assert {name: type(value) for name, value in vars(ours).items() if name != "raw"} == {
        name: type(value) for name, value in vars(stock).items() if name != "raw"
    }
    assert ours.__class__ is requests.Response
    assert [name for name in dir(ours) if not name.startswith("_")] == [
        name for name in dir(stock) if not name.startswith("_")
    ]
    ours.mine = 1
    assert vars(ours)["mine"] == 1


def test_h17_raw_belongs_to_its_pool(both, server, answer):
    """`raw` knows the pool that it came from, and that its connection has gone back."""
    server.scripts["/"] = answer(b"hello")
    for session in both:
        response = [session.get(server.url()) for _ in range(3)][-1]
        assert response.raw._pool.num_requests >= 1
        # Older versions shut down a connection that is another's by then.
        if "released" in inspect.getsource(type(response.raw).shutdown):
            with pytest.raises(RuntimeError):
                response.raw.shutdown()


# H5, H9: who listens


def test_h5_what_urllib3_logs_is_logged(both, server, answer, caplog):
    """A log of urllib3's that somebody wants at DEBUG has a line for each request."""
    server.scripts["/"] = answer(b"x")
    for session in both:
        session.get(server.url())
        session.get(server.url())
        caplog.clear()
        with caplog.at_level(logging.DEBUG, "urllib3"):
            for _ in range(3):
                session.get(server.url())
        lines = [record.getMessage() for record in caplog.records]
        assert len([line for line in lines if '"GET / HTTP/1.1" 200' in line]) == 3
        caplog.clear()
        session.get(server.url())
        assert not caplog.records


def test_h5_debuglevel_prints(both, server, answer, monkeypatch):
    """`debuglevel` prints what is sent, also when it is set after many requests."""
    server.scripts["/"] = answer(b"x")
    for session in both:
        for _ in range(3):
            session.get(server.url())
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(http.client.HTTPConnection, "debuglevel", 1)
            told = io.StringIO()
            session.close()
            with contextlib.redirect_stdout(told):
                for _ in range(3):
                    session.get(server.url())
        assert told.getvalue().count("send: b'GET /") == 3


def test_h5_audit_hooks_hear_of_what_is_sent(tmp_path, server, answer):
    """`http.client.send` is audited for each request, head and body, on whatever road."""
    server.scripts["/"] = answer(b"x")
    script = f"""
import sys, requests
from loadgrpc.clock import SystemClock
from loadgrpc.runner.http.session import Session
class Sink:
    def hit(self, hit): pass
heard = []
sys.addaudithook(lambda event, args: event == "http.client.send" and heard.append(args[1]))
ours = Session(); ours.bind(Sink(), SystemClock())
for session in (requests.Session(), ours):
    heard.clear()
    for _ in range(3):
        session.post({server.url()!r}, data=b"body")
    print([bytes(each)[:4] for each in heard])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    stock, ours = done.stdout.splitlines()
    assert stock == ours == str([b"POST", b"body"] * 3)


def test_h9_each_unverified_request_is_warned_of(bound, server, answer, certificate):
    """`verify=False` warns with each request, on the lane too, and as an error it raises."""
    from tests.runner.conftest import speak_tls

    speak_tls(server, certificate)
    server.scripts["/"] = answer(b"x")
    url = server.url(scheme="https")
    with requests.Session() as stock:
        for session in (stock, bound):
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                for _ in range(4):
                    session.get(url, verify=False)
            assert len(told) == 4
            assert {each.filename for each in told} == {urllib3.connectionpool.__file__}
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                with pytest.raises(urllib3.exceptions.InsecureRequestWarning):
                    session.get(url, verify=False)


# H6: who replaces something


def _class_targets():
    return [
        (http.client.HTTPConnection, "send"),
        (http.client.HTTPConnection, "getresponse"),
        (http.client.HTTPConnection, "putrequest"),
        (HTTPConnection, "request"),
        (HTTPConnection, "getresponse"),
        (HTTPConnectionPool, "_get_conn"),
        (HTTPConnectionPool, "_put_conn"),
        (urllib3.HTTPResponse, "read"),
        (urllib3.HTTPResponse, "stream"),
        (HTTPAdapter, "add_headers"),
        (HTTPAdapter, "request_url"),
        (HTTPAdapter, "cert_verify"),
        (HTTPAdapter, "build_connection_pool_key_attributes"),
        (requests.PreparedRequest, "prepare_url"),
        (requests.PreparedRequest, "prepare_headers"),
        (requests.PreparedRequest, "prepare_auth"),
        (requests.Request, "__init__"),
        (requests.Response, "__init__"),
        (requests.Response, "iter_content"),
        (requests.sessions.SessionRedirectMixin, "rebuild_auth"),
        (urllib3.PoolManager, "connection_from_host"),
        (requests.structures.CaseInsensitiveDict, "__setitem__"),
    ]


def _function_targets():
    return [
        (sys.modules[module], name)
        for module, names in unpatched.NAMES.items()
        for name in names.split()
        if name in vars(sys.modules[module])
    ]


def _named(target):
    holder, name = target
    return f"{holder.__name__}.{name}"


@pytest.mark.parametrize("target", _class_targets() + _function_targets(), ids=_named)
def test_h6_what_is_replaced_is_seen_by_the_next_request(target):
    """Whatever is replaced on the way keeps requests off the lane until it is put back."""
    holder, name = target
    genuine = vars(holder)[name]
    unpatched.watch_modules()
    assert unpatched.as_written()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(holder, name, _Pretender(genuine))
        assert not unpatched.as_written()
        assert not unpatched.as_written()
    assert unpatched.as_written()


class _Pretender:
    """As what wrapt makes: equal to what it wraps."""

    def __init__(self, wrapped):
        self.wrapped = wrapped

    def __eq__(self, other):
        return self.wrapped == other

    def __hash__(self):
        return hash(self.wrapped)

    def __call__(self, *args, **kwargs):
        return self.wrapped(*args, **kwargs)


def test_h6_a_header_that_a_tracer_adds_is_new_each_time(triplets):
    """A tracer's wrapper around `putrequest` is called for each request, from the next one on."""

    def scenario(t):
        t.thrice()
        old, numbers = http.client.HTTPConnection.putrequest, iter(range(9))

        def put(self, *args, **kwargs):
            old(self, *args, **kwargs)
            self.putheader("trace", str(next(numbers)))

        with t.patch.context() as patch:
            patch.setattr(http.client.HTTPConnection, "putrequest", put)
            t.thrice()
        t.thrice()

    assert triplets.check(scenario) in ("sllssssll", "sllssslll")


@pytest.mark.parametrize("which", ["pool", "manager", "connection"])
def test_h6_methods_of_one_object_are_seen(bound, server, answer, which):
    """A method that is replaced on a pool, a pool manager or a connection alone is called."""
    server.scripts["/"] = answer(b"x")
    for _ in range(3):
        bound.get(server.url())
    manager = bound.adapters["http://"].poolmanager
    (pool,) = manager.pools._container.values()
    (line,) = next(iter(bound._lane._connections.values())).lines
    thing, name = {
        "pool": (pool, "urlopen"),
        "manager": (manager, "connection_from_host"),
        "connection": (line.connection, "request"),
    }[which]
    genuine, called = getattr(thing, name), []

    def noted(*args, **kwargs):
        called.append(name)
        return genuine(*args, **kwargs)

    setattr(thing, name, noted)
    for _ in range(3):
        bound.get(server.url())
    assert len(called) == 3
    delattr(thing, name)
    for _ in range(3):
        bound.get(server.url())
    assert len(called) == 3
    assert server.connections == 1


def test_h6_what_a_class_gets_in_addition_changes_nothing(bound, server, answer, monkeypatch):
    """A helper that a test adds to Response does not cost the lane."""
    monkeypatch.setattr(requests.Response, "first_line", lambda self: self.text, raising=False)
    assert unpatched.as_written()


def test_h6_all_that_requests_calls_is_watched(server, answer, monkeypatch):
    """Of what runs for plain requests nothing is left out that others could replace."""
    monkeypatch.setenv("NO_PROXY", "*")
    server.scripts["/"] = answer(b"x", Content_Type="text/plain")
    server.scripts["/r"] = answer(b"", "302 Found", Location="/")
    ran = set()

    def note(frame, event, _):
        if event == "call":
            ran.add(frame.f_code)

    with requests.Session() as session:
        session.get(server.url())
        sys.setprofile(note)
        try:
            session.get(server.url("/r"), params={"a": 1}, headers={"A": "b"}, timeout=9)
            session.post(server.url(), data={"a": 1})
            session.post(server.url(), json={"a": 1})
        finally:
            sys.setprofile(None)
    watched = set()
    for kind in unpatched._contents:
        for value in vars(kind).values():
            watched |= _codes(value)
    for module, names in unpatched.NAMES.items():
        for name in names.split():
            watched |= _codes(vars(sys.modules[module]).get(name))
    missing = sorted(
        code.co_qualname
        for code in ran
        if code not in watched
        and "<locals>" not in code.co_qualname
        and not code.co_name.startswith(("__", "<"))
        and any(part in code.co_filename for part in ("/requests/", "/urllib3/", "/http/"))
    )
    # One replaces itself; the other is for type checkers only.
    assert set(missing) <= {"wait_for_socket", "is_prepared"}, missing


def _codes(value):
    if isinstance(value, (classmethod, staticmethod)):
        value = value.__func__
    if isinstance(value, property):
        return set().union(*(_codes(each) for each in (value.fget, value.fset)))
    if isinstance(value, type):
        return set().union(*(_codes(each) for each in vars(value).values() if each is not value))
    value = inspect.unwrap(value) if callable(value) else value
    code = getattr(value, "__code__", None)
    return {code} if code else set()


# H7: classes of one's own


def test_h7_an_own_class_of_answers_is_used(both, server, answer, hits, monkeypatch):
    """A `response_class` that was put on http.client makes the answers, which are hits still."""

    class Own(http.client.HTTPResponse):
        def begin(self):
            if self.headers is None:
                super().begin()
                self.headers["Mine"] = "1"

    server.scripts["/"] = answer(b"x")
    for session in both:
        session.get(server.url())
        session.get(server.url())
    hits.clear()
    monkeypatch.setattr(http.client.HTTPConnection, "response_class", Own)
    for session in both:
        assert [session.get(server.url()).headers.get("Mine") for _ in range(3)] == ["1"] * 3
    assert len(hits) == 3
    assert all(hit["bytes_received"] > 20 for hit in hits)


def test_h7_an_own_class_of_connections_is_used_from_the_next_one_on(
    both, server, answer, hits, monkeypatch
):
    """A `ConnectionCls` that is set late, as recorders do, makes the next connection."""
    made = []

    class Recorded(HTTPConnection):
        def request(self, *args, **kwargs):
            made.append(args[0])
            return super().request(*args, **kwargs)

    server.scripts["/"] = answer(b"x")
    for session in both:
        session.get(server.url())
    hits.clear()
    monkeypatch.setattr(HTTPConnectionPool, "ConnectionCls", Recorded)
    for session in both:
        made.clear()
        session.close()
        for _ in range(3):
            session.get(server.url())
        assert made == ["GET"] * 3
    assert len(hits) == 3


# H8: what was not said


def test_h8_a_name_is_handed_on_only_when_there_is_one(both):
    """Who replaces `request` or `get` sees the arguments that were given, and no more."""
    seen = []
    for session in both:
        with unittest.mock.patch.object(session, "request") as request:
            session.get("http://x/")
            session.post("http://x/", json=1)
        with unittest.mock.patch("requests.Session.request") as below:
            session.get("http://x/", timeout=1)
        with unittest.mock.patch("requests.Session.get") as get:
            session.get("http://x/", timeout=1)
        seen.append([request.mock_calls, below.mock_calls, get.mock_calls])
    assert seen[0] == seen[1]


def test_h8_the_recipe_for_a_default_timeout_works(bound, server, answer, hits):
    """A `request` that is Requests' own with arguments bound to it is called as it expects."""
    server.scripts["/"] = answer(b"x")
    bound.request = functools.partial(requests.Session.request, bound, timeout=3)
    assert bound.get(server.url()).text == "x"
    assert len(hits) == 1


def test_h8_a_subclass_need_not_know_of_names(server, answer, hits, monkeypatch):
    """A `request` without `**kwargs` in a subclass is not handed what was not said."""
    monkeypatch.setenv("NO_PROXY", "*")

    class Own(Session):
        def request(self, method, url, params=None, allow_redirects=True):
            return super().request(method, url)

    server.scripts["/"] = answer(b"x")
    with Own() as session:
        session.bind(hits, SystemClock())
        assert session.get(server.url()).text == "x"
    assert len(hits) == 1


@pytest.mark.parametrize("is_bound", [True, False])
def test_f25_a_name_may_be_any_object(bound, server, answer, hits, is_bound):
    """What is said as `name=` counts as its `str()`, and must have one before anything is sent."""
    server.scripts["/"] = answer(b"x")
    name = uuid.uuid4()
    session = bound if is_bound else Session()
    with session:
        for _ in range(3):
            session.get(server.url(), name=name)
        assert hits.column("name") == [str(name)] * (3 if is_bound else 0)

        class Nameless:
            def __str__(self):
                raise ZeroDivisionError

        count = len(server.requests)
        with pytest.raises(ZeroDivisionError):
            session.get(server.url(), name=Nameless())
        assert len(server.requests) == count


def test_f25_a_counter_takes_the_same_everywhere():
    """A counter's name may be any object; an increment that is no whole number never counts."""

    class Subject(TestCase):
        def test_it(self):
            self.incr_counter(uuid.uuid4())

    case = Subject("test_it")
    case.test_it()
    for name, increment, error in (
        ("a", 1.5, TypeError),
        ("a", 1 << 63, ValueError),
        (None, 1, ValueError),
    ):
        with pytest.raises(error):
            case.incr_counter(name, increment)


# H10 to H16


def test_h10_the_pool_of_a_busy_host_is_kept(both, servers, answer):
    """With more hosts than pools, the host that is used most keeps its connection."""
    for session in both:
        hosts = [servers() for _ in range(12)]
        for each in hosts:
            each.scripts["/"] = answer(b"x")
        for _ in range(2):
            for each in hosts[1:]:
                for _ in range(3):
                    session.get(hosts[0].url())
                    session.get(each.url())
        assert hosts[0].connections == 1


def test_h11_no_more_connections_are_kept_than_the_pool_has_room_for(bound, server, answer):
    """`pool_maxsize` bounds what the lane keeps."""
    server.scripts["/"] = lambda *_: (time.sleep(0.05), answer(b"x"))[1]
    bound.mount("http://", HTTPAdapter(pool_maxsize=2))
    for _ in range(4):
        threads = [threading.Thread(target=bound.get, args=(server.url(),)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        (pool,) = bound.adapters["http://"].poolmanager.pools._container.values()
        connections = bound._lane._connections.get(pool)
        assert len(connections.lines if connections else []) <= 2


def test_h13_settings_of_a_pool_manager_are_seen(bound, server, answer):
    """What is changed in a pool manager's settings holds for the next request."""
    server.scripts["/"] = answer(b"x")
    for _ in range(3):
        bound.get(server.url())
    settings = bound.adapters["http://"].poolmanager.connection_pool_kw
    settings["source_address"] = ("127.0.0.7", 0)
    for _ in range(3):
        bound.get(server.url())
    assert server.connections == 2


def test_h14_a_replaced_getaddrinfo_is_asked_of_numbers_too(hits, server, answer, monkeypatch):
    """Who pins addresses by `socket.getaddrinfo` pins those that are written as numbers, too."""
    monkeypatch.setenv("NO_PROXY", "*")
    old = socket.getaddrinfo

    def pinned(host, port, *args, **kwargs):
        if host == "192.0.2.1":
            host, port = "127.0.0.1", server.port
        return old(host, port, *args, **kwargs)

    server.scripts["/"] = answer(b"x")
    with Session() as session:
        session.bind(hits, SystemClock(), AddressBook(0))
        with unittest.mock.patch("socket.getaddrinfo", pinned):
            assert session.get("http://192.0.2.1/", timeout=5).text == "x"


def test_h15_a_cookie_comes_back_with_the_clock(triplets):
    """A cookie that had expired while the clock was ahead is sent when the clock is back."""

    def scenario(t):
        t.session.cookies.set("a", "b", expires=int(time.time()) + 100)
        t.thrice()
        now = time.time
        with t.patch.context() as patch:
            patch.setattr(time, "time", lambda: now() + 1000)
            t.thrice()
        t.thrice()

    triplets.check(scenario)


def test_h16_a_deep_copy_is_bound_too(bound, server, answer, hits):
    """Hits of a session that was copied, deeply or not, count."""
    server.scripts["/"] = answer(b"x")
    for twin in (copy.copy(bound), copy.deepcopy(bound)):
        with twin:
            twin.get(server.url())
    assert len(hits) == 2


# F15: answers that stay open


def test_f15_answers_that_stay_open_are_hits_when_the_user_ends(server, answer, hits, monkeypatch):
    """What a user holds open until its end is closed then, and counted once."""
    monkeypatch.setenv("NO_PROXY", "*")
    server.scripts["/"] = answer(b"x" * 300_000)

    class Subject(TestCase):
        def test_it(self):
            self.held = [self.session.get(server.url(), stream=True) for _ in range(3)]
            assert len(self.held[0].content) == 300_000

    case = Subject("test_it")
    case.load_reporter = reporter = _Reporter(hits)
    case.run()
    assert len(hits) == 1
    case.close_session()
    assert [(hit["status"], hit["error"].name) for hit in hits] == [(200, "NONE")] * 3
    assert reporter.unmeasured_count == 0


class _Reporter:
    def __init__(self, hits):
        self.clock = SystemClock()
        self.addresses = None
        self.hit = hits.hit
        self.unmeasured_count = 0

    def unmeasured(self):
        self.unmeasured_count += 1


# F16: whatever goes round what measures is told


def test_f16_a_mock_that_leaves_its_adapter_behind_ends_no_measuring(bound, server, answer, hits):
    """After a mock has put back Requests' own `get_adapter`, requests are hits again, and quick."""
    server.scripts["/"] = answer(b"x")
    for _ in range(3):
        bound.get(server.url())
    hits.clear()
    # What requests_mock does, step by step.
    bound.get_adapter = lambda url: _Canned()
    assert bound.get("http://pay.test/").text == "canned"
    bound.get_adapter = functools.partial(requests.Session.get_adapter, bound).func.__get__(bound)
    for _ in range(3):
        bound.get(server.url())
    assert len(hits) == 3
    assert hits.unmeasured_count == 1
    assert bound._lane._templates
    assert "get_adapter" not in vars(bound)


def test_f16_an_own_get_adapter_is_measured(bound, server, answer, hits):
    """A `get_adapter` of the test's own, set before the first request, hides nothing."""
    server.scripts["/"] = answer(b"x")
    bound.get_adapter = lambda url: bound.adapters["http://"]
    for _ in range(3):
        bound.get(server.url())
    assert len(hits) == 3
    assert hits.unmeasured_count == 0


def test_f16_a_get_adapter_that_is_put_on_the_class_hides_nothing(bound, server, answer, hits):
    """Requests' own `get_adapter` on our class, as a mock may leave it, is measured as well."""
    server.scripts["/"] = answer(b"x")
    with unittest.mock.patch.object(Session, "get_adapter", requests.Session.get_adapter):
        for _ in range(3):
            bound.get(server.url())
    assert len(hits) == 3
    assert hits.unmeasured_count == 0


class _Canned(BaseAdapter):
    def send(self, request, **_):
        response = requests.Response()
        response.status_code, response.request, response.url = 200, request, request.url
        response.raw = io.BytesIO(b"canned")
        return response

    def close(self):
        pass


def test_f16_what_is_not_measured_is_told(bound, server, answer, hits):
    """An adapter without a wire, a pool of one's own, a `send` of one's own: each is told."""
    server.scripts["/"] = answer(b"x")

    class OwnPool(HTTPAdapter):
        def get_connection_with_tls_context(self, *_, **__):
            return HTTPConnectionPool("127.0.0.1", server.port)

        def get_connection(self, *_, **__):
            return HTTPConnectionPool("127.0.0.1", server.port)

    bound.mount("http://canned/", _Canned())
    bound.get("http://canned/")
    bound.mount("http://own/", OwnPool())
    assert bound.get("http://own/").text == "x"
    assert hits.unmeasured_count == 2
    with unittest.mock.patch.object(bound, "send", return_value=requests.Response()):
        bound.get(server.url())
    assert hits.unmeasured_count == 3
    with pytest.raises(requests.exceptions.InvalidSchema):  # no request was made
        bound.get("nothing://x/")
    assert hits.unmeasured_count == 3
    assert len(hits) == 0


def test_f16_the_summary_tells_by_a_counter():
    """A user's requests that were not measured are a counter of its run."""
    told = []

    class Recorder:
        def counter(self, *entry):
            told.append(entry)

    reporter = UserReporter(Recorder(), SystemClock(), 7, None)
    reporter.iteration = 3
    reporter.unmeasured()
    assert told == [(NOT_MEASURED, 1, 7, 3)]
