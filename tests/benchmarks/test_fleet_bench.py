"""Fleets whose truth is known: what is flagged among all is confirmed alone, and the tables add up."""

from __future__ import annotations

from pathlib import Path

import heldout
from benchmarks.fleet import _of_errors, _one_fleet
from benchmarks.fleets import drawn, write_fleet


def test_what_is_flagged_among_all_was_confirmed_alone() -> None:
    errors = {one.rule: one for one in _one_fleet((5, 20))}
    alone, among, plain = errors.values()
    assert plain.flagged <= among.flagged <= alone.flagged
    assert {one.falls for one in errors.values()} == {sum(run.is_decline for run in drawn(20, 5))}
    assert all(one.wrong + one.found == one.flagged for one in errors.values())
    sheet = _of_errors([*errors.values(), *errors.values()], 2, 20)
    assert sheet.rows[0][2] == f"{2 * alone.wrong} of {2 * alone.flagged}"


def test_the_directories_hold_the_simulated_runs(tmp_path: Path) -> None:
    falls = write_fleet(tmp_path, 2, seed=4, n=50, evaluations=6)
    made = drawn(2, 4, 50, 6)
    assert falls == [run.is_decline for run in made]
    run = heldout.read(tmp_path / "sweep-000" / "run-00001")
    assert [one.rate for one in run.evaluations()] == made[1].rates.tolist()
    assert run.config["lr"] == 2e-6
