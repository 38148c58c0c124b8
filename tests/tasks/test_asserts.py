"""Assertions are read as arguments and what has to hold of a value, and never run; Python itself is the oracle."""

from __future__ import annotations

import ast
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.sandbox.base import Answer, Status
from heldout.sandbox.compare import same
from heldout.tasks.asserts import as_evalplus, parsed, read_assertion, read_assertions

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
RETURNED: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    1,
    2,
    3,
    1.0,
    0.3333,
    2 / 3,
    "ab",
    "",
    [],
    [1, 2],
    [2, 1],
    (1, 2),
    {1, 2},
    {"a": 1},
    1e9,
)


def says(source: str, value: Any) -> bool:
    """What Python says of the assertions when the function returns this."""
    names = {"f": lambda *_, **__: value, "math": math, "np": np, "pytest": pytest, "approx": pytest.approx}
    try:
        exec(source, names)
    except Exception:
        return False
    return True


@given(st.lists(PLAIN, max_size=3), PLAIN)
def test_every_comparison_of_literals_is_read(args: list[Any], expected: Any) -> None:
    call = f"f({', '.join(map(repr, args))})"
    for source in (f"assert {call} == {expected!r}", f"assert {expected!r} == {call}, 'why'\n"):
        found = read_assertions(source, "f")
        assert not found.left_out
        (test,) = found.tests
        assert repr((test.args, test.expected)) == repr((tuple(args), expected))


@pytest.mark.parametrize(
    "source",
    [
        "assert f(1) == 1",
        "assert 1 == f(1)",
        "assert f(1) == [1, 2]",
        "assert f(1)",
        "assert not f(1)",
        "assert f(1) is None",
        "assert f(1) is not None",
        "assert f(1) is True",
        "assert f(1) != 2",
        "assert f(1) > 2",
        "assert 1 < f(1) <= 3",
        "assert f(1) in (1, 2, [])",
        "assert f(1) not in [1]",
        "assert 1 in f(1)",
        "assert set(f(1)) == {1, 2}",
        "assert set(f(1)) == set([2, 1])",
        "assert sorted(f(1)) == [1, 2]",
        "assert sorted(f(1), reverse=True) == [2, 1]",
        "assert len(f(1)) == 2",
        "assert f(1)[0] == 1",
        "assert f(1)['a'] == 1",
        "assert tuple(f(1)) == tuple(f(1))",
        "assert round(f(1), 2) == 0.67",
        "assert abs(f(1) - 1 / 3) < 1e-3",
        "assert abs(f(1) - 0.33) <= 0.01",
        "assert math.isclose(f(1), 0.3333, rel_tol=1e-3)",
        "assert math.fabs(f(1) - 1) < 1e-3",
        "assert np.allclose(f(1), [1.0, 2.0])",
        "assert f(1) == pytest.approx(0.6667, abs=1e-3)",
        "assert approx(0.6666666) == f(1)",
        "assert f(1) == approx([1.0, 2.0])",
        "assert isinstance(f(1), list)",
        "assert type(f(1)) == int",
        "assert type(f(1)) is list",
        "assert f(1).upper() == 'AB'",
        "assert f(1) == 1 and f(2) == 1.0",
        "assert f(1) == 1 or f(1) == 2",
        "assert all(f(x) == 1 for x in [1, 2])",
        "assert all(x in (1, 2) for x in f(1))",
        "assert sum([x * x for x in f(1)]) == 5",
        "r = f(1)\nassert r == 1",
        "r = sorted(f([3]))\nassert r[0] == 1\nassert len(r) == 2",
        "for x, y in [(1, 1), (2, 1)]:\n    assert f(x) == y",
        "for i, (x, y) in enumerate(zip([1, 2], [1, 1])):\n    assert f(x) == y, f'{i}'",
        "want = list(range(1, 3))\nassert f(want) == want",
        "want = sum([i ** 2 for i in range(3) if i % 2])\nassert f() == want",
        "if 1 > 0:\n    assert f(1) == 1\nelse:\n    assert f(1) == 2",
    ],
)
def test_what_is_asserted_holds_here_if_it_holds_in_python(source: str) -> None:
    found = read_assertions(source, "f")
    assert not found.left_out
    assert found.tests
    for value in RETURNED:
        ours = all(test.passes(Answer(Status.RETURNED, value)) for test in found.tests)
        assert ours == says(source, value), value
    assert any(says(source, value) for value in RETURNED)
    assert not all(says(source, value) for value in RETURNED) or "tuple" in source


@pytest.mark.parametrize(
    ("source", "args", "kwargs"),
    [
        ("assert f(1, b=[2]) == 3", (1,), {"b": [2]}),
        ("assert f(*[1, 2]) == 3", (1, 2), {}),
        ("assert f(2 * 3, -1.5) == 10 - 4", (6, -1.5), {}),
        ("assert f('abc' + 'd') == 4", ("abcd",), {}),
        ("xs = [3, 1]\nassert f(xs) == 2", ([3, 1],), {}),
        ("assert f() == set()", (), {}),
    ],
)
def test_arguments_may_be_computed(source: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    found = read_assertions(source, "f")
    assert not found.left_out
    (test,) = found.tests
    assert (test.args, test.kwargs) == (args, kwargs)


@pytest.mark.parametrize(
    "source",
    [
        "assert f(n) == 2",
        "assert f(1) == g(2)",
        "assert f(1) == f(2)",
        "assert f(f(1)) == 2",
        "assert g(1) == 2",
        "assert False",
        "assert f(2 ** 9999999) == 1",
        "assert f('a' * 999999999) == 1",
        "assert f(list(range(10 ** 9))) == 1",
        "assert f('%999999999d' % 5) == 1",
        "assert f(1 / 0) == 1",
        "assert f(1) == __import__('os').getpid()",
        "assert f(1).__class__ == int",
        "assert list(map(f, [1])) == [2]",
        "assert [f(x) for x in [1, 2]] == [2, 3]",
        "x = 5\nassert any(f(x) == 1 for x in [1, 2])",
        "assert (lambda: f(1))() == 2",
        "import random\nx = random.random()\nassert f(x) == x",
        "with open('x') as file:\n    assert f(1) == 2",
        "try:\n    f(1)\nexcept ValueError:\n    pass",
        "while f(1) != 2:\n    pass",
        "for x in f(1):\n    assert x == 1",
        "for x in [1, 2]:\n    assert f(x) == y",
        "def helper(x):\n    assert f(x) == 1\nhelper(1)",
        "def sorted(x):\n    return [1]\nassert f(1) == sorted([2])",
        "def sorted(x):\n    return [1]\nassert sorted(f(1)) == [1]",
        "from mine import isclose\nassert isclose(f(1), 1)",
        "result = f(1)",
        "f(1)",
        "_ = 3\nassert f(1) == _",
    ],
)
def test_other_forms_are_left_out_and_kept_as_text(source: str) -> None:
    found = read_assertions(source, "f")
    assert found.tests == []
    assert len(found.left_out) == 1
    assert found.left_out[0] == last_statement(source)


def last_statement(source: str) -> str:
    return ast.unparse(parsed(source).body[-1])


def test_what_a_name_means_is_forgotten_once_it_may_mean_something_else() -> None:
    source = (
        "x += [0]\nassert f(x)\nx = [1]\nassert f(x) == 1\nx.append(2)\nassert f(x) == 2\nx = [3]\nassert f(x) == 3\n"
    )
    found = read_assertions(source, "f")
    assert [test.args for test in found.tests] == [([1],), ([3],)]
    assert found.left_out == ["assert f(x)", "assert f(x) == 2"]


def test_what_is_true_without_a_call_is_no_test() -> None:
    found = read_assertions("assert True, 'good'\nassert 1 + 1 == 2\nprint('done')\nassert f(1) == 2", "f")
    assert len(found.tests) == 1
    assert not found.left_out


def test_what_is_left_of_a_program_holds_all_that_was_left_out_and_what_it_needs() -> None:
    source = (
        "import random\nxs = [3]\nassert f(xs) == 1\nfor i in [1, 2]:\n    assert f(i) == 1\n"
        "def g(x):\n    return f(x)\nxs.append(random.random())\nassert f(xs) == g(xs)\n"
    )
    found = read_assertions(source, "f")
    assert len(found.tests) == 3
    rest = ast.unparse(ast.Module(found.rest, []))
    assert rest == (
        "import random\nxs = [3]\n\ndef g(x):\n    return f(x)\nxs.append(random.random())\nassert f(xs) == g(xs)"
    )


def test_loops_without_an_end_are_not_followed() -> None:
    found = read_assertions("for x in range(999_999):\n    y = x\n    z = y\nassert f(y) == 1", "f")
    assert found.tests == []
    assert found.left_out == ["assert f(y) == 1"]


def test_strictly_compared_assertions_ask_for_the_truth_value_itself() -> None:
    def read(text: str) -> list[bool]:
        (statement,) = parsed(f"assert {text}").body
        test = read_assertion(statement.test, "f", same)  # type: ignore[attr-defined]
        assert test is not None
        return [test.passes(Answer(Status.RETURNED, value)) for value in (True, 1, False, 0, None)]

    assert read("f(1)") == [True, False, False, False, False]
    assert read("not f(1)") == [False, False, True, False, False]
    assert read("f(1) == 1") == [False, True, False, False, False]
    assert read("f(1) is None") == [False, False, False, False, True]
    assert read("f(1) in (0, 1)") == [True, True, True, True, False]


@pytest.mark.parametrize(
    ("expected", "atol", "value", "passes"),
    [
        (0.3, 0, 0.1 + 0.2, True),
        (0.3, 0, 0.3 + 2e-6, False),
        (0.3, 1e-3, 0.3005, True),
        ([0.3], 0, [0.1 + 0.2], True),
        ([0.3, 1], 0, [0.1 + 0.2, 1], False),  # not floats alone: no tolerance
        ([0.3, 1], 1e-6, [0.1 + 0.2, 1], True),
        (3, 0, 3.0, True),
        (3, 1e-6, 3.0000001, False),  # another type
        ("a", 0, "a", True),
    ],
)
def test_evalplus_compares_floats_as_close(expected: Any, atol: float, value: Any, passes: bool) -> None:
    source = (
        "def assertion(out, exp, atol):\n    assert np.allclose(out, exp, atol=atol)\n"
        f"for inp, exp in zip([[1]], [{expected!r}]):\n    assertion(f(*inp), exp, {atol})"
    )
    (test,) = read_assertions(source, "f").tests
    assert test.passes(Answer(Status.RETURNED, value)) is passes
    assert as_evalplus(test, atol).passes(Answer(Status.RETURNED, value)) is passes


def test_an_assertion_of_another_kind_under_that_name_is_left_out() -> None:
    assert read_assertions("def assertion(a, b, c):\n    assert a == c\nassertion(f(1), 2, 0)", "f").left_out
    assert read_assertions("from mine import assertion\nassertion(f(1), 2, 0)", "f").left_out


def test_the_source_is_never_executed() -> None:
    source = "raise SystemExit\nimport not_a_module\nassert f(1) == 2\nassert f(exit()) == 1\n"
    found = read_assertions(source, "f")
    assert len(found.tests) == 1
    assert found.left_out == ["assert f(exit()) == 1"]


def test_what_is_no_python_is_a_syntax_error() -> None:
    for source in ("assert f(1 ==", "assert f(1)\0", "(" * 5000):
        with pytest.raises(SyntaxError):
            read_assertions(source, "f")
