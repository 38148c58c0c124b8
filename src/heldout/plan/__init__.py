"""How to evaluate: which schedule shows which fall, and which checkpoint of a finished run to evaluate next."""

from __future__ import annotations

from heldout.plan.checkpoints import NextCheckpoints, next_checkpoints
from heldout.plan.schedule import Schedule, advice, best_for, cheapest, doubled

__all__ = ["NextCheckpoints", "Schedule", "advice", "best_for", "cheapest", "doubled", "next_checkpoints"]
