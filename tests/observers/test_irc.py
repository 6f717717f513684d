"""IRC: what is said on the wire, to whom, and what servers may do to it."""

import shutil
import socket
import socketserver
import ssl
import subprocess
import threading
import time
from dataclasses import replace

import pytest

from loadgrpc.observers import Undeliverable, irc

CHANNEL = "#services-dev"


class Script:
    """What the server of a test does, and what it was told."""

    def __init__(self):
        self.lines = []
        self.taken = set()
        self.ping = ""
        self.join = ":srv 366 {nick} {channel} :End of /NAMES list."
        self.talk = ""
        self.silent = False
        self.wrap = None


class Handler(socketserver.StreamRequestHandler):
    """A server that does as much as a client sees of one, by its script."""

    nick = ""
    welcomed = False

    def setup(self):
        self.script = self.server.script
        if self.script.wrap:
            self.request = self.script.wrap(self.request)
        super().setup()

    def finish(self):
        super().finish()
        self.request.close()

    def handle(self):
        for raw in self.rfile:
            line = raw.decode().removesuffix("\r\n")
            self.script.lines.append(line)
            command, _, rest = line.partition(" ")
            answer = getattr(self, f"on_{command.lower()}", None)
            if answer is not None and not self.script.silent:
                answer(rest)
            if command == "QUIT":
                return

    def say(self, text):
        if text:
            text = text.format(nick=self.nick, channel=CHANNEL)
            self.wfile.write(f"{text}\r\n".encode())

    def on_nick(self, nick):
        taken = nick in self.script.taken
        self.nick = "" if taken else nick
        self.say(f":srv 433 * {nick} :Nickname is already in use" if taken else self.script.ping)
        if any(line.startswith("USER") for line in self.script.lines):
            self.on_user("")

    def on_user(self, _):
        if self.nick:
            self.say(":srv 001 {nick} :Welcome")
            self.say(":srv 375 {nick} :- Message of the day")

    def on_join(self, _):
        self.say(":{nick}!u@h JOIN {channel}")
        self.say(self.script.join)

    def on_privmsg(self, _):
        self.say(self.script.talk)

    def on_quit(self, _):
        self.say("ERROR :Closing connection")


class Server(socketserver.ThreadingTCPServer):
    """Many may connect to it."""

    allow_reuse_address = True
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that does not trust it is no error of the test."""


@pytest.fixture
def server():
    """The script of a server that runs."""
    with Server(("127.0.0.1", 0), Handler) as running:
        script = running.script = Script()
        script.port = str(running.server_address[1])
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield script
        running.shutdown()


@pytest.fixture
def observer(make, server):
    """`observer(**settings)`: one of that server."""

    def made(**settings):
        given = {
            "server": "127.0.0.1",
            "port": server.port,
            "channel": CHANNEL,
            "ssl": "false",
            "nickname": "loads",
        }
        return make("irc", **{**given, **settings})

    return made


def test_observer_irc(observer, server, notice):
    """The lines of Loads, one by one; the text is the sentence about the run."""
    observer().notify(notice)
    assert server.lines == [
        "NICK loads",
        "USER loads 0 * :loads",
        "JOIN #services-dev",
        "PRIVMSG #services-dev :[loadgrpc] nightly: a.B.c: passed: 12 hits; run r-1",
        "QUIT :Bye !",
    ]


def test_it_answers_pings_and_gives_a_password(observer, server, notice):
    """Servers check before the welcome that somebody is there."""
    server.ping = "PING :12345"
    observer(password="hunter2").notify(notice)
    assert server.lines[0] == "PASS hunter2"
    assert "PONG :12345" in server.lines
    assert server.lines[-1] == "QUIT :Bye !"


def test_a_nickname_that_is_taken(observer, server, notice):
    """Another one is taken, a few times: two brokers may be in one channel."""
    server.taken = {"loads", "loads_"}
    observer().notify(notice)
    assert "NICK loads__" in server.lines
    assert server.lines[-1] == "QUIT :Bye !"
    server.taken = {f"loads{'_' * number}" for number in range(9)}
    with pytest.raises(ConnectionError, match="has somebody of each nickname tried"):
        observer().notify(notice)


@pytest.mark.parametrize(
    "text",
    [
        "first\r\nQUIT :hacked",
        "first\nPRIVMSG #other :hacked",
        "first\x00\x01\x0d\x0aJOIN #x",
        "first\u2028JOIN #x\u0085JOIN #y",
    ],
)
def test_a_text_cannot_be_a_command(observer, server, notice, text):
    """Whatever the name of a test is, or what an agent says: it stays on its line."""
    observer().notify(replace(notice, text=text))
    assert [line.split()[0] for line in server.lines] == ["NICK", "USER", "JOIN", "PRIVMSG", "QUIT"]
    assert "hacked" in server.lines[3] or "JOIN" in server.lines[3]


def test_a_long_text_is_few_lines(observer, server, notice):
    """Each fits a line of the protocol, in whole characters; what is too much is cut."""
    observer().notify(replace(notice, text="wörter " * 1_000))
    said = [line for line in server.lines if line.startswith("PRIVMSG")]
    assert len(said) == irc.MAX_TEXT_LINES
    assert all(300 < len(line.encode()) < 450 for line in said)


@pytest.mark.parametrize(
    ("join", "talk", "words"),
    [
        (":srv 473 {nick} {channel} :Cannot join channel (+i)", "", "for those who are invited"),
        (":srv 403 {nick} {channel} :No such channel", "", "there is no such channel"),
        ("", ":srv 404 {nick} x :Cannot send to channel", "nobody may speak there"),
    ],
)
def test_a_channel_that_will_not_have_it(observer, server, notice, join, talk, words):
    """It is given up, with the reason, also when the server says so last."""
    server.join, server.talk = join or server.join, talk
    with pytest.raises(Undeliverable, match=words):
        observer().notify(notice)


def test_a_server_that_is_silent_is_not_waited_for_long(observer, server, notice, monkeypatch):
    """The sentence names it."""
    monkeypatch.setattr(irc, "IRC_S", 0.3)
    server.silent = True
    begun = time.monotonic()
    with pytest.raises(TimeoutError, match=r"^127.0.0.1:[0-9]+ did not answer in time$"):
        observer().notify(notice)
    assert time.monotonic() - begun < 20


def test_a_server_that_is_not_there(observer, notice):
    """It is tried again."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    with pytest.raises(ConnectionError, match=f"cannot reach 127.0.0.1:{port}: Connection refused"):
        observer(port=port).notify(notice)


def test_a_server_with_tls(observer, server, notice, certificate, monkeypatch):
    """It is spoken to if its certificate is trusted, and not if not."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server.wrap = lambda connection: context.wrap_socket(connection, server_side=True)
    with pytest.raises(ConnectionError, match=r"cannot trust 127.0.0.1:.*self-signed"):
        observer(ssl="true").notify(notice)
    assert server.lines == []
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    observer(ssl="true").notify(notice)
    assert server.lines[-1] == "QUIT :Bye !"


def test_ssl_false_is_false(make):
    """A defect of Loads: `ssl` was whatever text was not empty, so that False was True."""
    assert not make("irc", ssl="False").flag("ssl")
    assert make("irc", ssl="yes").flag("ssl")


@pytest.fixture
def ngircd(tmp_path):
    """The port of a real server; of the one above it is not if there is none on this machine."""
    program = shutil.which("ngircd") or "/usr/sbin/ngircd"
    if not shutil.which(program):
        yield None
        return
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = tmp_path / "ngircd.conf"
    config.write_text(
        f"[Global]\nName = irc.example.org\nListen = 127.0.0.1\nPorts = {port}\n"
        "MotdPhrase = hello\nServerGID = nogroup\nServerUID = nobody\nInfo = test\n"
        "[Options]\nIdent = no\nPAM = no\nDNS = no\nChrootDir = /\n"
        "[Limits]\nMaxConnectionsIP = 0\n"
    )
    process = subprocess.Popen(
        [program, "-n", "-f", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _reachable(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def _reachable(port, process):
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert process.poll() is None, "ngircd ended"
            time.sleep(0.05)
        else:
            return
    raise AssertionError("ngircd does not listen")


class Listener:
    """Somebody in the channel, who notes what is said there."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port), 10)
        self._file = self._socket.makefile("rw", newline="\r\n", encoding="utf-8")
        self.say("NICK listener", "USER listener 0 * :listener")
        self.until(" 001 ")
        self.say(f"JOIN {CHANNEL}")
        self.until(" 366 ")

    def say(self, *lines):
        for line in lines:
            self._file.write(f"{line}\r\n")
        self._file.flush()

    def until(self, words):
        for line in self._file:
            if line.startswith("PING"):
                self.say(line.strip().replace("PING", "PONG", 1))
            if words in line:
                return line.strip()
        raise AssertionError(f"nobody said {words!r}")

    def close(self):
        self._file.close()
        self._socket.close()


def test_a_real_server(ngircd, server, make, notice):
    """Others in the channel read what is said; on a machine without ngircd, the server above."""
    port = ngircd or int(server.port)
    listener = Listener(port) if ngircd else None
    make(
        "irc", server="127.0.0.1", port=str(port), channel=CHANNEL, ssl="false", nickname="loads"
    ).notify(replace(notice, text=f"{notice.text} ✓"))
    expected = f"PRIVMSG {CHANNEL} :[loadgrpc] {notice.text} ✓"
    if listener is None:
        assert expected in server.lines
        return
    assert listener.until("PRIVMSG").endswith(expected)
    assert "loads" in listener.until("QUIT")
    listener.close()
