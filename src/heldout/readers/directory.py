"""From a directory to the runs in it.

One folder of logs is one run when its files say the same thing in several formats (then the format with the lowest rank
is read), are the pieces of one run, or complete each other: the training in one file, held-out scores in another. Files
of one rank beside each other are runs of their own. A folder that is one log, such as one that heldout recorded, is one
run, whatever else is in it. Held-out outcomes in files of their own belong to the run above them.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from heldout.errors import NotUnderstood, ReadError
from heldout.readers.folders.checkpoints import with_checkpoints
from heldout.readers.folders.found import Found, Named
from heldout.readers.folders.homes import at_home, without_copies, without_inner
from heldout.readers.folders.names import named
from heldout.readers.folders.outcomes import with_outcomes
from heldout.readers.folders.pieces import in_pieces, longest_states
from heldout.readers.folders.refusals import with_refusals
from heldout.readers.folders.rotated import rotated
from heldout.readers.folders.runs import by_folder
from heldout.readers.folders.step_trees import could_be_leaf, trees
from heldout.readers.folders.walk import walked
from heldout.readers.formats import UNDERSTOOD, Kind, folder_reader, format_of, read_file
from heldout.readers.log import Log
from heldout.readers.source import Files
from heldout.run import Note, NoteKind


def found_in(root: Path, files: Files) -> list[Named]:
    """Return name, log and files of every run below a directory.

    Raises `NotUnderstood` where no file below it could be read; the message says why for the first ones.
    """
    walk = walked(root)
    found, refused = _read(root, walk.candidates, files)
    files.refused = refused
    if not found:
        why = " ".join(list(refused.values())[:3]) or f"No file in it looks like a log; heldout reads {UNDERSTOOD}."
        raise NotUnderstood(f"{root}: no training log was found. {why}")
    recorded = [one for one in found if one.log.format == "run-directory"]
    outcomes = [one for one in found if format_of(one.log).kind is Kind.OUTCOMES]
    apart = {*map(id, recorded), *map(id, outcomes)}
    logs = [one for one in found if id(one) not in apart]
    logs = without_copies(without_inner(in_pieces(longest_states(root, logs))))
    runs = [*recorded, *by_folder(at_home(root, logs))]
    runs = with_checkpoints(root, with_outcomes(root, runs, outcomes))
    runs = with_refusals(root, runs, refused, files)
    if walk.unseen:
        runs = [one.said(Note(NoteKind.IGNORED, walk.unseen)) for one in runs]
    return named(root, runs)


def _read(root: Path, candidates: Iterable[Path], files: Files) -> tuple[list[Found], dict[Path, str]]:
    """Read what may be logs; return those that are, and of the others why they are none."""
    found: list[Found] = []
    refused: dict[Path, str] = {}
    single: dict[Path, list[Found]] = {}  # files of one step at most, which may be one of many
    for path, older in rotated(candidates):
        logs: list[Log] = []
        try:
            read = folder_reader(path) if path.is_dir() else None
            logs = [read(path, files)] if read else read_file(path, files, older)
        except ReadError as error:
            refused[path] = str(error)
        those = [Found((path, *older), path.parent if path.is_file() else path, log) for log in logs]
        if could_be_leaf(path, root) and all(len(log.step) < 2 and not log.measured for log in logs):
            single[path] = those
        else:
            found += those
    made = trees(root, list(single), files)
    of_trees = {path for one in made for path in one.files}
    found += [one for path, those in single.items() if path not in of_trees for one in those]
    return [*found, *made], {path: why for path, why in refused.items() if path not in of_trees}
