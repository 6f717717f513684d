"""Settings from the environment of the broker, or from files there: the way for secrets.

    LOADGRPC_OBSERVER_EMAIL_PASSWORD=…              the setting `password` of the observer `email`
    LOADGRPC_OBSERVER_EMAIL_PASSWORD_FILE=/run/…    or a file that has it, which is read each time

Rule: what says to whom an observer connects, and the secrets for it, have one origin. Whoever sets
an address in a plan gets none of the broker's secrets with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from loadgrpc import private
from loadgrpc.observers.observer import ObserverSetting

MAX_FILE_BYTES: Final = 8_192
PREFIX: Final = "LOADGRPC_OBSERVER_"


class UnreadableFile(Exception):
    """A file that is to hold a setting cannot be read."""


def variable(observer: str, setting: str) -> str:
    """The variable of a setting."""
    return PREFIX + re.sub(r"[^A-Z0-9]+", "_", f"{observer}_{setting}".upper())


def from_environment(
    observer: str, settings: Iterable[ObserverSetting], environ: Mapping[str, str]
) -> dict[str, str]:
    """What the environment, or files that it names, say of an observer's settings.

    Raises:
        UnreadableFile: a file cannot be read.
    """
    found = {}
    for setting in settings:
        name = variable(observer, setting.name)
        if value := environ.get(name, ""):
            found[setting.name] = value
        elif path := environ.get(f"{name}_FILE", ""):
            found[setting.name] = _content(f"{name}_FILE", Path(path))
    return found


def _content(variable_name: str, path: Path) -> str:
    try:
        data = private.read(path, MAX_FILE_BYTES)
    except OSError as error:
        raise UnreadableFile(f"the file of {variable_name}: {error.strerror or error}") from None
    if data is None:
        raise UnreadableFile(
            f"the file of {variable_name} is no file, or has over {MAX_FILE_BYTES} B"
        )
    return data.decode(errors="replace").strip()


def combined(
    observer: str,
    settings: tuple[ObserverSetting, ...],
    *,
    own: Mapping[str, str],
    plan: Mapping[str, str],
    trusted: bool,
    environ: Mapping[str, str],
) -> dict[str, str]:
    """The value of every setting: the plan's, or the broker's own, or the default.

    `own`: what the broker was started with. `trusted`: the plan is of whom the environment is.

    Raises:
        UnreadableFile: a file cannot be read.
    """
    base = {**from_environment(observer, settings, environ), **own}
    if not trusted and any(setting.connects and setting.name in plan for setting in settings):
        bound = {setting.name for setting in settings if setting.connects or setting.secret}
        base = {name: value for name, value in base.items() if name not in bound}
    found = {setting.name: setting.default for setting in settings}
    return found | base | dict(plan)


def missing(
    observer: str, settings: tuple[ObserverSetting, ...], values: Mapping[str, str]
) -> dict[str, str]:
    """The required settings that have no value, and what to do about each."""
    return {
        setting.name: (
            f"is required; it is a secret: set {variable(observer, setting.name)} or "
            f"{variable(observer, setting.name)}_FILE where the broker runs"
            if setting.secret
            else f"is required, unless the broker has it in {variable(observer, setting.name)}"
        )
        for setting in settings
        if setting.required and not values.get(setting.name)
    }


def scrubbed(text: str, settings: Iterable[ObserverSetting], values: Mapping[str, str]) -> str:
    """A text without the secrets that are in it, whole or, of a URL, by what is after the host."""
    hidden = set()
    for setting in settings:
        if setting.secret and (value := values.get(setting.name, "")):
            hidden.add(value)
            if setting.kind == "url":
                rest = value.partition("://")[2].partition("/")[2]
                hidden |= {part for part in (rest, *re.split(r"[/?&=]", rest)) if part}
    for value in sorted(hidden, key=len, reverse=True):
        if len(value) >= MIN_SCRUBBED or value == text:
            text = text.replace(value, "***")
    return text


MIN_SCRUBBED: Final = 4
"""Characters of a part that is looked for: shorter ones are in everything."""
