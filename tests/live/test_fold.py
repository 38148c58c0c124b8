"""The fold: what is new is given once, what changed is folded anew, and a detector that fails is asked no more."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from heldout.detectors import Detectors
from heldout.detectors.base import Block
from heldout.findings import Finding, Severity
from heldout.live.fold import Fold, LogFold, last_step
from heldout.readers.restarts import GrowingLog
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


def measured(*evaluations: Evaluation) -> Run:
    step = np.array([one.step for one in evaluations])
    metrics = {
        "reward": Series("reward", np.arange(1, 41), np.zeros(40)),
        evaluations[0].key: Series(evaluations[0].key, step, np.array([one.rate for one in evaluations])),
    }
    return Run("a", "a", "test", metrics, {"reward": "reward", "held_out": evaluations[0].key}, measured=evaluations)


def counted(step: int, *passed: float, samples: int = 1, names: str = "abcd") -> Evaluation:
    return Evaluation.from_counts(step, list(names[: len(passed)]), passed, samples)


@pytest.mark.parametrize(
    ("second", "changed"),
    [
        (counted(20, 1, 1, 0, 0), None),
        (counted(20, 0, 0, 1, 1), 20),  # the rate is the same, and other problems were solved
        (counted(20, 1, 1, 0, 0, names="abce"), 20),
        (counted(20, 2, 2, 0, 0, samples=2), 20),
        (counted(20, 1, 1, 1, 0), 20),
        (counted(20, 1, 0), 20),
        (counted(30, 1, 1, 0, 0), 20),
        (counted(15, 1, 1, 0, 0), 15),
        (None, 20),
    ],
)
def test_an_evaluation_that_is_another_one_is_a_change(second: Evaluation | None, changed: int | None) -> None:
    fold = Fold(Detectors.planned(10, [Scribe()]), pytest.fail)
    first = counted(10, 1, 0, 0, 0)
    fold.catch_up(measured(first, counted(20, 1, 1, 0, 0)))
    now = measured(first) if second is None else measured(first, second)
    assert fold.catch_up(now) == changed
    assert [one.step for one in fold.evaluations] == [one.step for one in now.measured]
    assert (blocks(fold) == 1) == (changed is not None)


def test_what_was_not_a_number_and_still_is_not_is_no_change() -> None:
    fold = Fold(Detectors.planned(10, [Scribe()]), pytest.fail)
    assert [fold.catch_up(run(1, math.nan, 3)), fold.catch_up(run(1, math.nan, 3, 4))] == [None, None]
    assert [step for step, _ in scribed(fold)] == [1, 2, 3, 4]


def test_the_last_step_is_that_of_the_metric_that_goes_furthest() -> None:
    assert last_step(run(1, 2, rates={7: 0.5})) == 7
    assert last_step(run(1, math.nan, rates={1: 0.5})) == 2
    fold = Fold(Detectors.planned(10, [Scribe()]), pytest.fail)
    assert fold.newest == -1
    fold.catch_up(run(1, 2, rates={7: 0.5}))
    assert fold.newest == 7


def test_findings_are_in_order_of_their_steps_also_where_they_come_late() -> None:
    class Slow(Scribe):
        """Finds at each block what the block before held."""

        name = "slow"

        def __init__(self) -> None:
            super().__init__()
            self.before: list[Finding] = []

        def update(self, block: Block) -> list[Finding]:
            found, self.before = self.before, super().update(block)
            return found

    fold = LogFold(GrowingLog(), Detectors.planned(10, [Scribe(), Slow()]), pytest.fail)
    for step in (1, 2, 3):
        fold.metrics(step, {"reward": step})
    assert [one.step for one in fold.findings] == [1, 1, 2, 2, 3]


def test_what_is_told_of_an_evaluation_counts_where_a_detector_looks_at_it() -> None:
    fold = told()
    fold.metrics(1, {"reward": 1})
    before = fold.detectors
    fold.measured(counted(10, 1, 0), {"errors": 3})
    # The first one makes the held-out score known, and so all is folded anew; the second one is not.
    assert fold.detectors is not before
    before = fold.detectors
    fold.measured(counted(20, 1, 1), {"errors": 3})
    assert fold.detectors is before
    assert [one.step for one in fold.evaluations] == [10, 20]
    fold.measured(counted(20, 0, 1), {"errors": 3})
    assert fold.detectors is not before
    assert [(one.step, one.rate) for one in fold.evaluations] == [(10, 0.5), (20, 0.5)]
    before = fold.detectors
    fold.measured(counted(30, 1, 1), {"mean_length": 3})  # the length of held-out responses is looked at
    assert fold.detectors is not before
    assert fold.newest == 30


def test_nothing_but_words_is_no_run_yet() -> None:
    fold = told()
    fold.metrics(3, {"note": "hello"})
    assert fold.run() is None
    fold.anew()
    assert (fold.findings, fold.newest) == ([], 3)


def test_a_part_of_the_reward_that_comes_later_in_a_step_is_folded_anew() -> None:
    fold = told()
    fold.metrics(1, {"reward": 1, "rewards/a/mean": 0.5})
    fold.metrics(2, {"reward": 2})
    before = fold.detectors
    fold.metrics(2, {"rewards/a/mean": 0.5})
    assert fold.detectors is not before
    before = fold.detectors
    fold.metrics(3, {"rewards/a/mean": 0.5})
    assert fold.detectors is before


def test_after_a_fold_anew_what_follows_is_given_once() -> None:
    fold = told()
    for step in (1, 2, 3):
        fold.metrics(step, {"reward": step})
    fold.anew()
    before = fold.detectors
    fold.metrics(4, {"reward": 4})
    assert fold.detectors is before
    assert scribed(fold) == [(step, f"reward {step}") for step in (1, 2, 3, 4)]
    assert blocks(fold) == 2


def test_a_rate_beside_others_is_an_evaluation_of_its_own() -> None:
    fold = told()
    for step in (10, 20, 30):
        fold.metrics(step, {"reward": 1, "eval/pass_rate": step / 100})
    before = fold.detectors
    fold.metrics(40, {"eval/pass_rate": 0.4})
    assert fold.detectors is before
    assert [(one.step, one.rate) for one in fold.evaluations] == [(10, 0.1), (20, 0.2), (30, 0.3), (40, 0.4)]
    fold.metrics(40, {"eval/pass_rate": 0.45})
    assert [(one.step, one.rate) for one in fold.evaluations][-1] == (40, 0.45)
