"""Rollouts made by hand, for tests of what is said about them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from heldout.rollouts import Rollouts


class Given(NamedTuple):
    """One answer."""

    text: str
    step: int = 0
    problem: str = "p"
    reward: float = 1.0
    hidden: float = np.nan
    kind: str = ""
    kept_with: float = 1.0
    judged_with: float | None = None  # as it was kept if not given


class Listed:
    """Texts in a list."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts

    def read(self, rows: Sequence[int]) -> Iterator[tuple[str, str]]:
        return (("", self.texts[row]) for row in rows)


def rollouts_of(given: Sequence[Given]) -> Rollouts:
    """Return these answers in order of steps; answers to one problem at one step are a group."""
    given = sorted(given, key=lambda one: one.step)
    problems = tuple(sorted({one.problem for one in given}))
    groups = {key: number for number, key in enumerate(dict.fromkeys((one.step, one.problem) for one in given))}
    none = np.full(len(given), np.nan)
    return Rollouts(
        source="here",
        format="by hand",
        problems=problems,
        step=np.array([one.step for one in given], dtype=np.int64),
        problem=np.array([problems.index(one.problem) for one in given], dtype=np.int64),
        group=np.array([groups[one.step, one.problem] for one in given], dtype=np.int64),
        reward=np.array([one.reward for one in given]),
        hidden=np.array([one.hidden for one in given]),
        kind=[one.kind for one in given],
        tokens=none,
        advantage=none,
        stop=[""] * len(given),
        kept_with=np.array([one.kept_with for one in given]),
        judged_with=np.array([one.kept_with if one.judged_with is None else one.judged_with for one in given]),
        group_rewarded=none,
        texts=Listed([one.text for one in given]),
    )
