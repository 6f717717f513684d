"""Passwords and tokens: used for requests, and nowhere in what is told or kept."""

import sqlite3

import pytest

pytestmark = pytest.mark.system

SECRET = "s3cret"
TESTS = """\
from loadgrpc import TestCase


class TestSecrets(TestCase):
    def test_token(self):
        answer = self.session.get(self.server_url + "/?id=5&token=s3cret")
        self.assertIn("Basic ", answer.request.headers["Authorization"])
        self.session.get(self.server_url.replace("s3cret", "other-s3cret") + "/status/500")
        raise ValueError(answer.url)

    def test_nobody(self):
        self.session.get("http://ann:s3cret@127.0.0.1:9/?token=s3cret")
"""


@pytest.mark.parametrize(
    "test", ["test_token", pytest.param("test_nobody", marks=pytest.mark.long)]
)
def test_c11_secrets_are_used_and_not_told(loadgrpc, cluster, demo_server, folder, test):
    """A password in -H reaches the server, and neither summary, plan, events, store nor log."""
    (folder / "secret.py").write_text(TESTS)
    begun = cluster(1)
    host = demo_server.url.replace("://", f"://ann:{SECRET}@")
    asked = ("run", f"secret.TestSecrets.{test}", "-H", host, "-b", begun.address)
    shown = loadgrpc(*asked, "-v", "--json-file", "s.json")
    run_id = loadgrpc("runs", "-b", begun.address).stdout.splitlines()[1].split()[0]
    told = [
        shown.stdout,
        shown.stderr,
        (folder / "s.json").read_text(),
        begun.broker.output,
        begun.agents[0].output,
    ]
    for line in (
        ["show", run_id, "-v"],
        ["show", run_id, "--json"],
        ["events", run_id],
        ["events", run_id, "--json"],
        ["runs", "--json"],
        ["attach", run_id],
    ):
        done = loadgrpc(*line, "-b", begun.address)
        assert done.code in (0, 1), done.stderr
        told.append(done.stdout + done.stderr)
    for text in told:
        assert SECRET not in text, text
    assert "ann:***@" in shown.stdout
    if test == "test_token":
        assert '"message": "' + host.replace(SECRET, "***") + "/?id=5&token=***" in told[2]
    with sqlite3.connect(begun.store) as store:
        summaries = store.execute("SELECT summary FROM runs").fetchall()
        assert all(SECRET.encode() not in summary for (summary,) in summaries)
    assert demo_server.requests() == (2 if test == "test_token" else 0)


def test_hostile_16_no_piece_of_a_database_password_is_told(loadgrpc):
    """Whatever is wrong with a store's URL is said without what may be its password."""
    for url in ("me:pa/s3cret@h/db", "me:pa#s3cret@h/db", "me:1/s3cret@h/db", "me:s3cret@h:x/db"):
        done = loadgrpc("broker", "--store", f"postgresql://{url}")
        assert done.code == 2
        assert SECRET not in done.stderr
        assert "pa" not in done.stderr.split("give")[0]
        assert "PGPASSWORD" in done.stderr
