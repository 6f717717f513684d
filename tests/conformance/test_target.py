"""The kit's server: it answers as its pages say, counts, and has one address without an answer."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import pytest

from loadgrpc.conformance import target as targets


async def get(url, *, method="GET", body=b"", close=False):
    """The status of one request."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    fields = f"Host: {parts.netloc}\r\nContent-Length: {len(body)}\r\n"
    fields += "Connection: close\r\n" if close else ""
    writer.write(f"{method} {parts.path} HTTP/1.1\r\n{fields}\r\n".encode() + body)
    head = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    return int(head.split()[1])


def use(act):
    """Carries out a coroutine function with a target."""

    async def main():
        async with targets.running() as target:
            await act(target)

    asyncio.run(main())


def test_pages_answer_as_they_are_called():
    """Each page has its status, and cases are counted apart."""

    async def act(target):
        assert await get(target.url("a", "ok")) == 200
        assert await get(target.url("a", "fails")) == 500
        assert await get(target.url("b", "slow"), method="POST", body=b"x" * 100) == 200
        assert await get(target.url("b", "nothing"), close=True) == 404
        assert (target.requests("a"), target.requests("b"), target.requests("c")) == (2, 2, 0)

    use(act)


def test_requests_meet():
    """Requests to `meet-3` are answered when there are three."""

    async def act(target):
        url = target.url("a", "meet-3")
        there = asyncio.Event()
        target.listen("a", lambda count: there.set() if count == 2 else None)
        two = [asyncio.create_task(get(url)) for _ in range(2)]
        await there.wait()
        assert not any(each.done() for each in two)
        assert await get(url) == 200
        assert await asyncio.gather(*two) == [200, 200]

    use(act)


def test_nobody_answers_where_nobody_is():
    """The page `erring` is at an address that refuses connections."""

    async def act(target):
        with pytest.raises(ConnectionRefusedError):
            await get(target.url("a", "erring"))

    use(act)


def test_who_listens_is_told_of_each_request():
    """A listener hears how many requests of its case there were."""

    async def act(target):
        heard = []
        target.listen("a", heard.append)
        for case in ("a", "b", "a"):
            await get(target.url(case, "ok"))
        assert heard == [1, 2]

    use(act)
