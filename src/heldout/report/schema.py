"""The form of ``report.json`` as a JSON Schema, for programs that read it."""

from __future__ import annotations

from heldout.diagnosis.description import Description, SeriesDescription
from heldout.diagnosis.first_screen import Line
from heldout.diagnosis.model import Pair, Point
from heldout.diagnosis.problems import GAINED, LOST, NEVER
from heldout.findings import BenchmarkFall, Estimate, Verdict
from heldout.json_schema import MAYBE, TEXT, TRUTH, WHOLE, Schema, Types, list_of, map_of, object_of, or_null
from heldout.metrics import ROLES, Unit
from heldout.report.json_report import NAMES, SCHEMA
from heldout.run import Note
from heldout.stats.correlation import CoMovement

_RUN = object_of({
    "name": TEXT, "source": TEXT, "format": TEXT, "steps": WHOLE, "first_step": WHOLE, "last_step": WHOLE,
    "metrics": list_of(TEXT), "settings": map_of(TEXT),
})  # fmt: skip
_PROBLEMS = object_of({
    "since": WHOLE, "last": WHOLE, "asked": WHOLE, **dict.fromkeys((LOST, GAINED, NEVER), WHOLE),
    **dict.fromkeys(("lost_by_chance", "gained_by_chance"), or_null({"type": "object"})), "judged_by": list_of({}),
})  # fmt: skip
_ROLE = object_of({
    "key": TEXT, "unit": TEXT, "scale": {"enum": [unit.value for unit in Unit]}, "values": WHOLE,
    "problems": or_null(WHOLE), "samples": MAYBE,
})  # fmt: skip


def schema() -> Schema:
    """What does a ``report.json`` look like? A JSON Schema (draft 2020-12), made from the types that it is written of.

    Examples
    --------
    >>> schema()["properties"]["schema"]
    {'const': 'heldout.report/1'}
    """
    told = Types(NAMES)
    series = told.properties(SeriesDescription) | {"noise": object_of({"sd": MAYBE, "share_of_movement": MAYBE})}
    described = told.properties(Description) | {
        "series": map_of(object_of(series)),
        "key_points": map_of(list_of(told.of(Point))),
        "correlations": list_of(object_of(told.properties(Pair) | told.properties(CoMovement))),
    }
    del described["pairs"]
    fall = told.properties(BenchmarkFall) | {"p": MAYBE, "adjusted_p": MAYBE}
    checkpoint = told.properties(Estimate) | {"tied": TRUTH, "path": or_null(TEXT)}
    return told.document("What heldout report says of a run", object_of({
        "schema": {"const": SCHEMA},
        "heldout": TEXT,
        "run": _RUN,
        "answers": list_of(told.of(Line)),
        "verdict": object_of(told.properties(Verdict) | {"benchmarks": list_of(object_of(fall))}),
        "checkpoints": list_of(object_of(checkpoint)),
        "problems": or_null(_PROBLEMS),
        "roles": object_of(dict.fromkeys(ROLES, or_null(_ROLE))),
        **described,
        "notes": list_of(told.of(Note)),
        "figures": map_of(list_of(TEXT)),
    }))  # fmt: skip
