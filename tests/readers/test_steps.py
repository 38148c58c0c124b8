"""Which column numbers the rows and which rows are of which run: each threshold from both sides."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from in_memory import said

from heldout.errors import NoMetrics
from heldout.readers import read_all
from heldout.readers.assemble import assemble
from heldout.readers.log import Column, Log, Table, TableBuilder
from heldout.readers.step_keys import RUN_KEYS
from heldout.readers.steps import log_from_table, logs_from_table


def log(*rows: Mapping[str, Any]) -> Log:
    return log_from_table(rows, "json-lines")


@pytest.mark.parametrize(
    ("label", "step"),
    [("step_0100", 100), ("10/438", 10), ("checkpoint-20", 20), ("baseline", 0), ("runs/init", 0), ("7", 7)],
)
def test_a_label_that_says_a_step_is_one(label: str, step: int) -> None:
    assert log({"checkpoint": label, "reward": 1.0}, {"checkpoint": "step_900", "reward": 2.0}).step[0] == step


@pytest.mark.parametrize("label", ["final", "main", "model-last", "latest"])
def test_a_label_that_says_final_goes_one_interval_after_the_last_step(label: str) -> None:
    rows: list[dict[str, Any]] = [{"checkpoint": f"step_{step}", "reward": 0.5} for step in (10, 20, 30)]
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
    rows: list[dict[str, Any]] = [{"step": 10 * i, "reward": 0.5} for i in range(1, 6)]
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


@pytest.mark.parametrize("repeats", [0, 1, 2, 15])
def test_a_name_tells_runs_apart_that_follow_each_other_whatever_they_repeat_of_themselves(
    tmp_path: Path, repeats: int
) -> None:
    runs = read_all(two_runs(tmp_path, repeats))
    assert [run.name for run in runs] == ["seed=1", "seed=2"]
    assert [len(run["reward"]) for run in runs] == [20, 20]


@pytest.mark.parametrize(("names", "runs"), [(200, 200), (201, 1)])
def test_a_column_of_very_many_values_names_no_runs(tmp_path: Path, names: int, runs: int) -> None:
    path = tmp_path / "t.csv"
    path.write_text("seed,step,reward\n" + "".join(f"{seed},{step},1\n" for seed in range(names) for step in (1, 2)))
    assert len(read_all(path)) == runs


@pytest.mark.parametrize(("rows", "without", "wins"), [(20, 1, True), (20, 9, True), (20, 10, False), (100, 51, False)])
def test_a_training_step_in_most_rows_wins_over_the_trackers_count(rows: int, without: int, wins: bool) -> None:
    """In most of the rows with a metric that is known it does, in half of them it does not."""
    known = np.arange(rows - without)
    columns = {
        "trainer/global_step": Column(known, 10.0 * known.astype(float)),
        "reward": Column(np.arange(rows), np.arange(float(rows))),
    }
    run = assemble(Log("wandb", np.arange(rows), columns), "a", "a")
    assert run["reward"].step[-1] == (10 * (rows - without - 1) if wins else rows - 1)


# -- the whole of a log -----------------------------------------------------------------------------------------------


def test_what_is_assumed_of_steps_is_said_in_full() -> None:
    made = log(
        *({"checkpoint": label, "acc": i / 8} for i, label in enumerate(["base", "s-10", "?", "30/50", "final"]))
    )
    assert made.step.tolist() == [0, 10, 30, 45]  # the median interval is 15
    assert made.columns["acc"].value.tolist() == [0.0, 0.125, 0.375, 0.5]
    assert said(made.notes) == [
        ("ignored", "1 column without numbers (text, lists) left out: checkpoint.", 5),
        ("assumed", "'final' in column 'checkpoint' is no number; it was placed one interval after the last step.", 1),
        ("dropped", "1 row without a usable step in column 'checkpoint' dropped.", 1),
    ]
    made = log(*({"step": step, "acc": 0.5} for step in (10, 20, 99999)))
    assert said(made.notes) == [
        ("assumed", "Step 99999 was taken as 'final' and placed one interval after step 20.", 1)
    ]
    made = log({"acc": 0.5}, {"acc": 0.25})
    assert said(made.notes) == [("assumed", "No column numbers the steps, so rows are counted from 0.", 1)]
    assert made.step.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("labels", "steps"), [(["final"], []), (["7", "final"], [7, 8]), (["7", "7", "last"], [7, 7, 8])]
)
def test_the_last_of_too_few_steps_for_an_interval_stands_one_further(labels: list[str], steps: list[int]) -> None:
    rows: list[dict[str, Any]] = [{"revision": label, "acc": 0.5} for label in labels]
    made = log(*rows)
    assert made.step.tolist() == (steps or [0])


@pytest.mark.parametrize(
    ("step", "usable"),
    [(0, True), (-1, False), (1.5, False), (2.0**62, False), (2.0**61, True), (float("nan"), False)],
)
def test_a_step_is_a_whole_number_from_0_on(step: float, usable: bool) -> None:
    made = log({"step": 1, "reward": 0.5}, {"step": step, "reward": 0.5})
    assert made.step.tolist() == ([1, int(step)] if usable else [1])


@pytest.mark.parametrize(
    ("keys", "used"),
    [
        (["my/step", "Step"], "Step"),  # exactly, whatever its case, before the last part of a path
        (["x", "train/STEP"], "train/STEP"),
        (["epoch", "iteration"], "iteration"),
        (["misstep", "xstep"], None),
    ],
)
def test_the_column_of_steps_is_found_by_its_name(keys: list[str], used: str | None) -> None:
    rows: list[dict[str, Any]] = [
        {"reward": 0.5, **{key: 10 * (i + 1) + place for place, key in enumerate(keys)}} for i in range(3)
    ]
    made = log(*rows)
    assert set(made.columns) == {"reward", *keys} - {used}
    first = 0 if used is None else 10 + keys.index(used)
    assert made.step[0] == first


def test_a_log_without_a_number_beside_its_step_is_refused() -> None:
    with pytest.raises(NoMetrics, match=r"^2 rows were seen, and none of them has a number beside its step\.$"):
        log({"step": 1}, {"step": 2})


def test_the_refusal_names_the_columns_or_that_there_are_none() -> None:
    with pytest.raises(NoMetrics, match=r"^No training log: the columns are zebra, run, and none of them is a step \("):
        log({"zebra": 1.0, "run": "a"})
    with pytest.raises(NoMetrics, match=r"the columns are words, and none of them is a step"):
        log({"words": "a"})
    with pytest.raises(NoMetrics, match="the columns are epoch, time"):  # they say when, and nothing else
        log({"epoch": 0.5, "time": 3.0, "wall_time": 3.0})


def table_of(*rows: Mapping[str, Any]) -> Table:
    builder = TableBuilder()
    builder.add(rows)
    return builder.build()


def test_runs_of_a_table_are_told_apart_by_as_few_names_as_do() -> None:
    rows: list[dict[str, Any]] = [
        {"model": model, "seed": seed, "step": step, "reward": step + seed, **({"kl": 1.0} if seed == 2 else {})}
        for model in ("p", "q")
        for seed in (1, 2)
        for step in (5, 9)
    ]
    logs = logs_from_table(table_of(*rows), "csv")
    assert [one.name for one in logs] == ["seed=1, model=p", "seed=2, model=p", "seed=1, model=q", "seed=2, model=q"]
    assert [one.step.tolist() for one in logs] == [[5, 9]] * 4
    assert [one.columns["reward"].value.tolist() for one in logs] == [[6.0, 10.0], [7.0, 11.0]] * 2
    assert ["kl" in one.columns for one in logs] == [False, True, False, True]
    assert said(logs[0].notes) == [
        ("ignored", "1 column without numbers (text, lists) left out: model.", 8),
        ("repaired", "The table holds 4 runs; each is read on its own.", 1),
    ]
    (alone,) = logs_from_table(table_of(*(row for row in rows if row["model"] == "p" and row["seed"] == 1)), "csv")
    assert alone.name is None
    assert not any(note.kind.value == "repaired" for note in alone.notes)


@pytest.mark.parametrize("names", [1, 3, 5])
@pytest.mark.parametrize("keys", [RUN_KEYS, tuple("αβγδε")])
def test_any_few_columns_name_runs_together(names: int, keys: tuple[str, ...]) -> None:
    keys = keys[:names]
    rows: list[dict[str, Any]] = [
        {**{key: f"{key}{bit}" for key, bit in zip(keys, bits, strict=True)}, "step": step, "reward": 0.5}
        for bits in product("01", repeat=names)
        for step in (1, 2)
    ]
    logs = logs_from_table(table_of(*rows), "csv")
    assert len({one.name for one in logs}) == 2**names
    assert {tuple(one.step.tolist()) for one in logs} == {(1, 2)}


def test_rows_that_lost_their_step_make_no_run_and_steps_that_do_not_repeat_are_one() -> None:
    rows: list[dict[str, Any]] = [{"seed": seed, "step": step, "acc": 0.5} for seed in (1, 2) for step in (1, 2)]
    assert len(logs_from_table(table_of(*rows), "csv")) == 2
    lost = logs_from_table(table_of(*rows, {"seed": 2, "step": -1, "acc": 0.5}), "csv")
    assert [one.step.tolist() for one in lost] == [[1, 2], [1, 2]]
    assert len(logs_from_table(table_of(*({**row, "step": i} for i, row in enumerate(rows))), "csv")) == 1


def test_runs_that_were_written_side_by_side_are_told_apart() -> None:
    rows: list[dict[str, Any]] = [{"seed": seed, "step": step, "acc": 0.5} for step in (1, 2) for seed in (1, 2)]
    assert [one.step.tolist() for one in logs_from_table(table_of(*rows), "csv")] == [[1, 2], [1, 2]]
