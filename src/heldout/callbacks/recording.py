"""What is recorded of a step's answers: some of them, by chance, and of some what the hidden tests say.

The reward knows nothing of it: answers are drawn and judged once a step is over, and what the hidden tests say goes
into the record and to the guard, never to the optimiser.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from heldout.callbacks.hidden import HiddenTests, Outcome
from heldout.callbacks.page import Page
from heldout.errors import UsageError
from heldout.judged import Judged
from heldout.rollouts.keeping import JUDGE, KEEP, draw
from heldout.rollouts.rollout import least_rewarded
from heldout.stats.arrays import BoolArray, FloatArray
from heldout.store import layout
from heldout.store.recorder import Recorder

COST = 0.01  # of a step's time
_REMEMBERED = 4096  # kept answers whose rewards say what a right one is paid
_AIM, _LEAST = 0.9, 0.1  # of that share: what is aimed at, and what the judge gets however dear the rest is
_FADING = 0.9  # by which an earlier page counts less than the next one: costs are means over about ten pages


class Budget:
    """How many answers of a step may be judged, so that recording keeps to its share of the time?

    What it has cost so far says so: a judge that turns out dear is asked about fewer answers, down to less than one a
    step. The number is settled before the answers are drawn, so it is part of their chance.
    """

    def __init__(self, most: int, share: float) -> None:
        self.most, self.share = most, share
        self._training = self._else = self._judging = self._judged = self._pages = 0.0

    @property
    def answers(self) -> float:
        """So many, on average."""
        if not (self.share and self._judged and self._judging):
            return float(self.most)
        given = self.share * self._training / self._pages
        spare = max(_AIM * given - self._else / self._pages, _LEAST * given)
        return min(float(self.most), spare * self._judged / self._judging)

    def affords(self, training: float) -> bool:
        """Whether these seconds of training pay for a page, of which half the share is left to the judge.

        Steps that are too short for that wait, and are recorded as one of several.
        """
        return not self.share or 2.0 * self._else <= self.share * training * self._pages

    def note(self, training: float, spent: float, judging: float, judged: int) -> None:
        """Take in a page: seconds of the steps that it is of, of all that was done with it, and of so many judged."""
        self._pages = _FADING * self._pages + 1.0
        self._training = _FADING * self._training + training
        self._else = _FADING * self._else + spent - judging
        if judged:
            self._judging = _FADING * self._judging + judging
            self._judged = _FADING * self._judged + judged


class Recording:
    """Keeps answers of a training by chance, and has the hidden tests judge some of them.

    Parameters
    ----------
    keep
        Answers of a step that are kept, on average; what is judged is kept besides.
    hidden
        What judges them; None for nothing.
    judge
        Answers of a step that are judged, on average; fewer where that would cost more than its share.
    cost
        Share of the time of a step that all this may take; 0 for whatever it takes.
    rewarded_from
        Least reward with which an answer counts as rewarded. If none is given it follows what right answers were paid,
        as far as is known by then.

    Raises
    ------
    UsageError
        When a number is outside what is allowed.
    """

    def __init__(
        self,
        keep: int = KEEP,
        hidden: HiddenTests | None = None,
        judge: int = JUDGE,
        cost: float = COST,
        rewarded_from: float | None = None,
    ) -> None:
        for name, value, least in (("record", keep, 1), ("judge", judge, 0), ("judge_cost", cost, 0)):
            if not value >= least:
                raise UsageError(f"{name} is {value}; it must be at least {least}.")
        if not cost <= 1:
            raise UsageError(f"judge_cost is {cost}; it is a share of the time of a step, at most 1.")
        self.keep, self.hidden, self.rewarded_from = keep, hidden if judge else None, rewarded_from
        self._budget = Budget(judge, cost)
        self._paid: deque[tuple[float, ...]] = deque(maxlen=_REMEMBERED)  # rewards and hidden outcomes
        self._pages = 0
        self._newest = (0.0, 0)  # seconds of judging, and answers that were judged

    def page(self, step: int, rows: Sequence[Mapping[str, Any]], recorder: Recorder, *, seed: int) -> Judged | None:
        """Draw of the answers of a step, judge what is to be judged, and record what is to be kept.

        Parameters
        ----------
        step
            The training step.
        rows
            All answers, those of one prompt one after the other, each with ``prompt``, ``text``, ``reward`` (None where
            it is not known) and whatever else is to be recorded.
        recorder
            Where they are recorded.
        seed
            Of the run.

        Returns
        -------
        Judged or None
            What two judges say of the answers that were kept; None where none is to be judged in this run.

        Raises
        ------
        UsageError
            When no answer of the first page belongs to a problem of the hidden tests.
        """
        if self.hidden and not self._pages:
            self.hidden.refuse_strangers(rows)
        page = Page.of(step, rows)
        rewarded = self._rewarded(page.reward)
        wanted = self._budget.answers if self.hidden else 0.0
        drawn = draw(page.group, rewarded, seed=seed, step=step, keep=self.keep, judge=wanted)
        began = time.perf_counter()
        outcomes = self._judged(page, np.flatnonzero(drawn.judged).tolist()) if self.hidden else None
        self._newest = time.perf_counter() - began, len(outcomes or ())
        kept = page.kept(rewarded, drawn, outcomes)
        if self.hidden:
            kept = [self.hidden.named(row) for row in kept]
        recorder.rollouts(step, kept)
        self._remember(kept)
        self._pages += 1
        return None if outcomes is None else page.judged(rewarded, drawn, outcomes)

    def due(self, training: float) -> bool:
        """Whether a step may be recorded, so many seconds of training after the last one that was."""
        return self.hidden is None or self._budget.affords(training)

    def took(self, spent: float, training: float) -> None:
        """Say how long all took that was done with the newest page, and the steps that it is of, in seconds."""
        if self._pages > 1:  # the first one waits for what is only loaded and started then
            self._budget.note(training, spent, *self._newest)

    def resume(self, directory: Path, step: int) -> None:
        """Remember what was recorded up to a step, so that a run that goes on from there counts as it did."""
        if self.rewarded_from is not None:
            return
        pages: deque[list[dict[str, Any]]] = deque()
        for path in reversed(layout.rollout_files(directory, step)):
            pages.appendleft(pl.read_parquet(path).to_dicts())
            if sum(map(len, pages)) >= _REMEMBERED:
                break
        for page in pages:
            self._remember(page)

    def _remember(self, kept: Sequence[Mapping[str, Any]]) -> None:
        """Learn from rows that were recorded what right answers are paid."""
        for row in kept:
            told = (row.get("reward"), row.get("hidden"))
            self._paid.append(tuple(math.nan if one is None else float(one) for one in told))

    def _rewarded(self, reward: FloatArray) -> BoolArray:
        """Which of the answers are paid as a right one is? Shape (N,), by what was known before they were judged."""
        least = self.rewarded_from
        if least is None:
            before = np.array(self._paid, dtype=np.float64).reshape(-1, 2)
            hidden = np.concatenate([before[:, 1], np.full(reward.size, math.nan)])
            least = least_rewarded(np.concatenate([before[:, 0], reward]), hidden)
        return np.asarray(reward >= least)

    def _judged(self, page: Page, places: Sequence[int]) -> dict[int, Outcome]:
        """Return what the hidden tests say of the answers at these places; nothing of those of unknown problems."""
        assert self.hidden is not None
        known = {place: one for place in places if (one := self.hidden.problem_of(page.rows[place])) is not None}
        asked = [
            (problem, page.rows[place]["text"], page.rows[place].get("stop") == "length")
            for place, problem in known.items()
        ]
        return dict(zip(known, self.hidden.judge(asked), strict=True)) if asked else {}
