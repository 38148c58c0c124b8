"""What a reader of a comparison has to know beside its numbers, and how to get a number that may be quoted."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from heldout.compare.groups import BY_NAME
from heldout.compare.levels import SEEDS
from heldout.compare.lost import tells_settings
from heldout.compare.members import Side
from heldout.compare.model import KEEP, LAST, Answer, Comparison
from heldout.compare.pairs import UNPAIRED
from heldout.compare.refusals import few_discordant
from heldout.compare.words import name
from heldout.copies import copies
from heldout.run import NoteKind, Run
from heldout.settings import differing
from heldout.stats import seeds
from heldout.text import counted, sentence_list, share, visible

_CHANGED = (NoteKind.REPAIRED, NoteKind.DROPPED)
_NOTES = 4  # of reading the logs
_WORK = ("batch", "prompts", "samples", "num_generations", "rollout", "accumulation")  # what a step's work depends on


def notes_of(found: Comparison, sides: Sequence[Side]) -> tuple[str, ...]:
    """Say what a reader has to know: of the runs, of the recipes, and of the method."""
    return (
        *(note for side in sides for note in _of_side(side)),
        *_copies(sides),
        *_reading(sides),
        *_versions([run.run for side in sides for run in side.runs]),
        *_steps(found),
        *_method(found),
        *_improvement(found, sides),
    )


def _of_side(side: Side) -> Iterator[str]:
    runs = [one.run for one in side.runs if tells_settings(one.run)]
    if side.by == BY_NAME:
        yield f"{side.name}: {len(runs)} runs are taken for seeds of one recipe; their names differ in the seed alone."
    within = differing([run.config for run in runs])
    if within:
        yield f"Within {side.name} the runs also differ in {sentence_list(_some(list(within)))}."
    twice = [
        seed for seed, times in Counter(one.seed for one in side.runs if not one.copy_of).items() if seed and times > 1
    ]
    if twice:
        yield f"{side.name} has the seed {visible(twice[0])} more than once; its runs may not be independent."


def _some(keys: list[str], most: int = 4) -> list[str]:
    return keys if len(keys) <= most else [*keys[:most], f"{len(keys) - most} more"]


def _copies(sides: Sequence[Side]) -> Iterator[str]:
    """Say which runs are copies, and which runs of different recipes have the same measurements."""
    for run in (run for side in sides for run in side.runs if run.copy_of):
        yield f"{run.run.name} has the same measurements as {run.copy_of}, and is no other seed: it does not count."
    runs = [run for side in sides for run in side.counted]
    for copy, of in copies([(run.run, run.evaluations) for run in runs]).items():
        yield (
            f"{runs[copy].run.name} has the same measurements as {runs[of].run.name}: one may be a copy of the other."
        )


def _reading(sides: Sequence[Side]) -> Iterator[str]:
    """Say what of the logs was put in order or could not be used: another reader may see other numbers."""
    told: dict[str, list[str]] = {}
    for run in (run.run for side in sides for run in side.seeds):
        for note in run.notes:
            if note.kind in _CHANGED:
                told.setdefault(note.text, []).append(name(run.name))
    lines = [f"{sentence_list(_some(names))}: {text}" for text, names in told.items()]
    yield from lines[:_NOTES]
    if len(lines) > _NOTES:
        more = len(lines) - _NOTES
        yield f"{counted(more, 'more note')} on what was put in order or left out of the logs: heldout report has them."


def _versions(runs: Sequence[Run]) -> Iterator[str]:
    commits = {str(run.config.get("git")) for run in runs if run.config.get("git")}
    if len(commits) > 1:
        yield f"The runs were made at {counted(len(commits), 'commit')}."
    told = [run.config["versions"] for run in runs if isinstance(run.config.get("versions"), dict)]
    other = sorted(
        visible(str(name))
        for name in {name for versions in told for name in versions}
        if len({str(versions.get(name)) for versions in told}) > 1
    )
    if other:
        yield f"The versions of {sentence_list(_some(other))} are not the same in all runs."


def _steps(found: Comparison) -> Iterator[str]:
    here = {step for one in found.recipes if (level := one.levels.get(LAST)) is not None for step in level.steps}
    if found.provisional and len(here) == 1:
        yield f"A run goes on: the last step is here the last that all have, step {here.pop()}."
    last = {recipe.name: sorted({m.last_step for m in recipe.members if m.counted and m.last_step is not None})
            for recipe in found.recipes}  # fmt: skip
    if len({tuple(steps) for steps in last.values() if steps}) > 1:
        told = [f"{name} ends at {', '.join(map(str, steps[:3]))}" for name, steps in last.items() if steps]
        yield f"The last steps are not the same: {sentence_list(told[:6])}."
    work = [key for key in found.differs if any(word in key.lower() for word in _WORK)]
    if work and found.curves:
        yield f"They differ in {sentence_list(_some(work))}: a step may not mean the same work."


def _method(found: Comparison) -> Iterator[str]:
    compared = [one for one in found.primary if one.answer is not Answer.NOT_COMPARED]
    if compared and found.spoken.lower:
        yield "Lower is better in this log; a difference above 0, or a factor above 1, says that the first is ahead."
    if len(compared) > 1:
        yield f"Intervals and p are paid for {len(compared)} comparisons."
    if any(one.method == UNPAIRED for one in compared):
        yield (
            "The logs have rates and no outcomes of single problems, so that nothing is paired; if the problems are "
            "the same the interval is wider than need be."
        )
    if any(one.method == SEEDS for one in compared):
        yield "Seeds alone are counted: this speaks of other seeds on these problems, and not of other problems."
    for one in compared:
        if min(one.seeds) == 1 and max(one.seeds) > 1:
            name = one.a if one.seeds[0] == 1 else one.b
            yield f"{name} is one run, which is taken to scatter as the seeds of the other do."
    told = (few_discordant(part) for part in found.problems if part.at == found.at and _single(found, part.a, part.b))
    yield from (f"{text}." for text in dict.fromkeys(told) if text)


def _single(found: Comparison, a: str, b: str) -> bool:
    return any(one.one_run_each for one in found.primary if (one.a, one.b) == (a, b))


def _improvement(found: Comparison, sides: Sequence[Side]) -> Iterator[str]:
    """The chance that a seed of one is better than a seed of the other, from five seeds each on."""
    by_name = {side.name: side for side in sides}
    for one in found.primary:
        if one.answer is Answer.NOT_COMPARED:
            continue
        scores = [[run.evaluations[-1].score for run in by_name[name].counted] for name in (one.b, one.a)]
        chance = seeds.probability_of_improvement(*scores) if all(scores) else None
        if chance is not None:
            yield f"At the last step a seed of {one.a} is above a seed of {one.b} in {share(chance)} % of the pairs."


def quote_of(found: Comparison, sides: Sequence[Side]) -> str:
    """The command that measures the best kept checkpoint on problems that did not choose it; empty without one."""
    if found.at not in (KEEP, LAST):
        return ""
    candidates = [
        (run.told.keep or 0.0, run, keep.step)
        for side in sides
        for run in side.counted
        if (keep := run.keep) is not None and keep.step in run.run.checkpoints
    ]
    if not candidates:
        return ""
    _, run, step = max(candidates, key=lambda one: one[0])
    where = run.run.checkpoints[step]
    into = f" -o {shlex.quote(run.run.source)}" if Path(run.run.source).is_dir() else ""
    return visible(f"heldout eval {shlex.quote(where)} --split test{into}")
