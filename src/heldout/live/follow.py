"""Waiting for a log, and reading it whenever it has grown."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from heldout.datasets import published
from heldout.errors import ReadError, SeveralRuns
from heldout.readers import Paths, logs_in, read, shown
from heldout.readers.assemble import assemble
from heldout.readers.elsewhere import PAUSE, local, look
from heldout.readers.folders.found import Named
from heldout.readers.folders.walk import is_no_log, refuse_unreadable
from heldout.readers.log import Log
from heldout.readers.restarts import compacted, joined
from heldout.readers.roles import Options
from heldout.readers.source import Files, stamp_at
from heldout.run import Run
from heldout.store.layout import CHECKPOINTS, EVALS, METRICS, RUN, is_run, whole_name

_DEEPEST = 6
_Stamp = tuple[int, int, int]  # inode, size, time of the last change


class Follower:
    """Reads a log that is being written.

    Parameters
    ----------
    path
        A file or directory of any format that `heldout.read` knows, here or elsewhere. It need not be there yet; it may
        be rotated, truncated, deleted, or begun anew. Several are followed as one run.
    run, roles, problems, samples
        As for `heldout.read`; a metric of `roles` may be logged later.

    Raises
    ------
    ReadError
        When a path is a pipe or a device.

    Attributes
    ----------
    waiting
        Why nothing can be read at the moment, in a sentence; empty where something was.
    """

    def __init__(
        self,
        path: Paths,
        *,
        run: str | None = None,
        roles: Mapping[str, str] | None = None,
        problems: int | None = None,
        samples: int | None = None,
    ) -> None:
        self.paths = [local(one) for one in ([path] if isinstance(path, str | Path) else path)]
        for one in self.paths:
            if one.exists():
                refuse_unreadable(one)
        self.waiting = ""
        self._run = run
        self._options = Options(roles, problems, samples, growing=True)
        self._files = Files(growing=True)
        self._stamps: dict[str, _Stamp] | None = None
        self._last: _Stamp | None = None  # of the file, where one file is followed
        self._known: Named | None = None  # the run at the last look
        self._earlier: Log | None = None  # what was logged before the file was begun anew

    @property
    def source(self) -> str:
        """What is followed, as text."""
        return shown(self.paths)

    @property
    def directory(self) -> Path | None:
        """The run directory that is followed, where it is one."""
        path = self.paths[0]
        folder = path.parent if path.name in (RUN, METRICS) else path
        return folder if len(self.paths) == 1 and is_run(folder) else None

    def poll(self, *, last: bool = False) -> Run | None:
        """Return the run as it is now if anything was written since the last call, else None.

        What was read before the file was rotated, truncated or begun anew counts as the beginning of the same log.

        Parameters
        ----------
        last
            Nothing will be written any more: read in any case, and take a last line without its end as whole.

        Raises
        ------
        SeveralRuns
            When the log holds several runs and none was chosen or followed so far, or one file has no run of that name.
        """
        try:
            for path in self.paths:
                look(path, pause=0.0 if last else PAUSE)
            stamps = {name: stamp for path in self.paths for name, stamp in _stamps(path)}
            if stamps == self._stamps and not last:
                return None
            if self._replaced(stamps) and self._known:
                self._earlier = compacted(self._known.log)
            self._stamps = stamps
            self._files.forget_others(set(map(Path, stamps)))
            found = self._read(growing=not last)
        except SeveralRuns as error:
            if self._known is not None:
                self.waiting = f"{self.source} does not hold the run that was followed now."
                return None
            if self._run is None or all(path.is_file() for path in self.paths):
                raise
            self.waiting = str(error)  # the run may be begun in this folder later
            return None
        except (ReadError, OSError) as error:  # not there yet, empty, half a line, or deleted while it was read
            self.waiting = str(error)
            return None
        self.waiting = ""
        return found

    def _replaced(self, stamps: Mapping[str, _Stamp]) -> bool:
        """Whether the one file that is followed was begun anew: rotated, truncated, written again."""
        if len(self.paths) > 1:
            return False  # what was logged before it cannot be told apart from what the others hold
        now, before = stamps.get(str(self.paths[0])), self._last
        self._last = now or before
        return now is not None and before is not None and (now[0] != before[0] or now[1] < before[1])

    def _read(self, *, growing: bool) -> Run:
        if self.source.startswith(published.PREFIX):
            told = self._options
            return read(self.source, run=self._run, roles=told.roles, problems=told.problems, samples=told.samples)
        name, log, files, _ = self._found(self._files if growing else Files())
        log = log if self._earlier is None else joined([self._earlier, log])
        run = assemble(log, name, self.source, replace(self._options, growing=growing))
        self._known = Named(run.name, log, files)
        return run

    def _found(self, files: Files) -> Named:
        where: Paths = self.paths[0] if len(self.paths) == 1 else self.paths
        found = logs_in(where, files, None if self._known else self._run)
        same = found if len(found) == 1 else self._same(found)
        if len(same) != 1:
            listed = ", ".join(repr(one.log.name or one.name) for one in found[:6])
            raise SeveralRuns(f"{self.source} holds {len(found)} runs ({listed}); choose one with --run NAME.")
        return same[0]

    def _same(self, found: list[Named]) -> list[Named]:
        """Return what is the run that was followed so far: names may change when others appear beside it."""
        known = self._known
        wanted = self._run if known is None else known.name
        of_files = [one for one in found if known is not None and not {*known.files}.isdisjoint(one.files)]
        if len(of_files) == 1:
            return of_files
        return [one for one in of_files or found if (one.log.name or one.name) == wanted]


def _stamps(path: Path) -> Iterator[tuple[str, _Stamp]]:
    """Yield what tells whether a log has changed: of every file that belongs to it inode, size and time."""
    if path.name in (RUN, METRICS) and is_run(path.parent):
        path = path.parent
    if path.is_dir():
        yield f"{path}{os.sep}", (path.stat().st_ino, 0, 0)
        yield from _inside(path, 0)
    elif path.exists():
        yield str(path), stamp_at(path)


def _inside(folder: Path, depth: int) -> Iterator[tuple[str, _Stamp]]:
    recorded = is_run(folder)
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if recorded and whole_name(entry.name) not in (RUN, METRICS, EVALS, CHECKPOINTS):
                continue
            try:
                is_folder = entry.is_dir()
                if not is_folder and not is_no_log(Path(entry.name)):
                    yield entry.path, stamp_at(Path(entry.path))
                elif is_folder and depth < _DEEPEST:
                    yield entry.path, (entry.inode(), 0, 0)
                    yield from _inside(Path(entry.path), depth + 1)
            except OSError:  # deleted since it was listed, as old checkpoints are; or a link that leads nowhere
                continue
