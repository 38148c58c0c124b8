"""Detectors: each asks one question of a run, live or after the fact.

`OverOptimisation` looks at the held-out score; the others look at training signals only and never speak of more than
instability, collapse, saturation or a shift. To add one, write its file and add it to `TRAINING_SIGNALS`.
"""

from __future__ import annotations

from collections.abc import Callable

from heldout.detectors.base import Block, Detector, Points, block_of, fold, unchecked
from heldout.detectors.clipping import ClipSaturation
from heldout.detectors.components import ComponentTakeover
from heldout.detectors.entropy import EntropyCollapse
from heldout.detectors.gradient import GradientSpikes
from heldout.detectors.groups import GroupsWithoutSignal
from heldout.detectors.kl import KLBlowUp
from heldout.detectors.length import LengthDrift
from heldout.detectors.overoptimisation import OverOptimisation
from heldout.detectors.repeated import RepeatedEvaluation
from heldout.detectors.saturation import RewardSaturation

__all__ = [
    "TRAINING_SIGNALS",
    "Block",
    "ClipSaturation",
    "ComponentTakeover",
    "Detector",
    "EntropyCollapse",
    "GradientSpikes",
    "GroupsWithoutSignal",
    "KLBlowUp",
    "LengthDrift",
    "OverOptimisation",
    "Points",
    "RepeatedEvaluation",
    "RewardSaturation",
    "block_of",
    "default_detectors",
    "fold",
    "unchecked",
]

TRAINING_SIGNALS: tuple[Callable[[], Detector], ...] = (
    EntropyCollapse,
    KLBlowUp,
    ClipSaturation,
    GradientSpikes,
    GroupsWithoutSignal,
    LengthDrift,
    ComponentTakeover,
    RewardSaturation,
    RepeatedEvaluation,
)


def default_detectors() -> list[Detector]:
    """Return a fresh detector for each question about training signals."""
    return [make() for make in TRAINING_SIGNALS]
