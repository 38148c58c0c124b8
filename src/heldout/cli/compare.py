"""``compare``: which of several recipes is better, and what their runs cannot say."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from heldout.cli.reading import Reading, with_reading
from heldout.errors import ReadError, UsageError
from heldout.text import visible

if TYPE_CHECKING:
    from heldout.compare import Comparison
    from heldout.compare.lost import Refused
    from heldout.run import Run

FailOn = Literal["worse", "different"]


@with_reading()
def compare(
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="PATH...", help="Logs, run directories, or folders of them.")
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="The setting that tells recipes apart [default: all but the seed]."),
    ] = None,
    group: Annotated[
        list[str] | None, typer.Option(metavar="NAME=PATH,PATH", help="Runs that are seeds of one recipe.")
    ] = None,
    baseline: Annotated[str | None, typer.Option(metavar="NAME", help="Compare all others with this group.")] = None,
    at: Annotated[
        str, typer.Option(metavar="POINT", help="keep, last, a step, or all: the mean over the steps of both.")
    ] = "keep",
    benchmark: Annotated[str | None, typer.Option(metavar="NAME", help="Which held-out score.")] = None,
    paired_seeds: Annotated[
        bool, typer.Option("--paired-seeds", help="Runs of one seed are pairs; decide it before looking.")
    ] = False,
    margin: Annotated[
        float | None,
        typer.Option(help="Below which two are the same: points of a share [default: 2], or the unit of the score."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Also write compare.html and compare.json here.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it for a program.")] = False,
    fail_on: Annotated[
        FailOn | None,
        typer.Option(help="Exit with code 3 if the first is worse than another, or if any two are different."),
    ] = None,
    anonymous: Annotated[
        bool, typer.Option("--anonymous", help="Without names, places, users, hosts and dates: runs are A, B, C.")
    ] = False,
    *,
    reading: Reading,
) -> None:
    """Compare runs: which recipe is better, how sure is that, and what cannot be said?

    Examples:  heldout compare runs/honest-* runs/rm-*   ·   heldout compare runs --by learning_rate   ·   heldout
    compare --group new=a,b,c --group old=d,e,f --at last
    """
    from rich.console import Console

    from heldout.compare import Answer, groups_of
    from heldout.compare import compare as compared
    from heldout.compare.lettered import Lettered
    from heldout.compare.lost import with_lost
    from heldout.compare.terminal import show

    read = _Paths(reading)
    named: dict[str, list[Run]] = {}
    for name, parts in map(_group, group or []):
        named.setdefault(name, []).extend(read.all(parts))
        read.group |= dict.fromkeys(parts, visible(name))
    runs = read.all(paths or [])
    given = [*(run for group in named.values() for run in group), *runs]
    unread = read.left | read.refused
    _complain(unread)
    groups, lost = with_lost(groups_of(given, by, named), read.not_read, by)
    lettered = Lettered(groups) if anonymous else None
    found = compared(
        groups if lettered is None else lettered.groups,
        by=by,
        named=named,
        baseline=baseline if lettered is None or baseline is None else lettered.names.get(baseline, baseline),
        at=at,
        benchmark=benchmark,
        paired_seeds=paired_seeds,
        margin=margin,
        unread=unread,
        lost=lost if lettered is None else [f"log {k}" for k, _ in enumerate(lost, 1)],
    )
    if lettered is not None:
        found = lettered.bare(found)
    if as_json:
        sys.stdout.buffer.write(found.json() + b"\n")
    else:
        show(Console(highlight=False), found)
    files = _write(found, out) if out is not None else []
    for line in lettered.letters.told(files) if lettered else ():
        print(line, file=sys.stderr)
    if read.refused or all(one.answer is Answer.NOT_COMPARED for one in found.differences):
        raise typer.Exit(2)
    if fail_on and fails(found, fail_on):
        raise typer.Exit(3)


def fails(found: Comparison, on: FailOn) -> bool:
    """Whether a comparison is what the user wants to hear of by exit code."""
    from heldout.compare import Answer

    answers = {(one.a, one.b): one.answer for one in found.primary}
    if on == "different":
        return any(answer in (Answer.BETTER, Answer.WORSE) for answer in answers.values())
    return any(answer is (Answer.WORSE if a == found.baseline else Answer.BETTER) for (a, _), answer in answers.items())


class _Paths:
    """Reads paths one by one; of what cannot be read it keeps why, and each path is read once."""

    def __init__(self, reading: Reading) -> None:
        self.refused: dict[str, str] = {}
        self.left: dict[str, str] = {}  # files of a folder that are no logs
        self.group: dict[str, str] = {}  # path → the recipe that it was said to be of
        self._inside: list[Path] = []  # every file of a folder that was not read
        self._reading = reading
        self._read: dict[str, list[Run]] = {}

    @property
    def not_read(self) -> Refused:
        """What was not read, among which may be seeds."""
        from heldout.compare.lost import Refused

        folders = [path for path in self._read if path not in self.refused and Path(path).expanduser().is_dir()]
        return Refused([*self.refused], self._inside, folders, self.group)

    def all(self, paths: list[str]) -> list[Run]:
        """Return the runs of these paths."""
        return [run for path in paths for run in self._one(path)]

    def _one(self, path: str) -> list[Run]:
        from heldout.readers.source import Files

        if path not in self._read:
            files = Files()
            try:
                runs, left = self._reading.every(path, files)
                self._inside += files.refused
                self.left |= {f"{path} ({k})" if k else path: why for k, why in enumerate(left)}
            except ReadError as error:
                runs, self.refused[path] = [], str(error)
            self._read[path] = runs
        return self._read[path]


def _group(text: str) -> tuple[str, list[str]]:
    name, sign, paths = text.partition("=")
    parts = [part for part in paths.split(",") if part]
    if not (name and sign and parts):
        raise UsageError(f"--group is {text!r}; it must be NAME=PATH, or NAME=PATH,PATH with several runs.")
    return name, parts


def _complain(refused: dict[str, str]) -> None:
    for why in refused.values():
        print(f"heldout: {visible(why)}", file=sys.stderr)


def _write(found: Comparison, out: Path) -> list[Path]:
    """Write the page and the JSON; return where they are."""
    out.mkdir(parents=True, exist_ok=True)
    page, plain = out / "compare.html", out / "compare.json"
    plain.write_bytes(found.json() + b"\n")
    page.write_text(found.html(), encoding="utf-8")
    print(page, file=sys.stderr)
    return [page, plain]
