"""Keeping checkpoints that a trainer prunes and a guard protects: as hard links, which cost no space until it does."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Container
from pathlib import Path

from heldout.live.guard import Guard

STEM = "checkpoint-"  # of what transformers saves
LINKED = "kept"  # folder of a run's directory, for checkpoints that the trainer may prune and the guard protects


def keep_saved(guard: Guard, saved: Path, step: int, *, pruned: bool, evaluated: int) -> None:
    """Tell the guard of a checkpoint that was saved, and keep a copy where the trainer prunes its own.

    Copies that are not protected are let go, but for the newest and that of the step that was evaluated last.
    """
    decision = guard.checkpoint(step, saved)
    if not (guard.rules.protect and pruned and guard.recorder and saved.is_dir()):
        return
    folder = guard.recorder.directory / LINKED
    copy = link_checkpoint(saved, folder)
    if copy is not None:
        decision = guard.checkpoint(step, copy)
    guard.let_go(drop_links(folder, {*decision.protected, step, evaluated, guard.saved.beside(evaluated)}))


def link_checkpoint(checkpoint: Path, folder: Path) -> Path | None:
    """Link the files of a checkpoint, ``checkpoint-STEP``, into a folder on the same disk, which costs no space.

    Return the copy, under the same name; None where the disk does not allow links.
    """
    copy, new = folder / checkpoint.name, folder / f".{checkpoint.name}.new"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(new, ignore_errors=True)
        shutil.copytree(checkpoint, new, copy_function=os.link)
        shutil.rmtree(copy, ignore_errors=True)
        new.rename(copy)
    except (OSError, shutil.Error):
        shutil.rmtree(new, ignore_errors=True)
        return None
    return copy


def drop_links(folder: Path, keep: Container[int | None]) -> list[int]:
    """Delete the copies of all steps but these; return their steps."""
    dropped = []
    for copy in folder.glob(f"{STEM}*"):
        step = copy.name.removeprefix(STEM)
        if step.isdigit() and int(step) not in keep:
            shutil.rmtree(copy, ignore_errors=True)
            dropped.append(int(step))
    return sorted(dropped)


def never_together(evaluated: int, saved: int, steps: int) -> str:
    """Say where evaluations and checkpoints, one every so many steps each, never fall on one step; else nothing.

    >>> never_together(30, 50, 100)
    'Evaluations every 30 steps and checkpoints every 50 never fall on one step of 100: ...
    >>> never_together(20, 50, 100)
    ''
    """
    if not (evaluated and saved) or math.lcm(evaluated, saved) <= steps:
        return ""
    return (
        f"Evaluations every {evaluated} steps and checkpoints every {saved} never fall on one step of {steps}: the "
        "checkpoint nearest to the best evaluation is kept; let one number divide the other to keep what was measured."
    )
