"""The default sandbox: pydantic-monty, a Python interpreter of its own in Rust, in worker processes.

Covered, each by an attack in tests/sandbox: endless loops, also those that catch every error; memory bombs; huge
numbers and strings; recursion; reading and writing files; the environment; network; other processes; floods of
output; exit; overridden comparison; frames, garbage collector and builtins, which are not there. Starting a program
costs a fraction of a millisecond, and none sees what another left.

Not covered: errors in monty itself, which is young and runs as this user without a further wall. It lacks parts of
Python: generators, inheritance, ``del``, decorators of methods, most of the standard library; a program that needs
them is *unsupported*, not wrong, and so is one that monty would run in another way (`heldout.sandbox.dialect`). Which
programs are unsupported is in the programs' hands, so a reward should give it what it gives a failure. ``sleep``
returns at once, `random` starts from one seed, and an allocation above the limit leaves a line on the host's stderr.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import astuple
from typing import Any, NamedTuple

from heldout.sandbox.base import Answer, Call, Limits, Program, Sandbox, Status
from heldout.sandbox.dialect import LEAVE, for_monty
from heldout.sandbox.doubt import verdict
from heldout.sandbox.interpreters import Interpreter, Interpreters
from heldout.sandbox.values import LONGEST_ERROR, NotPlain, decode, encode, is_above

# What follows the program in the same session and calls it. A program that tampers with it changes only what it is said
# to have returned. Most return numbers and texts, for which this short one is enough; it gives None for all others. A
# tuple is an error that was raised.
_FOUND = """
try:
    __heldout_entry = ENTRY
    __heldout_missing = None
except BaseException as __heldout_error:
    __heldout_missing = ('missing', type(__heldout_error).__name__, str(__heldout_error))
"""
_SIMPLE = """
__heldout_answers = [__heldout_missing] * len(__heldout_calls) if __heldout_missing else []
for __heldout_arguments, __heldout_keywords in [] if __heldout_missing else __heldout_calls:
    try:
        __heldout_value = __heldout_entry(*__heldout_arguments, **__heldout_keywords)
    except BaseException as __heldout_error:
        __heldout_answers.append((type(__heldout_error).__name__, str(__heldout_error)))
        continue
    if __heldout_value is not None and type(__heldout_value) not in (bool, int, float, str, bytes, complex):
        __heldout_answers = None
        break
    __heldout_answers.append(__heldout_value)
__heldout_answers
"""
# It copies what is returned, because a later call may change it, and looks at every type, because monty would give the
# host a list for a deque and a text for a range. What a test may go through is left to CPython.
_COPYING = """

def __heldout_copy(value):
    kind = type(value)
    if value is None or kind in (bool, int, float, str, bytes, complex, set, frozenset):
        return value if kind not in (set, frozenset) else value.copy()
    if kind is list:
        return [__heldout_copy(item) for item in value]
    if isinstance(value, tuple):
        return tuple([__heldout_copy(item) for item in value])
    if kind.__name__ in ('dict', 'defaultdict', 'Counter', 'OrderedDict'):
        return {__heldout_copy(key): __heldout_copy(item) for key, item in value.items()}
    try:
        iter(value)
    except TypeError:
        raise TypeError('A value of type ' + kind.__name__ + ' is not plain data.')
    raise NotImplementedError('monty hands on nothing that a ' + kind.__name__ + ' gives.')

def __heldout_answers(calls):
    if __heldout_missing:
        return [__heldout_missing] * len(calls)
    answers = []
    for arguments, keywords in calls:
        try:
            value = __heldout_entry(*arguments, **keywords)
        except BaseException as error:
            answers.append(('raised', type(error).__name__, str(error)))
            continue
        try:
            answers.append(('returned', __heldout_copy(value)))
        except NotImplementedError as error:
            answers.append(('unsupported', str(error)))
        except BaseException as error:
            answers.append(('refused', str(error)))
    return answers
"""
_ANSWERS = "\n__heldout_answers(__heldout_calls)\n"
_FIRST_TRY = 0.1  # of the time limit: most programs answer all calls at once well within it
_REPLACED = "The program replaced what records its answers."
_RETURNED = Status.RETURNED.value
_STATUS = {status.value: status for status in Status}
_SMALL = (bool, float, type(None))  # never above a limit of output
_SMALL_INT = 2**53
# No fault of the program's, and none that it can choose: so it is no evidence.
_NOT_HERE = Answer(
    Status.INFRASTRUCTURE,
    error="monty calls functions; programs that read stdin, and tests that are programs, need bubblewrap",
)

_FAIR = 0.9  # of its seconds that a call must have had of the processor before it counts as late
_AMPLE, _TRIES = 1.5, 4  # how much more than is thought to be needed, and how often

_Calls = tuple[tuple[tuple[Any, ...], dict[str, Any]], ...]
_Item = tuple[str, str, _Calls, tuple[float, ...]]  # a program as plain data: source, entry, inputs and limits
_Said = tuple[str, Any, str]  # an answer as plain data: status, value and error


class _Asked(NamedTuple):
    """A program and its limits, as the worker has them."""

    source: str
    entry: str
    calls: _Calls
    limits: Limits

    def followed_by(self, driver: str) -> str:
        return f"{self.source}\n{_FOUND.replace('ENTRY', self.entry)}{driver}"


_Reader = Callable[[Any, _Asked], _Said]  # of what a driver records for one call


class Monty(Sandbox):
    """Judges programs in monty's worker processes; see `heldout.sandbox.monty` for what is covered.

    Parameters and errors are those of `open_sandbox`; of the limits, `processes` and `disk_mb` mean nothing here.
    """

    name = "monty"

    def __init__(self, workers: int | None = None, limits: Limits = Limits()) -> None:  # noqa: B008
        self.limits = limits
        self._interpreters = Interpreters(answers, workers)

    def run(self, programs: Sequence[Program]) -> list[list[Answer]]:
        calls = [program for program in programs if program.kind is Call]
        try:
            answered = self._interpreters.map([_item(one, self.limits) for one in calls], _read, _lost)
        except ValueError:  # the dictionaries of collections are plain too
            answered = self._interpreters.map([_plain(_item(one, self.limits)) for one in calls], _read, _lost)
        found = iter(answered)
        return [next(found) if one.kind is Call else [_NOT_HERE] * one.answers for one in programs]

    def close(self) -> None:
        self._interpreters.close()


def _item(program: Program, limits: Limits) -> _Item:
    calls = tuple((one.args, dict(one.kwargs)) for one in program.inputs if isinstance(one, Call))
    return program.source, program.entry, calls, astuple(program.limits or limits)


def _plain(item: _Item) -> _Item:
    source, entry, calls, limits = item
    copied = [decode(encode([list(arguments), keywords])) for arguments, keywords in calls]
    return str(source), str(entry), tuple((tuple(arguments), keywords) for arguments, keywords in copied), limits


def _read(said: list[_Said]) -> list[Answer]:
    return [Answer(_STATUS[status], value, error) for status, value, error in said]


def _lost(item: _Item, reason: str) -> list[Answer]:
    return [Answer(Status.INFRASTRUCTURE, error=reason)] * len(item[2])


def answers(interpreter: Interpreter, item: _Item) -> list[_Said]:
    """All calls at once under a short limit; only a program that needs more is run call by call."""
    source, entry, calls, told = item
    source, lacking = for_monty(source)
    if lacking:
        return [_failed(Status.UNSUPPORTED, lacking)] * len(calls)
    asked = _Asked(source, entry, calls, Limits(*told))  # type: ignore[arg-type]
    said = _all_at_once(interpreter, asked.followed_by(_SIMPLE), asked, _simple)
    if said is None:
        said = _all_at_once(interpreter, asked.followed_by(_COPYING + _ANSWERS), asked, _copied)
    return _in_its_time(interpreter, asked) if said is None else said


def _all_at_once(interpreter: Interpreter, source: str, asked: _Asked, read: _Reader) -> list[_Said] | None:
    with interpreter.session(asked.limits, _FIRST_TRY * asked.limits.seconds) as session:
        try:
            returned = _feed(session, source, asked.calls)
            return None if returned is None else _said(returned, len(asked.calls), read, asked)
        except interpreter.monty.MontyError as error:
            failed = _from_error(error, interpreter.monty, asked)
    if failed[0] in (Status.TIMEOUT, Status.MEMORY, Status.INFRASTRUCTURE):
        return None
    return [failed] * len(asked.calls)


def _in_its_time(interpreter: Interpreter, asked: _Asked) -> list[_Said]:
    """Call by call; again, with more time, where neighbours kept the interpreter from the processor."""
    seconds = asked.limits.seconds
    for _ in range(_TRIES):
        said, took, used = _one_by_one(interpreter, asked, seconds)
        if said[-1][0] != Status.TIMEOUT or not 0 < used < _FAIR * asked.limits.seconds:
            return said
        seconds = _AMPLE * asked.limits.seconds * took / used
    return said


def _one_by_one(interpreter: Interpreter, asked: _Asked, seconds: float) -> tuple[list[_Said], float, float]:
    """The answers, and of the last call the seconds by the clock and of the processor, 0 where that is not known."""
    said: list[_Said] = []
    began, used = time.monotonic(), interpreter.used()
    with interpreter.session(asked.limits, seconds) as session:
        try:
            _feed(session, asked.followed_by(_COPYING), ())
            for arguments in asked.calls:
                began, used = time.monotonic(), interpreter.used()
                said += _said(_feed(session, _ANSWERS, (arguments,)), 1, _copied, asked)
        except interpreter.monty.MontyError as error:
            said += [_from_error(error, interpreter.monty, asked)] * (len(asked.calls) - len(said))
        return said, time.monotonic() - began, interpreter.used() - used


def _feed(session: Any, source: str, calls: _Calls) -> Any:
    return session.feed_run(
        source, inputs={"__heldout_calls": list(calls)}, external_lookup=_SUPPLIED, print_callback=_swallow
    )


def _said(returned: Any, calls: int, read: _Reader, asked: _Asked) -> list[_Said]:
    """What the driver is said to have returned; a program can replace it, so nothing is believed."""
    if type(returned) is not list or len(returned) != calls:
        return [_failed(Status.REFUSED, "The program left before its calls were answered.")] * calls
    return [read(entry, asked) for entry in returned]


def _simple(entry: Any, asked: _Asked) -> _Said:
    if type(entry) is not tuple:
        return _returned(entry, asked.limits)
    match entry:
        case (str(kind), str(message)):
            return _raised(kind, message, asked)
        case _:
            return _missing(entry, asked)


def _copied(entry: Any, asked: _Asked) -> _Said:
    match entry:
        case ("returned", value):
            return _returned(value, asked.limits)
        case ("raised", str(kind), str(message)):
            return _raised(kind, message, asked)
        case ("refused" | "unsupported" as status, str(message)):
            return _failed(Status(status), message)
        case _:
            return _missing(entry, asked)


def _missing(entry: Any, asked: _Asked) -> _Said:
    """The entry point cannot be had: because it is not there, or because making its object failed."""
    match entry:
        case ("missing", str(kind), str(message)):
            last = re.findall(r"'([^']*)'", message)[-1:]
            absent = kind in ("NameError", "AttributeError") and last and last[0] in asked.entry.split("().")
            return _failed(Status.NO_FUNCTION, message) if absent else _raised(kind, message, asked)
        case _:
            return _failed(Status.REFUSED, _REPLACED)


def _returned(value: Any, limits: Limits) -> _Said:
    if type(value) in _SMALL or (type(value) is int and abs(value) < _SMALL_INT):
        return _RETURNED, value, ""
    try:
        if not is_above(value, limits.output_bytes) and len(encode(value)) <= limits.output_bytes:
            return _RETURNED, value, ""
    except NotPlain as error:
        return _failed(Status.REFUSED, str(error))
    return _failed(Status.REFUSED, f"It returned more than the {limits.output_bytes} bytes that are allowed.")


def _from_error(error: Any, monty: Any, asked: _Asked) -> _Said:
    if isinstance(error, monty.MontySyntaxError):
        return _raised("SyntaxError", error.display(format="msg"), asked)
    if isinstance(error, monty.MontyCrashedError):
        if error.timed_out:
            return _failed(Status.TIMEOUT, "The worker did not stop in time and was ended.")
        return _failed(Status.INFRASTRUCTURE, f"The worker died: {error}")
    if isinstance(error, monty.MontyRuntimeError):
        kind, _, message = error.display(format="type-msg").partition(": ")
        return _raised(kind, message, asked)
    return _failed(Status.INFRASTRUCTURE, f"{type(error).__name__}: {error}")


def _leave(*status: object) -> None:
    raise SystemExit


_SUPPLIED: dict[str, Any] = {"exit": _leave, "quit": _leave, LEAVE: _leave}


def _swallow(stream: str, text: str) -> None:
    """Without this, what a program prints would go to the host's stdout."""


def _raised(kind: str, message: str, asked: _Asked) -> _Said:
    status = verdict(kind, message, asked.source)
    if status is Status.PACKAGE:
        return _failed(status, re.findall(r"'([^'.]*)", message)[0])
    return _failed(status, f"{kind}: {message}".removesuffix(": "))


def _failed(status: Status, error: str) -> _Said:
    return status.value, None, error[:LONGEST_ERROR]
