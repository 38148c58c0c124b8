"""Assertions read as tests: ``assert f(1, [2]) == 3`` says which arguments give which value.

The text is parsed, never executed: arguments and values must be literals.
"""

from __future__ import annotations

import ast
import operator
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from heldout.sandbox.hidden import Test

_TIGHT, _FEW, _MANY = 1e-6, 5, 12  # a tolerance; decimals of a number that is exact under it; digits of a full one
_ARITHMETIC = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}


@dataclass
class Assertions:
    """What the assertions of one problem say."""

    tests: list[Test] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)  # the text of those that could not be read


def read_assertions(source: str, entry_point: str) -> Assertions:
    """Read the assertions of a test program about one function.

    These forms are read, each alone at the top of the program or of one of its functions::

        assert f(1, [2]) == 3            assert f("a") is None       assert 3 == f(1, [2])
        assert f(1)                      assert not f(1)             (the value must be True or False itself)
        assert abs(f(1.0) - 0.5) < 1e-6  assert math.isclose(f(1.0), 0.5, rel_tol=1e-3)

    The last two expect the number as a float; how far off it may be is for the judge to say. A number that may be
    rounded (neither 12 digits long, nor short where 1e-6 at most is allowed) makes no test. Nor do assertions in loops,
    with keywords, names or computed values (the four operations on numbers aside), and all other forms.

    Raises
    ------
    SyntaxError
        When the source is no Python.
    """
    found = Assertions()
    tree = parsed(source)
    within = {id(node) for node in _plain(tree.body)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert):
            test = test_of(node.test, entry_point) if id(node) in within else None
            if test is None:
                found.left_out.append(ast.unparse(node))
            else:
                found.tests.append(test)
    return found


def test_of(expression: ast.expr, entry_point: str) -> Test | None:
    """Read one asserted expression as a test, or return None when it has another form."""
    try:
        return _test(expression, entry_point)
    except (ValueError, TypeError, ArithmeticError, MemoryError, RecursionError):  # not literals
        return None


def literal(expression: ast.expr) -> Any:
    """Return the value of a literal, or of ``+ - * /`` on literal numbers; anything else is a ValueError.

    >>> literal(parsed("2 / 4").body[0].value), literal(parsed("(-1, ['a'])").body[0].value)
    (0.5, (-1, ['a']))
    """
    match expression:
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div() as sign, right=right):
            one, other = literal(left), literal(right)
            if not isinstance(one, int | float) or not isinstance(other, int | float):
                raise ValueError(f"{ast.unparse(expression)} is no arithmetic on numbers.")
            return _ARITHMETIC[type(sign)](one, other)
    return ast.literal_eval(expression)


def parsed(source: str) -> ast.Module:
    """Parse source; anything that cannot be parsed is a `SyntaxError`, without warnings on other people's code."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (ValueError, MemoryError, RecursionError) as error:
        raise SyntaxError(str(error)) from None


def _plain(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that certainly run once when the program is tested: at the top, or at the top of a function."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.FunctionDef):
            yield from statement.body


def _test(expression: ast.expr, entry_point: str) -> Test | None:
    match expression:
        case ast.Call():
            return _near(expression, entry_point) or _expects(expression, True, entry_point)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _expects(operand, False, entry_point)
        case ast.Compare(left=left, ops=[ast.Lt() | ast.LtE()], comparators=[tolerance]):
            return _close(left, tolerance, entry_point)
        case ast.Compare(left=left, ops=[ast.Is()], comparators=[ast.Constant(value=None | True | False as known)]):
            return _expects(left, known, entry_point)
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
            call, value = (left, right) if _calls(left, entry_point) else (right, left)
            return _expects(call, literal(value), entry_point) if _calls(call, entry_point) else None
    return None


def _close(difference: ast.expr, tolerance: ast.expr, entry_point: str) -> Test | None:
    """``abs(f(1.0) - 0.5) < 1e-6``, or the other way round."""
    match difference:
        case ast.Call(func=ast.Name(id="abs"), args=[ast.BinOp(left=left, op=ast.Sub(), right=right)], keywords=[]):
            call, value = (left, right) if _calls(left, entry_point) else (right, left)
            return _expects(call, _precise(literal(value), literal(tolerance)), entry_point)
    return None


def _near(call: ast.Call, entry_point: str) -> Test | None:
    """``math.isclose(f(1.0), 0.5, rel_tol=1e-6)``."""
    match call:
        case ast.Call(func=ast.Name(id="isclose") | ast.Attribute(attr="isclose"), args=[left, right]):
            tolerance = max((literal(keyword.value) for keyword in call.keywords), default=0.0)
            return _expects(left, _precise(literal(right), tolerance), entry_point)
    return None


def _precise(value: float, tolerance: float) -> float:
    """Return the number as a float if it is surely not rounded: the judge is stricter than most assertions."""
    digits = repr(float(value)).partition("e")[0]
    short = tolerance <= _TIGHT and len(digits.partition(".")[2]) <= _FEW
    if not short and sum(map(str.isdigit, digits)) < _MANY:
        raise ValueError(f"{value} may be rounded.")
    return float(value)


def _calls(expression: ast.expr, entry_point: str) -> bool:
    match expression:
        case ast.Call(func=ast.Name(id=name)):
            return name == entry_point
    return False


def _expects(call: ast.expr, expected: Any, entry_point: str) -> Test | None:
    if not isinstance(call, ast.Call) or not _calls(call, entry_point) or call.keywords:
        return None
    return Test(tuple(literal(argument) for argument in call.args), expected)
