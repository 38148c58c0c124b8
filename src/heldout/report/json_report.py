"""The report for machines: ``report.json``, schema ``heldout.report/1`` (documented in docs/report.md)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import orjson

import heldout
from heldout.diagnosis.description import Description, Pair, Point, SeriesDescription
from heldout.findings import Finding, Verdict
from heldout.metrics import ROLES
from heldout.run import Run
from heldout.stats.correlation import Correlation

SCHEMA = "heldout.report/1"


def as_json(run: Run, about: Description, verdict: Verdict, figures: Mapping[str, list[str]]) -> bytes:
    """Write the report as JSON; numbers that are not defined are null."""
    return orjson.dumps(
        as_object(run, about, verdict, figures), option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY
    )


def as_object(run: Run, about: Description, verdict: Verdict, figures: Mapping[str, list[str]]) -> dict[str, Any]:
    """Return the report as plain objects."""
    steps = run.steps
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
        },
        "verdict": _verdict(verdict),
        "roles": {role: _role(run, role) for role in ROLES},
        "overview": about.overview,
        "components": list(about.components),
        "series": {series.role: _series(series) for series in about.series},
        "key_points": {series.role: [_point(point) for point in series.key_points] for series in about.series},
        "correlations": [_pair(pair) for pair in about.pairs],
        "signals": [
            {"name": s.name, "key": s.key, "start": s.start, "end": s.end, "low": s.low, "high": s.high}
            for s in about.signals
        ],
        "observations": [
            {
                "kind": o.kind,
                "text": o.text,
                "weight": o.weight,
                "steps": list(o.steps),
                "evidence": _finite(o.evidence),
            }
            for o in about.observations
        ],
        "interpretation": list(about.interpretation),
        "notes": [{"kind": note.kind.value, "text": note.text, "count": note.count} for note in run.notes],
        "figures": dict(figures),
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    onset, kept = verdict.onset, verdict.recommended
    return {
        "state": verdict.state.value,
        "label": verdict.label,
        "sentence": verdict.sentence,
        "peak_step": verdict.peak_step,
        "onset": None if onset is None else {"step": onset.step, "low": onset.low, "high": onset.high},
        "recommended": None
        if kept is None
        else {"step": kept.step, "estimate": kept.estimate, "low": kept.low, "high": kept.high},
        "tied": list(verdict.tied),
        "on_disk": list(verdict.on_disk),
        "smallest_visible_drop": verdict.smallest_visible_drop,
        "findings": [_finding(finding) for finding in verdict.findings],
        "unchecked": [{"detector": u.detector, "missing": u.missing} for u in verdict.unchecked],
        "advice": list(verdict.advice),
        "benchmarks": [
            {
                "key": fall.key,
                "peak_step": fall.peak_step,
                "drop": _number(fall.drop),
                "p": fall.p if fall.sized else None,
                "adjusted_p": fall.adjusted_p if fall.sized else None,
            }
            for fall in verdict.benchmarks
        ],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "detector": finding.detector,
        "severity": finding.severity.value,
        "kind": finding.kind,
        "step": finding.step,
        "steps": list(finding.steps),
        "seen": finding.seen,
        "against": finding.against,
        "means": finding.means,
        "advice": finding.advice,
        "reference": finding.reference,
        "evidence": _finite(finding.evidence),
    }


def _role(run: Run, role: str) -> dict[str, Any] | None:
    key = run.roles.get(role)
    if key is None:
        return None
    return {"key": key, "unit": "%" if run.is_percent(key) else "", "values": len(run.metrics[key])}


def _series(series: SeriesDescription) -> dict[str, Any]:
    return {
        "key": series.key,
        "label": series.label,
        "unit": series.unit,
        "values": series.count,
        "smoothing_window_steps": series.window,
        "start": _point(series.start),
        "end": _point(series.end),
        "peak": _point(series.peak),
        "trough": _point(series.trough),
        "trend": series.trend,
        "stretches": [
            {"start": _point(s.start), "end": _point(s.end), "direction": s.direction} for s in series.stretches
        ],
        "turns": [
            {"kind": t.kind, **_point(t.point), "prominence": t.prominence, "z": _number(t.z)} for t in series.turns
        ],
        "state": series.state,
        "noise": {"sd": _number(series.noise_sd), "share_of_movement": _number(series.noise_share)},
    }


def _pair(pair: Pair) -> dict[str, Any]:
    movement, lead = pair.movement, pair.lead
    return {
        "left": pair.left,
        "right": pair.right,
        "aligned": pair.how,
        "points": pair.count,
        "levels": _correlation(movement.levels),
        "levels_are": movement.levels_are,
        "differences": _correlation(movement.differences),
        "detrended": _correlation(movement.detrended),
        "lead_lag": {"lag_points": lead.lag, "r": _number(lead.r), "p": _number(lead.p)},
    }


def _correlation(found: Correlation) -> dict[str, Any]:
    return {
        "r": _number(found.r),
        "low": _number(found.low),
        "high": _number(found.high),
        "n": found.n,
        "n_effective": _number(found.n_eff),
    }


def _point(point: Point) -> dict[str, Any]:
    return {"step": point.step, "value": point.value}


def _finite(evidence: Mapping[str, float]) -> dict[str, float | None]:
    return {key: _number(value) for key, value in evidence.items()}


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
