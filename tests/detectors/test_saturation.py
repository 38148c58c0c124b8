"""Reward that no longer tells answers apart."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from heldout.detectors.base import Block, Points
from heldout.detectors.saturation import RewardSaturation


def kinds(**values: Any) -> Any:
    points = {name: Points(np.arange(len(value)), np.asarray(value, dtype=float)) for name, value in values.items()}
    return [finding.kind for finding in RewardSaturation().update(Block(points))]


RNG = np.random.default_rng(0)
RISE = 1.0 - np.exp(-np.arange(300) / 20.0)


def test_a_spread_that_goes_is_found_once() -> None:
    assert kinds(reward_std=0.5 * np.exp(-np.arange(300) / 40.0)) == ["reward_spread_collapse"]


def test_a_spread_that_halves_is_quiet() -> None:
    assert kinds(reward_std=np.linspace(0.5, 0.2, 300)) == []


def test_a_reward_at_its_ceiling_is_found() -> None:
    assert kinds(reward=RISE) == ["reward_ceiling"]
    assert kinds(reward=np.round(50.0 * RISE)) == ["reward_ceiling"]


def test_a_noisy_plateau_is_no_ceiling() -> None:
    assert kinds(reward=0.6 * RISE + 0.03 * RNG.normal(size=300)) == []
    assert kinds(reward=np.linspace(-1.0, 4.0, 300)) == []


def test_a_reward_that_is_its_ceiling_is_not_said_to_be_within_nothing_of_it() -> None:
    step = np.arange(60)
    (finding,) = RewardSaturation().update(Block({"reward": Points(step, np.ones(60))}))
    assert finding.seen == "The reward stayed at its ceiling of 1."
    assert not re.search(r"\b(right|solved|problems have)\b", f"{finding.means} {finding.advice}")
