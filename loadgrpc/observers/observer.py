"""What an observer is: a class with a name, settings, and a method that notifies somebody."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from loadgrpc.observers.notice import Notice

MAX_PORT: Final = 65_535
FLAGS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
"""How people write what is set or not."""
_URL: Final = re.compile(r"https?://[^\s/?#@]+([/?][^\s#]*)?", re.IGNORECASE)
_ADDRESS: Final = re.compile(r"[^\s@<>,;:\"]+@[^\s@<>,;:\"]+")


class Undeliverable(Exception):
    """The receiver will not take a notice, however often it is tried: it is given up at once."""


@dataclass(frozen=True, kw_only=True)
class ObserverSetting:
    """A setting of an observer."""

    name: str
    help: str = ""
    kind: str = "text"
    """Of its value: one of KINDS."""
    default: str = ""
    required: bool = False
    secret: bool = False
    """It comes from the environment of the broker or from a file there, and from nowhere else."""
    connects: bool = False
    """It says to whom the observer connects; whoever sets it gets no secret of somebody else's."""

    def wrong(self, value: str) -> str:
        """What is wrong with a value, as a sentence without its subject; empty: nothing."""
        if not value.isprintable():
            return "must be of characters that can be printed"
        expected = KINDS[self.kind](value)
        return f"must be {expected}" if expected else ""


def _port(value: str) -> str:
    valid = value.isascii() and value.isdecimal() and len(value) <= len(str(MAX_PORT))
    return "" if valid and 0 < int(value) <= MAX_PORT else f"a port from 1 to {MAX_PORT}"


KINDS: Final[dict[str, Callable[[str], str]]] = {
    "text": lambda _: "",
    "flag": lambda value: "" if value.lower() in FLAGS else "true or false",
    "port": _port,
    "url": lambda value: (
        "" if _URL.fullmatch(value) else "a URL such as https://example.org/hook, without a user"
    ),
    "address": lambda value: (
        "" if _ADDRESS.fullmatch(value) else "an address such as you@example.org"
    ),
    "addresses": lambda value: (
        ""
        if all(_ADDRESS.fullmatch(each.strip()) for each in value.split(","))
        else "addresses such as you@example.org, separated by commas"
    ),
    "tls": lambda value: (
        "" if value in {"auto", "start", "on", "off"} else "auto, start, on or off"
    ),
    "channel": lambda value: (
        "" if re.fullmatch(r"[#&+!][^\s,:\x07]{1,63}", value) else "a channel such as #load"
    ),
    "host": lambda value: (
        "" if re.fullmatch(r"[^\s/@?#,]+", value) else "a host such as mail.example.org"
    ),
    "token": lambda value: "without spaces" if re.search(r"\s", value) else "",
    "word": lambda value: "" if re.fullmatch(r"[^\s,:@!\x00-\x20][^\s,:@!]*", value) else "a word",
}
"""Kinds of values, and what is expected of one, as text; empty: that is what it is."""


HOOKS: Final = {
    "before-start": "before_start",
    "start": "on_start",
    "agent-lost": "on_agent_lost",
    "after-attempt": "after_attempt",
}
"""Methods for events, by default. Of the end they are those of how it went."""


class Observer:
    """Notifies somebody, or something. One is made for each try, in a process of its own.

    `settings` has a value for every setting of `SETTINGS`: the one that was given, or the default.
    """

    SETTINGS: ClassVar[tuple[ObserverSetting, ...]] = ()

    def __init__(self, settings: Mapping[str, str]) -> None:
        self.settings = settings

    def notify(self, notice: Notice) -> None:
        """Delivers a notice, and returns when it is delivered. It may take TRY_S seconds at most.

        By default it is handed to the hooks of its event, below, for classes that have something
        of their own to do for each.

        Raises:
            Undeliverable: it will not be taken, and is given up.
            Exception: it was not delivered, and is tried again later. The sentence is shown.
        """
        if notice.event in HOOKS:
            getattr(self, HOOKS[notice.event])(notice)
        elif notice.exit_code is not None:
            (self.on_failure if notice.exit_code else self.on_success)(notice)
            self.after_return(notice)

    def before_start(self, notice: Notice) -> None:
        """A run is about to start; it does not wait for this."""

    def on_start(self, notice: Notice) -> None:
        """The first cycle of a run began."""

    def on_agent_lost(self, notice: Notice) -> None:
        """A run lost an agent."""

    def after_attempt(self, notice: Notice) -> None:
        """An attempt of a run is over, whether another one follows or not."""

    def on_success(self, notice: Notice) -> None:
        """A run, or the steps of a campaign, passed."""

    def on_failure(self, notice: Notice) -> None:
        """A run, or one of the steps of a campaign, did not pass."""

    def after_return(self, notice: Notice) -> None:
        """A run is over, after `on_success` or `on_failure`."""

    def flag(self, name: str) -> bool:
        """Whether a setting of the kind `flag` is set."""
        return FLAGS[self.settings[name].lower()]

    def port(self, name: str, otherwise: int) -> int:
        """A setting of the kind `port`, or what applies without it."""
        return int(self.settings[name] or otherwise)


def wrong(
    settings: tuple[ObserverSetting, ...], given: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """What is wrong with the given settings: which one, and how."""
    known = {setting.name: setting for setting in settings}
    for name, value in given.items():
        if name not in known:
            names = ", ".join(sorted(known)) or "none"
            yield name, f"is not one of its settings: {names}"
        elif detail := known[name].wrong(value) if value else "":
            yield name, detail
