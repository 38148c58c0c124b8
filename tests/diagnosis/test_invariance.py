"""A score in another unit gets the same verdict: nothing of it depends on a times the score plus b."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import heldout
from heldout.detectors import falls_among, fold
from heldout.detectors.base import Block
from heldout.findings import State
from heldout.run import Run, Series
from heldout.stats.arrays import FloatArray

SHAPES = ("level", "rise", "fall", "cliff", "walk")


def run_of(key: str, values: FloatArray) -> Run:
    count = len(values)
    reward = np.linspace(0.0, 1.0, 10 * count) + 0.05 * np.sin(np.arange(10 * count))
    metrics = {
        key: Series(key, 10 * np.arange(1, count + 1), values),
        "reward": Series("reward", np.arange(1, 10 * count + 1), reward),
    }
    return Run("made", "memory", "test", metrics, {"held_out": key, "reward": "reward"})


def curve(shape: str, count: int, seed: int) -> FloatArray:
    at, noise = np.arange(count), np.random.default_rng(seed).normal(size=count)
    course = {
        "level": np.zeros(count),
        "rise": np.linspace(0.0, 8.0, count),
        "fall": -6.0 * np.clip((at - count / 2) / (count / 4), 0.0, 1.0),
        "cliff": -20.0 * (at >= 0.6 * count),
        "walk": np.random.default_rng(seed + 1).normal(size=count).cumsum(),
    }[shape]
    return np.asarray(course + noise, dtype=np.float64)


def facts(key: str, values: FloatArray, a: float = 1.0, b: float = 0.0) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is said of ``values = a x + b``: what must be equal, and numbers, those with a unit in that of x."""
    run = run_of(key, values)
    verdict, detector = heldout.diagnose(run), falls_among(len(values))
    fold([detector], [Block(evaluations=run.evaluations())])
    kept, visible = verdict.recommended, verdict.smallest_visible_drop
    said = {
        "state": verdict.state,
        "kept": kept and kept.step,
        "tied": verdict.tied,
        "onset": verdict.onset,
        "peak": verdict.peak_step,
        "p": (detector.run_p(), detector.run_p(ever=True)),
        "levels": [look.level for look in detector.looks],
        "findings": [(one.detector, one.kind, one.steps) for one in verdict.findings],
    }
    numbers = {
        "z": [look.statistic for look in detector.looks],
        "probability": [look.probability for look in detector.looks],
        "kept": sorted((one - b) / a for one in (kept.low, kept.estimate, kept.high)) if kept else [],
        "visible": [] if visible is None else [visible / abs(a)],
    }
    return said, numbers


@given(
    shape=st.sampled_from(SHAPES),
    count=st.integers(4, 24),
    seed=st.integers(0, 10_000),
    power=st.floats(-4.0, 4.0),
    shift=st.floats(-50.0, 50.0),
    turned=st.booleans(),
)
@settings(max_examples=30, deadline=None)
def test_a_score_in_another_unit_gets_the_same_verdict(
    shape: str, count: int, seed: int, power: float, shift: float, turned: bool
) -> None:
    values, a = curve(shape, count, seed), 10.0**power
    if turned:  # of a loss lower is better
        key, a = "eval_loss", -a
    else:
        key = "eval/mean_return"
    (said, numbers), (other, others) = (
        facts("eval/mean_return", values),
        facts(key, a * values + a * shift, a, a * shift),
    )
    assert other == said
    for name, expected in numbers.items():
        assert others[name] == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True), name


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("count", [8, 20])
def test_percentages_and_shares_agree(shape: str, count: int) -> None:
    share = np.clip(0.5 + 0.02 * curve(shape, count, 3), 0.01, 0.99)
    (said, numbers), (other, others) = facts("eval/accuracy", share), facts("eval/accuracy", 100.0 * share)
    assert other == said
    for name, expected in numbers.items():
        assert others[name] == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True), name


@pytest.mark.parametrize("seed", range(6))
def test_a_cliff_of_twenty_deviations_is_found_among_eight_scores(seed: int) -> None:
    said, _ = facts("eval/mean_return", curve("cliff", 8, seed))
    assert said["state"] in (State.OVER_OPTIMISED, State.REGRESSED)
    assert max(said["levels"]).name == "LIKELY"


@pytest.mark.parametrize("count", [5, 6])
def test_five_or_six_scores_without_a_unit_have_no_state(count: int) -> None:
    said, _ = facts("eval/mean_return", curve("cliff", count, 0))
    assert said["state"] is State.CANNOT_TELL
