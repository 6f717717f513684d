"""Who an agent is: a name in a folder that one agent at a time has."""

import os
import subprocess
import sys

import pytest

from loadgrpc.agent import identity
from loadgrpc.agent.identity import StateDirError, claim, state_home


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A state folder of this test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "loadgrpc" / "agents"


def test_agents_of_one_machine_take_slots(home):
    """Each agent takes the first free slot, with a name of its own; freed slots are taken again."""
    agents = [claim(None) for _ in range(3)]
    names = [agent.agent_id for agent in agents]
    assert [agent.folder for agent in agents] == [home / str(slot) for slot in range(3)]
    assert len(set(names)) == 3

    agents[1].release()
    again = claim(None)
    assert (again.folder, again.agent_id) == (home / "1", names[1])
    for agent in (agents[0], again, agents[2]):
        agent.release()


def test_a_name_survives_restarts(tmp_path):
    """A state directory gives the same name every time, and another one another."""
    first = claim(tmp_path / "one")
    first.release()
    again, other = claim(tmp_path / "one"), claim(tmp_path / "two")
    assert first.agent_id == again.agent_id != other.agent_id
    assert 0 < len(first.agent_id) <= 128
    again.release()
    other.release()


def test_a_name_can_be_given(tmp_path):
    """What stands in the file is the name; an empty file is no name."""
    (tmp_path / "agent-id").write_text("mine\n")
    held = claim(tmp_path)
    assert held.agent_id == "mine"
    held.release()
    (tmp_path / "agent-id").write_text("\n")
    held = claim(tmp_path)
    assert held.agent_id not in ("", "mine")
    held.release()


def test_a_directory_that_is_held(tmp_path):
    """A second agent on the same directory is refused, until the first lets go."""
    held = claim(tmp_path)
    with pytest.raises(StateDirError, match=str(tmp_path)):
        claim(tmp_path)
    held.release()
    claim(tmp_path).release()


def test_a_lock_ends_with_its_process(home):
    """The slot of an agent that was killed is free, and has its name."""
    code = "import sys, loadgrpc.agent.identity as i; held = i.claim(None); "
    code += "print(held.agent_id, flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        name = process.stdout.readline().strip()
        second = claim(None)
        assert second.folder.name == "1"
        process.kill()
    first = claim(None)
    assert first.agent_id == name
    first.release()
    second.release()


def test_a_directory_that_cannot_be_used(tmp_path):
    """A file where the folder should be is an error that names it."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StateDirError, match="file"):
        claim(tmp_path / "file" / "agent")


def test_slots_are_bounded(home, monkeypatch):
    """A machine full of agents says so."""
    monkeypatch.setattr(identity, "MAX_SLOTS", 2)
    agents = [claim(None), claim(None)]
    with pytest.raises(StateDirError, match="2 agents"):
        claim(None)
    for agent in agents:
        agent.release()


def test_state_lives_where_xdg_says(monkeypatch, tmp_path):
    """Without the variable the folder is under the user's own."""
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert state_home() == tmp_path / ".local" / "state" / "loadgrpc"
    assert os.environ["HOME"] == str(tmp_path)


def test_hostile_11_a_state_folder_is_its_owners(tmp_path):
    """Whatever the umask: the folder is 0700, what is in it 0600; no link is followed."""
    before = os.umask(0)
    try:
        identity.claim(tmp_path / "one" / "two").release()
    finally:
        os.umask(before)
    made = [tmp_path / "one", *(tmp_path / "one").rglob("*")]
    assert len(made) == 4
    for path in made:
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path

    (tmp_path / "target").write_bytes(b"precious")
    (tmp_path / "three").mkdir()
    (tmp_path / "three" / "lock").symlink_to(tmp_path / "target")
    with pytest.raises(identity.StateDirError, match="symbolic links"):
        identity.claim(tmp_path / "three")
    assert (tmp_path / "target").read_bytes() == b"precious"


def test_hostile_11_a_lock_of_an_older_agent_is_closed_to_others(tmp_path):
    """Who can read a lock can hold it: one that others can read is made private."""
    (tmp_path / "lock").touch(0o644)
    identity.claim(tmp_path).release()
    assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o600
