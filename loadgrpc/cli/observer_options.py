"""The options of observers, which `loadgrpc run` and `loadgrpc broker` share.

Rule: the flags of the observers that are built in are made from their settings; secrets have none,
because everybody on a machine can read its command lines, and plans are stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, TypeVar

import click

from loadgrpc.cli import values
from loadgrpc.cli.failure import Failure
from loadgrpc.cli.together import together
from loadgrpc.model import ObserverChoice, ObserverEvent, hyphened, words_of
from loadgrpc.observers import ObserverSetting
from loadgrpc.observers.environment import variable
from loadgrpc.observers.registry import BUILT_IN, find
from loadgrpc.protocol import kinds

F = TypeVar("F", bound=Callable[..., Any])

EVENTS: Final = words_of(ObserverEvent)
"""As people write them."""


def _flags() -> Iterator[tuple[str, str, ObserverSetting]]:
    """The name of each flag's parameter, and the observer and the setting that it sets."""
    for observer in BUILT_IN:
        for setting in find(observer).SETTINGS:
            if not setting.secret:
                yield f"observer_{observer}_{setting.name}", observer, setting


FLAGS: Final = tuple(_flags())
OF_OBSERVERS: Final = frozenset(parameter for parameter, _, _ in FLAGS)
"""Parameters whose variables are read by the broker: see `observers/environment.py`."""
VARIABLES: Final = frozenset(
    variable(observer, setting.name) + suffix
    for observer in BUILT_IN
    for setting in find(observer).SETTINGS
    for suffix in ("", "_FILE")
)
SECTION: Final = (
    *("observers", "observer_events"),
    *(parameter for parameter, _, _ in FLAGS),
    "observer_settings",
)
"""The options below, for the section of a help text."""


class SettingValue(values.Value[str]):
    """The value of a setting."""

    def __init__(self, setting: ObserverSetting) -> None:
        self.setting = setting
        self.name = setting.kind.upper()

    def read(self, text: str) -> str:
        """See Value."""
        if detail := self.setting.wrong(text):
            raise ValueError(f"it {detail}, not {text!r}")
        return text


class EventsValue(values.Value[tuple[ObserverEvent, ...]]):
    """Events, separated by commas."""

    name = "EVENTS"

    def read(self, text: str) -> tuple[ObserverEvent, ...]:
        """See Value."""
        words = [hyphened(each.strip()) for each in text.split(",")]
        for word in words:
            if word not in EVENTS:
                raise ValueError(f"{word!r} is none of {', '.join(EVENTS)}")
        return tuple(dict.fromkeys(EVENTS[word] for word in words))


class OfObserver(values.Value[tuple[str, str, str]]):
    """A setting of any observer: its name, that of the setting, and the value."""

    name = "NAME.SETTING=VALUE"

    def read(self, text: str) -> tuple[str, str, str]:
        """See Value."""
        where, equals, value = text.partition("=")
        observer, dot, setting = where.rpartition(".")
        if not (equals and dot and observer and setting):
            raise ValueError(f"{text!r} is not {self.name}; expected pager.team=web, say")
        return observer, setting, values.printable(value, kinds.MAX_SETTING_CHARS)


def add(meaning: str) -> Callable[[F], F]:
    """Gives a command the options; `meaning` says what --observer does there."""
    return together(*_options(meaning))


def _options(meaning: str) -> list[Callable[[F], F]]:
    return [
        click.option(
            "--observer",
            "observers",
            multiple=True,
            type=values.Printable(kinds.MAX_OBSERVER_NAME_CHARS),
            metavar="NAME",
            help=meaning,
        ),
        click.option(
            "--observer-on",
            "observer_events",
            type=EventsValue(),
            help=f"What they are notified of: {', '.join(EVENTS)}, separated by commas."
            "  [default: end]",
        ),
        *(
            click.option(
                f"--{parameter.replace('_', '-')}",
                parameter,
                type=SettingValue(setting),
                help=setting.help + (f"  [default: {setting.default}]" * bool(setting.default)),
            )
            for parameter, _, setting in FLAGS
        ),
        click.option(
            "--observer-setting",
            "observer_settings",
            multiple=True,
            type=OfObserver(),
            help="A setting of any observer. May be given several times.",
        ),
    ]


def settings_of(asked: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The settings that were given, by observer and name."""
    found: dict[str, dict[str, str]] = {}
    for parameter, observer, setting in FLAGS:
        if (value := asked.get(parameter)) is not None:
            found.setdefault(observer, {})[setting.name] = value
    for observer, name, value in asked.get("observer_settings") or ():
        found.setdefault(observer, {})[name] = value
    return found


def chosen(asked: Mapping[str, Any]) -> tuple[ObserverChoice, ...]:
    """The observers that were asked for, without settings."""
    events = asked["observer_events"] or (ObserverEvent.END,)
    names = dict.fromkeys(asked["observers"])
    return tuple(ObserverChoice(name=name, events=events) for name in names)


def planned(asked: Mapping[str, Any], layers: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Layers of options, with observers as a plan has them where a layer names some.

    `asked` is what holds of all layers; the last of them is what was typed. Settings of observers
    that nobody asks for are left alone, unless they were typed.

    Raises:
        Failure: they were.
    """
    settings = settings_of(asked)
    choices = tuple(
        replace(each, settings=tuple(sorted(settings.get(each.name, {}).items())))
        for each in chosen(asked)
    )
    found = []
    for layer in layers:
        typed = dict(layer)
        of_plan = {name: value for name, value in layer.items() if name not in SECTION}
        found.append({**of_plan, "observers": choices} if layer.get("observers") else of_plan)
    _check_typed(typed, {each.name for each in choices})
    return found


def _check_typed(typed: Mapping[str, Any], names: set[str]) -> None:
    for observer in settings_of(typed):
        if observer not in names:
            raise Failure(
                f"there are settings of the observer {observer!r}, which nobody asked for: "
                f"add --observer {observer}"
            )
    if typed.get("observer_events") and not names:
        raise Failure("--observer-on needs --observer")
