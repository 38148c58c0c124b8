"""What was planted in a run is in no byte of an anonymous report."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import heldout
from heldout.anonymous import Letters, anonymous, letter, masked
from heldout.run import Note, NoteKind, Run, Series

PLANTED = (
    "grace-hopper",
    "gracehopper",
    "bletchley-lab",
    "enigma",
    "gpu-node-17",
    "c0ffee1234567",
    "github.example",
    "2026-03-14",
    "17734",  # the beginning of its clock
)
CONFIG = {
    "reward": "exit-status",
    "model": "bletchley-lab/Tiny-1B",
    "lr": 1e-6,
    "seed": 7,
    "hostname": "gpu-node-17",
    "user": "gracehopper",
    "wandb_entity": "bletchley-lab",
    "output_dir": "/home/grace-hopper/enigma/out",
    "dataset": {"path": "/home/grace-hopper/data/problems.jsonl", "email": "grace-hopper@bletchley-lab.example"},
    "git": {"remote": "https://github.example/grace-hopper/enigma", "commit": "c0ffee1234567"},
    "note": "see 2026-03-14 of enigma",
    "started": 1773446400.0,
    "revised": "2026-03-14",
    "tag": "test",
}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A run directory whose place, settings, clock and broken line tell who trained it."""
    folder = tmp_path / "grace-hopper" / "enigma-2026-03-14"
    with heldout.Recorder(folder, config=CONFIG) as recorder:
        for step in range(40):
            solved = [int(number < 50 - (step > 20) * 20) for number in range(100)]
            recorder.log(step, {"reward": 0.1 + step / 99, "clock": 1773446400.0 + step})
            recorder.evaluation(step, problems=[f"p{number}" for number in range(100)], passed=solved)
            recorder.checkpoint(step, folder / "checkpoints" / f"step-{step}")
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"step": 40, "rew')
    return folder


def reported(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "heldout", "report", *map(str, words), "--anonymous", "--formats", "svg,png,pdf"]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def test_no_byte_of_an_anonymous_report_holds_what_was_planted(log: Path, tmp_path: Path) -> None:
    other = log.parent / "enigma-b.csv"
    other.write_text("step,reward,pass@1\n" + "".join(f"{step},{step / 9},{step / 20}\n" for step in range(10)))
    bad = log.parent / "enigma.txt"
    bad.write_text("nothing\n")
    out = tmp_path / "out"
    done = reported(log, other, bad, "-o", out)
    assert done.returncode == 2, done.stderr
    written = [path for path in out.rglob("*") if path.is_file()]
    assert {path.relative_to(out).parts[0] for path in written} == {"A", "B", "index.html"}
    for path in written:
        for planted in (*PLANTED, str(tmp_path)):
            assert planted.encode() not in path.read_bytes().lower(), (path, planted)
    settings = json.loads((out / "A" / "report.json").read_text())["run"]["settings"]
    assert settings == {"reward": "exit-status", "model": "Tiny-1B", "seed": "7", "seeds/seed": "7", "lr": "1e-06"}
    assert "A is enigma-2026-03-14" in done.stdout
    assert "hostname" in done.stdout
    assert "still stands" not in done.stdout


def test_what_cannot_be_taken_out_is_told(tmp_path: Path) -> None:
    log = tmp_path / "enigma.csv"
    log.write_text("step,reward,val/enigma\n" + "".join(f"{step},{step / 9},{step / 20}\n" for step in range(10)))
    done = reported(log, "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert re.search(r"report\.html and \d more files?: 'enigma' still stands there", done.stdout)


def test_a_clock_starts_at_zero_and_durations_stay() -> None:
    step = np.arange(3)
    metrics = {
        "time": Series("time", step, np.array([1.7e9, 1.7e9 + 5, 1.7e9 + 9])),
        "time/step": Series("time/step", step, np.array([5.0, 4.0, 3.0])),
        "tokens": Series("tokens", step, np.array([1e9, 2e9, 3e9])),
    }
    bare = anonymous(Run("x", "x.csv", "CSV table", metrics), "A").run
    assert bare.metrics["time"].value.tolist() == [0.0, 5.0, 9.0]
    assert bare.metrics["time/step"].value.tolist() == [5.0, 4.0, 3.0]
    assert bare.metrics["tokens"].value.tolist() == [1e9, 2e9, 3e9]


def test_notes_lose_paths_and_keep_keys_of_metrics() -> None:
    key = "critic/score/mean"
    metrics = {key: Series(key, np.arange(2), np.zeros(2))}
    note = Note(
        NoteKind.IGNORED,
        f"Beside it: ../lab/b.csv, C:\\lab\\c.jsonl and ~/d.log, events.out.tfevents.17.gpu-9; {key} is it.",
    )
    run = Run("run", "s3://lab/secret.csv", "CSV table", metrics, notes=(note,), checkpoints={3: "/lab/step-3"})
    bare = anonymous(run, "A").run
    assert bare.notes[0].text == f"Beside it: …, … and …, …; {key} is it."
    assert bare.checkpoints == {3: "checkpoint-3"}


def test_letters_go_on_after_z() -> None:
    assert [letter(number) for number in (0, 25, 26, 701, 702)] == ["A", "Z", "AA", "ZZ", "AAA"]
    letters = Letters()
    assert [letters.of(Run(name, name, "", {})).name for name in ("x", "y")] == ["A", "B"]


def test_a_reason_loses_its_path() -> None:
    assert masked("/home/x/secret.csv: has no step; see /a/b.", ["/home/x/secret.csv"]) == "…: has no step; see …"


def test_a_name_within_the_key_of_a_metric_is_left_in_what_is_said_of_it() -> None:
    metrics = {"lenient_acc": Series("lenient_acc", np.arange(2), np.zeros(2))}
    note = Note(NoteKind.ASSUMED, "'lenient_acc' of Lenient was taken as the score.")
    bare = anonymous(Run("lenient", "lenient.json", "JSON", metrics, notes=(note,)), "A").run
    assert bare.notes[0].text == "'lenient_acc' of … was taken as the score."
