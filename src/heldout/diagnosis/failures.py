"""In which ways did programs fail at the end of a run that did not matter at its start?

Policies that learn to fool a judge change the way in which they fail honest tests: they leave the program, print
nothing, import what is not there. The held-out evaluations of heldout count the ways.
"""

from __future__ import annotations

import math
import re

from heldout.run import Evaluation, Run

_KIND = "errors/"
_POINTS = 0.1  # of all samples that a kind must have gained: less is told by the score well enough
_ERRORS = 4.0  # and standard errors; samples of one problem are alike, so that these are too small
_WRONG = "wrong answer"  # says least about why, so it comes last


def new_failures(run: Run) -> list[str]:
    """Say which ways of failing gained between the first and the last held-out evaluation, the largest gain first.

    As in "left the program: 3 → 256 of 256". Nothing where the log does not count them, or has one evaluation.
    """
    key = run.roles.get("held_out", "")
    found = run.evaluations() if key in run.metrics else []
    if len(found) < 2:
        return []
    prefix = re.sub(r"pass@1$", _KIND, key)
    gained = []
    for name, series in run.metrics.items():
        if name.startswith(prefix) and prefix != key:
            counted = dict(zip(series.step.tolist(), series.value.tolist(), strict=True))
            before, after = (counted.get(one.step, 0.0) for one in (found[0], found[-1]))
            if gain := _gain(before, _samples(found[0]), after, _samples(found[-1])):
                kind = name.removeprefix(prefix)
                told = f"{kind}: {before:.0f} → {after:.0f} of {_samples(found[-1]):.0f}"
                gained.append((kind == _WRONG, -gain, told))
    return [text for *_, text in sorted(gained)]


def _samples(evaluation: Evaluation) -> float:
    return 0.0 if evaluation.outcomes is None else float(evaluation.outcomes.samples.sum())


def _gain(before: float, of: float, after: float, now_of: float) -> float:
    """The share gained, or 0 where it is small or may be chance."""
    if not (of > 0 and now_of > 0 and before <= of and after <= now_of):
        return 0.0
    gain, pooled = after / now_of - before / of, (before + after) / (of + now_of)
    error = math.sqrt(pooled * (1 - pooled) * (1 / of + 1 / now_of))
    return gain if gain >= _POINTS and gain > _ERRORS * error else 0.0
