"""Logs that lie elsewhere: from what a user types to a path on this machine.

`local` is where every path of a user becomes one of this machine: an address such as ``s3://bucket/runs`` stands for a
mirror of what readers would open of it, which `look` fetches. What is then said of a path in a mirror names the
address.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from heldout.errors import ReadError, UsageError
from heldout.readers.folders.found import Named
from heldout.readers.folders.places import is_held_out
from heldout.readers.folders.walk import is_no_log
from heldout.readers.log import some
from heldout.readers.source import Files
from heldout.remote.address import address_of, path_of
from heldout.remote.index import as_addresses, mirror_at, shown
from heldout.remote.mirror import ANSWERS, HIDDEN, OTHER, Mirror
from heldout.run import Note, NoteKind
from heldout.store.layout import CHECKPOINTS, EVALS, FINDINGS, METRICS, PROCESS, ROLLOUTS, RUN, whole_name
from heldout.store.layout import HIDDEN as HIDDEN_TESTS
from heldout.text import counted, size_of

PAUSE = 5.0  # seconds between two looks at a store, at least, while a run is followed

_DEEPEST = 9  # parts of a key: five folders, and what a tracker's run holds below
_KEPT = (ROLLOUTS, "completions")
_OF_A_RUN = (RUN, METRICS, CHECKPOINTS, FINDINGS, PROCESS)
_CHECKPOINT = re.compile(r"(?:checkpoint[-_]|step-|global_step_?|iter_)\d+", re.IGNORECASE)
# All that readers find inside of a checkpoint.
_IN_CHECKPOINTS = re.compile(
    r"trainer_state\.json|.*\.(?:jsonl|csv|log|wandb)|events\.out\.tfevents\..*", re.IGNORECASE | re.DOTALL
)
_NEEDED = re.compile(r"meta\.yaml|.*\.(?:db|sqlite3?)-wal", re.IGNORECASE)  # of MLflow; of databases

_mirrors: dict[Path, Mirror] = {}  # of this process, by the paths that stand for them


def local(path: str | Path) -> Path:
    """Return the path on this machine that stands for what a user typed; what lies elsewhere is not looked at yet."""
    address = address_of(path)
    if address is None:
        return path_of(path)
    mirror = Mirror(address, "logs", _sorted)
    return _mirrors.setdefault(mirror.path, mirror).path


def answers_at(path: str | Path) -> Path:
    """Return the path on this machine of the answers that were kept of a run, fetched if they lie elsewhere.

    Errors as for `look`.
    """
    address = address_of(path)
    if address is None:
        return path_of(path)
    mirror = Mirror(address, "answers", _but_answers)
    mirror.look()
    return mirror.path


def look(path: Path, *, pause: float = 0.0) -> None:
    """Bring a mirror up to date; what lies in one is brought up to date with the whole of it.

    Parameters
    ----------
    path
        As `local` returned it; any other path is left alone.
    pause
        Seconds that must have passed since the last look.

    Raises
    ------
    ReadError
        When the store does not answer, or nothing lies there; `MissingExtra` when a package for it is not installed.
    """
    if path in _mirrors:
        _mirrors[path].look(pause=pause)


@contextmanager
def errors_as_typed(path: Path) -> Iterator[None]:
    """Let what is wrong with a path in a mirror name the address."""
    try:
        yield
    except (ReadError, UsageError) as error:
        said = as_addresses(path, str(error))
        if said == str(error):
            raise
        raise type(error)(said) from None


def as_typed(path: Path, found: list[Named], files: Files) -> list[Named]:
    """Return logs that were found in a path with notes and checkpoints that name the address, and what was left."""
    mirror = mirror_at(path)
    if mirror is None:
        return found
    root, index = mirror
    files.unread = [as_addresses(path, why) for why in files.unread]
    left = [*_not_files(index.left)]
    logs = [
        replace(
            one.log,
            notes=(
                *(replace(note, text=as_addresses(path, note.text)) for note in one.log.notes),
                *left,
                *_not_fetched(one.place or path, root, index.not_fetched),
            ),
            checkpoints={step: as_addresses(path, where) for step, where in one.log.checkpoints.items()},
        )
        for one in found
    ]
    return [one._replace(log=log) for one, log in zip(found, logs, strict=True)]


def _not_files(left: Mapping[str, str]) -> Iterator[Note]:
    if left:
        names = some([f"{key!r} {why}" for key, why in left.items()])
        yield Note(NoteKind.IGNORED, f"{counted(len(left), 'key')} not fetched: {names}.", len(left))


def _not_fetched(place: Path, root: Path, answers: Mapping[str, tuple[int, int]]) -> Iterator[Note]:
    """Say which answers of a run were left where they are."""
    folder = place if place.is_dir() else place.parent
    inside = folder.relative_to(root).as_posix() if folder.is_relative_to(root) else "."
    mine = [both for key, both in answers.items() if inside == "." or key == inside or key.startswith(f"{inside}/")]
    if mine:
        count, size = sum(one for one, _ in mine), sum(one for _, one in mine)
        text = (
            f"Its answers were not fetched ({counted(count, 'file')}, {size_of(size)}), so nothing is said of them; "
            f"heldout samples {shown(folder)} fetches and lists them."
        )
        yield Note(NoteKind.IGNORED, text, count)


def _sorted(keys: Collection[str]) -> dict[str, str]:
    """Return the keys that no reader would open, and those of answers."""
    below = {key.rpartition("/")[0] for key in keys}
    names = {RUN: set[str](), METRICS: set[str]()}
    for key in keys:
        folder, _, name = key.rpartition("/")
        if name in names:
            names[name].add(folder)
    recorded = {folder for folder in names[RUN] if folder in names[METRICS] or _join(folder, EVALS) in below}
    return {key: sort for key in keys if (sort := _sort(key, recorded))}


def _but_answers(keys: Collection[str]) -> dict[str, str]:
    """Return the keys that hold no answers, as far as names tell; of a run that was recorded, all but its rollouts."""
    ours = RUN in keys and any(key.startswith(f"{ROLLOUTS}/") for key in keys)
    left = {key: sort for key in keys if (sort := _sort(key, ())) not in ("", ANSWERS)}
    left |= {
        key: OTHER for key in keys if not key.endswith((".jsonl", ".jsonl.gz", ".parquet", f"/{RUN}")) and key != RUN
    }
    if ours:
        left |= {key: OTHER for key in keys if not key.startswith(f"{ROLLOUTS}/") and key not in (RUN, HIDDEN_TESTS)}
    return left


def _sort(key: str, recorded: Collection[str]) -> str:
    *above, name = key.split("/")
    if len(above) >= _DEEPEST or any(part.startswith(".") and part not in (".", "..") for part in (*above, name)):
        return HIDDEN
    if name == HIDDEN_TESTS or (not {*_KEPT}.isdisjoint(above) and not any(map(is_held_out, above))):
        return ANSWERS
    for depth in range(len(above), -1, -1):
        if "/".join(above[:depth]) in recorded:
            inside = [*above[depth:], name]
            wanted = whole_name(name) in _OF_A_RUN if len(inside) == 1 else inside[0] == EVALS and len(inside) == 2
            return "" if wanted else OTHER
    if any(map(_CHECKPOINT.fullmatch, above)):
        return "" if _IN_CHECKPOINTS.fullmatch(name) else OTHER
    return OTHER if is_no_log(Path(name)) and not _NEEDED.fullmatch(name) else ""


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
