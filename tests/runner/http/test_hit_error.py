"""Kinds and words of what goes wrong; the ones that sockets can show are in test_session."""

import errno
import http.client
import os
import socket
import ssl

import pytest
from urllib3 import HTTPConnectionPool, exceptions
from urllib3.connection import HTTPConnection

from loadgrpc.model import HitError
from loadgrpc.runner.http.hit_error import classify

CONNECTION = HTTPConnection("h", 80)
POOL = HTTPConnectionPool("h", 80)


class Cut(BaseException):
    pass


def _caused(error, cause):
    error.__cause__ = cause
    return error


CASES = [
    (socket.gaierror(-2, "unknown name"), HitError.DNS, "unknown name"),
    (
        _caused(
            exceptions.NameResolutionError("h", CONNECTION, socket.gaierror(-2, "unknown name")),
            socket.gaierror(-2, "unknown name"),
        ),
        HitError.DNS,
        "unknown name",
    ),
    (exceptions.NewConnectionError(CONNECTION, "no route"), HitError.CONNECT, "no route"),
    (exceptions.ConnectTimeoutError(CONNECTION, "too slow"), HitError.TIMEOUT, "too slow"),
    (exceptions.ReadTimeoutError(POOL, "/", "too slow"), HitError.TIMEOUT, "too slow"),
    (TimeoutError("timed out"), HitError.TIMEOUT, "timed out"),
    (exceptions.SSLError(ssl.SSLError(1, "bad mac")), HitError.TLS, "bad mac"),
    (ssl.SSLEOFError(8, "EOF"), HitError.CLOSED, "EOF"),
    (ConnectionResetError(104, "reset"), HitError.CLOSED, "reset"),
    (BrokenPipeError(32, "broken pipe"), HitError.CLOSED, "broken pipe"),
    (
        http.client.IncompleteRead(b"x", 5),
        HitError.CLOSED,
        "IncompleteRead(1 bytes read, 5 more expected)",
    ),
    (http.client.BadStatusLine("x"), HitError.PROTOCOL, "http.client.BadStatusLine: x"),
    (
        exceptions.InvalidHeader("two\n  lines"),
        HitError.PROTOCOL,
        "urllib3.exceptions.InvalidHeader: two lines",
    ),
    (exceptions.ProxyError("x", ConnectionResetError(104, "reset")), HitError.CLOSED, "reset"),
    (ValueError("odd"), HitError.OTHER, "ValueError: odd"),
    (ValueError(), HitError.OTHER, "ValueError"),
    (Cut(), HitError.ABORTED, f"{__name__}.Cut"),
    (KeyboardInterrupt(), HitError.ABORTED, "KeyboardInterrupt"),
]


@pytest.mark.parametrize(("error", "kind", "text"), CASES, ids=lambda case: type(case).__name__)
def test_each_exception_has_its_kind_and_one_line(error, kind, text):
    """What an exception is decides the kind; the words are the system's, in one line."""
    assert classify(error, connecting=False) == (kind, text)


def test_what_ends_a_connection_that_never_stood_is_connect():
    """A reset while connecting is no CLOSED; a TLS failure stays one of TLS."""
    reset = ConnectionResetError(104, "reset")
    assert classify(reset, connecting=True) == (HitError.CONNECT, "reset")
    eof = ssl.SSLEOFError(8, "EOF")
    assert classify(exceptions.SSLError(eof), connecting=True) == (HitError.TLS, "EOF")


@pytest.mark.parametrize("told", [5, b"no", None, [1]])
def test_f04_what_a_system_error_says_may_be_anything(told):
    """An OSError that was made by hand has its kind and one line as well."""
    kind, text = classify(OSError(1, told), connecting=False)
    assert kind is HitError.CLOSED
    assert text


def test_messages_have_no_addresses_and_an_end():
    """Equal mishaps have equal messages, of a bounded length."""
    assert classify(ValueError(object()), connecting=False)[1] == "ValueError: <object object>"
    assert len(classify(ValueError("x" * 10_000), connecting=False)[1]) < 500


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_f24_no_descriptor_left_is_not_the_servers_fault(number):
    """A hit for which this machine has no descriptor says that the generator is at its limit."""
    error = exceptions.NewConnectionError(None, "failed")
    error.__cause__ = OSError(number, os.strerror(number))

    for each in (error, error.__cause__):
        kind, text = classify(each, connecting=True)
        assert kind is HitError.OTHER
        assert text.startswith("this load generator is at its limit of")
