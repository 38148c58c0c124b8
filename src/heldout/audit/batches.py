"""Does a reward that takes lists give one number for each of several answers?

One that gives a list of one number whatever it is asked passes wherever it is asked about one answer at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from heldout.audit.asking import Asker
from heldout.audit.parts import Example, Kind, Known, Result

PROBLEMS = 4  # whose right answers are asked about together


class Batches:
    """The part of an audit that asks about several answers in one call."""

    name = "batches"

    def __call__(self, asker: Asker, problems: Sequence[Known]) -> Iterator[Result]:
        """Yield one result, found where several answers get no scores while each gets one by itself."""
        some = list(problems[:PROBLEMS])
        answers = [(one.problem, one.wrapping(one.programs[0]) if one.programs else "") for one in some]
        answers += [(one.problem, "") for one in some[:1]]  # so that there are two at least
        alone = asker.ask(answers)
        ((together,),) = asker.run([[answers]])
        wrong = together[0].kind == "raised" and all(one.kind == "scored" for one in alone)
        yield Result(
            Kind.ODD,
            "several answers in one call",
            f"Asked about {len(answers)} answers at a time it raises an error: {together[0].error}" if wrong else "",
            len(some) if wrong else 0,
            len(some),
            fix="Give one number for each answer, in their order." if wrong else "",
            examples=(Example(some[0].problem.id, answers[0][1], together[0]),) if wrong else (),
        )
