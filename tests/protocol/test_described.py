"""Messages in an Any, as JSON: what is described is decoded, all else stays bytes."""

import base64

import pytest
from google.protobuf import any_pb2, duration_pb2, struct_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.rpc import status_pb2

from loadgrpc.protocol.described import Types, type_name
from loadgrpc.reflection import packaged

URL = "type.googleapis.com/"


@pytest.fixture
def files(acme):
    """The files of acme's types, serialised."""
    return [file.SerializeToString() for file in FileDescriptorSet.FromString(acme.types()).file]


def test_described(acme, files):
    """A type that was added is decoded; adding it again changes nothing."""
    types = Types()
    for _ in range(2):
        types.add(files)
        assert types.value(acme.order(item="pear")) == {"@type": URL + "acme.Order", "item": "pear"}


def test_not_described(acme):
    """A type that nobody added is its name and its bytes."""
    order = acme.order(item="pear")
    assert Types().value(order) == {
        "@type": URL + "acme.Order",
        "@error": "acme.Order is not recognized; see @value for raw binary message data",
        "@value": base64.b64encode(order.value).decode(),
    }


def test_not_of_its_type(files):
    """Bytes that are not of their type are shown as bytes, and are no error."""
    types = Types()
    types.add(files)
    wrong = any_pb2.Any(type_url=URL + "acme.Order", value=b"\xff")
    assert types.value(wrong)["@value"] == "/w=="


def test_imports_in_any_order():
    """Reflection answers a file before what it imports."""
    types = Types()
    types.add(packaged().file_containing_symbol("loadgrpc.v1.RunSummary"))
    value = struct_pb2.Struct()
    value["a"] = 1
    types.add(packaged().file_containing_symbol("google.protobuf.Struct"))
    packed = any_pb2.Any()
    packed.Pack(value)
    assert types.value(packed) == {"@type": URL + "google.protobuf.Struct", "value": {"a": 1.0}}
    packed.Pack(duration_pb2.Duration(seconds=3))
    assert types.value(packed)["value"] == "3s"


def test_a_file_that_refers_to_nothing():
    """Types that cannot be built stay unknown, and do no harm to others."""
    broken = FileDescriptorProto(name="broken.proto", package="acme")
    field = broken.message_type.add(name="Broken").field.add(name="x", number=1)
    field.type, field.type_name, field.label = field.TYPE_MESSAGE, ".acme.Nowhere", 1
    types = Types()
    types.add([broken.SerializeToString()])
    assert "@value" in types.value(any_pb2.Any(type_url="x/acme.Broken"))


def test_an_any_within():
    """What is inside of a described message and is not described itself leaves the whole raw."""
    types = Types()
    types.add(packaged().file_containing_symbol("google.rpc.Status"))
    status = status_pb2.Status(code=3, details=[any_pb2.Any(type_url="x/acme.Order")])
    packed = any_pb2.Any()
    packed.Pack(status)
    assert set(types.value(packed)) == {"@type", "@error", "@value"}


def test_names():
    """The name of a type is what follows the last slash."""
    assert type_name(any_pb2.Any(type_url="https://x/y/acme.Order")) == "acme.Order"
