"""What is known of every rollout, as columns; its texts are read when somebody asks for them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from heldout.run import Judged, Note
from heldout.stats.arrays import BoolArray, FloatArray, IntArray

PAID = 0.95  # of the way from the lowest reward to that of right answers: what counts as rewarded


def least_rewarded(reward: FloatArray, hidden: FloatArray) -> float:
    """From which reward on is an answer paid as a right one is?

    `PAID` of the way from the lowest reward to what right answers are paid: the median of those that pass the hidden
    tests, else the highest. Where all are paid alike, whatever is above 0.

    `reward`, `hidden`: shape (N,), `nan` where unknown; `hidden` is the share of hidden tests that passed.
    """
    known, ceiling = reward[~np.isnan(reward)], _ceiling(reward, hidden)
    if not known.size or ceiling <= known.min():  # all are paid alike: by sign
        return math.ulp(0.0)
    return float(known.min() + PAID * (ceiling - known.min()))


def _ceiling(reward: FloatArray, hidden: FloatArray) -> float:
    known = reward[~np.isnan(reward)]
    right = reward[(hidden == 1.0) & ~np.isnan(reward)]
    paid = right[right > known.min()] if right.size else right
    if paid.size:
        return float(np.median(paid))
    return float(known.max()) if known.size else float("nan")


class Texts(Protocol):
    """Where the prompts and answers lie."""

    def read(self, rows: Sequence[int]) -> Iterator[tuple[str, str]]:
        """Yield prompt and answer of these rows, in the order that is asked for, holding few of them at a time."""
        ...


@dataclass(frozen=True, slots=True)
class Rollout:
    """One answer."""

    step: int
    problem: str  # the id of its problem; where the log has none, a name made from its prompt
    prompt: str
    text: str
    reward: float  # nan where none was given
    parts: Mapping[str, float]  # of the reward
    hidden: float  # share of the hidden tests that passed; nan where they were not run
    kind: str  # how it failed them: a kind of `heldout.sandbox.judging.Judgement`; empty where they were not run
    tokens: float  # nan where unknown, as the next
    advantage: float
    stop: str  # why it ended: "eos", "length", "stop"; empty where unknown
    kept_with: float  # its chance of having been kept
    judged_with: float  # its chance of having been judged by the hidden tests


@dataclass(frozen=True, slots=True, eq=False)
class Rollouts:
    """Many rollouts of one run, in order of steps, without their texts.

    Attributes
    ----------
    problems
        The ids of all problems; `problem` counts in it.
    step, problem, group
        Shape (N,). Answers of one group were sampled together: one prompt at one step.
    reward, hidden, tokens, advantage
        Shape (N,), `nan` where unknown; `hidden` is the share of hidden tests that passed.
    kind, stop
        Shape (N,), texts; empty where unknown.
    parts
        Part of the reward → shape (N,).
    kept_with, judged_with
        Shape (N,): the chance of having been kept, and of having been judged by the hidden tests, above 0, at most 1.
    group_rewarded
        Shape (N,): how many answers of its group were rewarded, also of those that were not kept; `nan` where unknown.
    texts
        Where the prompts and answers lie.
    paid
        Shape (N,): which the run itself counted as rewarded; None where it does not say that of all.
    """

    source: str
    format: str
    problems: tuple[str, ...]
    step: IntArray
    problem: IntArray
    group: IntArray
    reward: FloatArray
    hidden: FloatArray
    kind: Sequence[str]
    tokens: FloatArray
    advantage: FloatArray
    stop: Sequence[str]
    kept_with: FloatArray
    judged_with: FloatArray
    group_rewarded: FloatArray
    texts: Texts
    parts: Mapping[str, FloatArray] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    paid: BoolArray | None = None

    def __len__(self) -> int:
        return len(self.step)

    @property
    def ceiling(self) -> float:
        """What a right answer is paid: the median reward of those that pass the hidden tests, else the highest."""
        return _ceiling(self.reward, self.hidden)

    @property
    def rewarded(self) -> BoolArray:
        """Which are paid as a right answer is, by the run's own word where there is one; shape (N,)."""
        if self.paid is not None:
            return self.paid
        return np.asarray(self.reward >= least_rewarded(self.reward, self.hidden))

    @property
    def failed(self) -> FloatArray:
        """1 for those that fail the hidden tests, 0 for those that pass, `nan` where they were not run; shape (N,)."""
        return np.where(np.isnan(self.hidden), np.nan, self.hidden < 1.0)

    @property
    def judged(self) -> Judged:
        """What two judges say of them, for the hack rate; without those of which either says nothing."""
        told = ~np.isnan(self.failed) | (self.judged_with < 1.0)
        every = Judged(self.step, self.group, self.rewarded, self.failed, self.judged_with, self.group_rewarded)
        if self.paid is None:
            told &= ~np.isnan(self.reward)
        return every.where(told)

    def where(self, mask: BoolArray) -> Rollouts:
        """Return those for which the mask, shape (N,), is true."""
        rows = np.flatnonzero(mask)
        columns = ("step", "problem", "group", "reward", "hidden", "tokens", "advantage")
        chances = ("kept_with", "judged_with", "group_rewarded")
        return replace(
            self,
            **{name: getattr(self, name)[rows] for name in (*columns, *chances)},
            kind=[self.kind[row] for row in rows.tolist()],
            stop=[self.stop[row] for row in rows.tolist()],
            parts={name: values[rows] for name, values in self.parts.items()},
            texts=_Some(self.texts, rows),
            paid=None if self.paid is None else self.paid[rows],
        )

    def __iter__(self) -> Iterator[Rollout]:
        for row, (prompt, text) in enumerate(self.texts.read(range(len(self)))):
            yield Rollout(
                int(self.step[row]),
                self.problems[self.problem[row]],
                prompt,
                text,
                float(self.reward[row]),
                {name: float(values[row]) for name, values in self.parts.items()},
                float(self.hidden[row]),
                self.kind[row],
                float(self.tokens[row]),
                float(self.advantage[row]),
                self.stop[row],
                float(self.kept_with[row]),
                float(self.judged_with[row]),
            )


class _Some:
    """Some rows of texts, numbered anew."""

    def __init__(self, texts: Texts, rows: IntArray) -> None:
        self._texts, self._rows = texts, rows

    def read(self, rows: Sequence[int]) -> Iterator[tuple[str, str]]:
        return self._texts.read([int(self._rows[row]) for row in rows])
