"""Has the level truly fallen, and how small a fall can be seen?

A scan over all earlier evals, with an error rate that holds for the whole run.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

from heldout.stats.arrays import FloatArray, floats
from heldout.stats.levels import FALSE_ALARMS, log_tail, quantile
from heldout.stats.local_level import DEFAULT_Q, smoother

FIRST_LOOK = 4  # evals before the first statistic
ALPHAS = (0.2, 0.1, 0.05, 0.025, 0.0125, 0.01, 0.00625, 0.005, 0.003125, 0.0025, 0.00125, 0.000625)
HORIZONS = (5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100, 120, 160, 240, 320)
EPOCHS = (40, 80, 160, 320)
HISTORIES = (8, 12, 20, 30, 50, 80, 120, 240)  # lengths of those that are asked beside the whole run
_TABLE = (  # boundary for each horizon (rows) and alpha (columns)
    (0.515, 0.676, 0.815, 0.932, 1.039, 1.071, 1.142, 1.183, 1.248, 1.278, 1.368, 1.451),  # 5
    (0.629, 0.797, 0.948, 1.076, 1.196, 1.235, 1.305, 1.358, 1.430, 1.462, 1.557, 1.652),  # 6
    (0.812, 0.998, 1.169, 1.333, 1.468, 1.511, 1.602, 1.649, 1.735, 1.775, 1.893, 2.004),  # 8
    (0.997, 1.206, 1.390, 1.544, 1.698, 1.747, 1.852, 1.896, 1.989, 2.029, 2.157, 2.281),  # 10
    (1.139, 1.361, 1.555, 1.735, 1.889, 1.938, 2.032, 2.083, 2.176, 2.220, 2.355, 2.490),  # 12
    (1.312, 1.545, 1.750, 1.929, 2.098, 2.145, 2.256, 2.289, 2.388, 2.434, 2.578, 2.725),  # 15
    (1.541, 1.776, 1.979, 2.156, 2.329, 2.374, 2.490, 2.525, 2.627, 2.676, 2.821, 2.978),  # 20
    (1.710, 1.938, 2.139, 2.326, 2.481, 2.527, 2.616, 2.681, 2.781, 2.830, 2.985, 3.142),  # 25
    (1.829, 2.059, 2.256, 2.429, 2.581, 2.636, 2.727, 2.794, 2.900, 2.949, 3.096, 3.246),  # 30
    (2.014, 2.234, 2.422, 2.578, 2.733, 2.781, 2.876, 2.953, 3.048, 3.094, 3.240, 3.387),  # 40
    (2.144, 2.360, 2.536, 2.707, 2.859, 2.909, 3.027, 3.057, 3.152, 3.197, 3.339, 3.470),  # 50
    (2.242, 2.454, 2.634, 2.797, 2.971, 3.014, 3.097, 3.137, 3.229, 3.274, 3.405, 3.543),  # 60
    (2.385, 2.586, 2.764, 2.922, 3.057, 3.103, 3.198, 3.256, 3.345, 3.384, 3.517, 3.643),  # 80
    (2.488, 2.691, 2.857, 3.021, 3.152, 3.196, 3.283, 3.336, 3.423, 3.465, 3.592, 3.712),  # 100
    (2.568, 2.769, 2.939, 3.085, 3.223, 3.263, 3.340, 3.400, 3.490, 3.528, 3.649, 3.763),  # 120
    (2.691, 2.878, 3.039, 3.183, 3.311, 3.347, 3.430, 3.496, 3.575, 3.613, 3.724, 3.838),  # 160
    (2.855, 3.031, 3.181, 3.313, 3.445, 3.478, 3.554, 3.613, 3.690, 3.725, 3.839, 3.940),  # 240
    (2.974, 3.140, 3.273, 3.405, 3.528, 3.560, 3.642, 3.698, 3.776, 3.810, 3.917, 4.020),  # 320
)

LEARNED = 1.08  # on the table, because the noise is learned from the run: it then alarms in 5 % of level runs at most
UNSIZED = 1.25  # where nothing but the scatter of the scores says how large the noise is

_LEAST = 1e-6  # the smallest error that is stated

Inflation = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True, slots=True)
class Epoch:
    """What holds for one eval of a run whose length nobody knows."""

    horizon: int  # the epoch lasts until this eval
    alpha: float  # share of the error rate that the epoch may spend
    boundary: float  # the statistic must reach this


@dataclass(frozen=True, slots=True, eq=False)
class Contrasts:
    """Every earlier eval against the last one."""

    weight: FloatArray  # shape (k - 1, k): row j is ``S_j - S_k``, which sums to zero
    factor: FloatArray  # shape (k - 1,): posterior standard deviation of the difference, for unit noise


def last_look(
    values: FloatArray,
    relative: FloatArray | None = None,
    step: FloatArray | None = None,
    inflation: Inflation | None = None,
    q: float = DEFAULT_Q,
    delta: float = 0.0,
) -> tuple[FloatArray, FloatArray]:
    """How far below an earlier level does the last eval say that the level is, in deviations of unit noise?

    With the local-level smoother S and its posterior covariance P over the k evals so far, each earlier eval j gives
    the contrast ``d_j = S_j - S_k`` and ``u_j = (d_j . A - delta) / sqrt((P_jj + P_kk - 2 P_jk) I(d_j))``. The scan
    takes the largest, at every eval from the fourth on; what it is worth depends on the noise of one eval: over its
    standard deviation where that is known, `Noise.z` where it is learned.

    `values`: shape (k,), the rate of each eval so far. `relative`: noise variance of each eval over their mean, shape
    (k,), or None for evals alike. `step`: shape (k,), or None for even spacing. `inflation`: gives I(d), at least 1,
    for contrasts of shape (j, k), as `Gram.inflation` does; 1 if not given. `q`: as in `smoother`. `delta`: the fall
    that counts, in the unit of the values.
    Returns u, in the unit of the values, and inflation of each contrast, shape (k - 1,) each.

    S maps non-decreasing vectors to non-decreasing ones, so whatever truth never falls gives a statistic no larger,
    path by path, than a flat truth with the same noise. The flat run is thus the least favourable case and `boundary`
    bounds false alarms for all of them, under any stopping rule, if the noise is independent, Gaussian and of known
    variance; with a noise that is learned the bound is measured. What it cannot see: falls that are undone within an
    eval or two, a fall before the fourth eval, and why the level fell.

    Source: Durbin, Koopman 2012, "Time series analysis by state space methods", chapter 2; Karlin 1968, "Total
    positivity", chapter 3; Siegmund 1985, "Sequential analysis" (scans and boundaries).
    """
    against = contrasts(values.size, q, step, relative)
    extra = np.ones(against.factor.size) if inflation is None else inflation(against.weight)
    drop = against.weight @ (values - values[-1])  # rows sum to zero: the shift only keeps rounding small
    return (drop - delta) / (against.factor * np.sqrt(extra)), extra


def look_back(
    values: FloatArray, relative: FloatArray | None = None, inflation: Inflation | None = None, delta: float = 0.0
) -> tuple[FloatArray, FloatArray]:
    """How far below an earlier level is the last eval, whichever eval the history begins with?

    The smoother of a run that rises and then falls takes what came before the rise for a part of the peak, and hides
    the fall. So `last_look` is also asked of the last 8, 12, 20 … evals alone (`HISTORIES`), and each earlier eval gets
    the largest u of those histories that hold it. Of a truth that never falls no history does, so the flat run stays
    the least favourable case; what the largest of several costs is in the table of `boundary`.

    Arguments are those of `last_look`. Returns u, in the unit of the values, and the inflation of each contrast over
    the whole run, shape (k - 1,) each.
    """
    u, extra = last_look(values, relative, None, inflation, delta=delta)
    for first in [values.size - length for length in HISTORIES if length < values.size]:
        own = None if relative is None else relative[first:]
        scale = 1.0 if own is None else float(own.mean())
        noisier = None if inflation is None else partial(_of_the_end, inflation, first)
        later, _ = last_look(values[first:], None if own is None else own / scale, None, noisier, delta=delta)
        u[first:] = np.maximum(u[first:], later / math.sqrt(scale))
    return u, extra


def _of_the_end(inflation: Inflation, first: int, weight: FloatArray) -> FloatArray:
    """How much noisier contrasts of the evals from the `first` on are, which give no weight to those before."""
    return inflation(np.pad(weight, ((0, 0), (first, 0))))


def contrasts(
    k: int, q: float = DEFAULT_Q, step: FloatArray | None = None, variance: FloatArray | None = None
) -> Contrasts:
    """Which weights compare each earlier level with the last one?

    The arguments are those of `smoother`. Weights and factors of evenly spaced evals with equal noise are computed once
    and kept: do not write into them.
    """
    even = step is None or _ratio(np.diff(step)) < 1.0 + 1e-9
    equal = variance is None or _ratio(variance) < 1.0 + 1e-9
    if even and equal:
        return _plain_contrasts(k, q)
    return _against_last(*smoother(k, q, None if even else step, None if equal else variance))


@lru_cache(maxsize=128)
def _plain_contrasts(k: int, q: float) -> Contrasts:
    """Contrasts of k evenly spaced evals with equal noise."""
    return _against_last(*smoother(k, q))


def _against_last(smooth: FloatArray, posterior: FloatArray) -> Contrasts:
    """Each earlier row against the last one."""
    own = posterior.diagonal()
    factor = np.sqrt(own[:-1] + own[-1] - 2.0 * posterior[-1, :-1])
    return Contrasts(smooth[:-1] - smooth[-1], factor)


def _ratio(positive: FloatArray) -> float:
    """Largest over smallest."""
    return float(positive.max() / positive.min())


def boundary(K: int, alpha: float = FALSE_ALARMS, factor: float = LEARNED) -> float:
    """How large must the scan statistic get, at any of K evals, before the level is said to have fallen?

    A flat run of K evals reaches it at any look with probability `alpha`.

    `K`: evals that the run will have, from 5 to 320. `alpha`: chance of a false alarm in the whole run, from 0.000625
    to 0.2. `factor`: on the table, for how the noise is known: 1 if it is known, `LEARNED` or `UNSIZED`.
    The answer is read from a table, linear in log K and in log alpha between its entries.
    Raises ValueError if K or alpha is outside the table.

    The table is of `look_back`, for q = 0.1, even spacing, Gaussian noise and known, equal variance: 20 000 simulated
    runs of one history for each alpha down to 0.00625 and 1 000 000 for the smaller ones, times what the other
    histories add (up to 5 % at 0.2, 3.5 % at 0.05) in 240 000 runs that were asked both ways. What the noise being
    learned costs is measured, not derived.

    >>> boundary(40, 0.05, 1.0), round(boundary(40, 0.05), 3)
    (2.422, 2.616)
    """
    if not ALPHAS[-1] <= alpha <= ALPHAS[0]:
        raise ValueError(f"alpha is {alpha}; it must be from {ALPHAS[-1]} to {ALPHAS[0]}.")
    return factor * float(np.interp(-math.log(alpha), -np.log(ALPHAS), _row(K)))


def _row(K: int) -> FloatArray:
    """The boundary at every alpha of the table, shape (12,), or an error that names what the table holds."""
    if not HORIZONS[0] <= K <= HORIZONS[-1]:
        raise ValueError(f"K is {K}; it must be from {HORIZONS[0]} to {HORIZONS[-1]} evals.")
    table = np.array(_TABLE)
    upper = max(int(np.searchsorted(HORIZONS, K)), 1)
    low, high = HORIZONS[upper - 1], HORIZONS[upper]
    share = math.log(K / low) / math.log(high / low)
    return floats((1.0 - share) * table[upper - 1] + share * table[upper])


def run_p(statistic: float, K: int, factor: float = LEARNED) -> float:
    """How often would a run of K evals that never falls get this far?

    `statistic`: the largest scan statistic of the run so far. `K`: evals that the run will have, from 5 to 320.
    `factor`: as in `boundary`.
    Returns the smallest alpha of the table whose boundary is reached: a p-value for the whole run, rounded up. 1 if not
    even the boundary for 0.2 is; `nan` for `nan`.
    Raises ValueError if K is outside the table.

    >>> run_p(2.7, 40)
    0.05
    """
    row = factor * _row(K)
    if math.isnan(statistic):
        return math.nan
    reached = int(np.sum(statistic >= row))
    return ALPHAS[reached - 1] if reached else 1.0


def error_of(statistic: float, K: int, factor: float = LEARNED) -> float:
    """How often would a run of K evals that never falls get this far, also where that is less than the table has?

    Arguments are those of `run_p`. Between the entries of the table the answer is the inverse of `boundary`; above the
    boundary for 0.2 it is 1. Beyond the smallest entry it is a bound, and no less than 1e-6, further than which no
    noise is known to be normal: the deviate of the largest of several normal values, each of variance 1 at most, grows
    at least as fast as they do.

    For comparing many runs, of which only such small values stand out. What it cannot see: that the noise was learned,
    where that costs more in the tail than `factor` pays for.

    Source: Ehrhard 1983, "Symetrisation dans l'espace de Gauss", Mathematica Scandinavica 53 (the deviate is concave).

    >>> round(error_of(2.616, 40), 3), error_of(5.0, 40) < 1e-4
    (0.05, True)
    """
    row = factor * _row(K)
    if math.isnan(statistic):
        return math.nan
    if statistic < row[0]:
        return 1.0
    if statistic <= row[-1]:
        return math.exp(-float(np.interp(statistic, row, -np.log(ALPHAS))))
    deviate = quantile(1.0 - ALPHAS[-1]) + (statistic - float(row[-1])) / factor
    return max(math.exp(float(log_tail(deviate))), _LEAST)


def epochs(k: int, alpha: float = FALSE_ALARMS, factor: float = LEARNED) -> Epoch:
    """Which boundary holds at eval k of a run whose length nobody knows?

    Epochs end at 40, 80, 160 and 320 evals and spend alpha / 2, / 4, / 8 and / 16: together never more than alpha.

    `k`: number of evals so far, from 1 to 320. `alpha`: chance of a false alarm in the whole run, from 0.01 to 0.4.
    `factor`: as in `boundary`.
    Raises ValueError if k or alpha is outside.

    Source: Bonferroni's inequality over epochs; Siegmund 1985, "Sequential analysis".

    >>> epochs(41, factor=1.0)
    Epoch(horizon=80, alpha=0.0125, boundary=3.057)
    """
    if not 1 <= k <= EPOCHS[-1]:
        raise ValueError(f"k is {k}; it must be from 1 to {EPOCHS[-1]} evals.")
    least, most = ALPHAS[-1] * 2.0 ** len(EPOCHS), 2.0 * ALPHAS[0]
    if not least <= alpha <= most:
        raise ValueError(f"alpha is {alpha}; it must be from {least} to {most}.")
    number = sum(k > end for end in EPOCHS)
    share = alpha / 2.0 ** (number + 1)
    return Epoch(EPOCHS[number], share, boundary(EPOCHS[number], share, factor))


def smallest_visible_drop(
    K: int,
    k: int,
    h: int,
    s2: float = 1.0,
    *,
    alpha: float = FALSE_ALARMS,
    power: float = 0.8,
    q: float = DEFAULT_Q,
    inflation: Inflation | None = None,
) -> float:
    """How far must the level fall for the scan to notice within h evals?

    A fall of size D that lasts over the last h of k evals moves contrast j by ``D g_j``, with g_j minus the sum of its
    last h weights. It is seen with probability `power` if ``D g_j >= sd (c p_j + z |d_j|)``, so the answer is
    ``sd min_j (c p_j + z |d_j|) / g_j`` with c the boundary of the scan, p_j its posterior factor and z the quantile of
    `power`.

    `K`: evals that the run will have, from 5 to 320. `k`: evals seen when the fall is to be noticed, at least 4. `h`:
    how many of them lie after the fall, at least 1. `s2`: noise variance of one eval; with 1 the answer is in standard
    deviations of one eval. `alpha`: chance of a false alarm in the whole run, as in `boundary`. `power`: chance to see
    the fall. The boundary is for the default `q`. `inflation`: as in `last_look`.
    Returns the smallest fall, in the unit of ``sqrt(s2)``; `nan` if k is below 4 or no eval lies before the fall.
    Raises ValueError if K or alpha is outside the table of `boundary`, h is below 1, or power is not between 0 and 1.

    For a run that was level before the fall; a run that was rising hides a part of it. What it cannot see: noise that
    neighbouring evals share, without `inflation`, and the chance to see the fall at an earlier look or by
    another contrast, which makes the true answer a little smaller.

    Source: Siegmund 1985, "Sequential analysis"; Miller 2024, arXiv 2411.00640 (smallest detectable effect of evals).

    >>> round(smallest_visible_drop(40, 20, 3), 1)  # in units of the noise of one eval
    3.5
    """
    if h < 1:
        raise ValueError(f"h is {h}; it must be at least 1.")
    if not 0.0 < power < 1.0:
        raise ValueError(f"power is {power}; it must be between 0 and 1.")
    crossing = boundary(K, alpha)
    if k < FIRST_LOOK or h >= k:
        return math.nan
    against = contrasts(k, q)  # those of later histories see no smaller a fall of a run that was level
    moved = -against.weight[:, -h:].sum(axis=1)
    needed = crossing * against.factor + quantile(power) * np.linalg.norm(against.weight, axis=1)
    needed *= 1.0 if inflation is None else np.sqrt(inflation(against.weight))
    sees = moved > 1e-12
    return math.sqrt(s2) * float(np.min(needed[sees] / moved[sees]))
