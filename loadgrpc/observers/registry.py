"""Observers by name: those that are built in, those that packages register, and classes by path.

A package registers an observer of its own by an entry point:

    [project.entry-points."loadgrpc.observers"]
    pager = "my_package.pager:Pager"
"""

from __future__ import annotations

import importlib
from typing import Final

from loadgrpc.observers.observer import Observer

GROUP: Final = "loadgrpc.observers"
BUILT_IN: Final = {
    "webhook": "loadgrpc.observers.webhook:Webhook",
    "irc": "loadgrpc.observers.irc:Irc",
    "email": "loadgrpc.observers.mail:Email",
    "slack": "loadgrpc.observers.slack:Slack",
}
"""By name, and where the class is."""


class Unknown(Exception):
    """No observer has this name, or it cannot be loaded; the sentence says why."""


def is_path(name: str) -> bool:
    """Whether a name says where a class is, `package.module.Class`, and is not registered."""
    return "." in name and name not in registered()


def registered() -> dict[str, str]:
    """Observers by name that are built in or registered, and where their classes are."""
    from importlib import metadata  # noqa: PLC0415 - slow

    found = {each.name: each.value for each in metadata.entry_points(group=GROUP)}
    return found | BUILT_IN


def find(name: str) -> type[Observer]:
    """The class of an observer. This may run code of others: see `Observer`.

    Raises:
        Unknown: there is none, it cannot be loaded, or it is not an observer.
    """
    known = BUILT_IN if name in BUILT_IN else registered()  # each command needs some, at once
    if name not in known and "." not in name:
        names = ", ".join(sorted(known))
        raise Unknown(f"is not known; there are {names}, and package.module.Class")
    where = known.get(name) or "{0}:{2}".format(*name.rpartition("."))
    module, _, attribute = where.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except Exception as error:  # whatever somebody's module raises
        raise Unknown(f"cannot be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(found, type) or not issubclass(found, Observer):
        raise Unknown("is not a class made of loadgrpc.observers.Observer")
    return found
