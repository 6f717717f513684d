"""The Python API to a broker: start, watch and stop runs, read their results."""

from __future__ import annotations

from loadgrpc.client.client import Client

__all__ = ["Client"]
