"""A PostgreSQL of one's own, for a round of faults or a test, which goes and comes back."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from bench import process

from faults.command import run
from faults.daemon import READY_S, Broken

DEBIAN: Final = Path("/usr/lib/postgresql")
USER: Final = "loadgrpc"


def binaries() -> Path | None:
    """Where PostgreSQL's programs are."""
    found = [*sorted(DEBIAN.glob("*/bin/initdb")), shutil.which("initdb")]
    return next((Path(path).resolve().parent for path in reversed(found) if path), None)


def missing() -> str:
    """Why there is none here; empty: there is."""
    return "" if binaries() else "needs initdb and postgres: on Debian the package postgresql"


class Server:
    """A server in a folder, on a free port of this machine.

    Root's is run by nobody, because it refuses to be root's. Without `fsync` it is quicker, and
    loses what it has when the machine goes.
    """

    def __init__(self, folder: Path, *, fsync: bool = True) -> None:
        self._folder = folder
        self._fsync = fsync
        self._binaries = binaries() or Path()
        self._databases = 0
        self._popen: subprocess.Popen[bytes] | None = None
        self._as: dict[str, Any] = {"env": process.environment({}), "cwd": folder}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
            self._as |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        make = ("-D", folder / "data", "-U", USER, "--auth=trust", "--no-sync")
        run(self._binaries / "initdb", *make, settings=self._as)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port: int = probe.getsockname()[1]

    @property
    def _where(self) -> tuple[object, ...]:
        return ("-h", "127.0.0.1", "-p", self.port)

    def start(self) -> None:
        """Starts it, and returns when it takes connections.

        Raises:
            Broken: it does not.
        """
        program = [self._binaries / "postgres", "-D", self._folder / "data", "-p", self.port]
        settings = ["listen_addresses=127.0.0.1", f"unix_socket_directories={self._folder}"]
        settings += [f"fsync={'on' if self._fsync else 'off'}", "autovacuum=off"]
        options = [word for setting in settings for word in ("-c", setting)]
        with (self._folder / "log").open("ab") as log:
            command = [*map(str, program), *options]
            quiet = subprocess.DEVNULL
            self._popen = subprocess.Popen(
                command, stdin=quiet, stdout=log, stderr=log, start_new_session=True, **self._as
            )
        ready = [str(self._binaries / "pg_isready"), "-q", *map(str, self._where)]
        deadline = time.monotonic() + READY_S
        while subprocess.run(ready, check=False).returncode:
            if self._popen.poll() is not None or time.monotonic() > deadline:
                words = (self._folder / "log").read_text()[-500:]
                raise Broken(f"PostgreSQL does not start: {words}")
            time.sleep(0.05)

    def new_database(self) -> str:
        """The URL of a new database."""
        self._databases += 1
        name = f"loadgrpc_{self._databases}"
        run(self._binaries / "createdb", *self._where, "-U", USER, name, settings=self._as)
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{name}"

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """Ends it: SIGINT breaks connections off, SIGQUIT is as if it had crashed."""
        if self._popen is not None and self._popen.poll() is None:
            self._popen.send_signal(number)
            self._popen.wait(READY_S)


@contextlib.contextmanager
def served(*, fsync: bool = True) -> Iterator[Server]:
    """A server, for as long as the context lasts."""
    # Not in the folder of a round or a test, which nobody else may enter.
    with tempfile.TemporaryDirectory(prefix="loadgrpc-postgres-") as folder:
        server = Server(Path(folder), fsync=fsync)
        try:
            server.start()
            yield server
        finally:
            server.stop(signal.SIGQUIT)
