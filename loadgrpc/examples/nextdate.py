"""A web service of the day after a date, and a test that a decision table feeds with dates.

python -m loadgrpc.examples.nextdate [--defect] [PORT] &
python -m unittest loadgrpc.examples.nextdate
loadgrpc run loadgrpc.examples.nextdate.TestNextDate.test_next_date -u 10 -i 22

With `--defect` the service takes every year for a leap year: two rules show that, 18 and 20.
"""

from __future__ import annotations

import argparse
import calendar
import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from loadgrpc.case import TestCase, cases

PORT: Final = 9001
DECEMBER: Final = 12
IMPOSSIBLE: Final = "impossible"
_MAX_BODY: Final = 4_096


class TestNextDate(TestCase):
    """Whoever asks for the day after a date gets what the decision table says."""

    server_url = f"http://127.0.0.1:{PORT}"

    @cases("design/nextdate.toml", boundaries=True)
    def test_next_date(self) -> None:
        """One date of one rule, and the actions that the rule expects."""
        given = self.case.values
        answer = self.session.post(f"{self.server_url}/next", json=dict(given))
        self.assertEqual(answer.status_code, 200)

        day, month, year = (int(given[name]) for name in ("day", "month", "year"))
        expected = self.expected
        if expected["impossible"]:
            self.assertEqual(answer.text, IMPOSSIBLE)
            return
        day = 1 if expected["reset day"] else day + bool(expected["day + 1"])
        month = 1 if expected["reset month"] else month + bool(expected["month + 1"])
        self.assertEqual(answer.text, f"{day}/{month}/{year + bool(expected['year + 1'])}")


def next_date(month: int, day: int, year: int, *, defect: bool = False) -> str:
    """The day after a date, such as `1/10/2004`, or `impossible`."""
    if not 1 <= month <= DECEMBER:
        return IMPOSSIBLE
    days = calendar.monthrange(2000 if defect else year, month)[1]
    if not 1 <= day <= days:
        return IMPOSSIBLE
    if day < days:
        return f"{day + 1}/{month}/{year}"
    return f"1/{month + 1}/{year}" if month < DECEMBER else f"1/1/{year + 1}"


class NextDateService(ThreadingHTTPServer):
    """Answers POST /next, with a month, a day and a year in JSON, by the day after.

    GET /next?month=2&day=28&year=2001 is the same, for those who like it short.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int = 0, *, defect: bool = False) -> None:
        """`port`: 0 takes a free one."""
        super().__init__(("127.0.0.1", port), _Visit)
        self.defect = defect

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"


class _Visit(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60
    server: NextDateService

    def do_POST(self) -> None:
        """Answers a date in JSON by the next one."""
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), _MAX_BODY))
        self._answer(lambda: json.loads(body))

    def do_GET(self) -> None:
        """Answers a date in the query by the next one."""
        self._answer(lambda: dict(parse_qsl(urlsplit(self.path).query)))

    def _answer(self, read: Callable[[], dict[str, str | int]]) -> None:
        try:
            given = {name: int(value) for name, value in read().items()}
            status, text = 200, next_date(**given, defect=self.server.defect)
        except (ValueError, TypeError, AttributeError):
            status, text = 400, "a month, a day and a year are expected"
        answer = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        """Prints nothing: there are many."""


def main() -> None:
    """Serves until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m loadgrpc.examples.nextdate")
    parser.add_argument("port", nargs="?", type=int, default=PORT, metavar="PORT")
    parser.add_argument("--defect", action="store_true", help="take every year for a leap year")
    options = parser.parse_args()
    with NextDateService(options.port, defect=options.defect) as service:
        print(f"listening on {service.url}: POST /next is the day after a date", flush=True)
        try:
            service.serve_forever()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
