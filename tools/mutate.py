"""How many small mistakes would the tests let through?

    python tools/mutate.py stats --count 200 --seed 0

Small mutations are made in one room of the package (a folder or a file of `src/heldout`): a comparison that includes
its bound or not, another sign, a number that is a little larger, `and` for `or`, a condition turned round, a call left
out. Each is made alone, in a copy of the repository, and the room's own tests that reach its line are run; the
quickest first. A mutation that no test notices has survived. The same seed draws the same mutations.

What it cannot see: mutations that change nothing (a bound that no value ever meets) count as survivors, and tests in
other rooms that would notice one are not asked.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = Path("src") / "heldout"
# What tests import and a mutation cannot change: loaded once, before the process is forked for each mutation. No plugin
# of pytest is among them (hypothesis has one): pytest warns of one that was loaded before it.
_LOADED = ("pytest", "numpy", "orjson", "polars", "scipy.stats", "rich.console", "typer")
_SLOWEST = 20.0  # seconds of tests for one mutation, as they took without it
_PATIENCE = 5.0  # times as long as without it, after which a mutation hangs, and so is noticed
_COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
}
_CALLED = {"min": "max", "max": "min", "any": "all", "all": "any", "minimum": "maximum", "maximum": "minimum"}
# These say how something is written or checked, not what it does.
_NOT_LOGIC = {"dataclass", "zip", "field", "option", "Option", "Argument"}


@dataclass(frozen=True, slots=True)
class Mutation:
    """One small mistake."""

    file: str  # below the root
    line: int
    what: str  # in words: "< for <="
    number: int  # which of the file's mutations


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a mutation: "noticed", "survived", or "not reached" where no test comes to its line."""

    mutation: Mutation
    fate: str
    seconds: float


Change = Callable[[], None]


def changes(tree: ast.Module) -> Iterator[tuple[int, str, Change]]:
    """Yield line, description and a function that makes the change in the tree, for every mutation of a module."""
    skipped = set(_no_logic(tree))
    for node in ast.walk(tree):
        if id(node) not in skipped:
            yield from _of(node)


def _of(node: ast.AST) -> Iterator[tuple[int, str, Change]]:
    match node:
        case ast.Compare():
            for index, operator in enumerate(node.ops):
                other = _COMPARED[type(operator)]
                yield node.lineno, f"{_sign(other)} for {_sign(type(operator))}", _put(node.ops, index, other())
        case ast.BinOp() if type(node.op) in _COMPUTED:
            computed = _COMPUTED[type(node.op)]
            yield node.lineno, f"{computed.__name__} for {type(node.op).__name__}", _set(node, "op", computed())
        case ast.AugAssign() if type(node.op) in _COMPUTED:
            computed = _COMPUTED[type(node.op)]
            yield node.lineno, f"{computed.__name__} for {type(node.op).__name__}", _set(node, "op", computed())
        case ast.BoolOp():
            turned = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            yield node.lineno, f"{type(turned).__name__} for {type(node.op).__name__}", _set(node, "op", turned)
        case ast.UnaryOp(op=ast.Not()) | ast.UnaryOp(op=ast.USub()):
            without = ast.UAdd() if isinstance(node.op, ast.USub) else _Same()
            yield node.lineno, f"no {type(node.op).__name__}", _set(node, "op", without)
        case ast.If() | ast.IfExp() | ast.While():
            turned_round = ast.UnaryOp(ast.Not(), node.test)
            yield node.lineno, "the condition turned round", _set(node, "test", turned_round)
        case ast.Constant(value=bool() as truth):
            yield node.lineno, f"{not truth} for {truth}", _set(node, "value", not truth)
        case ast.Constant(value=(int() | float()) as value):
            more: float = value + 1 if isinstance(value, int) else value * 1.5 if value else 0.1
            yield node.lineno, f"{more!r} for {value!r}", _set(node, "value", more)
        case ast.Call(func=ast.Name(id=name)) if name in _CALLED:
            yield node.lineno, f"{_CALLED[name]} for {name}", _set(node.func, "id", _CALLED[name])
        case ast.Call(func=ast.Attribute(attr=name)) if name in _CALLED:
            yield node.lineno, f"{_CALLED[name]} for {name}", _set(node.func, "attr", _CALLED[name])
        case ast.Expr(value=ast.Call()):
            yield node.lineno, "a call left out", _set(node, "value", ast.Constant(None))


class _Same(ast.Not):
    """Marks a `not` that is taken away; see `_written`."""


def _sign(operator: type[ast.cmpop]) -> str:
    return ast.unparse(ast.Compare(ast.Name("a"), [operator()], [ast.Name("b")]))[2:-2]


def _put(owner: list[ast.cmpop], index: int, value: ast.cmpop) -> Change:
    return lambda: owner.__setitem__(index, value)


def _set(owner: ast.AST, name: str, value: object) -> Change:
    return lambda: setattr(owner, name, value)


def _no_logic(tree: ast.Module) -> Iterator[int]:
    """Yield what is no logic: annotations, decorators, docstrings, options of how to check or to write."""
    for node in ast.walk(tree):
        parts: list[ast.AST | None] = []
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            parts += [*node.decorator_list, node.returns]
        elif isinstance(node, ast.ClassDef):
            parts += node.decorator_list
        elif isinstance(node, ast.AnnAssign | ast.arg):
            parts.append(node.annotation)
        elif isinstance(node, ast.Call) and _name(node.func) in _NOT_LOGIC:
            parts += node.keywords
        elif isinstance(node, ast.If) and _name(node.test) == "TYPE_CHECKING":
            parts.append(node)
        elif isinstance(node, ast.FormattedValue):
            parts.append(node.format_spec)
        for part in parts:
            yield from (id(inner) for inner in ast.walk(part) if part is not None) if part is not None else ()


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


class _Taken(ast.NodeTransformer):
    """Takes away each `not` that is marked."""

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        return node.operand if isinstance(node.op, _Same) else node


def mutated(source: str, number: int) -> str:
    """Return the source of a module with one of its mutations."""
    tree = ast.parse(source)
    list(changes(tree))[number][2]()
    return ast.unparse(ast.fix_missing_locations(_Taken().visit(tree)))


def mutations(root: Path, room: str) -> list[Mutation]:
    """Return every mutation of a room."""
    place = root / PACKAGE / room
    files = sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    if not files or not files[0].is_file():
        sys.exit(f"mutate: {place} is neither a folder nor a module of the package.")
    return [
        Mutation(str(path.relative_to(root)), line, what, number)
        for path in files
        for number, (line, what, _) in enumerate(changes(ast.parse(path.read_text())))
    ]


def copied(root: Path, where: Path) -> Path:
    """Copy the repository, as git knows it or whole, and link what lies beside it."""
    command = ["git", "ls-files", "-co", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    names = listed.stdout.splitlines() or [str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()]
    copy = where / "repository"
    for name in names:
        if (root / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, copy / name)
    if (root.parent / "shared").is_dir():  # real logs, for the tests that read them
        (where / "shared").symlink_to((root.parent / "shared").resolve())
    subprocess.run([sys.executable, "-m", "compileall", "-q", "src"], cwd=copy, check=False)
    return copy


def environment(copy: Path) -> dict[str, str]:
    """Return one in which the copy is imported, and nothing is left behind."""
    single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {**os.environ, **single, "PYTHONPATH": f"{copy / 'src'}{os.pathsep}{copy}", "PYTHONDONTWRITEBYTECODE": "1"}


@dataclass(frozen=True, slots=True)
class Reach:
    """Which tests reach which line, and how long each takes."""

    tests: dict[str, dict[int, list[str]]]  # file → line → tests; none where it runs only when the module is imported
    seconds: dict[str, float]

    def of(self, mutation: Mutation) -> list[str]:
        """The tests for a mutation, the quickest first, as many as are worth their time.

        What runs only when a module is imported could be noticed by any test: those of its own file are asked first.
        """
        reached = self.tests.get(mutation.file, {}).get(mutation.line)
        own = set(_of_stem(Path(mutation.file).stem, self.seconds))
        found = self.seconds if reached == [] else reached or []
        kept: list[str] = []
        spent = 0.0
        for test in sorted(found, key=lambda test: (reached == [] and test not in own, self.seconds[test])):
            spent += self.seconds[test]
            if kept and spent > _SLOWEST:
                break
            kept.append(test)
        return kept


def reach(copy: Path, room: str, tests: Sequence[str]) -> Reach:
    """Run the room's tests once, as they are, and note what each reaches."""
    import coverage

    data, report = copy.parent / "coverage", copy.parent / "tests.json"
    (copy / "note_tests.py").write_text(_NOTE_TESTS)
    source = copy / PACKAGE / room
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "note_tests", "--cov-context=test",
         f"--cov={PACKAGE}", "--cov-report=", *tests],
        cwd=copy,
        env={**environment(copy), "COVERAGE_FILE": str(data), "NOTED": str(report)},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    noted: dict[str, tuple[str, float]] = json.loads(report.read_text()) if report.exists() else {}
    passed = {test: seconds for test, (fate, seconds) in noted.items() if fate == "passed"}
    if not passed:
        sys.exit(f"mutate: no test of {' '.join(tests)} passes.\n{done.stdout[-2000:]}")
    failed = [test for test, (fate, _) in noted.items() if fate == "failed"]
    if failed:
        print(f"{len(failed)} tests fail as they are and are not asked, such as {failed[0]}.", file=sys.stderr)
    found: dict[str, dict[int, list[str]]] = {}
    measured = coverage.CoverageData(str(data))
    measured.read()
    for path in measured.measured_files():
        if not Path(path).is_relative_to(source) and Path(path) != source.with_suffix(".py"):
            continue
        of_file = found.setdefault(str(Path(path).relative_to(copy)), {})
        for line, contexts in measured.contexts_by_lineno(path).items():
            of_file[line] = sorted({context.split("|")[0] for context in contexts} & passed.keys())
        for lines in _statements(ast.parse(Path(path).read_text())):
            if lines[0] in of_file:
                whole = sorted({test for line in lines for test in of_file.get(line, ())})
                for line in lines:
                    of_file.setdefault(line, whole)
    return Reach(found, passed)


def _statements(tree: ast.Module) -> Iterator[range]:
    """Yield the lines of each statement, without its body: those of a table of numbers are noted at the first alone."""
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and not isinstance(node, ast.Match):
            body = getattr(node, "body", None)
            after = body[0].lineno if body else (node.end_lineno or node.lineno) + 1
            yield range(node.lineno, max(after, node.lineno + 1))


def _of_stem(stem: str, tests: Iterable[str]) -> list[str]:
    return [test for test in tests if f"test_{stem}.py" in test or f"{stem}.py::" in test]


_NOTE_TESTS = """
import json, os
noted = {}
def pytest_runtest_logreport(report):
    fate, seconds = noted.get(report.nodeid, ("passed", 0.0))
    if report.failed: fate = "failed"
    elif report.skipped: fate = "skipped"
    noted[report.nodeid] = (fate, seconds + report.duration)
def pytest_sessionfinish(session):
    with open(os.environ["NOTED"], "w") as file: json.dump(noted, file)
"""


class Bench:
    """A copy of the repository in which mutations are tried one after the other."""

    def __init__(self, root: Path, loaded: Sequence[str]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mutate-"))
        self.copy = copied(root, self.folder)
        os.environ.update(environment(self.copy))
        sys.dont_write_bytecode = True
        sys.path[:0] = [str(self.copy / "src"), str(self.copy)]
        os.chdir(self.copy)
        for name in loaded:
            with suppress(ImportError):
                __import__(name)

    def tried(self, mutation: Mutation, tests: Sequence[str], usual: float) -> Outcome:
        """Make a mutation, run tests, and put things back."""
        if not tests:
            return Outcome(mutation, "not reached", 0.0)
        path, start = self.copy / mutation.file, time.monotonic()
        source, stamp = path.read_text(), path.stat()
        path.write_text(mutated(source, mutation.number))
        try:
            passed = _passes(tests, 10.0 + _PATIENCE * usual)
        finally:
            path.write_text(source)
            os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
        return Outcome(mutation, "survived" if passed else "noticed", time.monotonic() - start)


def _passes(tests: Sequence[str], patience: float) -> bool:
    """Run tests in a forked process, which has everything loaded but the package; False also where it hangs."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setsid()
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1)
            os.dup2(quiet, 2)
            import pytest

            code = pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-p", "no:cov", "-p", "no:xdist", *tests])
        finally:  # whatever is raised: a child that went on would take the jobs of its parent
            os._exit(0 if code == 0 else 1)
    end = time.monotonic() + patience
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.02)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


_BENCH: Bench | None = None


def _passes_unchanged(tests: Sequence[str], usual: float) -> bool:
    return _passes(tests, 60.0 + _PATIENCE * usual)


def _start(root: Path, loaded: Sequence[str]) -> None:
    global _BENCH
    _BENCH = Bench(root, loaded)


def _try(mutation: Mutation, tests: Sequence[str], usual: float) -> Outcome:
    assert _BENCH is not None
    return _BENCH.tried(mutation, tests, usual)


def run(
    root: Path,
    room: str,
    *,
    count: int,
    seed: int,
    seconds: float,
    jobs: int,
    tests: Sequence[str],
    loaded: Sequence[str] = _LOADED,
) -> list[Outcome]:
    """Draw mutations of a room, try each, and print what survived as it is found."""
    every = mutations(root, room)
    drawn = random.Random(f"{room} {seed}").sample(every, min(count, len(every)))
    print(f"{room}: {len(drawn)} of {len(every)} mutations, tests of {' '.join(tests)}", flush=True)
    with tempfile.TemporaryDirectory(prefix="mutate-") as folder:
        reached = reach(copied(root, Path(folder)), room, tests)
    end = time.monotonic() + seconds
    outcomes: list[Outcome] = []
    with ProcessPoolExecutor(
        jobs, mp_context=get_context("spawn"), initializer=_start, initargs=(root, loaded)
    ) as pool:
        asked = [(mutation, reached.of(mutation)) for mutation in drawn]
        needed = sorted({test for _, of in asked for test in of})
        if not pool.submit(_passes_unchanged, needed, sum(reached.seconds[test] for test in needed)).result():
            sys.exit("mutate: the tests fail in a forked process though nothing is changed; nothing could be measured.")
        futures = [pool.submit(_try, one, of, sum(reached.seconds[test] for test in of)) for one, of in asked]
        for future in futures:
            if time.monotonic() > end:
                pool.shutdown(wait=False, cancel_futures=True)
                print(f"the time is over: {len(outcomes)} of {len(drawn)} were tried", flush=True)
                break
            outcome = future.result()
            outcomes.append(outcome)
            if outcome.fate != "noticed":
                one = outcome.mutation
                print(f"  {outcome.fate}: {one.file}:{one.line} {one.what}", flush=True)
    return outcomes


def main(words: Sequence[str] | None = None) -> float:
    """Print the share of mutations that survive; exit with 1 where it is above `--most`."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("room", help="a folder or module of src/heldout, such as stats")
    parser.add_argument("--count", type=int, default=200, help="mutations that are drawn")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=3600.0, help="after which no further mutation is tried")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--tests", nargs="*", help="files or folders of tests; those of the room if not given")
    parser.add_argument("--most", type=float, default=100.0, help="per cent that may survive")
    asked = parser.parse_args(words)
    tests = asked.tests or [*_tests_of(asked.room)]
    outcomes = run(
        ROOT, asked.room, count=asked.count, seed=asked.seed, seconds=asked.seconds, jobs=asked.jobs, tests=tests
    )
    fates = Counter(outcome.fate for outcome in outcomes)
    share = 100.0 * (len(outcomes) - fates["noticed"]) / max(1, len(outcomes))
    print(f"{asked.room}: {share:.1f} % of {len(outcomes)} survive ({dict(fates)})")
    if share > asked.most:
        sys.exit(1)
    return share


def _tests_of(room: str) -> Iterator[str]:
    """Where the tests of a room lie: its folder or file below tests, and the examples in its docstrings."""
    folder, file = ROOT / "tests" / room, ROOT / "tests" / f"test_{room}.py"
    if folder.is_dir():
        yield f"tests/{room}"
    elif file.is_file():
        yield f"tests/test_{room}.py"
    yield str(PACKAGE / room) if (ROOT / PACKAGE / room).is_dir() else str(PACKAGE / f"{room}.py")


if __name__ == "__main__":
    main()
