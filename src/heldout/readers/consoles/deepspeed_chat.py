"""Metrics that DeepSpeed-Chat's PPO stage prints to the console."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from heldout.errors import NoMetrics
from heldout.readers.consoles.console import NUMBER, Console, Entry, steps_over_epochs
from heldout.readers.log import Log, noted
from heldout.readers.source import Source
from heldout.readers.steps import log_from_table
from heldout.run import Note, NoteKind

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
_ITEM = re.compile(rf"([A-Za-z][\w ]{{0,60}}+): {{0,3}}({NUMBER})")


def read(source: Source) -> list[Log] | None:
    """Read the losses and the reward that DeepSpeed-Chat prints at each step.

    They stand on two lines::

        epoch: 0|step: 12|ppo_ep: 1|act_loss: 0.045|cri_loss: 0.081|unsuper_loss: 0.0
        average reward score: 4.3828125

    What it cannot see: KL and response lengths, which DeepSpeed-Chat does not print. Raises `NoMetrics` where the file
    ends within its first line of losses.
    """
    if not source.is_text:
        return None
    console = source.fed_text(_Console)
    if not any(entry.place for entry in console.entries):
        return None
    rows, stray = _rows(console.entries)
    if not rows:
        raise NoMetrics("This DeepSpeed-Chat log ends within its first line of losses; use a longer copy of it.")
    steps, moved = steps_over_epochs([(row.pop("epoch"), row["step"]) for row in rows])
    rows = [{**row, "step": step} for row, step in zip(rows, steps, strict=True)]
    notes = [*stray, *console.notes(), *moved]
    return [log_from_table(rows, "deepspeed-chat-console", step_key="step", notes=notes)]


class _Console(Console):
    """Lines of losses, at an epoch and a step, and lines of scores, which stand at no place of their own."""

    def scan(self, text: str, at: int) -> Iterator[Entry]:
        for line in _LINE.finditer(text, at):
            items = _ITEM.findall(line["losses"] or line["scores"] or "")
            cut = line.end() == len(text) and bool(items)  # no line end: the last number may go on
            row = {key: float(value) for key, value in (items[:-1] if cut else items)}
            place = () if line["step"] is None else (int(line["epoch"]), int(line["step"]))
            yield Entry(row, line.end(), line.end() < len(text), cut=cut, place=place)


def _rows(entries: Sequence[Entry]) -> tuple[list[dict[str, Any]], list[Note]]:
    """Return a row per line of losses, with the scores that follow it."""
    rows: list[dict[str, Any]] = []
    stray = 0
    for entry in entries:
        values = entry.row or {}
        if entry.place:
            rows.append({**values, "epoch": entry.place[0], "step": entry.place[1]})
        elif rows:
            rows[-1].update(values)
        else:
            stray += len(values)
    text = "Scores that stand before the first step were left out."
    return [row for row in rows if len(row) > 2], noted(NoteKind.DROPPED, stray, text)
