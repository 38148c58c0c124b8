"""The default sandbox: each program in the cheapest place that can run it.

Monty runs a program in a fraction of a millisecond and knows a part of Python; CPython behind bubblewrap takes some
milliseconds and knows all of it. So monty is asked first, and what it could not say for certain goes to bubblewrap:
what it lacks, what it raised, what it stopped, programs with regular expressions, which it matches otherwise here and
there, whole programs, and tests that are programs. A program that monty ran to
its end is not run again, so one that is wrong only in monty stays wrong; its header says where that may be.

Without bubblewrap there is monty alone, and the notes say so, with the command that installs it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from heldout.errors import MissingSandbox, SandboxError
from heldout.sandbox.base import Answer, Call, Limits, Program, Sandbox, Status
from heldout.sandbox.bubblewrap import Bubblewrap
from heldout.sandbox.monty import Monty

_DOUBTFUL = {
    *(Status.UNSUPPORTED, Status.RAISED, Status.PACKAGE, Status.REFUSED),
    *(Status.TIMEOUT, Status.MEMORY, Status.INFRASTRUCTURE),
}
# Patterns that monty matches otherwise without a word: "$" before a last line end, empty matches after others.
_OTHERWISE = re.compile(r"^[ \t]*(?:import\b[^\n]*|from[ \t]+)\bre\b", re.M)
_PATIENCE = 0.25  # of its time that a program has in monty, since it gets all of it in bubblewrap


class Auto(Sandbox):
    """Judges programs in monty, and in bubblewrap what monty cannot; see `heldout.sandbox.auto`.

    Parameters and errors are those of `open_sandbox`. Where only one of the two can be had, that one does it all.
    """

    name = "auto"

    def __init__(
        self,
        workers: int | None = None,
        limits: Limits = Limits(),  # noqa: B008
        packages: Sequence[str] | None = None,
    ) -> None:
        self.limits = limits
        self._monty: Monty | None = None
        self._bubblewrap: Bubblewrap | None = None
        try:
            self._bubblewrap = Bubblewrap(workers, limits, packages)
        except SandboxError as error:
            if packages:
                raise
            self.notes = (f"Programs run in monty alone, which knows a part of Python. {error}",)
        try:
            self._monty = Monty(workers, limits)
        except MissingSandbox as error:
            if self._bubblewrap is None:
                raise
            self.notes = (f"Programs run in bubblewrap alone, which takes longer. {error}",)
        except SandboxError:
            self.close()
            raise
        self.notes += self._bubblewrap.notes if self._bubblewrap else ()

    def run(self, programs: Sequence[Program]) -> list[list[Answer]]:
        if self._bubblewrap is None or self._monty is None:
            only = self._bubblewrap or self._monty
            assert only is not None
            return only.run(programs)
        calls = [p for p, one in enumerate(programs) if one.kind is Call and not _OTHERWISE.search(one.source)]
        answered = self._monty.run([self._impatient(programs[place]) for place in calls])
        found = dict(zip(calls, answered, strict=True))
        left = [
            place
            for place in range(len(programs))
            if place not in found or any(answer.status in _DOUBTFUL for answer in found[place])
        ]
        found.update(zip(left, self._bubblewrap.run([programs[place] for place in left]), strict=True))
        return [found[place] for place in range(len(programs))]

    def close(self) -> None:
        for one in (self._monty, self._bubblewrap):
            if one:
                one.close()

    def _impatient(self, program: Program) -> Program:
        limits = program.limits or self.limits
        return replace(program, limits=replace(limits, seconds=_PATIENCE * limits.seconds))
