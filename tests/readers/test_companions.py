"""Logs beside each other: which complete a run, under which names, and which do not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from in_folders import console, events, lines, put, scores, table, training

import heldout
from heldout.live.follow import Follower
from heldout.readers import read_all

WRITERS: dict[str, Callable[[Any], str | bytes]] = {
    "jsonl": lines,
    "csv": table,
    "json": json.dumps,
    "log": lambda rows: console(rows, 60),
}


def roles(run: heldout.Run) -> tuple[str | None, str | None]:
    return run.roles.get("reward"), run.roles.get("held_out")


@pytest.mark.parametrize("reward_in", ["jsonl", "csv", "log"])
@pytest.mark.parametrize("scores_in", ["jsonl", "csv", "json"])
def test_a_log_and_scores_beside_it_are_one_run_in_any_two_formats(
    tmp_path: Path, reward_in: str, scores_in: str
) -> None:
    put(tmp_path / f"training.{reward_in}", WRITERS[reward_in](training()))
    put(tmp_path / f"eval_results.{scores_in}", WRITERS[scores_in](scores()))
    (run,) = read_all(tmp_path)
    assert roles(run) == ("reward", "pass_rate")
    assert run["pass_rate"].step.tolist() == [10, 20, 30, 40, 50, 60]
    assert len(run["reward"]) == 60
    assert any("check that both files count the same steps" in note.text for note in run.notes)


def test_an_optimiser_s_log_comes_first_even_where_the_scores_lose_less(tmp_path: Path) -> None:
    put(tmp_path / "train.log", console(training(), 60))
    put(tmp_path / "scores.json", json.dumps(scores(key="pass_at_1")))  # a document is read rather than a console
    (run,) = read_all(tmp_path)
    assert run.format == "TRL / transformers console"
    assert roles(run) == ("reward", "pass_at_1")


@pytest.mark.parametrize(("last", "joined"), [(29, False), (30, True), (72, True), (74, False)])
def test_scores_that_end_elsewhere_are_said_to_count_other_things(tmp_path: Path, last: int, joined: bool) -> None:
    put(tmp_path / "train.csv", table(training()))
    put(tmp_path / "val.csv", table([{"step": 1, "accuracy": 0.1}, {"step": last, "accuracy": 0.2}]))
    (run,) = read_all(tmp_path)
    assert ("accuracy" in run.metrics) == joined
    said = [note.text for note in run.notes if "val.csv" in note.text]
    assert len(said) == 1
    assert joined or f"its steps end at {last} and those of the training at 60" in said[0]


@pytest.mark.parametrize("folder", ["validation", "val", "eval", "test", "dev", "held-out"])
def test_a_folder_of_evaluations_is_of_the_training_beside_it(tmp_path: Path, folder: str) -> None:
    put(tmp_path / "run" / "train" / "events.out.tfevents.1.a", events({"reward": dict.fromkeys(range(20), 0.5)}))
    put(tmp_path / "run" / folder / "events.out.tfevents.1.a", events({"reward": dict.fromkeys(range(0, 20, 5), 0.2)}))
    (run,) = read_all(tmp_path)
    assert run.name == "run"
    assert run["reward"].value.tolist() == pytest.approx([0.5] * 20)
    assert run["eval/reward"].value.tolist() == pytest.approx([0.2] * 4)


def test_what_two_sets_of_problems_log_under_one_name_is_told_apart(tmp_path: Path) -> None:
    put(tmp_path / "metrics.csv", table(training()))
    for name in ("gsm8k", "math500"):
        put(tmp_path / "evals" / f"{name}.json", json.dumps(scores()))
    (run,) = read_all(tmp_path)
    assert {"eval/gsm8k/pass_rate", "eval/math500/pass_rate"} <= set(run.metrics)
    for name in ("val", "test"):
        put(tmp_path / "b" / name / "m.csv", table(scores()))
    put(tmp_path / "b" / "train" / "m.csv", table(training()))
    assert {"val/pass_rate", "test/pass_rate"} <= set(heldout.read(tmp_path / "b").metrics)


def test_a_score_without_a_name_is_named_after_its_file(tmp_path: Path) -> None:
    put(tmp_path / "train.log", console(training(), 60))
    put(tmp_path / "zebra.jsonl", lines(scores(key="stripes")))
    assert "zebra/stripes" in heldout.read(tmp_path).metrics


@pytest.mark.parametrize("name", ["humaneval", "mbpp", "val_scores"])
def test_a_reward_in_a_file_of_evaluations_is_a_score(tmp_path: Path, name: str) -> None:
    put(tmp_path / "train.log", console(training(), 60))
    put(tmp_path / f"{name}.jsonl", lines(scores(key="score")))
    (run,) = read_all(tmp_path)
    assert roles(run) == ("reward", "eval/score")


def test_a_score_at_every_step_of_the_training_is_named_as_held_out(tmp_path: Path) -> None:
    for folder in ("train", "val"):
        put(tmp_path / folder / "log.csv", table(training() if folder == "train" else scores(every=1)))
    (run,) = read_all(tmp_path)
    assert roles(run) == ("reward", "eval/pass_rate")


def test_rows_under_the_names_of_benchmarks_are_scores_and_no_runs(tmp_path: Path) -> None:
    put(tmp_path / "train.log", console(training(), 60))
    put(tmp_path / "benchmarks.json", json.dumps({name: scores(key="acc") for name in ("gsm8k", "mbpp")}))
    (run,) = read_all(tmp_path)
    assert {"eval/gsm8k/acc", "eval/mbpp/acc"} <= set(run.metrics)


def test_a_run_that_is_called_test_is_a_run(tmp_path: Path) -> None:
    for name in ("final", "test", "grpo-eval-1"):
        rows = [{**row, "learning_rate": 1e-6, "grad_norm": 0.5} for row in training()]
        put(tmp_path / name / "metrics.jsonl", lines(rows))
    assert [run.name for run in read_all(tmp_path)] == ["final", "grpo-eval-1", "test"]


def test_scores_are_given_to_the_run_whose_name_their_file_has(tmp_path: Path) -> None:
    for name, last in (("run_a", 60), ("run_b", 40)):
        put(tmp_path / f"{name}.csv", table(training(last)))
        put(tmp_path / f"{name}_eval.csv", table(scores(last)))
    a, b = read_all(tmp_path)
    assert (a.name, b.name) == ("run_a", "run_b")
    assert [run["pass_rate"].step.max() for run in (a, b)] == [60, 40]


def test_tables_of_scores_beside_tables_with_a_reward_stay_runs(tmp_path: Path) -> None:
    put(tmp_path / "a.csv", table(training()))
    put(tmp_path / "b.csv", table(training(30)))
    put(tmp_path / "lint.csv", table(scores(17, "pass_rate", 1)))
    assert [run.name for run in read_all(tmp_path)] == ["a", "b", "lint"]


@pytest.mark.parametrize("same", [True, False])
def test_a_console_above_the_folder_of_a_training_is_the_same_run_where_it_says_the_same(
    tmp_path: Path, same: bool
) -> None:
    put(tmp_path / "out" / "checkpoint-60" / "trainer_state.json", json.dumps({"log_history": training()}))
    rows = training() if same else [{**row, "reward": 0.5 - row["reward"]} for row in training()]
    put(tmp_path / "train.log", console(rows, 60))
    assert len(read_all(tmp_path)) == (1 if same else 2)


def test_a_second_log_beside_the_one_that_is_followed_does_not_lose_it(tmp_path: Path) -> None:
    put(tmp_path / "a.jsonl", lines(training(20)))
    follower = Follower(tmp_path)
    first = follower.poll()
    assert first is not None
    put(tmp_path / "b.jsonl", lines(training(50)))
    put(tmp_path / "a.jsonl", lines(training(30)))
    second = follower.poll()
    assert second is not None
    assert second["reward"].step.max() == 30


def test_scores_that_appear_while_a_log_is_followed_are_joined(tmp_path: Path) -> None:
    put(tmp_path / "train.jsonl", lines(training()))
    follower = Follower(tmp_path)
    assert follower.poll() is not None
    put(tmp_path / "eval" / "scores.jsonl", lines(scores()))
    run = follower.poll()
    assert run is not None
    assert roles(run) == ("reward", "pass_rate")
    assert run["pass_rate"].value.tolist() == heldout.read(tmp_path)["pass_rate"].value.tolist()
