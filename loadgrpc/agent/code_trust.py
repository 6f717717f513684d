"""Whom an agent runs code for: everybody whom its broker lets start runs, or who has a key.

Rule: what decides which code is run is signed with a key that this agent trusts, or nothing of the
run is fetched, unpacked, installed or started. That is the bundle by its SHA-256, which is checked
again whenever it is used, the tests, the command of a `test_runner`, the requirements, the folder,
and the variables (`bundle/signed.py`). A test for our own runner has to be in the bundle: what this
agent has under its name is not what was signed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadgrpc.bundle.signed import statement
from loadgrpc.certs import CertsError
from loadgrpc.certs.signing import TrustedKeys, is_signed, short_name
from loadgrpc.model import Assignment

_ONLY: Final = "the agent runs only what is signed"


@dataclass(frozen=True)
class CodeTrust:
    """See the module."""

    files: Sequence[Path] = ()
    """Of public keys. Empty: nothing has to be signed."""

    @property
    def demands_signatures(self) -> bool:
        """Whether it runs only what is signed."""
        return bool(self.files)

    def check(self) -> None:
        """Sees that there are keys.

        Raises:
            CertsError: there are none, or they cannot be read.
        """
        if self.files:
            TrustedKeys(self.files).read()

    def why_refused(self, assignment: Assignment) -> str:
        """Why it does not run this, as a sentence. Empty: it does. Reads files."""
        plan, scenario = assignment.plan, assignment.scenario
        if not self.files or scenario.by_hand:
            return ""
        if not plan.signatures:
            return f"{_ONLY}, and this is not: sign it by `loadgrpc run --sign KEYFILE`"
        if not plan.bundle and not scenario.test_runner:
            return (
                f"{_ONLY}, and the test is not in what was signed: send its files with it, without"
                " --no-ship, from the folder that they are in"
            )
        try:
            keys = TrustedKeys(self.files).read()
        except CertsError as error:
            return f"{_ONLY}, and cannot read whose signatures count: {error}"
        return self._why_not_signed(assignment, keys)

    def _why_not_signed(self, assignment: Assignment, keys: Mapping[bytes, str]) -> str:
        """Why none of its signatures counts; empty: one does."""
        plan = assignment.plan
        known = [keys[each.public_key] for each in plan.signatures if each.public_key in keys]
        if not known:
            others = _listed(short_name(each.public_key) for each in plan.signatures)
            return (
                f"{_ONLY} by somebody it trusts, and this is signed with {others}: sign it with"
                f" another key, or add that one to {self.files[0]} on the agent"
            )
        if is_signed(statement(plan, assignment.scenario), plan.signatures, keys):
            return ""
        return (
            f"{_ONLY}, and the signature by {_listed(known)} is of something else: files, tests,"
            " command, packages, folder or variables of the plan were changed afterwards; sign it"
            " again"
        )


EVERYBODY: Final = CodeTrust()
"""Nothing has to be signed."""


def _listed(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))
