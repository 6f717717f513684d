"""Passwords and tokens do not get into results."""

import base64
import html
import itertools
import json
import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgrpc import secrets

MASKED = {
    "http://ann:s3cret@host/": "http://ann:***@host/",
    "http://s3cret@host/a": "http://***@host/a",
    "http://ann:@host/a": "http://ann:***@host/a",
    "http://ann:s3%2Fcret@host:8080?x=1": "http://ann:***@host:8080?x=1",
    "http://ann:s3cret/more@host/": "http://ann:***@host/",
    "http://ann:s3cret#more@host/": "http://ann:***@host/",
    "http://host/?token=s3cret": "http://host/?token=***",
    "http://host/?id=5&access_token=s3cret&n=2": "http://host/?id=5&access_token=***&n=2",
    "http://host/?API-Key=s3cret#a": "http://host/?API-Key=***#a",
    "http://host/?apikey=s3cret;sig=s3cret": "http://host/?apikey=***;sig=***",
    "http://host/?X-Amz-Signature=s3cret": "http://host/?X-Amz-Signature=***",
    "http://host/?user[password]=s3cret": "http://host/?user[password]=***",
    "http://host/#access_token=s3cret": "http://host/#access_token=***",
    "postgresql://me:s3cret@host/db": "postgresql://me:***@host/db",
    "Max retries exceeded with url: /a?token=s3cret (Caused by x)": (
        "Max retries exceeded with url: /a?token=*** (Caused by x)"
    ),
    "'http://ann:s3cret@host/' != 'http://x/'": "'http://ann:***@host/' != 'http://x/'",
}


@pytest.mark.parametrize("text", MASKED)
def test_c11_secrets_are_masked(text):
    """In URLs and in texts that hold URLs; masking again changes nothing."""
    shown = secrets.masked(text)
    assert shown == MASKED[text]
    assert secrets.masked(shown) == shown
    assert "s3cret" not in shown


@pytest.mark.parametrize(
    "text",
    [
        "http://host:8080/a/b?id=5&page=2",
        "http://host/users/@me",
        "mail ann@example.com",
        "http://[::1]:8080/?q=a",
        "x = 5; token = none",
        "",
    ],
)
def test_c11_what_is_no_secret_stays(text):
    """Ids, pages, paths and addresses are what people look for."""
    assert secrets.masked(text) == text


@given(st.text(alphabet="a.:/@?#&=%[ \n"))
def test_c11_masking_takes_any_text(text):
    """No text makes it fail, and the second time nothing is left to mask."""
    assert secrets.masked(secrets.masked(text)) == secrets.masked(text)


@pytest.mark.parametrize("piece", ["a.", "a://", "?token", "&key=", "http://a:", "://@", "a:@"])
def test_c11_masking_is_linear(piece):
    """What a test says may be long; masking 256 kB of it must not hold up its process."""
    text = piece * (262_144 // len(piece)) + "@x=://"
    start = time.perf_counter()
    secrets.masked(text)
    assert time.perf_counter() - start < 10


VARIABLES = {
    ("STAGE", "prod"): "prod",
    ("REGION", "eu-west-1"): "eu-west-1",
    ("BASE_URL", "https://shop-1.example.com:8443/a/b"): "https://shop-1.example.com:8443/a/b",
    ("DATABASE_URL", "postgresql://me:s3cret@host/db"): "postgresql://me:***@host/db",
    ("API_TOKEN", "s3cret"): "***",
    ("DB_PASS", "s3cret"): "***",
    ("AWS_ACCESS_KEY_ID", "s3cret"): "***",
    ("GITHUB", "ghp_s3crets3crets3crets3cret"): "***",
    ("BUILD", "2024"): "2024",
    ("SENTENCE", "twenty letters and 1 figure"): "twenty letters and 1 figure",
}


@pytest.mark.parametrize(("name", "value"), VARIABLES)
def test_variables_that_look_like_secrets_are_masked(name, value):
    """By their names, or because nobody would type that; a second time changes nothing."""
    shown = secrets.shown_variable(name, value)
    assert shown == VARIABLES[name, value]
    assert secrets.shown_variable(name, shown) == shown


def test_c10_a_server_is_the_same_without_its_user():
    """Names of hits have no user in them."""
    assert secrets.without_user("http://ann:s3cret@host/a@b") == "http://host/a@b"
    assert secrets.without_user("http://host/a@b") == "http://host/a@b"


ADDRESSES = {
    "https://example.org/hook": "https://example.org/hook",
    "https://example.org/nightly-load-tests/of-the-shop": (
        "https://example.org/nightly-load-tests/of-the-shop"
    ),
    "https://hooks.example.org/services/T01/B02/s3crets3crets3crets3cret": (
        "https://hooks.example.org/services/T01/B02/***"
    ),
    "https://example.org/s3cret00-dead-beef-0000-s3cret000000?wait=1": (
        "https://example.org/***?wait=1"
    ),
    "https://ann:s3cret@example.org/": "https://ann:***@example.org/",
    "#load": "#load",
    "irc.example.org": "irc.example.org",
}


@pytest.mark.parametrize("address", ADDRESSES)
def test_addresses_of_observers_are_masked(address):
    """A part of a path that nobody would type is all that protects a channel of a chat."""
    shown = secrets.shown_address(address)
    assert shown == ADDRESSES[address]
    assert secrets.shown_address(shown) == shown


def test_values_are_concealed_wherever_they_stand():
    """As they are, in URLs, in JSON and in a repr; short ones are left, and so is all, later."""
    value = 'pa/ss "w\u00f6rd"'
    try:
        secrets.conceal([value, "abc", ""])
        for text in (value, json.dumps({"a": value}), repr([value]), quote(value), f"?q={value}"):
            assert "ss" not in secrets.masked(text), text
            assert secrets.MASK in secrets.masked(text)
        assert secrets.masked("abc") == "abc"
        assert secrets.masked(secrets.masked(value)) == secrets.MASK
    finally:
        secrets.conceal([])
    assert secrets.masked(value) == value


PEM = """-----BEGIN KEY-----
MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEA
c3VjaCBhIGtleSBoYXMgbWFueSBsaW5lcw
-----END KEY-----"""
FORMS = {
    "basic": lambda value: base64.b64encode(f"ann:{value}".encode()).decode(),
    "longer": lambda value: base64.b64encode(f"anna:{value}; and more".encode()).decode(),
    "urlsafe": lambda value: base64.urlsafe_b64encode(f"a:{value}".encode()).decode(),
    "html": html.escape,
    "json": json.dumps,
    "line": lambda value: f"got {value.splitlines()[-1]}",
    "url": lambda value: f"http://h/{quote(value, safe='')}",
}

BESIDE = {
    "basic": "YW5uOi" + "g==",
    "longer": "YW5uYT" + "Zg==" + "7IGFuZCBtb3Jl" + "Ag",
    "urlsafe": "YTp" + "g==",
    "html": "",
    "json": '""',
    "line": "got ",
    "url": "http://h/",
}
"""What is beside the value; in base64, a value shares a letter with what is before and after it."""


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("value", ['"hunter2"&<hunter3>?~', "tok-0123456789", PEM])
def test_a_value_is_found_in_all_its_forms(form, value):
    """As programs write it; of base64 only what depends on neighbours is left, of a few bits."""
    text = f"before {FORMS[form](value)} after"
    shown = secrets.Redactor([value]).text(text)
    assert secrets.MASK in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")
    left = "".join(shown.removeprefix("before ").removesuffix(" after").split(secrets.MASK))
    assert len(left) <= len(BESIDE[form]), left


@given(
    st.lists(st.text("ab=\n", min_size=4, max_size=9), max_size=3),
    st.text("ab=\n", max_size=60),
    st.lists(st.integers(0, 60), max_size=6),
)
def test_pieces_are_redacted_as_the_whole(values, text, cuts):
    """Wherever a stream is cut, what comes out is the same; nothing is kept back at its end."""
    redactor = secrets.Redactor(values)
    whole = text.encode()
    places = [0, *sorted(min(each, len(whole)) for each in cuts), len(whole)]
    stream = secrets.RedactedStream(redactor)
    shown = [stream.feed(whole[a:b]) for a, b in itertools.pairwise(places)]
    assert b"".join([*shown, stream.end()]) == redactor.data(whole)


def test_a_stream_waits_only_for_what_may_be_a_secret():
    """A line that is no beginning of one is shown at once."""
    stream = secrets.RedactedStream(secrets.Redactor(["hunter2"]))
    assert stream.feed(b"a line\n") == b"a line\n"
    assert stream.feed(b"hunt") == b""
    assert stream.feed(b"ing\nhun") == b"hunting\n"
    assert stream.feed(b"ter2") == b"***"
    assert stream.feed(b"h") == b""
    assert stream.end() == b"h"
