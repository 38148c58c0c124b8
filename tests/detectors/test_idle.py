"""Parts of the reward that never move while others rise."""

from __future__ import annotations

import numpy as np
import pytest

import heldout
from heldout.detectors.base import Block, Points
from heldout.detectors.idle import IdleComponent
from heldout.findings import Finding
from heldout.run import Run, Series


def noisy(start: float, end: float, seed: int, steps: int = 60, by: float = 0.01) -> np.ndarray:
    return np.linspace(start, end, steps) + by * np.random.default_rng(seed).normal(size=steps)


def found(**parts: np.ndarray) -> list[Finding]:
    block = {f"rewards/{name}": Points(np.arange(len(value)), value) for name, value in parts.items()}
    return IdleComponent().update(Block(parts=block))


def test_a_part_that_stays_at_nothing_is_named_with_the_one_that_makes_the_rise() -> None:
    (finding,) = found(correct=np.zeros(60), style=noisy(0.2, 0.7, 0))
    assert finding.kind == "component_idle"
    assert finding.seen.startswith("rewards/correct stays at 0; all of the rise is rewards/style, from 0.2")
    assert "5 times its noise" in finding.against


def test_a_verdict_says_so_where_there_is_no_held_out_score() -> None:
    step = np.arange(60)
    metrics = {"reward": noisy(0.2, 0.7, 1), "reward/correct": np.zeros(60), "reward/style": noisy(0.2, 0.7, 2)}
    run = Run("r", "here", "test", {key: Series(key, step, value) for key, value in metrics.items()})
    assert [f.kind for f in heldout.diagnose(run).findings] == ["component_idle"]


def test_a_noisy_level_that_does_not_move_is_still() -> None:
    (finding,) = found(foo=noisy(0.3, 0.3, 3), bar=noisy(0.0, 1.0, 4))
    assert "rewards/foo stays at 0.297; all of the rise is rewards/bar" in finding.seen


def test_several_that_stay_and_several_that_rise_are_told() -> None:
    (finding,) = found(a=np.zeros(60), b=np.zeros(60), c=noisy(0.2, 0.9, 5), d=noisy(0.2, 0.6, 6))
    assert "rewards/a stays at 0 and rewards/b stays at 0; most of the rise is rewards/c" in finding.seen


@pytest.mark.parametrize(
    "parts",
    [
        {"format": np.ones(60), "style": noisy(0.2, 0.7, 7)},  # at its ceiling
        {"format": np.full(60, 0.5), "style": noisy(0.2, 0.7, 7)},  # exactly one positive value: at its ceiling too
        {"format": np.minimum(noisy(0.97, 0.97, 8), 1.0), "style": noisy(0.2, 0.7, 7)},
        {"overlong_penalty": np.zeros(60), "style": noisy(0.2, 0.7, 7)},
        {"soft_format": np.zeros(60), "correctness": noisy(0.2, 0.7, 7)},  # the task itself is learned
        {"correct": noisy(0.0, 0.2, 9), "style": noisy(0.2, 0.7, 7)},  # it moves
        {"correct": np.zeros(60), "style": noisy(0.2, 0.2, 7)},  # nothing rises
        {"correct": np.zeros(60), "style": noisy(0.7, 0.2, 7)},
        {"correct": np.zeros(20), "style": noisy(0.2, 0.7, 7, steps=20)},  # too short to tell
    ],
)
def test_what_has_nothing_to_rise_by_or_does_move_is_not_idle(parts: dict[str, np.ndarray]) -> None:
    assert found(**parts) == []


def test_noise_alone_is_no_rise() -> None:
    """An autocorrelated series without a trend: where it wanders, its scatter tells."""
    rng = np.random.default_rng(10)
    said = 0
    for _ in range(100):
        shocks = rng.normal(0.0, 0.05 * np.sqrt(1 - 0.9**2), 300)
        wander = [rng.normal(0.0, 0.05)]
        for shock in shocks:
            wander.append(0.9 * wander[-1] + shock)
        said += bool(found(correct=np.zeros(301), style=0.5 + np.array(wander)))
    assert said <= 3  # measured: 0.3 %
