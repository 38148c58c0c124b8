"""What a log holds: every column with its values, the part that it plays and why, and the flags that change that."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import orjson

from heldout.diagnosis.beside import near_misses
from heldout.metrics import BY_NAME, ROLES, Better, better_of
from heldout.readers.roles import ROLE_FLAGS
from heldout.run import Note, NoteKind, Run
from heldout.text import counted, number

_HEAD = ("Column", "Part", "Values", "Steps", "Range", "Unit", "Better", "Why")
_LEFT_OUT = (NoteKind.DROPPED, NoteKind.IGNORED, NoteKind.MISSING, NoteKind.ASSUMED)
_WIDEST = 48  # characters that a column of the table is padded to; what is longer is still shown in full


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """One column of a run."""

    key: str
    part: str  # the role that it plays; "" where it plays none
    meaning: str  # what its name means; "" where that is not known
    why: str
    values: int  # finite ones
    nonfinite: int
    first_step: int | None
    last_step: int | None
    low: float | None
    high: float | None
    unit: str  # share, percent or score
    better: str  # higher, lower, or "" where neither is
    problems: int | None  # that each value is the mean over, at least; None where that is not known
    samples: float | None  # of each problem, on average


def columns_of(run: Run, given: Mapping[str, str] | None = None) -> list[ColumnInfo]:
    """Return every column: those that play a part first, then those of a known meaning, then the others.

    `given` are the roles that the user gave.
    """
    parts = {key: role for role, key in run.roles.items()}
    said = {key: role for role, key in (given or {}).items()}
    found = [_info(run, key, parts.get(key, ""), said) for key in run.metrics]
    order = {role: rank for rank, role in enumerate(ROLES)}
    return sorted(found, key=lambda one: (order.get(one.part, len(order)), not one.part, not one.meaning))


def _info(run: Run, key: str, part: str, given: Mapping[str, str]) -> ColumnInfo:
    series, choice = run.metrics[key], run.choices.columns.get(key)
    why = choice.reason if choice else "not known"
    better = better_of(key)
    some = len(series) > 0
    return ColumnInfo(
        key=key,
        part=part,
        meaning=choice.role if choice else "",
        why="as you said" if key in given else why,
        values=len(series),
        nonfinite=len(series.nonfinite),
        first_step=int(series.step[0]) if some else None,
        last_step=int(series.step[-1]) if some else None,
        low=float(series.value.min()) if some else None,
        high=float(series.value.max()) if some else None,
        unit=run.unit(key).value,
        better="" if better is Better.NEITHER else better.name.lower(),
        problems=series.fewest_problems,
        samples=series.mean_samples,
    )


def as_text(run: Run, given: Mapping[str, str] | None = None) -> str:
    """Write the columns of a run as lines of text: no key is cut short, however long."""
    rows = [_HEAD, *(_cells(one) for one in columns_of(run, given))]
    widths = [min(max(len(row[place]) for row in rows), _WIDEST) for place in range(len(_HEAD))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    head = f"{run.name}: {counted(len(run.metrics), 'column')}, {_steps(run)} ({run.format}, {run.source})"
    return "\n".join([head, "", *table, "", *_hints(run), *_said(run.notes)])


def as_json(runs: Sequence[Run], given: Mapping[str, str] | None = None) -> bytes:
    """Write the columns of runs for a program."""
    told = [
        {
            "name": run.name,
            "source": run.source,
            "format": run.format,
            "steps_counted": run.counted,
            "columns": [asdict(one) for one in columns_of(run, given)],
            "might_be": {role: near_misses(run, role) for role in _open_roles(run)},
            "notes": [{"kind": note.kind.value, "text": note.text, "count": note.count} for note in run.notes],
        }
        for run in runs
    ]
    return orjson.dumps(told, option=orjson.OPT_INDENT_2)


def _cells(one: ColumnInfo) -> tuple[str, ...]:
    span = (one.high or 0.0) - (one.low or 0.0)
    ends = [number(end, span or None) for end in (one.low, one.high) if end is not None]
    part = one.part or (f"({one.meaning})" if one.meaning else "")
    bad = f" and {one.nonfinite} NaN" if one.nonfinite else ""
    steps = f"{one.first_step} to {one.last_step}" if one.values else ""
    unit = one.unit if one.problems is None else f"{one.unit} of {_asked(one.problems, one.samples or 1.0)}"
    return (one.key, part, f"{one.values}{bad}", steps, " to ".join(ends), unit, one.better, one.why)


def _asked(problems: int, samples: float) -> str:
    return counted(problems, "problem") + (f", {samples:.3g} samples each" if samples != 1.0 else "")


def _steps(run: Run) -> str:
    steps = run.steps
    if not len(steps):
        return "no steps"
    counted_ = ", which were counted: no column numbers the rows" if run.counted else ""
    return f"steps {steps[0]} to {steps[-1]}{counted_}"


def _open_roles(run: Run) -> list[str]:
    return [role for role in ("held_out", "reward") if role not in run.roles]


def _hints(run: Run) -> Iterator[str]:
    """Say which flags change what was taken, and which columns they might name."""
    flags = ", ".join(f"{ROLE_FLAGS[role]} KEY" for role in ROLES)
    yield f"What is taken for what can be changed: {flags}; --run NAME where a log holds several."
    for role in _open_roles(run):
        typed = ", ".join(f"{ROLE_FLAGS[role]} {shlex.quote(key)}" for key in near_misses(run, role))
        might = f"it might be {typed}" if typed else "none looks like one"
        yield f"No column was taken as the {BY_NAME[role].label}; {might}."


def _said(notes: Sequence[Note]) -> Iterator[str]:
    for note in notes:
        if note.kind in _LEFT_OUT:
            yield f"{note.kind.value}: {note.text}"
