"""Metrics that TRL and other trainers built on transformers print to the console as Python dicts."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from heldout.readers.consoles.console import NUMBER, Console, Entry, TableConsole, followed
from heldout.readers.log import Column, Log, noted
from heldout.readers.source import Source
from heldout.readers.steps import log_from_table
from heldout.run import NO_STEPS, Note, NoteKind
from heldout.stats.arrays import BoolArray, Buffer, FloatArray, IntArray
from heldout.text import counted

# {'loss': 0.0751, 'grad_norm': …
_START = re.compile(r"\{(?=\s{0,80}+')")
# 'loss': 0.0751,   'reward': np.float64(0.5),   'epoch': '0.05'}   'kl': tensor(0.1, device='cuda:0'),
_ITEM = re.compile(
    rf"""\s{{0,400}}+
    (?: '(?P<key>[^'\\\n]{{1,300}}+)' | "(?P<key2>[^"\\\n]{{1,300}}+)" ) \s{{0,80}}+ : \s{{0,400}}+
    (?: (?:np\.|numpy\.|torch\.)?+ (?:float|int|bool|tensor) [\d_]{{0,3}}+ \( )?+
    (?: (?P<number>{NUMBER})
      | (?P<word>None|True|False)
      | '(?P<text>[^'\\\n]{{0,2000}}+)' | "(?P<text2>[^"\\\n]{{0,2000}}+)" | (?P<list>\[[^\[\]\n]{{0,2000}}+\]) )
    (?: (?:,[ ]\w{{1,20}}=[^()\n]{{1,60}}+)?+ \) )?+
    \s{{0,80}}+ (?P<end> ,\s{{0,400}}+\}} | , | \}} )""",
    re.VERBOSE,
)
#   0%|          | 10/29790 [01:29<67:59:26,  8.22s/it]
_BAR = re.compile(r"(?:\d{1,3}+%\|[^|\n]{0,300}+\|\s{0,20}+)?(?<!\d)(\d{1,12})/(\d{1,12}) \[\d{1,4}:\d\d(?::\d\d)?<")

_WORDS = {"None": None, "True": True, "False": False}
_KNOWN = frozenset(("loss", "learning_rate", "grad_norm", "reward", "train_loss", "train_runtime"))
_KNOWN_STARTS = ("eval_", "rewards/", "objective/")
_NEAR = 400  # characters behind a dict in which its bar may be drawn
_NEARLY_ALL = 0.9  # of the dicts; the last one of a run often stands at an odd step
_OWN_STEP = ("step", "global_step", "global_step/max_steps")  # the last is ms-swift's: '10/438'


class DictLiteral(NamedTuple):
    """A flat dict as it stands in a text."""

    row: dict[str, Any]
    end: int
    whole: bool  # whether its "}" was there


def read(source: Source) -> list[Log] | None:
    """Read the dicts that `transformers.Trainer` prints, by TRL, ms-swift or LLaMA-Factory.

    A line looks like this, alone or after a progress bar::

        {'loss': 0.0751, 'grad_norm': 47.75, 'reward': 1.75, 'kl': 0.01, 'epoch': 0.05}

    The dict has no step. The progress bar has: it stands at s when the metrics of step s are printed. Where the dicts
    were held back and stand behind a finished bar, they are spread over its steps.

    What it cannot see: the steps of a log without a progress bar, or where the bar and the dicts were written apart and
    the bar was not finished; rows are counted then, and a note says so. A dict that a terminal broke within a word is
    lost.
    """
    if not source.is_text:
        return None
    console = source.fed_text(_Console)
    table = console.table()
    if not table.rows:
        return None
    found = _Places.of(console.places())
    first = _first_copies(found, console.bars)
    epoch = np.full(table.rows, np.nan)
    epoch[table.columns["epoch"].row] = table.columns["epoch"].value
    axis = _steps(found.only(first), epoch[first], console.bars)
    step = np.zeros(table.rows)
    step[first] = axis.step
    table.columns["step"] = Column(np.arange(table.rows), step)
    notes = [*console.notes(), *_said_of_copies(first), *axis.notes]
    log = log_from_table(table, "trl-console", step_key="step", notes=notes).only(first)
    return [replace(log, counted=axis.counted)]


class _Places(NamedTuple):
    """What is known of the steps of the dicts, an array for each."""

    end: IntArray  # where each ends in the output
    blank: IntArray  # where the blanks behind it end
    own: IntArray  # its own step, or -1
    training: BoolArray  # whether it is of a training step
    loss: BoolArray  # whether it has a loss
    content: IntArray  # the same number for dicts that say the same

    @classmethod
    def of(cls, places: IntArray) -> _Places:
        end, blank, own, training, loss, content = places.T
        return cls(end, blank, own, training == 1, loss == 1, content)

    def only(self, keep: BoolArray) -> _Places:
        ends = self.end[keep], self.blank[keep], self.own[keep]
        return _Places(*ends, self.training[keep], self.loss[keep], self.content[keep])


class _Axis(NamedTuple):
    """The step of each dict, and how it was found."""

    step: IntArray
    notes: Sequence[Note] = ()
    counted: bool = False


class _Console(TableConsole):
    """The dicts of metrics, and beside them the progress bars."""

    places_wide = len(_Places._fields)

    def __init__(self) -> None:
        super().__init__()
        self.bars = _Bars()

    def feed(self, text: str, last: bool) -> None:
        self.bars.feed(text, last)
        super().feed(text, last)

    def scan(self, text: str, at: int) -> Iterator[Entry]:
        while start := _START.search(text, at):
            literal = scan_dict(text, start.start())
            row, at = literal.row, literal.end
            certain = literal.whole and followed(text, at, _NEAR)
            known = any(key in _KNOWN or key.startswith(_KNOWN_STARTS) for key in row)
            if known and literal.whole and "epoch" in row:
                metrics = {key: value for key, value in row.items() if key != "step"}
                yield Entry(metrics, at, certain, place=self._place(row, text, at))
            else:
                yield Entry(None, at, certain, lost=int(known and not literal.whole))

    def _place(self, row: Mapping[str, Any], text: str, end: int) -> tuple[int, ...]:
        behind = text[end : end + _NEAR]
        blank = end + len(behind) - len(behind.lstrip())
        of_training, with_loss = int(_is_training(row)), int("loss" in row)
        return self.base + end, self.base + blank, _own_step(row), of_training, with_loss, hash(repr(row))


def scan_dict(text: str, start: int) -> DictLiteral:
    """Read the flat dict literal whose "{" stands at `start`, as far as it goes."""
    row: dict[str, Any] = {}
    at = start + 1
    while entry := _ITEM.match(text, at):
        row[entry["key"] or entry["key2"]] = _value(entry)
        at = entry.end()
        if entry["end"] != ",":
            return DictLiteral(row, at, True)
    return DictLiteral(row, at, False)


def _value(entry: re.Match[str]) -> Any:
    if entry["number"] is not None:
        return float(entry["number"])
    if entry["word"] is not None:
        return _WORDS[entry["word"]]
    return next(entry[name] for name in ("text", "text2", "list") if entry[name] is not None)


class _Bars(Console):
    """Every progress bar: where it starts in the output, where it stands, and how far it goes."""

    def __init__(self) -> None:
        super().__init__()
        self._bars = Buffer(np.empty((0, 3), dtype=np.int64))

    def scan(self, text: str, at: int) -> Iterator[Entry]:
        for bar in _BAR.finditer(text, at):
            yield Entry(None, bar.end(), certain=True, place=(self.base + bar.start(), int(bar[1]), int(bar[2])))

    def keep(self, entries: Sequence[Entry]) -> None:
        if entries:
            self._bars.extend([entry.place for entry in entries])

    def __len__(self) -> int:
        return len(self._bars)

    def before(self, found: _Places, total: int | None = None) -> IntArray:
        """Return where the latest bar, of all or of those that go so far, stood at each dict, 0 where none was yet."""
        bars = self._of(total)
        at = np.searchsorted(bars[:, 0], found.end)
        return np.concatenate([[0], bars[:, 1]])[at]

    def _of(self, total: int | None) -> IntArray:
        bars = self._bars.values
        return bars if total is None else bars[bars[:, 2] == total]

    def longest(self) -> tuple[IntArray, int]:
        """Return the states of the bar that was drawn over most of the output, in order, and how far it goes."""
        start, at, total = self._bars.values.T
        goals, first = np.unique(total, return_index=True)
        last = len(total) - 1 - np.unique(total[::-1], return_index=True)[1]
        goal = int(goals[np.argmax(start[last] - start[first])])
        return at[total == goal], goal

    def near(self, found: _Places, total: int | None = None) -> IntArray:
        """Return the bar that tells the step of each dict, of all or of those that go so far.

        tqdm draws the bar again right after the dict, at exactly its step; the bar before it may lag, and the next one
        that is not drawn right after it is a step ahead. Where dicts are printed past the bar, it is not drawn again.
        """
        bars = self._of(total)
        after = np.searchsorted(bars[:, 0], found.end)
        start = bars[np.minimum(after, len(bars) - 1), 0]
        right_after = (after < len(bars)) & (start - found.end < _NEAR) & (start <= found.blank)
        before: IntArray = bars[np.maximum(after - 1, 0)]
        chosen: IntArray = np.where(right_after[:, None], bars[np.minimum(after, len(bars) - 1)], before)
        sure = right_after & found.training
        if np.any(after[sure] == 0):  # a dict before any bar: the bars come behind
            return chosen
        return before if _not_drawn_again(before[sure], chosen[sure]) else chosen


def _not_drawn_again(before: IntArray, behind: IntArray) -> bool:
    """Tell from the bars before and right behind dicts whether those behind are already the next steps' bars.

    None repeats the one before then, and those before are at whole intervals: from the first one on, or where those
    behind are not. A bar that lags stood at 0 before the first dict.
    """
    at, then = before[:, 1], behind[:, 1]
    if len(at) < 2 or at[0] == 0 or np.any(then <= at):
        return False
    every = int(np.median(np.diff(at)))
    if every <= 0 or np.mean(at % every == 0) < _NEARLY_ALL:
        return False
    return bool(at[0] == every or np.mean(then % every > 0) >= _NEARLY_ALL)


def _first_copies(found: _Places, bars: _Bars) -> BoolArray:
    """Mark the dicts that are no copies: where several nodes or ranks print, each stands there so many times.

    Equal dicts of different steps are rare; so nearly all have to be there equally often, or none is a copy. A dict
    behind which the bar went on is none.
    """
    content = np.column_stack([found.content, bars.before(found)])
    kinds, first, count = np.unique(content, axis=0, return_index=True, return_counts=True)
    often = int(np.argmax(np.bincount(count)))
    odd = int(np.count_nonzero(count != often))
    mark = np.ones(len(found.end), dtype=np.bool_)
    if often > 1 and len(kinds) > 1 and odd <= (max(1, len(kinds) // 10) if len(kinds) > 3 else 0):
        mark[:] = False
        mark[first] = True
    return mark


def _said_of_copies(first: BoolArray) -> list[Note]:
    count = int(np.count_nonzero(~first))
    text = f"{counted(count, 'metrics line')} printed again with the same values, as by a second node, left out."
    return noted(NoteKind.DROPPED, count, text)


def _steps(found: _Places, epoch: FloatArray, bars: _Bars) -> _Axis:
    """Return a step per dict: its own, the progress bar's, or else a running number."""
    if np.all(found.own >= 0):
        return _Axis(found.own)
    from_bar = _bar_steps(found, bars)
    if from_bar is not None:
        return _Axis(from_bar)
    if (apart := _apart_from_bar(found, bars)) is not None:
        return apart
    why = "The progress bar and the metrics were written apart, so that it gives no step to a line"
    why = why if len(bars) else "The console log has no progress bar that gives the step of each metrics line"
    note = Note(NoteKind.ASSUMED, f"{why}; the lines were numbered 1, 2, 3, … in its place.", len(found.end))
    return _Axis(_running_number(found.training, epoch), [note], counted=True)


def _running_number(training: BoolArray, epoch: FloatArray) -> IntArray:
    """Number the training dicts; where the epoch jumps back, the run was resumed there, and so is the number."""
    step = np.zeros(len(epoch), dtype=np.int64)
    epochs: list[float] = []  # of the training dicts that hold so far
    for row, (trains, at) in enumerate(zip(training.tolist(), epoch.tolist(), strict=True)):
        if trains:
            if epochs and at < epochs[-1]:
                del epochs[bisect_left(epochs, at) :]
            epochs.append(at)
        step[row] = len(epochs)  # an evaluation belongs to the training step before it
    return step


def _own_step(row: Mapping[str, Any]) -> int:
    for key in _OWN_STEP:
        digits = str(row.get(key, "")).split("/", 1)[0].removesuffix(".0")
        if digits.isascii() and digits.isdigit() and len(digits) <= 15:
            return int(digits)
    return -1


def _is_training(row: Mapping[str, Any]) -> bool:
    """Tell a training step's dict from an evaluation's and from the summary at the end."""
    return "train_runtime" not in row and not any(key.startswith("eval_") for key in row)


def _bar_steps(found: _Places, bars: _Bars) -> IntArray | None:
    """Return where the training progress bar stood at each dict, or None where it does not tell."""
    if not len(bars):
        return None
    # Other bars run too (loading, generation, evaluation); the one of training is drawn next to the training dicts.
    totals = bars.near(found)[:, 2]
    totals = totals[found.training] if found.training.any() else totals
    values, first, count = np.unique(totals, return_index=True, return_counts=True)
    often = np.flatnonzero(count == count.max())
    total = int(values[often[first[often].argmin()]])
    at = bars.near(found, total)[:, 1]
    _advance_last(found, at)
    if at.max() > total:  # so the bars behind the dicts are ahead of them, and those before tell
        at = bars.before(found, total)
    return None if _bunched(found, at) else at


def _apart_from_bar(found: _Places, bars: _Bars) -> _Axis | None:
    """Return steps at equal intervals where the bar was not held back, and all of the dicts were.

    The bar is drawn again where a dict was printed, at the same step; without that, a bar that was finished tells how
    many steps the dicts are spread over.
    """
    at, total = bars.longest() if len(bars) else (NO_STEPS, 0)
    count = int(np.count_nonzero(found.training))
    if not count or not len(at):
        return None
    again = np.unique(at[1:][(at[1:] == at[:-1]) & (at[1:] > 0) & (at[1:] < total)])
    every = int(np.median(np.diff(again, prepend=0))) if len(again) > 1 else 0
    reached = int(at.max())
    if every == 0 or np.any(again % every) or reached // every < count:
        every = reached // count if reached == total else 0
        if every == 0 or reached // every != count:
            return None
    text = (
        f"The progress bar, which reached {reached}, and the metrics were written apart; the {count} metrics lines "
        f"were placed every {counted(every, 'step')}."
    )
    return _Axis(every * found.training.cumsum(), [Note(NoteKind.ASSUMED, text, count)])


def _advance_last(found: _Places, at: IntArray) -> None:
    """Place the last training dict of a log that goes on one interval further, if its bar was not drawn yet."""
    training = np.flatnonzero(found.training)
    if len(training) >= 2 and at[training[-1]] == at[training[-2]]:
        interval = at[training[-2]] - at[training[-3]] if len(training) >= 3 else 1
        at[training[-1] :] = at[training[-2]] + max(interval, 1)


def _bunched(found: _Places, steps: IntArray) -> bool:
    """Tell whether several training dicts stand at one step: their output was held back, and the bar's was not."""
    at = steps[found.loss & found.training]
    return int(np.count_nonzero(at[1:] == at[:-1])) > 0.1 * len(at)
