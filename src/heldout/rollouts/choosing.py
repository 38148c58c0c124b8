"""Choosing among rollouts: by step, problem, what the two judges say, and what stands in the answer."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Sequence

import numpy as np

from heldout.errors import UsageError
from heldout.rollouts.rollout import Rollouts
from heldout.stats.arrays import BoolArray, IntArray
from heldout.text import sentence_list

_NEAR = 3  # steps or problems that are named in place of one that is not there


def chosen(
    rollouts: Rollouts,
    *,
    step: int | None = None,
    steps: tuple[float, float] | None = None,
    problems: Sequence[str] = (),
    rewarded: bool = False,
    failed: bool = False,
    grep: str | None = None,
) -> IntArray:
    """Return the rows of the answers that are all that is asked for.

    Parameters
    ----------
    step, steps, problems
        One step, or all from one up to another; None, or no problem, for all. A problem may be given by the beginning
        of its id, where that is one's alone.
    rewarded, failed
        Whether only those are wanted.
    grep
        A regular expression that is searched for in each answer; ``^`` and ``$`` match at every line.

    Raises
    ------
    UsageError
        When there is no such step or problem, no answer has a reward or was judged by hidden tests, or the pattern is
        none; the message says what is there.
    """
    pattern = None if grep is None else _pattern(grep)
    mask: BoolArray = np.ones(len(rollouts), dtype=bool)
    if step is not None:
        mask &= rollouts.step == _step(rollouts, step)
    if steps is not None:
        mask &= (rollouts.step >= steps[0]) & (rollouts.step <= steps[1])
    if problems:
        mask &= np.isin(rollouts.problem, [_problem(rollouts, one) for one in problems])
    if rewarded:
        if rollouts.paid is None and np.isnan(rollouts.reward).all():
            raise UsageError(f"{rollouts.source}: no answer has a reward, so none can be chosen by it.")
        mask &= rollouts.rewarded
    if failed:
        if np.isnan(rollouts.hidden).all():
            raise UsageError(f"{rollouts.source}: {how_to_judge(rollouts.source)}")
        mask &= rollouts.failed == 1.0
    rows = np.flatnonzero(mask)
    if pattern is None:
        return rows
    texts = rollouts.texts.read(rows.tolist())
    found = [row for row, (_, text) in zip(rows.tolist(), texts, strict=True) if pattern.search(text)]
    return np.array(found, dtype=np.int64)


def how_to_judge(source: str) -> str:
    """Say that nothing was judged by hidden tests, and which command does it."""
    return f"no answer was judged by hidden tests; heldout audit {shlex.quote(source)} --task TASK does it."


def _pattern(grep: str) -> re.Pattern[str]:
    try:
        return re.compile(grep, re.MULTILINE)
    except (re.error, RecursionError, OverflowError) as error:
        raise UsageError(
            f"The pattern {grep} is no regular expression ({error}); put a backslash before signs that stand for "
            "themselves."
        ) from None


def _step(rollouts: Rollouts, step: int) -> int:
    there = np.unique(rollouts.step)
    if step in there:
        return step
    near = np.sort(there[np.argsort(np.abs(there - step), kind="stable")[:_NEAR]])
    raise UsageError(
        f"{rollouts.source} has no answers of step {step}; the nearest steps that it has are "
        f"{sentence_list(list(map(str, near)))}, of {there[0]} to {there[-1]}."
    )


def _problem(rollouts: Rollouts, name: str) -> int:
    if name in rollouts.problems:
        return rollouts.problems.index(name)
    begin = [place for place, one in enumerate(rollouts.problems) if one.startswith(name)]
    if len(begin) == 1 and name:
        return begin[0]
    several = [rollouts.problems[place] for place in begin] if name else []
    near = several or difflib.get_close_matches(name, rollouts.problems[:10_000], n=_NEAR, cutoff=0.4)
    shown = sentence_list([repr(one) for one in (near or list(rollouts.problems))[:_NEAR]])
    how = "problems whose ids begin so are" if several else "it has such as"
    raise UsageError(f"{rollouts.source} has no problem {name!r}; {how} {shown}.")
