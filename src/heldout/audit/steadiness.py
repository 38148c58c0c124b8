"""Does the same answer get the same score: again, in company, in another order, after other answers, on a busy machine?

A difference is held against the reward, but for one: scores that depend on the other answers of a batch (ranks, say)
are told and no more, since some rewards are meant so.
"""

from __future__ import annotations

import math
import random
import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from statistics import fmean

from heldout.audit.asking import Answer, Asker
from heldout.audit.mutation import mutants
from heldout.audit.parts import Example, Kind, Known, Result
from heldout.audit.wrong_numbers import wrong_numbers
from heldout.rewards.worker import Outcome
from heldout.tricks.forms import forms

PROBLEMS = 6  # that are looked at, unless all are wanted
TIMES = 5  # the same answer is asked about
BATCH = 64
NEIGHBOURS = 4  # busy processes
POISONED = 2  # problems on which poisons are tried
POISONS = ("state", "compare")  # families of tricks that change the process they run in
_LONG = "\n\n" + "This is said at length, and changes nothing. " * 40
_SECONDS = 4.0  # that a batch may take
_SEVERAL = 6  # mutants among which wrong answers are looked for
_FIX = "Keep nothing from one answer to the next, and judge every program in a process of its own."


@dataclass(frozen=True, slots=True)
class Pair:
    """A right and a wrong answer of one problem, of one length, which begin alike or end alike."""

    known: Known
    right: str
    wrong: str

    @property
    def keys(self) -> set[tuple[str, str]]:
        return {(self.known.problem.id, self.right), (self.known.problem.id, self.wrong)}


@dataclass(frozen=True, slots=True)
class _Seen:
    """An answer, what it got alone, and what it got now."""

    known: Known
    text: str
    alone: Outcome
    now: Outcome
    wrong: bool = False  # whether the hidden tests say so
    when: str = "then "

    @property
    def differs(self) -> bool:
        if "not run" in (self.alone.kind, self.now.kind):
            return False  # what came before it ended the process
        return (self.alone.kind, _plain(self.alone.score)) != (self.now.kind, _plain(self.now.score))

    @property
    def newly_paid(self) -> bool:
        """Whether it is wrong, and paid now alone."""
        scale = self.known.scale
        return self.wrong and scale.is_paid(self.now.score) and not scale.is_paid(self.alone.score)

    def example(self) -> Example:
        why = f"alone it gets {_told(self.alone)}, {self.when}{_told(self.now)}"
        return Example(self.known.problem.id, self.text, self.now, self.known.scale.ceiling, why)


def _plain(score: float | None) -> object:
    return "nan" if score is not None and math.isnan(score) else score


def _told(outcome: Outcome) -> str:
    return f"{outcome.score:g}" if outcome.score is not None else f"no score ({outcome.kind})"


class Steadiness:
    """The part of an audit that asks about the same answers in other circumstances."""

    name = "steadiness"

    def __init__(self, poisons: Collection[str] = POISONS) -> None:
        self._poisons = poisons  # families of answers after which others are asked about

    def __call__(self, asker: Asker, problems: Sequence[Known]) -> Iterator[Result]:
        """Yield a result for every circumstance, found where a score changed."""
        some = asker.some([one for one in problems if one.programs], PROBLEMS)
        pairs = list(_pairs(asker, some))
        right = [(known.problem, known.wrapping(known.programs[0])) for known in some]
        both = [(one.known.problem, text) for one in pairs for text in (one.right, one.wrong)]
        answers = list({(problem.id, text): (problem, text) for problem, text in [*right, *both]}.values())
        known = {one.problem.id: one for one in some}
        flaky, again = self._again(asker, answers, known)
        yield again
        if answers:
            steady = [one for one in answers if (one[0].id, one[1]) not in flaky]
            yield from self._in_company(asker, steady or answers, known)
        yield from self._after(asker, [one for one in pairs if not one.keys & flaky])
        yield self._of_another(asker, some)
        yield self._poisoned(asker, pairs)
        yield self._busy(asker, [one for one in right if (one[0].id, one[1]) not in flaky], known)

    def _again(
        self, asker: Asker, answers: Sequence[Answer], known: dict[str, Known]
    ) -> tuple[set[tuple[str, str]], Result]:
        runs = asker.run([[[one]] for one in answers for _ in range(TIMES - 1)])
        now = [outcome for ((outcome,),) in runs]
        alone = asker.ask(answers)
        seen = [
            _Seen(known[problem.id], text, alone[place], outcome)
            for place, (problem, text) in enumerate(answers)
            for outcome in now[place * (TIMES - 1) : (place + 1) * (TIMES - 1)]
        ]
        flaky = {(one.known.problem.id, one.text) for one in seen if one.differs}
        told = f"The same answer, asked about {TIMES} times, gets different scores."
        return flaky, _result(
            Kind.FLAKY, "the same answer again", told, "Take chance and the clock out of the reward.", seen
        )

    def _in_company(self, asker: Asker, answers: Sequence[Answer], known: dict[str, Known]) -> Iterator[Result]:
        alone = asker.ask(answers)
        size = max(len(answers), min(BATCH, int(_SECONDS / max(fmean(one.seconds for one in alone), 1e-3))))
        places = [place % len(answers) for place in range(size)]
        mixed = random.Random(asker.seed).sample(places, len(places))
        long = (answers[0][0], answers[0][1] + _LONG)  # so that not all of a batch have one length
        (first,), (second,) = asker.run([[[*(answers[place] for place in some), long]] for some in (places, mixed)])
        in_batch = dict(zip(reversed(places), reversed(first[:-1]), strict=True))
        in_other = dict(zip(reversed(mixed), reversed(second[:-1]), strict=True))
        company = [
            _Seen(known[problem.id], text, alone[place], in_batch[place])
            for place, (problem, text) in enumerate(answers)
        ]
        order = [replace(one, alone=in_batch[place], now=in_other[place]) for place, one in enumerate(company)]
        yield _result(
            Kind.FLAKY, "the same batch in another order", "In another order answers get other scores.", _FIX, order
        )
        yield _result(
            Kind.TOLD,
            f"a batch of {size}",
            "The score of an answer depends on its neighbours in the batch.",
            "Score each answer by itself, unless ranks within a group are what is wanted.",
            company,
        )

    def _after(self, asker: Asker, pairs: Sequence[Pair]) -> Iterator[Result]:
        """One right after the other, in one process: the second must get what it gets alone."""
        right, wrong = ([(one.known.problem, getattr(one, each)) for one in pairs] for each in ("right", "wrong"))
        after_right = [now for _, (now,) in asker.run([[[a], [b]] for a, b in zip(right, wrong, strict=True)])]
        after_wrong = [now for _, (now,) in asker.run([[[b], [a]] for a, b in zip(right, wrong, strict=True)])]
        of_wrong = [
            _Seen(one.known, one.wrong, alone, now, True, "after a right one ")
            for one, alone, now in zip(pairs, asker.ask(wrong), after_right, strict=True)
        ]
        of_right = [
            _Seen(one.known, one.right, alone, now, False, "after a wrong one ")
            for one, alone, now in zip(pairs, asker.ask(right), after_wrong, strict=True)
        ]
        told = "A wrong answer gets another score right after a right one"
        yield _after_result("a wrong answer after a right one", told, of_wrong)
        told = "A right answer gets another score right after a wrong one"
        yield _after_result("a right answer after a wrong one", told, of_right)

    def _of_another(self, asker: Asker, some: Sequence[Known]) -> Result:
        """The right answer of one problem, given to the next one, right after it was paid."""
        moved = [
            (one, other, one.wrapping(one.programs[0])) for one, other in zip(some, [*some[1:], *some[:1]], strict=True)
        ]
        right = asker.right([(other.problem, text) for _, other, text in moved])
        moved = [one for one, passed in zip(moved, right, strict=True) if passed is False]
        alone = asker.ask([(other.problem, text) for _, other, text in moved])
        runs = asker.run([[[(one.problem, text)], [(other.problem, text)]] for one, other, text in moved])
        seen = [
            _Seen(other, text, before, now, True, "after another problem ")
            for (_, other, text), before, (_, (now,)) in zip(moved, alone, runs, strict=True)
        ]
        told = "The answer of one problem gets another score after it was paid for another problem"
        return _after_result("the answer of another problem", told, seen)

    def _poisoned(self, asker: Asker, pairs: Sequence[Pair]) -> Result:
        """A wrong or a right answer, in one process with one before it that changes the process."""
        asked = [
            (pair, form, text)
            for pair in pairs[:POISONED]
            for form in forms(pair.known.problem)
            if form.family in self._poisons
            for text in (pair.wrong, pair.right)
        ]
        runs = asker.run([[[(pair.known.problem, one)] for one in (form.text, text)] for pair, form, text in asked])
        alone = asker.ask([(pair.known.problem, text) for pair, _, text in asked])
        seen = [
            _Seen(pair.known, text, before, now, text == pair.wrong, f"after '{form.name}' ")
            for (pair, form, text), before, (_, (now,)) in zip(asked, alone, runs, strict=True)
        ]
        told = "Answers get other scores after one that poisons the process"
        return _after_result("after an answer that poisons the process", told, seen)

    def _busy(self, asker: Asker, answers: Sequence[Answer], known: dict[str, Known]) -> Result:
        alone = asker.ask(answers)
        with _neighbours():
            now = [outcome for ((outcome,),) in asker.run([[[one]] for one in answers])]
        seen = [
            _Seen(known[problem.id], text, before, after, False, "on a busy machine ")
            for (problem, text), before, after in zip(answers, alone, now, strict=True)
        ]
        told = f"A right answer gets another score while {NEIGHBOURS} other processes are busy."
        fix = "Limit the time of the processor and not of the clock, and try once more what was late."
        return _result(Kind.FLAKY, "a busy machine", told, fix, seen)


def _after_result(name: str, told: str, seen: Sequence[_Seen]) -> Result:
    """What differs after another answer; where a wrong one is paid then, that is a trick."""
    if any(one.differs and one.newly_paid for one in seen):
        return _result(Kind.PAID, name, f"{told}, and is paid.", "", seen, family="state")
    return _result(Kind.FLAKY, name, f"{told}.", _FIX, seen)


def _result(kind: Kind, name: str, told: str, fix: str, seen: Sequence[_Seen], family: str = "") -> Result:
    differ = [one for one in seen if one.differs]
    found = {one.known.problem.id for one in differ}
    examples = sorted((one.example() for one in differ), key=lambda one: len(one.text))
    return Result(
        kind,
        name,
        told if found else "",
        len(found),
        len({one.known.problem.id for one in seen}),
        family=family,
        fix=fix if found else "",
        knows="nothing" if family else "",
        examples=tuple(examples[:3]),
    )


@contextmanager
def _neighbours() -> Iterator[None]:
    busy = [subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"]) for _ in range(NEIGHBOURS)]
    try:
        yield
    finally:
        for one in busy:
            one.kill()
            one.wait()


# Answers that are wrong and look like right ones.


def _pairs(asker: Asker, problems: Sequence[Known]) -> Iterator[Pair]:
    """Yield for every problem a wrong answer that begins as the right one does, and one that ends so."""
    made = [(known, right, wrong) for known in problems for right, wrong in _alike(known, asker.seed)]
    said = asker.right([(known.problem, text) for known, right, wrong in made for text in (right, wrong)])
    of_problem: dict[str, list[Pair]] = {}
    for place, (known, right, wrong) in enumerate(made):
        if said[2 * place] and said[2 * place + 1] is False:
            of_problem.setdefault(known.problem.id, []).append(Pair(known, right, wrong))
    for some in of_problem.values():
        yield from {one.wrong: one for one in (max(some, key=_shared), min(some, key=_shared))}.values()


def _shared(pair: Pair) -> int:
    """How many characters the two have in common before they differ."""
    return next((place for place, (a, b) in enumerate(zip(pair.right, pair.wrong, strict=False)) if a != b), 0)


def _alike(known: Known, seed: int) -> Iterator[tuple[str, str]]:
    """Yield a right and a wrong answer of one length; a comment fills up programs."""
    right = known.programs[0].rstrip("\n")
    if not known.code:
        for _, number in wrong_numbers(right, ""):
            if len(number) == len(right):
                yield known.wrapping(right), known.wrapping(number)
        return
    rng = random.Random(f"{seed} pairs {known.problem.id}")
    for one in mutants(known.programs[0], rng, kinds=("comparison", "arithmetic", "constant", "name", "boundary"))[
        :_SEVERAL
    ]:
        wrong = one.text.rstrip("\n")
        size = max(len(right), len(wrong))
        yield tuple(known.wrapping(text + "#" * (size - len(text)) + "\n") for text in (right, wrong))  # type: ignore[misc]
