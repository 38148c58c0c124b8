"""``heldout bench verdict``: how long does a verdict take, and does it stay linear in the steps?

A run of 700 steps and 40 evaluations of 500 problems is judged; then all detectors of training signals fold over ever
longer logs of 30 metrics, beside rldoctor where it is installed and finishes. Times are of the processor, so that a
busy machine does not blur them.
"""

from __future__ import annotations

import importlib
import importlib.util
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from rich.console import Console

from benchmarks.harness import Sheet
from heldout.datasets.simulated import simulate
from heldout.detectors import block_of, default_detectors, fold
from heldout.diagnosis.verdict import diagnose
from heldout.run import Evaluation, Outcomes, Run, Series

_ROLES = {
    "reward": "reward",
    "length": "completions/mean_length",
    "entropy": "entropy",
    "grad_norm": "grad_norm",
    "kl_reference": "kl",
    "clip_fraction": "clip_ratio/region_mean",
    "zero_variance_groups": "frac_reward_zero_std",
    "truncation": "completions/clipped_ratio",
    "reward_std": "reward_std",
}
_METRICS = 30
_STEPS = (10_000, 100_000, 1_000_000)
_RIVAL_STEPS = 5_000  # it took 46 s and 6.5 GB at 20 000


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    what: str
    steps: int
    seconds: float
    target: str


def main(repeats: int) -> None:
    """Time everything `repeats` times and print the medians."""
    sheet = Sheet("Verdict and detectors", _HEAD, tuple(map(_cells, measure(repeats))))
    Console(highlight=False).print(sheet.drawn())


_HEAD = ("what", "steps", "CPU s", "per 10⁵ steps", "target")


def _cells(row: Row) -> tuple[str, ...]:
    per = f"{1e5 * row.seconds / row.steps:.2f}" if row.steps >= 1000 else ""
    return (row.what, f"{row.steps}", f"{row.seconds:.2f}", per, row.target)


def measure(repeats: int) -> list[Row]:
    """Return one row after the other; each is the median of its repeats, the first verdict aside."""
    judged = judged_run()
    first = _seconds(lambda: diagnose(judged), 1)
    rows = [
        Row("first verdict: 40 evaluations of 500 problems", 700, first, "below 0.3 s"),
        Row("the next ones", 700, _seconds(lambda: diagnose(judged), repeats), ""),
    ]
    for steps in _STEPS:
        block = block_of(logged_run(steps))
        seconds = _seconds(lambda block=block: fold(default_detectors(), [block]), repeats)  # type: ignore[misc]
        target = "below 2 s" if steps == _STEPS[1] else ""
        rows.append(Row(f"all detectors, {_METRICS} metrics", steps, seconds, target))
    if importlib.util.find_spec("rl_doctor") is not None:
        doctor, records = importlib.import_module("rl_doctor"), _records(logged_run(_RIVAL_STEPS))
        seconds = _seconds(lambda: doctor.diagnose(doctor.run_from_records(records)), 1)
        rows.append(Row(f"rldoctor, {_METRICS} metrics", _RIVAL_STEPS, seconds, ""))
    return rows


def judged_run() -> Run:
    """Return a run of 700 steps whose 40 evaluations have the outcome of each of 500 problems."""
    made = simulate("slow_overopt", 500, 40, 1, seed=4)
    ids, once = tuple(f"p{index}" for index in range(500)), np.ones(500, dtype=np.int64)
    steps = np.linspace(17, 690, 40).astype(np.int64)
    measured = tuple(
        Evaluation.of(int(step), Outcomes(ids, row, once)) for step, row in zip(steps, made.outcomes, strict=True)
    )
    key = measured[0].key
    base = logged_run(700)
    metrics = {**base.metrics, key: Series(key, steps, made.rates)}
    return Run("judged", "", "", metrics, {**_ROLES, "held_out": key}, measured=measured)


def logged_run(steps: int) -> Run:
    """Return a healthy run of so many steps with 30 metrics."""
    rng = np.random.default_rng(0)
    names = [*_ROLES.values(), *(f"other/{index}" for index in range(_METRICS - len(_ROLES)))]
    step = np.arange(steps, dtype=np.int64)
    metrics = {name: Series(name, step, np.abs(rng.normal(1.0, 0.1, steps))) for name in names}
    return Run("logged", "", "", metrics, _ROLES)


def _records(run: Run) -> list[dict[str, float]]:
    columns = {name: series.value.tolist() for name, series in run.metrics.items()}
    return [
        {"step": step, **{name: values[step] for name, values in columns.items()}} for step in range(len(run.steps))
    ]


def _seconds(work: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return statistics.median(times)
