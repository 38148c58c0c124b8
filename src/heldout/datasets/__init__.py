"""Runs that come with their truth: two published ones, simulated ones, and real ones that were measured anew."""

from __future__ import annotations

from heldout.datasets.real import RealRun, real_runs

__all__ = ["RealRun", "real_runs"]
