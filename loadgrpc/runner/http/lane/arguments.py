"""What the fast lane makes of the arguments of a call.

Rule: the outcome is what Requests makes of them, character for character, or NotPlain: then
Requests makes it, or raises its own error.
"""

from __future__ import annotations

import json as json_library
import re
from typing import Any, Final

import requests.models
from requests.models import PreparedRequest

MAX_TARGETS: Final = 2_048
"""URLs that a process remembers; over that, all are forgotten."""
MAX_TARGET_CHARACTERS: Final = 512
"""How long a URL is at most that is remembered."""
MAX_TIMEOUT_S: Final = 1_000_000

_TARGET: Final = re.compile(
    # What Requests leaves as it is: nothing to encode, no dot segment, no empty one.
    r"/(?:[A-Za-z0-9_~!$&'()*+,;=:@-][A-Za-z0-9_.~!$&'()*+,;=:@-]*"
    r"(?:/[A-Za-z0-9_~!$&'()*+,;=:@-][A-Za-z0-9_.~!$&'()*+,;=:@-]*)*/?)?"
    r"(?:\?[A-Za-z0-9_.~!$&'()*+,;=:@/?-]+)?"
)
_QUERY: Final = re.compile(
    # What `urlencode` makes; no escape here is one that Requests would take back.
    r"(?:[A-Za-z0-9_.~*&=+-]++|%(?:[0189A-F][0-9A-F]|2[0-9A-CF]|3[A-F]|[46]0|5[B-E]|7[B-DF]))+"
)
_PLAIN_QUERY: Final = re.compile(
    r"[A-Za-z0-9_.~-]+=[A-Za-z0-9_.~-]*(?:&[A-Za-z0-9_.~-]+=[A-Za-z0-9_.~-]*)*"
)
"""A query in which `urlencode` has nothing to encode."""
_ORIGIN: Final = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]+)?")
_SCALARS: Final = frozenset({str, int, float, bool, bytes, type(None)})
"""What may be encoded twice, once for the lane and once by Requests, to the same end."""
_VERIFY: Final = frozenset({type(None), bool, str})
_STR_OR_INT: Final = frozenset({str, int})

_targets: dict[str, tuple[str, bytes, str]] = {}
"""Origin, target and URL as Requests has it, of URLs that it would leave alone."""

_DUMPS: Final = json_library.dumps
_ENCODER: Final = json_library.JSONEncoder
_encoder: Final = json_library.JSONEncoder(allow_nan=False)
"""The one that `dumps` makes each time when it is called as Requests calls it."""


class NotPlain(Exception):
    """An argument that Requests itself has to look at."""


def split(url: Any, params: Any = None) -> tuple[str, bytes, str]:
    """Origin, target and URL as Requests has it."""
    if type(url) is not str:
        raise NotPlain
    parts = _targets.get(url) or _split(url)
    if not params:
        return parts
    origin, target, plain_url = parts
    more = f"{'&' if '?' in plain_url else '?'}{_query(params)}"
    return origin, target + more.encode(), plain_url + more


def _split(url: str) -> tuple[str, bytes, str]:
    """The same of a URL that Requests would leave alone."""
    at = url.find("/", url.find("://") + 3) if "://" in url else -1
    origin, target = (url[:at], url[at:]) if at > 0 else (url, "/")
    if _TARGET.fullmatch(target) is None or "?" in origin or "@" in origin:
        raise NotPlain
    parts = (origin, target.encode(), origin + target)
    if len(url) <= MAX_TARGET_CHARACTERS:
        if len(_targets) >= MAX_TARGETS:
            _targets.clear()
        _targets[url] = parts
    return parts


def split_location(location: str, origin: str) -> tuple[str, bytes, str]:
    """The same of where a redirect from that origin leads."""
    if ";" in location:  # an empty parameter would be lost
        raise NotPlain
    if location.startswith("/"):
        if _TARGET.fullmatch(location) is None:
            raise NotPlain
        return origin, location.encode(), origin + location
    parts = split(location)
    if parts[2] != location or _ORIGIN.fullmatch(parts[0]) is None:
        raise NotPlain
    return parts


def items(headers: Any) -> tuple[tuple[Any, Any], ...]:
    """A call's own headers, to be compared with those of another."""
    if type(headers) is not dict:
        raise NotPlain
    return tuple(headers.items())


def names(headers: tuple[tuple[Any, Any], ...]) -> frozenset[str]:
    """Their names, in small letters."""
    return frozenset(
        (name.decode("latin-1") if type(name) is bytes else name).lower() for name, _ in headers
    )


def _query(params: Any) -> str:
    """What stands behind the question mark."""
    if type(params) is dict:
        for key, value in params.items():
            if type(key) is not str or type(value) not in _STR_OR_INT:
                break
        else:
            encoded = "&".join([f"{key}={value}" for key, value in params.items()])
            if encoded.count("=") == len(params) and _PLAIN_QUERY.fullmatch(encoded):
                return encoded
    if type(params) is not str:
        _check_repeatable(params)
    encoded = PreparedRequest._encode_params(params)  # type: ignore[attr-defined]  # noqa: SLF001 - what Requests calls
    if type(encoded) is not str or _QUERY.fullmatch(encoded) is None:
        raise NotPlain
    return encoded


def verify(argument: Any) -> bool | str | None:
    """How certificates are verified, to be compared with what another call says."""
    if type(argument) not in _VERIFY:
        raise NotPlain
    how: bool | str | None = argument
    return how


def _check_repeatable(fields: Any) -> None:
    """Raises unless fields can be encoded twice: an iterator among them could not."""
    if type(fields) is dict:
        pairs = fields.items()
    elif type(fields) in (list, tuple) and all(
        type(pair) in (list, tuple) and len(pair) == 2  # noqa: PLR2004 - a pair
        for pair in fields
    ):
        pairs = fields
    else:
        raise NotPlain
    for key, value in pairs:
        if type(key) not in _SCALARS or not (
            type(value) in _SCALARS
            or (type(value) in (list, tuple) and all(type(one) in _SCALARS for one in value))
        ):
            raise NotPlain


def body(data: Any, json: Any) -> tuple[str, bytes | None]:
    """What kind of body the arguments make, and the body."""
    if not data:
        if data is not None and type(data) not in (dict, str, bytes, list, tuple):
            raise NotPlain
        if json is None:
            return "", None
        return "json", _dumps(json).encode()
    if type(data) is bytes:
        return "bytes", data
    if type(data) is str and data.isascii():
        return "text", data.encode()
    if type(data) is dict:
        _check_repeatable(data)
        encoded = PreparedRequest._encode_params(data)  # type: ignore[attr-defined]  # noqa: SLF001 - what Requests calls
        if type(encoded) is str and encoded:
            return "form", encoded.encode()
    raise NotPlain


def _dumps(document: Any) -> str:
    library: Any = requests.models.complexjson  # type: ignore[attr-defined]
    if library is json_library and library.dumps is _DUMPS and library.JSONEncoder is _ENCODER:
        return _encoder.encode(document)
    text: str = library.dumps(document, allow_nan=False)
    return text


def timeouts(timeout: Any) -> tuple[float | None, float | None]:
    """How long sending and receiving may stand still; urllib3 sends within the first."""
    pair = timeout if type(timeout) is tuple else (timeout, timeout)
    if len(pair) != 2 or not all(  # noqa: PLR2004 - a pair
        one is None or (type(one) in (int, float) and 0 < one < MAX_TIMEOUT_S) for one in pair
    ):
        raise NotPlain
    return pair
