"""What the curves of a run mean: the verdict, and the description that quotes it."""

from __future__ import annotations

from heldout.diagnosis.description import Description, describe
from heldout.diagnosis.verdict import diagnose

__all__ = ["Description", "describe", "diagnose"]
