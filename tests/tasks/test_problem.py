"""A completion becomes a program in one way; wrong tests are as many as were asked for, and no program passes them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls_of import calls_of
from heldout.errors import UsageError
from heldout.sandbox.compare import same
from heldout.sandbox.hidden import Reply, StdinTest, Test
from heldout.sandbox.judging import Attempt
from heldout.tasks.embedded import embedded
from heldout.tasks.problem import Problem, Task, with_wrong_tests

STUB = "import math\n\n\ndef helper(x):\n    return x\n\n\ndef area(r: float) -> float:\n"
BODY = "    return math.pi * r * helper(r)\n"
WHOLE = "def area(r: float) -> float:\n" + BODY
OPENED = Problem("circle", "say", "area", (), stub=STUB)
BEFORE = STUB.split("def area")[0]
ALONE = Problem("circle", "Write area(r).", "area", ())


@pytest.mark.parametrize(
    ("problem", "completion", "strict", "read"),
    [
        (OPENED, BODY, STUB + BODY, STUB + BODY),
        (OPENED, f"```python\n{BODY}```", STUB + BODY, STUB + BODY),
        (OPENED, WHOLE, BEFORE + WHOLE, BEFORE + WHOLE),
        (OPENED, f"Here it is:\n\n```python\n{WHOLE}```\nIt works.", BEFORE + WHOLE, BEFORE + WHOLE),
        (OPENED, "\n\n" + WHOLE, BEFORE + "\n\n" + WHOLE, BEFORE + "\n\n" + WHOLE),
        (OPENED, BODY + "\n\n" + WHOLE, STUB + BODY + "\n\n" + WHOLE, STUB + BODY + "\n\n"),  # a body comes first
        (ALONE, WHOLE, WHOLE, WHOLE),
        (ALONE, f"~~~\nx = 1\n~~~\nbetter:\n~~~py\n{WHOLE}~~~", WHOLE, WHOLE),
        (ALONE, f"Cut in the middle:\n```python\n{WHOLE}", WHOLE, WHOLE),
        (OPENED, "", STUB, ""),
    ],
)
def test_a_completion_is_joined_so_that_the_entry_point_is_defined(
    problem: Problem, completion: str, strict: str, read: str
) -> None:
    assert replace(problem, extract="strict").answer(completion).source == strict
    assert problem.answer(completion).source == read


def test_a_function_whose_name_only_begins_alike_replaces_nothing() -> None:
    other = "def area_of(r):\n    return 0\n"
    assert replace(OPENED, extract="strict").answer(other).source == STUB + other
    assert OPENED.answer(other).problem == "no such function"


@given(st.text(alphabet="abc =()\n\t#`~", max_size=60))
def test_read_strictly_any_text_gives_a_program_and_fences_lose_nothing_of_the_code(text: str) -> None:
    assert replace(OPENED, extract="strict").answer(text).source.startswith("import math\n")
    code = "a = 1\n" + text.replace("`", "").replace("~", "") + "\nb = 2\n"
    assert replace(ALONE, extract="strict").answer(f"so:\n```python\n{code}```\n").source == code


def test_an_answer_that_is_no_program_is_judged_as_text_without_its_thinking() -> None:
    maths = Problem("sum", "2 + 2?", "", (Reply("4", same),))
    assert maths.attempt("<think>5?</think>4") == Attempt("4", "", maths.tests)
    assert maths.attempt("<think>4").lacking == "no answer"


def test_a_program_that_reads_is_taken_whole() -> None:
    echo = Problem("echo", "Print it.", "", (StdinTest("1", "1"),))
    assert echo.attempt("```python\nprint(input())\nexit()\n```").source == "print(input())\nexit()\n"


def test_a_way_to_read_answers_that_does_not_exist_is_refused() -> None:
    task = Task("small", (OPENED, ALONE))
    assert [one.extract for one in task.read_as("evalplus").problems] == ["evalplus"] * 2
    with pytest.raises(UsageError, match="'loose' is no way to read answers; take heldout, strict, evalplus or live"):
        task.read_as("loose")


def test_a_split_that_is_not_there_is_explained() -> None:
    task = Task("small", (OPENED,))
    assert task.split("train") == (OPENED,)
    with pytest.raises(UsageError, match="small has no problems in its split 'test'; it has train"):
        task.split("test")
    with pytest.raises(UsageError, match="'dev' is no split; take train, validation or test"):
        task.split("dev")


def test_a_share_of_the_problems_expects_something_wrong_of_two_inputs() -> None:
    right = embedded(train=40, validation=0, test=0).problems
    spoilt = with_wrong_tests(right, 0.25, seed=3)
    changed = [(one, other) for one, other in zip(right, spoilt, strict=True) if one != other]
    assert len(changed) == 10
    for one, other in changed:
        assert (one.id, one.prompt, one.split) == (other.id, other.prompt, other.split)
        assert [test.args for test in calls_of(one)] == [test.args for test in calls_of(other)]
        assert sorted(test.expected for test in calls_of(one)) == sorted(test.expected for test in calls_of(other))
        wrong = [a.expected != b.expected for a, b in zip(calls_of(one), calls_of(other), strict=True)]
        assert wrong.count(True) == 2
    assert with_wrong_tests(right, 0.25, seed=3) == spoilt != with_wrong_tests(right, 0.25, seed=4)
    assert with_wrong_tests(right, 0.0) == right


def test_a_problem_that_expects_one_value_stays_right_also_where_only_its_type_differs() -> None:
    constant = Problem("one", "", "f", (Test((1,), 1), Test((2,), 1)))
    assert with_wrong_tests([constant], 1.0) == (constant,)
    typed = Problem("typed", "", "f", (Test((1,), 1), Test((2,), True)))
    (spoilt,) = with_wrong_tests([typed], 1.0)
    assert [test.expected is True for test in calls_of(spoilt)] == [True, False]


def test_a_share_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match=r"is 1\.5; it must be between 0 and 1"):
        with_wrong_tests([], 1.5)
