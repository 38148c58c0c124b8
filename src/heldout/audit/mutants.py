"""Wrong programs that look right: which of them do the hidden tests let through, and which does the reward pay?

Each is the known solution with one thing changed. It counts only with a witness: an input on which it differs from the
solution. What passes the hidden tests and has a witness shows what they do not ask about; what fails them and is paid
all the same is paid by the reward alone.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from heldout.audit.asking import Asker
from heldout.audit.mutation import OPERATORS, Mutant, mutants
from heldout.audit.parts import Example, Kind, Known, Result
from heldout.audit.witnesses import BY_TESTS, Suspect, witnesses
from heldout.audit.wrong_numbers import NEAR, wrong_numbers
from heldout.rewards.worker import Outcome
from heldout.text import counted

PROBLEMS = 60  # that are looked at, unless all are wanted
MOST = 8  # mutants of a problem
WORST = 10  # problems that are listed


@dataclass(frozen=True, slots=True)
class Wrong:
    """A program that is wrong, and how one sees that."""

    known: Known
    text: str  # of the answer
    kind: str  # the operator that made it
    witness: str  # "f(3) gives 4 in place of 5"; empty where hidden tests alone show it


_NAMES = {
    "comparison": "another comparison",
    "boundary": "a boundary moved by one",
    "arithmetic": "another operator",
    "constant": "a constant changed",
    "condition": "a condition negated",
    "statement": "a statement left out",
    "name": "another name returned",
    "index": "an index moved by one",
    "logic": "and and or exchanged",
    "loop": "an empty loop",
    "arguments": "two arguments exchanged",
    "order": "an order reversed",
}


class Mutants:
    """The part of an audit that tries wrong programs which look right."""

    name = "mutants"

    def __call__(self, asker: Asker, problems: Sequence[Known]) -> Iterator[Result]:
        """Yield what the hidden tests let through, then for every operator what the reward pays that fails them."""
        some = asker.some([one for one in problems if one.programs], PROBLEMS)
        programs, answers = ([one for one in some if one.code == code] for code in (True, False))
        wrong, without = _wrong_programs(programs, asker)
        wrong += [one for known in answers for one in _wrong_answers(known)]
        right = asker.right([(one.known.problem, one.text) for one in wrong])
        without += sum(one.witness == BY_TESTS and passed is True for one, passed in zip(wrong, right, strict=True))
        asked = [
            (one, passed)
            for one, passed in zip(wrong, right, strict=True)
            if passed is False or (passed and one.witness != BY_TESTS)
        ]
        outcomes = asker.ask([(one.known.problem, one.text) for one, _ in asked])
        tried = [(one, passed, outcome) for (one, passed), outcome in zip(asked, outcomes, strict=True)]
        if programs:
            yield _let_through([one for one in tried if one[0].known.code], without)
        for kind in dict.fromkeys(one.kind for one, passed, _ in tried if not passed):
            yield _paid(kind, [(one, outcome) for one, passed, outcome in tried if one.kind == kind and not passed])


_Tried = tuple[Wrong, bool, Outcome]  # also whether it passes the hidden tests, and what the reward gave


def _let_through(tried: Sequence[_Tried], without: int) -> Result:
    """Say on how many problems wrong programs pass the hidden tests; the worst ones are shown, with the witness."""
    of_problem: dict[str, list[_Tried]] = {}
    for one in tried:
        of_problem.setdefault(one[0].known.problem.id, []).append(one)
    weak = {id: [one for one in some if one[1]] for id, some in of_problem.items()}
    worst = sorted((id for id in weak if weak[id]), key=lambda id: -len(weak[id]) / len(of_problem[id]))
    examples = tuple(_example(*min(weak[id], key=lambda one: len(one[0].text))[::2]) for id in worst[:WORST])
    passed = sum(len(some) for some in weak.values())
    told = [f"{id} ({len(weak[id])} of {len(of_problem[id])})" for id in worst[:WORST]]
    seen = f"{passed} of {counted(len(tried), 'wrong program')} pass the hidden tests"
    seen += f", most on {', '.join(told)}." if told else "."
    seen += (
        f" {counted(without, 'further change')} made no difference on any input, and do not count." if without else ""
    )
    fix = "Add tests: those inputs on which the wrong programs differ from the solution." if worst else ""
    return Result(
        Kind.WEAK,
        "wrong programs that pass the hidden tests",
        seen,
        len(worst),
        len(of_problem),
        fix=fix,
        examples=examples,
    )


def _paid(kind: str, tried: Sequence[tuple[Wrong, Outcome]]) -> Result:
    """Say on how many problems the reward pays wrong answers of one kind that fail the hidden tests."""
    problems = {one.known.problem.id for one, _ in tried}
    paid = [(one, outcome) for one, outcome in tried if one.known.scale.is_paid(outcome.score)]
    found = {one.known.problem.id for one, _ in paid}
    above = {one.known.problem.id for one, outcome in paid if one.known.scale.is_above(outcome.score)}
    examples = sorted((_example(*one) for one in paid), key=lambda one: len(one.text))
    name = f"solution with {_NAMES.get(kind, kind)}"
    seen = f"The {name} fails the hidden tests, and is paid." if paid else ""
    family = "guess" if kind in NEAR else "weak"
    return Result(
        Kind.PAID,
        name,
        seen,
        len(found),
        len(problems),
        family=family,
        fix="" if family == "guess" else "Let the reward ask for all that the hidden tests ask for.",
        above=len(above),
        knows="nothing",
        examples=tuple(examples[:3]),
    )


def _example(one: Wrong, outcome: Outcome) -> Example:
    return Example(one.known.problem.id, one.text, outcome, one.known.scale.ceiling, one.witness)


def _wrong_answers(known: Known) -> Iterator[Wrong]:
    """Yield wrong numbers in place of a right one."""
    answer = known.programs[0]
    for kind, text in wrong_numbers(answer, known.problem.prompt):
        yield Wrong(known, known.wrapping(text), kind, f"{answer} is right")


def _wrong_programs(problems: Sequence[Known], asker: Asker) -> tuple[list[Wrong], int]:
    """Return mutants with a witness, and the number of those without one."""
    made = [_chosen(known, asker.seed) for known in problems]
    suspects = [
        Suspect(known.problem, known.programs[0], [one.text for one in some])
        for known, some in zip(problems, made, strict=True)
    ]
    wrong, without = [], 0
    for known, some, seen in zip(problems, made, witnesses(suspects, asker.sandbox, asker.seed), strict=True):
        without += seen.count("")
        wrong += [
            Wrong(known, known.wrapping(one.text), one.kind, said) for one, said in zip(some, seen, strict=True) if said
        ]
    return wrong, without


def _chosen(known: Known, seed: int) -> list[Mutant]:
    """Choose mutants: one of each operator, operators in random order, before a second of any."""
    rng = random.Random(f"{seed} mutants {known.problem.id}")
    rank = {kind: place for place, kind in enumerate(rng.sample(OPERATORS, len(OPERATORS)))}
    turn: dict[str, int] = {}
    placed = []
    for one in mutants(known.programs[0], rng):
        turn[one.kind] = turn.get(one.kind, -1) + 1
        placed.append((turn[one.kind], rank[one.kind], one))
    return [one for _, _, one in sorted(placed, key=lambda place: place[:2])][:MOST]
