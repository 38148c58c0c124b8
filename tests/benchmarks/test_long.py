"""The benchmark of long runs: what it writes is a run, its stages do what they say."""

from __future__ import annotations

from pathlib import Path

import heldout
from benchmarks import logs
from benchmarks.children.long import STAGES
from benchmarks.long import STAGES as NAMED
from benchmarks.long import by_evaluations


def test_the_generated_run_and_its_table_hold_the_same_metrics(tmp_path: Path) -> None:
    logs.write_run(tmp_path / "run", ["reward", "kl"], 400, 8, 30)
    logs.write_csv(tmp_path / "log.csv", ["reward", "kl"], 400)
    run, table = heldout.read(tmp_path / "run"), heldout.read(tmp_path / "log.csv")
    assert run["reward"].value.tolist() == table["reward"].value.tolist()
    assert len(run["kl"]) == 400
    assert [one.step for one in run.evaluations()] == list(range(50, 401, 50))
    assert run["held_out"].fewest_problems == 30


def test_every_stage_does_what_it_is_called_after_and_leaves_the_run_as_it_was(tmp_path: Path) -> None:
    logs.write_run(tmp_path / "run", ["reward", "kl"], 200, 4, 30)
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    done = {name: STAGES[name](tmp_path / "run")() for name in ("read", "by_polars", "judge", "look", "look_again")}
    assert len(done["read"].steps) == len(done["by_polars"]) == 200
    assert done["judge"].last.step == 200
    assert done["look"] is True
    assert {path: path.read_bytes() for path in before} == before
    assert {stage for stage, _ in NAMED.values()} == set(STAGES)


def test_positions_are_of_the_last_ten_evaluations() -> None:
    (one,) = by_evaluations(10)
    assert one.evaluations == 10
    assert 0.0 < one.low <= one.middle <= one.high
