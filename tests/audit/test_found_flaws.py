"""The audit on graders whose flaws are known: each flaw is found, with a text that shows it, and no twin is accused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from benchmarks.audit import accused, audited, expected, parts_of
from benchmarks.graders.kinds import KINDS, Kind, Named
from heldout.audit.asking import Asker
from heldout.audit.baselines import measured
from heldout.audit.parts import Kind as Finding
from heldout.audit.parts import Known
from heldout.audit.steadiness import Steadiness
from heldout.audit.tricks import Tricks
from heldout.audit.truth import known_of
from heldout.audit.writings import KNOWN, Writings
from heldout.rewards.calling import Case, columns_of, load
from heldout.rewards.worker import open_grader
from heldout.sandbox import Sandbox, open_sandbox


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with open_sandbox(workers=1) as one:
        yield one


@contextmanager
def asked(grader: Named, sandbox: Sandbox) -> Iterator[tuple[Asker, list[Known]]]:
    with open_grader(grader.reward, grader.problems, sandbox, workers=1) as one:
        asker = Asker(one, sandbox)
        yield asker, measured(asker, known_of(grader.problems[:1], asker))


def of_twin(kind: Kind, texts: Sequence[str]) -> list[float | None]:
    """Ask a sound grader in this process: it runs programs in others, and evaluates nothing."""
    problem = kind.sound.problems[0]
    code = any(test.asked is not None for test in problem.tests)
    grader = load(kind.sound.reward, list(columns_of(problem)), {}, code=code)
    return grader([Case(problem.prompt, text, columns_of(problem)) for text in (problem.solution, *texts)])


@pytest.mark.parametrize("kind", [one for one in KINDS if one.paid], ids=lambda one: one.name)
def test_a_trick_is_found_by_its_family_with_a_text_that_is_paid_again_and_not_by_the_twin(
    kind: Kind, sandbox: Sandbox
) -> None:
    with asked(kind.flawed, sandbox) as (asker, known):
        results = Tricks(kind.paid[:1])(asker, known)  # one family; all of them take minutes
        found = [one for one in results if one.found and one.family == kind.paid[0]]
        shown = {example.text for one in found for example in one.examples}
        texts = sorted(one for one in shown if "random" not in one)[: 1 if kind.paid[0] == "time" else 2]
        again = asker.run([[[(known[0].problem, text)]] for text in texts])
    honest = kind.name == "share"  # what it pays a wrong program is what that passes of the hidden tests
    assert any(one.kind in ((Finding.TOLD,) if honest else (Finding.PAID, Finding.PARTLY)) for one in found)
    assert texts
    assert all(known[0].scale.is_partly_paid(said.score) for ((said,),) in again)
    right, *wrong = of_twin(kind, texts)
    assert right is not None
    assert right > 0.9
    assert wrong == [0.0] * len(texts)


@pytest.mark.parametrize("kind", [one for one in KINDS if one.other], ids=lambda one: one.name)
def test_a_flaw_that_is_no_trick_is_found_and_the_twin_is_not_accused(kind: Kind, sandbox: Sandbox) -> None:
    parts = (
        (Steadiness(poisons=()),) if kind.other == ("state",) else parts_of(kind)
    )  # poisons have a test of their own
    with asked(kind.flawed, sandbox) as (asker, known):
        found = expected(kind, [result for part in parts for result in part(asker, known)])
    assert found
    assert all(one.examples for one in found)
    with asked(kind.sound, sandbox) as (asker, known):
        assert accused([result for part in parts for result in part(asker, known)]) == []


def test_the_known_solution_is_paid_by_a_twin_and_listed_where_a_grader_rejects_it(sandbox: Sandbox) -> None:
    kind = next(one for one in KINDS if one.name == "messages_read")
    for grader, rejected in ((kind.flawed, 2), (kind.sound, 0)):
        known = next(one for one in audited(grader, 2, (Writings(),), sandbox) if one.name == KNOWN)
        assert (known.found, known.of) == (rejected, 2)
