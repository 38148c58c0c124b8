"""The fold: what is new is given once, what changed is folded anew, and a detector that fails is asked no more."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from heldout.detectors.base import Block
from heldout.diagnosis.detectors import Detectors
from heldout.findings import Finding, Severity
from heldout.live.fold import Fold, LogFold, last_step
from heldout.readers.growing import GrowingLog
from heldout.run import Evaluation, Run, Series


class Scribe:
    """A detector that finds every value of the reward, and every evaluation."""

    name = "scribe"
    needs = ()

    def __init__(self) -> None:
        self.blocks = 0

    def update(self, block: Block) -> list[Finding]:
        self.blocks += 1
        reward = block.metrics.get("reward")
        seen = [] if reward is None else zip(reward.step.tolist(), reward.value.tolist(), strict=True)
        told = [(step, f"reward {value:g}") for step, value in seen]
        told += [(one.step, f"evaluation {one.rate:g}") for one in block.evaluations]
        return [finding(step, text) for step, text in told]


def finding(step: int, seen: str) -> Finding:
    return Finding(
        detector="scribe",
        severity=Severity.NOTICE,
        kind=seen.split()[0],
        step=step,
        steps=(step, step),
        seen=seen,
        against="",
        means="",
        advice="",
    )


def scribed(fold: Fold) -> list[tuple[int, str]]:
    return [(one.step, one.seen) for one in fold.findings if one.detector == "scribe"]


def blocks(fold: Fold) -> int:
    (scribe,) = fold.detectors.others
    assert isinstance(scribe, Scribe)
    return scribe.blocks


def told() -> LogFold:
    return LogFold(GrowingLog(), Detectors.planned(10, [Scribe()]), pytest.fail)


def run(*values: float, rates: dict[int, float] | None = None) -> Run:
    step = np.arange(1, len(values) + 1)
    finite = np.isfinite(values)
    metrics = {"reward": Series("reward", step[finite], np.array(values)[finite], nonfinite=step[~finite])}
    if rates:
        metrics["held_out"] = Series("held_out", np.array(list(rates)), np.array(list(rates.values())))
    return Run("a", "a", "test", metrics, {key: key for key in metrics})


def test_each_step_is_given_once() -> None:
    fold = told()
    for step in (1, 2, 3):
        fold.metrics(step, {"reward": step})
    assert scribed(fold) == [(1, "reward 1"), (2, "reward 2"), (3, "reward 3")]
    assert blocks(fold) == 3  # the first one as the first of a fold that begins anew


def test_of_a_step_that_is_logged_twice_the_last_value_counts() -> None:
    fold = told()
    for step, reward in ((1, 1), (2, 2), (2, 7), (3, 3)):
        fold.metrics(step, {"reward": reward})
    assert scribed(fold) == [(1, "reward 1"), (2, "reward 7"), (3, "reward 3")]


def test_what_detectors_do_not_look_at_may_come_later_in_a_step_without_a_fold_anew() -> None:
    fold = told()
    fold.metrics(1, {"reward": 1, "time/step_s": 3.0})
    fold.metrics(2, {"reward": 2})
    before = fold.detectors
    fold.metrics(2, {"time/step_s": 3.0})
    assert fold.detectors is before
    fold.metrics(2, {"entropy": 3.0})
    assert fold.detectors is not before


def test_a_run_that_goes_back_forgets_what_it_repeats() -> None:
    fold = told()
    for step in (1, 2, 3):
        fold.metrics(step, {"reward": step})
    fold.log.rewind()
    fold.metrics(2, {"reward": 9}, back=True)
    assert scribed(fold) == [(1, "reward 1"), (2, "reward 9")]
    assert fold.newest == 2


def test_an_evaluation_of_an_earlier_step_stands_where_it_belongs() -> None:
    fold = told()
    fold.metrics(30, {"reward": 1})
    for step, passed in ((10, 1), (30, 3), (20, 2)):
        fold.measured(Evaluation.from_counts(step, ["a", "b", "c", "d"], [1] * passed + [0] * (4 - passed)), {})
    assert [one.step for one in fold.evaluations] == [10, 20, 30]
    assert scribed(fold) == [
        (10, "evaluation 0.25"),
        (20, "evaluation 0.5"),
        (30, "evaluation 0.75"),
        (30, "reward 1"),
    ]


def test_another_benchmark_is_not_given_to_the_detectors() -> None:
    fold = told()
    for benchmark in ("mine", "another"):
        fold.measured(Evaluation.from_counts(10, ["a", "b"], [1, 0], benchmark=benchmark), {})
    assert scribed(fold) == [(10, "evaluation 0.5")]


def test_a_rate_that_turns_out_to_be_in_percent_is_folded_anew() -> None:
    fold = told()
    fold.metrics(1, {"eval/pass_rate": 1.0})
    fold.metrics(2, {"eval/pass_rate": 50.0})
    assert scribed(fold) == [(1, "evaluation 0.01"), (2, "evaluation 0.5")]


def test_a_run_that_was_read_again_gives_only_what_is_new() -> None:
    fold = Fold(Detectors.planned(10, [Scribe()]), pytest.fail)
    assert [fold.catch_up(run(*values)) for values in ((1, 2), (1, 2), (1, 2, 3))] == [None, None, None]
    assert scribed(fold) == [(1, "reward 1"), (2, "reward 2"), (3, "reward 3")]
    assert blocks(fold) == 3


@pytest.mark.parametrize(
    ("later", "changed"),
    [
        (run(1, 5, 3), 2),
        (run(1, 2, math.nan), 3),
        (run(1, 2), 3),
        (run(1, 2, 3, rates={2: 0.5}), 2),
        (replace(run(1, 2, 3), roles={}), 1),
    ],
)
def test_the_first_step_that_changed_is_told_and_all_is_folded_anew(later: Run, changed: int) -> None:
    fold, fresh = (Fold(Detectors.planned(10, [Scribe()]), pytest.fail) for _ in range(2))
    fold.catch_up(run(1, 2, 3))
    assert fold.catch_up(later) == changed
    fresh.catch_up(later)
    assert scribed(fold) == scribed(fresh)
    assert blocks(fold) == 1
    assert fold.newest == last_step(later)


def test_a_step_of_nothing_but_nan_is_the_last_step() -> None:
    assert last_step(run(1, 2, math.nan)) == 3


def test_a_detector_that_failed_is_asked_no_more_also_after_a_fold_anew() -> None:
    class Broken(Scribe):
        name = "broken"

        def update(self, block: Block) -> list[Finding]:
            raise ValueError("oh")

    why: list[str] = []
    fold = Fold(Detectors.planned(10, [Broken(), Scribe()]), why.append)
    for values in ((1, 2), (1, 2, 3), (9, 9, 9)):
        fold.catch_up(run(*values))
    assert why == ["The detector broken failed and is asked no more (ValueError: oh)."]
    assert scribed(fold) == [(1, "reward 9"), (2, "reward 9"), (3, "reward 9")]


def test_the_detectors_that_were_given_stay_fresh() -> None:
    fresh = Detectors.planned(10, [Scribe()])
    fold = Fold(fresh, pytest.fail)
    fold.catch_up(run(1, 2))
    (scribe,) = fresh.others
    assert isinstance(scribe, Scribe)
    assert scribe.blocks == 0
