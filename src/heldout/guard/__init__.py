"""Watching a run while it goes on: record, fold, decide, act.

`Policy` is what the user wants, `Decision` what follows from it, `Guard` the whole for a training loop.
"""

from __future__ import annotations

from heldout.guard.acts import Actor
from heldout.guard.guard import Guard
from heldout.guard.policy import Decision, On, Policy, decide

__all__ = ["Actor", "Decision", "Guard", "On", "Policy", "decide"]
