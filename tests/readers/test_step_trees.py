"""Scores whose step stands in the name of a folder or file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from in_folders import lines, put, training

import heldout
from heldout.errors import NotUnderstood
from heldout.live.follow import Follower
from heldout.readers import read_all

STEPS = (0, 50, 100, 200)


def tree(root: Path, name: str, document: dict[str, Any], steps: tuple[int, ...] = STEPS) -> Path:
    for step in steps:
        numbers = {key: value if isinstance(value, dict) else value + step / 1000 for key, value in document.items()}
        put(root / name.format(step), json.dumps(numbers))
    return root


@pytest.mark.parametrize(
    ("name", "document", "key"),
    [
        ("step_{}/metrics.json", {"pass_rate": 0.1}, "pass_rate"),
        ("checkpoint-{}/eval_results.json", {"eval_accuracy": 0.1, "epoch": 1.0}, "eval_accuracy"),
        ("eval/step_{}.json", {"pass@1": 0.1}, "pass@1"),
        ("global_step_{}/scores.json", {"accuracy": 0.1}, "accuracy"),
        ("iter_000{}/metrics.json", {"pass_rate": 0.1}, "pass_rate"),
        ("eval/{}.json", {"accuracy": 0.1}, "accuracy"),
        ("evals/gsm8k/step_{}.json", {"acc": 0.1}, "eval/gsm8k/acc"),
        ("evals/gsm8k_step_{}.json", {"acc": 0.1}, "eval/gsm8k/acc"),
        ("step_{}/validation/gsm8k/m.json", {"acc": 0.1}, "eval/gsm8k/acc"),
        ("step_{}/out.json", {"results": {"gsm8k": {"acc,none": 0.5}}, "config": {"limit": 3}}, "gsm8k/acc"),
    ],
)
def test_the_step_is_in_the_name(tmp_path: Path, name: str, document: dict[str, Any], key: str) -> None:
    (run,) = read_all(tree(tmp_path, name, document))
    assert run[key].step.tolist() == list(STEPS)
    followed = Follower(tmp_path).poll()
    assert followed is not None
    assert set(followed.metrics) == set(run.metrics)


def test_files_of_one_step_are_one_row(tmp_path: Path) -> None:
    tree(tmp_path, "step_{}/metrics.json", {"pass_rate": 0.2, "n_problems": 200})
    tree(tmp_path, "step_{}/quality.json", {"lint_score": 4.0})
    (run,) = read_all(tmp_path)
    assert set(run.metrics) == {"pass_rate", "n_problems", "lint_score"}


def test_numbers_of_one_name_in_several_files_of_a_step_are_told_apart(tmp_path: Path) -> None:
    for name in ("gsm8k", "mbpp"):
        tree(tmp_path, f"step_{{}}/{name}.json", {"accuracy": 0.2})
    (run,) = read_all(tmp_path)
    assert set(run.metrics) == {"gsm8k/accuracy", "mbpp/accuracy"}


def test_a_tree_in_the_folder_of_a_training_completes_it(tmp_path: Path) -> None:
    tree(tmp_path, "checkpoint-{}/eval_results.json", {"eval_accuracy": 0.1})
    put(tmp_path / "checkpoint-50" / "config.json", '{"hidden_size": 5}')
    put(tmp_path / "metrics.jsonl", lines(training(200)))
    (run,) = read_all(tmp_path)
    assert (run.roles["reward"], run.roles["held_out"]) == ("reward", "eval_accuracy")


def test_two_trees_are_two_runs(tmp_path: Path) -> None:
    for run in ("a", "b"):
        tree(tmp_path / run, "step_{}/metrics.json", {"pass_rate": 0.1})
    assert [run.name for run in read_all(tmp_path)] == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "document", "steps"),
    [
        ("step_{}/metrics.json", {"pass_rate": 0.1}, (50,)),  # one file is no curve
        ("step_{}/args.json", {"threads": 4}, STEPS),  # settings
        ("part-{}/metrics.json", {"pass_rate": 0.1}, STEPS),  # no step
    ],
)
def test_what_is_no_tree_of_scores(tmp_path: Path, name: str, document: dict[str, Any], steps: tuple[int, ...]) -> None:
    with pytest.raises(NotUnderstood):
        heldout.read(tree(tmp_path, name, document, steps))
