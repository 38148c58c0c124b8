"""How small a fall can these evals show, and how soon?"""

from __future__ import annotations

import math

import numpy as np

from heldout.stats.levels import FALSE_ALARMS
from heldout.stats.local_level import DEFAULT_Q
from heldout.stats.normal import quantile
from heldout.stats.scan import boundary, contrasts


def smallest_visible_drop(
    K: int, k: int, h: int, s2: float = 1.0, *, alpha: float = FALSE_ALARMS, power: float = 0.8, q: float = DEFAULT_Q
) -> float:
    """How far must the level fall for the scan to notice within h evals?

    A fall of size D that lasts over the last h of k evals moves contrast j by ``D g_j``, with g_j minus the sum of its
    last h weights. It is seen with probability `power` if ``D g_j >= sd (c p_j + z |d_j|)``, so the answer is
    ``sd min_j (c p_j + z |d_j|) / g_j`` with c the boundary of the scan, p_j its posterior factor and z the quantile of
    `power`.

    Parameters
    ----------
    K
        Evals that the run will have, from 5 to 320.
    k
        Evals seen when the fall is to be noticed, at least 4.
    h
        How many of them lie after the fall, at least 1.
    s2
        Noise variance of one eval; with 1 the answer is in standard deviations of one eval.
    alpha
        Chance of a false alarm in the whole run, as in `boundary`.
    power
        Chance to see the fall.
    q
        As in `scan`. The boundary is for the default.

    Returns
    -------
    float
        Smallest fall, in the unit of ``sqrt(s2)``; `nan` if k is below 4 or no eval lies before the fall.

    Raises
    ------
    ValueError
        If K or alpha is outside the table of `boundary`, h is below 1, or power is not between 0 and 1.

    Notes
    -----
    For a run that was level before the fall; a run that was rising hides a part of it. What it cannot see: noise that
    neighbouring evals share (multiply s2 by its inflation), and the chance to see the fall at an earlier look or by
    another contrast, which makes the true answer a little smaller.

    References
    ----------
    Siegmund 1985, "Sequential analysis"; Miller 2024, arXiv 2411.00640 (smallest detectable effect of evals).

    Examples
    --------
    >>> round(smallest_visible_drop(40, 20, 3), 1)  # in units of the noise of one eval
    3.2
    """
    if h < 1:
        raise ValueError(f"h is {h}; it must be at least 1.")
    if not 0.0 < power < 1.0:
        raise ValueError(f"power is {power}; it must be between 0 and 1.")
    crossing = boundary(K, alpha)
    if k < 4 or h >= k:
        return math.nan
    against = contrasts(k, q)
    moved = -against.weight[:, -h:].sum(axis=1)
    needed = crossing * against.factor + quantile(power) * np.linalg.norm(against.weight, axis=1)
    sees = moved > 1e-12
    return math.sqrt(s2) * float(np.min(needed[sees] / moved[sees]))


def eval_sigma(theta: float, n: int, m: int = 1, concentration: float = 0.7) -> float:
    """How noisy will one eval be, before any eval was made?

    Problems whose chances of being solved are spread like ``Beta(theta s, (1 - theta) s)`` leave
    ``theta (1 - theta) s / (s + 1) / (n m)`` of sampling variance when every eval uses the same problems.

    Parameters
    ----------
    theta
        Expected rate, from 0 to 1.
    n
        Number of problems, at least 1.
    m
        Samples per problem, at least 1.
    concentration
        s, above 0: 0.3 is a set of problems that are nearly always or nearly never solved, 1.5 a mildly spread one.

    Returns
    -------
    float
        Standard deviation of the rate of one eval, as evals on the same problems differ.

    Raises
    ------
    ValueError
        If an argument is outside.

    Notes
    -----
    What it cannot see: jitter of the checkpoints and drift of single problems, which more samples do not remove, and
    the noise of the level itself over sets of problems, which is larger. `Gram.s2` measures it once evals exist.

    References
    ----------
    Miller 2024, arXiv 2411.00640.

    Examples
    --------
    >>> round(eval_sigma(0.35, 200, concentration=0.3), 3)
    0.016
    """
    if not 0.0 <= theta <= 1.0:
        raise ValueError(f"theta is {theta}; it must be from 0 to 1.")
    for name, count in (("n", n), ("m", m)):
        if count < 1:
            raise ValueError(f"{name} is {count}; it must be at least 1.")
    if not concentration > 0.0:
        raise ValueError(f"concentration is {concentration}; it must be above 0.")
    return math.sqrt(theta * (1.0 - theta) * concentration / (concentration + 1.0) / (n * m))
