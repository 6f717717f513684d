"""Documents on their way out: messages as JSON, packed where that pays, made once for many.

Rule: a document is what `--json` prints of the same message. Large ones are made in a thread, and
packed in one: while a broker's own loop serves the page, what is reported does not wait for it.
"""

from __future__ import annotations

import asyncio
import gzip
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

from google.protobuf.message import Message
from starlette.requests import Request
from starlette.responses import Response

from loadgrpc.errors import NotAllowed
from loadgrpc.protocol.document import as_document

FRESH_S: Final = 1.0
"""How old a document may be that many ask for: figures are made once a second."""
LARGE_BYTES: Final = 20_000
"""Messages from this size on are made into documents in a thread."""
PACKED_FROM: Final = 2_000
"""Bytes of a document from which on it is packed."""
PACKING_LEVEL: Final = 3
"""Of packing: most of what 9 gains, at a fifth of its time."""
MAX_KEPT: Final = 64
"""Documents that are kept for others who ask."""
JSON: Final = "application/json"


def text_of(document: object) -> bytes:
    """A document as JSON."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "replace"
    )


def json_response(document: object, http: int = 200) -> Response:
    """A small document as an answer."""
    return Response(text_of(document), http, media_type=JSON)


async def document_of(message: Message, shape: Callable[[Any], object] | None = None) -> bytes:
    """A message as JSON; `shape` puts what it is into another form first."""

    def make() -> bytes:
        found = as_document(message)
        return text_of(shape(found) if shape is not None else found)

    if message.ByteSize() < LARGE_BYTES:
        return make()
    return await asyncio.to_thread(make)


class Document:
    """A document as an answer to many: packed when the first of them wants it so, and once."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self._packing: asyncio.Task[bytes] | None = None

    async def response(self, request: Request) -> Response:
        """The answer to a request."""
        accepts = "gzip" in request.headers.get("accept-encoding", "")
        headers = {"Vary": "Accept-Encoding"}
        if not accepts or len(self.body) < PACKED_FROM:
            return Response(self.body, media_type=JSON, headers=headers)
        headers["Content-Encoding"] = "gzip"
        return Response(await self._packed(), media_type=JSON, headers=headers)

    async def _packed(self) -> bytes:
        if self._packing is None:
            packing = asyncio.to_thread(gzip.compress, self.body, PACKING_LEVEL)
            self._packing = asyncio.create_task(packing)
        return await asyncio.shield(self._packing)  # others wait for it, too


class Shared:
    """Documents by what was asked for, each made once for all who ask within a moment."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._made: OrderedDict[object, tuple[float, asyncio.Task[Document]]] = OrderedDict()

    async def get(self, key: object, make: Callable[[], Awaitable[bytes]]) -> Document:
        """The document for this key, at most FRESH_S old; errors are those of `make`.

        If whoever has asked first is not known to the broker any more, it is made again.
        """
        while (found := self._made.get(key)) is not None:
            if found[0] <= self._now() or _failed(found[1]):
                break
            with suppress(NotAllowed):
                return await asyncio.shield(found[1])
        task = asyncio.ensure_future(_document(make))
        self._made[key] = (self._now() + FRESH_S, task)
        self._made.move_to_end(key)
        while len(self._made) > MAX_KEPT:
            self._made.popitem(last=False)
        return await asyncio.shield(task)

    def clear(self) -> None:
        """Forgets all: something has changed."""
        self._made.clear()


async def _document(make: Callable[[], Awaitable[bytes]]) -> Document:
    return Document(await make())


def _failed(task: asyncio.Task[Document]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
