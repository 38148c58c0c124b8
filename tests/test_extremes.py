"""Any numbers at any steps: a report may leave some out and say so, but it may not fail."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import heldout
from heldout.errors import NoMetrics
from heldout.readers.assemble import assemble
from heldout.readers.log import table_of
from heldout.readers.steps import log_from_table
from heldout.report import write_report
from heldout.run import Run

KEYS = ("reward", "eval/pass@1", "completions/mean_length", "kl", "entropy", "grad_norm", "rewards/format/mean")

PHASES = (Phase.explicit, Phase.reuse, Phase.generate)  # each report takes long, and so would making one smaller
any_value = st.one_of(
    st.floats(),
    st.floats(0, 1),
    st.sampled_from([5e-324, -5e-324, 1e-310, 1e-160, 1e99, -1e99, 1e155, 1e160, 1e300, -1e300, 1.0, 1 - 2**-53]),
)
any_rows = st.lists(
    st.tuples(st.one_of(st.integers(0, 80), st.integers(0, 2**62 - 1)), st.lists(any_value, min_size=7, max_size=7)),
    min_size=1,
    max_size=40,
    unique_by=lambda row: row[0],
)
# Rows of one size of number: all of them denormal, or near to the largest.
one_size = st.tuples(
    st.sampled_from([5e-324, 1e-160, 1e-20, 1e50, 1e99]), st.lists(st.integers(0, 9), min_size=60, max_size=60)
)


def run_of(rows: Sequence[tuple[int, Sequence[float]]]) -> Run:
    table = [{"step": step, **dict(zip(KEYS, values, strict=True))} for step, values in rows]
    return assemble(log_from_table(table_of(table), "json-lines"), "run", "log")


def judged(run: Run) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        verdict = heldout.diagnose(run)
        heldout.describe(run, verdict)
    assert [one for one in verdict.unchecked if "failed with" in one.missing] == []


@settings(max_examples=25, deadline=None, phases=PHASES, suppress_health_check=[HealthCheck.too_slow])
@given(rows=any_rows)
def test_any_numbers_at_any_steps_are_judged_and_described(rows: list[Any]) -> None:
    try:
        run = run_of(sorted(rows))
    except NoMetrics:
        return
    judged(run)


@settings(max_examples=5, deadline=None, phases=PHASES, suppress_health_check=[HealthCheck.too_slow])
@given(given_=one_size)
def test_numbers_of_any_one_size_are_judged_and_described(given_: tuple[float, list[int]]) -> None:
    unit, figures = given_
    judged(run_of([(i, [unit * figures[(i + 3 * j) % len(figures)] for j in range(7)]) for i in range(len(figures))]))


@pytest.mark.parametrize(
    ("rows", "left_out"),
    [
        ([(i, [1e160 if i == 20 else i / 50, 0.5, 100.0, 0.1, 1.0, 1.0, 0.0]) for i in range(50)], 1),
        ([(i, [i / 50, 0.5, 1e170 if i == 7 else 100.0, 0.1, 1.0, 1.0, 0.0]) for i in range(50)], 1),
        ([(i, [(-1) ** i * 1e300, 0.5, 100.0, 0.1, 1.0, 1.0, 0.0]) for i in range(50)], 50),
        ([(10**15 if i == 49 else i, [i / 50, 0.5, 100.0 + i, 0.1, 1.0, 1.0, 0.0]) for i in range(50)], 0),
        ([(i, [5e-324 * (i % 3), 5e-324, 100.0, 0.1, 1.0, 1.0, 0.0]) for i in range(50)], 0),
    ],
    ids=["1e160", "length 1e170", "1e300", "far step", "denormal"],
)
def test_a_report_of_extremes_is_written(rows: list[Any], left_out: int, tmp_path: Path) -> None:
    run = run_of(rows)
    written = write_report(run, tmp_path, formats=("svg",))
    assert written.page.is_file()
    said = [note for note in run.notes if "beyond 1e+100 taken as infinite" in note.text]
    assert [note.count for note in said] == ([left_out] if left_out else [])


def test_the_largest_value_that_is_kept() -> None:
    run = run_of([(0, [1e100] * 7), (1, [1.0001e100] * 7)])
    assert run["reward"].step.tolist() == [0]
    assert run["reward"].nonfinite.tolist() == [1]


def test_values_that_are_as_good_as_zero_are_taken_as_zero_and_that_is_said() -> None:
    run = run_of([(0, [1e-100] * 7), (1, [9e-101] * 7), (2, [0.0] * 7)])
    assert run["reward"].value.tolist() == [1e-100, 0.0, 0.0]
    assert [note.count for note in run.notes if "below 1e-100 taken as 0" in note.text] == [7]
