"""Rows of training and of evaluation under the same keys: told apart by words and by flags, and by nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from heldout.readers.log import Log
from heldout.readers.steps import logs_from_table

Row = dict[str, Any]


def read(*rows: Row) -> list[Log]:
    return logs_from_table(rows, "json-lines")


def phases(train: Row, evaluation: Row, every: int = 5) -> list[Row]:
    """A row of training at each of 30 steps, and now and then one of evaluation behind it."""
    rows: list[Row] = []
    for step in range(30):
        rows.append({"step": step, **train})
        if step % every == 0:
            rows.append({"step": step, **evaluation})
    return rows


@pytest.mark.parametrize(
    ("train", "evaluation"),
    [
        ({"phase": "train"}, {"phase": "eval"}),
        ({"mode": "training"}, {"mode": "validation"}),
        ({"event": "train_step"}, {"event": "eval_result"}),
        ({"zeta": "Train"}, {"zeta": "Test"}),  # whatever the column is called
        ({"kind": "rollout"}, {"kind": "held-out"}),
        ({}, {"phase": "eval"}),
        ({"is_eval": False}, {"is_eval": True}),
        ({"is_eval": "no"}, {"is_eval": "yes"}),
        ({"eval": 0}, {"eval": 1}),
    ],
)
def test_what_evaluation_rows_hold_gets_keys_of_its_own(train: Row, evaluation: Row) -> None:
    (log,) = read(*phases({**train, "acc": 0.5, "reward": 0.1}, {**evaluation, "acc": 0.25}))
    assert set(log.columns) == {"acc", "reward", "eval/acc"}
    assert set(log.columns["acc"].value) == {0.5}
    assert log.columns["eval/acc"].value.tolist() == [0.25] * 6
    assert log.step[log.columns["eval/acc"].row].tolist() == list(range(0, 30, 5))
    assert any("6 rows are evaluations by the column" in note.text for note in log.notes)


def test_rows_of_metrics_of_their_own_are_evaluations_by_a_flag() -> None:
    (log,) = read(*phases({"reward": 0.1}, {"eval": True, "recall@10": 0.5}))
    assert set(log.columns) == {"reward", "eval/recall@10"}


def test_validation_and_test_stay_apart() -> None:
    rows = [
        {"step": i, "split": split, "acc": v}
        for i in range(9)
        for split, v in (("train", 0.5), ("val", 0.4), ("test", 0.3))
    ]
    (log,) = read(*rows)
    assert {key: set(column.value) for key, column in log.columns.items()} == {
        "acc": {0.5},
        "val/acc": {0.4},
        "test/acc": {0.3},
    }


def test_a_key_that_says_so_already_and_a_clock_keep_their_names() -> None:
    (log,) = read(*phases({"phase": "train", "epoch": 0.5, "x": 1.0}, {"phase": "eval", "epoch": 0.5, "eval_acc": 0.5}))
    assert set(log.columns) == {"epoch", "x", "eval_acc"}


@pytest.mark.parametrize(
    "flagged",
    [
        {"eval": 1, "reward": 0.1, "recall": 0.5},  # training and evaluation in one row
        {"eval": 1.0, "reward": 0.1},  # a score that happens to be 1
        {"note": "evaluation went well", "reward": 0.1},
    ],
)
def test_what_only_looks_like_a_flag_changes_nothing(flagged: Row) -> None:
    rows = [{"step": i, "reward": 0.1} if i % 5 else {"step": i, **flagged} for i in range(30)]
    (log,) = read(*rows)
    assert set(log.columns) == {"reward", *(key for key in flagged if not isinstance(flagged[key], str))}
    assert len(log.columns["reward"].row) == 30


def test_benchmarks_are_no_phases() -> None:
    rows = [{"step": i, "benchmark": name, "acc": 0.5} for name in ("gsm8k", "hard test problems") for i in range(9)]
    assert [log.name for log in read(*rows)] == ["benchmark=gsm8k", "benchmark=hard test problems"]
    assert all(set(log.columns) == {"acc"} for log in read(*rows))


def test_phases_of_several_runs() -> None:
    rows = [
        {**row, "seed": seed}
        for seed in (1, 2)
        for row in phases({"phase": "train", "acc": 0.5}, {"phase": "eval", "acc": 0.4})
    ]
    logs = read(*rows)
    assert [log.name for log in logs] == ["seed=1", "seed=2"]
    assert all({"acc", "eval/acc"} <= set(log.columns) for log in logs)
