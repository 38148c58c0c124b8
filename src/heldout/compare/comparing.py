"""Recipes compared: who is a seed of what, how good each is, how they differ, and what cannot be said."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from heldout.compare.benchmarks import benchmarks_of, trimmed
from heldout.compare.best import best_of
from heldout.compare.curves import curve_of
from heldout.compare.differences import Rules, conditions, differences
from heldout.compare.fingerprint import fingerprint
from heldout.compare.groups import Group, groups_of, one_each
from heldout.compare.levels import level_of
from heldout.compare.lost import tells_settings
from heldout.compare.members import Side, judged
from heldout.compare.missing import with_otherwise
from heldout.compare.model import ALL, KEEP, LAST, Checked, Comparison, Life, Recipe
from heldout.compare.notes import notes_of, quote_of
from heldout.compare.outcomes import points, shared_steps
from heldout.compare.parting import partings
from heldout.compare.problems import parts_of
from heldout.compare.refusals import refusals
from heldout.compare.units import check_units
from heldout.diagnosis.verdict import diagnose
from heldout.errors import UsageError
from heldout.findings import Verdict
from heldout.metrics.phrasing import Spoken
from heldout.run import Run
from heldout.settings import differing
from heldout.steps import STEP_LIMIT
from heldout.text import counted

MARGIN = 2.0  # points of a share, or percent


def compare(
    runs: Sequence[Run] | Sequence[Group],
    *,
    by: str | None = None,
    named: Mapping[str, Sequence[Run]] | None = None,
    baseline: str | None = None,
    at: str | int = KEEP,
    benchmark: str | None = None,
    paired_seeds: bool = False,
    margin: float | None = None,
    unread: Mapping[str, str] | None = None,
    lost: Sequence[str] = (),
    verdict_of: Callable[[Run], Verdict] = diagnose,
) -> Comparison:
    """Which of several recipes is better, how sure is that, and what cannot be said?

    The seed is the unit, and problems are crossed with seeds; of one run each only the two checkpoints are compared.
    A number of seeds that cannot tell is answered by "cannot tell", with the smallest difference that they show.

    Parameters
    ----------
    runs
        Runs, whose recipes are found by their settings (see `groups_of`), or groups of them. Where all are seeds of
        one recipe each run stands for itself.
    by, named
        As for `groups_of`.
    baseline
        The recipe that all others are compared with; the first if not given.
    at
        ``keep``, the checkpoint that each run's verdict would keep; ``last``; ``all``, the mean over all steps that
        both evaluated; or a step. Decide it before looking.
    benchmark
        Which held-out score; that of the verdict if not given.
    paired_seeds
        Whether runs of the same seed are pairs with a common order of data. Decide that before looking, too.
    margin
        Two are "the same" only if their difference is shown to be smaller: in points of a share (2 if not given), in
        percent of a score that is judged by its logarithm (2), else as logged: without one no two are the same.
    unread
        Path → why it could not be read, of what else was asked for.
    lost
        Names of seeds of which nothing can be read, and nobody knows the recipe.
    verdict_of
        Where the verdict on a run comes from.

    Returns
    -------
    Comparison
        Frozen data; ``.json()`` and ``.html()`` write it.

    Raises
    ------
    UsageError
        With fewer than two runs, an unknown baseline, benchmark, setting or step, a margin that is not above 0, or
        scores that may be in percent in some runs and shares in others.

    Examples
    --------
    >>> import heldout
    >>> from heldout.datasets.real import real_runs
    >>> packed = real_runs(["exit-hack-0", "exit-hack-1", "honest-0"])
    >>> found = compare([heldout.read(one.path) for one in packed], at="last")
    >>> one = found.primary[0]
    >>> one.a, one.b, one.answer.value
    ('exit-hack', 'honest-0', 'worse')
    """
    groups = _groups(runs, by, named)
    _check(groups, at, margin)
    sides = [judged(group, benchmark, verdict_of) for group in groups]
    check_units(sides)
    spoken = _spoken(sides)
    rules = Rules(_margin(margin, spoken), paired_seeds)
    first = _baseline(sides, baseline)
    pairs = [(first, side) for side in sides if side is not first]
    if len(pairs) > 1 or baseline is not None:
        pairs = [(side, first) for _, side in pairs]
    point = str(at)
    _check_step(sides, point)
    single = all(len(run.evaluations) == 1 for side in sides for run in side.counted)
    asked = [point] if point == LAST or single else [point, LAST]
    best = best_of(sides, point)
    found = Comparison(
        recipes=tuple(_recipe(side, dict.fromkeys((*asked, KEEP)), sides) for side in sides),
        baseline=first.name,
        at=point,
        benchmark=_benchmark(sides),
        spoken=spoken,
        differs=_differs(groups),
        fingerprint=_fingerprint(sides, point),
        differences=tuple(one for each in asked for one in differences(pairs, each, rules)),
        provisional=any(run.life is Life.GOES_ON for side in sides for run in side.runs),
        unread=unread or {},
        best=None if best is None else tuple(sides[k].name for k in best.members),
        shrunk=() if best is None else tuple(best.shrunk.tolist()),
    )
    curves = [(pair, curve_of(*pair)) for pair in pairs]
    parts = [parts_of(*pair, each) for pair in pairs for each in asked]
    found = replace(
        found,
        differences=tuple(with_otherwise(found.differences, pairs, rules)),
        curves=tuple(curve for _, curve in curves if curve is not None),
        problems=tuple(part for part in parts if part is not None),
        parting=tuple(one for pair, curve in curves for one in partings(*pair, curve)),
        benchmarks=tuple(one for pair in pairs for one in benchmarks_of(*pair, rules)),
        trimmed=trimmed(sides),
    )
    found = replace(found, refusals=refusals(found, sides, pairs, lost))
    return replace(found, notes=notes_of(found, sides), quote=quote_of(found, sides))


def _groups(
    runs: Sequence[Run] | Sequence[Group], by: str | None, named: Mapping[str, Sequence[Run]] | None
) -> list[Group]:
    given = [one for one in runs if isinstance(one, Group)]
    groups = given or groups_of([one for one in runs if isinstance(one, Run)], by, named)
    return one_each(groups[0]) if len(groups) == 1 and by is None and not named else groups


def _margin(given: float | None, spoken: Spoken) -> float:
    """What is too small to matter; of a score in a unit of its own nobody knows, unless the user says."""
    if given is None and not (spoken.share or spoken.ratio):
        return math.nan
    return spoken.as_change(MARGIN if given is None else given)


def _check(groups: Sequence[Group], at: str | int, margin: float | None) -> None:
    if sum(map(len, groups)) < 2 or len(groups) < 2:
        have = f"one group, {groups[0].name!r}" if groups and len(groups[0]) > 1 else counted(len(groups), "run")
        raise UsageError(f"There is nothing to compare with: {have} given, and it takes two runs or groups.")
    if not (str(at) in (KEEP, LAST, ALL) or (str(at).isdecimal() and int(at) < STEP_LIMIT)):
        raise UsageError(f"at is {str(at)[:40]!r}; it must be keep, last, all, or a step such as 100.")
    if margin is not None and not 0.0 < margin < math.inf:
        raise UsageError(f"The margin is {margin:g}; it must be above 0: two are the same if they differ by less.")


def _check_step(sides: Sequence[Side], at: str) -> None:
    if not at.isdecimal():
        return
    steps = shared_steps([run for side in sides for run in side.counted])
    if int(at) not in steps and not any(run.at_step(int(at)) for side in sides for run in side.runs):
        near = sorted(steps, key=lambda step: abs(step - int(at)))[:3]
        have = f"the nearest that all have are {', '.join(map(str, sorted(near)))}" if near else "they share no step"
        raise UsageError(f"No run was evaluated at step {at}; {have}.")


def _baseline(sides: Sequence[Side], name: str | None) -> Side:
    if name is None:
        return sides[0]
    found = [side for side in sides if side.name == name]
    if not found:
        raise UsageError(f"There is no group {name!r} for --baseline; there are {', '.join(s.name for s in sides)}.")
    return found[0]


def _spoken(sides: Sequence[Side]) -> Spoken:
    """How the scores are spoken of, in the decimals that their spread needs."""
    every = [one for side in sides for run in side.runs for one in run.evaluations]
    if not every:
        return Spoken()
    last, scores = every[-1], [one.score for one in every]
    return Spoken(last.share, last.lower, max(scores) - min(scores), last.ratio)


def _benchmark(sides: Sequence[Side]) -> str:
    keys = [run.run.roles.get("held_out", "") for side in sides for run in side.counted]
    return next(filter(None, keys), "")


def _recipe(side: Side, at: Mapping[str, None], among: Sequence[Side]) -> Recipe:
    levels = {point: level_of(side, point, among) for point in at}
    known = {point: level for point, level in levels.items() if level is not None}
    tracks = tuple(run.track for run in side.counted)
    return Recipe(side.name, side.by, tuple(run.told for run in side.runs), known, tracks)


def _differs(groups: Sequence[Group]) -> dict[str, tuple[str | None, ...]]:
    """Settings that differ between recipes; a value is None where it is not set, or not one within the recipe."""
    runs = [(k, run) for k, group in enumerate(groups) for run in group.runs if tells_settings(run)]
    told = differing([run.config for _, run in runs])
    values = {
        key: tuple(
            _one([value for (k, _), value in zip(runs, each, strict=True) if k == g]) for g in range(len(groups))
        )
        for key, each in told.items()
    }
    return {key: each for key, each in values.items() if len(set(each)) > 1}


def _one(values: Sequence[str | None]) -> str | None:
    return values[0] if len(set(values)) == 1 else " / ".join(sorted({str(v) for v in values if v is not None}))


def _fingerprint(sides: Sequence[Side], at: str) -> tuple[Checked, ...]:
    counted = [side for side in sides if side.counted]
    own = points(counted, at)
    if own is None or len(counted) < 2:
        return ()
    return fingerprint([conditions(side, each) for side, each in zip(counted, own, strict=True)])
