"""Campaigns: runs that depend on each other, put together like values.

    from loadgrpc import campaign

    nightly = campaign.of(
        campaign.chain(
            campaign.run(warm_up),
            campaign.chord(campaign.map(shop, "users", [10, 20, 30]), campaign.run(report)),
        ),
        title="nightly",
    )

Rule: pure. Whatever puts steps together makes pieces of one graph (`Fragment`); `of` makes a
campaign of a piece, and says what is wrong with it. A broker runs it: see `client.campaigns.start`.
"""

from loadgrpc.campaign.compose import (
    Fragment,
    chain,
    chord,
    chunks,
    gate,
    group,
    map,  # noqa: A004 - what everybody calls it; it is used as `campaign.map`
    notify,
    of,
    run,
    starmap,
)
from loadgrpc.campaign.drawing import mermaid
from loadgrpc.campaign.results import RESULTS_ENV, StepOutcome, as_text, results
from loadgrpc.campaign.shape import MAX_STEPS, wrong

__all__ = [
    "MAX_STEPS",
    "RESULTS_ENV",
    "Fragment",
    "StepOutcome",
    "as_text",
    "chain",
    "chord",
    "chunks",
    "gate",
    "group",
    "map",
    "mermaid",
    "notify",
    "of",
    "results",
    "run",
    "starmap",
    "wrong",
]
