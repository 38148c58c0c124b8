"""Evaluations that are added to a run afterwards: one curve, and no sample counted twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import heldout
from heldout.run import Evaluation
from heldout.store.afterwards import add_evaluation
from heldout.store.recorder import Recorder

IDS = ["a", "b", "c", "d"]
TRAINED = {"seed": 0, "evaluate_split": "validation"}  # as `heldout train` records it


def measured(step: int, passed: list[int], ids: list[str] = IDS, samples: int = 1) -> Evaluation:
    return Evaluation.from_counts(step, ids, passed, samples, "set-validation")


def trained(directory: Path, steps: range = range(1, 11), **settings: object) -> Path:
    """Record a run that is measured at steps 0 and 10."""
    with Recorder(directory, config={**TRAINED, **settings}) as recorder:
        recorder.evaluation(0, problems=IDS, passed=[0, 0, 0, 0])
        for step in steps:
            recorder.log(step, reward=step / 10)
        recorder.evaluation(10, problems=IDS, passed=[1, 1, 1, 0])
    return directory


def rates(directory: Path) -> list[tuple[int, float, float | None]]:
    return [(one.step, one.rate, one.samples) for one in heldout.read(directory).evaluations()]


def test_it_continues_the_run_s_own_curve_and_leaves_the_run_as_it_was(tmp_path: Path) -> None:
    run = trained(tmp_path / "run")
    before = (run / "metrics.jsonl").read_bytes(), (run / "run.json").read_bytes()
    found, said = add_evaluation(run, measured(5, [1, 0, 1, 0], IDS), seed=0, model="m", errors={"cut": 1})
    assert (found.benchmark, said) == ("held-out", "recorded as held-out, step 5.")
    assert rates(run) == [(0, 0.0, 1), (5, 0.5, 1), (10, 0.75, 1)]
    assert ((run / "metrics.jsonl").read_bytes(), (run / "run.json").read_bytes()) == before
    assert len(heldout.read(run)["reward"]) == 10


def test_the_same_seed_replaces_and_another_adds_its_samples(tmp_path: Path) -> None:
    run = trained(tmp_path / "run")
    _, said = add_evaluation(run, measured(10, [0, 0, 0, 0]), seed=0)
    assert "in place of what was measured there" in said
    assert rates(run)[-1] == (10, 0.0, 1)
    found, said = add_evaluation(run, measured(10, [4, 0, 2, 0], samples=4), seed=1)
    assert found.rate == pytest.approx((4 / 5 + 2 / 5) / 4)
    assert "with the samples of 2 seeds: pass@1 30.0% in all" in said
    assert rates(run)[-1] == (10, found.rate, 5)
    add_evaluation(run, measured(10, [4, 0, 4, 0], samples=4), seed=1)
    assert rates(run)[-1] == (10, pytest.approx((4 / 5 + 4 / 5) / 4), 5)
    add_evaluation(run, measured(10, [1, 1, 1, 1]), seed=0)
    assert rates(run)[-1] == (10, pytest.approx((5 + 1 + 5 + 1) / 5 / 4), 5)


def test_samples_without_a_known_seed_are_never_added_up(tmp_path: Path) -> None:
    run = trained(tmp_path / "run")
    add_evaluation(run, measured(10, [1, 1, 1, 1]))
    assert rates(run)[-1] == (10, 1.0, 1)
    other = tmp_path / "other"
    with Recorder(other) as recorder:  # of a trainer that does not say with which seed it samples
        recorder.evaluation(10, problems=IDS, passed=[0, 0, 0, 0])
    add_evaluation(other, measured(10, [1, 1, 1, 1]), seed=1)
    assert rates(other) == [(10, 1.0, 1)]


def test_other_problems_are_a_benchmark_of_their_own(tmp_path: Path) -> None:
    run = trained(tmp_path / "run")
    found, said = add_evaluation(run, measured(5, [1, 0], ["a", "b"]), seed=0)
    assert found.benchmark == "set-validation"
    assert "nothing else of this run is measured on these problems" in said
    assert [step for step, *_ in rates(run)] == [0, 10]


def test_what_the_training_went_back_behind_is_neither_replaced_nor_added_to(tmp_path: Path) -> None:
    run = trained(tmp_path / "run")
    with Recorder(run, resume=True) as recorder:  # from the checkpoint of step 4
        for step in range(5, 13):
            recorder.log(step, reward=0.5)
    assert [step for step, *_ in rates(run)] == [0]
    add_evaluation(run, measured(10, [1, 0, 0, 0]), seed=1)  # not to the samples of the policy that was given up
    add_evaluation(run, measured(4, [1, 1, 0, 0]), seed=0)
    add_evaluation(run, measured(4, [1, 1, 1, 1]), seed=1)
    assert rates(run) == [(0, 0.0, 1), (4, 0.75, 2), (10, 0.25, 1)]
    lines = [json.loads(line) for line in (run / "evals" / "held-out.jsonl").read_text().splitlines()]
    assert [line.get("pooled") for line in lines] == [None, None, None, None, None, [0, 1]]


def test_a_run_that_is_being_written_takes_an_evaluation_of_another_process(tmp_path: Path) -> None:
    with Recorder(tmp_path / "run", config=TRAINED) as recorder:
        recorder.log(1, reward=0.0)
        recorder.evaluation(0, problems=IDS, passed=[0, 0, 0, 0])
        add_evaluation(tmp_path / "run", measured(1, [1, 1, 0, 0]), seed=0)
        recorder.log(2, reward=0.0)
        recorder.evaluation(2, problems=IDS, passed=[1, 1, 1, 1])
    assert rates(tmp_path / "run") == [(0, 0.0, 1), (1, 0.5, 1), (2, 1.0, 1)]
