"""Steps that are logged beside the metrics, where a tracker numbers the rows itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from heldout.readers.assemble import assemble
from heldout.readers.log import Log, table_of
from heldout.readers.steps import logs_from_table
from heldout.run import Run

Rows = list[dict[str, Any]]


def tracked(rows: Sequence[Mapping[str, Any]], axes: Mapping[str, str] | None = None) -> Run:
    """Return the run of these rows of a W&B file, in the order of writing."""
    table = table_of(rows)
    return assemble(Log("wandb", np.arange(len(rows)), table.columns, axes=axes or {}), "run", "file")


def as_lines(rows: Sequence[Mapping[str, Any]]) -> Run:
    """Return the run of the same rows as JSON lines, as W&B's history is downloaded."""
    stamped = [{**row, "_step": i, "_runtime": float(i), "_timestamp": 1.7e9 + i} for i, row in enumerate(rows)]
    [log] = logs_from_table(table_of(stamped), "json-lines")
    return assemble(log, "run", "file")


def trl(steps: int = 40, every: int = 10) -> Rows:
    """Rows as TRL logs them: a table of completions without a step before each, and evaluations now and then."""
    rows: Rows = []
    for i in range(1, steps + 1):
        rows.append({"completions/table_rows": 16.0})
        rows.append({"train/reward": i / steps, "train/kl": 0.01, "train/global_step": 5 * i})
        if i % every == 0:
            rows.append({"eval/pass@1": 0.3, "train/global_step": 5 * i})
    return rows


def slime(rollouts: int = 40, updates: int = 2, every: int = 8) -> Rows:
    rows: Rows = []
    for i in range(rollouts):
        rows.append({"rollout/step": i, "rollout/raw_reward": i / rollouts})
        for j in range(updates):
            rows.append({"train/step": i * updates + j, "train/loss": 0.1, "train/grad_norm": 1.0})
        if i % every == 0:
            rows.append({"eval/step": i, "eval/aime": 0.3})
    return rows


@pytest.mark.parametrize("read", [tracked, as_lines])
def test_rows_that_have_no_step_do_not_make_the_others_useless(read: Any) -> None:
    run = read(trl())
    assert run["train/reward"].step.tolist() == list(range(5, 205, 5))
    assert run["eval/pass@1"].step.tolist() == [50, 100, 150, 200]


@pytest.mark.parametrize("read", [tracked, as_lines])
@pytest.mark.parametrize("updates", [1, 2, 3, 16])
def test_the_steps_are_those_of_the_reward_and_updates_stand_within_them(read: Any, updates: int) -> None:
    run = read(slime(updates=updates))
    assert run["rollout/raw_reward"].step.tolist() == list(range(40))
    assert run["eval/aime"].step.tolist() == [0, 8, 16, 24, 32]
    assert run["train/loss"].step.tolist() == list(range(40))


@pytest.mark.parametrize("read", [tracked, as_lines])
@pytest.mark.parametrize(("train", "test"), [("train/step", "eval/step"), ("train/global_step", "val/global_step")])
def test_each_part_may_have_a_step_of_its_own(read: Any, train: str, test: str) -> None:
    rows: Rows = []
    for i in range(1, 61):
        rows.append({"train/reward": i / 60, train: i})
        if i % 10 == 0:
            rows.append({"eval/pass@1": 0.3, test: i})
    run = read(rows)
    assert run["train/reward"].step.tolist() == list(range(1, 61))
    assert run["eval/pass@1"].step.tolist() == [10, 20, 30, 40, 50, 60]


def test_an_evaluation_that_is_late_stands_at_its_own_step() -> None:
    rows: Rows = []
    for i in range(1, 101):
        rows.append({"train/reward": i / 100, "train/step": i})
        if i > 10 and i % 10 == 4:  # done four steps later
            rows.append({"eval/pass@1": 0.3, "eval/step": i - 4})
    assert tracked(rows)["eval/pass@1"].step.tolist() == list(range(10, 100, 10))


def test_an_axis_that_was_declared_has_any_name() -> None:
    rows: Rows = []
    for i in range(50):
        rows.append({"train/reward": i / 50, "train/kl": 0.1, "policy_version": 3 * i})
        if i % 5 == 0:
            rows.append({"eval/pass@1": 0.3, "policy_version": 3 * i})
    run = tracked(rows, {"*": "policy_version"})
    assert run["train/reward"].step.tolist() == list(range(0, 150, 3))
    assert run["eval/pass@1"].step.tolist() == list(range(0, 150, 15))
    assert tracked(rows)["train/reward"].step[-1] == len(rows) - 1  # not declared, it may be anything


def test_a_counter_that_is_stuck_is_none_and_the_running_one_is_taken() -> None:
    rows = [{"train/reward": i / 30, "train/global_step": 0, "rollout/step": 2 * i} for i in range(30)]
    assert tracked(rows)["train/reward"].step.tolist() == list(range(0, 60, 2))


def test_what_a_reward_function_logs_for_itself_is_a_mean_at_the_step_before() -> None:
    rows: Rows = []
    for i in range(1, 41):
        rows += [{"format_reward_mean": 0.5 + 0.1 * j} for j in range(3)]
        rows.append({"train/reward": i / 40, "train/kl": 0.1, "train/global_step": i})
    run = tracked(rows)
    assert run["train/reward"].step.tolist() == list(range(1, 41))
    assert run["format_reward_mean"].step[-1] == 39


def test_a_log_without_any_step_keeps_the_tracker_s_count() -> None:
    rows = [{"train/reward": i / 30, "train/loss": 0.1} for i in range(30)]
    assert tracked(rows)["train/reward"].step.tolist() == list(range(30))


def test_a_restart_goes_back_on_the_axis() -> None:
    rows = [{"train/reward": 0.1, "train/step": i, "train/kl": 0.1} for i in [*range(60), *range(40, 100)]]
    rows.insert(50, {"eval/pass@1": 0.3, "eval/step": 50})
    assert tracked(rows)["train/reward"].step.tolist() == list(range(100))
