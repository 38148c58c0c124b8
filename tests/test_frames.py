"""A run as a table: a row a step, a column a metric, nothing lost and nothing made up."""

from __future__ import annotations

import importlib
import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heldout.errors import UsageError
from heldout.run import NO_STEPS, Run, Series

VALUES = st.dictionaries(st.integers(0, 40), st.floats(allow_nan=True, allow_infinity=False, width=32), max_size=12)


def series(name: str, values: dict[int, float]) -> Series:
    steps = np.array(sorted(step for step, value in values.items() if math.isfinite(value)), np.int64)
    lost = np.array(sorted(step for step, value in values.items() if not math.isfinite(value)), np.int64)
    return Series(name, steps, np.array([values[int(step)] for step in steps], np.float64), nonfinite=lost)


def run(**metrics: dict[int, float]) -> Run:
    return Run("a", "b", "c", {name: series(name, values) for name, values in metrics.items()})


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(VALUES, VALUES)
def test_every_value_stands_at_its_step_and_every_other_cell_is_null(a: dict[int, float], b: dict[int, float]) -> None:
    table = run(a=a, b=b).to_polars()
    assert table.schema == {"step": pl.Int64, "a": pl.Float64, "b": pl.Float64}
    assert table["step"].to_list() == sorted(a.keys() | b.keys())
    for name, values in (("a", a), ("b", b)):
        there = {row["step"]: row[name] for row in table.to_dicts() if row[name] is not None}
        assert repr(there) == repr({step: float(value) for step, value in sorted(values.items())})


def test_a_table_of_pandas_has_the_steps_as_its_index() -> None:
    pytest.importorskip("pandas")
    table = run(reward={3: 0.5, 7: math.nan}, score={5: 1.0}).to_pandas()
    assert table.index.name == "step"
    assert table.index.tolist() == [3, 5, 7]
    assert table["reward"].tolist()[0] == 0.5
    assert table["reward"].isna().tolist() == [False, True, True]
    assert run().to_pandas().shape == (0, 0)


def test_without_pandas_a_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.import_module

    def without(name: str, package: str | None = None) -> Any:
        if name == "pandas":
            raise ImportError(name)
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(UsageError, match=r"pandas is not installed: pip install pandas; or take run.to_polars\(\)"):
        run(a={1: 2.0}).to_pandas()


def test_a_metric_that_is_called_step_has_another_column() -> None:
    made = run(step={1: 5.0})
    more = Run("a", "b", "c", {**made.metrics, "step'": series("step'", {1: 6.0})})
    assert made.to_polars().to_dicts() == [{"step": 1, "step'": 5.0}]
    assert more.to_polars().to_dicts() == [{"step": 1, "step''": 5.0, "step'": 6.0}]


def test_a_run_is_asked_like_a_dictionary() -> None:
    made = Run("a", "b", "c", {"x/y": series("x/y", {1: 2.0})}, {"reward": "x/y", "length": "gone"})
    assert list(made) == ["x/y"]
    assert [key in made for key in ("x/y", "reward", "length", "z", 3)] == [True, True, False, False, False]


def test_what_a_run_is_stands_in_one_line() -> None:
    made = Run("a\x1b[31m", "b", "c", {"x": series("x", {1: 2.0, 9: 4.0})}, {"held_out": "x"})
    assert repr(made) == "<Run 'a\\\\x1b[31m': 1 metrics over 2 steps, 1 to 9; 2 held-out scores>"
    assert repr(made["x"]) == "<Series 'x': 2 values, steps 1 to 9, 2 to 4>"
    assert repr(Series("e", NO_STEPS, np.empty(0))) == "<Series 'e': 0 values>"
    assert repr(run()) == "<Run 'a': 0 metrics>"
