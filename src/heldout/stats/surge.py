"""Did a series rise late, after it had seemed to be done?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from heldout.stats.arrays import FloatArray, floats
from heldout.stats.gp import gp_posterior
from heldout.stats.levels import ONE_SIDED_95
from heldout.stats.smoothing import bounded
from heldout.stats.trend import MOST_POINTS, window_state

MOST_SCANNED = 40  # points of the retrospective contrast; more would average less noise away
_GAIN_Z = 3.0
_BEYOND_SHARE = 0.4


@dataclass(frozen=True, slots=True)
class Surge:
    """A late rise."""

    start_step: float  # from where to where it lasted; the end is the end of the series
    end_step: float
    before: float  # level before the start, and since then
    after: float
    gain: float  # after minus before
    z: float  # the gain over its standard deviation


def late_surge(
    step: FloatArray, value: FloatArray, variance: float, window: int | None = None, margin: float | None = None
) -> Surge | None:
    """Is the series rising now, after a stretch in which it was not?

    The level gains at least two posterior standard deviations over the last window, and the state of the two windows
    before that was a plateau or undetermined.

    Parameters
    ----------
    step, value, variance, window, margin
        As in `heldout.stats.trend.trend_state`.

    Returns
    -------
    Surge or None
        None with fewer points than three windows and one.

    Notes
    -----
    What it cannot see: a surge that began before the last window, or that followed a slow rise which was itself sure.
    `surge_start` looks back for those.
    """
    step, value, variance = bounded(floats(step), floats(value), variance, MOST_POINTS)
    last = step.size - 1
    width = max(4, step.size // 4) if window is None else window
    if last < 3 * width or not variance >= 0.0:
        return None
    posterior = gp_posterior(value, variance)
    earlier = window_state(posterior, step, value, last - 3 * width, last - width, margin)
    now = window_state(posterior, step, value, last - width, last, margin)
    quiet = earlier.state in ("plateau", "undetermined")
    if now.state != "improving" or not quiet or now.difference < 2.0 * now.sd:
        return None
    level = posterior.mean
    z = now.difference / now.sd if now.sd > 0.0 else math.inf
    return Surge(now.start_step, now.end_step, float(level[last - width]), float(level[last]), now.difference, z)


def surge_start(step: FloatArray, value: FloatArray, variance: float) -> Surge | None:
    """Looking back: did the last quarter lie above what came before, and where did that begin?

    With w a quarter of the points (at least 4), the mean of the last w is compared with (1) the mean of the w before
    and (2) the line through the 2w before, continued. There is a surge if (1) is at least three standard deviations,
    (2) at least 1.645, and (2) makes up at least 40 % of the rise. It starts at the steepest place around the
    beginning of the last quarter: where the mean of the next points most exceeds the mean of the previous ones.

    Parameters
    ----------
    step
        Shape (N,), strictly increasing. Longer series are averaged into 40 blocks.
    value
        Shape (N,).
    variance
        Noise variance of one value.

    Returns
    -------
    Surge or None
        `before` is the mean of the w points before the start, `after` the mean from the start on. None with fewer
        than twelve points.

    Notes
    -----
    Condition (1) keeps noise out, (2) and its share keep straight trends out. On simulated runs of 12 to 40 points with
    the variance from second differences it fires on about 1 % of flat ones and on 0 to 7 % of straight trends, most for
    slopes of 0.2 to 0.4 noise standard deviations per point; on fewer of longer runs.
    What it cannot see: a rise that ends before the last quarter begins, and an accelerating trend whose last quarter
    is not yet far from the line.
    """
    step, value, variance = bounded(floats(step), floats(value), variance, MOST_SCANNED)
    width = max(4, step.size // 4)
    if step.size < 3 * width or not variance >= 0.0 or not _surges(step, value, variance, width):
        return None
    start = _steepest(value, width)
    before, after = value[max(start - width, 0) : start], value[start:]
    gain = float(after.mean() - before.mean())
    sd = math.sqrt(variance * (1.0 / before.size + 1.0 / after.size))
    return Surge(
        *(float(step[start]), float(step[-1]), float(before.mean()), float(after.mean())),
        *(gain, gain / sd if sd > 0.0 else math.inf),
    )


def _surges(step: FloatArray, value: FloatArray, variance: float, width: int) -> bool:
    """Whether the last `width` points pass the three conditions."""
    last = slice(step.size - width, None)
    earlier = slice(step.size - 3 * width, step.size - width)
    level = float(value[last].mean())
    gain = level - float(value[step.size - 2 * width : step.size - width].mean())
    centred = step[earlier] - step[earlier].mean()
    power = float(centred @ centred)
    ahead = float(step[last].mean() - step[earlier].mean())
    rise = level - float(value[earlier].mean())
    beyond = rise - ahead * float(centred @ value[earlier]) / power
    noise = variance * (1.0 / width + 0.5 / width + ahead**2 / power)
    return (
        gain > 0.0
        and gain >= _GAIN_Z * math.sqrt(2.0 * variance / width)
        and beyond >= ONE_SIDED_95 * math.sqrt(noise)
        and beyond >= _BEYOND_SHARE * rise
    )


def _steepest(value: FloatArray, width: int) -> int:
    """Index where the level rises most, around the beginning of the last `width` points."""
    reach = max(3, width // 2)
    total = np.concatenate([[0.0], np.cumsum(value)])
    first = value.size - width - reach
    at = np.arange(max(first, reach), value.size - reach + 1)
    rise = total[at + reach] - 2.0 * total[at] + total[at - reach]
    return int(at[np.argmax(rise)])
