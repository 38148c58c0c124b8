"""A run is recorded on this disk and sent to a bucket while it goes on; whatever happens there, training goes on."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from buckets import Bucket

import heldout
from heldout.errors import RecordError
from heldout.readers import read
from heldout.remote.store import Store
from heldout.store import evaluations, layout, uploading
from heldout.store.evaluations import MOST_SETS
from heldout.store.lines import read_rows


@pytest.fixture(autouse=True)
def _own_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def fill(recorder: heldout.Recorder, steps: range) -> None:
    for step in steps:
        recorder.log(step, {"reward": step / 100, "loss": 1.0 / (1 + step)})
        if step % 10 == 0:
            recorder.evaluation(step, problems=["a", "b", "c"], passed=[1, step % 20 == 0, 0])


def copied(bucket: Bucket, folder: Path, prefix: str) -> Path:
    """Copy what lies in the bucket, as any tool does."""
    for key in bucket.listed():
        path = folder / key.removeprefix(prefix)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bucket.get(key))
    return folder


def test_what_is_recorded_to_a_bucket_is_read_from_it(bucket: Bucket, tmp_path: Path) -> None:
    where = f"s3://{bucket.name}/runs/today"
    with heldout.Recorder(where, config={"lr": 1e-4}, rank=0) as recorder:
        fill(recorder, range(40))
        recorder.rollouts(5, [{"problem": "p", "prompt": "?", "text": "!", "reward": 1.0}])
    here = {path.relative_to(recorder.directory).as_posix() for path in recorder.directory.rglob("*") if path.is_file()}
    assert {key.removeprefix("runs/today/") for key in bucket.listed()} == here - {layout.LOCK}
    there = read(where)
    assert there["reward"].step.tolist() == [*range(40)]
    assert [one.step for one in there.measured] == [0, 10, 20, 30]
    assert there.config["lr"] == 1e-4


def test_ids_are_sent_before_the_lines_that_refer_to_them(monkeypatch: pytest.MonkeyPatch) -> None:
    known, missing = set[str](), list[str]()
    write = Store.write

    def watched(store: Store, key: str, content: bytes) -> None:
        if key.endswith(layout.IDS):
            known.update(json.loads(content))
        elif key.startswith(layout.EVALS):
            missing.extend({json.loads(line)["problems"] for line in content.splitlines()} - known)
        write(store, key, content)

    monkeypatch.setattr(Store, "write", watched)
    monkeypatch.setattr(evaluations, "BESIDE", 0)
    monkeypatch.setattr(uploading, "SECONDS", 0.0)
    for number in range(8):
        with heldout.Recorder(f"memory://ids/{number}", rank=0) as recorder:
            for step in range(MOST_SETS):
                recorder.evaluation(step, problems=[f"{number}-{step}", "2"], passed=[1, 0])
                time.sleep(0.001)
    assert not missing
    assert len(known) == 8 * MOST_SETS


def test_full_parts_are_sent_once_and_readers_join_them(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploading, "PART", 4000)
    monkeypatch.setattr(uploading, "SECONDS", 0.02)
    where = f"s3://{bucket.name}/today"
    bucket.asked()
    with heldout.Recorder(where, rank=0) as recorder:
        for begin in range(0, 300, 50):
            fill(recorder, range(begin, begin + 50))
            time.sleep(0.2)
    sent = [one for one in bucket.asked() if one.startswith("PUT") and ".0" in one]
    assert len(sent) == len(set(sent)) > 4
    parts = sorted(key for key in bucket.listed() if key.startswith("today/metrics."))
    assert b"".join(map(bucket.get, parts)) == (recorder.directory / layout.METRICS).read_bytes()
    copy = copied(bucket, tmp_path / "copy", "today/")
    for run in (read(where), read(copy)):
        assert run["reward"].step.tolist() == [*range(300)]
        assert [one.step for one in run.measured] == [*range(0, 300, 10)]


def test_while_a_part_is_closed_nothing_is_read_twice(tmp_path: Path) -> None:
    with heldout.Recorder(tmp_path, rank=0) as recorder:
        fill(recorder, range(30))
    path = tmp_path / layout.METRICS
    whole = path.read_bytes()
    half = whole[: whole.index(b"\n", len(whole) // 2) + 1]
    (tmp_path / layout.part_name(layout.METRICS, 0)).write_bytes(half)
    assert read(tmp_path)["reward"].step.tolist() == [*range(30)]
    assert not [note for note in read(tmp_path).notes if "jump back" in note.text]
    path.write_bytes(whole[len(half) :])
    assert read(tmp_path)["reward"].step.tolist() == [*range(30)]


def test_a_bucket_that_is_gone_stops_no_training_and_is_told_at_the_end(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploading, "SECONDS", 0.02)
    recorder = heldout.Recorder(f"s3://{bucket.name}/today", rank=0)
    fill(recorder, range(10))
    time.sleep(0.5)
    for key in bucket.listed():
        bucket.client.delete_object(Bucket=bucket.name, Key=key)
    bucket.client.delete_bucket(Bucket=bucket.name)
    fill(recorder, range(10, 20))
    assert recorder.lost == 0
    monkeypatch.setattr(uploading, "PATIENCE", 0.0)
    with pytest.warns(RuntimeWarning, match=rf"are not in s3://{bucket.name}/today \(.*metrics.jsonl.*they lie in"):
        recorder.close()
    assert len(read_rows(recorder.directory / layout.METRICS).rows) == 20
    bucket.client.create_bucket(Bucket=bucket.name)


def test_another_machine_goes_on_with_the_run(bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploading, "PART", 2000)
    where = f"s3://{bucket.name}/today"
    with heldout.Recorder(where, rank=0) as recorder:
        fill(recorder, range(60))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "other"))
    with pytest.raises(RecordError, match=rf"^{where}: a run is recorded here already"):
        heldout.Recorder(where, rank=0)
    with heldout.Recorder(where, rank=0, resume=True) as again:
        assert again.directory != recorder.directory
        fill(again, range(60, 90))
    run = read(where)
    assert run["reward"].step.tolist() == [*range(90)]
    assert any("taken up again" in note.text for note in run.notes)


@pytest.mark.parametrize("where", ["https://host/runs/today", "hf://datasets/me/logs"])
def test_where_files_cannot_be_put_now_and_then_nothing_is_recorded(where: str) -> None:
    with pytest.raises(RecordError, match="give a directory or a bucket"):
        heldout.Recorder(where, rank=0)


def test_without_a_bucket_nothing_begins(bucket: Bucket) -> None:
    with pytest.raises(RecordError, match="there is no bucket 'none-of-ours'"):
        heldout.Recorder("s3://none-of-ours/today", rank=0)
