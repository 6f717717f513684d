"""What is to be done after something happened to a run: decided in `life.py`."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from loadgrpc.broker.happened import Event
from loadgrpc.model import SourceId
from loadgrpc.protocol.answers import Answer as SourceAnswer
from loadgrpc.protocol.fleet import Order as AgentOrder


@dataclass(frozen=True)
class Save:
    """Store what is known of the run, and show it then; `then` happens when it is stored.

    `patient`: wait for a store that takes no writes. If not, somebody waits for the answer.
    """

    then: Event | None = None
    patient: bool = True


@dataclass(frozen=True)
class Order:
    """Tell an agent something, if it is connected."""

    agent_id: str
    order: AgentOrder


@dataclass(frozen=True)
class Reply:
    """Tell a source something, on all its streams."""

    source_id: SourceId
    answer: SourceAnswer


@dataclass(frozen=True)
class Release:
    """The part of an agent is over: the agent is free, unless it was given up."""

    agent_id: str


@dataclass(frozen=True)
class GiveUp:
    """Give up the part of an agent, which stays busy until it reports that the part is over."""

    agent_id: str


@dataclass(frozen=True)
class Close:
    """The run is over: make its result, store it, and let everybody go."""


@dataclass(frozen=True)
class Log:
    """Log something about the run for people."""

    words: str
    level: int = logging.INFO
    agent_id: str = ""


Command = Save | Order | Reply | Release | GiveUp | Close | Log
