"""The level behind noisy evals where it may also jump: a Gaussian process with up to three free steps.

A smooth process alone rings at a cliff: the checkpoint before it looks worse than it was, and the fall begins too soon.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np

from heldout.stats.arrays import FloatArray, IntArray, floats
from heldout.stats.eval_noise import EvalNoise
from heldout.stats.gp import FLAT, JITTERS, LENGTHS, MOST_POINTS, SIGNALS, matern32
from heldout.stats.roots import inverse_root, toeplitz_root
from heldout.stats.smoothing import latest_blocks

_LARGE_JITTER = 3.0  # of checkpoints that differ by more than evals err; noise read off their scatter holds it already
_CLIFF = 0.2  # prior probability that there is a cliff
_SIZES = (25.0, 400.0)  # prior variances of the height of a step, in units of the noise variance
_SURE = 0.9  # a step that is so probable is fixed, and the next one is looked for
_MOST_FIXED = 2
_DRAWN_MASS, _DRAWN_MOST = 0.999, 200  # components that are drawn from: the others together are this rare
_RIDGE = 1e-10  # of the largest variance: rounding may make a covariance that is nearly singular indefinite
_COURSES = 600  # drawn for the onset of a fall


class _Steps(NamedTuple):
    """Every place and shape that a step may have, and how probable each is beforehand."""

    columns: FloatArray  # (K, M): the level that a step of height 1 adds
    log_prior: FloatArray  # (M,): of each with one of the two sizes

    @classmethod
    def among(cls, count: int) -> _Steps:
        """Between any two of so many evals, at once, or over two of them."""
        index = np.arange(count)[:, None]
        at_once = (index >= np.arange(1, count)).astype(np.float64)
        over_two = np.clip((index - np.arange(1, count - 1) + 1) / 2.0, 0.0, 1.0)
        each = np.repeat([1.0 / max(part.shape[1], 1) for part in (at_once, over_two)], [count - 1, count - 2])
        log_prior = np.log(_CLIFF / 2.0 / len(_SIZES) * each)
        return cls(np.concatenate([at_once, over_two], axis=1), floats(log_prior))


@dataclass(frozen=True, slots=True, eq=False)
class _Mixture:
    """All components: H grid points, each without a further step or with one of M steps of one of two sizes.

    At a grid point C is the covariance of the values z; a step u of variance b turns it into ``C + b u u'``, whose
    inverse and determinant follow from one product with the inverse of C (Sherman and Morrison). Arrays over all
    components have shape (H, 1 + 2 M): no step, each step of the smaller size, each of the larger.
    """

    steps: _Steps
    root: FloatArray  # (H, K, K): R, with ``C^-1 = R' R``
    log_determinant: FloatArray  # (H,): of C
    explained: FloatArray  # (H, K): ``C^-1 z``
    own: FloatArray  # (H, M): ``u' C^-1 u``
    along: FloatArray  # (H, M): ``u' C^-1 z``
    weights: FloatArray  # (H, 1 + 2 M): posterior

    @classmethod
    def of(cls, values: FloatArray, root: FloatArray, log_determinant: FloatArray, steps: _Steps) -> _Mixture:
        """Weigh all components by their prior and their likelihood."""
        explained = _weighed(root, values)
        own, along = _squares_of_steps(root), explained @ steps.columns
        plain = -0.5 * (explained @ values + log_determinant)[:, None]
        logs = [plain + math.log(1.0 - _CLIFF)]
        for size in _SIZES:
            grown = 1.0 + size * own
            logs.append(plain + steps.log_prior - 0.5 * np.log(grown) + 0.5 * size * along**2 / grown)
        log = np.concatenate(logs, axis=1)
        weights = np.exp(log - log.max())
        return cls(steps, root, log_determinant, explained, own, along, floats(weights / weights.sum()))

    @property
    def cliff(self) -> float:
        """How probable is a further step?"""
        return float(self.weights[:, 1:].sum())

    def fixing_the_likeliest(self, values: FloatArray) -> _Mixture:
        """The mixture of further steps once the likeliest one is taken as given, with its larger size."""
        place = int(self.weights[:, 1:].sum(axis=0).reshape(len(_SIZES), -1).sum(axis=0).argmax())
        step = self.steps.columns[:, place]
        return _Mixture.of(values, *_grown(self.root, self.log_determinant, step, _SIZES[-1]), self.steps)

    def by_step(self, per_step: FloatArray) -> FloatArray:
        """``b x / (1 + b q)`` of each component, for x of shape (H, M); 0 where there is no step."""
        each = [size * per_step / (1.0 + size * self.own) for size in _SIZES]
        return np.concatenate([np.zeros((len(per_step), 1)), *each], axis=1)

    def explained_on_average(self) -> FloatArray:
        """``C^-1 z`` with the step's part in C, weighted and summed over the components of a grid point: (H, K)."""
        height = (self.weights * self.by_step(self.along))[:, 1:].reshape(len(self.weights), len(_SIZES), -1)
        plain = self.weights.sum(axis=1)[:, None] * self.explained
        level = height.sum(axis=1) @ self.steps.columns.T
        return floats(plain - _weighed(self.root, level[:, :, None]))

    def likeliest(self) -> IntArray:
        """The components that hold nearly all of the weight, as indices into the flattened weights."""
        flat = self.weights.ravel()
        order = np.argsort(-flat, kind="stable")[:_DRAWN_MOST]
        return order[: int(np.searchsorted(np.cumsum(flat[order]), _DRAWN_MASS)) + 1].astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class CliffPosterior:
    """What is known about the level and about the quality of each of K checkpoints.

    It is a mixture: of every smoothness of the grid, each without a further step or with one of them. The level is the
    smooth part with its steps; the quality of a checkpoint is the level with that checkpoint's own jitter. All answers
    are in the unit of the values; inside, everything is in units of the noise, so that nothing depends on theirs.
    """

    _values: FloatArray  # of blocks: about zero, in units of the noise
    _centre: float
    _scale: float
    _noise: FloatArray
    _jitters: FloatArray  # (H,)
    _sizes: IntArray  # how many evals each block is the mean of: one each up to 120 evals
    _mixture: _Mixture
    cliff: float  # probability that there is a cliff

    def mean(self, *, jitter: bool) -> FloatArray:
        """Posterior mean of the level, or with `jitter` of the quality of each checkpoint; shape (K,)."""
        explained = self._mixture.explained_on_average()
        away = explained.sum(axis=0) @ self._noise + (0.0 if jitter else self._jitters @ explained)
        return self._in_full(self._values - away)

    def variance(self, index: int) -> float:
        """Posterior variance of the quality of one checkpoint, with the spread of the means over the mixture."""
        mixture = self._mixture
        at = int(np.searchsorted(np.cumsum(self._sizes), index, "right"))
        row = self._noise[at]
        weighed = _weighed(mixture.root, row)  # (H, K)
        through = weighed @ mixture.steps.columns  # (H, M)
        plain = row[at] - weighed @ row
        within = plain[:, None] + mixture.by_step(through**2)
        away = (mixture.explained @ row)[:, None] - mixture.by_step(through * mixture.along)
        apart = away - float((mixture.weights * away).sum())
        return self._scale**2 * max(0.0, float((mixture.weights * (within + apart**2)).sum()))

    def draw(self, count: int, *, jitter: bool, wider: float = 1.0, seed: int = 0) -> FloatArray:
        """Draw courses of the level, or with `jitter` of the qualities; shape (count, K).

        `wider` multiplies the variance of each component. The same `seed` gives the same draws.
        """
        random = np.random.default_rng(seed)
        chosen = self._mixture.likeliest()
        share = self._mixture.weights.ravel()[chosen]
        picked = np.repeat(chosen, random.multinomial(count, share / share.sum()))
        grid, component = np.divmod(picked, self._mixture.weights.shape[1])
        normal = math.sqrt(wider) * random.standard_normal((count, self._values.size + 1))
        drawn = np.empty((count, self._values.size))
        for at in np.unique(grid):
            here = np.flatnonzero(grid == at)
            drawn[here] = self._drawn(int(at), component[here], normal[here], jitter)
        return self._in_full(drawn)

    def end_of_block(self, index: int) -> int:
        """The last eval of those that were averaged with this one."""
        ends = np.cumsum(self._sizes)
        return int(ends[np.searchsorted(ends, index, "right")]) - 1

    def _drawn(self, at: int, component: IntArray, normal: FloatArray, jitter: bool) -> FloatArray:
        """Draws of some components of one grid point, made of standard normal numbers (count, K + 1).

        A step adds a term of rank one to the covariance, so that one root serves all components of a grid point.
        """
        mixture = self._mixture
        noise = self._noise if jitter else self._noise + self._jitters[at] * np.eye(self._values.size)
        place, size = np.maximum(component - 1, 0) % mixture.own.shape[1], _size_of(component, mixture.own.shape[1])
        shrunk = size / (1.0 + size * mixture.own[at, place])
        white = mixture.root[at] @ noise
        places, which = np.unique(place, return_inverse=True)
        through = (white.T @ (mixture.root[at] @ mixture.steps.columns[:, places]))[:, which]  # (K, count)
        mean = self._values[:, None] - (noise @ mixture.explained[at])[:, None]
        mean = mean + through * shrunk * mixture.along[at, place]
        root = _root(noise - white.T @ white)
        return floats(mean.T + normal[:, :-1] @ root.T + (through * np.sqrt(shrunk)).T * normal[:, -1:])

    def _in_full(self, of_blocks: FloatArray) -> FloatArray:
        """Values of blocks, shape (..., blocks), as they are for each eval, in the unit of the values."""
        return floats(np.repeat(self._centre + self._scale * of_blocks, self._sizes, axis=-1))


def _size_of(component: IntArray, places: int) -> FloatArray:
    """Prior variance of the step of each component, 0 where there is none."""
    return floats([0.0, *_SIZES])[-(-component // places)]


def _root(covariance: FloatArray) -> FloatArray:
    ridge = _RIDGE * float(covariance.diagonal().max())
    return floats(np.linalg.cholesky(0.5 * (covariance + covariance.T) + ridge * np.eye(len(covariance))))


def cliff_posterior(values: FloatArray, noise: EvalNoise) -> CliffPosterior:
    """What are the level and the quality of each checkpoint, if the level may also jump?

    The model is that of `gp_posterior` with more jitter allowed, noise as a covariance, and with probability 0.2 a step
    somewhere: at once between two evals, or over two of them. One of probability 0.9 or more is taken as given and the
    next is looked for, as long as that one is as probable; at most three, and the place of the last always stays open.

    `values`: shape (K,), in the order of steps, at least 3. More than 120 are averaged over blocks of equal size first.
    The variance of `noise` must be above 0. The cost is that of 60 inverses; the last answer is kept, since the choice
    of a checkpoint, every level and the onset of a fall all begin with it.

    What it cannot see: the spacing of steps; a dip of a single eval, which is jitter; and a slow fall that happens to
    be steep within two evals, which is a cliff to it.

    Source: Rasmussen, Williams 2006, "Gaussian processes for machine learning", chapters 2 and 4; Hager 1989, "Updating
    the inverse of a matrix", SIAM Review 31.

    >>> rate = np.array([.40, .41, .42, .43, .42, .44, .43, .45, .16, .15, .14, .15])
    >>> found = cliff_posterior(rate, EvalNoise.white(0.014**2, 12))
    >>> int(found.mean(jitter=True).argmax()), found.cliff > 0.999
    (7, True)
    """
    return _posterior(floats(values).tobytes(), noise.variance, noise.covariance.tobytes(), noise.sized)


@lru_cache(maxsize=1)
def _posterior(of_values: bytes, variance: float, of_covariance: bytes, sized: bool) -> CliffPosterior:
    values = np.frombuffer(of_values)
    starts = latest_blocks(values.size, MOST_POINTS)
    sizes = np.diff(starts, append=values.size)
    means = np.add.reduceat(values, starts) / sizes
    noise = EvalNoise(variance, np.frombuffer(of_covariance).reshape(values.size, -1), sized).averaged(starts)
    centre, scale = float(means.mean()), math.sqrt(noise.variance)
    scaled = (means - centre) / scale
    jitters, root = _prior(noise)
    log_determinant = -2.0 * np.log(root.diagonal(axis1=1, axis2=2)).sum(axis=1)
    first = _Mixture.of(scaled, *_grown(root, log_determinant, np.ones(means.size), FLAT), _Steps.among(means.size))
    mixture = _with_sure_steps(first, scaled)
    return CliffPosterior(scaled, centre, scale, noise.covariance, jitters, sizes, mixture, first.cliff)


def _with_sure_steps(mixture: _Mixture, values: FloatArray) -> _Mixture:
    """Fix steps while each next one is as sure, so that the place of the last one, or the only one, stays open."""
    for _ in range(_MOST_FIXED):
        more = mixture.fixing_the_likeliest(values) if mixture.cliff >= _SURE else mixture
        if more.cliff < _SURE:
            return mixture
        mixture = more
    return mixture


def _prior(noise: EvalNoise) -> tuple[FloatArray, FloatArray]:
    """The jitter of each grid point (H,), and R there for the values about their overall level (H, K, K).

    In units of the noise. Where that depends on the distance of evals alone, so do the values, which is quicker.
    """
    count, by_lag = len(noise.covariance), noise.depends_on_lag
    place = np.arange(count, dtype=np.float64)
    apart = place[None] if by_lag else np.abs(np.subtract.outer(place, place))  # (rows, K): all rows, or the first
    jitters = floats([*JITTERS, _LARGE_JITTER] if noise.sized else JITTERS)
    alike = np.stack([signal * matern32(apart, length) for length, signal in product(LENGTHS, SIGNALS)])
    own = noise.covariance[: len(apart)] + jitters[:, None, None] * np.eye(len(apart), count)
    values = (alike[:, None] + own).reshape(-1, len(apart), count)
    return np.tile(jitters, len(alike)), toeplitz_root(values[:, 0]) if by_lag else inverse_root(values)


def _weighed(root: FloatArray, columns: FloatArray) -> FloatArray:
    """``C^-1 x`` for a column x of shape (K,), or one for each grid point (H, K, 1); shape (H, K)."""
    white = root @ columns
    return floats((white.reshape(len(root), 1, -1) @ root)[:, 0])


def _grown(
    root: FloatArray, log_determinant: FloatArray, column: FloatArray, size: float
) -> tuple[FloatArray, FloatArray]:
    """Root and log determinant once ``size column column'`` is added to each covariance.

    ``R' (I - g w w')^2 R`` with ``w = R column`` is then the inverse (Sherman and Morrison).
    """
    white = root @ column
    square = np.sum(white**2, axis=1, keepdims=True)
    shrunk = (1.0 - 1.0 / np.sqrt(1.0 + size * square)) / square
    through = white[:, None] @ root
    return root - (shrunk * white)[:, :, None] * through, log_determinant + np.log1p(size * square[:, 0])


def _squares_of_steps(root: FloatArray) -> FloatArray:
    """``u' C^-1 u`` of every step of `_Steps`, shape (H, M).

    A step sums what comes after it, so that ``R u`` is a sum over later columns.
    """
    white = np.cumsum(root[:, :, ::-1], axis=2)  # of the last step first
    own = np.einsum("hkj,hkj->hj", white, white)[:, ::-1]
    together = np.einsum("hkj,hkj->hj", white[:, :, :-1], white[:, :, 1:])[:, ::-1]
    over_two = 0.25 * (own[:, 1:-1] + own[:, 2:] + 2.0 * together[:, 1:])
    return np.concatenate([own[:, 1:], over_two], axis=1)


@dataclass(frozen=True, slots=True)
class FallOnset:
    """Indices of evals: the first that lies below the peak by the margin, its 90 % interval, and the first back."""

    at: int
    low: int
    high: int
    back: int  # that is no longer below; the last eval where none is


def fall_onset(posterior: CliffPosterior, margin: float, until: int | None = None, seed: int = 0) -> FallOnset:
    """Looking back at a run that fell: which eval was the first of those that lie below the peak by a margin?

    On each of 600 courses of the level that the evals allow, it is the eval after the last one, between the peak and
    the lowest point after it, that is not yet below. Answered with the 5, 50 and 95 % points.

    `margin`, above 0, is in the unit of the values. `until`: index of the eval up to which the peak and the lowest
    point are sought, for a fall that was undone later; the last one if not given.
    Returns the last eval where the level never gets that far. The fall itself lies between two evals: that before the
    low end and that at the high end.

    The peak itself is a poor name for the moment at which a run turns: before most falls the level is flat, and the
    highest of many equal evals may lie anywhere. What it cannot see: a fall that ended before a higher peak.

    >>> rate = np.array([.40, .41, .42, .43, .42, .44, .43, .45, .16, .15, .14, .15])
    >>> fall_onset(cliff_posterior(rate, EvalNoise.white(0.014**2, 12)), 0.01)
    FallOnset(at=8, low=8, high=8, back=11)
    """
    course = posterior.draw(_COURSES, jitter=False, seed=seed)
    last = course.shape[1] - 1
    index, until = np.arange(course.shape[1]), last if until is None else until
    peak = course[:, : until + 1].argmax(axis=1)[:, None]
    asked = (index >= peak) & (index <= until)
    lowest = np.where(asked, course, np.inf).argmin(axis=1)[:, None]
    up = (course > np.take_along_axis(course, peak, axis=1) - margin) | (index == peak)
    onset = np.where(up & (index >= peak) & (index <= lowest), index, 0).max(axis=1) + 1
    back = np.where(up & (index > lowest), index, last).min(axis=1)
    low, at, high = (min(int(np.quantile(onset, share, method="nearest")), last) for share in (0.05, 0.5, 0.95))
    return FallOnset(at, low, posterior.end_of_block(high), int(np.quantile(back, 0.5, method="nearest")))
