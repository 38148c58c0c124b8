"""A comparison as data: recipes and their runs, how good each is, how they differ, and what cannot be said.

Scores are as they are judged: shares as fractions, and higher is better, whatever the log has. A difference is the
first recipe minus the second.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from heldout.metrics.phrasing import Spoken
from heldout.showing import in_notebook
from heldout.stats.arrays import FloatArray, IntArray
from heldout.text import visible

KEEP, LAST, ALL = "keep", "last", "all"
Track: TypeAlias = tuple[FloatArray, FloatArray]


class Answer(StrEnum):
    """What a difference says."""

    BETTER = "better"  # the first is better than the second
    WORSE = "worse"
    SAME = "same"  # the difference is shown to be smaller than the margin
    CANNOT_TELL = "cannot tell"
    NOT_COMPARED = "not compared"


class Life(StrEnum):
    """How a run ended, as far as its log tells."""

    FINISHED = "finished"
    GOES_ON = "goes on"
    FAILED = "failed"
    EARLY = "ended early"
    UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Member:
    """A run of a recipe."""

    name: str
    source: str
    seed: str  # empty where it is not known
    state: str  # of its verdict
    label: str
    evaluations: int
    last_step: int | None  # of its evaluations
    keep_step: int | None  # of the checkpoint that its verdict would keep
    keep: float | None  # what its verdict believes of the score there
    raw_maximum: float | None  # the best score of the log, which chance flatters
    life: Life
    counted: bool  # whether it is part of the numbers; one that ended early is not
    why: str = ""  # it is not
    copy_of: str = ""  # the run that has all its measurements; a copy is no seed


@dataclass(frozen=True, slots=True)
class Level:
    """How good a recipe is at one point of its training; `nan` for what is not known."""

    at: str
    value: float
    low: float = math.nan  # 95 % interval
    high: float = math.nan
    se: float = math.nan
    df: float = math.nan
    method: str = ""
    runs: int = 1
    steps: tuple[int, ...] = ()  # of each run
    seed_sd: float = math.nan  # how far seeds scatter


@dataclass(frozen=True, slots=True, eq=False)
class Recipe:
    """One side of a comparison."""

    name: str
    by: str  # how its runs were found to belong together; empty for a single run
    members: tuple[Member, ...]
    levels: Mapping[str, Level] = field(default_factory=dict)  # by point: keep, last, all, or a step
    tracks: tuple[Track, ...] = ()  # steps and scores of each run that counts

    @property
    def counted(self) -> int:
        """How many of its runs are part of the numbers."""
        return sum(member.counted for member in self.members)


@dataclass(frozen=True, slots=True)
class Otherwise:
    """What the difference would be with runs that were not counted."""

    text: str
    value: float
    low: float
    high: float
    answer: Answer


@dataclass(frozen=True, slots=True)
class Difference:
    """How much better recipe `a` is than recipe `b` at one point; `nan` for what is not known."""

    a: str
    b: str
    at: str
    value: float
    low: float = math.nan  # 95 % interval of this one comparison
    high: float = math.nan
    se: float = math.nan
    df: float = math.nan
    p: float = math.nan
    method: str = ""
    seeds: tuple[int, int] = (1, 1)
    problems: int | None = None  # that both have
    comparisons: int = 1  # made at this point; the next three are paid for all of them
    adjusted_low: float = math.nan
    adjusted_high: float = math.nan
    adjusted_p: float = math.nan
    margin: float = math.nan  # below which two are the same
    possible: float = math.nan  # the largest difference, either way, that the interval paid for all still has
    smallest_visible: float = math.nan  # that would be found in 4 of 5 cases
    answer: Answer = Answer.NOT_COMPARED
    why: str = ""  # it was not compared
    otherwise: tuple[Otherwise, ...] = ()

    @property
    def one_run_each(self) -> bool:
        """Whether it is about two checkpoints and not about two recipes."""
        return self.seeds == (1, 1)


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """The difference over the steps that both evaluated, with intervals that hold for all steps at once."""

    a: str
    b: str
    steps: IntArray
    value: FloatArray
    low: FloatArray  # nan where nothing bounds it
    high: FloatArray
    method: str

    @property
    def apart(self) -> tuple[int, ...]:
        """The steps at which the interval leaves out 0."""
        return tuple(self.steps[(self.low > 0.0) | (self.high < 0.0)].tolist())


@dataclass(frozen=True, slots=True)
class Part:
    """Problems that one of two recipes solves, both, or neither; solved by half of the answers or more counts."""

    a: str
    b: str
    at: str
    both: int
    only_a: int
    only_b: int
    neither: int
    by_chance: float  # how many turn either way from one evaluation to the next of one recipe; nan where unknown
    sure_a: tuple[str, ...] = ()  # problems of which it is sure, one by one, that only the first solves them
    sure_b: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BenchmarkDifference:
    """The difference of two recipes on one of several benchmarks, at the last step."""

    a: str
    b: str
    benchmark: str  # or the mean of all
    value: float
    low: float
    high: float
    p: float
    adjusted_p: float  # paid for all benchmarks (Holm)
    problems: int | None = None


@dataclass(frozen=True, slots=True)
class Trimmed:
    """The mean of the middle half of a recipe's scores, of all benchmarks and seeds."""

    group: str
    value: float
    low: float
    high: float
    benchmarks: int
    seeds: int


@dataclass(frozen=True, slots=True)
class Parting:
    """Since when two recipes differ in a signal by more than noise."""

    a: str
    b: str
    signal: str
    key: str
    step: int | None  # None where no difference is seen
    difference: float = math.nan  # where it is largest, first minus second, as logged; of the held-out score at `step`
    why: str = ""  # it could not be asked


@dataclass(frozen=True, slots=True)
class Checked:
    """Whether one condition of evaluation is the same on both sides."""

    name: str
    status: str  # "same", "differs", "not known"
    text: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that cannot be said, and why."""

    code: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Recipes compared.

    Attributes
    ----------
    recipes
        The sides, in the given order; the baseline of several is `baseline`.
    at
        At which point of the training: ``keep``, ``last``, ``all``, or a step.
    benchmark
        The held-out score that is compared.
    differs
        Setting → its value in each recipe, None where it is not set or differs within the recipe.
    fingerprint
        Whether the recipes were evaluated alike, condition by condition.
    differences
        At `at`, and at the last step; of each recipe against the baseline.
    curves, problems, parting, benchmarks
        For the same pairs; the last where there are several benchmarks.
    trimmed
        Interquartile means, where a recipe has 15 scores or more.
    best
        Names of the recipes that cannot be told from the best one; None with two recipes, or where it cannot be asked.
    shrunk
        The level of each recipe at `at` without the luck of those that look best, in their order; empty where `best` is
        None.
    refusals, notes
        What cannot be said, and what a reader has to know.
    quote
        The command that gives a number to quote; empty where there is none.
    unread
        Path → why it could not be read.
    provisional
        Whether a run still goes on.
    """

    recipes: tuple[Recipe, ...]
    baseline: str
    at: str
    benchmark: str
    spoken: Spoken
    differs: Mapping[str, tuple[str | None, ...]]
    fingerprint: tuple[Checked, ...]
    differences: tuple[Difference, ...]
    curves: tuple[Curve, ...] = ()
    problems: tuple[Part, ...] = ()
    parting: tuple[Parting, ...] = ()
    benchmarks: tuple[BenchmarkDifference, ...] = ()
    trimmed: tuple[Trimmed, ...] = ()
    best: tuple[str, ...] | None = None
    shrunk: tuple[float, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()
    quote: str = ""
    unread: Mapping[str, str] = field(default_factory=dict)
    provisional: bool = False

    def __repr__(self) -> str:
        """Say what is compared at which point, and with which answers."""
        names = ", ".join(repr(visible(recipe.name)) for recipe in self.recipes)
        answers = ", ".join(one.answer.value for one in self.primary)
        return f"<Comparison of {names} at {self.at}: {answers}>"

    def _repr_html_(self) -> str:
        return str(in_notebook("comparison_as_html", self))

    @property
    def primary(self) -> tuple[Difference, ...]:
        """The differences at the point that was asked for."""
        return tuple(one for one in self.differences if one.at == self.at)

    def recipe(self, name: str) -> Recipe:
        """Return a side by its name."""
        return next(one for one in self.recipes if one.name == name)

    def json(self) -> bytes:
        """Return the comparison as JSON, schema ``heldout.compare/1`` (docs/compare.md)."""
        from heldout.compare.json_comparison import as_json

        return as_json(self)

    def html(self) -> str:
        """Return the comparison as one page that needs no other file."""
        from heldout.compare.page import as_page

        return as_page(self)
