"""What all detectors share: parameters that are written once, the words of their findings as data, and their page."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from numbers import Real
from string import Formatter
from typing import Any, ClassVar, NamedTuple, TypeVar

from heldout.detectors.base import Block
from heldout.findings import Finding, Severity

_Value = TypeVar("_Value")

_HEAD = """\
# What the detectors ask

Made by `heldout detectors`. Each asks one question of a run, the same live and after the fact. The first
four look at the held-out score, `HackRate` at training answers that hidden tests judged too; the others, whose findings
are no evidence about what the model can do, speak of instability, collapse, saturation or a shift. *Simulated healthy
runs* are 2000 of 200 to 1000 steps: flat, drifting or improving levels under autocorrelated noise (AR(1), coefficient
0.5 to 0.95); `heldout bench signals` measures [what is found in them](bench.md#false-alarms-in-training-signals).

One of your own is passed in with the others, `diagnose(run, detectors=[*default_detectors(), Mine()])`, or named on the
command line of `report` and `watch`: `--detector mine.py:Mine`. It has a `name`, the metrics that it `needs`, and
`update(block)`, which returns findings. One that raises is named, and the others go on.
"""


class _Words(Formatter):
    """Fills the numbers of a sentence in as people write them: "24 %", and thousands without an exponent."""

    def format_field(self, value: Any, format_spec: str) -> str:
        text = str(format(value, format_spec))
        if format_spec.endswith("g") and text.endswith(("e+03", "e+04", "e+05")):
            return f"{float(text):.0f}"
        return f"{text[:-1]} %" if format_spec.endswith("%") else text


_WORDS = _Words()


class Range(NamedTuple):
    """What a parameter may be: as a test, and in words that go on from "it must be"."""

    allows: Callable[[Any], bool]
    words: str


def at_least(smallest: float) -> Range:
    """Return the range from a number on."""
    return Range(lambda value: _is_finite(value) and value >= smallest, f"at least {smallest:g} and finite")


def above(bound: float) -> Range:
    """Return the range beyond a number."""
    return Range(lambda value: _is_finite(value) and value > bound, f"above {bound:g} and finite")


def between(low: float, high: float) -> Range:
    """Return the range from one number to another, both allowed."""
    return Range(lambda value: _is_finite(value) and low <= value <= high, f"from {low:g} to {high:g}")


def whole(smallest: int) -> Range:
    """Return the whole numbers from one on."""
    return Range(
        lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= smallest,
        f"a whole number of at least {smallest}",
    )


COUNT = whole(1)
FRACTION = Range(lambda value: _is_finite(value) and 0.0 < value < 1.0, "between 0 and 1, both excluded")


def _is_finite(value: Any) -> bool:
    return isinstance(value, Real) and math.isfinite(value)


def parameter(default: _Value, allowed: Range, meaning: str) -> _Value:
    """Declare a parameter of a detector: its default, what it may be, and what it means."""
    return field(default=default, metadata={"allowed": allowed, "meaning": meaning})


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """The words of one kind of finding: format strings for the detector's parameters and the finding's numbers."""

    severity: Severity
    seen: str
    against: str
    means: str
    advice: str
    reference: str = ""


@dataclass(eq=False, kw_only=True)
class Question:
    """A detector whose parameters are the fields of a dataclass, so that ``repr`` tells what was run.

    A subclass adds its parameters, says in `_reset` what it remembers, and in `update` what it looks for.
    """

    name: ClassVar[str]
    needs: ClassVar[tuple[str, ...]]
    texts: ClassVar[Mapping[str, Text]]  # kind of finding → its words
    caveat: ClassVar[str] = ""  # what every finding of it says at the end of what it means

    def __post_init__(self) -> None:
        for declared in fields(self):
            allowed, value = declared.metadata.get("allowed"), getattr(self, declared.name)
            if allowed is not None and not allowed.allows(value):
                raise ValueError(f"{declared.name} is {value!r}; it must be {allowed.words}.")
        self._reset()

    def update(self, block: Block) -> list[Finding]:
        """Take in a block; return what was found in it, in order of steps."""
        raise NotImplementedError

    def _reset(self) -> None:
        """Begin: nothing was seen yet."""

    def _finding(
        self,
        kind: str,
        steps: tuple[int, int],
        evidence: Mapping[str, float],
        also: Mapping[str, object] | None = None,
        severity: Severity | None = None,
    ) -> Finding:
        """Fill the words of a kind with the parameters, the evidence, and what else they name."""
        text = self.texts[kind]
        known = {**vars(self), **evidence, **(also or {})}
        return Finding(
            detector=self.name,
            severity=severity or text.severity,
            kind=kind,
            step=steps[1],
            steps=steps,
            seen=_WORDS.vformat(text.seen, (), known),
            against=_WORDS.vformat(text.against, (), known),
            means=f"{_WORDS.vformat(text.means, (), known)} {self.caveat}".rstrip(),
            advice=_WORDS.vformat(text.advice, (), known),
            reference=text.reference,
            evidence=evidence,
        )


def as_markdown(questions: Iterable[type[Question]]) -> str:
    """Return docs/detectors.md: for each its question, what it cannot see, its false alarms and its parameters."""
    return "\n".join([_HEAD, *map(_section, questions)])


def _section(make: type[Question]) -> str:
    text = inspect.cleandoc(make.__doc__ or "").partition("\nReferences\n")[0].strip()
    question, _, rest = text.partition("\n")
    rest = re.sub(r"``(.+?)``", r"`\1`", rest.strip())
    rows = [
        f"| `{one.name}` | {one.default!r} | {one.metadata['allowed'].words} | {one.metadata['meaning']} |"
        for one in fields(make)
    ]
    table = ["| parameter | default | allowed | meaning |", "|---|---|---|---|", *rows]
    needs = f"Name: `{make.name}`. Needs: {' or '.join(f'`{need}`' for need in make.needs)}."
    return "\n".join([f"## {make.__name__}", "", f"**{question}** {needs}", "", rest, "", *table, ""])
