"""Notices as HTTP requests, signed as Standard Webhooks has it (standardwebhooks.com).

    POST /hook
    webhook-id: r-f3a9f3a9f3/7
    webhook-timestamp: 1764500000
    webhook-signature: v1,BASE64(HMAC-SHA256(secret, "id.timestamp.body"))

    {"type": "run.end", "id": "r-f3a9f3a9f3/7", "timestamp": "2026-11-30T11:00:00Z", "data": {…}}

Rule: what the receiver answers is never shown, only its status: an address in a plan must not
become a way to read what only the broker can reach. Redirects are not followed for the same reason.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import loadgrpc
from loadgrpc.observers.notice import Notice
from loadgrpc.observers.observer import Observer, ObserverSetting, Undeliverable

HTTP_S: Final = 10.0
"""How long the receiver may take to accept a connection, and to begin to answer."""
_AGAIN: Final = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.CONFLICT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
}
"""Statuses below 500 of a receiver that may take the same request later."""
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what secrets begin with


class Webhook(Observer):
    """See the module."""

    SETTINGS = (
        ObserverSetting(
            name="url",
            kind="url",
            required=True,
            connects=True,
            help="Where notices are posted to, as JSON.",
        ),
        ObserverSetting(name="secret", secret=True, help="What requests are signed with."),
    )

    def notify(self, notice: Notice) -> None:
        """See Observer."""
        document = {
            "type": f"run.{notice.event}",
            "id": notice.notice_id,
            "timestamp": notice.time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "data": {
                "runId": notice.run_id,
                "title": notice.title,
                "label": notice.label,
                "state": notice.state,
                "reason": notice.reason,
                "text": notice.text,
                "look": notice.look,
                "agentId": notice.agent_id,
                "verdict": None
                if notice.exit_code is None
                else {"exitCode": notice.exit_code, "reason": notice.verdict},
                "summary": notice.summary or None,
            },
        }
        body = json.dumps(document).encode()
        headers = {"webhook-id": notice.notice_id, "webhook-timestamp": str(int(time.time()))}
        if secret := self.settings["secret"]:
            headers["webhook-signature"] = signature(secret, headers, body)
        post(self.settings["url"], body, headers)


def signature(secret: str, headers: Mapping[str, str], body: bytes) -> str:
    """What `webhook-signature` is to be.

    Raises:
        Undeliverable: the secret begins with `whsec_`, and what follows is not base64.
    """
    try:
        key = (
            base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
            if secret.startswith(SECRET_PREFIX)
            else secret.encode()
        )
    except binascii.Error:
        raise Undeliverable("its secret begins with whsec_, but is not base64") from None
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    return f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}"


def post(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    """Posts JSON.

    Raises:
        Undeliverable: the receiver does not take it, and will not.
        ConnectionError: it could not be reached, or does not take it now.
    """
    import requests  # noqa: PLC0415 - takes a while to load, and only this process needs it

    host = urlsplit(url).netloc
    agent = {"content-type": "application/json", "user-agent": f"loadgrpc/{loadgrpc.__version__}"}
    try:
        with requests.post(
            url,
            data=body,
            headers={**agent, **headers},
            timeout=HTTP_S,
            allow_redirects=False,
            stream=True,  # the answer is not read
        ) as answer:
            status = answer.status_code
    except requests.Timeout:
        raise ConnectionError(f"{host} did not answer within {HTTP_S:.0f} s") from None
    except requests.RequestException as error:
        raise ConnectionError(f"cannot reach {host}: {_why(error)}") from None
    if status in _AGAIN or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise ConnectionError(f"{host} answered with status {status}")
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        raise Undeliverable(f"{host} answered with status {status}")


def _why(error: Any) -> str:
    """The innermost reason, which has no URL in it."""
    while inner := error.__cause__ or error.__context__ or getattr(error, "reason", None):
        if not isinstance(inner, Exception):
            break
        error = inner
    return getattr(error, "strerror", None) or type(error).__name__
