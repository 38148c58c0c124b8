"""What would the answer be if the runs that ended early counted, too? Seeds that crash are no sample of all seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from heldout.compare.differences import Rules, difference_of
from heldout.compare.members import Judged, Side
from heldout.compare.model import Answer, Difference, Otherwise
from heldout.run import Evaluation
from heldout.text import sentence_list

_EXTREMES = {0.0: "nothing", 1.0: "everything"}  # what a run without any evaluation might have solved


def with_otherwise(
    found: Sequence[Difference], pairs: Sequence[tuple[Side, Side]], rules: Rules
) -> Iterator[Difference]:
    """Give each difference what it would be with the runs that do not count: as far as they went, or at their worst.

    A run without any evaluation might have solved everything or nothing.
    """
    sides = {(a.name, b.name): (a, b) for a, b in pairs}
    for one in found:
        a, b = sides[one.a, one.b]
        if one.answer is Answer.NOT_COMPARED or not (a.left_out or b.left_out):
            yield one
        else:
            yield replace(one, otherwise=tuple(_others(a, b, one.at, replace(rules, comparisons=one.comparisons))))


def _others(a: Side, b: Side, at: str, rules: Rules) -> Iterator[Otherwise]:
    rules = replace(rules, paired_seeds=False)  # what is missing has no pair
    told = [run.run.name for side in (a, b) for run in side.left_out if run.evaluations]
    if told:
        yield from _other(f"with {sentence_list(told)} as far as they went", _whole(a), _whole(b), at, rules)
    unseen = [_unseen(side) for side in (a, b)]
    if any(unseen) and all(one.share for side in (a, b) for run in side.counted for one in run.evaluations):
        for solved in product(*(_EXTREMES if names else (0.0,) for names in unseen)):
            yield from _other(_had(unseen, solved), _as_if(a, solved[0]), _as_if(b, solved[1]), at, rules)


def _unseen(side: Side) -> str:
    """The runs without any evaluation."""
    return sentence_list([run.run.name for run in side.left_out if not run.evaluations])


def _had(unseen: Sequence[str], solved: Sequence[float]) -> str:
    told = [(names, _EXTREMES[share]) for names, share in zip(unseen, solved, strict=True) if names]
    (first, what), *more = told
    return f"had {first} solved {what}" + "".join(f" and {names} {word}" for names, word in more)


def _other(text: str, a: Side, b: Side, at: str, rules: Rules) -> Iterator[Otherwise]:
    found = difference_of(a, b, at, rules)
    if found.answer is not Answer.NOT_COMPARED:
        yield Otherwise(text, found.value, found.adjusted_low, found.adjusted_high, found.answer)


def _whole(side: Side) -> Side:
    return side.with_all([run for run in side.seeds if run.counted or run.evaluations])


def _as_if(side: Side, solved: float) -> Side:
    """The side if its runs without any evaluation had solved so much of every problem."""
    like = side.counted[0]
    filled = [run if run.evaluations else _with_share(like, solved) for run in side.seeds]
    return side.with_all([run for run in filled if run.counted or run.evaluations])


def _with_share(like: Judged, solved: float) -> Judged:
    """A run that was evaluated as another, with this share solved."""
    return replace(
        like,
        evaluations=tuple(_at_rate(one, solved) for one in like.evaluations),
        verdict=replace(like.verdict, recommended=None),
    )


def _at_rate(one: Evaluation, rate: float) -> Evaluation:
    outcomes = one.outcomes
    if outcomes is not None:
        outcomes = replace(outcomes, passed=np.asarray(rate * outcomes.samples, dtype=np.float64))
    return replace(one, rate=1.0 - rate if one.lower else rate, outcomes=outcomes)
