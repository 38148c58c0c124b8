"""How a run stands while it goes on: ``verdict.json``, a kilobyte beside ``run.json``.

Its guard replaces it at each evaluation, so that a thousand runs that go on are a thousand small files to read. It
counts only for the evaluations that it was made from, and only of the same heldout: whoever reads it checks both.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

import heldout
from heldout.plain import plain, read
from heldout.readers.run_directory import config_at_start
from heldout.report.rows import Row
from heldout.report.sparkline import Spark
from heldout.settings import all_settings
from heldout.store.layout import EVALS, METRICS, VERDICT
from heldout.store.lines import replacing
from heldout.store.writer import writer_of

SCHEMA = "heldout.verdict/1"
_LONGEST = 3600.0  # seconds since the last line in which a run on another machine counts as going on
# What whoever reads it knows better: where it lies, when it changed; or what the kilobyte has no room for.
_LEFT_OUT = (
    "name",
    "source",
    "page",
    "changed",
    "live",
    "ended",
    "spark",
    "settings",
    "adjusted_p",
    "seconds",
    "error",
)


def write_standing(directory: Path, row: Row) -> None:
    """Say how a run stands by now, whole or not at all; an OSError where that cannot be written."""
    told = {"schema": SCHEMA, "heldout": heldout.__version__, "time": time.time(), "stamps": _sizes(directory)}
    verdict = {name: value for name, value in plain(row).items() if name not in _LEFT_OUT}
    with replacing(directory / VERDICT) as new:
        new.write_bytes(orjson.dumps(told | {"verdict": verdict}, option=orjson.OPT_APPEND_NEWLINE))


def standing_of(directory: Path) -> Row | None:
    """Return how a run that goes on stands by the word of its guard; None where the run itself is to be read.

    The word counts while the run goes on, where the same version of heldout wrote it no earlier than the evaluations,
    their files have the sizes that they had, and the metrics have at least theirs.
    """
    try:
        file = directory / VERDICT
        told = orjson.loads(file.read_bytes())
        if (told["schema"], told["heldout"]) != (SCHEMA, heldout.__version__) or not _goes_on(directory):
            return None
        before, now = told["stamps"], _sizes(directory)
        rest = [{name: size for name, size in sizes.items() if name != METRICS} for sizes in (before, now)]
        if rest[0] != rest[1] or not before.get(METRICS, 0) <= now.get(METRICS, 0):
            return None
        if any((directory / name).stat().st_mtime_ns > file.stat().st_mtime_ns for name in rest[0]):
            return None
        return _row(directory, told["verdict"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _row(directory: Path, verdict: dict[str, Any]) -> Row:
    blank = plain(Row(name=directory.name, source=str(directory)))
    row = read(Row, blank | {name: verdict[name] for name in blank if name not in _LEFT_OUT})
    return replace(row, spark=Spark(), settings=all_settings(config_at_start(directory)))


def _sizes(directory: Path) -> dict[str, int]:
    """Return the sizes of the files that a verdict is made from."""
    files = [directory / METRICS, *sorted((directory / EVALS).glob("*.jsonl"))]
    return {str(file.relative_to(directory)): file.stat().st_size for file in files if file.exists()}


def _goes_on(directory: Path) -> bool:
    """Whether the run is still written: by what its process left, and where nobody can tell, by the clock."""
    writer = writer_of(directory)
    if writer is None or writer.last_word:
        return False
    alive = writer.alive()
    if alive is None:
        return time.time() - (directory / METRICS).stat().st_mtime < _LONGEST
    return alive
