"""What programs return that is no plain data: values of subclasses, and what has items; Python is the oracle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from heldout.errors import SandboxError
from heldout.sandbox import Attempt, Sandbox, Test, judge, open_sandbox
from heldout.sandbox.compare import COMPARISONS
from heldout.sandbox.iterated import Iterated, Sized, iterated
from heldout.sandbox.values import NotPlain, decode
from heldout.tasks.asserts import read_assertions

DEFINED = """
import collections, enum, itertools
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
P = namedtuple('P', 'x y')
class Colour(enum.IntEnum):
    RED = 1
class Word(str, enum.Enum):
    A = 'a'
class Plain(enum.Enum):
    RED = 1
class S(str): pass
class I(int): pass
class L(list): pass
class D(dict): pass
class F(float): pass
class Never(int):
    def __eq__(self, other): return False
    __hash__ = int.__hash__
class Bag:
    def __iter__(self): return iter([3, 1, 2])
class Count:
    def __init__(self): self.n = 0
    def __iter__(self): return self
    def __next__(self):
        self.n += 1
        if self.n > 3: raise StopIteration
        return self.n
def numbers():
    yield from (3, 1, 2)
def f(): return VALUE
"""
VALUES = (
    *("P(1, 2)", "[P(1, 2)]", "{P(1, 2): Colour.RED}", "Colour.RED", "Word.A", "S('a')", "I(1)", "F(1)"),
    *("L([1, 2])", "(L([S('a')]),)", "D({1: 2})", "defaultdict(int, {1: 2})", "OrderedDict([(1, 2)])", "Counter('a')"),
    *("[Colour.RED, 2]", "{Colour.RED}", "numbers()", "(x for x in (3, 1, 2))", "map(abs, [3, 1, 2])", "range(1, 4)"),
    *("iter([3, 1, 2])", "zip([1], [2])", "reversed([1, 2])", "itertools.chain([3], [1, 2])", "deque([1, 2])"),
    *("{1: 2}.keys()", "{1: 2}.values()", "{1: 2}.items()", "Bag()", "Count()", "[numbers()]", "'a'", "[1, 2]", "1"),
)
ASSERTIONS = (
    *("f() == 1", "f() == [1, 2]", "f() == (1, 2)", "f() == 'a'", "f() == {1: 2}", "f() == {'a': 1}", "f() == {1}"),
    *("f() == [(1, 2)]", "f() == ([('a')],)", "f() == (['a'],)", "f() == {(1, 2): 1}", "f() != 1", "f() == [3, 1, 2]"),
    *("list(f()) == [3, 1, 2]", "sorted(f()) == [1, 2, 3]", "set(f()) == {1, 2, 3}", "tuple(f()) == (1, 2)"),
    *("list(f()) == [(1, 2)]", "sum(f()) == 6", "max(f()) == 3", "[list(x) for x in f()] == [[3, 1, 2]]"),
    *("len(f()) == 2", "len(f()) == 3", "f()[0] == 1", "f()[0] == 3", "list(f()) == [1]", "list(f()) == [2]"),
    *("any(x == 2 for x in f())", "2 in f()", "isinstance(f(), list)", "isinstance(f(), str)", "bool(f())"),
)


@pytest.fixture(scope="module")
def walled() -> Iterator[Sandbox]:
    try:
        opened = open_sandbox("bubblewrap", workers=1)
    except SandboxError as error:
        pytest.skip(str(error))
    with opened:
        yield opened


def said_by_python(source: str, assertion: str) -> bool:
    names: dict[str, Any] = {}
    exec(source, names)
    try:
        return bool(eval(assertion, names))
    except Exception:
        return False


def test_assertions_about_what_came_back_hold_where_python_says_so(walled: Sandbox) -> None:
    tests = [read_assertions(f"assert {one}", "f").tests[0] for one in ASSERTIONS]
    sources = [DEFINED.replace("VALUE", value) for value in VALUES]
    judged = judge([Attempt(source, "f", tests) for source in sources], walled)
    for value, source, judgement in zip(VALUES, sources, judged, strict=True):
        for assertion, passed in zip(ASSERTIONS, judgement.passed, strict=True):
            assert passed == said_by_python(source, assertion), (value, assertion)
    assert sum(sum(one.passed) for one in judged) > 100


@pytest.mark.parametrize("value", ["Plain.RED", "f", "P", "len", "[Plain.RED]"])
def test_all_else_passes_nothing(value: str, walled: Sandbox) -> None:
    tests = [read_assertions(f"assert {one}", "f").tests[0] for one in ASSERTIONS]
    (judgement,) = judge([Attempt(DEFINED.replace("VALUE", value), "f", tests)], walled)
    assert {one.status for one in judgement.answers} == {"refused"}
    assert not any(judgement.passed)


EMPTY: dict[str, Any] = {
    one.__name__: one() for one in (int, str, tuple, list, dict, set, frozenset, float, bytes, complex)
}
OTHER = {"int": 1, "str": "a", "tuple": (1,), "list": [1], "dict": {1: 1}, "set": {1}, "frozenset": frozenset([1])}
OTHER |= {"float": 1.0, "bytes": b"a", "complex": 1j}


@pytest.mark.parametrize("base", EMPTY)
def test_what_a_subclass_overrides_is_not_asked(base: str, walled: Sandbox) -> None:
    names = ("eq", "iter", "pos", "getitem", "hash", "items", "keys", "len", "float", "index", "int", "str", "repr")
    overrides = "".join(f"    def __{name}__(self, *_):\n        return True\n" for name in names)
    source = f"class Yes({base}):\n{overrides}    items = __iter__\ndef f():\n    return Yes()\n"
    (judgement,) = judge([Attempt(source, "f", [Test((), EMPTY[base]), Test((), OTHER[base])])], walled)
    assert judgement.passed == (True, False), judgement.answers


def test_the_comparison_of_a_subclass_itself_changes_nothing(walled: Sandbox) -> None:
    (judgement,) = judge([Attempt(DEFINED.replace("VALUE", "Never(1)"), "f", [Test((), 1), Test((), 2)])], walled)
    assert judgement.passed == (True, False)


@pytest.mark.parametrize(
    "value", ["itertools.count()", "range(10 ** 12)", "range(10 ** 30)", "itertools.repeat('a' * 100)"]
)
def test_what_never_ends_is_a_wrong_answer(value: str, walled: Sandbox) -> None:
    tests = read_assertions("assert list(f()) == [0]", "f").tests
    (judgement,) = judge([Attempt(DEFINED.replace("VALUE", value), "f", tests)], walled)
    assert judgement.kind == "wrong answer"
    assert judgement.answers[0].status == "refused"


def test_an_error_on_the_way_through_is_the_programs(walled: Sandbox) -> None:
    tests = read_assertions("assert list(f()) == [0]", "f").tests
    (judgement,) = judge([Attempt("def f():\n    yield 0\n    raise KeyError(1)\n", "f", tests)], walled)
    assert (judgement.kind, judgement.answers[0].error) == ("raised", "KeyError: 1")


def test_what_goes_through_in_monty_is_left_to_cpython() -> None:
    pytest.importorskip("pydantic_monty", reason="pydantic-monty is not installed")
    values = ("range(3)", "[range(3)]", "{1: 2}.keys()", "iter([1])")
    with open_sandbox("monty", workers=1) as monty:
        judged = judge([Attempt(f"def f(): return {one}", "f", [Test((), [0])]) for one in values], monty)
        assert {one.kind for one in judged} == {"unsupported"}
        named = "from collections import namedtuple\nP = namedtuple('P', 'x y')\ndef f(): return [P(1, 2)]\n"
        assert judge([Attempt(named, "f", [Test((), [(1, 2)])])], monty)[0].solved


@pytest.mark.parametrize("name", COMPARISONS)
@pytest.mark.parametrize(
    "text",
    [
        '{"iterated":[[1],{"sized":[]}]}',
        '[{"sized":[{"set":[{"iterated":[]}]}]}]',
        '{"dict":[[{"sized":[]},1]]}',
        '[{"view":[1]}]',
    ],
)
def test_no_such_value_makes_a_comparison_raise_or_hold(name: str, text: str) -> None:
    value = decode(text, iterated)
    for expected in ([1], [[1]], (), {}, {1}, "", {1: 1}, None):
        assert COMPARISONS[name](value, expected) is (str(value) == expected)


def test_only_these_are_read() -> None:
    assert decode('{"view":[1,{"tuple":[]}]}', iterated) == {1, ()}
    with pytest.raises(NotPlain, match="unhashable"):
        decode('{"view":[[]]}', iterated)
    assert type(decode('{"iterated":[]}', iterated)) is Iterated
    assert type(decode('{"sized":[]}', iterated)) is Sized
    with pytest.raises(NotPlain, match="'standard'"):
        decode('{"standard":["builtins.range",1]}', iterated)
