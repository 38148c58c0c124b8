"""A log and the files that it was read from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from heldout.readers.log import Log, some
from heldout.run import Note, NoteKind


class Named(NamedTuple):
    """A run in a file or folder: its name where the log has none, the log, and the files that it was read from."""

    name: str
    log: Log
    files: tuple[Path, ...]
    place: Path | None = None  # its own folder or file, in a folder that holds several runs


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A log that was found in a folder."""

    files: tuple[Path, ...]  # the first one names it
    folder: Path  # of the run that it is of
    log: Log
    held_out: bool = False  # whether its place says that it is of held-out problems
    alone: bool = True  # whether it is the only run of its folder, which names it then

    @property
    def path(self) -> Path:
        """The file that names it."""
        return self.files[0]

    def said(self, *notes: Note) -> Found:
        """Return the same with notes added."""
        return replace(self, log=replace(self.log, notes=(*self.log.notes, *notes))) if notes else self


def also(names: list[Path]) -> Note:
    """Say which other logs were taken as the same run."""
    listed = some([str(name) for name in names])
    text = f"Other logs beside it were taken as the same run and not read: {listed}; give a file's path to read it."
    return Note(NoteKind.IGNORED, text, len(names))
