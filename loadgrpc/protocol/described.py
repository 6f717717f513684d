"""Messages as JSON, including the content of an Any, by types that somebody has described.

Rule: exactly as grpcurl prints them. An Any whose type is unknown, whose value does not fit it,
or which JSON cannot express (an invalid time or number, nesting that is too deep), is shown as
its bytes: whatever one event contains, the others are listed.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final

from google.protobuf import any_pb2, json_format
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError

from loadgrpc.v1 import control_pb2

_NOT_KNOWN: Final = "is not recognized; see @value for raw binary message data"
_NOT_SAID: Final = "has a value that JSON cannot say; see @value for raw binary message data"


def type_name(message: any_pb2.Any) -> str:
    """The full name of the type of what is in it."""
    return message.type_url.rpartition("/")[2]


class Types:
    """Types that were described."""

    def __init__(self) -> None:
        self._pool = DescriptorPool()
        self._files: set[str] = set()
        """Those that were come to, and of these, those that are in the pool, or never will be."""
        self._added: set[str] = set()

    def add(self, files: Iterable[bytes]) -> None:
        """Adds serialised FileDescriptorProtos, in any order, all that they import among them."""
        unread = {file.name: file for file in map(FileDescriptorProto.FromString, files)}

        waiting = [name for name in unread if name not in self._files]
        while waiting:  # a file goes in when what it imports is in
            name = waiting[-1]
            file = unread[name]
            first = name not in self._files
            self._files.add(name)
            imports = [each for each in file.dependency if each in unread]
            if first and (missing := [each for each in imports if each not in self._files]):
                waiting += missing
                continue
            waiting.pop()
            if name not in self._added:
                self._added.add(name)
                with suppress(TypeError):  # it refers to what is nowhere: such types stay unknown
                    self._pool.Add(file)

    def event(self, listed: control_pb2.ListedEvent) -> dict[str, Any]:
        """A listed event, as JSON has it."""
        event = listed.event
        if event.WhichOneof("event") != "custom":
            return json_format.MessageToDict(listed)
        bare = control_pb2.ListedEvent()
        bare.CopyFrom(listed)
        bare.event.ClearField("custom")
        document = json_format.MessageToDict(bare)
        document.setdefault("event", {})["custom"] = self.value(event.custom)
        return document

    def value(self, message: any_pb2.Any) -> dict[str, Any]:
        """What is in an Any."""
        try:
            return json_format.MessageToDict(message, descriptor_pool=self._pool)
        except (TypeError, DecodeError):  # a type that is not known, or is another
            return _raw(message, _NOT_KNOWN)
        except (json_format.Error, ValueError, OverflowError, AttributeError, RecursionError):
            return _raw(message, _NOT_SAID)


def _raw(message: any_pb2.Any, why: str) -> dict[str, Any]:
    return {
        "@type": message.type_url,
        "@error": f"{type_name(message)} {why}",
        "@value": base64.b64encode(message.value).decode(),
    }
