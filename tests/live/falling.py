"""A run that is hacked: the reward rises to the end, the held-out score falls after step 100."""

from __future__ import annotations

from typing import Any

import numpy as np

from heldout.findings import Finding
from heldout.live import Decision, Guard

PROBLEMS = [f"p{index}" for index in range(200)]
EVERY, LAST = 10, 200
PLANNED = LAST // EVERY


def outcomes(step: int) -> list[bool]:
    level = 0.4 + 0.002 * min(step, 100) - 0.006 * max(step - 100, 0)
    chance = np.random.default_rng(0).random(len(PROBLEMS)) * 0.9 + np.random.default_rng(step).random(200) * 0.1
    return (chance < level).tolist()


def train(guard: Guard, first: int = 1, last: int = LAST, **checkpoint: Any) -> list[tuple[int, Decision]]:
    """Train for show; return every decision in which something was found or wanted."""
    told: list[tuple[int, Decision]] = []
    for step in range(first, last + 1):
        told.append((step, guard.step(step, {"reward": 0.01 * step + 0.1 * np.sin(step), "kl": 0.1})))
        if step % EVERY == 0:
            told.append((step, guard.evaluation(step, problems=PROBLEMS, passed=outcomes(step))))
            for folder in checkpoint.values():
                path = folder / f"checkpoint-{step}"
                path.mkdir(parents=True, exist_ok=True)
                guard.checkpoint(step, path)
    return [(step, one) for step, one in told if one.findings or one.stop]


def findings(told: list[tuple[int, Decision]]) -> list[Finding]:
    return [finding for _, decision in told for finding in decision.findings]


def kinds(told: list[tuple[int, Decision]]) -> list[tuple[str, int]]:
    return [(finding.kind, finding.step) for finding in findings(told)]
