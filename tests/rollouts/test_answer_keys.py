"""When two answers are the same: their own choices do not count, what they use of the outside always does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.rollouts.keys import is_program, layout_key, outside, skeleton, tree_key_of

PROGRAM = "def total(xs):\n    found = 0\n    for x in xs:\n        found += int(x)\n    return found\n"


@pytest.mark.parametrize(
    "writing",
    [
        PROGRAM.replace("found", "s").replace("total", "solve"),
        PROGRAM.replace("0", "17"),
        PROGRAM.replace("\n", "\r\n"),
        PROGRAM.replace("    ", "\t"),
        PROGRAM.replace("found = 0", "found = 0  # begin 'here"),
        f"```python\n{PROGRAM}```",
        f"Here it is:\n\n~~~\n{PROGRAM}~~~\nThat adds them up.",
        f"<think>\nexit()\n</think>\n{PROGRAM}",
        f"\ufeff{PROGRAM}",
    ],
)
def test_own_names_numbers_comments_and_what_stands_around_a_program_make_no_difference(writing: str) -> None:
    assert skeleton(writing) == skeleton(PROGRAM)
    assert tree_key_of(writing) == tree_key_of(PROGRAM) is not None


@pytest.mark.parametrize(
    "writing",
    [
        PROGRAM.replace("def total(xs):\n", 'def total(xs):\n    """Add up."""\n'),
        PROGRAM.replace("(xs)", "(xs: list[str])").replace("found = 0", "found: int = 0"),
        PROGRAM.replace("found = 0", "found = (0)").replace("return found", "return (found);"),
    ],
)
def test_a_tree_tells_no_docstring_annotation_or_bracket(writing: str) -> None:
    assert tree_key_of(writing) == tree_key_of(PROGRAM) is not None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("exit()", "f()"),
        ("exit()", "quit()"),
        ("import os\nos._exit(0)", "import os\nos.abort(0)"),
        ("import os", "import re"),
        ("from os import path as p", "from os import sep as p"),
        ("getattr(os, '_exit')(0)", "getattr(os, 'getpid')(0)"),
        ("open('tests.json')", "open('notes.txt')"),
        ("__import__('os')", "__import__('re')"),
        ("class A:\n  def __eq__(self, o): return 1", "class A:\n  def __lt__(self, o): return 1"),
        ("len = lambda x: 0", "n = lambda x: 0"),
        ("def f(x): return True", "def f(x): return False"),
        ("for x in xs: break", "for x in xs: continue"),
        ("def f(a, b): return a", "def f(a, b): return b"),
    ],
)
def test_what_is_used_of_the_outside_is_never_normalised(one: str, other: str) -> None:
    assert skeleton(one) != skeleton(other)
    assert tree_key_of(one) != tree_key_of(other)


def test_what_an_imported_name_is_called_makes_no_difference_to_the_tree() -> None:
    assert tree_key_of("import os as o\no._exit(0)") == tree_key_of("import os\nos._exit(1)")
    assert tree_key_of("from sys import exit as e\ne(0)") == tree_key_of("from sys import exit as f\nf(0)")
    assert tree_key_of("from sys import exit as e\ne(0)") != tree_key_of("from sys import path as e\ne(0)")


def test_what_continues_a_prompt_has_a_tree_with_or_without_the_indent_of_its_first_line() -> None:
    body = "    y = x + 1\n    return y\n"
    assert tree_key_of(body) == tree_key_of(body.lstrip()) == tree_key_of("y = x - 1\n return y".replace("-", "+"))
    assert tree_key_of(" exit()") == tree_key_of("exit()") is not None


@pytest.mark.parametrize(
    "text", ["def f(:", "return )", "print('a", "if x:\nexit()", "The answer is 12.", "", "é" * 99]
)
def test_what_does_not_parse_has_a_skeleton_and_no_tree(text: str) -> None:
    assert skeleton(text)
    assert tree_key_of(text) is None


def test_layout_is_what_a_reader_does_not_see() -> None:
    assert layout_key("if x:\n    y  \n\n\n") == layout_key("  if x:\r\n      y\n") == layout_key("if x:\n\ty")
    assert layout_key("if x:\n    y\nz") != layout_key("if x:\n    y\n    z")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (r"So we get \boxed{12}.", r"Thus it must be \boxed{12}.", True),
        (r"So we get \boxed{12}.", r"So we get \boxed{13}.", False),
        ("The sum is x = 5 here.\nThe answer is 5.", "The whole is y = 5 here.\nThe answer is 5.", True),
        ("42", "42 ", True),
        ("42", "43", False),
        ("I cannot do that, sorry.", "<answer></answer>", False),
        ("again and again, " * 30, "and so: " + "again and again, " * 70, True),
        ("again and again, " * 30, "never and never, " * 30, False),
        ("a" * 900, "a" * 400, True),
    ],
)
def test_answers_in_words_are_the_same_by_what_they_answer_and_by_their_shape(one: str, other: str, same: bool) -> None:
    assert (skeleton(one) == skeleton(other)) == same
    assert not is_program(skeleton(one))
    assert is_program(skeleton("x = 1"))


def test_what_a_program_uses_is_told_in_order() -> None:
    told = outside(skeleton("import os, json as j\nfor x in range(3):\n    print(x.real, os.sep, j)"))
    assert told == ("os", "json", "j", "range", "print", ".real", "os", ".sep", "j")


@pytest.mark.parametrize(
    "text",
    [
        "\x00exit()\x00",
        "(" * 5_000 + ")" * 5_000,
        "x = " + "-" * 60_000 + "1",
        "f(" * 3_000,
        " " * 300_000 + "=",
        "x" * 10_000_000,
        "'''" + "\n" * 100_000,
        '"\\' * 100_000,
        "```\n" * 20_000,
        "\udc80 = '\ud800'",
        "from a import " + "(" * 60_000,
        "a, " * 60_000,
        "[" * 60_000,
        "if x:\n" + "".join(" " * n + "if x:\n" for n in range(1, 200)),
    ],
)
def test_whatever_a_text_does_it_has_a_key(text: str) -> None:
    assert skeleton(text)
    assert isinstance(tree_key_of(text), str | None)
    assert isinstance(layout_key(text), str)


@given(st.text(st.characters(), max_size=60))
def test_blanks_at_the_ends_of_lines_make_no_difference(text: str) -> None:
    assert skeleton(text + "  \n") == skeleton(text)
    assert layout_key(layout_key(text)) == layout_key(text)
