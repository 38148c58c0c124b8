"""The table of several runs: which rows, in which order, the seeds of one recipe together, and what differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from heldout.compare.groups import NOT_SET, groups_of
from heldout.findings import State
from heldout.report.rows import Row, worst_first
from heldout.report.seeds import Seeds, seeds_of
from heldout.report.sparkline import drawn
from heldout.run import Run
from heldout.settings import differing
from heldout.text import excerpt, visible

_SEARCHED, _SHOWN, _LONGEST = 12, 3, 40  # differing settings of a row that can be searched, and seen; characters each

Count = tuple[State | None, int]  # a state, and how many runs are in it


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the table, and in which settings its run differs from the others."""

    row: Row
    shown: Mapping[str, str]
    searched: Mapping[str, str] = field(default_factory=dict)  # further ones, which are not seen

    @property
    def searched_lines(self) -> str:
        """The further settings for a script: a line with the key, and one with the value."""
        return "\n".join(visible(text) for pair in self.searched.items() for text in pair)

    @property
    def drawing(self) -> Markup:
        """Reward and held-out score as small lines."""
        return drawn([self.row.spark])


@dataclass(frozen=True, slots=True)
class Section:
    """A run, or the seeds of one recipe."""

    entries: tuple[Entry, ...]
    seeds: Seeds | None = None  # what they say together
    counts: tuple[Count, ...] = ()
    shown: Mapping[str, str] = field(default_factory=dict)  # what differs from other recipes

    @property
    def drawing(self) -> Markup:
        """The held-out scores of all seeds."""
        return drawn([entry.row.spark for entry in self.entries], f"held-out score of {len(self.entries)} seeds")


@dataclass(frozen=True, slots=True)
class RunsTable:
    """Rows as they are shown."""

    sections: tuple[Section, ...]
    counts: tuple[Count, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)  # what was not read → why

    @property
    def entries(self) -> list[Entry]:
        """The rows of all runs."""
        return [entry for section in self.sections for entry in section.entries]

    def __len__(self) -> int:
        return len(self.entries)


def table_of(rows: Sequence[Row], refused: Mapping[str, str] | None = None, by: str | None = None) -> RunsTable:
    """Return the table of these runs: the gravest first, of equal ones the newest, the seeds of one recipe together.

    `by` is the setting that tells recipes apart; if not given, all but the seed does. A UsageError where no run has it.
    """
    ordered = worst_first(rows)
    differ = dict(zip(map(id, ordered), _differing(ordered), strict=True))
    runs = [Run(row.name, row.source, row.format, {}, config=row.settings) for row in ordered]
    known = dict(zip(map(id, runs), ordered, strict=True))
    sections = []
    for group in groups_of(runs, by):
        members = [known[id(run)] for run in group.runs]
        if len(members) == 1 and by is None:
            sections.append(Section((_entry(members[0], differ[id(members[0])]),)))
            continue
        entries = tuple(
            Entry(row, {"seed": seed} if seed else {}) for row, seed in zip(members, group.seeds, strict=True)
        )
        shared = _shared([differ[id(row)] for row in members])
        sections.append(
            Section(entries, seeds_of(group.name, members, group.seeds), counts_of(members), _first(shared, 0, _SHOWN))
        )
    shown = [entry.row for section in sections for entry in section.entries]
    return RunsTable(tuple(sections), counts_of(shown), refused or {})


def ranked_table(rows: Sequence[Row]) -> RunsTable:
    """Return the table of these runs in the order given, each by itself."""
    sections = (Section((_entry(row, settings),)) for row, settings in zip(rows, _differing(rows), strict=True))
    return RunsTable(tuple(sections), counts_of(rows))


def counts_of(rows: Iterable[Row]) -> tuple[Count, ...]:
    """Return how many runs are in each state that occurs, the gravest first."""
    found = Counter(row.state for row in rows)
    return tuple((state, found[state]) for state in (*State, None) if found[state])


def _entry(row: Row, settings: Mapping[str, str]) -> Entry:
    return Entry(row, _first(settings, 0, _SHOWN), _first(settings, _SHOWN, _SEARCHED))


def _first(settings: Mapping[str, str], start: int, end: int) -> dict[str, str]:
    return dict(list(settings.items())[start:end])


def _shared(settings: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return what all have alike."""
    return {key: value for key, value in settings[0].items() if all(one.get(key) == value for one in settings)}


def _differing(rows: Sequence[Row]) -> list[dict[str, str]]:
    """Return the settings of each run in which it differs, those first that most runs have.

    That one is not set is told where most runs set it; elsewhere it says only that another trainer wrote the log.
    """
    differ = differing([row.settings for row in rows])
    counts = {key: sum(value is not None for value in values) for key, values in differ.items()}
    told: list[dict[str, str]] = [{} for _ in rows]
    for key in sorted(differ, key=lambda key: -counts[key]):
        for settings, value in zip(told, differ[key], strict=True):
            if value is not None or 2 * counts[key] > len(rows):
                settings[key] = excerpt(NOT_SET if value is None else value, _LONGEST)
    return told
