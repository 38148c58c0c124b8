"""What all callbacks share: what is refused before there is a run, and what is closed after it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import heldout
from heldout.callbacks.base import GuardedRun
from heldout.errors import UsageError
from heldout.live import Guard, On, Rules


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"planned": 0}, "planned is 0; it must be a number of evaluations"),
        ({"roles": {"rewrad": "x"}}, "roles has 'rewrad'"),
        ({"problems": 0}, "problems is 0; it must be a whole number of at least 1."),
        ({"samples": 2.5}, "samples is 2.5; it must be a whole number"),
        ({"rules": Rules(run="no-such-program")}, "no such program"),
        ({"rules": "stop"}, r"rules is 'stop'; it must be Rules of heldout.live, such as Rules\(stop='confirmed'\)."),
        ({"rules": Rules(stop="likely", stop_file="no/such/STOP")}, "no/such/STOP cannot be made: there is no folder"),
        ({"detectors": [object()]}, "is no detector: it has no name and no needs and no update."),
        ({"rules": Rules(alert=On.NEVER), "alerts": [print]}, "the rules send none"),
    ],
)
def test_what_a_guard_refuses_is_refused_before_the_directory_is_made(
    tmp_path: Path, settings: dict[str, Any], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        GuardedRun(tmp_path / "run", **settings).begin(resume=False, rank=0)
    assert list(tmp_path.iterdir()) == []


def test_a_stop_file_may_lie_in_the_directory_of_the_run(tmp_path: Path) -> None:
    run = GuardedRun(tmp_path / "run", Rules(stop="likely", stop_file=str(tmp_path / "run" / "STOP")))
    run.begin(resume=False, rank=0)
    run.end()
    assert run.guard is not None
    assert run.guard.failures == 0


@pytest.mark.parametrize(("own", "planned"), [(None, 7), (3, 3)])
def test_the_plan_of_the_trainer_counts_where_the_user_said_nothing(
    tmp_path: Path, own: int | None, planned: int
) -> None:
    run = GuardedRun(tmp_path / "run", planned=own)
    run.begin(resume=False, rank=0, planned=7)
    run.end()
    assert json.loads((tmp_path / "run" / "findings.jsonl").read_text())["planned"] == planned


FALLING = [0.30, 0.34, 0.38, 0.41, 0.44, 0.46, 0.47, 0.46, 0.40, 0.33, 0.27, 0.22, 0.18, 0.15]


def levels(folder: Path) -> set[str]:
    lines = map(json.loads, (folder / "findings.jsonl").read_text().splitlines())
    return {line["kind"] for line in lines if line.get("detector") == "over_optimisation"}


@pytest.mark.parametrize(("problems", "samples"), [(None, None), (400, None), (10, 40), (100, 4)])
def test_the_sizes_of_evaluations_are_known_while_it_runs_and_to_the_report(
    tmp_path: Path, problems: int | None, samples: int | None
) -> None:
    run = GuardedRun(tmp_path / "run", problems=problems, samples=samples, planned=14)
    run.begin(resume=False, rank=0, config={"lr": 0.1})
    for step, rate in enumerate(FALLING):
        run.step(10 * step, {"reward": 0.01 * step, "eval/pass@1": rate})
    run.end()
    read = heldout.read(tmp_path / "run")
    assert read.config["lr"] == 0.1
    held = read["held_out"]
    assert (held.fewest_problems, held.mean_samples) == (problems, (samples or 1) if problems else None)
    assert ("confirmed" in levels(tmp_path / "run")) is ((problems or 0) >= 30)
    verdict = heldout.diagnose(read)
    assert verdict.label.startswith("confirmed") is ((problems or 0) >= 30)


@pytest.mark.parametrize("told", [{"problems": 10}, {"samples": 2}])
def test_sizes_beside_a_guard_are_refused(told: dict[str, int]) -> None:
    with pytest.raises(UsageError, match=f"{next(iter(told))} is given beside a guard, which has its own"):
        GuardedRun(Guard(), **told)  # type: ignore[arg-type]
