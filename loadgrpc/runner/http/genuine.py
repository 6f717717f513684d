"""Whether a function is still the one that its library came with.

Rule: code that has replaced a function of a library gets what it asked for; only what nobody has
touched may be done in another way.
"""

from __future__ import annotations


def is_of(module: str, function: object) -> bool:
    """Whether a function or bound method was written in `module`; a wrapper of it was not."""
    names: dict[str, object] = getattr(function, "__globals__", {})
    return names.get("__name__") == module


def is_overridden(thing: object, allowed: frozenset[str] = frozenset()) -> bool:
    """Whether a method of this very object has been replaced, other than the `allowed`."""
    kind = type(thing)
    return any(callable(getattr(kind, name, None)) and name not in allowed for name in vars(thing))
