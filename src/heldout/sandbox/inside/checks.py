"""Tests that are a program, in a process of their own: where the names of the tested program stand, there are proxies.

Each test item has an outcome, which is told as soon as it is known. What a test needs and the program does not have,
and what goes wrong without the program having had a part in it, is told apart from a test that fails. It uses the
standard library alone, and pytest where tests are written for it; it runs under whatever Python the sandbox has.
"""

from __future__ import annotations

import ast
import builtins
import signal
import sys
import types
import typing
import unittest
from collections.abc import Callable, Iterable
from typing import Any

from heldout.sandbox.inside import proxies, serve
from heldout.sandbox.values import LONGEST_ERROR, encode

FROM_PROGRAM, TO_PROGRAM = 4, 5  # descriptors
END = "end"
_MOST = serve.MOST + 2**10  # bytes of one message
_FAILURES = ("raised", "syntax", "memory", "left the program", "no such function", "needs a package", "refused")
_MODULES = {"np": "numpy", "pd": "pandas", "plt": "matplotlib.pyplot"}  # names by which tests know them
_FILE = f"/tmp/{proxies.TESTS}.py"
_OUR_FAULT = (3, 4)  # exit codes of pytest: an internal error, and arguments that it does not know
_PYTEST = ["--assert=plain", "--import-mode=importlib", "--rootdir=/tmp", "-c/dev/null"]
_PYTEST += ["-pno:cacheprovider", "-pno:terminal"]


def main(request: dict[str, Any], write: Callable[[str], None]) -> None:
    """Run the tests; a line of tagged JSON for each outcome: place of the item, status, whether it passed, and why not.

    An item may have several, and passes if all of them do.
    """
    link = proxies.Link(FROM_PROGRAM, TO_PROGRAM, _MOST)
    run = _Run(request, link, write)
    run.set_clock()
    try:
        hello = link.hello()
        match hello:
            case ["ready", [*names]] if all(isinstance(name, str) for name in names):
                link.names = frozenset(names)
                run.tests()
                run.tell(run.untold, AssertionError("no such test was found"))
            case [str(status), str(text)] if status in _FAILURES:
                raise link.failed(status, text)
            case _:
                raise link.failed("refused", "The program replaced what writes its answers.")
    except BaseException as error:
        run.tell(run.untold, error)
    write(encode([END]))


class _Run:
    """One run of a test program."""

    def __init__(self, request: dict[str, Any], link: proxies.Link, write: Callable[[str], None]) -> None:
        self._request, self._link, self._write = request, link, write
        self.items: list[str] = request["items"]
        self._told: set[str] = set()

    @property
    def untold(self) -> list[str]:
        """The items of which no outcome is known."""
        return [item for item in self.items if item not in self._told]

    def begins(self) -> None:
        """An item begins: its time and its faults."""
        self.set_clock()
        self._link.begins()

    def set_clock(self) -> None:
        """Let the kernel end this process when one item takes too long."""
        signal.setitimer(signal.ITIMER_REAL, self._request["wall"])

    def tell(self, items: Iterable[str], error: BaseException | None) -> None:
        """Tell the outcome of items."""
        outcome = _outcome(self._link, error)
        for item in items:
            self._told.add(item)
            self._write(encode([self.items.index(item), *outcome]))

    def tests(self) -> None:
        """Define the tests, where the program's names are proxies, and run the items."""
        entry, runner = self._request["entry"], self._request["runner"]
        tree = ast.parse(self._request["source"])
        place = _after_future(tree)
        tree.body[place:place] = _imports(self._link, tree, entry, runner)
        ast.fix_missing_locations(tree)
        if runner == "pytest":
            self._pytest(tree)
            return
        sys.modules[proxies.TESTS] = tests = types.ModuleType(proxies.TESTS)
        if runner != "unittest":
            vars(tests)["candidate"] = _entry(self._link, entry)
        exec(compile(tree, proxies.TESTS, "exec", dont_inherit=True), vars(tests))
        if runner == "check":
            vars(tests)["check"](vars(tests)["candidate"])
        if runner == "unittest":
            suite = unittest.defaultTestLoader.loadTestsFromModule(tests)
            unittest.TestSuite(one for one in _cases(suite) if _name(one) in self.items).run(_Result(self))
        else:
            self.tell(self.items[:1], None)

    def _pytest(self, tree: ast.Module) -> None:
        import pytest

        with open(_FILE, "w") as file:
            file.write(ast.unparse(tree))
        plugin = _plugin(self)
        if pytest.main([*_PYTEST, _FILE], plugins=[plugin]) in _OUR_FAULT:
            raise self._link.failed("unsupported", "pytest does not run here.")
        if plugin.failed:
            self.tell(self.untold, plugin.failed)


class _Result(unittest.TestResult):
    """Tells the outcomes of test cases; what was not seen to succeed has failed."""

    def __init__(self, run: _Run) -> None:
        super().__init__()
        self._run = run
        self._outcome: BaseException | None = None

    def startTest(self, test: unittest.TestCase) -> None:
        self._run.begins()
        self._outcome = AssertionError("it did not succeed")
        self._failed = False

    def stopTest(self, test: unittest.TestCase) -> None:
        self._run.tell([_name(test)], self._outcome)

    def addSuccess(self, test: unittest.TestCase) -> None:
        self._outcome = self._outcome if self._failed else None

    def addExpectedFailure(self, test: unittest.TestCase, err: Any) -> None:
        self.addSuccess(test)

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        if not isinstance(test, unittest.TestCase):  # setUpClass or tearDownClass, said in words
            case = str(test).partition("(")[2].rstrip(")").rpartition(".")[2]
            self._run.tell([one for one in self._run.items if one.startswith(f"{case}.")], err[1])
        elif not self._failed:
            self._failed, self._outcome = True, err[1]

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        self.addError(test, err)

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        if err is not None:
            self.addError(test, err)

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        self.addError(test, (None, AssertionError(f"skipped: {reason}"), None))

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        self.addError(test, (None, AssertionError("it succeeded, which the tests do not expect"), None))


def _plugin(run: _Run) -> Any:
    """What pytest tells outcomes to; an item that has parameters has one for each of them."""
    import pytest

    class Plugin:
        failed: BaseException | None = None  # before any test could run
        outcome: BaseException | None = None

        def pytest_exception_interact(self, node: Any, call: Any) -> None:
            if not isinstance(node, pytest.Item):
                error = call.excinfo.value
                self.failed = self.failed or error.__cause__ or error

        def pytest_collection_modifyitems(self, items: list[Any]) -> None:
            items[:] = [item for item in items if _called(item, run.items)]

        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_protocol(self, item: Any) -> Any:
            run.begins()
            self.outcome, self.over = AssertionError("it did not succeed"), False
            try:
                done = yield
            except BaseException as error:  # it ends pytest
                run.tell(_called(item, run.items), error)
                raise
            run.tell(_called(item, run.items), self.outcome)
            return done

        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_makereport(self, item: Any, call: Any) -> Any:
            report = yield
            passed = report.passed or (hasattr(report, "wasxfail") and not report.failed)
            if not passed and not self.over:
                self.over = True
                raised = call.excinfo.value if call.excinfo and report.failed else None
                self.outcome = raised or AssertionError(f"{report.outcome}: {report.longrepr}"[:LONGEST_ERROR])
            elif report.when == "call" or hasattr(report, "wasxfail"):
                self.outcome = self.outcome if self.over else None
            return report

    return Plugin()


def _called(item: Any, items: list[str]) -> list[str]:
    """The names of items that a test of pytest belongs to: with its parameters, and without."""
    name = item.nodeid.partition("::")[2]
    return [one for one in dict.fromkeys((name, name.partition("[")[0])) if one in items]


def _cases(suite: unittest.TestSuite) -> Iterable[unittest.TestCase]:
    for one in suite:
        if isinstance(one, unittest.TestSuite):
            yield from _cases(one)
        else:
            yield one


def _name(case: unittest.TestCase) -> str:
    return f"{type(case).__qualname__}.{case._testMethodName}"


def _outcome(link: proxies.Link, error: BaseException | None) -> tuple[str, bool, str]:
    """How an item ended, whether it passed, and why not."""
    fault = link.fault or (error if isinstance(error, proxies.Fault) else None)
    if fault:
        return fault.status, False, str(fault)
    if error is None:
        return "returned", True, ""
    if package := _package_missing(error):
        return "needs a package", False, package
    if proxies.OF_PROGRAM in vars(error):
        return _of_program(error, vars(error)[proxies.OF_PROGRAM])
    if link.missing and isinstance(error, (ImportError, AttributeError)):
        return "no such function", False, f"It defines no {link.missing}."
    text = f"{type(error).__name__}: {error}".removesuffix(": ")[:LONGEST_ERROR]
    if isinstance(error, AssertionError) or link.asked:
        return "returned", False, text
    return "unsupported", False, f"The tests themselves fail: {text}"[:LONGEST_ERROR]


def _package_missing(error: BaseException) -> str:
    """The package that the program or its tests import and that is not there; what belongs to Python is none."""
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return ""
    name: str = error.name.partition(".")[0]
    of_tests = proxies.OF_PROGRAM not in vars(error)
    return "" if of_tests and name in {*sys.stdlib_module_names, proxies.MODULE} else name


def _of_program(error: BaseException, text: str) -> tuple[str, bool, str]:
    kinds = {MemoryError: "memory", SystemExit: "left the program"}
    return next((status for kind, status in kinds.items() if isinstance(error, kind)), "raised"), False, text


class _Solution(types.ModuleType):
    """The module from which tests import what they test."""

    _heldout_link: proxies.Link

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        value = self._heldout_link.named(name)
        vars(self)[name] = value
        return value


class _Unasked:
    """Stands for a function of the program that the tests use without saying where it is from.

    The answer of a helper that compares decides a test, so the program is not asked for it.
    """

    def __init__(self, link: proxies.Link, name: str) -> None:
        vars(self).update(_heldout_link=link, _heldout_name=name)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        raise self._heldout_link.failed(
            "unsupported", f"The tests use {self._heldout_name}, which they neither define nor import."
        )

    def __getattr__(self, name: str) -> Any:
        return self()


def _entry(link: proxies.Link, entry: str) -> Any:
    """What is tested, as the function ``check`` is given it."""
    name, _, method = entry.partition("().")
    found = getattr(sys.modules[proxies.MODULE], name)
    if method and not hasattr(found, method):
        link.missing = f"{name}.{method}"
        raise AttributeError(link.missing)
    return getattr(found(), method) if method else found


def _imports(link: proxies.Link, tree: ast.Module, entry: str, runner: str) -> list[ast.stmt]:
    """What the tests use of the program without importing it, as imports; the module that they import from is made."""
    sys.modules[proxies.MODULE] = solution = _Solution(proxies.MODULE)
    name = entry.partition("().")[0]
    used, bound = _names(tree)
    free = {one for one in (used & link.names) - bound if not hasattr(builtins, one)}
    tested = {name} if name in used and not (runner == "check" and hasattr(builtins, name)) else set()
    vars(solution).update(_heldout_link=link, __all__=sorted(free | tested))
    if any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in tree.body):
        free = set()
    lines = [f"from {proxies.MODULE} import {one}" for one in tested]
    for one in sorted(free - tested):
        if one in _MODULES or one in sys.stdlib_module_names:
            lines.append(f"import {_MODULES.get(one, one)} as {one}")
        elif hasattr(typing, one):
            lines.append(f"from typing import {one}")
        elif one[0].isupper() and isinstance(getattr(solution, one), type):
            lines.append(f"from {proxies.MODULE} import {one}")  # a class, whose objects decide nothing
        else:
            vars(solution)[one] = _Unasked(link, one)
            lines.append(f"from {proxies.MODULE} import {one}")
    return ast.parse("\n".join(lines)).body


def _names(tree: ast.Module) -> tuple[set[str], set[str]]:
    """The names that a program uses, and those that it gives a meaning anywhere."""
    used: set[str] = set()
    bound: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name():
                (used if isinstance(node.ctx, ast.Load) else bound).add(node.id)
            case ast.arg():
                bound.add(node.arg)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                bound.add(node.name)
            case ast.alias():
                bound.add((node.asname or node.name).partition(".")[0])
    return used, bound


def _after_future(tree: ast.Module) -> int:
    """The place after the docstring and what is imported from the future."""
    place = 0
    for place, one in enumerate(tree.body):
        is_text = isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant)
        if not is_text and not (isinstance(one, ast.ImportFrom) and one.module == "__future__"):
            return place
    return place
