"""What can be asked of a reward, whatever kind it is of, and what comes back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

from heldout.sandbox.pool import Pool
from heldout.tasks.problem import Problem

SECONDS = 10.0  # that one call may take, unless the caller says otherwise

Call = Sequence[tuple[Problem, str]]  # answers that are graded together
Session = Sequence[Call]  # calls in one process, one after the other
Progress = Callable[[int], object]  # told how many more answers are done


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a reward gave for one answer."""

    score: float | None  # None where it gave none; may be nan or infinite, if it gave that
    kind: str = "scored"  # or "raised", "died", "hung", "not run" (an earlier call of its session ended the process)
    error: str = ""
    seconds: float = 0.0  # of its call, which its batch shares


Done = Callable[[int, list[list[Outcome]]], object]  # told the place of a session, and what it gave


class Grader(Protocol):
    """A reward that can be asked; closed by ``with``."""

    plan: str  # how it is called, for people
    notes: tuple[str, ...] = ()  # what else its user should know

    def run(self, sessions: Sequence[Session], done: Done = lambda place, found: None) -> list[list[list[Outcome]]]:
        """Grade sessions, as many at a time as there are cores; outcomes are in order: session, call, answer.

        `done` is told of each as soon as it is done; what it raises ends the rest, and is raised.
        """
        ...

    def close(self) -> None:
        """End its processes."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def grade(grader: Grader, answers: Call, progress: Progress = lambda _: None) -> list[Outcome]:
    """Grade every answer by itself, each in a session of its own."""
    return [outcome for ((outcome,),) in grader.run([[[one]] for one in answers], lambda place, found: progress(1))]


class Pooled(Grader):
    """A reward in processes, one session at a time each."""

    _pool: Pool[Any]

    def run(self, sessions: Sequence[Session], done: Done = lambda place, found: None) -> list[list[list[Outcome]]]:
        def one(place: int, session: Session) -> list[list[Outcome]]:
            found = self._asked(session)
            done(place, found)
            return found

        return self._pool.map(one, range(len(sessions)), sessions)

    def _asked(self, session: Session) -> list[list[Outcome]]:
        raise NotImplementedError

    def close(self) -> None:
        self._pool.close()
