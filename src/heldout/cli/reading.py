"""What every command that reads a log lets a person say: of the log, and which detectors of their own to ask.

It is declared once, with one meaning.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import typer

from heldout.errors import UsageError
from heldout.user_code import module_of

if TYPE_CHECKING:
    from heldout.detectors.base import Detector
    from heldout.live.follow import Follower
    from heldout.readers.source import Files
    from heldout.run import Run

_PAIRS = {
    "trl": "key=value, such as --trl epsilon=0.2",
    "column": "ours=theirs, such as --column prompt=question",
}
_FLAGS = {"reward": "--reward", "held_out": "--eval", "length": "--length"}
RUN: Any = typer.Option("--run", "--name", metavar="NAME", help="Which run, where a log holds several.")
SAMPLES: Any = typer.Option("--samples", min=1, help="Samples per held-out problem; one if not given.")


@dataclass(frozen=True, slots=True)
class Reading:
    """What the user knows of a log, and how to read it with that."""

    run: str | None = None  # which one, where a log holds several
    roles: dict[str, str] = field(default_factory=dict)  # role → key
    problems: int | None = None  # held-out problems of an evaluation
    samples: int | None = None  # of each of them; None where that was not said

    @property
    def flags(self) -> list[str]:
        """What a person types to say the same."""
        said: dict[str, str | int | None] = {_FLAGS[role]: key for role, key in self.roles.items()}
        said |= {"--problems": self.problems, "--samples": self.samples, "--run": self.run}
        return [word for flag, value in said.items() if value is not None for word in (flag, str(value))]

    def one(self, path: str | list[str]) -> Run:
        """Read the one run that a log holds."""
        from heldout.readers import read

        return read(path, run=self.run, roles=self.roles, problems=self.problems, samples=self.samples)

    def every(self, path: str | list[str], files: Files | None = None) -> tuple[list[Run], list[str]]:
        """Read all runs that a log holds, or the one of several logs; return what else of a folder was not read."""
        from heldout.readers import read_all
        from heldout.readers.source import Files

        files = files or Files()
        runs = read_all(path, run=self.run, roles=self.roles, problems=self.problems, samples=self.samples, files=files)
        return runs, files.unread

    def follower(self, path: str | list[str]) -> Follower:
        """Return what reads a log again and again while it grows."""
        from heldout.live.follow import Follower

        return Follower(path, run=self.run, roles=self.roles, problems=self.problems, samples=self.samples)


def _reading(
    reward: Annotated[str | None, typer.Option(metavar="KEY", help="Which metric is the training reward.")] = None,
    held_out: Annotated[
        str | None, typer.Option(_FLAGS["held_out"], metavar="KEY", help="Which metric is the held-out score.")
    ] = None,
    length: Annotated[str | None, typer.Option(metavar="KEY", help="Which metric is the response length.")] = None,
    problems: Annotated[int | None, typer.Option(min=1, help="Held-out problems per evaluation.")] = None,
    samples: Annotated[int | None, SAMPLES] = None,
    run: Annotated[str | None, RUN] = None,
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

        return declared(run, command, parameters)

    return wrapped


def declared(
    run: Callable[..., None], command: Callable[..., None], parameters: list[inspect.Parameter]
) -> Callable[..., None]:
    """Let typer see a function with the name and the help of a command, and these parameters."""
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    return run


def pair(flag: str, text: str) -> tuple[str, str]:
    """Return key and value of ``key=value``; a UsageError where there is none."""
    key, found, value = text.partition("=")
    if not found or not key or not value:
        raise UsageError(f"--{flag} {text} has no value; write it as {_PAIRS[flag]}.")
    return key, value


def typed_text(text: str) -> str:
    r"""Read ``\n`` and ``\t``, which a shell passes on as two characters, as what they stand for.

    >>> typed_text("\\nprint(")
    '\nprint('
    """
    return text.replace("\\n", "\n").replace("\\t", "\t")


def load(spec: str) -> Callable[[], Detector]:
    """Return what makes a detector, given as ``module:Name`` or ``path/to/file.py:Name``.

    It is made once here, so that what is wrong with it is known before anything is read: one that cannot be loaded or
    made, or is no detector, is a UsageError.
    """
    where, _, name = spec.rpartition(":")
    if not where or not name:
        raise UsageError(f"{spec!r} names no detector; give it as module:Name or path/to/file.py:Name.")
    try:
        make: Callable[[], Detector] = getattr(module_of(where), name)
        made = make()
    except (Exception, SystemExit) as error:
        raise UsageError(f"The detector {spec!r} cannot be loaded ({type(error).__name__}: {error}).") from error
    from heldout.detectors.base import checked

    try:
        checked(made)
    except UsageError as error:
        raise UsageError(f"{spec!r} makes no detector: {error}") from None
    return make


def fresh(specs: Sequence[str]) -> Callable[[], list[Detector]]:
    """Load these detectors, once; return what makes all detectors of a run anew, heldout's own and these."""
    from heldout.detectors import default_detectors

    more = [load(spec) for spec in specs]
    return lambda: [*default_detectors(), *(make() for make in more)]


def checked_margin(margin: float | None) -> float | None:
    """Return the largest change that counts as level, or refuse it in a sentence."""
    from heldout.detectors.plateau import MARGIN

    if not MARGIN.allows(margin):
        raise UsageError(f"--margin is {margin:g}; it must be above 0 and finite, such as 2 for two points.")
    return margin
