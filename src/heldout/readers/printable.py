"""The words of a log as they can be shown anywhere: its names come from files that nobody checked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from heldout.readers.log import Log
from heldout.run import Evaluation
from heldout.text import visible

_DEEPEST = 100  # levels of settings within settings; a log with more of them is no configuration


def printable(log: Log) -> Log:
    """Return a log in whose names, notes and settings every control character is written as its code."""
    return replace(
        log,
        name=None if log.name is None else visible(log.name),
        columns={visible(key): column for key, column in log.columns.items()},
        notes=tuple(replace(note, text=visible(note.text)) for note in log.notes),
        config=_plain(log.config),
        roles={role: visible(key) for role, key in log.roles.items()},
        measured=tuple(_measured(one) for one in log.measured),
        checkpoints={step: visible(where) for step, where in log.checkpoints.items()},
    )


def _measured(one: Evaluation) -> Evaluation:
    benchmark = visible(one.benchmark)
    return one if benchmark == one.benchmark else replace(one, benchmark=benchmark)


def _plain(value: Any, levels: int = _DEEPEST) -> Any:
    if isinstance(value, str):
        return visible(value)
    if not isinstance(value, dict | list):
        return value
    if not levels:
        return "…"
    if isinstance(value, dict):
        return {_plain(key): _plain(one, levels - 1) for key, one in value.items()}
    return [_plain(one, levels - 1) for one in value]
