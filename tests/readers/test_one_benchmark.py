"""Evaluations of the same problems under several names are one series, those of other problems are not."""

from __future__ import annotations

import pytest

from heldout.readers.benchmarks import under_one_name
from heldout.run import Evaluation

SAME = tuple("abcd")


def at(step: int, benchmark: str, problems: tuple[str, ...] = SAME) -> Evaluation:
    return Evaluation.from_counts(step, problems, [1] * len(problems), benchmark=benchmark)


@pytest.mark.parametrize(
    ("evaluations", "names"),
    [
        ([at(0, "held-out"), at(5, "task-test")], ["held-out", "held-out"]),
        ([at(0, "task-test"), at(5, "held-out"), at(9, "task-test")], ["task-test"] * 3),
        ([at(0, "held-out"), at(0, "task-test")], ["held-out"] * 2),  # measured again by another command
        ([at(0, "strict"), at(0, "lenient")], ["strict", "lenient"]),  # two judges
        ([at(0, "a"), at(5, "b", (*SAME, "e"))], ["a", "b"]),
        ([at(0, "a"), at(5, "b"), at(9, "b", tuple("xy"))], ["a", "b", "b"]),  # not always the same problems
    ],
)
def test_one_set_of_problems_has_one_name(evaluations: list[Evaluation], names: list[str]) -> None:
    found, notes = under_one_name(evaluations)
    assert [one.benchmark for one in found] == names
    assert len(notes) == (len(set(names)) < len({one.benchmark for one in evaluations}))
