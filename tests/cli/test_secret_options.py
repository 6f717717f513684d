"""--secret: what a test gets and nobody sees, by where it is; never by its value."""

import json
import os
import re

import pytest

from loadgrpc.cli import secret_options
from loadgrpc.model import Parameter, Plan

TEST = "nowhere.TestWebSite.test_es"
VALUE = "hunter2hunter2"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A folder with a file of a secret, and a variable."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("API_TOKEN", VALUE)
    monkeypatch.setattr(secret_options, "_taken", set())
    (tmp_path / "card").write_text("4111-1111\n")


def _given(client):
    """The parameters that were asked for last, of each scenario."""
    plan = [each[1] for each in client.asked if isinstance(each[1], Plan)][-1]
    return [each.parameters for each in plan.scenarios]


BOTH = (
    Parameter("card", "4111-1111", secret=True),
    Parameter("token", VALUE, secret=True),
)


def test_secrets_are_read_from_where_they_are(invoke, client):
    """A file, whose last line need not end, and a variable, which nothing inherits from then on."""
    options = ("--secret", "token=env:API_TOKEN", "--secret", "card=@card", "-p", "n=1")
    code, out, err = invoke("run", TEST, *options, "-a", "1")
    assert code == 0, err
    assert _given(client) == [(BOTH[0], Parameter("n", "1"), BOTH[1])]
    assert "API_TOKEN" not in os.environ
    assert VALUE not in out + err


def test_a_plan_and_a_configuration_name_them_too(invoke, client, tmp_path):
    """By the same references; files are found from the folder of the plan."""
    folder = tmp_path / "plans"
    folder.mkdir()
    (folder / "card").write_text("4111-1111")
    (folder / "plan.toml").write_text(
        f'test = "{TEST}"\n[secrets]\ntoken = "env:API_TOKEN"\ncard = "@card"\n'
    )
    assert invoke("run", "-f", "plans/plan.toml", "-a", "1")[0] == 0
    assert _given(client) == [BOTH]
    scenario = {"test": TEST, "secret": ["token=env:TOKEN_2"], "parameters": {"n": 1}}
    scenarios = [{"name": "a", **scenario}, {"name": "b", "test": TEST}]
    (folder / "plan.json").write_text(json.dumps({"scenarios": scenarios}))
    os.environ["TOKEN_2"] = VALUE
    assert invoke("run", "-f", "plans/plan.json", "-a", "1")[0] == 0
    assert _given(client) == [(Parameter("n", "1"), BOTH[1]), ()]
    (tmp_path / "loadgrpc.ini").write_text("[loadgrpc]\nsecret = card=@card\n")
    assert invoke("run", TEST, "-a", "1")[0] == 0
    assert _given(client) == [BOTH[:1]]
    code, out, err = invoke("config", "show", "--set")
    assert code == 0, err
    assert "4111" not in out


WRONG = {
    f"token={VALUE}": "token: a value itself is not taken: everybody on a machine can read",
    "token": "token: a value itself is not taken",
    f"1={VALUE}": "a secret needs a name of letters, digits and underscores",
    VALUE + "-": "a secret needs a name of letters, digits and underscores",
    "token=@nowhere": "token: nowhere cannot be read: No such file or directory",
    "token=@": "token: . cannot be read: Is a directory",
    "token=env:NOWHERE": "token: the variable 'NOWHERE' is not set here",
    "token=@empty": "token: @empty is empty",
    "token=env:EMPTY": "token: env:EMPTY is empty",
    "token=@long": "token: @long has 5,000 characters, more than 4,096",
    "token=@bytes": "token: bytes cannot be read: it is not UTF-8",
    "token=@stars": "-p token is a secret, and '***' only stands for its value",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_said_without_a_value(invoke, client, tmp_path, monkeypatch, text):
    """A value that is typed, and one that cannot be read; nothing is asked of a broker."""
    monkeypatch.setenv("EMPTY", "")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "long").write_text("x" * 5_000)
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    (tmp_path / "stars").write_text("***")
    code, _, err = invoke("run", TEST, "--secret", text, "-a", "1")
    assert (code, client.asked) == (2, [])
    assert WRONG[text] in re.sub(r"\s+", " ", err)
    assert VALUE not in err


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ({"token": VALUE}, "'secrets': token: a value itself is not taken"),
        ({"token": {"value": VALUE}}, "'secrets': are references by names"),
        (VALUE, "'secrets': are references by names"),
    ],
)
def test_a_plan_file_has_no_value_either(invoke, client, tmp_path, written, sentence):
    """Nor what is none; the sentence has nothing of it."""
    (tmp_path / "plan.json").write_text(json.dumps({"test": TEST, "secrets": written}))
    code, _, err = invoke("run", "-f", "plan.json", "-a", "1")
    assert (code, client.asked) == (2, [])
    assert sentence in re.sub(r"\s+", " ", err)
    assert VALUE not in err


def test_variables_of_secrets_are_no_slip(invoke, client, monkeypatch):
    """What a test has its secrets from outside a run is no option with a letter wrong."""
    monkeypatch.setenv("LOADGRPC_SECRET_A", "x")
    assert invoke("run", TEST, "-a", "1")[0] == 0
    assert _given(client) == [()]
