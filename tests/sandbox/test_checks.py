"""Tests that are programs: what passes, what does not and why, and that no program can bend them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from attacks import CHECK, HONEST, PYTEST, RUNNERS, UNITTEST, WRONG_PROGRAM

from heldout.errors import SandboxError
from heldout.sandbox import Answer, Attempt, Limits, Sandbox, SourceTest, judge, open_sandbox


@pytest.fixture(scope="module")
def walled() -> Iterator[Sandbox]:
    try:
        opened = open_sandbox("bubblewrap", workers=1)
    except SandboxError as error:
        pytest.skip(str(error))
    with opened:
        yield opened


def answers(sandbox: Sandbox, source: str, test: SourceTest, entry: str = "f") -> list[Answer]:
    """What is said of each item; afterwards the next program is judged as ever, by the same kind of test."""
    judged, honest, wrong = judge(
        [
            Attempt(source, entry, [test]),
            Attempt(HONEST, "f", [RUNNERS[test.runner]]),
            Attempt(WRONG_PROGRAM, "f", [RUNNERS[test.runner]]),
        ],
        sandbox,
    )
    assert honest.solved, honest.answers
    assert not any(wrong.passed)
    return list(judged.answers)


def passes(sandbox: Sandbox, source: str, tests: str, entry: str = "f") -> bool:
    """Whether a program passes assertions."""
    (answer,) = answers(sandbox, source, SourceTest(tests, ("asserts",)), entry)
    assert answer.status == "returned", answer
    return bool(answer.value)


@pytest.mark.parametrize("runner", RUNNERS)
def test_each_item_of_a_right_program_passes_and_none_of_a_wrong_one(runner: str, walled: Sandbox) -> None:
    found = answers(walled, WRONG_PROGRAM, RUNNERS[runner])
    assert [(one.status, one.value) for one in found] == [("returned", False)] * len(RUNNERS[runner].items)


FAITHFUL = {
    "keywords": (
        "def f(a, *, b=1, **more):\n    return a - b + len(more)\n",
        "assert f(3) == 2 and f(a=5, b=2, c=0) == 4",
    ),
    "a list sorted in place": ("def f(x):\n    x.sort()\n", "x = [3, 1, 2]\nassert f(x) is None and x == [1, 2, 3]"),
    "a matrix turned in place": (
        (
            "def f(m):\n    for i in range(2):\n        for j in range(i):\n"
            "            m[i][j], m[j][i] = m[j][i], m[i][j]\n"
        ),
        "row = [1, 2]\nm = [row, [3, 4]]\nf(m)\nassert m == [[1, 3], [2, 4]] and m[0] is row and row == [1, 3]",
    ),
    "a dictionary and a set changed": (
        "def f(d, s):\n    d['b'] = d.pop('a')\n    s.add(2)\n    return s\n",
        "d, s = {'a': 1}, {1}\nassert f(d, s) is s\nassert d == {'b': 1} and s == {1, 2}",
    ),
    "a generator": (
        "def f(n):\n    for i in range(n):\n        yield i * i\n",
        "assert list(f(4)) == [0, 1, 4, 9]\nassert sum(f(3)) == 5",
    ),
    "an endless generator": (
        "def f():\n    x = 0\n    while True:\n        yield x\n        x += 1\n",
        (
            "from itertools import islice\nassert list(islice(f(), 3)) == [0, 1, 2]\n"
            "g = f()\nassert next(g) == 0 and next(g) == 1"
        ),
    ),
    "a map object": ("def f(xs):\n    return map(str, xs)\n", "assert list(f([1, 2])) == ['1', '2']"),
    "a closure": ("def f(n):\n    return lambda x: x + n\n", "assert f(2)(3) == 5\nassert callable(f(1))"),
    "an error": (
        "def f(x):\n    if x < 0:\n        raise ValueError(f'{x} is negative')\n    return x\n",
        "try:\n    f(-1)\nexcept ValueError as error:\n"
        "    assert str(error) == '-1 is negative' and error.args == ('-1 is negative',)\n"
        "else:\n    assert False",
    ),
    "an error of a key": (
        "def f(d, k):\n    return d[k]\n",
        "try:\n    f({}, 'k')\nexcept KeyError as error:\n    assert error.args == ('k',)\nelse:\n    assert False",
    ),
    "an error of the library": (
        "import json\ndef f(x):\n    return json.loads(x)\n",
        (
            "import json\ntry:\n    f('{')\nexcept json.JSONDecodeError as error:\n"
            "    assert error.pos == 1\nelse:\n    assert False"
        ),
    ),
    "an error of its own": (
        "class Base(Exception):\n    pass\nclass Low(Base, ValueError):\n    def __init__(self, left):\n"
        "        super().__init__(f'only {left}')\n        self.left = left\ndef f(x):\n    raise Low(x)\n",
        "from solution import Base, Low, f\ntry:\n    f(3)\nexcept Base as error:\n"
        "    assert error.left == 3 and str(error) == 'only 3'\n"
        "    assert isinstance(error, Low) and isinstance(error, ValueError)\nelse:\n    assert False",
    ),
    "types of values": (
        "from collections import namedtuple, deque\nfrom decimal import Decimal\nfrom datetime import date\n"
        "P = namedtuple('P', 'x y')\n"
        "def f():\n    return [P(1, 2), deque([1]), Decimal('1.10'),"
        " date(2020, 1, 2), range(3), b'a', 1j, None, {1: (2.5,)}]\n",
        "from collections import deque\nfrom decimal import Decimal\nfrom datetime import date\n"
        "assert f() == [(1, 2), deque([1]), Decimal('1.1'), date(2020, 1, 2), range(3), b'a', 1j, None, {1: (2.5,)}]\n"
        "assert f()[0].y == 2",
    ),
    "values of the library as arguments": (
        "def f(a, b, c):\n    a.append(1)\n    return b + c, len(a)\n",
        "from collections import deque\nfrom fractions import Fraction\nd = deque()\n"
        "assert f(d, Fraction(1, 2), Fraction(1, 3)) == (Fraction(5, 6), 1)\nassert d == deque([1])",
    ),
    "members of enumerations": (
        "from enum import Enum, IntEnum\nclass C(IntEnum):\n    RED = 1\nclass D(Enum):\n    RED = 1\n"
        "def f(x):\n    return C.RED if x else D.RED\n",
        "assert f(1) == 1 and 1 == f(1) and [f(1)] == [1] and {f(1)} == {1} and f(1).name == 'RED'\n"
        "assert f(1) != 2 and f(0) != 1",
    ),
    "instances of subclasses of plain types": (
        "class S(str):\n    def loud(self): return self.upper() + '!'\nclass L(list):\n    pass\n"
        "def f(x):\n    return L([S(x), 1]) if x == 'l' else S(x)\n",
        "assert f('ab') == 'ab' and f('ab') != 'b' and 'ab' in f('cabs') and f('a').loud() == 'A!'\n"
        "x = f('l')\nassert x == ['l', 1]\nx.append(2)\nassert x == ['l', 1, 2] and f('l') == f('l')",
    ),
    "its print goes nowhere": ("def f():\n    print('a' * 10 ** 6)\n    return 1\n", "assert f() == 1"),
    "a constant of the program": (
        "LIMIT = 5\ndef f():\n    return LIMIT\n",
        "from solution import LIMIT, f\nassert f() == LIMIT == 5",
    ),
    "all names of the program": (
        "LIMIT = 5\ndef f():\n    return LIMIT\n",
        "from solution import *\nassert f() == LIMIT",
    ),
    "the module": (
        "def f():\n    return 1\n",
        "import solution\nassert solution.f() == 1 and not hasattr(solution, 'g')",
    ),
    "a function called like a builtin": ("def f(x):\n    return sum(x)\n", "assert f([1, 2]) == sum([1, 2]) == 3"),
    "a module that only the program imports": (
        "import math\ndef f(x):\n    return math.sqrt(x)\n",
        "assert math.isclose(f(4), 2)",
    ),
}


@pytest.mark.parametrize("name", FAITHFUL)
def test_a_test_sees_the_program_as_if_it_were_beside_it(name: str, walled: Sandbox) -> None:
    source, tests = FAITHFUL[name]
    assert passes(walled, source, tests)
    names: dict[str, object] = {}
    exec(source, names)  # and that is what a test beside it sees
    if "solution" not in tests:
        exec(tests, names)


STACK = """
class Stack:
    SIZE = 2

    def __init__(self, items=()):
        self.items = list(items)
        self.name = 'stack'

    def push(self, item):
        if len(self.items) == self.SIZE:
            raise OverflowError('full')
        self.items.append(item)
        return self

    def pop(self):
        return self.items.pop()

    @property
    def top(self):
        return self.items[-1]

    @classmethod
    def of(cls, *items):
        return cls(items)

    def __len__(self):
        return len(self.items)

    def __iter__(self):
        return iter(self.items)

    def __getitem__(self, place):
        return self.items[place]

    def __repr__(self):
        return f'Stack({self.items})'

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.items.clear()

def f(stack):
    return stack.pop()
"""


def test_a_class_with_state_is_used_through_handles(walled: Sandbox) -> None:
    tests = """
from solution import Stack, f
s = Stack()
assert len(s) == 0 and not s and isinstance(s, Stack) and not isinstance(s, list)
assert s.push(1) is s
s.push(2)
assert list(s) == [1, 2] and s[0] == 1 and s[-1] == 2 and s.top == 2 and 2 in s and 3 not in s
assert repr(s) == 'Stack([1, 2])' and f'{s}' == 'Stack([1, 2])' and type(s).__name__ == 'Stack'
try:
    s.push(3)
except OverflowError as error:
    assert str(error) == 'full'
else:
    assert False
assert f(s) == 2 and s.pop() == 1
try:
    s.pop()
except IndexError:
    pass
else:
    assert False
s.name = 'other'
assert s.name == 'other' and s.items == [] and not hasattr(s, 'none')
assert Stack.SIZE == 2 and len(Stack.of(1, 2)) == 2
with Stack([1]) as t:
    assert len(t) == 1
assert len(t) == 0
assert s == s and s != t and s != [] and [] != s and s in [t, s]
"""
    assert passes(walled, STACK, tests, "Stack")
    exec(STACK + tests.replace("from solution import Stack, f\n", ""), {})


def test_the_method_of_a_solution_is_the_candidate(walled: Sandbox) -> None:
    source = "class Solution:\n    def f(self, x):\n        return 7 * x + 3\n"
    for test in (
        CHECK,
        SourceTest("assert candidate(2) == Solution().f(2) == 17", ("asserts",)),
    ):
        (answer,) = answers(walled, source, test, "Solution().f")
        assert answer.value is True, answer


def test_objects_of_a_class_that_both_sides_have_cross(walled: Sandbox) -> None:
    node = "class Node:\n    def __init__(self, val, next=None):\n        self.val = val\n        self.next = next\n"
    source = node + (
        "def f(head):\n    last = None\n    while head:\n"
        "        head.next, last, head = last, head, head.next\n    return last\n"
    )
    tests = node + (
        "head = f(Node(1, Node(2, Node(3))))\nseen = []\nwhile head:\n"
        "    seen.append(head.val)\n    head = head.next\nassert seen == [3, 2, 1]"
    )
    assert passes(walled, source, tests)
    assert not passes(walled, source.replace("return last", "return head"), tests)


@pytest.mark.parametrize(
    ("source", "status", "error"),
    [
        ("def f(x):\n    return 1 / 0\n", "raised", "ZeroDivisionError: division by zero"),
        ("def f(x", "syntax", "SyntaxError: '(' was never closed (program, line 1)"),
        ("1 / 0\n", "raised", "ZeroDivisionError: division by zero"),
        ("def g(x):\n    return x\n", "no such function", "It defines no f."),
        ("import nosuch\n" + HONEST, "needs a package", "nosuch"),
        ("def f(x):\n    exit()\n", "left the program", "SystemExit"),
        ("def f(x):\n    import os\n    os._exit(0)\n", "left the program", "exit status 0"),
        ("exit()\n" + HONEST, "left the program", "SystemExit"),
        ("def f(x):\n    import ctypes\n    ctypes.string_at(0)\n", "raised", "signal 11"),
        ("def f(x):\n    return 'a' * 10 ** 10\n", "memory", "MemoryError"),
        ("def f(x):\n    return 'a' * 10 ** 7\n", "refused", "the limit is"),
        ("def f(x):\n    return f(x)\n", "raised", "RecursionError"),
    ],
)
@pytest.mark.parametrize("runner", RUNNERS)
def test_why_a_program_fails_is_told(runner: str, source: str, status: str, error: str, walled: Sandbox) -> None:
    found = answers(walled, source, RUNNERS[runner])
    assert {one.status for one in found} == {status}, found
    assert all(error in one.error for one in found), found


@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize("loop", ["while True: pass", "time.sleep(60)"])
def test_a_program_that_does_not_end_is_stopped(runner: str, loop: str, walled: Sandbox) -> None:
    test = RUNNERS[runner]
    (judgement,) = judge([Attempt(f"import time\ndef f(x):\n    {loop}\n", "f", [test], Limits(seconds=0.2))], walled)
    assert {one.status for one in judgement.answers} == {"timeout"}


def test_items_before_a_fault_keep_what_was_found(walled: Sandbox) -> None:
    source = "def f(x):\n    if x == 5:\n        import os\n        os._exit(0)\n    return 7 * x + 3\n"
    test = SourceTest(
        "import unittest\nclass T(unittest.TestCase):\n"
        + "".join(f"    def test_{x}(self): self.assertEqual(f({x}), {7 * x + 3})\n" for x in (2, 5, 6)),
        ("T.test_2", "T.test_5", "T.test_6", "T.test_7"),
        "unittest",
    )
    found = answers(walled, source, test)
    assert [one.status for one in found] == ["returned", "left the program", "left the program", "left the program"]
    assert found[0].value is True


@pytest.mark.parametrize(
    ("tests", "said"),
    [
        ("assert f(lambda x: x) == 1", "an object of type function"),
        ("class A: pass\nassert f(A()) == 1", "an object of type A"),
        ("assert helper(f(1)) == 1", "use helper, which they neither define nor import"),
        ("import tkinter.nosuch\nassert f(1)", "The tests themselves fail: ModuleNotFoundError"),
        ("import solution.nosuch\nassert f(1)", "The tests themselves fail: ModuleNotFoundError"),
        ("assert 1 +", "The tests themselves fail: SyntaxError"),
        ("assert undefined(1)", "The tests themselves fail: NameError"),
    ],
)
def test_what_is_no_fault_of_the_program_is_unsupported(tests: str, said: str, walled: Sandbox) -> None:
    source = HONEST + "def helper(x):\n    return 1\n"
    (answer,) = answers(walled, source, SourceTest(tests, ("asserts",)))
    assert answer.status == "unsupported"
    assert said in answer.error


MISSING = {
    "asserts": "import nosuch.inner\nassert f(2) == 17",
    "check": "def check(candidate):\n    assert candidate(2) == 17\n    import nosuch\n",
    "unittest": "import unittest\nclass T(unittest.TestCase):\n    def test_it(self):\n        import nosuch\n",
    "pytest": "from nosuch import inner\nfrom solution import f\ndef test_it(): assert f(2) == 17\n",
}


@pytest.mark.parametrize("source", [HONEST, WRONG_PROGRAM])
@pytest.mark.parametrize("runner", RUNNERS)
def test_a_package_that_the_tests_lack_is_named_and_no_fault_of_the_program(
    runner: str, source: str, walled: Sandbox
) -> None:
    item = {"unittest": "T.test_it", "pytest": "test_it"}.get(runner, runner)
    (answer,) = answers(walled, source, SourceTest(MISSING[runner], (item,), runner))
    wrong_before = runner == "check" and source == WRONG_PROGRAM
    assert (answer.status, answer.error) == (
        ("returned", "AssertionError") if wrong_before else ("needs a package", "nosuch")
    )


def test_objects_that_compare_themselves_are_not_asked(walled: Sandbox) -> None:
    source = (
        "class P:\n    def __init__(self, x):\n        self.x = x\n"
        "    def __eq__(self, other):\n        return self.x == other.x\n"
    )
    (answer,) = answers(walled, source, SourceTest("assert P(1) == P(1)", ("asserts",)), "P")
    assert (answer.status, answer.error) == (
        "unsupported",
        "The tests compare objects of the program, which are not asked for it.",
    )
    assert not passes(walled, source, "assert P(1) == 1", "P")


@pytest.mark.parametrize("base", ["int", "str", "list", "tuple", "dict", "float"])
def test_a_value_of_a_plain_types_subclass_that_equals_everything_equals_what_it_is(base: str, walled: Sandbox) -> None:
    every = ("eq", "ne", "contains", "bool", "iter", "len")
    source = f"class Yes({base}):\n    __hash__ = object.__hash__\n" + "".join(
        f"    def __{name}__(self, *_):\n        return True\n" for name in every
    )
    source += (
        f"def f(x):\n    return Yes({base}(x))\n" if base in ("int", "str", "float") else "def f(x): return Yes()\n"
    )
    assert not passes(walled, source, "assert f(1) == 2 or f(1) in [[2], {2: 3}, (2,), '2'] or 2 in [f(1)]")
    assert passes(walled, source, f"assert f(1) == {base}({'1' if base in ('int', 'str', 'float') else ''})")


def test_classes_of_unittest_are_prepared_as_ever(walled: Sandbox) -> None:
    test = SourceTest(
        """
import unittest
class A(unittest.TestCase):
    @classmethod
    def setUpClass(cls): cls.value = f(2)
    def setUp(self): self.added = []
    def tearDown(self): assert self.added == [1]
    def test_good(self):
        self.added.append(1)
        self.assertEqual(self.value, 17)
    def test_left(self): self.assertEqual(self.value, 17)
    def test_parts(self):
        self.added.append(1)
        for x in (1, 2):
            with self.subTest(x=x): self.assertEqual(f(x), 17)
    def test_raises(self):
        self.added.append(1)
        with self.assertRaisesRegex(TypeError, 'unsupported'): f(None)
    @unittest.skip('later')
    def test_skipped(self): pass
    @unittest.expectedFailure
    def test_fails(self):
        self.added.append(1)
        self.assertEqual(f(1), 0)
class B(unittest.TestCase):
    @classmethod
    def setUpClass(cls): cls.value = f(None)
    def test_any(self): pass
""",
        ("A.test_good", "A.test_left", "A.test_parts", "A.test_raises", "A.test_skipped", "A.test_fails", "B.test_any"),
        "unittest",
    )
    found = answers(walled, HONEST, test)
    assert [one.value for one in found] == [True, False, False, True, False, True, None]
    assert found[-1].status == "raised"


def test_what_pytest_knows_is_there(walled: Sandbox) -> None:
    test = SourceTest(
        """
import pytest
from solution import f
pytestmark = pytest.mark.filterwarnings("error")
@pytest.fixture(params=[1, 2])
def x(request): return request.param
@pytest.fixture(scope="module")
def many():
    seen = []
    yield seen
    assert seen == [1, 2]
def test_fixture(x, many):
    many.append(x)
    assert f(x) == 7 * x + 3
@pytest.mark.parametrize("y", [17, 18])
def test_some(y): assert f(2) == y
@pytest.mark.parametrize("y", [17, 18], ids=["right", "wrong"])
def test_named(y): assert f(2) == y
def test_raises():
    with pytest.raises(TypeError, match="unsupported"):
        f(None)
def test_does_not_raise():
    with pytest.raises(ValueError):
        f(1)
@pytest.mark.skip
def test_skipped(): pass
@pytest.mark.xfail(strict=True)
def test_expected_to_fail(): assert f(1) == 0
@pytest.mark.xfail(strict=True)
def test_unexpected(): assert f(1) == 10
def test_approx(): assert [f(1) / 3, 2] == pytest.approx([3.3333333, 2])
class TestClass:
    def setup_method(self): self.x = 1
    def test_it(self): assert f(self.x) == 10
""",
        (
            *("test_fixture", "test_some", "test_named[right]", "test_named[wrong]", "test_raises"),
            *("test_does_not_raise", "test_skipped", "test_expected_to_fail", "test_unexpected", "test_approx"),
            *("TestClass::test_it", "test_missing"),
        ),
        "pytest",
    )
    right = [True, False, True, False, True, False, False, True, False, True, True, False]
    assert [one.value for one in answers(walled, HONEST, test)] == right


def test_tests_may_use_numpy_where_it_is(walled: Sandbox) -> None:
    pytest.importorskip("numpy")
    tests = "import numpy as np\nassert np.allclose(f([1.0, 2.0]), [2.0, 4.0])\nassert isinstance(f([1.0]), list)"
    assert passes(walled, "def f(xs):\n    return [2 * x for x in xs]\n", tests)
    assert not passes(walled, "def f(xs):\n    return [2 * x + 1 for x in xs]\n", tests)
    arrays = (
        "import numpy as np\nassert (f(np.arange(3)) == np.array([0, 2, 4])).all() and f(np.arange(3)).dtype == int"
    )
    assert passes(walled, "import numpy as np\ndef f(xs):\n    return np.multiply(xs, 2)\n", arrays)


def test_where_pytest_is_missing_its_tests_are_no_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("heldout.sandbox.testers._USUAL", ("no-such-package",))
    try:
        opened = open_sandbox("bubblewrap", workers=1)
    except SandboxError as error:
        pytest.skip(str(error))
    with opened:
        judged = judge([Attempt(HONEST, "f", [PYTEST]), Attempt(HONEST, "f", [UNITTEST])], opened)
    assert [one.kind for one in judged] == ["infrastructure", "solved"]
    assert "need pytest" in judged[0].answers[0].error


def test_several_workers_give_the_same_answers(walled: Sandbox) -> None:
    attempts = [Attempt(source, "f", [test]) for test in RUNNERS.values() for source in (HONEST, WRONG_PROGRAM)] * 2
    with open_sandbox("bubblewrap", workers=3) as three:
        assert judge(attempts, three) == judge(attempts, walled)
