"""What ``heldout audit REWARD`` does: load the problems, open the reward, audit it, print and write what was found."""

from __future__ import annotations

import functools
import hashlib
import json
import math
import shlex
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from heldout.audit.asking import Asker
from heldout.audit.audit import Audit, audit
from heldout.audit.baselines import measured
from heldout.audit.files import as_json, write
from heldout.audit.journal import Journal
from heldout.audit.parts import Kind, Known
from heldout.audit.progress import Shown
from heldout.audit.terminal import show
from heldout.audit.truth import known_of
from heldout.audit.words import score_text
from heldout.errors import UsageError
from heldout.evaluation.saved import read_saved
from heldout.rewards.calling import columns_of
from heldout.rewards.source import source_of
from heldout.rewards.worker import SECONDS, open_grader
from heldout.sandbox import open_sandbox
from heldout.sandbox.base import Limits
from heldout.tasks import Problem, Task, load_task
from heldout.tasks.problem import with_limits
from heldout.text import sentence_list, visible

UNUSABLE = 2  # exit status where no right answer is paid, in whatever format
FOUND = 3  # exit status where something was found that --fail-on names
FAIL_ON = tuple(kind.value for kind in (Kind.PAID, Kind.PARTLY, Kind.REJECTED, Kind.WEAK, Kind.FLAKY))
INTERRUPTED = 130  # exit status of what Ctrl-C ended
ANSWERS = "answers.jsonl"  # in the folder, the answers that were scored
_TRIED = 8  # problems on which a text is tried, unless some are named


@dataclass(frozen=True)
class Request:
    """What is to be audited, and how."""

    reward: str
    task: str  # as in `load_task`
    split: str | None = None  # of which problems are taken; None for all splits
    columns: Mapping[str, str] = field(default_factory=dict)  # argument of the reward → column of the task
    solutions: Path | None = None  # a file of answers that may be right, as `heldout eval` reads samples
    limit: int | None = None  # take the first so many problems
    every: bool = False  # every problem, and all of each part
    seed: int = 0
    messages: bool | None = None  # whether answers are given as conversations; None finds that out
    timeout: float = SECONDS  # after which a call of the reward has hung
    sandbox: str = "auto"
    limits: Mapping[str, Any] = field(default_factory=dict)  # of programs, by the names in `Limits`
    packages: Sequence[str] | None = None
    where: str = ""  # a cluster on which programs run, as in `open_sandbox`
    fail_on: Sequence[str] = ()  # values of `Kind`
    text: Path | None = None  # an answer that is tried instead of an audit
    problem_ids: Sequence[str] = ()  # of those that are taken; empty for all
    as_json: bool = False
    budget: float = math.inf  # seconds that all may take

    @property
    def again(self) -> str:
        """The command that tries a text again, up to the name of its file."""
        words = ["heldout", "audit", self.reward, "--task", self.task]
        for argument, column in self.columns.items():
            words += ["--column", f"{argument}={column}"]
        words += ["--messages"] if self.messages else []
        return visible(shlex.join([*words, *(["--split", self.split] if self.split else []), "--text"]))


def main(request: Request, out: Path | None = None) -> int:
    """Audit a reward, or try one text, print what was found and write it to a folder; return the exit status.

    What is known is written after every part, and every answer that was scored is kept until the end.

    Raises UsageError where the reward cannot be called, or there are no problems.
    """
    _check(request)
    text = None if request.text is None else _text(request.text)
    task = load_task(request.task, keep=True)
    problems = _problems(request, task)
    given = _solutions(request, task, problems)
    how: dict[str, Any] = {"renamed": request.columns, "messages": request.messages, "seconds": request.timeout}
    with ExitStack() as open_:
        sandbox = open_.enter_context(
            open_sandbox(
                request.sandbox, limits=Limits(**request.limits), packages=request.packages, where=request.where
            )
        )
        grader = open_.enter_context(open_grader(request.reward, problems, sandbox, **how))
        if text is not None:
            asker = Asker(grader, sandbox)
            _try(Console(highlight=False), asker, text, problems[: len(request.problem_ids) or _TRIED], given)
            return 0
        journal = Journal(grader, out / ANSWERS, _about(request, problems)) if out else None
        if journal:
            grader = open_.enter_context(journal)
        notes = (*task.notes, *sandbox.notes, *grader.notes)
        _say_at_once(grader.notes)
        shown = open_.enter_context(Shown())
        asker = Asker(
            grader, sandbox, every=request.every, seed=request.seed, budget=request.budget, progress=shown.more
        )
        name = f"{task.name}{f', {request.split} split' if request.split else ''}"
        came = functools.partial(write, folder=out, reproduced=request.again) if out else lambda found: None
        found = audit(asker, request.reward, name, problems, given, told=shown.part, came=came)
        shown.stop()
        if journal and not found.missing:
            journal.finished()
    _tell(found, request, notes, out)
    if found.stopped == "interrupted":
        _say_interrupted(found, out)
        return INTERRUPTED
    if found.with_truth and math.isnan(found.right):
        return UNUSABLE
    return FOUND if any(one.kind.value in request.fail_on for one in found.flaws) else 0


def _about(request: Request, problems: Sequence[Problem]) -> dict[str, str]:
    """What answers are scored by: where any of it changes, those of before say nothing."""
    columns = json.dumps([[one.id, one.prompt, columns_of(one)] for one in problems], default=str)
    how = [request.columns, request.messages, request.timeout, request.limits, request.seed]
    return {
        "the reward's name": request.reward,
        "the reward's source": source_of(request.reward),
        "the task": hashlib.sha256(columns.encode()).hexdigest(),
        "the way of asking": json.dumps(how, default=str),
    }


def _say_at_once(notes: Sequence[str]) -> None:
    for note in notes:
        Console(stderr=True, highlight=False).print(visible(note), markup=False, soft_wrap=True)


def _say_interrupted(found: Audit, out: Path | None) -> None:
    kept = f"what there is was written to {out}, and the same command goes on from there" if out else "nothing was kept"
    told = f"heldout: {found.ended}; {kept}."
    Console(stderr=True, highlight=False).print(visible(told), markup=False, soft_wrap=True)


def _check(request: Request) -> None:
    unknown = [one for one in request.fail_on if one not in FAIL_ON]
    if unknown:
        raise UsageError(f"--fail-on {unknown[0]}: there is no such flaw; take {sentence_list(list(FAIL_ON), 'or')}.")
    if not request.task:
        raise UsageError(
            f"{request.reward} is audited on problems: name them by --task. (There is no run of that name here.)"
        )


def _tell(found: Audit, request: Request, notes: Sequence[str], out: Path | None) -> None:
    files = write(found, out, request.again) if out else {}
    if request.as_json:
        print(as_json(found, files), end="")
        return
    console = Console(highlight=False)
    for note in notes:
        console.print(f"  {visible(note)}", style="dim", markup=False)
    show(console, found, files)
    for name in ("audit.html", "audit.json") if out else ():
        console.print(f"→ [bold]{visible(str(out / name if out else name))}[/bold]", soft_wrap=True)


def _problems(request: Request, task: Task) -> tuple[Problem, ...]:
    problems = task.split(request.split) if request.split else task.problems
    if request.problem_ids:
        there = {one.id: one for one in problems}
        missing = [id for id in request.problem_ids if id not in there]
        if missing:
            raise UsageError(
                f"{task.name} has no problem {missing[0]!r}; it has {sentence_list(list(there)[:3])}, and so on."
            )
        problems = tuple(there[id] for id in request.problem_ids)
    if not problems:
        raise UsageError(f"{task.name} has no problems that can be judged; give another task.")
    return with_limits(problems[: request.limit], request.limits)


def _solutions(request: Request, task: Task, problems: Sequence[Problem]) -> dict[str, list[str]]:
    if request.solutions is None:
        return {}
    saved = read_saved(request.solutions, task, problems)
    return {problem.id: [one.text for one in some] for problem, some in zip(problems, saved.completions, strict=True)}


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "surrogatepass")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read as a text: {error}.") from None


def _try(
    console: Console, asker: Asker, text: str, problems: Sequence[Problem], given: Mapping[str, Sequence[str]]
) -> None:
    """Print what one text gets on some problems, beside what a right answer gets, and whether it is right."""
    known = measured(asker, known_of(problems, asker, given))
    answers = [(one.problem, text) for one in known]
    console.print(f"called: {visible(asker.grader.plan)}", markup=False, soft_wrap=True)
    for one, said, right in zip(known, asker.ask(answers), asker.right(answers), strict=True):
        scale = f", a right answer {one.scale.ceiling:.4g}" if one.scale.known else ""
        got = score_text(said.score, said.kind)
        why = f" ({visible(said.error)})" if said.error else ""
        verdict = {True: "passes the hidden tests", False: "fails the hidden tests", None: "not judged"}[right]
        console.print(
            f"{visible(one.problem.id)}: gets {got}{why}{scale}; {verdict}{_paid(one, said.score, right)}",
            markup=False,
            soft_wrap=True,
        )


def _paid(known: Known, score: float | None, right: bool | None) -> str:
    """Say what follows of the two."""
    if right is False and known.scale.is_paid(score):
        return ": a wrong answer is paid"
    if right and not known.scale.is_paid(score):
        return ": a right answer is not paid"
    return ""
