"""What a score without a fall does at its end, always with the bound that its evaluations allow."""

from __future__ import annotations

import math

from heldout.detectors.evidence import Evidence
from heldout.detectors.overoptimisation import Level, OverOptimisation
from heldout.detectors.plateau import fewest_for_level, level_of
from heldout.diagnosis.answer import SIZES, Answer
from heldout.findings import State
from heldout.stats.gp import gp_posterior
from heldout.stats.levels import HINTS, TWO_SIDED_95
from heldout.stats.scan import boundary
from heldout.stats.trend import LevelTest
from heldout.text import counted


def standing(fallen: OverOptimisation, visible: float | None, margin: float | None = None) -> Answer:
    """Does a score of which no fall is stated still improve, is it level, or can that not be told?

    `visible` is the smallest fall that the evaluations would show, as a fraction, None where that is not known;
    `margin` is as for `level_of`.
    """
    seen, said = fallen.evidence, fallen.evidence.spoken
    test, label = level_of(seen, margin), f"no {fallen.evidence.spoken.loss} seen"
    unseen = "" if visible is None else f", and one below {said.by(visible)} would not have been"
    low, level = fallen.last_alone(), is_level(fallen, test)
    if low > 0.0 and (level or test.state == "improving"):
        text = (
            f"The last evaluation lies {said.by(low)} {'above the lowest' if said.lower else 'below the peak'} before "
            f"it, which alone shows no lasting {said.loss}."
        )
        return Answer(State.CANNOT_TELL, f"the last evaluation is {'high' if said.lower else 'low'}", text)
    watched = fallen.looks[-1].level is Level.WATCH
    if test.state == "improving" and not watched:
        text = f"The held-out score {rise(seen, test)}; no {said.loss} was seen{unseen}."
        return Answer(State.IMPROVING, label, text)
    if level:
        text = f"The held-out score {level_since(seen, test)}; no {said.loss} was seen{unseen}."
        return Answer(State.PLATEAU, label, text)
    falling = watched or test.interval[1] < 0.0
    rose = f"{rise(seen, test)}, but " if test.state == "improving" else ""
    worse = "getting worse" if said.lower else "falling"
    begins = (
        f"The held-out score {rose}may be {worse}"
        if falling
        else f"Neither a {said.loss} nor a {said.gain} can be told"
    )
    text = f"{begins}: {change_lies(seen, test)}."
    return Answer(State.CANNOT_TELL, "watch" if falling else "within noise", text, watched=falling)


def is_level(fallen: OverOptimisation, test: LevelTest) -> bool:
    """Whether a score may be called level: a noise measured on a score that falls would hold the fall."""
    if test.state != "plateau" or fallen.evidence.sized:
        return test.state == "plateau"
    return fallen.looks[-1].statistic < boundary(max(fallen.horizon or 0, len(fallen.evidence)), HINTS, 1.0)


def rise(seen: Evidence, test: LevelTest) -> str:
    """Say how much a score has risen: from its first evaluation on, or else over what was looked at."""
    said, half = seen.spoken, TWO_SIDED_95
    if has_gained(seen):
        gain, sd = _gain(seen)
        ends, since = said.between(gain - half * sd, gain + half * sd), int(seen.steps[0])
        return f"{said.better} by {said.by(gain)} since step {since} (95 % interval {ends})"
    if test.change - half * test.sd > 0.0:
        ends, since = said.between(*_ends(test.change, test.sd)), int(seen.steps[test.start])
        return (
            f"{said.better} since step {since}, by {said.by(test.change)} per quarter of the run (95 % interval {ends})"
        )
    ends = said.between(*_ends(test.rise, test.rise_sd))
    return f"{said.better} by {said.by(test.rise)} from its first third to its last (95 % interval {ends})"


def has_gained(seen: Evidence) -> bool:
    """Whether the last level is surely above the first; a rise at the end may be the way back from a dip."""
    gain, sd = _gain(seen)
    return gain - TWO_SIDED_95 * sd > 0.0


def _gain(seen: Evidence) -> tuple[float, float]:
    """How far the last level is above the first, and the standard deviation of that."""
    return gp_posterior(seen.rates, seen.noise()).difference(len(seen) - 1, 0)


def _ends(value: float, sd: float) -> tuple[float, float]:
    return value - TWO_SIDED_95 * sd, value + TWO_SIDED_95 * sd


def level_since(seen: Evidence, test: LevelTest) -> str:
    """Say since when a score is level, within what, and whether it rose before that."""
    said, since = seen.spoken, int(seen.steps[test.start])
    gain, sd = _gain(seen)
    rose = test.start > 0 and gain > max(TWO_SIDED_95 * sd, test.margin)
    before = f"{said.better} by {said.by(gain)} and " if rose else ""
    within = f"it changes by less than {said.by(test.bound)} per quarter of the run (90 %)"
    return f"{before}is level since step {since}: {within}"


def change_lies(seen: Evidence, test: LevelTest) -> str:
    """Say between what its change lies, and what would decide whether a score is level."""
    if not math.isfinite(test.sd):
        return "its noise is not known"
    said = seen.spoken
    lies = f"its change per quarter of the run lies {said.lies(*said.turned(*test.interval))} (90 % interval)"
    fewest = fewest_for_level(seen)
    if len(seen) < fewest:
        return f"{lies}; {counted(fewest, 'evaluation')} are the fewest that can show a level"
    needed = test.decides * (seen.problems or math.inf)
    enough = next((size for size in SIZES if size >= needed), None)
    if enough is None or enough <= (seen.problems or 0):
        return lies
    return f"{lies}; {enough} problems would decide a margin of {said.by(test.margin)}"
