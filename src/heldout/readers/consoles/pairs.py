"""Lines of names and values, as a training loop of one's own prints them."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from heldout.metrics import benchmarks
from heldout.readers.consoles.console import NUMBER, Console, Entry, steps_over_epochs
from heldout.readers.consoles.trl import scan_dict
from heldout.readers.log import Log
from heldout.readers.source import Source
from heldout.readers.steps import log_from_table

# Those that count finer come first: an epoch has many steps.
_STEPS = ("global_step", "step", "iteration", "iter", "update", "it", "epoch")
_FEWEST = 3  # lines with the same names: settings are printed once, or once more at the end

# loss=0.5   reward: 21.5%   step 3/60   [3/60]   (5.00%)   dt: 300ms
_NAMED = r"[A-Za-z_][\w./@-]{0,99}+(?:[ \t]{0,8}+[=:][ \t]{0,8}+|[ \t]{1,8}+)"
_VALUE = rf"{NUMBER}(?:/\d{{1,15}}|%|[A-Za-z][A-Za-z/]{{0,7}}+)?+(?![\w.])"
_ITEM = rf"[\[(]?+(?:{_NAMED}{_VALUE}|\d{{1,15}}/\d{{1,15}}|\d{{1,3}}(?:\.\d{{1,4}}+)?%)[\])]?+"
_BETWEEN = r"(?:[ \t]{0,8}+[|,;:][ \t]{0,8}+|[ \t]{1,8}+(?:-[ \t]{1,8}+)?+)"
# What stands before a line: "2026-04-15 07:57:53,123 - trainer - INFO - ", "INFO:root:", "[rank 0] loop.py:12 "
_TIME = r"(?:\d{4}[/-]\d\d[/-]\d\d[T ]?)?(?:\d{1,2}:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?)?(?<=\d\d|.Z)"
_LEVEL = r"(?:DEBUG|INFO|WARN(?:ING)?|ERROR|CRITICAL)(?::[\w.]{1,60}+)?"
# Of what the numbers are: "eval: step=3 acc=0.4", "[train] step 3 | acc 0.5", "Val step 3: acc=0.4"
_SPLIT = r"(?i:train(?:ing)?|eval(?:uation)?|val(?:id(?:ation)?)?|test)"
_STAMP = (
    rf"(?!\[?{_SPLIT}\b)(?:{_TIME}|{_LEVEL}|\w{{1,60}}+\.py:\d{{1,6}}|[\w.]{{1,60}}+(?= - |: {_NAMED}{_VALUE})"
    rf"|\[(?!(?:(?:{'|'.join(_STEPS)})\W{{1,3}})?\d{{1,15}}[]/])[^]=\n]{{1,80}}+\])[ \t:|-]{{1,8}}+"
)
_BEGINS = rf"(?=[\[(]?(?:{_NAMED}{_VALUE}|\d{{1,15}}/\d)|\{{)"
# Nothing else may stand in the line: a sentence about step=3 and loss=0.5 is not a line of metrics.
_LINE = re.compile(
    rf"^[ \t]{{0,20}}+(?:{_STAMP}){{0,6}}+(?:\[?(?P<split>{_SPLIT})\]?[ \t:|-]{{1,8}}+{_BEGINS})?+"
    rf"(?P<items>(?:{_ITEM}(?:{_BETWEEN}|(?=[ \t]{{0,20}}$)))*+)"
    r"(?P<dict>\{[ \t]{0,20}+['\"][^\n]*+)?[ \t|,;]{0,20}+$",
    re.MULTILINE,
)
_PART = re.compile(rf"(?:({_NAMED})|(?<![\w/.%]))({NUMBER})(/\d{{1,15}}|%|[A-Za-z][A-Za-z/]{{0,7}}+)?")


def read(source: Source) -> list[Log] | None:
    """Read lines of names and numbers that say which step they are of.

    A line looks like one of these, alone or after a time and a level::

        iter=12 | reward=0.3 | val_acc=0.4
        Step 12: loss 0.01, reward 0.3
        [12/60] loss: 0.01 - acc: 21.5%
        {"step": 12, "reward": 0.3}

    At least three lines have the same names, one of which is a step: global_step, step, iteration, iter, update, it or
    epoch. Lines with other names that have this step too are read with them; after "eval:", "val:" or "test:" the
    names are those of that split: ``eval/acc``.

    What it cannot see: a line with words among its values. Values with a unit other than percent are left out.
    """
    if not source.is_text:
        return None
    console = source.fed_text(_Console)
    rows = [entry.row for entry in console.entries if entry.row is not None]
    names, count = Counter(map(tuple, rows)).most_common(1)[0] if rows else ((), 0)
    key = next((name for step in _STEPS for name in names if name.lower() == step), "")
    rows = [row for row in rows if isinstance(row.get(key), (int, float))]
    if len(names) < 2 or min(count, len(rows)) < _FEWEST:
        return None
    notes = console.notes()
    epoch = next((name for name in names if name.lower() == "epoch"), key)
    if epoch != key and all(_whole(row.get(epoch)) for row in rows):
        steps, moved = steps_over_epochs([(row[epoch], row[key]) for row in rows])
        rows = [{**row, key: step} for row, step in zip(rows, steps, strict=True)]
        notes += moved
    return [log_from_table(rows, "pairs-console", step_key=key.lower(), notes=notes)]


class _Console(Console):
    def scan(self, text: str, at: int) -> Iterator[Entry]:
        for line in _LINE.finditer(text, at):
            if not (line["items"] or line["dict"]):
                continue
            row, found = _items(line["items"]), _dict(line["dict"] or "{}")
            cut = line.end() == len(text) and not line["dict"]  # no line end: the last number may go on
            if cut and row:
                row.popitem()
            certain = line.end() < len(text)
            if found is None:
                yield Entry(None, line.end(), certain, lost=1)
            else:
                yield Entry(_of_split(row | found, line["split"]), line.end(), certain, cut=cut)


def _items(text: str) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for part in _PART.finditer(text):
        unit = part[3] or ""
        if part[1] and not unit[:1].isalpha():
            row[part[1].rstrip(" \t=:")] = float(part[2])
        elif unit.startswith("/"):
            row.setdefault("step", float(part[2]))
    return row


def _of_split(row: dict[str, Any], split: str | None) -> dict[str, Any]:
    """Return the row with the names of metrics as trainers write them: "acc" of a line of "eval" is "eval/acc"."""
    if not split:
        return row
    name = next(name for name in ("train", "eval", "val", "test") if split.lower().startswith(name))
    own = {key for key in row if key.lower() in _STEPS or key.lower().startswith(name)}
    if name == "train":  # only where the name alone would be taken for a held-out score
        own |= set(row) - set(benchmarks(row))
    return {key if key in own else f"{name}/{key}": value for key, value in row.items()}


def _dict(text: str) -> dict[str, Any] | None:
    """Return the JSON object or the flat Python dict that a line ends in, or None where it is broken."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        literal = scan_dict(text, 0)
        found = literal.row if literal.whole and not text[literal.end :].strip() else None
    return found if isinstance(found, dict) else None


def _whole(value: Any) -> bool:
    return isinstance(value, (int, float)) and float(value).is_integer()
