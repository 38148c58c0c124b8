"""Which column numbers the rows and which rows are of which run: each threshold from both sides."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from heldout.errors import NoMetrics
from heldout.readers import read_all
from heldout.readers.assemble import assemble
from heldout.readers.log import Column, Log
from heldout.readers.steps import log_from_rows


def log(*rows: dict[str, object]) -> Log:
    return log_from_rows(rows, "json-lines")


@pytest.mark.parametrize(
    ("label", "step"),
    [("step_0100", 100), ("10/438", 10), ("checkpoint-20", 20), ("baseline", 0), ("runs/init", 0), ("7", 7)],
)
def test_a_label_that_says_a_step_is_one(label: str, step: int) -> None:
    assert log({"checkpoint": label, "reward": 1.0}, {"checkpoint": "step_900", "reward": 2.0}).step[0] == step


@pytest.mark.parametrize("label", ["final", "main", "model-last", "latest"])
def test_a_label_that_says_final_goes_one_interval_after_the_last_step(label: str) -> None:
    rows: list[dict[str, object]] = [{"checkpoint": f"step_{step}", "reward": 0.5} for step in (10, 20, 30)]
    assert log(*rows, {"checkpoint": label, "reward": 0.5}).step.tolist() == [10, 20, 30, 40]


@pytest.mark.parametrize(
    ("before", "sentinel", "last"),
    [
        (3333, 9999, 3334),  # three times as far, the least
        (3334, 9999, 9999),
        (30000, 99999, 30001),
        (33334, 99999, 99999),
        (10, 9998, 9998),  # one less than the number that scripts write
    ],
)
def test_a_lone_99999_far_beyond_all_other_steps_means_final(before: int, sentinel: int, last: int) -> None:
    made = log(*({"step": step, "reward": 0.5} for step in (before - 1, before, sentinel)))
    assert made.step.tolist() == [before - 1, before, last]


def test_99999_twice_or_beside_a_single_step_is_a_step() -> None:
    assert log(*({"step": step, "reward": 0.5} for step in (1, 2, 99999, 99999))).step[-1] == 99999
    assert log(*({"step": step, "reward": 0.5} for step in (1, 99999))).step[-1] == 99999


@pytest.mark.parametrize(("without", "numbered"), [(5, True), (6, False)])
def test_a_step_column_numbers_at_least_half_of_the_rows(without: int, numbered: bool) -> None:
    rows: list[dict[str, object]] = [{"step": 10 * i, "reward": 0.5} for i in range(1, 6)]
    made = log(*rows, *({"reward": 0.5} for _ in range(without)))
    assert made.step.tolist() == ([10, 20, 30, 40, 50] if numbered else list(range(5 + without)))
    assert any("rows without a usable step" in note.text for note in made.notes) == numbered


def test_rows_with_neither_a_step_nor_a_known_metric_are_refused() -> None:
    with pytest.raises(NoMetrics, match=r"none of them is a step .* rename a column to 'step'"):
        log({"zebra": 1.0}, {"zebra": 2.0})


def two_runs(folder: Path, repeats: int) -> Path:
    """Two runs of 20 steps, of which the second logs some steps again: 20 repeats in all without the run's name."""
    lines = [f"{seed},{step},{step}\n" for seed in (1, 2) for step in range(20)]
    lines += [f"2,{step},0\n" for step in range(20 - repeats, 20)]
    path = folder / "t.csv"
    path.write_text("seed,step,reward\n" + "".join(lines))
    return path


@pytest.mark.parametrize(("repeats", "runs"), [(0, 2), (1, 2), (2, 1)])
def test_a_name_tells_runs_apart_where_a_twentieth_of_the_repeats_is_left(
    tmp_path: Path, repeats: int, runs: int
) -> None:
    """1 of 21 repeats is less than a twentieth, 2 of 22 are more."""
    assert len(read_all(two_runs(tmp_path, repeats))) == runs


@pytest.mark.parametrize(("names", "runs"), [(200, 200), (201, 1)])
def test_a_column_of_very_many_values_names_no_runs(tmp_path: Path, names: int, runs: int) -> None:
    path = tmp_path / "t.csv"
    path.write_text("seed,step,reward\n" + "".join(f"{seed},{step},1\n" for seed in range(names) for step in (1, 2)))
    assert len(read_all(path)) == runs


@pytest.mark.parametrize(("rows", "without", "wins"), [(20, 1, True), (20, 2, False), (100, 5, True), (100, 6, False)])
def test_a_training_step_in_nearly_all_rows_wins_over_the_trackers_count(rows: int, without: int, wins: bool) -> None:
    """In 95 of 100 rows it does, in 94 it does not."""
    known = np.arange(rows - without)
    columns = {
        "trainer/global_step": Column(known, 10.0 * known),
        "reward": Column(np.arange(rows), np.arange(float(rows))),
    }
    run = assemble(Log("wandb", np.arange(rows), columns), "a", "a")
    assert run["reward"].step[-1] == (10 * (rows - without - 1) if wins else rows - 1)
