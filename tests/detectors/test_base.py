"""The block of a run between two steps, and the order of what was found in it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from heldout.detectors.base import Block, Points, block_of, fold, in_order, unchecked
from heldout.detectors.entropy import EntropyCollapse
from heldout.detectors.gradient import GradientSpikes
from heldout.findings import Finding, Severity
from heldout.run import Run, Series

RUN = Run(
    "a",
    "",
    "",
    {
        "norm": Series("norm", np.array([1, 2, 4]), np.array([0.1, 0.2, 0.4]), nonfinite=np.array([3, 5])),
        "rewards/style/mean": Series("rewards/style/mean", np.array([1, 4]), np.array([0.5, 0.6])),
        "score": Series("score", np.array([2, 3, 4]), np.array([0.2, 0.3, 0.4])),
    },
    {"grad_norm": "norm", "held_out": "score"},
)


def found(detector: str, kind: str, step: int) -> Finding:
    return Finding(
        detector=detector,
        severity=Severity.NOTICE,
        kind=kind,
        step=step,
        steps=(step, step),
        seen="",
        against="",
        means="",
        advice="",
    )


@pytest.mark.parametrize(
    ("after", "until", "norm", "score"),
    [
        (-1, None, [1, 2, 3, 4, 5], [2, 3, 4]),
        (2, 4, [3, 4], [3, 4]),
        (1, 2, [2], [2]),
        (3, None, [4, 5], [4]),
        (4, 5, [5], []),
        (5, 9, [], []),
    ],
)
def test_a_block_begins_after_one_step_and_ends_with_another(
    after: int, until: int | None, norm: list[int], score: list[int]
) -> None:
    block = block_of(RUN, after, until)
    assert [int(step) for step in block.metrics["grad_norm"].step] == norm if norm else "grad_norm" not in block.metrics
    assert [one.step for one in block.evaluations] == score
    assert ("held_out" in block.metrics) == bool(score)


def test_steps_without_a_finite_value_stand_in_their_place_as_nan() -> None:
    norm = block_of(RUN).metrics["grad_norm"]
    assert norm.step.tolist() == [1, 2, 3, 4, 5]
    assert norm.value == pytest.approx([0.1, 0.2, np.nan, 0.4, np.nan], nan_ok=True)


def test_parts_of_the_reward_are_given_by_their_key() -> None:
    assert {key: points.step.tolist() for key, points in block_of(RUN).parts.items()} == {"rewards/style/mean": [1, 4]}
    assert block_of(RUN, 1, 3).parts == {}


def test_findings_are_in_order_of_step_then_detector_then_kind() -> None:
    order = [found("b", "x", 1), found("a", "x", 2), found("a", "y", 2), found("b", "a", 2)]
    assert in_order(reversed(order)) == order


def test_one_that_raises_is_asked_no_more_and_the_others_are() -> None:
    class Raises(EntropyCollapse):
        def update(self, block: Block) -> list[Finding]:
            raise RuntimeError(f"after {len(block.metrics)}")

    failed: list[str] = []
    blocks = [Block({"grad_norm": Points(np.array([step]), np.array([np.nan]))}) for step in (7, 90)]
    broken, fine = Raises(), GradientSpikes(within=1)
    assert [one.step for one in fold([broken, fine], blocks, lambda one, why: failed.append(str(why)))] == [7, 90]
    assert failed == ["after 1"]
    with pytest.raises(RuntimeError, match="after 1"):
        fold([Raises()], blocks)


def test_what_has_nothing_to_look_at_is_named_with_what_it_lacks() -> None:
    (one,) = unchecked([EntropyCollapse(), GradientSpikes()], RUN)
    assert (one.detector, one.missing) == ("entropy", "no metric is known as entropy")


class Odd:
    """A detector of somebody's own, which is not what it should be."""

    name, needs = "odd", ("reward",)

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def update(self, block: Block) -> Any:
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


@pytest.mark.parametrize("answer", [["text"], "text", 5, None, [None], ValueError("no"), SystemExit(4)])
def test_a_detector_that_finds_no_findings_is_left_out_and_the_others_go_on(answer: Any) -> None:
    told: list[str] = []
    quiet = Odd([])
    blocks = [Block(), Block()]
    assert fold([Odd(answer), quiet], blocks, lambda detector, error: told.append(detector.name)) == []
    assert told == ["odd"]
