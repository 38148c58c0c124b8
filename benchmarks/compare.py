"""``heldout bench compare``: how often do comparisons of recipes say what is not so, and how often what is?

Recipes of several seeds are drawn whose true difference is known. Counted is how often they are called different that
are not, how often intervals, bands and sets hold the truth, and how often a difference is found, beside what people do.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from benchmarks.harness import Sheet, check_name, in_processes, write
from benchmarks.recipes import Recipes
from heldout.stats import levels, seeds, student
from heldout.stats.best import best_set, shrunk
from heldout.stats.crossed import difference
from heldout.stats.equivalence import equivalence
from heldout.stats.rates import mcnemar, standard_error
from heldout.stats.simultaneous import band

Trial = Callable[[np.random.Generator], Mapping[str, float]]
MARGIN = 0.02
TWO = 0.135  # logits by which seeds are off that solve two points more or less
SEEN_TWO = 0.108  # by which scores on 1000 problems are two points off, with the luck of the answers
STEPS = 20  # evaluations of a curve
RECIPES = 8  # of which the best is asked


@dataclass(frozen=True)
class Question:
    """What is asked of simulated recipes, once for each draw."""

    of: str  # which table it belongs to
    setting: str
    trial: Trial


@dataclass(frozen=True, slots=True)
class Answer:
    """The mean over all draws of what one method said, and its standard error."""

    of: str
    setting: str
    method: str
    value: float
    se: float
    draws: int

    @property
    def text(self) -> str:
        """Both, in percent or points; nothing where it was not asked."""
        return "" if math.isnan(self.value) else f"{100.0 * self.value:.1f} ±{100.0 * self.se:.1f}"


def main(draws: int, seed: int, workers: int, out: Path | None) -> None:
    """Print a table for each kind of question, and what the largest comparisons take, and write them where asked."""
    check_name(out)
    console = Console(highlight=False)
    answers = measure(questions(), draws, seed, workers, console)
    sheets = [*tables(answers, f"{draws} draws, seed {seed}"), speed()]
    for sheet in sheets:
        console.print(sheet.drawn())
    write(out, sheets, answers)


def measure(
    asked: Sequence[Question], draws: int, seed: int, workers: int = 1, console: Console | None = None
) -> list[Answer]:
    """Ask every question so many times; each has random numbers of its own."""
    jobs = [(place, one, draws, seed) for place, one in enumerate(asked)]
    with in_processes(workers, _asked) as work:
        done = track(work(jobs), "Comparing", total=len(jobs), console=console, disable=console is None)
        found = dict(done)
    return [answer for place in range(len(jobs)) for answer in found[place]]


def _asked(job: tuple[int, Question, int, int]) -> tuple[int, list[Answer]]:
    place, one, draws, seed = job
    rng = np.random.default_rng([seed, place])
    said = [one.trial(rng) for _ in range(draws)]
    rows = {method: np.array([each[method] for each in said]) for method in said[0]}
    return place, [
        Answer(one.of, one.setting, method, float(row.mean()), float(row.std() / math.sqrt(draws)), draws)
        for method, row in rows.items()
    ]


NULL, POWER, SAME, MEAN, CURVE, BEST, MIDDLE, HIGHEST = (
    "Called different at 5 %, recipes that are not, %",
    "Called different, recipes that are, %",
    "Called the same within 2 points, recipes that are 2 points apart and that are not, %",
    "Intervals of 95 % for a mean over seeds that hold it, %",
    f"Two equal recipes called different at one of {STEPS} evaluations, %",
    f"Sets of {RECIPES} recipes that hold the best, %, and how many are in them",
    "Intervals of 95 % for the mean of the middle half that hold it, %",
    "The highest of 20 equal runs on 500 problems: too high by, in points",
)


def questions() -> list[Question]:
    """All that is asked."""
    nulls = [
        Recipes(256, 3), Recipes(256, 3, 0.15), Recipes(256, 3, 0.15, 0.8), Recipes(256, 5, 0.15, 0.8),
        Recipes(256, 3, 0.0, 0.8), Recipes(64, 5, 0.05, 1.2), Recipes(256, 1), Recipes(256, 1, 0.15),
        Recipes(256, 1, 0.3), Recipes(64, 3, 0.15, 0.8), Recipes(1000, 10, 0.15, 0.8),
        Recipes(256, 3, 0.07, wilder=4.0), Recipes(256, 5, 0.07, 0.8, wilder=4.0),
    ]  # fmt: skip
    powers = [
        Recipes(1000, 5, TWO, truth=0.045), Recipes(256, 5, TWO, truth=0.072), Recipes(1000, 3, TWO, truth=0.045),
        Recipes(1000, 3, TWO, truth=0.072), Recipes(1000, 3, TWO, 0.8, truth=0.072),
    ]  # fmt: skip
    seen = [Recipes(1000, k, SEEN_TWO, truth=0.045) for k in (3, 5)]
    same = [
        Recipes(n, k, s, truth=t) for n, k, s in ((1000, 5, 0.03), (1000, 1, 0.0), (256, 3, 0.15)) for t in (0.02, 0.0)
    ]
    curves = [(Recipes(256, 1), False), *((Recipes(256, 3, 0.15), anew) for anew in (False, True))]
    return [
        *(Question(NULL, str(one), partial(two_recipes, one)) for one in nulls),
        *(Question(POWER, str(one), partial(two_recipes, one)) for one in powers),
        *(Question(SAME, str(one), partial(called_same, one)) for one in same),
        *(Question(MEAN, f"{k} seeds", partial(mean_of_seeds, k)) for k in (3, 4, 5, 10)),
        *(Question(CURVE, _curve(one, anew), partial(two_curves, one, anew)) for one, anew in curves),
        *(
            Question(
                BEST,
                f"{n} problems, {k} {'seed' if k == 1 else 'seeds'}{', apart' if width else ', equal'}",
                partial(the_best, n, k, width),
            )
            for n, k, width in ((256, 1, 0.0), (1000, 1, 0.0), (1000, 1, 0.6), (256, 3, 0.0), (1000, 3, 0.6))
        ),
        *(Question(MIDDLE, f"{m} benchmarks, {k} seeds", partial(middle, m, k)) for m, k in ((5, 3), (5, 5), (20, 3))),
        Question(HIGHEST, "all equal", partial(highest, 0.0)),
        Question(HIGHEST, "true levels scatter by 2 points", partial(highest, 0.02)),
        *(Question(POWER, str(one), partial(two_recipes, one)) for one in seen),
    ]


def _curve(one: Recipes, anew: bool) -> str:
    return f"{one}{', anew at each evaluation' if anew else ''}"


def two_recipes(one: Recipes, rng: np.random.Generator) -> dict[str, float]:
    """Whether two recipes are called different, by three ways, and whether the interval holds the truth."""
    a, b = one.draw(rng)
    found, each = difference(a, b), b.mean(axis=0) - a.mean(axis=0)
    over_problems = levels.two_sided_p(float(each.mean()) / standard_error(each))
    over_seeds = seeds.welch(a.mean(axis=1), b.mean(axis=1)).p if one.k > 1 else math.nan
    won, lost = int((b > a).sum()), int((b < a).sum())
    pooled = mcnemar(won, lost)  # of all runs' problems, as if each were another problem
    return {
        "heldout": float(found.p < 0.05),
        "interval holds": float(found.low <= one.truth <= found.high),
        "seeds only (Welch)": float(over_seeds < 0.05) if one.k > 1 else math.nan,
        "problems only (paired z)": float(over_problems < 0.05),
        "problems pooled (McNemar)": float(pooled < 0.05),
    }


def called_same(one: Recipes, rng: np.random.Generator) -> dict[str, float]:
    """Whether two recipes are called the same, by the interval and by a test that found no difference."""
    found = difference(*one.draw(rng))
    return {"heldout": float(equivalence(found, MARGIN).same), "p above 0.05": float(found.p > 0.05)}


def mean_of_seeds(k: int, rng: np.random.Generator) -> dict[str, float]:
    """Whether the interval of a mean over k seeds holds it, by three ways."""
    scores = rng.standard_normal(k)
    found, drawn = seeds.mean(scores), scores[rng.integers(0, k, (1000, k))].mean(axis=1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return {
        "heldout": float(found.low <= 0.0 <= found.high),
        "mean ± 1.96 se": float(abs(found.value) <= levels.TWO_SIDED_95 * found.se),
        "percentile bootstrap": float(low <= 0.0 <= high),
    }


def two_curves(one: Recipes, anew: bool, rng: np.random.Generator) -> dict[str, float]:
    """Whether two equal recipes are called different at any evaluation, pointwise and by the band."""
    a, b = one.curves(rng, STEPS, anew)
    points = [difference(*pair) for pair in zip(a, b, strict=True)]
    found = band(
        b.mean(axis=1) - a.mean(axis=1),
        se=[point.se for point in points],
        df=[point.df for point in points],
        draws=1000,
        seed=int(rng.integers(2**31)),
    )
    return {
        "heldout": float(np.any((found.low > 0.0) | (found.high < 0.0))),
        "each by itself": float(any(point.p < 0.05 for point in points)),
    }


def the_best(n: int, k: int, width: float, rng: np.random.Generator) -> dict[str, float]:
    """Whether the set holds the best of several recipes, whether the highest is it, and the size of the set."""
    shifts = np.linspace(width, 0.0, RECIPES)
    made = Recipes(n, k, 0.15 if k > 1 else 0.0).draw(rng, shifts)
    found = best_set(list(made), draws=1000, seed=int(rng.integers(2**31)))
    return {
        "heldout": float(0 in found.members),
        "the highest alone": float(found.highest == 0),
        "recipes in the set": len(found.members) / 100.0,  # told in hundredths as all else
    }


def middle(benchmarks: int, k: int, rng: np.random.Generator) -> dict[str, float]:
    """Whether the interval of the mean of the middle half holds it, widened and as it is."""
    levels_of = np.linspace(0.2, 0.8, benchmarks)[:, None]
    found = seeds.iqm(levels_of + 0.03 * rng.standard_normal((benchmarks, k)), seed=int(rng.integers(2**31)))
    if found is None:
        raise ValueError("there are too few scores for the mean of their middle half.")
    wider = math.sqrt(k / (k - 1)) * student.quantile(0.975, found.df) / levels.TWO_SIDED_95
    as_it_is = found.value + (found.low - found.value) / wider, found.value + (found.high - found.value) / wider
    return {
        "heldout": float(found.low <= 0.5 <= found.high),  # by symmetry
        "percentile bootstrap": float(as_it_is[0] <= 0.5 <= as_it_is[1]),
    }


def highest(spread: float, rng: np.random.Generator) -> dict[str, float]:
    """By how much the highest of 20 runs is above its truth, as it was seen and shrunk."""
    truth = 0.5 + spread * rng.standard_normal(20)
    error = math.sqrt(0.25 / 500)
    seen = truth + error * rng.standard_normal(20)
    top = int(seen.argmax())
    return {"heldout": float(shrunk(seen, error)[top] - truth[top]), "as it was seen": float(seen[top] - truth[top])}


def tables(answers: Sequence[Answer], size: str) -> list[Sheet]:
    """One table for each kind of question; one row a setting, one column a method."""
    sheets = []
    for of in dict.fromkeys(answer.of for answer in answers):
        own = [answer for answer in answers if answer.of == of]
        methods = list(dict.fromkeys(answer.method for answer in own))
        cells = {(answer.setting, answer.method): answer for answer in own}
        rows = tuple(
            (setting, *(cells[setting, method].text for method in methods))
            for setting in dict.fromkeys(answer.setting for answer in own)
        )
        what = "problems, seeds, their scatter in points" if of in (NULL, POWER, SAME) else "of"
        sheets.append(Sheet(f"{of} ({size})", (what, *methods), rows))
    return sheets


def speed() -> Sheet:
    """What the largest comparisons take on this machine."""
    rows = []
    for runs in (20, 200):
        rng = np.random.default_rng(0)
        outcomes = rng.random((runs, 50, 1000), dtype=np.float32) < 0.5
        begin = time.process_time()
        for run in range(1, runs):
            band(outcomes[run].astype(np.float64) - outcomes[0])
        bands = time.process_time()
        best_set([run[-1:].astype(np.float64) for run in outcomes])
        rows.append((f"{runs}", f"{bands - begin:.1f}", f"{time.process_time() - bands:.1f}"))
    head = ("runs of 50 evaluations of 1000 problems", "bands against the first, s", "the set of the best, s")
    return Sheet("What large comparisons take of the processor", head, tuple(rows))
