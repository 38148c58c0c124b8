"""What does the hack look like? The answers behind a rate of rewarded answers that fail the hidden tests.

Hacked is what is rewarded and fails the hidden tests. The name of a trick says how; it convicts nobody. Where no more
of the rewarded answers fail than is tolerated, there is nothing to show.
"""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from heldout.detectors.hacking import HACKED
from heldout.findings import Verdict
from heldout.rollouts.difference import Difference, difference
from heldout.rollouts.folding import Folded, Group, Name, fold
from heldout.rollouts.growth import Growth, growth
from heldout.rollouts.rollout import Rollouts
from heldout.stats.arrays import BoolArray, IntArray
from heldout.stats.hacking import HackedShare, hacked_share
from heldout.stats.onset import Dated, dated
from heldout.text import counted, excerpt, share, visible
from heldout.tricks.families import FAMILIES
from heldout.tricks.naming import family_of

_TOLERATED = 0.05  # share of the rewarded answers that may fail without anything being shown
_ENOUGH = 64  # rewarded answers that were judged, which a stretch of steps has, if a quarter of the run has them
_LOOKED_AT = 2_000  # answers of a stretch that are folded
_GROUPS = 3  # kinds of answers that are shown of each stretch
_GROWN = 5  # kinds that are shown of what grew
_ALL = 20  # answers that must fail in a row for "all of them"
_BINS, _KINDS = 6, 5  # stretches and ways of failing that are told of over time


@dataclass(frozen=True, slots=True)
class Stretch:
    """The answers of some steps."""

    what: str  # kept, before, onset or end
    first_step: int
    last_step: int
    answers: int  # that were kept
    looked_at: int  # of them, evenly spread, whose texts were read
    share: HackedShare  # of the rewarded ones, of those that fail the hidden tests
    groups: tuple[Group, ...]  # the commonest kinds of those, with the commonest that is hacked
    kinds: int  # how many kinds there are

    @property
    def steps(self) -> str:
        """The steps, in words."""
        if self.first_step == self.last_step:
            return f"step {self.first_step}"
        return f"steps {self.first_step} to {self.last_step}"


@dataclass(frozen=True, slots=True)
class Failures:
    """In which ways answers failed the hidden tests, over time."""

    steps: tuple[tuple[int, int], ...]  # first and last step of each stretch, shape (S,)
    answers: tuple[int, ...]  # that were judged, shape (S,)
    shares: dict[str, tuple[float, ...]]  # way of failing → share of the judged answers, shape (S,)


@dataclass(frozen=True, slots=True)
class Looks:
    """What the answers look like that are rewarded and fail the hidden tests."""

    told: str  # in one line
    since: int | None = None  # about when the hack began; None where no answer was judged
    since_low: int | None = None  # 95 % interval of that
    since_high: int | None = None
    first: int | None = None  # step of the first hack of its kind that was kept
    throughout: int | None = None  # first step from which on every rewarded answer fails
    hack: Group | None = None  # the commonest kind of them
    stretches: tuple[Stretch, ...] = ()
    grown: tuple[Growth, ...] = ()
    difference: Difference | None = None  # of the hack to the last honest answer of the same problem
    failures: Failures | None = None
    how: str = ""  # what `command` does
    command: str = ""  # what to type to see all of them, or to have them judged, where none was

    @property
    def fix(self) -> str:
        """What to change in the reward against this trick, as an order; empty where its name is not known."""
        return FAMILIES[self.hack.name].fix if self.hack and self.hack.name in FAMILIES else ""


def looks_of(verdict: Verdict, rollouts: Rollouts, name: Name = family_of) -> Looks | None:
    """What do the answers look like that fooled the judge, since when, and what did honest ones look like?

    `name` names the trick of an answer, given how it failed (see `heldout.rollouts.folding.fold`). Returns None where
    there are no answers, and where no more of the rewarded ones fail than is tolerated: no detector says so, and the
    95 % interval of the share at the end, or since the step at which it seems to begin, is not wholly above 5 %. Where
    no rewarded answer was judged by hidden tests, it only says so, and how they can be.

    What it cannot see: answers that fool the hidden tests too.
    """
    if not len(rollouts):
        return None
    told = rollouts.rewarded & ~np.isnan(rollouts.failed)
    if not told.any():
        return _not_judged(rollouts)
    hacked = rollouts.rewarded & (rollouts.failed == 1.0)
    end = _backwards(rollouts, told, int(rollouts.step[-1]))
    alarm = any(one.kind in HACKED for one in verdict.findings)
    if not hacked.any():
        return None
    since = _since(rollouts, told, _kind(rollouts, hacked, end, name))
    there = np.flatnonzero(rollouts.step >= since.step)
    if not (alarm or max(_share(rollouts, rows).low for rows in (end, there)) > _TOLERATED):
        return None
    stretches = _stretches(verdict, rollouts, told, since.step, end, name)
    return _described(rollouts, hacked, since, stretches, name)


def _not_judged(rollouts: Rollouts) -> Looks:
    told = "Not checked: no rewarded answer of this run was judged by hidden tests."
    return Looks(told, how="To have those judged that were kept", command=_command(rollouts, "audit", "--task TASK"))


def _command(rollouts: Rollouts, name: str, options: str) -> str:
    """What to type for the answers of this run; empty where its place cannot be typed."""
    where = rollouts.source
    return f"heldout {name} {shlex.quote(where)} {options}" if visible(where) == where else ""


def _share(rollouts: Rollouts, rows: IntArray) -> HackedShare:
    columns = (rollouts.rewarded, rollouts.failed, rollouts.group, rollouts.judged_with)
    return hacked_share(*(column[rows] for column in columns))


def _described(
    rollouts: Rollouts,
    hacked: BoolArray,
    since: Dated,
    stretches: dict[str, tuple[Stretch, IntArray]],
    name: Name,
) -> Looks:
    shown, rows = stretches[_shown(stretches)]
    hacks = _folded(rollouts, rows[hacked[rows]], name)
    hack = hacks.groups[0] if hacks.groups else None
    changed = difference(rollouts, hack.row) if hack else None
    first, before = next(iter(stretches.values()))
    ends = (_looked_at(before), _looked_at(stretches["end"][1]))
    grown = growth(rollouts, *ends, name) if first.last_step < since.step else ()
    throughout = _throughout(rollouts)
    return Looks(
        _told(shown, stretches["end"][0], since, throughout)
        + (_commonest(hack, changed, len(hacks.rows)) if hack else ""),
        since.step,
        since.low,
        since.high,
        since.first,
        throughout,
        hack,
        tuple(stretch for stretch, _ in stretches.values()),
        tuple(one for one in grown if one.grew)[:_GROWN],
        changed,
        _failures(rollouts),
        "To list all of them",
        _command(rollouts, "samples", "--rewarded --failed"),
    )


def _shown(stretches: dict[str, tuple[Stretch, IntArray]]) -> str:
    """Return which stretch is told of: the end, unless fewer fail there, and perhaps no more than is tolerated."""
    found = {what: stretches[what][0].share for what in ("end", "onset") if what in stretches}
    if found["end"].answers and found["end"].low > _TOLERATED:
        return "end"
    return max(found, key=lambda what: found[what].share if found[what].answers else -1.0)


def _since(rollouts: Rollouts, told: BoolArray, kind: BoolArray) -> Dated:
    """Return since when the hack is there, by the answers of its kind."""
    rows = np.flatnonzero(told)
    found = dated(rollouts.step[rows], kind[rows], rollouts.group[rows], rollouts.judged_with[rows])
    assert found is not None
    return found


def _kind(rollouts: Rollouts, hacked: BoolArray, end: IntArray, name: Name) -> BoolArray:
    """Return which hacks are of the kind that is commonest at the end: of one family, or alike where none is known.

    So what fails for other reasons does not date it. Of very many, those that are not looked at count as of that kind.
    """
    every = np.flatnonzero(hacked)
    late = end[hacked[end]] if hacked[end].any() else every
    rows = np.unique(np.concatenate([every[:_LOOKED_AT], _looked_at(every), _looked_at(late)]))
    folded = fold(rollouts, rows, name)
    kinds = np.array([one.name or f"#{place}" for place, one in enumerate(folded.groups)] + ["#"])
    of = kinds[np.minimum(folded.of, len(kinds) - 1)]
    commonest = Counter(of[np.isin(rows, late)].tolist()).most_common(1)[0][0]
    found: BoolArray = hacked & (rollouts.step >= rollouts.step[rows[of == commonest][0]])
    found[rows] = of == commonest
    return found


def _throughout(rollouts: Rollouts) -> int | None:
    """Return the first step from which on every rewarded answer fails; None where that is none, or of few."""
    told = rollouts.rewarded & ~np.isnan(rollouts.failed)
    passes = np.flatnonzero(rollouts.failed[told] == 0.0)
    last = int(rollouts.step[told][passes[-1]]) if passes.size else -1
    after = rollouts.step[told] > last
    return int(rollouts.step[told][after][0]) if np.count_nonzero(after) >= _ALL else None


def _stretches(
    verdict: Verdict, rollouts: Rollouts, told: BoolArray, since: int, end: IntArray, name: Name
) -> dict[str, tuple[Stretch, IntArray]]:
    """Return the stretches before the onset, at the kept step, at the onset and at the end, in order of steps."""
    kept = verdict.recommended.step if verdict.recommended else None
    onset = _forwards(rollouts, told, since, int(rollouts.step[end[0]]))
    before = {} if kept is not None and kept < since else {"before": _backwards(rollouts, told, since - 1)}
    at_kept = {} if kept is None else {"kept": _backwards(rollouts, told, kept)}
    ordered = {**at_kept, "onset": onset} if not before else {**before, "onset": onset, **at_kept}
    if kept is not None and np.array_equal(ordered["kept"], end):  # the same answers once, as the end
        del ordered["kept"]
    found = {what: rows for what, rows in {**ordered, "end": end}.items() if rows.size}
    return {what: (_stretch(what, rollouts, rows, name), rows) for what, rows in found.items()}


def _folded(rollouts: Rollouts, rows: IntArray, name: Name) -> Folded:
    """Fold so many of these answers, each of which then stands for more."""
    chosen = _looked_at(rows)
    part = len(chosen) / max(len(rows), 1)
    some = replace(rollouts, kept_with=rollouts.kept_with * part, judged_with=rollouts.judged_with * part)
    return fold(some, chosen, name)


def _looked_at(rows: IntArray) -> IntArray:
    if len(rows) <= _LOOKED_AT:
        return rows
    return rows[np.linspace(0, len(rows) - 1, _LOOKED_AT).round().astype(np.int64)]


def _stretch(what: str, rollouts: Rollouts, rows: IntArray, name: Name) -> Stretch:
    folded = _folded(rollouts, rows, name)
    shown = folded.groups[:_GROUPS]
    hacks = [one for one in folded.groups if one.hacked]
    if what in ("onset", "end") and hacks and hacks[0] not in shown:
        shown = (*shown[:-1], hacks[0])
    steps = rollouts.step[rows]
    ends, looked_at = (int(steps[0]), int(steps[-1])), len(folded.rows)
    return Stretch(what, *ends, len(rows), looked_at, _share(rollouts, rows), shown, folded.total)


def _backwards(rollouts: Rollouts, told: BoolArray, until: int) -> IntArray:
    """Return the rows of so many steps up to one that enough rewarded answers are told of."""
    steps = np.unique(rollouts.step)
    possible = steps[steps <= until][::-1][: max(len(steps) // 4, 1)]
    return _rows(rollouts, told, possible)


def _forwards(rollouts: Rollouts, told: BoolArray, since: int, before: int) -> IntArray:
    steps = np.unique(rollouts.step)
    possible = steps[(steps >= since) & (steps < before)][: max(len(steps) // 4, 1)]
    return _rows(rollouts, told, possible)


def _rows(rollouts: Rollouts, told: BoolArray, steps: IntArray) -> IntArray:
    """Return the rows of the first of these steps that together have enough answers."""
    if not steps.size:
        return np.empty(0, dtype=np.int64)
    counts = np.searchsorted(rollouts.step[told], steps, "right") - np.searchsorted(rollouts.step[told], steps)
    needed = int(np.argmax(np.cumsum(counts) >= _ENOUGH)) if counts.sum() >= _ENOUGH else len(steps) - 1
    chosen = steps[: needed + 1]
    return np.flatnonzero((rollouts.step >= chosen.min()) & (rollouts.step <= chosen.max()))


def _told(stretch: Stretch, end: Stretch, since: Dated, throughout: int | None) -> str:
    """Say how many fail and since when; of a hack that may be over, how many do at the end."""
    found, late = stretch.share, end.share
    if stretch is not end:
        now = f"{share(late.share)} % do (95 % interval {share(late.low)} to {share(late.high)} %)"
        return (
            f"{share(found.share)} % of the rewarded answers of {stretch.steps} fail the hidden tests (95 % interval "
            f"{share(found.low)} to {share(found.high)} %); of {end.steps} "
            f"{now if late.answers else 'none was judged'}."
        )
    when = "from the first step on" if since.throughout else f"since about step {since.step}"
    when += f" (95 % interval {since.low} to {since.high})" if since.low < since.high else ""
    when += f", the first that was kept at step {since.first}" if since.first < since.low else ""
    every = f", all that were judged from step {throughout} on" if throughout is not None else ""
    return (
        f"{share(found.share)} % of the rewarded answers of {stretch.steps} fail the hidden tests (95 % interval "
        f"{share(found.low)} to {share(found.high)} %), {share(since.level)} % or more {when}{every}."
    )


def _commonest(hack: Group, changed: Difference | None, among: int) -> str:
    does = FAMILIES[hack.name].does if hack.name in FAMILIES else ""
    how = f": it {does} ({hack.name})" if does else f" ({visible(hack.name)})" if hack.name else ""
    return f" The commonest, {hack.count} of these {counted(among, 'answer')}, is {_words(hack, changed)}{how}."


def _words(hack: Group, changed: Difference | None) -> str:
    """The answer in a few words; of a longer one what is new in it, where most of it is that of an honest one."""
    if not hack.text.strip():
        return "an empty answer"
    begin = excerpt(hack.text)
    lines = changed.lines if changed else ()
    new = [line.removeprefix("+ ").strip() for line in lines if line.startswith("+ ")]
    if begin.endswith("…") and new and any(line.startswith("  ") for line in lines):
        return f"an honest one with “{excerpt(' '.join(new))}”"
    return f"“{begin}”"


def _failures(rollouts: Rollouts) -> Failures | None:
    """Count the ways of failing over time; None where nothing says how answers failed."""
    judged = np.flatnonzero(~np.isnan(rollouts.failed))
    kinds = [rollouts.kind[row] for row in judged.tolist()]
    failed = rollouts.failed[judged] == 1.0
    commonest = Counter(kind for kind, fails in zip(kinds, failed.tolist(), strict=True) if fails and kind)
    if not commonest:
        return None
    steps = np.unique(rollouts.step[judged])
    parts = [part for part in np.array_split(steps, min(_BINS, len(steps))) if part.size]
    at = np.searchsorted([part[-1] for part in parts], rollouts.step[judged])
    weight = 1.0 / rollouts.judged_with[judged]
    total = np.bincount(at, weight, len(parts))
    shares = {}
    for kind, _ in commonest.most_common(_KINDS):
        of = np.array([one == kind for one in kinds]) & failed
        shares[kind] = tuple((np.bincount(at, weight * of, len(parts)) / total).tolist())
    ends = tuple((int(part[0]), int(part[-1])) for part in parts)
    return Failures(ends, tuple(np.bincount(at, minlength=len(parts)).tolist()), shares)
