"""Logs put in order: restarts, repeated steps, non-finite values, roles, sizes."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from heldout import read
from heldout.errors import NoMetrics, UnknownMetric
from heldout.readers import read_all
from heldout.run import NoteKind, Run


def lines(path: Path, *rows: dict[str, object]) -> Path:
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
    assert run.is_percent("pass_rate")
    assert "percent" in texts(run, NoteKind.ASSUMED)
    fraction = read(lines(tmp_path / "f.jsonl", *({"step": s, "pass_rate": 0.2 + s / 10} for s in range(3))))
    assert not fraction.is_percent("pass_rate")


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
