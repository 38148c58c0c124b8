"""The reward is asked about every text once, and the hidden tests say what is right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from heldout.audit.asking import Asker
from heldout.audit.parts import Example, Kind, Known, Result
from heldout.audit.wrappings import FENCE, OF_ANSWERS, OF_PROGRAMS
from heldout.rewards.worker import Outcome, open_grader
from heldout.sandbox import Sandbox, open_sandbox
from heldout.sandbox.hidden import Reply, Test
from heldout.tasks.problem import Problem
from heldout.tasks.replies import exact

DOUBLE = Problem("double", "Double x.", "f", (Test((2,), 4), Test((3,), 6)), solution="def f(x): return 2 * x")
SUM = Problem("sum", "2 + 2?", "", (Reply("4", exact),))
RIGHT, WRONG = DOUBLE.solution, "def f(x): return 4"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with open_sandbox(workers=1) as one:
        yield one


def test_equal_texts_are_asked_about_once_and_outcomes_are_in_order(tmp_path: Path, sandbox: Sandbox) -> None:
    (tmp_path / "mine.py").write_text(
        f"def f(completion, tests):\n open({str(tmp_path / 'calls')!r}, 'a').write('x')\n return float(len(completion))"
    )
    with open_grader(f"{tmp_path}/mine.py:f", [DOUBLE], sandbox, workers=1) as grader:
        asker = Asker(grader, sandbox)
        (tmp_path / "calls").unlink()  # of the trial when it was opened
        texts = ["a", "bb", "a", "ccc", "bb"]
        assert [one.score for one in asker.ask([(DOUBLE, text) for text in texts])] == [1, 2, 1, 3, 2]
        assert [one.score for one in asker.ask([(DOUBLE, "ccc"), (DOUBLE, "a")])] == [3, 1]
        asker.run([[[(DOUBLE, "a"), (DOUBLE, "a")]]])
    assert (tmp_path / "calls").read_text() == "x" * (3 + 2)
    assert asker.calls == 3 + 2


def test_the_hidden_tests_say_what_is_right_in_every_wrapping(sandbox: Sandbox) -> None:
    with open_grader("tests", [DOUBLE], sandbox, workers=1) as grader:
        asker = Asker(grader, sandbox)
        for wrapping in OF_PROGRAMS:
            assert asker.right([(DOUBLE, wrapping(RIGHT)), (DOUBLE, wrapping(WRONG))]) == [True, False], wrapping.name
        own = ("box", "hash", "JSON")  # which the comparison `exact` does not read
        for wrapping in (one for one in OF_ANSWERS if not any(word in one.name for word in own)):
            assert asker.right([(SUM, wrapping("4")), (SUM, wrapping("5"))]) == [True, False], wrapping.name


def test_parts_take_the_first_problems_or_all(sandbox: Sandbox) -> None:
    with open_grader("tests", [DOUBLE], sandbox, workers=1) as grader:
        assert Asker(grader, sandbox).some([1, 2, 3], 2) == [1, 2]
        assert Asker(grader, sandbox, every=True).some([1, 2, 3], 2) == [1, 2, 3]


def test_a_result_that_found_nothing_still_has_a_bound() -> None:
    none = Result(Kind.PAID, "leaves", "", 0, 24, family="leave")
    some = Result(Kind.PAID, "leaves", "", 6, 24, examples=(Example("double", "exit()", Outcome(1.0)),))
    assert (none.flaw, some.flaw) == (False, True)
    assert none.interval == pytest.approx((0.0, 0.138), abs=0.001)
    assert some.interval[0] < 0.25 < some.interval[1]
    assert Result(Kind.PAID, "leaves", "", 0, 0).interval == (0.0, 1.0)
    assert not Result(Kind.TOLD, "depends on neighbours", "", 3, 3).flaw


def test_a_problem_asks_for_a_program_or_an_answer() -> None:
    assert Known(DOUBLE).code
    assert not Known(SUM).code
    assert Known(DOUBLE).wrapping(RIGHT) == RIGHT
    assert DOUBLE.answer(FENCE(RIGHT)).how == "fence 1 of 1"
