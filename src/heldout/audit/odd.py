"""Texts that nobody expects: what does the reward do with nothing, ten megabytes, NUL, half characters, deep nesting?

It may pay what it likes for them, which other parts look at, but it must give a number, and may not spoil what the
other answers of a batch get.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from heldout.audit.asking import Asker
from heldout.audit.parts import Example, Kind, Known, Result
from heldout.rewards.worker import Outcome

PROBLEMS = 2  # that are looked at, unless all are wanted
_LARGE = 10_000_000  # characters
_DEEP = 20_000
TEXTS: Mapping[str, str] = {
    "an empty text": "",
    "blanks alone": " \t\r\n ",
    "a text with NUL": "a\x00b",
    "half a character": "\ud800",
    "what is no character": "\ufffe\uffff\U0010ffff",
    "codes that a terminal obeys": "\x1b[2J\x1b]0;title\x07\r\x08",
    "text from right to left": "\u202eabc\u2066\u0627\u0644",
    "ten megabytes": "x" * _LARGE,
    "many lines": "\n" * 200_000,
    "many brackets": "(" * _DEEP,
    "many brackets in a fence": "```python\n" + "(" * _DEEP + ")" * _DEEP + "\n```",
    "many fences": "```python\n```\n" * 5_000,
    "a fence that never ends": "```python\nx = 1\n" + "y = 2\n" * 1_000,
    "many tags": "<think>" * 5_000 + "<answer>" * 5_000,
    "many boxes": "\\boxed{" * 5_000,
    "a number of 5 000 digits": f"\\boxed{{{'9' * 5_000}}}",
    "a power without end": "\\boxed{9**9**9**9}",
    "NaN": "\\boxed{nan}",
    "an endless number": "\\boxed{inf}",
    "a number beyond all": "\\boxed{1e999}",
    "a division by zero": "\\boxed{1/0}",
    "a fraction of nothing": "\\boxed{\\frac{}{}}",
    "an unbalanced brace": "\\boxed{1",
    "digits of another script": "\\boxed{\u0664\u0662}",
    "a JSON object": '{"answer": NaN, "score": 1e999}',
    "a format of Python": "{0} {} %s %(a)d {a.__class__}",
}
_ENDINGS = {
    "died": ("ends the process of the reward", "Judge in a process of its own, and pay nothing where it ended."),
    "hung": ("hangs the reward", "Limit the time and the length of what is judged, and pay nothing beyond."),
    "raised": ("makes the reward raise an error", "Catch what reading an answer raises, and pay nothing for it."),
    "number": (
        "makes the reward give what is no finite number",
        "Give a finite number, or None, whatever is answered.",
    ),
}


class Odd:
    """The part of an audit that asks about odd texts."""

    name = "odd texts"

    def __call__(self, asker: Asker, problems: Sequence[Known]) -> Iterator[Result]:
        """Yield a result for every text, found where no number came back, and one for what happens in a batch."""
        some = asker.some(problems, PROBLEMS)
        asked = list(product(TEXTS, some))
        outcomes = asker.ask([(known.problem, TEXTS[name]) for name, known in asked])
        seen: dict[str, list[tuple[Known, Outcome]]] = {name: [] for name in TEXTS}
        for (name, known), outcome in zip(asked, outcomes, strict=True):
            seen[name].append((known, outcome))
        for name, of_text in seen.items():
            yield _result(name, of_text)
        yield self._beside(asker, [one for one in some if one.programs])

    def _beside(self, asker: Asker, some: Sequence[Known]) -> Result:
        """A right answer in one batch with an odd text must get what it gets alone."""
        asked = [(known, name, known.wrapping(known.programs[0])) for known in some[:1] for name in TEXTS]
        alone = asker.ask([(known.problem, text) for known, _, text in asked])
        runs = asker.run([[[(known.problem, TEXTS[name]), (known.problem, text)]] for known, name, text in asked])
        spoilt = [
            (known, name, now)
            for (known, name, _), before, ((_, now),) in zip(asked, alone, runs, strict=True)
            if _what(before) is None and _what(now) is not None
        ]
        names = ", ".join(name for _, name, _ in spoilt[:5])
        return Result(
            Kind.ODD,
            "a right answer beside an odd text",
            f"A right answer gets no number where one text of its batch is odd: {names}." if spoilt else "",
            len({known.problem.id for known, *_ in spoilt}),
            len({known.problem.id for known, *_ in asked}),
            fix="Score each answer by itself, so that one answer costs no other its score." if spoilt else "",
            examples=tuple(
                Example(
                    known.problem.id,
                    TEXTS[name],
                    now,
                    known.scale.ceiling,
                    f"beside it a right answer gets {_got(now)}",
                )
                for known, name, now in sorted(spoilt, key=lambda one: len(TEXTS[one[1]]))[:3]
            ),
        )


def _what(outcome: Outcome) -> str | None:
    """What is wrong with an outcome: a key of `_ENDINGS`, or None. To give no score (None) is fine."""
    if outcome.kind != "scored":
        return outcome.kind if outcome.kind in _ENDINGS else None
    return None if outcome.score is None or math.isfinite(outcome.score) else "number"


def _got(outcome: Outcome) -> str:
    return outcome.error or outcome.kind if outcome.score is None else f"{outcome.score:g}"


def _result(name: str, seen: Sequence[tuple[Known, Outcome]]) -> Result:
    found = [(known, outcome, what) for known, outcome in seen if (what := _what(outcome))]
    told, fix = _ENDINGS[found[0][2]] if found else ("", "")
    return Result(
        Kind.ODD,
        name,
        f"{name[0].upper()}{name[1:]} {told}: {_got(found[0][1])}." if found else "",
        len({known.problem.id for known, *_ in found}),
        len({known.problem.id for known, _ in seen}),
        fix=fix,
        examples=tuple(
            Example(known.problem.id, TEXTS[name], outcome, known.scale.ceiling if known.scale.known else None)
            for known, outcome, _ in found[:1]
        ),
    )
