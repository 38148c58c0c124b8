"""From a dataclass to the JSON Schema of what is written of it: the types are the one place where its form is told.

Numbers that are not finite are written as null, so that every float may be null. Objects may have more than is told:
fields may be added under the same number of a schema.
"""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

from heldout.plain import Names

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TEXT, WHOLE, NUMBER, TRUTH = ({"type": kind} for kind in ("string", "integer", "number", "boolean"))
MAYBE = {"type": ["number", "null"]}
_PLAIN: Mapping[Any, Mapping[str, Any]] = {
    str: TEXT, int: WHOLE, bool: TRUTH, float: MAYBE, Any: {}, object: {}, type(None): {"type": "null"},
}  # fmt: skip

Schema = dict[str, Any]


def list_of(items: Mapping[str, Any]) -> Schema:
    """The schema of a list."""
    return {"type": "array", "items": dict(items)}


def map_of(values: Mapping[str, Any]) -> Schema:
    """The schema of an object whose keys are anybody's."""
    return {"type": "object", "additionalProperties": dict(values)}


def or_null(one: Mapping[str, Any]) -> Schema:
    """The schema of something that may be null."""
    if isinstance(one.get("type"), str):
        return {**one, "type": [one["type"], "null"]}
    return {"anyOf": [dict(one), {"type": "null"}]}


def object_of(properties: Mapping[str, Mapping[str, Any]], optional: Sequence[str] = ()) -> Schema:
    """The schema of an object that has these keys, all but some of them always."""
    required = [key for key in properties if key not in optional]
    return {"type": "object", "properties": {key: dict(one) for key, one in properties.items()}, "required": required}


class Types:
    """The schemas of dataclasses, each told once and named by its class.

    `names` are the fields that are written under another key, or not at all (None).
    """

    def __init__(self, names: Names | None = None) -> None:
        self.names = names or {}
        self.told: dict[str, Schema] = {}  # under ``$defs`` of the document
        self._whose: dict[str, type] = {}

    def document(self, title: str, root: Mapping[str, Any]) -> Schema:
        """Return a whole schema, with all types that were asked for until now."""
        return {"$schema": DIALECT, "title": title, **root, "$defs": dict(sorted(self.told.items()))}

    def properties(self, kind: type) -> dict[str, Schema]:
        """Return the schema of each key that is written of a dataclass."""
        hints, other = get_type_hints(kind), self.names.get(kind, {})
        keys = {field.name: other.get(field.name, field.name) for field in fields(kind)}
        return {key: self.of(hints[name]) for name, key in keys.items() if key is not None}

    def of(self, hint: Any) -> Schema:
        """Return the schema of a type: of a dataclass a reference, whose target is told under ``$defs``."""
        if hint in _PLAIN:
            return dict(_PLAIN[hint])
        if isinstance(hint, type) and is_dataclass(hint):
            return self._dataclass(hint)
        if isinstance(hint, type) and issubclass(hint, Enum):
            return {"enum": [one.value for one in hint]}
        return self._generic(get_origin(hint), get_args(hint))

    def _dataclass(self, kind: type) -> Schema:
        if self._whose.setdefault(kind.__name__, kind) is not kind:
            raise TypeError(f"two types are called {kind.__name__}; one document tells one of them.")
        if kind.__name__ not in self.told:
            self.told[kind.__name__] = {}  # a type may hold itself
            self.told[kind.__name__] = object_of(self.properties(kind))
        return {"$ref": f"#/$defs/{kind.__name__}"}

    def _generic(self, origin: Any, args: tuple[Any, ...]) -> Schema:
        if origin in (Union, types.UnionType):
            return self._either([self.of(one) for one in args])
        if origin is Literal:
            return {"enum": list(args)}
        if origin is np.ndarray:
            return list_of(MAYBE)
        if isinstance(origin, type) and issubclass(origin, Mapping):
            return map_of(self.of(args[1]))
        if isinstance(origin, type) and issubclass(origin, Sequence):
            return list_of(self._either([self.of(one) for one in args if one is not Ellipsis]))
        raise TypeError(f"{origin} of {args} has no schema; say how it is written.")

    def _either(self, several: Sequence[Schema]) -> Schema:
        different = [one for place, one in enumerate(several) if one not in several[:place]]
        if len(different) == 1:
            return different[0]
        rest = [one for one in different if one != {"type": "null"}]
        return or_null(rest[0]) if len(rest) == 1 else {"anyOf": different}
