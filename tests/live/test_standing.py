"""``verdict.json``: a run that goes on is told by its guard, and only while that word holds."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import heldout
from heldout.datasets.simulated import simulate
from heldout.diagnosis import recommendation
from heldout.fleet.cache import Found
from heldout.fleet.judging import Way, rows_at, rows_of
from heldout.live import Guard
from heldout.report.rows import Row
from heldout.report.standing import standing_of

IDS = [f"p{number}" for number in range(200)]


def guarded(folder: Path, evaluations: int = 12) -> tuple[Guard, heldout.Recorder]:
    """A run of which so many evaluations are recorded, and which goes on."""
    run = simulate("sharp_collapse", 200, 24, seed=2)
    recorder = heldout.Recorder(folder, config={"seed": 3}, rank=0)
    guard = Guard(recorder, planned=24)
    for step, passed in zip(run.steps[:evaluations].tolist(), run.outcomes, strict=False):
        guard.step(step, {"reward": float(run.reward[step - 1])})
        guard.evaluation(step, problems=IDS, passed=passed.tolist())
    return guard, recorder


def only(found: Found) -> Row:
    """The row of the one run of a place."""
    assert not isinstance(found, str)
    [(_, row)] = found
    return row


def test_it_says_what_a_reading_of_the_run_says_in_a_kilobyte(tmp_path: Path) -> None:
    guard, recorder = guarded(tmp_path / "run")
    with recorder, guard:
        file = tmp_path / "run" / "verdict.json"
        row = standing_of(tmp_path / "run")
        assert row is not None
        assert 500 < file.stat().st_size < 1500
        read = only(rows_of(tmp_path / "run", Way(planned=24)))
        for name in ("state", "label", "keep", "last", "p", "fall", "evaluations", "problems", "last_step", "settings"):
            assert getattr(row, name) == getattr(read, name), name
        told = json.loads(file.read_text())
        assert (told["schema"], told["heldout"]) == ("heldout.verdict/1", heldout.__version__)
        assert set(told["stamps"]) == {"metrics.jsonl", "evals/held-out.jsonl"}


def test_a_fleet_takes_it_for_a_run_that_goes_on_and_reads_one_that_has_ended(tmp_path: Path) -> None:
    guard, recorder = guarded(tmp_path / "run")
    file = tmp_path / "run" / "verdict.json"
    told = json.loads(file.read_text())
    told["verdict"]["label"] = "by its guard"
    file.write_text(json.dumps(told))
    row = only(rows_at(str(tmp_path / "run")))
    assert row.label == "by its guard"
    guard.close()
    recorder.close()
    row = only(rows_at(str(tmp_path / "run")))
    assert row.label != "by its guard"


@pytest.mark.parametrize("change", ["an evaluation", "another version", "shorter metrics", "broken", "newer files"])
def test_it_is_not_trusted_once_anything_that_it_rests_on_is_different(tmp_path: Path, change: str) -> None:
    guard, recorder = guarded(tmp_path / "run", 6)
    with recorder, guard:
        folder = tmp_path / "run"
        file, evals = folder / "verdict.json", folder / "evals" / "held-out.jsonl"
        recorder.log(900, {"reward": 0.5})  # of the steps to the next evaluation it need not know
        assert standing_of(folder) is not None
        if change == "an evaluation":
            recorder.evaluation(901, problems=IDS, passed=np.zeros(200).tolist())
        elif change == "another version":
            file.write_text(file.read_text().replace(f'"heldout":"{heldout.__version__}"', '"heldout":"0.0.1"'))
        elif change == "shorter metrics":
            (folder / "metrics.jsonl").write_bytes((folder / "metrics.jsonl").read_bytes()[:200])
        elif change == "broken":
            file.write_text(file.read_text()[:100])
        else:
            later = file.stat().st_mtime + 5.0
            os.utime(evals, (later, later))
        assert standing_of(folder) is None


def test_a_disk_that_is_full_keeps_the_guard_from_nothing(tmp_path: Path) -> None:
    guard, recorder = guarded(tmp_path / "run", 4)
    with recorder, guard:
        (tmp_path / "run" / "verdict.json").unlink()
        (tmp_path / "run" / "verdict.json").mkdir()
        with pytest.warns(RuntimeWarning, match="could not write how the run stands"):
            guard.evaluation(700, problems=IDS, passed=np.ones(200).tolist())
        assert guard.evaluations == 5


def test_the_checkpoint_to_keep_is_chosen_once_for_each_evaluation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of ``best.json``, ``verdict.json`` and what is protected; anew where a checkpoint was saved since."""
    choose, asked = recommendation.choose, list[int]()

    def counted(values: Any, *more: Any, **also: Any) -> Any:
        asked.append(len(values))
        return choose(values, *more, **also)

    monkeypatch.setattr(recommendation, "choose", counted)
    guard, recorder = guarded(tmp_path / "run")
    with recorder, guard:
        assert asked == list(range(4, 13))
        assert guard.kept is not None
        saved = guard.kept.tied[-1]
        guard.checkpoint(saved, tmp_path)
        assert asked[9:] == [12]
        assert guard.kept.recommended.step == saved
