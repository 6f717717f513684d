"""Notices as messages in a channel of IRC: connect, join, speak, quit.

    NICK loadgrpc
    USER loadgrpc 0 * :loadgrpc
    JOIN #load
    PRIVMSG #load :[loadgrpc] nightly: web.TestShop.test_buy: passed: …
    QUIT :Bye !

Rule: it speaks when the server has welcomed it and it is in the channel, and it has spoken when the
server has closed the connection without a complaint. A text is one line, whatever is in it, and
few lines on the wire: servers end the connections of those who flood them.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from loadgrpc.observers.notice import Notice
from loadgrpc.observers.observer import Observer, ObserverSetting, Undeliverable
from loadgrpc.text import one_line

CONNECT_S: Final = 10.0
IRC_S: Final = 25.0
"""For all of it: servers look up who connects for ten seconds and more."""
QUIT_S: Final = 3.0
"""How long a server may take to close a connection; what was said is said."""
PLAIN_PORT: Final = 6667
TLS_PORT: Final = 6697
LINE_BYTES: Final = 400
"""Of a text in a line: with what servers put in front of it, less than the 512 that a line has."""
MAX_TEXT_LINES: Final = 4
MAX_NAMES: Final = 4
"""Nicknames that are tried, each longer by an underscore."""
MAX_BUFFER: Final = 64 << 10

WELCOME: Final = "001"
JOINED: Final = "366"
TAKEN: Final = {"433", "436"}
"""Somebody has this nickname."""
NEVER: Final = {
    "403": "there is no such channel",
    "404": "nobody may speak there",
    "405": "it is in too many channels",
    "432": "the nickname cannot be one",
    "464": "the password is wrong",
    "465": "it is banned from the server",
    "471": "the channel is full",
    "473": "the channel is for those who are invited",
    "474": "it is banned from the channel",
    "475": "the channel has a key",
    "476": "the name of the channel cannot be one",
    "477": "the channel is for registered nicknames",
    "489": "the channel is for encrypted connections",
}
"""What servers answer that they would answer again."""


@dataclass(frozen=True)
class Said:
    """A line that a server said."""

    command: str
    parameters: tuple[str, ...]


class Irc(Observer):
    """See the module."""

    SETTINGS = (
        ObserverSetting(
            name="server", kind="host", required=True, connects=True, help="The server."
        ),
        ObserverSetting(
            name="channel", kind="channel", required=True, help="The channel, such as #load."
        ),
        ObserverSetting(name="port", kind="port", connects=True, help="Its port: 6697, or 6667."),
        ObserverSetting(
            name="ssl",
            kind="flag",
            default="true",
            connects=True,
            help="Whether the connection is encrypted: true or false.",
        ),
        ObserverSetting(
            name="nickname", kind="word", default="loadgrpc", help="What to be called there."
        ),
        ObserverSetting(name="password", kind="token", secret=True, help="Of the server."),
    )

    def notify(self, notice: Notice) -> None:
        """See Observer."""
        deadline_s = time.monotonic() + IRC_S
        encrypted = self.flag("ssl")
        server = self.settings["server"]
        port = self.port("port", TLS_PORT if encrypted else PLAIN_PORT)
        where = f"{server}:{port}"
        try:
            with _connected(server, port, encrypted=encrypted) as connection:
                session = Conversation(connection, where, deadline_s)
                session.register(self.settings["nickname"], self.settings["password"])
                session.speak(self.settings["channel"], lines_of(f"[loadgrpc] {notice.text}"))
                session.quit()
        except TimeoutError:
            raise TimeoutError(f"{where} did not answer in time") from None
        except ssl.SSLError as error:
            reason = getattr(error, "verify_message", "") or error.reason or "no encryption"
            raise ConnectionError(f"cannot trust {where}: {reason}") from None


def _connected(server: str, port: int, *, encrypted: bool) -> socket.socket:
    try:
        plain = socket.create_connection((server, port), CONNECT_S)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConnectionError(f"cannot reach {server}:{port}: {reason}") from None
    if not encrypted:
        return plain
    with plain:
        context = ssl.create_default_context()
        return context.wrap_socket(plain, server_hostname=server)


class Conversation:
    """A conversation with a server."""

    def __init__(self, connection: socket.socket, where: str, deadline_s: float) -> None:
        self._connection = connection
        self._where = where
        self._deadline_s = deadline_s
        self._buffer = b""

    def register(self, nickname: str, password: str) -> None:
        """Says who is there, and waits for the welcome.

        Raises:
            Undeliverable: the server will not have it.
            OSError: the connection ended, or took too long.
        """
        if password:
            self._send(f"PASS {password}")
        self._send(f"NICK {nickname}")
        self._send(f"USER {nickname} 0 * :{nickname}")
        names = 1
        for line in self._lines():
            if line.command == WELCOME:
                return
            if line.command in TAKEN:
                if names == MAX_NAMES:
                    raise ConnectionError(f"{self._where} has somebody of each nickname tried")
                self._send(f"NICK {nickname}{'_' * names}")
                names += 1
        raise ConnectionError(f"{self._where} closed the connection before it said welcome")

    def speak(self, channel: str, lines: list[str]) -> None:
        """Joins a channel, and says something there.

        Raises: as `register`.
        """
        self._send(f"JOIN {channel}")
        for line in self._lines():
            if line.command == JOINED:
                break
        else:
            raise ConnectionError(f"{self._where} closed the connection before it joined")
        for text in lines:
            self._send(f"PRIVMSG {channel} :{text}")

    def quit(self) -> None:
        """Leaves, and waits until the server has read all of it.

        Raises: as `register`.
        """
        self._send("QUIT :Bye !")
        self._deadline_s = min(self._deadline_s, time.monotonic() + QUIT_S)
        with suppress(TimeoutError, ConnectionError, ssl.SSLError):
            for _ in self._lines():
                pass  # a complaint is raised

    def _send(self, line: str) -> None:
        self._connection.settimeout(self._left_s())
        self._connection.sendall(f"{line}\r\n".encode())

    def _lines(self) -> Iterator[Said]:
        """What the server says, until it closes the connection; its pings are answered."""
        while True:
            head, newline, rest = self._buffer.partition(b"\n")
            if not newline:
                if len(self._buffer) > MAX_BUFFER:
                    raise ConnectionError(f"{self._where} does not speak IRC")
                self._connection.settimeout(self._left_s())
                read = self._connection.recv(4096)
                if not read:
                    return
                self._buffer += read
                continue
            self._buffer = rest
            line = parsed(head.decode(errors="replace").strip())
            if line.command == "PING":
                self._send(f"PONG :{line.parameters[-1] if line.parameters else ''}")
            elif line.command in NEVER:
                raise Undeliverable(f"{self._where} refuses: {NEVER[line.command]}")
            else:
                yield line

    def _left_s(self) -> float:
        left_s = self._deadline_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        return left_s


def parsed(text: str) -> Said:
    """A line of a server, without who it is from."""
    if text.startswith(":"):
        text = text.partition(" ")[2]
    head, colon, last = text.partition(" :")
    words = head.split()
    parameters = (*words[1:], *([last] if colon else []))
    return Said(words[0].upper() if words else "", parameters)


def lines_of(text: str) -> list[str]:
    """A text as lines that fit, split between words where it can be; the rest is cut."""
    left = one_line(text)
    found: list[str] = []
    while left and len(found) < MAX_TEXT_LINES:
        fits = left.encode()[:LINE_BYTES].decode(errors="ignore")
        if len(fits) < len(left) and " " in fits:
            fits = fits.rpartition(" ")[0]
        found.append(fits)
        left = left[len(fits) :].lstrip()
    return found
