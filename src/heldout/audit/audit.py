"""An audit of a reward: what is drawn, what is known to be right, the scale, and every part one after the other."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from heldout.audit.asking import Asker, OutOfTime
from heldout.audit.baselines import measured
from heldout.audit.batches import Batches
from heldout.audit.mutants import Mutants
from heldout.audit.odd import Odd
from heldout.audit.parts import Kind, Known, Part, Result
from heldout.audit.problems import Problems
from heldout.audit.ranking import ranked
from heldout.audit.steadiness import Steadiness
from heldout.audit.tricks import Tricks
from heldout.audit.truth import known_of
from heldout.audit.writings import Writings
from heldout.errors import UsageError
from heldout.tasks.problem import Problem
from heldout.text import counted, sentence_list

PARTS: tuple[Part, ...] = (Tricks(), Writings(), Mutants(), Steadiness(), Batches(), Odd(), Problems())
DRAWN = 60  # problems, unless all are wanted
_FIRST = 4  # answers by which it is found out how long one takes
_CALLS = 3_500  # of an audit of so many problems, about
LIMITS = (
    "An audit shows flaws; it proves none absent. What is not paid here is not paid on these problems: a bound, never "
    "a proof.",
    "Tricks that nobody has listed are not tried; nor are language models as judges that change, tools and network of "
    "agents, and tricks over several turns.",
    "A reward can be sound, and its task still be learnt by heart.",
)


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit came to."""

    reward: str  # as it was named
    plan: str  # how it is called
    task: str
    problems: int  # that could be drawn
    known: tuple[Known, ...]  # those that were drawn, in that order
    results: tuple[Result, ...]  # of all parts, the worst first
    seed: int
    calls: int  # answers that the reward was asked about
    seconds: float  # that all of it took
    pace: float  # seconds of a call, the median; nan where none was scored
    done: tuple[str, ...] = ()  # parts that were asked to their end
    missing: tuple[str, ...] = ()  # parts that were not
    stopped: str = ""  # what ended it before: "interrupted", "out of time"; empty while it goes on, or at its end

    @property
    def with_truth(self) -> int:
        """Problems of which a right answer is known."""
        return sum(bool(one.programs) for one in self.known)

    @property
    def right(self) -> float:
        """What a right answer gets, the median over problems; nan where none is known to be paid."""
        paid = [one.scale.ceiling for one in self.known if one.scale.known]
        return median(paid) if paid else math.nan

    @property
    def nothing(self) -> float:
        """What empty and random texts get, the median over problems."""
        return median(one.scale.floor for one in self.known)

    @property
    def wrapping(self) -> str:
        """In which format right answers are paid best."""
        return self.known[0].wrapping.name

    @property
    def flaws(self) -> tuple[Result, ...]:
        """What was found, the worst first."""
        return tuple(one for one in self.results if one.flaw)

    @property
    def ended(self) -> str:
        """Say that it ended before its end, and what was not asked; empty where it did not."""
        if not self.missing:
            return ""
        of = len(self.done) + len(self.missing)
        why = self.stopped or "under way"
        return (
            f"{why}: {len(self.done)} of {counted(of, 'part')} done; not checked: {sentence_list(list(self.missing))}"
        )

    @property
    def not_possible(self) -> tuple[str, ...]:
        """What could not be checked, and what would make it possible."""
        if not self.with_truth:
            return (
                "Which right answers are rejected, and which wrong programs the tests let through: no known solution. "
                "Give the rows a key solution, or give solutions by --solutions FILE.",
            )
        lacking = len(self.known) - self.with_truth
        if lacking:
            without = f"Right answers of {counted(lacking, 'problem')} of those drawn, which have no known solution."
            return (without,)
        return ()

    def has(self, kind: Kind) -> bool:
        """Whether a flaw of this kind was found."""
        return any(one.kind is kind for one in self.flaws)


def audit(
    asker: Asker,
    reward: str,
    task: str,
    problems: Sequence[Problem],
    given: Mapping[str, Sequence[str]] | None = None,
    *,
    told: Callable[[str], object] = lambda _: None,
    came: Callable[[Audit], object] = lambda _: None,
    parts: Sequence[Part] = PARTS,
) -> Audit:
    """Audit a reward on a sample of problems.

    Parameters
    ----------
    asker
        What asks the reward and the hidden tests, with the seed by which problems are drawn.
    reward, task
        What they are called in the report.
    problems
        Those that may be drawn, at least one.
    given
        Further solutions, by the ids of problems; they count where the hidden tests pass them.
    told
        Is told the name of each part before it begins.
    came
        Is given what is known after each part.
    parts
        Those that are run. Where one is interrupted (Ctrl-C) or runs out of time, it and those after it are missing,
        and the audit says so.

    Raises
    ------
    UsageError
        Where the reward gives no verdict at all, or the time is over before any part begins.
    """
    started = time.perf_counter()
    told("right answers")
    drawn = random.Random(f"heldout audit {asker.seed}").sample(list(problems), len(problems))
    known = _known(asker, drawn, given)
    results: list[Result] = []
    names = tuple(part.name for part in parts)

    def so_far(place: int, stopped: str = "") -> Audit:
        return Audit(
            reward,
            asker.grader.plan,
            task,
            len(problems),
            tuple(known),
            tuple(ranked(results)),
            asker.seed,
            asker.calls,
            time.perf_counter() - started,
            asker.pace,
            names[:place],
            names[place:],
            stopped,
        )

    done = 0
    try:
        for part in parts:
            told(part.name)
            results.extend(part(asker, known))  # what a part found before it was ended stays
            done += 1
            came(so_far(done))
    except OutOfTime:
        return so_far(done, "out of time")
    except KeyboardInterrupt:
        return so_far(done, "interrupted" if done < len(parts) else "")
    return so_far(done)


def _known(asker: Asker, drawn: Sequence[Problem], given: Mapping[str, Sequence[str]] | None) -> list[Known]:
    """What is right for the problems that are taken, and between which numbers the reward moves there."""
    try:
        asker.fit([(problem, problem.solution) for problem in drawn[:_FIRST]], _CALLS)
        return measured(asker, known_of(asker.some(drawn, DRAWN), asker, given))
    except OutOfTime:
        raise UsageError(
            f"{asker.budget:g} s were over before it was known what right answers get; give more by --within."
        ) from None
