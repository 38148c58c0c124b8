"""Simulated training runs: the data come with their truth.

A run is a true pass rate over steps, a population of problems whose mean solve probability equals that rate at every
evaluation, the outcomes of `n` problems drawn from it, and a reward and a length with noise of their own. Seven
families never fall by more than they wander or recover (`NULLS`), four fall (`DECLINES`), nine more lie outside the
design (`OUTSIDE_NULLS`, `OUTSIDE_DECLINES`), and some of these with a level, a short fall and a cliff are for
evaluations of unusual kinds (`PLAIN_NULLS`, `PLAIN_DECLINES`).

References
----------
Gao, Schulman, Hilton 2023, "Scaling laws for reward model overoptimization", ICML (the slow decline).
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

import numpy as np

from heldout.errors import UsageError
from heldout.run import Evaluation, Outcomes
from heldout.stats.arrays import FloatArray, IntArray, floats

STEPS = 800  # training steps of every run
ONSET_DROP = 0.01  # a decline has begun once the trend is this far below its maximum
CHURN_TIME = 0.3  # correlation time of what single problems do on their own, as a share of the run
RETURN, PER_SHARE = -40.0, 700.0  # the return of a policy that solves nothing, and how much more of one that solves all

Told = Literal["outcomes", "rates", "returns"]  # what a log has of an evaluation


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedRun:
    """A run of T training steps and K evals whose truth is known."""

    family: str  # how the run was made
    outcomes: FloatArray  # (K, n): share of the m samples that solved the problem
    truth: FloatArray  # (K,): pass rate of each checkpoint over the whole population of problems
    trend: FloatArray  # (K,): the truth without checkpoint jitter
    reward: FloatArray  # (T,): one value per training step, as the length
    length: FloatArray
    steps: IntArray  # (K,): the training steps of the evals
    is_decline: bool  # whether the family falls for good; an alarm is then right, and otherwise false
    onset: int | None  # first eval, from 0 and the peak on, at which the trend is one point below its maximum
    onset_step: int | None  # the first training step at which it is
    peak: int  # the eval, from 0, at which the trend is highest
    problems: IntArray  # (K, n): which problem each of the outcomes is of
    samples: int  # of each problem
    told: Told  # what its log would have

    @property
    def rates(self) -> FloatArray:
        """Observed pass rate of each eval, shape (K,)."""
        return floats(self.outcomes.mean(axis=1))

    def evaluations(self, told: Told | None = None) -> list[Evaluation]:
        """Its evals as they are read from a log with outcomes, with rates and sizes alone, or with returns.

        A return is an affine map of the rate, whose unit and size the log does not have.
        """
        told, steps, asked = told or self.told, self.steps.tolist(), self.outcomes.shape[1]
        if told == "outcomes":
            each = np.full(asked, self.samples, dtype=np.int64)
            names = [tuple(map(str, row)) for row in self.problems.tolist()]
            counts = zip(steps, names, np.rint(self.outcomes * self.samples), strict=True)
            return [Evaluation.of(step, Outcomes(name, passed, each)) for step, name, passed in counts]
        rates = zip(steps, self.rates.tolist(), strict=True)
        if told == "rates":
            return [Evaluation(step, rate, asked, float(self.samples)) for step, rate in rates]
        return [Evaluation(step, RETURN + PER_SHARE * rate, share=False) for step, rate in rates]


@dataclass(frozen=True, slots=True)
class _Curves:
    """What a family decides: where the population starts, and three noiseless curves of shape (T,)."""

    start: float
    trend: FloatArray
    reward: FloatArray
    length: FloatArray


@dataclass(frozen=True, slots=True)
class _Config:
    """Ranges of what the families share."""

    concentration: tuple[float, float] = (0.5, 1.5)  # of the Beta distribution of the problems
    churn: tuple[float, float] = (0.3, 1.0)  # sd on the logit scale
    jitter: tuple[float, float] = (0.001, 0.005)
    logit_scale: float = 1.0
    tails: float = math.inf  # degrees of freedom of the jitter
    cluster: int = 1  # problems that get easier and harder together
    swapped: float = 0.0  # share of the problems that are replaced on the way
    uneven: bool = False  # spacing of the evals
    told: Told = "outcomes"


CONFIGS = {
    "default": _Config(),
    "ushape": _Config(concentration=(0.15, 0.4)),
    "greedy": _Config(logit_scale=2.0),
    "churn": _Config(churn=(1.0, 2.0)),
    "jitter": _Config(jitter=(0.005, 0.010)),
    "shaken": _Config(jitter=(0.005, 0.010), tails=4.0),
    "clusters": _Config(cluster=10),
    "swapped": _Config(swapped=0.2),
    "uneven": _Config(uneven=True),
    "rates": _Config(told="rates"),
    "returns": _Config(told="returns"),
}

_U = np.arange(1, STEPS + 1) / STEPS  # progress, from 0 to 1
_ONE = np.ones(STEPS)


def _sat(tau: float) -> FloatArray:
    """A saturating rise from 0 to 1."""
    return (1.0 - np.exp(-_U / tau)) / (1.0 - math.exp(-1.0 / tau))


def _logistic(centre: float, width: float = 0.04) -> FloatArray:
    return 1.0 / (1.0 + np.exp(-(_U - centre) / width))


def _dip(centre: float, width: float) -> FloatArray:
    """A raised cosine of height 1."""
    inside = np.abs(_U - centre) < width / 2.0
    return np.where(inside, 0.5 + 0.5 * np.cos(2.0 * math.pi * (_U - centre) / width), 0.0)


def _ar1(rng: np.random.Generator, size: int, phi: float, sd: float) -> FloatArray:
    """A stationary first-order autoregression."""
    shocks = rng.standard_normal(size) * sd
    shocks[1:] *= math.sqrt(1.0 - phi * phi)
    return np.fromiter(accumulate(shocks.tolist(), lambda last, shock: phi * last + shock), np.float64, size)


def _start(rng: np.random.Generator) -> float:
    return rng.uniform(0.25, 0.50)


def _rise(rng: np.random.Generator) -> FloatArray:
    """The reward of a run that learns."""
    return rng.uniform(0.8, 1.5) * _sat(rng.uniform(0.3, 1.5))


def _honest(rng: np.random.Generator) -> _Curves:
    start = _start(rng)
    return _Curves(start, start + rng.uniform(0.03, 0.15) * _sat(rng.uniform(0.2, 1.5)), _rise(rng), _ONE)


def _plateau(rng: np.random.Generator) -> _Curves:
    start = _start(rng)
    early = rng.uniform(0.8, 1.5) * 0.7 * (1.0 - np.exp(-_U / 0.15))
    reward = early if rng.uniform() < 0.5 else _rise(rng)
    return _Curves(start, start + rng.uniform(0.0, 0.03) * (1.0 - np.exp(-_U / 0.08)), reward, _ONE)


def _noisy_plateau(rng: np.random.Generator) -> _Curves:
    flat = _plateau(rng)
    phi = math.exp(-1.0 / (STEPS * rng.uniform(0.05, 0.10)))
    return _Curves(flat.start, flat.trend + _ar1(rng, STEPS, phi, rng.uniform(0.004, 0.010)), flat.reward, _ONE)


def _dipping(rng: np.random.Generator, reward_too: bool) -> _Curves:
    start = _start(rng)
    dip = _dip(rng.uniform(0.3, 0.8), rng.uniform(0.05, 0.15))
    trend = start + rng.uniform(0.02, 0.10) * _sat(rng.uniform(0.2, 1.0)) - rng.uniform(0.01, 0.04) * dip
    return _Curves(start, trend, _rise(rng) - rng.uniform(0.3, 0.8) * dip * reward_too, _ONE)


def _length_driven(rng: np.random.Generator) -> _Curves:
    trend = 0.245 + 0.095 * _sat(rng.uniform(0.6, 3.0))
    return _Curves(0.245, trend, _rise(rng), 1.0 + rng.uniform(0.5, 2.0) * _U)


def _late_surge(rng: np.random.Generator) -> _Curves:
    start, surge = _start(rng), _logistic(rng.uniform(0.5, 0.75))
    trend = start + rng.uniform(0.0, 0.02) * (1.0 - np.exp(-_U / 0.08)) + rng.uniform(0.04, 0.12) * surge
    return _Curves(start, trend, 0.5 * _rise(rng) + rng.uniform(0.4, 0.75) * surge, _ONE)


def _slow_overopt(rng: np.random.Generator) -> _Curves:
    start, gain, peak = _start(rng), rng.uniform(0.05, 0.15), rng.uniform(0.3, 0.6)
    drop = min(rng.uniform(0.03, 0.10), 1.2 * gain)
    low, high = 1.0, math.e * 2.0  # x (1 - ln x) falls from 1 at x = 1
    for _ in range(50):
        middle = 0.5 * (low + high)
        if middle * (1.0 - math.log(middle)) > 1.0 - drop / gain:
            low = middle
        else:
            high = middle
    x = (_U / peak) ** (-math.log(low) / math.log(peak))
    reward = rng.uniform(0.8, 1.5) * _sat(rng.uniform(0.5, 3.0))
    return _Curves(start, start + gain * x * (1.0 - np.log(x)), reward, _ONE)


def _collapse(rng: np.random.Generator, peak: float, width: float) -> _Curves:
    """A linear rise to the peak, a linear fall, then flat; the reward goes on rising."""
    start, rise = _start(rng), rng.uniform(0.005, 0.04)
    fallen = np.clip((_U - peak) / min(width, 1.0 - peak), 0.0, 1.0)
    trend = start + rise * np.minimum(_U / peak, 1.0) - rng.uniform(0.04, 0.10) * fallen
    reward = rng.uniform(0.8, 1.5) * _U + rng.uniform(0.0, 0.6) * np.maximum(_U - peak, 0.0)
    return _Curves(start, trend, reward, _ONE)


def _crash(rng: np.random.Generator) -> _Curves:
    peak, width = rng.uniform(0.3, 0.7), rng.uniform(0.08, 0.5)
    eval_curve = _collapse(rng, peak, width)
    fallen = np.clip((_U - peak) / min(width, 1.0 - peak), 0.0, 1.0)
    height = rng.uniform(0.8, 1.5)
    reward = height * np.minimum(_U / peak, 1.0) - rng.uniform(0.6, 1.2) * height * fallen
    return _Curves(eval_curve.start, eval_curve.trend, reward, _ONE)


def _r1_like(rng: np.random.Generator) -> _Curves:
    del rng
    trend = 0.338 + 0.010 * np.minimum(_U / 0.5, 1.0) - 0.058 * np.maximum(_U - 0.5, 0.0) / 0.5
    return _Curves(0.338, trend, 1.13 * _U, _ONE)


def _linear(rng: np.random.Generator) -> _Curves:
    start = _start(rng)
    return _Curves(start, start + rng.uniform(0.03, 0.15) * _U, _rise(rng), _ONE)


def _staircase(rng: np.random.Generator) -> _Curves:
    start, stairs = _start(rng), int(rng.integers(3, 7))
    return _Curves(start, start + rng.uniform(0.05, 0.15) * np.floor(_U * stairs) / stairs, _rise(rng), _ONE)


def _double_dip(rng: np.random.Generator) -> _Curves:
    start = _start(rng)
    dips = sum(
        rng.uniform(0.01, 0.03) * _dip(rng.uniform(a, b), rng.uniform(0.05, 0.12)) for a, b in ((0.3, 0.5), (0.6, 0.8))
    )
    return _Curves(start, start + rng.uniform(0.05, 0.12) * _sat(rng.uniform(0.3, 1.0)) - dips, _rise(rng), _ONE)


def _flat(rng: np.random.Generator, level: float) -> _Curves:
    return _Curves(level, level * _ONE, _rise(rng), _ONE)


def _two_peak(rng: np.random.Generator) -> _Curves:
    """A peak, a trough, a second and higher peak, and a fall from there."""
    start = _start(rng)
    first, fall, second, drop = (rng.uniform(a, b) for a, b in ((0.02, 0.05), (0.01, 0.02), (0.02, 0.05), (0.04, 0.10)))
    at = (0.0, rng.uniform(0.15, 0.25), rng.uniform(0.3, 0.4), rng.uniform(0.5, 0.65), 1.0)
    top = first - fall + second + fall
    level = start + np.array([0.0, first, first - fall, top, top - drop])
    return _Curves(start, np.interp(_U, at, level), rng.uniform(0.8, 1.5) * _U, _ONE)


def _short_fall(rng: np.random.Generator) -> _Curves:
    """A rise, and a fall over a quarter of the run."""
    start, peak = _start(rng), rng.uniform(0.3, 0.7)
    trend = start + rng.uniform(0.02, 0.08) * np.minimum(_U / peak, 1.0)
    return _Curves(start, trend - rng.uniform(0.03, 0.12) * np.clip((_U - peak) / 0.25, 0.0, 1.0), _rise(rng), _ONE)


def _cliff(rng: np.random.Generator) -> _Curves:
    """A rise, and a fall of 30 points within two evals of a run of 40, somewhere."""
    start, peak, width = rng.uniform(0.38, 0.55), rng.uniform(0.25, 0.85), rng.uniform(0.001, 0.05)
    trend = start + rng.uniform(0.02, 0.08) * np.minimum(_U / peak, 1.0)
    return _Curves(start, trend - 0.30 * np.clip((_U - peak) / width, 0.0, 1.0), _rise(rng), _ONE)


_Family = Callable[[np.random.Generator], _Curves]
_NULLS: dict[str, _Family] = {
    "honest": _honest,
    "plateau": _plateau,
    "noisy_plateau": _noisy_plateau,
    "dip_rew": lambda rng: _dipping(rng, reward_too=True),
    "dip_norew": lambda rng: _dipping(rng, reward_too=False),
    "length_driven": _length_driven,
    "late_surge": _late_surge,
}
_DECLINES: dict[str, _Family] = {
    "slow_overopt": _slow_overopt,
    "sharp_collapse": lambda rng: _collapse(rng, rng.uniform(0.3, 0.7), rng.uniform(0.08, 0.5)),
    "r1_like": _r1_like,
    "crash": _crash,
}
_OUTSIDE_NULLS: dict[str, _Family] = {
    "linear": _linear,
    "staircase": _staircase,
    "double_dip": _double_dip,
    "flat_low": lambda rng: _flat(rng, rng.uniform(0.02, 0.10)),
    "flat_high": lambda rng: _flat(rng, rng.uniform(0.85, 0.97)),
}
_OUTSIDE_DECLINES: dict[str, _Family] = {
    "early_peak": lambda rng: _collapse(rng, rng.uniform(0.08, 0.15), rng.uniform(0.08, 0.5)),
    "late_onset": lambda rng: _collapse(rng, rng.uniform(0.75, 0.85), rng.uniform(0.08, 0.5)),
    "abrupt": lambda rng: _collapse(rng, rng.uniform(0.3, 0.7), 0.02),
    "two_peak": _two_peak,
}
_PLAIN_NULLS: dict[str, _Family] = {
    "level": lambda rng: _flat(rng, _start(rng)),
    "linear": _linear,
    "staircase": _staircase,
    "dip_norew": _NULLS["dip_norew"],
}
_PLAIN_DECLINES: dict[str, _Family] = {"slow_overopt": _slow_overopt, "short_fall": _short_fall, "cliff": _cliff}
_FALLING = _DECLINES | _OUTSIDE_DECLINES | _PLAIN_DECLINES
_FAMILIES = _NULLS | _DECLINES | _OUTSIDE_NULLS | _OUTSIDE_DECLINES | _PLAIN_NULLS | _PLAIN_DECLINES

NULLS = tuple(_NULLS)  # an alarm is false
DECLINES = tuple(_DECLINES)  # an alarm after the peak is right
OUTSIDE_NULLS = tuple(_OUTSIDE_NULLS)  # the same, with shapes that no detector was designed on
OUTSIDE_DECLINES = tuple(_OUTSIDE_DECLINES)
PLAIN_NULLS = tuple(_PLAIN_NULLS)  # the same, for evaluations of every kind
PLAIN_DECLINES = tuple(_PLAIN_DECLINES)
FAMILIES = tuple(_FAMILIES)


def simulate(family: str, n: int, K: int, m: int = 1, *, seed: int, config: str = "default") -> SimulatedRun:
    """What would be logged by a run whose truth is known?

    `family` is one of `FAMILIES`. There are `K` evals, evenly spaced, the last at the last step, each of the same `n`
    problems with `m` samples; the first problems of a larger `n` are those of a smaller one. The same arguments give
    the same run; `seed` is at least 0. `config` is one of `CONFIGS`: "ushape" has mostly problems that are always or
    never solved, "greedy" doubles all logits, "churn" lets single problems wander twice as far, "jitter" shakes the
    checkpoints more, "shaken" as much with heavy tails (t with 4 degrees of freedom); in "clusters" ten problems each
    wander as one, in "swapped" a fifth of the problems is replaced on the way, in "uneven" the evals lie where chance
    has them; a log of "rates" has no outcomes, and one of "returns" a score without a unit.
    Raises UsageError if the family or the config is not known, or n, K or m is too small.

    Base probabilities are Beta distributed. On the logit scale each problem also follows an Ornstein-Uhlenbeck
    process of its own, and one shift common to all problems, solved for at each eval, makes the population mean equal
    to the truth. What it does not have: timeouts, restarts.
    """
    if family not in _FAMILIES:
        raise UsageError(f"family is {family!r}; it must be one of {', '.join(FAMILIES)}.")
    if config not in CONFIGS:
        raise UsageError(f"config is {config!r}; it must be one of {', '.join(CONFIGS)}.")
    if n < 2 or not 2 <= K <= STEPS or m < 1:
        raise UsageError(f"n = {n}, K = {K}, m = {m}; there must be 2 problems, 2 to {STEPS} evals and 1 sample.")
    chosen = CONFIGS[config]
    root = np.random.SeedSequence([seed, zlib.crc32(family.encode())])
    shape, noise, base, churn, sample, odd = (np.random.default_rng(child) for child in root.spawn(6))
    curves = _FAMILIES[family](shape)
    steps = _steps(odd, K, chosen.uneven)
    trend = curves.trend[steps - 1]
    truth = np.clip(trend + noise.uniform(*chosen.jitter) * _shocks(noise, K, chosen.tails), 0.002, 0.998)
    reward = curves.reward + _ar1(noise, STEPS, noise.uniform(0.5, 0.95), noise.uniform(0.10, 0.50))
    length = curves.length * (1.0 + 0.03 * noise.standard_normal(STEPS))

    concentration, sd = shape.uniform(*chosen.concentration), shape.uniform(*chosen.churn)
    a, b = curves.start * concentration, (1.0 - curves.start) * concentration
    problems = _problems(odd, n, K, chosen.swapped)
    every = int(problems.max()) + 1
    wander = np.repeat(_wander(churn, -(-every // chosen.cluster), K), chosen.cluster, axis=0)[:every]
    own = _logit(base.beta(a, b, every))[:, None] + sd * wander  # (every, K)
    logit = chosen.logit_scale * own + _shift(truth, a, b, sd, chosen.logit_scale)
    solved = _draw(sample, 1.0 / (1.0 + np.exp(-logit)), m).T
    return SimulatedRun(
        family=family,
        outcomes=np.ascontiguousarray(np.take_along_axis(solved, problems, axis=1)),
        truth=truth,
        trend=trend,
        reward=reward,
        length=length,
        steps=steps,
        is_decline=family in _FALLING,
        onset=_onset(trend),
        onset_step=None if (step := _onset(curves.trend)) is None else step + 1,
        peak=int(np.argmax(trend)),
        problems=problems,
        samples=m,
        told=chosen.told,
    )


def _steps(rng: np.random.Generator, K: int, uneven: bool) -> IntArray:
    """The steps of the evals, the last at the last step; uneven ones lie where chance has them."""
    if uneven:
        return np.append(np.sort(rng.choice(np.arange(1, STEPS), K - 1, replace=False)), STEPS).astype(np.int64)
    return np.round(np.arange(1, K + 1) * STEPS / K).astype(np.int64)


def _shocks(rng: np.random.Generator, size: int, freedom: float) -> FloatArray:
    """Independent values of variance 1, normal or of a t distribution."""
    if math.isinf(freedom):
        return rng.standard_normal(size)
    return floats(rng.standard_t(freedom, size) * math.sqrt((freedom - 2.0) / freedom))


def _problems(rng: np.random.Generator, n: int, K: int, swapped: float) -> IntArray:
    """Which problems each eval asks, shape (K, n): the last ones are replaced at one time, where some are."""
    asked = np.tile(np.arange(n, dtype=np.int64), (K, 1))
    new = round(swapped * n)
    if new:
        asked[rng.integers(K // 3, 2 * K // 3 + 1) :, n - new :] += new
    return asked


def _onset(trend: FloatArray) -> int | None:
    """Where the trend is first below its maximum by what counts, as an index."""
    peak = int(np.argmax(trend))
    below = np.flatnonzero(trend[peak] - trend[peak:] >= ONSET_DROP)
    return peak + int(below[0]) if below.size else None


_FURTHEST = 40.0  # beyond this a logit is as good as infinite
_NODES = np.arange(-_FURTHEST, _FURTHEST + 0.125, 0.25)


def _logit(p: FloatArray) -> FloatArray:
    tiny = math.exp(-_FURTHEST)
    logit = np.log(np.maximum(p, tiny)) - np.log(np.maximum(1.0 - p, tiny))
    return floats(np.clip(logit, -_FURTHEST, _FURTHEST))


def _wander(rng: np.random.Generator, n: int, K: int) -> FloatArray:
    """A stationary Ornstein-Uhlenbeck process of variance 1 for each problem, shape (n, K)."""
    phi = math.exp(-1.0 / (K * CHURN_TIME))
    path = rng.standard_normal((n, K))
    path[:, 1:] *= math.sqrt(1.0 - phi * phi)
    for k in range(1, K):
        path[:, k] += phi * path[:, k - 1]
    return path


def _shift(truth: FloatArray, a: float, b: float, sd: float, scale: float) -> FloatArray:
    """Which common shift of the logits makes the population mean equal to the truth, at each eval?

    The population is held as weights on a grid of logits, that is, a Beta density with its tails, blurred by the
    spread of the churn. The mean grows with the shift; it is inverted by Newton steps from a table.
    """
    density = np.exp(-a * np.logaddexp(0.0, -_NODES) - b * np.logaddexp(0.0, _NODES)) * 0.25
    density[0] += math.exp(-a * _FURTHEST) / a  # what lies further out
    density[-1] += math.exp(-b * _FURTHEST) / b
    reach = np.arange(-math.ceil(6.0 * sd / 0.25), math.ceil(6.0 * sd / 0.25) + 1) * 0.25
    blur = np.exp(-0.5 * (reach / sd) ** 2)
    spread = np.convolve(density / density.sum(), blur / blur.sum())
    at = scale * (np.arange(spread.size) * 0.25 - _FURTHEST + reach[0])
    table = np.arange(-16.0, 16.5, 0.5)
    shift = np.interp(truth, _mean(at, spread, table)[0], table)
    for _ in range(4):
        mean, slope = _mean(at, spread, shift)
        shift = shift - np.clip((mean - truth) / np.maximum(slope, 1e-9), -1.0, 1.0)
    return floats(shift)


def _mean(at: FloatArray, weight: FloatArray, shift: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean solve probability of the population at each shift, and its derivative."""
    p = 1.0 / (1.0 + np.exp(-np.clip(at + shift[:, None], -60.0, 60.0)))
    return p @ weight, (p * (1.0 - p)) @ weight


def _draw(rng: np.random.Generator, p: FloatArray, m: int) -> FloatArray:
    """Share of m samples solved, for each problem and eval."""
    solved = np.zeros(p.shape)
    for _ in range(m):
        solved += rng.random(p.shape) < p
    return floats(solved / m)
