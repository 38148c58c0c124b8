"""`heldout columns`: every column of a log, what it is taken for, and the flags that change that."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import heldout
from heldout.cli import app
from heldout.report.columns import as_json, as_text, columns_of
from heldout.run import Note, NoteKind, Run, Series

LONG = "an/own/very/long/key/" + 20 * "and_longer_" + "still"


def log(folder: Path, name: str = "own.jsonl") -> Path:
    rows = [
        {"step": k, "reward": 0.1 * k, LONG: k, "foo/r": 1.0} | ({"bar_quality": 0.01 * k} if k % 5 == 0 else {})
        for k in range(20)
    ]
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def shown(*argv: str) -> str:
    done = CliRunner().invoke(app, list(argv))
    assert done.exit_code == 0, done.output
    return done.stdout


def test_every_column_is_listed_and_no_key_is_cut(tmp_path: Path) -> None:
    text = shown("columns", str(log(tmp_path)))
    assert all(key in text for key in ("reward", LONG, "foo/r", "bar_quality"))
    line = next(line for line in text.splitlines() if line.startswith("bar_quality"))
    assert "4" in line.split()
    assert "0 to 15" in line
    assert "--eval bar_quality" in text
    assert "--reward KEY, --eval KEY, --length KEY" in text


def test_what_was_said_by_a_flag_is_told_as_such(tmp_path: Path) -> None:
    text = shown("columns", str(log(tmp_path)), "--eval", "bar_quality")
    line = next(line for line in text.splitlines() if line.startswith("bar_quality"))
    assert "held_out" in line
    assert "as you said" in line
    assert "No column was taken as the held-out score" not in text


def test_metrics_with_a_path_lists_what_the_log_holds(tmp_path: Path) -> None:
    path = str(log(tmp_path))
    assert shown("metrics", path) == shown("columns", path)


def test_several_runs_and_a_folder_are_listed_one_by_one(tmp_path: Path) -> None:
    log(tmp_path, "a.jsonl")
    log(tmp_path, "b.jsonl")
    told = json.loads(shown("columns", str(tmp_path), "--json"))
    assert len(told) == 2
    assert {column["key"] for column in told[0]["columns"]} == {"reward", LONG, "foo/r", "bar_quality"}
    assert told[0]["might_be"]["held_out"] == ["bar_quality"]
    assert len({run["name"] for run in told}) == 2


def test_an_example_is_listed() -> None:
    assert "held_out" in shown("columns", "example:kimi-dev")


def test_values_ends_unit_and_direction_are_those_of_the_column() -> None:
    step = np.arange(10)
    metrics = {
        "eval_accuracy": Series("eval_accuracy", step, np.linspace(0.1, 0.6, 10)),
        "eval_loss": Series("eval_loss", step, np.linspace(3.0, 1.0, 10), nonfinite=np.array([10, 11])),
        "reward": Series("reward", step, np.linspace(-1.0, 2.0, 10)),
    }
    notes = (Note(NoteKind.IGNORED, "1 column without numbers (text, lists) left out: answer."),)
    run = Run("mine", "here", "test", metrics, {"held_out": "eval_accuracy", "reward": "reward"}, notes)
    told = {one.key: one for one in columns_of(run)}
    assert [one.key for one in columns_of(run)][:2] == ["reward", "eval_accuracy"]
    assert (told["eval_accuracy"].unit, told["eval_accuracy"].better) == ("share", "higher")
    assert (told["eval_loss"].better, told["eval_loss"].nonfinite, told["eval_loss"].low) == ("lower", 2, 1.0)
    assert (told["reward"].unit, told["reward"].part) == ("score", "reward")
    text = as_text(run)
    assert "10 and 2 NaN" in text
    assert "ignored: 1 column without numbers (text, lists) left out: answer." in text


def test_counted_rows_are_said_to_be() -> None:
    run = Run("mine", "here", "test", {"r": Series("r", np.arange(3), np.ones(3))}, counted=True)
    assert "were counted" in as_text(run)
    assert json.loads(as_json([run]))[0]["steps_counted"] is True


@pytest.mark.parametrize("value", [np.empty(0), np.array([1.0])])
def test_a_column_without_a_value_or_with_one_is_listed(value: np.ndarray) -> None:
    series = Series("odd", np.arange(len(value)), value, nonfinite=np.arange(2, 4))
    text = as_text(Run("mine", "here", "test", {"odd": series}))
    assert "odd" in text
    assert "nan to nan" not in text


def test_a_path_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(heldout.errors.HeldoutError):
        CliRunner().invoke(app, ["columns", "no/such/log.csv"], catch_exceptions=False)
