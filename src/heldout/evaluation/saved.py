"""Saved samples, as whatever harness wrote them: which texts are there, for which problem, and what the file says."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from heldout.errors import TaskError, UsageError
from heldout.evaluation.score import INFRASTRUCTURE, SOLVED, Completion
from heldout.evaluation.stops import cut_at
from heldout.evaluation.whose import Names, called, problems_of, shown
from heldout.tasks import Problem, Task
from heldout.tasks.answer_text import ID_KEYS, PROMPT_KEYS, SAMPLE_KEYS, texts_of
from heldout.tasks.rows import FILE_ENDINGS, Value, file_values
from heldout.text import counted, sentence_list

SAVED_ENDINGS = (*FILE_ENDINGS, ".parquet")
_NAMED = re.compile(r"sample|output|generation|solution|completion|prediction")  # what files of samples are called
_VERDICTS = ("passed", "base_status", "graded_list", "is_correct", "correct", "result", "kind", "score", "reward")
_PASSED = re.compile(r"pass(ed)?|solved|correct", re.I)
_FAILED = re.compile(r"(fail|timed? ?out|wrong|incorrect|error|syntax|raised|memory|unsupported).*", re.I | re.S)
_TOKENS, _STOPS = ("tokens", "completion_tokens", "num_generated_tokens"), ("stop", "finish_reason")

Verdicts = list[bool | None]  # passed or not, None where nothing is said


class Saved(NamedTuple):
    """What a file holds for the problems that are asked about."""

    completions: list[list[Completion]]  # of each problem, in its order; an empty list where there are none
    verdicts: list[Verdicts]  # what the file itself says of each of them
    verdict: str  # the key under which it says so; empty where it says nothing
    notes: list[str]  # what was chosen, skipped or left out, a sentence each


class Agreement(NamedTuple):
    """How far our judgements and those of a file agree, on the samples of which both are known."""

    judged: int
    agreed: int
    only_theirs: tuple[str, ...]  # problems with a sample that passes there and fails here
    only_ours: tuple[str, ...]  # with one that fails there and passes here


@dataclass(frozen=True, slots=True)
class _Row:
    """The samples of one row."""

    data: Mapping[str, Any]  # the row itself; empty where it is a mere text or list
    texts: list[str | None]
    used: str = ""  # the key under which they stood
    others: tuple[str, ...] = ()  # further keys that hold texts


def is_saved(name: str) -> bool:
    """Say whether this is a file or a folder of saved samples, and not a model."""
    path = Path(name)
    if path.is_dir():
        return not (path / "config.json").exists() and bool(_files(path) or _programs(path))
    return name.endswith(SAVED_ENDINGS)


def read_saved(path: Path, task: Task, problems: Sequence[Problem], stops: Sequence[str] = ()) -> Saved:
    """What did a model answer, according to a file?

    Parameters
    ----------
    path
        JSON lines, a JSON array or object, or Parquet; or a folder of these, or of programs as evalplus writes them
        (``HumanEval_0/0.py``). A row holds its samples under one of `SAMPLE_KEYS`, as a text, a list, or messages;
        `problems_of` says whose they are.
    task, problems
        The task, and those of its problems that are evaluated, at least one.
    stops
        Texts at which each sample is cut; those that the sampling had need not be given.

    Returns
    -------
    Saved
        Samples of other problems are left out and counted in a note, as are those that are null: a null is not an
        answer that fails, but one that is not there.

    Raises
    ------
    TaskError
        When the file cannot be read, or a row has no key that holds an answer; the message has its keys.
    UsageError
        When no row belongs to a problem of the task.
    """
    values, notes = _values(path)
    rows, dropped = _one_filter([row for value in values for row in _rows(value)])
    if not rows:
        raise TaskError(f"{path} holds no samples.")
    names, found = problems_of(path, [row.data for row in rows], task, problems)
    key, verdicts = _verdicts(rows, task)
    completions: dict[str, list[Completion]] = {problem.id: [] for problem in problems}
    said: dict[str, Verdicts] = {problem.id: [] for problem in problems}
    for row, name, theirs in zip(rows, names, verdicts, strict=True):
        if name in completions:
            there = [number for number, text in enumerate(row.texts) if text is not None]
            completions[name] += [_completion(row, number, stops) for number in there]
            said[name] += [theirs[number] for number in there]
    notes += [*dropped, *found, *_keys_used(rows), *_left_out(rows, names, completions, task)]
    return Saved(list(completions.values()), list(said.values()), key, notes)


def agreement(problems: Sequence[Problem], kinds: Sequence[Sequence[str]], verdicts: Sequence[Verdicts]) -> Agreement:
    """Do the verdicts that a file holds agree with what was found here, sample by sample?"""
    pairs = [
        (problem.id, theirs, kind == SOLVED)
        for problem, ours, several in zip(problems, kinds, verdicts, strict=True)
        for kind, theirs in zip(ours, several, strict=True)
        if theirs is not None and kind != INFRASTRUCTURE
    ]
    return Agreement(
        len(pairs),
        sum(theirs == ours for _, theirs, ours in pairs),
        tuple(dict.fromkeys(name for name, theirs, ours in pairs if theirs and not ours)),
        tuple(dict.fromkeys(name for name, theirs, ours in pairs if ours and not theirs)),
    )


# --- what is in the files


def _values(path: Path) -> tuple[list[Value], list[str]]:
    if not path.is_dir():
        return _of_file(path), []
    programs = _programs(path)
    if programs:
        texts = [{"task_id": file.parent.name, "solution": file.read_text("utf-8", "replace")} for file in programs]
        return [Value(str(file), text) for file, text in zip(programs, texts, strict=True)], []
    files = _files(path)
    steps = {found[1] for file in files if (found := re.search(r"step[-_](\d+)", file.name))}
    if len(steps) > 1:
        raise UsageError(f"{path} holds samples of {len(steps)} steps; give one of its files, such as {files[-1]}.")
    return [value for file in files for value in _of_file(file)], [f"Read {shown(file.name for file in files)}."]


def _files(folder: Path) -> list[Path]:
    """Return the files of samples in a folder: those that are called so, where some are, else all of them."""
    found = sorted(file for file in folder.iterdir() if file.name.endswith(SAVED_ENDINGS) and file.is_file())
    return [file for file in found if _NAMED.search(file.name)] or found


def _programs(folder: Path) -> list[Path]:
    found = [file for file in folder.glob("*/*.py") if file.stem.isdecimal()]
    return sorted(found, key=lambda file: (file.parent.name, int(file.stem)))


def _of_file(path: Path) -> list[Value]:
    if path.suffix != ".parquet":
        values = file_values(path)
        return list(_unwrapped(*values[0])) if len(values) == 1 else values
    import polars as pl

    try:
        rows = pl.read_parquet(path).to_dicts()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise TaskError(f"{path} cannot be read as Parquet: {str(error).splitlines()[0]}.") from None
    return [Value(f"{path}, row {number}", row) for number, row in enumerate(rows, 1)]


def _unwrapped(where: str, data: Any) -> Iterator[Value]:
    """Open an object that holds all rows: by id, as a list of samples, or as evalplus' results."""
    if isinstance(data, Mapping) and isinstance(data.get("eval"), Mapping):
        data = data["eval"]
    if not isinstance(data, Mapping) or data.keys() & {*ID_KEYS, *PROMPT_KEYS}:
        yield Value(where, data)
    elif isinstance(data.get("samples"), list):
        yield from (Value(f"{where}, sample {number}", item) for number, item in enumerate(data["samples"], 1))
    elif data.keys() & set(SAMPLE_KEYS):
        yield Value(where, data)
    else:
        yield from (Value(f"{where}, {name!r}", {"id": name, "completions": item}) for name, item in data.items())


def _rows(value: Value) -> Iterator[_Row]:
    """Return the samples of a value; where each is an object with a verdict of its own, each is a row."""
    where, data = value
    if not isinstance(data, Mapping):
        yield _Row({}, [] if data is None else _texts(where, "the row", data))
        return
    there = [key for key in SAMPLE_KEYS if key in data]
    if not there:
        raise TaskError(
            f"{where}: no key holds an answer; the row has {sentence_list([repr(key) for key in sorted(data)])}, and "
            "an answer must stand under completion, solution, raw_solution, output, response or generation."
        )
    used = next((key for key in there if data[key] is not None), there[0])
    inner = [data[used]] if isinstance(data[used], Mapping) else data[used]
    if isinstance(inner, list) and inner and all(_is_row(one) for one in inner):
        outer = {key: item for key, item in data.items() if key not in there}
        for one in inner:
            yield from _rows(Value(where, {**outer, **one}))
    else:
        yield _Row(data, _texts(where, repr(used), data[used]), used, tuple(key for key in there if key != used))


def _is_row(value: Any) -> bool:
    return isinstance(value, Mapping) and "role" not in value and not value.keys().isdisjoint(SAMPLE_KEYS)


def _texts(where: str, what: str, value: Any) -> list[str | None]:
    try:
        return texts_of(value)
    except TaskError as error:
        raise TaskError(f"{where}: {what} is {error}; an answer must be a text, a list of texts or messages.") from None


def _one_filter(rows: list[_Row]) -> tuple[list[_Row], list[str]]:
    """Keep one of lm-eval's filters: it writes every answer once for each of them."""
    filters = list(
        dict.fromkeys(str(row.data["filter"]) for row in rows if row.used == "resps" and "filter" in row.data)
    )
    if len(filters) < 2:
        return rows, []
    kept = [row for row in rows if str(row.data.get("filter")) == filters[0]]
    return kept, [f"Each answer stands there once for each of the filters {sentence_list(filters)}; it counts once."]


def _completion(row: _Row, number: int, stops: Sequence[str]) -> Completion:
    text = row.texts[number]
    assert text is not None
    tokens = next((_single(row, row.data[key], number) for key in _TOKENS if key in row.data), 0)
    stop = next((_single(row, row.data[key], number) for key in _STOPS if key in row.data), "")
    whole = type(tokens) is int and tokens > 0
    return Completion(cut_at(text, stops), tokens if whole else 0, stop if isinstance(stop, str) else "")


def _single(row: _Row, value: Any, number: int) -> Any:
    """Return what a value of a row says of one of its samples; one value says nothing of several."""
    if isinstance(value, list) and len(value) == len(row.texts):
        return value[number]
    return value if len(row.texts) == 1 else None


# --- what the file says of them


def _verdicts(rows: Sequence[_Row], task: Task) -> tuple[str, list[Verdicts]]:
    """Return the first key whose values are all verdicts, and what it says of every sample."""
    plus = "plus" in task.name.casefold() or "+" in task.name
    for key in _VERDICTS:
        raw = [[_single(row, row.data.get(key), number) for number in range(len(row.texts))] for row in rows]
        read = [[_verdict(value) for value in several] for several in raw]
        flat = [pair for values, verdicts in zip(raw, read, strict=True) for pair in zip(values, verdicts, strict=True)]
        known = all(verdict is not None for value, verdict in flat if value not in (None, INFRASTRUCTURE))
        if known and any(verdict is not None for _, verdict in flat):
            if key == "base_status" and plus:  # evalplus: solved means that the plus tests pass as well
                more = [_verdict(row.data.get("plus_status")) is not False for row in rows]
                read = [[both and one for one in several] for several, both in zip(read, more, strict=True)]
            return key, read
    return "", [[None] * len(row.texts) for row in rows]


def _verdict(value: Any) -> bool | None:
    """Read a truth value, a 0 or 1, or a word as a verdict; None where it is none."""
    if isinstance(value, bool | int | float):
        return bool(value) if value in (0, 1) else None
    if not isinstance(value, str) or value == INFRASTRUCTURE:
        return None
    return True if _PASSED.fullmatch(value) else False if _FAILED.fullmatch(value) else None


# --- what has to be said


def _keys_used(rows: Sequence[_Row]) -> Iterator[str]:
    for (used, others), times in Counter((row.used, row.others) for row in rows if row.others).most_common():
        yield f"Judged is {used!r}, not {sentence_list([repr(key) for key in others])} ({counted(times, 'row')})."


def _left_out(
    rows: Sequence[_Row], names: Names, completions: Mapping[str, Sequence[Completion]], task: Task
) -> Iterator[str]:
    there = {problem.id for problem in task.problems}
    groups: dict[str, Counter[str]] = {"other": Counter(), "dropped": Counter(), "unknown": Counter()}
    for row, name in zip(rows, names, strict=True):
        if name not in completions:
            which = "unknown" if name is None else "other" if name in there else "dropped"
            groups[which][name or called(row.data)] += len(row.texts)
    if count := groups["other"].total():
        yield f"{counted(count, 'sample')} of problems that are not evaluated were left out."
    if count := groups["dropped"].total():
        yield f"{counted(count, 'sample')} of problems that {task.name} left out skipped: {shown(groups['dropped'])}."
    if count := groups["unknown"].total():
        these = shown(groups["unknown"])
        yield f"{counted(count, 'sample')} of problems that {task.name} does not have skipped: {these}."
    if nulls := sum(row.texts.count(None) for row in rows):
        yield f"{counted(nulls, 'sample')} null, without an answer to judge: left out, and not counted as failed."
    missing = [name for name, several in completions.items() if not several]
    if missing:
        yield f"{counted(len(missing), 'problem')} without a sample left out: {shown(missing)}."
