"""How many problems every evaluation had, with how many samples of each, and what is said of both.

Problems and samples are two numbers and are never multiplied. What a user gives wins over the name of a score, its
columns and the settings of the run; the outcomes of single problems win over all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from heldout.metrics import Unit, is_share, may_be_share, meaning_of, samples_in
from heldout.metrics.keys import BENCHMARKS, HELD_OUT, Side, words_of
from heldout.readers.log import some
from heldout.readers.roles import Options
from heldout.run import Note, NoteKind, Run, Series
from heldout.stats.arrays import FloatArray
from heldout.stats.rates import binomial_se, effective_problems
from heldout.text import counted, number, word_set

# Words of settings that are no size of an evaluation, although they speak of both.
_NO_SIZE = word_set("batch step per interval every epoch k temperature token length seed worker gpu time rate")
SIZE, SAMPLES = "eval_problems", "eval_samples_per_problem"  # settings under which what a user told is recorded
_EACH = frozenset(("sample", "per"))  # words of a setting that counts samples, beside those of _OF
_OF = frozenset(("problem", "prompt", "task", "question"))
_PASSED = frozenset({"pass", "correct", "success", "solve", "truncation"})  # counts of some of the problems


def with_sizes(run: Run, options: Options) -> Run:
    """Attach problems, samples and standard errors to rates that are not known problem by problem; say what was not."""
    metrics, unsized = dict(run.metrics), _known_as_rates(run)
    for key in unsized:
        series, problems = metrics[key], _problems(metrics[key], run, options)
        if problems is not None and (is_share(key) or options.problems):
            whole = 100.0 if run.unit(key) is Unit.PERCENT else 1.0
            metrics[key] = _sized(series, problems, _samples(key, run, options), whole)
    sized = replace(run, metrics=metrics)
    return replace(sized, notes=(*run.notes, *_said(sized, unsized, options)))


def _known_as_rates(run: Run) -> list[str]:
    """Keys of the held-out scores whose problems are not known one by one."""
    measured = {evaluation.key for evaluation in run.measured}
    return [key for key in run.held_out_scores() if key not in measured]


def _samples(key: str, run: Run, options: Options) -> float | None:
    """Samples of each problem: as the user says, the name of the score or a setting; None where none does."""
    if options.samples is not None:
        return float(options.samples)
    named = samples_in(key)
    setting = next((value for _, value in _counts_in(run, _is_samples_setting)), None)
    return named if named is not None else None if setting is None else float(setting)


def _said(run: Run, unsized: list[str], options: Options) -> Iterator[Note]:
    """Say where the sizes come from, which were assumed, and which of those that were given are not used and why."""
    sized = [key for key in unsized if run.metrics[key].problems is not None]
    setting = _size_setting(run)
    if sized and setting is not None and not options.problems:
        text = f"The size of an evaluation, {setting[1]} problems, was taken from the setting {setting[0]!r}"
        yield Note(NoteKind.ASSUMED, f"{text} (--problems N).")
    bare = [key for key in sized if _samples(key, run, options) is None]
    if bare:
        yield Note(NoteKind.ASSUMED, f"{_once(run, bare)}; where there were more, give --samples M.")
    given = _given(options)
    refused = _refusal(run, options) if given else ""
    if refused:
        yield Note(NoteKind.ASSUMED, f"{given} not used: {refused}")


def _given(options: Options) -> str:
    """The flags of sizes as they were given."""
    told = {"--problems": options.problems, "--samples": options.samples}
    flags = [f"{flag} {value}" for flag, value in told.items() if value is not None]
    return f"{' and '.join(flags)} {'were' if len(flags) > 1 else 'was'}" if flags else ""


def _once(run: Run, keys: list[str]) -> str:
    """Say of scores that each of their problems is taken to have been asked once."""
    counts = np.concatenate([run.metrics[key].problems for key in keys if run.metrics[key].problems is not None])
    low, high = round(float(counts.min())), round(float(counts.max()))
    problems = counted(low, "problem") if low == high else f"{low} to {high} problems"
    return f"Each evaluation of {some([repr(key) for key in keys], 3)} is taken as {problems} with one sample each"


def _refusal(run: Run, options: Options) -> str:
    """Why are given sizes of no use to the held-out score? Nothing where they are."""
    key = run.roles.get("held_out", "")
    series = run.metrics.get(key)
    if series is None or not len(series):
        return "no held-out score was recognised (--eval KEY)."
    measured = [evaluation for evaluation in run.measured if evaluation.key == key]
    if measured:
        return f"the log holds the outcome of every problem of {key!r}, and so their numbers."
    if series.problems is not None:
        return ""
    if not options.problems:
        return f"how many problems {key!r} is of is not known (--problems N)."
    if not may_be_share(key):
        return f"{key!r} is by its name no share of so many problems."
    low, high = float(series.value.min()), float(series.value.max())
    ends = " to ".join(number(end, (high - low) or None) for end in (low, high))
    return f"{key!r} runs from {ends}, so it is no share of so many problems."


def _size_setting(run: Run) -> tuple[str, int] | None:
    """Return the setting that says how many problems an evaluation has."""
    return next(_counts_in(run, _is_size_setting), None)


def _counts_in(run: Run, meant: Callable[[str], bool]) -> Iterator[tuple[str, int]]:
    """The settings of a kind that are counts from 1."""
    return ((key, value) for key, value in run.config.items() if type(value) is int and value > 0 and meant(key))


def _is_samples_setting(key: str) -> bool:
    texts = {word.text for word in words_of(key)}
    return texts >= _EACH and not texts.isdisjoint(_OF) and not texts.isdisjoint(HELD_OUT)


def _is_size_setting(key: str) -> bool:
    texts = {word.text for word in words_of(key)}
    if "sample" in texts and "max" not in texts:  # of each problem
        return False
    sized = not texts.isdisjoint(("problem", "size", "count")) or {"max", "sample"} <= texts
    return sized and not texts.isdisjoint(HELD_OUT) and texts.isdisjoint(_NO_SIZE)


def _problems(series: Series, run: Run, options: Options) -> FloatArray | None:
    if options.problems:
        return np.full(len(series), float(options.problems)) if may_be_share(series.name) else None
    column = _size_column(series, run)
    if column is not None:
        return column.value[np.searchsorted(column.step, series.step)]
    setting = _size_setting(run)
    return None if setting is None else np.full(len(series), float(setting[1]))


def _size_column(series: Series, run: Run) -> Series | None:
    """Return the column that counts the problems of an evaluation: of its own problem set before one for all."""
    match = meaning_of(series.name)
    own = match.benchmark.lower() if match else ""
    sizes = [key for key in run.metrics if _counts(key, series, run)]
    named = {key: {word.text for word in words_of(key)} for key in sizes}
    of_own = [key for key in sizes if own and own in key.lower()]
    others = [key for key in sizes if named[key].isdisjoint(BENCHMARKS)]
    found = [*of_own, *sorted(others, key=lambda key: ("problem" not in named[key], len(key)))]
    return run.metrics[found[0]] if found else None


def _counts(key: str, series: Series, run: Run) -> bool:
    """Whether a column is the size of these evaluations: it says so, and is measured with them."""
    match, column = meaning_of(key), run.metrics[key]
    if match is None or match.meaning.name != "evaluation_size" or match.side is Side.TRAINING:
        return False
    if key == series.name or not _PASSED.isdisjoint(word.text for word in words_of(key)):
        return False
    together = match.side is Side.HELD_OUT or match.rank < 10 or len(column) == len(series)
    return together and bool(np.isin(series.step, column.step).all()) and bool(column.value.min() >= 1)


def _sized(series: Series, problems: FloatArray, samples: float | None, whole: float) -> Series:
    """Attach problems, samples and standard errors, if the values can be shares of `whole` at all."""
    rate, each = series.value / whole, 1.0 if samples is None else samples
    if np.any((rate < 0) | (rate > 1)) or np.any(problems < 1):
        return series
    spread = whole * binomial_se(rate, effective_problems(problems, each))
    return series.with_problems(problems, np.full(len(series), each), spread)
