"""The report for machines: ``report.json``, schema ``heldout.report/1`` (documented in docs/report.md).

Its keys are the names of the fields, but for the few in `NAMES`: a new field of a verdict or a description is written
without a word here, and has to be documented.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import orjson

import heldout
from heldout.diagnosis.description import Description, Pair, SeriesDescription
from heldout.diagnosis.entries import as_told
from heldout.diagnosis.first_screen import first_screen
from heldout.diagnosis.problems import GAINED, LOST, NEVER, Problems
from heldout.findings import BenchmarkFall, Estimate, Unchecked, Verdict
from heldout.metrics import ROLES, Unit
from heldout.plain import plain
from heldout.report.parts import Parts, parts_of
from heldout.run import Note, Run
from heldout.settings import settings_of
from heldout.stats.correlation import Correlation, LeadLag
from heldout.stats.course import Course

SCHEMA = "heldout.report/1"

NAMES: dict[type, dict[str, str | None]] = {  # field → key where the two differ, None where it is not written
    SeriesDescription: {
        "role": None,  # the key under which the series stands
        "key_points": None,  # a part of the report of their own
        "count": "values",
        "window": "smoothing_window_steps",
        "noise": None,  # the next two in words
        "noise_sd": None,
        "noise_share": None,
    },
    Course: {"start": None, "end": None},  # the two levels of the series
    Pair: {"how": "aligned", "count": "points", "movement": None, "lead": "lead_lag"},
    Correlation: {"n_eff": "n_effective"},
    LeadLag: {"lag": "lag_points", "lags": None, "correlations": None},
    Unchecked: {"metrics": None},
    Note: {"end_lost": None},  # the verdict's sentence says it
    Verdict: {"watched": None},  # its label says it
    BenchmarkFall: {"sized": None, "fall": None},
}

_plain = partial(plain, names=NAMES)


def as_json(
    run: Run, about: Description, verdict: Verdict, figures: Mapping[str, list[str]], parts: Parts | None = None
) -> bytes:
    """Write the report as JSON; numbers that are not defined are null."""
    written = _plain(as_object(run, about, verdict, figures, parts))
    return orjson.dumps(written, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY)


def as_object(
    run: Run, about: Description, verdict: Verdict, figures: Mapping[str, list[str]], parts: Parts | None = None
) -> dict[str, Any]:
    """Return the report as plain objects; its `parts` are found if not given."""
    parts = parts or parts_of(run, verdict)
    steps = run.steps
    described = _plain(about) | {
        "series": {series.role: _plain(series) | {"noise": _noise(series)} for series in about.series},
        "key_points": {series.role: _plain(series.key_points) for series in about.series},
        "correlations": [_plain(pair) | _plain(pair.movement) for pair in about.pairs],
    }
    del described["pairs"]
    return {
        "schema": SCHEMA,
        "heldout": heldout.__version__,
        "run": {
            "name": run.name,
            "source": run.source,
            "format": run.format,
            "steps": len(steps),
            "first_step": int(steps[0]),
            "last_step": int(steps[-1]),
            "metrics": sorted(run.metrics),
            "settings": settings_of(run.config),
        },
        "answers": _plain(first_screen(run, verdict, about.looks)),
        "verdict": _plain(verdict)
        | {
            "findings": _plain(as_told(verdict)),
            "benchmarks": [_plain(fall) | _unsized(fall) for fall in verdict.benchmarks],
        },
        "checkpoints": [_checkpoint(one, run, verdict) for one in parts.estimates],
        "problems": None if parts.problems is None else _problems(parts.problems),
        "roles": {role: _role(run, role) for role in ROLES},
        **described,
        "notes": _plain(run.notes),
        "figures": dict(figures),
    }


def _checkpoint(one: Estimate, run: Run, verdict: Verdict) -> dict[str, Any]:
    return {**_plain(one), "tied": one.step in verdict.tied, "path": _plain(run.checkpoints.get(one.step))}


def _problems(found: Problems) -> dict[str, Any]:
    """Return counts, and how many of them chance alone would make."""
    lost, gained = (None if one is None else one._asdict() for one in found.by_chance or (None, None))
    return {
        "since": found.since,
        "last": found.last,
        "asked": found.asked,
        **{fate: found.count(fate) for fate in (LOST, GAINED, NEVER)},
        "lost_by_chance": lost,
        "gained_by_chance": gained,
        "judged_by": list(found.judged_by),
    }


def _role(run: Run, role: str) -> dict[str, Any] | None:
    key = run.roles.get(role)
    if key is None:
        return None
    unit, series = run.unit(key), run.metrics[key]
    return {
        "key": key,
        "unit": "%" if unit is Unit.PERCENT else "",
        "scale": unit.value,
        "values": len(series),
        "problems": series.fewest_problems,
        "samples": series.mean_samples,
    }


def _noise(series: SeriesDescription) -> dict[str, Any]:
    return {"sd": _plain(series.noise_sd), "share_of_movement": _plain(series.noise_share)}


def _unsized(fall: BenchmarkFall) -> dict[str, None]:
    """Without the number of problems there are no p-values."""
    return {} if fall.sized else {"p": None, "adjusted_p": None}
