"""Held-out problems that the model was trained on measure nothing; here they are found and refused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from heldout.errors import ContaminatedTask
from heldout.sandbox.hidden import Reply
from heldout.tasks.problem import Problem, Task
from heldout.text import counted, sentence_list

GRAM = 8  # code tokens
SHARE = 0.5  # of a held-out prompt's grams, found in one training prompt
_TOKEN = re.compile(r"\w+|[^\w\s]")
_NAMED = 20  # ids in the message


def refuse(task: Task, share: float = SHARE, *, otherwise: str = ", or allow the overlap (--allow-overlap)") -> None:
    """Raise a ContaminatedTask that names the held-out problems which occur among the training problems, if any do.

    `otherwise` says what else can be done than to take them out.
    """
    found = contaminated(task, share)
    if found:
        named = [f"{name} ({why})" for name, why in list(found.items())[:_NAMED]]
        more = [f"{len(found) - _NAMED} more"] if len(found) > _NAMED else []
        raise ContaminatedTask(
            f"{counted(len(found), 'held-out problem')} of {task.name} occur in its training split: "
            f"{sentence_list(named + more)}; take them out of one of the two{otherwise}."
        )


def contaminated(task: Task, share: float = SHARE) -> dict[str, str]:
    """Name the held-out problems that occur among the training problems, each with the reason.

    A problem occurs there if a training problem has the same prompt, white space and case aside; or the same entry
    point and the same tests; or if one training prompt holds at least `share` of its 8-grams of code tokens (words and
    signs), which finds near copies; prompts of fewer than 8 tokens, and tasks whose splits are apart by construction,
    are compared as a whole only.

    What it cannot see: a problem told in other words with other tests, a short prompt in which a few words differ (one
    word in the middle undoes eight grams), and what the model saw before this training.

    Examples
    --------
    >>> from heldout.tasks.problem import Problem, Task
    >>> train, held_out = Problem("a", "Add  two.", "f", ()), Problem("b", "add two.", "g", (), "test")
    >>> contaminated(Task("t", (train, held_out)))
    {'b': 'the prompt of a'}
    """
    train = [problem for problem in task.problems if problem.split == "train"]
    prompts = {_normal(problem.prompt): problem.id for problem in train}
    tested = {_tests(problem): problem.id for problem in train if _is_told_by_tests(problem)}
    near = _Near([] if task.apart else train)
    found: dict[str, str] = {}
    for problem in task.problems:
        if problem.split == "train":
            continue
        if twin := prompts.get(_normal(problem.prompt)):
            found[problem.id] = f"the prompt of {twin}"
        elif _is_told_by_tests(problem) and (twin := tested.get(_tests(problem))):
            found[problem.id] = f"the tests of {twin}"
        else:
            overlap, twin = near.most(problem)
            if overlap >= share:
                found[problem.id] = f"{overlap:.0%} of its {GRAM}-grams in {twin}"
    return found


def groups(problems: Sequence[Problem], share: float = SHARE) -> list[int]:
    """Which problems belong together, because `contaminated` would find one of them for another?

    Returns
    -------
    list of int
        For each problem the place of the first one of its group: itself where it is alone. Whoever looks like one of a
        group belongs to it, so two of a group need not look alike themselves.

    Examples
    --------
    >>> groups([Problem("a", "Add  two.", "f", ()), Problem("b", "Halve.", "f", ()), Problem("c", "add two.", "g", ())])
    [0, 1, 0]
    """
    first = list(range(len(problems)))

    def root(place: int) -> int:
        while first[place] != place:
            first[place] = first[first[place]]
            place = first[place]
        return place

    prompts: dict[str, int] = {}
    tested: dict[tuple[str, frozenset[str]], int] = {}
    near = _Near(problems)
    for place, problem in enumerate(problems):
        twins = [prompts.setdefault(_normal(problem.prompt), place)]
        if _is_told_by_tests(problem):
            twins.append(tested.setdefault(_tests(problem), place))
        for twin in (*twins, *near.above(problem, share)):
            one, other = sorted((root(place), root(twin)))
            first[other] = one
    return [root(place) for place in range(len(problems))]


def copies(problems: Sequence[Problem]) -> dict[int, int]:
    """Which problems ask the same as one before them?

    The same prompt, white space and case aside; the same tests, whatever the function is called; or prompts that look
    alike (`groups`) with the same numbers, names and expected answers. Questions of one template with other numbers or
    names are other problems.

    Returns
    -------
    dict of int to int
        The place of each copy, and that of the first problem that asks the same.

    Examples
    --------
    >>> sums = [Problem(str(n), f"{n} + 56?", "", (Reply(str(n + 56), str.__eq__),)) for n in (28, 31, 28)]
    >>> copies(sums)
    {2: 0}
    """
    first: dict[object, int] = {}
    found = {}
    for place, (problem, group) in enumerate(zip(problems, groups(problems), strict=True)):
        tests = frozenset(map(repr, problem.tests))
        alike = (group, _particulars(problem.prompt), tests)
        keys = (_normal(problem.prompt), alike, *([tests] if _is_told_by_tests(problem) else []))
        twin = min(first.setdefault(key, place) for key in keys)
        if twin != place:
            found[place] = twin
    return found


def _particulars(prompt: str) -> tuple[str, ...]:
    """The numbers and the words with capitals, by which questions of one template differ."""
    return tuple(sorted(re.findall(r"\d+|\b[A-Z]\w*", prompt)))


class _Near:
    """Finds the prompts that share the most 8-grams with a prompt."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self._ids: list[str] = []
        postings: dict[tuple[str, ...], list[int]] = {}
        for place, problem in enumerate(problems):
            self._ids.append(problem.id)
            for gram in _grams(problem.prompt):
                postings.setdefault(gram, []).append(place)
        self._postings: dict[tuple[str, ...], npt.NDArray[np.intp]] = {
            gram: np.array(places, np.intp) for gram, places in postings.items()
        }

    def most(self, problem: Problem) -> tuple[float, str]:
        """Return the largest share of the problem's grams that one prompt holds, and which."""
        shares = self._shares(problem)
        if not shares.size:
            return 0.0, ""
        best = int(shares.argmax())
        return float(shares[best]), self._ids[best]

    def above(self, problem: Problem, share: float) -> list[int]:
        """Return the places of the prompts that hold at least this share of the problem's grams."""
        found: list[int] = np.flatnonzero(self._shares(problem) >= share).tolist()
        return found

    def _shares(self, problem: Problem) -> npt.NDArray[np.float64]:
        grams = _grams(problem.prompt)
        places = [self._postings[gram] for gram in grams if gram in self._postings]
        return np.bincount(np.concatenate(places)) / len(grams) if places else np.empty(0)


def _grams(prompt: str) -> set[tuple[str, ...]]:
    tokens = _TOKEN.findall(prompt.lower())
    return {tuple(tokens[start : start + GRAM]) for start in range(len(tokens) - GRAM + 1)}


def _normal(prompt: str) -> str:
    return " ".join(prompt.lower().split())


def _is_told_by_tests(problem: Problem) -> bool:
    """Whether no other problem has the same tests by chance; many questions have the answer 4."""
    return any(not isinstance(test, Reply) for test in problem.tests)


def _tests(problem: Problem) -> tuple[str, frozenset[str]]:
    """The entry point and the tests in whatever order."""
    return problem.entry_point, frozenset(map(repr, problem.tests))
