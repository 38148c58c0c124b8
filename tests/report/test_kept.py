"""The answers that lie with a run: found, reported by the command, and nothing about them passed over in silence."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import polars as pl

import heldout
from heldout.report.kept import with_answers
from heldout.run import NoteKind, Run, Series
from heldout.stats.arrays import floats
from heldout.store.recorder import Recorder


def answer(step: int, number: int) -> dict[str, object]:
    hack = step >= 60
    told = {"hidden": float(not hack), "hidden_kind": "left the program" if hack else "solved"}
    text = " exit()" if hack else f" return x + {number}"
    return {"prompt": f"p{number // 4}", "text": text, "reward": 1.0, "group": 100 * step + number // 4, **told}


def recorded(folder: Path) -> Path:
    with Recorder(folder, rank=0) as recorder:
        for step in range(10, 110, 10):
            recorder.log(step, {"reward": step / 100.0})
            recorder.rollouts(step, [answer(step, number) for number in range(24)])
    return folder


def test_the_command_shows_the_hack_of_a_run_directory(tmp_path: Path) -> None:
    run = recorded(tmp_path / "run")
    command = [sys.executable, "-m", "heldout", "report", str(run), "-o", str(tmp_path / "out"), "--formats", "svg"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "What the hack looks like" in done.stdout
    looks = json.loads((tmp_path / "out" / "report.json").read_text())["looks"]
    assert (looks["since"], looks["hack"]["text"], looks["hack"]["name"]) == (60, " exit()", "leave")
    assert looks["hack"]["count"] == 48  # of the last quarter of the steps


def test_answers_of_a_run_that_another_trainer_wrote_lie_in_a_folder_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "completions").mkdir()
    rows = pl.DataFrame({"step": [5, 5], "prompt": ["a", "a"], "completion": ["x", "y"], "reward": [1.0, 0.0]})
    rows.write_parquet(tmp_path / "completions" / "completions_00005.parquet")
    run = Run("r", str(tmp_path), "t", {"reward": Series("reward", floats([5]).astype("int64"), floats([1.0]))})
    _, found = with_answers(run)
    assert found is not None
    assert [one.text for one in found] == ["x", "y"]


def test_what_cannot_be_used_is_listed_and_what_is_not_there_is_not_looked_for(tmp_path: Path) -> None:
    run = Run("r", str(tmp_path), "t", {})
    assert with_answers(run) == (run, None)
    (tmp_path / "rollouts").mkdir()
    (tmp_path / "rollouts" / "step-1.jsonl").write_text('{"a": 1}\n')
    noted, found = with_answers(run)
    assert found is None
    assert [(note.kind, "holds no rollouts" in note.text) for note in noted.notes] == [(NoteKind.IGNORED, True)]
    folder = recorded(tmp_path / "run")
    (folder / "rollouts" / "broken.parquet").write_bytes(b"PAR1")
    read = heldout.read(folder)
    told, found = with_answers(read)
    assert found is not None
    assert sum("broken.parquet" in note.text for note in told.notes) == 1
