"""What is written as JSON has the form that is published of it, whatever was read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any, Literal

import numpy as np
import pytest

import heldout
from heldout.charts import reward_and_held_out
from heldout.charts.browser import as_data
from heldout.compare import compare
from heldout.datasets.real import real_runs
from heldout.datasets.simulated import DECLINES, NULLS, SimulatedRun, simulate
from heldout.diagnosis.description import describe
from heldout.errors import HeldoutError
from heldout.json_schema import Types, object_of, or_null
from heldout.report.json_report import as_json
from heldout.run import Run, Series
from heldout.stats.arrays import FloatArray
from tools.schemas import FOLDER, SCHEMAS, published

jsonschema = pytest.importorskip("jsonschema")


@cache
def validator(name: str) -> Any:
    schema = SCHEMAS[name]()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def faults(name: str, value: Any) -> list[str]:
    return [f"{list(error.absolute_path)}: {error.message[:200]}" for error in validator(name).iter_errors(value)]


def few_values(count: int) -> Run:
    value = np.linspace(0.1, 0.9, count)
    return Run("few", "s", "f", {"reward": Series("reward", np.arange(count), value)}, {"reward": "reward"})


@cache
def runs() -> tuple[Run, ...]:
    families = [simulate(family, 60, 12, seed=1) for family in (*NULLS[:2], *DECLINES[:2])]
    simulated = [Run("s", "s", "s", {"acc": scores(made)}, {"held_out": "acc"}) for made in families]
    packed = [heldout.read(one.path) for one in real_runs(["exit-hack-0", "exit-hack-1", "honest-0"])]
    examples = [heldout.read(f"example:{name}") for name in ("deepseek-r1", "kimi-dev")]
    return (*simulated, *packed, *examples, few_values(1), few_values(9), long_and_noisy())


def scores(made: SimulatedRun) -> Series:
    return Series("acc", np.asarray(made.steps), np.asarray(made.rates))


def long_and_noisy() -> Run:
    """More steps than are drawn, so that what was logged is a band behind the line."""
    value = np.random.default_rng(0).random(9000) + np.linspace(0.0, 1.0, 9000)
    return Run("long", "s", "f", {"reward": Series("reward", np.arange(9000), value)}, {"reward": "reward"})


def report_of(run: Run) -> Any:
    verdict = heldout.diagnose(run)
    return json.loads(as_json(run, describe(run, verdict), verdict, {"a": ["a.svg"]}))


@pytest.mark.parametrize("place", range(12))
def test_reports_have_the_published_form(place: int) -> None:
    assert faults("report-1.json", report_of(runs()[place])) == []


@pytest.mark.parametrize("place", range(12))
def test_charts_have_the_published_form(place: int) -> None:
    try:
        chart = reward_and_held_out(runs()[place])
    except HeldoutError:
        pytest.skip("nothing to draw")
    assert faults("chart-1.json", json.loads(json.dumps(as_data(chart), allow_nan=False))) == []


@pytest.mark.parametrize(("first", "second"), [(4, 5), (7, 8), (0, 2), (4, 4), (6, 7)])
def test_comparisons_have_the_published_form(first: int, second: int) -> None:
    found = compare([runs()[first], runs()[second], runs()[5]])
    assert faults("compare-1.json", json.loads(found.json())) == []


@pytest.mark.parametrize("key", ["schema", "heldout", "run", "verdict", "roles", "series", "observations", "figures"])
def test_a_report_without_one_of_its_fields_has_another_form(key: str) -> None:
    report = report_of(runs()[-2])
    assert faults("report-1.json", report | {"new": 1}) == []  # fields may be added
    assert faults("report-1.json", report | {key: 3}) != []
    assert faults("report-1.json", {name: value for name, value in report.items() if name != key}) != []


def test_what_is_within_is_told_too() -> None:
    report = report_of(runs()[4])
    for change in ({"state": "fine"}, {"tied": ["x"]}, {"recommended": {"step": 1}}, {"findings": [{"step": 1}]}):
        assert faults("report-1.json", report | {"verdict": report["verdict"] | change}) != []


def test_the_docs_have_the_forms_as_they_are() -> None:
    for name, text in published().items():
        assert (FOLDER / name).read_text(encoding="utf-8") == text, "python tools/schemas.py writes what is so now"


class Kind(Enum):
    A = "a"
    B = "b"


@dataclass
class Inner:
    """A part."""

    x: float
    kind: Kind


@dataclass
class Outer:
    """A whole."""

    one: Inner | None
    many: tuple[Inner, ...]
    of: Mapping[str, Sequence[int]]
    values: FloatArray
    either: Literal["p", "q"]
    mixed: tuple[str, float]
    gone: object = None


def test_types_say_how_they_are_written() -> None:
    told = Types({Outer: {"gone": None, "of": "by"}})
    ref = {"$ref": "#/$defs/Inner"}
    assert told.properties(Outer) == {
        "one": {"anyOf": [ref, {"type": "null"}]},
        "many": {"type": "array", "items": ref},
        "by": {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "integer"}}},
        "values": {"type": "array", "items": {"type": ["number", "null"]}},
        "either": {"enum": ["p", "q"]},
        "mixed": {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": ["number", "null"]}]}},
    }
    assert told.told["Inner"] == object_of({"x": {"type": ["number", "null"]}, "kind": {"enum": ["a", "b"]}})
    assert or_null({"type": "string"}) == {"type": ["string", "null"]}
    with pytest.raises(TypeError, match="has no schema"):
        told.of(set[int])


def test_two_types_of_one_name_are_not_taken_for_one() -> None:
    told = Types()
    told.of(Inner)
    other: type = dataclass(type("Inner", (), {"__annotations__": {"y": int}}))
    with pytest.raises(TypeError, match="two types are called Inner"):
        told.of(other)
