"""Secrets that a run was given: they reach its test, and are nowhere else."""

import pytest

pytestmark = pytest.mark.system

TOKEN, CARD = "tok-5ecret-of-a-variable", "card-5ecret-of-a-file"
TESTS = """\
from loadgrpc import TestCase


class TestVault(TestCase):
    @classmethod
    def setUpClass(cls):
        print("the class has", cls.secret("token"))

    def test_it(self):
        self.session.headers["Authorization"] = f"Bearer {self.secret('token')}"
        answer = self.session.get(self.server_url + "/?card=" + self.secret("card"))
        self.assertEqual(answer.request.headers["Authorization"], "Bearer tok-5ecret-of-a-variable")
        print("it", "paid with", self.secret("card"))
        raise ValueError(self.secret("card"))

    def test_other(self):
        self.secret("key")
"""


def test_a_local_run_gets_its_secrets(loadgrpc, demo_server, folder, monkeypatch):
    """By a file and a variable; what it prints, raises and reports has `***` in their place."""
    (folder / "vault.py").write_text(TESTS)
    (folder / "card.txt").write_text(CARD + "\n")
    monkeypatch.setenv("API_TOKEN", TOKEN)
    given = ("--secret", "token=env:API_TOKEN", "--secret", "card=@card.txt")
    host = ("-H", demo_server.url)
    done = loadgrpc("run", "vault.TestVault.test_it", *given, *host, "--json-file", "s.json", "-v")
    assert done.code == 1, done.stderr
    told = done.stdout + done.stderr + (folder / "s.json").read_text()
    assert CARD not in told
    assert TOKEN not in told
    assert "ValueError: ***" in done.stdout
    assert "it paid with ***" in done.stderr
    assert "the class has ***" in done.stderr
    assert demo_server.requests() == 1
    missing = loadgrpc("run", "vault.TestVault.test_other", *given, *host)
    assert "was given no secret 'key': start it with --secret key=@FILE" in missing.stdout
