"""Recipes compared: the seed is the unit, problems are crossed with seeds, and what cannot be said is said."""

from __future__ import annotations

from heldout.compare.comparing import compare
from heldout.compare.groups import Group, groups_of
from heldout.compare.model import Answer, Comparison, Difference
from heldout.compare.schema import schema

__all__ = ["Answer", "Comparison", "Difference", "Group", "compare", "groups_of", "schema"]
