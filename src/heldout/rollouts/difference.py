"""What changed from an honest answer to this one, line by line."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from heldout.rollouts.folding import fold
from heldout.rollouts.rollout import Rollouts
from heldout.text import visible_lines

_COMPARED = 500  # lines of each answer
_AROUND = 3  # unchanged lines that are shown beside a change
_GAP = "…"


@dataclass(frozen=True, slots=True)
class Difference:
    """An honest answer, and what is different in another."""

    step: int  # of the honest answer
    problem: str
    same_problem: bool | None  # whether both answer the same problem; None where that is not known
    lines: tuple[
        str, ...
    ]  # "- " of the honest one, "+ " of the other, "  " of both, "…" where equal lines are left out
    rest: str = ""  # what was not compared


def difference(rollouts: Rollouts, row: int) -> Difference | None:
    """How does an answer differ from the last honest one?

    That is the latest answer to the same problem that passes the hidden tests; where there is none, the commonest of
    all that pass them; where nothing says which problem this one answers, the commonest that passes them of its step,
    or of the nearest step that has one. None where no answer passes. Lines are compared without blanks at their ends
    and the indent that all share, and shown as they are, but for characters that do more than be read.
    """
    right = np.flatnonzero(rollouts.failed == 0.0)
    if not right.size:
        return None
    told = bool(rollouts.told_apart[row])
    same = right[rollouts.problem[right] == rollouts.problem[row]] if told else right[:0]
    if not told:
        away = np.abs(rollouts.step[right] - rollouts.step[row])
        right = right[away == away.min()]
    honest = int(same[-1]) if same.size else fold(rollouts, right, most=1).groups[0].row
    ordered = sorted({honest, row})
    texts = dict(zip(ordered, (text for _, text in rollouts.texts.read(ordered)), strict=True))
    lines, rest = lines_apart(texts[honest], texts[row])
    problem = rollouts.problems[int(rollouts.problem[honest])]
    return Difference(int(rollouts.step[honest]), problem, bool(same.size) if told else None, lines, rest)


def lines_apart(old: str, new: str) -> tuple[tuple[str, ...], str]:
    """Return what is different between two texts, line by line, and how much was not compared.

    >>> lines_apart("x = 1\\nprint(x)\\n", "  exit()\\n  print(x)")
    (('- x = 1', '+   exit()', '    print(x)'), '')
    """
    (before, left), (after, more) = _lines(old), _lines(new)
    matched = difflib.SequenceMatcher(None, [key for key, _ in before], [key for key, _ in after], autojunk=False)
    found = list(_marked(matched, before, after))
    return tuple(found), more or left


def _marked(
    matched: difflib.SequenceMatcher[str], before: Sequence[tuple[str, str]], after: Sequence[tuple[str, str]]
) -> Iterator[str]:
    for number, group in enumerate(matched.get_grouped_opcodes(_AROUND)):
        if number:
            yield _GAP
        for what, low, high, start, end in group:
            if what == "equal":
                yield from (f"  {line}" for _, line in after[start:end])
                continue
            yield from (f"- {line}" for _, line in before[low:high])
            yield from (f"+ {line}" for _, line in after[start:end])


def _lines(text: str) -> tuple[list[tuple[str, str]], str]:
    """Return each line that is not blank, as it is compared and as it is shown, and what is left."""
    shown = visible_lines(text, most=_COMPARED)
    bare = textwrap.dedent("\n".join(line.rstrip() for line in shown.lines)).split("\n")
    rest = shown.rest and f"{shown.rest} not compared"
    return [(key, line) for key, line in zip(bare, shown.lines, strict=True) if key.strip()], rest
