"""Which problems were lost and gained since the best checkpoint."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from heldout.diagnosis.problems import problems_of
from heldout.findings import Estimate, State, Verdict
from heldout.run import Evaluation, Run, Series

NAMES = ("kept", "lost", "gained", "never", "lost twice")
SOLVED = [[1, 1, 0, 0, 1], [1, 1, 0, 0, 1], [1, 1, 0, 0, 0], [1, 0, 1, 0, 0]]


def run_of(solved: Sequence[Sequence[int]], names: Sequence[Sequence[str]] | None = None, samples: int = 1) -> Run:
    asked = names or [NAMES] * len(solved)
    found = [
        Evaluation.from_counts(10 * k, which, row, samples)
        for k, (row, which) in enumerate(zip(solved, asked, strict=True))
    ]
    key = "eval/held-out/pass@1"
    series = Series(key, np.array([one.step for one in found]), np.array([one.rate for one in found]))
    return Run("run", "memory", "test", {key: series}, {"held_out": key}, measured=tuple(found))


def verdict(step: int, *tied: int) -> Verdict:
    kept = Estimate(step, 0.6, 0.5, 0.7)
    return Verdict(state=State.PLATEAU, label="", sentence="", recommended=kept, tied=(step, *tied))


def test_problems_are_sorted_by_what_became_of_them() -> None:
    found = problems_of(run_of(SOLVED), verdict(10, 0))
    assert found is not None
    assert (found.since, found.last, found.asked) == (10, 30, 5)
    assert dict(zip(found.names, found.fate, strict=True)) == {
        "lost": "lost", "lost twice": "lost", "never": "never", "gained": "gained", "kept": "kept"
    }  # fmt: skip
    assert found.names == ("lost", "lost twice", "never", "gained", "kept")
    assert found.share[1].tolist() == [1.0, 1.0, 0.0, 0.0]


def test_where_the_last_checkpoint_is_the_one_to_keep_flips_are_counted_from_the_first() -> None:
    found = problems_of(run_of(SOLVED), verdict(30))
    assert found is not None
    assert (found.since, found.count("lost"), found.count("gained")) == (0, 2, 1)


def test_luck_is_told_by_the_tied_evaluations_beside_it_and_never_by_the_last() -> None:
    def judged_by(step: int, *tied: int) -> tuple[int, int]:
        found = problems_of(run_of(SOLVED), verdict(step, *tied))
        assert found is not None
        return found.judged_by

    assert judged_by(10, 0) == (0, 10)
    assert judged_by(10, 0, 20, 30) == (0, 20)
    assert judged_by(10) == (0, 10)  # the nearer one: both have solved three
    assert judged_by(20) == (10, 20)


def test_one_sample_of_each_problem_tells_nothing_of_luck() -> None:
    found = problems_of(run_of(SOLVED[-2:]), verdict(0))
    assert found is not None
    assert found.by_chance is None
    assert "cannot be told" in found.told[-1]
    several = problems_of(run_of([[4, 3, 0, 0, 1], [4, 0, 3, 0, 1]], samples=4), verdict(0))
    assert several is not None
    assert several.by_chance is not None


def test_a_problem_that_one_of_them_did_not_ask_is_neither_lost_nor_gained() -> None:
    asked = [NAMES, NAMES, NAMES, NAMES[:1] + NAMES[2:]]
    found = problems_of(run_of([*SOLVED[:3], [1, 1, 0, 0]], asked), verdict(10))
    assert found is not None
    assert (found.asked, found.count("lost")) == (4, 1)
    assert np.isnan(found.share[found.names.index("lost"), -1])


def test_without_outcomes_of_single_problems_nothing_is_said() -> None:
    assert problems_of(run_of(SOLVED[:1]), verdict(0)) is None
    series = Series("pass@1", np.arange(3), np.full(3, 0.5))
    assert problems_of(Run("r", "m", "t", {"pass@1": series}, {"held_out": "pass@1"}), verdict(0)) is None
    assert problems_of(Run("r", "m", "t", {}), verdict(0)) is None
