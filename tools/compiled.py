"""Compiles the modules that a user's requests go through, for a wheel: `make wheel`.

The same code, translated to C by mypyc: it does what it does uncompiled, only faster, and where
there is no compiled module Python takes the source beside it. Hatchling calls this as a build
hook, which is off unless HATCH_BUILD_HOOK_ENABLE_CUSTOM is set: whoever installs from a checkout
or an sdist needs no compiler.

Rule: what is subclassed, by tests or here, stays Python (TestCase, Session, responses, Recorder): a
compiled class takes no subclass that is not.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

MODULES: Final = (
    "loadgrpc/runner/hit.py",
    "loadgrpc/runner/http/exchange.py",
    "loadgrpc/runner/http/lane/answer.py",
    "loadgrpc/runner/http/lane/arguments.py",
    "loadgrpc/runner/http/lane/connection.py",
    "loadgrpc/runner/http/lane/connections.py",
    "loadgrpc/runner/http/lane/files.py",
    "loadgrpc/runner/http/lane/lane.py",
    "loadgrpc/runner/http/lane/preconditions.py",
    "loadgrpc/runner/http/lane/template.py",
    "loadgrpc/runner/poll_clock.py",
)
GROUP: Final = "loadgrpc"
"""What they have in common is in one library, loadgrpc__mypyc, beside the package."""
_SLOTS: Final = re.compile(r"\n    __slots__ = (?:\([^()]*\)|\w+)\n")
_TYPES: Final = """
[mypy]
ignore_missing_imports = True

[mypy-requests.*]
follow_imports = skip
follow_imports_for_stubs = True
"""
"""Compiled code insists on types, and tests do with a session what stubs have no word for."""
_SETUP: Final = """
from mypyc.build import mypycify
from setuptools import setup

modules = {modules!r}
setup(name="loadgrpc", packages=["loadgrpc"], ext_modules=mypycify(
    [*modules, "--config-file=mypy.ini"], opt_level="3", group_name={group!r}))
"""


def compile_into(root: Path, target: Path) -> list[Path]:
    """Compiles the modules of a checkout below `target`; where the libraries are in it.

    Raises:
        CalledProcessError: it did not work; what is wrong is on stderr.
    """
    shutil.copytree(
        root / "loadgrpc", target / "loadgrpc", ignore=shutil.ignore_patterns("*.so", "__pycache__")
    )
    for module in MODULES:
        path = target / module
        # Compiled classes have them anyway, and refuse to be told.
        path.write_text(_SLOTS.sub("\n", path.read_text()))
    (target / "mypy.ini").write_text(_TYPES)
    (target / "setup.py").write_text(_SETUP.format(modules=MODULES, group=GROUP))
    build = [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"]
    subprocess.run(build, cwd=target, check=True, stdout=sys.stderr)
    shutil.rmtree(target / "build")
    return [path.relative_to(target) for path in target.rglob("*.so")]


class CompiledModules(BuildHookInterface[Any]):
    """See the module."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Adds the libraries to a wheel, which is then for this Python and machine only."""
        if version != "standard":
            return
        self._folder = tempfile.TemporaryDirectory(prefix="loadgrpc-compiled-")
        target = Path(self._folder.name)
        for library in compile_into(Path(self.root), target):
            build_data["force_include"][str(target / library)] = str(library)
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, *_: Any) -> None:
        """Removes what was compiled."""
        if version == "standard":
            self._folder.cleanup()
