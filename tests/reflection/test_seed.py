"""The behaviours that grpc-swift's unit tests ask of a reflection service, one test each.

What can be seen on the wire is asked of a live server, under both names of the service; what
happens at load is shown on the registry. Codes are the seed's, texts are ours. The files are
the seed's too: they are no valid protobuf (fields without numbers, extensions with dots in
their names), and a reflection service answers what it was given.
"""

import base64

import grpc
import pytest
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    EnumValueDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    MethodDescriptorProto,
    ServiceDescriptorProto,
)
from grpc_reflection.v1alpha.reflection_pb2 import ExtensionRequest, ServerReflectionRequest

from loadgrpc.errors import AlreadyExists, InvalidRequest
from loadgrpc.protocol.status import code_of
from loadgrpc.reflection import File, Registry, read

BOOL = FieldDescriptorProto.TYPE_BOOL
INT32 = FieldDescriptorProto.TYPE_INT32


def message(name, field, kind):
    """A message with one field."""
    return DescriptorProto(name=name, field=[FieldDescriptorProto(name=field, type=kind)])


def extension(number, extended=".packagebar1.inputMessage1"):
    """An extension by number only."""
    return FieldDescriptorProto(extendee=extended, number=number)


def proto(name, suffix):
    """A file of the seed: two messages, an enum, a service and five extensions."""
    package = f"package{name}{suffix}"
    extended = f".{package}.inputMessage{suffix}"
    method = MethodDescriptorProto(
        name=f"testMethod{suffix}",
        input_type=f"inputMessage{suffix}",
        output_type=f"outputMessage{suffix}",
    )
    return FileDescriptorProto(
        name=f"{name}{suffix}.proto",
        package=package,
        message_type=[
            message(f"inputMessage{suffix}", "inputField", BOOL),
            message(f"outputMessage{suffix}", "outputField", INT32),
        ],
        enum_type=[
            EnumDescriptorProto(
                name=f"enumType{suffix}",
                value=[EnumValueDescriptorProto(name=f"value{n}") for n in (1, 2)],
            )
        ],
        service=[ServiceDescriptorProto(name=f"service{suffix}", method=[method])],
        extension=[
            FieldDescriptorProto(name=f"extension{extended}-{n}", extendee=extended, number=n)
            for n in range(1, 6)
        ],
    )


@pytest.fixture
def protos():
    """bar1.proto, and the three files that it imports."""
    first, *others = (proto("bar", str(n)) for n in range(1, 5))
    first.dependency.extend(other.name for other in others)
    return [first, *others]


@pytest.fixture
def complex_protos():
    """A tree of 21 files below foo0.proto: of each two, one imports the next two."""
    files = [proto("foo", "0")]
    for n in range(1, 11):
        parent = files[-1 - n % 2] if n > 1 else files[0]
        pair = [proto(f"foo{side}", f"{n}{side}") for side in "AB"]
        parent.dependency.extend(file.name for file in pair)
        files.extend(pair)
    return files


@pytest.fixture
def load():
    """`load(protos)` is their registry."""
    return lambda protos: Registry(File.parse(file.SerializeToString()) for file in protos)


@pytest.fixture
def answer(ask, load):
    """`answer(protos, field=value)`: what a live server that knows these answers to one request."""

    def one(protos, **request):
        registry = load(protos)
        (response,) = ask(ServerReflectionRequest(**request), registry=lambda: registry)
        return response

    return one


def files(response):
    """The files of an answer."""
    assert response.HasField("file_descriptor_response")
    found = response.file_descriptor_response.file_descriptor_proto
    return [FileDescriptorProto.FromString(serialized) for serialized in found]


def code(response):
    """The code of an answer that is an error."""
    assert response.HasField("error_response")
    assert response.error_response.error_message
    return response.error_response.error_code


NOT_FOUND = grpc.StatusCode.NOT_FOUND.value[0]
INVALID_ARGUMENT = grpc.StatusCode.INVALID_ARGUMENT.value[0]


def test_file_data_by_name(answer, protos):
    """testFileDescriptorDataByFilename: by its name a file comes as it was, imports included."""
    for asked in protos:
        first = files(answer(protos, file_by_filename=asked.name))[0]
        assert first == asked
        assert first.dependency == asked.dependency


def test_service_names(live, stream, version, protos, load):
    """testServiceNames: every service of the files is a symbol, and the list is what is served."""
    registry = load(protos)
    names = [f"{file.package}.{service.name}" for file in protos for service in file.service]
    assert names == [f"packagebar{n}.service{n}" for n in range(1, 5)]

    listed, *described = live(
        lambda target: stream(
            target,
            version,
            [
                ServerReflectionRequest(list_services=""),
                *(ServerReflectionRequest(file_containing_symbol=name) for name in names),
            ],
        ),
        services=names,
        registry=lambda: registry,
    )

    found = [service.name for service in listed.list_services_response.service]
    assert [name for name in found if name.startswith("packagebar")] == names
    assert [files(response)[0].name for response in described] == [file.name for file in protos]


def test_file_name_by_symbol(ask, protos, load):
    """testFileNameBySymbol: each message, enum, service and method leads to its file."""
    expected = {}
    for file in protos:
        named = [*file.message_type, *file.enum_type, *file.service]
        expected |= {f"{file.package}.{thing.name}": file.name for thing in named}
        for service in file.service:
            for method in service.method:
                expected[f"{file.package}.{service.name}.{method.name}"] = file.name
    registry = load(protos)

    responses = ask(
        *(ServerReflectionRequest(file_containing_symbol=symbol) for symbol in expected),
        registry=lambda: registry,
    )

    assert len(expected) == 5 * 4
    assert [files(response)[0].name for response in responses] == [*expected.values()]


def test_duplicated_symbol(protos, load):
    """testFileNameBySymbolDuplicatedSymbol: ALREADY_EXISTS, with symbol and both files."""
    protos[1].message_type.append(message("inputMessage2", "inputField", BOOL))
    with pytest.raises(AlreadyExists) as raised:
        load(protos)
    assert code_of(raised.value) is grpc.StatusCode.ALREADY_EXISTS
    assert str(raised.value) == (
        "packagebar2.inputMessage2 from bar2.proto already exists in bar2.proto"
    )


def test_enum(answer, protos):
    """testNameOfFileContainingSymbolEnum: an enum leads to its file."""
    response = answer(protos, file_containing_symbol="packagebar2.enumType2")
    assert files(response)[0].name == "bar2.proto"


def test_message(answer, protos):
    """testNameOfFileContainingSymbolMessage: a message leads to its file."""
    response = answer(protos, file_containing_symbol="packagebar1.inputMessage1")
    assert files(response)[0].name == "bar1.proto"


def test_service(answer, protos):
    """testNameOfFileContainingSymbolService: a service leads to its file."""
    response = answer(protos, file_containing_symbol="packagebar3.service3")
    assert files(response)[0].name == "bar3.proto"


def test_method(answer, protos):
    """testNameOfFileContainingSymbolMethod: a method leads to its file."""
    response = answer(protos, file_containing_symbol="packagebar4.service4.testMethod4")
    assert files(response)[0].name == "bar4.proto"


def test_unknown_symbol(answer, protos):
    """testNameOfFileContainingSymbolNonExistentSymbol: NOT_FOUND."""
    response = answer(protos, file_containing_symbol="packagebar2.enumType3")
    assert code(response) == NOT_FOUND


def test_dependencies(answer, protos):
    """testSerialisedFileDescriptorProtosForDependenciesOfFile: the file and all it imports."""
    found = files(answer(protos, file_by_filename="bar1.proto"))
    assert found[0] == protos[0]
    assert sorted(found, key=lambda file: file.name) == protos


def test_complex_dependencies(answer, complex_protos):
    """testSerialisedFileDescriptorProtosForDependenciesOfFileComplexDependencyGraph: all 21."""
    found = files(answer(complex_protos, file_by_filename="foo0.proto"))
    assert len(found) == 21
    assert found[0] == complex_protos[0]
    assert all(file in found for file in complex_protos)


def test_dependency_loops(answer, protos):
    """testSerialisedFileDescriptorProtosForDependenciesOfFileDependencyLoops: each file once."""
    for file in protos[1:]:
        file.dependency.append("bar1.proto")
    found = files(answer(protos, file_by_filename="bar1.proto"))
    assert found[0] == protos[0]
    assert sorted(found, key=lambda file: file.name) == protos


def test_unknown_file(answer, protos):
    """testSerialisedFileDescriptorProtosForDependenciesOfFileInvalidFile: NOT_FOUND."""
    assert code(answer(protos, file_by_filename="invalid.proto")) == NOT_FOUND


def test_missing_dependency(answer, protos):
    """testSerialisedFileDescriptorProtosForDependenciesOfFileDependencyNotProto: NOT_FOUND.

    The missing file and who imports it are named.
    """
    protos[0].dependency.append("invalidDependency")
    response = answer(protos, file_by_filename="bar1.proto")
    assert code(response) == NOT_FOUND
    assert response.error_response.error_message == (
        "no file invalidDependency, which bar1.proto imports"
    )


def test_extensions(ask, protos, load):
    """testNameOfFileContainingExtensions: type and number of each extension lead to its file."""
    registry = load(protos)
    asked = [(e.extendee.lstrip("."), e.number, f.name) for f in protos for e in f.extension]

    responses = ask(
        *(
            ServerReflectionRequest(
                file_containing_extension=ExtensionRequest(
                    containing_type=extended, extension_number=number
                )
            )
            for extended, number, _ in asked
        ),
        registry=lambda: registry,
    )

    assert len(asked) == 5 * 4
    assert [files(response)[0].name for response in responses] == [name for *_, name in asked]


def test_extension_of_unknown_type(answer, protos):
    """testNameOfFileContainingExtensionsInvalidTypeName: NOT_FOUND."""
    asked = ExtensionRequest(containing_type="InvalidType", extension_number=2)
    assert code(answer(protos, file_containing_extension=asked)) == NOT_FOUND


def test_extension_of_unknown_number(answer, protos):
    """testNameOfFileContainingExtensionsInvalidFieldNumber: NOT_FOUND."""
    extended = protos[0].extension[0].extendee
    for containing_type in (extended, extended.removeprefix(".")):
        asked = ExtensionRequest(containing_type=containing_type, extension_number=9)
        assert code(answer(protos, file_containing_extension=asked)) == NOT_FOUND


def test_duplicated_extension(protos, load):
    """testNameOfFileContainingExtensionsDuplicatedExtensions: ALREADY_EXISTS, with both files."""
    protos[0].extension.append(extension(2))
    with pytest.raises(AlreadyExists) as raised:
        load(protos)
    assert code_of(raised.value) is grpc.StatusCode.ALREADY_EXISTS
    assert str(raised.value) == (
        "extension 2 of packagebar1.inputMessage1 from bar1.proto already exists in bar1.proto"
    )


def numbers(response):
    """The numbers of an answer."""
    assert response.HasField("all_extension_numbers_response")
    return list(response.all_extension_numbers_response.extension_number)


def test_extension_numbers(answer, protos):
    """testExtensionsFieldNumbersOfType: all numbers of a type."""
    protos[0].extension.append(extension(120))
    response = answer(protos, all_extension_numbers_of_type="packagebar1.inputMessage1")
    assert numbers(response) == [1, 2, 3, 4, 5, 120]


def test_no_extension_numbers(answer, protos):
    """testExtensionsFieldNumbersOfTypeNoExtensionsType: no numbers, and no error."""
    protos[0].message_type.append(message("noExtensionMessage", "noExtensionField", BOOL))
    response = answer(protos, all_extension_numbers_of_type="packagebar1.noExtensionMessage")
    assert numbers(response) == []


def test_extension_numbers_of_unknown_type(answer, protos):
    """testExtensionsFieldNumbersOfTypeInvalidTypeName: INVALID_ARGUMENT."""
    response = answer(protos, all_extension_numbers_of_type="packagebar1.invalidTypeMessage")
    assert code(response) == INVALID_ARGUMENT


def test_extension_numbers_from_other_files(answer, protos):
    """testExtensionsFieldNumbersOfTypeExtensionsInDifferentProtoFiles: those of all files."""
    protos[2].extension.append(extension(130))
    response = answer(protos, all_extension_numbers_of_type="packagebar1.inputMessage1")
    assert numbers(response) == [1, 2, 3, 4, 5, 130]


def test_read_one(tmp_path):
    """testReadSerializedFileDescriptorProto: a file on disk, in base64, is read."""
    path = tmp_path / "test.grpc.reflection"
    path.write_bytes(base64.b64encode(proto("test", "1").SerializeToString()))
    (file,) = read(path)
    assert FileDescriptorProto.FromString(file.serialized) == proto("test", "1")


def test_read_invalid(tmp_path):
    """testReadSerializedFileDescriptorProtoInvalidFileContents: INVALID_ARGUMENT with the path."""
    path = tmp_path / "test.grpc.reflection"
    path.write_text("%%%%%££££")
    with pytest.raises(InvalidRequest) as raised:
        read(path)
    assert code_of(raised.value) is grpc.StatusCode.INVALID_ARGUMENT
    assert str(path) in str(raised.value)


def test_read_several(tmp_path, protos):
    """testReadSerializedFileDescriptorProtos: several files are read, in their order."""
    paths = [tmp_path / f"{file.name}.grpc.reflection" for file in protos]
    for path, file in zip(paths, protos, strict=True):
        path.write_bytes(base64.b64encode(file.SerializeToString()))
    assert [FileDescriptorProto.FromString(file.serialized) for file in read(*paths)] == protos
