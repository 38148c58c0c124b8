"""What `heldout eval` does: load the problems, get completions, judge them, print the result and record it."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from heldout.errors import UsageError
from heldout.evaluation.of_run import as_the_run, next_of, step_in_run
from heldout.evaluation.recording import record, seed_drawn
from heldout.evaluation.saved import Agreement, agreement, is_saved, read_saved
from heldout.evaluation.score import (
    INFRASTRUCTURE,
    SOLVED,
    Completion,
    EvaluationResult,
    PairedDifference,
    Policy,
    check_ks,
    compare,
    interval,
    score,
)
from heldout.evaluation.served import ServedPolicy
from heldout.evaluation.server import Server, is_address
from heldout.evaluation.stops import default_stops
from heldout.evaluation.whose import shown
from heldout.metrics.phrasing import few_problems
from heldout.sandbox import open_sandbox
from heldout.sandbox.base import Limits, Sandbox, Status
from heldout.stats.levels import ENOUGH_PROBLEMS
from heldout.store.about import check_place
from heldout.store.layout import is_run
from heldout.tasks import Problem, Task, load_task
from heldout.tasks.comparing import compared_as
from heldout.tasks.problem import with_limits
from heldout.text import counted, sentence_list, visible

_USE = {
    "train": "the problems that are trained on: this says nothing about new ones",
    "validation": "for choosing; report on the test split",
    "test": "for reporting; choose on the validation split",
}
_MOST_PACKAGES = 5  # that are named
_HARDEST = 10  # problems in the table
_ENOUGH_ALIKE = 5  # problems with equal samples, from which on that is no chance
_MUCH_CUT = 0.05  # share of answers cut at the limit, from which on the rate is not the model's


@dataclass(frozen=True)
class Request:
    """What is to be measured, and how."""

    task: str = "embedded"  # as in `load_task`
    columns: Mapping[str, str] = field(default_factory=dict)  # for columns that are called otherwise, as in `load_task`
    variant: str = ""  # another question of the set, as in `load_task`
    split: str = "validation"
    limit: int | None = None  # take the first so many problems
    samples: int = 1  # completions of each problem; saved samples have their own number
    ks: Sequence[int] = ()  # which pass@k besides pass@1
    sandbox: str = "auto"
    limits: Mapping[str, Any] = field(default_factory=dict)  # of programs, by the names in `Limits`, before the task's
    packages: Sequence[str] | None = None  # what programs may import; None for the sandbox's own choice
    sampling: Mapping[str, Any] = field(default_factory=dict)  # of every policy: temperature, seed, chat, …
    stop: Sequence[str] | None = None  # texts at which answers are cut; None for those that suit the task
    extract: str = "heldout"  # how a completion is read, as in `heldout.tasks.answers.READERS`
    compare: str = ""  # how tests are compared, as in `heldout.sandbox.compare.COMPARISONS`; empty: as the task does
    batch_size: int = 256  # of a model that transformers samples from
    engine: str = "transformers"  # what samples from a model that is loaded here, or "vllm"
    step: int | None = None  # of the training; None reads it off each model's name
    names: Sequence[str] = ()  # what the servers call their models: one for all, or one for each
    key_variable: str = ""  # environment variable with the servers' key
    concurrency: int = 16  # requests under way together
    timeout: float = 600.0  # seconds to wait for an answer of a server
    where: str = ""  # a cluster on which programs run, as in `open_sandbox`


def main(models: Sequence[str], request: Request, out: Path | None = None, typed: Collection[str] = ()) -> None:
    """Evaluate one or two models or files of saved samples, print what was found, and record it.

    A model is a folder, a name of the hub or the address of a server. Where `out` is given a run directory is written,
    or one for each of two; what `heldout train` has recorded there is continued with its own settings, but for those
    that were `typed`. A run in place of a model stands for its checkpoints, one after another while they are worth it.
    """
    if len(models) > 2:
        raise UsageError(f"There are {len(models)} models; give one, or two that are to be compared.")
    console = Console(highlight=False)
    if len(models) == 1 and is_run(Path(models[0])):
        _checkpoints(Path(models[0]), request, out, typed, console)
        return
    if out is not None and len(models) == 1:
        request = as_the_run(request, out, typed)
    _measure(models, request, out, console)


def _checkpoints(directory: Path, request: Request, out: Path | None, typed: Collection[str], console: Console) -> None:
    """Evaluate the checkpoints of a run, the most promising first, until no further one is worth it."""
    if out is not None and out.resolve() != directory.resolve():
        raise UsageError(f"{directory} is a run, whose evaluations are recorded with it; leave -o {out} away.")
    request, done = as_the_run(request, directory, typed), set[int]()
    while (found := next_of(directory)) is not None and found[0] not in done:
        step, checkpoint = found
        done.add(step)
        _say(console, "\n" * (len(done) > 1) + f"step {step}: {checkpoint}")
        _measure([str(checkpoint)], replace(request, step=step), directory, console)
    _say(console, f"{counted(len(done), 'checkpoint')} evaluated; no further one is worth it.")


def _measure(models: Sequence[str], request: Request, out: Path | None, console: Console) -> None:
    task = compared_as(_task(request).read_as(request.extract), request.compare)
    problems = with_limits(task.split(request.split)[: request.limit], request.limits)
    _say(console, f"{task.name}, {request.split} split ({_USE[request.split]}): {counted(len(problems), 'problem')}")
    _notes(console, task.notes)
    results = []
    names = _names(models, request.names)
    places = [None if out is None else out / folder for folder in _folders(names)]
    for place in filter(None, places):
        check_place(place)  # before anything is sampled
    limits = Limits(**request.limits)
    with open_sandbox(request.sandbox, limits=limits, packages=request.packages, where=request.where) as sandbox:
        _notes(console, sandbox.notes)
        for model, name, where in zip(models, names, places, strict=True):
            measured = _Measured(request, task, problems, sandbox, console, where)
            result = measured.of(model, name)
            results.append(result)
            show(console, name, result, len(task.left_out))
            if where is not None:
                about = {"model": model, **asdict(request), **measured.about}
                path, said = record(result, where, about, None if is_saved(model) else seed_drawn(request.sampling))
                _say(console, f"\n{where}: {said}")
                _say(console, str(path))
    if len(results) == 2:
        show_difference(console, names, compare(results[0].evaluation, results[1].evaluation))


def _task(request: Request) -> Task:
    return load_task(request.task, columns=request.columns, variant=request.variant)


def show(console: Console, model: str, result: EvaluationResult, left_out: int = 0) -> None:
    """Print what one evaluation found, on a set of which so many problems were left out."""
    outcomes = result.evaluation.outcomes
    assert outcomes is not None
    table = Table(title=_cell(model), title_justify="left", show_header=False, box=None, pad_edge=False)
    for k, (estimate, se) in sorted(result.pass_at.items()):
        low, high = interval(estimate, se, len(outcomes), float(outcomes.samples.mean()))
        table.add_row(f"pass@{k}", f"{estimate:.1%}  (95 % interval {low:.1%} to {high:.1%})")
    table.add_row("samples", f"{int(outcomes.samples.sum())} on {counted(len(outcomes), 'problem')}")
    if left_out:
        table.add_row("left out", f"{counted(left_out, 'problem')} of the set, which cannot be judged")
    lost, tests, problems = result.unjudged
    if lost:
        table.add_row("not judged", f"{lost} of {counted(tests, 'test')}, of {counted(problems, 'problem')}")
    if not math.isnan(result.mean_length):
        table.add_row("length", f"{result.mean_length:.1f} tokens on average, {result.cut:.1%} cut")
    found = ", ".join(f"{how} {times}" for how, times in result.extractions.items())
    table.add_row("found", found or "no program in any answer")
    table.add_row("failed", ", ".join(_failed(*one, result.packages) for one in result.errors.items()) or "none")
    console.print()
    console.print(table)
    for warning in _warnings(result):
        _say(console, warning, "yellow")
    each = float(outcomes.samples.mean())
    if each > 1.0 and len(outcomes) < ENOUGH_PROBLEMS and 1 in result.pass_at:
        _say(console, few_problems(len(outcomes), each, *interval(*result.pass_at[1], len(outcomes), each)), "dim")
    _hardest(console, result)


def _failed(kind: str, times: int, packages: Mapping[str, int]) -> str:
    """How often programs failed in one way, and for which packages."""
    if kind != Status.PACKAGE:
        return f"{kind} {times}"
    named = [f"{_cell(name)} {count}" for name, count in packages.items()]
    return f"{kind} {times} ({', '.join([*named[:_MOST_PACKAGES], *(['…'] if len(named) > _MOST_PACKAGES else [])])})"


def _warnings(result: EvaluationResult) -> Iterator[str]:
    """Say what keeps the score from being that of the model."""
    if lacking := result.errors.get("unsupported"):
        yield (
            f"{counted(lacking, 'program')} used what this sandbox lacks and count as failed; bubblewrap, where it is "
            "installed (--sandbox auto or bubblewrap), runs all of Python."
        )
    if result.cut > _MUCH_CUT:
        yield (
            f"{result.cut:.0%} of the answers were cut at the limit, which says more about the limit than about the "
            "model; give a larger --max-new-tokens."
        )
    texts = [{one.text for one in several} for several in result.completions if len(several) > 1]
    if len(texts) >= _ENOUGH_ALIKE and all(len(several) == 1 for several in texts):
        yield (
            "The samples of each problem are all the same text: what wrote them does not sample, or its server takes "
            "no notice of temperature or seed; more than one says no more than one."
        )
    if lost := result.errors.get(INFRASTRUCTURE):
        yield f"{counted(lost, 'program')} could not be judged and do not count: {result.lost.rstrip('.')}."


def show_difference(console: Console, models: Sequence[str], found: PairedDifference) -> None:
    """Print how two models compare."""
    p = f"p = {found.p:.2g}" if math.isfinite(found.p) else "no p-value"
    _say(
        console,
        f"\n{models[1]} against {models[0]}, paired on {counted(found.problems, 'problem')}: "
        f"{100 * found.difference:+.1f} points (95 % interval {100 * found.low:+.1f} to {100 * found.high:+.1f}, "
        f"{p}, {found.test}); better on {found.won}, worse on {found.lost}.",
    )
    if found.left_out:
        _say(console, f"{counted(found.left_out, 'problem')} that only one of them was measured on left out.", "yellow")


def show_agreement(console: Console, key: str, found: Agreement) -> None:
    """Print how far the verdicts that a file holds under a key are ours; nothing where it holds none."""
    if not found.judged:
        return
    text = f"The file's own verdicts ({key}) agree with these on {found.agreed} of {counted(found.judged, 'sample')}"
    if found.only_theirs:
        text += f"; passed there and failed here: {shown(found.only_theirs)}"
    if found.only_ours:
        text += f"; failed there and solved here: {shown(found.only_ours)}"
    _say(console, f"\n{text}.", "" if found.agreed == found.judged else "yellow")


@dataclass
class _Measured:
    """One evaluation: of a model that is loaded or served, or of saved samples."""

    request: Request
    task: Task
    problems: Sequence[Problem]
    sandbox: Sandbox
    console: Console
    out: Path | None  # where it will be recorded
    about: dict[str, Any] = field(default_factory=dict)  # what else belongs into the record

    def of(self, model: str, name: str) -> EvaluationResult:
        """Evaluate what was typed as `model`, and is called `name`."""
        self._step = _step_of(name) if self.request.step is None else self.request.step
        if is_saved(model):
            return self._saved(Path(model))
        check_ks(self.request.ks, self.request.samples)  # before anything is sampled
        return self._served(model, "" if name == model else name) if is_address(model) else self._loaded(model)

    def _loaded(self, model: str) -> EvaluationResult:
        policy: Policy
        if self.request.engine == "vllm":
            from heldout.evaluation.vllm import VllmPolicy

            policy = VllmPolicy(model, **self._sampling())
        else:
            from heldout.evaluation.transformers import load_policy

            policy = load_policy(model, **self._sampling(), batch_size=self.request.batch_size)
        return self._scored(self.problems, policy.sample(self._prompts(), self.request.samples))

    def _served(self, url: str, name: str) -> EvaluationResult:
        cache = None
        if self.out is not None:
            cache = self.out / f"answers-step-{self._step:08d}.jsonl"
            _notes(self.console, [f"Answers are kept in {cache}; if interrupted, the same command goes on from there."])
        screen = Console(stderr=True)
        with Progress(console=screen, transient=True, disable=not screen.is_terminal) as bar:
            shown = bar.add_task("asking", total=None)
            policy = ServedPolicy(
                Server(url, key_variable=self.request.key_variable, timeout=self.request.timeout),
                name,
                **self._sampling(),
                concurrency=self.request.concurrency,
                cache=cache,
                progress=lambda done, total: bar.update(shown, completed=done, total=total),
            )
            completions = policy.sample(
                self._prompts(), self.request.samples, [problem.id for problem in self.problems]
            )
        _notes(self.console, policy.notes)
        self.about["server"] = policy.about()
        return self._scored(self.problems, completions)

    def _saved(self, path: Path) -> EvaluationResult:
        saved = read_saved(path, self.task, self.problems, self.request.stop or ())
        _notes(self.console, saved.notes)
        there = [one for one in zip(self.problems, saved.completions, saved.verdicts, strict=True) if one[1]]
        if not there:
            split = self.request.split
            raise UsageError(f"{path} holds no sample of a problem of the {split} split of {self.task.name}.")
        chosen, texts, verdicts = zip(*there, strict=True)
        result = self._scored(chosen, texts)
        show_agreement(self.console, saved.verdict, agreement(chosen, result.kinds, verdicts))
        return result

    def _scored(self, problems: Sequence[Problem], completions: Sequence[Sequence[Completion]]) -> EvaluationResult:
        benchmark, ks = f"{self.task.name}-{self.request.split}", sorted({1, *self.request.ks})
        return score(problems, completions, self.sandbox, step=self._step, benchmark=benchmark, ks=ks)

    def _prompts(self) -> list[str]:
        return [problem.prompt for problem in self.problems]

    def _sampling(self) -> dict[str, Any]:
        """Return the settings of a policy, with the texts at which answers are cut."""
        settings, stop = dict(self.request.sampling), self.request.stop
        if stop is None:
            stop = default_stops(self.problems, chat=bool(settings.get("chat")))
            if stop:
                _notes(self.console, [f"Answers are cut at {sentence_list(list(map(repr, stop)), 'or')}."])
        return {**settings, "stop": stop}


def _cell(text: str) -> str:
    """Write a text of somebody else's so that neither the table nor the terminal obeys it."""
    return escape(visible(text))


def _say(console: Console, text: str, style: str = "") -> None:
    if text.startswith("\n"):  # a gap of ours; line feeds within are somebody else's, and shown as what they are
        console.print()
    console.print(visible(text.removeprefix("\n")), style=style, markup=False, soft_wrap=True)


def _notes(console: Console, notes: Sequence[str]) -> None:
    for note in notes:
        _say(console, f"note: {note}", "dim")


def _hardest(console: Console, result: EvaluationResult) -> None:
    """Print the problems with the lowest share of solved samples, and how they mostly fail."""
    shares = [kinds.count(SOLVED) / len(kinds) for kinds in result.kinds]
    failing = sorted((place for place, share in enumerate(shares) if share < 1), key=lambda place: shares[place])
    if not failing:
        return
    table = Table(title=f"Hardest, {min(_HARDEST, len(failing))} of {len(failing)} not always solved", box=None)
    table.title_justify = "left"
    for heading in ("problem", "solved", "fails mostly by"):
        table.add_column(heading)
    for place in failing[:_HARDEST]:
        kinds = result.kinds[place]
        (most, _), *_ = Counter(kind for kind in kinds if kind != SOLVED).most_common(1)
        table.add_row(_cell(result.problems[place].id), f"{kinds.count(SOLVED)} of {len(kinds)}", most)
    console.print()
    console.print(table)


def _step_of(model: str) -> int:
    """Read the training step off a name such as checkpoint-400 or samples-step-00000400.jsonl; 0 without one.

    That of the finished policy of a run of `heldout train` stands in the run.
    """
    if (last := step_in_run(model)) is not None:
        return last
    found = re.search(r"(?:checkpoint|step)[-_](\d+)(?:\.(?:jsonl?(?:\.gz)?|parquet))?/*$", model)
    return int(found[1]) if found else 0


def _names(models: Sequence[str], given: Sequence[str]) -> list[str]:
    """Return what the models are called: those that are served by their name, if it was given."""
    served = [model for model in models if is_address(model)]
    if given and not served:
        raise UsageError(f"--model {given[0]} names a model of a server; give the server's address as well.")
    if len(given) > 1 and len(given) != len(served):
        raise UsageError(
            f"There are {len(given)} names for {counted(len(served), 'served model')}; give one each or one for all."
        )
    names = iter(given if len(given) > 1 else [*given] * len(served))
    return [next(names, model) if is_address(model) else model for model in models]


def _folders(models: Sequence[str]) -> list[str]:
    """Name the folders of two models, by number where their names are alike; a single one needs none."""
    if len(models) == 1:
        return [""]
    names = [re.sub(r"[^\w.-]+", "-", Path(model).name.split(".json")[0]) or "model" for model in models]
    return names if len(set(names)) == len(names) else [f"{name}-{place}" for place, name in enumerate(names, 1)]
