"""``chart``: figures for a paper or a slide."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from heldout.cli.reading import Reading, with_reading
from heldout.errors import UsageError
from heldout.text import counted, sentence_list, visible

if TYPE_CHECKING:
    from heldout.charts import Chart, Hints, Style
    from heldout.run import Run

_AXIS = "x, left or right"
_OF_ONE = "draws a standard figure, and --left names another; give one of the two."


@with_reading()
def chart(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="A log, a run directory, or example:NAME; several are seeds.")
    ],
    left: Annotated[
        str | None, typer.Option(help="Metric on the left axis: a key, or reward, held_out, length.")
    ] = None,
    right: Annotated[
        list[str] | None, typer.Option(help="Metric on the right axis; may be given up to four times.")
    ] = None,
    figure: Annotated[
        Literal["reward-and-held-out", "length-and-pass-rate"] | None,
        typer.Option(help="One standard figure; both without it and --left."),
    ] = None,
    out: Annotated[
        Path, typer.Option("-o", "--out", help="File to write: .svg, .png, .pdf or .pgf; or a folder.")
    ] = Path(),
    formats: Annotated[str, typer.Option(help="Formats of the figures: svg, png, pdf, separated by commas.")] = "svg",
    x: Annotated[
        Literal["step", "tokens", "time", "sqrt-kl"], typer.Option("--x", help="What it is drawn against.")
    ] = "step",
    log: Annotated[list[str] | None, typer.Option(metavar="AXIS", help=f"A logarithmic axis: {_AXIS}.")] = None,
    xlim: Annotated[str | None, typer.Option(metavar="LOW:HIGH", help="What of the x axis is seen.")] = None,
    ylim: Annotated[
        list[str] | None, typer.Option(metavar="[AXIS=]LOW:HIGH", help="What of the left or right axis is seen.")
    ] = None,
    ticks: Annotated[
        list[str] | None, typer.Option(metavar="AXIS=FIRST:LAST:DISTANCE", help=f"Ticks of {_AXIS}.")
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option(metavar="AXIS=TEXT", help="Name of an axis; $…$ is a formula.")
    ] = None,
    entry: Annotated[
        list[str] | None, typer.Option(metavar="AXIS=TEXT", help="Name in the legend, of left or right.")
    ] = None,
    legend: Annotated[
        str | None, typer.Option(help="Where, unless it would hide a curve there: upper left, above, none, ….")
    ] = None,
    title: Annotated[str, typer.Option(help="A title above the figure; $…$ is a formula.")] = "",
    width: Annotated[
        float, typer.Option(min=4.0, max=60.0, help="Width in centimetres; a paper's column is 8.5, a slide 25.")
    ] = 16.0,
    height: Annotated[float | None, typer.Option(min=4.0, max=60.0, help="Height in centimetres.")] = None,
    theme: Annotated[Literal["light", "dark"], typer.Option(help="Colours for a light or a dark page.")] = "light",
    dpi: Annotated[float | None, typer.Option(help="Pixels per inch of a PNG; 200.")] = None,
    font: Annotated[str, typer.Option(help="sans, serif, the name of a font, or its file.")] = "sans",
    palette: Annotated[str, typer.Option(help="heldout, okabe-ito, grey, or colours: #0072b2,#d55e00.")] = "heldout",
    style: Annotated[
        str | None, typer.Option(metavar="FILE", help="A style sheet of matplotlib's, or the name of one.")
    ] = None,
    window: Annotated[float | None, typer.Option(min=0.0, help="Smoothing window in steps; 0 for none.")] = None,
    raw: Annotated[bool, typer.Option("--raw/--no-raw", help="Values behind a smoothed line.")] = True,
    peaks: Annotated[bool, typer.Option("--peaks/--no-peaks", help="Rings around the highest values.")] = True,
    verdict: Annotated[
        bool, typer.Option("--verdict/--no-verdict", help="Mark the checkpoint to keep, and where a fall began.")
    ] = False,
    *,
    reading: Reading,
) -> None:
    """Draw a run for a paper or a slide: the two standard figures, or any metrics against each other.

    Several runs are taken as seeds: their mean, with the 95 % t interval over seeds.

    Examples:  heldout chart runs/today -o figures --formats pdf --width 8.5 --font serif
    \b
               heldout chart runs/seed0 runs/seed1 runs/seed2 --left held_out -o seeds.svg
    """
    from heldout.charts import Style
    from heldout.report.kept import with_answers

    if left and figure:
        raise UsageError(f"--figure {figure} {_OF_ONE}")
    if right and not left:
        raise UsageError(f"--right {right[0]} has no --left beside it; name the metric of the left axis too.")
    kinds = _kinds(out, formats)
    if dpi is not None and "png" not in kinds:
        raise UsageError(f"--dpi is of a PNG, and {sentence_list([*kinds])} is to be written; leave it out.")
    look = Style(font, palette, style)
    hints = _hints(x, log or [], xlim, ylim or [], ticks or [], label or [], entry or [], legend, title, raw)
    runs = [with_answers(reading.one(path))[0] for path in paths]
    _check(runs, verdict)
    asked: dict[str, Any] = {"hints": hints, "window": window, "peaks": peaks}
    drawn = _figures(runs, left, right or [], figure, verdict, asked)
    sizes: dict[str, Any] = {"width_cm": width, "height_cm": height, "theme": theme, "dpi": dpi or 200.0}
    _write(drawn, out, kinds, look, sizes)


def _kinds(out: Path, formats: str) -> list[str]:
    """Which formats are to be written?"""
    from heldout.charts.spec import FILE_KINDS

    if out.suffix and not out.is_dir():
        return [out.suffix.lower().removeprefix(".")]
    kinds = [kind.strip().lower() for kind in formats.split(",") if kind.strip()]
    wrong = [kind for kind in kinds if kind not in FILE_KINDS]
    if wrong or not kinds:
        raise UsageError(f"--formats is {formats!r}; it can be {', '.join(FILE_KINDS)}, separated by commas.")
    return kinds


def _hints(
    x: Any,
    log: Sequence[str],
    xlim: str | None,
    ylim: Sequence[str],
    ticks: Sequence[str],
    label: Sequence[str],
    entry: Sequence[str],
    legend: str | None,
    title: str,
    raw: bool,
) -> Hints:
    """Return what is asked of axes and words."""
    from heldout.charts import Hints
    from heldout.charts.command import numbers_of, of_axes

    said: dict[str, Any] = {}
    for axis, text in of_axes("--ylim", ylim, "left").items():
        if axis == "x":
            raise UsageError(f"--ylim x={text} is of the x axis; that is --xlim {text}.")
        said[f"{axis}_limits"] = numbers_of("--ylim", text, 2)
    said |= {f"{axis}_ticks": numbers_of("--ticks", text, 3) for axis, text in of_axes("--ticks", ticks).items()}
    said |= {f"{axis}_label": text for axis, text in of_axes("--label", label).items()}
    for axis, text in of_axes("--entry", entry).items():
        if axis == "x":
            raise UsageError(f"--entry x={text} is of no curve; the legend has those of left and right.")
        said[f"{axis}_name"] = text
    for axis in log:
        if f"{axis}_ticks" in said:
            raise UsageError(
                f"--ticks of the {axis} axis are equally far apart, and --log {axis} is not; leave one out."
            )
    limits = numbers_of("--xlim", xlim, 2) if xlim is not None else None
    return Hints(x=x, log=frozenset(log), x_limits=limits, legend=legend, title=title or None, raw=raw, **said)  # type: ignore[arg-type]


def _check(runs: Sequence[Run], verdict: bool) -> None:
    """Refuse what cannot be meant of these runs, and say what a reader of the figure has to know."""
    if len(runs) == 1:
        return
    from heldout.copies import originals
    from heldout.settings import differing

    if verdict:
        raise UsageError(f"--verdict is of one run, and {len(runs)} are given; `heldout compare` judges several.")
    twice = {run.source for run in runs if sum(other.source == run.source for other in runs) > 1}
    if twice:
        raise UsageError(f"{sorted(twice)[0]} is given twice, and is no second seed; give each run once.")
    seeds, _ = originals(runs)  # the caption speaks of the others
    keys = list(differing([run.config for run in seeds]))
    if keys:
        named = sentence_list([*keys[:4], *([counted(len(keys) - 4, "more setting")] if len(keys) > 4 else [])])
        _say(f"These runs differ in {named}, not in their seed alone: the band holds that too.")


def _figures(
    runs: Sequence[Run],
    left: str | None,
    right: Sequence[str],
    figure: str | None,
    verdict: bool,
    asked: dict[str, Any],
) -> dict[str, Chart]:
    """Return the figures by the names of their files."""
    from heldout.charts import Marks, dual_axis
    from heldout.diagnosis.verdict import diagnose
    from heldout.report.figures import labels_of, marks_of, standard_figures

    one = runs[0] if len(runs) == 1 else runs
    judged = diagnose(runs[0]) if verdict else None
    if left:
        marks = marks_of(runs[0], judged) if judged else Marks()
        name = re.sub(r"[^\w.@-]+", "-", " ".join([left, *right])).strip("-.")[:80] or "chart"
        return {name: dual_axis(one, left, list(right) or None, labels=labels_of(runs[0]), marks=marks, **asked)}
    found = {made.stem: made.chart for made in standard_figures(one, judged, **asked)}
    if figure and figure not in found:
        raise UsageError(f"{runs[0].name} has no {figure}: that needs both metrics. It has {sentence_list([*found])}.")
    return {figure: found[figure]} if figure else found


def _write(drawn: dict[str, Chart], out: Path, kinds: Sequence[str], look: Style, sizes: dict[str, Any]) -> None:
    from heldout.charts import save, unknown_signs

    file = bool(out.suffix) and not out.is_dir()
    for stem, one in drawn.items():
        if unknown := unknown_signs(one, look):
            _say(f"No installed font has {' '.join(visible(unknown))}; boxes stand there. Give one by --font FILE.")
        if file:
            paths = [out if len(drawn) == 1 else out.with_name(f"{out.stem}-{stem}{out.suffix}")]
        else:
            paths = [out / f"{stem}.{kind}" for kind in kinds]
        for path in paths:
            print(visible(str(save(one, path, style=look, **sizes))))
        _say(one.caption)


def _say(sentence: str) -> None:
    print(visible(sentence), file=sys.stderr)
