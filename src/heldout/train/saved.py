"""Which checkpoint a run of ``heldout train`` goes on from: its newest whole one, or that of a step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from heldout.errors import UsageError
from heldout.store.checkpoints import newest_whole, passed_over, why_broken
from heldout.store.layout import CHECKPOINTS
from heldout.store.lines import read_rows
from heldout.text import sentence_list


def newest_checkpoint(directory: Path, say: Callable[[str], None] = lambda text: None) -> str | None:
    """Return the newest finished checkpoint that is whole; one that was cut off while it was saved was never recorded.

    Newer ones that something has happened to since are told of.
    """
    found = newest_whole(path for _, path in sorted(_saved(directory), key=lambda saved: -saved[0]))
    if told := passed_over(found):
        say(f"note: {told}")
    return None if found.newest is None else str(found.newest)


def checkpoint_of(directory: Path, step: int) -> Path:
    """Return the whole checkpoint of a step; a UsageError that says which steps have one where it has none."""
    whole = {saved: path for saved, path in _saved(directory) if not why_broken(path)}
    if step not in whole:
        steps = sentence_list([str(saved) for saved in sorted(whole)]) or "none"
        raise UsageError(f"{directory} has no whole checkpoint of step {step} to go back to; it has those of {steps}.")
    return whole[step]


def _saved(directory: Path) -> list[tuple[int, Path]]:
    """Return the checkpoints that are there, with their steps: of each step the run's own, then a copy."""
    rows = read_rows(directory / CHECKPOINTS).rows
    return [(row["step"], directory / row["path"]) for row in rows if (directory / row["path"]).is_dir()]
