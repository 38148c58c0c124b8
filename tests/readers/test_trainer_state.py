"""Hugging Face trainer_state.json."""

from __future__ import annotations

import json

import pytest
from in_memory import source, told

from heldout.errors import NoMetrics
from heldout.readers.documents.json_document import read_trainer_state as read

STATE = {
    "best_metric": None,
    "global_step": 20,
    "max_steps": 100,
    "num_train_epochs": 0,
    "trial_name": "x",
    "log_history": [
        {"step": 10, "loss": 0.5, "epoch": 0.1},
        {"step": 10, "eval_loss": None, "epoch": 0.1},
        "odd",
        {"step": 20, "loss": 0.25, "epoch": 0.2},
    ],
}


def test_a_whole_state() -> None:
    (log,) = read(source("\ufeff " + json.dumps(STATE))) or []
    made = told(log)
    assert str(made.pop("columns")["eval_loss"]) == "{1: nan}"  # the Trainer writes null for a NaN
    assert made == {
        "format": "trainer-state",
        "step": [10, 10, 20],
        "config": {"max_steps": 100, "num_train_epochs": 0},
    }
    assert log.columns["loss"].row.tolist() == [0, 2]


def test_a_state_that_is_cut_gives_its_whole_rows() -> None:
    text = json.dumps(STATE)
    (log,) = read(source(text[: text.index("0.2}")])) or []
    assert log.step.tolist() == [10, 10, 20]
    assert [(note.text.split(":")[0], note.end_lost) for note in log.notes] == [("The file is cut", True)]


@pytest.mark.parametrize(
    "text",
    ['{"log_history": 3}', '["log_history"]', '{"history": []}', "{", '{"log_history"', "x"],
)
def test_other_content(text: str) -> None:
    assert read(source(text)) is None


@pytest.mark.parametrize("rows", [[], ["odd"]])
def test_an_empty_history(rows: list[object]) -> None:
    with pytest.raises(
        NoMetrics, match=r"^s\.json: a trainer_state\.json whose log_history is empty; nothing was logg"
    ):
        read(source(json.dumps({"log_history": rows}), "s.json"))
