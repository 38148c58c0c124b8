"""Checkpoints that a trainer's own pruning cannot take away: hard links, which cost no space of their own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Container
from pathlib import Path

_STEM = "checkpoint-"


def link_checkpoint(checkpoint: Path, folder: Path) -> Path | None:
    """Link the files of a checkpoint, ``checkpoint-STEP``, into a folder on the same disk.

    Returns
    -------
    Path or None
        The copy, under the same name; None where the disk does not allow links.
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


def drop_links(folder: Path, keep: Container[int]) -> None:
    """Delete the copies of all steps but these."""
    for copy in folder.glob(f"{_STEM}*"):
        step = copy.name.removeprefix(_STEM)
        if step.isdigit() and int(step) not in keep:
            shutil.rmtree(copy, ignore_errors=True)
