"""Settings from the environment and from files; to whom secrets go; what is shown of them."""

import pytest

from loadgrpc.observers import ObserverSetting
from loadgrpc.observers.environment import (
    UnreadableFile,
    combined,
    from_environment,
    missing,
    scrubbed,
    variable,
)

SETTINGS = (
    ObserverSetting(name="host", required=True, connects=True),
    ObserverSetting(name="subject", default="Results"),
    ObserverSetting(name="password", secret=True, required=True),
)


def values(**more):
    """All settings, as an observer gets them."""
    given = {"own": {}, "plan": {}, "trusted": False, "environ": {}}
    return combined("email", SETTINGS, **{**given, **more})


@pytest.mark.parametrize(
    ("observer", "setting", "name"),
    [
        ("email", "password", "LOADGRPC_OBSERVER_EMAIL_PASSWORD"),
        ("my_package.pager.Pager", "api-key", "LOADGRPC_OBSERVER_MY_PACKAGE_PAGER_PAGER_API_KEY"),
    ],
)
def test_the_variable_of_a_setting(observer, setting, name):
    """Whatever the names are, it can be set in a shell."""
    assert variable(observer, setting) == name


def test_a_file_has_a_secret(tmp_path):
    """It is read each time, without the newline at its end; the variable itself comes first."""
    path = tmp_path / "password"
    path.write_text("of the file\n")
    environ = {"LOADGRPC_OBSERVER_EMAIL_PASSWORD_FILE": str(path)}
    assert from_environment("email", SETTINGS, environ) == {"password": "of the file"}
    environ["LOADGRPC_OBSERVER_EMAIL_PASSWORD"] = "of the variable"
    assert from_environment("email", SETTINGS, environ) == {"password": "of the variable"}


@pytest.mark.parametrize("kind", ["missing", "folder", "large"])
def test_a_file_that_cannot_be_one(tmp_path, kind):
    """The sentence names the variable, and what is wrong."""
    path = tmp_path / "password"
    if kind == "folder":
        path.mkdir()
    elif kind == "large":
        path.write_text("x" * 8_193)
    with pytest.raises(UnreadableFile, match="LOADGRPC_OBSERVER_EMAIL_PASSWORD_FILE"):
        from_environment("email", SETTINGS, {"LOADGRPC_OBSERVER_EMAIL_PASSWORD_FILE": str(path)})


def test_what_comes_before_what():
    """The plan, then what the broker was started with, then its environment, then the default."""
    environ = {"LOADGRPC_OBSERVER_EMAIL_HOST": "env", "LOADGRPC_OBSERVER_EMAIL_SUBJECT": "env"}
    assert values()["subject"] == "Results"
    assert values(environ=environ)["subject"] == "env"
    assert values(environ=environ, own={"subject": "own"})["subject"] == "own"
    found = values(environ=environ, own={"subject": "own"}, plan={"subject": "plan"})
    assert found == {"host": "env", "subject": "plan", "password": ""}


def test_a_secret_goes_where_the_broker_says_only():
    """A plan that says to whom to connect gets no secret, unless both are the same person's."""
    environ = {
        "LOADGRPC_OBSERVER_EMAIL_HOST": "mail.example.org",
        "LOADGRPC_OBSERVER_EMAIL_PASSWORD": "hunter2",
    }
    assert values(environ=environ)["password"] == "hunter2"
    assert values(environ=environ, plan={"subject": "x"})["password"] == "hunter2"
    assert values(environ=environ, plan={"host": "evil.example.org"})["password"] == ""
    own = values(environ=environ, plan={"host": "mine"}, trusted=True)
    assert (own["host"], own["password"]) == ("mine", "hunter2")


def test_what_is_missing_says_where_it_belongs():
    """A secret has a variable, and no flag."""
    found = missing("email", SETTINGS, values())
    assert found.keys() == {"host", "password"}
    assert "LOADGRPC_OBSERVER_EMAIL_PASSWORD_FILE where the broker runs" in found["password"]


def test_secrets_are_scrubbed():
    """Whole, and of a URL whatever is after the host: an error may have a part of it only."""
    settings = (ObserverSetting(name="url", kind="url", secret=True), ObserverSetting(name="host"))
    given = {
        "url": "https://hooks.example.org/services/T000/B0001/xoxb-1?k=verysecret",
        "host": "h",
    }
    text = f"cannot reach {given['url']} nor /services/T000/B0001/xoxb-1 (k=verysecret) at h"
    shown = scrubbed(text, settings, given)
    assert shown == "cannot reach *** nor /***/***/***/*** (k=***) at h"
