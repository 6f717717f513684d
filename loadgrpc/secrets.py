"""Secrets in what is shown and stored: passwords in URLs, and tokens in their queries.

Rule: a URL is masked before it becomes part of a result or is shown (a plan, an event, an
exception's text, a line of a report); only the runners, which make requests with it, have it
whole. A runner also knows the values of secret parameters, and `masked` finds these wherever they
stand: a process is one runner's, which is why they are known to all of it. An agent, which has
many runners, has a `Redactor` for each of them. Masked parts become `***`; masking again changes
nothing.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final
from urllib.parse import quote, quote_plus, unquote

MASK: Final = "***"
VARIABLE: Final = "LOADGRPC_SECRET_"
"""With a name in capitals, the variable that a test has a secret from outside a load run. No
runner inherits it."""

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
LEAST_ENCODED: Final = 8
"""Characters of a line of a value, or of its base64, that is looked for by itself."""


def conceal(values: Iterable[str]) -> None:
    """From now on `masked` hides these values in all texts of this process, and no others.

    As they are, and in the forms of `forms_of`.
    """
    global _concealed  # noqa: PLW0603 - see the rule of the module
    _concealed = Redactor(values)


def known() -> Redactor:
    """What hides the values of the secrets that this process has."""
    return _concealed


def forms_of(value: str) -> Iterator[str]:
    """A value as it may stand in a text.

    As it is, in a URL, in JSON, in HTML, in what `repr` makes of it, and in base64, whatever is
    before and after it there, as in the head of basic authentication; of several lines, each.
    """
    yield from (value, quote(value, safe=""), quote(value), quote_plus(value))
    yield from (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1])
    yield from (repr(value)[1:-1], html.escape(value), html.escape(value, quote=False))
    data = value.encode(errors="surrogateescape")
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + data)
        whole = (before + len(data)) * 8 // 6  # those after it depend on what follows
        inner = encoded[-(-before * 8 // 6) : whole].decode()
        if len(inner) >= LEAST_ENCODED:
            yield inner
            yield inner.translate(_URL_SAFE)
    if len(lines := value.splitlines()) > 1:
        yield from (line for each in lines if len(line := each.strip()) >= LEAST_ENCODED)


_URL_SAFE: Final = str.maketrans("+/", "-_")


class Redactor:
    """Hides these values, in all their forms, in texts and in what a process prints."""

    def __init__(self, values: Iterable[str]) -> None:
        forms = {
            form for value in values if len(value) >= LEAST_CONCEALED for form in forms_of(value)
        }
        longest_first = sorted(forms, key=lambda form: (-len(form), form))
        self._forms = tuple(longest_first)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)))
        self._bytes = tuple(form.encode(errors="surrogateescape") for form in longest_first)
        self._bytes_pattern = re.compile(b"|".join(map(re.escape, self._bytes)))

    def __bool__(self) -> bool:
        """Whether it looks for anything."""
        return bool(self._forms)

    def text(self, text: str) -> str:
        """A text without them."""
        for form in self._forms:  # mostly there is none: a search by the pattern takes longer
            if form in text:
                return self._pattern.sub(MASK, text)
        return text

    def data(self, data: bytes) -> bytes:
        """The same for bytes."""
        if self.is_in(data):
            return self._bytes_pattern.sub(MASK.encode(), data)
        return data

    def is_in(self, data: bytes) -> bool:
        """Whether one of them is in these bytes."""
        return any(form in data for form in self._bytes)

    def settled(self, data: bytes) -> int:
        """Up to where it does not matter for these bytes what follows them."""
        end = len(data) - max((_overlap(data, form) for form in self._bytes), default=0)
        if self.is_in(data):
            for found in self._bytes_pattern.finditer(data):
                if found.start() < end < found.end():
                    return found.start()
        return end


def _overlap(data: bytes, form: bytes) -> int:
    """How many bytes at the end of `data` a form begins with; fewer than it has."""
    at = max(0, len(data) - len(form) + 1)
    while (at := data.find(form[:1], at)) >= 0:
        if form.startswith(data[at:]):
            return len(data) - at
        at += 1
    return 0


class RedactedStream:
    """What comes in pieces, without the values: also one that is in two pieces is found.

    What may be the beginning of one is kept back until more comes, or the end.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._kept_back = b""

    def feed(self, data: bytes) -> bytes:
        """What can be shown, now that this came."""
        if not self._redactor:
            return data
        whole = self._kept_back + data
        end = self._redactor.settled(whole)
        self._kept_back = whole[end:]
        return self._redactor.data(whole[:end])

    def end(self) -> bytes:
        """What was kept back, now that no more comes."""
        rest, self._kept_back = self._kept_back, b""
        return self._redactor.data(rest)


NOTHING: Final = Redactor(())
_concealed = NOTHING


def masked(text: str) -> str:
    """A URL, or a text with URLs in it, without their secrets."""
    text = _concealed.text(text)
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


def kept_variable(name: str, value: str) -> str:
    """The value of an environment variable as it may be stored: without what is a secret by name.

    What only looks like a random value is kept: it may as well be the name of a build.
    """
    return MASK if value and names_secret(name) else masked(value)


def is_withheld(value: str, *, secret: bool = False) -> bool:
    """Whether a secret was taken out of a value, which was one or had one in a URL."""
    return (secret and value == MASK) or (MASK in value and "://" in value)


def values_in(text: str) -> Iterator[str]:
    """The secrets in the URLs of a text, as they are there and as they are meant."""
    found = []
    for match in _USER.finditer(text):
        name, colon, password = match[2].partition(":")
        found.append(password if colon else name)
    found += [match[3] for match in _QUERY.finditer(text) if is_secret(match[2][:MAX_NAME])]
    for each in found:
        if each != MASK:
            yield each
            yield unquote(each)


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
