"""The benchmark of sentences from one end to the other, small."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.sentences import FAMILIES, FORMATS, Said, main, noise_of, of_noise, of_runs, of_shapes
from heldout.datasets.simulated import DECLINES, OUTSIDE_DECLINES, PLAIN_DECLINES


def test_noise_is_stationary_with_its_autocorrelation() -> None:
    for phi in (0.0, 0.5, 0.9):
        rows = noise_of(phi, 50, 4000, seed=1)
        assert rows.var(axis=0) == pytest.approx(np.ones(50), abs=0.15)
        assert np.mean(rows[:, 1:] * rows[:, :-1]) == pytest.approx(phi, abs=0.05)
    assert not np.array_equal(noise_of(0.5, 50, 5, seed=1), noise_of(0.5, 50, 5, seed=2))


def test_noise_seldom_gets_a_word_and_shapes_do() -> None:
    assert max(one.found for one in of_noise(30, seed=2)) <= 6  # 5 % of 30, and nearly four standard errors
    found = {(one.what, one.of): one.found for one in of_shapes(40, seed=2)}
    assert found["ramp of 3", "300"] == 40
    assert found["ramp of 1.5", "100"] >= 30
    assert found["ramp of 1.5", "32"] < found["ramp of 3", "32"]


def test_reports_on_runs_that_never_fall_do_not_contradict_themselves() -> None:
    told = of_runs(2 * len(FAMILIES), seed=1, workers=1)
    assert {one.family for one in told} == set(FAMILIES)
    assert {one.where.split(",")[0] for one in told} <= set(FORMATS)
    assert [(one.where, one.against) for one in told if one.against] == []
    assert not set(FAMILIES) & {*DECLINES, *OUTSIDE_DECLINES, *PLAIN_DECLINES}


def test_none_of_several_has_the_error_of_one() -> None:
    assert Said("fallen", "all", 0, 100).estimate.se == pytest.approx(Said("fallen", "all", 1, 100).estimate.se)
    assert str(Said("fallen", "all", 5, 100)) == "5.0 ±2.2"


@pytest.mark.parametrize("suffix", [".md", ".json"])
def test_tables_are_printed_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str) -> None:
    out = tmp_path / f"table{suffix}"
    main(4, 2, 0, 1, out)
    printed = capsys.readouterr().out
    assert "False words of noise, %, 2 series each, seed 0" in printed
    assert "4 reports on runs that never fall, %, seed 0" in printed
    if suffix == ".md":
        assert "| all (4) |" in out.read_text()
    else:
        assert {"what", "of", "found", "asked"} == set(json.loads(out.read_text())[0])
