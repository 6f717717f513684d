"""The Python API to a broker: start, watch and stop runs, read their results."""

from __future__ import annotations

from loadgrpc.client.client import Client
from loadgrpc.client.results import RunResults

__all__ = ["Client", "RunResults"]
