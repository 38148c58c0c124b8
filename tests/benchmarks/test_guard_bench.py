"""What the benchmark of guarded trainings says of what is known, and that nothing is trained twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.guard import main
from heldout.errors import UsageError

STOPPED = {
    "stopped": 90,
    "taken_over": 83,
    "kept": 50,
    "found": "confirmed",
    "found_at": 90,
    "true": {"kept": 0.551, "when it was stopped": 0.1, "at the end": 0.7},
    "alerts": ["a", "b"],
    "verdict": "improving",
    "ended": 170,
    "missing": [],
}
LEFT_ALONE = {
    "stopped": 200,
    "taken_over": None,
    "true": {"at the end": 0.85},
    "alerts": [],
    "verdict": "improving",
    "ended": 200,
    "missing": [10],
}


def test_what_is_known_already_is_told_and_not_trained_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "exit-hack-1.json").write_text(json.dumps(STOPPED))
    (tmp_path / "honest-1.json").write_text(json.dumps(LEFT_ALONE))
    main(tmp_path, [], [1], out=tmp_path / "table.md")
    first, second = (tmp_path / "table.md").read_text().splitlines()[-2:]
    cells = "exit-hack-1 | 83 | 90 (confirmed) | 90 | 50 | 55.1 | 10.0 | 170 | 70.0 | improving | 2"
    assert first == f"| {cells} |"
    assert second == "| honest-1 |  |  |  |  |  |  | 200 | 85.0 | improving, 1 step missing | 0 |"
    assert "exit-hack-1 · 83" in capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} == {"exit-hack-1.json", "honest-1.json", "table.md"}


def test_a_recipe_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'exit' is none of exit-hack, honest"):
        main(tmp_path, ["exit"], [0])
