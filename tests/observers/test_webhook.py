"""Webhooks: what is posted, how it is signed, and what the receiver's answer means."""

import base64
import hashlib
import hmac
import json
import socket
from dataclasses import replace

import pytest

from loadgrpc.observers import Undeliverable
from loadgrpc.observers.webhook import signature


def test_a_notice_is_posted_as_json(make, receiver, notice):
    """The envelope of Standard Webhooks, with the run in its data."""
    make("webhook", url=receiver.url).notify(notice)
    (request,) = receiver.requests
    document = json.loads(request.body)
    assert request.path == "/hook"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-id"] == document["id"] == "r-1/4"
    assert (document["type"], document["timestamp"]) == ("run.end", "2021-02-25T15:02:10.500Z")
    assert document["data"] == {
        "runId": "r-1",
        "title": "nightly",
        "label": "nightly: a.B.c",
        "state": "FINISHED",
        "reason": "",
        "text": "nightly: a.B.c: passed: 12 hits; run r-1",
        "look": "loadgrpc show r-1 -b h:7979",
        "agentId": "",
        "verdict": {"exitCode": 0, "reason": "passed"},
        "summary": {"runId": "r-1"},
    }


def test_what_is_no_end_has_no_verdict(make, receiver, notice):
    """A run that goes on is not judged."""
    make("webhook", url=receiver.url).notify(
        replace(notice, event="start", exit_code=None, verdict="", summary={})
    )
    data = json.loads(receiver.requests[0].body)["data"]
    assert (data["verdict"], data["summary"]) == (None, None)


def test_the_signature_is_that_of_standard_webhooks():
    """The example of its documentation."""
    headers = {"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330"}
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    made = signature(secret, headers, b'{"test": 2432232314}')
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_receiver_can_verify_a_request(make, receiver, notice):
    """With a secret that is a plain text, id, timestamp and body are what is signed."""
    make("webhook", url=receiver.url, secret="a plain text").notify(notice)
    (request,) = receiver.requests
    headers = request.headers
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + request.body
    expected = base64.b64encode(hmac.digest(b"a plain text", signed, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


def test_without_a_secret_nothing_is_signed(make, receiver, notice):
    """Nobody is to take an unsigned request for a signed one."""
    make("webhook", url=receiver.url).notify(notice)
    assert "webhook-signature" not in receiver.requests[0].headers


def test_a_secret_that_cannot_be_one_is_said(make, receiver, notice):
    """It is said to be base64, and is not: another try would not help."""
    with pytest.raises(Undeliverable, match="its secret begins with whsec_, but is not base64"):
        make("webhook", url=receiver.url, secret="whsec_!").notify(notice)
    assert receiver.requests == []


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 503])
def test_a_receiver_that_may_take_it_later(make, receiver, notice, status):
    """It is tried again; the sentence has the status and nothing of the answer."""
    receiver.statuses = [status]
    with pytest.raises(ConnectionError, match=f"^127.0.0.1:[0-9]+ answered with status {status}$"):
        make("webhook", url=receiver.url).notify(notice)


@pytest.mark.parametrize("status", [400, 401, 404, 410])
def test_a_receiver_that_will_never_take_it(make, receiver, notice, status):
    """It is given up."""
    receiver.statuses = [status]
    with pytest.raises(Undeliverable, match=f"answered with status {status}$"):
        make("webhook", url=receiver.url).notify(notice)


def test_redirects_are_not_followed(make, receiver, notice):
    """An address that plans may give must not lead to another one."""
    receiver.statuses, receiver.location = [307], receiver.url
    with pytest.raises(Undeliverable, match="status 307"):
        make("webhook", url=receiver.url).notify(notice)
    assert len(receiver.requests) == 1


def test_a_receiver_that_is_not_there(make, notice):
    """The sentence has the host, the reason, and nothing else of the address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ConnectionError) as caught:
        make("webhook", url=f"http://127.0.0.1:{port}/path?token=x").notify(notice)
    assert str(caught.value) == f"cannot reach 127.0.0.1:{port}: Connection refused"
