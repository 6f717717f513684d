"""The rules of the registry, on files made by hand."""

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.text_format import Parse

from loadgrpc.errors import AlreadyExists, InvalidRequest, NotFound
from loadgrpc.reflection import File, Registry, packaged


def file(name, *imports, package="", content=""):
    """A file from the text form of its descriptor."""
    described = FileDescriptorProto(name=name, package=package, dependency=imports)
    return Parse(content, described).SerializeToString()


def registry_of(*files):
    """The registry of serialized files."""
    return Registry(map(File.parse, files))


def names(files):
    """The names of serialized files."""
    return [FileDescriptorProto.FromString(serialized).name for serialized in files]


SHOP = file(
    "shop.proto",
    package="shop",
    content="""
        message_type {
          name: "Order"
          field { name: "item" number: 1 oneof_index: 0 }
          oneof_decl { name: "content" }
          enum_type { name: "State" value { name: "OPEN" number: 0 } }
          nested_type {
            name: "Line"
            field { name: "amount" number: 1 }
            nested_type { name: "Tax" }
            extension { name: "inner" number: 101 extendee: ".shop.Order" }
          }
          extension_range { start: 100 end: 200 }
        }
        enum_type { name: "Color" value { name: "RED" number: 0 } }
        service { name: "Desk" method { name: "Buy" } }
        extension { name: "outer" number: 100 extendee: ".shop.Order" }
    """,
)
MORE = file(
    "more.proto",
    "shop.proto",
    package="more",
    content='extension { name: "gift" number: 150 extendee: ".shop.Order" }',
)


@pytest.mark.parametrize(
    "symbol",
    [
        "shop.Order",
        "shop.Order.item",
        "shop.Order.content",
        "shop.Order.State",
        "shop.Order.OPEN",
        "shop.Order.Line",
        "shop.Order.Line.amount",
        "shop.Order.Line.Tax",
        "shop.Order.Line.inner",
        "shop.Color",
        "shop.RED",
        "shop.Desk",
        "shop.Desk.Buy",
        "shop.outer",
    ],
)
def test_symbols(symbol):
    """Whatever a file gives a name to leads to that file."""
    assert registry_of(SHOP).file_containing_symbol(symbol) == [SHOP]


@pytest.mark.parametrize(
    "symbol",
    ["shop", "shop.Nothing", "Order", ".shop.Order", "shop.Color.RED", "shop.Order.State.OPEN", ""],
)
def test_unknown_symbols(symbol):
    """What no file defines is not found; an enum value is no child of its enum."""
    with pytest.raises(NotFound):
        registry_of(SHOP).file_containing_symbol(symbol)


def test_empty_package():
    """Without a package, symbols have no dot in front."""
    bare = file(
        "bare.proto",
        content='message_type { name: "Bare" } service { name: "S" method { name: "M" } }',
    )
    registry = registry_of(bare)
    assert registry.file_containing_symbol("Bare") == [bare]
    assert registry.file_containing_symbol("S.M") == [bare]


def test_original_bytes():
    """Files are answered as the bytes they came as, not as protobuf would write them again."""
    # The package before the name: no serializer writes fields in this order.
    odd = FileDescriptorProto(package="odd").SerializeToString()
    odd += FileDescriptorProto(name="odd.proto").SerializeToString()
    assert FileDescriptorProto.FromString(odd).SerializeToString() != odd
    assert registry_of(odd).file_by_name("odd.proto") == [odd]


def test_unknown_file():
    """A file that is not there is not found, by its name."""
    with pytest.raises(NotFound, match=r"no file other\.proto$"):
        registry_of(SHOP).file_by_name("other.proto")


def test_chain():
    """The asked file comes first and brings what it imports, but not what imports it."""
    chain = [file("a", "b"), file("b", "c"), file("c")]
    assert registry_of(*chain).file_by_name("b") == chain[1:]


def test_diamond():
    """What is imported along two ways comes once."""
    diamond = [file("a", "b", "c"), file("b", "d"), file("c", "d"), file("d")]
    answer = names(registry_of(*diamond).file_by_name("a"))
    assert answer[0] == "a"
    assert sorted(answer) == ["a", "b", "c", "d"]


def test_loop():
    """Files that import one another, or themselves, come once each."""
    registry = registry_of(file("a", "b"), file("b", "c", "b"), file("c", "a"))
    assert names(registry.file_by_name("b")) == ["b", "c", "a"]


def test_missing_dependency():
    """A missing import is no hindrance at load; answers that need it name it and its importer."""
    registry = registry_of(
        file("a", "b"),
        file("b", "gone", content='message_type { name: "B" }'),
        file("c", content='message_type { name: "C" }'),
    )
    assert names(registry.file_containing_symbol("C")) == ["c"]
    for ask in (registry.file_by_name, lambda _: registry.file_containing_symbol("B")):
        with pytest.raises(NotFound, match="no file gone, which b imports"):
            ask("a")


def test_order_of_loading_is_free():
    """A file may come before what it imports."""
    assert registry_of(MORE, SHOP).file_by_name("more.proto") == [MORE, SHOP]


def test_same_file_twice():
    """The same bytes twice are one file."""
    assert registry_of(SHOP, SHOP).file_by_name("shop.proto") == [SHOP]


def test_same_name_with_other_content():
    """Two different files cannot have one name."""
    with pytest.raises(AlreadyExists, match=r"shop\.proto already exists"):
        registry_of(SHOP, file("shop.proto"))


def test_duplicate_symbol():
    """Two files cannot define one symbol; both are named."""
    rival = file("rival.proto", package="shop", content='enum_type { name: "Order" }')
    with pytest.raises(
        AlreadyExists, match=r"shop\.Order from rival\.proto already exists in shop\.proto"
    ):
        registry_of(SHOP, rival)


def test_duplicate_symbol_in_one_file():
    """Nor can one file define it twice."""
    twice = file("x", content='message_type { name: "M" } service { name: "M" }')
    with pytest.raises(AlreadyExists, match="M from x already exists in x"):
        registry_of(twice)


def test_duplicate_extension():
    """Two files cannot extend one message by the same number; both are named."""
    rival = file(
        "rival.proto", content='extension { name: "r" number: 150 extendee: ".shop.Order" }'
    )
    with pytest.raises(
        AlreadyExists,
        match=r"extension 150 of shop\.Order from rival\.proto already exists in more\.proto",
    ):
        registry_of(SHOP, MORE, rival)


@pytest.mark.parametrize(("number", "where"), [(100, SHOP), (101, SHOP), (150, MORE)])
def test_extension(number, where):
    """An extension leads to the file that defines it, nested or not, and not to the extended."""
    registry = registry_of(SHOP, MORE)
    assert registry.file_containing_extension("shop.Order", number)[0] == where


@pytest.mark.parametrize(
    ("extended", "number"), [("shop.Order", 102), ("shop.Nothing", 100), (".shop.Order", 100)]
)
def test_unknown_extension(extended, number):
    """A wrong type and a wrong number are both not found."""
    with pytest.raises(NotFound, match=f"no extension {number}"):
        registry_of(SHOP).file_containing_extension(extended, number)


def test_all_extension_numbers():
    """The numbers of a message come from all files, ascending."""
    assert registry_of(MORE, SHOP).all_extension_numbers("shop.Order") == [100, 101, 150]


def test_no_extension_numbers():
    """A message without extensions has no numbers, which is not an error."""
    assert registry_of(SHOP).all_extension_numbers("shop.Order.Line") == []


def test_extension_numbers_of_an_absent_message():
    """Extensions of a message that is in no file are known all the same."""
    assert registry_of(MORE).all_extension_numbers("shop.Order") == [150]


@pytest.mark.parametrize("kind", ["shop.Nothing", "shop.Color", "shop.Desk", "shop", ""])
def test_extension_numbers_of_no_message(kind):
    """Only messages can be extended; to ask for anything else is the caller's fault."""
    with pytest.raises(InvalidRequest, match="is not a message type"):
        registry_of(SHOP).all_extension_numbers(kind)


def test_packaged():
    """What every server speaks is there, and every file's imports are too."""
    registry = packaged()
    for symbol in (
        "loadgrpc.v1.ControlService.StartRun",
        "grpc.health.v1.Health.Check",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
        "google.rpc.BadRequest.FieldViolation",
        "google.rpc.ErrorInfo",
        "google.rpc.Status",
    ):
        assert registry.file_containing_symbol(symbol)
    for known in registry:
        assert registry.file_by_name(known.name)


def test_our_messages_have_no_extensions():
    """No message of loadgrpc.v1 leaves room for extensions: grpcurl would ask for each."""
    registry = packaged()
    for name in ("control", "event", "fleet", "run", "runner"):
        (serialized, *_) = registry.file_by_name(f"loadgrpc/v1/{name}.proto")
        described = FileDescriptorProto.FromString(serialized)
        assert not [m.name for m in described.message_type if m.extension_range]
