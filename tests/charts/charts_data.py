"""Runs to draw: the two published figures, and one with noise."""

from __future__ import annotations

from typing import Any

import numpy as np

from heldout.charts import Hints
from heldout.run import Run, Series


def series(name: str, step: Any, value: Any, spread: Any = None) -> Series:
    """Make a series from plain numbers."""
    errors = None if spread is None else np.asarray(spread, dtype=np.float64)
    return Series(name, np.asarray(step, dtype=np.int64), np.asarray(value, dtype=np.float64), errors)


def run_of(*metrics: Series, **roles: str) -> Run:
    """Make a run of some series."""
    return Run("run", "memory", "test", {metric.name: metric for metric in metrics}, roles)


def published_reward() -> Run:
    """Reward against held-out Pass@1: the reward climbs on while Pass@1 falls."""
    reward = series(
        "reward", [0, 100, 200, 300, 400, 500, 600, 650, 700], [3.52, 3.55, 4.0, 4.15, 4.05, 4.1, 4.45, 4.65, 4.3]
    )
    held_out = series(
        "pass@1", [50, 150, 250, 350, 450, 550, 600, 700], [0.338, 0.345, 0.335, 0.348, 0.34, 0.32, 0.338, 0.29]
    )
    return run_of(reward, held_out, reward="reward", held_out="pass@1")


def published_length() -> Run:
    """Token length against pass rate: both climb."""
    length = [6480, 7180, 6420, 6680, 6900, 6880, 6720, 6750, 7050, 7080, 6850]
    length += [7050, 7070, 7050, 7550, 7550, 8300, 7980, 8550, 7980, 8400]
    rate = [24.5, 26.5, 26.2, 25.0, 26.2, 27.8, 27.0, 25.8, 29.2, 29.5, 31.2]
    rate += [28.2, 29.2, 28.8, 28.0, 29.2, 33.2, 31.0, 34.0, 31.0, 32.5]
    steps = range(0, 201, 10)
    return run_of(series("length", steps, length), series("rate", steps, rate), length="length", held_out="rate")


REWARD_HINTS = Hints(
    left_ticks=(3.0, 5.0, 0.25),
    right_ticks=(0.28, 0.36, 0.01),
    x_ticks=(0, 700, 100),
    left_label="Reward Score",
    right_label="Test Pass@1",
    x_label="Steps",
    left_name="Reward",
    right_name="Performance",
    legend="upper left",
)
LENGTH_HINTS = Hints(
    left_ticks=(6500, 8500, 500),
    right_ticks=(24, 34, 2),
    x_ticks=(0, 200, 25),
    left_label="Token Length",
    right_label="Pass Rate (%)",
    x_label="RL Training Steps",
    legend="upper left",
)


def noisy_run(steps: int = 700, noise: float = 0.4, seed: int = 0) -> Run:
    """A reward with autocorrelated noise, and 14 evaluations with standard errors."""
    random = np.random.default_rng(seed)
    part = np.arange(steps) / steps
    wiggle = np.zeros(steps)
    for i, kick in enumerate(random.normal(size=steps - 1), start=1):
        wiggle[i] = 0.6 * wiggle[i - 1] + 0.8 * kick
    at = np.linspace(0, steps - 1, 14).astype(int)
    held_out = 0.31 + 0.05 * np.sin(4.0 * part[at]) + random.normal(0, 0.008, 14)
    return run_of(
        series("critic/score/mean", range(steps), 3.5 + 1.1 * part + noise * wiggle),
        series("pass@1", at, held_out, np.full(14, 0.012)),
        reward="critic/score/mean",
        held_out="pass@1",
    )
