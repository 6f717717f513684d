"""Which of the idle agents a run gets: those that spread it over the most hosts.

Rule: pure. An agent is taken from the host that has fewest agents with work, those just taken
among them; where several have as few, from the one that comes first by name, and there the agent
that comes first. So a machine that runs five agents does not carry a run of five alone while
others are idle.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping


def spread(idle: Mapping[str, str], wanted: int, working: Iterable[str] = ()) -> list[str]:
    """At most `wanted` of the agents in `idle`, which maps ids to hosts; by id.

    `working`: the host of each agent that has work already. An agent whose host is not known, "",
    is a host of its own.
    """
    busy = Counter(working)
    by_host: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for agent_id, host in idle.items():
        by_host[host, "" if host else agent_id].append(agent_id)
    for agents in by_host.values():
        agents.sort(reverse=True)
    hosts = [(busy[key[0]] if key[0] else 0, key) for key in by_host]
    heapq.heapify(hosts)
    taken: list[str] = []
    while hosts and len(taken) < wanted:
        load, key = heapq.heappop(hosts)
        taken.append(by_host[key].pop())
        if by_host[key]:
            heapq.heappush(hosts, (load + 1, key))
    return sorted(taken)
