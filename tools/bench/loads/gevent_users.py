"""Users under gevent: `python SCRIPT USERS SECONDS` prints how many requests they made."""

import sys
import time
from collections.abc import Callable

import gevent


def run(live: Callable[[float], int]) -> None:
    """Lets users live side by side; each is given when its time is over, and says what it made."""
    users, seconds = int(sys.argv[1]), float(sys.argv[2])
    until_s = time.monotonic() + seconds
    greenlets = [gevent.spawn(live, until_s) for _ in range(users)]
    gevent.joinall(greenlets, raise_error=True)
    print("requests", sum(greenlet.value for greenlet in greenlets))
