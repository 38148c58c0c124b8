"""The audit on graders whose flaws are known: each flaw is found, with a text that shows it, and no twin is accused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from benchmarks.audit import accused, audited, expected, parts_of
from benchmarks.graders.kinds import KINDS, Kind, Named
from heldout.audit.asking import Asker
from heldout.audit.baselines import measured
from heldout.audit.parts import Kind as Finding
from heldout.audit.tricks import Tricks
from heldout.audit.truth import known_of
from heldout.audit.writings import KNOWN, Writings
from heldout.rewards.worker import open_grader
from heldout.sandbox import Sandbox, open_sandbox


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with open_sandbox(workers=1) as one:
        yield one


def paid(grader: Named, texts: Sequence[str], sandbox: Sandbox) -> list[str]:
    """Which of these texts does a grader pay, in full or in part?"""
    with open_grader(grader.reward, grader.problems, sandbox, workers=1) as one:
        asker = Asker(one, sandbox)
        (known,) = measured(asker, known_of(grader.problems[:1], asker))
        assert known.scale.known
        outcomes = asker.ask([(known.problem, text) for text in texts])
        return [text for text, said in zip(texts, outcomes, strict=True) if known.scale.is_partly_paid(said.score)]


@pytest.mark.parametrize("kind", [one for one in KINDS if one.paid], ids=lambda one: one.name)
def test_a_trick_is_found_by_its_family_with_a_text_that_is_paid_again_and_not_by_the_twin(
    kind: Kind, sandbox: Sandbox
) -> None:
    results = audited(kind.flawed, 1, (Tricks(kind.paid[:1]),), sandbox)  # one family; all of them take minutes
    found = [one for one in results if one.found and one.family == kind.paid[0]]
    honest = kind.name == "share"  # what it pays a wrong program is what that passes of the hidden tests
    assert any(one.kind in ((Finding.TOLD,) if honest else (Finding.PAID, Finding.PARTLY)) for one in found)
    shown = {example.text for one in found for example in one.examples}
    texts = sorted(one for one in shown if "random" not in one)[:2]
    assert texts
    assert paid(kind.flawed, texts, sandbox) == texts
    assert paid(kind.sound, texts, sandbox) == []


@pytest.mark.parametrize("kind", [one for one in KINDS if one.other], ids=lambda one: one.name)
def test_a_flaw_that_is_no_trick_is_found_and_the_twin_is_not_accused(kind: Kind, sandbox: Sandbox) -> None:
    found = expected(kind, audited(kind.flawed, 1, parts_of(kind), sandbox))
    assert found
    assert all(one.examples for one in found)
    assert accused(audited(kind.sound, 1, parts_of(kind), sandbox)) == []


def test_the_known_solution_is_paid_by_a_twin_and_listed_where_a_grader_rejects_it(sandbox: Sandbox) -> None:
    kind = next(one for one in KINDS if one.name == "messages_read")
    for grader, rejected in ((kind.flawed, 2), (kind.sound, 0)):
        known = next(one for one in audited(grader, 2, (Writings(),), sandbox) if one.name == KNOWN)
        assert (known.found, known.of) == (rejected, 2)
