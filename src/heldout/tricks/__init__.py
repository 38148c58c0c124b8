"""Tricks: ways in which an answer gets a reward without being right, by name.

One list of names for the samples of a run, for the audit of a reward, for JSON and for tests. A name never convicts: an
answer is hacked when it is rewarded and fails the hidden tests, and the name says how.
"""

from __future__ import annotations

from heldout.tricks.families import FAMILIES, Family

__all__ = ["FAMILIES", "Family"]
