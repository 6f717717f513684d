"""Names are asked for once for each user, and all their addresses are used in turn."""

import copy
import errno
import socket
import ssl
import threading
import unittest
from contextlib import ExitStack, contextmanager

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError, NameResolutionError, NewConnectionError
from urllib3.util import connection as urllib3_connection

from loadgrpc.runner.http import addresses
from loadgrpc.runner.http.addresses import AddressBook
from loadgrpc.runner.http.session import Session
from loadgrpc.runner.testcase import TestCase
from loadgrpc.runner.user import VirtualUser
from loadgrpc.testing import plan_of

ONE, TWO = "127.0.0.1", "127.0.0.2"


class Names:
    """Instead of the machine's getaddrinfo: knows the addresses of some names, and counts."""

    def __init__(self, real) -> None:
        self.known = {"two.test": [ONE, TWO]}
        self.asked = []
        self._real = real

    def __call__(self, host, port, *rest, **more):
        self.asked.append(host)
        if host.endswith(".invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        found = [self._real(each, port, *rest, **more) for each in self.known.get(host, [host])]
        return [address for each in found for address in each]


@pytest.fixture
def names(monkeypatch):
    """The names that there are, away from the proxies of the machine."""
    names = Names(socket.getaddrinfo)
    monkeypatch.setattr(socket, "getaddrinfo", names)
    monkeypatch.setenv("NO_PROXY", "*")
    for bundle in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(bundle, raising=False)
    return names


@contextmanager
def sockets_at(*hosts):
    """Sockets at one port of these addresses, not listening."""
    while True:
        with ExitStack() as stack:
            sockets = [stack.enter_context(socket.socket()) for _ in hosts]
            sockets[0].bind((hosts[0], 0))
            port = sockets[0].getsockname()[1]
            try:
                for host, each in zip(hosts[1:], sockets[1:], strict=True):
                    each.bind((host, port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    continue
                raise
            yield port, sockets
            return


@pytest.fixture
def port():
    """A port that both addresses listen at."""
    with sockets_at(ONE, TWO) as (port, sockets):
        for each in sockets:
            each.listen()
        yield port


@pytest.fixture
def half_port():
    """A port that only the second address listens at."""
    with sockets_at(ONE, TWO) as (port, sockets):
        sockets[1].listen()
        yield port


@pytest.fixture
def closed_port():
    """A port that neither listens at."""
    with sockets_at(ONE, TWO) as (port, _):
        yield port


def reached(book, port, host="two.test", **options):
    """The address that a new connection of a user came to."""
    with book.connect(HTTPConnection(host, port, **options)) as sock:
        return sock.getpeername()[0]


def test_a_user_asks_once_and_takes_turns(names, port):
    """Each new connection goes to the next address, and round again."""
    book = AddressBook(0)
    assert [reached(book, port) for _ in range(5)] == [ONE, TWO, ONE, TWO, ONE]
    assert names.asked == ["two.test"]


def test_each_user_begins_with_another_address(names, port):
    """Users who make one connection each spread over all addresses."""
    assert [reached(AddressBook(user), port) for user in (1, 2, 3, 4)] == [TWO, ONE, TWO, ONE]
    assert len(names.asked) == 4


def test_a_dead_address_is_passed_over(names, half_port):
    """What urllib3 does: all addresses are tried, from the one whose turn it is."""
    book = AddressBook(0)
    assert [reached(book, half_port) for _ in range(3)] == [TWO, TWO, TWO]
    assert names.asked == ["two.test"]


def test_f14_a_name_that_has_moved_is_asked_for_again(names, half_port):
    """When no address that is known can be reached, the new ones are tried at once."""
    names.known = {"moves.test": [ONE], "two.test": [ONE, TWO]}
    book = AddressBook(0)
    with pytest.raises(NewConnectionError):
        reached(book, half_port, "moves.test")
    assert names.asked == ["moves.test"]  # it was asked for just now
    names.known["moves.test"] = [TWO]
    assert [reached(book, half_port, "moves.test") for _ in range(3)] == [TWO] * 3
    assert names.asked == ["moves.test"] * 2


def test_f14_a_name_that_stays_is_tried_once(names, closed_port, monkeypatch):
    """Addresses that have been tried are not tried again, and their error is told."""
    tried = []
    connect = addresses._connect
    monkeypatch.setattr(
        addresses, "_connect", lambda them, *more: tried.extend(them) or connect(them, *more)
    )
    book = AddressBook(0)
    for number in (1, 2, 3):
        with pytest.raises(NewConnectionError, match="refused"):
            reached(book, closed_port)
        assert len(tried) == 2 * number
        assert len(names.asked) == number


def test_f14_a_name_server_that_is_away_changes_nothing(names, closed_port, monkeypatch):
    """What is known stays known when it cannot be asked for, and is tried the next time."""
    book = AddressBook(0)
    with pytest.raises(NewConnectionError):
        reached(book, closed_port)

    def away(*_, **__):
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", away)
    for _ in range(2):
        with pytest.raises(NewConnectionError, match="refused"):
            reached(book, closed_port)


def test_f14_greenlets_of_a_user_ask_again_once(names):
    """Who finds that others have asked meanwhile takes what they were told."""
    host = addresses._Host("two.test", 80, 0)
    host.ask(unless_known=[])
    old = host.addresses
    names.known["two.test"] = [TWO]
    for _ in range(3):
        host.ask(unless_known=old)
    assert len(names.asked) == 2
    assert [address[4][0] for address in host.addresses] == [TWO]


def test_another_port_is_asked_for(names, port, half_port):
    """What is known is known for a host and a port."""
    book = AddressBook(0)
    assert [reached(book, port), reached(book, half_port), reached(book, port)] == [ONE, TWO, TWO]
    assert len(names.asked) == 2


def test_a_name_that_is_not_found_is_asked_for_again(names, port):
    """A failure is not remembered."""
    book = AddressBook(0)
    for _ in range(2):
        with pytest.raises(NameResolutionError):
            reached(book, port, "two.invalid")
    assert names.asked == ["two.invalid"] * 2


@pytest.mark.parametrize(
    ("host", "address"), [("127.0.0.2", TWO), ("127.2", TWO), ("[::1]", "::1")]
)
def test_an_address_in_numbers_is_not_asked_for(monkeypatch, host, address):
    """There is nothing to resolve; under gevent each question would cost a thread."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        listener = socket.create_server((address, 0), family=family)
    except OSError:
        pytest.skip("this machine has no IPv6")
    asked = []
    monkeypatch.setattr(addresses, "_ask", lambda name, _: asked.append(name))
    with listener:
        assert reached(AddressBook(0), listener.getsockname()[1], host) == address
    assert asked == []


def test_what_a_user_knows_has_a_bound(names, port, monkeypatch):
    """Over it all is forgotten, and asked for again."""
    monkeypatch.setattr(addresses, "MAX_HOSTS", 2)
    names.known.update({f"{n}.test": [ONE] for n in range(3)})
    book = AddressBook(0)
    for host in ("0.test", "1.test", "0.test", "2.test", "0.test"):
        reached(book, port, host)
    assert names.asked == ["0.test", "1.test", "2.test", "0.test"]


def test_greenlets_of_a_user_ask_once(names, port, monkeypatch):
    """Who comes while a question is open waits for its answer."""
    opened, answered = threading.Event(), threading.Event()

    def slow(*args):
        opened.set()
        assert answered.wait(10)
        return names(*args)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    book = AddressBook(0)
    found = []
    threads = [threading.Thread(target=lambda: found.append(reached(book, port))) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert opened.wait(10)
    answered.set()
    for thread in threads:
        thread.join(10)
    assert sorted(found) == [ONE, ONE, TWO, TWO]
    assert names.asked == ["two.test"]


def too_slow(self, address):
    """Instead of socket.connect."""
    raise TimeoutError("timed out")


@pytest.mark.parametrize(
    ("host", "how"),
    [
        ("two.invalid", {}),
        ("two.test", {"none": True}),
        ("two.test", {"refused": True}),
        ("two.test", {"timeout": 0.5}),
        (ONE, {"refused": True}),
        (ONE, {"timeout": 0.5}),
        ("a" * 64 + ".test", {}),
        ("two..test", {}),
    ],
)
def test_errors_are_those_of_urllib3(names, closed_port, monkeypatch, host, how):
    """Type, words and cause of what goes wrong are the same with and without a book."""
    names.known["two.test"] = [] if how.get("none") else [ONE]
    if "timeout" in how:
        monkeypatch.setattr(socket.socket, "connect", too_slow)
    connection = HTTPConnection(host, closed_port, timeout=how.get("timeout"))
    with pytest.raises(HTTPError) as theirs:
        connection._new_conn()
    with pytest.raises(HTTPError) as ours:
        AddressBook(0).connect(connection)
    assert type(ours.value) is type(theirs.value)
    assert str(ours.value) == str(theirs.value)
    assert type(ours.value.__cause__) is type(theirs.value.__cause__)


def test_a_connection_has_what_was_asked_of_it(names, port):
    """Options, time-out and where it comes from are those of the connection."""
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    connection = HTTPConnection(
        "two.test", port, timeout=7.5, source_address=("127.0.0.3", 0), socket_options=options
    )
    with AddressBook(0).connect(connection) as sock:
        assert sock.gettimeout() == 7.5
        assert sock.getsockname()[0] == "127.0.0.3"
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert not sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_failed_attempt_leaves_no_socket_open(names, closed_port):
    """Warnings are errors here: a socket that nobody closed would be one."""
    names.known["two.test"] = [ONE, ONE]
    with pytest.raises(NewConnectionError):
        reached(AddressBook(0), closed_port)


# In a session


@pytest.fixture
def session(hits, clock, names):
    """A session whose user has a book."""
    with Session() as bound:
        bound.bind(hits, clock, AddressBook(0))
        yield bound


def test_a_session_asks_once_and_names_stay_names(session, names, server, hits, answer):
    """Every hit opens a connection; what is sent and told has the name, not the address."""
    server.scripts["/"] = answer(b"x", Connection="close")
    names.known["two.test"] = [ONE]
    url = f"http://two.test:{server.port}/"
    for _ in range(3):
        assert session.get(url).status_code == 200
    twin = copy.copy(session)
    assert twin.get(url).status_code == 200
    twin.close()
    assert names.asked == ["two.test"]
    assert all(f"Host: two.test:{server.port}\r\n".encode() in head for head in server.requests)
    assert hits.column("url") == [url] * 4


def test_resolving_is_part_of_connecting(session, names, server, hits, clock, answer, monkeypatch):
    """`connect_ns` has the time of the question, where there was one."""

    def slow(*args):
        clock.advance(0.003)
        return names(*args)

    server.scripts["/"] = answer(b"x", Connection="close")
    names.known["two.test"] = [ONE]
    monkeypatch.setattr(socket, "getaddrinfo", slow)
    for _ in range(2):
        session.get(f"http://two.test:{server.port}/")
    assert hits.column("connect_ns") == [3_000_000, 0]


def test_a_certificate_is_checked_against_the_name(session, names, server, answer, certificate):
    """SNI and the certificate's check go by the name that was asked for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    asked_for = []
    context.sni_callback = lambda _, name, __: asked_for.append(name)
    server.wrap = lambda connection: context.wrap_socket(connection, server_side=True)
    server.scripts["/"] = answer(b"x", Connection="close")
    names.known.update({"localhost": [ONE], "other.test": [ONE]})
    session.verify = str(certificate[0])
    assert session.get(f"https://localhost:{server.port}/").text == "x"
    with pytest.raises(requests.exceptions.SSLError, match=r"not valid for 'other\.test'"):
        session.get(f"https://other.test:{server.port}/")
    assert asked_for == ["localhost", "other.test"]


def test_the_name_of_a_proxy_is_asked_for_once(session, names, server, answer):
    """Who is connected to is the proxy; the target's name is the proxy's matter."""
    server.scripts["http://target.invalid/"] = answer(b"x", Connection="close")
    names.known["two.test"] = [ONE]
    for _ in range(2):
        proxies = {"http": f"http://two.test:{server.port}"}
        assert session.get("http://target.invalid/", proxies=proxies).text == "x"
    assert names.asked == ["two.test"]


def test_who_has_replaced_how_to_connect_is_asked(session, server, answer, monkeypatch):
    """A test that sends its connections elsewhere sends them there."""
    connect = urllib3_connection.create_connection
    server.scripts["/"] = answer(b"x")

    def elsewhere(address, *rest, **more):
        assert address == ("nowhere.invalid", 80)
        return connect((ONE, server.port), *rest, **more)

    monkeypatch.setattr(urllib3_connection, "create_connection", elsewhere)
    assert session.get("http://nowhere.invalid/").text == "x"


def test_a_connection_of_the_tests_own_is_let_alone(session, server, answer, names):
    """A class that connects in its own way, as SOCKS or a Unix socket does, does so."""
    server.scripts["/"] = answer(b"x")

    class Elsewhere(HTTPConnection):
        def _new_conn(self):
            return socket.create_connection((ONE, server.port))

    adapter = HTTPAdapter()
    pool_class = adapter.poolmanager.pool_classes_by_scheme["http"]
    adapter.poolmanager.pool_classes_by_scheme = {
        "http": type("Pool", (pool_class,), {"ConnectionCls": Elsewhere})
    }
    session.mount("http://", adapter)
    assert session.get("http://nowhere.invalid/").text == "x"
    assert "nowhere.invalid" not in names.asked


@pytest.mark.parametrize(
    ("options", "asked"),
    [({}, 1), ({"no_dns_resolve": True}, 3)],
    ids=["as usual", "without"],
)
def test_a_user_has_a_book_unless_it_shall_not(names, server, answer, clock, options, asked):
    """It outlives a session; without one, each connection asks, as Requests does."""

    class Case(TestCase):
        def test_it(self):
            self.session.get(f"http://two.test:{server.port}/")
            self.close_session()

    class Recorder:
        def hit(self, hit, user, iteration):
            pass

        def iteration(self, *, outcome, **_):
            assert outcome.name == "SUCCESS"

    names.known["two.test"] = [ONE]
    server.scripts["/"] = answer(b"x")
    user = VirtualUser(Case, "test_it", Recorder(), clock, 1, plan_of(**options))
    for iteration in (1, 2, 3):
        user.run_iteration(iteration)
    user.close()
    assert len(names.asked) == asked


def test_a_session_of_its_own_asks_each_time(names, server, answer):
    """Outside a load run nothing is remembered."""

    class Case(TestCase):
        def test_it(self):
            for _ in range(2):
                assert self.session.get(f"http://two.test:{server.port}/").text == "x"

    names.known["two.test"] = [ONE]
    server.scripts["/"] = answer(b"x", Connection="close")
    assert unittest.TextTestRunner().run(Case("test_it")).wasSuccessful()
    assert len(names.asked) == 2
