"""-p: parameters of a test, from the command line, a plan or here; shown without secrets."""

import json
import re
from dataclasses import replace

import pytest

from loadgrpc.errors import InvalidRequest
from loadgrpc.model import Parameter, Plan
from loadgrpc.protocol.plans import kept_plan, plan_from_proto, shown_plan
from loadgrpc.testing import plan_of
from loadgrpc.v1 import run_pb2

TEST = "nowhere.TestWebSite.test_es"
SECRET = "hunter2hunter2"


def _given(client):
    """The parameters that were asked for last, by name."""
    plan = [each[1] for each in client.asked if isinstance(each[1], Plan)][-1]
    return {each.name: each.value for each in plan.scenarios[0].parameters}


def test_parameters_are_asked_for(invoke, client, monkeypatch):
    """With a value, with an empty one, or with the one from here; the last one counts."""
    monkeypatch.setenv("here", "from here")
    options = ("-p", "a=1", "--param", "b=x=y z", "-p", "here", "-p", "a=2", "-p", "e=")
    code, _, err = invoke("run", TEST, *options, "-a", "1")
    assert code == 0, err
    assert _given(client) == {"a": "2", "b": "x=y z", "e": "", "here": "from here"}


def test_the_environment_has_them_too(invoke, client, monkeypatch):
    """As one variable, beneath what is typed."""
    monkeypatch.setenv("LOADGRPC_PARAM", "a=1 b=2")
    assert invoke("run", TEST, "-a", "1")[0] == 0
    assert _given(client) == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("nowhere", "the variable nowhere is not set here; expected nowhere=VALUE"),
        (f"1a={SECRET}", "'1a' is not a name; expected NAME=VALUE, or NAME"),
        (f"_a={SECRET}", "-p _a is not a name: it needs letters, digits and underscores, a letter"),
        ("password=***", "-p password is a secret, and '***' only stands for its value"),
        (f"a={SECRET}" + "x" * 4_096, "has more than 4,096 characters"),
    ],
)
def test_a_wrong_parameter_is_named_without_its_value(invoke, client, text, sentence):
    """The error says what would be right, and nothing of a value, which may be a secret."""
    code, _, err = invoke("run", TEST, "-p", text, "-a", "1")
    assert (code, client.asked) == (2, [])
    assert sentence in re.sub(r"\s+", " ", err)
    assert SECRET not in err


def test_a_plan_has_parameters_as_people_write_them(invoke, client, tmp_path, monkeypatch):
    """A table of values, or of what they are; the command line adds to it."""
    monkeypatch.setenv("here", "x")
    path = tmp_path / "plan.json"
    given = {"a": 1, "b": True, "here": None, "c": {"value": "x", "secret": True}}
    path.write_text(json.dumps({"test": TEST, "parameters": given}))
    assert invoke("run", "-f", str(path), "-p", "a=typed", "-a", "1")[0] == 0
    assert _given(client) == {"a": "typed", "b": "true", "c": "x", "here": "x"}
    path.write_text(json.dumps({"test": TEST, "param": ["a=1", "here"]}))
    assert invoke("run", "-f", str(path), "-a", "1")[0] == 0
    assert _given(client) == {"a": "1", "here": "x"}


def test_a_broker_names_what_is_wrong():
    """Every parameter, by its name."""
    for given, sentence in (
        ({"a-b": "x"}, "plan.parameters['a-b']: is not a name"),
        ({"a": "x\0y"}, "plan.parameters['a'].value: has a NUL in it"),
        ({"a" * 200: ""}, "has more than 128 characters"),
        ({f"a{at}": "" for at in range(101)}, "plan.parameters: has more than 100 entries"),
        ({"api_key": "***"}, "plan.parameters['api_key']: is a secret"),
    ):
        message = run_pb2.RunSpec(test="a.B.c")
        for name, value in given.items():
            message.parameters[name].value = value
        with pytest.raises(InvalidRequest, match=re.escape(sentence)):
            plan_from_proto(message)


def test_what_is_shown_and_kept_has_no_secrets(invoke, client, run, summaries):
    """By name, or because somebody says so; the document and the report have the others."""
    given = (
        Parameter("card", SECRET, secret=True),
        Parameter("password", SECRET),
        Parameter("product", "9"),
        Parameter("url", f"http://ann:{SECRET}@host/"),
    )
    plan = plan_of(test=TEST, parameters=given)
    shown = {name: each.value for name, each in shown_plan(plan).parameters.items()}
    assert shown == {
        "card": "***",
        "password": "***",
        "product": "9",
        "url": "http://ann:***@host/",
    }
    kept = {name: each.value for name, each in kept_plan(plan).parameters.items()}
    assert kept == shown
    assert plan.kept().withheld == ["card", "password", "url"]
    assert plan.withheld == []
    client.run = replace(run, plan=plan)
    client.summary = replace(summaries["passed"], plan=plan)
    _, out, _ = invoke("show", "r-f3a9f3a9f3")
    assert "with card=***, password=***, product=9" in " ".join(out.split())
    assert SECRET not in out
    _, out, _ = invoke("show", "r-f3a9f3a9f3", "--json")
    assert json.loads(out)["plan"]["parameters"]["product"]["value"] == "9"
    assert SECRET not in out


def test_a_configuration_may_have_them(invoke, client, tmp_path, monkeypatch):
    """A list of them, and that nobody compares them; `config show` shows names only."""
    monkeypatch.chdir(tmp_path)
    settings = f"[loadgrpc]\nparam =\n    a=1\n    key={SECRET}\nunchecked = true\n"
    (tmp_path / "loadgrpc.ini").write_text(settings)
    code, out, err = invoke("config", "show", "--set")
    assert code == 0, err
    assert "a, key" in out
    assert SECRET not in out
    assert invoke("run", TEST, "-a", "1")[0] == 0
    assert _given(client) == {"a": "1", "key": SECRET}
    assert [each[1] for each in client.asked if isinstance(each[1], Plan)][-1].unchecked


def test_parameters_are_compared_with_a_test_that_is_here(invoke, client, tmp_path, monkeypatch):
    """Before anything is asked of a broker; --unchecked asks for the same without that."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here.py").write_text(
        "from loadgrpc.case import Secret, TestCase\n"
        "class T(TestCase):\n"
        "    n: int = 1\n"
        "    card: Secret[str] = ''\n"
        "    def test_it(self): pass\n"
    )
    code, _, err = invoke("run", "here.T.test_it", "-p", "m=1", "-p", "n=x", "-a", "1")
    assert (code, client.asked) == (2, [])
    text = " ".join(err.split())
    assert "-p m is no parameter of the test, which has card, n" in text
    assert "-p n must be a whole number, not 'x'" in text
    options = ("-p", "n=x", "-p", f"card={SECRET}", "--unchecked", "-a", "1")
    code, _, err = invoke("run", "here.T.test_it", *options)
    assert code == 0, err
    assert _given(client) == {"n": "x", "card": SECRET}
    plan = [each[1] for each in client.asked if isinstance(each[1], Plan)][-1]
    assert [each.name for each in plan.scenarios[0].parameters if each.secret] == ["card"]
