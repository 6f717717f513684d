"""Server reflection: a stranger asks a running server what it speaks, comments included."""

from loadgrpc.reflection.registry import Registry
from loadgrpc.reflection.service import add_reflection

__all__ = ["Registry", "add_reflection"]
