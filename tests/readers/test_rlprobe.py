"""Recordings of rlprobe, whole and while the run goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import heldout
from heldout.live.watch import Follower

ROWS: list[dict[str, Any]] = [
    {
        "step": step,
        "timestamp": 1e9 + step,
        "rank": 0,
        "reward_mean": step / 100,
        "kl_mean": 0.001 * step,
        "kl_positional": [0.1, 0.2],
        "completion_len_mean": 200.0 + step,
        "reward_component.format": 0.5,
        "extra.eval_accuracy": 0.5 if step % 10 == 0 else None,
    }
    for step in range(60)
]


def recording(folder: Path, *parts: list[dict[str, Any]]) -> Path:
    (folder / "samples").mkdir(parents=True)
    (folder / "steps").mkdir()
    (folder / "manifest.json").write_text(json.dumps({"run_id": "abc", "trainer_config": {"lr": 1e-6}}))
    pl.DataFrame({"step": [1, 1], "reward_total": [0.5, 0.25]}).write_parquet(
        folder / "samples" / "shard-00000.parquet"
    )
    for number, rows in enumerate(parts):
        write(folder, number, rows)
    return folder


def write(folder: Path, number: int, rows: list[dict[str, Any]]) -> None:
    frame = pl.DataFrame(rows, infer_schema_length=None)
    frame.write_parquet(folder / "steps" / f"part-{number:05}.parquet")


@pytest.mark.parametrize("whole", [True, False])
def test_steps_are_the_run_and_samples_are_not(whole: bool, tmp_path: Path) -> None:
    folder = recording(tmp_path / "run", ROWS[:25], ROWS[25:])
    if whole:
        pl.DataFrame(ROWS, infer_schema_length=None).write_parquet(folder / "steps.parquet")
    run = heldout.read(tmp_path)
    assert (run.format, run.config) == ("rlprobe recording", {"lr": 1e-6})
    assert [run.roles[role] for role in ("reward", "held_out", "length")] == [
        "reward_mean",
        "eval_accuracy",
        "completion_len_mean",
    ]
    assert run["reward_mean"].step.tolist() == list(range(60))
    assert {"rewards/format", "wall_time"} <= set(run.metrics)
    assert "rank" not in run.metrics


def test_parts_are_followed(tmp_path: Path) -> None:
    folder = recording(tmp_path / "run", ROWS[:25])
    follower = Follower(folder)
    first = follower.poll()
    write(folder, 1, ROWS[25:])
    second = follower.poll()
    assert first is not None
    assert second is not None
    assert [int(run.steps[-1]) for run in (first, second)] == [24, 59]
