"""Right answers in many writings: which of them does the reward reject?

A reward that takes one writing of a right answer for wrong punishes what it should teach. Every writing here comes from
an answer that is known to be right, and counts only if it passes the hidden tests itself. Those that leave the format
which the prompt asks for are told apart: to reject them is no flaw.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from heldout.audit.asking import Asker
from heldout.audit.baselines import wrappings_for
from heldout.audit.parts import Example, Kind, Known, Result
from heldout.audit.rewriting import of_function, of_program
from heldout.audit.wrappings import Wrapping
from heldout.rewards.worker import Outcome
from heldout.sandbox.base import Stdin
from heldout.sandbox.hidden import Test
from heldout.tasks.replies import exact_number
from heldout.text import sentence_list

KNOWN = "as it is known"  # the writing that the task itself gives
AFTER, BEFORE, BEFORE_LONG = "after a text", "before a text", "before a long text"
AFTER_EXAMPLE, BEFORE_EXAMPLE = "after an example in a fence", "before an example in a fence"
AFTER_DRAFT = "after thinking with a wrong draft"
PROBLEMS = 40  # that are looked at, unless all are wanted
_PROSE = "I go through what is asked, and look at the edge cases first.\n\n"
_LONG = "\n\n" + "It takes time in proportion to what goes in, and that is as good as it gets here. " * 9
_SHORT = "\n\nThat is it."
_DRAFT = "<think>\nA first try:\n```python\ndef first_try(*args):\n    return None\n```\nThat is wrong.\n</think>\n"
_GUESS = "<think>\nIs it 12345? No, I should go through it again, step by step.\n</think>\n"
_EXAMPLE = "It is used like this:\n\n```python\nprint('for example')\n```\n\nThat is how.\n\n"
_MARKS = ("```", "<", "\\boxed", "####")  # by which a text is found among others
_ASKS_FOR_FENCES = re.compile(r"```|~~~|code ?block|fenced|markdown", re.I)


@dataclass(frozen=True, slots=True)
class Writing:
    """A right answer, written in one way."""

    name: str  # "with a helper", "after a long text", …
    text: str
    asked: bool = True  # whether the format that is asked for allows it


def writings(known: Known) -> Iterator[Writing]:
    """Yield what is known to be right in its many writings; without truth there are none.

    Nothing here has been run: whether a writing is still right, the hidden tests have to say.
    """
    if not known.programs:
        return
    seen: set[str] = set()
    for one in _of_program(known, known.programs[0]) if known.code else _of_answer(known, known.programs[0]):
        if one.text not in seen:
            seen.add(one.text)
            yield one


def _of_program(known: Known, source: str) -> Iterator[Writing]:
    wrap = known.wrapping
    yield Writing(KNOWN, wrap(source))
    for name, text in _rewritten(known, source):
        if text.strip() != source.strip():
            yield Writing(name, wrap(text))
    for name, change in _LAYOUTS.items():
        yield Writing(name, wrap(change(source)))
    yield Writing("with lines that end in CR and LF", wrap(source).replace("\r\n", "\n").replace("\n", "\r\n"), False)
    yield from _around(wrap(source), wrap, _AROUND_PROGRAMS)
    yield from _in_fences(known, source)
    yield Writing("indented by four", "".join(f"    {line}\n" for line in source.rstrip().split("\n")), False)
    yield Writing("behind a byte order mark", "\ufeff" + wrap(source), False)


def _in_fences(known: Known, source: str) -> Iterator[Writing]:
    """Yield a program without a fence, and in others than the usual one, where tags round it stay.

    A mark at the fence may be another one only where the prompt asks for fences and names none.
    """
    before, after = known.wrapping.before.replace("```python\n", ""), known.wrapping.after.replace("```", "")
    free = bool(_ASKS_FOR_FENCES.search(known.problem.prompt)) and "```python" not in known.problem.prompt
    fenced = "```" in known.wrapping.before
    yield Writing("without a fence", Wrapping("", before, after)(source), not fenced)
    for name, opening, asked in (
        ("in a fence marked py", "```py\n", fenced and free),
        ("in a fence without a mark", "```\n", fenced and free),
        ("in a fence of tildes", "~~~python\n", False),
    ):
        closing = opening[:3] + after if after.startswith("\n") or not after else f"{opening[:3]}\n{after}"
        yield Writing(name, f"{before}{opening}{source.rstrip()}\n{closing}", asked)


def _around(text: str, wrap: Wrapping, several: Sequence[tuple[str, str, str]]) -> Iterator[Writing]:
    """Yield a text among others; only where something marks it, the format allows that."""
    for name, before, after in several:
        if not ("<think>" in before and "<think>" in wrap.before):
            yield Writing(name, before + text + after, any(mark in wrap.before for mark in _MARKS))


def _rewritten(known: Known, source: str) -> Iterator[tuple[str, str]]:
    tests = known.problem.tests
    if any(isinstance(test.asked, Stdin) for test in tests):
        return of_program(source)
    keywords = any(not isinstance(test, Test) or test.kwargs for test in tests)
    return of_function(source, known.problem.entry_point, keywords=keywords)


_LAYOUTS: Mapping[str, Callable[[str], str]] = {
    "indented by tabs": lambda text: re.sub(r"^(?: {4})+", lambda found: "\t" * (len(found[0]) // 4), text, flags=re.M),
    "with blanks at the end of lines": lambda text: re.sub(r"(?<=\S)$", "   ", text, flags=re.M),
    "without a final line feed": lambda text: text.rstrip("\n"),
    "with comments": lambda text: f"# the whole program\n{text.rstrip()}\n# that is all\n",
    "with blank lines": lambda text: f"\n\n{text}\n\n",
}
_AROUND_PROGRAMS = (
    (AFTER, _PROSE, ""),
    (BEFORE, "", _SHORT),
    (BEFORE_LONG, "", _LONG),
    (AFTER_EXAMPLE, _EXAMPLE, ""),
    (BEFORE_EXAMPLE, "", f"\n\n{_EXAMPLE}"),
    (AFTER_DRAFT, _DRAFT, ""),
)
_AROUND_ANSWERS = (
    (AFTER, "I go through it step by step, with 3 cases.\n\n", ""),
    (BEFORE, "", _SHORT),
    (BEFORE_LONG, "", _LONG),
    (AFTER_DRAFT, _GUESS, ""),
    ("among empty lines", "\n\n", "\n\n"),
)


def _of_answer(known: Known, answer: str) -> Iterator[Writing]:
    wrap = known.wrapping
    yield Writing(KNOWN, wrap(answer))
    yield Writing("between blanks", wrap(f" {answer} "), not wrap.before or bool(wrap.after))  # a line has no end
    for name, text, asked in _numbers(answer):
        if text != answer:
            yield Writing(name, wrap(text), asked)
    yield from _around(wrap(answer), wrap, _AROUND_ANSWERS)
    boxed = "\\boxed" in wrap.before and "<" not in wrap.before
    for name, text in (
        ("in a box, in a formula of its own", f"\\[\n\\boxed{{{answer}}}\n\\]"),
        ("in a box, bold", f"**\\boxed{{{answer}}}**"),
        ("in a box, as an equation", f"So $x = \\boxed{{{answer}}}$."),
    ):
        yield Writing(name, text, boxed)
    for name, text in (
        ("after 'the answer is'", f"The answer is {answer}."),
        ("after 'answer:'", f"Answer: {answer}"),
        ("after 'answer:', bold", f"**Answer:** {answer}"),
        ("between dollars", f"The answer is ${answer}$."),
        ("after four hashes", f"#### {answer}"),
        ("in answer tags", f"<answer>{answer}</answer>"),
        ("alone", answer),
    ):
        yield Writing(name, text, wrap(answer).strip() == text.strip())


def _numbers(answer: str) -> Iterator[tuple[str, str, bool]]:
    """Yield a number in other writings of the same value, and whether one may expect them."""
    value = exact_number(answer)
    if value is None:
        return
    sign, size = "-" if value < 0 else "", abs(value)
    yield "with a unit", f"{answer} \\text{{ units}}", False
    yield "between dollars in its place", f"${answer}$", False
    yield "not reduced", f"{sign}\\frac{{{size.numerator * 2}}}{{{size.denominator * 2}}}", False
    if value.denominator == 1:
        yield "with a point and a zero", f"{value}.0", True
        yield "with commas", f"{int(value):,}", True
        return
    yield "as a fraction in a line", f"{value.numerator}/{value.denominator}", True
    yield "as a fraction", f"{sign}\\frac{{{size.numerator}}}{{{size.denominator}}}", True
    yield "as a large fraction", f"{sign}\\dfrac{{{size.numerator}}}{{{size.denominator}}}", True
    decimal = f"{float(value):.6f}".rstrip("0")
    if Fraction(decimal) == value:
        yield "with a point", decimal, True


class Writings:
    """The part of an audit that finds right answers which the reward rejects."""

    name = "writings"

    def __call__(self, asker: Asker, problems: Sequence[Known]) -> Iterator[Result]:
        """Yield a result for every writing, found where the reward rejects it.

        Where the known solution itself is rejected, its other writings say nothing, and do not count.
        """
        some = asker.some([one for one in problems if one.programs], PROBLEMS)
        if some and not any(one.scale.known for one in some):
            yield _none_is_paid(asker, some)
            return
        asked = [(known, writing) for known in some for writing in writings(known)]
        answers = [(known.problem, writing.text) for known, writing in asked]
        right = asker.right(answers)
        kept = [one for one, passed in zip(asked, right, strict=True) if passed]
        outcomes = asker.ask([(known.problem, writing.text) for known, writing in kept])
        lost = {
            known.problem.id
            for (known, writing), outcome in zip(kept, outcomes, strict=True)
            if writing.name == KNOWN and _rejected(known, outcome)
        }
        tried: dict[tuple[str, bool], list[tuple[Known, str, Outcome]]] = {}
        for (known, writing), outcome in zip(kept, outcomes, strict=True):
            if writing.name != KNOWN and known.problem.id in lost:
                continue  # it is not the writing for which this one is rejected
            tried.setdefault((writing.name, writing.asked), []).append((known, writing.text, outcome))
        alone = _left_alone(tried)
        for (name, inside), seen in tried.items():
            yield _result(name, inside and name not in alone, seen)


_Tried = Mapping[tuple[str, bool], Sequence[tuple[Known, str, Outcome]]]


def _left_alone(tried: _Tried) -> set[str]:
    """Which writings with a text around are outside the format: where no text whatever may stand on that side.

    Most formats of thinking and an answer are such. Where a short text may follow and a long one may not, that is no
    format but a window in which the answer is looked for. Where a second block is allowed neither before nor after the
    answer, exactly one is asked for, and drafts count as well.
    """
    closed = {name for (name, _), seen in tried.items() if seen and all(_rejected(one, said) for one, _, said in seen)}
    alone = {BEFORE, BEFORE_EXAMPLE} | (closed & {AFTER})
    alone |= {BEFORE_LONG} if closed >= {BEFORE, BEFORE_LONG} else set()
    return alone | ({AFTER_EXAMPLE, AFTER_DRAFT} if closed >= {AFTER_EXAMPLE, BEFORE_EXAMPLE} else set())


def _none_is_paid(asker: Asker, some: Sequence[Known]) -> Result:
    """Say that no right answer was paid, whatever stood round it: nothing more can be said of right answers."""
    answers = [(one, one.wrapping(one.programs[0])) for one in some]
    said = asker.ask([(one.problem, text) for one, text in answers])
    result = _result(KNOWN, True, [(*one, outcome) for one, outcome in zip(answers, said, strict=True)])
    names = sentence_list([one.name for one in wrappings_for(some)], "and")
    seen = f"No right answer was paid in any of the formats that were tried: {names}."
    fix = "Give answers that are paid, whole as they are written, with --solutions FILE; or let the reward read these."
    return replace(result, seen=seen, fix=fix) if result.found else result


def _rejected(known: Known, outcome: Outcome) -> bool:
    """Whether a right answer gets no good part of what right answers get; of no verdict (None) nothing is known."""
    if outcome.kind == "scored":
        return outcome.score is not None and not known.scale.is_partly_paid(outcome.score)
    return outcome.kind != "not run"


def _result(name: str, asked: bool, seen: Sequence[tuple[Known, str, Outcome]]) -> Result:
    judged = [one for one in seen if one[2].kind != "scored" or one[2].score is not None]
    found = [one for one in judged if _rejected(one[0], one[2])]
    examples = sorted(
        (Example(known.problem.id, text, outcome, known.scale.ceiling) for known, text, outcome in found),
        key=lambda one: len(one.text),
    )
    if asked:
        told = f"A right answer {name} is rejected."
        fix = "Read an answer by what it means and not by how it is written, so that this one is paid as well."
    else:
        told = f"A right answer {name} is rejected; that is outside the format in which the reward pays right ones."
        fix = "Say in the prompt which format is read, or read this one too."
    kind = Kind.REJECTED if asked else Kind.TOLD
    return Result(
        kind,
        name,
        told if found else "",
        len(found),
        len(judged),
        fix=fix if found else "",
        examples=tuple(examples[:3]),
    )
