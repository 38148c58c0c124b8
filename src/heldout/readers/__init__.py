"""From anybody's log to a `Run`.

`READERS` is the registry: each format is one file with one function ``read(source)``, which returns None where the
content is not its own. To add a format, write that file and add one line here. What a reader returns is a `Log`, as
written; `assemble` puts it in order the same way for every format.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from heldout.datasets import published
from heldout.errors import NoMetrics, NotUnderstood, ReadError, SeveralRuns
from heldout.readers import (
    blocks_console,
    deepspeed_chat,
    json_document,
    jsonl,
    judged_samples,
    outcomes,
    run_directory,
    slime_console,
    stable_baselines,
    table,
    tensorboard,
    trainer_state,
    trl_console,
    verl_console,
    verl_jsonl,
    wandb_offline,
)
from heldout.readers.assemble import Options, assemble
from heldout.readers.directory import found_in
from heldout.readers.files import Files
from heldout.readers.log import Log
from heldout.readers.source import HEAD, Source
from heldout.run import Note, NoteKind, Run
from heldout.store.layout import METRICS, RUN

Reader = Callable[[Source], list[Log] | None]

# These look at all of the text; every other reader knows a file by its first bytes.
_CONSOLES: tuple[Reader, ...] = (
    verl_console.read,
    slime_console.read,
    trl_console.read,
    deepspeed_chat.read,
    blocks_console.read,
)
# In the order in which they are asked: the most particular first.
READERS: tuple[Reader, ...] = (
    outcomes.read,
    judged_samples.read,
    trainer_state.read,
    wandb_offline.read,
    tensorboard.read,
    stable_baselines.read,
    verl_jsonl.read,
    jsonl.read,
    json_document.read,
    table.read,
    *_CONSOLES,
)

UNDERSTOOD = (
    "its own run directories, Hugging Face trainer_state.json, TRL, verl, slime, DeepSpeed-Chat and Stable-Baselines3 "
    "logs, JSON lines, TensorBoard and W&B offline files, validation samples of verl and verifiers, and tables (CSV, "
    "TSV, JSON, Parquet)"
)

# File names that say nothing about the run; the folder's name does.
_GENERIC = {
    "metrics",
    "trainer_state",
    "progress",
    "result",
    "output",
    "log",
    "logs",
    "history",
    "summary",
    "evaluations",
}


def read(
    path: str | Path,
    *,
    run: str | None = None,
    roles: Mapping[str, str] | None = None,
    problems: int | None = None,
    samples: int = 1,
) -> Run:
    """Read the one run that a log holds.

    Parameters
    ----------
    path
        A file or a directory, or ``example:NAME``. The format is recognised by content.
    run
        Which run to take, where the log holds several.
    roles
        Role → key, where the names are not recognised: ``{"reward": "pylint_score"}``.
    problems
        Number of held-out problems, where the log does not say.
    samples
        Samples per held-out problem.

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
            f"{path} holds {len(runs)} runs ({listed}{' …' if len(runs) > 6 else ''}); choose one with run=… "
            "(--run NAME)."
        )
    return runs[0]


def read_all(
    path: str | Path,
    *,
    run: str | None = None,
    roles: Mapping[str, str] | None = None,
    problems: int | None = None,
    samples: int = 1,
    files: Files | None = None,
) -> list[Run]:
    """Read every run that a log or directory holds; parameters and errors as for `read`.

    With growing `files` the log may be in the middle of being written: half a line or record at the end is left for
    later, `roles` may name metrics that are yet to come, and the next call with the same `files` reads what is new.
    """
    files = files or Files()
    options = Options(roles, problems, samples, files.growing)
    read_logs = partial(_logs, files)
    if str(path).startswith(published.PREFIX):
        return [published.load(str(path).removeprefix(published.PREFIX))]
    where = Path(path).expanduser()
    _refuse_missing(where)
    if where.name in (RUN, METRICS) and run_directory.is_run(where.parent):
        where = where.parent
    if where.is_dir():
        named = found_in(where, read_logs, files, UNDERSTOOD)
    else:
        logs = read_logs(where)
        named = [(name_of(where), log) for log in logs]
    chosen = [(name, log) for name, log in named if run in (None, name, log.name)]
    if not chosen:
        names = ", ".join(repr(log.name or name) for name, log in named[:8])
        raise SeveralRuns(f"{path} has no run {run!r}; it has {names}.")
    return [assemble(log, name, str(path), options) for name, log in chosen]


def _logs(files: Files, path: Path) -> list[Log]:
    try:
        return files.logs(path, _ask)
    except NoMetrics as error:
        raise error if path.name in str(error) else NoMetrics(f"{path}: {error}") from None
    except OSError as error:
        raise ReadError(f"{path}: cannot be read ({error.strerror or error}).") from error
    except RecursionError as error:
        raise NotUnderstood(f"{path}: nested deeper than any log; not understood.") from error


def _ask(source: Source) -> list[Log]:
    """Ask each reader in turn."""
    if not source.head:
        raise NotUnderstood(f"{source.path}: the file is empty (0 bytes); nothing was written to it yet.")
    for number, reader in enumerate(READERS[source.passed :], start=source.passed):
        logs = reader(source)
        if logs:
            if len(source.head) == HEAD:  # those before it look at no more than that, except for those of consoles
                source.passed = min(number, len(READERS) - len(_CONSOLES))
            return [_with_open_end(log, source) for log in logs]
    raise NotUnderstood(
        f"{source.path}: {_seen(source)}; heldout reads {UNDERSTOOD}. Write it as CSV or JSON lines with a 'step'."
    )


def _with_open_end(log: Log, source: Source) -> Log:
    """Say that a console log stops within a line, where its reader did not have to."""
    if source.growing or not log.format.endswith("console") or not source.ends_open:
        return log
    if any(note.kind is NoteKind.DROPPED for note in log.notes):
        return log
    text = "The last line has no line end; if the log was cut there, its last entry is missing."
    return replace(log, notes=(*log.notes, Note(NoteKind.ASSUMED, text)))


def _seen(source: Source) -> str:
    if not source.is_text:
        return f"binary content that no reader knows (it starts with {source.head[:8]!r})"
    first = next((line for line in source.text[:4000].split("\n") if line.strip()), "")
    return f"text without metrics that a reader knows (it starts with {first.strip()[:50]!r})"


def name_of(path: Path) -> str:
    """Return the name of the run in a file whose log does not name it."""
    stem = path.stem.removeprefix("run-")
    if stem.lower() in _GENERIC or stem.startswith("events.out"):
        return path.resolve().parent.name or stem
    return stem


def _refuse_missing(path: Path) -> None:
    if path.exists():
        return
    parent = path.parent if path.parent.is_dir() else Path()
    near = difflib.get_close_matches(path.name, [entry.name for entry in parent.iterdir()], n=3)
    hint = f"; did you mean {', '.join(str(parent / name) for name in near)}?" if near else ""
    raise ReadError(f"{path}: there is no such file or directory{hint or '.'}")
