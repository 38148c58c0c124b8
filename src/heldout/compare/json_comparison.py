"""A comparison for machines, schema ``heldout.compare/1`` (documented in docs/compare.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

import heldout
from heldout.compare.model import Comparison
from heldout.plain import plain

SCHEMA = "heldout.compare/1"


def as_json(found: Comparison) -> bytes:
    """Write a comparison as JSON; numbers that are not defined are null."""
    return orjson.dumps(as_object(found), option=orjson.OPT_INDENT_2)


def as_object(found: Comparison) -> dict[str, Any]:
    """Return a comparison as plain objects: its fields by their names."""
    told = plain(found)
    spoken = told.pop("spoken")
    recipes = told.pop("recipes")
    return {
        "schema": SCHEMA,
        "heldout": heldout.__version__,
        "at": told.pop("at"),
        "benchmark": told.pop("benchmark"),
        "scale": "share" if spoken["share"] else "logarithm" if spoken["ratio"] else "score",
        "lower_is_better": spoken["lower"],
        "groups": [_group(recipe) for recipe in recipes],
        "estimates": [{"group": recipe["name"], **level} for recipe in recipes for level in recipe["levels"].values()],
        "set": told.pop("best"),
        "curve": told.pop("curves"),
        **told,
    }


def _group(recipe: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": recipe["name"], "by": recipe["by"], "members": recipe["members"]}
