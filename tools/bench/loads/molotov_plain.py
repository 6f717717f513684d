"""What Molotov runs in the plain cases. It has a virtual environment of its own."""
# mypy: disable-error-code="import-not-found,misc,untyped-decorator"

import os
from typing import Any

from molotov import scenario

URL = os.environ["BENCH_URL"]
POSTS = os.environ["BENCH_METHOD"] == "POST"


@scenario(weight=100)
async def visit(session: Any) -> None:
    """One request, its body read; the certificate is not looked at."""
    if POSTS:
        sent = session.post(URL, json={"name": "kettle", "amount": 3}, ssl=False)
    else:
        sent = session.get(URL, ssl=False)
    async with sent as res:
        await res.read()
        assert res.status == 200  # noqa: S101, PLR2004 - how a scenario fails
