"""Checkpoints that a trainer's own pruning cannot take away: hard links, which cost no space of their own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Container
from pathlib import Path

_STEM = "checkpoint-"


def link(checkpoint: Path, folder: Path) -> Path | None:
    """Link a checkpoint's files into a folder.

    Parameters
    ----------
    checkpoint
        A folder; its name ends in its step.
    folder
        Where the copy goes, under the same name. It must be on the same disk.

    Returns
    -------
    Path or None
        The copy; None where the disk does not allow links.
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


def drop_others(folder: Path, keep: Container[int]) -> list[int]:
    """Delete the copies of all steps but these; return the steps of those deleted."""
    gone = []
    for copy in folder.glob(f"{_STEM}*"):
        step = copy.name.removeprefix(_STEM)
        if step.isdigit() and int(step) not in keep:
            shutil.rmtree(copy, ignore_errors=True)
            gone.append(int(step))
    return sorted(gone)
