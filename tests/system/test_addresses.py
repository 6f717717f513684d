"""Names of servers, from the command line to the connections of users."""

import pytest

TEST = """\
import socket

from loadgrpc import TestCase

ask = socket.getaddrinfo
asked = []


def getaddrinfo(host, *args, **kwargs):
    if host == "house.test":
        asked.append(host)
        host = "127.0.0.1"
    return ask(host, *args, **kwargs)


socket.getaddrinfo = getaddrinfo


class TestHouse(TestCase):
    def test_it(self):
        res = self.session.get(self.server_url)
        self.assertEqual(res.status_code, 200)
        self.session.close()
        self.incr_counter("asked", len(asked))
        asked.clear()
"""


@pytest.mark.parametrize(
    ("options", "asked"), [((), 2), (("--no-dns-resolve",), 6)], ids=["as usual", "without"]
)
def test_users_ask_once_for_a_name(loadgrpc, demo_server, tmp_path, monkeypatch, options, asked):
    """Two users with three connections each: two questions, or one for each connection."""
    (tmp_path / "house.py").write_text(TEST)
    monkeypatch.setenv("NO_PROXY", "*")
    url = demo_server.url.replace("127.0.0.1", "house.test")
    ran = loadgrpc(
        *("run", str(tmp_path / "house.py") + "::TestHouse.test_it", "-u", "2", "-i", "3"),
        *("-H", url, "--processes", "1", "--json", *options),
    )
    assert ran.code == 0, ran.stderr
    assert ran.document["iterations"]["success"] == "6"
    assert ran.document["counters"] == {"asked": str(asked)}
    assert ran.document["plan"]["noDnsResolve"] is bool(options)
    assert demo_server.requests() == 6
