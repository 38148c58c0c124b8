"""Many runs are watched at once: a line each, the gravest first, whatever their names are."""

from __future__ import annotations

import gc
import io
import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from rich.text import Text
from typer.testing import CliRunner

from heldout import Recorder
from heldout.cli import app
from heldout.errors import ReadError, SeveralRuns, UsageError
from heldout.live import Rules
from heldout.live.follow import Follower
from heldout.live.several import Place, Several, places_in
from heldout.live.watch import Watch

PROBLEMS = [f"p{index}" for index in range(200)]


def record(where: Path, *, falls: bool = False, steps: int = 16) -> Path:
    """Record a run that stays level, or falls in its second half."""
    chance = np.random.default_rng(0).random(200)
    with Recorder(where) as recorder:
        for step in range(steps):
            recorder.log(step, {"reward": 0.01 * step})
            level = 0.6 - 0.08 * max(step - 8, 0) * falls
            recorder.evaluation(step, problems=PROBLEMS, passed=(chance < level).tolist())
    return where


def several(*paths: Path, out: io.StringIO | None = None) -> Several:
    console = Console(file=out or io.StringIO(), width=200, highlight=False)

    def watching(place: Place) -> Watch:
        follower = Follower(place.path, run=place.run)
        return Watch(follower, Rules(), planned=16, console=console, beside=place.name)

    return Several(paths, watching, console)


def test_each_has_a_line_and_the_gravest_stands_first(tmp_path: Path) -> None:
    for name, falls in (("a", False), ("b", True), ("c/deep", False)):
        record(tmp_path / name, falls=falls)
    (tmp_path / "log.jsonl").write_text("".join(f'{{"step": {n}, "reward": 0.5, "kl": 0.1}}\n' for n in range(9)))
    out = io.StringIO()
    several(tmp_path, out=out).once()
    table = out.getvalue().splitlines()[-4:]
    assert table[0].startswith("b ")
    assert "fallen" in table[0] or "regressed" in table[0] or "over-optimised" in table[0]
    assert {line.split()[0] for line in table} == {"a", "b", "c/deep", "log.jsonl"}
    assert "b: alarm: step" in out.getvalue()  # what was found is told under its name


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_line_is_as_wide_as_the_terminal(tmp_path: Path, width: int) -> None:
    record(tmp_path / "a-long-name-of-a-run-that-says-all-its-settings", falls=True)
    many = several(tmp_path)
    many.console = Console(file=io.StringIO(), width=width, force_terminal=True)
    many._look()
    with many.console.capture() as captured:
        many.console.print(many.table())
    lines = [Text.from_ansi(line).plain for line in captured.get().splitlines()]
    assert len(lines) == 2
    assert max(map(len, lines)) <= width
    assert "%" in lines[1] or width < 110


def test_names_are_text(tmp_path: Path) -> None:
    hostile = "[bold]x\x1b[31m\u202ey"
    for name in (hostile, "plain"):
        record(tmp_path / name)
    out = io.StringIO()
    several(tmp_path, out=out).once()
    assert "[bold]x" in out.getvalue()
    assert "\x1b" not in out.getvalue()
    assert "\u202e" not in out.getvalue()


def test_one_that_is_begun_later_is_found_and_a_broken_one_keeps_nobody_from_it(tmp_path: Path) -> None:
    record(tmp_path / "a")
    both = several(tmp_path)
    both._look()
    assert list(both.watches) == ["a"]
    record(tmp_path / "b", falls=True)
    both._look()
    assert [row.name for row in both.rows()] == ["b", "a"]
    (tmp_path / "a" / "run.json").write_text("{")
    record(tmp_path / "c")
    both._look()
    assert {row.name for row in both.rows()} == {"a", "b", "c"}
    assert both.watches["c"].verdict is not None


def test_a_run_that_was_alone_at_first_is_not_followed_twice(tmp_path: Path) -> None:
    state = {"global_step": 5, "log_history": [{"step": n, "reward": 0.1 * n} for n in range(1, 6)]}
    for name in ("a", "b"):
        (tmp_path / name / "checkpoint-5").mkdir(parents=True)
        (tmp_path / name / "checkpoint-5" / "trainer_state.json").write_text(json.dumps(state))
        if name == "a":
            both = several(tmp_path)
            both._look()
            assert len(both.watches) == 1
    both._look()
    assert len(both.watches) == 2
    assert len(both.rows()) == 2


def test_several_runs_of_one_file_are_told_apart_by_their_names(tmp_path: Path) -> None:
    rows = [f"{step},{name},{0.1 * step},0.5" for name in ("x", "y") for step in range(6)]
    (tmp_path / "table.csv").write_text("step,run,reward,acc\n" + "\n".join(rows) + "\n")
    places = places_in(tmp_path / "table.csv")
    assert len({place.name for place in places}) == len(places) == 2
    assert {place.path for place in places} == {tmp_path / "table.csv"}


def test_a_folder_without_runs_is_waited_for_and_refused_in_the_end(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="there was no run to watch"):
        several(tmp_path, tmp_path / "none").once()


def test_looking_at_fifty_runs_again_and_again_takes_no_more_memory(tmp_path: Path) -> None:
    for number in range(50):
        record(tmp_path / f"run-{number}", steps=3)
    many = several(tmp_path)
    for _ in range(3):
        many._look()
    assert len(many.rows()) == 50
    gc.collect()
    tracemalloc.start()
    for _ in range(10):
        many._look()
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert grown < 50_000


def test_the_command_watches_a_folder_and_refuses_what_is_meant_for_one_run(tmp_path: Path) -> None:
    for name in ("a", "b"):
        record(tmp_path / name)
    command = CliRunner().invoke
    done = command(app, ["watch", str(tmp_path), "--once", "--state", str(tmp_path.parent / "state")])
    assert done.exit_code == 0, done.output
    assert [line.split()[0] for line in done.output.splitlines()[-2:]] == ["a", "b"]
    assert {path.parent.name for path in (tmp_path.parent / "state").rglob("findings.jsonl")} >= {"a", "b"}
    both = [str(tmp_path / "a"), str(tmp_path / "b")]
    for words in (["--stop-file", "STOP"], ["--signal", "1"], ["--run", "a"]):
        refused = command(app, ["watch", *both, *words])
        assert isinstance(refused.exception, UsageError)
        assert f"{words[0]} is for one run, and 2 paths were given" in str(refused.exception)
    with pytest.raises(SeveralRuns, match="choose one with --run NAME"):
        command(app, ["watch", str(tmp_path), "--once", "--stop-file", "STOP"], catch_exceptions=False)
