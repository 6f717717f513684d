"""The checks of the rules, by what they are about."""

from loadgrpc.conformance.checks import (
    answers,
    delivery,
    ending,
    events,
    fed,
    hits,
    load,
    sockets,
    stages,
)
from loadgrpc.conformance.checks.registry import CHECKS

__all__ = [
    "CHECKS",
    "answers",
    "delivery",
    "ending",
    "events",
    "fed",
    "hits",
    "load",
    "sockets",
    "stages",
]
