"""Since when do two recipes differ in what was logged while training: reward, length, KL, entropy, held-out score?

The difference of the means over seeds is taken at every step that both logged, averaged over blocks of steps, and held
against the noise of those block means. One error of 5 % is paid for all blocks of all signals.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from heldout.compare.members import Judged, Side
from heldout.compare.model import Curve, Parting
from heldout.run import Run
from heldout.settings import recipe_of
from heldout.stats import student
from heldout.stats.arrays import FloatArray, IntArray
from heldout.stats.levels import FALSE_ALARMS

SIGNALS = {"reward": "reward", "length": "length", "kl_reference": "KL", "entropy": "entropy"}
_BLOCKS = 12  # of steps, at most
_FEWEST = 8  # steps in a block, of which its noise is read
_APART = 2  # a block is apart only where the next one is too, or it is the last


def partings(a: Side, b: Side, curve: Curve | None) -> tuple[Parting, ...]:
    """Since when do two recipes differ, signal by signal? The held-out score by the band of its curve."""
    asked = [(role, _joined(a, b, role)) for role in SIGNALS]
    count = sum(found is not None and same_quantity(a, b, role) for role, found in asked)
    told = [_parting(a, b, role, found, count) for role, found in asked]
    return (*_held_out(a, b, curve), *(one for one in told if one is not None))


def same_quantity(a: Side, b: Side, role: str) -> bool:
    """Whether a signal is the same quantity on both sides: a reward is, where the settings name one reward."""
    return role != "reward" or same_reward(a, b)


def same_reward(a: Side, b: Side) -> bool:
    """Whether the settings say that all runs had one reward function."""
    named = [_rewards(one.run) for side in (a, b) for one in _logged(side)]
    return bool(named) and all(named) and len({tuple(sorted(one.items())) for one in named}) == 1


def _rewards(run: Run) -> dict[str, str]:
    return {key: text for key, text in recipe_of(run.config).items() if "reward" in key.lower()}


def _held_out(a: Side, b: Side, curve: Curve | None) -> Iterator[Parting]:
    if curve is None or not np.isfinite(curve.low).any():
        return
    apart = curve.apart
    step = apart[0] if apart else None
    value = float(curve.value[curve.steps == step][0]) if apart else math.nan
    yield Parting(a.name, b.name, "held-out score", "held_out", step, value)


def _parting(a: Side, b: Side, role: str, found: tuple[IntArray, FloatArray] | None, signals: int) -> Parting | None:
    if found is None:
        return None
    told = (a.name, b.name, SIGNALS[role], _key(a, role))
    if not same_quantity(a, b, role):
        return Parting(*told, None, why="the settings do not name one reward for both: it is not the same quantity")
    steps, value = found
    first = first_apart(value, signals)
    if first is None:
        return Parting(*told, None, why="" if len(value) >= 2 * _FEWEST else "too few steps are in both logs")
    block, difference = first
    return Parting(*told, int(steps[block]), difference)


def _key(side: Side, role: str) -> str:
    return next((one.run.roles[role] for one in _logged(side) if role in one.run.roles), role)


def _joined(a: Side, b: Side, role: str) -> tuple[IntArray, FloatArray] | None:
    """The difference of the means over seeds at every step that all logged; None where a run lacks the signal."""
    series = [[one.run.get(role) for one in _logged(side)] for side in (a, b)]
    every = [one for side in series for one in side]
    known = [one for one in every if one is not None and len(one)]
    if not known or len(known) < len(every):
        return None
    steps = known[0].step
    for one in known[1:]:
        steps = np.intersect1d(steps, one.step, assume_unique=True)
    rows = [one.value[np.searchsorted(one.step, steps)] for one in known]
    count = len(series[0])
    return steps, np.mean(rows[:count], axis=0) - np.mean(rows[count:], axis=0)


def _logged(side: Side) -> tuple[Judged, ...]:
    """The runs that count; without held-out evaluations none does, and what was logged is compared all the same."""
    return side.counted or side.runs


def first_apart(value: FloatArray, signals: int) -> tuple[int, float] | None:
    """Where does a difference, shape (N,), leave zero for the first time by more than noise?

    Blocks of equal size; the noise of a block's mean is read off the values within all blocks, each freed of its line,
    and widened by how alike neighbours are. A block counts where its mean is beyond the t-quantile of 5 % over all
    blocks of all `signals`, and so is the next one on the same side.
    Returns the index at which the block begins, and its mean; None where there is none, or fewer than two blocks.

    What it cannot see: that another seed of a single run would wander otherwise: this is about these runs.
    """
    blocks = min(_BLOCKS, value.size // _FEWEST)
    if blocks < 2:
        return None
    each = value.size // blocks
    rows = value[: blocks * each].reshape(blocks, each)
    mean, error = rows.mean(axis=1), _error(rows)
    if not error > 0.0:
        far = mean != 0.0
    else:
        far = (
            np.abs(mean) > student.quantile(1.0 - 0.5 * FALSE_ALARMS / (blocks * signals), blocks * (each - 2)) * error
        )
    for k in np.flatnonzero(far):
        after = slice(k, k + _APART)
        if far[after].all() and len(set(np.sign(mean[after]))) == 1:
            return int(k) * each, float(mean[k])
    return None


def _error(rows: FloatArray) -> float:
    """Standard error of a block's mean: by the scatter about the line of each block, and how alike neighbours are."""
    blocks, each = rows.shape
    t = np.linspace(-1.0, 1.0, each)
    rest = rows - rows.mean(axis=1, keepdims=True)
    rest = rest - np.outer(rest @ t / (t @ t), t)
    square = float(np.einsum("be,be->", rest, rest))
    if square == 0.0:
        return 0.0
    alike = float(np.einsum("be,be->", rest[:, 1:], rest[:, :-1])) / square + 2.0 / each
    phi = min(max(alike, 0.0), 0.95)
    return math.sqrt(square / (blocks * (each - 2)) / each * (1.0 + phi) / (1.0 - phi))
