"""A comparison as a page: what it means, the numbers behind it, its figures, and what cannot be said."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from heldout.charts import Chart
from heldout.charts.browser import as_data
from heldout.charts.drawing import draw_all
from heldout.compare import words
from heldout.compare.figures import difference, scores
from heldout.compare.model import Answer, Comparison, Difference
from heldout.pages import template
from heldout.pages.tables import TextTable
from heldout.text import excerpt

_TONE = {Answer.BETTER: "green", Answer.WORSE: "green", Answer.SAME: "green"}
_CURVES = 4  # of differences that are drawn
_PROBLEMS = 40  # names of problems that are listed
_WIDTH = 100.0  # of a bar in the forest plot, in its own unit


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of the page: its chart, and its drawing for readers without a script and for paper."""

    stem: str
    title: str
    chart: Chart
    data: Mapping[str, Any]  # what a script makes of it
    still: str


@dataclass(frozen=True, slots=True)
class Bar:
    """An interval beside others, on one scale from 0 to 100."""

    name: str
    low: float
    high: float
    value: float
    text: str
    method: str


def as_page(found: Comparison) -> str:
    """Write a comparison as one page that needs no other file."""
    return template("compare.html", __package__).render(context(found))


def context(found: Comparison) -> Mapping[str, Any]:
    """Return what the template is filled with; `heldout serve` fills it the same way."""
    return {
        "found": found,
        "title": words.title(found),
        "subject": words.subject(found),
        "answers": [_answer(found, one) for one in found.differences] if _two(found) else [],
        "several": [] if _two(found) else list(map(_said(found), found.primary)),
        "where": words.where(found.at),
        "words_best": _may_be_best(found),
        "also": [*(words.over_steps(found, curve) for curve in found.curves), words.states(found), words.best(found)],
        "levels": _levels(found, words.columns(found)),
        "bars": _bars(found),
        "zero": _zero(found),
        "figures": figures(found),
        "parts": [part for part in found.problems if part.at == found.at] if _two(found) else [],
        "counts": _counts(found),
        "most": _PROBLEMS,
        "benchmarks": _benchmarks(found),
        "trimmed": list(words.trimmed(found)),
        "partings": _partings(found),
        "members": _members(found),
        "differs": _differs(found),
        "cannot_say": words.cannot_say(found),
    }


def _two(found: Comparison) -> bool:
    return len(found.recipes) == 2


def _said(found: Comparison) -> Callable[[Difference], str]:
    """What a difference means, and what it would be with runs that do not count."""
    return lambda one: " ".join((words.conclusion(found, one), *words.otherwise(found, one)))


def _answer(found: Comparison, one: Difference) -> Mapping[str, str]:
    measured = words.measured(found, one) if one.answer is not Answer.NOT_COMPARED else ""
    unit = "points" if found.spoken.share else ""
    return {
        "tone": _TONE.get(one.answer, "yellow"),
        "where": words.where(one.at),
        "measured": f"{measured} {unit}".strip() if measured else "",
        "method": words.method(one),
        "said": words.conclusion(found, one),
        "otherwise": " ".join(words.otherwise(found, one)),
    }


def _may_be_best(found: Comparison) -> str:
    if found.best is None:
        return ""
    return (
        f"{', '.join(map(words.name, found.best))} may be the best"
        if len(found.best) > 1
        else f"{words.name(found.best[0])} is told from all others"
    )


def _levels(found: Comparison, points: Sequence[str]) -> TextTable:
    rows = tuple(
        (
            words.name(recipe.name),
            *(words.level(found, recipe.levels.get(at)) for at in points),
            words.scatter(found, recipe),
            f"{recipe.counted} of {len(recipe.members)}",
        )
        for recipe in found.recipes
    )
    head = ("Recipe", *(words.heading(found, at) for at in points), "Seeds scatter (sd)", "Runs counted")
    return TextTable("Levels", head, rows)


def _bars(found: Comparison) -> list[Bar]:
    """The differences from the baseline as a forest plot, of three recipes or more."""
    shown = [one for one in found.primary if one.answer is not Answer.NOT_COMPARED]
    if _two(found) or not shown:
        return []
    place = _scale(shown)
    return [
        Bar(
            f"{words.name(one.a)} - {words.name(one.b)}",
            place(one.adjusted_low),
            place(one.adjusted_high),
            place(one.value),
            words.measured(found, one),
            words.method(one),
        )
        for one in shown
    ]


def _zero(found: Comparison) -> float:
    shown = [one for one in found.primary if one.answer is not Answer.NOT_COMPARED]
    return _scale(shown)(0.0) if shown else 0.0


def _scale(shown: Sequence[Difference]) -> Callable[[float], float]:
    """From a difference to its place on the scale, which holds 0 and all intervals."""
    low = min(0.0, *(one.adjusted_low for one in shown))
    high = max(0.0, *(one.adjusted_high for one in shown))
    span = (high - low) or 1.0

    def place(value: float) -> float:
        return round(0.03 * _WIDTH + 0.94 * _WIDTH * (value - low) / span, 2)

    return place


def figures(found: Comparison) -> list[Figure]:
    """Draw the scores over steps, and the first few differences."""
    charts = [("scores", "Scores over the steps", scores(found))]
    for number, curve in enumerate(found.curves[:_CURVES]):
        title = "Difference over the steps" if _two(found) else f"{words.name(curve.a)} - {words.name(curve.b)}"
        charts.append((f"difference-{number + 1}", title, difference(found, curve)))
    known = [(stem, title, chart) for stem, title, chart in charts if chart is not None]
    drawn = draw_all([chart for *_, chart in known], ())
    return [
        Figure(stem, title, chart, as_data(chart), one.still)
        for (stem, title, chart), one in zip(known, drawn, strict=True)
    ]


def _partings(found: Comparison) -> list[tuple[str, str]]:
    if not _two(found):
        return []
    return [(text.partition(": ")[0], text.partition(": ")[2]) for text in words.parting(found)]


def _counts(found: Comparison) -> TextTable | None:
    """The problems of several pairs, a row each."""
    rows = tuple(
        (
            f"{words.name(part.a)} - {words.name(part.b)}",
            *map(str, (part.only_a, part.only_b, part.both, part.neither)),
            f"{part.by_chance:.0f}" if part.by_chance >= 0.0 else "–",
        )
        for part in found.problems
        if part.at == found.at
    )
    head = ("Pair", "Only the first", "Only the second", "Both", "Neither", "Turn anyway")
    return None if _two(found) or not rows else TextTable("Problems", head, rows)


def _benchmarks(found: Comparison) -> TextTable | None:
    """The differences on each benchmark."""
    if not found.benchmarks:
        return None
    rows = tuple(words.benchmarks(found))
    head = ("Pair", "Benchmark", "Problems", "Difference", "p, paid for all")
    return TextTable("Benchmarks at the last step", head, rows)


def _members(found: Comparison) -> TextTable:
    rows = tuple(
        (
            excerpt(member.name, 60),
            words.name(recipe.name),
            member.seed or "–",
            member.state,
            "–" if member.keep_step is None else str(member.keep_step),
            "–" if member.keep is None else found.spoken.level(member.keep),
            "–" if member.last_step is None else str(member.last_step),
            str(member.evaluations),
            member.life.value if member.counted else f"not counted: {member.why}",
        )
        for recipe in found.recipes
        for member in recipe.members
    )
    head = ("Run", "Recipe", "Seed", "Verdict", "Keep step", "Estimate", "Last step", "Evaluations", "Ended")
    return TextTable("Runs", head, rows)


def _differs(found: Comparison) -> TextTable | None:
    """The settings in which recipes differ."""
    if not found.differs:
        return None
    head = ("Setting", *(words.name(recipe.name) for recipe in found.recipes))
    rows = tuple(
        (key, *("(not set)" if value is None else value for value in values)) for key, values in found.differs.items()
    )
    return TextTable("Settings that differ", head, rows)
