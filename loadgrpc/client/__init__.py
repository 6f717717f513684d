"""The Python API to a broker: start, watch and stop runs, read their results."""

from __future__ import annotations

from loadgrpc.client.blocking import BlockingClient, RunHandle
from loadgrpc.client.client import Client
from loadgrpc.client.credentials import Credentials
from loadgrpc.client.handle import AsyncRunHandle
from loadgrpc.client.result import HitTimes, LoadResult
from loadgrpc.client.results import RunResults

__all__ = [
    "AsyncRunHandle",
    "BlockingClient",
    "Client",
    "Credentials",
    "HitTimes",
    "LoadResult",
    "RunHandle",
    "RunResults",
]
