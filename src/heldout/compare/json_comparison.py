"""A comparison for machines, schema ``heldout.compare/1`` (documented in docs/compare.md)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

import numpy as np
import orjson

import heldout
from heldout.compare.model import Comparison

SCHEMA = "heldout.compare/1"


def as_json(found: Comparison) -> bytes:
    """Write a comparison as JSON; numbers that are not defined are null."""
    return orjson.dumps(as_object(found), option=orjson.OPT_INDENT_2)


def as_object(found: Comparison) -> dict[str, Any]:
    """Return a comparison as plain objects: its fields by their names."""
    told = _plain(found)
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


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: dataclasses as objects, numbers that are not finite as None."""
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()  # no lone surrogates, which JSON does not have
    if isinstance(value, Mapping):
        return {_plain(key): _plain(one) for key, one in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, Sequence):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value
