"""Which rows of a table are of which run: by names, by evidence, by blocks; and tables that hold no run at all."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.errors import NoMetrics
from heldout.readers.log import Log
from heldout.readers.steps import logs_from_table

Row = dict[str, Any]


def rows(steps: Sequence[int], **more: Any) -> list[Row]:
    """Rows of a run whose metrics never repeat."""
    return [
        {**more, "step": step, "reward": 0.2 + step / 1000 + i / 7919, "kl": 0.01 / (i + 1)}
        for i, step in enumerate(steps)
    ]


def runs(found: Sequence[Row], *, growing: bool = False) -> list[Log]:
    return logs_from_table(found, "csv", growing=growing)


def steps_by_name(found: Sequence[Row]) -> dict[str | None, list[int]]:
    return {log.name: log.step.tolist() for log in runs(found)}


LABELS: dict[str, list[Any]] = {
    "a number": [0.0, 0.04],
    "a rate": [1e-6, 5e-6],
    "words": ["a1", "a2"],
    "a count": [1, 2, 4, 8],
}


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("other", [{}, {"rng": [1, 2, 3]}, {"family": ["q", "l"], "rng": [7, 8]}])
@pytest.mark.parametrize("few", [4, 30])
def test_columns_that_stay_the_same_within_blocks_name_runs(kind: str, other: dict[str, list[Any]], few: int) -> None:
    columns: dict[str, list[Any]] = {"zeta": LABELS[kind], **other}
    grid = [dict(zip(columns, values, strict=True)) for values in product(*columns.values())]
    found = steps_by_name(list(chain.from_iterable(rows(range(few), **labels) for labels in grid)))
    assert list(found.values()) == [list(range(few))] * len(grid)
    assert all(name and all(f"{key}=" in name for key in columns) for name in found)


def test_a_run_without_a_value_in_one_of_the_columns_goes_by_the_others() -> None:
    found = [*rows(range(9), run="base"), *rows(range(9), run="new", part=1), *rows(range(9), run="new", part=2)]
    assert list(steps_by_name(found)) == ["run=base", "run=new, part=1", "run=new, part=2"]


@pytest.mark.parametrize("values", [["a", "b", "c"], [0.6, 1.0], [10, 30]])
def test_runs_that_stand_side_by_side_have_the_same_names_at_every_step(values: list[Any]) -> None:
    side_by_side = list(chain.from_iterable(zip(*(rows(range(20), setting=value) for value in values), strict=True)))
    assert list(steps_by_name(side_by_side).values()) == [list(range(20))] * len(values)


@pytest.mark.parametrize("key", ["rank", "prompt_idx", "task_id", "slot"])
def test_what_counts_the_rows_of_a_step_names_no_runs(key: str) -> None:
    assert len(runs([row for step in range(20) for n in range(4) for row in rows([step], **{key: n})])) == 1


def test_rows_of_training_and_of_evaluation_at_one_step_do_not_hide_runs() -> None:
    one = [{"step": step, "reward": 0.1} for step in range(20)]
    evaluated = [{"step": step, "eval_accuracy": 0.4} for step in range(0, 20, 5)]
    both = sorted([*one, *evaluated], key=lambda row: row["step"])
    found = [{**row, "cfg": cfg} for cfg in ("c1", "c2") for row in both]
    assert list(steps_by_name(found)) == ["cfg=c1", "cfg=c2"]
    assert len(runs([{**row, "kind": "a" if "reward" in row else "b"} for row in both])) == 1


def test_a_restart_with_other_settings_is_a_restart() -> None:
    """The rest of a run does not begin at the first step, whatever changed when it was taken up again."""
    for key, before, after in (("host", "a", "b"), ("clip_ratio", 0.0, 0.1), ("reward_scale", 1.0, 2.0)):
        assert len(runs([*rows(range(30), **{key: before}), *rows(range(20, 50), **{key: after})])) == 1


def test_a_metric_that_never_moved_is_no_name() -> None:
    found = [*({**row, "reward": 0.0} for row in rows(range(9))), *({**row, "reward": 1.0} for row in rows(range(7)))]
    assert len(runs(found)) == 1


@pytest.mark.parametrize(
    ("blocks", "count"),
    [
        ([range(30), range(30)], 2),
        ([range(30), range(30), range(11)], 3),  # the last is still being written
        ([range(30), range(11)], 1),
        ([range(12), range(40)], 1),  # it failed early, and was begun anew
        ([range(30), range(20, 50)], 1),  # a restart
        ([range(30), range(1, 30)], 1),
        ([range(1), range(1)], 1),
    ],
)
def test_blocks_of_equal_steps_that_no_column_names_are_runs(blocks: list[Sequence[int]], count: int) -> None:
    found = list(chain.from_iterable(rows(block) for block in blocks))
    logs = runs(found)
    assert len(logs) == count
    if count > 1:
        assert [log.name for log in logs] == [f"run {number + 1}" for number in range(count)]
    assert len(runs(found, growing=True)) == 1  # for a moment, any run that was begun anew is as long as before


@given(st.lists(st.integers(2, 12), min_size=2, max_size=5), st.permutations(["x", "y", "z", "u", "v"]))
def test_any_runs_one_after_the_other_are_told_apart_by_their_names(lengths: list[int], names: list[str]) -> None:
    parts = [rows(range(length), arm_x=name) for length, name in zip(lengths, names, strict=False)]
    found = steps_by_name(list(chain.from_iterable(parts)))
    assert list(found.values()) == [list(range(length)) for length in lengths]


@pytest.mark.parametrize("key", ["run_name", "Model", "id", "experiment_id"])
@pytest.mark.parametrize("more", [{}, {"total_steps": 500}])
def test_a_row_for_each_finished_run_is_refused(key: str, more: Row) -> None:
    table = [{key: f"r{i}", "eval_accuracy": i / 20, "reward": i / 30, **more} for i in range(12)]
    with pytest.raises(NoMetrics, match=re.escape(f"named by '{key}'") + ".*a table of runs, not a run"):
        runs(table)


def test_runs_sorted_by_a_score_with_the_step_they_reached_are_refused() -> None:
    reached = [700, 320, 910, 150, 480, 660, 210, 890]
    table = [{"Name": f"n{i}", "global_step": step, "eval/accuracy": i / 9} for i, step in enumerate(reached)]
    with pytest.raises(NoMetrics, match="a table of runs"):
        runs(table)
    assert len(runs([{**row, "Name": "n"} for row in table])) == 1  # one run, in no order


def test_a_row_for_each_problem_is_refused() -> None:
    with pytest.raises(NoMetrics, match="table of single results, not a run"):
        runs([{"problem_id": f"p{i}", "reward": float(i % 2), "length": 100} for i in range(30)])


def test_rows_with_a_time_and_no_name_are_counted() -> None:
    (made,) = runs([{"time": f"10:00:{i:02d}", "reward": i / 40} for i in range(40)])
    assert made.counted
    (made,) = runs([{"model": "m", "reward": i / 40} for i in range(40)])
    assert made.counted


@pytest.mark.parametrize("name", ["trial_number", "run_no", "qid", "task_id", "problem_id"])
def test_numbers_of_trials_and_problems_are_no_steps(name: str) -> None:
    rows = [{name: n, "eval_loss": n / 10, "accuracy": 1 - n / 10} for n in (4, 1, 7, 3, 2)]
    with pytest.raises(NoMetrics, match=name):
        logs_from_table(rows, "csv")


def test_a_table_of_counts_and_intervals_is_no_log() -> None:
    rows = [{"budget": n, "n": 96, "ci_low": n / 10, "ci_high": 0.9, "p": n / 100} for n in range(1, 6)]
    with pytest.raises(NoMetrics, match="No training log"):
        logs_from_table(rows, "csv")


def test_runs_that_were_begun_anew_again_and_again_are_not_mixed() -> None:
    """Of three runs or more, where the longest is not the last: the last write would win step by step."""
    found = chain.from_iterable(rows(range(1, last + 1)) for last in (1, 3, 5, 2))
    assert steps_by_name([*found]) == {
        "run 1": [1],
        "run 2": [1, 2, 3],
        "run 3": [1, 2, 3, 4, 5],
        "run 4": [1, 2],
    }


@pytest.mark.parametrize("lasts", [(1, 3, 5), (3, 2), (5, 5, 5, 9)], ids=str)
def test_false_starts_before_the_run_itself_are_superseded(lasts: Sequence[int]) -> None:
    found = [*chain.from_iterable(rows(range(1, last + 1)) for last in lasts)]
    assert len(runs(found)) == 1


def test_rows_of_training_and_of_evaluations_are_no_runs_begun_anew() -> None:
    found = [*rows(range(1, 9)), *({"step": n, "eval/acc": n / 9} for n in range(1, 9))]
    assert len(runs([*found, *({"step": n, "test/acc": n / 9} for n in range(1, 5))])) == 1


def test_a_run_whose_rows_stand_there_twice_keeps_its_name() -> None:
    blocks = [rows(range(0, 50, 10), condition=name) for name in ("a", "b", "c")]
    found = runs([row for block in (*blocks, blocks[1]) for row in block])
    assert [log.name for log in found] == ["condition=a", "condition=b", "condition=c"]
    assert found[1].step.tolist() == [0, 10, 20, 30, 40] * 2


def test_a_setting_called_like_a_step_makes_no_log_of_numbers_that_nobody_knows() -> None:
    found = [{"judge": n % 2, "iters": "1-10", "n_iters": 5 + n % 3, "agreement": n / 99} for n in range(60)]
    with pytest.raises(NoMetrics, match="No training log"):
        runs(found)
    with_reward = runs([{**row, "reward": row["agreement"]} for row in found])
    assert with_reward
