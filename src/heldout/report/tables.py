"""The tables of a report as rows of text, shared by the page, the Markdown and the terminal."""

from __future__ import annotations

import math

import numpy as np

from heldout.diagnosis.curves import written_level, written_r
from heldout.diagnosis.description import Description, Point, SeriesDescription
from heldout.findings import Verdict
from heldout.metrics import heading_of
from heldout.metrics.phrasing import Spoken, written
from heldout.pages.tables import TextTable
from heldout.stats.course import Around
from heldout.text import counted, number, sentence_list

_MOST_BLOCKS = 8  # rows of the table of the hack rate
_TRENDS = "* Levels are dominated by trends: two unrelated curves that both rise look like this too."


def not_checked(verdict: Verdict) -> list[str]:
    """What could not be asked of the run; detectors without their metrics share a line."""
    absent = [item.detector.replace("_", " ") for item in verdict.unchecked if item.metrics]
    lines = [f"{item.detector.replace('_', ' ')}: {item.missing}" for item in verdict.unchecked if not item.metrics]
    return [*lines, f"{sentence_list(absent)}: no such metric in the log"] if absent else lines


def benchmarks(verdict: Verdict) -> TextTable | None:
    """Every held-out score, where the run has several."""
    if not verdict.benchmarks:
        return None
    rows = tuple(
        (
            fall.key,
            str(fall.peak_step),
            fall.fall,
            _p(fall.p) if fall.sized else "size unknown",
            "" if not fall.sized else f"as {fall.copy_of}" if fall.copy_of else _p(fall.adjusted_p),
        )
        for fall in verdict.benchmarks
    )
    head = ("Benchmark", "Peak at", "Worse since by", "Run-level p", "All paid for (Holm)")
    more = f", and {counted(verdict.variants, 'variant')} of the same measurements" if verdict.variants else ""
    kinds = sum(not fall.copy_of for fall in verdict.benchmarks)
    several = f" ({len(rows)} columns, {counted(kinds, 'benchmark')})" if kinds < len(rows) else ""
    return TextTable(f"Every held-out score{several}{more}", head, rows)


def _p(p: float) -> str:
    return f"≤ {p:.2g}" if p < 1.0 else "above 0.2" if p == 1.0 else f"{p:.2g}"


def key_values(about: Description) -> TextTable:
    """Where each curve starts and ends, as means with 95 % intervals, and the highest and lowest value logged."""
    rows = tuple(
        (_label(s), _level(s, s.start_level), _level(s, s.end_level), _at(s, s.peak), _at(s, s.trough), str(s.count))
        for s in about.series
    )
    return TextTable("Key values", ("Metric", "Start", "End", "Highest", "Lowest", "Values"), rows)


def key_points(series: SeriesDescription) -> TextTable:
    """Evenly spaced points of one curve, with start, end, highest and lowest value logged named."""
    ends = {series.end.step: "end", series.start.step: "start"}
    names = {series.trough.step: "lowest", series.peak.step: "highest", **ends}
    for step, name in ((series.peak.step, ", highest"), (series.trough.step, ", lowest")):
        names[step] += name if step in ends else ""
    rows = tuple((str(p.step), _value(series, p.value), names.get(p.step, "")) for p in series.key_points)
    title, head, window = f"Key points: {_label(series)}", ("Step", "Value", ""), series.window
    note = f"Points of the line over {window:g} steps; highest and lowest are values logged." if window else ""
    return TextTable(title, head, rows, note)


def correlations(about: Description) -> TextTable:
    """How the curves move together."""
    labels = {series.role: series.label for series in about.series}
    rows = tuple(
        (
            f"{labels[p.left]} and {labels[p.right]}",
            written_r(p.movement.levels) + (" *" if p.movement.levels_are == "trend-dominated" else ""),
            written_r(p.movement.differences),
            written_r(p.movement.detrended),
            _lead(p.lead.lag, p.lead.p, p.lead.r),
            str(p.count),
        )
        for p in about.pairs
    )
    head = ("Pair", "Levels", "Differences", "Detrended", "Lead", "Points")
    note = _TRENDS if any(p.movement.levels_are == "trend-dominated" for p in about.pairs) else ""
    return TextTable("Correlations (95 % intervals)", head, rows, note)


def hack_rate(about: Description) -> TextTable | None:
    """Which share of the rewarded answers fails the hidden tests, at some blocks of steps with the first and the last.

    None where no rewarded answer was judged by them.
    """
    curve = about.hack_rate
    if curve is None:
        return None
    said = Spoken()
    shown = np.unique(np.linspace(0, len(curve) - 1, _MOST_BLOCKS).round().astype(int)).tolist()
    rows = tuple(
        (
            f"{curve.first_step[k]} to {curve.step[k]}",
            said.level(float(curve.share[k])),
            said.levels(float(curve.low[k]), float(curve.high[k])),
            str(curve.answers[k]),
        )
        for k in shown
    )
    head = ("Steps", "Share", "95 % interval", "Answers judged")
    left = f"{len(shown)} of {len(curve)} blocks of steps, evenly spread; report.json has them all."
    note = left if len(shown) < len(curve) else ""
    return TextTable("Rewarded answers that fail the hidden tests", head, rows, note)


def signals(about: Description) -> TextTable:
    """Further metrics, a line each."""
    rows = tuple(
        (s.name, *(number(v, (s.high - s.low) or abs(s.high)) for v in (s.start, s.end, s.low, s.high)), s.key)
        for s in about.signals
    )
    return TextTable("Other signals", ("Metric", "Start", "End", "Lowest", "Highest", "Key"), rows)


def _label(series: SeriesDescription) -> str:
    return heading_of(series.key)


def _value(series: SeriesDescription, value: float) -> str:
    return written(series.scale, value, series.digits)


def _level(series: SeriesDescription, around: Around) -> str:
    return written_level(series.scale, around, series.digits, counts=series.unit == "tokens")


def _at(series: SeriesDescription, point: Point) -> str:
    return f"{_value(series, point.value)} @ {point.step}"


def _lead(lag: int, p: float, r: float) -> str:
    """Say which series moves first, when that is clear after all lags that were tried."""
    if not math.isfinite(p) or p > 0.05:
        return "none clear"
    if lag == 0:
        return f"together (r = {r:.2f})"
    return f"{'first' if lag > 0 else 'second'} leads by {counted(abs(lag), 'point')} (r = {r:.2f})"
