"""Watching a run while it goes on: record, fold, decide, act.

`Rules` is what the user wants, `Decision` what follows from it, `Guard` the whole for a training loop.
"""

from __future__ import annotations

from heldout.live.guard import Guard
from heldout.live.rules import Decision, On, Rules, decide

__all__ = ["Decision", "Guard", "On", "Rules", "decide"]
