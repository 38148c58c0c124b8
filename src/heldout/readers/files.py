"""The files of a log, each read at most once, and while it grows only where it was not read before."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from heldout.errors import ReadError
from heldout.readers.log import Log
from heldout.readers.source import Source, stamp_of

_Stamp = tuple[int, int, int]


class Files:
    """Opens files for readers.

    Parameters
    ----------
    growing
        Whether they are still being written. What was understood of a file is then kept for the next look: a file that
        has not changed is not read again, and one that has only grown is read from where it was left.
    """

    def __init__(self, *, growing: bool = False) -> None:
        self.growing = growing
        self._sources: dict[Path, tuple[int, Source]] = {}  # each with its inode
        self._found: dict[Path, tuple[_Stamp, list[Log] | ReadError]] = {}

    def source(self, path: Path) -> Source:
        """Return a file as it is now."""
        if not self.growing:
            return Source(path)
        inode = path.stat().st_ino
        known, source = self._sources.get(path, (None, None))
        if source is None or known != inode or not source.looked_at_again():
            source = Source(path, growing=True)
            self._sources[path] = inode, source
        return source

    def logs(self, path: Path, read: Callable[[Source], list[Log]]) -> list[Log]:
        """Return what a file holds, as `read` finds it.

        Raises
        ------
        ReadError
            As `read` does.
        """
        if not self.growing:
            return read(Source(path))
        stamp = stamp_of(path.stat())
        known, found = self._found.get(path, (None, []))
        if known != stamp:
            found = _tried(read, self.source(path))
            self._found[path] = stamp, found
        if isinstance(found, ReadError):
            raise found.with_traceback(None)
        return found

    def forget_others(self, paths: Collection[Path]) -> None:
        """Forget the files that are neither among these nor there any more."""
        for known in (self._sources, self._found):
            for path in known.keys() - set(paths):
                if not path.exists():
                    del known[path]


def _tried(read: Callable[[Source], list[Log]], source: Source) -> list[Log] | ReadError:
    try:
        return read(source)
    except ReadError as error:
        return error
    finally:
        source.let_go()
