"""What k9-load's Python tier runs in the plain cases. It has a virtual environment of its own."""
# mypy: disable-error-code="import-not-found"

import os

import k9

URL = os.environ["BENCH_URL"]
POSTS = os.environ["BENCH_METHOD"] == "POST"
BODY = {"name": "kettle", "amount": 3}
CHECKS = {"status is 200": lambda res: res.status == 200}  # noqa: PLR2004 - asserted everywhere


async def default() -> None:
    """One request."""
    res = await (k9.http.post(URL, json=BODY) if POSTS else k9.http.get(URL))
    k9.check(res, CHECKS)
