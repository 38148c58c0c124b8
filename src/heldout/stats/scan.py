"""Has the level truly fallen, and how small a fall can be seen?

A scan over all earlier evals, with an error rate that holds for the whole run.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from heldout.stats.arrays import FloatArray, floats
from heldout.stats.levels import FALSE_ALARMS, log_tail, quantile
from heldout.stats.local_level import DEFAULT_Q, smoother

FIRST_LOOK = 4  # evals before the first statistic
ALPHAS = (0.2, 0.1, 0.05, 0.025, 0.0125, 0.01, 0.00625, 0.005, 0.003125, 0.0025, 0.00125, 0.000625)
HORIZONS = (5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100, 120, 160, 240, 320)
EPOCHS = (40, 80, 160, 320)
_TABLE = (  # boundary for each horizon (rows) and alpha (columns)
    (0.515, 0.676, 0.815, 0.932, 1.039, 1.071, 1.142, 1.183, 1.248, 1.278, 1.368, 1.451),  # 5
    (0.629, 0.797, 0.948, 1.076, 1.196, 1.235, 1.305, 1.358, 1.430, 1.462, 1.557, 1.652),  # 6
    (0.812, 0.998, 1.169, 1.333, 1.468, 1.511, 1.602, 1.649, 1.735, 1.775, 1.893, 2.004),  # 8
    (0.960, 1.169, 1.356, 1.515, 1.673, 1.724, 1.832, 1.877, 1.972, 2.013, 2.143, 2.266),  # 10
    (1.090, 1.313, 1.512, 1.697, 1.856, 1.907, 2.004, 2.055, 2.150, 2.194, 2.327, 2.457),  # 12
    (1.249, 1.485, 1.696, 1.882, 2.056, 2.105, 2.218, 2.251, 2.350, 2.396, 2.535, 2.671),  # 15
    (1.463, 1.703, 1.913, 2.098, 2.277, 2.323, 2.441, 2.476, 2.576, 2.624, 2.761, 2.903),  # 20
    (1.623, 1.858, 2.067, 2.261, 2.422, 2.470, 2.560, 2.625, 2.722, 2.770, 2.915, 3.055),  # 25
    (1.738, 1.975, 2.180, 2.361, 2.518, 2.574, 2.666, 2.733, 2.836, 2.883, 3.020, 3.153),  # 30
    (1.920, 2.147, 2.343, 2.506, 2.666, 2.715, 2.810, 2.886, 2.979, 3.023, 3.159, 3.291),  # 40
    (2.052, 2.274, 2.457, 2.634, 2.790, 2.840, 2.958, 2.988, 3.080, 3.124, 3.257, 3.375),  # 50
    (2.154, 2.371, 2.556, 2.724, 2.900, 2.944, 3.027, 3.067, 3.157, 3.200, 3.324, 3.451),  # 60
    (2.305, 2.509, 2.690, 2.851, 2.988, 3.034, 3.129, 3.186, 3.274, 3.312, 3.440, 3.558),  # 80
    (2.416, 2.620, 2.788, 2.953, 3.085, 3.129, 3.216, 3.268, 3.354, 3.396, 3.520, 3.635),  # 100
    (2.503, 2.703, 2.874, 3.020, 3.158, 3.198, 3.275, 3.335, 3.424, 3.462, 3.581, 3.693),  # 120
    (2.635, 2.820, 2.980, 3.124, 3.252, 3.288, 3.371, 3.436, 3.515, 3.553, 3.664, 3.778),  # 160
    (2.804, 2.980, 3.130, 3.263, 3.395, 3.428, 3.504, 3.563, 3.640, 3.675, 3.788, 3.889),  # 240
    (2.918, 3.088, 3.225, 3.360, 3.485, 3.518, 3.600, 3.656, 3.733, 3.767, 3.871, 3.969),  # 320
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

    The table is for q = 0.1, even spacing, Gaussian noise and known, equal variance: 20 000 simulated runs for each
    alpha down to 0.00625 and 1 000 000 for the smaller ones. What the noise being learned costs is measured, not
    derived.

    >>> boundary(40, 0.05, 1.0), round(boundary(40, 0.05), 3)
    (2.343, 2.53)
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

    >>> run_p(2.6, 40)
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

    >>> round(error_of(2.53, 40), 3), error_of(5.0, 40) < 1e-4
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
    Epoch(horizon=80, alpha=0.0125, boundary=2.988)
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
    3.4
    """
    if h < 1:
        raise ValueError(f"h is {h}; it must be at least 1.")
    if not 0.0 < power < 1.0:
        raise ValueError(f"power is {power}; it must be between 0 and 1.")
    crossing = boundary(K, alpha)
    if k < FIRST_LOOK or h >= k:
        return math.nan
    against = contrasts(k, q)
    moved = -against.weight[:, -h:].sum(axis=1)
    needed = crossing * against.factor + quantile(power) * np.linalg.norm(against.weight, axis=1)
    needed *= 1.0 if inflation is None else np.sqrt(inflation(against.weight))
    sees = moved > 1e-12
    return math.sqrt(s2) * float(np.min(needed[sees] / moved[sees]))
