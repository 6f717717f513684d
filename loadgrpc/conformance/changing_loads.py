"""The cases of loads that change over time: what shows rules 7.13 to 7.21."""

from __future__ import annotations

from typing import Final

from loadgrpc.conformance.case import MANY, Case
from loadgrpc.conformance.script import Script
from loadgrpc.model import Cycle, LoadChange, LoadChangeKind, Spacing

CHANGING: Final = (
    Case(
        name="arrivals",
        title="arrivals at a rate that rises to 200 per second for this agent",
        load="ramp 0..400/s in 600ms; 400/s for 600ms",
        cycles=(Cycle(users=100, duration_s=1.2),),
        rules=("7.13", "7.14", "7.15"),
        all_users_only=True,
        alone=True,
        tries=3,
    ),
    Case(
        name="poisson",
        title="arrivals as independent visitors come",
        load="100/s for 1s",
        arrivals=Spacing.POISSON,
        cycles=(Cycle(users=100, duration_s=1.0),),
        rules=("7.14", "7.15"),
        all_users_only=True,
    ),
    Case(
        name="load-changed",
        title="the rate of arrivals is changed live",
        load="60/s for 1500ms",
        cycles=(Cycle(users=100, duration_s=1.5),),
        script=Script(
            then="load_changed",
            changes=(LoadChange(0.3, LoadChangeKind.LEVEL, 120.0),),
            after_requests=10,
            after_events=MANY,
        ),
        rules=("7.15", "7.16"),
        all_users_only=True,
    ),
    Case(
        name="paused",
        title="arrivals are paused live, and resumed",
        load="60/s for 1s",
        cycles=(Cycle(users=100, duration_s=1.0),),
        script=Script(
            then="load_changed",
            changes=(LoadChange(0.2, LoadChangeKind.PAUSE), LoadChange(0.6, LoadChangeKind.RESUME)),
            after_requests=6,
            after_events=MANY,
        ),
        rules=("7.17",),
        all_users_only=True,
        tries=3,
    ),
    Case(
        name="levels",
        title="users come, go, and come",
        load="levels 2,6,2,6 users each 600ms",
        cycles=(Cycle(users=3, duration_s=2.4),),
        page="slow",
        rules=("7.18", "7.19", "7.20"),
        all_users_only=True,
        tries=3,
    ),
    Case(
        name="begin-ahead",
        title="a load begins most of a second after `start_cycle`",
        load="60/s for 500ms",
        cycles=(Cycle(users=100, duration_s=0.5),),
        script=Script(begin_in_s=0.8),
        rules=("7.21",),
        all_users_only=True,
        tries=3,
    ),
    Case(
        name="begin-ahead-users",
        title="the same, of users",
        load="4 users for 500ms",
        cycles=(Cycle(users=2, duration_s=0.5),),
        page="slow",
        script=Script(begin_in_s=0.8),
        rules=("7.21",),
        all_users_only=True,
        tries=3,
    ),
    Case(
        name="begin-past",
        title="a load has begun half a second before `start_cycle`",
        load="60/s for 1s",
        cycles=(Cycle(users=100, duration_s=1.0),),
        script=Script(begin_in_s=-0.5),
        rules=("7.21",),
        all_users_only=True,
        tries=3,
    ),
    Case(
        name="begin-far",
        title="a load is to begin in an hour, which only a clock can mean that was set",
        load="60/s for 500ms",
        cycles=(Cycle(users=100, duration_s=0.5),),
        script=Script(begin_in_s=3600.0),
        rules=("7.21",),
        all_users_only=True,
        tries=3,
    ),
)
