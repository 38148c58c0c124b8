"""Scores made up for tests, and the detector of falls that was told of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from heldout.detectors.base import Block
from heldout.detectors.overoptimisation import OverOptimisation
from heldout.run import Evaluation


def told(evaluations: Sequence[Evaluation], group: int = 1) -> OverOptimisation:
    falls = OverOptimisation(group=group, horizon=max(1, len(evaluations) // group))
    falls.update(Block(evaluations=list(evaluations)))
    return falls


def rated(rates: Any, problems: int | None = 1000, samples: float | None = None) -> list[Evaluation]:
    return [Evaluation(step, float(rate), problems, samples) for step, rate in enumerate(rates)]
