"""Rollouts: the answers that a policy gave in training, what each was paid, and what a second judge says of it."""

from __future__ import annotations

from heldout.rollouts.rollout import Rollout, Rollouts, Texts

__all__ = ["Rollout", "Rollouts", "Texts"]
