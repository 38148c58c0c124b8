"""What is said of files in a folder that were not read."""

from __future__ import annotations

from pathlib import Path

from heldout.readers.folders.found import Found
from heldout.readers.log import some
from heldout.readers.source import Files
from heldout.run import Note, NoteKind
from heldout.text import counted


def with_refusals(root: Path, runs: list[Found], refused: dict[Path, str], files: Files) -> list[Found]:
    """Say which files were not read, and why, to the readers of the folder that they stand in, or of one above it.

    What concerns none of the runs is told to `files`.
    """
    folders = {one.folder for one in runs}
    of_folder: dict[Path | None, dict[Path, str]] = {}
    for path, why in refused.items():
        near = (folder for folder in path.parents if folder in folders)
        home = runs[0].folder if len(runs) == 1 else next(near, None)
        of_folder.setdefault(home, {})[path] = why
    files.unread += [note.text for note in _refusals(root, of_folder.pop(None, {}))]
    notes = {folder: _refusals(root, those) for folder, those in of_folder.items()}
    return [one.said(*notes.get(one.folder, ())) for one in runs]


def _refusals(root: Path, refused: dict[Path, str]) -> list[Note]:
    """Say which files were not read, and why: a note for each reason that several share, and one for the rest."""
    reasons: dict[str, list[Path]] = {}
    for path, why in refused.items():
        reasons.setdefault(why.replace(str(path), "").replace(path.name, "").lstrip(": "), []).append(path)
    single = [paths[0] for paths in reasons.values() if len(paths) == 1]
    shared = [paths for paths in reasons.values() if len(paths) > 1]
    return [_refusal(root, paths, refused[paths[0]]) for paths in (*shared, single) if paths]


def _refusal(root: Path, paths: list[Path], first: str) -> Note:
    names = some([str(path.relative_to(root)) for path in paths])
    which = "The first: " if len(paths) > 1 else ""
    text = f"{counted(len(paths), 'file')} here not read as logs: {names}. {which}{first}"
    return Note(NoteKind.IGNORED, text, len(paths))
