"""Which folder is that of a log's run: not always the one that the log stands in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from heldout.readers.folders.companions import is_of_training, is_whole, says_the_same
from heldout.readers.folders.found import Found, also
from heldout.readers.folders.places import is_held_out, is_held_out_file, is_held_out_folder, is_training, owner
from heldout.readers.formats import format_of


def without_inner(found: list[Found]) -> list[Found]:
    """Leave out what a training's own folder holds besides: TensorBoard, W&B or console logs of the same training.

    Held-out scores in it complete the training.
    """
    owners: dict[Path, Found] = {}
    for one in found:
        if one.path.name == "trainer_state.json":
            owners[one.folder] = one
        elif one.path.suffix == ".wandb":
            owners |= {path.parent: one for path in one.files}
    inner: dict[int, list[Path]] = {}  # by owner
    kept: list[Found] = []
    for one in found:
        of = next((owners[above] for above in one.path.parent.parents if above in owners), None)
        if of is None or of.path.name == one.path.name:
            kept.append(one)
        elif is_of_training(one.log) or not _is_scores(one):
            inner.setdefault(id(of), []).append(one.path.relative_to(of.path.parent))
        else:
            kept.append(replace(one, folder=of.folder))
    return [one.said(also(inner[id(one)])) if id(one) in inner else one for one in kept]


def without_copies(found: list[Found]) -> list[Found]:
    """Leave out a log that says the same as the one run below its folder: a console beside the folder of a training."""
    folders: dict[Path, list[Found]] = {}
    for one in found:
        folders.setdefault(one.folder, []).append(one)
    below: dict[Path, list[Path]] = {}
    for folder in folders:
        for above in folder.parents:
            below.setdefault(above, []).append(folder)
    said: dict[int, list[Path]] = {}
    left: set[int] = set()
    for folder, inner in below.items():
        upper, lower = folders.get(folder, []), folders[inner[0]]
        if len(inner) == len(upper) == len(lower) == 1 and says_the_same(upper[0].log, lower[0].log):
            kept, copy = sorted((upper[0], lower[0]), key=lambda one: format_of(one.log).rank)
            left.add(id(copy))
            said[id(kept)] = [Path(copy.path.name)]
    return [one.said(also(said[id(one)])) if id(one) in said else one for one in found if id(one) not in left]


def _is_scores(one: Found) -> bool:
    return (
        is_held_out_file(one.path.stem)
        or one.log.format == "step-files"
        or any(map(is_held_out, one.path.parts[-3:-1]))
    )


def at_home(root: Path, found: list[Found]) -> list[Found]:
    """Put each log into the folder of its run: held-out scores may stand in a folder of their own, below or beside."""
    inside = [_below(root, one) and not is_whole(one.log) for one in found]
    held = [
        here or (is_held_out_file(one.path.stem) and not is_whole(one.log))
        for one, here in zip(found, inside, strict=True)
    ]
    homes = {one.folder for one, here in zip(found, inside, strict=True) if not here}
    above: dict[Path, set[Path]] = {}
    for home in homes:
        for folder in (home, *home.parents):
            above.setdefault(folder, set()).add(home)
    moved: dict[Path, Path] = {}  # a folder "train" beside held-out ones is no name of a run
    result: list[Found] = []
    for one, here, is_held in zip(found, inside, held, strict=True):
        folder = _home(root, one, homes, above) if here else one.folder
        if here and folder != one.folder and is_training(folder.name) and folder.parent not in homes and folder != root:
            moved[folder] = folder.parent
        result.append(replace(one, folder=folder, held_out=is_held))
    return [replace(one, folder=moved.get(one.folder, one.folder)) for one in result]


def _below(root: Path, one: Found) -> bool:
    """Whether a log stands in a folder that is named for evaluations alone."""
    folder = one.folder if one.folder in (root, *root.parents) else one.folder.relative_to(root)
    return one.folder != root and any(map(is_held_out_folder, folder.parts))


def _home(root: Path, one: Found, homes: set[Path], above: dict[Path, set[Path]]) -> Path:
    """Return the folder of the run to which scores in a folder of their own belong: theirs where there is none."""
    at = owner(one.path, root)
    if len(below := above.get(at, set())) == 1:
        return next(iter(below))
    return next(
        (folder for folder in (at, *at.parents) if folder in homes and root in (folder, *folder.parents)), one.folder
    )
