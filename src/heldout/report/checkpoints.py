"""The checkpoints of a run as a table: how good each is, which cannot be told from the best, where it lies."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from heldout.diagnosis.first_screen import spoken_of
from heldout.findings import Estimate, Verdict
from heldout.metrics.phrasing import Spoken
from heldout.pages.tables import TextTable
from heldout.run import Run
from heldout.store.layout import is_run
from heldout.text import counted, visible

_MOST = 40  # rows of the table; the checkpoint to keep and those tied with it are among them
_HEAD = ("Step", "Estimate", "95 % interval", "", "Where it lies")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One row."""

    step: int
    level: str
    interval: str
    mark: str  # keep, tied, or nothing
    path: str  # empty where the log names no checkpoint of this step


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """The table."""

    rows: tuple[Checkpoint, ...]
    note: str  # what is not listed
    again: str  # what to type to evaluate the one to keep again; empty where it lies nowhere, or that cannot be typed

    @property
    def saved(self) -> bool:
        """Whether the log names any checkpoint."""
        return any(one.path for one in self.rows)

    @property
    def table(self) -> TextTable:
        """The same as text."""
        rows = tuple((str(one.step), one.level, one.interval, one.mark, visible(one.path)) for one in self.rows)
        return TextTable("Checkpoints", _HEAD, rows, self.note)


def checkpoints(run: Run, verdict: Verdict, found: Sequence[Estimate]) -> Checkpoints | None:
    """Return the table of a run's checkpoints, of which this was `found`; None where that is nothing."""
    if not found:
        return None
    chosen, said = set(_chosen(found, verdict)), spoken_of(run)
    rows = tuple(_row(one, run, verdict, said) for k, one in enumerate(found) if k in chosen)
    left, kept = len(found) - len(rows), verdict.recommended
    note = f"{counted(left, 'more evaluation')}: report.json has them all." if left else ""
    return Checkpoints(rows, note, _again(run.checkpoints.get(kept.step, ""), run) if kept else "")


def _chosen(found: Sequence[Estimate], verdict: Verdict) -> Iterator[int]:
    """Yield which are listed: those to keep, of all others as many that are evenly spread."""
    own = [k for k, one in enumerate(found) if one.step in verdict.tied][:_MOST]
    yield from own
    yield from np.linspace(0, len(found) - 1, min(len(found), _MOST)).round().astype(int).tolist()


def _row(one: Estimate, run: Run, verdict: Verdict, said: Spoken) -> Checkpoint:
    level, low, high = map(said.as_scored, (one.estimate, one.low, one.high))
    keep = verdict.recommended is not None and one.step == verdict.recommended.step
    return Checkpoint(
        one.step,
        said.level(level),
        said.levels(low, high),
        "keep" if keep else "tied" if one.step in verdict.tied else "",
        run.checkpoints.get(one.step, ""),
    )


def _again(path: str, run: Run) -> str:
    """Return what to type to evaluate a checkpoint again: a run of ours knows its own task."""
    if not path or visible(path) != path or visible(run.source) != run.source:
        return ""
    ours = is_run(Path(run.source))
    return f"heldout eval {shlex.quote(path)} " + (f"-o {shlex.quote(run.source)}" if ours else "--task TASK")
