"""The files of tools/deploy: a cluster by Circus, by systemd, and in containers."""

import asyncio
import configparser
import importlib
import json
import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import click
import pytest

from loadgrpc.cli import configuration
from loadgrpc.cli.root import COMMANDS
from loadgrpc.client import Client
from loadgrpc.errors import Unavailable

BIN = Path(sys.executable).parent
UNITS = ("loadgrpc-broker.service", "loadgrpc-agent@.service")


@pytest.fixture(scope="module")
def deploy(root):
    """The folder."""
    return root / "tools/deploy"


def parsed(words):
    """A command line of loadgrpc, without its first word, read by the command itself."""
    name, *rest = words
    command = importlib.import_module(COMMANDS[name]).command
    return command.make_context(name, list(rest), resilient_parsing=False).params


def settings():
    """The environment variables that broker and agent take."""
    found = set()
    for name in ("broker", "agent"):
        command = importlib.import_module(COMMANDS[name]).command
        for param in command.params:
            if configuration.is_configured(param, wholly=True):
                found |= set(configuration.variables(param))
    return found


def free_ports(count):
    """Ports that nobody listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


# Circus


def test_circus_runs_a_broker_and_five_agents(deploy):
    """As in the documentation of Loads; each command is one of ours."""
    ini = configparser.ConfigParser()
    ini.read(deploy / "circus.ini")

    broker, agents = ini["watcher:broker"], ini["watcher:agents"]
    assert (broker["cmd"], broker["numprocesses"]) == ("loadgrpc broker", "1")
    assert (agents["cmd"], agents["numprocesses"]) == ("loadgrpc agent", "5")
    for watcher in (broker, agents):
        parsed(watcher["cmd"].split()[1:])


@pytest.mark.system
def test_the_cluster_by_circus(start, tool, deploy, tmp_path):
    """The daemon starts it, a run of five agents has its product, and circusctl ends all of it."""
    circusd, circusctl = tool("circusd"), tool("circusctl")
    port, control, events = free_ports(3)
    text = (deploy / "circus.ini").read_text()
    text = text.replace(":5555", f":{control}").replace(":5556", f":{events}")
    (tmp_path / "circus.ini").write_text(text)
    address = f"127.0.0.1:{port}"
    env = {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "LOADGRPC_LISTEN": address,
        "LOADGRPC_BROKER": address,
    }
    supervisor = start(circusd, "circus.ini", cwd=tmp_path, env=env)

    async def idle():
        async with asyncio.timeout(60):
            while True:
                try:
                    async with Client.connect(address) as client:
                        if len(agents := await client.list_agents()) == 5:
                            return agents
                except Unavailable:
                    pass  # it is not there yet
                await asyncio.sleep(0.1)

    assert len(asyncio.run(idle())) == 5, supervisor.output
    ran = start(
        *(str(BIN / "loadgrpc"), "run", "loadgrpc.examples.test_blog.TestWebSite.test_health"),
        *("-u", "1:2:3", "--hits", "2", "--agents", "5", "--json-file", "result.json"),
        cwd=tmp_path,
        env=env,
    )
    assert ran.wait(60) == 0, ran.output
    document = json.loads((tmp_path / "result.json").read_text())
    assert int(document["iterations"]["success"]) == (1 + 2 + 3) * 2 * 5
    assert len(document["agents"]) == 5

    done = subprocess.run(
        [circusctl, "--endpoint", f"tcp://127.0.0.1:{control}", "quit"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    supervisor.wait(60)
    assert (tmp_path / "loadgrpc.db").exists()


# systemd


@pytest.mark.parametrize("name", UNITS)
def test_units_are_valid(tool, deploy, tmp_path, name):
    """`systemd-analyze verify` has nothing to say, once the command is one that is here."""
    text = (deploy / name).read_text()
    assert "/opt/loadgrpc/bin/loadgrpc " in text
    place = tmp_path / name.replace("@", "@1")
    place.write_text(text.replace("/opt/loadgrpc/bin/loadgrpc ", f'"{BIN}/loadgrpc" '))

    done = subprocess.run(
        [tool("systemd-analyze"), "verify", "--man=no", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if "loadgrpc" in line]
    assert (done.returncode, ours) == (0, []), done.stderr


@pytest.mark.parametrize("name", UNITS)
def test_units_start_ours_with_settings_that_are_known(deploy, name):
    """The command is one of ours, and every variable, also of the comments, is a setting."""
    text = (deploy / name).read_text()
    (command,) = re.findall(r"^ExecStart=(.+)$", text, re.MULTILINE)

    parsed(shlex.split(command)[1:])
    named = set(re.findall(r"\bLOADGRPC_[A-Z_]+", text))
    assert len(named) >= 2
    assert named <= settings()


# Containers


def test_the_compose_file_is_one(deploy):
    """Checked against the Compose Specification, by a library that knows all of it."""
    compose_spec = pytest.importorskip(
        "compose_spec", reason="needs compose-spec, which has no wheel for this machine"
    )
    compose = compose_spec.PyCompose.from_yaml((deploy / "compose.yaml").read_text()).to_dict()

    services = compose["services"]
    assert set(services) == {"broker", "agent"}
    broker, agent = (parsed(services[name]["command"]) for name in ("broker", "agent"))
    port = broker["listen"].rpartition(":")[2]
    assert agent["broker"] == f"broker:{port}"
    assert services["agent"]["deploy"]["replicas"] == 5
    assert [each["image"] for each in services.values()] == ["loadgrpc"] * 2
    assert all(each["build"] for each in services.values())  # it is on no registry
    health = services["broker"]["healthcheck"]["test"]
    assert health[:2] == ["CMD", "loadgrpc"]
    assert parsed(health[2:])["broker"] == f"127.0.0.1:{port}"


def test_the_broker_is_published_on_loopback_only(deploy):
    """It has neither encryption nor passwords: no other machine may reach it by this file."""
    text = (deploy / "compose.yaml").read_text()

    assert re.findall(r'^ +ports:\n +- "(.+)"$', text, re.MULTILINE) == ["127.0.0.1:7979:7979"]


def instructions(text):
    """The instructions of a Dockerfile, each with its argument on one line."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    joined = re.sub(r" *\\\n *", " ", "\n".join(lines))
    return [tuple(line.split(" ", 1)) for line in joined.splitlines()]


def test_the_image_runs_as_nobody_special(deploy):
    """From a fixed line of Python, of our wheel alone, not as root, and stopped by SIGTERM."""
    found = instructions((deploy / "Dockerfile").read_text())
    by_name = dict(found)

    assert [name for name, _ in found] == [
        *("FROM", "COPY", "RUN", "USER", "WORKDIR", "EXPOSE", "STOPSIGNAL", "ENTRYPOINT", "CMD"),
    ]
    assert re.fullmatch(r"python:3\.\d+-slim", by_name["FROM"])
    assert by_name["COPY"] == "loadgrpc-*.whl /tmp/"
    assert f"useradd --create-home --uid 10001 {by_name['USER']}" in by_name["RUN"]
    assert json.loads(by_name["ENTRYPOINT"]) == ["loadgrpc"]
    assert json.loads(by_name["CMD"]) == ["--help"]
    minor = int(by_name["FROM"].removeprefix("python:3.").removesuffix("-slim"))
    assert minor >= 11


def test_commands_of_the_comments_are_ours(deploy):
    """What a comment shows to type is understood by the command that it names."""
    shown = []
    for path in sorted(deploy.iterdir()):
        for line in path.read_text().splitlines():
            found = re.match(r"[#;] {5}(?:docker run --rm )?loadgrpc (\S+.*?)(?:  .*)?$", line)
            if found and not found[1].startswith("."):
                shown.append(found[1])

    assert {"status", "run TEST -u 100 -d 5m -a 5"} <= set(shown)
    for words in shown:
        try:
            parsed(words.split())
        except click.ClickException as error:
            pytest.fail(f"{words}: {error.format_message()}")
