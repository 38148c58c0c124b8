"""Rewards: named ones, the user's own, and weighted sums of them.

A reward looks at problems and completions and gives one number each, or None where it cannot say. The held-out
evaluation never passes through here: it has a judge of its own, so that a reward is never its own judge.
"""

from __future__ import annotations

from heldout.rewards.formula import NAMED, Part, Score, parts_of
from heldout.rewards.judges import ExitStatus, Fraction, Solved
from heldout.rewards.own import Own

__all__ = ["NAMED", "ExitStatus", "Fraction", "Own", "Part", "Score", "Solved", "parts_of"]
