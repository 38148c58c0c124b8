"""Problem sets: prompts, hidden tests and the split into training, validation and test.

`load_task` takes the name of the generated task, a file, or a data set of the hub. `Problem.program` says how a
completion becomes a program, and `contamination.refuse` turns down a task whose held-out problems are in its training
split.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from heldout.errors import TaskError, UsageError
from heldout.tasks.embedded import embedded
from heldout.tasks.formats import registry
from heldout.tasks.problem import SPLITS, Problem, Task
from heldout.tasks.rows import FILE_ENDINGS, Row, file_rows, hub_rows
from heldout.text import sentence_list

__all__ = ["SPLITS", "Problem", "Task", "load_task"]


def load_task(
    name_or_path: str,
    *,
    seed: int = 0,
    split: str | None = None,
    columns: Mapping[str, str] | None = None,
    keep: bool = False,
    variant: str = "",
) -> Task:
    """Load a set of problems.

    Parameters
    ----------
    name_or_path
        ``embedded``; the path of a ``.jsonl`` or ``.json`` file (``.gz`` too) in heldout's own format or one of those
        in `heldout.tasks.formats.registry.FORMATS`; or ``hf:OWNER/NAME[/CONFIG]`` for such a data set of the Hugging
        Face hub.
    seed
        Of the generated task.
    split
        Puts every problem of a file or data set into this split, whatever it says itself.
    columns
        For columns that are called otherwise: our name → theirs, such as ``{"prompt": "question"}``.
    keep
        Whether every problem holds its row, as `Problem.columns`, for rewards that ask for its columns.
    variant
        Another question that the set can ask: ``published`` of MBPP (the prompt of its authors, which shows the tests),
        ``input`` of CRUXEval (which arguments give this value?).

    Raises
    ------
    UsageError
        When there is no such task, split, column or variant.
    TaskError
        When a file or data set cannot be read; the message names the line.
    """
    if split is not None and split not in SPLITS:
        raise UsageError(f"{split!r} is no split; take {sentence_list(list(SPLITS), 'or')}.")
    if name_or_path == "embedded":
        if split or columns or variant:
            raise UsageError("The embedded task has splits and columns of its own, and no variants.")
        return embedded(seed)
    if name_or_path.startswith("hf:"):
        name = name_or_path.removeprefix("hf:")
        found, notes = hub_rows(name)
        task = _from_rows(name, found, split, columns, keep, variant)
        return replace(task, notes=(*notes, *task.notes))
    path = Path(name_or_path)
    if not name_or_path.endswith(FILE_ENDINGS) or not path.is_file():
        there = "a folder; name the file in it, which ends" if path.is_dir() else "there, but must end"
        why = f" (it is {there} with .jsonl or .json)" if path.exists() else ""
        raise UsageError(
            f"{name_or_path!r} is no task{why}; take embedded, an existing .jsonl or .json file, or hf:OWNER/NAME."
        )
    return _from_rows(path.name.removesuffix(".gz").rsplit(".", 1)[0], file_rows(path), split, columns, keep, variant)


def _from_rows(
    name: str, found: list[Row], split: str | None, columns: Mapping[str, str] | None, keep: bool, variant: str
) -> Task:
    if not found:
        raise TaskError(f"{name} holds no problems in a split called {sentence_list(list(SPLITS), 'or')}.")
    if columns:
        found = [_renamed(row, columns) for row in found]
    return registry.read(name, found, split, keep=keep, variant=variant)


def _renamed(row: Row, columns: Mapping[str, str]) -> Row:
    missing = [theirs for theirs in columns.values() if theirs not in row.data]
    if missing:
        raise UsageError(f"{row.where} has no column {missing[0]!r}; it has {sentence_list(sorted(row.data))}.")
    kept = {key: value for key, value in row.data.items() if key not in columns.values()}
    return Row(row.where, kept | {ours: row.data[theirs] for ours, theirs in columns.items()})
