"""A registry that grows by what runs bring with them, and shrinks when they are over.

Rule: all that is brought at once is taken or none of it, and whoever asks meanwhile sees
the registry before or after, never between. It is replaced, not changed, so a server may
read it in other threads; `bring` and `drop` are for one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from loadgrpc.reflection.file import File
from loadgrpc.reflection.packaged import packaged
from loadgrpc.reflection.registry import Registry


class Catalog:
    """What is always there, and what each run has brought; `current` is all of it.

    `always` is called when the first answer needs it, and again for each: it has to remember.
    """

    def __init__(self, always: Callable[[], Registry] = packaged) -> None:
        self._always = always
        self._brought: dict[str, list[File]] = {}
        self._current: Registry | None = None

    def current(self) -> Registry:
        """All that is known now."""
        return self._current or self._always()

    def bring(self, run_id: str, files: Iterable[bytes]) -> None:
        """Adds serialized FileDescriptorProtos, and what they import, until the run is dropped.

        A run may bring several times, and bring what another one has brought or what is always
        there, as long as it says the same; programs send what they import along.

        Raises:
            AlreadyExists: a file defines what another one does; the text names both.
            NotFound: an import is neither among what the run has brought nor always there.
            InvalidRequest: something is no FileDescriptorProto.
        """
        mine = [*self._brought.get(run_id, ()), *map(File.parse, files)]
        current = Registry([*self.current(), *mine])
        alone = Registry([*self._always(), *mine])  # what others brought goes when they go
        for file in mine:
            alone.file_by_name(file.name)
        self._brought[run_id] = mine
        self._current = current

    def drop(self, run_id: str) -> None:
        """Forgets what a run has brought, if it has, and nobody else did."""
        if self._brought.pop(run_id, None) is None:
            return
        brought = [file for files in self._brought.values() for file in files]
        self._current = Registry([*self._always(), *brought]) if brought else None
