"""Small figures of training signals over the same steps: KL, entropy, lengths cut, clipping, parts of the reward.

Each is a drawing of a few kilobytes whose coordinates are steps, so that a page can zoom it by its frame alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from heldout.charts.curve import reduce
from heldout.metrics import heading_of
from heldout.run import Run, Series
from heldout.stats.arrays import FloatArray
from heldout.stats.smoothing import DENSE, block_means, local_linear, suggest_window
from heldout.text import counted, number, sentence_list

WIDTH, HEIGHT = 1000, 200  # units of a drawing: the whole run, and from the lowest to the highest value
_ROLES = (
    "kl_reference",
    "kl_policies",
    "kl_sampler",
    "entropy",
    "length",
    "truncation",
    "clip_fraction",
    "grad_norm",
    "zero_variance_groups",
    "reward_std",
)
_SEEN, _PARTS = 4, 12  # parts of the reward in sight, and of those that move all that are drawn
_NAMED = 12  # metrics that a sentence lists
_COLUMNS, _KEPT = 100, 200  # columns of a drawing, and of the values that can be read; two points each
_LINE, _BLOCKS = 80, 1_500  # points of a smoothed line, and blocks of values that it is made from
_EDGE = 8  # units that stay free above and below


@dataclass(frozen=True, slots=True)
class Multiple:
    """One drawing."""

    title: str
    key: str
    ends: str  # lowest and highest value
    raw: str  # the values as a path; of a dense series behind the line
    line: str  # smoothed; empty where the series is not dense
    smooth: str  # over how many steps
    at: int  # which of the page's lists of steps its values stand at
    values: list[float]


@dataclass(frozen=True, slots=True)
class Multiples:
    """All of them, and what they share."""

    drawings: tuple[Multiple, ...]
    steps: list[list[int]]  # lists of steps; most signals share one
    first: int  # step at the left edge
    last: int
    seen: int  # how many of them are in sight; the rest are further parts of the reward, which open
    note: str  # which signals never change, and which parts are not drawn

    @property
    def data(self) -> dict[str, object]:
        """What a script needs to read values."""
        each = [{"at": one.at, "values": one.values} for one in self.drawings]
        return {"first": self.first, "last": self.last, "width": WIDTH, "steps": self.steps, "drawings": each}


def multiples_of(run: Run) -> Multiples | None:
    """Return small figures of what a run logged beside reward and score; None where it logged nothing of that."""
    signals = dict.fromkeys(run.roles[role] for role in _ROLES if run.roles.get(role) in run.metrics)
    parts = [key for key in run.reward_parts() if key != run.roles.get("reward") and key not in signals]
    found, further = _logged(run, signals), _logged(run, parts if len(parts) > 1 else ())
    own, rest = _moving(found), _moving(further)
    if not own and not rest:
        return None
    first, last = int(run.steps[0]), int(run.steps[-1])
    steps: list[list[int]] = []
    drawings = tuple(_drawn(series, first, last, steps) for series in (*own, *rest[:_PARTS]))
    seen = len(own) + min(len(rest), _SEEN)
    level = [one for one in (*found, *further) if not np.ptp(one.value)]
    return Multiples(drawings, steps, first, last, seen, " ".join(_notes(level, rest[_PARTS:])))


def _logged(run: Run, keys: Iterable[str]) -> list[Series]:
    return [run.metrics[key] for key in keys if len(run.metrics[key]) > 1]


def _moving(found: Sequence[Series]) -> list[Series]:
    return [series for series in found if np.ptp(series.value) > 0.0]


def _notes(level: Sequence[Series], left_out: Sequence[Series]) -> Iterator[str]:
    """Say which signals are not drawn, and why."""
    if level:
        told = [f"{heading_of(one.name)} {number(float(one.value[0]))}" for one in level]
        yield f"The same at every step: {_some(told)}."
    if left_out:
        are = "is" if len(left_out) == 1 else "are"
        yield (
            f"{counted(len(left_out), 'more part')} of the reward {are} not drawn: "
            f"{_some([one.name for one in left_out])}; "
            "heldout chart RUN --left KEY draws one."
        )


def _some(texts: Sequence[str]) -> str:
    more = [f"{len(texts) - _NAMED} more"] if len(texts) > _NAMED else []
    return sentence_list([*texts[:_NAMED], *more])


def _drawn(series: Series, first: int, last: int, steps: list[list[int]]) -> Multiple:
    step, value = series.step.astype(np.float64), series.value
    kept, shown = reduce(step, value, _KEPT)
    own = [round(at) for at in kept.tolist()]
    if own not in steps:
        steps.append(own)
    low, high = float(value.min()), float(value.max())
    frame = (float(first), float(last), low, high)
    line, window = _smooth(step, value, frame)
    return Multiple(
        title=heading_of(series.name),
        key=series.name,
        ends=f"{number(low, high - low)} to {number(high, high - low)}",
        raw=_path(*reduce(step, value, _COLUMNS), *frame),
        line=line,
        smooth=f"local-linear over {window:g} steps" if window else "",
        at=steps.index(own),
        values=[float(f"{one:.5g}") for one in shown.tolist()],
    )


def _smooth(step: FloatArray, value: FloatArray, frame: tuple[float, float, float, float]) -> tuple[str, float]:
    """Return the smoothed line of a dense series and its window, nothing of another."""
    if step.size < DENSE:
        return "", 0.0
    window = suggest_window(step, value)
    x, y, _ = block_means(step, value, _BLOCKS)
    at = np.linspace(x[0], x[-1], _LINE)
    return _path(at, np.clip(local_linear(x, y, window, at=at), value.min(), value.max()), *frame), window


def _path(step: FloatArray, value: FloatArray, first: float, last: float, low: float, high: float) -> str:
    """Return points as a path in whole units of the drawing."""
    x = WIDTH * (step - first) / max(last - first, 1.0)
    share = (value - low) / (high - low) if high > low else np.full(value.shape, 0.5)
    y = HEIGHT - _EDGE - (HEIGHT - 2 * _EDGE) * share
    return "M" + "L".join(f"{a:.0f} {b:.0f}" for a, b in zip(x.tolist(), y.tolist(), strict=True))
