"""The form of ``compare.json`` as a JSON Schema, for programs that read it."""

from __future__ import annotations

from heldout.compare.json_comparison import SCHEMA
from heldout.compare.model import Comparison, Level, Recipe
from heldout.json_schema import TEXT, TRUTH, Schema, Types, list_of, object_of

_SCALES = ["share", "logarithm", "score"]


def schema() -> Schema:
    """What does a comparison look like as JSON? A JSON Schema (draft 2020-12), made from the types of a comparison."""
    told = Types()
    found = told.properties(Comparison)
    recipe = told.properties(Recipe)
    group = object_of({key: recipe[key] for key in ("name", "by", "members")})
    own = {"set": found.pop("best"), "curve": found.pop("curves")}
    del found["spoken"], found["recipes"]
    del told.told["Spoken"], told.told["Recipe"]
    return told.document("What heldout compare says of runs", object_of({
        "schema": {"const": SCHEMA},
        "heldout": TEXT,
        "scale": {"enum": _SCALES},
        "lower_is_better": TRUTH,
        "groups": list_of(group),
        "estimates": list_of(object_of({"group": TEXT, **told.properties(Level)})),
        **own,
        **found,
    }))  # fmt: skip
