"""The table of several runs: which rows, in which order, and what of their settings differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from heldout.compare.groups import NOT_SET
from heldout.findings import State
from heldout.report.rows import SIGNS, Row, worst_first
from heldout.settings import differing

_SEARCHED, _SHOWN, _LONGEST = 12, 3, 40  # differing settings of a row that can be searched, and seen; characters each


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the table, and in which settings its run differs from the others."""

    row: Row
    shown: Mapping[str, str]
    searched: Mapping[str, str]  # further ones, which are not seen


@dataclass(frozen=True, slots=True)
class RunsTable:
    """Rows as they are shown."""

    entries: tuple[Entry, ...]
    counts: tuple[tuple[State | None, str, int], ...] = ()  # state, its sign, how many runs are in it
    refused: Mapping[str, str] = field(default_factory=dict)  # what was not read → why

    def __len__(self) -> int:
        return len(self.entries)


def table_of(rows: Sequence[Row], refused: Mapping[str, str] | None = None) -> RunsTable:
    """Return the table of these runs: the gravest first, of equal ones the newest."""
    ordered = worst_first(rows)
    entries = tuple(_entry(row, settings) for row, settings in zip(ordered, _differing(ordered), strict=True))
    found = Counter(row.state for row in ordered)
    counts = tuple((state, SIGNS[state] if state else "…", found[state]) for state in (*SIGNS, None) if found[state])
    return RunsTable(entries, counts, refused or {})


def _entry(row: Row, settings: Mapping[str, str]) -> Entry:
    pairs = list(settings.items())
    return Entry(row, dict(pairs[:_SHOWN]), dict(pairs[_SHOWN:_SEARCHED]))


def _differing(rows: Sequence[Row]) -> list[dict[str, str]]:
    """Return the settings of each run in which it differs, those first that most runs have.

    That one is not set is told where most runs set it; elsewhere it says only that another trainer wrote the log.
    """
    differ = differing([row.settings for row in rows])
    counts = {key: sum(value is not None for value in values) for key, values in differ.items()}
    keys = sorted(differ, key=lambda key: -counts[key])
    told: list[dict[str, str]] = [{} for _ in rows]
    for key in keys:
        for number, value in enumerate(differ[key]):
            if value is not None or 2 * counts[key] > len(rows):
                told[number][key] = _short(NOT_SET if value is None else value)
    return told


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
