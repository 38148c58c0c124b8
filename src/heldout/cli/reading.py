"""What every command that reads a log lets a person say of it: declared once, with one meaning."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from heldout.live.follow import Follower
    from heldout.run import Run

Samples = Annotated[int, typer.Option("--samples", min=1, help="Samples per held-out problem.")]


@dataclass(frozen=True, slots=True)
class Reading:
    """What the user knows of a log, and how to read it with that."""

    run: str | None = None  # which one, where a log holds several
    roles: dict[str, str] = field(default_factory=dict)  # role → key
    problems: int | None = None  # held-out problems of an evaluation
    samples: int = 1  # of each of them

    def one(self, path: str) -> Run:
        """Read the one run that a log holds."""
        from heldout.readers import read

        return read(path, run=self.run, roles=self.roles, problems=self.problems, samples=self.samples)

    def every(self, path: str) -> list[Run]:
        """Read all runs that a log holds."""
        from heldout.readers import read_all

        return read_all(path, run=self.run, roles=self.roles, problems=self.problems, samples=self.samples)

    def follower(self, path: str) -> Follower:
        """Return what reads a log again and again while it grows."""
        from heldout.live.follow import Follower

        return Follower(path, run=self.run, roles=self.roles, problems=self.problems, samples=self.samples)


def _reading(
    reward: Annotated[str | None, typer.Option(metavar="KEY", help="Which metric is the training reward.")] = None,
    held_out: Annotated[
        str | None, typer.Option("--eval", metavar="KEY", help="Which metric is the held-out score.")
    ] = None,
    length: Annotated[str | None, typer.Option(metavar="KEY", help="Which metric is the response length.")] = None,
    problems: Annotated[int | None, typer.Option(min=1, help="Held-out problems per evaluation.")] = None,
    samples: Samples = 1,
    run: Annotated[str | None, typer.Option(metavar="NAME", help="Which run, where a log holds several.")] = None,
) -> Reading:
    roles = {"reward": reward, "held_out": held_out, "length": length}
    return Reading(run, {role: key for role, key in roles.items() if key}, problems, samples)


def with_reading(*without: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a typer command, in place of its parameter ``reading``, the flags of a reading, some left out."""
    known = inspect.signature(_reading, eval_str=True).parameters
    flags = [flag for name, flag in known.items() if name not in without]

    def wrapped(command: Callable[..., None]) -> Callable[..., None]:
        parameters: list[inspect.Parameter] = []
        for one in inspect.signature(command, eval_str=True).parameters.values():
            parameters += [flag.replace(kind=one.kind) for flag in flags] if one.name == "reading" else [one]

        def run(**typed: Any) -> None:
            reading = _reading(**{flag.name: typed.pop(flag.name) for flag in flags})
            command(**typed, reading=reading)

        run.__name__, run.__doc__ = command.__name__, command.__doc__
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {one.name: one.annotation for one in parameters}
        return run

    return wrapped
