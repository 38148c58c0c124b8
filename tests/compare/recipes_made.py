"""Runs made for tests: recipes with known chances of solving each problem, and logs with rates alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from zlib import crc32

import numpy as np

from heldout.run import Evaluation, Run, Series
from heldout.stats.arrays import FloatArray

KEY = "eval/held-out/pass@1"


def run_of(name: str, evaluations: list[Evaluation], **config: Any) -> Run:
    """A run whose log has these evaluations, and a reward that rises, with a little noise of its own."""
    steps = np.array([one.step for one in evaluations], dtype=np.int64)
    rates = np.array([one.rate for one in evaluations])
    problems = [one.problems for one in evaluations]
    known = all(n is not None for n in problems) and bool(problems)
    sizes = np.array(problems, dtype=np.float64) if known else None
    held_out = Series(KEY, steps, rates, None, sizes, np.ones(len(steps)) if known else None)
    noise = np.random.default_rng(crc32(name.encode())).normal(0.0, 1e-4, 20)
    reward = Series("reward", np.arange(20), np.linspace(0.0, 1.0, 20) + noise)
    metrics = {"reward": reward} | ({KEY: held_out} if len(steps) else {})
    roles = {"reward": "reward"} | ({"held_out": KEY} if len(steps) else {})
    measured = tuple(one for one in evaluations if one.outcomes is not None)
    return Run(name, f"runs/{name}", "test", metrics, roles, config=config, measured=measured)


def solved(name: str, chances: list[FloatArray], *, seed: int, every: int = 10, samples: int = 1, **config: Any) -> Run:
    """A run whose answers to problem i at evaluation j are right with chance chances[j][i]."""
    rng = np.random.default_rng(seed)
    problems = [f"p{i}" for i in range(len(chances[0]))]
    evaluations = [
        Evaluation.from_counts(every * j, problems, rng.binomial(samples, chance).tolist(), samples)
        for j, chance in enumerate(chances)
    ]
    return run_of(name, evaluations, seed=seed, **config)


def recipe(
    name: str, level: float, *, k: int = 3, n: int = 200, evaluations: int = 3, first: int = 0, samples: int = 1,
    scatter: float = 0.0, **config: Any,
) -> list[Run]:  # fmt: skip
    """Seeds of a recipe that solves this share of problems, of which each is easy or hard."""
    ease = np.random.default_rng(99).uniform(-0.2, 0.2, n)
    offsets = np.random.default_rng(first + 7).normal(0.0, scatter, k) if scatter else np.zeros(k)
    return [
        solved(
            f"{name}-{first + s}",
            [np.clip(level + ease + offsets[s], 0.01, 0.99)] * evaluations,
            seed=first + s,
            samples=samples,
            reward=name,
            **config,
        )
        for s in range(k)
    ]


def rates(name: str, values: list[float], problems: int | None = None, **config: Any) -> Run:
    """A run whose log has rates alone."""
    return run_of(name, [Evaluation(10 * j, rate, problems, 1.0) for j, rate in enumerate(values)], **config)


def with_benchmark(run: Run, name: str, chance: float, *, n: int = 100, seed: int = 0) -> Run:
    """The run with the outcomes of another benchmark at its last step."""
    passed = (np.random.default_rng(seed).random(n) < chance).tolist()
    more = Evaluation.from_counts(run.measured[-1].step, [f"{name}/{i}" for i in range(n)], passed, benchmark=name)
    series = Series(more.key, np.array([more.step]), np.array([more.rate]), None, np.array([float(n)]), np.ones(1))
    return replace(run, metrics={**run.metrics, more.key: series}, measured=(*run.measured, more))
