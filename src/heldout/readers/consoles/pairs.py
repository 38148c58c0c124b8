"""Lines of names and values, as a training loop of one's own prints them, and trainers that print for people."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

from heldout.metrics import is_score, means, names_score
from heldout.readers.consoles import grid
from heldout.readers.consoles.bars import Bar, bars_in, begins_anew, is_of_evaluation, moves_last, of_training
from heldout.readers.consoles.console import CutLines, steps_over_epochs
from heldout.readers.consoles.line import LONGEST, STEPS, Line, is_step, parsed, split_of
from heldout.readers.consoles.other_text import of_problems, tells_of_training
from heldout.readers.log import Log, noted
from heldout.readers.source import CUT_HERE, Source
from heldout.readers.steps import log_from_table, logs_from_table
from heldout.run import Note, NoteKind
from heldout.text import counted

_FEWEST = 3  # lines with the same names: settings are printed once, or once more at the end
_MOST_BACK = 0.26  # of the moves: more than a run that was begun anew once, or short epochs, go back
_OF_BAR = "step of the progress bar"
_AXES = (*STEPS[: STEPS.index("episode")], _OF_BAR, *STEPS[STEPS.index("episode") :])
# A longer line has a number behind a sign, a step or a dict, or it is no line of metrics.
_SHORT = 100
_STEP_WORDS = "|".join(re.escape(step) for step in STEPS)
_PROMISING = re.compile(rf"[=:：][ \t]{{0,20}}[\[(]?[-+.\d]|(?<![a-z])(?i:{_STEP_WORDS})(?![a-z])|\{{|\d\(")
# Names of one and the same count, where no line has two of them.
_SAME = (
    ("step", "global_step", "train/global_step", "trainer/global_step", "training_step", "train_step"),
    ("iteration", "iter", "it"),
)
_RATHER = 5  # times as many lines of a kind of no evaluation: the others are of none either
_TITLE = 80  # characters of a line that only says of what the following lines are


def read(source: Source) -> list[Log] | None:
    """Read lines of names and numbers that say which step they are of.

    A line looks like one of these, alone or after a time and a level::

        iter=12 | reward=0.3 | val_acc=0.4
        Step 12/60: loss 0.01, Avg Reward: 0.3, 3.2k tokens/s
        {"step": 12, "reward": 0.3}
        Episode [1/1]:  5%|█ | 3/60 [00:10<03:10, 3.3s/it, reward=0.2]

    At least three lines have the same names. The step is the finest of those that most lines have: global_step, step,
    iteration, update, the progress bar's, episode, epoch … Lines and tables without a step stand at the one before
    them, be it a line of its own ("=== Step 12 ==="); after "eval:", "Validation" or "test" the names are those of
    that split: ``eval/acc``.

    What it cannot see: names without a sign before their number, in a line that holds other words, too. Thousands (k),
    millions (M) and milliseconds are written out; other units are left away.
    """
    if not source.is_text:
        return None
    console = source.fed_text(_Lines)
    printed = console.printed()
    for axis in _axes(printed):
        placed = _kept(_placed(printed, axis))
        if placed and tells_of_training((one.names for one in placed), len(placed), console.count):
            return _logs(placed, axis, console.notes(any(one.line.row for one in placed)), growing=source.growing)
    numbered = _numbered(printed)
    return [numbered] if numbered else None


class _Printed(NamedTuple):
    """One thing that was printed: a line, a table, a bar."""

    line: Line
    bar: Bar | None = None


_OTHER = _Printed(Line({}, sure=False))  # text without metrics


class _Placed(NamedTuple):
    """The metrics of a line at a step."""

    line: Line  # without what numbers it
    step: float
    epoch: float | None
    own: bool  # whether the line tells the step itself
    title: bool  # whether it has the step from a line that tells nothing else
    apart: bool  # whether other text stands between that line and this one
    names: tuple[str, ...]
    lent: bool  # whether what it is of is said by a line before it


class _Lines:
    """Everything that was printed, line by line."""

    def __init__(self) -> None:
        self._printed: list[_Printed] = []
        self._table: list[grid.Cells] = []  # the rows of a table that has not ended yet
        self._names: grid.Cells = []  # the latest line that may be names of columns
        self.count = 0  # lines that are not empty
        self._broken = self._problems = self._lists = 0
        self._cut = False
        self._lines = CutLines()

    def feed(self, text: str, last: bool) -> None:
        self._lines.feed(text)
        lines = text.removesuffix("\n").split("\n") if text else []
        for number, line in enumerate(lines, start=1):
            self.count += bool(line)
            if len(line) <= LONGEST:
                self._read(line, last and number == len(lines) and not text.endswith("\n"))

    def printed(self) -> list[_Printed]:
        """Return everything so far, without what is said of single problems."""
        printed = [*self._printed, *self._rows_of_table()]
        about = of_problems([one.line for one in printed])
        self._problems = len(about)
        return [_OTHER if at in about else one for at, one in enumerate(printed)]

    def notes(self, with_dicts: bool) -> list[Note]:
        """Say what was lost."""
        lost = self._broken if with_dicts else 0
        said = f"{counted(lost, 'metric dict')} cut or garbled and left out."
        notes = self._lines.notes() + noted(NoteKind.DROPPED, lost, said)
        text = f"{counted(self._problems, 'line')} about single problems of an evaluation left out."
        notes += noted(NoteKind.IGNORED, self._problems, text)
        text = f"{counted(self._lists, 'list')} of rewards, one for each sample, read as their mean."
        notes += noted(NoteKind.ASSUMED, self._lists, text)
        text = "The file ends within a line; its last value was left out."
        return notes + noted(NoteKind.DROPPED, int(self._cut), text)

    def _read(self, line: str, at_end: bool) -> None:
        is_cut = line.endswith(CUT_HERE)
        bars, line = bars_in(line.removesuffix(CUT_HERE))
        for bar in bars:
            before = self._printed[-1].bar if self._printed else None
            if before is not None and not before.row and before.title == bar.title:  # it only moved on
                self._printed.pop()
            self._printed.append(_Printed(Line({}), bar))
        if grid.is_rule(line):
            self._end_table() if grid.is_top(line) else None
            return
        cells = grid.boxed(line)
        if cells is not None and (self._table or not parsed(line).steps or len(cells) == 2):
            self._table.append(cells)
            return
        self._end_table()
        if (row := self._under_names(line)) is not None:
            self._printed.append(_Printed(Line(row)))
            return
        if len(line) > _SHORT and not _PROMISING.search(line):
            self._other()
            return
        said = parsed(line, ends_open=at_end or is_cut)
        self._lines.count += is_cut and bool(said.row or said.broken)
        self._cut = self._cut or (at_end and bool(said.row))
        self._broken += said.broken
        self._lists += said.lists
        if said.row or (said.split and said.sure and len(line) <= _TITLE):
            self._printed.append(_Printed(said))
        elif not said.sure:
            self._other()

    def _other(self) -> None:
        """Remember that something else stands here, between what is of a step and what may not be."""
        if self._printed and self._printed[-1] is not _OTHER:
            self._printed.append(_OTHER)

    def _under_names(self, line: str) -> dict[str, Any] | None:
        cells = grid.columns(line)
        if len(cells) < 3:
            return None
        if grid.are_names(cells) and not any(cell[-1:] in ":=" or " " * 2 in cell for cell in cells):
            self._names = cells if any(is_step(cell) for cell in cells) else self._names
            return None
        return grid.under(self._names, cells)

    def _end_table(self) -> None:
        self._printed += self._rows_of_table()
        self._table = []

    def _rows_of_table(self) -> list[_Printed]:
        rows = grid.rows_of(self._table)
        lines = [Line(dict(row)) for row in rows] or [parsed(" | ".join(cells)) for cells in self._table]
        return [_Printed(line) for line in lines if line.row]


def _axes(printed: Sequence[_Printed]) -> list[str]:
    """Return what may number the lines: the finest first of those that many lines have, then the others."""
    count = Counter(key.lower() for one in printed for key in one.line.steps)
    count = Counter({axis: many for axis, many in count.items() if many < _FEWEST or _runs_on(axis, printed)})
    bars = [one.bar for one in printed if one.bar is not None and not is_of_evaluation(one.bar)]
    with_metrics = sum(bool(bar.row) for bar in bars)
    last = [_OF_BAR] if len(bars) >= _FEWEST > with_metrics else []
    if begins_anew(bars) and any(many >= _FEWEST for many in count.values()):  # it counts within what the lines tell
        last = [_OF_BAR] if with_metrics else last
    else:
        count[_OF_BAR] = with_metrics
    known = [axis for axis in _AXES if count[axis] >= _FEWEST]
    most = max(count.values(), default=0)
    return sorted(known, key=lambda axis: 2 * count[axis] < most) + last


def _runs_on(axis: str, printed: Sequence[_Printed]) -> bool:
    """Whether a name hardly ever goes back, as steps do; it may begin anew in each epoch, where it counts within one.

    What stands before it in the line names the step, unless it runs on itself: "Episode 3: reward=20 steps=200".
    """
    told: list[tuple[float | None, float]] = []  # the number that stands before it, and its own
    for line, _ in printed:
        value = _value(line.row, axis)
        if value is not None:
            before = line.steps[0]
            told.append((None if before.lower() == axis else _value(line.row, before.lower()), value))
    moves = [(one[1], other[1]) for one, other in pairwise(told) if one[0] == other[0]]
    moves = moves or [(one[1], other[1]) for one, other in pairwise(told)]
    if axis == "batch" and len({value for _, value in told}) == 1:
        return False  # how large it is
    stands = any(before is not None for before, _ in told) and len({value for _, value in told}) == 1
    moves = [(value, after) for value, after in moves if after != value]
    return not stands and sum(after < value for value, after in moves) <= _MOST_BACK * len(moves)


def _placed(printed: Sequence[_Printed], axis: str) -> list[_Placed]:
    """Give each line its step: its own, or that of the latest line or bar that tells one."""
    placed: list[_Placed] = []
    step, epoch, title, apart, split = None, None, False, False, ""
    names = _names_of(axis, printed)
    for line, bar in _settled(printed) if axis == _OF_BAR else printed:
        if bar is not None and axis != _OF_BAR:
            continue
        row = line.row if bar is None else bar.row
        own = next((value for name in names if (value := _value(row, name)) is not None), None)
        metrics = {key: value for key, value in row.items() if key.lower() not in names}
        own = own if bar is None else float(bar.at)
        new_epoch = _value(metrics, "epoch") if bar is None else float(bar.outer)
        epoch = epoch if new_epoch is None else new_epoch
        says = any(not is_step(key) for key in metrics)
        if own is not None:
            step, title, apart, split = own, not says, False, line.split
        elif not metrics:
            split, apart = (line.split, apart) if line.sure else (split, True)
        of = line.split or ("" if own is not None else split)
        if step is not None and says:
            held = line._replace(row=_of_split(metrics, of), split=of)
            below = title and own is None
            lent = bool(of) and not line.split
            placed.append(_Placed(held, step, epoch, own is not None, below, apart, tuple(sorted(held.row)), lent))
    return _of_training(placed)


def _of_training(placed: Sequence[_Placed]) -> list[_Placed]:
    """Take back that lines are of an evaluation begun before them, where nearly all of their kind are of none."""
    plain = Counter(one.names for one in placed if not one.line.split)
    kept: list[_Placed] = []
    kinds = Counter(one.names for one in placed if one.lent)
    for one in placed:
        plainly = {name: name.removeprefix(f"{one.line.split}/") for name in one.line.row}
        names = tuple(sorted(plainly.values()))
        if one.lent and one.line.split != "train" and plain[names] > _RATHER * kinds[one.names]:
            row = {plainly[name]: value for name, value in one.line.row.items()}
            one = one._replace(line=one.line._replace(row=row, split=""), names=names)
        kept.append(one)
    return kept


def _names_of(axis: str, printed: Sequence[_Printed]) -> tuple[str, ...]:
    """Return the names of what numbers the lines: some lines may spell it another way."""
    same = next((names for names in _SAME if axis in names), (axis,))
    if any(sum(key.lower() in same for key in line.row) > 1 for line, _ in printed):
        return (axis,)
    return same


def _settled(printed: Sequence[_Printed]) -> list[_Printed]:
    """Keep one drawing of each state of the bar that carries the training's metrics."""
    bars = [one.bar for one in printed if one.bar is not None]
    title = of_training(bars)
    later = moves_last([bar for bar in bars if bar.title == title])
    kept: list[_Printed] = []
    latest: int | None = None  # where the latest of its drawings stands in `kept`
    for one in printed:
        if one.bar is None or one.bar.title != title:
            kept += [one] if one.bar is None else []
            continue
        before = kept[latest].bar if latest is not None else None
        same = before is not None and before.row == one.bar.row and 0 <= one.bar.at - before.at <= 1
        if latest is None or not same or not one.bar.row or (before and before.outer != one.bar.outer):
            latest = len(kept)
            kept.append(one)
        elif later:
            kept[latest] = one
    return kept


def _kept(placed: Sequence[_Placed]) -> list[_Placed]:
    """Keep the lines that are metrics; none where no three of them have the same names.

    Names that come again at other steps are metrics. Once is enough for a line that holds nothing else and tells its
    step, or says that it is of an evaluation. A line without a step that comes many times at one is a sample's.
    """
    lines = Counter((one.names, one.line.sure, one.own) for one in placed)
    steps = Counter(each[:3] for each in {(one.names, one.line.sure, one.own, one.step) for one in placed})
    told = {name for one in placed if one.own for name in one.names}
    kept, enough = [], False
    for one in placed:
        alike = one.names, one.line.sure, one.own
        count, apart = lines[alike], steps[alike]
        if one.own:
            keep = one.line.sure or apart >= _FEWEST
            enough = enough or (keep and count >= _FEWEST)
        else:
            again = apart >= 2 and count < 2 * apart
            again = again and (one.title or not one.apart)
            keep = one.line.sure and (again or bool(one.line.split) or any(map(names_score, one.names)))
            keep = keep and told.isdisjoint(one.names)
            enough = enough or (keep and one.title and apart >= _FEWEST)
        kept += [one] if keep else []
    return kept if enough else []


def _logs(placed: Sequence[_Placed], axis: str, notes: list[Note], *, growing: bool) -> list[Log]:
    borrowed = sum(not one.own and not one.title for one in placed)
    text = f"{counted(borrowed, 'line')} without a step of their own stand at the step of the line before them."
    notes = notes + noted(NoteKind.ASSUMED, borrowed, text)
    steps = [one.step for one in placed]
    epochs = [one.epoch for one in placed]
    if axis != "epoch" and None not in epochs and len(set(epochs)) == len(epochs) and len(set(steps)) == 1:
        steps = [epoch or 0.0 for epoch in epochs]  # the count within each epoch is that of its end
    elif axis != "epoch" and all(one.epoch is not None and one.epoch.is_integer() for one in placed):
        steps, moved = steps_over_epochs([(one.epoch or 0.0, one.step) for one in placed])
        notes += moved
    rows = [{**one.line.row, "step": step} for one, step in zip(placed, steps, strict=True)]
    if not any(after < step for step, after in pairwise(steps)):
        return [log_from_table(rows, "pairs-console", step_key="step", notes=notes)]
    return logs_from_table(rows, "pairs-console", step_key="step", notes=notes, growing=growing)


def _numbered(printed: Sequence[_Printed]) -> Log | None:
    """Number the lines where nothing else does and they hold what only a training run prints."""
    named = Counter(tuple(sorted(line.row)) for line, _ in printed if line.sure and line.row)
    known = [names for names, count in named.items() if count >= _FEWEST and any(map(_is_role, names))]
    if not known:
        return None
    training = max(known, key=lambda names: (len(names), named[names]))
    rows: list[dict[str, Any]] = []
    number = 0
    for line, _ in printed:
        number += line.sure and tuple(sorted(line.row)) == training
        if line.sure and tuple(sorted(line.row)) in known:
            rows.append({**_of_split(line.row, line.split), "step": number})
    text = "The lines carry no step; those of training were numbered 1, 2, 3, … in its place."
    log = log_from_table(rows, "pairs-console", step_key="step", notes=[Note(NoteKind.ASSUMED, text, len(rows))])
    return replace(log, counted=True)


def _is_role(name: str) -> bool:
    return means(name, ("reward", "held_out"))


def _of_split(row: dict[str, Any], split: str) -> dict[str, Any]:
    """Return the row with the names of metrics as trainers write them: "acc" of a line of "eval" is "eval/acc"."""
    if not split:
        return row
    own = {key for key in row if is_step(key) or split_of(key.split()[0].split("/")[0].split("_")[0]) == split}
    if split == "train":  # only where the name alone would be taken for a held-out score
        own |= {key for key in row if not is_score(key)}
    return {key if key in own else f"{split}/{key}": value for key, value in row.items()}


def _value(row: Mapping[str, Any], name: str) -> float | None:
    """Return the number that a name has, however it is spelled."""
    found = (value for key, value in row.items() if key.lower() == name and isinstance(value, (int, float)))
    return next(map(float, found), None)
