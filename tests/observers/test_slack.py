"""Slack: one text, in which nothing is a mention, and an address that nobody sees."""

import json
from dataclasses import replace

import pytest

from loadgrpc.observers import Undeliverable


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({}, ":white_check_mark: nightly: a.B.c: passed: 12 hits; run r-1"),
        ({"event": "start", "exit_code": None, "text": "began"}, ":arrow_forward: began"),
        ({"exit_code": 1, "text": "failed"}, ":x: failed"),
        ({"event": "agent-lost", "exit_code": None, "text": "lost"}, ":x: lost"),
        ({"text": "<!channel> & <@U1>"}, ":white_check_mark: &lt;!channel&gt; &amp; &lt;@U1&gt;"),
    ],
)
def test_a_notice_is_a_text(make, receiver, notice, change, text):
    """As incoming webhooks of Slack, and of what is compatible, take it."""
    make("slack", url=receiver.url).notify(replace(notice, **change))
    assert json.loads(receiver.requests[0].body) == {"text": text}


def test_its_address_is_not_shown(make, receiver, notice):
    """It is the secret: sentences name the host."""
    receiver.statuses = [404]
    with pytest.raises(Undeliverable) as caught:
        make("slack", url=f"{receiver.url}/T0/B0/secret").notify(notice)
    assert "secret" not in str(caught.value)
