"""SwanLab's chart export: run and metric stand in the name of a column."""

from __future__ import annotations

from pathlib import Path

import pytest

import heldout
from heldout.readers.trackers.swanlab_export import runs_in


def test_columns_are_taken_apart(tmp_path: Path) -> None:
    names = [
        f"{run}-{key}" for run in ("qwen-grpo-1", "qwen-grpo-2") for key in ("train/reward", "val-core/x/acc/mean@1")
    ]
    rows = "".join(f"{step},{step / 8},0.5,{step / 4},0.25\n" for step in range(1, 20))
    (tmp_path / "export.csv").write_text(f"step,{','.join(names)}\n{rows}")
    one, other = heldout.read_all(tmp_path / "export.csv")
    assert (one.name, other.name, one.format) == ("qwen-grpo-1", "qwen-grpo-2", "SwanLab CSV export")
    assert one["train/reward"].value[0] == 0.125
    assert other["val-core/x/acc/mean@1"].value[0] == 0.25


@pytest.mark.parametrize(
    ("columns", "runs"),
    [
        (["swift-12-reward"], {"swift-12": {"swift-12-reward": "reward"}}),
        (["a-1-reward", "a-2-reward"], {"a-1": {"a-1-reward": "reward"}, "a-2": {"a-2-reward": "reward"}}),
        (["policy-loss", "value-loss"], None),
        (["val-core/x/acc/mean@1", "val-aux/x/acc/mean@4"], None),
        (["train-reward", "eval-reward"], None),
        (["a-1-reward", "kl"], None),
        (["run-1-foo"], None),
    ],
)
def test_only_runs_with_known_metrics_are(columns: list[str], runs: dict[str, dict[str, str]] | None) -> None:
    assert runs_in(["step", *columns]) == runs
