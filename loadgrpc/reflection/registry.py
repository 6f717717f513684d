"""Which file defines what.

Rule: the answer for a file is its bytes as loaded, followed by all its imports, each once. The
registry reads raw FileDescriptorProtos and no DescriptorPool: a pool drops comments, does not
find methods, and rejects files that import one another or import a missing file. A registry never
changes; a `Catalog` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from loadgrpc.errors import AlreadyExists, InvalidRequest, NotFound
from loadgrpc.reflection.file import Extension, File


class Registry:
    """Files, in any order, and what they define.

    A file of a known name is passed over when it says the same as the known one.

    Raises:
        AlreadyExists: two files define the same, or have one name and do not say the same.
    """

    def __init__(self, files: Iterable[File] = ()) -> None:
        self._files: dict[str, File] = {}
        self._file_of_symbol: dict[str, str] = {}
        self._file_of_extension: dict[Extension, str] = {}
        for file in files:
            self._take(file)

    def _take(self, file: File) -> None:
        known = self._files.get(file.name)
        if known is None:
            self._files[file.name] = file
            _claim(file.symbols, file.name, self._file_of_symbol)
            _claim(file.extensions, file.name, self._file_of_extension)
        elif not file.says_the_same_as(known):
            raise AlreadyExists(f"{file.name} already exists with a different content")

    def __iter__(self) -> Iterator[File]:
        return iter(self._files.values())

    def has_file(self, name: str) -> bool:
        """Whether there is a file of that name."""
        return name in self._files

    def file_by_name(self, name: str) -> list[bytes]:
        """The file `name` and what it imports."""
        if name not in self._files:
            raise NotFound(f"no file {name}")
        found = {name: self._files[name]}
        unread = [name]
        while unread:
            importer = unread.pop()
            for dependency in found[importer].dependencies:
                if dependency not in self._files:
                    raise NotFound(f"no file {dependency}, which {importer} imports")
                if dependency not in found:
                    found[dependency] = self._files[dependency]
                    unread.append(dependency)
        return [file.serialized for file in found.values()]

    def file_containing_symbol(self, symbol: str) -> list[bytes]:
        """The file that defines `symbol`, and what it imports.

        A symbol is a message, field, oneof, enum, service, method (`package.Service.Method`)
        or extension; an enum value is a sibling of its enum, as in C++.
        """
        file = self._file_of_symbol.get(symbol)
        if file is None:
            raise NotFound(f"no symbol {symbol}")
        return self.file_by_name(file)

    def file_containing_extension(self, extended_type: str, number: int) -> list[bytes]:
        """The file that extends `extended_type` with field `number`, and what it imports."""
        extension = Extension(extended_type, number)
        file = self._file_of_extension.get(extension)
        if file is None:
            raise NotFound(f"no {extension}")
        return self.file_by_name(file)

    def all_extension_numbers(self, extended_type: str) -> list[int]:
        """The numbers of all extensions of a message, over all files, ascending."""
        numbers = sorted(
            extension.number
            for extension in self._file_of_extension
            if extension.extended_type == extended_type
        )
        if not numbers and not any(extended_type in file.messages for file in self):
            raise InvalidRequest(f"{extended_type} is not a message type")
        return numbers


_Key = TypeVar("_Key", str, Extension)


def _claim(keys: Iterable[_Key], file: str, owners: dict[_Key, str]) -> None:
    """Notes that each key is `file`'s, unless one is taken."""
    for key in keys:
        owner = owners.get(key)
        if owner is not None:
            raise AlreadyExists(f"{key} from {file} already exists in {owner}")
        owners[key] = file
