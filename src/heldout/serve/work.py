"""What a worker does with the place of a run: reads it, judges it, and makes what is shown of it.

Functions here take and return plain values: they are called in processes of their own (see `worker`).
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from math import isfinite
from pathlib import Path
from urllib.parse import urlencode

import orjson

from heldout.charts.browser import as_data
from heldout.charts.drawing import draw_all, render
from heldout.charts.spec import Kind
from heldout.compare import Comparison, compare
from heldout.compare.members import has_ended
from heldout.compare.page import context as comparison_context
from heldout.diagnosis.description import describe
from heldout.diagnosis.first_screen import first_screen
from heldout.diagnosis.looks import Looks, looks_of
from heldout.diagnosis.problems import problems_of
from heldout.diagnosis.verdict import diagnose
from heldout.errors import ReadError, UsageError
from heldout.findings import Verdict
from heldout.fleet.cache import Found
from heldout.fleet.judging import Way, rows_of
from heldout.fleet.places import changed_of, digest, leading_out, stamps_of
from heldout.live.fold import last_step
from heldout.live.follow import Follower
from heldout.pages import template
from heldout.readers import read_all
from heldout.report.figures import Figure, command_of
from heldout.report.json_report import as_json
from heldout.report.kept import with_answers
from heldout.report.pages import InlineFigure, context_of
from heldout.report.parts import parts_of
from heldout.rollouts.rollout import Rollouts
from heldout.run import Run
from heldout.serve import cells, samples, windows
from heldout.serve.picking import Picked, choices, figures_of

OWN = ["live.js"]  # scripts that no other page has
FILES: tuple[Kind, ...] = ("svg", "pdf", "png")  # as which a figure can be had
_VIEWS = 4  # of a run whose figures are kept for the next request
_HELD = 6  # runs whose content is kept for the next request
SETTLED = 120.0  # seconds after which nothing more is expected of a log
_STALE = 20.0  # times its cost that a verdict is kept while the log grows, and no evaluation is new


@dataclass(frozen=True, slots=True)
class Asked:
    """Which run is meant, and how it is judged."""

    place: str
    roots: tuple[str, ...]
    run: str | None = None  # its name, where the place holds several
    planned: int | None = None  # evaluations of the whole run


@dataclass(frozen=True, slots=True)
class Where:
    """What links on a page need."""

    slug: str
    base: str = ""

    @property
    def linked(self) -> str:
        """Where style and scripts lie."""
        return f"{self.base}/assets"


def rows_in(asked: Asked) -> Found:
    """Return the rows of all runs in a place, see `fleet.judging`; what leads out of what is served is not read."""
    return rows_of(_checked(asked), Way(planned=asked.planned))


def page_of(asked: Asked, where: Where, picked: Picked) -> str:
    """Return the page of a run, with the figures that a reader picked."""
    held = _held(asked)
    figures = held.figures(picked)
    drawn = draw_all([figure.chart for figure in figures], ())
    inline = [
        InlineFigure(
            figure.stem,
            figure.chart.caption,
            as_data(figure.chart),
            done.still,
            [f"{where.base}/api/figure/{where.slug}/{figure.stem}.{kind}{picked.suffix}" for kind in FILES],
            command_of(held.run, figure, held.verdict, named=asked.run, hints=picked.hints(), window=picked.window),
        )
        for figure, done in zip(figures, drawn, strict=True)
    ]
    about = describe(held.run, held.verdict, held.looks)
    context = context_of(held.run, about, held.verdict, inline, parts_of(held.run, held.verdict, held.answers))
    served = {
        "where": where,
        "linked": where.linked,
        "served_scripts": OWN,
        "stamp": held.stamp,
        "answers": held.answers is not None,
        "picking": choices(held.run, picked, figures[0]),
    }
    if picked.x != "step":  # what stands over steps has no place beside
        served |= {"lane": (), "multiples": ()}
    return template("run.html", "heldout.serve", "heldout.report").render(context | served)


def live_of(asked: Asked, columns: int, picked: Picked) -> bytes:
    """Return what changes on the page of a run while it goes on."""
    held = _held(asked)
    lines = [
        {"key": line.key, "answer": line.answer, "how": line.how, "command": line.command}
        for line in first_screen(held.run, held.verdict, held.looks)
    ]
    state = {"state": held.verdict.state.value, "label": held.verdict.label, "colour": held.verdict.colour}
    figures = {figure.stem: as_data(figure.chart, columns) for figure in held.figures(picked)}
    told = {"stamp": held.stamp, "last": last_step(held.run), "ended": has_ended(held.run)}
    return orjson.dumps(told | {"verdict": state, "lines": lines, "figures": figures})


def comparison_of(several: Sequence[tuple[str, Asked]], options: Mapping[str, str], base: str) -> str:
    """Return the page that compares runs, which are given with their names."""
    context = comparison_context(_compared(several, options))
    slugs = options.get("slugs", "").split()
    named = {name for part in context["parts"] for name in (*part.sure_a, *part.sure_b)}
    answers = _kept_answers(several, slugs, named, base) if named else {}
    shown = {"base": base, "linked": f"{base}/assets", "asked": options, "slugs": slugs, "kept": answers}
    return template("compared.html", "heldout.serve", "heldout.compare").render({**context, **shown})


def _kept_answers(
    several: Sequence[tuple[str, Asked]], slugs: Sequence[str], problems: AbstractSet[str], base: str
) -> dict[str, list[tuple[str, str]]]:
    """Return, for each problem of which answers were kept, the runs that have some and where they are shown."""
    found: dict[str, list[tuple[str, str]]] = {}
    for (run, asked), slug in zip(several, slugs, strict=True):
        answers = _held(asked).answers
        for name in problems & set(answers.problems if answers else ()):
            where = f"{base}/run/{slug}/samples?{urlencode({'problem': name}, errors='surrogatepass')}"
            found.setdefault(name, []).append((run, where))
    return found


def comparison_data(several: Sequence[tuple[str, Asked]], options: Mapping[str, str]) -> bytes:
    """Return a comparison for programs, schema ``heldout.compare/1``."""
    return _compared(several, options).json()


def _compared(several: Sequence[tuple[str, Asked]], options: Mapping[str, str]) -> Comparison:
    verdicts: dict[int, Verdict] = {}
    runs: list[Run] = []
    for name, asked in several:
        held = _held(asked)
        runs.append(replace(held.run, name=name))
        verdicts[id(runs[-1])] = held.verdict
    return compare(
        runs,
        at=options["at"] or "keep",
        by=options["by"] or None,
        baseline=options["baseline"] or None,
        benchmark=options["benchmark"] or None,
        verdict_of=lambda run: verdicts.get(id(run)) or diagnose(run),
    )


def report_of(asked: Asked) -> bytes:
    """Return a run for programs, schema ``heldout.report/1``."""
    held = _held(asked)
    about = describe(held.run, held.verdict, held.looks)
    return as_json(held.run, about, held.verdict, {}, parts_of(held.run, held.verdict, held.answers))


def figure_of(asked: Asked, stem: str, window: tuple[float, float], columns: int, picked: Picked) -> bytes:
    """Return a window of steps of a figure, schema ``heldout.chart/1``."""
    return orjson.dumps(as_data(_figure(_held(asked).figures(picked), stem).chart, columns, window))


def drawing_of(
    asked: Asked, stem: str, kind: Kind, width_cm: float, window: tuple[float, float], picked: Picked
) -> bytes:
    """Return a figure, or a window of its steps, as a file: what its command writes, byte for byte."""
    held = _held(asked)
    chart = _figure(held.figures(picked), stem).chart
    low, high = (end if isfinite(end) else limit for end, limit in zip(window, chart.x.limits, strict=True))
    if not low < high:
        first, last = chart.x.limits
        raise UsageError(
            f"from is {low:g} and to is {high:g}; from must be below to, and the figure goes from {first:g} to "
            f"{last:g}."
        )
    if (low, high) != chart.x.limits:
        chart = _figure(figures_of(held.run, held.verdict, picked, (low, high)), stem).chart
    return render(chart, kind, width_cm=width_cm)


def window_of(asked: Asked, wanted: windows.Wanted) -> bytes:
    """Return a window of steps of some metrics, see `windows`."""
    return windows.packed(_held(asked).run, wanted)


def problems_in(asked: Asked) -> bytes:
    """Return what became of each problem of a run, see `cells`."""
    held = _held(asked)
    return cells.packed(problems_of(held.run, held.verdict))


def samples_of(asked: Asked, query: Mapping[str, str], where: Where) -> str:
    """Return the page that lists the answers of a run."""
    held = _held(asked)
    return samples.list_page(held.run, held.answers, query, where.base, where.slug)


def sample_of(asked: Asked, step: int, number: int, where: Where) -> str:
    """Return the page of one answer."""
    held = _held(asked)
    return samples.one_page(held.run, held.answers, step, number, where.base, where.slug)


def samples_data(asked: Asked, query: Mapping[str, str]) -> bytes:
    """Return the answers of a run for programs, schema ``heldout.samples/1``."""
    return orjson.dumps(samples.data(_held(asked).answers, query))


def sample_data(asked: Asked, step: int, number: int) -> bytes:
    """Return one answer for programs."""
    return orjson.dumps(samples.one_data(_held(asked).answers, step, number))


# --- what is kept between two requests


class _Held:
    """A run that was read, and what was found out about it."""

    def __init__(self, stamp: str, run: Run, answers: Rollouts | None, verdict: Verdict, judged: float) -> None:
        self.stamp, self.run, self.answers, self.verdict = stamp, run, answers, verdict
        self.judged = judged  # until when the verdict is fresh enough
        self.figures = lru_cache(maxsize=_VIEWS)(partial(figures_of, run, verdict))

    @cached_property
    def looks(self) -> Looks | None:
        return None if self.answers is None else looks_of(self.verdict, self.answers)


_known: OrderedDict[Asked, tuple[Follower | None, _Held]] = OrderedDict()


def _held(asked: Asked) -> _Held:
    """Return a run as it is now: read where its place has changed, and then only what is new if it goes on."""
    place = _checked(asked)
    stamps = stamps_of(place)
    stamp = digest(stamps)
    follower, before = _known.get(asked, (None, None))
    growing = time.time() - changed_of(stamps) < SETTLED
    if before is None or before.stamp != stamp or (follower is not None and not growing):
        follower = (follower or Follower(place, run=asked.run)) if growing else None
        _known[asked] = follower, _read(asked, follower, stamp, before)
    _known.move_to_end(asked)
    while len(_known) > _HELD:
        _known.popitem(last=False)
    return _known[asked][1]


def _read(asked: Asked, follower: Follower | None, stamp: str, before: _Held | None) -> _Held:
    run = _only(asked) if follower is None else follower.poll()
    if run is None and before is not None:
        run = before.run
    if run is None:
        raise ReadError(follower.waiting if follower else asked.place)
    run, answers = with_answers(run)
    if before is not None and time.monotonic() < before.judged and _is_judged_alike(before.run, run):
        return _Held(stamp, run, answers, before.verdict, before.judged)
    began = time.monotonic()
    verdict = diagnose(run, horizon=asked.planned)
    ended = time.monotonic()
    return _Held(stamp, run, answers, verdict, ended + _STALE * (ended - began))


def _only(asked: Asked) -> Run:
    runs = read_all(asked.place, run=asked.run)
    if len(runs) != 1:
        raise ReadError(f"{asked.place} holds {len(runs)} runs of that name.")
    return runs[0]


def _is_judged_alike(one: Run, other: Run) -> bool:
    """Whether two readings of a run have the same evaluations."""
    ends = [None if (held_out := run.get("held_out")) is None else len(held_out) for run in (one, other)]
    return ends[0] == ends[1] and one.roles == other.roles


def _checked(asked: Asked) -> Path:
    """Return the place, where nothing in it leads out of what is served."""
    place = Path(asked.place)
    out = leading_out(place, [Path(root) for root in asked.roots])
    if out is not None:
        raise ReadError(
            f"{out.relative_to(place.parent)} is a link to a place outside of what is served; serve that folder too, "
            "or put a copy in its place."
        )
    return place


def _figure(figures: Sequence[Figure], stem: str) -> Figure:
    found = next((figure for figure in figures if figure.stem == stem), None)
    if found is None:
        names = ", ".join(figure.stem for figure in figures)
        raise UsageError(f"There is no such figure of this run; it has {names}.")
    return found
