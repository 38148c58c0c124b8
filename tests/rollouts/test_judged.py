"""What two judges say of a run directory's answers: the same file by file as all at once, and each file read once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from heldout.judged import Judged
from heldout.rollouts.judged import judged_of
from heldout.rollouts.reading import rollouts_of


def page(folder: Path, step: int, rng: np.random.Generator, **without: Any) -> Path:
    size = 12
    group = np.sort(rng.integers(0, 4, size))
    rows = {
        "step": np.full(size, step),
        "prompt": [f"p{one}" for one in group],
        "text": [f"answer {place}" for place in range(size)],
        "reward": rng.integers(0, 2, size).astype(float),
        "group": 1000 * step + group,
        "rewarded": rng.random(size) < 0.5,
        "judged_with": np.full(size, 0.25),
        "hidden": [None if one < 0.5 else float(one > 0.8) for one in rng.random(size)],
        "hidden_kind": ["x"] * size,
    }
    path = folder / "rollouts" / f"step-{step:08d}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame({name: values for name, values in rows.items() if name not in without}).write_parquet(path)
    return path


def same(one: Judged | None, other: Judged) -> bool:
    """Whether they say the same, whatever the numbers of groups."""
    assert one is not None
    for name in ("step", "rewarded", "failed", "chance", "group_rewarded"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    pairs = set(zip(one.group.tolist(), other.group.tolist(), strict=True))
    return len(pairs) == len(set(one.group.tolist())) == len(set(other.group.tolist()))


@pytest.mark.parametrize("without", [{}, {"rewarded": None}], ids=["said by the run", "by what is paid"])
def test_file_by_file_it_is_what_all_files_say_together(tmp_path: Path, without: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    for step in (3, 1, 2, 10):
        page(tmp_path, step, rng, **without)
        judged, notes = judged_of(tmp_path)
        assert same(judged, rollouts_of(tmp_path / "rollouts").judged)
        assert notes == []


def test_a_file_is_read_again_only_when_it_has_changed(tmp_path: Path) -> None:
    path = page(tmp_path, 1, np.random.default_rng(0))
    page(tmp_path, 2, np.random.default_rng(1))
    before, _ = judged_of(tmp_path)
    assert before is not None
    about = path.stat()
    path.write_bytes(b"\0" * about.st_size)
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
    assert same(judged_of(tmp_path)[0], before)
    os.utime(path)
    after, _ = judged_of(tmp_path)
    assert after is not None
    assert after.step.tolist() == before.step[before.step == 2].tolist()


def test_where_nothing_was_judged_or_nothing_is_there_nothing_is_said(tmp_path: Path) -> None:
    assert judged_of(tmp_path) == (None, [])
    page(tmp_path, 1, np.random.default_rng(0), hidden=None)
    assert judged_of(tmp_path) == (None, [])
    (tmp_path / "rollouts" / "z.txt").write_text("notes")
    assert judged_of(tmp_path) == (None, [])
