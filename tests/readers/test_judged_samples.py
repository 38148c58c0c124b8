"""Judged samples: which folder says what they are of, which step they belong to, and which scores are shares."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from heldout.errors import NoMetrics
from heldout.readers.judged_samples import Kind, kind_of, owner, read
from heldout.readers.source import Source
from heldout.run import NoteKind


def verl(path: Path, *scores: float, **more: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{"input": f"p{i}", "output": "", "score": score, "step": 5, **more} for i, score in enumerate(scores)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("val/1.jsonl", Kind.HELD_OUT),
        ("validation_data/1.jsonl", Kind.HELD_OUT),
        ("my-eval/1.jsonl", Kind.HELD_OUT),
        ("rollouts/1.jsonl", Kind.TRAINING),
        ("train/1.jsonl", Kind.TRAINING),
        ("train/val/1.jsonl", Kind.HELD_OUT),  # the nearest name counts
        ("val/step_5/1.jsonl", Kind.HELD_OUT),
        ("val/step_5/a/1.jsonl", None),  # the third folder above counts no more
        ("medieval/1.jsonl", None),
        ("x/1.jsonl", None),
    ],
)
def test_the_nearest_two_folders_say_what_samples_are_of(tmp_path: Path, path: str, expected: Kind | None) -> None:
    assert kind_of(tmp_path / "a" / "b" / path) is expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [("exp/val/1.jsonl", "exp"), ("exp/evals/step_100/x.jsonl", "exp"), ("exp/step_7/1.jsonl", "exp"), ("1.jsonl", "")],
)
def test_samples_belong_to_the_folder_above_those_that_sort_them(tmp_path: Path, path: str, expected: str) -> None:
    assert owner(tmp_path / path, tmp_path) == tmp_path / expected


@pytest.mark.parametrize(("folder", "unsaid"), [("val", False), ("dump", True)])
def test_where_no_folder_says_what_samples_are_of_the_log_says_so(tmp_path: Path, folder: str, unsaid: bool) -> None:
    logs = read(Source(verl(tmp_path / "a" / folder / "1.jsonl", 1.0, 0.0)))
    assert logs is not None
    assert logs[0].format == "verl-samples"
    assert logs[0].maybe_training == unsaid
    assert any(note.kind is NoteKind.ASSUMED for note in logs[0].notes) == unsaid
    assert [(one.step, one.rate) for one in logs[0].measured] == [(5, 0.5)]


@pytest.mark.parametrize(("score", "is_share"), [(0.0, True), (1.0, True), (1.0000001, False), (-0.0000001, False)])
def test_scores_within_0_and_1_are_shares(tmp_path: Path, score: float, is_share: bool) -> None:
    path = verl(tmp_path / "val" / "1.jsonl", 0.5, score)
    if is_share:
        assert read(Source(path))
        return
    with pytest.raises(NoMetrics, match="1 score outside 0 to 1"):
        read(Source(path))


def test_what_was_right_wins_over_the_reward_where_it_is_a_share(tmp_path: Path) -> None:
    logs = read(Source(verl(tmp_path / "val" / "1.jsonl", 0.2, 0.4, acc=1.0)))
    assert logs is not None
    assert logs[0].measured[0].rate == 1.0
    logs = read(Source(verl(tmp_path / "val" / "2.jsonl", 0.2, 0.4, acc=7.0)))
    assert logs is not None
    assert logs[0].measured[0].rate == pytest.approx(0.3)


def test_training_rollouts_are_refused_by_the_name_of_their_folder(tmp_path: Path) -> None:
    with pytest.raises(NoMetrics, match="training rollouts"):
        read(Source(verl(tmp_path / "rollouts" / "1.jsonl", 1.0)))
