"""Clipped tokens: too many, or at one bound."""

from __future__ import annotations

from typing import Any

import numpy as np

from heldout.detectors.base import Block, Points
from heldout.detectors.clipping import ClipSaturation


def kinds(**values: Any) -> Any:
    points = {name: Points(np.arange(len(value)), np.asarray(value, dtype=float)) for name, value in values.items()}
    return [finding.kind for finding in ClipSaturation().update(Block(points))]


RISING = np.linspace(0.02, 0.6, 200)


def test_a_rise_to_saturation_is_found_once() -> None:
    assert kinds(clip_fraction=RISING) == ["clip_saturation"]


def test_a_share_that_was_large_from_the_start_is_not_news() -> None:
    assert kinds(clip_fraction=np.full(200, 0.5)) == []


def test_lopsided_clipping_names_its_side() -> None:
    assert kinds(clip_fraction_low=np.full(200, 0.05), clip_fraction_high=np.full(200, 0.004)) == [
        "clip_asymmetry_lower"
    ]
    assert kinds(clip_fraction_low=np.zeros(200), clip_fraction_high=np.full(200, 0.05)) == ["clip_asymmetry_upper"]


def test_small_or_mildly_lopsided_clipping_is_quiet() -> None:
    assert kinds(clip_fraction_low=np.full(200, 0.01), clip_fraction_high=np.zeros(200)) == []
    assert kinds(clip_fraction_low=np.full(200, 0.08), clip_fraction_high=np.full(200, 0.02)) == []
