"""What the words of a column's name say, and how its values decide whether it numbers the rows."""

from __future__ import annotations

from typing import Any

import pytest

from heldout.readers.log import Log
from heldout.readers.step_keys import Axis, axis_of, counts_within_steps, words
from heldout.readers.steps import log_from_table


def log(rows: list[dict[str, Any]]) -> Log:
    return log_from_table(rows, "json-lines")


def numbered(*keys: str, rows: int = 30) -> Log:
    """Rows in which each of the columns counts, every one in other numbers."""
    counters = {key: 10 * place + 5 for place, key in enumerate(keys)}
    return log([{"reward": 0.5, **{key: each * (i + 1) for key, each in counters.items()}} for i in range(rows)])


@pytest.mark.parametrize(
    ("key", "split"),
    [
        ("globalStep", ("global", "step")),
        ("a/b_c.d-e f", ("a", "b", "c", "d", "e", "f")),
        ("N_UPDATES", ("n", "updates")),
    ],
)
def test_a_name_is_split_into_words(key: str, split: tuple[str, ...]) -> None:
    assert words(key) == split


@pytest.mark.parametrize(
    "key",
    [
        *(
            "currentStep",
            "current_steps",
            "train_step",
            "optimizer_steps",
            "trainer.step",
            "Global Step",
            "num_updates",
        ),
        *(
            "policy_update",
            "rl_step",
            "env_steps",
            "total_env_steps",
            "actor_steps",
            "learner_steps",
            "misc/query_step",
        ),
        *(
            "cur_iter",
            "it",
            "Schritt",
            "Trainingsschritte",
            "步数",
            "训练步数",
            "итерация",
            "update_idx",
            "system/step",
        ),
        *("num_env_steps_sampled_lifetime", "timesteps_total", "time/iterations", "episode", "epoch", "_step"),
    ],
)
def test_a_column_that_counts_numbers_the_rows(key: str) -> None:
    made = numbered(key)
    assert made.step.tolist() == [5 * (i + 1) for i in range(30)]
    assert not made.counted


@pytest.mark.parametrize(
    "key",
    ["step_time", "steps_per_second", "timesteps_this_iter", "mean_steps", "warmup_steps", "eval_steps", "step_reward"],
)
def test_a_name_that_measures_steps_does_not_count_them(key: str) -> None:
    assert axis_of(key) is None
    assert numbered(key).counted


@pytest.mark.parametrize(
    ("keys", "used"),
    [
        (("_step", "train/global_step"), "train/global_step"),
        (("iteration", "env_steps"), "env_steps"),
        (("episode", "update"), "update"),
        (("epoch", "it"), "it"),
        (("learner_steps", "actor_steps"), "actor_steps"),
        (("num_tokens", "epoch"), "epoch"),
        (("step", "global_step"), "global_step"),
    ],
)
def test_of_several_counters_the_one_that_checkpoints_are_named_by_is_taken(keys: tuple[str, ...], used: str) -> None:
    made = numbered(*keys)
    assert set(keys) - set(made.columns) == {used}


@pytest.mark.parametrize("stuck", [0, 7])
@pytest.mark.parametrize(("rows", "wins"), [(4, False), (5, True)])
def test_a_counter_that_never_moves_numbers_nothing_where_another_does(stuck: int, rows: int, wins: bool) -> None:
    made = log([{"global_step": stuck, "_step": i, "reward": 0.5} for i in range(rows)])
    assert made.step.tolist() == (list(range(rows)) if wins else [stuck] * rows)


@pytest.mark.parametrize(("rows", "counted"), [(19, False), (20, True)])
def test_rows_at_step_0_for_ever_are_counted(rows: int, counted: bool) -> None:
    assert log([{"step": 0, "reward": 0.5}] * rows).counted is counted
    assert not log([{"step": 500, "reward": 0.5}] * rows).counted  # one checkpoint, measured often


def test_a_column_without_a_sure_name_must_run_on() -> None:
    values = [3, 9, 1, 8, 2, 7, 5, 6]
    assert log([{"learner_steps": value, "reward": 0.5} for value in values]).counted
    assert log([{"step": value, "reward": 0.5} for value in values]).step.tolist() == values  # in no order


def test_steps_out_of_a_total_are_steps() -> None:
    made = log([{"global_step/max_steps": f"{10 * i}/300", "reward": 0.5} for i in range(1, 31)])
    assert made.step.tolist() == [10 * i for i in range(1, 31)]


@pytest.mark.parametrize("within", ["batch", "step", "iter"])
def test_a_step_that_begins_anew_in_every_epoch_is_counted_on(within: str) -> None:
    made = log([{"epoch": epoch, within: 10 * i, "reward": 0.5} for epoch in range(3) for i in range(10)])
    assert made.step.tolist() == [10 * i for i in range(30)]
    assert any("begins anew in every 'epoch'; steps were counted on, 100 in each" in note.text for note in made.notes)


def test_a_step_that_goes_back_while_the_epoch_stays_is_a_restart() -> None:
    rows = [{"epoch": 0, "step": i, "reward": 0.5} for i in (0, 1, 2, 3)]
    made = log(
        [*rows, *({"epoch": 0, "step": i, "reward": 0.5} for i in (2, 3, 4)), {"epoch": 1, "step": 5, "reward": 0.5}]
    )
    assert made.step.tolist() == [0, 1, 2, 3, 2, 3, 4, 5]


def test_an_epoch_with_a_fraction_is_an_axis_where_nothing_counts() -> None:
    rows = [{"epoch": round(0.02 * i, 2), "reward": 0.5} for i in range(1, 41)]
    made = log([*rows, {"epoch": 0.8, "eval_accuracy": 0.5}])
    assert made.step.tolist() == [*range(1, 41), 40]
    assert not made.counted


@pytest.mark.parametrize(
    ("key", "within"),
    [("rank", True), ("local_rank", True), ("prompt_idx", True), ("task_id", True), ("task", False), ("run_id", False)],
)
def test_what_counts_the_rows_of_a_step(key: str, within: bool) -> None:
    assert counts_within_steps(key) is within


def test_axes_are_in_order_of_preference() -> None:
    assert sorted(Axis) == list(Axis)
    assert axis_of("samples") is Axis.CONSUMED
    assert numbered("consumed_by/samples").step[-1] == 150  # where nothing else counts
