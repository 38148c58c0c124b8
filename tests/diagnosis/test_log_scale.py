"""A perplexity is read on the log scale: changes are factors, levels are told as they are logged."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import heldout
from heldout.detectors.evidence import Evidence
from heldout.detectors.grouping import pooled
from heldout.detectors.plateau import level_of
from heldout.diagnosis.first_screen import first_screen
from heldout.evaluation.plan import next_checkpoints
from heldout.findings import State
from heldout.metrics.phrasing import Spoken
from heldout.run import Evaluation, NoteKind, Run, Series
from heldout.stats.arrays import FloatArray

COUNT = 24


def run_of(key: str, values: FloatArray) -> Run:
    return Run("made", "memory", "test", {key: Series(key, 10 * np.arange(len(values)), values)}, {"held_out": key})


def noisy(logarithms: FloatArray, by: float = 0.03, seed: int = 0) -> FloatArray:
    values: FloatArray = np.exp(logarithms + by * np.random.default_rng(seed).normal(size=len(logarithms)))
    return values


def learned_then_lost(seed: int) -> FloatArray:
    """From 2000 to 5 within ten evaluations, and back to 9."""
    fall, rise = np.linspace(np.log(2000.0), np.log(5.0), 10), np.linspace(np.log(5.0), np.log(9.0), COUNT - 10)
    return noisy(np.r_[fall, rise], seed=seed)


@pytest.mark.parametrize("seed", range(4))
def test_a_rise_by_four_fifths_shows_after_a_fall_from_two_thousand(seed: int) -> None:
    worse = heldout.diagnose(run_of("eval/perplexity", learned_then_lost(seed)))
    assert worse.state is State.REGRESSED
    said = re.search(r"has got worse, rising by a factor of (\d\.\d+) since step (\d+)", worse.sentence)
    assert said is not None
    assert 1.5 < float(said[1]) < 2.2
    assert 70 <= int(said[2]) <= 110
    assert worse.recommended is not None
    assert worse.recommended.estimate == pytest.approx(5.0, rel=0.1)
    assert worse.recommended.low < worse.recommended.estimate < worse.recommended.high < 6.0
    # by its values alone a score is never read so: the same numbers of another name are told in their own unit
    assert "factor" not in heldout.diagnose(run_of("eval_loss", learned_then_lost(seed))).sentence


def test_the_first_screen_and_the_sentence_tell_the_level_as_logged_and_in_the_same_digits() -> None:
    run = run_of("val_ppl", learned_then_lost(1))
    verdict = heldout.diagnose(run)
    told = {line.key: line.answer for line in first_screen(run, verdict)}
    level = re.search(r"estimated at ([\d.]+) \(95 % interval ([\d.]+ to [\d.]+)\)", verdict.sentence)
    assert level is not None
    assert f"at {level[1]} (95 % interval {level[2]})" in told["checkpoint"]
    assert "of a plain score, read on the log scale" in told["sure"]


@given(power=st.floats(-6.0, 6.0), seed=st.integers(0, 1000), slope=st.floats(-2.0, 2.0))
@settings(max_examples=10, deadline=None)
def test_a_perplexity_times_a_constant_gets_the_same_verdict(power: float, seed: int, slope: float) -> None:
    values = noisy(np.linspace(3.0, 3.0 + slope, COUNT), seed=seed)
    one, other = (heldout.diagnose(run_of("eval_ppl", factor * values)) for factor in (1.0, 10.0**power))
    assert (one.state, one.tied, one.peak_step, one.onset) == (other.state, other.tied, other.peak_step, other.onset)
    assert one.headline == other.headline  # factors have no unit
    assert one.recommended is not None
    assert other.recommended is not None
    assert one.recommended.step == other.recommended.step
    assert other.recommended.estimate == pytest.approx(10.0**power * one.recommended.estimate, rel=1e-6)


def test_a_level_perplexity_is_level_within_a_factor_and_within_a_margin_in_percent() -> None:
    values = noisy(np.full(30, np.log(8.0)), by=0.01)
    verdict = heldout.diagnose(run_of("eval_perplexity", values))
    assert verdict.state is State.PLATEAU
    assert re.search(r"changes by less than a factor of 1\.0\d+ per quarter of the run", verdict.sentence)
    seen = Evidence()
    for evaluation in run_of("eval_perplexity", values).evaluations():
        seen.add(evaluation)
    bound = 100.0 * np.expm1(level_of(seen).bound)
    assert [level_of(seen, margin).state for margin in (0.9 * bound, 1.1 * bound)] == ["undetermined", "plateau"]


@pytest.mark.parametrize("odd", [0.0, -1.0])
def test_a_perplexity_that_is_not_above_zero_is_read_as_it_is(odd: float) -> None:
    values = learned_then_lost(0)
    values[3] = odd
    assert not any(evaluation.ratio for evaluation in run_of("eval_ppl", values).evaluations())
    assert "factor" not in heldout.diagnose(run_of("eval_ppl", values)).sentence


@pytest.mark.parametrize(
    ("key", "ratio"),
    [
        *((key, True) for key in ("eval/mse", "val_rmse", "dev_mae")),
        *((key, False) for key in ("eval_loss", "eval_nll", "val/bpb", "dev_wer", "eval_return", "eval_accuracy")),
    ],
)
def test_the_name_decides_what_is_read_on_the_log_scale(key: str, ratio: bool) -> None:
    assert {one.ratio for one in run_of(key, np.array([0.2, 0.9, 0.4])).evaluations()} == {ratio}


def test_evaluations_of_one_look_are_averaged_on_their_scale() -> None:
    each = [Evaluation(step, rate, lower=True, share=False, ratio=True) for step, rate in ((1, 2.0), (2, 8.0))]
    assert pooled(each).rate == pytest.approx(4.0)
    assert pooled(each).ratio


def test_changes_are_written_as_factors() -> None:
    said = Spoken(share=False, lower=True, span=1.0, ratio=True)
    assert said.by(np.log(1.25)) == "a factor of 1.25"
    assert said.between(np.log(0.8), np.log(1.25)) == "0.80 to 1.25"
    assert said.lies(np.log(0.8), np.log(1.25)) == "between factors of 0.80 and 1.25"
    assert said.bound(np.log(1.004)) == "a factor of 1.004"
    assert said.level(said.as_scored(17.5)) == "17.50"
    assert said.levels(said.as_scored(20.0), said.as_scored(5.0)) == "5.00 to 20.00"
    assert said.between(-np.inf, np.inf).startswith("0 to 1.01e+304")


def test_the_log_says_that_a_perplexity_is_read_on_the_log_scale(tmp_path: Path) -> None:
    log, step = tmp_path / "log.jsonl", range(0, 240, 10)
    rows = [
        {"step": at, "reward": at / 9.0, "eval_ppl": ppl} for at, ppl in zip(step, learned_then_lost(0), strict=True)
    ]
    log.write_text("\n".join(map(json.dumps, rows)))
    run = heldout.read(log)
    said = [note.text for note in run.notes if "log scale" in note.text]
    assert said == [
        "'eval_ppl' is read on the log scale, since its name says that it changes in proportion; changes are factors."
    ]
    assert {note.kind for note in run.notes if note.text in said} == {NoteKind.ASSUMED}


def test_the_gain_of_the_next_checkpoint_is_a_factor() -> None:
    run = run_of("eval_ppl", noisy(np.linspace(3.0, 1.0, COUNT)))
    known = Run("made", "memory", "test", run.metrics, run.roles, checkpoints=dict.fromkeys(range(0, 400, 10), "x"))
    found = next_checkpoints(known)
    assert found.spoken.ratio
    assert 0.0 < found.estimate < 6.0
