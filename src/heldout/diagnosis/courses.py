"""One curve in words and numbers: what it does, where it starts and ends, its highest value, and its noise.

Of the reward, the length and other curves a word is said where `stats.course` has a test for it; of the held-out score
the verdict's words and no other.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from heldout.diagnosis.curves import blocks, written_level
from heldout.diagnosis.model import Curve, Point, SeriesDescription
from heldout.findings import State, Verdict
from heldout.metrics import Better, phrasing
from heldout.stats.course import FEWEST, Around, Course, Way, constant_since, course, end_values
from heldout.stats.levels import TWO_SIDED_95
from heldout.stats.noise import difference_noise, volatility
from heldout.text import counted

_JUMP = 1.3  # deviations from which scatter is said to be more than the size of the evaluations explains
_KEY_POINTS = 9  # in a table of a few lines
_BY_VERDICT = {
    State.IMPROVING: ("Has risen", "Has got better"),
    State.PLATEAU: ("Is level at its end", "Is level at its end"),
    State.OVER_OPTIMISED: ("Has fallen", "Has got worse"),
    State.REGRESSED: ("Has fallen", "Has got worse"),
    State.RECOVERED: ("Fell and came back", "Got worse and came back"),
    State.DISAGREE: ("Is not where the reward is", "Is not where the reward is"),
    State.CANNOT_TELL: ("No course can be told", "No course can be told"),
    State.NO_EVIDENCE: ("No course can be told", "No course can be told"),
}


def describe_series(curve: Curve, verdict: Verdict, linked: bool = False) -> SeriesDescription:
    """Describe one curve; what the held-out score does is the verdict's to say.

    `linked` says that it moves with another curve, so that its scatter is not noise alone.
    """
    start, end, peak, trough = _ends(curve)
    own = curve.role != "held_out"
    found = course_of(curve) if own else _by_its_noise(course_of(curve), curve)
    step, value, variance = blocks(curve)
    moved = volatility(step, value, variance if curve.series.problems is not None else None)
    share = math.nan if linked else moved.noise_share
    sentences = (_what(curve, found, None if own else verdict), _extremes(curve, peak, trough), _constant(curve))
    return SeriesDescription(
        role=curve.role,
        key=curve.series.name,
        label=curve.label,
        unit=curve.unit,
        scale=curve.scale,
        count=len(curve.series),
        window=curve.window,
        start=start,
        end=end,
        peak=peak,
        trough=trough,
        start_level=found.start,
        end_level=found.end,
        course=found if own else None,
        key_points=_key_points(curve, (start, end, peak, trough)),
        trend=" ".join(filter(None, sentences)),
        noise=_noise(curve, share),
        noise_sd=math.sqrt(curve.variance),
        noise_share=share,
    )


def course_of(curve: Curve, since: float = -math.inf) -> Course:
    """Test what a curve does, as it was logged, from a step on."""
    kept = curve.series.step >= since
    variance = curve.variance if curve.series.problems is not None else math.nan
    return course(curve.series.step[kept].astype(np.float64), curve.series.value[kept], variance)


def _by_its_noise(found: Course, curve: Curve) -> Course:
    """Give the first and the last level of a held-out score the error that its evaluations have.

    The test of a course allows for slow noise, and takes a fall to nothing for some; what the score does is the
    verdict's to say, and what is left is how well its two ends were measured.
    """
    count, variance = len(curve.series), curve.variance
    if count < FEWEST or not math.isfinite(variance):
        return found
    scatter = difference_noise(curve.series.value, curve.series.step.astype(np.float64))
    if scatter > _JUMP**2 * variance:  # more than evaluations of this size explain
        variance = scatter
    half = TWO_SIDED_95 * math.sqrt(variance / end_values(count))
    return replace(found, start=replace(found.start, half=half), end=replace(found.end, half=half))


def written(curve: Curve, value: float) -> str:
    """Write a value of a curve with the digits that its range needs, and its unit."""
    return phrasing.written(curve.scale, value, curve.digits)


def difference(curve: Curve, value: float) -> str:
    """Write a difference of two values: of shares it is so many points."""
    return phrasing.difference(curve.scale, value, curve.digits)


def _bare(curve: Curve, value: float) -> str:
    return phrasing.bare(curve.scale, value, curve.digits)


def level(curve: Curve, around: Around) -> str:
    """Write a mean level with its interval: "31.2 % (28.0 to 34.1)"."""
    return written_level(curve.scale, around, curve.digits, counts=curve.unit == "tokens")


def change(curve: Curve, found: Course) -> str:
    """Write the change from start to end with its interval: "12.0 points (8.1 to 15.9)"."""
    size, half = found.change, found.change_half
    interval = f" ({_bare(curve, size - half)} to {_bare(curve, size + half)})" if half > 0.0 else ""
    return f"{difference(curve, size)}{interval}"


def worded(curve: Curve, found: Course) -> str:
    """Say what a curve does, as the rest of a sentence that begins with its name; empty where no test has a word."""
    start, end = level(curve, found.start), level(curve, found.end)
    if found.way in (Way.PEAKS, Way.DIPS) and found.turn is not None:
        first, then = found.way.value.split(", then ")
        turn = f"{level(curve, found.turn)} around step {found.turn.step:.0f}"
        return f"{first} from {start} to {turn}, then {then} to {end}"
    if found.way not in (Way.RISES, Way.FALLS):
        return ""
    said = f"{found.way.value} from {start} to {end}"
    if found.jump is not None:
        before, after = written(curve, found.jump.before), written(curve, found.jump.after)
        return f"{said}, at once near step {found.jump.step:.0f} ({before} to {after})"
    return f"{said}, mostly after step {found.late:.0f}" if found.late is not None else said


def _what(curve: Curve, found: Course, verdict: Verdict | None) -> str:
    """Say what a curve does, in the verdict's words where there is one."""
    count = len(curve.series)
    if count == 1:
        return f"A single value, {written(curve, curve.value[0])} at step {curve.step[0]:.0f}."
    if curve.range == 0:
        return f"Constant at {written(curve, curve.value[0])} throughout."
    start, end = level(curve, found.start), level(curve, found.end)
    if verdict is not None:
        said = _BY_VERDICT.get(verdict.state, ("", ""))[curve.better is Better.LOWER]
        return f"{said}: {start} at the start, {end} at the end." if said else f"From {start} to {end}."
    if found.way is Way.TOO_FEW:
        higher = {1: "; the last is higher by more than the noise", -1: "; the last is lower by more than the noise"}
        few = f"{counted(count, 'value')}, too few to say more"
        return f"From {start} to {end}: {few}{higher.get(found.ends, '')}."
    if found.way is Way.UNKNOWN:
        by = change(curve, found)
        return f"No course that can be told from slow noise: {start} at the start, {end} at the end, a change of {by}."
    said = worded(curve, found)
    return f"{said[:1].upper()}{said[1:]}."


def _extremes(curve: Curve, peak: Point, trough: Point) -> str:
    if curve.range == 0:
        return ""
    logged = " logged" if curve.window else ""
    highest, lowest = (f"{written(curve, one.value)} at step {one.step}" for one in (peak, trough))
    return f"Highest value{logged} {highest}, lowest {lowest}."


def _constant(curve: Curve) -> str:
    """Say since when a curve that has moved is exactly what it is at its end, where that is long enough to notice."""
    step, count = constant_since(curve.series.step.astype(np.float64), curve.series.value)
    if curve.range == 0 or count < FEWEST:
        return ""
    return f"Exactly {written(curve, float(curve.series.value[-1]))} at the last {count} values, since step {step:.0f}."


def _ends(curve: Curve) -> tuple[Point, Point, Point, Point]:
    """Return the first, the last, the highest and the lowest point.

    Highest and lowest are of the values logged: those of a smoothed line lie below and above values in the log. The
    first and the last point are measurements of a held-out score, and of the line of others.
    """
    top, bottom = int(np.argmax(curve.series.value)), int(np.argmin(curve.series.value))
    ends = _logged if curve.role == "held_out" else _drawn
    return ends(curve, 0), ends(curve, -1), _logged(curve, top), _logged(curve, bottom)


def _logged(curve: Curve, index: int) -> Point:
    return Point(int(curve.series.step[index]), float(curve.series.value[index]))


def _drawn(curve: Curve, index: int) -> Point:
    return Point(int(curve.step[index]), float(curve.value[index]))


def _key_points(curve: Curve, always: tuple[Point, ...]) -> tuple[Point, ...]:
    """Evenly spaced points, with start, end, highest and lowest among them, in order of steps."""
    indices = set(range(len(curve.step)))
    if len(curve.step) > 3 * _KEY_POINTS or curve.window is not None:
        wanted = np.linspace(curve.step[0], curve.step[-1], _KEY_POINTS)
        indices = {int(np.argmin(np.abs(curve.step - step))) for step in wanted}
    spread = (Point(int(curve.step[index]), float(curve.value[index])) for index in indices)
    points = {point.step: point for point in (*spread, *always)}
    return tuple(points[step] for step in sorted(points))


def _noise(curve: Curve, share: float) -> str:
    """Say how much of the movement is noise, and where that knowledge comes from."""
    if len(curve.series) < 4 or not math.isfinite(curve.variance) or curve.range == 0:
        return "Too few values to tell noise from drift." if curve.range else ""
    sd = difference(curve, math.sqrt(curve.variance))
    if curve.series.problems is not None:
        source = f"The noise of one evaluation is {sd} (one standard deviation, from its size and its own scatter)"
    elif curve.window is not None:
        source = f"Single values scatter by {sd} (one standard deviation) around the line"
    else:
        source = f"Neighbouring values scatter by {sd} (one standard deviation, from the series itself)"
    if not math.isfinite(share):
        return f"{source}."
    what = "block to block" if len(curve.series) > 60 else "value to value"
    return f"{source}; about {share:.0%} of the movement from {what} is noise, the rest is drift."
