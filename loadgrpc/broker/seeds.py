"""The seed of a plan that draws at random and names none: it is chosen once, and shown.

Rule: whoever asks for the same plan again means the same run, whatever its seed became.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Final

from loadgrpc.model import Plan, Spacing

MAX_SEED: Final = 2**32 - 1


def seeded(plan: Plan) -> Plan:
    """The plan with a seed, if it needs one."""
    drawn = any(each.arrivals is Spacing.POISSON for each in plan.scenarios)
    return replace(plan, seed=secrets.randbelow(MAX_SEED) + 1) if drawn and not plan.seed else plan


def same(asked: Plan, known: Plan) -> bool:
    """Whether a plan that is asked for is one that is known."""
    return asked == (known if asked.seed else replace(known, seed=0))
