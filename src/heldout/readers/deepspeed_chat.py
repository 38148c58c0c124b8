"""Metrics that DeepSpeed-Chat's PPO stage prints to the console."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from heldout.errors import NoMetrics
from heldout.readers.log import Log
from heldout.readers.scanned import Scanned
from heldout.readers.source import Source
from heldout.readers.steps import log_from_rows
from heldout.run import Note, NoteKind

_NUMBER = r"[-+]?+(?:\d++(?:\.\d*+)?+|\.\d++)(?:[eE][-+]?\d++)?+|[-+]?+(?:nan|inf)"
# epoch: 0|step: 12|ppo_ep: 1|act_loss: 0.045|cri_loss: 0.081|unsuper_loss: 0.0
# Epoch: 0 | Step: 12 | PPO Epoch: 1 | Actor Loss: 0.045 | Critic Loss: 0.081 | Unsupervised Loss: 0.0
_STEP = re.compile(
    r"\b[Ee]poch: {0,3}(?P<epoch>\d{1,9}) ?\| ?[Ss]tep: {0,3}(?P<step>\d{1,15}) ?\|"
    r" ?(?:ppo_ep|PPO Epoch): {0,3}\d{1,9} ?\|(?P<losses>[^\n]*+)"
)
# average reward score: 4.38   or   Average reward score: 0.012 | EMA reward score: -0.118
_SCORE = re.compile(r"\b(?P<scores>[Aa]verage (?:reward score|answer len): [^\n]*+)")
_LINE = re.compile(f"{_STEP.pattern}|{_SCORE.pattern}")
# act_loss: 0.045
_ITEM = re.compile(rf"([A-Za-z][\w ]{{0,60}}+): {{0,3}}({_NUMBER})")


def read(source: Source) -> list[Log] | None:
    """Read the losses and the reward that DeepSpeed-Chat prints at each step.

    They stand on two lines::

        epoch: 0|step: 12|ppo_ep: 1|act_loss: 0.045|cri_loss: 0.081|unsuper_loss: 0.0
        average reward score: 4.3828125

    What it cannot see: KL and response lengths, which DeepSpeed-Chat does not print.

    Raises
    ------
    NoMetrics
        When the file ends within its first line of losses.
    """
    if not source.is_text:
        return None
    lines = source.fed_text(_Console).lines()
    if not any(line.place for line in lines):
        return None
    rows, notes = _rows(lines)
    if not rows:
        raise NoMetrics("This DeepSpeed-Chat log ends within its first line of losses; use a longer copy of it.")
    return [log_from_rows(rows, "DeepSpeed-Chat console", step_key="step", notes=[*notes, *_continue(rows)])]


@dataclass(frozen=True, slots=True)
class _Line:
    """Epoch and step where the line is one of losses, its values, and whether the file ends in it."""

    place: tuple[int, int] | None
    values: dict[str, float]
    cut: bool


class _Console:
    """The lines so far."""

    def __init__(self) -> None:
        self._scanned = Scanned(_lines)
        self._found: list[_Line] = []

    def feed(self, text: str, last: bool) -> None:
        self._found += self._scanned.feed(text, last)

    def lines(self) -> list[_Line]:
        return [*self._found, *self._scanned.pending]


def _lines(text: str, at: int) -> Iterator[tuple[_Line, int, bool]]:
    for line in _LINE.finditer(text, at):
        items = _ITEM.findall(line["losses"] or line["scores"] or "")
        cut = line.end() == len(text) and bool(items)  # no line end: the last number may go on
        values = {key: float(value) for key, value in (items[:-1] if cut else items)}
        place = None if line["step"] is None else (int(line["epoch"]), int(line["step"]))
        yield _Line(place, values, cut), line.end(), line.end() < len(text)


def _rows(lines: Sequence[_Line]) -> tuple[list[dict[str, Any]], list[Note]]:
    """Return a row per line of losses, with the scores that follow it."""
    rows: list[dict[str, Any]] = []
    stray, cut = 0, any(line.cut for line in lines)
    for line in lines:
        if line.place is not None:
            rows.append({**line.values, "step": line.place[1], "epoch": line.place[0]})
        elif rows:
            rows[-1].update(line.values)
        else:
            stray += len(line.values)
    notes = []
    if stray:
        text = "Scores that stand before the first step were left out."
        notes.append(Note(NoteKind.DROPPED, text, stray))
    if cut:
        notes.append(Note(NoteKind.DROPPED, "The file ends within a line; its last value was left out.", 1))
    return [row for row in rows if len(row) > 2], notes


def _continue(rows: list[dict[str, Any]]) -> list[Note]:
    """Make steps that begin again at each epoch go on from the epoch before, and take the epoch out of the rows."""
    offsets: dict[int, int] = {}
    moved, before = 0, None
    for row in rows:
        epoch, step = row.pop("epoch"), row["step"]
        if before is None:
            offsets[epoch] = 0
        elif epoch not in offsets:  # an epoch that was seen already is a restart: it keeps its place
            restarted = step <= before[1]
            offsets[epoch] = offsets[before[0]] + (before[1] + 1 - step if restarted else 0)
        before = epoch, step
        row["step"] = step + offsets[epoch]
        moved += offsets[epoch] != 0
    if not moved:
        return []
    text = "Steps begin again at each epoch in this log; they were made to go on from the epoch before."
    return [Note(NoteKind.ASSUMED, text, moved)]
