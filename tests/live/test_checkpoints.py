"""Copies of checkpoints as hard links: they outlive the originals, and what is not wanted goes."""

from __future__ import annotations

import shutil
from pathlib import Path

from heldout.live.checkpoints import drop_links, link_checkpoint


def saved(folder: Path, step: int) -> Path:
    path = folder / f"checkpoint-{step}" / "inner"
    path.mkdir(parents=True)
    (path / "weights").write_bytes(b"w" * step)
    return path.parent


def test_a_copy_outlives_the_original_and_costs_no_space(tmp_path: Path) -> None:
    original = saved(tmp_path / "a", 10)
    copy = link_checkpoint(original, tmp_path / "b")
    assert copy is not None
    assert (copy / "inner" / "weights").stat().st_ino == (original / "inner" / "weights").stat().st_ino
    shutil.rmtree(original)
    assert (copy / "inner" / "weights").read_bytes() == b"w" * 10


def test_a_second_copy_replaces_the_first(tmp_path: Path) -> None:
    original = saved(tmp_path / "a", 10)
    link_checkpoint(original, tmp_path / "b")
    (original / "more").write_text("x")
    copy = link_checkpoint(original, tmp_path / "b")
    assert copy is not None
    assert (copy / "more").exists()
    assert [path.name for path in (tmp_path / "b").iterdir()] == ["checkpoint-10"]


def test_what_cannot_be_linked_leaves_nothing_behind(tmp_path: Path) -> None:
    assert link_checkpoint(tmp_path / "a" / "checkpoint-1", tmp_path / "b") is None
    assert list((tmp_path / "b").iterdir()) == []


def test_all_but_the_wanted_copies_are_deleted(tmp_path: Path) -> None:
    for step in (10, 20, 30):
        link_checkpoint(saved(tmp_path / "a", step), tmp_path / "b")
    (tmp_path / "b" / "mine").mkdir()
    drop_links(tmp_path / "b", {20})
    assert sorted(path.name for path in (tmp_path / "b").iterdir()) == ["checkpoint-20", "mine"]
