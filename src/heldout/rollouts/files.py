"""Which files of a folder hold rollouts, in which order they were written, and their rows, one after the other.

Rows are numbered from 0 within their file: the lines of JSON lines, also those that are no row, or the rows of Parquet.
"""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, cast

import polars as pl

from heldout.errors import UsageError
from heldout.readers.documents.json_document import parse
from heldout.readers.folders.places import is_held_out, step_in
from heldout.rollouts.formats import FORMATS, PLAIN, Format, format_of
from heldout.run import Note, NoteKind
from heldout.steps import STEP_LIMIT
from heldout.store.layout import HIDDEN, ROLLOUTS, is_run
from heldout.text import counted, sentence_list

JSON_LINES, PARQUET = (".jsonl", ".ndjson", ".jsonl.gz"), ".parquet"
_DEEPEST = 6  # folders below the one that was named
_MOST_NAMED = 5
_TRIED = 20  # lines at the start of a file among which a row has to be
BATCH = 4096  # rows of Parquet that are read together
_SMALL = 2**24  # bytes of a Parquet file that is read at once
_NUMBERED = re.compile(
    r"(?:completions?|rollouts?|generations?|samples?|outputs?|traj\w*|train|test|val|batch)?[-_.]?(\d{1,18})",
    re.IGNORECASE,
)
_RESTART = 1.0  # seconds that a process needs at least before it writes again
_FEW_RESTARTS = 0.1  # of all files: where the times of more go back, they are not those of writing


@dataclass(frozen=True, slots=True)
class File:
    """One file of rollouts."""

    path: Path
    name: str  # relative to the folder that was named, or its own name
    format: Format
    keys: tuple[str, ...]  # of its first row
    step: int | None  # that its name or its folders' give

    @property
    def is_parquet(self) -> bool:
        """Whether it is Parquet, else JSON lines."""
        return self.path.name.endswith(PARQUET)


@dataclass(slots=True)
class Found:
    """The files of rollouts at a place, in order of steps, and what else has to be said."""

    root: Path  # the folder, or the one that holds the file
    files: list[File] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


def found_at(path: Path) -> Found:
    """Find the files of rollouts in a folder or in a run directory, or take the one that is named.

    A UsageError where there are none, which says what is there instead.
    """
    if not path.exists():
        raise UsageError(f"{path} does not exist; give a run directory, a folder of rollouts, or one of their files.")
    found = Found(path if path.is_dir() else path.parent)
    candidates = _below(path, found) if path.is_dir() else [path]
    known: list[File] = []
    others: list[tuple[Path, str]] = []
    for one in candidates:
        file, why = _looked_at(one, found.root)
        if file is None:
            others.append((one, why))
        else:
            known.append(file)
    if not known:
        raise _nothing(path, others)
    first = next(one for one in FORMATS if any(file.format.id == one.id for file in known))
    found.files = [file for file in known if file.format.id == first.id]
    left = [(file.path, f"has {file.format.title}") for file in known if file.format.id != first.id]
    found.notes += _left_alone(found.root, [*left, *others])
    found.files.sort(key=lambda file: (-1 if file.step is None else file.step, file.name))
    return found


def hidden_file(path: Path) -> Path:
    """Return where outcomes of hidden tests stand that were added afterwards to the rollouts at this place."""
    return path / HIDDEN if path.is_dir() else path.with_name(f"{path.name}.{HIDDEN}")


def _below(root: Path, found: Found) -> list[Path]:
    """Return the files below a folder that may hold rollouts; of a run directory those of its rollouts."""
    start = root / ROLLOUTS if is_run(root) and (root / ROLLOUTS).is_dir() else root
    held_out: list[Path] = []
    files = list(_walked(start, held_out, 0))
    if files or not held_out:
        if held_out:
            names = _named(root, held_out)
            text = f"Left alone, as evaluations by their names: {names}; give such a folder itself to read it."
            found.notes.append(Note(NoteKind.IGNORED, text, len(held_out)))
        return files
    return [file for folder in held_out for file in _walked(folder, [], 1)]


def _walked(folder: Path, held_out: list[Path], depth: int) -> Iterator[Path]:
    """Yield the files of a folder and of those below it; folders of evaluations are put aside."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    names = {entry.name for entry in entries}
    for entry in entries:
        if entry.name.startswith(".") or (entry.name.endswith(".gz") and entry.name[:-3] in names):
            continue
        if entry.is_dir():
            twice = entry.name == "effective" and "all" in names  # prime-rl writes a part of all there once more
            if is_held_out(entry.name):
                held_out.append(Path(entry.path))
            elif depth < _DEEPEST and not twice:
                yield from _walked(Path(entry.path), held_out, depth + 1)
        elif entry.is_file() and entry.name.endswith((*JSON_LINES, PARQUET)) and not entry.name.endswith(HIDDEN):
            yield Path(entry.path)


def _looked_at(path: Path, root: Path) -> tuple[File | None, str]:
    """Return a file of rollouts; None where it is none, and why."""
    if not path.name.endswith((*JSON_LINES, PARQUET)):
        return None, "is neither JSON lines nor Parquet"
    try:
        keys = first_keys(path)
    except (OSError, EOFError, pl.exceptions.PolarsError) as error:
        return None, f"cannot be read ({str(error).splitlines()[0] if str(error) else type(error).__name__})"
    if keys is None:
        return None, "is empty" if not path.stat().st_size else "holds no JSON object in its first lines"
    format = format_of(keys)
    if format is None:
        return None, f"has the keys {sentence_list([repr(key) for key in keys[:12]]) or 'of none'}"
    return File(path, path.relative_to(root).as_posix(), format, keys, _step_of(path, root)), ""


def first_keys(path: Path) -> tuple[str, ...] | None:
    """Return the keys of the first row of a file; None where there is none."""
    if path.name.endswith(PARQUET):
        return tuple(pl.read_parquet_schema(path))
    for number, (_, line) in enumerate(lines_of(path)):
        row = row_in(line)[0]
        if row is not None:
            return tuple(row)
        if number >= _TRIED:
            break
    return None


def _step_of(path: Path, root: Path) -> int | None:
    """Return the step that a file's name gives, or that of the nearest folder."""
    stem = path.name.split(".")[0]
    parts = [*path.relative_to(root).parts[:-1], stem]
    found = next((step for part in reversed(parts) if (step := step_in(part)) is not None), None)
    if found is None and (number := _NUMBERED.fullmatch(stem)):
        found = int(number[1])
    return found if found is not None and found < STEP_LIMIT else None


def _nothing(path: Path, others: Sequence[tuple[Path, str]]) -> UsageError:
    if not others:
        return UsageError(f"{path} holds no rollouts: there is no file of JSON lines or Parquet in it.")
    shown = "; ".join(f"{one.name} {why}" for one, why in others[:3])
    more = f" (and {counted(len(others) - 3, 'other file')})" if len(others) > 3 else ""
    return UsageError(
        f"{path} holds no rollouts: {shown}{more}. A row needs an answer under one of "
        f"{sentence_list(list(PLAIN.keys('text')[:6]), 'or')} …, and a reward under reward or score."
    )


def _left_alone(root: Path, others: Sequence[tuple[Path, str]]) -> list[Note]:
    if not others:
        return []
    told = [f"{path.relative_to(root).as_posix()} {why}" for path, why in others[:_MOST_NAMED]]
    more = f" and {counted(len(others) - _MOST_NAMED, 'other file')}" if len(others) > _MOST_NAMED else ""
    text = f"Left alone: {'; '.join(told)}{more}."
    return [Note(NoteKind.IGNORED, text, len(others))]


def _named(root: Path, paths: Sequence[Path]) -> str:
    names = [path.relative_to(root).as_posix() for path in paths[:_MOST_NAMED]]
    return sentence_list([*names, *([f"{len(paths) - _MOST_NAMED} more"] if len(paths) > _MOST_NAMED else [])])


# --- in which order they were written


def in_order_of_writing(files: Sequence[File]) -> list[File]:
    """Return files of one step each in the order in which they were written, where their times tell it.

    A run that is taken up again writes the files of its steps anew, and those of later steps stay from before. Times
    say nothing where a folder was copied: then they follow the names, or no order at all, and that of steps is kept.
    """
    time = {file.path: file.path.stat().st_mtime for file in files}
    by_time = sorted(files, key=lambda file: (time[file.path], file.step or 0, file.name))
    steps = [file.step for file in by_time if file.step is not None]
    gaps = [
        time[later.path] - time[earlier.path]
        for earlier, later in pairwise(by_time)
        if (later.step or 0) < (earlier.step or 0)
    ]
    few = 0 < len(gaps) <= max(1.0, _FEW_RESTARTS * len(files)) and min(gaps) >= _RESTART
    copied = by_time == sorted(files, key=lambda file: file.name)
    return by_time if few and not copied and len(steps) == len(files) else list(files)


# --- their rows


def opened(path: Path) -> IO[bytes]:
    """Open a file of JSON lines, packed or not."""
    return cast(IO[bytes], gzip.open(path, "rb")) if path.name.endswith(".gz") else path.open("rb")


def lines_of(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield every line of a file, with the place where it begins."""
    place = 0
    with opened(path) as file:
        for line in file:
            yield place, line
            place += len(line)


def row_in(line: bytes) -> tuple[dict[str, Any] | None, bool]:
    """Return the JSON object that a line holds, None where it holds none; and whether bytes of it were no UTF-8."""
    try:
        row, spoilt = parse(line), False
    except ValueError:
        try:
            line.decode()
            return None, False
        except UnicodeDecodeError:
            pass
        try:
            row, spoilt = parse(line.decode("utf-8", "replace").encode()), True
        except ValueError:
            return None, False
    return (row, spoilt) if isinstance(row, dict) else (None, False)


def parquet_rows(path: Path, columns: Sequence[str | pl.Expr]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a Parquet file, these columns of them."""
    frame = pl.scan_parquet(path).select(columns)
    if path.stat().st_size <= _SMALL:
        yield from frame.collect().iter_rows(named=True)
        return
    height = int(pl.scan_parquet(path).select(pl.len()).collect().item())
    for start in range(0, height, BATCH):
        yield from frame.slice(start, BATCH).collect().iter_rows(named=True)
