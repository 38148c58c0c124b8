"""The default sandbox: pydantic-monty, a Python interpreter of its own in Rust, in worker processes.

Covered, each by an attack in tests/sandbox: endless loops, also those that catch every error; memory bombs; huge
numbers and strings; recursion; reading and writing files; the environment; network; other processes; floods of
output; exit; overridden comparison; frames, garbage collector and builtins, which are not there. Starting a program
costs a fraction of a millisecond, and none sees what another left.

Not covered: errors in monty itself, which is young and runs as this user without a further wall. It lacks parts of
Python: generators, inheritance, ``del``, decorators of methods, most of the standard library; a program that needs
them is *unsupported*, not wrong. Which programs are unsupported is in the programs' hands, so a reward should give it
what it gives a failure. A generator expression is a list there, ``sleep`` returns at once, `random` starts from one
seed, and an allocation above the limit leaves a line on the host's stderr.
"""

from __future__ import annotations

import builtins
import copy
import importlib
import importlib.util
import re
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType, TracebackType
from typing import Any, Self, cast

from heldout.errors import MissingSandbox
from heldout.sandbox.base import Answer, Limits, Program, Status, default_workers
from heldout.sandbox.values import NotPlain, encode

# What follows the program in the same session and calls it. A program that tampers with it changes only what it is said
# to have returned. Most return numbers and texts, for which this short one is enough; it gives None for all others.
_SIMPLE = """
__heldout_answers = []
for __heldout_arguments in __heldout_calls:
    try:
        __heldout_value = ENTRY(*__heldout_arguments)
    except BaseException as __heldout_error:
        __heldout_answers.append(('raised', type(__heldout_error).__name__, str(__heldout_error)))
        continue
    if __heldout_value is not None and type(__heldout_value) not in (bool, int, float, str, bytes, complex):
        __heldout_answers = None
        break
    __heldout_answers.append(('returned', __heldout_value))
__heldout_answers
"""
# It copies what is returned, because a later call may change it, and looks at every type, because monty would give the
# host a list for a deque and a text for a range.
_COPYING = """

def __heldout_copy(value):
    kind = type(value)
    if value is None or kind in (bool, int, float, str, bytes, complex, set, frozenset):
        return value if kind not in (set, frozenset) else value.copy()
    if kind is list:
        return [__heldout_copy(item) for item in value]
    if kind is tuple:
        return tuple([__heldout_copy(item) for item in value])
    if kind.__name__ in ('dict', 'defaultdict', 'Counter', 'OrderedDict'):
        return {__heldout_copy(key): __heldout_copy(item) for key, item in value.items()}
    raise TypeError('A value of type ' + kind.__name__ + ' is not plain data.')

def __heldout_answers(calls):
    answers = []
    for arguments in calls:
        try:
            value = ENTRY(*arguments)
        except BaseException as error:
            answers.append(('raised', type(error).__name__, str(error)))
            continue
        try:
            answers.append(('returned', __heldout_copy(value)))
        except BaseException as error:
            answers.append(('refused', str(error)))
    return answers
"""
_ANSWERS = "\n__heldout_answers(__heldout_calls)\n"
_FIRST_TRY = 0.1  # of the time limit: most programs answer all calls at once well within it
_LONGEST_ERROR = 300
_SMALL = (bool, float, type(None))  # never above a limit of output
_SMALL_INT = 2**53


class Monty:
    """Judges programs in monty's worker processes; see `heldout.sandbox.monty` for what is covered.

    Parameters
    ----------
    workers
        Worker processes; by default as many as there are cores.
    limits
        What one program may use. `processes` and `disk_mb` mean nothing here.

    Raises
    ------
    MissingSandbox
        When pydantic-monty is not installed.
    """

    name = "monty"

    def __init__(self, workers: int | None = None, limits: Limits = Limits()) -> None:  # noqa: B008
        self.limits = limits
        self._monty = load()
        workers = workers or default_workers()
        self._pool = self._monty.Monty(min_processes=workers, max_processes=workers)
        self._pool.__enter__()
        self._threads = ThreadPoolExecutor(workers, "heldout-monty")

    def run(self, programs: Sequence[Program]) -> list[list[Answer]]:
        return list(self._threads.map(self._answers, programs))

    def close(self) -> None:
        self._threads.shutdown()
        self._pool.__exit__(None, None, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _answers(self, program: Program) -> list[Answer]:
        """All calls at once under a short limit; only a program that needs more is run call by call."""
        answers = self._all_at_once(program, _SIMPLE)
        if answers is None:
            answers = self._all_at_once(program, _COPYING + _ANSWERS)
        return self._one_by_one(program) if answers is None else answers

    def _all_at_once(self, program: Program, driver: str) -> list[Answer] | None:
        with self._session(self.limits.seconds * _FIRST_TRY) as session:
            try:
                returned = self._feed(session, _joined(program, driver), program.inputs)
                return None if returned is None else self._read(returned, len(program.inputs))
            except self._monty.MontyError as error:
                answer = self._from_error(error)
        if answer.status in (Status.TIMEOUT, Status.MEMORY, Status.INFRASTRUCTURE):
            return None
        return [answer] * len(program.inputs)

    def _one_by_one(self, program: Program) -> list[Answer]:
        answers: list[Answer] = []
        with self._session(self.limits.seconds) as session:
            try:
                self._feed(session, _joined(program, _COPYING), ())
                for arguments in program.inputs:
                    answers += self._read(self._feed(session, _ANSWERS, (arguments,)), 1)
            except self._monty.MontyError as error:
                answers += [self._from_error(error)] * (len(program.inputs) - len(answers))
        return answers

    def _session(self, seconds: float) -> Any:
        return self._pool.checkout(
            limits={"max_feed_duration_secs": seconds, "max_memory": self.limits.memory_mb * 2**20},
            os_policy={"sleep": "zero", "random_start": {"seed": 0}},
        )

    def _feed(self, session: Any, source: str, calls: tuple[tuple[Any, ...], ...]) -> Any:
        inputs = {"__heldout_calls": [_unshared(arguments) for arguments in calls]}
        return session.feed_run(source, inputs=inputs, print_callback=_swallow)

    def _read(self, returned: Any, calls: int) -> list[Answer]:
        """What the driver is said to have returned; a program can replace it, so nothing is believed."""
        if type(returned) is not list or len(returned) != calls:
            return [Answer(Status.REFUSED, error="The program left before its calls were answered.")] * calls
        return [self._answer(entry) for entry in returned]

    def _answer(self, entry: Any) -> Answer:
        match entry:
            case ("returned", value):
                return self._returned(value)
            case ("raised", str(kind), str(message)):
                return _raised(kind, message)
            case ("refused", str(message)):
                return Answer(Status.REFUSED, error=message[:_LONGEST_ERROR])
            case _:
                return Answer(Status.REFUSED, error="The program replaced what records its answers.")

    def _returned(self, value: Any) -> Answer:
        if type(value) in _SMALL or (type(value) is int and abs(value) < _SMALL_INT):
            return Answer(Status.RETURNED, value)
        try:
            size = len(encode(value))
        except NotPlain as error:
            return Answer(Status.REFUSED, error=str(error))
        if size > self.limits.output_bytes:
            return Answer(Status.REFUSED, error=f"It returned {size} bytes; the limit is {self.limits.output_bytes}.")
        return Answer(Status.RETURNED, value)

    def _from_error(self, error: Any) -> Answer:
        if isinstance(error, self._monty.MontySyntaxError):
            return Answer(Status.SYNTAX, error=error.display(format="msg")[:_LONGEST_ERROR])
        if isinstance(error, self._monty.MontyCrashedError):
            if error.timed_out:
                return Answer(Status.TIMEOUT, error="The worker did not stop in time and was ended.")
            return Answer(Status.INFRASTRUCTURE, error=f"The worker died: {error}"[:_LONGEST_ERROR])
        if isinstance(error, self._monty.MontyRuntimeError):
            kind, _, message = error.display(format="type-msg").partition(": ")
            return _raised(kind, message)
        return Answer(Status.INFRASTRUCTURE, error=f"{type(error).__name__}: {error}"[:_LONGEST_ERROR])


def load() -> Any:
    """Import pydantic_monty, or say how to install it.

    Raises
    ------
    MissingSandbox
        When it is absent.
    """
    try:
        import pydantic_monty
    except ImportError:
        raise MissingSandbox(
            'The monty sandbox needs pydantic-monty, which is not installed; run: pip install "heldout[sandbox]"'
        ) from None
    if importlib.util.find_spec("opentelemetry") is None:
        # It asks for this with every program, and a search that fails takes as long as a short program runs.
        sys.modules.setdefault("opentelemetry", cast(ModuleType, None))
    return pydantic_monty


def _unshared(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """A copy where one is needed: monty makes one object of a list that occurs in two calls."""
    if all(type(argument) in (int, str, float, bool) for argument in arguments):
        return arguments
    return copy.deepcopy(arguments)


def _joined(program: Program, driver: str) -> str:
    return f"{program.source}\n{driver.replace('ENTRY', program.entry)}"


def _swallow(stream: str, text: str) -> None:
    """Without this, what a program prints would go to the host's stdout."""


def _raised(kind: str, message: str) -> Answer:
    error = f"{kind}: {message}".removesuffix(": ")[:_LONGEST_ERROR]
    if kind == "TimeoutError" and "time limit exceeded" in message:
        return Answer(Status.TIMEOUT, error=error)
    if kind == "MemoryError":
        return Answer(Status.MEMORY, error=error)
    return Answer(Status.UNSUPPORTED if _is_missing(kind, message) else Status.RAISED, error=error)


def _is_missing(kind: str, message: str) -> bool:
    """Whether CPython would have had what monty says is not there."""
    quoted = re.findall(r"'([^']*)'", message)
    if kind == "NotImplementedError":
        return message.startswith(("The monty ", "Wildcard imports "))
    if kind == "RuntimeError":
        return message.startswith("Internal error in monty") or message.endswith("is not supported in this environment")
    if kind == "ModuleNotFoundError":
        return bool(quoted) and quoted[0].split(".")[0] in sys.stdlib_module_names
    if kind == "NameError":
        return bool(quoted) and hasattr(builtins, quoted[0])
    if kind == "ImportError":  # cannot import name 'x' from 'module'
        return len(quoted) > 1 and _has("module", quoted[1], quoted[0])
    if kind == "UnicodeEncodeError":
        return "surrogates not allowed" in message  # an argument with half a character
    if kind == "TypeError":
        return message.startswith("cannot create '") and message.endswith("' instances")
    return kind == "AttributeError" and len(quoted) > 1 and _has(message.split(" ")[0], *quoted[:2])


# The modules that monty has in part; a name from a program decides which of them is looked at, so no others.
_MODULES = re.compile(
    "asyncio|bisect|collections|datetime|decimal|functools|itertools|json|math|os|pathlib|random|re|sys|time|typing"
)


def _has(what: str, owner: str, attribute: str) -> bool:
    """Whether CPython's module or builtin type of this name has the attribute."""
    if what == "module":
        return bool(_MODULES.fullmatch(owner)) and hasattr(importlib.import_module(owner), attribute)
    return hasattr(getattr(builtins, owner, None), attribute)
