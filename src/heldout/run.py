"""A run: metrics over steps, what they mean, and what the reader had to repair.

`Run` and `Series` are plain, frozen data. Readers make them; the description, the figures and the report read them.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from heldout.errors import UnknownMetric, UsageError
from heldout.judged import Judged
from heldout.metrics import (
    Better,
    Choices,
    Unit,
    better_of,
    changes_in_ratios,
    choose,
    is_of_evaluations,
    is_reward_elsewhere,
    means,
    unit_of,
)
from heldout.metrics.phrasing import as_judged
from heldout.showing import in_notebook
from heldout.stats.arrays import FloatArray, IntArray, union
from heldout.stats.rates import level_error
from heldout.steps import checked_step
from heldout.text import visible

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes

NO_STEPS: IntArray = np.empty(0, dtype=np.int64)
NO_STEPS.flags.writeable = False


class NoteKind(StrEnum):
    """What a reader's note is about."""

    REPAIRED = "repaired"  # something was put in order: a restart, a repeated step
    DROPPED = "dropped"  # something could not be used: a cut line, a NaN
    UNKNOWN = "unknown"  # a key without a known meaning; it is still there to be charted
    ASSUMED = "assumed"  # a guess that the user can override
    MISSING = "missing"  # something that the log would hold if it were whole
    IGNORED = "ignored"  # something that was seen and left alone: another file, a text column


@dataclass(frozen=True, slots=True)
class Note:
    """One thing that a reader did, dropped, assumed or did not know.

    Attributes
    ----------
    kind
        What sort of thing it was.
    text
        One sentence for a person.
    count
        How many rows, values or keys it covers.
    end_lost
        Whether what was lost is the end of the log, so that the run may have gone on.
    """

    kind: NoteKind
    text: str
    count: int = 1
    end_lost: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One metric over steps.

    Attributes
    ----------
    name
        The key under which the trainer logged it.
    step
        Training steps, strictly increasing, shape (N,).
    value
        Finite values, shape (N,).
    spread
        Standard error of each value where it is known, shape (N,).
    problems
        How many problems each value is the mean over where that is known, shape (N,).
    samples
        How many samples of each problem there were, shape (N,); None where that, or their number, is not known.
    nonfinite
        Steps at which NaN or an infinity was logged; those have no value.
    """

    name: str
    step: IntArray
    value: FloatArray
    spread: FloatArray | None = None
    problems: FloatArray | None = None
    samples: FloatArray | None = None
    nonfinite: IntArray = field(default_factory=lambda: NO_STEPS)

    def __len__(self) -> int:
        return len(self.step)

    def __repr__(self) -> str:
        """Name it, and say how many values it has, at which steps, from the lowest to the highest."""
        about = f"{len(self)} values"
        if len(self):
            ends = f"{float(self.value.min()):.4g} to {float(self.value.max()):.4g}"
            about += f", steps {self.step[0]} to {self.step[-1]}, {ends}"
        return f"<Series {visible(self.name)!r}: {about}>"

    @property
    def fewest_problems(self) -> int | None:
        """How many problems each value is the mean over, at least; None where that is not known."""
        return round(float(self.problems.min())) if self.problems is not None and len(self) else None

    @property
    def mean_samples(self) -> float | None:
        """How many samples of each problem there were, on average; None where that is not known."""
        return float(self.samples.mean()) if self.samples is not None and len(self) else None

    def with_problems(self, problems: FloatArray, samples: FloatArray, spread: FloatArray) -> Series:
        """Return the same series with the problems of each evaluation, the samples of each, and the standard error."""
        return replace(self, problems=problems, samples=samples, spread=spread)

    def with_spread(self, spread: FloatArray) -> Series:
        """Return the same series with the standard error of each value."""
        return replace(self, spread=spread)


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What became of every problem in one evaluation."""

    problems: tuple[str, ...]  # their ids, each once
    passed: FloatArray  # samples that passed, shape (n,); fractions where the judge gives partial credit
    samples: IntArray  # that were judged, shape (n,), each at least 1

    @classmethod
    def from_counts(
        cls, problems: Sequence[str], passed: Sequence[float], samples: int | Sequence[int] = 1
    ) -> Outcomes:
        """Return the outcomes that these counts make, with samples for all or for each problem.

        A UsageError where they do not fit each other.
        """
        ids = tuple(str(problem) for problem in problems)
        counts = checked_counts(len(ids), passed, samples)
        if len(set(ids)) < len(ids):
            raise UsageError(f"of {len(ids)} problem ids only {len(set(ids))} differ; each problem must be there once")
        return cls(ids, *counts)

    def __len__(self) -> int:
        return len(self.problems)

    def __repr__(self) -> str:
        """Say how many problems there are and which share is solved."""
        return f"<Outcomes of {len(self)} problems, {100.0 * float(self.share.mean()):.1f} % solved>"

    @property
    def share(self) -> FloatArray:
        """Share of samples that passed, shape (n,): the unbiased estimate of each problem's pass@1."""
        return self.passed / self.samples

    @cached_property
    def error(self) -> float:
        """Standard error of the rate, for other problems of the same kind."""
        return level_error(self.share, float(self.samples.mean()))


def checked_counts(
    problems: int, passed: Sequence[float], samples: int | Sequence[int] = 1
) -> tuple[FloatArray, IntArray]:
    """Return how many samples of each of so many problems passed, and how many were judged.

    A UsageError where they do not fit each other.
    """
    count = np.asarray(passed, dtype=np.float64)
    judged = np.broadcast_to(np.asarray(samples), (problems,)).astype(np.int64, casting="safe")
    if not problems or count.shape != (problems,):
        raise UsageError(f"{problems} problems and {count.size} counts of passed samples do not make an evaluation")
    if not (np.all(judged >= 1) and np.all(count >= 0) and np.all(count <= judged)):
        raise UsageError("each count of passed samples must lie between 0 and its number of samples, at least 1")
    return count, judged


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """One held-out measurement."""

    step: int  # whose policy was measured
    rate: float  # share solved, as a fraction, or mean score
    problems: int | None = None  # how many were asked, None where the log does not say
    samples: float | None = None  # of each problem, judged, on average; None where the log does not say
    benchmark: str = ""  # which set of problems, where the log tells several apart
    outcomes: Outcomes | None = None  # the problems one by one, where the log has them
    lower: bool = False  # whether a lower rate is the better one, as of an error rate
    share: bool = True  # whether the rate is a share; otherwise it is a score in a unit of its own, such as a return
    ratio: bool = False  # whether its changes are ratios, as of a perplexity: then it is judged by its logarithm
    error: float | None = None  # standard error of the rate, where the log gives one and nothing says more

    @property
    def score_error(self) -> float:
        """The standard error of the score as it is judged; `nan` where none is known."""
        return math.nan if self.error is None else self.error / (self.rate if self.ratio else 1.0)

    @classmethod
    def of(cls, step: int, outcomes: Outcomes, benchmark: str = "held-out") -> Evaluation:
        """Return the evaluation that these outcomes make: every problem counts alike, whatever its samples."""
        each = float(outcomes.samples.mean())
        return cls(step, float(outcomes.share.mean()), len(outcomes), each, benchmark, outcomes)

    @classmethod
    def from_counts(
        cls,
        step: int,
        problems: Sequence[str],
        passed: Sequence[float],
        samples: int | Sequence[int] = 1,
        benchmark: str = "held-out",
    ) -> Evaluation:
        """Return the evaluation of a step that these counts make; see `Outcomes.from_counts`."""
        return cls.of(checked_step(step), Outcomes.from_counts(problems, passed, samples), benchmark)

    @property
    def score(self) -> float:
        """The rate as it is judged, where higher is always better."""
        return as_judged(self.rate, share=self.share, lower=self.lower, ratio=self.ratio)

    @property
    def key(self) -> str:
        """The name of the metric under which the rates of this benchmark are kept."""
        return f"eval/{self.benchmark}/pass@1"


@dataclass(frozen=True)
class Run:
    """One training run, as far as its log tells.

    Attributes
    ----------
    name
        A short name: the file's or directory's, or the run's own where the log gives one.
    source
        Where it was read from.
    format
        The format that was recognised, in words.
    metrics
        Every numeric metric by the key under which it was logged.
    roles
        Which key plays which part: ``{"reward": "critic/score/mean", "held_out": …, "length": …}``.
    notes
        What the reader repaired, dropped, assumed or did not know.
    config
        Settings that the log carries (constant text, nested configuration).
    measured
        The held-out measurements whose problems are known one by one, in order of steps.
    checkpoints
        Step → where the checkpoint lies, for those that exist.
    counted
        Whether nothing in the log numbers its rows, so that steps are their order of writing.
    judged
        Training answers that the hidden tests judged too, where the log has them.
    """

    name: str
    source: str
    format: str
    metrics: Mapping[str, Series]
    roles: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    measured: tuple[Evaluation, ...] = ()
    checkpoints: Mapping[int, str] = field(default_factory=dict)
    counted: bool = False
    judged: Judged | None = None

    def __getitem__(self, key: str) -> Series:
        """Return a metric by its key, or by its role (``reward``, ``held_out``, ``length``, …).

        An UnknownMetric that names the nearest keys where neither is there.
        """
        found = self.get(key)
        if found is None:
            raise UnknownMetric(self.explain_missing(key))
        return found

    def __contains__(self, key: object) -> bool:
        """Whether there is a metric of this key or role."""
        return isinstance(key, str) and self.get(key) is not None

    def __iter__(self) -> Iterator[str]:
        """Yield the key of every metric."""
        return iter(self.metrics)

    def __repr__(self) -> str:
        """Name it, and say how many metrics it has, over which steps."""
        steps, evaluations = self.steps, self.get("held_out")
        over = f" over {len(steps)} steps, {steps[0]} to {steps[-1]}" if len(steps) else ""
        scores = f"; {len(evaluations)} held-out scores" if evaluations is not None else ""
        return f"<Run {visible(self.name)!r}: {len(self.metrics)} metrics{over}{scores}>"

    def _repr_html_(self) -> str:
        return str(in_notebook("run_as_html", self))

    def to_polars(self) -> pl.DataFrame:
        """Return a table: ``step``, and a column a metric; null where it has no value, NaN where that is no number."""
        from heldout.frames import to_polars

        return to_polars(self)

    def to_pandas(self) -> Any:
        """Return a table of pandas: a row a step, which is the index, and a column a metric; NaN where it has no value.

        A UsageError where pandas is not installed.
        """
        from heldout.frames import to_pandas

        return to_pandas(self)

    def plot(
        self, left: str = "reward", right: str | None = "held_out", *, ax: Axes | None = None, **wanted: Any
    ) -> Axes:
        """Draw two metrics, by key or role, on axes of matplotlib, new ones if none are given; return the left axes.

        As they stand they give the standard figure. What else is wanted is as for `heldout.charts.dual_axis`.
        """
        return in_notebook("plot", self, left, right, ax, **wanted)  # type: ignore[no-any-return]

    def get(self, key: str) -> Series | None:
        """Return a metric by its key or role, or None."""
        if key in self.metrics:
            return self.metrics[key]
        return self.metrics.get(self.roles.get(key, ""))

    @property
    def steps(self) -> IntArray:
        """Every step at which anything was logged, increasing."""
        return union(series.step for series in self.metrics.values())

    def evaluations(self, key: str = "held_out") -> list[Evaluation]:
        """Return the held-out measurements in order of steps, shares as fractions, with outcomes where they are known.

        `key` is the metric, or its role; another benchmark's key gives that one's measurements.
        """
        series = self.get(key)
        if series is None:
            return []
        known = {evaluation.step: evaluation for evaluation in self.measured if evaluation.key == series.name}
        unit, lower = self.unit(series.name), better_of(series.name) is Better.LOWER
        whole, share = (100.0 if unit is Unit.PERCENT else 1.0), unit is not Unit.SCORE
        ratio = self.in_ratios(series.name)
        unknown = [None] * len(series)
        problems = unknown if series.problems is None else [round(n) for n in series.problems.tolist()]
        samples = unknown if series.samples is None else series.samples.tolist()
        errors = unknown
        if series.problems is None and series.spread is not None:
            errors = [error / whole if error > 0.0 else None for error in series.spread.tolist()]
        columns = (series.step.tolist(), series.value.tolist(), problems, samples, errors)
        return [
            known.get(step) or Evaluation(step, value / whole, n, m, lower=lower, share=share, ratio=ratio, error=error)
            for step, value, n, m, error in zip(*columns, strict=True)
        ]

    def reward_parts(self) -> list[str]:
        """Keys of the metrics that are parts of the reward."""
        return [key for key in self.metrics if means(key, ("reward_component",))]

    def unit(self, key: str) -> Unit:
        """Whether a metric is a share, a share in percent, or a plain score: by what its name says and its values.

        A score within 0 to 1 of so many problems is a share, whatever its name.
        """
        series = self.metrics.get(key)
        if series is None or not len(series):
            return Unit.SCORE
        low, high = float(series.value.min()), float(series.value.max())
        unit = unit_of(key, low, high)
        return Unit.SHARE if unit is Unit.SCORE and series.problems is not None and 0 <= low <= high <= 1 else unit

    def in_ratios(self, key: str) -> bool:
        """Whether a metric is read on the log scale: its name says that it changes in ratios, and all is above 0."""
        series = self.metrics.get(key)
        return series is not None and changes_in_ratios(key) and len(series) > 0 and float(series.value.min()) > 0.0

    @cached_property
    def choices(self) -> Choices:
        """What every column is taken for, and why; what a user or the log says of the roles stands in `roles`."""
        return choose(self.metrics, evaluation=is_of_evaluations(PurePath(self.source)))

    def held_out_scores(self) -> list[str]:
        """Keys of all held-out scores, the one that plays the part first; copies of one measurement count once."""
        own = self.roles.get("held_out", "")
        first = [own] if own in self.metrics else []
        return [*first, *(key for key in self.choices.held_out if key != own)]

    def same_reward(self, key: str) -> bool:
        """Whether a held-out score is the optimised reward, measured on other prompts."""
        return is_reward_elsewhere(key)

    def explain_missing(self, key: str) -> str:
        """Say in a sentence that a metric is not there, and which near ones are."""
        known = sorted({*self.metrics, *self.roles})
        near = difflib.get_close_matches(key, known, n=5, cutoff=0.4) or known[:8]
        more = " …" if len(known) > len(near) else ""
        return f"{self.name} has no metric {key!r}; it has {', '.join(near)}{more}."
