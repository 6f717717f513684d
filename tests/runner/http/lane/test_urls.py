"""The fast lane and the space of URLs and parameters; and that all it remembers is bounded."""

import itertools
import os

import pytest
import requests
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from urllib3.connectionpool import _encode_target

from loadgrpc.runner.http.lane import answer as lane_answer
from loadgrpc.runner.http.lane import arguments as lane_arguments
from loadgrpc.runner.http.lane import lane as lane_module
from loadgrpc.runner.http.lane import preconditions as lane_circumstances
from loadgrpc.runner.http.session import Session

MORE = float(os.environ.get("EXAMPLES", "1"))
"""How many times as many examples as usual."""
SHARED = settings(
    max_examples=max(1, round(25 * MORE)),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
SCHEMES = ["http"] if MORE <= 1 else ["http", "https"]
plainly = pytest.mark.parametrize("triplets", SCHEMES, indirect=True)
"""For what TLS has no part in: over HTTP only, unless there is to be more of everything."""
SPACE = settings(max_examples=max(1, round(400 * MORE)))

PATHS = [
    "",
    "/",
    "/a",
    "/a/",
    "/a/b.c",
    "/a;b=c",
    "/a:b@c",
    "/~u/$&'()*+,=!",
    "//",
    "//a",
    "/a//b",
    "/a//",
    "/.",
    "/..",
    "/./a",
    "/a/./b",
    "/a/../b",
    "/a/..",
    "/.hidden",
    "/...",
    "/a..b",
    "/%41",
    "/%2F",
    "/%2f",
    "/%",
    "/%zz",
    "/a b",
    "/a\tb",
    "/\xe9",
    "/\u20ac",
    "/a\\b",
    "/a|b^c",
    "/[x]",
    '/"<>`{}',
    "?",
    "?a=b",
    "/?",
    "/?a=b",
    "/?a=b&c",
    "/?a=b?c/d",
    "/?a=%20b",
    "/?a=b c",
    "/?a=\xe9",
    "/?a=[1]",
    "/?a='x'",
    "/?a=../b",
    "/?../a",
    "#f",
    "/#f",
    "/a#f?x",
    "/?a=b#f",
    "/?#",
    "/a\n",
]


def test_paths(triplets):
    """Whatever stands behind the host, the lane asks for what Requests asks for."""

    def scenario(t):
        t.server.scripts = Anywhere()
        t.thrice()
        for path in PATHS:
            t.get(t.url(path))
            t.get(t.url(path), params={"p": "q"})

    roads = triplets.check(scenario, connections=False)
    assert roads.count("l") > 25
    assert roads.count("s") > 50


class Anywhere(dict):
    """Scripts of a server that answers everything alike."""

    def __missing__(self, path):
        return b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


ORIGINS = [
    "{scheme}://127.0.0.1:{port}",
    "{scheme}://localhost:{port}",
    "{scheme}://LOCALHOST:{port}",
    "{SCHEME}://localhost:{port}",
    "{scheme}://user:secret@localhost:{port}",
    "{scheme}://user@localhost:{port}",
    "{scheme}://@localhost:{port}",
    "{scheme}://localhost:0{port}",
    " {scheme}://localhost:{port}",
    "{scheme}:/localhost:{port}",
    "{scheme}://",
    "{scheme}:///a",
    "{scheme}://*.localhost:{port}",
    "{scheme}://\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3:{port}",
    "{scheme}://[::ffff:127.0.0.1]:{port}",
    "{scheme}://[::1%25lo]:9",
    "{scheme}://[::1",
    "{scheme}://localhost:x",
    "{scheme}://localhost:99999",
    "{scheme}+own://localhost:{port}",
    "localhost:{port}",
    "//localhost:{port}",
    "other://localhost:{port}",
    "mailto:a@b",
    "",
]


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.filterwarnings("ignore:Unverified HTTPS:Warning")
def test_origins(triplets, origin):
    """Schemes, hosts, ports and users in a URL do what they do in Requests, time after time."""

    def scenario(t):
        t.server.scripts = Anywhere()
        if t.scheme == "https":
            t.session.verify = False  # the names here are not all in the certificate
        place = origin.format(scheme=t.scheme, SCHEME=t.scheme.upper(), port=t.server.port)
        for path in ("/", "/", "/a", "", "/?q"):
            t.get(place + path)
            t.post(place + path, json=1)

    triplets.check(scenario, connections=False)


def test_default_ports_and_ipv6(watch_the_lane, monkeypatch, hits, clock, servers, answer):
    """A default port stays in the URL and out of Host, and IPv6 keeps its brackets."""
    import socket

    from urllib3.util import connection

    server = servers()
    server.scripts = Anywhere()
    monkeypatch.setattr(
        connection,
        "create_connection",
        lambda *args, **kwargs: socket.create_connection(("127.0.0.1", server.port)),
    )
    monkeypatch.setenv("NO_PROXY", "*")
    seen = []
    for kind in (requests.Session, Session):
        del server.requests[:]
        with kind() as session:
            if kind is Session:
                session.bind(hits, clock)
            urls = [
                session.get(f"http://{host}/a?b").url
                for host in (
                    "example.invalid:80",
                    "example.invalid",
                    "[::1]:80",
                    "[::1]",
                    "[::1]:81",
                )
                for _ in range(3)
            ]
        seen.append((urls, list(server.requests)))
    assert seen[0] == seen[1]


def _prepared(url, **kwargs):
    """URL and target as Requests and urllib3 have them."""
    prepared = requests.Request("GET", url, **kwargs).prepare()
    target = _encode_target(prepared.path_url)
    return prepared.url, target.encode() if isinstance(target, str) else target


_CHARACTERS = st.sampled_from(list("aZ09-._~!$&'()*+,;=:@/?#[]%25F \\|\"<>^`{}\t\n\xe9\u20ac"))
_PIECES = st.sampled_from(
    ["/", "//", ".", "..", "/./", "/../", "%41", "%2f", "%2F", "%25", "?", "&"]
)
TARGETS = st.lists(_CHARACTERS | _PIECES | st.text(max_size=3), max_size=12).map("".join)


@SPACE
@given(origin=st.sampled_from(["http://h", "http://h:80", "https://h.example:81"]), rest=TARGETS)
def test_a_target_is_what_requests_makes(origin, rest):
    """Whenever the lane does not decline a URL, it has the URL and the target of Requests."""
    url = f"{origin}/{rest}"
    try:
        got, target, plain = lane_arguments.split(url)
    except lane_arguments.NotPlain:
        return
    assert got == origin
    assert _prepared(url) == (plain, target)


SCALARS = st.text(max_size=6) | st.integers() | st.booleans() | st.none() | st.binary(max_size=4)
VALUES = SCALARS | st.floats() | st.lists(SCALARS, max_size=3) | st.tuples(SCALARS)
KEYS = st.text(max_size=6) | st.integers() | st.binary(max_size=4)


@SPACE
@example(params={"a=b&c": "d"}, query="")
@example(params={"a": "b=c&d"}, query="?a")
@example(params={"a": "", "b": 1}, query="")
@given(
    params=st.dictionaries(KEYS, VALUES, min_size=1, max_size=4)
    | st.lists(st.tuples(KEYS, VALUES), min_size=1, max_size=4)
    | TARGETS.filter(bool),
    query=st.sampled_from(["", "?a=b", "?a", "?a=/?"]),
)
def test_params_are_what_requests_makes(params, query):
    """Whenever the lane does not decline parameters, it has the URL and target of Requests."""
    url = f"http://h/p{query}"
    try:
        encoded = lane_arguments._query(params)
    except (lane_arguments.NotPlain, UnicodeEncodeError):
        return
    separator = "&" if query else "?"
    full = f"{url}{separator}{encoded}"
    assert _prepared(url, params=params) == (full, full.removeprefix("http://h").encode())


@SPACE
@given(
    data=st.dictionaries(KEYS, VALUES, min_size=1, max_size=4)
    | st.binary(max_size=9)
    | st.text(max_size=9)
    | st.none(),
    document=st.none() | st.recursive(SCALARS, lambda deeper: st.lists(deeper, max_size=3)),
)
def test_bodies_are_what_requests_makes(data, document):
    """Whenever the lane does not decline a body, it is that of Requests."""
    try:
        _, body = lane_arguments.body(data, document)
    except (lane_arguments.NotPlain, TypeError, ValueError):
        return
    expected = requests.Request("POST", "http://h", data=data or {}, json=document).prepare().body
    assert body == (expected.encode() if isinstance(expected, str) else expected)


@plainly
@SHARED
@given(
    params=st.lists(
        st.dictionaries(KEYS, VALUES, max_size=3) | st.lists(st.tuples(KEYS, VALUES), max_size=3),
        min_size=1,
        max_size=6,
    )
)
def test_params_on_the_wire(triplets, params):
    """Any dictionary or list of parameters makes the same requests on both roads."""

    def scenario(t):
        t.server.scripts = Anywhere()
        t.get()
        for each in params:
            t.get("/p", params=each)
            t.get("/p?a=b", params=each)

    triplets.check(scenario)


@plainly
@SHARED
@given(targets=st.lists(TARGETS, min_size=1, max_size=6))
def test_targets_on_the_wire(triplets, targets):
    """Any text behind the host makes the same requests on both roads."""

    def scenario(t):
        t.server.scripts = Anywhere()
        t.get()
        for target in targets:
            t.get(t.url(f"/{target}"))

    triplets.check(scenario, connections=False)


def test_a_hundred_thousand_urls(server, hits, clock, monkeypatch, watch_the_lane):
    """Distinct URLs, queries and headers of calls do not make the lane remember more and more."""
    monkeypatch.setenv("NO_PROXY", "*")
    count = itertools.count()
    for number in range(100_000):
        lane_arguments.split(f"http://h/{number}")
    assert len(lane_arguments._targets) <= lane_arguments.MAX_TARGETS
    server.scripts = Anywhere()
    with Session() as session:
        session.bind(hits, clock)
        for _ in range(300):
            number = next(count)
            session.get(server.url(f"/{number}"), params={"n": number})
            session.get(server.url("/"), headers={"X-Id": str(number)})
        lane = session._lane
        assert len(lane._templates) <= lane_module.MAX_TEMPLATES
        assert len(lane._connections) == 1
        for _ in range(3):
            session.get(server.url("/"))
            session.close()
        assert len(lane._connections) == 0
        assert len(lane._templates) == 0
    assert len(lane_circumstances._surroundings) == 1


def test_a_long_url_is_not_remembered():
    """What is remembered is bounded in bytes as well."""
    lane_arguments._targets.clear()
    lane_arguments.split("http://h/" + "x" * lane_arguments.MAX_TARGET_CHARACTERS)
    assert lane_arguments._targets == {}


def test_heads_are_remembered_within_bounds():
    """Neither many heads nor large ones make the memory of heads grow."""
    lane_answer._heads.clear()
    for number in range(10_000):
        lane_answer.read_head(b"HTTP/1.1 200 OK\r\nX: %d\r\nContent-Length: 0\r\n\r\n" % number)
    assert 0 < len(lane_answer._heads) <= lane_answer.MAX_HEADS
    lane_answer._heads.clear()
    large = b"a" * lane_answer.MAX_HEAD_BYTES
    assert lane_answer.read_head(b"HTTP/1.1 200 OK\r\nX: %b\r\n\r\n" % large)[1] is None
    assert lane_answer._heads == {}


def test_pools_that_requests_lets_go_are_let_go(server, hits, clock, monkeypatch):
    """With more hosts than Requests keeps pools for, connections are closed as it closes them."""
    import socket

    from urllib3.util import connection

    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(
        connection,
        "create_connection",
        lambda *args, **kwargs: socket.create_connection(("127.0.0.1", server.port)),
    )
    server.scripts = Anywhere()
    with Session() as session:
        session.bind(hits, clock)
        for number in range(30):
            for _ in range(3):
                session.get(f"http://host{number}.invalid/")
        assert len(session._lane._connections) <= 11
        session.close()
        assert not session._lane._connections
    assert server.connections == 30
