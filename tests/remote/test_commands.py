"""The commands take an address where they take a path."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from buckets import Bucket

import heldout
from heldout.cli import app
from heldout.fleet.paths import places_of
from heldout.remote.index import here, shown


def record(folder: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    with heldout.Recorder(folder, config={"lr": 1e-5 * (1 + seed // 2), "seed": seed}, rank=0) as recorder:
        for step in range(60):
            recorder.log(step, {"reward": step / 60 + 0.1 * rng.random()})
            if step % 10 == 0:
                passed = (rng.random(40) < 0.3).tolist()
                recorder.evaluation(step, problems=[f"p{one}" for one in range(40)], passed=passed)


@pytest.fixture
def sweep(bucket: Bucket, tmp_path: Path) -> tuple[str, Path]:
    """Four runs in a bucket, and on this disk."""
    for seed in range(4):
        record(tmp_path / "sweep" / f"seed{seed}", seed)
    bucket.put_folder(tmp_path / "sweep", "sweep/")
    return f"s3://{bucket.name}/sweep", tmp_path / "sweep"


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command and return what it prints."""

    def run(*words: str) -> str:
        with pytest.raises(SystemExit):
            app([*words])
        return capsys.readouterr().out

    return run


def test_columns_and_comparisons_are_those_of_a_local_copy(
    sweep: tuple[str, Path], printed: Callable[..., str]
) -> None:
    there, folder = sweep
    for words in (("columns", "--json"), ("compare", "--by", "lr", "--json")):
        local = printed(words[0], str(folder), *words[1:])
        assert json.loads(local)
        assert printed(words[0], there, *words[1:]) == local.replace(str(folder), there)


def test_a_folder_of_runs_in_a_bucket_is_watched(
    bucket: Bucket, sweep: tuple[str, Path], printed: Callable[..., str]
) -> None:
    bucket.asked()
    table = printed("watch", sweep[0], "--once")
    assert sorted(re.findall(r"^seed\d(?= )", table, re.MULTILINE)) == ["seed0", "seed1", "seed2", "seed3"]
    assert sum("list-type" in one for one in bucket.asked()) == 2  # as a single run it is looked at first


def test_a_fleet_finds_the_places_in_a_bucket_and_says_which_bucket_is_missing(sweep: tuple[str, Path]) -> None:
    places = places_of([sweep[0], "s3://none-of-ours/runs"])
    assert [shown(place.path) for place in places.found] == [f"{sweep[0]}/seed{seed}" for seed in range(4)]
    assert list(places.left) == ["s3://none-of-ours/runs"]
    assert all(here(shown(place.path)) == place.path for place in places.found)
