"""From a run to the files people read: page, Markdown, JSON and figures.

`write_report` writes one folder for one run; `write_reports` writes a folder each for several and an index.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

from heldout.charts.browser import as_data
from heldout.charts.drawing import Drawn, draw_all
from heldout.charts.spec import KINDS, Kind
from heldout.detectors.base import Detector
from heldout.diagnosis.description import Description, describe
from heldout.diagnosis.looks import looks_of
from heldout.diagnosis.verdict import diagnose
from heldout.errors import UsageError
from heldout.findings import Verdict
from heldout.report.figures import Figure, command_of, standard_figures
from heldout.report.json_report import SCHEMA, as_json
from heldout.report.leftovers import INDEX, PAGES, remove, remove_reports, reports_before, written_before
from heldout.report.markdown import as_markdown
from heldout.report.pages import InlineFigure, as_html, as_index
from heldout.report.parts import parts_of
from heldout.report.rows import Row, row_of
from heldout.report.runs_table import table_of
from heldout.report.schema import schema
from heldout.rollouts.rollout import Rollouts
from heldout.run import Run

__all__ = ["FORMATS", "SCHEMA", "Written", "schema", "write_index", "write_report"]

FORMATS: tuple[str, ...] = KINDS
_LONGEST = 160  # bytes of a folder's name, which with a number stays below the 255 that file systems allow


@dataclass(frozen=True, slots=True)
class Written:
    """A report that was written."""

    run: Run
    about: Description  # what it says of the curves
    verdict: Verdict  # what they mean
    folder: Path  # where it lies: report.html, report.md, report.json and the figures
    figures: Mapping[str, list[str]]  # title of each figure → its files

    @property
    def page(self) -> Path:
        """The page to open."""
        return self.folder / "report.html"

    @property
    def files(self) -> list[Path]:
        """Everything that was written."""
        return [self.folder / name for name in (*PAGES, *(name for names in self.figures.values() for name in names))]

    def row(self, folder: Path) -> Row:
        """Return its row of a table that lies in a folder."""
        return row_of(self.run, self.verdict, page=self.page.relative_to(folder).as_posix())


def write_report(
    run: Run,
    folder: Path,
    formats: Sequence[str] = ("svg", "png"),
    pool: Executor | None = None,
    horizon: int | None = None,
    detectors: Sequence[Detector] | None = None,
    margin: float | None = None,
    rollouts: Rollouts | None = None,
) -> Written:
    """Write the report of one run into a folder, which is made where it is missing.

    `formats` are those of the figures, any of svg, png and pdf; `pool` draws them, if given: processes that have the
    drawing library loaded already. `horizon` is how many evaluations were planned, those in the log if not given,
    and `detectors` what to look for, each fresh: all of heldout's own if not given. `margin` is as for `diagnose`.
    `rollouts` are the answers that were kept of the run, in which a hack is looked for.
    Raises UsageError when a format is none of these, or the folder cannot be written.
    """
    kinds = _kinds(formats)
    verdict = diagnose(run, detectors, horizon=horizon, margin=margin)
    figures = standard_figures(run, verdict)
    drawing = draw_all([figure.chart for figure in figures], kinds, pool)  # in the pool while the run is described
    about = describe(run, verdict, None if rollouts is None else looks_of(verdict, rollouts))
    parts = parts_of(run, verdict, rollouts)
    before, reports = written_before(folder), reports_before(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        pairs = list(zip(figures, drawing, strict=True))
        files = {figure.title: _save(figure, done, folder) for figure, done in pairs}
        inline = [
            InlineFigure(
                figure.stem,
                figure.chart.caption,
                as_data(figure.chart),
                done.still,
                files[figure.title],
                command_of(run, figure, verdict),
            )
            for figure, done in pairs
        ]
        (folder / "report.html").write_text(as_html(run, about, verdict, inline, parts), encoding="utf-8")
        markdown = as_markdown(run, about, verdict, files, parts)
        (folder / "report.md").write_text(markdown, encoding="utf-8", errors="backslashreplace")
        (folder / "report.json").write_bytes(as_json(run, about, verdict, files, parts))
    except OSError as error:
        raise UsageError(
            f"{folder}: the report cannot be written there ({error.strerror}); choose another with -o."
        ) from error
    remove(folder, before - {*PAGES, *(name for names in files.values() for name in names)})
    remove_reports(folder, reports)
    return Written(run, about, verdict, folder, files)


def write_index(rows: Sequence[Row], refused: Mapping[str, str], folder: Path, flags: Sequence[str] = ()) -> Path:
    """Write the page with one row a run, and what could not be read; the runs' own pages lie where the rows say.

    `flags` say on the command line how the runs were read: whoever compares some of them is to read them so too.
    """
    remove_reports(folder, reports_before(folder) - {row.page.partition("/")[0] for row in rows})
    remove(folder, written_before(folder))  # a report of one run, perhaps, which is none of these
    page = folder / INDEX
    page.write_text(as_index(table_of(rows, refused), flags), encoding="utf-8")
    return page


def folder_name(name: str) -> str:
    """Return a run's name as a folder's: letters, digits, dots and dashes.

    >>> folder_name("runs/seed=1: a")
    'runs-seed-1-a'
    """
    plain = re.sub(r"[^\w.]+", "-", name).strip("-.").encode()[:_LONGEST].decode("utf-8", "ignore")
    return plain.strip("-.") or "run"


def folder_names(names: Sequence[str]) -> list[str]:
    """Return the names of runs as those of folders, of which no two are one: case and form of letters do not count.

    >>> folder_names(["x", "X", "x-2", "x", "index.html"])
    ['x', 'X-2', 'x-2-2', 'x-3', 'index.html-2']
    """
    told: list[str] = []
    taken = {INDEX}
    for name in map(folder_name, names):
        numbered = chain([name], (f"{name}-{number}" for number in count(2)))
        told.append(next(one for one in numbered if _alike(one) not in taken))
        taken.add(_alike(told[-1]))
    return told


def _alike(name: str) -> str:
    """Return what is equal of two names that some file systems take for one."""
    return unicodedata.normalize("NFKC", name).casefold()


def _save(figure: Figure, drawn: Drawn, folder: Path) -> list[str]:
    names = {kind: f"{figure.stem}.{kind}" for kind in drawn.files}
    for kind, data in drawn.files.items():
        (folder / names[kind]).write_bytes(data)
    return list(names.values())


def _kinds(formats: Sequence[str]) -> tuple[Kind, ...]:
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise UsageError(f"Figures are written as {', '.join(FORMATS)}, not {unknown[0]!r}.")
    return tuple(kind for kind in KINDS if kind in formats)
