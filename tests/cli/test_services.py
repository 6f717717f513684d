"""`broker` and `agent`: options, the line they print, signals."""

import asyncio
import os
import signal
import sys
import types
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import loadgrpc
from loadgrpc import errors
from loadgrpc.broker import roster
from loadgrpc.cli import broker
from loadgrpc.model import Limits
from loadgrpc.observers.config import ObserverConfig
from loadgrpc.protocol import fleet
from loadgrpc.store import Retention


@dataclass(frozen=True)
class Config:
    """Takes what either configuration has."""

    listen: str = ""
    store: str = ""
    broker: str = ""
    state_dir: Path | None = None
    lease_s: float = 60.0
    spool_bytes: int = 0
    max_processes: int = 0
    retention: Retention | None = None
    allow_version_skew: bool = False
    max_age_s: float | None = None
    max_age_delta_s: float = 0.0
    labels: tuple[str, ...] = ()
    trusted_keys: tuple[Path, ...] = ()
    run_as: str = ""
    certificates: dict[str, object] | None = None
    tls: object = None
    listen_tokens: str = ""
    listen_inside: str = ""
    open_reflection: bool = False
    observers: ObserverConfig = field(default_factory=ObserverConfig)
    limits: object = field(default_factory=dict)


@pytest.fixture
def service(monkeypatch, tmp_path):
    """A broker and an agent that are a line of their own; what they were asked to do."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    script = types.SimpleNamespace(configs=[], fails=None, signals=[signal.SIGTERM], deaf=False)

    async def serve(config, *, stop, on_ready=None, on_connected=None):
        script.configs.append(config)
        if script.fails:
            raise script.fails
        (on_ready or on_connected)("127.0.0.1:4711" if on_ready else "agent-1")
        for number in script.signals:
            asyncio.get_running_loop().call_later(0.02, os.kill, os.getpid(), number)
        await stop.wait()
        if script.deaf:
            await asyncio.sleep(30)

    for name, config in (
        ("loadgrpc.broker.server", "BrokerConfig"),
        ("loadgrpc.agent.serving", ""),
        ("loadgrpc.agent.config", "AgentConfig"),
    ):
        module = types.ModuleType(name)
        module.serve = serve
        setattr(module, config, Config)
        package = types.ModuleType(name.rpartition(".")[0])
        monkeypatch.setitem(sys.modules, package.__name__, package)
        monkeypatch.setitem(sys.modules, name, module)
    return script


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_broker_prints_one_line_and_ends_on_a_signal(invoke, service, number, tmp_path):
    """Scripts wait for the line to learn the port; a signal is a good end."""
    service.signals = [number]
    store = str(tmp_path / "runs.db")
    code, out, err = invoke("broker", "--listen", "127.0.0.1:0", "--store", store)
    line = f"loadgrpc broker {loadgrpc.__version__} listening on 127.0.0.1:4711, store {store}\n"
    assert (code, out, err) == (0, line, "")
    assert service.configs == [Config(listen="127.0.0.1:0", store=store, retention=Retention())]


def test_the_broker_shows_no_password(invoke, service):
    """A database's URL reaches the broker whole, and a screen or a log without its password."""
    service.signals = [signal.SIGTERM]
    url = "postgresql://me:secret@host/db"
    options = ("--keep-runs", "5", "--keep-hits", "20GB", "--lease", "6s")
    code, out, _ = invoke("broker", "--store", url, *options)
    assert code == 0
    assert out.endswith("store postgresql://me@host/db\n")
    (config,) = service.configs
    assert (config.store, config.lease_s) == (url, 6.0)
    assert config.retention == Retention(keep_runs=5, keep_bytes=20_000_000_000)


def test_limits_are_set_by_name(invoke, service):
    """Each has a name and a bound; what is no limit is refused with those that there are."""
    code, _, _ = invoke("broker", "--limit", "requests=500/s", "--limit", "watches=50")
    assert code == 0
    assert service.configs[0].limits == {"requests": 500, "watches": 50}
    code, _, err = invoke("broker", "--limit", "speed=5")
    assert code == 2
    assert "'speed' is none of requests, calls, watches, uploads, events, streams" in err


def test_an_open_broker_warns(invoke, service):
    """With --insecure the broker listens for other machines and says what that means."""
    code, _, err = invoke("broker", "--listen", "0.0.0.0:7979", "--insecure")
    assert code == 0
    assert err == (
        "loadgrpc broker: warning: 0.0.0.0:7979 is open to other machines, "
        "without encryption or credentials\n"
    )


@pytest.mark.parametrize("name", ["broker", "agent"])
def test_a_second_signal_ends_a_deaf_service(invoke, service, name):
    """A service that does not come to its end can be cut off, and its exit code says so."""
    service.signals, service.deaf = [signal.SIGINT, signal.SIGINT], True
    assert invoke(name)[0] == 130


def test_a_port_that_is_taken_is_one_line(invoke, service):
    """The system's refusal is told without a traceback."""
    service.fails = OSError(98, "Address already in use")
    code, _, err = invoke("broker")
    assert code == 2
    assert err == (
        "loadgrpc broker: error: cannot serve on 127.0.0.1:7979: Address already in use\n"
    )


@pytest.mark.parametrize("name", ["broker", "agent"])
def test_an_error_of_a_service_is_one_line(invoke, service, name):
    """What a service raises on purpose ends it as wrong configuration."""
    service.fails = errors.NotAllowed("no")
    assert invoke(name) == (2, "", f"loadgrpc {name}: error: no\n")


def test_the_agent_prints_one_line_and_ends_on_a_signal(invoke, service, tmp_path):
    """The line says who is connected to whom.

    Loads' D16: its agent printed every reply.
    """
    code, out, err = invoke("agent", "--broker", "h:1", "--state-dir", str(tmp_path))
    assert (code, out, err) == (0, "loadgrpc agent agent-1 connected to h:1\n", "")
    assert service.configs == [
        Config(broker="h:1", state_dir=tmp_path, limits=Limits(), spool_bytes=10**9)
    ]


def test_what_the_command_line_says_of_leases_is_so():
    """The default and the least lease are those of the roster, which the command does not load."""
    (lease,) = [option for option in broker.command.params if option.name == "lease_s"]
    assert lease.type_cast_value(None, lease.default) == fleet.DEFAULT_LEASE_S
    assert broker.LEAST_LEASE_S == roster.UNREACHABLE_AFTER_S


def test_an_agent_has_the_labels_that_it_was_started_with(invoke, service):
    """Each once, sorted; what is no label is refused."""
    invoke("agent", "--label", "eu,big", "--label", "eu")
    assert service.configs[-1].labels == ("big", "eu")
    code, _, err = invoke("agent", "--label", "a b")
    assert (code, "'a b' is not a label" in err) == (2, True)
