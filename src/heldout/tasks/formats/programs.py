"""Test programs of sets: what of them can be read as calls and values is, and the rest stays a program.

The rest runs in another process than the program that is tested; see `heldout.sandbox.hidden.SourceTest`.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Sequence

from heldout.sandbox.hidden import HiddenTest, SourceTest
from heldout.tasks.asserts import read_assertions
from heldout.tasks.formats.reading import beginning

_CHECK = "check"  # what HumanEval and its kin call the function of the tests
_INSIDE = {
    *("patch", "mock", "Mock", "MagicMock", "monkeypatch", "mocker", "capsys", "capfd", "caplog", "redirect_stdout"),
    *("StringIO", "inspect", "getsource"),
}  # names with which a test patches or looks into the process that it runs in
_FILES = {"open", "tempfile", "tmp_path", "tmpdir", "shutil", "makedirs", "mkdir", "NamedTemporaryFile", "mkdtemp"}


def check_tests(tree: ast.Module, entry_point: str, prompt: str = "") -> tuple[HiddenTest, ...]:
    """Read a program that defines ``check(candidate)``: a test for each assertion about one call, and one for the rest.

    Functions that the prompt defines beside the entry point may be used by the tests; the rest brings its own copies.
    A program without a function called ``check`` is taken to be the tests itself.
    """
    check = next((one for one in tree.body if isinstance(one, ast.FunctionDef) and one.name == _CHECK), None)
    if check is None:
        return assert_tests(tree.body, entry_point, prompt)
    before = tree.body[: tree.body.index(check)]
    candidate = check.args.args[0].arg if check.args.args else entry_point
    found = read_assertions([*before, *check.body], (candidate, entry_point))
    if not found.left_out:
        return tuple(found.tests)
    rest = [one for one in found.rest if one not in before]
    if candidate != entry_point and entry_point in _names_in(rest):
        rest.insert(0, ast.Assign([ast.Name(entry_point, ast.Store())], ast.Name(candidate, ast.Load()), lineno=0))
    program = [*before, ast.FunctionDef(_CHECK, check.args, rest, [], lineno=0)]
    return (*found.tests, SourceTest(_source(program, entry_point, prompt), (_CHECK,), "check"))


def assert_tests(
    body: Sequence[ast.stmt], entry_point: str, prompt: str = "", also: str = ""
) -> tuple[HiddenTest, ...]:
    """Read assertions at the top of a program: a test for each about one call, and one for the rest together.

    `also` is a second name of the entry point.
    """
    found = read_assertions(body, (entry_point, also) if also else entry_point)
    if not found.left_out:
        return tuple(found.tests)
    return (*found.tests, SourceTest(_source(found.rest, entry_point, prompt), ("asserts",), "asserts"))


def pytest_tests(tree: ast.Module, entry_point: str, is_class: bool) -> tuple[tuple[HiddenTest, ...], list[str]]:
    """Read a file of pytest: functions of assertions about single calls as such, the others as a program.

    Returns the tests, and the names of those that cannot be judged (`inside`).
    """
    around = [one for one in tree.body if not _is_test(one)]
    looks = _looking(around)
    tests: list[HiddenTest] = []
    items: list[str] = []
    unjudged: list[str] = []
    for one in filter(_is_test, tree.body):
        simple = isinstance(one, ast.FunctionDef) and not (one.args.args or one.decorator_list or is_class)
        body = one.body if isinstance(one, ast.FunctionDef | ast.ClassDef) else []
        found = read_assertions([*around, *body], (entry_point, f"solution.{entry_point}")) if simple else None
        if found is not None and not found.left_out:
            tests += found.tests
        else:
            for name, part in _items(one):
                (unjudged if inside(part, looks) else items).append(name)
    if items:
        tests.append(SourceTest(ast.unparse(tree), tuple(items), "pytest"))
    return tuple(tests), unjudged


def unittest_tests(tree: ast.Module) -> tuple[tuple[HiddenTest, ...], list[str]]:
    """Read the test cases of a file of unittest; returns the tests, and the names of those that cannot be judged."""
    looks = _looking(one for one in tree.body if not isinstance(one, ast.ClassDef))
    methods = [
        (f"{case.name}.{one.name}", [one, *_prepares(case)])
        for case in tree.body
        if isinstance(case, ast.ClassDef)
        for one in case.body
        if isinstance(one, ast.FunctionDef) and one.name.startswith("test")
    ]
    unjudged = [name for name, parts in methods if any(inside(part, looks) for part in parts)]
    items = tuple(name for name, _ in methods if name not in unjudged)
    return ((SourceTest(ast.unparse(tree), items, "unittest"),) if items else ()), unjudged


def inside(node: ast.AST, names: Collection[str] = ()) -> bool:
    """Say whether a test patches or looks into the process of the program, or shares files with it.

    The tests run in another process, with files of their own, so such a test cannot be judged. `names` are those of
    functions that do so.
    """
    return not {*_INSIDE, *_FILES, *names}.isdisjoint(_words_in(node))


def _looking(body: Iterable[ast.stmt]) -> set[str]:
    """Functions and fixtures of a file with which a test would look inside, by name; also through one another."""
    functions = [one for one in body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
    found: set[str] = set()
    while more := {one.name for one in functions if one.name not in found and inside(one, found)}:
        found |= more
    return found


def _prepares(case: ast.ClassDef) -> Iterator[ast.stmt]:
    return (one for one in case.body if isinstance(one, ast.FunctionDef) and one.name.startswith(("setUp", "tearDown")))


def _is_test(one: ast.stmt) -> bool:
    return (isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) and one.name.startswith("test")) or (
        isinstance(one, ast.ClassDef) and one.name.startswith("Test")
    )


def _items(one: ast.stmt) -> Iterator[tuple[str, ast.stmt]]:
    """The names under which pytest knows the tests of a function or a class, and where they stand."""
    if isinstance(one, ast.ClassDef):
        for method in one.body:
            if isinstance(method, ast.FunctionDef) and method.name.startswith("test"):
                yield f"{one.name}::{method.name}", method
    elif isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef):
        yield one.name, one


def _source(program: Sequence[ast.stmt], entry_point: str, prompt: str) -> str:
    """The text of a test program, after what the prompt defines for it."""
    given = [one for one in beginning(prompt) if getattr(one, "name", None) != entry_point]
    used = {*_names_in(program)}
    needed = any(used & {*_binds(one)} for one in given if isinstance(one, ast.FunctionDef | ast.ClassDef | ast.Assign))
    future = [one for one in given if isinstance(one, ast.ImportFrom) and one.module == "__future__"]
    kept = [one for one in given if one not in future] if needed else []
    return ast.unparse(ast.fix_missing_locations(ast.Module([*kept, *program], [])))


def _binds(one: ast.stmt) -> Iterator[str]:
    if isinstance(one, ast.FunctionDef | ast.ClassDef):
        yield one.name
    elif isinstance(one, ast.Assign):
        yield from (node.id for target in one.targets for node in ast.walk(target) if isinstance(node, ast.Name))


def _names_in(body: Iterable[ast.AST]) -> Iterator[str]:
    return (node.id for one in body for node in ast.walk(one) if isinstance(node, ast.Name))


def _words_in(node: ast.AST) -> Iterator[str]:
    for one in ast.walk(node):
        if isinstance(one, ast.Name):
            yield one.id
        elif isinstance(one, ast.Attribute) and one.attr != "open":  # a door may be opened
            yield one.attr
        elif isinstance(one, ast.arg):
            yield one.arg
