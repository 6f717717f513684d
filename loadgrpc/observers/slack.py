"""Notices as messages in a channel of Slack, or of what takes the same: Mattermost, Rocket.Chat.

    {"text": "nightly: web.TestShop.test_buy: passed: …"}

Rule: the address of an incoming webhook is a secret: whoever has it can write to the channel.
"""

from __future__ import annotations

import json
from typing import Final

from loadgrpc.observers.notice import Notice
from loadgrpc.observers.observer import Observer, ObserverSetting
from loadgrpc.observers.webhook import post

MARKS: Final = {
    **dict.fromkeys(("end", "success", "campaign"), ":white_check_mark:"),
    "start": ":arrow_forward:",
}
"""In front of good news, by event."""
BAD_MARK: Final = ":x:"


class Slack(Observer):
    """See the module."""

    SETTINGS = (
        ObserverSetting(
            name="url",
            kind="url",
            required=True,
            connects=True,
            secret=True,
            help="The address of the incoming webhook.",
        ),
    )

    def notify(self, notice: Notice) -> None:
        """See Observer."""
        mark = BAD_MARK if notice.bad else MARKS.get(notice.event, "")
        text = f"{mark} {escaped(notice.text)}".strip()
        post(self.settings["url"], json.dumps({"text": text}).encode(), {})


def escaped(text: str) -> str:
    """A text in which nothing is a mention, a link or an entity."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
