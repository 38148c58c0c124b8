"""Evaluations of one set of problems under several names: training and a later command may each call it otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from heldout.readers.log import some
from heldout.run import Evaluation, Note, NoteKind
from heldout.text import counted

_UNNAMED = "held-out"  # what a benchmark is called that nobody named


def under_one_name(evaluations: Sequence[Evaluation]) -> tuple[list[Evaluation], list[Note]]:
    """Give evaluations of the same problems the name of the first; return them in their order, and what was assumed.

    Where both were made at the same step, and each has a name of its own, they are judged by different rules, and kept
    apart.
    """
    ids: tuple[str, ...] | None = None  # of the evaluation before: most that are read from one file share them
    asked: frozenset[str] | None = None
    problems: dict[str, frozenset[str] | None] = {}
    steps: dict[str, set[int]] = {}
    for one in evaluations:
        if (own := None if one.outcomes is None else one.outcomes.problems) is not ids:
            ids, asked = own, None if own is None else frozenset(own)
        if problems.setdefault(one.benchmark, asked) != asked:
            problems[one.benchmark] = None  # not always the same ones
        steps.setdefault(one.benchmark, set()).add(one.step)
    first: dict[frozenset[str], str] = {}
    names: dict[str, str] = {}
    for benchmark, asked in problems.items():
        name = benchmark if asked is None else first.setdefault(asked, benchmark)
        apart = steps[name] & steps[benchmark] and _UNNAMED not in (name, benchmark)
        if asked is not None and name != benchmark and not apart:
            names[benchmark] = name
            steps[name] |= steps[benchmark]
    notes = [
        Note(NoteKind.ASSUMED, _said(name, [old for old, new in names.items() if new == name], problems[name]))
        for name in dict.fromkeys(names.values())
    ]
    return [replace(one, benchmark=names.get(one.benchmark, one.benchmark)) for one in evaluations], notes


def _said(name: str, others: list[str], asked: frozenset[str] | None) -> str:
    same, names = counted(len(asked or ()), "problem"), some([name, *others], 4)
    return f"Evaluations under the names {names} are of the same {same}; they were read as one series, {name}."
