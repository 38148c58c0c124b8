"""Standard errors that a log gives beside its scores: which are found, which are believed, and what they do."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import heldout
from heldout.detectors import falls_among, fold
from heldout.detectors.base import Block
from heldout.detectors.evidence import Evidence
from heldout.detectors.grouping import pooled
from heldout.detectors.overoptimisation import Level
from heldout.run import Evaluation, NoteKind, Run
from heldout.stats.arrays import FloatArray
from heldout.stats.noise_posterior import learned, sampled, scatter
from heldout.stats.turning import turn

COUNT, PROBLEMS = 20, 200


def rates(seed: int = 0, fall: float = 0.0) -> FloatArray:
    truth = np.where(np.arange(COUNT) < 12, 0.4, 0.4 - fall)
    return np.asarray(np.random.default_rng(seed).binomial(PROBLEMS, truth) / PROBLEMS)


def errors_of(rate: FloatArray) -> FloatArray:
    return np.asarray(np.sqrt(rate * (1.0 - rate) / (PROBLEMS - 1)))


def read(folder: Path, **columns: FloatArray | list[float | str]) -> Run:
    rows = []
    for at in range(COUNT):
        row = {key: values[at] for key, values in columns.items()}
        rows.append({"step": 10 * at, **{key: value for key, value in row.items() if value != "absent"}})
    log = folder / "log.jsonl"
    log.write_text("\n".join(json.dumps(row) for row in rows))
    return heldout.read(log)


def notes(run: Run) -> str:
    return " ".join(note.text for note in run.notes if "standard error" in note.text)


def seen_of(run: Run) -> Evidence:
    seen = Evidence()
    for evaluation in run.evaluations():
        seen.add(evaluation)
    return seen


@pytest.mark.parametrize(
    ("score", "column"),
    [
        ("eval/acc,none", "eval/acc_stderr,none"),  # lm-evaluation-harness
        ("eval/exact_match,strict-match", "eval/exact_match_stderr,strict-match"),
        ("val/pass@1", "val/pass@1_stderr"),
        ("humaneval_pass_at_1", "humaneval_pass_at_1_se"),
        ("eval_accuracy", "eval_accuracy_std_err"),
        ("eval/accuracy/mean", "eval/accuracy/standard_error"),
        ("test_acc_mean", "test_acc_sem"),
    ],
)
def test_the_column_of_standard_errors_is_found_by_its_words(tmp_path: Path, score: str, column: str) -> None:
    rate = rates()
    run = read(tmp_path, **{score: rate, column: errors_of(rate)})
    assert run.roles["held_out"] == score
    assert column not in run.held_out_scores()
    assert notes(run) == f"The standard errors of {score!r} were taken from {column!r}."
    assert seen_of(run).least_noise == pytest.approx(np.sqrt(np.mean(errors_of(rate) ** 2)))


@pytest.mark.parametrize("column", ["eval_accuracy_std", "eval_f1_stderr", "accuracy_stderr", "eval_accuracy_ci"])
def test_a_deviation_and_what_is_of_another_score_are_no_standard_errors(tmp_path: Path, column: str) -> None:
    run = read(tmp_path, eval_accuracy=rates(), **{column: errors_of(rates())})
    assert run["held_out"].spread is None
    assert seen_of(run).errors is None


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (0.0, "are 0 or below"),
        (-0.03, "are 0 or below"),
        (float("nan"), "are missing or no number"),
        ("absent", "are missing or no number"),
        (0.49, "are as large as the standard deviation of single answers"),
        (3.0, "are as large as the standard deviation of single answers"),
        (1e-5, "are smaller than those of a million problems"),
    ],
)
@pytest.mark.parametrize("most", [False, True])
def test_what_cannot_be_believed_is_left_out_and_said(tmp_path: Path, wrong: float | str, why: str, most: bool) -> None:
    rate, bad = rates(), 11 if most else 10
    given: list[float | str] = [wrong] * bad + errors_of(rate).tolist()[bad:]
    run = read(tmp_path, eval_accuracy=rate, eval_accuracy_stderr=given)
    said, spread = notes(run), run["held_out"].spread
    assert f"{bad} of {COUNT} {why}" in said
    if most:
        assert spread is None
        assert said.startswith("'eval_accuracy_stderr' is not used as the standard errors of 'eval_accuracy'")
        assert {note.kind for note in run.notes if "standard error" in note.text} == {NoteKind.DROPPED}
        assert seen_of(run).errors is None
        return
    assert spread is not None
    assert np.isnan(spread[:bad]).all()
    errors = seen_of(run).errors
    assert errors is not None  # the others stand in
    assert errors[:bad] == pytest.approx(np.sqrt(np.mean(errors_of(rate)[bad:] ** 2)))
    assert errors[bad:] == pytest.approx(errors_of(rate)[bad:])


def test_the_results_of_a_harness_for_each_checkpoint_have_their_errors(tmp_path: Path) -> None:
    for step, rate in enumerate(rates().tolist(), 1):
        one = {"acc,none": rate, "acc_stderr,none": (rate * (1.0 - rate) / (PROBLEMS - 1)) ** 0.5, "alias": "hellaswag"}
        folder = tmp_path / f"checkpoint-{step}00"
        folder.mkdir()
        (folder / "results.json").write_text(json.dumps({"results": {"hellaswag": one}}))
    run = heldout.read(tmp_path)
    assert run.roles["held_out"] == "hellaswag/acc"
    assert seen_of(run).errors == pytest.approx(errors_of(rates()))


def test_errors_of_the_training_are_not_those_of_the_evaluation(tmp_path: Path) -> None:
    rate = rates()
    run = read(tmp_path, **{"reward": rate**2, "eval/acc": rate, "train/acc_stderr": errors_of(rate)})
    assert run["held_out"].spread is None


def test_a_column_of_percent_has_errors_in_percent(tmp_path: Path) -> None:
    rate = rates()
    run = read(tmp_path, eval_accuracy=100.0 * rate, eval_accuracy_stderr=100.0 * errors_of(rate))
    assert seen_of(run).errors == pytest.approx(errors_of(rate))
    small = read(tmp_path, eval_accuracy=100.0 * rate, eval_accuracy_stderr=errors_of(rate) / 100.0)
    assert "smaller than those of a million problems" in notes(small)


def test_their_mean_square_is_the_sampling_noise_of_a_share(tmp_path: Path) -> None:
    rate = rates()
    seen = seen_of(read(tmp_path, eval_accuracy=rate, eval_accuracy_stderr=np.full(COUNT, 0.03)))
    assert seen.sized
    assert seen.noise() == pytest.approx(learned(scatter(rate), sampled(0.03**2)).variance)
    assert seen.noise() >= 0.03**2
    assert seen.problems is None
    assert not seen.may_confirm


@pytest.mark.parametrize("given", [False, True])
def test_a_fall_beyond_them_is_likely_and_says_what_would_confirm_it(tmp_path: Path, given: bool) -> None:
    rate = rates(fall=0.2)
    run = read(tmp_path, eval_accuracy=rate, eval_accuracy_stderr=errors_of(rate))
    asked = heldout.read(tmp_path / "log.jsonl", problems=PROBLEMS) if given else run
    verdict = heldout.diagnose(asked)
    assert verdict.state.value == "regressed"
    assert verdict.label.startswith("confirmed" if given else "likely")  # sizes say more than errors
    if not given:
        assert "of unknown size, with standard errors of 3.2 points: nothing can be confirmed" in verdict.sure
        assert any("how many problems these standard errors are is not known" in f.against for f in verdict.findings)


def test_level_rates_that_large_errors_explain_raise_no_alarm_where_their_scatter_alone_does() -> None:
    """Scores that wander slowly, as of one set of few problems with many samples: 40 runs of 20."""
    alarms = {False: 0, True: 0}
    for seed in range(40):
        random = np.random.default_rng(seed)
        wander = [random.normal()]
        for _ in range(COUNT - 1):
            wander.append(0.85 * wander[-1] + 0.53 * random.normal())
        for given in alarms:
            each = [
                Evaluation(step, 0.4 + 0.02 * value, error=0.03 if given else None) for step, value in enumerate(wander)
            ]
            detector = falls_among(COUNT)
            fold([detector], [Block(evaluations=each)])
            alarms[given] += detector.worst.level >= Level.LIKELY
    assert alarms[True] <= 1 < alarms[False]


@pytest.mark.parametrize("factor", [1.0, 1e-3, 1e4])
def test_the_errors_of_a_return_are_the_least_its_noise_can_be_in_any_unit(factor: float) -> None:
    random = np.random.default_rng(3)
    values = factor * (5.0 + random.normal(size=COUNT))
    known = {least: Evidence() for least in (0.0, 0.1, 4.0)}
    for least, seen in known.items():
        for step, value in enumerate(values):
            seen.add(Evaluation(step, float(value), share=False, error=factor * least or None))
    alone, small, large = (seen.noise() for seen in known.values())
    assert small == pytest.approx(alone)
    assert large == pytest.approx((4.0 * factor) ** 2)
    assert [seen.sized for seen in known.values()] == [False] * 3
    z = [seen.learned.z(6.0 * factor) for seen in known.values()]
    assert z[1] == pytest.approx(z[0], rel=1e-2)
    assert z[2] < 2.0 < z[0]


@pytest.mark.parametrize(
    ("size", "why"),
    [(9.0, "larger than the range of the scores"), (7.0, "far more than the scores scatter by"), (0.2, "")],
)
def test_a_standard_deviation_of_single_returns_is_not_taken_for_an_error(
    tmp_path: Path, size: float, why: str
) -> None:
    values = np.linspace(0.0, 8.0, COUNT) + 0.2 * np.random.default_rng(0).normal(size=COUNT)
    run = read(tmp_path, **{"eval/mean_return": values, "eval/mean_return_stderr": np.full(COUNT, size)})
    assert (why in notes(run)) if why else (seen_of(run).least_noise == pytest.approx(size))
    assert (seen_of(run).errors is None) == bool(why)


def test_the_error_of_a_perplexity_is_one_of_its_logarithm() -> None:
    one = Evaluation(0, 8.0, lower=True, share=False, ratio=True, error=0.4)
    assert one.score_error == pytest.approx(0.05)
    assert np.isnan(Evaluation(0, 8.0).score_error)


def test_a_mean_of_evaluations_has_the_error_of_a_mean() -> None:
    each = [Evaluation(step, 0.4, error=error) for step, error in enumerate((0.03, 0.04))]
    assert pooled(each).error == pytest.approx(0.025)
    assert pooled([*each, Evaluation(2, 0.4)]).error is None


def test_rows_that_hardly_differ_are_no_measure_of_noise(tmp_path: Path) -> None:
    """Two processes print means of the same problems, rounded differently: that says nothing of the noise."""
    log, rate = tmp_path / "log.jsonl", rates()
    rows = [
        {"step": 10 * at, "reward": 0.1, "eval_accuracy": float(rate[at]) + off}
        for at in range(COUNT)
        for off in (0, 1e-7)
    ]
    log.write_text("\n".join(map(json.dumps, rows)))
    run = heldout.read(log)
    assert "'its rows' is not used" in notes(run).replace('"', "'")
    assert run["held_out"].spread is None


def test_a_turn_stands_out_of_the_noise_that_it_is_told() -> None:
    found = turn(np.r_[np.linspace(0.0, 1.0, 10), np.zeros(10)])
    assert found is not None
    assert found.stands_out()
    assert not found.stands_out(noise=1.0)
