"""A folder of many run directories is reported run by run, as if all of them had been read first."""

from __future__ import annotations

import re
import tracemalloc
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.fleets import break_some, write_fleet
from heldout.cli import app, report
from heldout.cli.reading import Reading


def reported(runs: Path, out: Path) -> tuple[int, str, str, str]:
    """The exit code, what is printed, what is complained of, and the index, of one call."""
    done = CliRunner().invoke(app, ["report", str(runs), "-o", str(out), "--formats", "svg"])
    index = (out / "index.html").read_text()
    printed, complained = (re.sub(r"\n+", "\n", text.replace(str(out), "OUT")) for text in (done.stdout, done.stderr))
    return done.exit_code, printed, complained, index


def test_in_turn_the_same_is_said_as_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = tmp_path / "runs"
    write_fleet(runs, 5, seed=3, n=60, evaluations=8)
    broken = break_some(runs)
    at_once = reported(runs, tmp_path / "a")
    monkeypatch.setattr(report, "_MANY", 1)
    code, printed, complained, index = reported(runs, tmp_path / "b")
    assert (code, printed) == at_once[:2]
    assert printed.count("/run-0000") == 2
    hint, *rest = complained.splitlines()
    assert hint == "5 runs: heldout fleet judges them without figures, and ranks them."
    assert len(rest) == 3
    for name in broken:
        assert sum(name in line for line in rest) == 1
        assert name in at_once[2]
        assert name in index
        for page in (tmp_path / "b").glob("*/report.html"):
            assert name not in page.read_text()  # what is broken is no matter of the others


def test_no_run_is_read_before_its_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_fleet(tmp_path, 12, seed=3, n=500, evaluations=20)
    monkeypatch.setattr(report, "_MANY", 1)
    tracemalloc.start()
    known, _, _ = report._read_each([str(tmp_path)], Reading(), join=False)
    before = tracemalloc.get_traced_memory()[0]
    run = known[0].read()
    one = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert len(run.evaluations()) == 20
    assert len(known) == 12
    assert before < 6 * one  # 12 runs would be twice as much, and the imports are a part of it
