"""Runs in a bucket are read as runs on this disk are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from buckets import Bucket

import heldout
from heldout.cli import app
from heldout.diagnosis.description import describe
from heldout.diagnosis.verdict import diagnose
from heldout.errors import ReadError
from heldout.readers import read, read_all
from heldout.remote.address import Address
from heldout.remote.mirror import Mirror
from heldout.remote.store import Store
from heldout.report.json_report import as_json
from heldout.store import evaluations


def record(folder: Path, steps: int = 60, seed: int = 0) -> None:
    rng = np.random.default_rng(seed)
    with heldout.Recorder(folder, config={"seed": seed}, rank=0) as recorder:
        for step in range(steps):
            recorder.log(step, {"reward": step / steps + 0.1 * rng.random(), "completions/mean_length": 90.0 + step})
            if step % 10 == 0:
                passed = (rng.random(40) < 0.3).tolist()
                recorder.evaluation(step, problems=[f"p{one}" for one in range(40)], passed=passed)


def judged(path: str) -> str:
    """Return the report of a run for programs."""
    run = read(path)
    verdict = diagnose(run)
    return as_json(run, describe(run, verdict), verdict, {}).decode()


def test_the_report_is_that_of_a_local_copy_but_for_the_source(bucket: Bucket, tmp_path: Path) -> None:
    record(tmp_path / "today")
    (tmp_path / "today" / "checkpoint-20").mkdir()
    (tmp_path / "today" / "checkpoint-20" / "model.safetensors").write_bytes(b"weights")
    line = {"step": 20, "path": "checkpoint-20", "time": 2e9}
    (tmp_path / "today" / "checkpoints.jsonl").write_text(json.dumps(line) + "\n")
    bucket.put_folder(tmp_path / "today", "team/today/")
    where = f"s3://{bucket.name}/team/today"
    there = judged(where)
    fetched = bucket.fetched()
    assert f'"source": "{where}"' in there
    assert f"{where}/checkpoint-20" in there
    assert there.replace(where, str(tmp_path / "today")) == judged(str(tmp_path / "today"))
    assert len(fetched) == 5
    assert not any("safetensors" in one or "lock" in one for one in fetched)


def test_four_requests_are_enough_for_a_run_of_a_sweep_and_none_for_one_that_has_not_changed(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluations, "BESIDE", 0)  # as of many problems, whose ids are a file more
    for seed in range(3):
        record(tmp_path / "runs" / f"seed{seed}", seed=seed)
    bucket.put_folder(tmp_path / "runs", "sweep/")
    runs = read_all(f"s3://{bucket.name}/sweep")
    asked = bucket.asked()
    assert [run.name for run in runs] == ["seed0", "seed1", "seed2"]
    assert [run.source for run in runs] == [f"s3://{bucket.name}/sweep/seed{seed}" for seed in range(3)]
    assert len(asked) == 1 + 4 * 3 + 1  # the ids of the problems are the same ones, and are fetched once
    read_all(f"s3://{bucket.name}/sweep")
    assert len(bucket.asked()) == 1
    record(tmp_path / "late", seed=3)
    bucket.put_folder(tmp_path / "late", "sweep/seed3/")
    late = read_all(f"s3://{bucket.name}/sweep")[-1]
    assert len(bucket.asked()) == 1 + 4
    assert all(one.outcomes and one.outcomes.problems[:2] == ("p0", "p1") for one in late.measured)


def test_a_file_of_the_content_of_another_follows_its_own_changes(bucket: Bucket) -> None:
    mirror = Mirror(Address("s3", f"{bucket.name}/a"), "logs", lambda keys: {})
    for names, content in ((("one", "two"), b"{}"), (("two",), b"[]"), (("one", "three"), b"[]")):
        for name in names:
            bucket.put(f"a/{name}.json", content)
        mirror.look()
        assert len(bucket.fetched()) == (content == b"{}" or names == ("two",))
        assert all((mirror.path / f"{name}.json").read_bytes() == content for name in names)


def test_one_file_is_read_and_named_as_a_local_one_is(bucket: Bucket, tmp_path: Path) -> None:
    rows = "step,reward,pass_rate\n" + "".join(f"{step},{step / 30},{step / 60}\n" for step in range(30))
    (tmp_path / "first").mkdir()
    for name in ("run_a.csv", "first/progress.csv"):
        (tmp_path / name).write_text(rows)
        bucket.put(f"logs/{name}", rows.encode())
        here, there = read(tmp_path / name), read(f"s3://{bucket.name}/logs/{name}")
        assert (there.name, there.notes) == (here.name, here.notes)
        assert there.source == f"s3://{bucket.name}/logs/{name}"


def test_what_grew_is_fetched_from_where_it_ended(bucket: Bucket) -> None:
    lines = [json.dumps({"step": step, "reward": step / 1000}).encode() + b"\n" for step in range(1000)]
    bucket.put("a/metrics.jsonl", b"".join(lines[:900]))
    mirror = Mirror(Address("s3", f"{bucket.name}/a"), "logs", lambda keys: {})
    mirror.look()
    bucket.put("a/metrics.jsonl", b"".join(lines))
    took: list[tuple[int, int | None]] = []
    store = Store(mirror.address)
    read_of_store = store.read

    def counting(key: str, start: int, end: int | None) -> Iterator[bytes]:
        took.append((start, end))
        return read_of_store(key, start, end)

    store.read = counting  # type: ignore[method-assign]
    mirror._store = store
    mirror.look()
    assert (mirror.path / "metrics.jsonl").read_bytes() == b"".join(lines)
    before = len(b"".join(lines[:900]))
    assert took == [(before - 4096, len(b"".join(lines)))]
    assert len(bucket.fetched()) == 1


@pytest.mark.parametrize(
    "new",
    [b'{"step": 1, "reward": 2.0}\n' * 400, b'{"step": 1, "reward": 2.0}\n', b'{"step": 0, "reward": 9.0}\n' * 300],
    ids=["longer", "shorter", "as long"],
)
def test_a_file_that_was_replaced_is_fetched_whole(bucket: Bucket, new: bytes) -> None:
    bucket.put("a/metrics.jsonl", b'{"step": 0, "reward": 1.0}\n' * 300)
    mirror = Mirror(Address("s3", f"{bucket.name}/a"), "logs", lambda keys: {})
    mirror.look()
    bucket.put("a/metrics.jsonl", new)
    mirror.look()
    assert (mirror.path / "metrics.jsonl").read_bytes() == new


def test_what_is_deleted_there_is_deleted_here(bucket: Bucket) -> None:
    bucket.put("a/one/x.csv", b"step,reward\n1,2\n")
    bucket.put("a/two.csv", b"step,reward\n1,2\n")
    mirror = Mirror(Address("s3", f"{bucket.name}/a"), "logs", lambda keys: {})
    mirror.look()
    bucket.client.delete_object(Bucket=bucket.name, Key="a/one/x.csv")
    mirror.look()
    assert [path.name for path in mirror.path.iterdir()] == ["two.csv"]
    bucket.client.delete_object(Bucket=bucket.name, Key="a/two.csv")
    with pytest.raises(ReadError, match="no such object or folder"):
        mirror.look()


def test_answers_and_weights_stay_where_they_are_and_answers_are_told(bucket: Bucket, tmp_path: Path) -> None:
    with heldout.Recorder(tmp_path / "today", rank=0) as recorder:
        for step in range(10):
            recorder.log(step, {"reward": step / 10})
        recorder.rollouts(5, [{"problem": "p", "prompt": "?", "text": "!", "reward": 1.0}])
    bucket.put_folder(tmp_path / "today", "today/")
    run = read(f"s3://{bucket.name}/today")
    assert not any("rollouts" in one for one in bucket.fetched())
    told = [note.text for note in run.notes if "answers" in note.text]
    assert len(told) == 1
    assert f"heldout samples s3://{bucket.name}/today" in told[0]


def test_the_answers_of_a_run_in_a_bucket_are_listed(
    bucket: Bucket, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with heldout.Recorder(tmp_path / "today", rank=0) as recorder:
        recorder.log(5, {"reward": 1.0})
        recorder.rollouts(5, [{"problem": "p", "prompt": "?", "text": "return 1", "reward": 1.0}])
    bucket.put_folder(tmp_path / "today", "today/")
    printed = []
    for where in (str(tmp_path / "today"), f"s3://{bucket.name}/today"):
        with pytest.raises(SystemExit):
            app(["samples", where])
        printed.append(capsys.readouterr().out.replace(where, "WHERE"))
    assert printed[0] == printed[1]
    assert not any("metrics" in one for one in bucket.fetched())


def test_no_key_leads_out_of_the_copy(own_cache: Path, tmp_path: Path) -> None:
    import fsspec

    store = fsspec.filesystem("memory")
    rows = b"step,reward\n" + b"".join(b"%d,%d\n" % (step, step) for step in range(20))
    keys = ["run/a.csv", "run/../../../../out.csv", "run//abs.csv", "run/" + "x" * 300 + ".csv", "run/a\\..\\b.csv"]
    keys += ["run/a\nb.csv", "run/d", "run/d/e.csv", "run/./f.csv"]
    for key in keys:
        store.store[f"/{key}"] = fsspec.implementations.memory.MemoryFile(store, f"/{key}", rows)
    try:
        runs = read_all("memory://run")
    finally:
        store.store.clear()
    files = list(tmp_path.rglob("*.csv"))
    assert {path.name for path in files} == {"a.csv", "e.csv"}
    assert all(own_cache in path.parents for path in files)
    left = next(note for note in runs[0].notes if "not fetched" in note.text)
    assert left.count == len(keys) - 2
