"""Secrets in what is shown and stored: passwords in URLs, and tokens in their queries.

Rule: a URL is masked before it becomes part of a result or is shown (a plan, an event, an
exception's text, a line of a report); only the runners, which make requests with it, have it
whole. A runner also knows the values of secret parameters, and `masked` finds these wherever they
stand: a process is one runner's, which is why they are known to all of it. Masked parts become
`***`; masking again changes nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final
from urllib.parse import quote, quote_plus

MASK: Final = "***"

_NAME: Final = re.compile(
    r".*(?:token|secret|passw|pwd|passphrase|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|auth|signature|credential|session|jwt|ticket|otp).*"
    r"|key|sig|sid|pass|pin|code|pw|x-amz-.+",
    re.IGNORECASE,
)
"""Names of parameters whose values are nobody's business."""
_QUERY: Final = re.compile(r"([?&;#])([\w.\[\]-]+)=([^&;#\s'\"<>)\]}]+)")
_LOOKS_RANDOM: Final = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9+/=_-]{20,}")
"""What nobody types by hand: a key, a hash, the id of a session."""
MAX_NAME: Final = 128
"""Characters of a parameter's name that are looked at; a longer name counts as a secret's."""
_USER: Final = re.compile(r"(\b[A-Za-z][\w+.-]{0,30}://)([^\s/?#'\"<>]*)@")
"""A URL up to its host."""
_UNESCAPED: Final = re.compile(
    r"[A-Za-z][\w+.-]*://[^\s/?#@:]+:(?![0-9]{1,5}[/?#])[^@\s]*[/?#].*@[^\s]*"
)
"""A URL whose password has a slash or the like in it, so that what is in front of the slash is
no port: it should have been percent-encoded."""


LEAST_CONCEALED: Final = 4
"""Characters of a value that is looked for; a shorter one is part of too many other texts."""
_concealed: re.Pattern[str] | None = None


def conceal(values: Iterable[str]) -> None:
    """From now on `masked` hides these values in all texts of this process, and no others.

    As they are, and as they stand in a URL, in JSON and in what `repr` makes of them.
    """
    global _concealed  # noqa: PLW0603 - see the rule of the module
    forms = {
        form
        for value in values
        if len(value) >= LEAST_CONCEALED
        for form in (
            *(value, quote(value, safe=""), quote(value), quote_plus(value)),
            *(json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]),
            repr(value)[1:-1],
        )
    }
    longest_first = sorted(forms, key=lambda form: (-len(form), form))
    _concealed = re.compile("|".join(map(re.escape, longest_first))) if forms else None


def masked(text: str) -> str:
    """A URL, or a text with URLs in it, without their secrets."""
    if _concealed is not None:
        text = _concealed.sub(MASK, text)
    if "@" in text and "://" in text:
        text = _USER.sub(_without_password, text)
        if _UNESCAPED.fullmatch(text):  # no URL by the book, and a password all the same
            scheme, _, rest = text.partition("://")
            text = f"{scheme}://{rest.partition(':')[0]}:{MASK}@{rest.rpartition('@')[2]}"
    if "=" in text:
        text = _QUERY.sub(_without_value, text)
    return text


def shown_address(text: str) -> str:
    """The address that somebody is notified at: the parts of its path may be secrets, too.

    Incoming webhooks of chats and of CI servers are protected by nothing else.
    """
    text = masked(text)
    scheme, separator, rest = text.partition("://")
    if not separator:
        return text
    path, question, query = rest.partition("?")
    host, *parts = path.split("/")
    shown = [MASK if _LOOKS_RANDOM.fullmatch(part) else part for part in parts]
    return "/".join([f"{scheme}://{host}", *shown]) + question + query


def shown_variable(name: str, value: str) -> str:
    """The value of an environment variable, masked if its name or itself looks like a secret."""
    return MASK if names_secret(name) or _LOOKS_RANDOM.fullmatch(value) else masked(value)


def names_secret(name: str) -> bool:
    """Whether a name, such as `API_TOKEN`, is that of a secret, or a word in it is."""
    return any(is_secret(word) for word in (name, *name.split("_")))


def without_user(url: str) -> str:
    """A URL without the user and the password before its host."""
    return _USER.sub(r"\1", url, count=1) if "@" in url else url


def _without_value(found: re.Match[str]) -> str:
    delimiter, name, _ = found.groups()
    if len(name) <= MAX_NAME and not is_secret(name):
        return found[0]
    return f"{delimiter}{name}={MASK}"


@lru_cache(maxsize=1024)
def is_secret(name: str) -> bool:
    """Whether a parameter of this name holds a secret; a test has few names, and many values."""
    return _NAME.fullmatch(name) is not None


def _without_password(found: re.Match[str]) -> str:
    scheme, user = found[1], found[2]
    name, colon, _ = user.partition(":")
    # A name without a password is a token: https://TOKEN@host/.
    return f"{scheme}{name}:{MASK}@" if colon else f"{scheme}{MASK}@"
