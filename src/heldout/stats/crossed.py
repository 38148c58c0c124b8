"""Is one recipe better than another? Their difference, for other seeds and for other problems of the kind.

Every run of a recipe is a seed, and all runs answer the same problems: two sources of luck that cross. A run says
nothing of the recipe's other seeds, a problem nothing of other problems, so each is counted by what was seen of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from heldout.stats import student
from heldout.stats.arrays import FloatArray, floats
from heldout.stats.rates import paired_difference, standard_error


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference of two recipes, or the level of one, with what makes it unsure; all in the unit of the scores."""

    value: float
    se: float
    low: float  # 95 % interval
    high: float
    df: float  # degrees of freedom of that interval; infinite where it is a normal one
    p: float  # two-sided, of a value of 0; nan where the error does not give one
    seed_variance: float = 0.0  # of `value`, by the scatter of seeds; 0 with one run each, which does not show it
    problem_variance: float = 0.0  # of `value`, by the scatter of problems
    cell_variance: float = 0.0  # that is in both of them, and counted once

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return the two-sided interval of this confidence, between 0 and 1, about the value."""
        margin = student.margin(self.se, self.df, confidence)
        return self.value - margin, self.value + margin


def of_error(
    value: float, variance: float, df: float, *, bound: float = math.inf, seed: float = 0.0, problem: float = 0.0,
    cell: float = 0.0,
) -> Difference:  # fmt: skip
    """Return the difference of this variance and degrees of freedom.

    Its interval ends at -bound and bound, and reaches from one to the other where the variance is unknown (`nan`).
    """
    se = math.sqrt(variance)
    margin = student.margin(se, df)
    low, high, p = max(-bound, value - margin), min(bound, value + margin), student.two_sided_of(value, se, df)
    return Difference(value, se, low, high, df, p, seed, problem, cell)


def difference(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    groups: npt.ArrayLike | None = None,
    *,
    paired_seeds: bool = False,
    single: bool = False,
) -> Difference:
    """How much better is recipe b than recipe a, for other seeds and other problems of the kind?

    With seed means, problem means and what is left of each (seed, problem) cell:
    ``V_seed = s_a^2 / k_a + s_b^2 / k_b``, the variance of the means of seeds; ``V_prob``, the squared standard error
    of the mean over problems of the differences; ``V_cell = sum r^2 / ((k - 1) (n - 1)) / (k n)`` of each recipe, which
    is in both. The variance of the difference is ``max(V_seed + V_prob - V_cell, V_seed, V_prob)`` and its interval is
    one of Student's t with ``V^2 / (V_seed^2 / df_seed + (V - V_seed)^2 / (n - 1))`` degrees of freedom, where df_seed
    is Welch's.

    Parameters
    ----------
    a, b
        Shapes (k_a, n) and (k_b, n): the share of samples that each seed solved of each problem, within [0, 1], in the
        same order of problems.
    groups
        Shape (n,): problems that stand or fall together (repository, contest).
    paired_seeds
        Whether seed j of one is seed j of the other, with a common order of data: the difference of each pair is then
        one value. Only where that was decided beforehand.
    single
        Whether every share is of one sample: with one run each p is then McNemar's exact one.

    Returns
    -------
    Difference
        Of b minus a. With one run each it is about these two checkpoints, whatever other seeds would give, and
        `seed_variance` is 0. With one run against several, the one is taken to scatter as the others do, and the
        interval is never narrower than that by seeds alone: else 11 % of equal recipes would be called different by
        one run against two whose seeds scatter much.

    Raises
    ------
    ValueError
        If the shapes do not fit, a value is missing or outside [0, 1], or there are fewer than two problems.

    What it cannot see: how a single run would scatter whose others all came out alike. With three seeds their scatter
    is poorly known, which the degrees of freedom pay for; and where all came out alike there is no error at all.
    Differences are called more seldom than 5 % allow while seeds do not scatter.

    Source: Cameron, Gelbach, Miller 2011, "Robust inference with multiway clustering", JBES 29; Miglioretti, Heagerty
    2006, American Journal of Epidemiology 165; MacKinnon, Nielsen, Webb 2024, arXiv 2406.08880; Henderson et al. 2018,
    arXiv 1709.06560.

    >>> found = difference([[0, 1, 0, 1], [0, 1, 1, 1]], [[1, 1, 0, 1], [1, 1, 1, 1]])
    >>> found.value, round(found.se, 4), round(found.df, 2)
    (0.25, 0.25, 4.8)
    """
    first, second = _shares("a", a), _shares("b", b)
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"a has {first.shape[1]} problems and b has {second.shape[1]}; they must be the same ones.")
    if paired_seeds:
        if len(first) != len(second):
            raise ValueError(f"a has {len(first)} seeds and b has {len(second)}; pairs need as many.")
        return _crossed([second - first], groups)
    if len(first) == len(second) == 1:
        pair = paired_difference(first[0], second[0], groups, single=single)
        return Difference(pair.difference, pair.se, pair.low, pair.high, pair.df, pair.p, 0.0, pair.se**2)
    return _crossed([second, -first], groups)


def level(runs: npt.ArrayLike, groups: npt.ArrayLike | None = None) -> Difference:
    """How good is a recipe, for other seeds and other problems of the kind?

    As `difference`, of one recipe: `runs` has shape (k, n). With one run it is about that checkpoint.
    """
    return _crossed([_shares("runs", runs)], groups)


def _crossed(parts: Sequence[FloatArray], groups: npt.ArrayLike | None) -> Difference:
    """The sum of the means of one or two recipes, whose signs are in their values."""
    means = [part.mean(axis=0) for part in parts]
    each = np.sum(means, axis=0)
    problem = standard_error(each, groups) ** 2
    units = each.size if groups is None else np.unique(np.asarray(groups)).size
    seed, df_seed = _of_seeds(parts)
    cell = sum(_of_cells(part) for part in parts)
    variance = float(max(seed + problem - cell, seed, problem))
    spread = (seed**2 / df_seed if seed > 0.0 else 0.0) + (variance - seed) ** 2 / (units - 1)
    df = variance**2 / spread if spread > 0.0 else float(units - 1)
    if any(len(part) == 1 for part in parts):  # one scatter stands for two: be no surer than it is by itself
        ways = ((variance, df), (seed, df_seed))
        variance, df = max(ways, key=lambda way: student.margin(math.sqrt(way[0]), way[1]))
    return of_error(float(each.mean()), variance, df, bound=1.0, seed=seed, problem=problem, cell=cell)


def _of_seeds(parts: Sequence[FloatArray]) -> tuple[float, float]:
    """Variance of the sum by the scatter of seeds, and its degrees of freedom, which are Welch's.

    A single run scatters as the seeds of the other recipe do: then there is one scatter, of k - 1 degrees of freedom.
    """
    scatter = [float(part.mean(axis=1).var(ddof=1)) for part in parts if len(part) > 1]
    degrees = [len(part) - 1 for part in parts if len(part) > 1]
    if len(scatter) < len(parts):
        return (scatter[0] * sum(1.0 / len(part) for part in parts), degrees[0]) if scatter else (0.0, 1.0)
    own = [variance / len(part) for variance, part in zip(scatter, parts, strict=True)]
    spread = sum(variance**2 / df for variance, df in zip(own, degrees, strict=True))
    return sum(own), sum(own) ** 2 / spread if spread > 0.0 else float(sum(degrees))


def _of_cells(part: FloatArray) -> float:
    """Variance of a mean by what is left of each cell after its seed and its problem; 0 of one run, where it hides."""
    k, n = part.shape
    if k < 2:
        return 0.0
    rest = part - part.mean(axis=1, keepdims=True) - part.mean(axis=0) + part.mean()
    return float((rest**2).sum()) / float((k - 1) * (n - 1) * k * n)


def _shares(name: str, given: npt.ArrayLike) -> FloatArray:
    """The outcomes of one recipe, checked."""
    share = floats(given)
    if share.ndim != 2 or len(share) < 1 or share.shape[1] < 2:
        raise ValueError(f"{name} has shape {share.shape}; it must have one row a seed and two or more problems.")
    if not np.all((share >= 0.0) & (share <= 1.0)):
        raise ValueError(f"{name} must lie between 0 and 1, none missing.")
    return share
