"""Which metric of a run plays which part, how large its evaluations were, and what is said of both.

What a user gives wins over what the log says of itself, and that over what names and values tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from heldout.errors import UnknownMetric, UsageError
from heldout.metrics import BY_NAME, ROLES, Unit, is_rate, meaning_of
from heldout.readers.log import Log, noted, some
from heldout.run import Note, NoteKind, Run, Series
from heldout.stats.arrays import FloatArray
from heldout.stats.rates import binomial_se, effective_problems
from heldout.text import counted

_SIZE_SETTINGS = ("eval_problems", "num_eval_problems", "n_eval_problems", "eval_size")
_OPTION = {"reward": "--reward", "held_out": "--eval", "length": "--length"}


@dataclass(frozen=True, slots=True)
class Options:
    """What a user knows that the log does not say."""

    roles: Mapping[str, str] | None = None  # role → key; these win over the names that were recognised
    problems: int | None = None  # how many held-out problems each evaluation had
    samples: int = 1  # of each problem
    growing: bool = False  # whether the log is still being written: the metrics of `roles` may be yet to come

    def __post_init__(self) -> None:
        told = {"samples": self.samples} | ({} if self.problems is None else {"problems": self.problems})
        for name, value in told.items():
            if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
                raise UsageError(f"{name} is {value!r}; it must be a whole number of at least 1.")


def with_options(run: Run, options: Options) -> Run:
    """Apply what a user knows to a run that is in order already, such as a published one; errors as for `assemble`."""
    _absent(run, options)
    return with_sizes(replace(run, roles={**run.roles, **(options.roles or {})}), options)


def with_roles(run: Run, log: Log, options: Options) -> Run:
    given, absent = options.roles or {}, _absent(run, options)
    by_name = run.choices.roles
    first = {"held_out": next(e.key for e in log.measured if e in run.measured)} if run.measured else {}
    own = {role: key for role, key in log.roles.items() if key in run.metrics}
    chosen = {**own, **{role: key for role, key in given.items() if role not in absent}}
    roles = {role: key for role, key in {**by_name, **first, **chosen}.items() if role not in absent}
    notes = [
        *_to_come(absent),
        *_not_logged(log.roles, run),
        *_unknown_keys(run, chosen),
        *_missing_roles(roles),
        *_other_benchmarks(run, roles),
        *_percent(run, roles),
    ]
    return replace(run, roles=roles, notes=(*run.notes, *notes))


def _absent(run: Run, options: Options) -> dict[str, str]:
    """Return the given roles whose metric is yet to come; in a log that is finished, refuse them."""
    absent = {role: key for role, key in (options.roles or {}).items() if key not in run.metrics}
    for role, key in absent.items():
        if not options.growing:
            raise UnknownMetric(f"{_OPTION.get(role, role)}: {run.explain_missing(key)}")
    return absent


def _not_logged(roles: Mapping[str, str], run: Run) -> list[Note]:
    missing = [f"{role} is {key!r}" for role, key in roles.items() if key not in run.metrics]
    text = f"The log says {', '.join(missing)}, which it does not hold; found by name instead."
    return noted(NoteKind.ASSUMED, len(missing), text)


def _to_come(absent: Mapping[str, str]) -> list[Note]:
    text = f"Not logged yet: {', '.join(f'{key!r} ({role})' for role, key in absent.items())}."
    return noted(NoteKind.ASSUMED, len(absent), text)


def _unknown_keys(run: Run, chosen: Mapping[str, str]) -> list[Note]:
    unknown = [key for key in run.metrics if meaning_of(key) is None and key not in chosen.values()]
    text = f"{counted(len(unknown), 'key')} without a known meaning, still there to be charted: {some(unknown, 12)}."
    return noted(NoteKind.UNKNOWN, len(unknown), text)


def _missing_roles(roles: Mapping[str, str]) -> list[Note]:
    text = "No key was recognised as {}; give {} KEY if there is one."
    missing = [role for role in ROLES if role not in roles]
    return [Note(NoteKind.UNKNOWN, text.format(BY_NAME[role].label, _OPTION[role])) for role in missing]


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


def with_sizes(run: Run, options: Options) -> Run:
    """Attach standard errors to held-out rates whose number of problems is known, but not problem by problem."""
    metrics = dict(run.metrics)
    unsized = set(run.held_out_scores()) - {evaluation.key for evaluation in run.measured}
    for key in unsized:
        series = metrics[key]
        problems = _problems(series, run, options)
        if problems is not None and (is_rate(key) or options.problems):
            metrics[key] = _sized(series, problems, options.samples, 100.0 if run.unit(key) is Unit.PERCENT else 1.0)
    setting = _size_setting(run)
    if setting is None or options.problems or all(metrics[key].problems is None for key in unsized):
        return replace(run, metrics=metrics)
    text = (
        f"The size of an evaluation, {setting[1]} problems, was taken from the setting {setting[0]!r} (--problems N)."
    )
    return replace(run, metrics=metrics, notes=(*run.notes, Note(NoteKind.ASSUMED, text)))


def _size_setting(run: Run) -> tuple[str, int] | None:
    """Return the setting that says how many problems an evaluation has."""
    known = ((key, run.config[key]) for key in _SIZE_SETTINGS if key in run.config)
    return next(((key, value) for key, value in known if isinstance(value, int) and value > 0), None)


def _problems(series: Series, run: Run, options: Options) -> FloatArray | None:
    if options.problems:
        return np.full(len(series), float(options.problems))
    stem = series.name.rsplit("_pass", 1)[0]
    for key in (f"{stem}_problems", "n", "n_problems", "num_problems", "problems"):
        column = run.metrics.get(key)
        if column is not None and np.isin(series.step, column.step).all():
            return column.value[np.searchsorted(column.step, series.step)]
    setting = _size_setting(run)
    return None if setting is None else np.full(len(series), float(setting[1]))


def _sized(series: Series, problems: FloatArray, samples: int, whole: float) -> Series:
    """Attach problems, samples and standard errors, if the values can be shares of `whole` at all."""
    rate = series.value / whole
    if np.any((rate < 0) | (rate > 1)) or np.any(problems < 1):
        return series
    spread = whole * binomial_se(rate, effective_problems(problems, samples))
    return series.with_problems(problems, np.full(len(series), float(samples)), spread)
