"""Console output in blocks of "name   value" lines: printed pandas Series, and Stable-Baselines3's tables."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from heldout.readers.log import Log
from heldout.readers.source import Source
from heldout.readers.steps import log_from_rows
from heldout.run import Note, NoteKind

_NUMBER = r"[-+]?+(?:\d++(?:\.\d*+)?+|\.\d++)(?:[eE][-+]?\d++)?+|[-+]?+(?:nan|NaN|inf)"

# Name: 0, dtype: float64   (the next block may follow without a line end)
_SERIES_END = re.compile(
    r"\s{0,9}Name: [^\n,]{1,100}+,(?: Length: \d+,)? dtype: (?:float64|float32|int64|int32|object)"
)
# mean_episode_len         4.521000e+02   (again, the next one may follow without a line end)
_SERIES_LINE = re.compile(rf"\s{{0,9}}([A-Za-z_][^\s]{{0,99}}+(?: [^\s]{{1,99}}+){{0,4}}) {{2,200}}({_NUMBER})")
# |    ep_rew_mean          | 21.4         |
_TABLE_LINE = re.compile(r"\|(?P<indent> {1,8})(?P<name>[^\s|][^|\n]{0,99}+)\|(?P<value>[^|\n]{0,99}+)\|[ \t]{0,99}+$")
# ----------------------------------------
_RULE = re.compile(r"-{8,}+[ \t]{0,99}+$")

_STEPS = (
    *("time/total_timesteps", "total_timesteps", "timesteps", "global_step", "step", "steps"),
    *("time/iterations", "iteration", "iterations"),
)


def read(source: Source) -> list[Log] | None:
    """Read blocks of names and values off the console.

    A block is a printed pandas Series or a table of Stable-Baselines3's::

        timesteps               2.500198e+07        ------------------------------
        mean_episode_rewards    4.845000e+01        | rollout/           |       |
        Name: 762, dtype: float64                   |    ep_rew_mean     | 21.4  |
                                                    ------------------------------

    A name under a group gets the group's: ``rollout/ep_rew_mean``.

    What it cannot see: digits beyond those printed (three in Stable-Baselines3, in the step as well where pandas
    rounds it), and names that were shortened to fit.
    """
    if not source.is_text:
        return None
    text = source.text
    for mark, blocks, form in (
        ("dtype: ", _series_blocks, "pandas Series console"),
        ("----\n|", _table_blocks, "Stable-Baselines3 console"),
    ):
        found, cut = blocks(text) if mark in text else ([], 0)
        if _alike(found):
            notes = [Note(NoteKind.DROPPED, "The last block is cut and was left out.", 1)] if cut else []
            rows, more = _with_steps(found)
            return [log_from_rows(rows, form, step_key="step", notes=[*notes, *more])]
    return None


def _series_blocks(text: str) -> tuple[list[dict[str, Any]], int]:
    """Return the printed Series, and the number of unfinished ones at the end."""
    blocks: list[dict[str, Any]] = []
    block: dict[str, Any] = {}
    for line in text.split("\n"):
        at = 0
        while at < len(line):
            if end := _SERIES_END.match(line, at):
                blocks += [block] if block else []
                block, at = {}, end.end()
            elif item := _SERIES_LINE.match(line, at):
                block[item[1]] = float(item[2])
                at = item.end()
            else:
                block = block if line.strip(". ") == "" else {}  # pandas leaves lines out with "..."
                break
    cut = bool(blocks) and next(iter(blocks[-1])) in text[text.rfind("dtype: ") :]
    return blocks, int(cut)


def _table_blocks(text: str) -> tuple[list[dict[str, Any]], int]:
    """Return the tables between two rules, and the number of unfinished ones at the end."""
    blocks: list[dict[str, Any]] = []
    block: dict[str, Any] | None = None  # None outside a table
    group = ""
    for line in text.split("\n"):
        if _RULE.match(line):
            blocks += [block] if block else []
            block, group = {}, ""
        elif block is not None and (item := _TABLE_LINE.match(line)):
            name, value = item["name"].strip(), item["value"].strip()
            if not value:
                group = name if name.endswith("/") else ""
            else:
                block[(group if len(item["indent"]) > 1 else "") + name] = value
        else:
            cut = block is not None and line.startswith("|")
            block = block if cut else None
    return blocks, int(bool(block))


def _alike(blocks: Sequence[Mapping[str, Any]]) -> bool:
    """Tell a log from a table that was printed once: it has a step, or the same names come again."""
    if not blocks:
        return False
    stepped = any(key in block for block in blocks for key in _STEPS)
    return stepped or (len(blocks) > 1 and bool(set.intersection(*(set(block) for block in blocks))))


def _with_steps(blocks: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[Note]]:
    """Give each block its step: the first known name that it has, or else its number."""
    counts = {key: sum(key in block for block in blocks) for key in _STEPS}
    key = max(_STEPS, key=lambda name: counts[name])  # the first of the most frequent ones
    steps = [_as_step(block.get(key)) for block in blocks]
    if counts[key] == 0 or all(step is None for step in steps):
        note = Note(NoteKind.ASSUMED, "The blocks carry no step; they were numbered 1, 2, 3, …", len(blocks))
        return [{**block, "step": i} for i, block in enumerate(blocks, start=1)], [note]
    rows = [
        {**{name: value for name, value in block.items() if name != key}, "step": step}
        for block, step in zip(blocks, steps, strict=True)
        if step is not None
    ]
    lost = len(blocks) - len(rows)
    text = f"{lost} blocks without {key} were left out, because they stand at no step."
    return rows, [Note(NoteKind.DROPPED, text, lost)] if lost else []


def _as_step(cell: Any) -> int | None:
    try:
        step = float(cell)
    except (TypeError, ValueError):
        return None
    return int(step) if abs(step) < 2**53 else None
