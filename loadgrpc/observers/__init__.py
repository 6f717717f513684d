"""Observers: who is notified when a run starts, ends, or loses an agent.

Rule: an observer runs in a process of its own, one for each try (`__main__.py`), which the broker
starts and ends (`broker/tries.py`): whatever an observer does, or fails to do, neither the broker
nor another observer waits for it. Therefore observers here are plain blocking code, and know
neither asyncio nor gRPC.

To write one of your own, see docs/observers.md.
"""

from loadgrpc.observers.notice import Notice
from loadgrpc.observers.observer import Observer, ObserverSetting, Undeliverable

__all__ = ["Notice", "Observer", "ObserverSetting", "Undeliverable"]
