"""The standard figures of reinforcement learning after pre-training, each from a `Run` to a `Chart`.

* `reward_and_held_out`: does what the optimiser sees still say what it does not see?
* `length_and_pass_rate`: do longer answers solve more problems?
* `dual_axis`: any metric against any other, over the same steps

A series of 50 points or more is noise with a curve in it: its values stand faintly behind a smoothed line, and the
legend says over how many steps. A shorter one is drawn as it is, with 95 % bars where its standard errors are known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from heldout.charts.abscissa import Abscissa, abscissa_of
from heldout.charts.axes import LONGEST_NAME
from heldout.charts.composition import compose
from heldout.charts.curve import DrawnCurve, Look
from heldout.charts.hints import Hints
from heldout.charts.seeds import seeds_of
from heldout.charts.spec import Chart, Colour, Dash, Marker, Side
from heldout.charts.ticks import short_number
from heldout.charts.units import check_axis
from heldout.charts.wanted import Marks, Share, Wanted
from heldout.copies import originals
from heldout.errors import ChartError
from heldout.metrics import Unit
from heldout.run import Run, Series

MOST_ON_THE_RIGHT = 4


def reward_and_held_out(
    run: Run | Sequence[Run],
    *,
    labels: Mapping[str, str] | None = None,
    hints: Hints | None = None,
    window: float | None = None,
    marks: Marks | None = None,
    peaks: bool = True,
    share: Share | None = None,
) -> Chart:
    """Does the reward still say what held-out problems say?

    The reward on the left (blue, circles), the held-out score on the right (vermillion, diamonds, dashed). Arguments
    are those of `dual_axis`; a `share` is drawn against the axis of the held-out score, where that is a share too. A
    run with one of the two gives a chart with one axis.
    """
    hints = hints or Hints()
    look = replace(hints, right_dash=hints.right_dash or Dash.DASHED)
    wanted = Wanted(labels or {}, look, window, marks or Marks(), peaks, share)
    return _standard(run, "reward", "held_out", wanted)


def length_and_pass_rate(
    run: Run | Sequence[Run],
    *,
    labels: Mapping[str, str] | None = None,
    hints: Hints | None = None,
    window: float | None = None,
    marks: Marks | None = None,
    peaks: bool = True,
) -> Chart:
    """Do longer answers solve more problems?

    The response length on the left (blue, squares), the held-out score on the right (vermillion, circles), over a
    dashed grid. Arguments are those of `dual_axis`. A run with one of the two gives a chart with one axis.
    """
    hints = hints or Hints()
    look = replace(
        hints,
        left_marker=hints.left_marker or Marker.SQUARE,
        right_marker=hints.right_marker or Marker.CIRCLE,
        grid=hints.grid or Dash.DASHED,
    )
    return _standard(run, "length", "held_out", Wanted(labels or {}, look, window, marks or Marks(), peaks))


def dual_axis(
    run: Run | Sequence[Run],
    left_key: str,
    right_key: str | Sequence[str] | None = None,
    *,
    labels: Mapping[str, str] | None = None,
    hints: Hints | None = None,
    window: float | None = None,
    marks: Marks | None = None,
    peaks: bool = True,
) -> Chart:
    """How do two metrics of one run move against each other?

    Parameters
    ----------
    run
        The run; or several that differ in their seed, whose mean is drawn at the steps that all of them have, with the
        95 % t interval of the mean over seeds. A copy of another, or a snapshot of it, is no seed: it is left out,
        and the caption says so.
    left_key, right_key
        Keys or roles. On the right there may be up to four, which share the axis, or none. Those of different units,
        or of sizes far apart, cannot be read on one axis, and are refused unless `hints` say the unit of all.
    labels
        What to call each key or role; the key itself if not given.
    hints
        What should differ from the default look.
    window
        Full width in steps of the smoothing of dense series, 0 for none; suggested by the data if not given.
    marks
        What to mark of a verdict; nothing if not given.
    peaks
        Whether the highest value of each series is marked.

    Returns
    -------
    Chart
        A specification; nothing is drawn yet.

    Raises
    ------
    UnknownMetric
        If the run has no such key.
    ChartError
        If there is nothing to draw, or an argument is outside what is allowed.
    """
    keys = () if right_key is None else (right_key,) if isinstance(right_key, str) else tuple(right_key)
    return _figure(
        _as_runs(run), left_key, keys, Wanted(labels or {}, hints or Hints(), window, marks or Marks(), peaks)
    )


def _standard(run: Run | Sequence[Run], left: str, right: str, wanted: Wanted) -> Chart:
    """Draw two roles, or the one that the runs have."""
    runs = _as_runs(run)
    here = [role for role in (left, right) if all(one.get(role) is not None for one in runs)]
    if here == [right]:
        hints = wanted.hints
        hints = replace(
            hints,
            left_ticks=hints.right_ticks,
            left_label=hints.right_label,
            left_name=hints.right_name,
            left_unit=hints.right_unit,
            left_limits=hints.right_limits,
            right_limits=None,
            log=frozenset({"right": "left"}.get(side, side) for side in hints.log - {"left"}),
        )
        return _figure(runs, right, (), replace(wanted, hints=hints))
    return _figure(runs, left, (right,) if right in here else (), wanted)


def _as_runs(run: Run | Sequence[Run]) -> Sequence[Run]:
    runs = (run,) if isinstance(run, Run) else tuple(run)
    if not runs:
        raise ChartError("No run is given to draw; give one, or several that differ in their seed.")
    return runs


def _figure(runs: Sequence[Run], left: str, right: Sequence[str], wanted: Wanted) -> Chart:
    """Draw one key or role on the left, and any on the right."""
    runs, copies = originals(runs)
    _check(runs, right, wanted)
    wanted = replace(wanted, left_out=tuple(copies))
    run, hints = runs[0], wanted.hints
    if not right and (hints.right_limits or "right" in hints.log):
        raise ChartError("The right axis is to be changed, and nothing is drawn against it; name a metric for it.")
    if hints.right_unit is None:
        check_axis(run, right)
    looks = [(left, _left_look(left, run, wanted)), *_right_looks(right, run, wanted)]
    abscissa = abscissa_of(run, hints.x, "x" in hints.log)
    curves = [_curve(runs, key, look, wanted, abscissa) for key, look in looks]
    beside = _beside(run, right[0], curves[1], wanted.share) if right and wanted.share else ()
    return compose(curves, wanted, beside)


def _check(runs: Sequence[Run], right: Sequence[str], wanted: Wanted) -> None:
    window, x = wanted.window, wanted.hints.x
    if len(right) > MOST_ON_THE_RIGHT:
        raise ChartError(
            f"{len(right)} metrics are asked for on the right axis; at most {MOST_ON_THE_RIGHT} can be told apart "
            f"there."
        )
    if window is not None and not (np.isfinite(window) and window >= 0):
        raise ChartError(f"The smoothing window is {window}; it must be a number of steps, 0 for none.")
    if len(runs) > 1 and x != "step":
        raise ChartError(f"Seeds are averaged at the steps that all of them have, so the x axis cannot be {x!r}.")


def _curve(runs: Sequence[Run], key: str, look: Look, wanted: Wanted, abscissa: Abscissa) -> DrawnCurve:
    """Return a metric of one run, or of several the mean over them."""
    seen: dict[str, Any] = {"abscissa": abscissa, "view": wanted.hints.x_limits, "raw": wanted.hints.raw}
    if len(runs) == 1:
        return DrawnCurve(runs[0][key], look, wanted.window, **seen)
    seeds = seeds_of(runs, key, wanted.window)
    over = f", local-linear over {short_number(seeds.window)} steps" if seeds.window else ""
    summary = f"mean of {len(runs)} seeds, 95 % t band{over}"
    words: dict[str, Any] = {"traces": seeds.each, "summary": summary, "skipped": seeds.skipped}
    return DrawnCurve(seeds.mean, look, None, seeds.interval, **words, **seen)


def _beside(run: Run, key: str, curve: DrawnCurve, share: Share) -> tuple[DrawnCurve, ...]:
    """Return the curve of a share that goes with the one on the right, if that is a share too."""
    unit, (low, high) = run.unit(run[key].name), curve.view or (-np.inf, np.inf)
    if unit is Unit.SCORE or not np.any((share.step >= low) & (share.step <= high)):
        return ()
    whole = 100.0 if unit is Unit.PERCENT else 1.0
    series = Series(share.name, share.step.astype(np.int64), whole * share.value)
    its = replace(curve.look, entry=share.name, colour=Colour.RIGHT_3, marker=Marker.TRIANGLE, dash=Dash.DOTTED)
    interval = (whole * share.low, whole * share.high)
    return (DrawnCurve(series, its, None, interval, abscissa=curve.abscissa, view=curve.view),)


_RIGHT_STYLES = (
    (Colour.RIGHT, Marker.DIAMOND, Dash.SOLID),
    (Colour.RIGHT_2, Marker.TRIANGLE, Dash.DASHED),
    (Colour.RIGHT_3, Marker.SQUARE, Dash.DOTTED),
    (Colour.RIGHT_4, Marker.CIRCLE, Dash.DASH_DOT),
)


def _left_look(key: str, run: Run, wanted: Wanted) -> Look:
    hints = wanted.hints
    label = hints.left_label or wanted.called(key, run)
    marker, dash = hints.left_marker or Marker.CIRCLE, hints.left_dash or Dash.SOLID
    entry, unit = hints.left_name or label, _unit(hints.left_unit, label)
    chosen = label in hints.written
    return Look(label, entry, unit, Side.LEFT, Colour.LEFT, marker, dash, _is_share(run, key), chosen)


def _right_looks(keys: Sequence[str], run: Run, wanted: Wanted) -> Iterator[tuple[str, Look]]:
    hints = wanted.hints
    axis = hints.right_label or _right_name([wanted.called(key, run) for key in keys])
    unit = _unit(hints.right_unit, axis)
    for place, (key, (colour, marker, dash)) in enumerate(zip(keys, _RIGHT_STYLES, strict=False)):
        if place == 0:
            marker, dash = hints.right_marker or marker, hints.right_dash or dash
        entry = wanted.called(key, run) if len(keys) > 1 else hints.right_name or axis
        chosen = axis in hints.written
        yield key, Look(axis, entry, unit, Side.RIGHT, colour, marker, dash, _is_share(run, key), chosen)


def _is_share(run: Run, key: str) -> bool:
    """Is a metric a share by its name, or a reward that never leaves 0 to 1, as that of passed tests?"""
    series = run[key]
    if run.unit(series.name) is Unit.SHARE:
        return True
    return series.name == run.roles.get("reward") and bool(np.all((series.value >= 0) & (series.value <= 1)))


def _right_name(names: Sequence[str]) -> str:
    """Name an axis after its series, all of them where there is room."""
    if len(names) < 2:
        return "".join(names)
    return ", ".join(names) if sum(map(len, names)) < LONGEST_NAME else f"{names[0]} and {len(names) - 1} more"


def _unit(hinted: str | None, label: str) -> str:
    return hinted if hinted is not None else "%" if "%" in label else ""
