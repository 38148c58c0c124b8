"""What other tools say of a grader is read as they write it; one that is not there is said not to be."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from benchmarks.audit import Seen, _counts, _gradecheck, _reward_doctor
from benchmarks.graders.kinds import KINDS

GRADER = KINDS[0].flawed
FAILED = {"score": 1.0}
SAID = {
    "no exploits": ({"n_exploits_accepted": 0, "attacks_that_work": [], "failures": [FAILED]}, False),
    "an exploit": ({"n_exploits_accepted": 2, "attacks_that_work": ["shotgun"], "failures": [FAILED] * 3}, True),
    "all crash": ({"n_exploits_accepted": 0, "attacks_that_work": [], "failures": [{"score": None}] * 83}, None),
}


def tool(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, output: object) -> None:
    """Put a program of this name on the path that prints this."""
    path = folder / name
    path.write_text(f"#!{sys.executable}\nprint({json.dumps(output)!r})\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.parametrize(("report", "found"), SAID.values(), ids=SAID)
def test_what_reward_doctor_says_is_read(
    report: dict[str, object], found: bool | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool(
        tmp_path, monkeypatch, "reward-doctor", report | {"n_cases": 83, "by_category": {"equivalence": {"failed": 4}}}
    )
    assert _reward_doctor(GRADER, "a flaw", False).found is found


def test_what_gradecheck_says_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finding = {"attack": "noop", "verdict": "fooled"}
    tool(tmp_path, monkeypatch, "gradecheck", {"findings": [finding]})
    assert _gradecheck(GRADER, "a flaw", False).found is True
    tool(tmp_path, monkeypatch, "gradecheck", {"findings": [finding | {"verdict": "warn"}]})
    said = _gradecheck(GRADER, "a flaw", False)
    assert (said.found, said.told) == (False, "resisted, warned of noop")


def test_a_tool_that_is_not_there_is_said_not_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert _reward_doctor(GRADER, "", False).told == "not installed: pip install reward-doctor"
    assert _gradecheck(GRADER, "", False).found is None


def test_flawed_and_sound_graders_are_counted_apart_and_those_that_cannot_be_taken_too() -> None:
    seen = [
        Seen("t", "a", "flaw", False, True, ""),
        Seen("t", "b", "", False, None, ""),
        Seen("t", "c", "", True, False, ""),
    ]
    rows = {row[1]: row[2:5] for row in _counts(seen).rows}
    assert rows == {
        "flawed, programs and answers": ("1", "1", "0"),
        "their sound twins": ("1", "0", "1"),
        "flawed, written apart": ("0", "0", "0"),
        "sound, written apart": ("1", "0", "0"),
    }
