"""One curve in words and numbers: trend, key points, noise against drift."""

from __future__ import annotations

import math

import numpy as np

from heldout.diagnosis.curves import blocks
from heldout.diagnosis.model import Curve, Point, SeriesDescription, Stretch, Turn, may_tell
from heldout.findings import State, Verdict
from heldout.metrics import Better, Unit, phrasing
from heldout.stats.arrays import FloatArray
from heldout.stats.gp import gp_posterior
from heldout.stats.levels import LEVEL
from heldout.stats.noise import volatility
from heldout.stats.peaks import peaks
from heldout.stats.segments import trend_segments
from heldout.stats.trend import trend_state
from heldout.text import sentence_list

_KEY_POINTS = 9  # in a table of a few lines
_MOST_TURNS = 6  # in a sentence
_DIRECTION = {"rising": "rises to", "falling": "falls to", "flat": "stays near"}
_IN_A_WORD = {
    State.IMPROVING: "improving",
    State.PLATEAU: "plateau",
    State.OVER_OPTIMISED: "declining",
    State.REGRESSED: "declining",
}


def describe_series(curve: Curve, verdict: Verdict) -> SeriesDescription:
    """Describe one curve; where the held-out score goes is the verdict's to say, and only its points are told here."""
    start, end, peak, trough = _ends(curve)
    stretches = _stretches(curve)
    step, value, variance = blocks(curve)
    moved = volatility(step, value, variance if curve.series.problems is not None else None)
    if curve.role == "held_out":
        turns = _turns(curve) if may_tell(verdict, -1.0) else ()
        state, recent = _IN_A_WORD.get(verdict.state, "undetermined"), ""
    else:
        turns = _turns(curve)
        state, recent = _recent(curve, *blocks(curve, 120))
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
        key_points=_key_points(curve, (start, peak, trough, end)),
        stretches=stretches,
        trend=_trend(curve, stretches, peak, trough) + _listed(curve, turns),
        turns=turns,
        recent=recent,
        state=state,
        noise=_noise(curve, moved.noise_share),
        noise_sd=math.sqrt(curve.variance),
        noise_share=moved.noise_share,
    )


def written(curve: Curve, value: float) -> str:
    """Write a value of a curve with the digits that its range needs, and its unit."""
    return phrasing.written(curve.scale, value, curve.range or None)


def difference(curve: Curve, value: float) -> str:
    """Write a difference of two values: of shares it is so many points."""
    return phrasing.difference(curve.scale, value, curve.range or None)


def _ends(curve: Curve) -> tuple[Point, Point, Point, Point]:
    """Return first, last, highest and lowest point: of a held-out score measurements, of others those of the line."""
    step, value = (curve.series.step, curve.series.value) if curve.role == "held_out" else (curve.step, curve.value)
    at = (0, -1, int(np.argmax(value)), int(np.argmin(value)))
    start, end, peak, trough = (Point(int(step[index]), float(value[index])) for index in at)
    return start, end, peak, trough


def _point(curve: Curve, index: int) -> Point:
    return Point(int(curve.step[index]), float(curve.value[index]))


def _key_points(curve: Curve, always: tuple[Point, ...]) -> tuple[Point, ...]:
    """Evenly spaced points, with start, end, peak and trough among them, in order of steps."""
    indices = set(range(len(curve.step)))
    if len(curve.step) > 3 * _KEY_POINTS or curve.window is not None:
        wanted = np.linspace(curve.step[0], curve.step[-1], _KEY_POINTS)
        indices = {int(np.argmin(np.abs(curve.step - step))) for step in wanted}
    points = {point.step: point for point in (*(_point(curve, index) for index in indices), *always)}
    return tuple(points[step] for step in sorted(points))


def _stretches(curve: Curve) -> tuple[Stretch, ...]:
    if len(curve.step) < 3 or curve.range == 0:
        return ()
    segments = trend_segments(curve.step, curve.value, penalty=2.0 if curve.window else 3.0)
    return tuple(
        Stretch(Point(int(s.start), float(s.start_value)), Point(int(s.end), float(s.end_value)), s.direction)
        for s in segments
    )


def _trend(curve: Curve, stretches: tuple[Stretch, ...], peak: Point, trough: Point) -> str:
    if len(curve.step) == 1:
        return f"A single value, {written(curve, curve.value[0])} at step {curve.step[0]:.0f}."
    if curve.range == 0:
        return f"Constant at {written(curve, curve.value[0])} throughout."
    text = (
        f"Starts at {written(curve, float(curve.value[0]))} (step {curve.step[0]:.0f}) and ends at "
        f"{written(curve, float(curve.value[-1]))} (step {curve.step[-1]:.0f}); peak {written(curve, peak.value)} at "
        f"step {peak.step}, trough {written(curve, trough.value)} at step {trough.step}."
    )
    if trough.step < peak.step < curve.step[-1]:
        text += f" The end lies {difference(curve, peak.value - curve.value[-1])} below the peak."
    return text + _fitted(curve, stretches)


def _fitted(curve: Curve, stretches: tuple[Stretch, ...]) -> str:
    """Tell the fitted trend piece by piece; of the held-out score without a word for its direction."""
    if not stretches:
        return ""
    verbs = [_DIRECTION[stretch.direction] for stretch in stretches]
    if curve.role == "held_out":
        verbs = ["goes to", *["to"] * (len(stretches) - 1)]
    ends = (written(curve, s.end.value) + f" by step {s.end.step}" for s in stretches)
    parts = [f"{verb} {end}" for verb, end in zip(verbs, ends, strict=True)]
    start = written(curve, stretches[0].start.value)
    return f" The fitted trend starts at {start}, {sentence_list(parts, 'and then')}."


def _turns(curve: Curve) -> tuple[Turn, ...]:
    """Find the significant turns: of the posterior mean where there are few values, else of the smoothed line."""
    if len(curve.step) < 5 or not curve.line_variance > 0:
        return ()
    if curve.window is None:
        posterior = gp_posterior(curve.value, curve.variance)
        found = peaks(curve.step, posterior.mean, posterior.difference_sd())
    else:
        found = peaks(curve.step, curve.value, math.sqrt(2 * curve.line_variance))
    turns = (Turn(p.kind, int(p.step), p.value, p.prominence, p.z) for p in found)
    return tuple(sorted(turns, key=lambda turn: -turn.z)[:_MOST_TURNS])


def _listed(curve: Curve, turns: tuple[Turn, ...]) -> str:
    """List the significant turns in order of steps."""
    if not turns:
        return ""
    ordered = sorted(turns, key=lambda turn: turn.step)
    listed = [f"{t.kind} {written(curve, t.value)} at step {t.step} (z = {t.z:.1f})" for t in ordered]
    return f" Turns beyond the noise: {sentence_list(listed)}."


def _recent(curve: Curve, step: FloatArray, value: FloatArray, variance: float) -> tuple[str, str]:
    """Say what the curve did over its last quarter, as a word and as a sentence."""
    margin = {Unit.SHARE: LEVEL, Unit.PERCENT: 100.0 * LEVEL}.get(curve.scale)
    found = trend_state(step, value, variance, margin=margin)
    if not math.isfinite(found.difference):
        return found.state, ""
    over = f"Over its last quarter (steps {found.start_step:.0f} to {found.end_step:.0f})"
    if found.state == "undetermined":
        return found.state, f"{over} it cannot be told whether it rises, falls or is level."
    change = difference(curve, found.difference)
    if found.state == "plateau":
        return found.state, f"{over} it is level ({change})."
    way, probability = ("rises", found.probability) if found.state == "improving" else ("falls", 1 - found.probability)
    better = (way == "rises") == (curve.better is not Better.LOWER)
    return "improving" if better else "declining", f"{over} it {way} ({change}, probability {probability:.2f})."


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
