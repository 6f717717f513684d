"""Everything beside a call's own arguments that Requests looks at to make its bytes.

Rule: a template is used only while its circumstances hold. They are noted before Requests makes
its bytes, because its answer may change them.
"""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from http.cookiejar import CookieJar, LWPCookieJar, MozillaCookieJar
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final

import requests.sessions
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar
from requests.models import PreparedRequest
from requests.structures import CaseInsensitiveDict
from requests.utils import DEFAULT_CA_BUNDLE_PATH, NETRC_FILES
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.util.retry import Retry

if TYPE_CHECKING:
    from loadgrpc.runner.session import Session

_JARS: Final = frozenset({RequestsCookieJar, CookieJar, LWPCookieJar, MozillaCookieJar})
_WRAPPERS: Final = frozenset(
    {"request", "get", "options", "head", "post", "put", "patch", "delete", "close"}
)
"""Methods that may be replaced on a session: the lane is below them."""
_NO_HOOKS: Final[dict[str, list[Any]]] = {"response": []}

_surroundings: list[tuple[dict[Any, Any], tuple[str, ...]]] = []
"""The environment as it was last seen, and where passwords would be; sessions share it."""

# What others replace to be asked instead of Requests, as it is now.
_REQUEST: Final = requests.Session.request
_SEND: Final = requests.Session.send
_GET_ADAPTER: Final = requests.Session.get_adapter
_ADAPTER_SEND: Final = HTTPAdapter.send
_GET_CONNECTION: Final = HTTPAdapter.get_connection_with_tls_context
_BUILD_RESPONSE: Final = HTTPAdapter.build_response
_URLOPEN: Final = HTTPConnectionPool.urlopen
_MAKE_REQUEST: Final = HTTPConnectionPool._make_request  # noqa: SLF001 - others replace it
_PREPARE: Final = PreparedRequest.prepare
_GENUINE: Final = all(
    # Something may have been replaced before this was imported.
    type(function) is FunctionType and function.__globals__["__name__"] == module
    for function, module in (
        (_REQUEST, "requests.sessions"),
        (_SEND, "requests.sessions"),
        (_GET_ADAPTER, "requests.sessions"),
        (_ADAPTER_SEND, "requests.adapters"),
        (_GET_CONNECTION, "requests.adapters"),
        (_BUILD_RESPONSE, "requests.adapters"),
        (_URLOPEN, "urllib3.connectionpool"),
        (_MAKE_REQUEST, "urllib3.connectionpool"),
        (_PREPARE, "requests.models"),
    )
)
_OF_REDIRECTS: Final = {
    name: getattr(requests.Session, name)
    for name in (
        "resolve_redirects",
        "get_redirect_target",
        "should_strip_auth",
        "rebuild_method",
        "rebuild_auth",
        "rebuild_proxies",
    )
}
_GENUINE_REDIRECTS: Final = all(
    type(function) is FunctionType and function.__globals__["__name__"] == "requests.sessions"
    for function in _OF_REDIRECTS.values()
)


def as_written() -> bool:
    """Whether nobody has replaced what Requests and urllib3 say of a request's way.

    Identity, not equality: what stands in for a function may well be equal to it.
    """
    return (
        _GENUINE
        and requests.Session.request is _REQUEST
        and requests.Session.send is _SEND
        and requests.Session.get_adapter is _GET_ADAPTER
        and HTTPAdapter.send is _ADAPTER_SEND
        and HTTPAdapter.get_connection_with_tls_context is _GET_CONNECTION
        and HTTPAdapter.build_response is _BUILD_RESPONSE
        and HTTPConnectionPool.urlopen is _URLOPEN
        and HTTPConnectionPool._make_request is _MAKE_REQUEST  # noqa: SLF001 - as above
        and PreparedRequest.prepare is _PREPARE
    )


def _redirects_as_written(session: Session) -> bool:
    """The same of what they say of redirects."""
    kind = type(session)
    if not _GENUINE_REDIRECTS:
        return False
    for name, function in _OF_REDIRECTS.items():  # noqa: SIM110 - a generator costs more
        if getattr(kind, name) is not function:
            return False
    return True


class Circumstances:
    """See the module."""

    __slots__ = (
        "_absent",
        "_adapter_state",
        "_cookies",
        "_earliest_expiry",
        "_environ",
        "_other_scheme",
        "_places",
        "_policy",
        "_present",
        "_scheme",
        "_version",
        "adapter",
    )

    def __init__(self, session: Session, adapter: HTTPAdapter, scheme: str, verify: Any) -> None:
        self._version = session.lane_version
        self._scheme = scheme
        self._other_scheme = "http://" if scheme == "https://" else "https://"
        self.adapter = adapter
        self._adapter_state = dict(adapter.__dict__)
        self._environ: dict[Any, Any] | None = None
        self._places: tuple[str, ...] = ()
        if session.trust_env:
            self._environ, self._places = _look_around()
        self._absent = () if session.auth else self._places
        self._present = _certificates(session, scheme, verify)
        jar = session.cookies
        self._policy = jar._policy  # type: ignore[attr-defined]  # noqa: SLF001 - not public anywhere
        self._cookies = [(cookie, dict(cookie.__dict__)) for cookie in jar]
        now = int(time.time())  # as http.cookiejar counts; what has expired stays so
        expiries = [c.expires for c in jar if c.expires is not None and c.expires > now]
        self._earliest_expiry = min(expiries, default=None)

    def hold(self, session: Session) -> bool:
        """Whether all is as it was, but for the values of the session's headers."""
        adapters = session.adapters
        adapter = self.adapter
        retries = adapter.max_retries
        if not (
            self._version == session.lane_version
            and not session.params
            and not session.proxies
            and session.hooks == _NO_HOOKS
            and adapters.get(self._scheme) is adapter
            and len(adapters) == 2  # noqa: PLR2004 - this scheme and the other
            and self._other_scheme in adapters
            and adapter.__dict__ == self._adapter_state
            and not retries.total
            and not retries.status_forcelist
            and (self._environ is None or _environ() == self._environ)
            and as_written()
            and self._same_cookies(session)
        ):
            return False
        for place in self._absent:
            if os.access(place, os.F_OK):
                return False
        for place in self._present:  # noqa: SIM110 - a generator costs more than all of the rest
            if not os.access(place, os.F_OK):
                return False
        return True

    def hold_for_a_redirect(self, session: Session, origin: str) -> bool:
        """Whether they hold for a step to that origin, for which Requests asks more."""
        return (
            origin.startswith(self._scheme)
            and self.hold(session)
            and _redirects_as_written(session)
            and (
                self._absent is self._places  # was looked at
                or not any(os.access(place, os.F_OK) for place in self._places)
            )
        )

    def _same_cookies(self, session: Session) -> bool:
        jar: Any = session.cookies
        if not self._cookies:
            return not jar._cookies or not len(jar)  # noqa: SLF001 - far cheaper than iterating
        if jar._policy is not self._policy or (  # noqa: SLF001
            self._earliest_expiry is not None and self._earliest_expiry <= time.time()
        ):
            return False
        now = list(jar)
        return len(now) == len(self._cookies) and all(
            cookie is known and cookie.__dict__ == state
            for cookie, (known, state) in zip(now, self._cookies, strict=True)
        )


def note(session: Session, origin: str, path: bytes | None, verify: Any) -> Circumstances | None:
    """What they are now; None: they are such that Requests has to look at them each time."""
    scheme = origin.partition("//")[0] + "//"
    auth = session.auth
    adapter = session.adapters.get(scheme)
    if (
        type(adapter) is not HTTPAdapter
        or _is_overridden(adapter, frozenset())
        or _is_overridden(session, _WRAPPERS)
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
    circumstances = Circumstances(session, adapter, scheme, verify)
    return circumstances if circumstances.hold(session) else None


def depend_on_path(cookies: dict[str, dict[str, Any]]) -> bool:
    """Whether a cookie is for a path: then what is sent depends on it."""
    for paths in cookies.values():  # noqa: SIM110 - a generator costs twice that
        if len(paths) > ("/" in paths):
            return True
    return False


def _is_overridden(thing: object, allowed: frozenset[str]) -> bool:
    """Whether a method of this very object has been replaced."""
    kind = type(thing)
    return any(
        callable(getattr(kind, name, None)) and name not in allowed for name in thing.__dict__
    )


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


def _certificates(session: Session, scheme: str, verify: Any) -> tuple[str, ...]:
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
