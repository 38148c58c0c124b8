"""What is known of every rollout, as columns; its texts are read when somebody asks for them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

import numpy as np

from heldout.judged import Judged
from heldout.run import Note
from heldout.stats.arrays import BoolArray, FloatArray, IntArray

PAID = 0.95  # of the way from the lowest reward to that of right answers: what counts as rewarded
NAMELESS = ""  # the name of the problem of answers that come without an id and without a prompt
RIGHT = 5  # right answers that were paid, below which their median is not known: one may be paid by chance


def least_rewarded(reward: FloatArray, hidden: FloatArray) -> float:
    """From which reward on is an answer paid as a right one is? See `payment`."""
    return payment(reward, hidden).least


class Payment(NamedTuple):
    """What counts as rewarded, and why."""

    least: float  # the reward from which on an answer is
    lowest: float  # of all rewards; nan where there are none, as the next
    ceiling: float  # what a right answer is paid
    right: int  # right answers that are paid more than the lowest
    apart: bool  # whether any reward is between the lowest and the least: else another ceiling would change little

    @property
    def known(self) -> bool:
        """Whether enough right answers say what they are paid; else the highest reward stands for that."""
        return self.right >= RIGHT


def payment(reward: FloatArray, hidden: FloatArray) -> Payment:
    """Which reward is an answer paid at least that is paid as a right one is?

    `PAID` of the way from the lowest reward to what right answers are paid: the median of those that pass the hidden
    tests and are paid more than the lowest, where they are `RIGHT` or more; else the highest. Where all are paid alike,
    whatever is above 0.

    `reward`, `hidden`: shape (N,), `nan` where unknown; `hidden` is the share of hidden tests that passed.
    """
    known = reward[~np.isnan(reward)]
    if not known.size:
        return Payment(math.ulp(0.0), math.nan, math.nan, 0, apart=False)
    lowest = float(known.min())
    paid = reward[(hidden == 1.0) & (reward > lowest)]
    ceiling = float(np.median(paid) if paid.size >= RIGHT else known.max())
    least = lowest + PAID * (ceiling - lowest) if ceiling > lowest else math.ulp(0.0)  # all are paid alike: by sign
    return Payment(least, lowest, ceiling, int(paid.size), bool(((known > lowest) & (known < least)).any()))


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
    def payment(self) -> Payment | None:
        """What counts as rewarded by the rewards; None where the run itself says that, or no reward is known."""
        return None if self.paid is not None or not self.priced.any() else payment(self.reward, self.hidden)

    @property
    def priced(self) -> BoolArray:
        """Of which it is known whether they are rewarded; shape (N,)."""
        return ~np.isnan(self.reward) if self.paid is None else np.ones(len(self), dtype=bool)

    @property
    def told_apart(self) -> BoolArray:
        """Of which it is known which problem they answer: by an id or a prompt; shape (N,)."""
        return np.array([name != NAMELESS for name in self.problems], dtype=bool)[self.problem]

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
        return every.where(told & self.priced)

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
