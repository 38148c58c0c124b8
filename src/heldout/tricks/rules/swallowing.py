"""`swallow`: errors become answers."""

from __future__ import annotations

import ast

from heldout.tricks.rules.constant import OPEN, value_of
from heldout.tricks.rules.found import Asked, Findings, Found
from heldout.tricks.rules.program import Program

_HOOKS = ("sys.excepthook", "threading.excepthook", "sys.unraisablehook", "sys.tracebacklimit")
_ALARMS = ("signal.alarm", "signal.setitimer")
_BROAD = ("Exception", "BaseException")


def find(program: Program, asked: Asked) -> Findings:
    """Find handlers that answer, hooks for errors, and alarms that are silenced."""
    for stored in program.stores:
        if stored.path in _HOOKS:
            yield Found("swallow", f"{stored.path} set")
    for call in program.calls:
        if call.path in _ALARMS and call.node.args and value_of(call.node.args[0]) in (0, 0.0):
            yield Found("swallow", f"{call.path}(0)")
        elif (
            call.path == "signal.signal"
            and call.node.args
            and program.resolve(call.node.args[0]) in ("signal.SIGALRM", "signal.SIGXCPU")
        ):
            yield Found("swallow", "a handler for the alarm", not program.paths & {"signal.alarm", "signal.setitimer"})
        elif call.path == "contextlib.suppress" and any(program.resolve(one) in _BROAD for one in call.node.args):
            yield Found("swallow", "suppresses every error", False)
    for node, _ in program.of(ast.Try):
        for handler in node.handlers:
            if _is_broad(handler, program) and (answer := _answer(handler)):
                yield Found("swallow", answer, False)
    yield from _raising(program, asked)


def _is_broad(handler: ast.ExceptHandler, program: Program) -> bool:
    if handler.type is None:
        return True
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(program.resolve(one) in _BROAD for one in kinds)


def _answer(handler: ast.ExceptHandler) -> str:
    match [one for one in handler.body if not isinstance(one, ast.Expr)] or handler.body:
        case [ast.Pass()] | [ast.Continue()] | [ast.Expr(value=ast.Constant())]:
            return "every error is passed over"
        case [ast.Assign(value=value)] if value_of(value) is not OPEN:
            return f"every error gives {value_of(value)!r:.40}"
        case [ast.Return(value=value)] if value_of(value) is not OPEN:
            return f"every error returns {value_of(value)!r:.40}"
        case [ast.Expr(value=ast.Call(func=ast.Name(id="print"), args=[value])), *_] if value_of(value) is not OPEN:
            return f"every error prints {value_of(value)!r:.40}"
    return ""


def _raising(program: Program, asked: Asked) -> Findings:
    """A function that does nothing but raise."""
    outer = [one for one, place in program.functions if not place.function]
    bodies = [one.body for one in outer if one.name == asked.entry] or [one.body for one in outer[-1:]]
    if not outer:
        bodies = [[one for one in program.tree.body if not isinstance(one, ast.Import | ast.ImportFrom)]]
    for body in bodies:
        match body[-1:]:
            case [ast.Raise() as node] if program.resolve(node.exc).removesuffix("()") in (
                *_BROAD,
                "RuntimeError",
                "ValueError",
            ):
                yield Found("swallow", "raises an error, whatever comes in", False)
            case [ast.Assert(test=test)] if value_of(test) in (False, 0, None):
                yield Found("swallow", "raises an error, whatever comes in", False)
