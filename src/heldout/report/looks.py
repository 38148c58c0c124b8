"""What the hack looks like, in the words that the page, the Markdown and the terminal share.

Answers are untrusted: what is returned here holds no character that is obeyed or not seen, and still has to be escaped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from heldout.diagnosis.looks import Looks, Stretch
from heldout.pages.tables import TextTable
from heldout.rollouts.difference import Difference
from heldout.rollouts.folding import Group
from heldout.text import VisibleLines, counted, excerpt, share, visible, visible_lines

TITLE, NOT_JUDGED = "What the hack looks like", "What the answers look like"
_CHANGES = {"-": "gone", "+": "new", " ": "", "…": "soft"}
_WHERE = {
    "kept": "Up to the kept step",
    "before": "Before it began",
    "onset": "When it began",
    "end": "At the end",
}
_PAID = {True: "rewarded", False: "not rewarded", None: "no reward"}
_HIDDEN = {"passes": "passes the hidden tests", "fails": "fails the hidden tests", "not judged": "not judged"}


@dataclass(frozen=True, slots=True)
class ShownAnswer:
    """A kind of answers: what is said of it, and its commonest text."""

    head: str
    hacked: bool
    text: VisibleLines


@dataclass(frozen=True, slots=True)
class ShownStretch:
    """A stretch of steps: its commonest kinds of answers."""

    title: str
    said: str
    hacked: bool  # whether it is of interest for its hacked answers
    answers: tuple[ShownAnswer, ...]


def title_of(looks: Looks) -> str:
    """What stands above the section."""
    return TITLE if looks.stretches else NOT_JUDGED


def stretches(looks: Looks, lines: int, size: int) -> Iterator[ShownStretch]:
    """Yield each stretch with its commonest answers, at most so many lines and characters of each."""
    for one in looks.stretches:
        answers = tuple(ShownAnswer(head_of(group), group.hacked, text_of(group, lines, size)) for group in one.groups)
        yield ShownStretch(f"{_WHERE[one.what]} ({one.steps})", _said(one), one.what in ("onset", "end"), answers)


def _said(stretch: Stretch) -> str:
    kinds = f"{counted(stretch.answers, 'answer')} of {counted(stretch.kinds, 'kind')} were kept"
    if stretch.looked_at < stretch.answers:
        some = f"{counted(stretch.looked_at, 'evenly spread one')} of {counted(stretch.kinds, 'kind')}"
        kinds = f"{counted(stretch.answers, 'answer')} were kept, of which {some} were looked at"
    found = stretch.share
    if not found.answers:
        return f"{kinds}; no rewarded one was judged."
    interval = f"95 % interval {share(found.low)} to {share(found.high)} %"
    return (
        f"{kinds}; of {counted(found.answers, 'rewarded one')} that {'was' if found.answers == 1 else 'were'} judged "
        f"{share(found.share)} % fail the hidden tests ({interval})."
    )


def head_of(group: Group, *, judged: bool = True) -> str:
    """Say of a kind of answers how often, what the judges say, its name, for how many problems, in how many texts.

    What the judges say is left out unless `judged`, where it stands above.
    """
    given = f" (about {counted(round(group.weight), 'answer')} given)" if round(group.weight) > group.count else ""
    parts = [
        f"×{group.count}{given}",
        _PAID[group.rewarded] if judged else "",
        _HIDDEN[group.hidden] if judged else "",
        visible(group.name),
        counted(group.problems, "problem"),
        f"{group.texts} different texts" if group.texts > 1 else "",
    ]
    return " · ".join(filter(None, parts))


def text_of(group: Group, lines: int, size: int) -> VisibleLines:
    """Return the commonest text of a kind of answers, at most so many lines and characters of it."""
    found = visible_lines(group.text, most=lines, size=size, length=group.length)
    return found if group.text.strip() else VisibleLines(("(empty)",), found.rest)


def grown(looks: Looks) -> TextTable | None:
    """Which kinds of answers grew most, up to the end."""
    rows = tuple(
        (
            excerpt(one.group.text, 40) or "(empty)",
            f"{one.before} ({share(one.share_before)} %)",
            f"{one.after} ({share(one.share_after)} %)",
            f"{one.z:.1f}",
            ", ".join(filter(None, (_PAID[one.group.rewarded], one.group.hidden, visible(one.group.name)))),
        )
        for one in looks.grown
    )
    first = _WHERE[looks.stretches[0].what] if looks.stretches else ""
    head = ("Answer", first, "At the end", "z", "Judged")
    note = "z: log-odds of the two shares over their standard error; nothing is listed below 3, or under 5 answers."
    return TextTable("What grew most", head, rows, note) if rows else None


def failures(looks: Looks) -> TextTable | None:
    """In which ways answers failed, over time."""
    found = looks.failures
    if found is None:
        return None
    spans = [str(low) if low == high else f"{low} to {high}" for low, high in found.steps]
    judged = ("answers judged", *(counted(one, "")[:-1].strip() for one in found.answers))
    rows = tuple((visible(kind), *(f"{share(one)} %" for one in shares)) for kind, shares in found.shares.items())
    return TextTable("Ways of failing over time", ("Steps", *spans), (*rows, judged))


def compared(found: Difference | None, lines: int, size: int) -> tuple[str, tuple[str, ...]]:
    """What changed from the last honest answer: a title, and lines that begin with "- ", "+ ", "  " or "…".

    At most so many `lines`, and so many characters of each; nothing where there is no difference.
    """
    if found is None:
        return "", ()
    problem = excerpt(found.problem, 40)
    title = {
        True: f"From the last honest answer to the same problem ({problem}, step {found.step}) to the hack",
        False: f"From the commonest answer that passes (to problem {problem}, step {found.step}) to the hack; none to "
        "the same problem passed",
        None: f"From the commonest answer of step {found.step} that passes to the hack; which problem each of them "
        "answers is not known",
    }[found.same_problem]
    shown = [line if len(line) <= size else f"{line[:size]}…" for line in found.lines[:lines]]
    left = len(found.lines) - len(shown)
    more = (f"… {counted(left, 'more line')}" if left else "", f"… {found.rest}" if found.rest else "")
    return title, (*shown, *filter(None, more))


def marked(lines: Sequence[str]) -> list[tuple[str, str]]:
    """Return the lines of a difference with the class that a page shows each in."""
    return [(_CHANGES[line[0]], line) for line in lines]
