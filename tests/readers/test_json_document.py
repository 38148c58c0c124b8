"""JSON lines, JSON documents and trainer_state.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from heldout import read
from heldout.errors import NoMetrics, ReadError
from heldout.readers import read_all
from heldout.run import NoteKind


def written(path: Path, document: Any) -> Path:
    path.write_text(json.dumps(document))
    return path


def test_keys_that_appear_late_are_not_lost(tmp_path: Path) -> None:
    rows = [{"step": step, "reward": 0.1, **({"eval_reward": 0.5} if step == 400 else {})} for step in range(500)]
    path = tmp_path / "m.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert read(path)["held_out"].step.tolist() == [400]


@pytest.mark.parametrize(
    "odd", ['{"step": 150, "reward": "0.5"}', '{"step": 150, "reward": {"mean": 2}}', "garbage", "[1]"]
)
def test_one_odd_line_costs_nothing_else(tmp_path: Path, odd: str) -> None:
    good = [json.dumps({"step": step, "reward": step / 7}) for step in range(300) if step != 150]
    path = tmp_path / "m.jsonl"
    path.write_text("\n".join([*good[:150], odd, *good[150:]]) + "\n")
    run = read(path)
    kept = dict(zip(run["reward"].step.tolist(), run["reward"].value.tolist(), strict=True))
    assert {step: step / 7 for step in range(300) if step != 150}.items() <= kept.items()


def test_nested_objects_become_paths(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text(
        '{"step": 1, "info": {"learner": {"kl": 0.5}}, "tags": ["a"]}\n'
        '{"step": 2, "info": {"learner": {"kl": 0.6}}, "tags": ["b"]}\n'
    )
    run = read(path)
    assert run["info/learner/kl"].value.tolist() == [0.5, 0.6]
    assert any(note.kind is NoteKind.IGNORED and "tags" in note.text for note in run.notes)


def test_integers_that_turn_into_fractions_keep_their_fractions(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text("".join(f'{{"step": {s}, "reward": {0 if s < 200 else 0.5}}}\n' for s in range(300)))
    assert read(path)["reward"].value[-1] == 0.5


def test_trainer_state_joins_train_and_eval_rows(tmp_path: Path) -> None:
    history = [
        {"step": 10, "epoch": 0.1, "reward": 0.2},
        {"step": 10, "epoch": 0.1, "eval_reward": 0.3},
        {"step": 20, "epoch": 0.2, "reward": None},
    ]
    run = read(written(tmp_path / "trainer_state.json", {"global_step": 20, "max_steps": 100, "log_history": history}))
    assert run.format.endswith("trainer_state.json")
    assert run["held_out"].value.tolist() == [0.3]
    assert run["reward"].nonfinite.tolist() == [20]  # the Trainer writes null for NaN
    assert run.config["max_steps"] == 100


def test_a_training_folder_gives_the_longest_history(tmp_path: Path) -> None:
    for last in (10, 30, 20):
        folder = tmp_path / f"checkpoint-{last}"
        folder.mkdir()
        rows = [{"step": step, "reward": step} for step in range(10, last + 1, 10)]
        written(folder / "trainer_state.json", {"global_step": last, "log_history": rows})
    run = read(tmp_path)
    assert run["reward"].step.tolist() == [10, 20, 30]
    assert any("3 saved trainer states" in note.text for note in run.notes)


def test_columns_of_lists(tmp_path: Path) -> None:
    run = read(written(tmp_path / "d.json", {"step": [1, 2, 3], "reward": [0.1, 0.2, 0.3], "other": [1]}))
    assert run["reward"].value.tolist() == [0.1, 0.2, 0.3]


def test_members_labelled_by_checkpoint(tmp_path: Path) -> None:
    members = {
        "baseline": {"acc": 0.1},
        "x/checkpoint_000001": {"acc": 0.2},
        "x/checkpoint_000002": {"acc": 0.3},
        "x/final": {"acc": 0.4},
    }
    run = read(written(tmp_path / "d.json", members))
    assert run["held_out"].step.tolist() == [0, 1, 2, 3]


def test_lists_beside_each_other_are_one_run(tmp_path: Path) -> None:
    document = {
        "run": "x",
        "eval_trajectory": [{"step": 0, "accuracy": 0.1}, {"step": 5, "accuracy": 0.2}],
        "validation_loss": [{"step": 0, "training_loss": None}, {"step": 5, "training_loss": 0.5}],
    }
    run = read(written(tmp_path / "d.json", document))
    assert run["accuracy"].step.tolist() == [0, 5]
    assert run["training_loss"].step.tolist() == [5]


def test_lists_under_different_parents_are_different_runs(tmp_path: Path) -> None:
    document = {"runs": {name: {"signals": [{"step": 0, "g": i}, {"step": 1, "g": i}]} for i, name in enumerate("ab")}}
    assert [run.name for run in read_all(written(tmp_path / "d.json", document))] == ["runs/a", "runs/b"]


@pytest.mark.parametrize("document", [{}, [], 3, "x", {"a": 1}, [1, 2], {"a": {"b": {"c": 1}}}])
def test_json_without_rows_is_refused(tmp_path: Path, document: Any) -> None:
    with pytest.raises(ReadError):
        read(written(tmp_path / "d.json", document))


def test_an_empty_history_says_that_nothing_was_logged(tmp_path: Path) -> None:
    with pytest.raises(NoMetrics, match="nothing was logged yet"):
        read(written(tmp_path / "trainer_state.json", {"log_history": []}))


def test_the_size_of_the_evaluation_is_taken_from_the_settings(tmp_path: Path) -> None:
    rows = [{"step": step, "accuracy": 0.5} for step in range(3)]
    run = read(written(tmp_path / "d.json", {"config": {"eval_problems": 50}, "trajectory": rows}))
    assert run.config["eval_problems"] == 50
    assert run["held_out"].problems is not None
    assert run["held_out"].problems.tolist() == [50, 50, 50]
    assert any("50 problems, was taken from the setting 'eval_problems'" in note.text for note in run.notes)
