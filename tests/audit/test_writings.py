"""Right answers in many writings: which are rejected, and which of these the format does not ask for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.graders.problems import functions, mathematics, programs
from heldout.audit.asking import Asker
from heldout.audit.parts import Kind, Known, Result
from heldout.audit.scale import Scale
from heldout.audit.wrappings import AFTER_STUB, AS_IS, FENCE, OF_ANSWERS, OF_PROGRAMS, Wrapping
from heldout.audit.writings import (
    AFTER,
    AFTER_DRAFT,
    AFTER_EXAMPLE,
    BEFORE,
    BEFORE_EXAMPLE,
    BEFORE_LONG,
    KNOWN,
    Writings,
    writings,
)
from heldout.rewards.worker import open_grader
from heldout.sandbox import Sandbox, judge, open_sandbox

BOX = OF_ANSWERS[0]
PROGRAM = [Known(one, (one.solution,), scale=Scale(known=True), wrapping=FENCE) for one in functions()]
READING = [Known(one, (one.solution,), scale=Scale(known=True), wrapping=FENCE) for one in programs()]
NUMBER = [Known(one, (one.columns["answer"],), scale=Scale(known=True), wrapping=BOX) for one in mathematics()]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with open_sandbox(workers=1) as one:
        yield one


def audited(reward: str, known: list[Known], folder: Path, sandbox: Sandbox) -> dict[str, Result]:
    (folder / "mine.py").write_text(reward)
    problems = [one.problem for one in known]
    with open_grader(f"{folder}/mine.py:f", problems, sandbox, workers=1) as grader:
        return {one.name: one for one in Writings()(Asker(grader, sandbox), known)}


@pytest.mark.parametrize("known", [PROGRAM[4], READING[0], NUMBER[3], NUMBER[4]], ids=["f", "stdin", "1275", "1/4"])
def test_there_are_many_writings_and_nearly_all_are_right(known: Known, sandbox: Sandbox) -> None:
    several = list(writings(known))
    right = [one.solved for one in judge([known.problem.attempt(one.text) for one in several], sandbox)]
    assert len({one.name for one in several}) == len(several) >= 18
    assert len({one.text for one in several}) == len(several)
    assert all(right_one for one, right_one in zip(several, right, strict=True) if one.asked)
    assert sum(right) >= 0.8 * len(several)


def test_a_writing_that_is_rejected_is_told_with_the_text_that_shows_it(tmp_path: Path, sandbox: Sandbox) -> None:
    reward = (
        "def f(completion, entry_point): return float(f'def {entry_point}' in completion and '*args' not in completion)"
    )
    found = audited(reward, PROGRAM[:2], tmp_path, sandbox)
    rejected = {name for name, one in found.items() if one.kind is Kind.REJECTED and one.found}
    assert rejected == {"with *args", "with a lambda", "after thinking with a wrong draft"}
    one = found["with *args"]
    assert (one.found, one.of) == (2, 2)
    assert "*args" in one.examples[0].text
    assert len(one.examples[0].text) <= len(one.examples[1].text)
    assert one.flaw
    assert not found[KNOWN].flaw


def test_what_leaves_the_asked_format_is_told_apart(tmp_path: Path, sandbox: Sandbox) -> None:
    found = audited("def f(completion): return float('```python' in completion)", PROGRAM[:1], tmp_path, sandbox)
    assert {name for name, one in found.items() if one.found} >= {"without a fence", "in a fence of tildes"}
    assert not any(one.flaw for one in found.values())
    asked = replace(PROGRAM[0].problem, prompt="Answer in a fenced block.")
    known = [replace(PROGRAM[0], problem=asked)]
    found = audited("def f(completion): return float('```python' in completion)", known, tmp_path, sandbox)
    assert {name for name, one in found.items() if one.flaw} == {"in a fence marked py", "in a fence without a mark"}


def test_numbers_that_are_the_same_are_told_where_a_reward_compares_texts(tmp_path: Path, sandbox: Sandbox) -> None:
    reward = "def f(completion, answer): return float('\\\\boxed{' + answer + '}' in completion)"
    found = audited(reward, NUMBER[3:5], tmp_path, sandbox)
    flaws = {name for name, one in found.items() if one.flaw}
    assert {"with a point and a zero", "with commas", "as a large fraction", "with a point"} <= flaws
    assert not found["after a text"].found
    assert found["after 'the answer is'"].kind is Kind.TOLD


def test_a_reward_that_fails_on_a_right_answer_rejects_it_and_one_that_abstains_does_not(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    failing = audited("def f(completion): return 1 / (len(completion) < 80)", NUMBER[:1], tmp_path, sandbox)
    assert failing["before a long text"].examples[0].outcome.kind == "raised"
    assert failing["before a long text"].flaw
    silent = audited("def f(completion): return None", NUMBER[:1], tmp_path, sandbox)
    assert {(one.found, one.of) for one in silent.values()} == {(0, 0)}


def test_where_the_known_solution_is_rejected_its_other_writings_do_not_count(tmp_path: Path, sandbox: Sandbox) -> None:
    reward = "def f(completion, answer): return answer in completion and '/' not in answer and '.0' not in completion"
    found = audited(reward, NUMBER[3:5], tmp_path, sandbox)
    assert (found[KNOWN].found, found[KNOWN].of) == (1, 2)
    assert (found["after a text"].found, found["after a text"].of) == (0, 1)
    assert (found["with a point and a zero"].found, found["with a point and a zero"].of) == (1, 1)
    assert "as a large fraction" not in found


def test_without_truth_there_are_no_writings() -> None:
    assert list(writings(replace(PROGRAM[0], programs=()))) == []


def test_what_goes_on_from_a_stub_is_not_expected_among_other_texts() -> None:
    asked = {one.name for one in writings(replace(PROGRAM[0], wrapping=AFTER_STUB)) if one.asked}
    assert KNOWN in asked
    assert not asked & {"after a text", "before a long text", "in a fence marked py"}


@pytest.mark.parametrize("wrapping", [*OF_PROGRAMS, AS_IS], ids=lambda one: one.name)
def test_the_format_that_is_asked_for_is_kept_in_every_writing_that_it_allows(wrapping: Wrapping) -> None:
    for one in writings(replace(PROGRAM[0], wrapping=wrapping)):
        plain = one.text.replace("\r", "")
        assert not one.asked or (wrapping.before in plain and wrapping.after in plain), one.name


def test_a_text_beside_a_format_is_outside_of_it_where_none_may_stand_there(tmp_path: Path, sandbox: Sandbox) -> None:
    whole = "def f(completion): return float(completion[:13] == 'The answer is' and completion[-3:] == '}$.')"
    found = audited(whole, NUMBER[3:5], tmp_path, sandbox)
    assert {found[name].kind for name in (AFTER, BEFORE, BEFORE_LONG)} == {Kind.TOLD}
    window = "def f(completion, answer): return float(answer in completion[-300:])"
    found = audited(window, NUMBER[3:5], tmp_path, sandbox)
    assert found[BEFORE_LONG].kind is Kind.REJECTED
    assert found[BEFORE_LONG].flaw


def test_a_second_block_is_outside_the_format_where_exactly_one_is_asked_for(tmp_path: Path, sandbox: Sandbox) -> None:
    found = audited("def f(completion): return float(completion.count('```') == 2)", PROGRAM[:2], tmp_path, sandbox)
    assert {found[name].kind for name in (AFTER_EXAMPLE, BEFORE_EXAMPLE, AFTER_DRAFT)} == {Kind.TOLD}
    first = "def f(completion): return float('def ' in completion.split('```')[1])"
    found = audited(first, PROGRAM[:2], tmp_path, sandbox)
    assert found[AFTER_EXAMPLE].kind is Kind.REJECTED
    assert found[AFTER_EXAMPLE].flaw


def test_where_no_format_is_paid_that_is_all_that_is_said(tmp_path: Path, sandbox: Sandbox) -> None:
    reward = "def f(completion, answer): return float('<final>' + answer + '</final>' in completion)"
    known = [replace(one, scale=Scale()) for one in NUMBER[3:5]]
    (one,) = audited(reward, known, tmp_path, sandbox).values()
    assert (one.name, one.found, one.of) == (KNOWN, 2, 2)
    assert "in a box alone, after four hashes" in one.seen
    assert "--solutions" in one.fix
