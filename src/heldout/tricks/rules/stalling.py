"""`time`: the program hangs, floods, or changes the clock."""

from __future__ import annotations

import ast
import re

from heldout.tricks.rules.constant import OPEN, value_of
from heldout.tricks.rules.folding import folded
from heldout.tricks.rules.found import Asked, Findings, Found
from heldout.tricks.rules.program import Program

_LONG = 5  # seconds
_LARGE = 10**6  # items
_CLOCKS = re.compile(
    r"time\.(?:time|perf_counter|monotonic|process_time|sleep)(?:_ns)?$|timeit\.\w+$|datetime\.datetime(?:\.\w+)?$"
)
_OVER = ("TimeoutError", "MemoryError", "KeyboardInterrupt", "RecursionError", "concurrent.futures.TimeoutError")
_WAITS = re.compile(r"(?:threading|multiprocessing)\.(?:Event|Condition|Barrier)\(\)\.wait|signal\.pause|.*\.wait$")


def find(program: Program, asked: Asked) -> Findings:
    """Find waits, loops without end, floods and clocks that are replaced."""
    numbers = {stored.path: size for stored in program.stores if (size := _size(stored.value))}
    for call in program.calls:
        first = call.node.args[0] if call.node.args else None
        if (
            call.path == "time.sleep"
            and first is not None
            and (_size(first) or numbers.get(program.resolve(first), 0)) >= _LONG
        ):
            yield Found("time", "time.sleep(), long")
        elif asked.kind == "timeout" and (call.path == "itertools.count" or _WAITS.match(call.path)):
            yield Found("time", f"{call.path}()", False)
    if "os.fork" in program.paths and any(map(_forks, (*program.of(ast.For), *program.of(ast.While)))):
        yield Found("time", "os.fork() in a loop")
    for loop, _ in program.of(ast.While):
        if value_of(loop.test) in (True, 1) and not _ends(loop):
            yield Found("time", "a loop without end")
        elif _waits(loop, program):
            yield Found("time", "a loop that waits")
    for node, place in program.of(ast.Raise):
        path = program.resolve(node.exc).removesuffix("()")
        if path in _OVER:
            yield Found("time", f"raise {path}", not place.conditional and not place.within)
    for product, _ in program.of(ast.BinOp):
        if isinstance(product.op, ast.Mult) and _is_flood(product):
            yield Found("time", "a flood", False)
    for stored in program.stores:
        if _CLOCKS.match(stored.path):
            yield Found("time", f"{stored.path} replaced")


def _forks(seen: tuple[ast.AST, object]) -> bool:
    return any(isinstance(one, ast.Attribute | ast.Name) and _word(one) == "fork" for one in ast.walk(seen[0]))


def _word(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else str(getattr(node, "attr", ""))


def _waits(loop: ast.While, program: Program) -> bool:
    """Whether a loop goes on until a clock says so, and passes over what would stop it."""
    asks = any(
        isinstance(one, ast.Call) and program.resolve(one.func).startswith("time.") for one in ast.walk(loop.test)
    )
    return asks and any(isinstance(one, ast.Try | ast.Pass) for one in ast.walk(loop))


def _ends(loop: ast.While) -> bool:
    """Whether anything in a loop may leave it."""
    return any(
        isinstance(one, ast.Break | ast.Return | ast.Raise | ast.Yield | ast.YieldFrom | ast.Await)
        for one in ast.walk(loop)
    ) or any(
        isinstance(one, ast.Call) and isinstance(one.func, ast.Name | ast.Attribute) and _is_leaving(one.func)
        for one in ast.walk(loop)
    )


def _is_leaving(node: ast.expr) -> bool:
    return _word(node) in (
        "exit",
        "quit",
        "_exit",
        "input",
        "readline",
        "next",
    )


def _size(node: ast.expr | None) -> float:
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return float(value)
        case ast.BinOp(left=ast.Constant(value=int() as base), op=ast.Pow(), right=ast.Constant(value=int() as power)):
            return float(base) ** power if 0 <= power <= 100 and abs(base) <= 1000 else 0.0
        case ast.BinOp(left=left, op=ast.Mult(), right=right) if not isinstance(left, ast.BinOp):
            return _size(left) * _size(right)
    return 0.0


def _is_flood(node: ast.BinOp) -> bool:
    for one, other in ((node.left, node.right), (node.right, node.left)):
        item = folded(one) if not isinstance(one, ast.List) else value_of(one)
        if isinstance(item, str | bytes | list) and item is not OPEN and _size(other) >= _LARGE:
            return True
    return False
