"""Metrics that TRL and other trainers built on transformers print to the console as Python dicts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from heldout.readers.buffer import Buffer
from heldout.readers.log import Column, Log
from heldout.readers.rows import Table, TableBuilder
from heldout.readers.scanned import Scanned, followed
from heldout.readers.source import Source
from heldout.readers.steps import log_from_table
from heldout.run import IntArray, Note, NoteKind

# Quantifiers are possessive or bounded throughout: no text can make the search slower than linear.
# {'loss': 0.0751, 'grad_norm': …
_START = re.compile(r"\{(?=\s{0,80}+')")
# 'loss': 0.0751,   'reward': np.float64(0.5),   'epoch': '0.05'}   'kl': tensor(0.1, device='cuda:0'),
_ENTRY = re.compile(
    r"""\s{0,400}+
    (?: '(?P<key>[^'\\\n]{1,300}+)' | "(?P<key2>[^"\\\n]{1,300}+)" ) \s{0,80}+ : \s{0,400}+
    (?: (?:np\.|numpy\.|torch\.)?+ (?:float|int|bool|tensor) [\d_]{0,3}+ \( )?+
    (?: (?P<number>[-+]?+ (?: \d++(?:\.\d*+)?+ | \.\d++ ) (?:[eE][-+]?\d++)?+ | [-+]?+(?:nan|inf) )
      | (?P<word>None|True|False)
      | '(?P<text>[^'\\\n]{0,2000}+)' | "(?P<text2>[^"\\\n]{0,2000}+)" | (?P<list>\[[^\[\]\n]{0,2000}+\]) )
    (?: (?:,[ ]\w{1,20}=[^()\n]{1,60}+)?+ \) )?+
    \s{0,80}+ (?P<end> ,\s{0,400}+\} | , | \} )""",
    re.VERBOSE,
)
#   0%|          | 10/29790 [01:29<67:59:26,  8.22s/it]
_BAR = re.compile(r"(?:\d{1,3}+%\|[^|\n]{0,300}+\|\s{0,20}+)?(?<!\d)(\d{1,12})/(\d{1,12}) \[\d{1,4}:\d\d(?::\d\d)?<")

_WORDS = {"None": None, "True": True, "False": False}
_KNOWN = frozenset(("loss", "learning_rate", "grad_norm", "reward", "train_loss", "train_runtime"))
_KNOWN_STARTS = ("eval_", "rewards/", "objective/")
_NEAR = 400  # characters behind a dict in which its bar may be drawn
_OWN_STEP = ("step", "global_step", "global_step/max_steps")  # the last is ms-swift's: '10/438'


@dataclass(frozen=True, slots=True)
class DictLiteral:
    """A flat dict as it stands in a text: its entries, where it starts and ends, and whether its "}" was there."""

    row: dict[str, Any]
    start: int
    end: int
    whole: bool


def read(source: Source) -> list[Log] | None:
    """Read the dicts that `transformers.Trainer` prints, by TRL, ms-swift or LLaMA-Factory.

    A line looks like this, alone or after a progress bar::

        {'loss': 0.0751, 'grad_norm': 47.75, 'reward': 1.75, 'kl': 0.01, 'epoch': 0.05}

    The dict has no step. The progress bar has: it stands at s when the metrics of step s are printed.

    What it cannot see: the steps of a log without a progress bar, or where the bar and the dicts were written through
    different buffers; rows are counted then, and a note says so. A dict that a terminal broke within a word is lost.
    """
    if not source.is_text:
        return None
    console = source.fed_text(_Console)
    found = console.found()
    if not found.rows:
        return None
    lost = console.lost()
    notes = [Note(NoteKind.DROPPED, "Metric dicts that were cut or garbled were left out.", lost)] if lost else []
    steps, assumed = _steps(found, console.bars)
    table = console.table()
    table.columns["step"] = Column(np.arange(found.rows), steps.astype(np.float64))
    return [log_from_table(table, "TRL / transformers console", step_key="step", notes=[*notes, *assumed])]


class _Console:
    """The dicts and the progress bars so far."""

    def __init__(self) -> None:
        self.bars = _Bars()
        self._dicts = Scanned(self._scan)
        self._table = TableBuilder()
        self._places = Buffer(np.empty((0, _PLACES), dtype=np.int64))
        self._lost = 0

    def feed(self, text: str, last: bool) -> None:
        self.bars.feed(text, last)
        dicts = [found for found in self._dicts.feed(text, last) if found is not None]
        whole = [found for found in dicts if found.row is not None]
        self._table.add([found.row for found in whole if found.row is not None])
        if whole:
            self._places.extend([found.place for found in whole])
        self._lost += len(dicts) - len(whole)

    def _pending(self) -> list[_Dict]:
        return [found for found in self._dicts.pending if found is not None]

    def lost(self) -> int:
        """Return how many dicts began as metrics, and were broken."""
        return self._lost + sum(found.row is None for found in self._pending())

    def table(self) -> Table:
        """Return the metrics."""
        return self._table.build([found.row for found in self._pending() if found.row is not None])

    def found(self) -> _Places:
        """Return where the metrics stand."""
        pending = [found.place for found in self._pending() if found.row is not None]
        return _Places(np.concatenate([self._places.values, np.reshape(pending, (-1, _PLACES)).astype(np.int64)]))

    def _scan(self, text: str, at: int) -> Iterator[tuple[_Dict | None, int, bool]]:
        for literal in scan_dicts(text, at):
            sure = literal.whole and followed(text, literal.end, _NEAR)
            yield _metrics(literal, text, self._dicts.base), literal.end, sure


def scan_dicts(text: str, at: int = 0) -> Iterator[DictLiteral]:
    """Yield every flat dict literal from a place in a text on, whole or broken, in one pass; nothing is evaluated."""
    while start := _START.search(text, at):
        literal = scan_dict(text, start.start())
        yield literal
        at = literal.end


def scan_dict(text: str, start: int) -> DictLiteral:
    """Read the flat dict literal whose "{" stands at `start`, as far as it goes."""
    row: dict[str, Any] = {}
    at = start + 1
    while entry := _ENTRY.match(text, at):
        row[entry["key"] or entry["key2"]] = _value(entry)
        at = entry.end()
        if entry["end"] != ",":
            return DictLiteral(row, start, at, True)
    return DictLiteral(row, start, at, False)


def _value(entry: re.Match[str]) -> Any:
    if entry["number"] is not None:
        return float(entry["number"])
    if entry["word"] is not None:
        return _WORDS[entry["word"]]
    return next(entry[name] for name in ("text", "text2", "list") if entry[name] is not None)


@dataclass(frozen=True, slots=True)
class _Dict:
    """The metrics of a dict, None where it is broken, and what is to be known for its step."""

    row: dict[str, Any] | None
    place: tuple[int, ...] = ()


_PLACES = 5


class _Places:
    """Of every dict of metrics: where it ends in the text, and the blanks behind it; its own step; what it is of.

    Parameters
    ----------
    places
        A row for each: these five numbers.
    """

    def __init__(self, places: IntArray) -> None:
        self.rows = len(places)
        self.end, self.blank, self.own = places[:, 0], places[:, 1], places[:, 2]
        self.training, self.loss = places[:, 3] == 1, places[:, 4] == 1


class _Bars:
    """Every progress bar: where it starts, where it stands, and how far it goes."""

    def __init__(self) -> None:
        self._scanned = Scanned(self._scan)
        self._bars = Buffer(np.empty((0, 3), dtype=np.int64))

    def feed(self, text: str, last: bool) -> None:
        bars = self._scanned.feed(text, last)
        if bars:
            self._bars.extend(bars)

    def _scan(self, text: str, at: int) -> Iterator[tuple[tuple[int, int, int], int, bool]]:
        for bar in _BAR.finditer(text, at):
            yield (self._scanned.base + bar.start(), int(bar[1]), int(bar[2])), bar.end(), True

    def __len__(self) -> int:
        return len(self._bars)

    def near(self, found: _Places, total: int | None = None) -> IntArray:
        """Return the bar that tells the step of each dict, of all or of those that go so far.

        tqdm draws the bar again right after the dict, at exactly its step; the bar before it may lag, and the next one
        that is not drawn right after it is a step ahead.
        """
        bars = self._bars.values
        bars = bars if total is None else bars[bars[:, 2] == total]
        after = np.searchsorted(bars[:, 0], found.end)
        start = bars[np.minimum(after, len(bars) - 1), 0]
        right_after = (after < len(bars)) & (start - found.end < _NEAR) & (start <= found.blank)
        chosen: IntArray = bars[np.where(right_after, after, np.maximum(after - 1, 0))]
        return chosen


def _metrics(literal: DictLiteral, text: str, base: int) -> _Dict | None:
    """Return a dict if it is one of metrics, or began as such."""
    row = literal.row
    if not any(key in _KNOWN or key.startswith(_KNOWN_STARTS) for key in row):
        return None
    if not literal.whole:
        return _Dict(None)
    if "epoch" not in row:
        return None
    behind = text[literal.end : literal.end + _NEAR]
    blank = literal.end + len(behind) - len(behind.lstrip())
    own, training = _own_step(row), _is_training(row)
    place = base + literal.end, base + blank, -1 if own is None else own, int(training), int("loss" in row)
    return _Dict({key: value for key, value in row.items() if key != "step"}, place)


def _steps(found: _Places, bars: _Bars) -> tuple[IntArray, list[Note]]:
    """Return a step per dict: its own, the progress bar's, or else a running number."""
    if np.all(found.own >= 0):
        return found.own, []
    from_bar = _bar_steps(found, bars)
    if from_bar is not None:
        return from_bar, []
    reason = "The console log has no progress bar that gives the step of each metrics line"
    text_ = f"{reason}; the lines were numbered 1, 2, 3, … in its place."
    # An evaluation belongs to the training step before it.
    return found.training.cumsum(), [Note(NoteKind.ASSUMED, text_, found.rows)]


def _own_step(row: dict[str, Any]) -> int | None:
    for key in _OWN_STEP:
        digits = str(row.get(key, "")).split("/", 1)[0].removesuffix(".0")
        if digits.isascii() and digits.isdigit() and len(digits) <= 15:
            return int(digits)
    return None


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
    at = bars.near(found, int(values[often[first[often].argmin()]]))[:, 1]
    _advance_last(found, at)
    return None if _bunched(found, at) else at


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
