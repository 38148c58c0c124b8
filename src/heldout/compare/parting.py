"""Since when do two recipes differ in what was logged while training: reward, length, KL, entropy, held-out score?

The difference of the means over seeds is taken at every step that both logged. Each signal is asked once, with an error
of 5 % for all of its steps.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping

import numpy as np

from heldout.compare.members import Judged, Side
from heldout.compare.model import Curve, Parting
from heldout.run import Run
from heldout.settings import recipe_of
from heldout.stats.arrays import FloatArray, floats
from heldout.stats.course import FEWEST, Way, course
from heldout.stats.noise import difference_noise

SIGNALS = {"reward": "reward", "length": "length", "kl_reference": "KL", "entropy": "entropy"}
_JUDGES = frozenset({"rm", "judge", "verifier", "grader"})
_BLOCKS = 32  # of steps, at most, to say where a difference begins
_FIRST = 3  # blocks that are the beginning
_DEVIATIONS = 3.0
_FOR_ENDS, _ENDS_APART = 60, 1.1  # values, and half widths of the change's interval: simulated, 5 % with `course`
_NO_COURSE = frozenset({Way.TOO_FEW, Way.LEVEL, Way.UNKNOWN})


def partings(a: Side, b: Side, curve: Curve | None) -> tuple[Parting, ...]:
    """Since when do two recipes differ, signal by signal? The held-out score by the band of its curve."""
    told = [_parting(a, b, role, _joined(a, b, role)) for role in SIGNALS]
    return (*_held_out(a, b, curve), *(one for one in told if one is not None))


def same_quantity(a: Side, b: Side, role: str) -> bool:
    """Whether a signal is the same quantity on both sides: a reward is, where the settings name one reward."""
    return role != "reward" or same_reward(a, b)


def same_reward(a: Side, b: Side) -> bool:
    """Whether the settings say that all runs had one reward function."""
    named = [_rewards(one.run) for side in (a, b) for one in _logged(side)]
    return bool(named) and all(map(_is_named, named)) and len({tuple(sorted(one.items())) for one in named}) == 1


def _rewards(run: Run) -> dict[str, str]:
    settings = recipe_of(run.config).items()
    return {key: text for key, text in settings if "reward" in key.lower() or _JUDGES & _words(key)}


def _words(key: str) -> set[str]:
    return set(re.split(r"[\W_]+", key.lower()))


def _is_named(rewards: Mapping[str, str]) -> bool:
    """Whether one of the settings is a name; a limit or a weight says nothing of what is rewarded."""
    return any(not re.fullmatch(r"true|false|none|[-+\d.e_]+", text, re.IGNORECASE) for text in rewards.values())


def _held_out(a: Side, b: Side, curve: Curve | None) -> Iterator[Parting]:
    if curve is None or not np.isfinite(curve.low).any():
        return
    apart = curve.apart
    step = apart[0] if apart else None
    value = float(curve.value[curve.steps == step][0]) if apart else math.nan
    yield Parting(a.name, b.name, "held-out score", "held_out", step, value)


def _parting(a: Side, b: Side, role: str, found: tuple[FloatArray, FloatArray] | None) -> Parting | None:
    if found is None:
        return None
    told = (a.name, b.name, SIGNALS[role], _key(a, role))
    if not same_quantity(a, b, role):
        return Parting(*told, None, why="the settings do not name one reward for both: it is not the same quantity")
    steps, value = found
    if len(value) < FEWEST:
        return Parting(*told, None, why="too few steps are in both logs")
    first = first_apart(steps, value)
    return Parting(*told, None) if first is None else Parting(*told, round(first[0]), first[1])


def _key(side: Side, role: str) -> str:
    return next((one.run.roles[role] for one in _logged(side) if role in one.run.roles), role)


def _joined(a: Side, b: Side, role: str) -> tuple[FloatArray, FloatArray] | None:
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
    return floats(steps), np.mean(rows[:count], axis=0) - np.mean(rows[count:], axis=0)


def _logged(side: Side) -> tuple[Judged, ...]:
    """The runs that count; without held-out evaluations none does, and what was logged is compared all the same."""
    return side.counted or side.runs


def first_apart(steps: FloatArray, value: FloatArray) -> tuple[float, float] | None:
    """Where does a difference, shape (N,), leave its beginning by more than slow noise?

    Whether it does is asked by `course`, and of 60 values or more by its last against its first ones as well: together
    they are wrong in at most 5 % of series of white or AR(1) noise (phi up to 0.95). Where it does is the first of two
    blocks of steps that lie beyond three deviations of such blocks, or the step of a jump.
    Returns the step, and the mean of the block that lies farthest from the beginning; None where nothing is seen.

    What it cannot see: a difference that is there from the first step on and stays as it is; and that another seed of a
    single run would wander otherwise.
    """
    found = course(steps, value)
    far_end = value.size >= _FOR_ENDS and abs(found.change) > _ENDS_APART * found.change_half
    if found.way in _NO_COURSE and not far_end:
        return None
    count = min(_BLOCKS, value.size)
    edges = np.linspace(0, value.size, count + 1).astype(np.int64)
    mean = floats(np.add.reduceat(value, edges[:-1]) / np.diff(edges))
    away = np.abs(mean - np.median(mean[:_FIRST]))
    most = float(mean[away.argmax()])
    if found.jump is not None:
        return found.jump.step, most
    beyond = away > _DEVIATIONS * math.sqrt(difference_noise(mean))
    both = np.flatnonzero(beyond[:-1] & beyond[1:])
    return float(steps[edges[int(both[0]) if both.size else int(away.argmax())]]), most
