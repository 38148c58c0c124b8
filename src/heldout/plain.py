"""What is written for programs, as JSON has it; the form of it is told by `heldout.json_schema`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

import numpy as np

Names = Mapping[type, Mapping[str, str | None]]


def plain(value: Any, names: Names | None = None) -> Any:
    """Return a value as JSON has it: dataclasses as objects, tuples as lists, numbers that are not finite as None.

    `names` tells, for some dataclasses, field → key where the two differ, None where it is not written.

    >>> plain({"rate": (0.5, math.inf), 1: np.arange(2)})
    {'rate': [0.5, None], '1': [0, 1]}
    """
    if is_dataclass(value):
        own = (names or {}).get(type(value), {})
        keys = {field.name: own.get(field.name, field.name) for field in fields(value)}
        return {key: plain(getattr(value, name), names) for name, key in keys.items() if key is not None}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()  # no lone surrogates, which JSON does not have
    if isinstance(value, Mapping):
        return {plain(str(key)): plain(one, names) for key, one in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist(), names)
    if isinstance(value, Sequence):
        return [plain(one, names) for one in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
