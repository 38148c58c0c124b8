"""What was found while the run went on: is it still there at the end, or is the fall over and the score back?"""

from __future__ import annotations

import numpy as np

from heldout.detectors import Detectors
from heldout.detectors.disagreement import Disagreement
from heldout.detectors.overoptimisation import Level, OverOptimisation
from heldout.findings import Fall, Finding
from heldout.stats.gp import GPPosterior, gp_posterior
from heldout.stats.levels import TWO_SIDED_95

_BACK, _LOOKS = 0.8, 2  # as probable as that to be back at its peak, twice in a row: one is luck


def fall_now(fallen: OverOptimisation) -> Fall:
    """How far is the score at the end of the log below its peak?

    The estimate is that of the Gaussian process. Its interval is blunter than the scan, which looks at many evaluations
    together: where the scan confirms a fall, the interval begins no lower than what it confirms.
    """
    peak_step, drop, sd = _since_peak(fallen)
    half = TWO_SIDED_95 * sd
    low = max(drop - half, fallen.least_fall())
    drop, high, said = max(drop, low), max(drop + half, low), fallen.evidence.spoken
    return Fall(peak_step, drop, low, high, f"{said.by(drop)} ({said.between(low, high)})")


def _since_peak(fallen: OverOptimisation) -> tuple[int, float, float]:
    """Return the step of the peak below which the score is now, how far, and the standard deviation of that.

    The peak is that of the scan. After an alarm that the scan no longer raises, its largest contrast may lie anywhere,
    since it holds the last evaluations against all before them, what was lost and regained too: then it is the one up
    to the alarm's peak from which the fall stands out most.
    """
    now, seen = fallen.looks[-1], fallen.evidence
    told = now.peak_step, now.drop, now.drop_sd
    if fallen.worst.level < Level.LIKELY or now.level >= Level.LIKELY or not _same_problems(fallen):
        return told
    posterior, last = _posterior(fallen), len(seen) - 1
    since = [(int(seen.steps[at]), *posterior.difference(at, last)) for at in range(_peak(fallen) + 1)]
    return max([told, *since], key=lambda fall: fall[1] / fall[2] if fall[2] > 0.0 else 0.0)


def has_fallen(fallen: OverOptimisation) -> bool:
    """Was a fall found that is still there: does its interval lie above zero?

    That interval takes the scores' noise as independent; where it is not, the fall must still be seen as such.
    """
    independent = fallen.evidence.autocorrelation is None or fallen.looks[-1].level >= Level.LIKELY
    return independent and fallen.worst.level >= Level.LIKELY and fall_now(fallen).low > 0.0


def lasts(finding: Finding, asked: Detectors) -> bool:
    """Is what was found still so at the last evaluation that the detectors were told of?

    A fall is, while the evaluations are as sure of it as they were then. Of training signals nothing says that what
    was found is over.
    """
    if finding.detector == Disagreement.name:
        return asked.apart is not None
    if finding.detector != OverOptimisation.name:
        return True
    fallen = asked.falls
    sure = fallen.worst.level if has_fallen(fallen) else fallen.looks[-1].level
    return Level[finding.kind.upper()] <= sure


def is_over(fallen: OverOptimisation) -> bool:
    """Was a fall found that is not there now, nor perhaps, on the same problems as at the end?"""
    return fallen.looks[-1].level < Level.LIKELY <= fallen.worst.level and _same_problems(fallen)


def _same_problems(fallen: OverOptimisation) -> bool:
    """Whether the surest look was at the problems that are evaluated now: no series of evaluations began since."""
    return bool(fallen.worst.peak_step >= fallen.evidence.steps[0])


def is_back(fallen: OverOptimisation) -> bool:
    """Is the score at its peak again: within the smallest fall that counts, probably, at the last two evaluations?"""
    seen, posterior, peak = fallen.evidence, _posterior(fallen), _peak(fallen)
    last = range(max(peak + 1, len(seen) - _LOOKS), len(seen))
    back = [posterior.prob_greater(index, peak, -seen.margins.drop) >= _BACK for index in last]
    return len(back) == _LOOKS and all(back)


def what_is_left(fallen: OverOptimisation, fall: str) -> str:
    """Write the 95 % interval of how far the score is now from the peak of a fall that is over, called `fall`."""
    drop, sd = _posterior(fallen).difference(_peak(fallen), len(fallen.evidence) - 1)
    said, low, high = fallen.evidence.spoken, drop - TWO_SIDED_95 * sd, drop + TWO_SIDED_95 * sd
    if high < 0.0:
        return f"it is now {said.lies(-high, -low)} better than then (95 % interval)"
    return f"what is left of {fall} lies {said.lies(low, high)} (95 % interval)"


def _posterior(fallen: OverOptimisation) -> GPPosterior:
    return gp_posterior(fallen.evidence.rates, fallen.evidence.noise() * fallen.looks[-1].inflation)


def _peak(fallen: OverOptimisation) -> int:
    return int(np.argmin(np.abs(fallen.evidence.steps - fallen.worst.peak_step)))
