"""Which figures belong to a run's report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from heldout.charts import Chart, Hints, Marks, Share, dual_axis, length_and_pass_rate, reward_and_held_out
from heldout.charts.command import command_for
from heldout.detectors.hacking import HACKED, TOLERATED
from heldout.diagnosis.description import curves_of
from heldout.diagnosis.first_screen import stretches
from heldout.diagnosis.hack_curve import hack_curve_of
from heldout.findings import State, Verdict
from heldout.metrics import ROLES, Unit, heading_of
from heldout.readers.roles import ROLE_FLAGS
from heldout.run import Run
from heldout.text import visible


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart and the name of its files."""

    stem: str
    title: str
    chart: Chart
    metrics: tuple[str, ...] = ()  # those of the left and the right side, where it is none of the standard figures


def standard_figures(
    run: Run | Sequence[Run],
    verdict: Verdict | None = None,
    *,
    hints: Hints | None = None,
    window: float | None = None,
    peaks: bool = True,
) -> list[Figure]:
    """Return the figures that a run's metrics allow: the two standard ones, or else its fullest metrics.

    With a verdict the checkpoint to keep, those tied with it and the onset of a fall are marked. Several runs are
    seeds; `hints`, `window` and `peaks` are those of `heldout.charts.dual_axis`.
    """
    runs = (run,) if isinstance(run, Run) else tuple(run)
    asked = {"hints": (hints or Hints()).over(_published(runs[0])), "window": window, "peaks": peaks}
    return list(_standard(runs, verdict, asked)) or [_fallback(runs, asked)]


def _standard(runs: Sequence[Run], verdict: Verdict | None, asked: Mapping[str, Any]) -> Iterator[Figure]:
    run = runs[0]
    asked = {**asked, "labels": labels_of(run), "marks": marks_of(run, verdict)}
    if all(_has(one, "reward", "held_out") for one in runs):
        share = _hack_rate(run, verdict) if len(runs) == 1 else None
        drawn = reward_and_held_out(runs, share=share, **asked)
        yield Figure("reward-and-held-out", "Reward against held-out score", drawn)
    if all(_has(one, "length", "held_out") for one in runs):
        score = run.unit(run["held_out"].name) is Unit.SCORE
        title = "Length against score" if score else "Length against pass rate"
        yield Figure("length-and-pass-rate", title, length_and_pass_rate(runs, **asked))


def marks_of(run: Run, verdict: Verdict | None) -> Marks:
    """Return what the figures mark of the verdict."""
    if verdict is None or verdict.recommended is None or verdict.state is State.CANNOT_TELL:
        return Marks()
    evaluated = [int(step) for step in run["held_out"].step]
    tied = tuple((float(low), float(high)) for low, high in stretches(verdict.tied, evaluated))
    onset = verdict.onset
    return Marks(
        chosen=float(verdict.recommended.step),
        tied=tied if len(verdict.tied) > 1 else (),
        onset=None if onset is None else float(onset.step),
        back=None if onset is None or onset.back is None else float(onset.back),
    )


def _hack_rate(run: Run, verdict: Verdict | None) -> Share | None:
    """Return the hack curve as it is drawn, where more fail than is tolerated: a line at the bottom says nothing."""
    curve = hack_curve_of(run)
    alarm = verdict is not None and any(finding.kind in HACKED for finding in verdict.findings)
    if curve is None or not (alarm or float(curve.low.max()) > TOLERATED):
        return None
    return Share("Rewarded, fails hidden tests", curve.step.astype(np.float64), curve.share, curve.low, curve.high)


def command_of(
    run: Run,
    figure: Figure,
    verdict: Verdict | None = None,
    out: str = "",
    named: str | None = None,
    *,
    hints: Hints | None = None,
    window: float | None = None,
) -> str:
    """Return the command that draws a figure of a run again; `named` is its name, where a log holds several.

    `hints` and `window` are those with which it was drawn.
    There is none of a run that was joined from several logs, and none where a name holds what a terminal would obey.
    """
    chosen = {role: run.roles[role] for role in ROLES if role in run.roles}
    flags = {ROLE_FLAGS[role]: key for role, key in chosen.items() if key != run.choices.roles.get(role)}
    if named is not None:
        flags["--run"] = named
    left, *right = figure.metrics or ("",)
    command = command_for(
        [run.source],
        out or f"{figure.stem}.svg",
        figure="" if left else figure.stem,
        left=left,
        right=right,
        hints=hints,
        window=window,
        verdict=verdict is not None,
        flags=flags,
    )
    return command if visible(command) == command and " + " not in run.source else ""


def _fallback(runs: Sequence[Run], asked: Mapping[str, Any]) -> Figure:
    run = runs[0]
    keys = [curve.series.name for curve in curves_of(run)]
    right = keys[1] if len(keys) > 1 else None
    title = f"{keys[0]} against {right}" if right else keys[0]
    drawn = dual_axis(runs, keys[0], right, labels=labels_of(run), **asked)
    return Figure("metrics", title, drawn, tuple(keys[:2]))


def labels_of(run: Run) -> dict[str, str]:
    """Return what the axes are called, with the unit of what was logged in percent."""
    percent = {key: " (%)" for key in run.metrics if run.unit(key) is Unit.PERCENT and "%" not in heading_of(key)}
    return {key: heading_of(key) + percent.get(key, "") for key in run.metrics}


def _has(run: Run, *roles: str) -> bool:
    return all(role in run.roles and len(run[role]) for role in roles)


def _published(run: Run) -> Hints:
    """Return the axes of the published figure that an example reproduces."""
    figure = run.config.get("figure")
    said = figure if isinstance(figure, dict) else {}
    return Hints(**{key: value for key, value in said.items() if key != "kind"})
