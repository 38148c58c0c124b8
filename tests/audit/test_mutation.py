"""Programs with one thing changed: each operator makes what it says, and inputs are drawn like those that are there."""

from __future__ import annotations

import ast
import math
import random
from typing import Any

import pytest

from heldout.audit.drawing import calls, of_shape, texts
from heldout.audit.mutation import OPERATORS, mutants

SOURCE = '''def f(xs, y=2):
    """The numbers above y."""
    name = "é"
    found = [x for x in xs if x > y and True]
    if len(found) == 0.5:
        return name
    return (found)
'''
MADE = {
    "comparison": ("a in b", "a not in b"),
    "boundary": ("a >= b", "a > b"),
    "arithmetic": ("(a + b) * c", "(a - b) * c"),
    "constant": ("f(True)", "f(False)"),
    "condition": ("if a or b:\n    c()", "if not (a or b):\n    c()"),
    "statement": ("for a in b:\n    c.append(a)", "for a in b:\n    pass"),
    "name": ("def f(a, b):\n    return a", "def f(a, b):\n    return b"),
    "logic": ("x = a and b", "x = a or b"),
    "loop": ("while a:\n    b = 1", "while False:\n    b = 1"),
    "arguments": ("f(a, b)", "f(b, a)"),
    "order": ("x = sorted(a)", "x = sorted(a)[::-1]"),
}


def test_each_mutant_differs_in_one_place_behind_the_start_and_is_python() -> None:
    start = SOURCE.index("    name")
    found = mutants(SOURCE, random.Random(0), start=start, kinds=(*OPERATORS, "type"))
    assert {one.kind for one in found} == {"comparison", "boundary", "constant", "logic", "condition", "name", "type"}
    for one in found:
        assert one.text.startswith(SOURCE[:start])
        assert ast.dump(ast.parse(one.text)) != ast.dump(ast.parse(SOURCE))
    assert len({one.text for one in found}) == len(found)


@pytest.mark.parametrize("kind", MADE)
def test_every_operator_makes_the_mistake_that_it_is_called_by(kind: str) -> None:
    source, wanted = MADE[kind]
    assert wanted in {one.text for one in mutants(source, random.Random(0), kinds=[kind])}


def test_an_index_is_moved_by_one_and_a_slice_or_a_key_is_not() -> None:
    assert {one.text for one in mutants("a[i]", random.Random(0), kinds=["index"])} <= {"a[(i) + 1]", "a[(i) - 1]"}
    assert mutants("a[i:j] + b['key']", random.Random(0), kinds=["index"]) == []


def test_what_does_not_parse_has_no_mutants() -> None:
    assert [mutants(text, random.Random(0)) for text in ("def f(:", "\0", "(" * 10_000, "")] == [[]] * 4


@pytest.mark.parametrize(
    "seen",
    [
        [(3, "ab"), (0, "b")],
        [([1, 2, 9],), ([4],), ([],)],
        [([["a"], []], {"k": 1.5}), ([["b"]], {})],
        [(True, None, (1, 2), {3})],
        [(math.inf, 10**30)],
        [(["a"],), ([1],)],
    ],
    ids=["number and text", "sorted", "nested", "every type", "huge", "two types"],
)
def test_drawn_calls_keep_types_signs_and_letters(seen: list[tuple[Any, ...]]) -> None:
    found = list(calls(seen, 200, random.Random(1)))
    assert len(found) == 200
    for one in found:
        assert [type(value) for value in one] == [type(value) for value in seen[0]]
        ints = [value for value in one if type(value) is int]
        assert all(value >= 0 for value in ints)
        assert all(set(value) <= set("ab") for value in one if isinstance(value, str))
        lists = [value for value in one if isinstance(value, list)]
        assert all(len({type(item) for item in value}) <= 1 for value in lists)
    assert len({repr(one) for one in found}) > 3


def test_lists_that_are_all_sorted_or_without_repeats_are_drawn_so() -> None:
    found = list(calls([([1, 2, 9],), ([4, 7],)], 100, random.Random(1)))
    assert all(sorted(set(one)) == one for (one,) in found)
    free = list(calls([([9, 2, 2],), ([4, 7],)], 100, random.Random(1)))
    assert any(sorted(one) != one for (one,) in free)


def test_without_inputs_nothing_is_drawn() -> None:
    assert list(calls([], 5, random.Random(0))) == list(calls([()], 5, random.Random(0))) == []
    assert list(texts([], 5, random.Random(0))) == []
    assert of_shape([])(random.Random(0)) is None


def test_texts_keep_their_first_line_where_there_are_more() -> None:
    found = list(texts(["2\n5\n-7\n", "1\n3\n"], 50, random.Random(0)))
    assert len(found) == 50
    assert {one.partition("\n")[0] for one in found} == {"1", "2"}
    assert len(set(found)) > 10
    assert len(set(texts(["abc de\n"], 50, random.Random(0)))) > 3
