"""What runs bring, and what is left of it when they are over."""

import pytest
from google.protobuf import timestamp_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest

from loadgrpc.errors import AlreadyExists, InvalidRequest, NotFound
from loadgrpc.reflection import Catalog, packaged
from loadgrpc.v1 import event_pb2

TIMESTAMP = timestamp_pb2.DESCRIPTOR.serialized_pb


def file(name, *imports, message="", package="shop"):
    """A file with one message, or none."""
    messages = [DescriptorProto(name=message)] if message else []
    return FileDescriptorProto(
        name=name, package=package, dependency=imports, message_type=messages
    ).SerializeToString()


SOLD = file("sold.proto", "google/protobuf/timestamp.proto", message="Sold")
PAID = file("paid.proto", "sold.proto", message="Paid")


def knows(catalog, symbol):
    """Whether a symbol is known now."""
    try:
        return bool(catalog.current().file_containing_symbol(symbol))
    except NotFound:
        return False


def test_nothing_brought():
    """Without what runs bring, it is what is always there."""
    assert Catalog().current() is packaged()


def test_life():
    """Types are known from when a run brings them until it is dropped."""
    catalog = Catalog()
    catalog.bring("r-1", [SOLD])
    assert catalog.current().file_containing_symbol("shop.Sold")[0] == SOLD
    assert knows(catalog, "loadgrpc.v1.ControlService.StartRun")
    catalog.drop("r-1")
    assert not knows(catalog, "shop.Sold")
    assert catalog.current() is packaged()


def test_runs_are_apart():
    """A run that is dropped takes nothing of another one with it."""
    catalog = Catalog()
    catalog.bring("r-1", [SOLD])
    catalog.bring("r-2", [file("more.proto", message="More")])
    catalog.drop("r-1")
    assert knows(catalog, "shop.More")
    assert not knows(catalog, "shop.Sold")


def test_dropping_what_brought_nothing():
    """To drop a run that brought nothing, or was dropped, changes nothing."""
    catalog = Catalog()
    catalog.bring("r-1", [SOLD])
    before = catalog.current()
    catalog.drop("r-2")
    assert catalog.current() is before


def test_the_same_from_two_runs():
    """What two runs brought stays until both are dropped."""
    catalog = Catalog()
    catalog.bring("r-1", [SOLD])
    catalog.bring("r-2", [SOLD])
    catalog.drop("r-1")
    assert knows(catalog, "shop.Sold")
    catalog.drop("r-2")
    assert not knows(catalog, "shop.Sold")


def test_a_run_brings_several_times():
    """Each source of a run may bring types, and build on those of the others."""
    catalog = Catalog()
    catalog.bring("r-1", [SOLD])
    catalog.bring("r-1", [PAID])
    assert catalog.current().file_containing_symbol("shop.Paid")[:2] == [PAID, SOLD]
    catalog.drop("r-1")
    assert not knows(catalog, "shop.Sold")
    assert not knows(catalog, "shop.Paid")


def test_imports_are_sent_along():
    """What is always there may be brought too: ours stays, with its comments."""
    catalog = Catalog()
    event = event_pb2.DESCRIPTOR.serialized_pb
    before = packaged().file_by_name("loadgrpc/v1/event.proto")
    catalog.bring("r-1", [SOLD, TIMESTAMP, event])
    assert catalog.current().file_by_name("loadgrpc/v1/event.proto") == before
    assert event not in before


CLASHES = {
    "a known symbol": (
        file("mine.proto", message="Run", package="loadgrpc.v1"),
        r"loadgrpc\.v1\.Run from mine\.proto already exists in loadgrpc/v1/run\.proto",
    ),
    "a symbol of another run": (
        file("rival.proto", message="Sold"),
        r"shop\.Sold from rival\.proto already exists in sold\.proto",
    ),
    "a file of another run": (
        file("sold.proto", message="Other"),
        r"sold\.proto already exists with a different content",
    ),
}


@pytest.mark.parametrize(("rival", "text"), CLASHES.values(), ids=CLASHES)
def test_clash(rival, text):
    """What defines known things differently is refused, and what came with it leaves no trace."""
    catalog = Catalog()
    catalog.bring("r-1", [SOLD])
    before = catalog.current()
    with pytest.raises(AlreadyExists, match=text):
        catalog.bring("r-2", [file("new.proto", message="New"), rival])
    assert catalog.current() is before
    catalog.bring("r-2", [file("new.proto", message="New")])
    catalog.drop("r-1")
    catalog.bring("r-2", [file("sold.proto", message="Sold")])


def test_import_that_nobody_brought():
    """An import that is not there is told at once; that another run has it does not help."""
    catalog = Catalog()
    catalog.bring("r-1", [SOLD])
    with pytest.raises(NotFound, match=r"no file sold\.proto, which paid\.proto imports"):
        catalog.bring("r-2", [PAID])
    assert not knows(catalog, "shop.Paid")
    catalog.bring("r-2", [PAID, SOLD])
    catalog.drop("r-1")
    assert knows(catalog, "shop.Paid")


def test_garbage():
    """What is no file is refused, and what came with it is not taken."""
    catalog = Catalog()
    with pytest.raises(InvalidRequest, match="not a FileDescriptorProto"):
        catalog.bring("r-1", [SOLD, b"%%%"])
    assert not knows(catalog, "shop.Sold")


def test_well_known_files_are_passed_over():
    """Each compiler has its own of them: whatever they say, ours stay."""
    catalog = Catalog()
    other = file("google/protobuf/timestamp.proto", message="Timestamp", package="google.protobuf")
    before = packaged().file_by_name("google/protobuf/timestamp.proto")
    catalog.bring("r-1", [SOLD, other])
    assert catalog.current().file_by_name("google/protobuf/timestamp.proto") == before


@pytest.mark.parametrize("name", ["any", "descriptor", "empty", "field_mask", "struct", "wrappers"])
def test_well_known_files_need_not_be_brought(name):
    """What comes with every compiler may be imported without being sent along."""
    catalog = Catalog()
    imported = f"google/protobuf/{name}.proto"
    catalog.bring("r-1", [file("mine.proto", imported, message="Mine")])
    assert len(catalog.current().file_containing_symbol("shop.Mine")) >= 2


def test_a_live_run_is_named_in_a_clash():
    """Whoever is refused learns which run is in the way."""
    catalog = Catalog()
    catalog.bring("r-1", [SOLD])
    with pytest.raises(AlreadyExists, match="which run r-1 has brought"):
        catalog.bring("r-2", [file("rival.proto", message="Sold")])


def test_runs_that_are_over_make_room():
    """What clashes with a run that is over takes the place of all that it brought."""
    catalog = Catalog()
    rival = file("sold.proto", message="Other")
    catalog.bring("r-1", [SOLD, PAID])
    catalog.bring("r-2", [file("more.proto", message="More")])
    catalog.retire("r-1")
    catalog.retire("r-2")
    assert knows(catalog, "shop.Paid")
    catalog.bring("r-3", [rival])
    assert [knows(catalog, f"shop.{name}") for name in ("Other", "Sold", "Paid", "More")] == [
        *(True, False, False, True)
    ]
    catalog.drop("r-1")
    catalog.drop("r-3")
    assert [knows(catalog, f"shop.{name}") for name in ("Other", "More")] == [False, True]


def test_a_refused_run_makes_nobody_make_room():
    """A set that clashes with what is live changes nothing, whatever else it clashes with."""
    catalog = Catalog()
    catalog.bring("r-1", [SOLD])
    catalog.bring("r-2", [file("more.proto", message="More")])
    catalog.retire("r-1")
    rivals = [file("sold.proto", message="Other"), file("rival.proto", message="More")]
    with pytest.raises(AlreadyExists, match="r-2"):
        catalog.bring("r-3", rivals)
    assert knows(catalog, "shop.Sold")


def test_extensions_come_and_go():
    """A run's extension of a known message is counted while the run lasts."""
    extending = FileDescriptorProto(
        name="extending.proto",
        dependency=["google/protobuf/timestamp.proto"],
        extension=[
            FieldDescriptorProto(name="zone", number=100, extendee=".google.protobuf.Timestamp")
        ],
    )
    catalog = Catalog()
    catalog.bring("r-1", [extending.SerializeToString()])
    extended = "google.protobuf.Timestamp"
    assert catalog.current().all_extension_numbers(extended) == [100]
    catalog.drop("r-1")
    assert catalog.current().all_extension_numbers(extended) == []


def test_live(live, stream, version):
    """A live server answers from what is there when it is asked, on one stream too."""
    catalog = Catalog()
    asked = ServerReflectionRequest(file_containing_symbol="shop.Sold")

    def requests():
        yield asked
        catalog.bring("r-1", [SOLD])
        yield asked
        catalog.drop("r-1")
        yield asked

    def one_by_one(target):
        return [
            stream(target, version, [request])[0].WhichOneof("message_response")
            for request in requests()
        ]

    assert live(one_by_one, registry=catalog.current) == [
        "error_response",
        "file_descriptor_response",
        "error_response",
    ]
