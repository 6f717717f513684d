"""What is read of a file, and when two files are the same."""

import pytest
from google.protobuf import any_pb2, duration_pb2, struct_pb2, timestamp_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.text_format import Parse

from loadgrpc.errors import InvalidRequest
from loadgrpc.reflection import File, packaged

SHOP = """
    name: "shop.proto"
    message_type { name: "Order" field { name: "item_count" number: 1 type: TYPE_INT32 } }
"""


def file(text):
    """A file from the text form of its descriptor."""
    return File.parse(Parse(text, FileDescriptorProto()).SerializeToString())


@pytest.mark.parametrize("content", [b"", b"%%%", FileDescriptorProto(package="p")])
def test_no_file(content):
    """What is no file, or has no name, is refused."""
    serialized = content if isinstance(content, bytes) else content.SerializeToString()
    with pytest.raises(InvalidRequest, match="not a FileDescriptorProto"):
        File.parse(serialized)


@pytest.mark.parametrize(
    "also",
    [
        'source_code_info { location { leading_comments: " Sold." } }',
        'options { go_package: "example.org/shop" }',
    ],
)
def test_same_but_for_comments_and_options(also):
    """Comments and options make no other file."""
    assert file(SHOP + also).says_the_same_as(file(SHOP))


def test_same_but_for_json_names():
    """Nor do JSON names and the options of parts: not every compiler writes them."""
    other = SHOP.replace("number", 'json_name: "itemCount" options { packed: true } number')
    assert file(other).says_the_same_as(file(SHOP))


@pytest.mark.parametrize(
    ("old", "new"),
    [("item_count", "items"), ("number: 1", "number: 2"), ("INT32", "INT64"), ("Order", "Cart")],
)
def test_not_the_same(old, new):
    """Another name, number or type of what is defined is another file."""
    assert not file(SHOP.replace(old, new)).says_the_same_as(file(SHOP))


@pytest.mark.parametrize("module", [any_pb2, duration_pb2, timestamp_pb2])
def test_generated_code_says_the_same(module):
    """What generated code carries, without comments, is the file that we ship with them."""
    theirs = File.parse(module.DESCRIPTOR.serialized_pb)
    (ours,) = (known for known in packaged() if known.name == theirs.name)
    assert ours.serialized != theirs.serialized
    assert ours.says_the_same_as(theirs)
    assert not ours.says_the_same_as(File.parse(struct_pb2.DESCRIPTOR.serialized_pb))
