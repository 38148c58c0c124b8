"""Metrics that TRL and other trainers built on transformers print to the console as Python dicts."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from heldout.readers.log import Log
from heldout.readers.source import Source
from heldout.readers.steps import log_from_rows
from heldout.run import Note, NoteKind

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
    found, lost = _metrics(source.text)
    if not found:
        return None
    notes = [Note(NoteKind.DROPPED, "Metric dicts that were cut or garbled were left out.", lost)] if lost else []
    steps, assumed = _steps(source.text, found)
    rows = [{**literal.row, "step": step} for literal, step in zip(found, steps, strict=True)]
    return [log_from_rows(rows, "TRL / transformers console", step_key="step", notes=[*notes, *assumed])]


def scan_dicts(text: str) -> Iterator[DictLiteral]:
    """Yield every flat dict literal in a text, whole or broken, in one pass; nothing is evaluated."""
    at = 0
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


def _metrics(text: str) -> tuple[list[DictLiteral], int]:
    """Return the dicts that are metrics, and how many more began as such."""
    found, lost = [], 0
    for literal in scan_dicts(text):
        known = any(key in _KNOWN or key.startswith(_KNOWN_STARTS) for key in literal.row)
        if known and literal.whole and "epoch" in literal.row:
            found.append(literal)
        elif known and not literal.whole:
            lost += 1
    return found, lost


def _steps(text: str, found: Sequence[DictLiteral]) -> tuple[list[int], list[Note]]:
    """Return a step per dict: its own, the progress bar's, or else a running number."""
    own = [_own_step(literal.row) for literal in found]
    known = [step for step in own if step is not None]
    if len(known) == len(own):
        return known, []
    from_bar = _bar_steps(text, found)
    if from_bar is not None:
        return from_bar, []
    reason = "The console log has no progress bar that gives the step of each metrics line"
    text_ = f"{reason}; the lines were numbered 1, 2, 3, … in its place."
    return _counted(found), [Note(NoteKind.ASSUMED, text_, len(found))]


def _own_step(row: dict[str, Any]) -> int | None:
    for key in _OWN_STEP:
        digits = str(row.get(key, "")).split("/", 1)[0].removesuffix(".0")
        if digits.isascii() and digits.isdigit() and len(digits) <= 15:
            return int(digits)
    return None


def _counted(found: Sequence[DictLiteral]) -> list[int]:
    """Number the training dicts; an evaluation belongs to the training step before it."""
    steps, count = [], 0
    for literal in found:
        count += _is_training(literal)
        steps.append(count)
    return steps


def _is_training(literal: DictLiteral) -> bool:
    """Tell a training step's dict from an evaluation's and from the summary at the end."""
    return "train_runtime" not in literal.row and not any(key.startswith("eval_") for key in literal.row)


def _bar_steps(text: str, found: Sequence[DictLiteral]) -> list[int] | None:
    """Return where the training progress bar stood at each dict, or None where it does not tell."""
    bars = [(bar.start(), bar.end(), int(bar[1]), int(bar[2])) for bar in _BAR.finditer(text)]
    training = [literal for literal in found if _is_training(literal)] or found
    # Other bars run too (loading, generation, evaluation); the one of training is drawn next to the training dicts.
    starts = [start for start, *_ in bars]
    near = [bars[i] for i in (_near(text, literal, starts) for literal in training) if i is not None]
    if not near:
        return None
    total = Counter(bar[3] for bar in near).most_common(1)[0][0]
    bars = [bar for bar in bars if bar[3] == total]
    starts = [start for start, *_ in bars]
    at = [bars[i][2] for i in (_near(text, literal, starts) for literal in found) if i is not None]
    _advance_last(found, at)
    return None if _bunched(found, at) else at


def _advance_last(found: Sequence[DictLiteral], at: list[int]) -> None:
    """Place the last training dict of a log that goes on one interval further, if its bar was not drawn yet."""
    training = [i for i, literal in enumerate(found) if _is_training(literal)]
    if len(training) >= 2 and at[training[-1]] == at[training[-2]]:
        interval = at[training[-2]] - at[training[-3]] if len(training) >= 3 else 1
        at[training[-1] :] = [at[training[-2]] + max(interval, 1)] * (len(at) - training[-1])


def _near(text: str, literal: DictLiteral, starts: Sequence[int]) -> int | None:
    """Return which bar tells the step of a dict.

    tqdm draws the bar again right after the dict, at exactly its step; the bar before it may lag, and the next one
    that is not drawn right after it is a step ahead.
    """
    after = bisect_left(starts, literal.end)
    if after < len(starts):
        gap = starts[after] - literal.end
        if gap < 400 and not text[literal.end : starts[after]].strip():
            return after
    if after:
        return after - 1
    return 0 if starts else None


def _bunched(found: Sequence[DictLiteral], steps: Sequence[int]) -> bool:
    """Tell whether several training dicts stand at one step: their output was held back, and the bar's was not."""
    at = [step for literal, step in zip(found, steps, strict=True) if "loss" in literal.row and _is_training(literal)]
    return sum(a == b for a, b in pairwise(at)) > 0.1 * len(at)
