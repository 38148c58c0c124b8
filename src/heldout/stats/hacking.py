"""Which share of the rewarded answers fails hidden tests, and is it more than is tolerated?

Judging every rollout by hidden tests is dear, so a part of them is drawn, all that look odd and few of the rest if one
likes, and each judged answer counts for as many as its chance of being drawn says. `hacked_share` gives the share of a
stretch of training with its interval, `HackAlarm` says while it goes on that more than a tolerated share fails, and
`tolerable_share` finds what to tolerate from the first steps. Answers of one prompt resemble each other, so all three
count prompts, not answers.

What they cannot see: answers that fool the hidden tests too, a stratum that is never drawn, and hacking that was there
from the start where the tolerated share comes from the run itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from heldout.stats.arrays import BoolArray, FloatArray, IntArray, floats
from heldout.stats.beta import beta_quantile
from heldout.stats.levels import FALSE_ALARMS

BASELINE_ANSWERS = 100  # rewarded judged answers without which a bound is too wide to be of use
BASELINE_ERROR = 0.01  # of the baseline's upper bound; what is left of the 5 % of false alarms is the alarm's
_LEAST_TOLERATED = 0.01  # a smaller bound is luck of the first steps: a share that drifts by half would exceed it
_ALIKE, _PRIOR_PROMPTS = 0.3, 4.0  # correlation that is assumed within a prompt, and prompts that assumption counts for
_BETS = np.array([0.025, 0.05, 0.1, 0.2, 0.4])  # over the tolerated share: for shares a little and far above it
_ROUNDING = 1e-9  # of a share that is a sum of many
_LEAST_BET_ON, _MOST_BET = 0.02, 0.9  # smaller shares are bet on like 2 %; a bet of 1 could lose everything
_STEPS_PER_EVAL = 10  # the scale on which starts of hacking grow less likely


@dataclass(frozen=True, slots=True)
class HackedShare:
    """Which share of the rewarded answers fails hidden tests."""

    share: float  # nan where no rewarded answer was judged
    low: float  # 95 % interval, within 0 and 1
    high: float
    n_eff: float  # independent answers that say as much
    answers: int  # rewarded ones that were judged
    prompts: int  # that have one


def hacked_share(
    rewarded: npt.ArrayLike, failed: npt.ArrayLike, prompt: npt.ArrayLike, chance: npt.ArrayLike = 1.0
) -> HackedShare:
    """Which share of the rewarded answers fails hidden tests, and how sure is that?

    The weighted share ``h = sum w r f / sum w r`` with ``w = 1 / chance`` (Hajek), and the interval of Korn and
    Graubard: beta quantiles for as many independent answers as say as much. That number mixes what the prompts show
    with a correlation of 0.3 within a prompt, which counts for four prompts: a few prompts that happen to agree are no
    proof that answers of one prompt do not resemble each other. Each end of the interval is that of one more answer,
    which passes or fails; as in the interval of Fay and Feuer that answer has the largest weight that any rewarded one
    has, judged or not: where few of a stratum were drawn, the next one may say something else.

    `rewarded`: shape (N,), whether the training rewarded each answer. `failed`: shape (N,), 1 where it fails the hidden
    tests, 0 where it passes, `nan` where it was not judged. `prompt`: shape (N,), of which prompt it is. `chance`: with
    which it was drawn for judging, one number or shape (N,), above 0 and at most 1; which stratum an answer is in must
    be settled before the hidden tests are run. A stratum that is never drawn, with a chance of 0, is not spoken of.
    Returns `nan` and an interval from 0 to 1 where no rewarded answer was judged.
    Raises ValueError if shapes do not fit, a chance is outside, or `failed` is neither 0 nor 1 nor `nan`.

    In simulations of 4 x 8 to 160 x 1 answers, shares of 0.3 to 40 %, correlations of 0.05 and 0.4 and two strata of
    1 : 4 and 1 : 8 the interval holds the truth in 95 to 100 %.

    Source: Hajek 1971, "Comment on a paper by D. Basu"; Korn, Graubard 1998, "Confidence intervals for proportions with
    small expected number of positive counts estimated from survey data", Survey Methodology 24; Fay, Feuer 1997,
    "Confidence intervals for directly standardized rates", Statistics in Medicine 16; Kish 1965.

    >>> found = hacked_share(np.ones(6), np.zeros(6), range(6))
    >>> found.share, found.low, round(found.high, 3)  # none of six
    (0.0, 0.0, 0.459)
    """
    share, n_eff, answers, prompts, more = _weighted(*_judged(rewarded, failed, prompt, chance))
    if not answers:
        return HackedShare(math.nan, 0.0, 1.0, 0.0, 0, 0)
    low = beta_quantile(0.025, share * n_eff, (1.0 - share) * n_eff + more) if share > 0.0 else 0.0
    return HackedShare(share, low, _upper(share, n_eff, more, 0.975), n_eff, answers, prompts)


def tolerable_share(
    rewarded: npt.ArrayLike, failed: npt.ArrayLike, prompt: npt.ArrayLike, chance: npt.ArrayLike = 1.0
) -> float:
    """Which share of failing answers is ordinary for this run, by its first steps?

    The one-sided 99 % upper bound of `hacked_share`, at least 1 %. Give it the first 40 judged steps, and the alarm
    that is started with it an `error` of 0.04, so that both together err in 5 % of runs.

    The arguments are those of `hacked_share`. `nan` below 100 rewarded answers that were judged.

    What it cannot see: hacking that was there from the start, which it takes for ordinary.

    >>> round(tolerable_share(np.ones(200), np.arange(200) % 50 == 0, range(200)), 3)
    0.057
    """
    share, n_eff, answers, _, more = _weighted(*_judged(rewarded, failed, prompt, chance))
    if answers < BASELINE_ANSWERS:
        return math.nan
    return max(_upper(share, n_eff, more, 1.0 - BASELINE_ERROR), _LEAST_TOLERATED)


def prompt_shares(
    rewarded: npt.ArrayLike,
    failed: npt.ArrayLike,
    prompt: npt.ArrayLike,
    chance: npt.ArrayLike = 1.0,
    *,
    size: npt.ArrayLike = math.nan,
    centre: float = 0.0,
) -> FloatArray:
    """Which share of each prompt's rewarded answers fails, as it is estimated from those that were judged?

    ``x = centre + sum over judged of (f - centre) / chance``, the sum over the prompt's rewarded answers, judged or
    not: on average the prompt's true share, whatever the strata and the centre, though it may lie outside 0 and 1. With
    the tolerated share as its centre, a prompt of which nothing was judged has exactly that share. So nothing is lost
    where none of its answers was kept, and nobody knows of it.

    The first four arguments are those of `hacked_share`, for all answers of some steps, each with prompts of its own.
    `size`: one number or shape (N,), how many answers of the prompt were rewarded, where some of them are not here;
    `nan` where that is not known. Below the number of those that are here it counts as that.
    Returns one value for each prompt with a rewarded answer, in ascending order of prompts: shape (G,). Each is at
    least ``centre * (1 - 1 / smallest chance)``.

    Source: Horvitz, Thompson 1952, "A generalization of sampling without replacement from a finite universe", JASA 47;
    Särndal, Swensson, Wretman 1992, "Model assisted survey sampling" (the difference estimator).

    >>> prompt_shares([1, 1, 1], [1, 0, math.nan], [7, 7, 8], 0.5, size=[4, 4, 1], centre=0.1).round(3).tolist()
    [0.5, 0.1]
    """
    kept, fails, names, chances = _checked(rewarded, failed, prompt, chance)
    sizes = floats(np.broadcast_to(floats(size), kept.shape))[kept]
    _, first, of = np.unique(names[kept], return_index=True, return_inverse=True)
    if not of.size:
        return np.empty(0)
    fails, chances = fails[kept], chances[kept]
    judged = ~np.isnan(fails)
    beyond = np.bincount(of[judged], (fails[judged] - centre) / chances[judged], minlength=first.size)
    return floats(centre + beyond / np.fmax(np.bincount(of), sizes[first]))


@dataclass(frozen=True, slots=True, eq=False)
class HackAlarm:
    """Do more of the rewarded answers fail hidden tests than is tolerated? Asked after every step, at no further price.

    A bettor starts with a wealth of 1 and bets at every prompt that its share exceeds the tolerated one: a bet b turns
    the wealth into ``1 + b (x - tolerated)`` times what it was. It is spread over five bets, and over the steps at
    which the hacking may begin, with weights that fall like ``1 / ((s / 10 + 1) (s / 10 + 2))``. While the share is
    tolerable the wealth does not grow on average, so it ever reaches 20 in at most 5 % of runs, whenever one looks and
    however answers of one prompt depend on each other (Ville's inequality).

    An alarm is a state: `update` returns the next one, and one that was kept can be gone on with.

    Attributes
    ----------
    tolerated
        Share of the rewarded answers that may fail, above 0 and below 1.
    planned
        Judged steps that the run will have. Later ones are looked at, but hacking is not expected to begin there. None
        for a run without an end.
    error
        Chance of a false alarm in the whole run.
    steps
        Judged steps so far.
    log_started, log_largest, starts
        For each bet, shape (5,): the logarithm of the wealth of all starts so far, the largest single one, and where
        that began.

    Notes
    -----
    Assumes that prompts of a step are drawn independently of each other, given the past. With 2 prompts of 8 answers a
    step and a correlation of 0.4 within a prompt it alarms falsely in 1 to 3 % of runs; betting on answers as if they
    were independent alarms in 9 of 10. What it cannot see: a share that stays below the tolerated one; and it counts
    every prompt alike, where `hacked_share` counts every answer.

    References
    ----------
    Ville 1939; Waudby-Smith, Ramdas 2024, "Estimating means of bounded random variables by betting", JRSS B 86; Shin,
    Ramdas, Rinaldo 2023, "E-detectors", The New England Journal of Statistics in Data Science.

    Examples
    --------
    >>> alarm = HackAlarm(0.05, planned=6)
    >>> for shares in ([0, 0], [0.5, 0], [0.5, 1], [1, 0.5]):
    ...     alarm = alarm.update(shares)
    >>> round(alarm.log_wealth, 3), alarm.raised, alarm.onset
    (5.816, True, 1)
    """

    tolerated: float
    planned: int | None = None
    error: float = FALSE_ALARMS
    steps: int = 0
    log_started: FloatArray = field(default_factory=lambda: np.full(_BETS.size, -math.inf))
    log_largest: FloatArray = field(default_factory=lambda: np.full(_BETS.size, -math.inf))
    starts: IntArray = field(default_factory=lambda: np.zeros(_BETS.size, dtype=np.int64))

    def __post_init__(self) -> None:
        for name, value in (("tolerated", self.tolerated), ("error", self.error)):
            if not 0.0 < value < 1.0:
                raise ValueError(f"{name} is {value}; it must be between 0 and 1.")
        if self.planned is not None and self.planned < 1:
            raise ValueError(f"planned is {self.planned}; it must be at least 1.")

    def update(self, shares: npt.ArrayLike, chance: float = 1.0) -> HackAlarm:
        """Return the alarm after a step whose prompts have these shares (`prompt_shares`), in any order.

        `chance`: the smallest with which any rewarded answer is judged, settled before any is drawn; with the tolerated
        share as their centre, shares may then be as low as ``tolerated * (1 - 1 / chance)``, and bets are smaller.
        A step without any leaves the wealth as it is. Raises ValueError for a share below that, and for no number.
        """
        x = floats(shares)
        return self.through(x, np.zeros(x.shape, dtype=np.int64), [chance])

    def through(self, shares: npt.ArrayLike, step: IntArray, chance: npt.ArrayLike) -> HackAlarm:
        """Return the alarm after several steps, or after the first of them at which it is raised.

        `shares`: shape (G,), of all prompts; `step`: shape (G,), which of the steps each is of, from 0; `chance`: shape
        (T,), as for `update`, for each step.
        """
        chances, x = floats(chance), floats(shares)
        order = np.lexsort((x, step))  # so that the order of prompts does not even change the rounding
        grown = self._grown(x[order], step[order], chances)
        now = np.arange(self.steps, self.steps + chances.size)
        weights = _weights_from(np.append(now, self.steps + chances.size), self.planned)
        begins, waiting = _logs(weights[:-1] - weights[1:]), _logs(weights[1:])
        # what a bet that begins at a step has won by another is the difference of two of these
        won = np.cumsum(grown, axis=1)
        staked = begins - (won - grown)
        started = np.logaddexp.accumulate(np.column_stack([self.log_started, staked]), axis=1)[:, 1:] + won
        largest = np.maximum.accumulate(np.column_stack([self.log_largest, staked]), axis=1)
        wealth = np.logaddexp(np.logaddexp.reduce(started, axis=0) - math.log(_BETS.size), waiting)
        raised = np.flatnonzero(wealth >= -math.log(self.error))
        last = int(raised[0]) if raised.size else chances.size - 1
        newer = largest[:, 1 : last + 2] > largest[:, : last + 1]  # a start that has won more than any before it
        best = np.where(newer, now[: last + 1], -1).max(axis=1)
        return replace(
            self,
            steps=self.steps + last + 1,
            log_started=started[:, last],
            log_largest=largest[:, last + 1] + won[:, last],
            starts=np.where(best >= 0, best, self.starts),
        )

    def _grown(self, shares: FloatArray, step: IntArray, chances: FloatArray) -> FloatArray:
        """Return the logarithm of what the prompts of each step multiply the stake of each bet by, shape (5, T)."""
        least = self.tolerated * (1.0 - 1.0 / chances)
        wrong = shares[~((shares >= (least - _ROUNDING / chances)[step]) & (shares < math.inf))]
        if wrong.size:
            raise ValueError(f"a prompt's share is {wrong[0]}; it must be {least.min():g} or more.")
        bets = np.minimum(_BETS[:, None] / max(self.tolerated, _LEAST_BET_ON), _MOST_BET * chances / self.tolerated)
        won = np.log1p(bets[:, step] * (shares - self.tolerated))
        return floats([np.bincount(step, row, minlength=chances.size) for row in won])

    @property
    def log_wealth(self) -> float:
        """The logarithm of the wealth: 0 at the start."""
        waiting = _logs(_weights_from(np.array([self.steps]), self.planned))[0]
        return float(np.logaddexp(np.logaddexp.reduce(self.log_started) - math.log(_BETS.size), waiting))

    @property
    def raised(self) -> bool:
        """Whether the wealth is 1 / `error` now: more answers fail than is tolerated."""
        return self.log_wealth >= -math.log(self.error)

    @property
    def onset(self) -> int | None:
        """About when the hacking began: the judged step, from 0, whose bet has won the most; None before the first.

        "About", because no error of it is known.
        """
        return int(self.starts[int(self.log_largest.argmax())]) if self.steps else None


def _weights_from(step: IntArray, planned: int | None) -> FloatArray:
    """How likely is hacking to begin at a judged step or later? 1 at the first. Shape of `step`.

    The weights ``1 / (a (a + 1)) = 1 / a - 1 / (a + 1)`` of ``a = s / 10 + 1`` add up to ten terms without an end.
    """
    beyond = 0.0 if planned is None else float(_rest(np.array([planned]))[0])
    weights = (_rest(step) - beyond) / (float(_rest(np.array([0]))[0]) - beyond)
    return floats(weights if planned is None else np.where(step < planned, weights, 0.0))


def _rest(step: IntArray) -> FloatArray:
    return floats((1.0 / ((step[:, None] + np.arange(_STEPS_PER_EVAL)) / _STEPS_PER_EVAL + 1.0)).sum(axis=1))


def _logs(values: FloatArray) -> FloatArray:
    return np.log(values, where=values > 0.0, out=np.full(values.shape, -math.inf))


def _checked(
    rewarded: npt.ArrayLike, failed: npt.ArrayLike, prompt: npt.ArrayLike, chance: npt.ArrayLike
) -> tuple[BoolArray, FloatArray, npt.NDArray[np.generic], FloatArray]:
    """Return the arguments as arrays of one shape (N,), or an error that names what is wrong with them."""
    kept, fails, names = np.asarray(rewarded).astype(bool), floats(failed), np.asarray(prompt)
    if not kept.shape == fails.shape == names.shape or kept.ndim != 1:
        raise ValueError(f"rewarded, failed and prompt have shapes {kept.shape}, {fails.shape} and {names.shape}.")
    if not np.isin(fails[~np.isnan(fails)], (0.0, 1.0)).all():
        raise ValueError("failed must be 0, 1, or nan where an answer was not judged.")
    chances = floats(np.broadcast_to(floats(chance), kept.shape))
    if not np.all((chances <= 1.0) & ((chances > 0.0) | (np.isnan(fails) & (chances == 0.0)))):
        raise ValueError("the chance of being judged must be above 0 and at most 1; 0 only of what is never judged.")
    return kept, fails, names, chances


def _judged(
    rewarded: npt.ArrayLike, failed: npt.ArrayLike, prompt: npt.ArrayLike, chance: npt.ArrayLike
) -> tuple[FloatArray, FloatArray, IntArray, float]:
    """Return failure, weight and number of the prompt of every rewarded answer that was judged, shape (M,) each.

    And the largest weight of any rewarded one, judged or not.
    """
    kept, fails, names, chances = _checked(rewarded, failed, prompt, chance)
    counted = kept & ~np.isnan(fails)
    largest = 1.0 / float(chances[kept & (chances > 0.0)].min(initial=1.0))
    return fails[counted], 1.0 / chances[counted], np.unique(names[counted], return_inverse=True)[1], largest


def _weighted(
    fails: FloatArray, weight: FloatArray, of: IntArray, largest: float
) -> tuple[float, float, int, int, float]:
    """Return the share, the independent answers that say as much, and how many answers and prompts there are.

    And for how many answers one with the largest weight counts.
    """
    if not fails.size:
        return math.nan, 0.0, 0, 0, 1.0
    total, each = float(weight.sum()), np.bincount(of)
    share, prompts, squares = float(weight @ fails) / total, each.size, float(weight @ weight)
    kish, more = total**2 / squares, max(1.0, largest * total / squares)
    # one more answer of the largest weight would add less than itself to what unequal weights say
    with_it = min(1.0, ((total + largest) ** 2 / (squares + largest**2) - 1.0) / kish)
    assumed = kish / (1.0 + (float(each @ each) / fails.size - 1.0) * _ALIKE)
    failing = np.bincount(of, fails)
    # what fails and what passes must both be seen in several prompts before their scatter is believed
    seen = float(min(np.count_nonzero(failing), np.count_nonzero(failing < each)))
    if prompts == 1 or not 0.0 < share < 1.0:
        return share, assumed * with_it, fails.size, prompts, more
    spread = np.bincount(of, weight * (fails - share))
    variance = prompts / (prompts - 1.0) * float(spread @ spread) / total**2
    measured = min(max(share * (1.0 - share) / variance, 1.0), kish) if variance > 0.0 else kish
    n_eff = (seen + _PRIOR_PROMPTS) / (seen / measured + _PRIOR_PROMPTS / assumed)
    return share, n_eff * with_it, fails.size, prompts, more


def _upper(share: float, n_eff: float, more: float, level: float) -> float:
    return beta_quantile(level, share * n_eff + more, (1.0 - share) * n_eff) if share < 1.0 else 1.0
