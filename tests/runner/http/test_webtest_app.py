"""`self.app`: WebTest over the session of the test, on real sockets."""

import gzip
import re
import subprocess
import sys

import pytest
import requests

from loadgrpc.model import HitError
from loadgrpc.runner.testcase import TestCase

webtest = pytest.importorskip("webtest", reason="webtest is not installed")


class Reporter:
    """What a virtual user gives its test case; hits go into `hits`."""

    addresses = None

    def __init__(self, hits, clock):
        self.hit, self.unmeasured, self.clock = hits.hit, hits.unmeasured, clock
        self.counters = []

    def counter(self, name, increment):
        self.counters.append((name, increment))


class Subject(TestCase):
    def test_it(self):
        pass


@pytest.fixture
def case(server, hits, clock, monkeypatch):
    """A test case of a load run, whose server is `server`."""
    monkeypatch.setenv("NO_PROXY", "*")
    case = Subject("test_it")
    case.load_reporter = Reporter(hits, clock)
    case.server_url = server.url("")
    yield case
    case.close_session()


def head_of(request):
    """Request line, and headers with names in lower case."""
    lines = request.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    return lines[0], {k.lower(): v for k, _, v in (line.partition(": ") for line in lines[1:])}


def test_each_request_is_a_hit(case, server, hits, answer):
    """test_webtest_integration of Loads: WebTest's methods and checks, and a hit for each."""
    server.scripts["/"] = answer(b"<a href='/next'>next</a>", Content_Type="text/html")
    server.scripts["/next"] = answer(b'{"n": 1}', Content_Type="application/json")
    server.scripts["/new"] = answer(b"", "404 Not Found")

    page = case.app.get("/", params={"q": "a b"}, status=200)
    assert "next" in page
    assert page.click("next").json == {"n": 1}
    assert case.app.post_json("/next", {"x": 2}).status_int == 200
    with pytest.raises(webtest.AppError, match=re.escape("404 Not Found (not 200)")):
        case.app.get("/new", status=200)
    assert case.app.get("/new", status="*").status_int == 404

    lines = [head_of(request)[0] for request in server.requests]
    assert lines == [
        "GET /?q=a+b HTTP/1.1",
        "GET /next HTTP/1.1",
        "POST /next HTTP/1.1",
        "GET /new HTTP/1.1",
        "GET /new HTTP/1.1",
    ]
    assert server.requests[2].endswith(b'\r\n\r\n{"x": 2}')
    assert hits.column("status") == [200, 200, 200, 404, 404]
    assert (
        hits.column("name")
        == [server.url(path) for path in ("/", "/next", "/next")] + [server.url("/new")] * 2
    )
    assert server.connections == 1  # of the session


def test_a_hit_may_have_a_name(case, server, hits, answer):
    """What `name=` is to the session, `loadgrpc.name` is in the environment of a request."""
    server.scripts["/a"] = server.scripts["/b"] = answer(b"x")
    case.app.extra_environ["loadgrpc.name"] = "page"
    case.app.get("/a")
    case.app.get("/b", extra_environ={"loadgrpc.name": "other page"})
    assert hits.column("name") == ["page", "other page"]


def test_no_server_url_is_an_error_that_says_so(case):
    """Without a server URL each call raises, and the error says how to give one."""
    case.server_url = None
    for call in (case.app.get, case.app.post, case.app.delete, case.app.put_json, case.app.request):
        with pytest.raises(ValueError, match=r"set server_url .*-H http"):
            call("/")
    with pytest.raises(ValueError, match=r"set server_url"):
        case.app.do_request(webtest.TestRequest.blank("/"))


def test_what_is_no_url_is_named(case):
    """A server URL without a scheme, or with another, is refused by name."""
    for url in ("localhost:9000", "ftp://x", "http://"):
        case.app.server_url = url
        with pytest.raises(ValueError, match=re.escape(repr(url))):
            case.app.get("/")


def test_the_server_url_changes_at_run_time(case, servers, answer):
    """`app.server_url` is that of the class until it is set, and again when it is set to None."""
    first, second = servers(), servers()
    for each in (first, second):
        each.scripts["/x"] = answer(b"x")
    case.server_url = first.url("")
    assert case.app.server_url == first.url("")
    case.app.get("/x")
    case.app.server_url = second.url("/")
    case.app.get("/x")
    case.app.get("x")
    case.app.server_url = None
    case.app.get("/x")
    assert [len(first.requests), len(second.requests)] == [2, 2]
    assert case.server_url == first.url("")


def test_a_server_url_may_have_a_path_and_a_password(case, server, hits, answer):
    """Paths are below that of the server URL; user and password are sent, and not in the hit."""
    server.scripts["/api/x"] = answer(b"x")
    case.server_url = server.url("/api/", user="me:secret@")
    page = case.app.get("/x")
    assert page.request.url == server.url("/api/x")
    assert head_of(server.requests[0])[1]["authorization"].startswith("Basic ")
    assert hits.column("name") == [server.url("/api/x")]
    case.app.get(server.url("/api/x"))
    case.app.do_request(webtest.TestRequest.blank("/x"))
    assert len(server.requests) == 3


def test_cookies_and_headers_are_those_of_the_session(case, server, answer):
    """A login by either is one for both, and headers of the session are sent by both."""
    server.scripts["/login"] = answer(b"", Set_Cookie="who=me; Path=/")
    server.scripts["/x"] = answer(b"x")
    case.session.headers["X-All"] = "1"
    case.app.get("/login")
    case.app.set_cookie("more", "than one")
    assert case.app.cookies["who"] == "me"
    case.session.get(server.url("/x"))
    case.app.get("/x")
    case.app.get("/x", headers={"Cookie": "mine=1", "X-One": "2"})
    _, by_session, by_app, own = (head_of(request)[1] for request in server.requests)
    assert by_app["cookie"] == by_session["cookie"]
    assert sorted(by_app["cookie"].split("; ")) == ['more="than one"', "who=me"]
    assert (by_app["x-all"], own["x-all"], own["x-one"]) == ("1", "1", "2")
    assert own["cookie"] == "mine=1"
    case.app.reset()
    assert not case.session.cookies


def test_answers_are_whole(case, server, answer):
    """Compressed bodies are decoded, headers that come twice stay two, HEAD keeps the length."""
    server.scripts["/gz"] = (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nX-A: 1\r\nX-A: 2\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    ) + b"".join((b"%x\r\n%s\r\n" % (len(z), z)) for z in (gzip.compress(b"hello"), b""))
    server.scripts["/head"] = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"
    page = case.app.get("/gz", headers={"Accept-Encoding": "gzip"})
    assert (page.body, page.content_length) == (b"hello", 5)
    assert page.headers.getall("X-A") == ["1", "2"]
    assert case.app.head("/head").headers["Content-Length"] == "7"


def test_redirects_are_followed_when_asked_to(case, server, hits, answer):
    """A redirect is an answer; `.follow()` makes the next request, a hit of its own."""
    server.scripts["/old"] = answer(b"", "302 Found", Location="/new")
    server.scripts["/new"] = answer(b"new")
    page = case.app.get("/old", status=302)
    assert len(hits) == 1
    assert page.follow().text == "new"
    assert hits.column("status") == [302, 200]


def test_a_form_can_be_sent(case, server, answer):
    """Forms of a page are filled in and posted, files too."""
    form = b'<form action="/post" method="post" enctype="multipart/form-data">'
    form += b'<input name="a"><input type="file" name="f"></form>'
    server.scripts["/"] = answer(form, Content_Type="text/html")
    server.scripts["/post"] = answer(b"ok")
    filled = case.app.get("/").form
    filled["a"] = "ü"
    filled["f"] = webtest.Upload("x.bin", b"\x00\xff")
    assert filled.submit().text == "ok"
    assert "ü".encode() in server.requests[-1]
    assert b"\x00\xff" in server.requests[-1]


def test_no_answer_is_raised_and_a_failed_hit(case, hits, closed_port):
    """A server that is not there raises what Requests raises, and is a hit with an error."""
    case.app.server_url = f"http://127.0.0.1:{closed_port}"
    with pytest.raises(requests.ConnectionError):
        case.app.get("/")
    assert hits.column("error") == [HitError.CONNECT]


def test_it_runs_under_unittest(server, answer, tmp_path):
    """Outside of a load run it works as well, with every warning an error, and records nothing."""
    server.scripts["/"] = answer(b"x")
    (tmp_path / "test_site.py").write_text(
        "from loadgrpc.case import TestCase\n"
        "class TestSite(TestCase):\n"
        f"    server_url = {server.url()!r}\n"
        "    def test_it(self):\n"
        "        self.assertTrue('x' in self.app.get('/'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-m", "unittest", "test_site"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(server.requests) == 1


def test_without_the_extra_the_error_says_how_to_get_it(monkeypatch):
    """Where WebTest is missing, the error has the command that installs it."""
    monkeypatch.delitem(sys.modules, "loadgrpc.runner.http.webtest_app", raising=False)
    monkeypatch.setitem(sys.modules, "webtest", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'loadgrpc\[webtest\]'"):
        Subject("test_it").app  # noqa: B018 - the attribute is what is tried
