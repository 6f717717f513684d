"""What is logged: by when, of what, and harmless whoever said it."""

import json
import logging
import re

import pytest

from loadgrpc.cli import log


@pytest.fixture
def logged(capsys):
    """A record as the line that it makes."""

    def line(log_format, message, *args, level=logging.WARNING, **more):
        log.set_up(2, log_format)
        logging.getLogger("loadgrpc.broker.broker").log(level, message, *args, **more)
        return capsys.readouterr().err

    return line


def test_c9_lines_have_date_time_zone_and_room(logged):
    """By ISO 8601, with milliseconds and the offset of local time."""
    line = logged("text", "run %s is RUNNING", "r-1", level=logging.INFO)
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d INFO broker: run r-1 is RUNNING\n",
        line,
    )


def test_c9_json_lines_have_run_agent_and_client_as_fields(logged):
    """A line is a document; a traceback is a field of it."""
    fields = {"run_id": "r-1", "agent_id": "web-1", "client": "ipv4:127.0.0.1:5 (grpcurl/1.9)"}
    text = logged("json", "it %s", "failed", exc_info=ValueError("oh\nno"), extra=fields)
    assert text.count("\n") == 1
    document = json.loads(text)
    assert document.pop("exception").endswith("ValueError: oh\nno")
    assert re.match(r"\d{4}-", document.pop("time"))
    assert document == {
        "level": "WARNING",
        "logger": "loadgrpc.broker.broker",
        "message": "it failed",
        "run": "r-1",
        "agent": "web-1",
        "client": "ipv4:127.0.0.1:5 (grpcurl/1.9)",
    }


@pytest.mark.parametrize("log_format", log.FORMATS)
def test_hostile_10_no_line_can_be_forged(logged, log_format):
    """Line breaks, escapes, C1 and bidi characters are text, in messages and in tracebacks."""
    evil = "a\n2026-11-30T00:00:00 ERROR forged\x1b[2J\x9b31m\u202e\r\x07"
    text = logged(log_format, "agent %s", evil, exc_info=ValueError(evil), extra={"agent_id": evil})
    first, *others = text.rstrip("\n").split("\n")
    assert all(line.isprintable() for line in (first, *others))
    assert all(line.startswith("  ") for line in others)
    assert "forged" in first


def test_c11_no_secret_is_logged(logged):
    """URLs in messages and in tracebacks are masked."""
    url = "http://ann:s3cret@h/?token=s3cret"
    text = logged("text", "asked %s", url, exc_info=ValueError(url))
    assert "s3cret" not in text
    assert text.count("http://ann:***@h/?token=***") == 2
