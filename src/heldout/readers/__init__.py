"""From anybody's log to a `Run`.

`FORMATS` is the registry of what can be read. A reader returns a `Log`, as written; `assemble` puts it in order, the
same way for every format.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from heldout.datasets import published
from heldout.errors import ReadError, SeveralRuns
from heldout.readers.archives import logs_in_archive
from heldout.readers.assemble import assemble, with_options
from heldout.readers.directory import found_in
from heldout.readers.elsewhere import as_typed, errors_as_typed, local, look
from heldout.readers.folders.by_hand import one_run
from heldout.readers.folders.found import Named
from heldout.readers.folders.walk import refuse_unreadable
from heldout.readers.formats import FORMATS, UNDERSTOOD, Format, Kind, read_file
from heldout.readers.packing import bare
from heldout.readers.roles import Options
from heldout.readers.source import Files
from heldout.remote.address import address_of
from heldout.remote.index import shown as shown_path
from heldout.run import Run
from heldout.store.layout import METRICS, RUN, is_run

__all__ = ["FORMATS", "UNDERSTOOD", "Format", "Kind", "Paths", "logs_in", "read", "read_all"]

Paths = str | Path | Sequence[str | Path]  # a log, or several that are of one run

# Stems of file names that say nothing about the run; the folder's name does.
_GENERIC = re.compile("metrics|trainer_state|progress|result|output|logs?|history|summary|evaluations", re.IGNORECASE)


def read(
    path: Paths,
    *,
    run: str | None = None,
    roles: Mapping[str, str] | None = None,
    problems: int | None = None,
    samples: int | None = None,
) -> Run:
    """Read the one run that a log holds.

    Parameters
    ----------
    path
        A file or a directory, here or elsewhere (``s3://bucket/runs``), or ``example:NAME``. The format is recognised
        by content. Several are read as one run, such as a console log and a table of held-out scores, which are joined
        by step.
    run
        Which run to take, where the log holds several.
    roles
        Role → key, where the names are not recognised: ``{"reward": "pylint_score"}``.
    problems
        Number of held-out problems, where the log does not say.
    samples
        Samples per held-out problem, where the log does not say; one if nothing does.

    Returns
    -------
    Run
        Its ``notes`` say what was repaired, dropped, assumed or not known.

    Raises
    ------
    ReadError
        When the log cannot be read; `SeveralRuns` when it holds several and `run` names none of them.
    UnknownMetric
        When `roles` names a key that is not there.

    Examples
    --------
    >>> import heldout
    >>> heldout.read("example:kimi-dev").roles["length"]
    'Token Length'
    """
    runs = read_all(path, run=run, roles=roles, problems=problems, samples=samples)
    if len(runs) > 1:
        listed = ", ".join(repr(one.name) for one in runs[:6])
        raise SeveralRuns(
            f"{shown(path)} holds {len(runs)} runs ({listed}{' …' if len(runs) > 6 else ''}); choose one with run=… "
            "(--run NAME)."
        )
    return runs[0]


def read_all(
    path: Paths,
    *,
    run: str | None = None,
    roles: Mapping[str, str] | None = None,
    problems: int | None = None,
    samples: int | None = None,
    files: Files | None = None,
) -> list[Run]:
    """Read every run that a log or directory holds; parameters and errors as for `read`.

    With growing `files` the log may be in the middle of being written: half a line or record at the end is left for
    later, `roles` may name metrics that are yet to come, and the next call with the same `files` reads what is new.
    """
    if isinstance(path, str | Path) and str(path).startswith(published.PREFIX):
        return [_example(str(path), run, Options(roles, problems, samples))]
    files = files or Files()
    options = Options(roles, problems, samples, files.growing)
    return [assemble(one.log, one.name, shown(one.place or path), options) for one in logs_in(path, files, run)]


def logs_in(path: Paths, files: Files, run: str | None = None) -> list[Named]:
    """Return every log in a file or directory as written, each with a name for its run; those of one name if given.

    Of several paths one log is returned, to which all of them are joined.

    Raises
    ------
    ReadError
        When the log cannot be read; `SeveralRuns` when none of its runs has the name.
    """
    if not isinstance(path, str | Path):
        return [one_run([_one_of(part, files, run) for part in path])]
    where = local(path)
    if address_of(path) is not None:
        look(where)
    with errors_as_typed(where):
        named = as_typed(where, _named_in(where, files), files)
    chosen = [one for one in named if run in (None, one.name, one.log.name)]
    if not chosen:
        names = ", ".join(repr(one.log.name or one.name) for one in named[:8])
        raise SeveralRuns(f"{shown(path)} has no run {run!r}; it has {names}.")
    return chosen


def _named_in(where: Path, files: Files) -> list[Named]:
    _refuse_missing(where)
    refuse_unreadable(where)
    if where.name in (RUN, METRICS) and is_run(where.parent):
        where = where.parent
    return found_in(where, files) if where.is_dir() else _in_file(where, files)


def _in_file(path: Path, files: Files) -> list[Named]:
    try:
        archived = logs_in_archive(path, lambda folder: found_in(folder, Files()))  # which grows no more
    except OSError as error:
        raise ReadError(f"{path}: cannot be read ({error.strerror or error}).") from error
    return [Named(name_of(path), log, (path,)) for log in read_file(path, files)] if archived is None else archived


def shown(path: Paths) -> str:
    """Write one path or several as text, without secrets."""
    return shown_path(path) if isinstance(path, str | Path) else " + ".join(map(shown_path, path))


def _one_of(path: str | Path, files: Files, run: str | None) -> Named:
    """Return the one run of a path that is joined to others."""
    found = logs_in(path, files)
    chosen = [one for one in found if run in (one.name, one.log.name)] if len(found) > 1 else found
    if len(chosen) != 1:
        names = ", ".join(repr(one.log.name or one.name) for one in found[:6])
        raise SeveralRuns(
            f"{shown(path)} holds {len(found)} runs ({names}); to join it, choose one with run=… (--run NAME)."
        )
    return chosen[0]


def _example(path: str, run: str | None, options: Options) -> Run:
    found = published.load(path.removeprefix(published.PREFIX))
    if run not in (None, found.name):
        raise SeveralRuns(f"{path} has no run {run!r}; it has {found.name!r}.")
    return with_options(found, options)


def name_of(path: Path) -> str:
    """Return the name of the run in a file whose log does not name it."""
    stem = bare(path).stem.removeprefix("run-")
    if _GENERIC.fullmatch(stem) or stem.startswith("events.out"):
        return path.resolve().parent.name or stem
    return stem


def _refuse_missing(path: Path) -> None:
    if path.exists():
        return
    parent = path.parent if path.parent.is_dir() else Path()
    near = difflib.get_close_matches(path.name, [entry.name for entry in parent.iterdir()], n=3)
    hint = f"; did you mean {', '.join(str(parent / name) for name in near)}?" if near else ""
    raise ReadError(f"{path}: there is no such file or directory{hint or '.'}")
