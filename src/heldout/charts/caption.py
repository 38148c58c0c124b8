"""What a reader of a figure has to know, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from heldout.charts.curve import LINE_UNTIL, DrawnCurve
from heldout.charts.spec import Chart
from heldout.charts.wanted import Marks, Wanted
from heldout.stats.levels import TWO_SIDED_95
from heldout.text import counted, sentence_list


def caption(chart: Chart, curves: Sequence[DrawnCurve], beside: Sequence[DrawnCurve], wanted: Wanted) -> str:
    """Say what is drawn, how it was smoothed, what the bars are, and what is marked."""
    sentences = [_what(chart), *(_faint(curve, chart) for curve in curves), *_of_seeds(curves)]
    barred = [curve.look.entry for curve in curves if curve.ends is not None and not curve.traces]
    if barred:
        sentences.append(f"Bars on {sentence_list(barred)}: 95 % intervals ({TWO_SIDED_95:.2f} standard errors).")
    if wanted.peaks and any(curve.peak for curve in curves):
        sentences.append("Rings mark the highest point of each curve.")
    sentences += _marked(wanted.marks)
    sentences += [f"{curve.look.entry}: the band is its 95 % interval." for curve in beside]
    sentences += [curves[0].abscissa.note, *_left_out(curves), *wanted.left_out]
    return " ".join(filter(None, sentences))


def _marked(marks: Marks) -> Iterator[str]:
    if marks.chosen is not None:
        yield f"Vertical line: the checkpoint at step {marks.chosen:g}."
    if marks.tied:
        listed = sentence_list([f"{low:g} to {high:g}" if high > low else f"{low:g}" for low, high in marks.tied])
        yield f"Shaded: steps {listed}, which cannot be told apart from it."
    if marks.onset is not None and marks.back is not None:
        yield f"Grey: below its peak from step {marks.onset:g} on, the held-out score was back by {marks.back:g}."
    elif marks.onset is not None:
        yield f"Dashed line: by step {marks.onset:g} the held-out score has fallen below its peak."


def _of_seeds(curves: Sequence[DrawnCurve]) -> Iterator[str]:
    """Say what the bands of several runs are, and which steps they leave out."""
    several = [curve for curve in curves if curve.traces]
    if several:
        k = len(several[0].traces)
        yield f"Thick: means of {k} seeds; bands: 95 % t intervals of the mean over seeds; faint: the seeds."
    for curve in several:
        if curve.ends is not None and (curve.ends[0] == curve.ends[1]).any():
            yield f"{curve.look.entry}: no band where all seeds have one value."
        if curve.skipped:
            yield f"{curve.look.entry}: {counted(curve.skipped, 'step')} left out that not all seeds have."


def _left_out(curves: Sequence[DrawnCurve]) -> Iterator[str]:
    for curve in curves:
        if curve.left_out:
            yield f"{curve.look.entry}: {counted(curve.left_out, 'value')} left out that the x axis has no place for."


def _what(chart: Chart) -> str:
    right = "" if chart.right is None else f" (left) and {chart.right.label} (right)"
    return f"{chart.left.label}{right} against {_inside(chart.x.label)}."


def _inside(label: str) -> str:
    """Write a label inside a sentence: "Training step" loses its capital, "RL steps" does not."""
    return label[:1].lower() + label[1:] if label[1:2].islower() else label


def _faint(curve: DrawnCurve, chart: Chart) -> str:
    """Say how a line was smoothed, what stands behind it, and how much of that is out of view."""
    if not curve.dense:
        return ""
    _, value = curve.shown
    fit = f"{curve.look.entry}: local-linear fit over {curve.wide}"
    if not curve.raw:
        return f"{fit}, of {len(value)} values."
    if len(value) > LINE_UNTIL:
        return f"{fit}; the band holds 90 % of its {len(value)} values."
    out = int(np.count_nonzero(~chart.axis(curve.look.side).sees(value)))
    beyond = f", of which {out} lie outside the plot (arrows)" if out else ""
    return f"{fit}; faint: its {len(value)} values{beyond}."
