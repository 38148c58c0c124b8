"""Detectors: each asks one question of a run, live or after the fact.

Those that are a `HeldOut` look at the held-out score, through the one `Evidence`; `HackRate` looks at training answers
that hidden tests judged too; those that are a `Signal` look at training signals only and never speak of more than
instability, collapse, saturation or a shift. To add one, write its file and add it to `DETECTORS`; one of your own is
passed in with the others: ``diagnose(run, detectors=[*default_detectors(), Mine()])``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from heldout.detectors.base import Block, Detector, Points, block_of, checked, fold, unchecked
from heldout.detectors.clipping import ClipSaturation
from heldout.detectors.components import ComponentTakeover
from heldout.detectors.disagreement import Disagreement
from heldout.detectors.entropy import EntropyCollapse
from heldout.detectors.evidence import HeldOut
from heldout.detectors.gradient import GradientSpikes
from heldout.detectors.grouping import group_of, looks_of
from heldout.detectors.groups import GroupsWithoutSignal
from heldout.detectors.hacking import HackRate
from heldout.detectors.idle import IdleComponent
from heldout.detectors.kl import KLBlowUp
from heldout.detectors.length import LengthDrift
from heldout.detectors.overoptimisation import OverOptimisation, falls_among
from heldout.detectors.plateau import Plateau
from heldout.detectors.question import Question
from heldout.detectors.repeated import RepeatedEvaluation
from heldout.detectors.saturation import RewardSaturation
from heldout.detectors.signal import Signal
from heldout.detectors.surge import LateSurge
from heldout.findings import Finding

__all__ = [
    "DETECTORS",
    "Block",
    "ClipSaturation",
    "ComponentTakeover",
    "Detector",
    "Detectors",
    "Disagreement",
    "EntropyCollapse",
    "GradientSpikes",
    "GroupsWithoutSignal",
    "HackRate",
    "HeldOut",
    "IdleComponent",
    "KLBlowUp",
    "LateSurge",
    "LengthDrift",
    "OverOptimisation",
    "Plateau",
    "Points",
    "Question",
    "RepeatedEvaluation",
    "RewardSaturation",
    "Signal",
    "block_of",
    "default_detectors",
    "falls_among",
    "fold",
    "unchecked",
]

# In the order in which a report lists what it could not check: the held-out score first, for it is the evidence; then
# what hidden tests say of training answers, what ends runs (collapse, blow-up, instability) before what wastes them.
DETECTORS: tuple[type[Question], ...] = (
    OverOptimisation,
    Plateau,
    LateSurge,
    Disagreement,
    HackRate,
    EntropyCollapse,
    KLBlowUp,
    ClipSaturation,
    GradientSpikes,
    GroupsWithoutSignal,
    LengthDrift,
    ComponentTakeover,
    IdleComponent,
    RewardSaturation,
    RepeatedEvaluation,
)


def default_detectors() -> list[Detector]:
    """Return a fresh detector for each question but that of `OverOptimisation`, whose number of looks must be known."""
    return [make() for make in DETECTORS if make is not OverOptimisation]


@dataclass(frozen=True, slots=True)
class Detectors:
    """The detectors of one run, in the order in which they are asked."""

    falls: OverOptimisation
    others: tuple[Detector, ...]
    margin: float | None = None  # largest change per quarter of the run that counts as level, as for `Plateau`

    @classmethod
    def planned(
        cls, evaluations: int | None, others: Sequence[Detector] | None = None, margin: float | None = None
    ) -> Detectors:
        """Return fresh detectors for a run with so many evaluations in all (see `falls_among`).

        `others` are those to ask beside that of falls; all of them if not given. Those of held-out scores that were
        not told of the plan or the margin are told of both.
        """
        given = default_detectors() if others is None else [checked(one) for one in others]
        return cls(falls_among(evaluations), tuple(_told(one, evaluations, margin) for one in given), margin)

    @property
    def apart(self) -> Finding | None:
        """How the reward and the held-out score disagree at the last evaluation; None where they do not."""
        return next((one.now for one in self.others if isinstance(one, Disagreement)), None)

    def __iter__(self) -> Iterator[Detector]:
        yield self.falls
        yield from self.others


def _told(one: Detector, evaluations: int | None, margin: float | None) -> Detector:
    """Return a detector of held-out scores that knows the plan and the margin, as far as it had none of its own."""
    if not isinstance(one, Plateau | LateSurge | Disagreement):
        return one
    group = one.group if one.group > 1 or evaluations is None else group_of(evaluations)
    known: dict[str, Any] = {"group": group}
    if isinstance(one, Plateau):
        looks = None if evaluations is None else looks_of(evaluations, group)
        known |= {"horizon": one.horizon or looks, "margin": margin if one.margin is None else one.margin}
    return one if all(getattr(one, name) == value for name, value in known.items()) else replace(one, **known)
