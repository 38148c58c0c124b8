"""What names a run, its place or its owner is in no byte of an anonymous comparison, however it came in."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import heldout
from heldout.cli import app

PLANTED = (
    "enigma", "colossus", "bombe", "hut8", "gracehopper", "grace-hopper", "bletchley", "gpu-node-17", "c0ffee1234567",
    "github.example", "2026-03-14", "1773446400",
)  # fmt: skip


def settings(recipe: str, seed: int) -> dict[str, object]:
    return {
        "seed": seed,
        "lr": 1e-6,
        "reward": {"enigma": "tests", "colossus": "model"}[recipe],
        "model": "bletchley-lab/Tiny-1B",
        "hostname": "gpu-node-17",
        "user": "gracehopper",
        "output_dir": f"/home/grace-hopper/{recipe}/out",
        "data": {"path": f"/home/grace-hopper/hut8/{recipe}.jsonl"},
        "git": {"remote": f"https://github.example/grace-hopper/{recipe}", "commit": f"c0ffee1234567{seed}"},
        "started": 1773446400.0 + seed,
        "comment": f"see 2026-03-14 of {recipe}",
    }


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run directories: two recipes of two seeds, a copy of one, one that was never written, one that is broken."""
    root = tmp_path_factory.mktemp("hut8") / "grace-hopper"
    for k, (recipe, level) in enumerate((("enigma", 0.7), ("enigma", 0.7), ("colossus", 0.4), ("colossus", 0.4))):
        rng = np.random.default_rng(k)
        folder = root / f"{recipe}-2026-03-14-seed{k}"
        with heldout.Recorder(folder, config=settings(recipe, k), rank=0) as recorder:
            for step in range(4):
                recorder.log(step, {"reward": rng.random() if step else float("nan"), "clock": 1773446400.0 + step})
                problems = [f"Turing of hut8 has {i} bombes" for i in range(60)]
                recorder.evaluation(step, problems=problems, passed=(rng.random(60) < level).tolist())
                recorder.checkpoint(step, folder / "checkpoints" / f"bombe-{step}")
    with (root / "enigma-2026-03-14-seed0" / "metrics.jsonl").open("a") as file:
        file.write('{"step": 40, "rew')
    shutil.copytree(root / "enigma-2026-03-14-seed1", root / "bombe-seed7")
    heldout.Recorder(root / "colossus-2026-03-14-seed9", config=settings("colossus", 9), rank=0).close()
    return root


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables, whose names alone tell of recipe and seed; one of them is empty, and one no log."""
    root = tmp_path_factory.mktemp("bletchley") / "hut8"
    root.mkdir()
    rng = np.random.default_rng(0)
    for recipe, level in (("enigma", 0.6), ("colossus", 0.5)):
        for seed in range(3):
            rows = [f"{step},{rng.random()},{level + 0.1 * rng.random()},{1773446400 + step}" for step in range(9)]
            rows[4:6] = [rows[4], rows[4], "5,nan,nan,nan"]
            (root / f"{recipe}-seed{seed}.csv").write_text("\n".join(("step,reward,eval/pass@1,time", *rows)))
    (root / "enigma-seed3.csv").write_text("")
    (root / "bombe-gracehopper.csv").write_text("")
    return root


def written(out: Path, *argv: object) -> tuple[list[str], str]:
    """Run it; return all that a reviewer may see, and what is told to the user alone."""
    words = ["compare", *map(str, argv), "--anonymous", "-o", str(out)]
    done = CliRunner().invoke(app, words)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return [done.stdout, *((out / f"compare.{end}").read_text() for end in ("json", "html"))], done.stderr


@pytest.mark.parametrize("how", ["a folder", "paths", "groups", "a setting"])
def test_nothing_that_tells_of_recorded_runs_is_shown(recorded: Path, tmp_path: Path, how: str) -> None:
    paths = sorted(recorded.iterdir())
    enigma = ",".join(map(str, recorded.glob("enigma*")))
    asked: dict[str, list[object]] = {
        "a folder": [recorded],
        "paths": [*paths, "--at", "last"],
        "groups": ["--group", f"bombe={enigma}", *recorded.glob("colossus*"), "--baseline", "bombe"],
        "a setting": [*paths, "--by", "reward"],
    }
    shown, told = written(tmp_path / "out", *asked[how])
    assert not [word for word in (*PLANTED, str(recorded)) for text in shown if word in text.lower()]
    members = [one["name"] for group in json.loads(shown[1])["groups"] for one in group["members"]]
    assert set(members) <= {"A1", "A2", "A3", "B1", "B2", "B3"}
    assert "colossus-2026-03-14-seed" in told  # to the user alone
    assert "A (seeds " in shown[0]


@pytest.mark.parametrize("how", ["a folder", "paths", "runs"])
def test_nothing_that_tells_of_tables_is_shown(tables: Path, tmp_path: Path, how: str) -> None:
    asked: dict[str, list[object]] = {
        "a folder": [tables],
        "paths": [*sorted(tables.iterdir()), "--at", "last"],
        "runs": [tables, "--run", "enigma-*", "--run", "colossus-*"],
    }
    shown, _ = written(tmp_path / "out", *asked[how])
    assert not [word for word in (*PLANTED, str(tables)) for text in shown if word in text.lower()]
    assert "<svg" in shown[2]
    assert "3 of 4 seeds count" in shown[0]
