"""What a console prints beside the metrics of a training: single problems of an evaluation, text of another kind."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise

from heldout.metrics import meaning_of
from heldout.readers.consoles.line import Line

_MOSTLY = 0.5  # of the lines that count within an evaluation, each right behind the one before: of its problems
_FEWEST = 3  # such lines
_PART = 0.2  # of the lines of a text; fewer, without a metric that is known, are not what it was written for
# What any program counts and measures: alone it makes no log of a training.
_ANYBODYS = frozenset(
    {"time", "progress", "evaluation_size", "tokens", "spread_of_another", "length", "held_out_length"}
    | {"value_function"}
)


def of_problems(lines: Sequence[Line]) -> frozenset[int]:
    """Return the places of lines that are about one problem of an evaluation each: "eval [6/20] pred=80 gt=64".

    They count the problems, one by one, and each stands right behind the one before; evaluations that are counted stand
    among the lines of the training.
    """
    counting = [at for at, line in enumerate(lines) if line.counts and line.split not in ("", "train")]
    behind = sum(
        other == at + 1 and lines[other].row["step"] == lines[at].row["step"] + 1 for at, other in pairwise(counting)
    )
    return frozenset(counting) if len(counting) >= _FEWEST and behind >= _MOSTLY * len(counting) else frozenset()


def tells_of_training(names: Iterable[Collection[str]], kept: int, lines: int) -> bool:
    """Whether lines with these names are metrics of a training: one name is known as one, or the text is full of them.

    Answers of a model hold "Step 1: x = 3", and the log of a server counts its queue.
    """
    return kept >= _PART * lines or any(_is_of_training(name) for held in set(map(frozenset, names)) for name in held)


def _is_of_training(name: str) -> bool:
    match = meaning_of(name)
    return match is not None and match.meaning.name not in _ANYBODYS
