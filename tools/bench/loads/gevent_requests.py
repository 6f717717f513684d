"""Plain Requests under gevent: no recording, nothing but the calls.

python gevent_requests.py USERS SECONDS; prints how many requests it made.
"""

from gevent import monkey

monkey.patch_all()

import os  # noqa: E402 - after patching
import time  # noqa: E402

import requests  # noqa: E402
from gevent_users import run  # type: ignore[import-not-found]  # noqa: E402 - beside this

URL = os.environ["BENCH_URL"]
POSTS = os.environ["BENCH_METHOD"] == "POST"


def live(until_s: float) -> int:
    """A user; how many requests it made."""
    made = 0
    with requests.Session() as session:
        session.verify = os.environ["BENCH_CERTIFICATE"]
        while time.monotonic() < until_s:
            if POSTS:
                res = session.post(URL, json={"name": "kettle", "amount": 3})
            else:
                res = session.get(URL)
            if res.status_code != 200:  # noqa: PLR2004
                raise SystemExit(f"status {res.status_code}")
            made += 1
    return made


if __name__ == "__main__":
    run(live)
