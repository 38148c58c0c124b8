"""Detectors: each asks one question of a run, live or after the fact.

`OverOptimisation` looks at the held-out score; the others look at training signals only and never speak of more than
instability, collapse, saturation or a shift. To add one, write its file and add a line here.
"""

from __future__ import annotations

from heldout.detectors.base import Block, Detector, Points, block_of, fold, unchecked
from heldout.detectors.overoptimisation import OverOptimisation

__all__ = ["Block", "Detector", "OverOptimisation", "Points", "block_of", "default_detectors", "fold", "unchecked"]


def default_detectors() -> list[Detector]:
    """Return a fresh detector for each question about training signals."""
    return []
