"""Which checkpoints are kept beside evaluations, and what best.json says of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import heldout
from heldout import Recorder
from heldout.errors import UsageError
from heldout.live import Guard, Rules
from heldout.live.checkpoints import keep_saved
from heldout.live.places import Saved

PROBLEMS = [f"p{index}" for index in range(400)]


def solved(level: float) -> list[bool]:
    return (np.random.default_rng(0).permutation(400) < 400 * level).tolist()


def rising_to(best: int, step: int) -> float:
    return 0.3 + 0.01 * step if step <= best else 0.3 + 0.01 * best - 0.03 * (step - best)


def train(folder: Path, *, evaluate: int, save: int, best: int, last: int = 40) -> Any:
    """Train in name only: measure and save every so many steps, and prune all but the newest checkpoint."""
    before: Path | None = None
    with Recorder(folder / "run", resume=True) as recorder, Guard(recorder, planned=20) as guard:
        for step in range(1, last + 1):
            guard.step(step, {"reward": 0.01 * step})
            if step % evaluate == 0:
                guard.evaluation(step, problems=PROBLEMS, passed=solved(rising_to(best, step)))
            if step % save == 0:
                saved = folder / "trl" / f"checkpoint-{step}"
                saved.mkdir(parents=True)
                (saved / "weights").write_text(str(step))
                if before is not None:
                    (before / "weights").unlink()
                    before.rmdir()
                before = saved
                keep_saved(guard, saved, step, pruned=True, evaluated=step - step % evaluate)
        assert guard.failures == 0
        return guard, json.loads((folder / "run" / "best.json").read_text())


def kept(folder: Path) -> list[int]:
    return sorted(int(path.name.removeprefix("checkpoint-")) for path in (folder / "run" / "kept").iterdir())


def test_the_best_is_kept_where_both_fall_on_one_step(tmp_path: Path) -> None:
    guard, best = train(tmp_path, evaluate=2, save=2, best=20)
    assert best["step"] == 20
    assert Path(best["checkpoint"]) == tmp_path / "run" / "kept" / "checkpoint-20"
    assert Path(best["checkpoint"], "weights").read_text() == "20"
    assert 20 in guard.protected
    assert "nearest" not in best
    assert best["go_back"] is None  # nothing tells what these files are


def test_where_they_never_meet_the_nearest_is_kept_and_said_to_be_unmeasured(tmp_path: Path) -> None:
    _, best = train(tmp_path, evaluate=2, save=5, best=24, last=38)  # both fall on 10, 20 and 30 at first
    assert Path(best["checkpoint"], "weights").exists()
    folder = tmp_path / "apart"
    with Recorder(folder) as recorder, Guard(recorder, planned=20) as guard:
        for step in range(0, 60, 4):
            guard.step(step + 1, {"reward": 0.1})
            guard.evaluation(step + 1, problems=PROBLEMS, passed=solved(rising_to(21, step)))
            path = folder / f"weights-{step + 3}"
            path.touch()
            guard.checkpoint(step + 3, path)
        told = json.loads((folder / "best.json").read_text())
    assert told["step"] == 21
    assert told["checkpoint"] == str(folder / "weights-19")  # of 19 and 23 the earlier one
    assert told["nearest"] == "no checkpoint of step 21 exists; that of step 19 is the nearest"
    assert {19, 21} <= guard.protected


def test_what_would_have_been_better_is_said(tmp_path: Path) -> None:
    """Measured every 4 steps, saved every 20: the best, at step 28, has no checkpoint."""
    _, best = train(tmp_path, evaluate=4, save=20, best=28)
    assert best["step"] == 20
    assert best["better"]["step"] == 28
    assert best["better"]["why"] == "it was not saved"
    assert best["better"]["estimate"] > best["estimate"]


@pytest.mark.parametrize("most", [1, 2, 4])
def test_of_many_that_are_tied_a_few_are_kept_and_the_rest_let_go_aloud(tmp_path: Path, most: int) -> None:
    guard, best = level(tmp_path, most)
    assert len(best["tied"]) > most
    assert best["step"] in kept(tmp_path)
    assert len(kept(tmp_path)) <= most + 1  # and the newest
    assert sorted({*best["tied"]} - {*best["let_go"]}) == sorted({*best["tied"]} & guard.protected)
    rows = [json.loads(line) for line in (tmp_path / "run" / "findings.jsonl").read_text().splitlines()]
    told = [row for row in rows if row["what"] == "let go"]
    assert told
    assert all(row["why"] == f"of those tied with the best, {most} are kept (most_kept)" for row in told)


def level(folder: Path, most: int) -> Any:
    before: Path | None = None
    with Recorder(folder / "run") as recorder, Guard(recorder, Rules(most_kept=most), planned=20) as guard:
        for step in range(2, 32, 2):
            guard.step(step, {"reward": 0.1})
            guard.evaluation(step, problems=PROBLEMS, passed=(np.random.default_rng(step).random(400) < 0.5).tolist())
            saved = folder / "trl" / f"checkpoint-{step}"
            saved.mkdir(parents=True)
            keep_saved(guard, saved, step, pruned=True, evaluated=step)
            if before is not None:
                before.rmdir()
            before = saved
        return guard, json.loads((folder / "run" / "best.json").read_text())


def test_a_run_that_goes_back_forgets_the_checkpoints_that_come_after(tmp_path: Path) -> None:
    """Steps 22 to 40 are trained again: what was saved of them is another policy's, though of the same step."""
    train(tmp_path, evaluate=2, save=2, best=20)
    with Recorder(tmp_path / "run", resume=True) as recorder, Guard(recorder, planned=20) as guard:
        assert 40 in guard.saved.existing
        guard.step(21, {"reward": 0.1})
        assert 20 in guard.saved.existing
        assert max(guard.saved.existing) == 20
        guard.evaluation(22, problems=PROBLEMS, passed=solved(0.3))
        assert guard.kept is not None
        assert guard.kept.recommended.step == 20
    run = heldout.read(tmp_path / "run")
    assert max(run.checkpoints) == 20


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True])
def test_a_number_of_checkpoints_that_cannot_be_meant_is_refused(wrong: Any) -> None:
    with pytest.raises(UsageError, match="it must be a whole number from 1"):
        Rules(most_kept=wrong)


def test_of_two_that_are_as_near_the_earlier_counts(tmp_path: Path) -> None:
    saved = Saved({})
    assert saved.beside(5) is None
    for step in (2, 8):
        (tmp_path / str(step)).mkdir()
        saved.add(step, tmp_path / str(step))
    assert [saved.beside(step) for step in (0, 5, 6, 9)] == [2, 2, 8, 8]
    assert saved.of_evaluations([5, 9]) == {5, 9, 2, 8}
