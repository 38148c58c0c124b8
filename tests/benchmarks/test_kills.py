"""What the benchmark of deaths does to a training, and what it says."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from pathlib import Path

import pytest

from benchmarks import kills
from benchmarks.kills import Tally


def test_a_full_pipe_takes_nothing_and_breaks_when_its_reader_goes() -> None:
    with kills._full_pipe() as (reader, writer):
        os.set_blocking(writer, False)
        with pytest.raises(BlockingIOError):
            os.write(writer, b"x")
        os.close(reader)
        with pytest.raises(BrokenPipeError):
            os.write(writer, b"x")


@pytest.mark.parametrize(
    ("works", "status"), [("pass", 0), ("raise ValueError", 1), ("import os; os.kill(os.getpid(), 9)", -signal.SIGKILL)]
)
def test_a_child_ends_with_its_own_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, works: str, status: int
) -> None:
    def trained(run: Path) -> bool:
        exec(works)
        return True

    monkeypatch.setattr(kills, "_trained", trained)
    assert kills._ended(kills._child(tmp_path / "run"), 60.0) == status


def test_files_beyond_a_size_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def trained(run: Path) -> bool:
        run.write_bytes(b"x" * 1000)
        return True

    monkeypatch.setattr(kills, "_trained", trained)
    assert kills._ended(kills._child(tmp_path / "small", largest=10_000), 60.0) == 0
    assert kills._ended(kills._child(tmp_path / "large", largest=900), 60.0) == 1


def test_what_is_said_in_the_end() -> None:
    tally = Tally(Counter({"SIGKILL": 2, "disk full": 1}), runs=1)
    counts = "3 deaths (SIGKILL 2, SIGTERM 0, disk full 1, full pipe 0) in 1 runs"
    assert tally.sentence() == f"{counts}: all resumed, the weights are those of the unbroken run."
    tally.wrong.append("run-0 did not go on.")
    assert tally.sentence() == f"{counts}: run-0 did not go on."


def test_it_goes_on_where_it_was_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The trainings are stood in for: a run of two deaths each, and one that is ended amid its second run."""

    def one_run(run: Path, tally: Tally, rng: random.Random, count: int) -> None:
        run.mkdir()
        drawn.append((run.name, rng.random()))
        tally.deaths["SIGKILL"] += 1
        if len(drawn) == ended:
            raise KeyboardInterrupt
        tally.deaths["SIGTERM"] += 1

    monkeypatch.setattr(kills, "_trained", lambda run: run.mkdir() or True)
    monkeypatch.setattr(kills, "_one_run", one_run)
    monkeypatch.setattr(kills, "_compared", lambda run, unbroken: [])
    drawn: list[tuple[str, float]] = []
    ended = 2
    with pytest.raises(KeyboardInterrupt):
        kills.measure(6, 0, tmp_path)
    ended = 0
    tally = kills.measure(6, 0, tmp_path)
    assert (tally.deaths, tally.runs) == (Counter({"SIGKILL": 3, "SIGTERM": 3}), 3)
    assert [name for name, _ in drawn] == ["run-0-0", "run-0-1", "run-0-1", "run-0-2"]
    assert drawn[1] == drawn[2]  # what it is ended by, and when, is drawn again
    assert not list(tmp_path.glob("run-*"))
    assert kills.measure(6, 0, tmp_path) == tally
