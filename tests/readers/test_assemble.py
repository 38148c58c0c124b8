"""Logs put in order: restarts, repeated steps, non-finite values, roles, sizes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from in_memory import said

from heldout import read
from heldout.errors import NoMetrics, UnknownMetric, UsageError
from heldout.metrics import Unit
from heldout.readers import read_all
from heldout.readers.assemble import assemble
from heldout.readers.log import Column, Log
from heldout.readers.roles import Options
from heldout.run import NoteKind, Run


def lines(path: Path, *rows: Mapping[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def texts(run: Run, kind: NoteKind) -> str:
    return " ".join(note.text for note in run.notes if note.kind is kind)


def test_after_a_restart_the_last_write_wins(tmp_path: Path) -> None:
    before = [{"step": step, "reward": step} for step in range(10)]
    after = [{"step": step, "reward": 100 + step} for step in range(6, 9)]
    run = read(lines(tmp_path / "m.jsonl", *before, *after))
    assert run["reward"].step.tolist() == list(range(9))
    assert run["reward"].value.tolist() == [0, 1, 2, 3, 4, 5, 106, 107, 108]
    assert "restarted 1 time; 4 rows" in texts(run, NoteKind.REPAIRED)


def test_evaluations_of_the_abandoned_branch_are_superseded_too(tmp_path: Path) -> None:
    before = [{"step": s, "reward": 0.0, **({"eval_reward": 0.9} if s in (3, 7) else {})} for s in range(9)]
    after = [{"step": s, "reward": 1.0} for s in range(5, 7)]
    run = read(lines(tmp_path / "m.jsonl", *before, *after))
    assert run["held_out"].step.tolist() == [3]


def test_evaluation_rows_behind_training_rows_are_no_restart(tmp_path: Path) -> None:
    train = [{"step": step, "reward": 0.1 * step} for step in range(10)]
    evals = [{"step": step, "eval_reward": 0.5} for step in (0, 5, 9)]
    run = read(lines(tmp_path / "m.jsonl", *train, *evals))
    assert len(run["reward"]) == 10
    assert run["held_out"].step.tolist() == [0, 5, 9]
    assert not texts(run, NoteKind.REPAIRED)


def test_train_and_eval_rows_at_one_step_are_joined(tmp_path: Path) -> None:
    run = read(
        lines(tmp_path / "m.jsonl", {"step": 5, "reward": 1}, {"step": 5, "eval_reward": 2}, {"step": 6, "reward": 3})
    )
    assert run["reward"].step.tolist() == [5, 6]
    assert run["held_out"].step.tolist() == [5]


def test_of_a_repeated_step_the_last_value_is_kept_and_said(tmp_path: Path) -> None:
    run = read(
        lines(tmp_path / "m.jsonl", {"step": 1, "reward": 1}, {"step": 1, "reward": 2}, {"step": 2, "reward": 3})
    )
    assert run["reward"].value.tolist() == [2, 3]
    assert "1 step logged more than once" in texts(run, NoteKind.REPAIRED)


def test_rows_in_no_order_are_sorted_and_said(tmp_path: Path) -> None:
    order = np.random.default_rng(0).permutation(40)
    run = read(lines(tmp_path / "m.jsonl", *({"step": int(s), "reward": float(s)} for s in order)))
    assert run["reward"].value.tolist() == list(range(40))
    assert "sorted" in texts(run, NoteKind.REPAIRED)


def test_nan_and_infinity_are_named_and_left_out(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text('{"step": 1, "reward": NaN}\n{"step": 2, "reward": 1.5}\n{"step": 3, "reward": -Infinity}\n')
    run = read(path)
    assert run["reward"].value.tolist() == [1.5]
    assert run["reward"].nonfinite.tolist() == [1, 3]
    assert "2 values NaN or infinite" in texts(run, NoteKind.DROPPED)


def test_a_log_of_nothing_but_nan_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text('{"step": 1, "reward": NaN}\n{"step": 2, "reward": NaN}\n')
    with pytest.raises(NoMetrics, match="no finite number"):
        read(path)


def test_percent_is_said(tmp_path: Path) -> None:
    run = read(lines(tmp_path / "m.jsonl", *({"step": s, "pass_rate": 20.0 + s} for s in range(3))))
    assert run.unit("pass_rate") is Unit.PERCENT
    assert "percent" in texts(run, NoteKind.ASSUMED)
    fraction = read(lines(tmp_path / "f.jsonl", *({"step": s, "pass_rate": 0.2 + s / 10} for s in range(3))))
    assert fraction.unit("pass_rate") is Unit.SHARE


def test_unknown_keys_are_listed_and_kept(tmp_path: Path) -> None:
    run = read(lines(tmp_path / "m.jsonl", {"step": 1, "reward": 1, "zebra": 3}, {"step": 2, "reward": 1, "zebra": 4}))
    assert "zebra" in texts(run, NoteKind.UNKNOWN)
    assert run["zebra"].value.tolist() == [3, 4]


def test_the_user_overrides_roles(tmp_path: Path) -> None:
    path = lines(tmp_path / "m.jsonl", *({"step": s, "lint": s, "reward": 1, "acc": 0.5} for s in range(3)))
    assert read(path, roles={"reward": "lint"}).roles["reward"] == "lint"
    with pytest.raises(UnknownMetric, match=r"--reward: .* has no metric 'lnt'; it has lint"):
        read(path, roles={"reward": "lnt"})


def test_the_size_of_the_evaluation_gives_standard_errors(tmp_path: Path) -> None:
    path = lines(tmp_path / "m.jsonl", {"step": 1, "pass@1": 0.5}, {"step": 2, "pass@1": 0.0})
    assert read(path)["held_out"].spread is None
    spread = read(path, problems=100)["held_out"].spread
    assert spread is not None
    assert spread[0] == pytest.approx(math.sqrt(0.25 / 100))
    assert spread[1] > 0  # none of 100 is not certainty
    sampled = read(path, problems=100, samples=4)["held_out"].spread
    assert sampled is not None
    assert sampled[0] == pytest.approx(math.sqrt(0.25 / 100 * (0.7 + 0.3 / 4)))  # not of 400 problems
    held = read(path, problems=100, samples=4).evaluations()[0]
    assert (held.problems, held.samples) == (100, 4)


def test_the_size_is_found_in_the_log(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("step,humaneval_pass_at_1,humaneval_problems\n10,0.5,164\n20,0.6,164\n")
    spread = read(path)["held_out"].spread
    assert spread is not None
    assert spread[0] == pytest.approx(math.sqrt(0.25 / 164))


def test_percent_has_standard_errors_in_percent(tmp_path: Path) -> None:
    run = read(lines(tmp_path / "m.jsonl", *({"step": s, "pass_rate": 50.0} for s in range(3))), problems=100)
    assert run["held_out"].spread == pytest.approx(np.full(3, 5.0))


def test_several_runs_in_one_table_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(
        "seed,step,reward\n" + "".join(f"{seed},{step},{seed + step}\n" for seed in (1, 2) for step in range(3))
    )
    runs = read_all(path)
    assert [run.name for run in runs] == ["seed=1", "seed=2"]
    assert runs[1]["reward"].value.tolist() == [2, 3, 4]
    assert read(path, run="seed=2").name == "seed=2"


def test_the_training_step_wins_over_the_trackers_count(tmp_path: Path) -> None:
    rows = [{"_step": i, "train/global_step": 10 * i, "reward": i} for i in range(5)]
    assert read(lines(tmp_path / "m.jsonl", *rows))["reward"].step.tolist() == [0, 10, 20, 30, 40]


# -- the whole of what is said ----------------------------------------------------------------------------------------


def made(step: list[int], columns: dict[str, dict[int, float]], **more: Any) -> Log:
    """A log of these cells, by key and row."""
    of = {
        key: Column(np.array(list(at), dtype=np.int64), np.array(list(at.values()), dtype=np.float64))
        for key, at in columns.items()
    }
    return Log("csv", np.array(step, dtype=np.int64), of, **more)


def every(*values: float) -> dict[int, float]:
    return dict(enumerate(values))


def test_everything_that_is_done_to_a_log_is_said_in_order() -> None:
    columns = {
        "zebra": every(1, 2, 3, 4, 5),
        "reward": every(0.1, math.nan, 0.3, 0.4, 0.5),
        "kl": every(math.inf, -math.inf, 1.0, 1.0, math.nan),
        "epoch": every(0, 0, 1, 1, 1),  # tells only when: its repeats are nobody's loss
        "acc": {0: 0.25, 1: 0.5, 4: 0.75},
        "gsm8k/acc": {1: 1.0},
        "dead": {0: math.nan, 2: math.nan},
    }
    run = assemble(made([1, 1, 3, 2, 2], columns, session=np.zeros(5, dtype=np.int64)), "a run", "a.csv")
    assert (run.name, run.source, run.format) == ("a run", "a.csv", "CSV table")
    assert {key: dict(zip(one.step.tolist(), one.value.tolist(), strict=True)) for key, one in run.metrics.items()} == {
        "zebra": {1: 2.0, 2: 5.0, 3: 3.0},
        "reward": {2: 0.5, 3: 0.3},
        "kl": {3: 1.0},
        "epoch": {1: 0.0, 2: 1.0, 3: 1.0},
        "acc": {1: 0.5, 2: 0.75},
        "gsm8k/acc": {1: 1.0},
        "dead": {},
    }
    assert {key: one.nonfinite.tolist() for key, one in run.metrics.items() if len(one.nonfinite)} == {
        "reward": [1],
        "kl": [1, 2],
        "dead": [1, 3],
    }
    lost = "5 values NaN or infinite, left out: reward (1, first at step 1), kl (2, first at step 1), "
    assert said(run.notes) == [
        ("repaired", "2 steps logged more than once; the last value was kept (zebra, reward, kl, acc).", 2),
        ("dropped", f"{lost}dead (2, first at step 1).", 5),
        ("unknown", "2 keys without a known meaning, still there to be charted: zebra, dead.", 2),
        ("unknown", "No key was recognised as response length; give --length KEY if there is one.", 1),
    ]
    assert run.roles["held_out"] == "gsm8k/acc"  # "acc" stands on every row of the training


def test_percent_and_roles_that_no_key_plays_are_said_in_full() -> None:
    run = assemble(made([1, 2, 3], {"pass_rate": every(20, 30, 40), "b": every(1, 2, 3)}), "a", "a")
    assert said(run.notes) == [
        ("unknown", "1 key without a known meaning, still there to be charted: b.", 1),
        ("unknown", "No key was recognised as reward; give --reward KEY if there is one.", 1),
        ("unknown", "No key was recognised as response length; give --length KEY if there is one.", 1),
        ("assumed", "'pass_rate' was taken as the held-out score: nothing is trained here (--eval KEY).", 1),
        ("assumed", "'pass_rate' runs from 20 to 40: read as percent, not as a fraction.", 1),
    ]


@pytest.mark.parametrize(
    ("values", "used"),
    [
        ([0, 10, 20], True),
        ([0.5, 10, 20], False),
        ([-1, 10, 20], False),
        ([math.nan, 10, 20], False),
        ([0, math.inf, 20], False),
    ],
)
def test_a_training_step_is_a_whole_number_from_0_on(values: list[float], used: bool) -> None:
    run = assemble(made([1, 2, 3], {"global_step": every(*values), "reward": every(1, 2, 3)}), "a", "a")
    assert run["reward"].step.tolist() == ([0, 10, 20] if used else [1, 2, 3])
    assert ("global_step" in run.metrics) is not used
    text = "Steps are those of 'global_step'; the tracker's own count of rows was set aside."
    assert (("assumed", text, 1) in said(run.notes)) is used


def test_a_row_without_the_training_step_stands_at_that_of_the_row_before() -> None:
    steps = {row: 10.0 * row for row in range(1, 40) if row != 20}
    run = assemble(made(list(range(40)), {"train/global_step": steps, "reward": every(*range(40))}), "a", "a")
    assert run["reward"].step.tolist() == [10 * row for row in range(1, 40) if row != 20]
    assert run["reward"].value[[0, 18]].tolist() == [1.0, 20.0]  # the last of those at one step


def test_a_training_step_that_is_the_rows_own_changes_nothing() -> None:
    steps = {row: float(row) for row in range(1, 40)}
    run = assemble(made(list(range(40)), {"global_step": steps, "reward": every(*range(40))}), "a", "a")
    assert len(run["global_step"]) == 39
    assert not any("set aside" in note.text for note in run.notes)


def test_a_log_without_a_finite_number_is_refused_by_its_source_and_size() -> None:
    with pytest.raises(NoMetrics) as refused:
        assemble(made([1, 2], {"reward": every(math.nan, math.inf)}), "a", "b.csv")
    assert str(refused.value) == "b.csv: a CSV table log with 2 rows, but no finite number in it."


def test_roles_that_are_yet_to_come_are_said_while_a_log_grows() -> None:
    log = made([1, 2], {"reward": every(1, 2), "mine": every(1, 2)}, roles={"length": "tokens", "held_out": "mine"})
    run = assemble(log, "a", "a", Options({"reward": "later"}, growing=True))
    assert run.roles == {"held_out": "mine"}
    assert said(run.notes)[:2] == [
        ("assumed", "Not logged yet: 'later' (reward).", 1),
        ("assumed", "The log says length is 'tokens', which it does not hold; found by name instead.", 1),
    ]
    assert assemble(log, "a", "a", Options({"reward": "mine"})).roles == {"reward": "mine", "held_out": "mine"}


@pytest.mark.parametrize(
    ("values", "problems", "sized"),
    [
        ([0.0, 1.0], 1, True),
        ([-0.01, 1.0], 10, False),
        ([0.0, 1.01], 10, False),
    ],
)
def test_only_shares_have_standard_errors(values: list[float], problems: int, sized: bool) -> None:
    run = assemble(made([1, 2], {"acc": every(*values)}), "a", "a", Options(problems=problems))
    assert (run["acc"].problems is not None) is sized


@pytest.mark.parametrize(("at", "sized"), [({0: 0.0, 1: 50.0}, False), ({0: 1.0, 1: 50.0}, True), ({0: 5.0}, False)])
def test_a_column_of_sizes_counts_where_it_has_one_for_each_rate(at: dict[int, float], sized: bool) -> None:
    run = assemble(made([1, 2], {"math_pass@1": every(0.5, 0.5), "math_problems": at}), "a", "a")
    assert (run["math_pass@1"].problems is not None) is sized
    run = assemble(made([1, 2], {"math_pass_at_1": every(0.5, 0.5), "math_problems": at}), "a", "a")
    assert (run["math_pass_at_1"].problems is not None) is sized


@pytest.mark.parametrize(("size", "sized"), [(0, False), (1, True), (-1, False), (50, True), ("50", False)])
def test_a_setting_is_a_size_where_it_is_a_count(size: object, sized: bool) -> None:
    run = assemble(made([1, 2], {"acc": every(0.5, 0.5)}, config={"eval_size": size}), "a", "a")
    assert (run["acc"].problems is not None) is sized
    text = f"The size of an evaluation, {size} problems, was taken from the setting 'eval_size' (--problems N)."
    assert (("assumed", text, 1) in said(run.notes)) is sized
    given = assemble(made([1, 2], {"acc": every(0.5, 0.5)}, config={"eval_size": size}), "a", "a", Options(problems=7))
    assert given["acc"].problems is not None
    assert given["acc"].problems.tolist() == [7.0, 7.0]
    assert not any("setting" in note.text for note in given.notes)


def test_a_setting_gives_no_size_to_what_is_no_rate() -> None:
    run = assemble(made([1, 2], {"eval_reward": every(0.5, 0.5)}, config={"eval_size": 9}), "a", "a")
    assert run["eval_reward"].problems is None
    assert (
        assemble(made([1, 2], {"eval_reward": every(0.5, 0.5)}), "a", "a", Options(problems=9))["held_out"].spread
        is not None
    )


@pytest.mark.parametrize(
    "told", [{"problems": 0}, {"problems": 2.5}, {"problems": "4"}, {"samples": 0}, {"samples": True}]
)
def test_numbers_of_problems_and_samples_are_whole_and_from_1(told: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"must be a whole number of at least 1\.$"):
        read("example:kimi-dev", **told)


# -- what a user's number of problems says -----------------------------------------------------------------------------


@pytest.mark.parametrize("problems", [None, 50])
def test_who_gives_the_number_of_problems_says_that_a_bare_score_is_held_out(
    tmp_path: Path, problems: int | None
) -> None:
    path = tmp_path / "few.csv"
    path.write_text("step,reward,pass_rate\n" + "".join(f"{step},0.{step},0.5{step}\n" for step in range(10, 30)))
    run = read(path, problems=problems)
    assert run.roles.get("held_out") == (None if problems is None else "pass_rate")
    assert any("since the number of its problems was given" in note.text for note in run.notes) is (
        problems is not None
    )


def test_a_file_of_evaluations_that_tells_its_own_apart_keeps_its_reward(tmp_path: Path) -> None:
    path = tmp_path / "eval.csv"
    path.write_text(
        "step,reward,eval_reward\n" + "".join(f"{step},{step},{-step if step % 5 == 0 else ''}\n" for step in range(40))
    )
    run = read(path)
    assert run.roles["reward"] == "reward"
    assert run.roles["held_out"] == "eval_reward"
