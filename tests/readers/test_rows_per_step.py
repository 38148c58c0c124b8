"""Several rows of one step: their mean where nearly every step has them, the last where one was logged again."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.readers.assemble import assemble
from heldout.readers.log import Column, Log
from heldout.readers.steps import logs_from_table
from heldout.run import Run

Row = dict[str, Any]


def read(*rows: Row) -> Run:
    (log,) = logs_from_table(rows, "json-lines")
    return assemble(log, "a", "a")


def said(run: Run) -> str:
    return " ".join(note.text for note in run.notes)


@given(st.lists(st.lists(st.integers(-99, 99), min_size=2, max_size=9), min_size=3, max_size=9))
def test_the_value_of_a_step_is_the_mean_of_its_rows(steps: list[list[int]]) -> None:
    run = read(*({"step": step, "reward": value} for step, values in enumerate(steps) for value in values))
    assert run["reward"].value.tolist() == pytest.approx([float(np.mean(values)) for values in steps])
    assert run["reward"].spread is None  # which is of evaluations


@pytest.mark.parametrize(("repeated", "mean"), [(6, True), (5, False)])
def test_of_ten_steps_six_must_have_several_rows(repeated: int, mean: bool) -> None:
    rows = [
        {"step": step, "reward": float(value)} for step in range(10) for value in ((0, 1) if step < repeated else (1,))
    ]
    assert read(*rows)["reward"].value[0] == (0.5 if mean else 1.0)


@pytest.mark.parametrize(("repeated", "mean"), [(7, False), (8, True)])
def test_of_fewer_steps_four_fifths_must_have_several_rows(repeated: int, mean: bool) -> None:
    rows = [
        {"step": step, "reward": float(value)} for step in range(9) for value in ((0, 1) if step < repeated else (1,))
    ]
    assert read(*rows)["reward"].value[0] == (0.5 if mean else 1.0)


@pytest.mark.parametrize(("rows", "mean"), [(4, False), (5, True)])
def test_at_one_or_two_steps_five_rows_are_several(rows: int, mean: bool) -> None:
    values = [0.0] * (rows - 1) + [1.0]
    run = read(*({"step": 7, "eval_accuracy": value} for value in values))
    assert run["held_out"].value.tolist() == [pytest.approx(1 / rows) if mean else 1.0]


def test_an_evaluation_has_the_standard_error_of_its_rows() -> None:
    rng = np.random.default_rng(1)
    values = rng.random((6, 40))
    rows = [{"checkpoint": 50 * i, "question": q, "accuracy": values[i, q]} for i in range(6) for q in range(40)]
    run = read(*rows)
    assert run["accuracy"].spread == pytest.approx(values.std(axis=1, ddof=1) / math.sqrt(40))
    assert "the value of a step is their mean, with its standard error" in said(run)
    assert "question" not in run.metrics


def test_copies_are_no_evidence() -> None:
    rows = [{"step": step, "eval_accuracy": step / 16, "host": host} for step in range(9) for host in "abcd"]
    run = read(*({key: cell for key, cell in row.items() if key != "host"} for row in rows))
    assert run["held_out"].value.tolist() == [step / 16 for step in range(9)]
    assert run["held_out"].spread is None
    assert "logged 4 times with the same values" in said(run)


def test_equal_rows_among_others_are_rows() -> None:
    """Rewards of 0 and 1 are often equal: that proves no copies."""
    rows = [{"step": step, "reward": value} for step in range(9) for value in (1.0, 1.0, 1.0, float(step % 2))]
    assert read(*rows)["reward"].value.tolist() == [0.75 + 0.25 * (step % 2) for step in range(9)]


def test_a_rank_is_no_metric_and_a_clock_is_not_averaged() -> None:
    rows = [{"step": i, "rank": k, "slot": k, "reward": k / 4, "epoch": i + k / 8} for i in range(9) for k in range(4)]
    run = read(*rows)
    assert run.metrics.keys() == {"reward", "epoch"}
    assert run["epoch"].value.tolist() == [i + 3 / 8 for i in range(9)]
    assert "rank, slot only counts them" in said(run)


def test_rows_of_ranks_one_rank_after_the_other_are_parts_of_steps() -> None:
    run = read(*({"step": i, "rank": k, "reward": float(k)} for k in (0, 1) for i in range(20)))
    assert run["reward"].value.tolist() == [0.5] * 20


@pytest.mark.parametrize("behind", [1, 2, 10])
def test_processes_that_write_side_by_side_are_averaged(behind: int) -> None:
    rows = [
        {"step": step, "reward": value}
        for block in range(0, 200, behind)
        for value in (0.0, 1.0)
        for step in range(block, block + behind)
    ]
    run = read(*rows)
    assert run["reward"].value.tolist() == [0.5] * 200
    assert "restarted" not in said(run)


def test_several_rows_of_a_step_and_a_restart() -> None:
    run = read(*({"step": i, "reward": v, "kl": i + v} for i in [*range(20), *range(15, 30)] for v in (0.0, 1.0)))
    assert run["reward"].step.tolist() == list(range(30))
    assert run["reward"].value.tolist() == [0.5] * 30
    assert "restarted 1 time" in said(run)


def test_what_is_no_number_is_left_out_of_the_mean_and_said() -> None:
    nan, inf = math.nan, math.inf
    rows = [(1.0, nan, 3.0), (nan, nan, inf), (1.0, 1.0, 1.0), (2.0, 2.0, 5.0)]
    column = Column(np.arange(12), np.array(rows).ravel())
    run = assemble(Log("json-lines", np.repeat(np.arange(4), 3), {"reward": column}), "a", "a")
    assert run["reward"].step.tolist() == [0, 2, 3]
    assert run["reward"].value.tolist() == [2.0, 1.0, 3.0]
    assert run["reward"].nonfinite.tolist() == [1]
    assert "1 NaN or infinite among several values of a step" in said(run)


@pytest.mark.parametrize("step", [-1, -(2**63), 2**62, 2**63 - 1])
def test_impossible_steps_are_left_out_whatever_the_format(step: int) -> None:
    column = Column(np.arange(4), np.array([0.5, 9.0, 0.25, 0.125]))
    run = assemble(Log("tensorboard", np.array([0, step, 1, 2**62 - 1]), {"reward": column}), "a", "a")
    assert run["reward"].value.tolist() == [0.5, 0.25, 0.125]
    assert f"1 row at impossible steps left out, the first at step {step}" in said(run)
