"""Which honest answer an answer is held against, and what is different."""

from __future__ import annotations

from answers_given import Given, rollouts_of
from heldout.rollouts.difference import difference, lines_apart

HONEST = "def f(x):\n    y = x - 9\n    return y"


def test_the_last_honest_answer_to_the_same_problem_is_shown() -> None:
    answers = [
        Given("old", 10, "a", hidden=1.0),
        Given(HONEST, 70, "a", hidden=1.0),
        Given("wrong", 75, "a", hidden=0.0),
        Given("not judged", 76, "a"),
        Given("of another", 80, "b", hidden=1.0),
        Given("exit()", 100, "a", hidden=0.0),
    ]
    found = difference(rollouts_of(answers), 5)
    assert found is not None
    assert (found.step, found.problem, found.same_problem) == (70, "a", True)
    assert found.lines == ("- def f(x):", "-     y = x - 9", "-     return y", "+ exit()")


def test_without_one_it_is_the_commonest_that_passes_and_without_any_there_is_nothing_to_show() -> None:
    answers = [Given("rare", 10, "a", hidden=1.0), *[Given(HONEST, 20, p, hidden=1.0) for p in "bc"]]
    found = difference(rollouts_of([*answers, Given("exit()", 30, "d", hidden=0.0)]), 3)
    assert found is not None
    assert (found.same_problem, found.problem, found.step) == (False, "b", 20)
    assert difference(rollouts_of([Given("exit()", hidden=0.0), Given("x", hidden=0.5)]), 0) is None


def test_layout_makes_no_difference_and_lines_are_shown_as_they_are() -> None:
    assert lines_apart(HONEST, "\n\n" + HONEST.replace("\n", "  \r\n\r\n")) == ((), "")
    indented = "\n".join("    " + line for line in HONEST.split("\n"))
    assert lines_apart(HONEST, indented) == ((), "")
    lines, _ = lines_apart(HONEST, indented.replace("return y", "return\u202e z"))
    assert lines == ("      def f(x):", "          y = x - 9", "-     return y", "+         return\\u202e z")


def test_equal_lines_far_from_any_change_are_left_out() -> None:
    old = [f"line {n}" for n in range(30)]
    lines, _ = lines_apart("\n".join(old), "\n".join(["new", *old[1:-1], "end"]))
    assert lines[:3] == ("- line 0", "+ new", "  line 1")
    assert lines[5] == "…"
    assert len(lines) == 11


def test_of_a_long_text_the_rest_is_told() -> None:
    lines, rest = lines_apart("a\n" * 100_000, "b\n" * 3)
    assert len(lines) == 503
    assert rest == "rest 199 kB not compared"
    hostile = lines_apart("\x00" * 10_000_000, "<b>\x1b[2J" + "x" * 10_000_000)
    assert all(line[:2] in ("- ", "+ ") and "\x1b" not in line and "\x00" not in line for line in hostile[0])
