"""The user that runners run as, where that is not the agent's own.

Rule: what runs as this user has none of the agent's rights, groups or variables, and cannot get
any back: programs with set-uid bits have no effect. It can enter what is its own and what everybody
can, and neither the agent's state folder nor its certificates. Runs of one agent have the same
user, and are not protected from one another.
"""

from __future__ import annotations

import errno
import os
import pwd
import stat
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from loadgrpc.errors import LoadgrpcError

PROBE_S: Final = 30.0
"""How long Python may take to start once."""
_CAPABILITIES: Final = {
    "CHOWN": 0,
    "DAC_OVERRIDE": 1,
    "FOWNER": 3,  # its folders
    "KILL": 5,
    "SETGID": 6,
    "SETUID": 7,  # its processes
}
"""What it takes to run something as another user, by number."""
_KEPT: Final = ("PATH", "LANG", "LANGUAGE", "TZ")
"""Of the agent's variables, besides those that begin with LC_."""
_DEFAULT_PATH: Final = "/usr/local/bin:/usr/bin:/bin"


class AccountError(LoadgrpcError):
    """Runners cannot be run as this user."""

    reason = "ACCOUNT"


@dataclass(frozen=True, kw_only=True)
class Account:
    """See the module."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    """All of them."""
    home: str
    shell: str

    @classmethod
    def of(cls, name: str) -> Self:
        """That of a user, by name or number.

        Raises:
            AccountError: there is none, it is root, or this process cannot become it.
        """
        try:
            entry = pwd.getpwuid(int(name)) if name.isdecimal() else pwd.getpwnam(name)
        except (KeyError, OverflowError):
            raise AccountError(f"there is no user {name!r} on this machine") from None
        if entry.pw_uid == 0:
            raise AccountError(f"{entry.pw_name} is root: name a user without rights")
        if missing := _missing_capabilities():
            raise AccountError(
                "running tests as another user needs an agent that is started as root"
                f" (it lacks {', '.join(missing)})"
            )
        return cls(
            name=entry.pw_name,
            uid=entry.pw_uid,
            gid=entry.pw_gid,
            groups=tuple(sorted(os.getgrouplist(entry.pw_name, entry.pw_gid))),
            home=entry.pw_dir,
            shell=entry.pw_shell,
        )

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The variables that its processes begin with, given those of the agent."""
        kept = {
            name: value
            for name, value in environ.items()
            if name in _KEPT or name.startswith("LC_")
        }
        own = {"HOME": self.home, "USER": self.name, "LOGNAME": self.name, "SHELL": self.shell}
        return {"PATH": _DEFAULT_PATH, **kept, **own}

    def why_no_python(self) -> str:
        """Why it cannot run our own runner, as a sentence. Empty: it can. Starts a process."""
        command = [sys.executable, "-P", "-c", "import loadgrpc.runner.link"]
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=PROBE_S,
                check=False,
                cwd="/",
                user=self.uid,
                group=self.gid,
                extra_groups=self.groups,
                env=self.environment(os.environ),
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            why = getattr(error, "strerror", None) or "it takes too long"
        else:
            if not done.returncode:
                return ""
            lines = done.stderr.decode(errors="replace").strip().splitlines()
            why = lines[-1] if lines else f"it ends with status {done.returncode}"
        return (
            f"user {self.name} cannot run {sys.executable} with loadgrpc ({why}): install both"
            " where that user can read them"
        )

    # Files

    def give(self, path: Path) -> None:
        """Makes it the owner of a file, or of a folder and all that is in it.

        No symbolic link is followed. Raises OSError.
        """
        _chown_all(path, self.uid, self.gid)

    def take_back(self, path: Path) -> None:
        """Makes this process the owner of a folder again; others can read what is in it.

        No symbolic link is followed. Raises OSError.
        """
        _chown_all(path, os.geteuid(), os.getegid(), readable=True)


def _missing_capabilities() -> list[str]:
    """What this process may not do, of what it takes."""
    if os.geteuid() != 0:
        return ["the user id 0"]
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            held = int(line.split()[1], 16)
            return [f"CAP_{name}" for name, bit in _CAPABILITIES.items() if not held >> bit & 1]
    return []


def _chown_all(path: Path, uid: int, gid: int, *, readable: bool = False) -> None:
    os.chown(path, uid, gid, follow_symlinks=False)
    if path.is_symlink() or not path.is_dir():
        return
    for _, folders, files, at in os.fwalk(path, follow_symlinks=False):
        if readable:
            os.fchmod(at, 0o755)
        for name in (*folders, *files):
            status = os.stat(name, dir_fd=at, follow_symlinks=False)
            is_file = stat.S_ISREG(status.st_mode)
            if is_file and status.st_nlink > 1:  # the other name may be of anybody's file
                raise PermissionError(errno.EPERM, "it has another name", name)
            os.chown(name, uid, gid, dir_fd=at, follow_symlinks=False)
            if readable and is_file:
                mode = 0o755 if status.st_mode & stat.S_IXUSR else 0o644
                os.chmod(name, mode, dir_fd=at)  # nobody else can replace it by now
