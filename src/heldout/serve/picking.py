"""What a reader picks of the figures of a run: what stands on the left and on the right, over what, and how smooth.

It stands in the query of an address, so that a link shows the same; and it is what the flags of ``heldout chart`` are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args
from urllib.parse import urlencode

import numpy as np

from heldout.charts import Hints, dual_axis
from heldout.charts.abscissa import abscissa_of
from heldout.charts.hints import Limits, XAxis
from heldout.errors import ChartError, UsageError
from heldout.findings import Verdict
from heldout.report.figures import Figure, labels_of, marks_of, standard_figures
from heldout.run import Run
from heldout.text import sentence_list, visible

OWN = "picked"  # the figure of metrics that were picked
_ROLES = {"reward-and-held-out": ("reward", "held_out"), "length-and-pass-rate": ("length", "held_out")}
_X_AXES: Mapping[XAxis, str] = {"step": "step", "tokens": "tokens", "time": "time", "sqrt-kl": "√KL"}
_MOST_KEYS = 500  # that are offered; an address may name any
_NONE, _LEAST = 0.0, 1.0  # steps of a window
_WIDTHS = (5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000)
_SMOOTHEST, _FINEST = 0.25, 0.004  # of all steps, that the widths which are offered take


@dataclass(frozen=True, slots=True)
class Picked:
    """What was picked; as it is, the usual figures."""

    left: str = ""  # a key or a role; empty for the usual figures
    right: str = ""  # empty for none
    x: XAxis = "step"
    window: float | None = None  # in steps, 0 for none; suggested by the data if None

    @classmethod
    def of(cls, asked: Mapping[str, str]) -> Picked:
        """Return what the query of an address picks; a UsageError where that is not allowed."""
        left, right, x = (asked.get(name, "") for name in ("left", "right", "axis"))
        if right and not left:
            raise UsageError("right= has no left= beside it; name the metric of the left axis too.")
        return cls(left, right, _x_axis(x or "step"), _window(asked.get("window", "")))

    @property
    def query(self) -> str:
        """The same as the query of an address."""
        window = "" if self.window is None else f"{self.window:g}"
        given = {"left": self.left, "right": self.right, "axis": "" if self.x == "step" else self.x, "window": window}
        return urlencode({name: value for name, value in given.items() if value}, errors="surrogatepass")

    @property
    def suffix(self) -> str:
        """The query as it ends an address."""
        return f"?{self.query}" if self.query else ""

    def hints(self, limits: Limits | None = None) -> Hints:
        """Return what is asked of the axes; `limits` are what of the x axis is seen."""
        return Hints(x=self.x, x_limits=limits)


def figures_of(run: Run, verdict: Verdict, picked: Picked, limits: Limits | None = None) -> list[Figure]:
    """Return the figures of a run as a reader picked them; what is none of the usual ones comes first.

    A UsageError where the run has no such metric, or nothing of the kind to draw over.
    """
    if picked.x not in x_axes(run):
        raise UsageError(f"{run.name} cannot be drawn over {picked.x}; it can over {sentence_list([*x_axes(run)])}.")
    asked = {"hints": picked.hints(limits), "window": picked.window}
    usual = standard_figures(run, verdict, **asked)  # type: ignore[arg-type]
    keys = tuple(_key(run, name) for name in (picked.left, picked.right) if name)
    if not keys or keys == shown_in(run, usual[0]):
        return usual
    marks = marks_of(run, verdict)
    chart = dual_axis(run, keys[0], keys[1:] or None, labels=labels_of(run), marks=marks, **asked)  # type: ignore[arg-type]
    return [Figure(OWN, " against ".join(keys), chart, keys), *usual]


def shown_in(run: Run, figure: Figure) -> tuple[str, ...]:
    """Return the keys of a figure, the left one first."""
    return figure.metrics or tuple(run[role].name for role in _ROLES[figure.stem])


def x_axes(run: Run) -> dict[XAxis, str]:
    """Return what a run can be drawn over, and what that is called."""
    return {x: name for x, name in _X_AXES.items() if _has(run, x)}


def choices(run: Run, picked: Picked, first: Figure) -> dict[str, object]:
    """Return what the form above the figures offers, and what is chosen there."""
    shown = [*shown_in(run, first), ""][:2]
    played = dict.fromkeys(run.roles[role] for role in run.roles if run.roles[role] in run.metrics)
    named = dict.fromkeys([*filter(None, shown), *played, *sorted(run.metrics)])
    keys = [key for key in named if np.isfinite(run.metrics[key].value).any()]
    return {
        "metrics": keys[:_MOST_KEYS],
        "left": shown[0],
        "right": shown[1],
        "axes": x_axes(run),
        "axis": picked.x,
        "windows": list(_windows(run.steps.tolist(), picked.window)),
        "window": picked.window,
        "query": picked.query,
    }


def _windows(steps: Sequence[int], own: float | None) -> Iterator[float]:
    span = steps[-1] - steps[0] if steps else 0
    offered = {float(width) for width in _WIDTHS if _FINEST * span <= width <= _SMOOTHEST * span}
    yield from sorted(offered | {_NONE} | ({own} if own else set()))


def _has(run: Run, x: XAxis) -> bool:
    try:
        abscissa_of(run, x)
    except ChartError:
        return False
    return True


def _key(run: Run, name: str) -> str:
    """Return the metric of a key, as it is or as a page shows it, or of a role."""
    if (found := run.get(name)) is not None:
        return found.name
    shown = next((key for key in run.metrics if visible(key) == name), None)
    if shown is None:
        raise UsageError(visible(run.explain_missing(name[:80])))
    return shown


def _x_axis(text: str) -> XAxis:
    for x in get_args(XAxis):
        if text == x:
            return x  # type: ignore[no-any-return]
    raise UsageError(f"axis is {text[:20]!r}; it can be {', '.join(_X_AXES)}.")


def _window(text: str) -> float | None:
    try:
        found = float(text) if text else None
    except ValueError:
        found = np.nan
    if found is not None and found != _NONE and not _LEAST <= found < np.inf:
        raise UsageError(f"window is {text[:20]!r}; it must be a number of steps, {_LEAST:g} or more, or 0 for none.")
    return found
