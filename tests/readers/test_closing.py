"""The row with which a Trainer closes a training is of all of it, not of its last step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from heldout import read
from heldout.run import NoteKind

ROWS: list[dict[str, Any]] = [
    {"loss": 0.5, "reward": n / 10, "completion_length": 100.0 + n, "epoch": n / 9, "step": n} for n in range(1, 10)
]
CLOSES = {"train_runtime": 60.0, "train_loss": 0.5, "reward": 0.31, "completion_length": 77.0, "epoch": 1.0, "step": 9}


def state(rows: list[dict[str, Any]]) -> str:
    return json.dumps({"log_history": rows, "global_step": 9})


def console(rows: list[dict[str, Any]]) -> str:
    bars = (f"{n * 11:3}%|█ | {n}/9 [00:0{n}<00:01, 1.0it/s]\n" for n in range(1, 10))
    lines = [
        "".join(pair)
        for pair in zip((f"{ {k: v for k, v in row.items() if k != 'step'} }\n" for row in rows[:9]), bars, strict=True)
    ]
    return "".join(lines) + "".join(f"{ {k: v for k, v in row.items() if k != 'step'} }\n" for row in rows[9:])


@pytest.mark.parametrize(
    ("name", "written"),
    [("trainer_state.json", state), ("m.jsonl", lambda rows: "\n".join(map(json.dumps, rows))), ("train.log", console)],
)
def test_the_mean_of_all_steps_does_not_replace_the_last_one(tmp_path: Path, name: str, written: Any) -> None:
    path = tmp_path / name
    path.write_text(written([*ROWS, CLOSES]))
    run = read(path)
    assert run["reward"].value.tolist() == [n / 10 for n in range(1, 10)]
    assert run["length"].value.tolist() == [100.0 + n for n in range(1, 10)]
    assert run.metrics["train_loss"].value.tolist() == [0.5]
    (note,) = (note for note in run.notes if "closes" in note.text)
    assert note.kind is NoteKind.IGNORED
    assert note.count == 2


def test_nothing_is_said_where_the_row_has_only_its_own(tmp_path: Path) -> None:
    path = tmp_path / "trainer_state.json"
    path.write_text(state([*ROWS, {"train_runtime": 60.0, "train_loss": 0.5, "epoch": 1.0, "step": 9}]))
    assert not [note for note in read(path).notes if "closes" in note.text]
