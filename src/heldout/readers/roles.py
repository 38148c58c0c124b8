"""Which metric of a run plays which part, and what is said of it.

What a user gives wins over what the log says of itself, and that over what names and values tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from heldout.errors import UnknownMetric, UsageError
from heldout.metrics import BY_NAME, ROLES, Unit, is_score, meaning_of
from heldout.readers.log import Log, noted, some
from heldout.run import Note, NoteKind, Run
from heldout.text import counted

ROLE_FLAGS = {"reward": "--reward", "held_out": "--eval", "length": "--length"}


@dataclass(frozen=True, slots=True)
class Options:
    """What a user knows that the log does not say."""

    roles: Mapping[str, str] | None = None  # role → key; these win over the names that were recognised
    problems: int | None = None  # how many held-out problems each evaluation had
    samples: int | None = None  # of each problem; None where that was not said
    growing: bool = False  # whether the log is still being written: the metrics of `roles` may be yet to come

    def __post_init__(self) -> None:
        for name, value in {"samples": self.samples, "problems": self.problems}.items():
            if value is None:
                continue
            if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
                raise UsageError(f"{name} is {value!r}; it must be a whole number of at least 1.")


def with_roles(run: Run, log: Log, options: Options) -> Run:
    given, absent = options.roles or {}, absent_roles(run, options)
    by_name = run.choices.roles
    first = {"held_out": next(e.key for e in log.measured if e in run.measured)} if run.measured else {}
    own = {role: key for role, key in log.roles.items() if key in run.metrics}
    chosen = {**own, **{role: key for role, key in given.items() if role not in absent}}
    measured = {} if options.problems is None else _sized_by_user(run)
    roles = {role: key for role, key in {**measured, **by_name, **first, **chosen}.items() if role not in absent}
    notes = [
        *_to_come(absent),
        *_not_logged(log.roles, run),
        *_unknown_keys(run, roles),
        *_missing_roles(run, roles),
        *_guessed(run, {role: key for role, key in roles.items() if role not in chosen}),
        *_other_benchmarks(run, roles),
        *_better_named(run, {role: key for role, key in roles.items() if role not in chosen}),
        *_percent(run, roles),
        *_ratios(run, roles),
    ]
    return replace(run, roles=roles, notes=(*run.notes, *notes))


def _sized_by_user(run: Run) -> dict[str, str]:
    """Return the score of which the name does not say on which problems: who gives their number says that they are."""
    bare = [key for key in run.choices.near.get("held_out", ()) if is_score(key)]
    return {"held_out": bare[0]} if bare else {}


def absent_roles(run: Run, options: Options) -> dict[str, str]:
    """Return the given roles whose metric is yet to come; in a log that is finished, refuse them."""
    absent = {role: key for role, key in (options.roles or {}).items() if key not in run.metrics}
    for role, key in absent.items():
        if not options.growing:
            raise UnknownMetric(f"{ROLE_FLAGS.get(role, role)}: {run.explain_missing(key)}")
    return absent


def _not_logged(roles: Mapping[str, str], run: Run) -> list[Note]:
    missing = [f"{role} is {key!r}" for role, key in roles.items() if key not in run.metrics]
    text = f"The log says {', '.join(missing)}, which it does not hold; found by name instead."
    return noted(NoteKind.ASSUMED, len(missing), text)


def _to_come(absent: Mapping[str, str]) -> list[Note]:
    text = f"Not logged yet: {', '.join(f'{key!r} ({role})' for role, key in absent.items())}."
    return noted(NoteKind.ASSUMED, len(absent), text)


def _unknown_keys(run: Run, roles: Mapping[str, str]) -> list[Note]:
    unknown = [key for key in run.metrics if meaning_of(key) is None and key not in roles.values()]
    text = f"{counted(len(unknown), 'key')} without a known meaning, still there to be charted: {some(unknown, 12)}."
    return noted(NoteKind.UNKNOWN, len(unknown), text)


def _missing_roles(run: Run, roles: Mapping[str, str]) -> list[Note]:
    """Name the roles that no column plays, and the columns that come near."""
    notes = []
    for role in (role for role in ROLES if role not in roles):
        near, option = run.choices.near.get(role, ()), ROLE_FLAGS[role]
        text = f"No key was recognised as {BY_NAME[role].label}; give {option} KEY if there is one"
        guess = f", such as {option} {some(near, 6)}" if near else ""
        notes.append(Note(NoteKind.UNKNOWN, f"{text}{guess}."))
    return notes


def _guessed(run: Run, roles: Mapping[str, str]) -> list[Note]:
    """Say why a column was taken whose name alone does not tell."""
    taken = [(role, roles[role], run.choices.columns.get(roles[role])) for role in ROLES if role in roles]
    return [
        Note(
            NoteKind.ASSUMED,
            f"{key!r} was taken as the {BY_NAME[role].label}: {choice.reason} ({ROLE_FLAGS[role]} KEY).",
        )
        for role, key, choice in taken
        if choice is not None and choice.role == role and not choice.sure
    ] + [
        Note(
            NoteKind.ASSUMED,
            f"{key!r} was taken as the held-out score, since the number of its problems was given (--eval KEY).",
        )
        for role, key, choice in taken
        if role == "held_out" and choice is not None and choice.role == "score"
    ]


def _better_named(run: Run, roles: Mapping[str, str]) -> list[Note]:
    """Name columns that say more than the one that was taken, and may be of the evaluation as well."""
    found = run.choices.near.get("held_out", ()) if "held_out" in roles else ()
    text = f"On the same rows as {roles.get('held_out')!r}, and perhaps of the evaluation as well: {some(found, 6)}"
    return noted(NoteKind.ASSUMED, len(found), f"{text} (choose with {ROLE_FLAGS['held_out']} KEY).")


def _other_benchmarks(run: Run, roles: Mapping[str, str]) -> list[Note]:
    others = [key for key in run.choices.held_out if key != roles.get("held_out")]
    if not others or "held_out" not in roles:
        return []
    text = (
        f"{roles['held_out']!r} was taken as the held-out score; also there: {some(others)} (choose with --eval KEY)."
    )
    return [Note(NoteKind.ASSUMED, text, len(others))]


def _percent(run: Run, roles: Mapping[str, str]) -> list[Note]:
    key = roles.get("held_out", "")
    if run.unit(key) is Unit.PERCENT:
        value = run.metrics[key].value
        text = f"{key!r} runs from {value.min():g} to {value.max():g}: read as percent, not as a fraction."
        return [Note(NoteKind.ASSUMED, text)]
    return []


def _ratios(run: Run, roles: Mapping[str, str]) -> list[Note]:
    key = roles.get("held_out", "")
    text = f"{key!r} is read on the log scale, since its name says that it changes in proportion; changes are factors."
    return noted(NoteKind.ASSUMED, int(run.in_ratios(key)), text)
