"""Rollouts that are made up, with their texts in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from heldout.rollouts import Rollouts


class Held:
    """Texts that are there."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts

    def read(self, rows: Sequence[int]) -> Iterator[tuple[str, str]]:
        return (("ask", self._texts[row]) for row in rows)


def made(rows: Sequence[tuple[int, str, str, float, float]], **given: Any) -> Rollouts:
    """Return rollouts of these steps, problems, answers, rewards, and shares of hidden tests passed."""
    steps, names, texts, reward, hidden = zip(*rows, strict=True)
    problems = tuple(dict.fromkeys(names))
    size = len(rows)
    unknown, one = np.full(size, np.nan), np.ones(size)
    failing = ["" if np.isnan(share) or share == 1.0 else "wrong answer" for share in hidden]
    columns: dict[str, Any] = {
        "source": "here",
        "format": "by hand",
        "problems": problems,
        "step": np.array(steps, dtype=np.int64),
        "problem": np.array([problems.index(name) for name in names], dtype=np.int64),
        "group": np.arange(size, dtype=np.int64),
        "reward": np.array(reward, dtype=float),
        "hidden": np.array(hidden, dtype=float),
        "kind": failing,
        "tokens": unknown,
        "advantage": unknown,
        "stop": [""] * size,
        "kept_with": one,
        "judged_with": one,
        "group_rewarded": unknown,
        "texts": Held(texts),
    }
    return Rollouts(**(columns | given))
