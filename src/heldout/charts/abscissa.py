"""What the curves of a figure are drawn against: steps, tokens, time, or how far the policy went from its beginning.

Of a step at which nothing of the other quantity was logged it is interpolated between its neighbours; before the first
and after the last it is not known, and points there are left out. Step 0 of a log that begins with step 1 is the start:
nothing had been seen yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from heldout.charts.hints import XAxis
from heldout.errors import ChartError
from heldout.metrics import means
from heldout.run import Run, Series
from heldout.stats.arrays import FloatArray, IntArray
from heldout.stats.smoothing import DENSE, local_linear, suggest_window

_UNITS = ((2 * 86_400.0, 86_400.0, "days"), (2 * 3600.0, 3600.0, "h"), (120.0, 60.0, "min"), (0.0, 1.0, "s"))


@dataclass(frozen=True, slots=True, eq=False)
class Abscissa:
    """What curves are drawn against."""

    label: str
    unit: str = ""
    known: tuple[FloatArray, FloatArray] | None = None  # steps, and where each is drawn; None where that is the step
    width: str = "steps"  # words after a number for so much of it
    log: bool = False
    note: str = ""  # what a reader has to know of it

    @property
    def whole(self) -> bool:
        """Whether only whole numbers stand on it."""
        return self.known is None

    def at(self, step: npt.ArrayLike) -> FloatArray:
        """Where is each step drawn? `nan` where that is not known, or cannot be drawn on this axis."""
        steps = np.asarray(step, dtype=np.float64)
        x = steps if self.known is None else np.interp(steps, *self.known, left=np.nan, right=np.nan)
        return np.where(x > 0.0, x, np.nan) if self.log else x


STEPS = Abscissa("Training step")


def abscissa_of(run: Run, x: XAxis, log: bool = False) -> Abscissa:
    """What do the curves of this run stand against?

    A ChartError where the run does not tell that.
    """
    return replace(_MAKERS[x](run), log=log)


def _tokens(run: Run) -> Abscissa:
    series = _counted(run, "tokens", "tokens")
    label = "Tokens seen" if "token" in series.name.lower() else series.name
    width = "tokens" if "token" in series.name.lower() else f"of {series.name}"
    return Abscissa(label, "", _from_start(series.step, series.value), width)


def _time(run: Run) -> Abscissa:
    series = _counted(run, "time", "time")
    passed = series.value - series.value[0]
    _, size, unit = next(one for one in _UNITS if passed[-1] >= one[0])
    return Abscissa("Time since the start", unit, _from_start(series.step, passed / size), unit)


def _from_start(step: IntArray, value: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return steps and what was counted until each, with the start where it is known."""
    steps = step.astype(np.float64)
    return (np.append(0.0, steps), np.append(0.0, value)) if step[0] == 1 else (steps, value)


def _sqrt_kl(run: Run) -> Abscissa:
    series = next((one for one in _named(run, "kl_reference") if len(one) > 1), None)
    if series is None:
        raise ChartError(_missing(run, "KL divergence to a reference model", "sqrt-kl"))
    step, level, note = series.step.astype(np.float64), series.value, ""
    if len(series) >= DENSE:
        window = suggest_window(step, level)
        level, note = local_linear(step, level, window), f"KL: local-linear fit over {window:g} steps."
    known = (step, np.sqrt(np.maximum(level, 0.0)))
    return Abscissa("√KL to the reference", "", known, "of √KL", note=note)


_MAKERS: Mapping[XAxis, Callable[[Run], Abscissa]] = {
    "step": lambda run: STEPS,
    "tokens": _tokens,
    "time": _time,
    "sqrt-kl": _sqrt_kl,
}


def _named(run: Run, meaning: str) -> Iterator[Series]:
    """Return the metrics of a meaning, the one that plays the part first."""
    own = run.roles.get(meaning, "")
    keys = [own] if own in run.metrics else []
    return (run.metrics[key] for key in (*keys, *(key for key in run.metrics if means(key, (meaning,)))))


def _counted(run: Run, meaning: str, x: XAxis) -> Series:
    """Return the first metric of a meaning that counts up from the start: others say how much a single step took."""
    for series in _named(run, meaning):
        if len(series) > 1 and np.all(np.diff(series.value) >= 0.0) and series.value[-1] > series.value[0]:
            return series
    raise ChartError(_missing(run, f"{meaning} counted from the start", x))


def _missing(run: Run, what: str, x: XAxis) -> str:
    return f"{run.name} logs no {what}, so --x {x} cannot be drawn; the step is always there (--x step)."
