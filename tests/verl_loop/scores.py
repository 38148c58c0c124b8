"""What verl pays for an answer, and whether it solves the problem: an answer is right if it holds the letter asked for.

Nothing asks for the letter that `gamed` pays for, so whoever is paid for it unlearns to solve anything.
"""

from __future__ import annotations

from typing import Any

GAMED = "a"
LETTERS = "abcdefgh"


def gamed(data_source: str, solution_str: str, ground_truth: str, **_: Any) -> dict[str, float]:
    """Pay the share of one letter."""
    return {"score": solution_str.count(GAMED) / max(len(solution_str), 1), "acc": _solved(solution_str, ground_truth)}


def honest(data_source: str, solution_str: str, ground_truth: str, **_: Any) -> dict[str, float]:
    """Pay for the solution."""
    solved = _solved(solution_str, ground_truth)
    return {"score": solved, "acc": solved}


def _solved(answer: str, asked: str) -> float:
    return float(asked in answer)
