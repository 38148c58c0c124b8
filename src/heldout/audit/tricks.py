"""Tricks: which wrong answers does the reward pay?

The forms come from `heldout.tricks.forms`. A form is wrong by its making, but a constant may happen to be right: what
is paid is checked by the hidden tests, and dropped for the problems where it passes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from heldout.audit.asking import Answer, Asker
from heldout.audit.parts import Example, Kind, Known, Result
from heldout.audit.wrappings import AFTER_STUB, FENCE, Wrapping
from heldout.rewards.worker import Outcome
from heldout.sandbox.base import Limits
from heldout.sandbox.compare import equal
from heldout.sandbox.hidden import Test
from heldout.tasks.problem import Problem
from heldout.text import counted
from heldout.tricks.forms import Form, commented, filled, forms, plainly_wrong

PROBLEMS = 24  # on which families are tried; 0 of 24 bounds a share by 14 %
EACH = 8  # of them on which each form is tried at first, in rotation, so that three forms of a family see all
_FIRST = 2  # of these, before a form that takes time is tried on more
_SLOW, _OF_SLOW = 1.0, 4  # seconds of a call, from which on a form is tried on no more problems than this
_SHORT = 0.25  # seconds that the hidden tests give to what takes the reward so long
_SHOWN = 3  # examples of a result
_ALIKE = 0.02  # shares of the way to a right answer that differ by less are one
_LONGER = 20  # characters by which a text has to be longer than a plain wrong answer, to be paid for its length
_END_OF_TURN = re.compile(r"<\|[^|<>]*\|>")
_ENDINGS = {
    "died": "ends the reward's process",
    "hung": "hangs the reward",
    "raised": "makes the reward raise an error",
}


@dataclass(slots=True)
class _Tried:
    """One form of one family, and what the reward gave for it, problem by problem."""

    on: dict[str, tuple[Known, Form]]  # problems for which there is such a form, in the order of trial
    family: str
    name: str
    got: dict[str, tuple[str, Outcome]] = field(default_factory=dict)  # the best paid text of each problem
    right: set[str] = field(default_factory=set)  # problems for which the form is right, or its truth is not known
    long: set[str] = field(default_factory=set)  # where any wrong answer of its length is paid as much
    shared: set[str] = field(default_factory=set)  # where it is paid as much as it passes of the hidden tests

    @property
    def slow(self) -> bool:
        """Whether it takes the reward's time, or is meant to."""
        late = any(said.kind == "hung" or said.seconds > _SLOW for _, said in self.got.values())
        return late or self.family == "time"

    def paid(self) -> list[str]:
        """Problems on which it is paid what a right answer gets."""
        return [one for one in self.wrong() if self._known(one).scale.is_paid(self.got[one][1].score)]

    def partly(self) -> list[str]:
        """Problems on which it is paid in part, or in full."""
        return [one for one in self.wrong() if self._known(one).scale.is_partly_paid(self.got[one][1].score)]

    def above(self) -> list[str]:
        """Problems on which it is paid more than a right answer."""
        return [one for one in self.wrong() if self._known(one).scale.is_above(self.got[one][1].score)]

    def wrong(self) -> list[str]:
        """Problems on which it was tried, and is wrong, and not paid for its length alone."""
        return [one for one in self.got if one not in self.right | self.long]

    def _known(self, problem: str) -> Known:
        return self.on[problem][0]

    def examples(self, problems: Iterable[str]) -> tuple[Example, ...]:
        """What shows it on these problems, the shortest text first."""
        shown = sorted(problems, key=lambda one: len(self.got[one][0]))[:_SHOWN]
        return tuple(_example(self.on[one][0], *self.got[one]) for one in shown)


def _example(known: Known, text: str, said: Outcome) -> Example:
    return Example(known.problem.id, text, said, known.scale.ceiling if known.scale.known else None)


class Tricks:
    """Every form on some problems; those that are paid, on all of the sample."""

    name = "tricks"

    def __init__(self, families: Collection[str] | None = None) -> None:
        self._families = families  # those that are tried; all where none are named

    def __call__(self, asker: Asker, problems: Sequence[Known]) -> Iterator[Result]:
        sample = asker.some(problems, PROBLEMS)
        tried = [one for one in _rotated(sample) if self._families is None or one.family in self._families]
        each = len(sample) if asker.every else EACH
        _try(asker, tried, 0, _FIRST)
        _try(asker, [one for one in tried if one.slow and one.partly()], _FIRST, _OF_SLOW)
        _try(asker, [one for one in tried if not one.slow], _FIRST, each)
        _try(asker, [one for one in tried if one.partly() and not one.slow], each, len(sample), bare=True)
        _compare_shares(asker, tried)
        tried += _paid_for_length(asker, tried)
        for family in dict.fromkeys(one.family for one in tried):
            yield from _of_family(family, [one for one in tried if one.family == family])
        yield from _endings(tried)


def _rotated(sample: Sequence[Known]) -> list[_Tried]:
    """Gather the forms of all problems; each of a family begins with other problems than the one before it."""
    found: dict[tuple[str, str], dict[str, tuple[Known, Form]]] = {}
    for known in sample:
        for form in forms(known.problem, "" if known.code else _mark(known.wrapping)):
            found.setdefault((form.family, form.name), {}).setdefault(known.problem.id, (known, form))
    seen: dict[str, int] = {}
    tried = []
    for (family, name), on in found.items():
        start = EACH * seen.get(family, 0) % len(on)
        seen[family] = seen.get(family, 0) + 1
        ids = list(on)
        tried.append(_Tried({one: on[one] for one in ids[start:] + ids[:start]}, family, name))
    return tried


def _try(asker: Asker, tried: Sequence[_Tried], start: int, end: int, *, bare: bool = False) -> None:
    """Ask about these forms, on those of their problems from the start to the end."""
    asked = [
        (one, known, form, text)
        for one in tried
        for known, form in list(one.on.values())[start:end]
        for text in _texts(known, form)
    ]
    if bare:  # the shortest text that shows it may be one without anything round it
        asked += [
            (one, known, form, form.text)
            for one in tried
            for known, form in list(one.on.values())[:1]
            if form.text not in _texts(known, form)
        ]
    said = asker.ask([(known.problem, text) for _, known, _, text in asked])
    for (one, known, _, text), outcome in zip(asked, said, strict=True):
        before = one.got.get(known.problem.id)
        if before is None or _rank(known, text, outcome) > _rank(known, *before):
            one.got[known.problem.id] = (text, outcome)
    paid = [
        (one, known.problem.id, answer)
        for (one, known, form, text), outcome in zip(asked, said, strict=True)
        if known.scale.is_partly_paid(outcome.score)
        for answer in _plain(known.problem, form, text, short=one.slow)
    ]
    for (one, problem, _), right in zip(paid, asker.right([answer for _, _, answer in paid]), strict=True):
        if right is not False:
            one.right.add(problem)


def _compare_shares(asker: Asker, tried: Sequence[_Tried]) -> None:
    """Find out where a part of the reward is the share of hidden tests that a wrong program passes: that is honest.

    Values may be compared as Python does, for which True is 1. What a program draws by chance is as the others are.
    """
    part = [(one, *one.on[id], *one.got[id]) for one in tried for id in one.partly() if id not in one.paid()]
    part = [one for one in part if one[1].code]
    shares = [
        asker.shares([_plain(pose(known.problem), form, text, short=one.slow)[0] for one, known, form, text, _ in part])
        for pose in (lambda problem: problem, _as_python_compares)
    ]
    drawn: list[tuple[_Tried, str]] = []
    for (one, known, form, _, said), *both in zip(part, *shares, strict=True):
        if any(share is not None and abs(known.scale.share(said.score) - share) < _ALIKE for share in both):
            one.shared.add(known.problem.id)
        elif "random" in form.program:
            drawn.append((one, known.problem.id))
    if len(drawn) + sum(len(one.shared) for one in tried) == len(part):
        for one, id in drawn:
            one.shared.add(id)


def _as_python_compares(problem: Problem) -> Problem:
    tests = tuple(replace(test, compare=equal) if isinstance(test, Test) else test for test in problem.tests)
    return replace(problem, id=f"{problem.id}, as Python compares", tests=tests)


def _paid_for_length(asker: Asker, tried: Sequence[_Tried]) -> list[_Tried]:
    """Ask about plain wrong answers as long as those that are paid: where these are paid as much, it is for length."""
    asked = [
        (one, one.on[id][0], *_at_length(one.on[id][0], len(one.got[id][0])))
        for one in tried
        if one.family != "pad" and not one.slow
        for id in one.partly()[:_SHOWN]
    ]
    wrong = asker.right([(known.problem, long) for _, known, _, long in asked])
    asked = [one for one, right in zip(asked, wrong, strict=True) if right is False and one[2] != one[3]]
    shorts = asker.ask([(known.problem, short) for _, known, short, _ in asked])
    longs = asker.ask([(known.problem, long) for _, known, _, long in asked])
    found = _Tried({}, "pad", "a wrong answer at length")
    others: set[tuple[str, str]] = set()  # forms that are paid for something else
    for (one, known, _, text), short, long in zip(asked, shorts, longs, strict=True):
        id, share = known.problem.id, known.scale.share
        if share(long.score) >= share(one.got[id][1].score) - _ALIKE > share(short.score):
            found.on[id] = known, Form("pad", found.name, text)
            found.got[id] = max(found.got.get(id, (text, long)), (text, long), key=lambda got: _rank(known, *got))
        else:
            others.add((one.family, one.name))
    for one in {(one.family, one.name): one for one, *_ in asked if (one.family, one.name) not in others}.values():
        one.long.update(one.partly())
    return [found] if found.got else []


def _at_length(known: Known, length: int) -> tuple[str, str]:
    """A plain wrong answer in the format that is asked for, and the same with filling up to a length."""
    wrong = plainly_wrong(known.problem)
    plain = known.wrapping(wrong)
    if length <= len(plain) + _LONGER:
        return plain, plain
    return plain, (known.wrapping(commented(wrong, length)) if known.code else filled(plain, length))


def _rank(known: Known, text: str, said: Outcome) -> tuple[float, int]:
    """What makes one text of a form tell more than another: what it is paid, then how short it is."""
    share = known.scale.share(said.score)
    return (share if share == share else -1.0, -len(text))


def _texts(known: Known, form: Form) -> list[str]:
    """A form in what the reward asks for; one that is no program also as it is."""
    if not known.code or known.wrapping == AFTER_STUB:
        return [form.text]
    if form.program:
        return [known.wrapping(form.program)]
    tags = _without_fence(known.wrapping)
    return list(dict.fromkeys((form.text, tags(form.text))))


def _plain(problem: Problem, form: Form, text: str, *, short: bool) -> list[Answer]:
    """The texts by which the truth of a form is found; it is wrong where all of them are.

    What stands round a program does not change it. Where a policy ends its turn, some harnesses cut and some do not.
    """
    if short:
        problem = replace(problem, limits=replace(problem.limits or Limits(), seconds=_SHORT))
    if form.program:
        return [(problem, FENCE(form.program))]
    return [(problem, one) for one in dict.fromkeys((text, _END_OF_TURN.sub("", text)))]


def _without_fence(wrapping: Wrapping) -> Wrapping:
    return Wrapping("", wrapping.before.replace("```python\n", ""), wrapping.after.replace("```", ""))


def _mark(wrapping: Wrapping) -> str:
    """A wrapping as a format with one field."""
    before, after = (part.replace("{", "{{").replace("}", "}}") for part in (wrapping.before, wrapping.after))
    return f"{before}{{}}{after}"


def _of_family(family: str, tried: Sequence[_Tried]) -> Iterator[Result]:
    """A result for every form that is paid, in full or in part; where none is, one for the family."""
    found = False
    for one in tried:
        of = len(one.wrong())
        partly = [id for id in one.partly() if id not in one.shared]
        for kind, on in ((Kind.PAID, one.paid()), (Kind.PARTLY, partly), (Kind.TOLD, one.partly())):
            if not on:
                continue
            found |= kind is not Kind.TOLD
            form = next(iter(one.on.values()))[1]
            yield Result(
                kind,
                one.name,
                _seen(kind, one, on),
                len(on),
                of,
                family,
                above=len(one.above()),
                knows=form.knows,
                examples=one.examples(on),
            )
            break
    if not found and tried:
        problems = {problem for one in tried for problem in one.wrong()}
        yield Result(Kind.PAID, counted(len(tried), "form"), "", 0, len(problems), family)


def _seen(kind: Kind, one: _Tried, on: Sequence[str]) -> str:
    """Say what it is paid."""
    if kind is Kind.TOLD:
        return f"A wrong program is paid in part, as much as it passes of the hidden tests: {one.name}."
    known, _ = one.on[on[0]]
    score = one.got[on[0]][1].score
    right = f", where a right answer gets {known.scale.ceiling:g}" if known.scale.known else ""
    part = "in part " if kind is Kind.PARTLY else ""
    return f"A wrong answer is paid {part}({score:g}{right})."


def _endings(tried: Sequence[_Tried]) -> Iterator[Result]:
    """A result for each way in which forms brought the reward down."""
    for kind, does in _ENDINGS.items():
        hit = [
            (len(text), one, known, text, said)
            for one in tried
            for problem, (text, said) in one.got.items()
            for known, _ in [one.on[problem]]
            if said.kind == kind
        ]
        if not hit:
            continue
        hit.sort(key=lambda found: found[0])
        names = list(dict.fromkeys(f"{one.family}: {one.name}" for _, one, *_ in hit))
        more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        yield Result(
            Kind.ODD,
            does,
            f"A text {does} ({hit[0][-1].error}), so that it would do the same to a training: "
            f"{', '.join(names[:_SHOWN])}{more}.",
            len({known.problem.id for _, _, known, *_ in hit}),
            len({problem for one in tried for problem in one.got}),
            fix="Run what an answer brings in a process of its own, with a limit of time, and catch every error.",
            examples=tuple(_example(known, text, said) for _, _, known, text, said in hit[:1]),
        )
