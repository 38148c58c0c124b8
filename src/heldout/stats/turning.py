"""Does a score rise and then fall by far more than it scatters about such a course, whatever its noise is?

A noise that is learned from what a smoother leaves over holds a part of a tent or a cliff, the larger the sharper it
is, so that of scores of unknown size the clearest falls would hide in the noise that they make themselves. A course
that may rise in any way up to some peak and fall in any way after it leaves nothing of them over.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from heldout.stats.arrays import FloatArray, floats
from heldout.stats.isotonic import rising
from heldout.stats.noise import typical_noise

FEWEST_FOR_TURN = 8  # scores: seven are a rise and a fall by chance in 1.3 % of white noise, eight in 0.3 %
# Noises that a fall has to be: at least so many, and as slow noise gets further away the longer it goes on, so many
# times the root of the number of scores. See `turn` for what gets there.
_STANDS_OUT, _WALKS = 6.0, 1.6
_TYPICAL_PART = 0.5  # of the typical noise, which bounds that of few scores, to which such a course fits too well


@dataclass(frozen=True, slots=True)
class Turn:
    """A rise and a fall that were fitted to scores."""

    peak: int  # index of the last score of the highest stretch
    fall: float  # from there to the last score, as fitted
    lasting: float  # from the second highest score to the last but one, as fitted: one alone is no peak and no fall
    before: float  # from the peak to the last score but one, as fitted
    noise: float  # standard deviation of one score about it
    count: int  # scores that it was fitted to

    def stands_out(self, beyond: float = 0.0, noise: float = 0.0) -> bool:
        """Whether that part of the fall which lies `beyond` so much is far more than the noise of single scores.

        `noise` is a standard deviation that theirs is not below.
        """
        return self.lasting > beyond and self.lasting - beyond >= self._times * max(self.noise, noise)

    @property
    def ends_low(self) -> bool:
        """Whether the last score is so far below, and it alone."""
        return 0.0 < self.fall >= self._least > self.before

    @property
    def _least(self) -> float:
        return self._times * self.noise

    @property
    def _times(self) -> float:
        return max(_STANDS_OUT, _WALKS * math.sqrt(self.count))


def turn(value: FloatArray) -> Turn | None:
    """Fit the best course that rises up to some score and falls after it, by least squares.

    `value`: shape (N,), higher is better. Returns None with fewer than eight values.

    What it cannot see: a fall of the last score alone; slow noise, whose level falls as a trained one does.

    False alarms, of 400 series each of 8 to 60 scores (simulated): white noise and that of Student's t with 3 degrees
    of freedom, level or on a ramp, a staircase or a rise that flattens, at most 1.5 %; AR(0.3) up to 3 %, AR(0.6) 0 to
    10 %, AR(0.9) 11 to 19 % of up to 20 scores and 1 to 6 % of more, a random walk 15 to 23 %. Of 60 falls each by 25
    deviations, tents, cliffs and slow ones, all are found; of those by 12, 87 to 100 % of 9 to 40 scores, 62 % and more
    of eight.

    Source: Frisén 1986, "Unimodal regression", The Statistician 35 (the fit); Robertson, Wright, Dykstra 1988, Order
    Restricted Statistical Inference (pooling adjacent violators).
    """
    value = floats(value)
    if value.size < FEWEST_FOR_TURN:
        return None
    before, after = _misfits(value), _misfits(value[::-1])[::-1]
    at = int(np.argmin(before + after))
    fit = np.concatenate([rising(value[:at])[0], rising(value[at:][::-1])[0][::-1]])
    levels = np.unique(value)
    rounded = float(np.diff(levels).min()) / math.sqrt(12.0) if levels.size > 1 else 0.0
    left = float(np.mean((value - fit) ** 2))
    noise = math.sqrt(left + (_TYPICAL_PART * typical_noise(value)) ** 2 + rounded**2)
    peak = value.size - 1 - int(fit[::-1].argmax())
    lasting = float(np.partition(fit, -2)[-2] - fit[-2])
    return Turn(peak, float(fit[peak] - fit[-1]), lasting, float(fit[peak] - fit[-2]), noise, value.size)


def _misfits(value: FloatArray) -> FloatArray:
    """Return the squared misfit of the best rising course through each beginning of a series, shape (N + 1,)."""
    return floats([0.0, *rising(value)[1]])
