"""The form of a chart as data, ``heldout.chart/1``, as a JSON Schema: for scripts that draw it."""

from __future__ import annotations

from collections.abc import Mapping

from heldout.charts.browser import SCHEMA
from heldout.charts.spec import Colour, Dash, Marker, Side
from heldout.json_schema import MAYBE, NUMBER, TEXT, TRUTH, Schema, Types, list_of, object_of, or_null

_COLOUR: Schema = {"enum": list(Colour)}
_SIDE, _DASH, _MARKER = ({"enum": list(kind)} for kind in (Side, Dash, Marker))
_HEAD: dict[str, Schema] = {"side": _SIDE, "label": TEXT, "colour": _COLOUR}
_NUMBERS = list_of(MAYBE)
_AXIS = object_of({
    "label": TEXT, "unit": TEXT, "limits": list_of(NUMBER), "ticks": list_of(NUMBER), "texts": list_of(TEXT),
    "colour": _COLOUR,
})  # fmt: skip
_LAYERS: Mapping[str, Mapping[str, Schema]] = {
    "line": {
        **_HEAD, "dash": _DASH, "marker": _MARKER, "width": NUMBER, "alpha": NUMBER, "raw": TRUTH, "steps": _NUMBERS,
        "values": _NUMBERS, "marked": list_of(_NUMBERS),
    },
    "band": {**_HEAD, "alpha": NUMBER, "steps": _NUMBERS, "low": _NUMBERS, "high": _NUMBERS},
    "points": {
        **_HEAD, "marker": _MARKER, "size": NUMBER, "alpha": NUMBER, "steps": _NUMBERS, "values": _NUMBERS,
        "low": _NUMBERS, "high": _NUMBERS,
    },
    "rule": {**_HEAD, "dash": _DASH, "step": MAYBE, "value": MAYBE},
    "text": {"side": _SIDE, "colour": _COLOUR, "step": NUMBER, "value": NUMBER, "text": TEXT},
    "span": {"label": TEXT, "colour": _COLOUR, "low": NUMBER, "high": NUMBER, "alpha": NUMBER},
}  # fmt: skip
_OPTIONAL = {"line": ("marked",), "points": ("low", "high")}


def schema() -> Schema:
    """What does a chart look like as data? A JSON Schema (draft 2020-12).

    Examples
    --------
    >>> schema()["properties"]["schema"]
    {'const': 'heldout.chart/1'}
    """
    layers = [object_of({"kind": {"const": kind}, **layer}, _OPTIONAL.get(kind, ())) for kind, layer in _LAYERS.items()]
    return Types().document("A chart of heldout as data", object_of({
        "schema": {"const": SCHEMA}, "title": TEXT, "caption": TEXT, "x": _AXIS, "left": _AXIS, "right": or_null(_AXIS),
        "one_scale": TRUTH, "grid": _DASH, "per_pixel": MAYBE, "layers": list_of({"anyOf": layers}),
    }))  # fmt: skip
