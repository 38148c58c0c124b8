"""One row a run as a table for programs: which columns, in which order, and which runs are flagged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import polars as pl

from heldout.findings import Estimate, State
from heldout.plain import plain
from heldout.report.rows import Row
from heldout.stats.levels import adaptive_benjamini_hochberg

FELL = (State.OVER_OPTIMISED.value, State.REGRESSED.value)
COLUMNS: dict[str, pl.DataType] = {
    "run": pl.String(),
    "path": pl.String(),
    "state": pl.String(),  # none where it was not judged
    "label": pl.String(),
    "steps": pl.Int64(),
    "last_step": pl.Int64(),
    "evaluations": pl.Int64(),
    "n": pl.Int64(),  # problems of an evaluation, the fewest
    "score": pl.String(),  # the key of the held-out score; levels and intervals are as logged, shares as fractions
    "last": pl.Float64(),
    "last_low": pl.Float64(),
    "last_high": pl.Float64(),
    "best": pl.Float64(),
    "best_low": pl.Float64(),
    "best_high": pl.Float64(),
    "keep": pl.Int64(),  # the step of the best
    "onset": pl.Int64(),
    "fall": pl.Float64(),
    "fall_low": pl.Float64(),
    "fall_high": pl.Float64(),
    "p": pl.Float64(),
    "adjusted_p": pl.Float64(),
    "smallest_visible_fall": pl.Float64(),
    "hack_rate": pl.Float64(),
    "warnings": pl.Int64(),
    "seconds": pl.Float64(),
    "error": pl.String(),
    "copy_of": pl.String(),  # the run that has the same measurements: this one does not count
}
_CONFIRMED = "confirmed"
_SPREADSHEET = r"^([=+\-@\t\r])"  # what begins so, a spreadsheet computes
_UNSEEN = r"[\x00-\x1f\x7f-\x9f]"


def record_of(row: Row, path: str, copy_of: str | None = None) -> tuple[Any, ...]:
    """Return the values of one run, in the order of `COLUMNS`, its adjusted p left open."""
    fall, read = row.fall, row.state is not None
    return (
        plain(row.name),
        plain(path),
        row.state.value if row.state else None,
        plain(row.label) if read else None,
        row.steps if read else None,
        row.last_step,
        row.evaluations if read else None,
        row.problems,
        plain(row.score) if read else None,
        *_interval(row.last),
        *_interval(row.keep),
        row.keep.step if row.keep else None,
        row.onset,
        *((fall.drop, fall.low, fall.high) if fall else (None, None, None)),
        row.p,
        None,
        row.smallest_visible_drop,
        row.hacked,
        row.warnings,
        row.seconds,
        plain(row.error),
        copy_of and plain(copy_of),
    )


def frame_of(records: Sequence[tuple[Any, ...]]) -> pl.DataFrame:
    """Return the table of all runs, the adjusted p filled in; shape (runs, 28)."""
    rows = pl.DataFrame(records, schema=COLUMNS, orient="row")
    rows = rows.with_columns(pl.col(pl.Float64).fill_nan(None))
    return rows.with_columns(adjusted_p=_adjusted(rows))


def _adjusted(rows: pl.DataFrame) -> pl.Series:
    """Pay for all runs that were asked whether they have ever fallen, each once however often it was copied."""
    asked = (rows["p"].is_not_null() & rows["copy_of"].is_null()).to_numpy()
    adjusted = np.full(len(rows), np.nan)
    adjusted[asked] = adaptive_benjamini_hochberg(rows["p"].to_numpy()[asked])
    return pl.Series(adjusted).fill_nan(None)


def order_of(rows: pl.DataFrame, severities: Sequence[int]) -> list[int]:
    """Return the order in which runs are shown: those that are down first, by adjusted p, and what was not read last.

    Of equal p the larger fall goes first, of equal ones the graver: that whose reward still rises.
    """
    ranked = rows.with_row_index("at").with_columns(
        severity=pl.Series(severities, dtype=pl.Int64),
        rank=pl.col("adjusted_p").fill_null(1.0),
        size=-pl.col("fall").fill_null(0.0),
        unread=pl.col("state").is_null(),
        up=~pl.col("state").is_in(FELL) | pl.col("copy_of").is_not_null(),
    )
    return ranked.sort("unread", "up", "rank", "size", "severity", "run")["at"].to_list()


def flagged_of(rows: pl.DataFrame, fdr: float) -> pl.DataFrame:
    """Return the confirmed falls that stay so when all other runs are paid for, at this rate of false ones."""
    return confirmed_of(rows).filter(pl.col("adjusted_p") <= fdr)


def confirmed_of(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the runs whose fall is confirmed when each is taken alone."""
    return fallen_of(rows).filter(pl.col("label").str.starts_with(_CONFIRMED))


def fallen_of(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the runs that are down, confirmed or likely; copies are no runs of their own."""
    return rows.filter(pl.col("state").is_in(FELL) & pl.col("copy_of").is_null())


def for_spreadsheets(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the table with no text that a spreadsheet would compute: such a cell begins with an apostrophe."""
    text = pl.col(pl.String)
    return rows.with_columns(text.str.replace_all(_UNSEEN, " ").str.replace(_SPREADSHEET, "'$1"))


def _interval(one: Estimate | None) -> Iterable[float | None]:
    return (None, None, None) if one is None else (one.estimate, one.low, one.high)
