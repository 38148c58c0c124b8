"""Watching a run while it goes on: record, fold, decide, act."""

from __future__ import annotations

from heldout.guard.policy import Decision, On, Policy, decide

__all__ = ["Decision", "On", "Policy", "decide"]
