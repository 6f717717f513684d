"""--env: variables for tests, from the command line, a plan or here; shown without secrets."""

import json
import re
from dataclasses import replace

import pytest

from loadgrpc.errors import InvalidRequest
from loadgrpc.model import Plan
from loadgrpc.protocol.plans import kept_plan, plan_from_proto, shown_plan
from loadgrpc.testing import plan_of
from loadgrpc.v1 import run_pb2

TEST = "example.TestWebSite.test_es"
SECRET = "hunter2hunter2"


def _plan(client):
    """The plan that was asked for last."""
    return [each[1] for each in client.asked if isinstance(each[1], Plan)][-1]


def test_variables_are_asked_for(invoke, client, monkeypatch):
    """With a value, with an empty one, or with the one from here; the last one counts."""
    monkeypatch.setenv("HERE", "from here")
    options = ("--env", "A=1", "--env", "B=x=y z", "--env", "HERE", "--env", "A=2", "--env", "E=")
    assert invoke("run", TEST, *options, "-a", "1")[0] == 0
    assert _plan(client).env == (("A", "2"), ("B", "x=y z"), ("E", ""), ("HERE", "from here"))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("NOWHERE", "the variable NOWHERE is not set here; expected NOWHERE=VALUE"),
        (f"1A={SECRET}", "'1A' is not a name; expected NAME=VALUE, or NAME"),
        (f"={SECRET}", "'' is not a name"),
        (f"LOADGRPC_TOKEN={SECRET}", "--env is a name that loadgrpc sets by itself"),
        (f"LOADS_X={SECRET}", "--env is a name that loadgrpc sets by itself"),
        (f"A={SECRET}" + "x" * 32_768, "--env has more than 32,768 characters"),
    ],
)
def test_a_wrong_variable_is_named_without_its_value(invoke, client, text, sentence):
    """The error says what would be right, and nothing of a value, which may be a secret."""
    code, _, err = invoke("run", TEST, "--env", text, "-a", "1")
    assert (code, client.asked) == (2, [])
    assert sentence in re.sub(r"\s+", " ", err)
    assert SECRET not in err


def test_a_plan_has_variables_as_people_write_them(invoke, client, tmp_path, monkeypatch):
    """A table, whose null means the value from here, or a list; the command line adds to it."""
    monkeypatch.setenv("HERE", "here")
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({"test": TEST, "env": {"A": 1, "B": True, "HERE": None, "C": "c"}}))
    assert invoke("run", "-f", str(path), "--env", "C=typed", "-a", "1")[0] == 0
    env = (("A", "1"), ("B", "true"), ("C", "typed"), ("HERE", "here"))
    assert _plan(client).env == env
    path.write_text(json.dumps({"test": TEST, "env": ["A=1", "HERE"]}))
    assert invoke("run", "-f", str(path), "-a", "1")[0] == 0
    assert _plan(client).env == (("A", "1"), ("HERE", "here"))
    path.write_text(json.dumps({"test": TEST, "env": {"A": [1]}}))
    code, _, err = invoke("run", "-f", str(path), "-a", "1")
    assert code == 2
    assert "'env': the value of A is neither a text nor a number" in err


def test_a_broker_names_what_is_wrong():
    """Every variable, by its name."""
    for env, sentence in (
        ({"a-b": "x"}, "plan.env['a-b']: is not a name"),
        ({"A": "x\0y"}, "plan.env['A']: has a NUL in it"),
        ({"A" * 200: ""}, "has more than 128 characters"),
        ({f"A{at}": "" for at in range(101)}, "plan.env: has more than 100 entries"),
    ):
        with pytest.raises(InvalidRequest, match=re.escape(sentence)):
            plan_from_proto(run_pb2.RunSpec(test="a.B.c", env=env))


def test_what_is_shown_has_no_secrets(invoke, client, run, summaries):
    """Neither the document nor the report: names, and values that look like none."""
    env = (("API_TOKEN", SECRET), ("STAGE", "prod"))
    plan = plan_of(test=TEST, env=env)
    assert dict(shown_plan(plan).env) == {"API_TOKEN": "***", "STAGE": "prod"}
    client.run = replace(run, plan=plan)
    client.summary = replace(summaries["passed"], plan=plan)
    _, out, _ = invoke("show", "r-f3a9f3a9f3")
    assert "with API_TOKEN, STAGE in the environment" in out
    assert SECRET not in out
    _, out, _ = invoke("show", "r-f3a9f3a9f3", "--json")
    assert json.loads(out)["plan"]["env"] == {"API_TOKEN": "***", "STAGE": "prod"}


def test_a_configuration_may_have_them(invoke, tmp_path, monkeypatch):
    """A list of them; `config show` shows names only."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loadgrpc.ini").write_text(f"[loadgrpc]\nenv =\n    A=1\n    KEY={SECRET}\n")
    code, out, err = invoke("config", "show", "--set")
    assert code == 0, err
    assert "A, KEY" in out
    assert SECRET not in out


def test_what_is_stored_has_no_secrets():
    """Variables with the name of one, and what is in a URL; what was shown is not a plan again."""
    url = f"http://ann:{SECRET}@h/?token={SECRET}"
    plan = plan_of(
        test=TEST,
        env=(
            ("API_TOKEN", SECRET),
            ("BUILD", "1f2e3d4c5b6a79881f2e"),
            ("DB", f"pg://a:{SECRET}@h/"),
        ),
        server_url=url,
        title=f"against {url}",
        python_deps=(f"shop @ git+https://{SECRET}@host/shop.git",),
    )
    kept = plan.kept()
    assert SECRET not in str(kept_plan(plan))
    assert dict(kept.env)["BUILD"] == "1f2e3d4c5b6a79881f2e"
    fields = ["server_url", "env['API_TOKEN']", "env['DB']", "python_deps[0]"]
    assert plan.secret_fields == fields
    assert (plan.withheld, kept.secret_fields) == ([], [])
    assert kept.withheld == ["in server_url", "API_TOKEN", "DB", "in python_deps"]
    for wrong, field in (
        ({"server_url": kept.scenarios[0].server_url}, "plan.server_url"),
        ({"env": {"API_TOKEN": "***"}}, "plan.env['API_TOKEN']"),
    ):
        with pytest.raises(InvalidRequest) as caught:
            plan_from_proto(run_pb2.RunSpec(test="a.B.c", **wrong))
        (violation,) = caught.value.violations
        assert violation.field == field
        assert (
            violation.description == "is a secret, or has one in it, and '***' only stands for it"
        )
