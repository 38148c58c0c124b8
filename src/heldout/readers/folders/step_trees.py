"""Scores in files of their own for each step, which is told by a folder or the file's name alone.

``step_100/metrics.json``, ``checkpoint-100/eval_results.json``, ``eval/step_50.json``: each file is one object of
numbers. Together they are a log; one alone is no curve, and is left to who else may know it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from heldout.errors import NoMetrics, ReadError
from heldout.metrics import meaning_of
from heldout.readers.documents.json_document import parse
from heldout.readers.folders.companions import says_held_out
from heldout.readers.folders.found import Found
from heldout.readers.folders.places import is_held_out, is_held_out_folder, owner, step_in, words_beside_step
from heldout.readers.log import numbers_of, table_of
from heldout.readers.restarts import is_clock
from heldout.readers.source import Files
from heldout.readers.steps import log_from_table

_LARGEST = 1_000_000  # bytes of one file; one object of scores is a thousandth of that
_MOST_KEYS = 500  # of one file
_SCORES = ("results", "metrics", "scores")  # an object in which the scores stand, beside settings
_DIGITS = 19  # of a number that is no step any more
_SAYS_SCORES = re.compile(r".*(?:eval|metric|result|score|summary|quality|bench|stat|test|val|report).*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Leaf:
    """One file of a tree."""

    path: Path
    owner: Path  # the folder of the run
    step: int
    inner: tuple[str, ...]  # names between the owner and the file that do not tell the step
    held_out: bool  # whether one of them says that the scores are of held-out problems


@dataclass(frozen=True, slots=True)
class _Read:
    """What one file of a tree holds."""

    leaf: _Leaf
    numbers: dict[str, float]
    is_results: bool

    @property
    def is_evaluation(self) -> bool:
        """Whether a name, or the file itself, says that it is of held-out problems."""
        return self.leaf.held_out or self.is_results

    def key(self, key: str) -> str:
        """Return the name of a number: with what stands between run and file, and "eval" where it is no training's."""
        if is_clock(key) and not self.leaf.inner:
            return key
        name = "/".join((*self.leaf.inner, key))
        return f"eval/{name}" if self.is_evaluation and (self.leaf.inner or not says_held_out(key)) else name


def trees(root: Path, paths: list[Path], files: Files) -> list[Found]:
    """Return the logs that files of one step each make together."""
    leaves: dict[Path, list[_Leaf]] = {}
    for path in paths:
        leaf = _leaf(path, root)
        if leaf is not None:
            leaves.setdefault(leaf.owner, []).append(leaf)
    many = {owner: found for owner, found in leaves.items() if len({leaf.step for leaf in found}) > 1}
    return [tree for owner, found in many.items() for tree in _tree(owner, found, files)]


def could_be_leaf(path: Path, root: Path) -> bool:
    """Whether a file may be one of such a tree, by its name."""
    return path.suffix.lower() == ".json" and path.name != "trainer_state.json" and _leaf(path, root) is not None


def _leaf(path: Path, root: Path) -> _Leaf | None:
    names = [*path.relative_to(root).parts[:-1], path.stem]
    held_out = any(map(is_held_out, names))
    at = next((n for n, name in enumerate(names) if step_in(name) is not None), None)
    if at is None and held_out:  # eval/50.json
        at = next((n for n, name in enumerate(names) if name.isdecimal() and len(name) < _DIGITS), None)
    if at is None:
        return None
    step = step_in(names[at])
    above = owner(path, root)
    inner = [name for name in names[len(above.relative_to(root).parts) : -1] if name != names[at]]
    inner = [name for name in inner if not is_held_out_folder(name)]
    inner += ["_".join(words)] if at == len(names) - 1 and (words := words_beside_step(path.stem)) else []
    return _Leaf(path, above, int(names[at]) if step is None else step, tuple(inner), held_out)


def _tree(folder: Path, leaves: list[_Leaf], files: Files) -> Iterator[Found]:
    read = [_Read(leaf, *found) for leaf in leaves if (found := _numbers(leaf.path, files))[0]]
    known = Counter[str]()  # by name of the file
    for one in read:
        known[one.leaf.path.name] += one.is_evaluation or any(meaning_of(key) is not None for key in one.numbers)
    read = [one for one in read if known[one.leaf.path.name] or _SAYS_SCORES.match(one.leaf.path.stem)]
    if len({one.leaf.step for one in read}) < 2 or not any(known[one.leaf.path.name] for one in read):
        return
    table = table_of([{"step": step, **row} for step, row in sorted(_rows(read).items())])
    try:
        log = log_from_table(table, "step-files", step_key="step")
    except NoMetrics:
        return
    yield Found(tuple(one.leaf.path for one in read), folder, log)


def _rows(read: list[_Read]) -> dict[int, dict[str, float]]:
    """Return the numbers of each step; those that several files of a step have are told apart by the files' names."""
    names = {(one.leaf.step, one.key(key)): set[str]() for one in read for key in one.numbers}
    for one in read:
        for key in one.numbers:
            names[one.leaf.step, one.key(key)].add(one.leaf.path.stem)
    shared = {name for (_, name), stems in names.items() if len(stems) > 1}
    rows: dict[int, dict[str, float]] = {}
    for one in read:
        row = rows.setdefault(one.leaf.step, {})
        for key, value in one.numbers.items():
            name = one.key(key)
            row[name if name not in shared else one.key(f"{one.leaf.path.stem}/{key}")] = value
    return rows


def _numbers(path: Path, files: Files) -> tuple[dict[str, float], bool]:
    """Return the numbers of a file that holds one object of them, and whether it says that they are results.

    There are none where it is anything else.
    """
    try:
        source = files.source(path)
        document = parse(source.data) if source.size <= _LARGEST else None
    except (ReadError, OSError, ValueError):
        return {}, False
    if not isinstance(document, dict):
        return {}, False
    within = next((key for key in _SCORES if isinstance(document.get(key), dict)), "")
    found = numbers_of(document[within] if within else document)
    # The evaluation harness of EleutherAI names its filter behind a comma.
    numbers = {key.removesuffix(",none"): value for key, value in found if key.lower() not in ("step", "global_step")}
    return (numbers, within == "results") if len(numbers) <= _MOST_KEYS else ({}, False)
