"""What a callback's `task` says: which problems are trained on, and which are held out, under which name."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from heldout.callbacks.hidden import ID_COLUMNS
from heldout.errors import ContaminatedTask, UsageError
from heldout.tasks import Problem, Task, load_task
from heldout.tasks.contamination import refuse
from heldout.text import counted

OneTask = Task | str | os.PathLike[str]
Tasks = OneTask | Iterable[Problem] | Iterable[OneTask] | Mapping[str, OneTask | Iterable[Problem]]
ONLY = "held-out"  # the name of the benchmark where there is one
_HELD_OUT = ("validation", "test")  # splits, that for choosing first


def tasks_of(task: Tasks) -> dict[str, Task]:
    """Return the tasks by the names of their benchmarks: those that were given, or their own; one has none.

    A UsageError where two have one name, or there is none.
    """
    if isinstance(task, Mapping):
        return {str(name): _loaded(one, str(name)) for name, one in task.items()}
    if isinstance(task, Task | str | os.PathLike):
        return {ONLY: _loaded(task, ONLY)}
    several: list[Any] = list(task)
    if all(isinstance(one, Problem) for one in several):
        return {ONLY: Task("the task", tuple(several))}
    loaded = [_loaded(one, ONLY) for one in several]
    twice = [name for name, times in Counter(one.name for one in loaded).items() if times > 1]
    if twice:
        raise UsageError(f"Two tasks are called {twice[0]!r}; give a name to each: task={{'one': …, 'other': …}}.")
    return {one.name: one for one in loaded} if len(loaded) > 1 else {ONLY: loaded[0]}


def _loaded(one: Any, name: str) -> Task:
    if isinstance(one, str | os.PathLike):
        return load_task(os.fspath(one))
    return one if isinstance(one, Task) else Task(name, tuple(one))


def training_problems(tasks: Mapping[str, Task]) -> tuple[Problem, ...]:
    """Return those that are trained on; all of them where no split says so."""
    everything = [problem for task in tasks.values() for problem in task.problems]
    return tuple(problem for problem in everything if problem.split == "train") or tuple(everything)


@dataclass(frozen=True)
class HeldOutSplit:
    """The two sides of tasks that are evaluated during a training."""

    train: tuple[Problem, ...]  # of all of them
    held_out: Mapping[str, tuple[Problem, ...]]  # by benchmark

    @classmethod
    def of(cls, tasks: Mapping[str, Task], most: int | None = None) -> HeldOutSplit:
        """Return what is trained on, and of each task at most so many problems of its split for validation, else test.

        Raises
        ------
        UsageError
            When none is held out, or two tasks call different training problems alike.
        ContaminatedTask
            When a held-out problem is one that is trained on.
        """
        found = {name: _held_out(task)[:most] for name, task in tasks.items()}
        everything = [problem for task in tasks.values() for problem in task.problems]
        if not any(found.values()):
            raise UsageError(
                f"None of the {counted(len(everything), 'problem')} of the task is held out, so there is nothing to "
                "evaluate on; put some into the split 'validation' or 'test', such as by load_task(FILE, "
                "split='test'), or leave out every."
            )
        train = tuple(problem for problem in everything if problem.split == "train")
        twice = [name for name, times in Counter(problem.id for problem in train).items() if times > 1]
        if twice:
            raise UsageError(f"Two training problems are called {twice[0]!r}; every one needs an id of its own.")
        for task in tasks.values():
            own = {id(problem) for problem in task.problems}
            refuse(task, otherwise="")
            others = [problem for problem in train if id(problem) not in own]
            refuse(Task(task.name, (*others, *_held_out(task))), otherwise="")
        return cls(train, {name: problems for name, problems in found.items() if problems})

    def refuse_trained_on(self, dataset: Any) -> None:
        """Raise a ContaminatedTask where the trainer's data set asks a held-out problem, by its prompt or its id."""
        asked, ids = _asked(dataset)
        named = {problem.id for problem in self.train} & ids
        for name, problems in self.held_out.items():
            for problem in problems:
                by_id = problem.id in ids and (bool(named) or not problem.id.isdigit())
                if by_id or _plain(problem.prompt) in asked:
                    raise ContaminatedTask(
                        f"The problem {problem.id!r} of {name} is held out, and the data set of the training asks it; "
                        "take it out of one of the two."
                    )


def _held_out(task: Task) -> tuple[Problem, ...]:
    return next(
        (found for split in _HELD_OUT if (found := tuple(one for one in task.problems if one.split == split))), ()
    )


def _asked(dataset: Any) -> tuple[set[str], set[str]]:
    """Return the prompts of a data set, each message of a conversation by itself, and the ids of its rows.

    Nothing of one that can only be streamed.
    """
    there = getattr(dataset, "column_names", None) if hasattr(dataset, "__len__") else None
    prompts = dataset["prompt"] if there and "prompt" in there else ()
    ids = {str(value) for column in ID_COLUMNS if there and column in there for value in dataset[column]}
    return {_plain(text) for prompt in prompts for text in _texts(prompt)}, ids


def _texts(prompt: Any) -> Iterator[str]:
    if isinstance(prompt, str):
        yield prompt
    elif isinstance(prompt, Iterable):
        yield from (str(turn.get("content", "")) for turn in prompt if isinstance(turn, Mapping))


def _plain(text: str) -> str:
    return " ".join(text.lower().split())
