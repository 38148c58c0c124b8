"""Seeds of which nothing can be read: they crashed before their first line, or their log is broken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import heldout
from heldout.cli import app


def table(path: Path, level: float, *, seed: int) -> None:
    rng = np.random.default_rng(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [f"{step},{rng.random():.4f},{level + 0.04 * rng.random():.4f}" for step in range(0, 60, 10)]
    path.write_text("\n".join(("step,reward,eval/pass@1", *rows)))


def recorded(folder: Path, *, seed: int, steps: int = 3, level: float = 0.5, **config: object) -> None:
    rng = np.random.default_rng(seed)
    with heldout.Recorder(folder, config={"seed": seed, **config}, rank=0) as recorder:
        for step in range(steps):
            recorder.log(step, {"reward": rng.random()})
            recorder.evaluation(step, problems=[f"p{i}" for i in range(60)], passed=(rng.random(60) < level).tolist())


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for name, level in (("good", 0.8), ("poor", 0.3)):
        for seed in range(3):
            table(tmp_path / f"{name}-seed{seed}.csv", level, seed=seed + 10 * (name == "good"))
    return tmp_path


def call(*argv: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["compare", *map(str, argv), "--at", "last"])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, " ".join(done.output.split())


def told(*argv: object) -> dict[str, Any]:
    done = CliRunner().invoke(app, ["compare", *map(str, argv), "--at", "last", "--json"])
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def missing(found: dict[str, Any]) -> list[str]:
    return [one["text"] for one in found["refusals"] if one["code"] == "missing-seeds"]


@pytest.mark.parametrize("content", ["", "step,reward,eval/pass@1\n", "Traceback (most recent call last):\nKilled\n"])
@pytest.mark.parametrize("as_folder", [True, False])
def test_a_log_without_a_line_is_a_seed_that_does_not_count(runs: Path, content: str, as_folder: bool) -> None:
    (runs / "good-seed3.csv").write_text(content)
    paths = [runs] if as_folder else sorted(runs.iterdir())
    found = told(*paths)
    assert missing(found)[0].startswith(
        "good as a whole: 3 of 4 seeds count (good-seed3: nothing of it can be read); had good-seed3 solved nothing"
    )
    (good,) = (one for one in found["groups"] if one["name"] == "good")
    assert [(one["seed"], one["counted"]) for one in good["members"]] == [
        *((str(k), True) for k in range(3)),
        ("3", False),
    ]
    texts = [one["text"] for one in found["differences"][0]["otherwise"]]
    assert texts == ["had good-seed3 solved nothing", "had good-seed3 solved everything"]


def test_the_title_has_the_seeds_that_count_and_the_code_tells_what_was_asked_for(runs: Path) -> None:
    (runs / "good-seed3.csv").write_text("")
    code, text = call(*sorted(runs.iterdir()))
    assert "good (seeds 0 1 2; 3 of 4 seeds count) against poor (seeds 0 1 2)" in text
    assert code == 2
    assert call(runs)[0] == 0


def test_what_is_whole_has_no_lost_seed(runs: Path) -> None:
    (runs / "notes-1.csv").write_text("")
    assert missing(told(runs)) == []


def test_a_run_that_recorded_its_settings_and_no_line_is_of_the_recipe_with_those(tmp_path: Path) -> None:
    for k, name in enumerate("abcdef"):
        recorded(tmp_path / name, seed=k, lr=k % 2, level=0.7 - 0.4 * (k % 2))
    recorded(tmp_path / "z", seed=6, lr=1, steps=0)
    recorded(tmp_path / "y", seed=6, lr=2, steps=0)
    (text,) = missing(told(tmp_path))
    assert "3 of 4 seeds count (z: nothing of it can be read)" in text
    by = told(tmp_path, "--by", "lr")
    assert "lr=1 as a whole: 3 of 4 seeds count (z" in missing(by)[0]
    assert by["differs"] == {"lr": ["0", "1"]}


@pytest.mark.parametrize("inside", ["", "metrics.csv", "notes.txt"])
def test_a_folder_without_a_log_beside_those_of_seeds_is_a_lost_seed(tmp_path: Path, inside: str) -> None:
    for name in ("new", "old"):
        for k in range(2):
            table(tmp_path / f"{name}-seed{k}" / "metrics.csv", 0.5, seed=k + 10 * (name == "new"))
    gone = tmp_path / "new-seed2"
    gone.mkdir()
    if inside:
        (gone / inside).write_text("")
    (tmp_path / "plots-2").mkdir()
    (text,) = missing(told(tmp_path))
    assert text.startswith("new as a whole: 2 of 3 seeds count (new-seed2: nothing of it can be read)")


def test_what_belongs_to_a_run_that_was_read_is_no_seed(tmp_path: Path) -> None:
    for k in range(2):
        recorded(tmp_path / f"a-{k}", seed=k, lr=1)
        recorded(tmp_path / f"b-{k}", seed=k + 10, lr=2)
        (tmp_path / f"a-{k}" / "more.csv").write_text("")
        (tmp_path / f"a-{k}" / f"checkpoint-{k}").mkdir()
    assert missing(told(tmp_path)) == []


def test_a_lost_seed_of_a_recipe_that_nobody_knows_is_named(runs: Path) -> None:
    lost = runs / "other.jsonl"
    lost.write_text("")
    texts = missing(told(*sorted(runs.iterdir())))
    assert texts == ["any recipe as a whole: nothing of other can be read, and it may be a seed of one"]
    assert missing(told(*sorted(runs.glob("*.csv")), runs / "no-such-seed9.csv")) == []  # a slip of the pen


def test_a_group_that_is_named_has_the_seeds_that_were_named(runs: Path) -> None:
    (runs / "x.csv").write_text("")
    parts = ",".join(str(runs / name) for name in ("good-seed0.csv", "x.csv", "good-seed1.csv"))
    found = told("--group", f"new={parts}", runs / "poor-seed0.csv", runs / "poor-seed1.csv")
    assert missing(found)[0].startswith("new as a whole: 2 of 3 seeds count (x: nothing")


def test_without_names_a_lost_seed_has_a_letter(runs: Path, tmp_path: Path) -> None:
    (runs / "good-seed3.csv").write_text("")
    (runs / "elsewhere.jsonl").write_text("")
    out = tmp_path / "out"
    done = CliRunner().invoke(
        app, ["compare", *map(str, sorted(runs.glob("*.*"))), "--anonymous", "--at", "last", "-o", str(out)]
    )
    texts = [done.stdout, *((out / name).read_text() for name in ("compare.json", "compare.html"))]
    assert "(A4: nothing of it can be read)" in " ".join(done.stdout.split())
    assert "nothing of log 1 can be read" in " ".join(done.stdout.split())
    assert not [word for word in ("good-", "poor-", "elsewhere", str(runs)) for text in texts if word in text]
