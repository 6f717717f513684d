"""What is kept of a runner is there for the agent's next life, and goes when it is not wanted."""

import json
import logging
import os
import threading

import pytest

from loadgrpc.agent import folder as module
from loadgrpc.agent.folder import RunnerFolder
from loadgrpc.model import SourceId
from loadgrpc.protocol import produced
from loadgrpc.protocol.produced import Produced
from loadgrpc.v1 import fleet_pb2

SOURCE = SourceId("run", "agent", "runner")


def created(state, source_id=SOURCE):
    """A folder of a runner that is to be started."""
    folder = RunnerFolder(state, source_id, "buy")
    folder.create()
    return folder


def test_a_former_life_is_found(tmp_path):
    """Another life knows who the runner was, how it ended, and what it had produced."""
    assert RunnerFolder.former(tmp_path) == []
    folder = created(tmp_path)
    created(tmp_path, SourceId("run", "agent", "another"))
    assert folder.exit() is None
    assert folder.produced() is None
    produced.create(folder.files, 2)
    produced.row(folder.files, 1)[0] = 3
    ended = fleet_pb2.RunnerExit(run_id="run", exit_status=-9, stderr_tail="why")
    folder.save_exit(ended)

    another, found = RunnerFolder.former(tmp_path)
    assert (found.source_id, another.source_id.runner_id) == (SOURCE, "another")
    assert found.exit() == ended
    assert found.produced() == Produced(3, 0)
    assert (found.files, found.spool) == (folder.files, folder.spool)
    found.remove()
    assert [each.source_id for each in RunnerFolder.former(tmp_path)] == [another.source_id]
    found.remove()  # again: nothing


def test_what_cannot_be_read_goes(tmp_path, caplog):
    """A folder that was half made when the agent was killed is nobody's."""
    for name, content in (("a", None), ("b", b"{"), ("c", b"[]"), ("d", b'{"run_id": 1}')):
        path = tmp_path / module.RUNNERS / name
        path.mkdir(parents=True)
        if content is not None:
            (path / "source").write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert RunnerFolder.former(tmp_path) == []
    assert caplog.text.count("not a runner folder") == 4
    assert list((tmp_path / module.RUNNERS).iterdir()) == []


def test_an_end_that_cannot_be_read_is_none(tmp_path):
    """Then it counts as not seen."""
    folder = created(tmp_path)
    (tmp_path / module.RUNNERS / "runner" / "exit").write_bytes(b"\xff\xff")
    assert folder.exit() is None


def test_the_end_of_a_runner_is_waited_for(tmp_path):
    """While its keeper holds the lock something of it lives."""
    held = created(tmp_path).alive()
    (former,) = RunnerFolder.former(tmp_path)
    waiting = threading.Thread(target=former.wait_for_end)
    waiting.start()
    waiting.join(0.1)
    assert waiting.is_alive()
    os.close(held)
    waiting.join(10)
    assert not waiting.is_alive()


def test_a_runner_that_does_not_end_is_not_waited_for_for_ever(tmp_path, monkeypatch):
    """The agent goes on without it."""
    monkeypatch.setattr(module, "PATIENCE_S", 0.05)
    folder = created(tmp_path)
    held = folder.alive()
    folder.wait_for_end()
    os.close(held)


def test_hostile_11_what_is_kept_of_a_runner_is_its_owners(tmp_path):
    """Whatever the umask: folders are 0700, files 0600."""
    before = os.umask(0)
    try:
        folder = created(tmp_path)
        folder.save_exit(fleet_pb2.RunnerExit(run_id="run"))
        os.close(folder.alive())
        produced.create(folder.files, 1)
    finally:
        os.umask(before)
    kept = list((tmp_path / module.RUNNERS).rglob("*"))
    assert len(kept) == 6
    for path in kept:
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


@pytest.mark.parametrize("runner_id", ["../victim", "/victim", "", ".", "another", 7, None])
def test_hostile_11_a_source_names_its_own_folder(tmp_path, runner_id):
    """What is written in `source` is no path: nothing outside of the folder goes with it."""
    victim = tmp_path / "victim"
    victim.mkdir()
    path = tmp_path / module.RUNNERS / "runner"
    path.mkdir(parents=True)
    whose = {"run_id": "r", "agent_id": "a", "runner_id": runner_id, "scenario": ""}
    (path / "source").write_text(json.dumps(whose))
    assert RunnerFolder.former(tmp_path) == []
    assert victim.exists()
    assert not path.exists()


def test_hostile_15_what_is_too_large_is_not_read(tmp_path):
    """`source`, `exit` and `produced` of any size cost nothing."""
    folder = created(tmp_path)
    path = tmp_path / module.RUNNERS / "runner"
    for name in ("exit", "files/produced", "source"):
        with (path / name).open("wb") as file:
            file.truncate(64 << 20)
    assert folder.exit() is None
    assert folder.produced() is None
    assert RunnerFolder.former(tmp_path) == []
