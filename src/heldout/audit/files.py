"""An audit as files: ``audit.json`` (schema ``heldout.audit/1``), ``audit.html``, and a file for each text."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import heldout
from heldout.audit.audit import LIMITS, Audit
from heldout.audit.parts import Example, Result
from heldout.audit.terminal import scale_told, shortened
from heldout.audit.words import TITLES, advice, besides, clear, entries, how_often, score_text
from heldout.pages import template
from heldout.store.lines import replacing

SCHEMA = "heldout.audit/1"
_LONGEST = 20_000  # characters of a text in JSON; the file has it whole
_WHOLE = 1_000_000  # characters of a text that gets a file


def write(audit: Audit, folder: Path, reproduced: str) -> dict[Example, str]:
    """Write all files; return where the text of each example lies, as it is to be typed.

    `reproduced` is the command that tries a text again, up to the name of its file.
    """
    texts = folder / "texts"
    texts.mkdir(parents=True, exist_ok=True)
    files: dict[Example, str] = {}
    for number, (result, example) in enumerate(_shown(audit.flaws), 1):
        if len(example.text) <= _WHOLE:
            path = texts / f"{number:02d}-{_slug(result)}.txt"
            path.write_bytes(example.text.encode("utf-8", "surrogatepass"))
            files[example] = str(path)
    for name, content in (("audit.json", as_json(audit, files)), ("audit.html", as_html(audit, files, reproduced))):
        with replacing(folder / name) as new:
            new.write_text(content, encoding="utf-8")
    return files


def _shown(results: Iterable[Result]) -> Iterable[tuple[Result, Example]]:
    return ((one, one.examples[0]) for one in results if one.examples)


def _slug(result: Result) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", f"{result.family} {result.name}".lower()).strip("-")
    return name[:40].rstrip("-") or "text"


def as_json(audit: Audit, files: Mapping[Example, str] | None = None) -> str:
    """Write an audit for programs; in ASCII, so that texts of any characters can be read back."""
    told = {
        "format": SCHEMA,
        "heldout": heldout.__version__,
        "reward": audit.reward,
        "plan": audit.plan,
        "task": audit.task,
        "seed": audit.seed,
        "problems": {"of": audit.problems, "drawn": len(audit.known), "with_solution": audit.with_truth},
        "scale": {"right": _number(audit.right), "nothing": audit.nothing, "format": audit.wrapping},
        "parts": {"done": list(audit.done), "missing": list(audit.missing), "stopped": audit.stopped},
        "calls": audit.calls,
        "seconds": round(audit.seconds, 3),
        "seconds_per_call": _number(audit.pace),
        "results": [_result(one, files or {}) for one in audit.results],
        "not_possible": list(audit.not_possible),
        "limits": list(LIMITS),
    }
    return json.dumps(told, indent=1, allow_nan=False) + "\n"


def _result(result: Result, files: Mapping[Example, str]) -> dict[str, Any]:
    told = {key: value for key, value in asdict(result).items() if key != "examples"}
    return told | {
        "kind": result.kind.value,
        "flaw": result.flaw,
        "interval": list(result.interval),
        "told": how_often(result),
        "fix": advice(result),
        "examples": [_example(one, files) for one in result.examples],
    }


def _example(example: Example, files: Mapping[Example, str]) -> dict[str, Any]:
    return {
        "problem": example.problem,
        "text": example.text[:_LONGEST],
        "characters": len(example.text),
        "file": files.get(example),
        "outcome": example.outcome.kind,
        "score": _number(example.outcome.score),
        "error": example.outcome.error,
        "right": _number(example.right),
        "why": example.why,
    }


def _number(value: float | None) -> float | str | None:
    """A number that JSON can write; nan and the infinite ones as texts."""
    return value if value is None or math.isfinite(value) else "nan" if math.isnan(value) else str(value)


def as_html(audit: Audit, files: Mapping[Example, str], reproduced: str) -> str:
    """Write an audit as a page of its own, without any network; all texts are escaped."""
    found = entries(audit.results)
    return template("audit.html", __package__).render(
        audit=audit,
        scale=scale_told(audit),
        sections=[(TITLES[kind], kind, some) for kind, some in found.items()],
        counts=[(TITLES[kind], len(some)) for kind, some in found.items()],
        lists=[
            ("Checked, and not found", list(clear(audit.results))),
            ("Besides", besides(audit.results)),
            ("Not possible", audit.not_possible),
            ("Limits", LIMITS),
        ],
        files=files,
        reproduced=reproduced,
        how_often=how_often,
        score_text=score_text,
        shortened=shortened,
        percent=lambda share: f"{100 * share:.2f}",
    )
