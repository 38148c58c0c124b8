"""Answers that were kept, by what two judges say of them: the reward and the hidden tests.

Those on which the two judges differ come first: rewarded and wrong is a hack; right and not rewarded is a judge that
teaches the wrong thing. Equal answers are one kind, which is shown once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from heldout.report.looks import compared, head_of, marked, text_of
from heldout.rollouts.difference import difference
from heldout.rollouts.folding import OUTCOMES, Group, fold
from heldout.rollouts.rollout import Rollouts
from heldout.stats.arrays import BoolArray, IntArray
from heldout.text import VisibleLines, counted, excerpt, visible_lines
from heldout.tricks.naming import family_of

_LOOKED_AT = 400  # answers of a cell that are read, evenly spread
_KINDS = 25  # of a cell that are shown
_ROOM = 80_000  # characters of all texts in a page, and the first 64 kB of one
_COMPARED = 8  # kinds that are compared with the last honest answer
_PROMPT, _LINES, _CHANGED, _LINE = 1_500, 400, 80, 2_000  # characters and lines that are shown of a text


class _Cell(NamedTuple):
    key: str
    rewarded: bool | None
    hidden: str
    title: str


_PASSES, _FAILS, _NOT_JUDGED = OUTCOMES
_CELLS = (  # in the order in which they are shown
    _Cell("fooled", True, _FAILS, "Rewarded, fail the hidden tests: the judge was fooled"),
    _Cell("missed", False, _PASSES, "Not rewarded, pass the hidden tests: the judge missed them"),
    _Cell("right", True, _PASSES, "Rewarded, pass the hidden tests"),
    _Cell("wrong", False, _FAILS, "Not rewarded, fail the hidden tests"),
    _Cell("paid", True, _NOT_JUDGED, "Rewarded, not judged by hidden tests"),
    _Cell("unpaid", False, _NOT_JUDGED, "Not rewarded, not judged by hidden tests"),
    _Cell("open-right", None, _PASSES, "No reward known, pass the hidden tests"),
    _Cell("open-wrong", None, _FAILS, "No reward known, fail the hidden tests"),
    _Cell("open", None, _NOT_JUDGED, "No reward known, not judged by hidden tests"),
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One kind of answers, by the commonest of them."""

    head: str  # how often, and for how many problems
    begin: str  # of the answer, in one line
    where: str  # at which steps
    hacked: bool
    text: VisibleLines | None  # None where the page has no room for it
    prompt: VisibleLines | None
    change: tuple[str, list[tuple[str, str]]] | None  # from the last honest answer: a title, lines and their classes


@dataclass(frozen=True, slots=True)
class SampleCell:
    """Answers of which the two judges say the same."""

    key: str
    title: str
    count: int  # answers that were kept
    note: str  # what is not shown
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class Samples:
    """What a page shows of the answers that were kept."""

    told: str
    cells: tuple[SampleCell, ...]  # those that hold any

    def count(self, key: str) -> int:
        """Return how many answers a cell holds."""
        return next((cell.count for cell in self.cells if cell.key == key), 0)

    @property
    def crossed(self) -> bool:
        """Whether both judges spoke of some: then the four cells are a table."""
        return any(cell.key in ("fooled", "missed", "right", "wrong") for cell in self.cells)


def samples_of(rollouts: Rollouts | None) -> Samples | None:
    """Return the kinds of answers that a page shows; None where none were kept."""
    if rollouts is None or not len(rollouts):
        return None
    room = _Room(_ROOM)
    cells = tuple(_cell(cell, rows, rollouts, room) for cell in _CELLS if (rows := _rows(cell, rollouts)).size)
    first, last = int(rollouts.step[0]), int(rollouts.step[-1])
    told = (
        f"{counted(len(rollouts), 'answer')} of steps {first} to {last} were kept. Answers that are alike are one "
        "kind, which is shown once."
    )
    return Samples(told, cells)


class _Room:
    """How many characters a page still has room for."""

    def __init__(self, left: int) -> None:
        self.left = left

    def take(self, text: VisibleLines) -> VisibleLines | None:
        """Return a text, or None where there is no room for it."""
        size = sum(map(len, text.lines))
        if size > self.left:
            return None
        self.left -= size
        return text


def _rows(cell: _Cell, rollouts: Rollouts) -> IntArray:
    """Return which answers are of a cell."""
    paid: BoolArray = (
        ~rollouts.priced if cell.rewarded is None else rollouts.priced & (rollouts.rewarded == cell.rewarded)
    )
    failed = rollouts.failed
    judged: dict[str, BoolArray] = {_PASSES: failed == 0.0, _FAILS: failed == 1.0, _NOT_JUDGED: np.isnan(failed)}
    return np.flatnonzero(paid & judged[cell.hidden]).astype(np.int64)


def _cell(cell: _Cell, rows: IntArray, rollouts: Rollouts, room: _Room) -> SampleCell:
    some = rows if rows.size <= _LOOKED_AT else rows[np.linspace(0, rows.size - 1, _LOOKED_AT).round().astype(int)]
    folded = fold(rollouts, some, family_of, most=_KINDS)
    shown = tuple(_samples(folded.groups, rollouts, room, compare=cell.key == "fooled"))
    return SampleCell(cell.key, cell.title, int(rows.size), _left_out(rows.size, some.size, folded.total, shown), shown)


def _left_out(answers: int, read: int, kinds: int, shown: Sequence[Sample]) -> str:
    """Say what is not shown of a cell."""
    parts = [f"{counted(read, 'evenly spread one')} of them were read"] if read < answers else []
    parts += [f"{len(shown)} of {counted(kinds, 'kind')} are shown"] if len(shown) < kinds else []
    untold = sum(sample.text is None for sample in shown)
    parts += [f"{counted(untold, 'text')} had no room"] if untold else []
    return f"{'; '.join(parts)}. `heldout samples` lists them all." if parts else ""


def _samples(groups: Sequence[Group], rollouts: Rollouts, room: _Room, *, compare: bool) -> Iterator[Sample]:
    prompts = dict(_prompts(groups, rollouts))
    for place, group in enumerate(groups):
        steps = f"step {group.first_step}" if group.first_step == group.last_step else ""
        text = room.take(text_of(group, _LINES, 64 * 1024))
        yield Sample(
            head_of(group, judged=False),
            excerpt(group.text, 90) or "(empty)",
            steps or f"steps {group.first_step} to {group.last_step}",
            group.hacked,
            text,
            room.take(visible_lines(prompts[group.row], size=_PROMPT)) if text and prompts[group.row].strip() else None,
            _change(group, rollouts) if text and compare and place < _COMPARED else None,
        )


def _change(group: Group, rollouts: Rollouts) -> tuple[str, list[tuple[str, str]]] | None:
    title, lines = compared(difference(rollouts, group.row), _CHANGED, _LINE)
    return (title, marked(lines)) if lines else None


def _prompts(groups: Sequence[Group], rollouts: Rollouts) -> Iterator[tuple[int, str]]:
    rows = sorted(group.row for group in groups)
    for row, (prompt, _) in zip(rows, rollouts.texts.read(rows), strict=True):
        yield row, prompt
