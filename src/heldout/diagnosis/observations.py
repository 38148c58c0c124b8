"""Key observations: each is one function over the curves, and `OBSERVERS` lists them all.

An observer looks for one thing and returns observations with a weight, none where there is nothing to say. What it
claims of a curve has a test with a stated error behind it (`stats.course`, correlations at one error for all pairs);
the rest is numbers as they are. What the held-out score does is the verdict's claim: no observer has words for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from heldout.diagnosis.courses import difference, worded, written
from heldout.diagnosis.curves import linked, written_r
from heldout.diagnosis.model import Curve, Observation, Seen
from heldout.metrics import heading_of
from heldout.stats.levels import TWO_SIDED_95
from heldout.text import counted

_STRONG = 0.7  # a correlation that explains half of the variance

Observer = Callable[[Seen], Iterator[Observation]]


def observe(seen: Seen) -> tuple[Observation, ...]:
    """Return all observations, the weightiest first."""
    found = [observation for observer in OBSERVERS for observation in observer(seen)]
    return tuple(sorted(found, key=lambda observation: -observation.weight))


def constant(seen: Seen) -> Iterator[Observation]:
    """A curve that never moves."""
    for curve in seen.curves:
        if curve.range == 0 and len(curve.series) > 1:
            level = float(curve.value[0])
            text = f"{_name(curve)} is {written(curve, level)} at all {counted(len(curve.series), 'step')}."
            yield Observation("constant", text, 0.9, evidence={"value": level})


def same_measure(seen: Seen) -> Iterator[Observation]:
    """A held-out score that is the reward itself, under another name."""
    reward, held_out = seen.curve("reward"), seen.curve("held_out")
    if reward is None or held_out is None or not held_out.range:
        return
    common, at, other = np.intersect1d(reward.series.step, held_out.series.step, return_indices=True)
    if len(common) >= 3 and np.array_equal(reward.series.value[at], held_out.series.value[other]):
        text = (
            f"{_name(held_out)} ({held_out.series.name}) equals {_name(reward, False)} ({reward.series.name}) at all "
            f"{counted(len(common), 'common step')}: it is the reward itself, not an independent judge of it; choose "
            "another with --eval KEY."
        )
        yield Observation("same_measure", text, 1.0, evidence={"steps": float(len(common))})


def at_the_peak_and_the_end(seen: Seen) -> Iterator[Observation]:
    """The reward and the held-out score at the peak before a fall that was found, or may be one, and at the end."""
    reward, held_out, peak = seen.curve("reward"), seen.curve("held_out"), seen.verdict.peak_step
    if reward is None or held_out is None or peak is None or not (seen.verdict.fell or seen.verdict.suspected):
        return
    steps = (peak, int(held_out.series.step[-1]))
    scores = np.interp(steps, held_out.series.step, held_out.series.value).tolist()  # as measured, the reward as drawn
    rewards = np.interp(steps, reward.step, reward.value).tolist()
    rewarded = f"{_name(reward, False)}{' as smoothed' if reward.window else ''}"
    first, last = (
        f"{_name(held_out, False)} is {written(held_out, score)} and {rewarded} {written(reward, value)}"
        for score, value in zip(scores, rewards, strict=True)
    )
    text = (
        f"At step {steps[0]}, the peak that the verdict compares with, {first}; at step {steps[1]}, the last "
        f"evaluation, {last}."
    )
    evidence = {"drop": (scores[0] - scores[1]) * held_out.sign, "reward_gain": rewards[1] - rewards[0]}
    yield Observation("peak_and_end", text, 1.0 if seen.verdict.fell else 0.75, steps, evidence)


def takes_its_course(seen: Seen) -> Iterator[Observation]:
    """What the reward, the length or another curve does, where a test has a word for it."""
    for curve, described in zip(seen.curves, seen.described, strict=True):
        found = described.course
        said = worded(curve, found) if found is not None else ""
        if found is None or not said:
            continue
        steps = (int(curve.series.step[0]), int(curve.series.step[-1]))
        evidence = {"change": found.change, "half_width": found.change_half}
        yield Observation("course", f"{_name(curve)} {said}.", 0.55, steps, evidence)


def moves_together(seen: Seen) -> Iterator[Observation]:
    """Two curves that rise and fall together, or against each other, beyond their trends."""
    curves = {curve.role: curve for curve in seen.curves}
    for pair, surest in linked(seen.pairs):
        left, right = curves[pair.left], curves[pair.right]
        levels, change, detrended = pair.movement.levels, pair.movement.differences, pair.movement.detrended
        how = "of their changes from one point to the next" if surest is change else "without their trends"
        nearest = surest.low if surest.r > 0 else -surest.high
        word = ("strong " if nearest >= _STRONG else "") + ("positive" if surest.r > 0 else "negative")
        text = (
            f"{_name(left)} and {_name(right, False)} have a {word} correlation {how}: r = {written_r(surest)}, over "
            f"{counted(pair.count, 'point')}."
        )
        weight = 0.6 if "held_out" in (pair.left, pair.right) else 0.4
        evidence = {"levels": levels.r, "differences": change.r, "detrended": detrended.r}
        yield Observation("moves_together", text, weight, evidence=evidence)


def resolves(seen: Seen) -> Iterator[Observation]:
    """What difference the evaluation could show."""
    curve = seen.curve("held_out")
    if curve is None or curve.series.problems is None or len(curve.series) < 2:
        return
    smallest = TWO_SIDED_95 * math.sqrt(2 * curve.variance)
    text = (
        f"With evaluations of this size two of them must differ by {difference(curve, smallest)} or more to be told "
        "from noise (95 %)."
    )
    yield Observation("resolution", text, 0.2, evidence={"smallest_difference": smallest})


OBSERVERS: tuple[Observer, ...] = (  # their order decides between observations of equal weight
    constant,
    same_measure,
    at_the_peak_and_the_end,
    takes_its_course,
    moves_together,
    resolves,
)


def _name(curve: Curve, first: bool = True) -> str:
    """Name a curve at the start of a sentence or inside it."""
    return heading_of(curve.series.name) if first else curve.label
