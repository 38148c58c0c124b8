"""What ``heldout audit RUN`` does: judge what was kept, score it by another reward where asked, and print it."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from heldout.audit.judging import Added, Kept, judge_kept, kept_of, settings_of
from heldout.audit.judging import Progress as Told
from heldout.audit.regrading import Regraded, regrade
from heldout.errors import UsageError
from heldout.rewards.worker import open_grader
from heldout.rollouts.choosing import chosen
from heldout.rollouts.listing import as_data, as_lines, listing
from heldout.rollouts.reading import rollouts_of
from heldout.sandbox import open_sandbox
from heldout.sandbox.base import Limits
from heldout.stats.hacking import HackedShare
from heldout.store.lines import json_line
from heldout.tasks import Task, load_task
from heldout.tasks.comparing import compared_as
from heldout.tasks.problem import with_limits
from heldout.text import counted, sentence_list, visible
from heldout.tricks.naming import family_of

SCHEMA = "heldout.audit.run/1"
_TOP = 5  # different answers that are shown


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be judged, and how."""

    path: Path
    task: str | None = None  # as in `load_task`; None for that of the run
    columns: Mapping[str, str] = field(default_factory=dict)
    regrade: str | None = None  # another reward
    stop: Sequence[str] | None = None  # texts at which answers are cut; None for those of the run
    sandbox: str = "auto"
    limits: Mapping[str, Any] = field(default_factory=dict)  # of programs, by the names in `Limits`
    packages: Sequence[str] | None = None
    where: str = ""  # a cluster on which programs run, as in `open_sandbox`
    as_json: bool = False


def main(request: Request) -> None:
    """Judge the answers of a run by hidden tests, and print what was found."""
    rollouts = rollouts_of(request.path)
    task = task_of(request)
    kept = kept_of(rollouts, task, request.stop)
    problems = [problem for problem in kept.problems if problem is not None]
    with (
        open_sandbox(
            request.sandbox, limits=Limits(**request.limits), packages=request.packages, where=request.where
        ) as sandbox,
        open_grader(request.regrade or "tests", problems, sandbox) as grader,
    ):
        notes = [*kept.notes, *sandbox.notes]
        with _shown("judging") as told:
            added = judge_kept(kept, sandbox, told)
        kept = kept_of(rollouts_of(request.path), task, request.stop)
        found = None
        if request.regrade is not None:
            with _shown("scoring") as told:
                found = regrade(kept, request.regrade, grader, progress=told)
    if request.as_json:
        sys.stdout.buffer.write(json_line(_data(kept, added, found, notes)))
        return
    console = Console(highlight=False)
    for line in _lines(kept, added, found, notes):
        console.print(line, markup=False, soft_wrap=True)


def task_of(request: Request) -> Task:
    """Return the task that was named, read as the run read it; without a name that of the run.

    A UsageError where neither names one.
    """
    settings = settings_of(request.path)
    name = request.task or settings.get("task")
    if not isinstance(name, str) or not name:
        raise UsageError(
            f"{request.path} does not say which problems its answers are to; give them by --task, a .jsonl file, "
            "hf:OWNER/NAME or embedded."
        )
    same = name == settings.get("task")
    columns = request.columns or (settings.get("column") if same else None) or {}
    task = load_task(name, columns=columns, keep=request.regrade is not None)
    extract, compare = (settings.get(key) or "" if same else "" for key in ("extract", "compare"))
    task = compared_as(task.read_as(extract) if extract else task, compare)
    return replace(task, problems=with_limits(task.problems, request.limits))


@contextmanager
def _shown(what: str) -> Iterator[Told]:
    """Show how far something is, where there is a terminal."""
    screen = Console(stderr=True)
    with Progress(console=screen, transient=True, disable=not screen.is_terminal) as bar:
        shown = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(shown, completed=done, total=total)


def _lines(kept: Kept, added: Added, found: Regraded | None, notes: Sequence[str]) -> Iterator[str]:
    yield from (f"note: {visible(note)}" for note in notes)
    yield from _told_of(added)
    yield ""
    rollouts = kept.rollouts
    listed = listing(rollouts, chosen(rollouts, rewarded=True, failed=True), _TOP, names=family_of)
    yield from as_lines(listed)
    if found is not None:
        yield ""
        yield from regraded_lines(found)


def _told_of(added: Added) -> Iterator[str]:
    text = f"{counted(added.judged, 'answer')} judged now, {added.before} before"
    yield visible(f"{text}; the outcomes stand in {added.file}." if added.judged else f"{text}.")
    if added.unknown:
        yield f"{counted(added.unknown, 'answer')} to problems that the task does not have: not judged."
    if added.lost:
        yield visible(
            f"{counted(added.lost, 'answer')} could not be judged ({added.why.rstrip('.')}); run it again to try anew."
        )


def regraded_lines(found: Regraded) -> Iterator[str]:
    """Yield what another reward gives, in sentences."""
    yield visible(f"Scored by {found.reward} ({found.plan}): {found.asked} of {found.there} judged answers.")
    if not math.isnan(found.constant):
        yield f"It gave every one of them {found.constant:g}: it tells no two answers apart, right or wrong."
    yield _of(found.hacked, "were paid and fail the hidden tests", "would still be paid")
    yield _of(found.right, "were paid and pass them", "would be lost")
    yield _of(found.missed, "went unpaid and pass them", "would be paid")
    yield _of(found.wrong, "went unpaid and fail them", "would be paid")
    if found.without:
        told = [f"{count} {visible(kind)}" for kind, count in found.without.items()]
        yield f"It gave no number for some, which count as not paid: {sentence_list(told)}."


def _of(share: HackedShare, what: str, then: str) -> str:
    if not share.answers:
        return f"  no answers {what}"
    return (
        f"  of {counted(share.answers, 'answer')} that {what}, {100 * share.share:.1f} % {then} "
        f"(95 % interval {100 * share.low:.1f} to {100 * share.high:.1f})"
    )


def _data(kept: Kept, added: Added, found: Regraded | None, notes: Sequence[str]) -> dict[str, Any]:
    rollouts = kept.rollouts
    listed = listing(rollouts, chosen(rollouts, rewarded=True, failed=True), _TOP, names=family_of)
    return {
        "schema": SCHEMA,
        "judged": {**asdict(added), "file": str(added.file)},
        "notes": list(notes),
        "samples": as_data(listed),
        "regraded": None if found is None else _plain(asdict(found)),
    }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return None if isinstance(value, float) and value != value else value
