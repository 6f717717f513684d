"""A registry that grows by the types that runs bring, and shrinks when the runs are gone.

Rule: everything that is brought at once is accepted or nothing of it, and readers see the
registry before or after, never between. It is replaced, not changed, so a server may read it in
other threads; only one thread changes it. Types that many runs bring are kept once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import islice

from loadgrpc.errors import AlreadyExists, InvalidRequest, NotFound
from loadgrpc.protocol.bounds import MAX_FILES, MAX_IMPORT_DEPTH
from loadgrpc.reflection.file import File
from loadgrpc.reflection.packaged import WELL_KNOWN, packaged
from loadgrpc.reflection.registry import Registry

_Files = Mapping[bytes, File]
"""Files by what they were parsed from."""


class Catalog:
    """What is always there, and what each run has brought; `current` is all of it.

    `always` is called when the first answer needs it, and again for each: it has to remember.
    """

    def __init__(self, always: Callable[[], Registry] = packaged) -> None:
        self._always = always
        self._brought: dict[str, _Files] = {}
        self._over: set[str] = set()
        """Runs whose types make room."""
        self._current: Registry | None = None

    def current(self) -> Registry:
        """All that is known now."""
        return self._current or self._always()

    def bring(self, run_id: str, files: Iterable[bytes]) -> None:
        """Adds serialized FileDescriptorProtos, and what they import, until the run is dropped.

        A run may bring several times, and bring what another one has brought or what is always
        there, as long as it says the same; programs send what they import along. Well-known
        files are passed over: each compiler has its own.

        Raises:
            AlreadyExists: a file defines what another one does; the text names both.
            NotFound: an import is neither among what the run has brought nor always there.
            InvalidRequest: something is no FileDescriptorProto, or files import one another in
                too long a chain.
        """
        mine = {**self._brought.get(run_id, {}), **self._parse(files)}
        if len(mine) > MAX_FILES:
            raise InvalidRequest(f"a run has more than {MAX_FILES} files")
        alone = Registry([*self._always(), *mine.values()])  # what others brought goes with them
        _check_imports(mine.values(), alone)
        brought = {**self._others(run_id, mine), run_id: mine}
        self._current = self._registry(brought)
        self._brought = brought
        self._over &= brought.keys()

    def retire(self, run_id: str) -> None:
        """The run is over: what it has brought stays, but makes room for what clashes with it."""
        if run_id in self._brought:
            self._over.add(run_id)

    def drop(self, run_id: str) -> None:
        """Forgets the types that only this run has brought."""
        if run_id in self._brought:
            brought = {other: files for other, files in self._brought.items() if other != run_id}
            if self._brought[run_id].keys() - _all(brought).keys():
                self._current = self._registry(brought)
            self._brought = brought
            self._over.discard(run_id)

    def _parse(self, files: Iterable[bytes]) -> _Files:
        """Files that were brought, without those that are well-known."""
        known = _all(self._brought)
        unread = list(islice(files, MAX_FILES + 1))
        if len(unread) > MAX_FILES:
            raise InvalidRequest(f"there are more than {MAX_FILES} files")
        parsed = {each: known.get(each) or File.parse(each) for each in unread}
        return {each: file for each, file in parsed.items() if not file.name.startswith(WELL_KNOWN)}

    def _others(self, run_id: str, mine: _Files) -> dict[str, _Files]:
        """What other runs have brought, except those that are over and clash with `mine`.

        Raises:
            AlreadyExists: one that clashes is not over.
        """
        others = {other: files for other, files in self._brought.items() if other != run_id}
        names = {file.name for file in mine.values()}
        symbols = {symbol for file in mine.values() for symbol in file.symbols}
        extensions = {each for file in mine.values() for each in file.extensions}

        def may_clash(file: File) -> bool:
            return (
                file.name in names
                or not symbols.isdisjoint(file.symbols)
                or not extensions.isdisjoint(file.extensions)
            )

        clashing = {
            each
            for each, file in _all(others).items()
            if each not in mine
            and may_clash(file)
            and any(one.clashes_with(file) for one in mine.values())
        }
        rivals = {other for other, files in others.items() if not clashing.isdisjoint(files)}
        for rival in rivals - self._over:
            try:
                Registry([*others[rival].values(), *mine.values()])
            except AlreadyExists as error:
                raise AlreadyExists(f"{error}, which run {rival} has brought") from None
        return {other: files for other, files in others.items() if other not in rivals}

    def _registry(self, brought: Mapping[str, _Files]) -> Registry | None:
        files = _all(brought)
        return Registry([*self._always(), *files.values()]) if files else None


def _check_imports(files: Collection[File], known: Registry) -> None:
    """What files import is known, and no chain of imports among them is too long.

    Raises:
        NotFound: an import is not known.
        InvalidRequest: a chain is too long.
    """
    mine = {file.name for file in files}
    for file in files:
        for dependency in file.dependencies:
            if not known.has_file(dependency):
                raise NotFound(f"no file {dependency}, which {file.name} imports")
    if _deeper_than(MAX_IMPORT_DEPTH, {each.name: {*each.dependencies} & mine for each in files}):
        raise InvalidRequest(f"files import one another in chains of over {MAX_IMPORT_DEPTH}")


def _deeper_than(most: int, left: dict[str, set[str]]) -> bool:
    """Whether a chain of imports is longer, circles apart; what each file imports is used up."""
    importers: dict[str, list[str]] = {}
    for name, imports in left.items():
        for each in imports:
            importers.setdefault(each, []).append(name)
    ready = [name for name, imports in left.items() if not imports]
    for _ in range(most):
        following = []
        for name in ready:
            for importer in importers.get(name, ()):
                left[importer].discard(name)
                if not left[importer]:
                    following.append(importer)
        ready = following
    return bool(ready)


def _all(brought: Mapping[str, _Files]) -> dict[bytes, File]:
    """What all runs have brought, each file once."""
    return {each: file for files in brought.values() for each, file in files.items()}
