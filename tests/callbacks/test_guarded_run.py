"""What all callbacks share: what is refused before there is a run, and what is closed after it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from heldout.callbacks.base import GuardedRun
from heldout.errors import UsageError
from heldout.live import On, Rules


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"planned": 0}, "planned is 0; it must be a number of evaluations"),
        ({"roles": {"rewrad": "x"}}, "roles has 'rewrad'"),
        ({"rules": Rules(run="no-such-program")}, "no such program"),
        ({"rules": Rules(alert=On.NEVER), "alerts": [print]}, "the rules send none"),
    ],
)
def test_what_a_guard_refuses_is_refused_before_the_directory_is_made(
    tmp_path: Path, settings: dict[str, Any], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        GuardedRun(tmp_path / "run", **settings).begin(resume=False, rank=0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("own", "planned"), [(None, 7), (3, 3)])
def test_the_plan_of_the_trainer_counts_where_the_user_said_nothing(
    tmp_path: Path, own: int | None, planned: int
) -> None:
    run = GuardedRun(tmp_path / "run", planned=own)
    run.begin(resume=False, rank=0, planned=7)
    run.end()
    assert json.loads((tmp_path / "run" / "findings.jsonl").read_text())["planned"] == planned
