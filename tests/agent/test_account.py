"""Runners of another user: who that may be, and what is theirs."""

import asyncio
import os
import pwd
import stat
import tempfile
from pathlib import Path

import pytest

from loadgrpc.agent import account as module
from loadgrpc.agent import workplace
from loadgrpc.agent.account import Account, AccountError
from loadgrpc.agent.folder import RunnerFolder
from loadgrpc.agent.launch import Launch
from loadgrpc.agent.process import RunnerProcess
from loadgrpc.agent.workplace import Workplace
from loadgrpc.model import Limits, SourceId, StopMode

USER = "nobody"
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run what is another user's")


@pytest.fixture
def nobody():
    """The user nobody."""
    return Account.of(USER)


@pytest.fixture
def place(tmp_path, nobody, monkeypatch):
    """Where its runners work, in a folder that everybody can enter, and that goes with the test."""
    (tmp_path / "state").mkdir(0o700)
    with tempfile.TemporaryDirectory(prefix="loadgrpc-", dir="/var/tmp") as folder:
        Path(folder).chmod(workplace.PASSABLE)
        monkeypatch.setattr(workplace, "TEMPORARY", Path(folder))
        yield Workplace(tmp_path / "state", nobody)


def ran(script, nobody=None, limits=None, cwd=None, **variables):
    """How a shell script ends that is started as a runner is, and what it printed."""

    async def main():
        launch = Launch(nobody, limits or Limits())
        started = RunnerProcess.of(["/bin/sh", "-c", script], variables, cwd=cwd, launch=launch)
        async with asyncio.timeout(20):
            return await started.wait()

    return asyncio.run(main())


def test_whom_it_may_not_be(monkeypatch):
    """Nobody that there is not, not root, and not without being root."""
    with pytest.raises(AccountError, match="there is no user 'no-such-user' on this machine"):
        Account.of("no-such-user")
    with pytest.raises(AccountError, match="root is root: name a user without rights"):
        Account.of("0")
    monkeypatch.setattr(module.os, "geteuid", lambda: 1000)
    with pytest.raises(AccountError, match="needs an agent that is started as root"):
        Account.of(USER)


@AS_ROOT
def test_a_runner_has_nothing_of_the_agents(nobody, tmp_path, monkeypatch):
    """Neither its user, groups and variables, nor its files, nor a way back."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    secret = tmp_path / "ca-key.pem"
    secret.write_text("key")
    secret.chmod(0o600)
    script = f"id -u; id -g; id -G; cat {secret}; grep NoNewPrivs /proc/self/status; env"
    ended = ran(script, nobody, cwd=Path("/"), LOADGRPC_RUN_ID="r-1", ODD="a\nb=c")
    lines = ended.head.splitlines()
    groups = sorted(os.getgrouplist(USER, nobody.gid))
    assert lines[:2] == [str(nobody.uid), str(nobody.gid)]
    assert sorted(map(int, lines[2].split())) == groups
    assert "Permission denied" in ended.head
    assert "NoNewPrivs:\t1" in ended.head
    assert "hunter2" not in ended.head
    assert f"HOME={pwd.getpwnam(USER).pw_dir}" in lines
    assert f"USER={USER}" in lines
    assert "LOADGRPC_RUN_ID=r-1" in lines
    assert "ODD=a" in lines


@AS_ROOT
def test_a_variable_of_a_client_is_not_the_keepers(nobody, tmp_path):
    """The keeper stays root: what a client says of the loader must not reach it."""
    log = tmp_path / "log"
    ended = ran("echo up", nobody, cwd=Path("/"), LD_DEBUG="files", LD_DEBUG_OUTPUT=str(log))
    assert ended.head.endswith("up\n")
    assert list(tmp_path.iterdir()) == []  # nobody may not write there, and root did not
    ran("true", LD_DEBUG="files", LD_DEBUG_OUTPUT=str(log))
    assert list(tmp_path.iterdir()) != []  # of the same user it is nobody's loss


@AS_ROOT
def test_a_runner_of_another_user_is_ended_with_all_that_it_started(nobody):
    """Whoever it is, and however it hides: a daemon goes, too."""

    async def main():
        script = "setsid sh -c 'echo $$; exec sleep 60' & wait"
        launch = Launch(nobody)
        started = RunnerProcess.of(["/bin/sh", "-c", script], {}, cwd=Path("/"), launch=launch)
        waiting = asyncio.create_task(started.wait())
        async with asyncio.timeout(20):
            while not started._head.endswith(b"\n"):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            started.stop(StopMode.KILL, 0.0)
            return await waiting

    ended = asyncio.run(main())
    assert ended.status == -9
    assert not Path(f"/proc/{int(ended.head)}").exists()


@AS_ROOT
def test_what_it_prints_can_be_opened(nobody):
    """By scripts that write to /dev/stderr: the pipes are theirs."""
    assert ran("echo words > /dev/stderr", nobody, cwd=Path("/")).stderr_tail == "words\n"


def test_the_kernel_bounds_what_a_process_takes():
    """As the limits say; one that is lower already stays."""
    limits = Limits(files=100, memory_bytes=50_000_000)
    ended = ran("ulimit -n; ulimit -Hn; ulimit -d; ulimit -n 200", limits=limits)
    assert ended.head.splitlines()[:3] == ["100", "100", str((50_000_000 + (1 << 30)) // 1024)]
    assert ended.status != 0


@AS_ROOT
def test_its_folders_are_its_own_when_the_agent_has_written_them(place, tmp_path, nobody):
    """What is in them is given to it; what is around is the agent's, and cannot be listed."""
    folder = RunnerFolder(tmp_path / "state", SourceId("r", "a", "one"), "buy", place)
    folder.create()
    (folder.files / "cases.jsonl").write_text("{}")
    folder.hand_over()
    script = f"cat {folder.files}/cases.jsonl && echo mine > {folder.files}/new && ls {place.root}"
    ended = ran(script, nobody, cwd=folder.files)
    assert ended.head.startswith("{}")
    assert "Permission denied" in ended.head
    assert (folder.files / "new").read_text() == "mine\n"
    (found,) = RunnerFolder.former(tmp_path / "state", place)
    assert found.files == folder.files
    found.remove()
    assert not folder.files.exists()


@AS_ROOT
def test_an_agent_that_is_started_again_finds_its_place(place, tmp_path, nobody):
    """Unless that is somebody else's by now."""
    assert Workplace(tmp_path / "state", nobody).root == place.root
    os.chown(place.root, nobody.uid, nobody.gid)
    other = Workplace(tmp_path / "state", nobody)
    assert other.root != place.root


@AS_ROOT
def test_what_is_taken_back_is_only_what_it_seems(nobody, tmp_path):
    """Links stay links, special bits go, and a file with another name is not touched."""
    made = tmp_path / "made"
    (made / "target").mkdir(parents=True)
    outside = tmp_path / "outside"
    outside.write_text("secret")
    outside.chmod(0o600)
    (made / "link").symlink_to(outside)
    (made / "target/program").write_text("")
    (made / "target/program").chmod(0o4700)
    nobody.give(made)
    assert (made / "link").lstat().st_uid == (made / "target/program").stat().st_uid == nobody.uid
    assert outside.stat().st_uid == 0
    nobody.take_back(made)
    status = (made / "target/program").stat()
    assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (0, 0o755)
    assert stat.S_IMODE(outside.stat().st_mode) == 0o600
    os.link(outside, made / "target/hard")
    with pytest.raises(PermissionError, match="it has another name"):
        nobody.take_back(made)
    assert stat.S_IMODE(outside.stat().st_mode) == 0o600
