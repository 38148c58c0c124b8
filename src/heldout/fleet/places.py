"""Where runs lie under a folder: found by names alone, before anything is read.

A folder is one place when it is a run's own (one that heldout recorded, a tracker's) or has logs in it; what only sorts
a run's files (``rollouts``, ``checkpoint-100``, ``evals``) belongs to the place above. Where logs lie beside folders
that hold places of their own, each log is a place.

What it cannot see: that several folders are one run, as the pieces of a resumed run of W&B are.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from heldout.readers.folders.names import distinct
from heldout.readers.folders.places import is_held_out_folder, step_in
from heldout.readers.folders.walk import is_no_log, listed, unlisted
from heldout.readers.formats import folder_reader
from heldout.readers.source import Stamp, stamp_at
from heldout.store.layout import CHECKPOINTS, EVALS, HIDDEN, METRICS, PROCESS, ROLLOUTS, RUN, is_run, whole_name
from heldout.text import word_set

DEPTH = 4  # folders below the one that is served
_DEEPEST = 6  # folders below a place
_SORTING = word_set("rollouts completions traces checkpoints train training files logs tensorboard tb")
_ANSWERS = (ROLLOUTS, "completions")
_OF_A_RUN = (RUN, METRICS, EVALS, CHECKPOINTS, ROLLOUTS, HIDDEN, PROCESS)


@dataclass(frozen=True, slots=True)
class Place:
    """One place that may hold a run, or several."""

    path: Path
    name: str  # as it is shown and linked: relative to the folder that is served


@dataclass(slots=True)
class Places:
    """What was found under the folders that are served."""

    found: list[Place] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)  # name → why it is not read


def places_in(roots: Sequence[Path], depth: int = DEPTH, *, anywhere: bool = False) -> Places:
    """Look for runs under folders; a root may be a run itself, or a file.

    A link to what is found under its own name is passed over, so that nothing is listed twice and no circle is walked.
    One that leads out of the roots is listed and not followed, unless it may lead `anywhere`, as where a person named
    each root; then a root without any log is listed, too.
    """
    places = Places()
    for root, name in zip(roots, distinct([root.name for root in roots], roots), strict=True):
        look = _Look(root, roots, name, depth, places.left, anywhere)
        found = [Place(root, name)] if root.is_file() else look.into(root, 0)
        places.found += found
        if anywhere and not found:
            places.left[name] = f"no log lies in it, nor in the {depth} levels of folders below it."
    return places


@dataclass(frozen=True, slots=True)
class _Look:
    root: Path
    roots: Sequence[Path]
    name: str  # of the root
    depth: int
    left: dict[str, str]
    anywhere: bool

    def into(self, folder: Path, level: int) -> list[Place]:
        """Return the places in a folder that was not left by a link."""
        if folder_reader(folder) is not None:
            return [self._place(folder)]
        if self.anywhere:
            self.left.update((self._place(path).name, why) for path, why in unlisted(folder))
        files: list[Path] = []
        own: list[Place] = []
        others: list[Place] = []
        for path, is_folder in listed(folder):
            if path.is_symlink() and (self._has_own_name(path) or self._leaves(path)):
                continue
            if not is_folder:
                files.append(path)
            elif level < self.depth:
                (own if _sorts(path.name) else others).extend(self.into(path, level + 1))
        if not others:
            return [self._place(folder)] if files or own else []
        return [*map(self._place, files), *own, *others]

    def _place(self, path: Path) -> Place:
        inside = path.relative_to(self.root).as_posix()
        parts = [self.name, inside] if len(self.roots) > 1 else [inside]
        return Place(path, self.name if inside == "." else "/".join(parts))

    def _has_own_name(self, link: Path) -> bool:
        """Whether a link leads to what is found under one of the roots by its own name."""
        target = link.resolve()
        under = [target.relative_to(root.resolve()).parts for root in self.roots if is_inside(link, [root.resolve()])]
        deepest = self.depth + target.is_file()
        return any(len(parts) <= deepest and not any(map(_is_hidden, parts)) for parts in under)

    def _leaves(self, path: Path) -> bool:
        if self.anywhere or is_inside(path, self.roots):
            return False
        name = self._place(path).name
        self.left[name] = f"{name} is a link to a place outside of what is served; serve that folder too to see it."
        return True


def _is_hidden(name: str) -> bool:
    return name.startswith(".")


def _sorts(name: str) -> bool:
    """Whether a folder of this name only sorts what belongs to the run above it."""
    return name.lower() in _SORTING or is_held_out_folder(name) or step_in(name) is not None


def is_inside(path: Path, roots: Sequence[Path]) -> bool:
    """Whether a path, with all links followed, lies in one of the folders."""
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError):
        return False
    return any(target == root or root in target.parents for root in roots)


def leading_out(place: Path, roots: Sequence[Path]) -> Path | None:
    """Return the first link of a place that leads out of the folders that are served, None where there is none."""
    return next((path for path, entry in _entries(place) if entry.is_symlink() and not is_inside(path, roots)), None)


def may_be_read(place: Path) -> bool:
    """Whether everything in a place may be opened: who may is told by no stamp."""
    return all(os.access(path, os.R_OK) for path in (place, *(path for path, _ in _entries(place))))


def stamps_of(place: Path) -> dict[str, Stamp]:
    """Return what tells whether anything in a place has changed: of each file its inode, size and time.

    Answers are written as whole files: of a folder of them its own time is enough.
    """
    if place.is_file():
        return {place.name: stamp_at(place)}
    return dict(_stamps(place))


def stamp_of(place: Path) -> str:
    """Return the same in a few letters."""
    return digest(stamps_of(place))


def digest(stamps: Mapping[str, Stamp]) -> str:
    """Return stamps in a few letters."""
    return hashlib.sha256(repr(sorted(stamps.items())).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def changed_of(stamps: Mapping[str, Stamp]) -> float:
    """Return when the newest file of a place was written, in seconds of the epoch."""
    return max((changed for _, _, changed in stamps.values()), default=0) / 1e9


def _stamps(place: Path) -> Iterator[tuple[str, Stamp]]:
    for path, entry in _entries(place, but=_ANSWERS):
        try:
            whole = entry.is_file() or entry.name in _ANSWERS
            yield str(path.relative_to(place)), stamp_at(path) if whole else (entry.inode(), 0, 0)
        except OSError:  # deleted since it was listed, as old checkpoints are
            continue


def _entries(place: Path, depth: int = 0, but: Container[str] = ()) -> Iterator[tuple[Path, os.DirEntry[str]]]:
    """Yield what a reader of this place may open, but for what lies in folders of some names."""
    try:
        with os.scandir(place) as entries:
            inside = sorted(entries, key=lambda one: one.name)
    except OSError:  # not there any more, or a file
        return
    recorded = depth == 0 and is_run(place)
    for entry in inside:
        path = Path(entry.path)
        if entry.name.startswith(".") or (recorded and whole_name(entry.name) not in _OF_A_RUN):
            continue
        if entry.is_dir():
            yield path, entry
            if depth < _DEEPEST and entry.name not in but:
                yield from _entries(path, depth + 1, but)
        elif not is_no_log(path):
            yield path, entry
