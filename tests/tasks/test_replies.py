"""Answers that are no code: the final answer of a text, and whether it is the expected one."""

from __future__ import annotations

import json
import os
import re
import threading
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.errors import TaskError
from heldout.sandbox import Reply, judge
from heldout.tasks import load_task, math_worker
from heldout.tasks.contamination import contaminated
from heldout.tasks.math_worker import verified
from heldout.tasks.problem import Problem, Task
from heldout.tasks.replies import Maths, exact, exact_number, final_answer, last_box, number
from in_process import InProcess

SAMPLES = Path(__file__).parent / "samples"


@pytest.mark.parametrize(
    ("text", "box"),
    [
        (r"\boxed{42}", "42"),
        (r"\boxed {42} and \fbox{43}", "43"),
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\boxed{1} or \boxed{2}", "2"),
        (r"\boxed{1} or \boxed{2", None),
        (r"\boxed{\boxed{3}}", "3"),
        ("42", None),
        (r"\boxed 42", None),
    ],
)
def test_the_last_box(text: str, box: str | None) -> None:
    assert last_box(text) == box


@given(st.text(st.sampled_from("\\boxed{}12 #"), max_size=60))
def test_no_text_makes_the_search_raise(text: str) -> None:
    for found in (last_box(text), final_answer(text)):
        assert found is None or isinstance(found, str)
    assert not exact(text, "no such answer")
    assert not number(text, "7777777")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("The answer is 5.", "5"),
        ("Final Answer: **7**", "7"),
        ("**Answer:** 7", "7"),
        ("The answer is 5. No: the answer is 6.", "6"),
        ("The answer is $x = 5$, as was shown.", "x = 5"),
        (r"The answer is \(5\).", "5"),
        ("The answer is 5.\nAll is done.", "5"),
        (r"The answer is 5, so \boxed{6}", "6"),
        ("42", None),
    ],
)
def test_the_final_answer(text: str, answer: str | None) -> None:
    assert final_answer(text) == answer


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("42", 42),
        ("+042", 42),
        ("−1", -1),
        ("1,234,567", 1_234_567),
        ("12{,}000", 12_000),
        ("1.50", Fraction(3, 2)),
        (".5", Fraction(1, 2)),
        ("-3/4", Fraction(-3, 4)),
        (r"-\dfrac{3}{4}", Fraction(-3, 4)),
        (r"\frac12", Fraction(1, 2)),
        ("x = 5", 5),
        (r"5\text{ cm}", 5),
        (r"\$5.00", 5),
        ("5 apples", 5),
        (r"90^\circ", 90),
        ("1/0", None),
        ("1,23", None),
        ("(1, 2)", None),
        ("2^3", None),
        (r"\sqrt{2}", None),
        ("2x", None),
        ("two", None),
        ("1 2", None),
        ("1e5", None),
        ("", None),
        ("9" * 2000, None),
    ],
)
def test_numbers_are_read_exactly_or_not_at_all(text: str, value: Fraction | int | None) -> None:
    assert exact_number(text) == value


@given(st.integers(), st.integers(1), st.sampled_from(["{}/{}", r"\frac{{{}}}{{{}}}"]))
def test_written_fractions_come_back(above: int, below: int, form: str) -> None:
    sign = "-" if above < 0 else ""
    assert exact_number(sign + form.format(abs(above), below)) == Fraction(above, below)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9))
def test_numbers_with_commas_come_back(value: object) -> None:
    assert exact_number(f"{value:,}") == Fraction(str(value))


RIGHT_NUMBERS = [
    ("9 * 2 = 18\n#### 18", "18"),
    ("#### 17\nWait.\n#### $1,800.00", "1800"),
    ("### Step 4\n#### Answer\nIt is 18", "18"),
    (r"\boxed{18} and then 19", "18"),
    (r"\boxed{18\text{ apples}}", "18"),
    ("She has 20 - 2 = 18 apples.", "18"),
    ("So 18%.", "18"),
    ("It makes $18,000.", "18,000"),
    ("It is -3.", "-3"),
    ("20-2=18", "18"),
]
WRONG_NUMBERS = [
    ("#### 18\n#### 19", "18"),
    ("It is 18, not 20.", "18"),
    ("It is 3.", "-3"),
    (r"\boxed{19} is 18", "18"),
    (r"18 \boxed{18", "18"),
    (r"\boxed{\sqrt{18}}", "18"),
    (r"\boxed{2^{18}}", "18"),
    ("", "18"),
    ("eighteen", "18"),
    ("118", "18"),
    ("18.5", "18"),
]


@pytest.mark.parametrize(
    "text",
    ["####" * 60_000, "answer is " + "$" * 200_000, "answer is " + r"\( " * 60_000, "answer is " + r"\[ " * 60_000],
)
def test_what_never_ends_is_read_once(text: str) -> None:
    assert not number(text, "18")  # where each beginning were followed to the end, these would take minutes
    assert not exact(text, "18")


@given(st.lists(st.sampled_from(["####", "#", " ", "\t", "1", "a", "\n"]), max_size=14).map("".join))
def test_hashes_are_those_of_the_last_line_with_a_number_behind_them(text: str) -> None:
    behind = re.findall(r"####[ \t]*([^\n]*[0-9][^\n]*)", text)
    if behind:
        assert number(text, "1") is (exact_number(behind[-1]) == 1)


@pytest.mark.parametrize(("text", "expected"), RIGHT_NUMBERS)
def test_right_numbers(text: str, expected: str) -> None:
    assert number(text, expected)


@pytest.mark.parametrize(("text", "expected"), WRONG_NUMBERS)
def test_wrong_numbers(text: str, expected: str) -> None:
    assert not number(text, expected)


@pytest.mark.parametrize(
    ("text", "expected", "right"),
    [
        (r"\boxed{0.333333}", r"\frac{1}{3}", True),
        (r"\boxed{0.333}", r"\frac{1}{3}", False),
        (r"\boxed{41}, no, \boxed{42}", "42", True),
        (r"\boxed{42}, no, \boxed{41}", "42", False),
        (r"\boxed{42", "42", False),
        ("41, no, 42", "42", False),
        (r"\boxed{042}", "42", True),
        (r"\boxed{}", "42", False),
    ],
)
def test_plain_numbers_need_no_library(text: str, expected: str, right: bool) -> None:
    assert Maths()(text, expected) is right


def test_what_is_no_text_is_no_answer() -> None:
    assert not any(compare(value, "1") for compare in (exact, number, Maths()) for value in (1, None, ["1"], b"1"))


class TestMathVerify:
    """What the library takes for the same, in a process of its own."""

    @pytest.fixture(autouse=True)
    def _installed(self) -> None:
        pytest.importorskip("math_verify")

    @pytest.mark.parametrize(
        ("given", "expected", "right"),
        [
            (r"\frac{\sqrt{2}}{2}", r"\frac{1}{\sqrt{2}}", True),
            (r"\sqrt{2}", r"\sqrt{3}", False),
            ("x=5", "5", True),
            ("y=5", "x=5", False),
            (r"5\text{ cm}", "5", True),
            (r"10\%", "0.1", True),
            (r"10\%", "10", True),
            (r"\{2, 1\}", r"\{1, 2\}", True),
            ("(2, 1)", "(1, 2)", False),
            ("(1,2)", "1<x<2", True),
            ("1<x<2", "(1,2)", False),
            (r"(3, \pi/2)", r"\left( 3, \frac{\pi}{2} \right)", True),
            ("x^2+2x+1", "(x+1)^2", True),
            ("x^2+2x+2", "(x+1)^2", False),
            (r"\text{Evelyn}", r"\text{Evelyn}", True),
            (r"\text{Carla}", r"\text{Evelyn}", False),
        ],
    )
    def test_its_rules(self, given: str, expected: str, right: bool) -> None:
        assert Maths()(f"So \\boxed{{{given}}}.", expected) is right

    def test_threads_may_ask(self) -> None:
        found: list[bool] = []
        asked = [threading.Thread(target=lambda: found.append(verified(r"2\pi", r"\pi+\pi", 5.0))) for _ in range(4)]
        for thread in asked:
            thread.start()
        for thread in asked:
            thread.join()
        assert found == [True] * 4

    def test_a_worker_that_was_killed_is_replaced(self) -> None:
        assert verified(r"5\pi", r"\pi+4\pi", 5.0)
        (worker,) = math_worker._workers.values()
        worker.kill()
        assert verified(r"6\pi", r"\pi+5\pi", 5.0)

    def test_a_forked_process_asks_a_worker_of_its_own_even_if_the_lock_was_taken(self) -> None:
        assert verified(r"7\pi", r"\pi+6\pi", 5.0)
        with math_worker._lock:
            child = os.fork()
            if not child:
                os._exit(0 if verified(r"8\pi", r"\pi+7\pi", 5.0) else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert verified(r"9\pi", r"\pi+8\pi", 5.0)

    def test_a_formula_without_end_is_wrong_and_the_next_one_is_judged(self) -> None:
        assert not verified("9^{9^{9^{9}}}", "9^{9^{9^{9}}} + 1", 0.5)
        assert verified(r"3\pi", r"\pi+2\pi", 5.0)

    @pytest.mark.parametrize(
        "text", ["{" * 1000, "\\" * 999, "^" * 500, "\x00", "\ud800", r"\input{/etc/passwd}", "9" * 1999]
    )
    def test_what_is_no_formula_is_wrong(self, text: str) -> None:
        assert not verified(text, r"\pi", 5.0)

    def test_nothing_in_an_answer_is_executed(self, tmp_path: Path) -> None:
        for text in (f"__import__('os').mkdir('{tmp_path}/a')", f"exec(\"open('{tmp_path}/b', 'w')\")"):
            assert not Maths()(f"\\boxed{{{text}}}", r"\pi")
            assert not Maths()(f"The answer is: {text}", r"\pi")
        assert list(tmp_path.iterdir()) == []


# --- the sets ---


def test_gsm8k() -> None:
    first, second = load_task(str(SAMPLES / "gsm8k.jsonl")).problems
    assert first.tests == (Reply("1,197", number),)
    assert second.tests == (Reply("4", number),)
    assert "1,197" not in first.prompt
    assert first.id != second.id


def test_aime_needs_no_library_and_drops_zeros() -> None:
    first, second = load_task(str(SAMPLES / "aime.jsonl")).problems
    assert (first.id, first.tests, second.tests) == ("60", (Reply("042", Maths()),), (Reply("7", Maths()),))
    assert Maths()(r"\boxed{42}", "042")


def test_math_500() -> None:
    pytest.importorskip("math_verify")
    first, second = load_task(str(SAMPLES / "math_500.jsonl")).problems
    assert (first.id, second.id) == ("test/precalculus/1.json", "test/algebra/2.json")
    assert second.tests == (Reply(r"\frac{1}{2}", Maths()),)


def test_own_answers_say_how_they_are_compared(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    row = {"id": "a", "prompt": "The capital of France?", "answer": "Paris", "split": "test"}
    path.write_text(
        "".join(json.dumps(one) + "\n" for one in [row, row | {"id": "b", "answer": 4, "compare": "number"}])
    )
    task = load_task(str(path))
    assert [problem.tests for problem in task.problems] == [(Reply("Paris", exact),), (Reply("4", number),)]
    assert task.notes == ()


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            {"id": "a", "prompt": "p", "answer": "4", "compare": "close"},
            "'compare' is 'close'; it must be exact, number or",
        ),
        ({"id": "a", "prompt": "p", "answer": None}, "'answer' is None; it must be a text or a number"),
        ({"id": "a", "prompt": "p", "answer": " "}, "'answer' is ' '"),
        ({"question": "q", "answer": "no number"}, "'answer' must end with #### and a number"),
    ],
)
def test_a_row_that_is_wrong_is_told_by_file_and_line(tmp_path: Path, row: dict[str, object], said: str) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(json.dumps(row) + "\n")
    with pytest.raises(TaskError, match=f"line 1: {said}"):
        load_task(str(path))


def test_replies_are_judged_without_running_anything() -> None:
    tests = (Reply("4", number),)
    right, wrong = judge([("2 + 2 = 4", "", tests), ("raise SystemExit", "", tests)], InProcess())
    assert (right.solved, wrong.solved, wrong.kind) == (True, False, "wrong answer")


def test_two_questions_with_the_same_answer_are_no_contamination() -> None:
    train = Problem("a", "What is two and two?", "", (Reply("4", number),))
    test = Problem("b", "How many seasons are there?", "", (Reply("4", number),), "test")
    assert contaminated(Task("t", (train, test))) == {}


@pytest.mark.parametrize("name", ["gsm8k", "math_500"])
def test_solutions_of_the_sets_are_solved_and_those_of_other_problems_are_not(name: str) -> None:
    if name == "math_500":
        pytest.importorskip("math_verify")
    problems = load_task(str(SAMPLES / f"{name}.jsonl")).problems
    pairs = [(problem, other) for problem in problems for other in problems]
    judged = judge([problem.attempt(other.solution) for problem, other in pairs], InProcess())
    assert [one.solved for one in judged] == [problem is other for problem, other in pairs]
