"""Where the checkpoints of a run lie, and which of them belong to an evaluation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from heldout.diagnosis.recommendation import Kept
from heldout.diagnosis.way_back import way_back


class Saved:
    """The checkpoints of a run, by their steps; a step may have copies, of which the last that exists counts."""

    def __init__(self, known: Mapping[int, str]) -> None:
        self._places = {step: [Path(where)] for step, where in known.items()}

    def add(self, step: int, path: Path) -> None:
        """Take note of where the checkpoint of a step was saved, or copied to."""
        self._places.setdefault(step, []).append(path)

    def forget_from(self, step: int) -> None:
        """Leave out what was saved from a step on: the run went back, and its policy of these steps is another one."""
        self._places = {one: places for one, places in self._places.items() if one < step}

    def where(self, step: int) -> Path | None:
        """Where the checkpoint of a step lies, if it exists."""
        return next((path for path in reversed(self._places.get(step, [])) if path.exists()), None)

    @property
    def existing(self) -> dict[int, Path]:
        """The steps whose checkpoints exist, and where they lie."""
        return {step: path for step in self._places if (path := self.where(step)) is not None}

    def beside(self, step: int) -> int | None:
        """Return the saved step nearest to an evaluated one, the earlier of two; None where nothing exists."""
        if self.where(step) is not None:
            return step
        existing = self.existing
        return _nearest(step, existing) if existing else None

    def of_evaluations(self, steps: Iterable[int]) -> frozenset[int]:
        """Return the evaluated steps with the saved ones nearest to them."""
        steps, existing = [*steps], self.existing
        return frozenset(steps) | {_nearest(one, existing) for one in steps if existing}

    def about(self, kept: Kept, held: Iterable[int]) -> dict[str, Any]:
        """Return what ``best.json`` says: which checkpoint to keep, where it lies, and how one goes back to it."""
        one, at = kept.recommended, self.beside(kept.recommended.step)
        path = None if at is None else self.existing[at].absolute()
        told: dict[str, Any] = {"step": one.step, "estimate": one.estimate, "low": one.low, "high": one.high}
        told |= {"tied": kept.tied, "checkpoint": path and str(path), "go_back": path and line_back(path)}
        if at is not None and at != one.step:
            told["nearest"] = f"no checkpoint of step {one.step} exists; that of step {at} is the nearest"
        if kept.better is not None:
            why = "its checkpoint no longer exists" if kept.better.step in self._places else "it was not saved"
            near = self.beside(kept.better.step)
            beside = {} if near in (None, at) else {"nearest": str(self.existing[near].absolute())}
            told["better"] = {"step": kept.better.step, "estimate": kept.better.estimate, "why": why, **beside}
        let_go = sorted(set(kept.tied) - {*held})
        return {**told, **({"let_go": let_go} if let_go else {})}


def _nearest(step: int, saved: Iterable[int]) -> int:
    return min(saved, key=lambda one: (abs(one - step), one))


def line_back(path: Path) -> str | None:
    """Return the line with which a training goes on from a checkpoint; None where nothing tells."""
    back = way_back(path)
    return back.line if back else None
