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
from heldout.readers.folders.found import Found
from heldout.readers.folders.places import is_held_out, is_held_out_folder, owner, step_in, words_beside_step
from heldout.readers.log import numbers_of, table_of
from heldout.readers.source import Files
from heldout.readers.steps import log_from_table

_LARGEST = 1_000_000  # bytes of one file; one object of scores is a thousandth of that
_MOST_KEYS = 500  # of one file
_SCORES = ("results", "metrics", "scores")  # an object in which the scores stand, beside settings
_DIGITS = 19  # of a number that is no step any more
_OF_EVALUATIONS = ("held_out", "held_out_length", "evaluation_size", "evaluation_detail")
_SAYS_SCORES = re.compile(r".*(?:eval|metric|result|score|summary|quality|bench|stat|test|val|report).*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Leaf:
    """One file of a tree."""

    path: Path
    owner: Path  # the folder of the run
    step: int
    inner: tuple[str, ...]  # names between the owner and the file that do not tell the step
    held_out: bool  # whether one of them says that the scores are of held-out problems


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
    read = [(leaf, numbers) for leaf in leaves if (numbers := _numbers(leaf.path, files))]
    of_file = Counter[str]()
    for leaf, numbers in read:
        of_file[leaf.path.name] += any(meaning_of(key) is not None for key in numbers)
    read = [one for one in read if one[0].held_out or of_file[one[0].path.name] or _SAYS_SCORES.match(one[0].path.stem)]
    if len({leaf.step for leaf, _ in read}) < 2 or not any(_known(leaf, of_file) for leaf, _ in read):
        return
    rows: dict[int, dict[str, float]] = {}
    for leaf, numbers in sorted(read, key=lambda one: one[0].step):
        row = rows.setdefault(leaf.step, {})
        for key, value in numbers.items():
            name = _key(leaf, key)
            row[name if name not in row else f"{leaf.path.stem}/{name}"] = value
    table = table_of([{"step": step, **row} for step, row in rows.items()])
    try:
        log = log_from_table(table, "step-files", step_key="step")
    except NoMetrics:
        return
    yield Found(tuple(leaf.path for leaf, _ in read), folder, log)


def _known(leaf: _Leaf, of_file: Counter[str]) -> bool:
    return leaf.held_out or of_file[leaf.path.name] > 0


def _key(leaf: _Leaf, key: str) -> str:
    """Return the name of a number: with what stands between run and file, and with "eval" where a name says so."""
    known = meaning_of(key)
    says = known is not None and known.meaning.name in _OF_EVALUATIONS
    plain = "/".join((*leaf.inner, key))
    return f"eval/{plain}" if leaf.held_out and (leaf.inner or not says) else plain


def _numbers(path: Path, files: Files) -> dict[str, float]:
    """Return the numbers of a file that holds one object of them; none where it is anything else."""
    try:
        source = files.source(path)
        document = parse(source.data) if source.size <= _LARGEST else None
    except (ReadError, OSError, ValueError):
        return {}
    if not isinstance(document, dict):
        return {}
    inner = next((document[key] for key in _SCORES if isinstance(document.get(key), dict)), document)
    numbers = {key: value for key, value in numbers_of(inner) if key.lower() not in ("step", "global_step")}
    return numbers if len(numbers) <= _MOST_KEYS else {}
