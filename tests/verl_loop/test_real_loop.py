"""verl's real loop with our logger in it, on a processor: stopped by the guard, gone on with, killed, gone on with.

One story of three trainings, each several minutes long, that of `make verl`. Real are verl's entry point, its task
runner, TransferQueue, agent loop, reward loop, FSDP2 engine (on gloo), weight synchronisation, validation, checkpoints
and loggers, on a cluster of Ray of this machine. What stands in for a GPU is in `cpu_platform` and `sampling`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pytest

if find_spec("transfer_queue") is None:
    pytest.skip("make verl installs what verl's own loop needs", allow_module_level=True)

import miniature_verl as verl
import orjson

import heldout
from heldout import Run

STEPS = 8  # of the whole training
SCORE = "val-core/letters/acc/mean@1"


class Stopped(NamedTuple):
    """A training that its guard stopped."""

    folder: Path
    last: int  # its last step
    kept: int  # the step whose checkpoint is to be kept


class Killed(NamedTuple):
    """A training that went on from the checkpoint to keep, and was killed."""

    folder: Path
    last: int  # its last step that verl has logged
    saved: int  # the step of its newest checkpoint


def measured_by_verl(folder: Path, log: str) -> dict[int, float]:
    """The held-out score of each step by verl's own logger."""
    return {row["step"]: row["data"][SCORE] for row in logged(folder, log) if SCORE in row["data"]}


def logged(folder: Path, log: str) -> list[dict[str, Any]]:
    path = folder / f"{log}.jsonl"
    lines = path.read_bytes().splitlines() if path.exists() else []
    return [orjson.loads(line) for line in lines if line.endswith(b"}")]


def recorded(folder: Path, step: int) -> bool:
    """Whether the last line of our record is of a step; our logger comes behind verl's own."""
    line = (folder / "run/metrics.jsonl").read_bytes().splitlines()[-1]
    return line.endswith(b"}") and orjson.loads(line).get("step") == step


def rates(run: Run) -> dict[int, float]:
    """The held-out score of each step that heldout recorded, from the outcomes of all problems."""
    assert all(one.outcomes is not None and len(one.outcomes) == verl.HELD_OUT for one in run.measured)
    return {one.step: one.rate for one in run.measured}


def read(folder: Path, name: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / "run" / name).read_text())
    return told


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Stopped:
    folder = tmp_path_factory.mktemp("verl")
    verl.write_model(folder / "model")
    verl.write_problems(folder)
    rules = "+trainer.heldout.rules={stop: likely}"
    first = verl.start(folder, "first", "gamed", f"trainer.total_training_steps={STEPS}", rules)
    verl.wait_for(first, folder, "first")
    shutil.copytree(folder / "run", folder / "as-stopped")
    last = max(row["step"] for row in logged(folder, "first"))
    return Stopped(folder, last, int(Path(read(folder, "best.json")["checkpoint"]).parent.name.split("_")[-1]))


def test_it_stops_by_itself_before_its_last_step(stopped: Stopped) -> None:
    assert 2 <= stopped.last < STEPS
    assert json.loads((stopped.folder / "as-stopped/process.json").read_text())["last_word"] == "stopped"
    rows = [json.loads(line) for line in (stopped.folder / "as-stopped/findings.jsonl").read_text().splitlines()]
    assert rows[0]["planned"] == STEPS + 1
    assert any(row.get("act") == "stop" and row["done"] for row in rows)


def test_every_step_is_recorded_once_with_all_that_verl_logged(stopped: Stopped) -> None:
    run = heldout.read(stopped.folder / "as-stopped")
    assert run["reward"].step.tolist() == list(range(1, stopped.last + 1))
    for row in logged(stopped.folder, "first"):
        for key, value in row["data"].items():
            series = run[key]
            assert series.value[series.step == row["step"]].tolist() == pytest.approx([value], nan_ok=True), (
                row["step"],
                key,
            )


def test_outcomes_of_all_problems_make_verls_own_score(stopped: Stopped) -> None:
    recorded = rates(heldout.read(stopped.folder / "as-stopped"))
    assert list(recorded) == list(range(stopped.last + 1))
    assert recorded == pytest.approx(measured_by_verl(stopped.folder, "first"))
    assert min(recorded.values()) < recorded[0] - 0.2  # the score fell indeed


def test_checkpoints_are_known_and_the_one_to_keep_is_named(stopped: Stopped) -> None:
    run = heldout.read(stopped.folder / "as-stopped")
    saved = {step: f"{stopped.folder}/saved/global_step_{step}/actor" for step in range(2, stopped.last + 1, 2)}
    assert run.checkpoints == saved
    best = json.loads((stopped.folder / "as-stopped/best.json").read_text())
    assert best["checkpoint"] == saved[stopped.kept]
    back = f"trainer.resume_mode=resume_path trainer.resume_from_path={Path(best['checkpoint']).parent}"
    assert best["go_back"] == back


def test_the_report_reads_it(stopped: Stopped) -> None:
    command = [sys.executable, "-m", "heldout", "report", "as-stopped", "-o", "reports"]
    done = subprocess.run(command, cwd=stopped.folder, capture_output=True, text=True, check=True, timeout=600)
    assert "over-optimised" in done.stdout.lower()


@pytest.fixture(scope="module")
def killed(stopped: Stopped) -> Killed:
    """The reward is mended, and the training goes on by the line of ``best.json``; it is killed behind a checkpoint."""
    folder = stopped.folder
    back = read(folder, "best.json")["go_back"].split()
    again = verl.start(folder, "second", "honest", f"trainer.total_training_steps={STEPS}", *back)
    until, deadline = stopped.kept + 3, time.monotonic() + verl.PATIENCE  # one step behind its first checkpoint
    try:
        while again.poll() is None and time.monotonic() < deadline:
            if recorded(folder, until) and any(row["step"] == until for row in logged(folder, "second")):
                break
            time.sleep(0.05)
        assert again.poll() is None, verl.said(folder, "second")
    finally:
        verl.kill(again)
    last = max(row["step"] for row in logged(folder, "second"))
    shutil.copytree(folder / "run", folder / "as-killed")
    return Killed(folder, last, int((folder / "saved/latest_checkpointed_iteration.txt").read_text()))


def test_what_was_logged_before_it_was_killed_is_recorded(stopped: Stopped, killed: Killed) -> None:
    run = heldout.read(killed.folder / "as-killed")
    assert run["reward"].step.tolist() == list(range(1, killed.last + 1))  # later ones are superseded
    told, verls = rates(run), [measured_by_verl(killed.folder, log) for log in ("first", "second")]
    assert set(range(killed.last)) <= told.keys()  # outcomes come a step later
    assert told == pytest.approx({step: verls[step > stopped.kept][step] for step in told})


@pytest.fixture(scope="module")
def finished(killed: Killed) -> Path:
    """As a queue would start it again: with ``resume_mode=auto``, which is verl's default."""
    third = verl.start(killed.folder, "third", "honest", f"trainer.total_training_steps={STEPS}")
    verl.wait_for(third, killed.folder, "third")
    return killed.folder


def test_after_it_was_killed_it_goes_on_from_the_newest_checkpoint(killed: Killed, finished: Path) -> None:
    steps = [row["step"] for row in logged(finished, "third")]
    assert steps == list(range(killed.saved, STEPS + 1))  # verl measures the checkpoint again
    assert json.loads((finished / "run/process.json").read_text())["last_word"] == "finished"


def test_no_step_and_no_evaluation_is_missing_or_there_twice(stopped: Stopped, killed: Killed, finished: Path) -> None:
    run = heldout.read(finished / "run")
    assert run["reward"].step.tolist() == list(range(1, STEPS + 1))
    told, verls = rates(run), [measured_by_verl(finished, log) for log in ("first", "second", "third")]
    assert list(told) == list(range(STEPS + 1))
    pieces = [(0, stopped.kept, 0), (stopped.kept + 1, killed.saved, 1), (killed.saved + 1, STEPS, 2)]
    for begin, end, log in pieces:
        for step in range(begin, end + 1):
            assert told[step] == pytest.approx(verls[log][step]), step
    assert set(run.checkpoints) == set(range(2, STEPS + 1, 2))
