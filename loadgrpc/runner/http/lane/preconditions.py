"""Everything besides a call's own arguments that Requests looks at to make its bytes.

Rule: a template is used only while its preconditions hold. They are noted before Requests makes
its bytes, because its answer may change them.
"""

from __future__ import annotations

import math
import os
import time
from collections import OrderedDict
from http.cookiejar import CookieJar, LWPCookieJar, MozillaCookieJar
from typing import Any, Final

from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar
from requests.structures import CaseInsensitiveDict
from requests.utils import DEFAULT_CA_BUNDLE_PATH, NETRC_FILES
from urllib3.util.retry import Retry

from loadgrpc.runner.http.genuine import is_overridden
from loadgrpc.runner.http.lane import unpatched
from loadgrpc.runner.http.lane.files import FileLook
from loadgrpc.runner.http.lane.unpatched import as_written
from loadgrpc.runner.http.versioned import VersionedSession
from loadgrpc.runner.http.wire import measure

_JARS: Final = frozenset({RequestsCookieJar, CookieJar, LWPCookieJar, MozillaCookieJar})
_WRAPPERS: Final = frozenset(
    {"request", "get", "options", "head", "post", "put", "patch", "delete", "close"}
)
"""Methods that may be replaced on a session: the lane is below them."""
_NO_HOOKS: Final[dict[str, list[Any]]] = {"response": []}

_surroundings: list[tuple[dict[Any, Any], tuple[str, ...]]] = []
"""The environment as it was last seen, and where passwords would be; sessions share it."""


class Preconditions:
    """See the module."""

    __slots__ = (
        "_adapter_state",
        "_cookies",
        "_earliest_expiry",
        "_environ",
        "_files",
        "_files_of_steps",
        "_latest_expired",
        "_manager_state",
        "_other_scheme",
        "_policy",
        "_scheme",
        "_version",
        "adapter",
    )

    def __init__(
        self, session: VersionedSession, adapter: HTTPAdapter, scheme: str, verify: Any
    ) -> None:
        self._version = session.lane_version
        self._scheme = scheme
        self._other_scheme = "http://" if scheme == "https://" else "https://"
        self.adapter = adapter
        self._adapter_state = dict(adapter.__dict__)
        self._manager_state = dict(adapter.poolmanager.__dict__)
        self._manager_state["connection_pool_kw"] = dict(adapter.poolmanager.connection_pool_kw)
        self._environ: dict[Any, Any] | None = None
        places: tuple[str, ...] = ()
        if session.trust_env:
            self._environ, places = _look_around()
        certificates = _certificates(session, scheme, verify)
        self._files = FileLook.of(() if session.auth else places, certificates)
        self._files_of_steps = FileLook.of(places, certificates)
        """Requests looks for passwords at each step, also where the session has an auth."""
        jar = session.cookies
        self._policy = jar._policy  # type: ignore[attr-defined]  # noqa: SLF001 - not public anywhere
        self._cookies = [(cookie, dict(cookie.__dict__)) for cookie in jar]
        now = int(time.time())  # as http.cookiejar counts
        expiries = [cookie.expires for cookie in jar if cookie.expires is not None]
        self._latest_expired = max((each for each in expiries if each <= now), default=0)
        self._earliest_expiry = min((each for each in expiries if each > now), default=math.inf)

    def hold(self, session: VersionedSession, now_ns: int) -> bool:
        """Whether all is as it was, except for the values of the session's headers."""
        adapters = session.adapters
        adapter = self.adapter
        retries = adapter.max_retries
        return (
            self._version == session.lane_version
            and not session.params
            and not session.proxies
            and session.hooks == _NO_HOOKS
            and adapters.get(self._scheme) is adapter
            and len(adapters) == 2  # noqa: PLR2004 - this scheme and the other
            and self._other_scheme in adapters
            and adapter.__dict__ == self._adapter_state
            and adapter.poolmanager.__dict__ == self._manager_state
            and not retries.total
            and not retries.status_forcelist
            and (self._environ is None or _environ() == self._environ)
            and self._same_cookies(session)
            and self._files.holds(now_ns)
        )

    def hold_for_a_redirect(self, session: VersionedSession, origin: str, now_ns: int) -> bool:
        """Whether they hold for a step to that origin, for which Requests asks more."""
        return (
            as_written()  # of the first request the session has asked it
            and origin.startswith(self._scheme)
            and self.hold(session, now_ns)
            and self._files_of_steps.holds(now_ns)
        )

    def hold_as_noted(self, session: VersionedSession, now_ns: int) -> bool:
        """The same as `hold`, and the files are looked for again."""
        return self._files.look(now_ns) and self.hold(session, now_ns)

    def _same_cookies(self, session: VersionedSession) -> bool:
        jar: Any = session.cookies
        if not self._cookies:
            return not jar._cookies or not len(jar)  # noqa: SLF001 - far cheaper than iterating
        if jar._policy is not self._policy or not (  # noqa: SLF001
            self._latest_expired <= int(time.time()) < self._earliest_expiry
        ):
            return False
        now = list(jar)
        return len(now) == len(self._cookies) and all(
            cookie is known and cookie.__dict__ == state
            for cookie, (known, state) in zip(now, self._cookies, strict=True)
        )


def note(
    session: VersionedSession, origin: str, path: bytes | None, verify: Any, now_ns: int
) -> Preconditions | None:
    """What they are now; None: they are such that Requests has to look at them each time."""
    scheme = origin.partition("//")[0] + "//"
    auth = session.auth
    adapter = session.adapters.get(scheme)
    if (
        type(adapter) is not HTTPAdapter
        or is_overridden(adapter)
        or is_overridden(adapter.poolmanager)
        or is_overridden(session, _WRAPPERS)
        or type(session.adapters) not in (dict, OrderedDict)
        or type(session.headers) not in (CaseInsensitiveDict, dict)
        or type(session.cookies) not in _JARS
        or type(adapter.max_retries) is not Retry
        or session.stream
        or not (
            auth is None
            or (type(auth) is tuple and all(type(word) in (str, bytes) for word in auth))
        )
        or (path is None and any(cookie.path != "/" for cookie in session.cookies))
    ):
        return None
    measure(adapter)  # as is done before its first request, and changes it
    preconditions = Preconditions(session, adapter, scheme, verify)
    return (
        preconditions
        if unpatched.compare() and preconditions.hold_as_noted(session, now_ns)
        else None
    )


def depend_on_path(cookies: dict[str, dict[str, Any]]) -> bool:
    """Whether a cookie is for a path: then what is sent depends on it."""
    for paths in cookies.values():  # noqa: SIM110 - a generator costs twice that
        if len(paths) > ("/" in paths):
            return True
    return False


def _environ() -> dict[Any, Any]:
    # Comparing this costs 0.3 µs, comparing os.environ a hundred times that.
    environ: Any = os.environ
    data: dict[Any, Any] = getattr(environ, "_data", environ)
    return data


def _look_around() -> tuple[dict[Any, Any], tuple[str, ...]]:
    """The environment, and where Requests would look for passwords in it.

    A file that is there is Requests' own matter.
    """
    if not _surroundings or _surroundings[0][0] != _environ():
        named = os.environ.get("NETRC")
        places = (named,) if named is not None else tuple(f"~/{name}" for name in NETRC_FILES)
        expanded = tuple(os.path.expanduser(place) for place in places)  # noqa: PTH111 - as Requests
        _surroundings[:] = [(dict(_environ()), expanded)]
    return _surroundings[0]


def _certificates(session: VersionedSession, scheme: str, verify: Any) -> tuple[str, ...]:
    """The files that Requests wants to see before each request with this `verify`."""
    places = []
    if session.trust_env and (verify is None or verify is True):
        verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or verify
    if verify is None:
        verify = session.verify
    if scheme == "https://" and verify:
        places.append(DEFAULT_CA_BUNDLE_PATH if verify is True else verify)
    if session.cert:
        places += [session.cert] if isinstance(session.cert, str) else session.cert
    return tuple(str(place) for place in places if place)
