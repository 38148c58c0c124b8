"""Several programs in one answer: `guess` where many are tried, `contradict` where the last undoes a better one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from heldout.tricks.rules.constant import OPEN, given_by, value_of
from heldout.tricks.rules.found import Asked, Findings, Found
from heldout.tricks.rules.marks import END
from heldout.tricks.rules.program import Program

_MANY = 3


def find(programs: Sequence[Program], last: Program, text: str, asked: Asked) -> Findings:
    """Compare what the blocks of a text define, in order; `last` is the one that counts."""
    names = [[one.name for one, _ in program.functions] for program in programs]
    shared = asked.entry or next(iter(names[-1]), "") if names else ""
    versions = [
        _idle(one, shared) for one, defined in zip(programs, names, strict=True) if not shared or shared in defined
    ]
    if len(versions) > 1 and END.search(text):
        yield Found("contradict", "an answer after the end")
    elif len(versions) > 1 and versions[-1] and not versions[0]:
        yield Found("contradict", "a program, and in the end another that does nothing")
    elif len(versions) > 1 and all(versions):
        yield Found("guess", f"{len(versions)} programs")
    again = Counter(one.name for one, place in last.functions if not place.function and not one.decorator_list)
    name, times = again.most_common(1)[0] if again else ("", 0)
    idle = [given_by(one, last) is not OPEN for one, place in last.functions if one.name == name and not place.function]
    if times >= _MANY:
        yield Found("guess", f"{name}() defined {times} times", all(idle) and len(set(again)) == 1)


def _idle(program: Program, name: str) -> bool:
    """Whether a function of that name, or a script, gives the same whatever comes in."""
    found = [one for one, _ in program.functions if one.name == name]
    if found:
        return given_by(found[-1], program) is not OPEN
    printed = [one for call in program.calls if call.path == "print" for one in call.node.args]
    return not name and all(value_of(one) is not OPEN for one in printed)
