"""Fleets whose truth is known: many run directories from the simulator, as heldout records them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import orjson

from heldout.datasets.simulated import DECLINES, NULLS, OUTSIDE_DECLINES, OUTSIDE_NULLS, STEPS, SimulatedRun, simulate

FALLING = 0.15  # share of the runs that fall
_NEVER, _FALLS = (*NULLS, *OUTSIDE_NULLS), (*DECLINES, *OUTSIDE_DECLINES)
_LINE = orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY
_WRITTEN = 80  # steps of metrics; a verdict needs no more of them, and a real log has more


def drawn(
    count: int, seed: int, n: int = 200, evaluations: int = 40, falling: float = FALLING
) -> Sequence[SimulatedRun]:
    """Return so many simulated runs of every family, in and outside of what detectors were designed on."""
    rng = np.random.default_rng(seed)
    kinds = [_FALLS if falls else _NEVER for falls in rng.random(count) < falling]
    return [
        simulate(kind[rng.integers(len(kind))], n, evaluations, seed=seed * 1_000_000 + at)
        for at, kind in enumerate(kinds)
    ]


def write_fleet(
    folder: Path, count: int, seed: int = 0, *, n: int = 200, evaluations: int = 40, falling: float = FALLING
) -> list[bool]:
    """Write a directory for each of so many runs, a hundred in a folder; return which of them fall."""
    falls = []
    for at, run in enumerate(drawn(count, seed, n, evaluations, falling)):
        _write(folder / f"sweep-{at // 100:03d}" / f"run-{at:05d}", run, at)
        falls.append(run.is_decline)
    return falls


def break_some(folder: Path) -> list[str]:
    """Break the first three runs of a fleet, each in its own way; return their names."""
    first = sorted(folder.glob("*/run-*"))[:3]
    (first[0] / "metrics.jsonl").write_bytes(b"\x00\xff not a log \x00" * 10)
    (first[1] / "metrics.jsonl").write_bytes(b"")
    (first[2] / "run.json").write_bytes(b'{"format": "heldout run", "roles": {"re')
    for one in first:
        (one / "evals" / "held-out.jsonl").unlink()
    return [f"{one.parent.name}/{one.name}" for one in first]


def _write(folder: Path, run: SimulatedRun, at: int) -> None:
    (folder / "evals").mkdir(parents=True)
    settings = {"seed": at, "lr": (1e-6, 2e-6, 5e-6)[at % 3], "kl": (0.0, 0.001, 0.01)[at // 3 % 3]}
    about = {"format": "heldout run", "heldout": "0.1.0", "created": "2026-01-01T00:00:00+00:00", "versions": {}}
    (folder / "run.json").write_bytes(orjson.dumps(about | {"config": settings, "roles": {"reward": "reward"}}))
    kept = np.unique(np.linspace(0, STEPS - 1, _WRITTEN).astype(int))
    with (folder / "metrics.jsonl").open("wb") as file:
        for step in kept.tolist():
            row = {"reward": run.reward[step], "completions/mean_length": 300.0 * run.length[step]}
            file.write(orjson.dumps({"step": step + 1, "time": 1.7e9 + step, **row}, option=_LINE))
    asked = {"benchmark": "held-out", "problems": [f"val/{k:04d}" for k in range(run.outcomes.shape[1])], "samples": 1}
    with (folder / "evals" / "held-out.jsonl").open("wb") as file:
        for step, passed in zip(run.steps.tolist(), run.outcomes, strict=True):
            row = {"step": step, "time": 1.7e9 + step + 0.5, **asked, "passed": passed.astype(int)}
            file.write(orjson.dumps(row, option=_LINE))
