"""Agents of another minor version: refused with a sentence, unless the broker is to accept them.

Rule: what an agent of another version would do with a plan is not known, so it gets none. One that
does not say its version is a runner of somebody else's, and welcome.
"""

from __future__ import annotations

import logging
from typing import Final

from loadgrpc import __version__
from loadgrpc.errors import OtherVersion
from loadgrpc.protocol.fleet import Registration
from loadgrpc.protocol.version import other_version

MAX_REFUSED: Final = 1_000
"""Agents of which it is known that their refusal was logged; the oldest is forgotten beyond."""

_log = logging.getLogger(__name__)


class VersionGate:
    """See the module."""

    def __init__(self, *, allow: bool) -> None:
        self._allow = allow
        self._logged: dict[tuple[str, str], None] = {}
        """Agents and versions that were refused, and logged, the oldest first."""

    def check(self, registration: Registration) -> None:
        """Lets an agent of our version in; of one that is refused the first attempt is logged.

        Raises:
            OtherVersion: it is of another one.
        """
        if self._allow or not other_version(registration.version):
            return
        agent_id, version = registration.agent_id, registration.version
        if (agent_id, version) not in self._logged:
            self._logged[agent_id, version] = None
            if len(self._logged) > MAX_REFUSED:
                del self._logged[next(iter(self._logged))]
            _log.warning(
                "agent %s on %s is refused: it runs loadgrpc %s, and this is %s",
                agent_id,
                registration.hostname,
                version,
                __version__,
                extra={"agent_id": agent_id},
            )
        raise OtherVersion(
            f"the agent runs loadgrpc {version}, and the broker {__version__}: install one version"
            " on both sides, or start the broker with --allow-version-skew"
        )
