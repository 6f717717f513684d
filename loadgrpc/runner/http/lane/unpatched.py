"""Whether everybody on a request's way still does what their library wrote.

Tracers, mocks and recorders work by replacing functions of Requests, urllib3 and http.client.
Everything that the lane bypasses is watched here: the classes on that way with all that is in
them, the functions that their modules call, and what logs each request.

Rule: code that has replaced something, or listens, is asked for every request, from the very next
one on. Identity counts, not equality: a replacement may well be equal to the function.

Nine hundred methods and functions cannot be compared for each request. But CPython numbers the
versions of a type: whatever is set on it or on a class above it, its number changes. So one type
is made that inherits from all these classes, and only its number is read, which takes 50 ns. A
module reports assignments to it. After a change, and where there is no such number, everything is
compared. Whatever is written directly into the dictionary of a module is seen when the lane
learns a request.
"""

from __future__ import annotations

import ctypes
import http.client
import http.cookiejar
import logging
import sys
from functools import cached_property
from types import FunctionType, MethodDescriptorType, ModuleType, WrapperDescriptorType
from typing import Any, Final

import requests
import requests.auth
import requests.cookies
import urllib3.connectionpool
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3._collections import HTTPHeaderDict, RecentlyUsedContainer
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool
from urllib3.poolmanager import PoolManager
from urllib3.response import BytesQueueBuffer, HTTPResponse
from urllib3.util.retry import Retry
from urllib3.util.timeout import Timeout

CLASSES: Final[tuple[type, ...]] = (
    HTTPAdapter,
    requests.PreparedRequest,
    requests.Request,
    requests.Response,
    HTTPSConnectionPool,
    HTTPSConnection,
    PoolManager,
    Retry,
    Timeout,
    HTTPResponse,
    http.client.HTTPResponse,
    BytesQueueBuffer,
    http.client.HTTPMessage,
    HTTPHeaderDict,
    requests.cookies.RequestsCookieJar,
    CaseInsensitiveDict,
    RecentlyUsedContainer,
    requests.cookies.MockRequest,
    requests.cookies.MockResponse,
    requests.auth.HTTPBasicAuth,
    http.cookiejar.DefaultCookiePolicy,
)
"""Those on the way; the classes that they inherit from are watched with them."""

NAMES: Final = {
    "http.client": "parse_headers _read_headers _parse_header_lines",
    "http.cookiejar": "debug deepvalues _debug",
    "requests._internal_utils": "to_native_string unicode_is_ascii",
    "requests.adapters": (
        "CaseInsensitiveDict Response TimeoutSauce _urllib3_request_context"
        " extract_cookies_to_jar get_encoding_from_headers parse_url select_proxy urldefragauth"
    ),
    "requests.cookies": (
        "MockRequest MockResponse RequestsCookieJar _copy_cookie_jar cookiejar_from_dict"
        " create_cookie extract_cookies_to_jar get_cookie_header merge_cookies"
    ),
    "requests.hooks": "default_hooks dispatch_hook",
    "requests.models": (
        "CaseInsensitiveDict HTTPBasicAuth PreparedRequest _copy_cookie_jar check_header_validity"
        " cookiejar_from_dict default_hooks get_auth_from_url get_cookie_header iter_slices"
        " parse_url requote_uri stream_decode_response_unicode super_len to_key_val_list"
        " to_native_string unicode_is_ascii"
    ),
    "requests.sessions": (
        "CaseInsensitiveDict PreparedRequest Request RequestsCookieJar _basic_auth_str"
        " cookiejar_from_dict dispatch_hook extract_cookies_to_jar get_auth_from_url"
        " get_environ_proxies get_netrc_auth merge_cookies merge_hooks merge_setting"
        " preferred_clock requote_uri resolve_proxies rewind_body to_key_val_list"
        " to_native_string"
    ),
    "requests.structures": "CaseInsensitiveDict",
    "requests.utils": (
        "_parse_content_type_header _validate_header_part address_in_network"
        " check_header_validity get_auth_from_url get_encoding_from_headers get_environ_proxies"
        " get_netrc_auth is_ipv4_address is_valid_cidr iter_slices requote_uri resolve_proxies"
        " select_proxy set_environ should_bypass_proxies super_len to_key_val_list"
        " unquote_unreserved"
    ),
    "urllib3._collections": "HTTPHeaderDict",
    "urllib3.connection": (
        "HTTPHeaderDict _ResponseOptions _normalize_header_value _normalize_header_values"
        " assert_header_parsing body_to_chunks to_str wait_for_read"
    ),
    "urllib3.connectionpool": (
        "HTTPHeaderDict Retry Timeout _encode_target connection_requires_http_tunnel"
        " is_connection_dropped log parse_url set_file_position to_str"
    ),
    "urllib3.poolmanager": "_default_key_normalizer",
    "urllib3.response": "BytesQueueBuffer HTTPHeaderDict HTTPResponse _get_decoder is_fp_closed",
    "urllib3.util.connection": "is_connection_dropped",
    "urllib3.util.proxy": "connection_requires_http_tunnel",
    "urllib3.util.request": "ChunksAndContentLength body_to_chunks set_file_position to_bytes",
    "urllib3.util.response": "assert_header_parsing is_fp_closed",
    "urllib3.util.timeout": "Timeout",
    "urllib3.util.url": (
        "Url _encode_invalid_chars _encode_target _normalize_host _remove_path_dot_segments"
        " parse_url to_str"
    ),
    "urllib3.util.util": "to_bytes to_str",
    # wait_for_socket replaces itself
    "urllib3.util.wait": "_have_working_poll poll_wait_for_socket wait_for_read",
}
"""What their modules call by name. What a version of a library does not have is left out."""

_LIBRARIES: Final = frozenset({"requests", "urllib3", "http", "email", "loadgrpc"})
_PYTHON: Final = frozenset(
    {"_io", "abc", "builtins", "collections", "contextlib", "dataclasses", "enum", "functools"}
    | {"io", "queue", "time", "typing"}
)
_NEVER_COMPARED: Final = frozenset(
    {"__abstractmethods__", "__annotations__", "__annotations_cache__", "__dict__", "__doc__"}
    | {"__slotnames__", "__weakref__", "_abc_impl"}
)
"""What Python keeps in a class for itself."""
_LOG: Final = urllib3.connectionpool.log
_LEVELS: Final[dict[int, bool]] = getattr(_LOG, "_cache", {})
"""What the log remembers of its levels: asking this costs a third of asking it."""


def as_written() -> bool:
    """Whether nothing has been replaced, and urllib3's log of requests is not read."""
    return (
        (_version[0] == _seen[0] or compare())
        and (_LEVELS.get(logging.DEBUG) is False or not _LOG.isEnabledFor(logging.DEBUG))
        and "debug" not in _LOG.__dict__
    )


def include(*classes: type) -> None:
    """Watches more classes."""
    global _all_of_them, _version  # noqa: PLW0603 - the one state of this module
    bases = classes + tuple(each for each in CLASSES if each not in classes)
    kinds = tuple({type(each) for each in bases} - {type})
    meta = type("Kind", kinds, {}) if kinds else type
    _all_of_them = meta("AllOfThem", bases, {})
    for kind in _all_of_them.__mro__[1:-1]:
        if kind not in _contents:
            _contents[kind] = dict(vars(kind))
            _genuine[0] = _genuine[0] and _is_genuine(kind)
    _version = _version_of(_all_of_them)
    _seen[0] = None


def watch_modules() -> None:
    """Lets the modules report assignments to them; until then they are compared."""
    for name in NAMES:
        module = sys.modules[name]
        if type(module) is ModuleType:
            module.__class__ = WatchedModule


class WatchedModule(ModuleType):
    """A module that reports assignments to it, and is otherwise like any other."""

    def __setattr__(self, name: str, value: object) -> None:
        _seen[0] = None
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        _seen[0] = None
        super().__delattr__(name)


_all_of_them: Any = None
_contents: Final[dict[type, dict[str, object]]] = {}
"""The classes and what was in them at first."""
_functions: Final[list[tuple[dict[str, Any], str, object]]] = []
"""The namespaces of modules, and what was meant by which name at first."""
_genuine: Final = [True]
"""Whether all that was what their libraries put there."""
_version: Any = [0]
_seen: Final[list[object]] = [None]
"""The version that was compared last, and found to be as written."""


def compare() -> bool:
    """Whether everything is as written, one by one."""
    # After a change there is no number until the type is asked something.
    getattr(_all_of_them, "__module__", None)
    version = _version[0] or None
    _seen[0] = None
    if not (
        _genuine[0]
        and all(namespace.get(name) is value for namespace, name, value in _functions)
        and all(map(_is_as_it_was, _contents))
    ):
        return False
    if all(type(sys.modules[name]) is WatchedModule for name in NAMES):
        _seen[0] = version
    return True


def _is_as_it_was(kind: type) -> bool:
    """Whether all that was in a class is in it, and no more that could be asked for."""
    now, then = vars(kind), _contents[kind]
    for name, value in then.items():
        if now.get(name) is not value and name not in _NEVER_COMPARED:
            return False
    return len(now) == len(then) or not any(
        name not in then
        and (name.startswith("__") or any(name in vars(above) for above in kind.__mro__[1:]))
        and name not in _NEVER_COMPARED
        for name in now
    )


def _is_genuine(kind: type) -> bool:
    """Whether a class, and all that can be called in it, is of its library."""
    return _is_of_library(kind.__module__) and all(
        _home(value) is None or _is_of_library(_home(value)) for value in vars(kind).values()
    )


def _is_of_library(module: str | None) -> bool:
    return module is not None and module.partition(".")[0] in _LIBRARIES | _PYTHON


def _home(value: Any) -> str | None:
    """The module that a function was written in; None: it is none."""
    if isinstance(value, (classmethod, staticmethod)):
        value = value.__func__
    elif isinstance(value, property):
        value = value.fget
    elif isinstance(value, cached_property):
        value = value.func
    if isinstance(value, FunctionType):
        name: str | None = value.__globals__.get("__name__")
        return name
    if isinstance(value, (MethodDescriptorType, WrapperDescriptorType)):
        return "builtins"
    return getattr(type(value), "__module__", None) if callable(value) else None


def _version_of(kind: type) -> Any:
    """Where CPython keeps the version of a type, as something whose first item it is."""
    at = _offset_of_version()
    if at is None:
        return _Unknown()
    number = (ctypes.c_uint * 1).from_address(id(kind) + at)
    return memoryview(number).cast("B").cast("I")


class _Unknown:
    """A version that is always another."""

    def __getitem__(self, _: int) -> object:
        return object()


def _offset_of_version() -> int | None:
    """Finds it by what it does: it is 0 after a change, and another after the next question."""
    if sys.implementation.name != "cpython":
        return None
    size = vars(type)["__basicsize__"].__get__(type) // 4
    below: Any = type("Above", (), {"x": 1})
    above, kinds = below, [below]
    for _ in range(2):
        below = type("Below", (below,), {})
        kinds.append(below)

    def numbers() -> list[tuple[int, ...]]:
        return [tuple((ctypes.c_uint * size).from_address(id(each))) for each in kinds]

    rounds = []
    for value in range(3):
        above.x = value
        after = numbers()
        assert [each.x for each in kinds] == [value] * 3  # noqa: S101 - the question
        rounds.append((after, numbers()))
    found = [
        4 * at
        for at in range(size)
        if all(
            not any(each[at] for each in changed) and all(each[at] for each in asked)
            for changed, asked in rounds
        )
        and all(
            len({asked[number][at] for _, asked in rounds}) == len(rounds)
            for number in range(len(kinds))
        )
    ]
    return found[0] if len(found) == 1 else None


for _module, _names in NAMES.items():
    _namespace = vars(sys.modules[_module])
    for _name in _names.split():
        if _name in _namespace:
            _value = _namespace[_name]
            _functions.append((_namespace, _name, _value))
            _place = _value.__module__ if isinstance(_value, type) else _home(_value)
            _genuine[0] = _genuine[0] and (_place is None or _is_of_library(_place))
