"""How a broker, its agents and its active runs look: in lines, and as a document."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, Final

from loadgrpc.cli.runs import going_on
from loadgrpc.model import AgentState
from loadgrpc.protocol.version import other_version
from loadgrpc.text import one_line

if TYPE_CHECKING:
    from loadgrpc.cli.line import Line
    from loadgrpc.client import Client
    from loadgrpc.model import AccessInfo, Agent, BrokerInfo, Run

MAX_TOLD: Final = 10
"""What is wrong with agents, in lines."""
LABEL: Final = 12
"""Columns of what stands before each line of the first table."""


async def status(client: Client) -> tuple[BrokerInfo, list[Agent], list[Run], AccessInfo]:
    """What a broker says of itself, its agents, its active runs, and of who asks."""
    info = await client.get_broker()
    return info, await client.list_agents(), await going_on(client), await _access(client)


async def _access(client: Client) -> AccessInfo:
    from loadgrpc.errors import LoadgrpcError  # noqa: PLC0415
    from loadgrpc.model import AccessInfo  # noqa: PLC0415

    try:
        return await client.access.caller()
    except LoadgrpcError:
        return AccessInfo()  # it is too old to be asked, and does not ask anybody either


def document(
    info: BrokerInfo, agents: list[Agent], runs: list[Run], access: AccessInfo
) -> dict[str, Any]:
    """The same as what the protocol has of it: GetBroker, ListAgents, ListRuns, GetCaller."""
    from loadgrpc.protocol.access import access_to_proto  # noqa: PLC0415 - as below
    from loadgrpc.protocol.document import as_document  # noqa: PLC0415
    from loadgrpc.protocol.runs import agent_to_proto, broker_to_proto, run_to_proto  # noqa: PLC0415 - protobuf is heavy

    found = {
        "broker": as_document(broker_to_proto(info)),
        "agents": [as_document(agent_to_proto(agent)) for agent in agents],
        "runs": [as_document(run_to_proto(run)) for run in runs],
    }
    return {**found, "access": as_document(access_to_proto(access))} if access.tls else found


def version(agents: str, brokers: str) -> str:
    """The version of an agent, marked if it was not made for the broker's; `-`: not known."""
    text = one_line(agents) or "-"
    return f"{text} !" if other_version(agents, brokers) else text


def condition(agent: Agent) -> str:
    """What an agent is doing, in a word; of one that is away also that it is drained."""
    word = agent.state.name.lower()
    if agent.drained and agent.state is AgentState.UNREACHABLE:
        return f"{word}, drained"
    return word


def _settings(broker: str, info: BrokerInfo) -> list[str]:
    """How a broker is set, as far as that is known; `broker`: the address that it was asked at."""
    from loadgrpc.cli.figures import size, span  # noqa: PLC0415
    from loadgrpc.text import counted  # noqa: PLC0415

    found = []
    if info.address and info.address != broker:
        found.append(f"listens on {one_line(info.address)}")
    if info.lease_s:
        found.append(f"lease {span(round(info.lease_s))}")
    if info.keep_runs is not None:
        found.append(f"keeps the hits of {counted(info.keep_runs, 'run')}")
    if info.keep_hits_bytes is not None:
        found.append(f"keeps {size(info.keep_hits_bytes)} of hits")
    if info.allow_version_skew:
        found.append("accepts agents of other versions")
    return found


def _protection(access: AccessInfo | None, now_ns: int, width: int) -> list[Line]:
    """The one who asks, how the broker knows, and what ends soon."""
    from loadgrpc.certs.folder import date_of, ends_soon  # noqa: PLC0415
    from loadgrpc.cli.line import Line, Style  # noqa: PLC0415
    from loadgrpc.cli.table import labelled  # noqa: PLC0415

    if access is None or (caller := access.caller) is None:
        return []
    until, shown = caller.expire_time_ns or 0, "token" if caller.token else "certificate"
    parts = [str(caller), f"{shown} until {date_of(until)}"]
    if access.tokens_address:
        parts.append(f"tokens at {access.tokens_address}")
    found = labelled("you", parts, width)
    if (ends := access.broker_expire_time_ns) is not None and ends_soon(ends, now_ns):
        text = f"  ! the certificate of the broker is valid until {date_of(ends)}: renew it there"
        found.append(Line(f"{text} (loadgrpc certs renew)", Style.WARNING))
    if ends_soon(until, now_ns):
        found.append(Line(f"  ! your {shown} is valid until {date_of(until)}", Style.WARNING))
    return found


def _limited(info: BrokerInfo, now_ns: int) -> list[Line]:
    """The limits that somebody has met, and who did so last."""
    from loadgrpc.cli.figures import ago  # noqa: PLC0415
    from loadgrpc.cli.line import Line, Style  # noqa: PLC0415

    found = []
    for use in info.limits:
        if not use.refused and not use.delayed:
            continue
        did = [f"refused {use.refused:,}"] if use.refused else []
        did += [f"delayed {use.delayed:,}"] if use.delayed else []
        value = f"{use.value}/s" if use.per_s else str(use.value)
        text = f"  ! limit {use.name}={value}: {', '.join(did)}"
        if use.last_time_ns is not None:
            text += f"; last: {one_line(use.last_caller)}, {ago(now_ns - use.last_time_ns)}"
        found.append(Line(text, Style.WARNING))
    return found


def lines(
    broker: str,
    info: BrokerInfo,
    agents: list[Agent],
    runs: list[Run],
    access: AccessInfo | None = None,
    *,
    now_ns: int,
    width: int,
) -> list[Line]:
    """What there is to say, in lines."""
    from collections import Counter  # noqa: PLC0415

    from loadgrpc.cli.figures import NONE, ago, clock  # noqa: PLC0415
    from loadgrpc.cli.figures import size as sized  # noqa: PLC0415
    from loadgrpc.cli.line import Line, Style  # noqa: PLC0415
    from loadgrpc.cli.runs import table, troubled  # noqa: PLC0415
    from loadgrpc.cli.table import labelled, text_table  # noqa: PLC0415

    states = Counter(agent.state for agent in agents)
    by_state = [f"{count} {state.name.lower()}" for state, count in sorted(states.items())]
    found = labelled(
        "broker",
        [
            broker,
            f"loadgrpc {one_line(info.version)}",
            f"process {info.pid} on {one_line(info.hostname)}",
            f"up {clock(max(now_ns - info.start_time_ns, 0))}",
            *_settings(broker, info),
        ],
        width,
    )
    size = [] if info.store_bytes is None else [sized(info.store_bytes)]
    found += labelled("store", [one_line(info.store), *size], width)
    if info.store_trouble:
        trouble = f"accepts no writes at present, events wait: {one_line(info.store_trouble)}"
        indent = " " * LABEL
        found += [Line(indent + text, Style.BAD) for text in textwrap.wrap(trouble, width - LABEL)]
    found += labelled(
        "agents", [": ".join([str(len(agents)), ", ".join(by_state)][: 1 + bool(agents)])], width
    )
    found += labelled("runs", [f"{info.active_runs} active"], width)
    found += _protection(access, now_ns, width)
    found += _limited(info, now_ns)
    if agents:
        rows = [
            [
                one_line(agent.agent_id),
                condition(agent),
                one_line(agent.run_id) or "-",
                one_line(agent.hostname),
                version(agent.version, info.version),
                str(agent.pid) if agent.pid else "-",
                str(agent.cores) if agent.cores else "-",
                ago(now_ns - agent.last_seen_time_ns) if agent.last_seen_time_ns else NONE,
            ]
            for agent in agents
        ]
        headings = ["Agents", "state", "run", "host", "version", "pid", "cores", "seen"]
        found += [Line(), *text_table(headings, rows, width)]
        confined = [agent for agent in agents if agent.confinement]
        for agent in confined[:MAX_TOLD]:
            text = f"  {one_line(agent.agent_id)} runs {one_line(str(agent.confinement))}"
            found.append(Line(text))
        if len(confined) > MAX_TOLD:
            found.append(Line(f"  and {len(confined) - MAX_TOLD} more are confined"))
        told = [(agent, message) for agent in agents for message in agent.troubles]
        for agent, message in told[:MAX_TOLD]:
            text = f"  ! {one_line(agent.agent_id)}: {one_line(message)}"
            found.append(Line(text, Style.WARNING))
        if len(told) > MAX_TOLD:
            found.append(Line(f"  ! and {len(told) - MAX_TOLD} more", Style.WARNING))
    if runs:
        found += [Line(), *table(runs, now_ns=now_ns, width=width), *troubled(runs)]
    return found
