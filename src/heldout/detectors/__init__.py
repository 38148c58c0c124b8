"""Detectors: each asks one question of a run, live or after the fact.

`OverOptimisation`, `Plateau` and `LateSurge` look at the held-out score, through the one `Evidence`; the others look at
training signals only and never speak of more than instability, collapse, saturation or a shift. To add one, write its
file and add it to `HELD_OUT` or to `TRAINING_SIGNALS`.
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
from heldout.detectors.plateau import Plateau
from heldout.detectors.repeated import RepeatedEvaluation
from heldout.detectors.saturation import RewardSaturation
from heldout.detectors.surge import LateSurge

__all__ = [
    "HELD_OUT",
    "TRAINING_SIGNALS",
    "Block",
    "ClipSaturation",
    "ComponentTakeover",
    "Detector",
    "EntropyCollapse",
    "GradientSpikes",
    "GroupsWithoutSignal",
    "KLBlowUp",
    "LateSurge",
    "LengthDrift",
    "OverOptimisation",
    "Plateau",
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


# beside `OverOptimisation`, whose planned number of looks has to be known
HELD_OUT: tuple[Callable[[], Detector], ...] = (Plateau, LateSurge)


def default_detectors() -> list[Detector]:
    """Return a fresh detector for each question but that of `OverOptimisation`."""
    return [make() for make in (*HELD_OUT, *TRAINING_SIGNALS)]
