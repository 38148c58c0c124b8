"""Python expressions about plain data, evaluated without running any code: a small part of Python, with bounds.

Test sets compute what they expect (``10 - 4``, ``sorted([2, 1])``) and ask more of a value than that it equals another
(``set(f(1)) == {2}``, ``abs(f(1) - 0.5) < 1e-6``). Such expressions are walked over here, node by node, with functions
that can neither run what they are given nor take more time and memory than it has earned.
"""

from __future__ import annotations

import ast
import copy
import itertools
import math
import operator
import string
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np

VALUE = "_"  # what an expression calls the value that came back from the program
_MOST = 1_000_000  # items of one sequence, and steps of one expression
_BITS = 100_000  # of one whole number
_DIGITS = 400  # that a number is rounded to: no float has more

Names = Mapping[str, Any]


def approx(value: Any, expected: Any, rel: float | None = None, abs: float | None = None) -> bool:
    """Is a value what ``pytest.approx(expected, rel, abs)`` equals? Of numbers, and of lists, tuples and dictionaries.

    >>> approx(0.1 + 0.2, 0.3), approx([1.0, 2.0], [1.0, 2.1]), approx((1,), [1.0])
    (True, False, True)
    """
    if isinstance(expected, dict):
        inside = isinstance(value, dict) and value.keys() == expected.keys()
        return inside and all(approx(value[key], one, rel, abs) for key, one in expected.items())
    if isinstance(expected, list | tuple):
        inside = _is_sized(value) and len(value) == len(expected)  # as pytest, of any type
        return inside and all(approx(one, other, rel, abs) for one, other in zip(value, expected, strict=True))
    if value == expected:
        return True
    if not isinstance(expected, int | float | complex) or not isinstance(value, int | float | complex):
        return False
    default = 1e-6 if abs is None else 0.0  # of pytest
    near = max(
        (default if rel is None else rel) * math.hypot(expected.real, expected.imag), 1e-12 if abs is None else abs
    )
    return math.isfinite(near) and bool(np.abs(value - expected) <= near)


def _range(*bounds: int) -> range:
    made = range(*bounds)
    _small(made)
    return made


def _round(number: Any, digits: int | None = None) -> Any:
    if digits is not None and abs(digits) > _DIGITS:
        raise ValueError(f"{digits} digits are more than any number has.")
    return round(number, digits)


def _type(value: Any) -> type:
    return type(value)


def _sum(items: Iterable[Any]) -> Any:
    return sum(items)


_TYPES: dict[str, Any] = {
    one.__name__: one for one in (bool, complex, dict, float, frozenset, int, list, set, str, tuple)
}
_MATH = (
    *("acos", "asin", "atan", "atan2", "ceil", "cos", "degrees", "dist", "e", "exp", "fabs", "floor", "fmod", "fsum"),
    *("gcd", "hypot", "inf", "isclose", "isfinite", "isinf", "isnan", "log", "log10", "log1p", "log2", "nan", "pi"),
    *("pow", "radians", "sin", "sqrt", "tan", "tau", "trunc"),
)
_NUMPY = {"allclose": np.allclose, "isclose": np.isclose, "pi": math.pi, "nan": math.nan, "inf": math.inf}
_MODULES: dict[str, dict[str, Any]] = {
    "math": {name: getattr(math, name) for name in _MATH},
    "np": _NUMPY,
    "numpy": _NUMPY,
    "copy": {"deepcopy": copy.deepcopy, "copy": copy.copy},
    "string": {name: value for name, value in vars(string).items() if isinstance(value, str) and name[0] != "_"},
    "collections": {"Counter": Counter},
    "pytest": {"approx": approx},
}
_FUNCTIONS: dict[str, Any] = {
    **_TYPES,
    **{
        one.__name__: one
        for one in (abs, all, any, chr, divmod, enumerate, isinstance, len, max, min, ord, reversed, sorted, zip)
    },
    "range": _range,
    "round": _round,
    "sum": _sum,
    "type": _type,
    "isclose": math.isclose,
    "allclose": np.allclose,
    "deepcopy": copy.deepcopy,
    "Counter": Counter,
    "approx": approx,
    "inf": math.inf,
    "nan": math.nan,
}
_METHODS: dict[type, frozenset[str]] = {
    str: frozenset(
        {
            *("capitalize", "casefold", "count", "endswith", "find", "index", "isalnum", "isalpha", "isdecimal"),
            *("isdigit", "islower", "isnumeric", "isspace", "istitle", "isupper", "join", "lower", "lstrip", "rfind"),
            *("rindex", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "swapcase", "title", "upper"),
        }
    ),
    list: frozenset({"count", "index", "copy"}),
    tuple: frozenset({"count", "index"}),
    dict: frozenset({"items", "keys", "values", "get", "copy"}),
    set: frozenset({"union", "intersection", "difference", "issubset", "issuperset", "isdisjoint", "copy"}),
    float: frozenset({"is_integer"}),
}
_ANY_METHOD = frozenset().union(*_METHODS.values())
_UNARY: dict[type, Callable[[Any], Any]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Not: operator.not_,
    ast.Invert: operator.invert,
}
_BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
}
_COMPARED: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda one, several: one in several,
    ast.NotIn: lambda one, several: one not in several,
}


def evaluate(expression: ast.expr, names: Names = MappingProxyType({})) -> Any:
    """Return what an expression is worth, where its names mean plain data.

    Understood are literals, operators on them, subscripts, comprehensions, and calls of those built-in functions and
    methods, and functions of `math`, `copy` and `numpy`, that are safe on any plain data.

    Raises
    ------
    ValueError
        When the expression has another form, or would make something very large.
    Exception
        Whatever else Python raises when it evaluates this, such as a TypeError or a ZeroDivisionError.

    Examples
    --------
    >>> evaluate(ast.parse("sum([i ** 2 for i in xs if i % 2]) / 4", mode="eval").body, {"xs": [1, 2, 3]})
    2.5
    """
    return _Evaluation(dict(names)).of(expression)


def understood(expression: ast.expr, names: Iterable[str]) -> bool:
    """Say whether `evaluate` knows every form in an expression, given values for these names."""
    known = {*names, *_FUNCTIONS}
    known |= {
        node.id for node in ast.walk(expression) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    return all(_is_known(node, known) for node in ast.walk(expression))


def is_usual(module: str | None, name: str, alias: str | None) -> bool:
    """Say whether an import gives a name the meaning that it has here.

    >>> is_usual(None, "numpy", "np"), is_usual("math", "isclose", None), is_usual("mine", "isclose", None)
    (True, True, False)
    """
    if module is None:
        return _MODULES.get(alias or name) is _MODULES.get(name, ())
    return alias in (None, name) and name in _FUNCTIONS and _MODULES.get(module, {}).get(name) is _FUNCTIONS[name]


def _is_known(node: ast.AST, known: set[str]) -> bool:
    match node:
        case ast.Name(id=name):
            return name in known or name in _MODULES
        case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name in _MODULES and name not in known:
            return attribute in _MODULES[name]
        case ast.Attribute(attr=attribute):
            return attribute in _ANY_METHOD
        case ast.Call(func=function):
            return isinstance(function, ast.Attribute) or (isinstance(function, ast.Name) and function.id in _FUNCTIONS)
        case ast.expr():
            return type(node) in _KNOWN
        case ast.comprehension(is_async=is_async):
            return not is_async
        case ast.operator() | ast.unaryop() | ast.cmpop():
            return type(node) in _BINARY or type(node) in _UNARY or type(node) in _COMPARED
    return True


@dataclass(frozen=True)
class Holds:
    """Does an assertion hold, once the value that came back stands in the place of the call?

    `expression` says what is asserted of ``_``, and `given` what its other names mean. The expected value is True;
    an expression that raises does not hold.

    >>> Holds("set(_) == {1, 2}")([2, 1, 2], True), Holds("_[0] > 1")([], True)
    (True, False)
    """

    expression: str
    given: Names = field(default_factory=dict)

    def __call__(self, value: Any, expected: Any) -> bool:
        try:
            return bool(evaluate(_tree(self.expression), {**self.given, VALUE: value})) == bool(expected)
        except Exception:  # as an assertion that raises
            return False

    def __str__(self) -> str:
        return f"the assertion `{self.expression}`"


@lru_cache(100_000)
def _tree(expression: str) -> ast.expr:
    return ast.parse(expression, mode="eval").body


class _Evaluation:
    """One expression being evaluated; it counts its steps."""

    def __init__(self, names: dict[str, Any]) -> None:
        self._names = names
        self._steps = 0

    def of(self, node: ast.expr) -> Any:
        self._steps += 1
        known = _KNOWN.get(type(node))
        if known is None or self._steps > _MOST:
            raise ValueError(f"{type(node).__name__} is not understood here.")
        return known(self, node)

    def constant(self, node: ast.Constant) -> Any:
        return node.value

    def name(self, node: ast.Name) -> Any:
        if node.id in self._names:
            return self._names[node.id]
        if node.id in _FUNCTIONS:
            return _FUNCTIONS[node.id]
        raise ValueError(f"{node.id} is not known.")

    def several(self, nodes: Iterable[ast.expr]) -> list[Any]:
        found: list[Any] = []
        for node in nodes:
            if isinstance(node, ast.Starred):
                found += _listed(self.of(node.value))
            else:
                found.append(self.of(node))
        return found

    def list_(self, node: ast.List) -> Any:
        return self.several(node.elts)

    def tuple_(self, node: ast.Tuple) -> Any:
        return tuple(self.several(node.elts))

    def set_(self, node: ast.Set) -> Any:
        return set(self.several(node.elts))

    def dict_(self, node: ast.Dict) -> Any:
        found: dict[Any, Any] = {}
        for key, value in zip(node.keys, node.values, strict=True):
            found |= self.of(value) if key is None else {self.of(key): self.of(value)}
        return found

    def unary(self, node: ast.UnaryOp) -> Any:
        return _UNARY[type(node.op)](self.of(node.operand))

    def binary(self, node: ast.BinOp) -> Any:
        if type(node.op) not in _BINARY:
            raise ValueError(f"{type(node.op).__name__} is not understood here.")
        left, right = self.of(node.left), self.of(node.right)
        _bounded(node.op, left, right)
        return _small(_BINARY[type(node.op)](left, right))

    def boolean(self, node: ast.BoolOp) -> Any:
        ends = (lambda value: not value) if isinstance(node.op, ast.And) else bool
        value: Any = None
        for one in node.values:
            value = self.of(one)
            if ends(value):
                break
        return value

    def compare(self, node: ast.Compare) -> Any:
        left = self.of(node.left)
        result: Any = True
        for sign, other in zip(node.ops, node.comparators, strict=True):
            right = self.of(other)
            result = _COMPARED[type(sign)](left, right)
            if not result:
                break
            left = right
        return result

    def choice(self, node: ast.IfExp) -> Any:
        return self.of(node.body if self.of(node.test) else node.orelse)

    def subscript(self, node: ast.Subscript) -> Any:
        return self.of(node.value)[self.of(node.slice)]

    def slice_(self, node: ast.Slice) -> Any:
        return slice(*(self.of(part) if part else None for part in (node.lower, node.upper, node.step)))

    def attribute(self, node: ast.Attribute) -> Any:
        if isinstance(node.value, ast.Name) and node.value.id not in self._names and node.value.id in _MODULES:
            known = _MODULES[node.value.id]
            if node.attr in known:
                return known[node.attr]
        else:
            owner = self.of(node.value)
            if node.attr in _METHODS.get(type(owner), ()):
                return getattr(owner, node.attr)
        raise ValueError(f"{ast.unparse(node)} is not understood here.")

    def call(self, node: ast.Call) -> Any:
        if not isinstance(node.func, ast.Name | ast.Attribute):
            raise ValueError(f"{ast.unparse(node.func)} is not understood here.")
        function = self.of(node.func)
        if not callable(function):
            raise TypeError(f"{ast.unparse(node.func)} cannot be called.")
        keywords = {keyword.arg: self.of(keyword.value) for keyword in node.keywords if keyword.arg}
        if len(keywords) < len(node.keywords):
            raise ValueError("Keywords given as a dictionary are not understood here.")
        return _small(function(*self.several(node.args), **keywords))

    def comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> Any:
        found = [self.of(node.elt) for _ in self._rounds(node.generators)]
        return set(found) if isinstance(node, ast.SetComp) else found

    def mapping(self, node: ast.DictComp) -> Any:
        return {self.of(node.key): self.of(node.value) for _ in self._rounds(node.generators)}

    def _rounds(self, generators: list[ast.comprehension]) -> Iterable[None]:
        first, *others = generators
        outside = self._names
        for item in _listed(self.of(first.iter)):
            self._names = outside | bound(first.target, item)
            self._steps += 1
            if all(self.of(condition) for condition in first.ifs):
                if others:
                    yield from self._rounds(others)
                else:
                    yield
        self._names = outside


_KNOWN: dict[type, Callable[[_Evaluation, Any], Any]] = {
    ast.Constant: _Evaluation.constant,
    ast.Name: _Evaluation.name,
    ast.List: _Evaluation.list_,
    ast.Tuple: _Evaluation.tuple_,
    ast.Set: _Evaluation.set_,
    ast.Dict: _Evaluation.dict_,
    ast.UnaryOp: _Evaluation.unary,
    ast.BinOp: _Evaluation.binary,
    ast.BoolOp: _Evaluation.boolean,
    ast.Compare: _Evaluation.compare,
    ast.IfExp: _Evaluation.choice,
    ast.Subscript: _Evaluation.subscript,
    ast.Slice: _Evaluation.slice_,
    ast.Attribute: _Evaluation.attribute,
    ast.Call: _Evaluation.call,
    ast.ListComp: _Evaluation.comprehension,
    ast.SetComp: _Evaluation.comprehension,
    ast.GeneratorExp: _Evaluation.comprehension,
    ast.DictComp: _Evaluation.mapping,
    ast.Starred: _Evaluation.several,
}


def bound(target: ast.expr, value: Any) -> dict[str, Any]:
    """Return what the names of a target mean once a value is assigned to it; a ValueError where they do not fit.

    >>> bound(ast.parse("i, (a, b) = 0").body[0].targets[0], (0, "xy"))
    {'i': 0, 'a': 'x', 'b': 'y'}
    """
    match target:
        case ast.Name(id=name):
            return {name: value}
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            if not isinstance(value, Iterable):
                raise ValueError(f"{type(value).__name__} has no parts.")
            found: dict[str, Any] = {}
            for part, one in zip(parts, _listed(value), strict=True):
                found |= bound(part, one)
            return found
    raise ValueError(f"{ast.unparse(target)} is no name.")


def _listed(value: Any) -> list[Any]:
    return list(itertools.islice(value, _MOST))


def _is_sized(value: Any) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, type)


def _small(value: Any) -> Any:
    if _is_sized(value) and len(value) > _MOST:
        raise ValueError(f"{len(value)} items are too many.")
    return value


def _bounded(sign: ast.operator, left: Any, right: Any) -> None:
    """Refuse what would make a very large number, text or list, before it is made."""
    match sign:
        case ast.Mult():
            size = _size(left) + _size(right) if isinstance(left, int) and isinstance(right, int) else 0
            times = [(one, other) for one, other in ((left, right), (right, left)) if _is_sized(one)]
            large = size > _BITS or any(isinstance(n, int) and len(one) * n > _MOST for one, n in times)
        case ast.Pow():
            large = isinstance(left, int) and isinstance(right, int) and _size(left) * max(right, 0) > _BITS
        case ast.Mod():
            large = isinstance(left, str | bytes)  # a format may ask for any width
        case _:
            large = False
    if large:
        raise ValueError("This would make something very large.")


def _size(number: int) -> int:
    return number.bit_length()
