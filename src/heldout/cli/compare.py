"""``compare``: which of several recipes is better, and what their runs cannot say."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from heldout.cli.chosen import Chosen
from heldout.cli.reading import RUN, Reading, with_reading
from heldout.text import visible

if TYPE_CHECKING:
    from heldout.compare import Comparison, Difference
    from heldout.run import Run

FailOn = Literal["worse", "different"]


@with_reading("run")
def compare(
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="PATH...", help="Logs, run directories, or folders of them.")
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="The setting that tells recipes apart [default: all but the seed]."),
    ] = None,
    group: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=PATH,PATH", help="Seeds of one recipe: paths, or names of runs in the logs."),
    ] = None,
    run: Annotated[list[str] | None, RUN] = None,
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
        typer.Option(
            help="Exit with code 3 if the first is worse than another, or if any two are different; with 2 while a run "
            "that could turn it goes on."
        ),
    ] = None,
    anonymous: Annotated[
        bool, typer.Option("--anonymous", help="Without names, places, users, hosts and dates: runs are A, B, C.")
    ] = False,
    *,
    reading: Reading,
) -> None:
    """Compare runs: which recipe is better, how sure is that, and what cannot be said?

    Examples:  heldout compare runs/honest-* runs/rm-*   ·   heldout compare runs --by learning_rate   ·   heldout
    compare --group new=a,b,c --group old=d,e,f --at last   ·   heldout compare sweep.csv --run 'a*' --run 'b*'
    """
    from rich.console import Console

    from heldout.compare import Answer, groups_of
    from heldout.compare import compare as compared
    from heldout.compare.lettered import Lettered
    from heldout.compare.lost import with_lost
    from heldout.compare.terminal import show

    read = Chosen(reading, run or [])
    runs = read.of_paths(paths or [])
    named: dict[str, list[Run]] = {}
    for name, those in (read.of_group(text, runs) for text in group or []):
        named.setdefault(name, []).extend(those)
    read.check()
    runs = [] if read.by_name else runs
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
    if fail_on:
        _exit(found, fail_on)


def _exit(found: Comparison, on: FailOn) -> None:
    """End with code 3 if a comparison is what the user wants to hear of, with 2 if a run that could turn it goes on.

    A run that goes on has no final word: it fails no pipeline, and lets none pass.
    """
    running = {one.name for one in found.recipes if any(member.life == "goes on" for member in one.members)}
    final = [one for one in found.primary if running.isdisjoint((one.a, one.b))]
    if any(_fails(one, found.baseline, on) for one in final):
        raise typer.Exit(3)
    if running:
        print(
            "heldout: a run still goes on, so that there is no final word for --fail-on: exit code 2.", file=sys.stderr
        )
        raise typer.Exit(2)


def _fails(one: Difference, baseline: str, on: FailOn) -> bool:
    from heldout.compare import Answer

    if on == "different":
        return one.answer in (Answer.BETTER, Answer.WORSE)
    return one.answer is (Answer.WORSE if one.a == baseline else Answer.BETTER)


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
