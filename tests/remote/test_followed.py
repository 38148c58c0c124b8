"""A run in a bucket is followed by what is new of it alone."""

from __future__ import annotations

import json

import pytest
from buckets import Bucket

from heldout.live import follow
from heldout.live.follow import Follower


def lines(*steps: int) -> bytes:
    return b"".join(json.dumps({"step": step, "reward": step / 100}).encode() + b"\n" for step in steps)


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "PAUSE", 0.0)


def test_of_an_object_that_grows_the_tail_alone_is_read(bucket: Bucket) -> None:
    bucket.put("run/metrics.jsonl", lines(*range(50)))
    follower = Follower(f"s3://{bucket.name}/run/metrics.jsonl")
    run = follower.poll()
    assert run is not None
    assert run.source == f"s3://{bucket.name}/run/metrics.jsonl"
    bucket.asked()
    for last in range(51, 56):
        bucket.put("run/metrics.jsonl", lines(*range(last)))
        run = follower.poll()
        assert run is not None
        assert run["reward"].step[-1] == last - 1
        assert [one.partition(" ")[0] for one in bucket.asked()] == ["HEAD", "GET"]
    assert follower.poll() is None
    assert [one.partition(" ")[0] for one in bucket.asked()] == ["HEAD"]


def test_it_need_not_be_there_yet_and_may_go_away(bucket: Bucket) -> None:
    follower = Follower(f"s3://{bucket.name}/later/log.jsonl")
    assert follower.poll() is None
    assert "there is no such object" in follower.waiting
    bucket.put("later/log.jsonl", lines(0, 1, 2))
    assert follower.poll() is not None
    bucket.client.delete_object(Bucket=bucket.name, Key="later/log.jsonl")
    assert follower.poll() is None
    assert "there is no such object" in follower.waiting
    bucket.put("later/log.jsonl", lines(*range(9)))
    run = follower.poll()
    assert run is not None
    assert len(run.steps) == 9


def test_a_store_is_not_asked_at_every_look(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "PAUSE", 3600.0)
    bucket.put("run.jsonl", lines(0, 1, 2))
    follower = Follower(f"s3://{bucket.name}/run.jsonl")
    assert follower.poll() is not None
    bucket.put("run.jsonl", lines(0, 1, 2, 3))
    assert follower.poll() is None
    assert bucket.asked() == []
    run = follower.poll(last=True)
    assert run is not None
    assert len(run.steps) == 4
