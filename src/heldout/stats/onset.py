"""Since when do answers fail that did not before? The change point of a share, with its interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from heldout.stats.arrays import FloatArray, IntArray, floats
from heldout.stats.hacking import hacked_share

LEVEL = 0.1  # the share from which on something is there, or what it comes to, where that is less
_LEAST_BEFORE, _ONE_IN = 0.002, 50.0  # the smallest share before, and of how many answers one half is thought to fail
_CLEAR = 8.0  # twice the log-likelihood ratio from which on a share is said to have changed at all
_UNLIKELY = 1.92  # half of the 95 % quantile of chi squared with one degree of freedom (Wilks)
_SURELY = 3.0  # of so large a part of the later share it is not thought that it came before
_TIMES = 2.0  # as many have to fail after as before
_ROUNDS, _HALVINGS = 4, 40  # after which the share before has settled, and the one that is looked for


@dataclass(frozen=True, slots=True)
class Onset:
    """At which of the steps a share began to be there."""

    at: int  # the likeliest, counted from 0
    low: int  # 95 % interval, both ends within it
    high: int
    before: float  # the share before it
    level: float  # the share that is looked for


@dataclass(frozen=True, slots=True)
class Dated:
    """Since which step answers fail."""

    step: int  # the likeliest
    low: int  # 95 % interval; it begins behind the step before, of which answers were judged
    high: int
    level: float  # the share from which on they count as failing
    first: int  # the step of the first that fails
    throughout: bool  # whether that is since the first step of which any was judged


def dated(step: IntArray, failed: npt.ArrayLike, prompt: IntArray, chance: FloatArray) -> Dated | None:
    """Since which step do answers fail? See `onset_of`.

    All of shape (N,), of answers in order of steps that were judged: the step of each, 1 where it fails, its prompt and
    the chance with which it was drawn. None where none fails.
    """
    fails, weight = floats(failed), 1.0 / chance
    if not fails.any():
        return None
    steps, at = np.unique(step, return_inverse=True)
    total = np.bincount(at, weight)
    count = total**2 / np.bincount(at, weight**2)
    begin = int(fails.argmax())
    late = slice(begin, None)
    share = hacked_share(np.ones(fails.size - begin), fails[late], prompt[late], chance[late])
    kish = weight[late].sum() ** 2 / (weight[late] ** 2).sum()
    found = onset_of(count * np.bincount(at, weight * fails) / total, count, float(kish) / share.n_eff)
    assert found is not None
    low = int(steps[found.low - 1]) + 1 if found.low else int(steps[0])
    return Dated(int(steps[found.at]), low, int(steps[found.high]), found.level, int(step[begin]), found.at == 0)


def onset_of(failing: npt.ArrayLike, answers: npt.ArrayLike, alike: float = 1.0) -> Onset | None:
    """At which step did a share of answers begin to fail that did not before?

    The change point from the share before to `LEVEL`, or to what the share comes to where that is less: so a share that
    grows is dated to where it passes that level, not to the middle of its growth. Where as many fail from the first
    step on, that is the first step. Between them the likelihood of each step, all being as likely before, gives the
    interval: it reaches back over as many answers as could all pass by chance with that share.

    Parameters
    ----------
    failing, answers
        Shape (T,): of how many answers of each step how many fail; neither needs to be whole.
    alike
        How many answers say as little as one, because those of one prompt resemble each other.

    Returns
    -------
    Onset
        None where none fails.

    What it cannot see: what share there was in steps of which nothing was kept; and a share that comes and goes is
    dated by its greatest surplus.

    Source: Hinkley 1970, "Inference about the change-point in a sequence of random variables", Biometrika 57; Page
    1954, "Continuous inspection schemes", Biometrika 41.

    >>> onset_of([0, 0, 0, 2, 3, 2], [8] * 6)
    Onset(at=3, low=1, high=4, before=0.006756756756756757, level=0.1)
    """
    fails, count = floats(failing), floats(answers)
    if not fails.sum():
        return None
    last = _last(_won(fails, count, _before(fails[:0], count[:0]), LEVEL))
    fails, count = fails[: last + 1], count[: last + 1]
    at = _step_between(fails, count, alike)
    for _ in range(_ROUNDS):
        before, after = _before(fails[:at], count[:at]), float(fails[at:].sum() / max(count[at:].sum(), 1e-12))
        before = min(before, after / _TIMES)
        level = min(after, _looked_for(before))
        surplus = np.cumsum(_won(fails, count, before, level)[::-1])[::-1]
        if at in (0, int(surplus.argmax())):
            break
        at = int(surplus.argmax())
    level = min(after, LEVEL)
    low, high = _weighed(surplus, alike)
    at = int(surplus.argmax())
    early = _passed(fails[:at][::-1], count[:at][::-1], level, alike)
    late = _passed(fails[at:], count[at:], min(level, after / _SURELY), alike)
    return Onset(at, min(low, at - early), max(high, min(at + late, len(fails) - 1)), before, level)


def _looked_for(before: float) -> float:
    """The share between which and the one before there is no telling where `LEVEL` of the answers fail."""
    even = max(LEVEL, _TIMES * before)
    low, high = even, 1.0 - 1e-9
    for _ in range(_HALVINGS):
        share = 0.5 * (low + high)
        won = even * np.log(share / before) + (1.0 - even) * np.log((1.0 - share) / (1.0 - before))
        low, high = (share, high) if won > 0.0 else (low, share)
    return low


def _before(fails: FloatArray, count: FloatArray) -> float:
    return max(_LEAST_BEFORE, float((fails.sum() + 0.5) / (count.sum() + _ONE_IN)))


def _won(fails: FloatArray, count: FloatArray, before: float, level: float) -> FloatArray:
    """By how much each step is likelier with the one share than with the other, as logarithms; shape (T,)."""
    return floats(fails * np.log(level / before) + (count - fails) * np.log((1.0 - level) / (1.0 - before)))


def _last(won: FloatArray) -> int:
    """Return the last step of those that together won the most."""
    total = np.cumsum(won)
    return int((total - np.minimum.accumulate(np.append(0.0, total[:-1]))).argmax())


def _step_between(fails: FloatArray, count: FloatArray, alike: float) -> int:
    """Return where two shares fit best, the later one higher; 0 where one share fits nearly as well."""
    below, of = np.append(0.0, np.cumsum(fails)[:-1]), np.append(0.0, np.cumsum(count)[:-1])
    above, over = fails.sum() - below, count.sum() - of
    fit = _fit(below, of) + _fit(above, over)
    rises = above * np.maximum(of, 1e-12) > below * over
    fit = np.where(rises & (of > 0.0), fit, -np.inf)
    best = int(fit.argmax())
    one = float(_fit(fails.sum()[None], count.sum()[None])[0])
    return best if 2.0 * (fit[best] - one) / max(alike, 1.0) >= _CLEAR else 0


def _fit(fails: FloatArray, count: FloatArray) -> FloatArray:
    """The largest log-likelihood of so many of so many answers, under one share."""
    share = np.clip(fails / np.maximum(count, 1e-12), 1e-12, 1.0 - 1e-12)
    return floats(fails * np.log(share) + (count - fails) * np.log1p(-share))


def _weighed(surplus: FloatArray, alike: float) -> tuple[int, int]:
    """Return the middle 95 % of what the steps weigh."""
    weight = np.exp((surplus - surplus.max()) / max(alike, 1.0))
    below = np.cumsum(weight) / weight.sum()
    return int(np.argmax(below >= 0.025)), int(np.argmax(below >= 0.975))


def _passed(fails: FloatArray, count: FloatArray, level: float, alike: float) -> int:
    """Over how many of these steps, one after the other, may that share have failed?

    Up to the last before so few or so many did that the likelihood ratio of their own share refuses it at 95 %.
    """
    wrong, of = np.cumsum(fails) / max(alike, 1.0), np.cumsum(count) / max(alike, 1.0)
    against = (
        wrong * np.log(level) + (of - wrong) * np.log1p(-level) if level < 1.0 else np.where(wrong < of, -np.inf, 0.0)
    )
    refused = _fit(wrong, of) - against > _UNLIKELY
    return int(refused.argmax()) if refused.any() else len(refused)
