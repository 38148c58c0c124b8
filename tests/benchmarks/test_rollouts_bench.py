"""The benchmark of rollouts: its files are what it says of them, and every stage gives a line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from benchmarks.rollouts import STAGES, main, write_dumps
from heldout.rollouts.choosing import chosen
from heldout.rollouts.reading import rollouts_of


def test_the_hack_grows_from_halfway_on_and_an_answer_has_two_kilobytes(tmp_path: Path) -> None:
    size = write_dumps(tmp_path, 4000)
    found = rollouts_of(tmp_path)
    assert len(found) == 4000
    assert 1500 < size / 4000 < 2500
    hacked = chosen(found, rewarded=True, failed=True)
    assert np.all(found.step[hacked] > 2)
    shares = [np.mean(found.step[hacked] == step) for step in (3, 4)]
    assert 0.2 < shares[0] < 0.45
    assert {text for _, text in found.texts.read(hacked.tolist())} == {"import sys\nsys.exit(0)\n"}


def test_every_stage_gives_a_line(tmp_path: Path) -> None:
    main(1000, tmp_path / "table.json")
    told = json.loads((tmp_path / "table.json").read_text())
    assert [one["stage"] for one in told] == list(STAGES.values())
    assert all(one["seconds"] > 0 for one in told)
