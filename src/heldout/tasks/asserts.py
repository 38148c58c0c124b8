"""Assertions read as tests: ``assert f(1, [2]) == 3`` says which arguments give which value.

The text is parsed and walked over, never executed: loops over known values are unrolled, expressions about plain data
are evaluated by `heldout.tasks.plain`, and what cannot be read that way stays a program.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from heldout.sandbox.compare import Close, Comparison, equal
from heldout.sandbox.hidden import Test
from heldout.tasks.plain import VALUE, Holds, bound, evaluate, is_usual, understood

_MOST_TESTS = 20_000  # of one problem, unrolled
_MOST_STEPS = 50_000  # statements walked over
_FLOATS = 1e-6  # how far off floats may be where a set allows for nothing else

_Call = tuple[tuple[Any, ...], dict[str, Any]]  # arguments and keywords


@dataclass
class Assertions:
    """What the assertions of one problem say."""

    tests: list[Test] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)  # the text of the statements that could not be read
    rest: list[ast.stmt] = field(default_factory=list)  # the program without what was read: `left_out` and its context


def read_assertions(
    source: str | Sequence[ast.stmt], entry_points: str | Sequence[str], compare: Comparison = equal, **given: Any
) -> Assertions:
    """Read the assertions of a test program about one function.

    Parameters
    ----------
    source
        The program, or statements of one.
    entry_points
        What the function is called there, ``f`` or ``Solution().f``; all of these are the same function.
    compare
        How a value is compared where equality is asserted.
    given
        What other names mean.

    Returns
    -------
    Assertions
        Each assertion about one call with known arguments is a test. Of ``f(…) == 3`` the value is expected and
        `compare` decides; of everything else, `heldout.tasks.plain.Holds` says whether the assertion holds with the
        value that came back. Known are literals, what is computed from them, and names that stand for such; loops over
        known values are unrolled, and conditions on them decided. Assertions that are true without a call say nothing
        about a program and make no test. All else is left out: a second call, a handle, a ``with``, a ``try``.

    Raises
    ------
    SyntaxError
        When the source is no Python.

    Examples
    --------
    >>> read_assertions("for i, x in enumerate([3, 4]):\\n    assert f(i, x) == i + 3", "f").tests[1].args
    (1, 4)
    """
    names = (entry_points,) if isinstance(entry_points, str) else entry_points
    body = parsed(source).body if isinstance(source, str) else source
    reader = _Reader(names, compare, given, _shadowed(body))
    reader.found.rest = reader.block(body)
    reader.finish()
    return reader.found


def read_assertion(expression: ast.expr, entry_point: str, compare: Comparison) -> Test | None:
    """Read one asserted expression as a test, or return None when it has another form."""
    reader = _Reader((entry_point,), compare, {}, frozenset())
    tests = reader.asserted(expression)
    return tests[0] if tests is not None and len(tests) == 1 else None


def parsed(source: str) -> ast.Module:
    """Parse source; anything that cannot be parsed is a `SyntaxError`, without warnings on other people's code."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (ValueError, MemoryError, RecursionError) as error:
        raise SyntaxError(str(error)) from None


class _Reader:
    """Walks over statements as they would be run; it knows what names mean, as far as that is known."""

    def __init__(
        self, entry_points: Sequence[str], compare: Comparison, given: Mapping[str, Any], shadowed: frozenset[str]
    ) -> None:
        self.found = Assertions()
        self.calls: dict[str, tuple[_Call, ast.expr]] = {}  # what a name means that stands for what a call gave
        self.entry_points = frozenset(entry_points)
        self._last = frozenset(name.rpartition(".")[2] for name in entry_points)
        self._compare = compare
        self._names = dict(given)
        self._shadowed = shadowed  # names that mean something of the program's own
        self._unused: dict[str, ast.stmt] = {}  # names for what a call gave, of which nothing was asserted so far
        self._defined: dict[str, ast.stmt] = {}  # functions and classes of the program
        self._steps = 0

    def block(self, body: Iterable[ast.stmt]) -> list[ast.stmt]:
        """Read statements in order; return those that are not read as tests, or that prepare for others."""
        return [statement for statement in body if not self._is_read(statement)]

    def finish(self) -> None:
        """What a call gave, and nobody looked at, still has to come back."""
        self.found.left_out += [ast.unparse(statement) for statement in self._unused.values()]

    def _is_read(self, statement: ast.stmt) -> bool:
        """Say whether nothing of a statement is left to do; what is not understood is noted as left out."""
        self._steps += 1
        match statement:
            case ast.Assert(test=test):
                return self._made(statement, self.asserted(test))
            case ast.Expr(value=ast.Call(func=ast.Name(id="assertion"), args=[asked, expected, atol], keywords=[])):
                return self._made(statement, self._near(asked, expected, atol))
            case ast.For(target=target, iter=several, body=body, orelse=[]):
                return self._inner(statement, lambda: ((bound(target, one), body) for one in self._value(several)))
            case ast.If(test=test, body=body, orelse=orelse):
                return self._inner(statement, lambda: [({}, body if self._value(test) else orelse)])
            case ast.Assign(targets=targets, value=value):
                return self._assigned(statement, targets, value)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                return self._assigned(statement, [target], value)
            case ast.Expr(value=ast.Constant()) | ast.Pass():
                return True
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                self._defined[name] = statement
                return self._forget([name])
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                return self._forget(alias.asname or alias.name.partition(".")[0] for alias in names)
        return self._made(statement, None)

    def _made(self, statement: ast.stmt, tests: list[Test] | None) -> bool:
        """Keep the tests that a statement makes; one that cannot be read is left out, or only prepares for others."""
        if tests is not None and len(self.found.tests) + len(tests) <= _MOST_TESTS:
            self.found.tests += tests
            return True
        if self._touches(statement) or any(isinstance(one, ast.Assert) for one in ast.walk(statement)):
            self.found.left_out.append(ast.unparse(statement))
        return self._forget(_names_in(statement))

    def _inner(
        self, statement: ast.stmt, rounds: Callable[[], Iterable[tuple[dict[str, Any], list[ast.stmt]]]]
    ) -> bool:
        """Read the statements inside a statement as often as they are run: all of them, or none."""
        before, names = self.found, dict(self._names)
        self.found = inner = Assertions()
        rest: list[ast.stmt] = []
        try:
            for meant, body in rounds():
                self._names |= meant
                rest += self.block(body)
                if inner.left_out or len(inner.tests) > _MOST_TESTS or self._steps > _MOST_STEPS:
                    raise ValueError("Not all of it can be read.")
        except Exception:  # whatever Python raises on other people's expressions
            self.found, self._names = before, names
            return self._made(statement, None)
        self.found = before
        return self._made(statement, inner.tests) and bool(inner.tests) and not rest

    def _assigned(self, statement: ast.stmt, targets: Sequence[ast.expr], value: ast.expr) -> bool:
        """Keep what a name means; the statement stays, for what is left out may need it."""
        try:
            expression, calls = self._placed(value)
            meant = None if calls else self._value(value)
        except Exception:
            return self._made(statement, None) if self.calls_it(value) else self._forget(_names_in(statement))
        self._forget(name for target in targets for name in _names_in(target))
        match targets:
            case [ast.Name(id=name)] if calls and understood(expression, {VALUE}):
                self.calls[name], self._unused[name] = (calls[0], expression), statement
            case _ if calls:
                return self._made(statement, None)
            case _:
                self._mean(targets, meant)
        return False

    def _mean(self, targets: Sequence[ast.expr], meant: Any) -> None:
        for target in targets:
            with contextlib.suppress(ValueError):  # an item or attribute; what it belongs to is forgotten
                self._names |= bound(target, meant)

    def _value(self, expression: ast.expr) -> Any:
        with contextlib.suppress(ValueError, TypeError):  # no literal
            return ast.literal_eval(expression)
        if self._touches(expression) or any(name not in self._names for name in self._own(expression)):
            raise ValueError("What a call or a name gives is not known here.")
        return evaluate(expression, self._names)

    def _own(self, expression: ast.expr) -> Iterator[str]:
        """Names in an expression that mean something of the program's own, whatever they mean to Python."""
        inner = {node.id for node in ast.walk(expression) if isinstance(node, ast.Name) and _is_stored(node)}
        return (name for name in _names_in(expression) if name in self._shadowed and name not in inner)

    def _forget(self, names: Iterable[str]) -> bool:
        """Whatever occurs in a statement that is not understood may mean something else after it."""
        for name in names:
            self._names.pop(name, None)
            self._unused.pop(name, None)
            self.calls.pop(name, None)
        return False

    def calls_it(self, node: ast.AST) -> bool:
        several = {*self._last, *self.calls}
        names = (getattr(one, "id", getattr(one, "attr", None)) for one in ast.walk(node))
        return not several.isdisjoint(names)

    def _touches(self, node: ast.AST) -> bool:
        """Say whether the tested function may be called: by name, or by a function of the test program."""
        return self.calls_it(node) or not self._defined.keys().isdisjoint(_names_in(node))

    def asserted(self, test: ast.expr) -> list[Test] | None:
        """Return the tests that an assertion makes; None where it cannot be read."""
        try:
            match test:
                case ast.BoolOp(op=ast.And(), values=values):
                    return [one for value in values for one in self._certainly(value)]
                case ast.Call(func=ast.Name(id="all"), args=[ast.GeneratorExp(elt=elt, generators=[only])]):
                    if not only.ifs and self.calls_it(elt):
                        return self._each(elt, only)
            expression, calls = self._placed(test)
            if not calls:
                return [] if self._value(expression) else None
            return [self._test(_with_approx(expression), *calls[0])]
        except Exception:  # whatever Python raises on other people's expressions
            return None

    def _certainly(self, test: ast.expr) -> list[Test]:
        tests = self.asserted(test)
        if tests is None:
            raise ValueError(f"{ast.unparse(test)} is not understood.")
        return tests

    def _each(self, test: ast.expr, generator: ast.comprehension) -> list[Test]:
        names = self._names
        try:
            found: list[Test] = []
            for item in self._value(generator.iter):
                self._names = names | bound(generator.target, item)
                found += self._certainly(test)
            return found
        finally:
            self._names = names

    def _placed(self, test: ast.expr) -> tuple[ast.expr, list[_Call]]:
        """Put a name in the place of each call, all of which must have the same arguments; return these, too."""
        placed = _Placed(self)
        expression = placed.visit(test)
        if any(repr(one) != repr(placed.calls[0]) for one in placed.calls):
            raise ValueError("Two calls are compared.")
        for name in _names_in(test):
            self._unused.pop(name, None)
        return expression, placed.calls

    def is_call(self, node: ast.Call) -> bool:
        match node.func:
            case ast.Name(id=name):
                return name in self.entry_points
            case ast.Attribute(attr=name):
                return name in self._last and ast.unparse(node.func) in self.entry_points
        return False

    def arguments(self, call: ast.Call) -> _Call:
        keywords = {keyword.arg: self._value(keyword.value) for keyword in call.keywords if keyword.arg}
        if len(keywords) < len(call.keywords):
            raise ValueError("Keywords given as a dictionary are not read.")
        return self._value(ast.Tuple(call.args, ast.Load())), keywords

    def _test(self, expression: ast.expr, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Test:
        match expression:
            case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
                asked, value = (left, right) if _is_value(left) else (right, left)
                if _is_value(asked) and VALUE not in _names_in(value):
                    return Test(args, self._value(value), kwargs, self._compare)
            case ast.Compare(left=left, ops=[ast.Is()], comparators=[ast.Constant(value=None)]) if _is_value(left):
                return Test(args, None, kwargs, self._compare)
        known = _truth(expression) if self._compare is not equal else None
        if known is not None:
            return Test(args, known, kwargs, self._compare)
        given = {name: self._names[name] for name in _names_in(expression) if name in self._names}
        if not understood(expression, {VALUE, *given}) or any(name not in given for name in self._own(expression)):
            raise ValueError(f"{ast.unparse(expression)} is not understood.")
        return Test(args, True, kwargs, Holds(ast.unparse(expression), given))

    def _near(self, asked: ast.expr, expected: ast.expr, atol: ast.expr) -> list[Test] | None:
        """``assertion(f(*inp), exp, atol)`` of evalplus: what holds floats alone is compared as close."""
        defined = self._defined.get("assertion")
        if defined is None or "allclose" not in ast.unparse(defined):
            return None
        tests = self.asserted(ast.Compare(asked, [ast.Eq()], [expected]))
        return tests and [as_evalplus(test, evaluate(atol)) for test in tests]


def as_evalplus(test: Test, atol: float) -> Test:
    """Return a test that compares as evalplus does: equal, or of one type and close where `atol` or all floats say so.

    Source: ``evalplus/eval``. There, the first float makes the same problem's later inputs lenient as well; not here.
    """
    if test.compare is not equal:  # something else is asserted than that two values are equal
        return test
    expected = test.expected
    items = expected if isinstance(expected, list | tuple) else [expected]
    allowed = atol or (_FLOATS if all(isinstance(item, float) for item in items) else 0.0)
    return Test(test.args, expected, test.kwargs, Close(1e-7, allowed)) if allowed else test


class _Placed(ast.NodeTransformer):
    """Puts a name in the place of each call of the entry point; what it is given stays as it is."""

    def __init__(self, reader: _Reader) -> None:
        self.calls: list[_Call] = []
        self._reader = reader

    def visit_Call(self, node: ast.Call) -> ast.expr:
        if self._reader.is_call(node):
            self.calls.append(self._reader.arguments(node))
            return ast.Name(VALUE, ast.Load())
        fresh: ast.Call = self.generic_visit(node)
        return fresh

    def generic_visit(self, node: ast.AST) -> Any:
        fresh = copy.copy(node)
        for name, value in ast.iter_fields(node):
            if isinstance(value, list):
                setattr(fresh, name, list(value))
        return super().generic_visit(fresh)

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self._reader.calls:
            call, expression = self._reader.calls[node.id]
            self.calls.append(call)
            return copy.deepcopy(expression)
        if node.id == VALUE or node.id in self._reader.entry_points:
            raise ValueError(f"{node.id} is used in another way than by a call.")
        return node

    def _rounds(self, node: Any) -> Any:
        """Refuse calls within the rounds of a comprehension, where names mean something else each time."""
        first, *others = node.generators
        inside = [*_parts(node), first.target, *first.ifs, *others]
        if any(map(self._reader.calls_it, inside)):
            raise ValueError("A call in a comprehension is not read.")
        fresh = copy.copy(node)
        fresh.generators = [copy.copy(first), *others]
        fresh.generators[0].iter = self.visit(first.iter)
        return fresh

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _rounds


def _parts(node: Any) -> list[ast.expr]:
    """What a comprehension makes in each round."""
    return [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]


def _with_approx(expression: ast.expr) -> ast.expr:
    """``value == approx(3.0)`` as ``approx(value, 3.0)``."""
    match expression:
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[ast.Call() as right]) if _is_approx(right):
            return ast.Call(right.func, [left, *right.args], right.keywords)
        case ast.Compare(left=ast.Call() as left, ops=[ast.Eq()], comparators=[right]) if _is_approx(left):
            return ast.Call(left.func, [right, *left.args], left.keywords)
    return expression


def _is_approx(call: ast.Call) -> bool:
    return ast.unparse(call.func) in ("approx", "pytest.approx")


def _truth(expression: ast.expr) -> bool | None:
    """What a bare call, or one that is denied or compared with a truth value by ``is``, has to return."""
    match expression:
        case ast.UnaryOp(op=ast.Not(), operand=operand) if _is_value(operand):
            return False
        case ast.Compare(left=left, ops=[ast.Is()], comparators=[ast.Constant(value=True | False as known)]):
            return known if _is_value(left) else None
    return True if _is_value(expression) else None


def _shadowed(body: Iterable[ast.stmt]) -> frozenset[str]:
    """Names that a program binds itself; modules and functions under their usual names are what they always are."""
    found: set[str] = set()
    for node in (one for statement in body for one in ast.walk(statement)):
        if isinstance(node, ast.Name) and _is_stored(node):
            found.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            module = node.module if isinstance(node, ast.ImportFrom) else None
            found |= {one.asname or one.name for one in node.names if not is_usual(module, one.name, one.asname)}
    return frozenset(found)


def _is_stored(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Store)


def _is_value(expression: ast.expr) -> bool:
    return isinstance(expression, ast.Name) and expression.id == VALUE


def _names_in(node: ast.AST) -> Iterator[str]:
    return (one.id for one in ast.walk(node) if isinstance(one, ast.Name))
