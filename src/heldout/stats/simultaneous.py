"""Several differences on the same problems at once: which of them stand out, with one error for all together?

The differences at every step of a curve, or of every recipe from a baseline, have the noise of the same problems. How
large the largest of them comes out by that noise alone is found by turning the signs of whole problems, in all
differences together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from heldout.stats import levels, student
from heldout.stats.arrays import FloatArray, floats
from heldout.stats.levels import FALSE_ALARMS

DRAWS = 2000
_AT_ONCE = 4_000_000  # signs in memory


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """Differences with intervals that hold all of them at once in 95 of 100 cases; each of shape (J,)."""

    value: FloatArray
    se: FloatArray
    low: FloatArray
    high: FloatArray
    p: FloatArray  # two-sided, paid for all; nan where there is no standard error
    z: float  # how many standard errors of a normal value the intervals reach; 1.96 for a single one


def by_group(rows: npt.ArrayLike, groups: npt.ArrayLike | None = None) -> FloatArray:
    """What is left of each row (J, n) about its mean, as one sum for each group of problems, shape (J, G)."""
    each = floats(rows)
    rest: FloatArray = each - each.mean(axis=1, keepdims=True)
    if groups is None:
        return rest
    number = np.unique(np.asarray(groups), return_inverse=True)[1]
    return floats([np.bincount(number, weights=row) for row in rest])


def flips(rest: FloatArray, *, draws: int = DRAWS, seed: int = 0) -> FloatArray:
    """How large are the sums of rows (J, G) when the sign of each column is turned by chance, in all rows together?

    The answer has shape (draws, J); its columns have mean 0 and the variance that the squares of their row add up to.
    The same `seed` gives the same draws.
    """
    rng, units = np.random.default_rng(seed), rest.shape[1]
    chunk = max(1, _AT_ONCE // units)
    signs = (rng.integers(0, 2, (min(chunk, draws - done), units), np.int8) for done in range(0, draws, chunk))
    return floats(np.concatenate([(2.0 * sign - 1.0) @ rest.T for sign in signs]))


def largest(
    differences: npt.ArrayLike, groups: npt.ArrayLike | None = None, *, draws: int = DRAWS, seed: int = 0
) -> FloatArray:
    """How far does the largest of several standardised differences lie from zero by the noise of the problems alone?

    `differences` has shape (J, n), problem by problem. The answer is sorted, shape (draws,); rows without any scatter
    take no part.
    """
    rest = by_group(differences, groups)
    size = np.sqrt((rest**2).sum(axis=1))
    if not size.any():
        return np.zeros(draws)
    turned = flips(rest[size > 0.0], draws=draws, seed=seed)
    return np.sort((np.abs(turned) / size[size > 0.0]).max(axis=1))


def reach(null: FloatArray, error: float = FALSE_ALARMS) -> float:
    """What do the largest of several exceed with no more than this chance?  `null` is sorted, as `largest` gives it."""
    rank = min(math.ceil((1.0 - error) * (len(null) + 1)), len(null))
    return float(null[rank - 1])


def band(
    differences: npt.ArrayLike,
    groups: npt.ArrayLike | None = None,
    *,
    se: npt.ArrayLike | None = None,
    df: npt.ArrayLike | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> Band:
    """Which of several differences on the same problems stand out, with one error of 5 % for all?

    With ``t_j = d_j / se_j`` the band is ``d_j ± q se_j`` where q is the 95 % quantile of ``max_j |t_j|`` under turned
    signs of whole problems. With seeds the standard errors are those of `crossed.difference`, and each interval is one
    of Student's t at the chance that q stands for: 5 % over as many tests as these J are worth.

    Parameters
    ----------
    differences
        Shape (J, n): difference j of problem i, within [-1, 1], such as of the means over seeds of two recipes at J
        steps, or of J recipes and a baseline.
    groups
        Shape (n,): problems that stand or fall together.
    se, df
        Shape (J,), standard errors with seeds in them and their degrees of freedom; those over problems if not given.
    draws, seed
        How often signs are turned; the same seed gives the same turns.

    Returns
    -------
    Band
        Of intervals within [-1, 1], and single-step adjusted p-values.

    What it cannot see: how seeds err together over the steps, for which the problems' part stands in; where seeds err
    anew at every step and problems hardly do, more than 5 % may miss.

    Source: Westfall, Young 1993, "Resampling-based multiple testing"; Dunnett 1955, JASA 50 (many against one).
    """
    each, rest = floats(differences), by_group(differences, groups)
    value, units = each.mean(axis=1), rest.shape[1]
    over_problems = np.sqrt((rest**2).sum(axis=1) * units / (units - 1)) / each.shape[1]
    error = over_problems if se is None else floats(se)
    degrees = np.full(len(each), units - 1.0) if df is None else floats(df)
    null = largest(each, groups, draws=draws, seed=seed)
    z = max(reach(null), levels.TWO_SIDED_95)
    confidence = 1.0 - levels.two_sided_p(z)
    margin = np.array([student.margin(s, f, confidence) for s, f in zip(error, degrees, strict=True)])
    p = np.array([_paid(*one, null) for one in zip(value, error, degrees, strict=True)])
    return Band(value, error, np.maximum(value - margin, -1.0), np.minimum(value + margin, 1.0), p, z)


def _paid(value: float, se: float, df: float, null: FloatArray) -> float:
    """The p-value of one difference, paid for all: how often the largest of all is as far out by noise."""
    single = student.two_sided_of(value, se, df)
    if math.isnan(single):
        return math.nan
    return max(single, share_above(null, z_of(0.5 * single)))


def z_of(p: float) -> float:
    """Above which value does a standard normal lie with this chance? Some 37 for the smallest there are."""
    return -levels.quantile(max(p, 1e-300)) if p < 1.0 else -math.inf


def share_above(null: FloatArray, z: float) -> float:
    """How often does the largest of all come out as large by noise? `null` is sorted; never 0."""
    return (1.0 + len(null) - int(np.searchsorted(null, z))) / (len(null) + 1.0)
