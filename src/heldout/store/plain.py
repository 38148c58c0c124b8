"""Values of a training as JSON holds them: numbers of any library, settings, and the numbers that JSON cannot hold."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Mapping
from enum import Enum
from typing import Any

from heldout.errors import UsageError
from heldout.store.layout import NONFINITE
from heldout.store.lines import json_line

_NUMBERS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def number_of(value: Any) -> float | None:
    """Return a value as a number, of whichever library it is; None where it is none."""
    if isinstance(value, float):
        return float(value)
    if value is None or isinstance(value, (str, bytes, bytearray)):
        return None
    try:
        number = value.item() if hasattr(value, "item") else value  # arrays and tensors with one element
        return number if type(number) is int and abs(number) < 2**63 else float(number)
    except Exception:
        return None


def text_of(key: Any) -> str:
    """Return a key as text that can be written as UTF-8."""
    return key if type(key) is str and key.isascii() else str(key).encode("utf-8", "replace").decode()


def dump_line(row: Mapping[str, Any]) -> bytes:
    """Return a row as a line, with the values that JSON cannot hold named beside it.

    >>> dump_line({"step": 1, "loss": math.nan})
    b'{"step":1,"loss":null,"nonfinite":{"loss":"nan"}}\\n'
    """
    named = {key: _name_of(one) for key, one in row.items() if isinstance(one, float) and not math.isfinite(one)}
    return json_line({**row, NONFINITE: named} if named else row)


def restored(row: Mapping[str, Any]) -> dict[str, Any]:
    """Put the NaN and the infinities back that a line names beside its numbers; the opposite of `dump_line`.

    >>> restored({"step": 1, "loss": None, "nonfinite": {"loss": "nan"}})
    {'step': 1, 'loss': nan}
    """
    named = row.get(NONFINITE)
    values = {key: value for key, value in row.items() if key != NONFINITE}
    if isinstance(named, Mapping):
        values |= {key: _NUMBERS[str(name)] for key, name in named.items() if str(name) in _NUMBERS}
    return values


def plain_mapping(value: object, where: str) -> dict[str, Any]:
    """Return settings as JSON holds them; numbers that it cannot hold become their names.

    Parameters
    ----------
    value
        A mapping of plain data, paths, enumerations, dataclasses, arrays.
    where
        What it is called in a message.

    Raises
    ------
    UsageError
        When it is no mapping, or holds something else.
    """
    if not isinstance(value, Mapping):
        raise UsageError(f"{where} is a {type(value).__name__}; it must be a mapping from names to values.")
    return {text_of(key): plain(item, f"{where}[{key!r}]") for key, item in value.items()}


def plain(value: Any, where: str) -> Any:
    """Return one setting as JSON holds it; see `plain_mapping`."""
    match value:
        case Enum():
            return plain(value.value, where)
        case None | bool():
            return value
        case int():
            return int(value) if abs(value) < 2**63 else str(value)
        case float():
            return float(value) if math.isfinite(value) else _name_of(value)
        case str() | os.PathLike():
            return text_of(value)
        case Mapping():
            return plain_mapping(value, where)
        case list() | tuple() | set() | frozenset():
            return [plain(item, f"{where}[{index}]") for index, item in enumerate(value)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return plain_mapping({field.name: getattr(value, field.name) for field in dataclasses.fields(value)}, where)
    if hasattr(value, "tolist"):  # arrays and tensors
        return plain(value.tolist(), where)
    raise UsageError(f"{where} is a {type(value).__name__}, which cannot be written; give plain data or its name.")


def _name_of(value: float) -> str:
    return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
