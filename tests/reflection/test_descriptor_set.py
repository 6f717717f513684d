"""Descriptor sets from files."""

import base64

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from grpc_tools import protoc

from loadgrpc.errors import InvalidRequest
from loadgrpc.reflection import Registry, read

FILES = [FileDescriptorProto(name=f"{name}.proto") for name in "abc"]
BASE64 = [base64.b64encode(file.SerializeToString()) for file in FILES]


def names(*paths):
    """The names of the files that were read."""
    return [file.name for file in read(*paths)]


def test_binary(tmp_path):
    """What protoc writes is read as it is, and its comments come out of the registry."""
    source = tmp_path / "shop.proto"
    source.write_text('syntax = "proto3";\n// What is sold.\nmessage Item {}\n')
    compiled = tmp_path / "shop.binpb"
    arguments = [f"-I{tmp_path}", "--include_source_info", f"-o{compiled}", source.name]
    assert protoc.main(["protoc", *arguments]) == 0
    (serialized,) = Registry(read(compiled)).file_containing_symbol("Item")
    assert b" What is sold." in serialized
    assert serialized in compiled.read_bytes()


def test_base64_a_file_a_line(tmp_path):
    """Text has a file on each line; blank lines do not count."""
    path = tmp_path / "three.reflection"
    path.write_bytes(b"\n".join(BASE64[:2]) + b"\r\n\n" + BASE64[2] + b"\n")
    assert names(path) == ["a.proto", "b.proto", "c.proto"]


def test_both_kinds(tmp_path):
    """Each path may be of either kind."""
    binary, text = tmp_path / "one.binpb", tmp_path / "two.reflection"
    binary.write_bytes(FileDescriptorSet(file=FILES[:2]).SerializeToString())
    text.write_bytes(BASE64[2])
    assert names(str(binary), text) == ["a.proto", "b.proto", "c.proto"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" \n",
        b"%%%",
        b"abc",  # base64 without its padding
        base64.b64encode(b"%%%"),
        FileDescriptorSet(file=[FileDescriptorProto(package="nameless")]).SerializeToString(),
        FileDescriptorSet(file=FILES).SerializeToString()[:-1],
        FILES[0].SerializeToString(),  # a file, but no set
    ],
)
def test_no_descriptors(tmp_path, content):
    """What is empty, cut off or something else is refused, by its path."""
    path = tmp_path / "wrong.binpb"
    path.write_bytes(content)
    with pytest.raises(InvalidRequest, match=r"/wrong\.binpb holds no descriptors: "):
        read(path)


def test_unreadable(tmp_path):
    """So is what cannot be read, with the reason."""
    with pytest.raises(InvalidRequest, match=r"cannot read .*/none\.binpb: No such file"):
        read(tmp_path / "none.binpb")
    with pytest.raises(InvalidRequest, match="Is a directory"):
        read(tmp_path)
