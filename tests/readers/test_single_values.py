"""Single values become rows: in the order of time, or, without times, of their steps."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from in_memory import cells, said

from heldout.errors import NoMetrics
from heldout.readers.assemble import assemble
from heldout.readers.single_values import Values, named_apart

Value = tuple[str, int, float, float]  # metric, step, value, time


def values(*found: Value) -> Values:
    made = Values()
    for one in found:
        made.add(*one)
    return made


def test_values_of_one_step_are_a_row() -> None:
    log = values(("a", 1, 0.5, 10.0), ("b", 1, 0.6, 10.1), ("a", 2, 0.7, 20.0)).log("mlflow")
    assert log.step.tolist() == [1, 2]
    assert cells(log) == {"a": {0: 0.5, 1: 0.7}, "b": {0: 0.6}, "wall_time": {0: 10.0, 1: 20.0}}


def test_metric_by_metric_or_call_by_call_is_the_same_log() -> None:
    calls = [(key, step, step / 8, 10.0 * step) for step in range(9) for key in "ab"]
    one, other = values(*calls).log("mlflow"), values(*sorted(calls)).log("mlflow")
    assert one.step.tolist() == other.step.tolist() == list(range(9))
    assert cells(one) == cells(other)


def test_a_restart_is_a_jump_back_in_time_order() -> None:
    before = [(key, step, 0.0, 1.0 * step) for key in ("reward", "kl") for step in range(10)]
    after = [(key, step, 1.0, 100.0 + step) for key in ("reward", "kl") for step in range(5, 8)]
    run = assemble(values(*before, *after).log("mlflow"), "r", "here")
    assert run["reward"].step.tolist() == list(range(8))  # what was superseded goes as a whole
    assert run["reward"].value.tolist() == [0.0] * 5 + [1.0] * 3


def test_without_times_each_metric_tells_of_its_own_restarts() -> None:
    found = [
        (key, step, value, math.nan)
        for key in ("reward", "kl")
        for steps, value in ((range(10), 0.0), (range(5, 15), 1.0))
        for step in steps
    ]
    log = values(*found).log("mlflow")
    assert log.step.tolist() == [*range(10), *range(5, 15)]
    assert "wall_time" not in log.columns
    assert assemble(log, "r", "here")["kl"].value.tolist() == [0.0] * 5 + [1.0] * 10


def test_a_metric_twice_at_one_step_has_two_rows() -> None:
    log = values(("a", 1, 0.25, 1.0), ("a", 1, 0.75, 1.0), ("b", 1, 0.5, 1.0), ("a", 2, 0.0, 2.0)).log("mlflow")
    assert log.step.tolist() == [1, 1, 2]
    assert cells(log)["a"] == {0: 0.25, 1: 0.75, 2: 0.0}
    assert cells(log)["b"] == {0: 0.5}


@pytest.mark.parametrize(
    ("step", "value"), [(-1, 0.5), (2**62, 0.5), (None, 0.5), ("3", 0.5), (1.5, 0.5), (1, None), (1, "x"), (1, 10**400)]
)
def test_what_has_no_step_or_number_is_counted(step: object, value: object) -> None:
    made = values(("a", 1, 0.5, 1.0))
    made.add("a", step, value, 2.0)
    text = "1 value without a usable step (0 or more) or number dropped."
    assert said(made.log("mlflow").notes) == [("dropped", text, 1)]


def test_the_largest_step_and_a_nan_are_kept() -> None:
    log = values(("a", 2**62 - 1, math.nan, 1.0)).log("mlflow")
    assert log.step.tolist() == [2**62 - 1]
    assert math.isnan(log.columns["a"].value[0])


def test_no_value_is_said() -> None:
    with pytest.raises(NoMetrics, match="The run x holds no number at a step"):
        Values().log("mlflow", name="x")


def test_names_are_told_apart_by_ids() -> None:
    assert named_apart({"abcdefghij": "grpo", "0123456789": "grpo", "1": "ppo"}) == {
        "abcdefghij": "grpo (abcdefgh)",
        "0123456789": "grpo (01234567)",
        "1": "ppo",
    }


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 6), st.floats(0, 1), st.sampled_from([1.0, 2.0, math.nan])),
        min_size=1,
        max_size=40,
    )
)
def test_no_value_is_lost_and_rows_increase(found: list[Value]) -> None:
    log = values(*found).log("mlflow")
    for key, column in log.columns.items():
        if key != "wall_time":
            assert np.all(np.diff(column.row) > 0)
            there = sorted((int(log.step[row]), value) for row, value in zip(column.row, column.value, strict=True))
            assert there == sorted((step, value) for name, step, value, _ in found if name == key)
