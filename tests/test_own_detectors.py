"""Detectors of the user's own: loaded by name, asked beside the others, reported where they fail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import heldout
from heldout.cli import app
from heldout.cli.reading import fresh, load
from heldout.detectors import Plateau, default_detectors
from heldout.errors import UsageError

OWN = """
from heldout.findings import Finding, Severity

class Mine:
    name, needs = "mine", ("reward",)
    def update(self, block):
        if "reward" not in block.metrics:
            return []
        return [Finding(detector="mine", severity=Severity.NOTICE, kind="seen", step=1, steps=(1, 1), seen="A reward.",
                        against="None.", means="Nothing.", advice="Nothing.")]

class Broken:
    name, needs = "broken", ()
    def update(self, block):
        raise RuntimeError("no such luck")

class Not:
    name = "not"
"""


@pytest.fixture
def own(tmp_path: Path) -> str:
    path = tmp_path / "own.py"
    path.write_text(OWN)
    return str(path)


def test_it_is_loaded_from_a_module_or_a_file_and_asked_beside_the_others(own: str) -> None:
    assert load("heldout.detectors:Plateau")().name == "plateau"
    asked = fresh([f"{own}:Mine"])
    assert [one.name for one in asked()] == [*(one.name for one in default_detectors()), "mine"]
    assert asked()[-1] is not asked()[-1]


def test_it_may_be_a_dataclass_in_a_file_whose_annotations_are_texts(tmp_path: Path) -> None:
    for folder, limit in (("a", 1.0), ("b", 2.0)):
        path = tmp_path / folder / "own.py"
        path.parent.mkdir()
        path.write_text(
            "from __future__ import annotations\nfrom dataclasses import dataclass\n\n\n@dataclass\nclass Mine:\n"
            f"    limit: float = {limit}\n    name, needs = 'mine', ()\n\n"
            "    def update(self, block):\n        return []\n"
        )
    first, second = (load(f"{tmp_path}/{folder}/own.py:Mine") for folder in "ab")
    assert [repr(first()), repr(second())] == ["Mine(limit=1.0)", "Mine(limit=2.0)"]


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ("nothing", "names no detector; give it as module:Name or path/to/file.py:Name"),
        ("no.such.module:X", "cannot be loaded (ModuleNotFoundError"),
        ("OWN:Missing", "cannot be loaded (AttributeError"),
        ("no/such/file.py:X", "cannot be loaded (FileNotFoundError: there is no file no/such/file.py)"),
        ("OWN:Not", "is no detector: it has no needs and no update"),
    ],
)
def test_what_cannot_be_loaded_is_refused_in_one_sentence(own: str, spec: str, why: str) -> None:
    with pytest.raises(UsageError) as refused:
        load(spec.replace("OWN", own))
    assert why in str(refused.value)
    assert str(refused.value).endswith(".")


class Nameless:
    """Has neither a name nor needs."""

    def update(self, block: object) -> list[object]:
        return []


@pytest.mark.parametrize(
    ("given", "lacks"), [(Nameless(), "it has no name and no needs."), (Plateau, "it is a class; make one of it.")]
)
def test_what_is_no_detector_is_refused_in_one_sentence_that_says_what_it_lacks(given: Any, lacks: str) -> None:
    with pytest.raises(UsageError) as refused:
        heldout.diagnose(heldout.read("example:kimi-dev"), detectors=[given])
    assert lacks in str(refused.value)


def test_one_that_raises_is_named_and_the_verdict_is_given(own: str) -> None:
    run = heldout.read("example:kimi-dev")
    verdict = heldout.diagnose(run, fresh([f"{own}:Broken"])())
    assert [(one.detector, one.missing) for one in verdict.unchecked if one.detector == "broken"] == [
        ("broken", "it failed with RuntimeError: no such luck")
    ]
    assert verdict.state == heldout.diagnose(run).state


def test_report_asks_it_too(own: str, tmp_path: Path) -> None:
    command = ["report", "example:kimi-dev", "-o", str(tmp_path / "out"), "--detector", f"{own}:Mine", "-q"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert '"mine"' in json.dumps(json.loads((tmp_path / "out" / "report.json").read_text()))
