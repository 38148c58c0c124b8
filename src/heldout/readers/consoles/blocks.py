"""Console output in blocks of "name   value" lines: printed pandas Series, and Stable-Baselines3's tables."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from heldout.readers.consoles.console import NUMBER
from heldout.readers.log import Log, noted
from heldout.readers.source import Source
from heldout.readers.steps import log_from_table
from heldout.run import Note, NoteKind

# Name: 0, dtype: float64   (the next block may follow without a line end)
_SERIES_END = re.compile(
    r"\s{0,9}Name: [^\n,]{1,100}+,(?: Length: \d+,)? dtype: (?:float64|float32|int64|int32|object)"
)
# mean_episode_len         4.521000e+02   (again, the next one may follow without a line end)
_SERIES_LINE = re.compile(rf"\s{{0,9}}([A-Za-z_][^\s]{{0,99}}+(?: [^\s]{{1,99}}+){{0,4}}) {{2,200}}({NUMBER})")
# |    ep_rew_mean          | 21.4         |
_TABLE_LINE = re.compile(r"\|(?P<indent> {1,8})(?P<name>[^\s|][^|\n]{0,99}+)\|(?P<value>[^|\n]{0,99}+)\|[ \t]{0,99}+$")
# ----------------------------------------
_RULE = re.compile(r"-{8,}+[ \t]{0,99}+$")

# Environment steps before iterations: they are the axis of reinforcement learning's curves, and repeat less.
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
    for make, form in ((_Series, "pandas-console"), (_Tables, "sb3-console")):
        console = source.fed_text(make)
        if console.marked and _alike(console.blocks):
            rows, notes = _with_steps(console.blocks)
            if console.cut:
                notes = [Note(NoteKind.DROPPED, "The last block is cut and was left out.", 1), *notes]
            return [log_from_table(rows, form, step_key="step", notes=notes)]
    return None


class _Blocks(ABC):
    """Blocks of names and values, line by line."""

    def __init__(self) -> None:
        self.blocks: list[dict[str, Any]] = []  # the complete ones
        self.marked = False  # something was there that stands in every such output
        self.cut = False  # the last block is unfinished

    def feed(self, text: str, last: bool) -> None:
        for line in text.removesuffix("\n").split("\n") if text else ():
            self.read(line)

    @abstractmethod
    def read(self, line: str) -> None: ...


class _Series(_Blocks):
    """Printed Series."""

    def __init__(self) -> None:
        super().__init__()
        self._block: dict[str, Any] = {}

    def read(self, line: str) -> None:
        at = 0
        while at < len(line):
            if end := _SERIES_END.match(line, at):
                self.blocks += [self._block] if self._block else []
                self._block, at = {}, end.end()
            elif item := _SERIES_LINE.match(line, at):
                self._block[item[1]] = float(item[2])
                at = item.end()
            else:
                self._block = self._block if line.strip(". ") == "" else {}  # pandas leaves lines out with "..."
                break
        if "dtype: " in line:
            self.marked, self.cut = True, False
            line = line[line.rfind("dtype: ") :]
        self.cut = self.cut or (bool(self.blocks) and next(iter(self.blocks[-1])) in line)


class _Tables(_Blocks):
    """Tables between two rules."""

    def __init__(self) -> None:
        super().__init__()
        self._block: dict[str, Any] | None = None  # None outside a table
        self._group = self._before = ""

    def feed(self, text: str, last: bool) -> None:
        super().feed(text, last)
        self.cut = last and bool(self._block)

    def read(self, line: str) -> None:
        self.marked = self.marked or (self._before.endswith("----") and line.startswith("|"))
        self._before = line
        if _RULE.match(line):
            self.blocks += [self._block] if self._block else []
            self._block, self._group = {}, ""
        elif self._block is not None and (item := _TABLE_LINE.match(line)):
            name, value = item["name"].strip(), item["value"].strip()
            if not value:
                self._group = name if name.endswith("/") else ""
            else:
                self._block[(self._group if len(item["indent"]) > 1 else "") + name] = value
        elif self._block is not None and not line.startswith("|"):
            self._block = None


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
    return rows, noted(NoteKind.DROPPED, lost, text)


def _as_step(cell: Any) -> int | None:
    try:
        step = float(cell)
    except (TypeError, ValueError):
        return None
    return int(step) if abs(step) < 2**53 else None
