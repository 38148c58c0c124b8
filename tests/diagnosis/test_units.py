"""In which unit and in which direction a verdict, its findings and its tables speak of a held-out score."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import heldout
from heldout.detectors.evidence import Evidence
from heldout.detectors.plateau import level_of
from heldout.findings import State, Verdict
from heldout.metrics.phrasing import Spoken
from heldout.report.tables import benchmarks, key_values
from heldout.run import Evaluation, Run, Series
from heldout.stats.arrays import FloatArray

# beside the 90 and 95 % of intervals, and the points of a correlation
_SHARES = re.compile(r"(?<![\d.])(?!9[05] ?%)-?\d[\d., ]*\s?%|(?:by|of|below|only) -?[\d.]+ points?\b")


def run_of(key: str, values: FloatArray, problems: int | None = None, reward: FloatArray | None = None) -> Run:
    step = 10 * np.arange(len(values))
    sizes = None if problems is None else np.full(len(values), float(problems))
    metrics = {key: Series(key, step, np.asarray(values, dtype=float), problems=sizes)}
    if reward is not None:
        metrics["reward"] = Series("reward", np.arange(len(reward)), reward)
    roles = {"held_out": key} | ({} if reward is None else {"reward": "reward"})
    return Run("made", "memory", "test", metrics, roles)


def prose(run: Run, verdict: Verdict) -> str:
    about = heldout.describe(run, verdict)
    told = [verdict.sentence, *verdict.advice, *about.interpretation, *(o.text for o in about.observations)]
    told += [text for f in verdict.findings for text in (f.seen, f.means)] + [s.trend for s in about.series]
    return " ".join([*told, *(cell for row in key_values(about).rows for cell in row)])


def noisy(start: float, end: float, by: float, count: int = 20, seed: int = 0) -> FloatArray:
    values: FloatArray = np.linspace(start, end, count) + by * np.random.default_rng(seed).normal(size=count)
    return values


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("eval/mean_reward", noisy(-160.0, -93.0, 3.0)),
        ("eval_reward", noisy(2.0, -2.0, 0.1)),
        ("eval/episodic_return", noisy(500.0, 4000.0, 90.0)),
        ("eval_perplexity", noisy(4.6, 17.5, 0.2)),
        ("eval_loss", noisy(2.0, 0.8, 0.02)),
        ("eval_reward", noisy(0.2, 0.8, 0.02)),  # within 0 and 1 and no share for that
    ],
)
def test_a_score_is_never_spoken_of_in_percent_or_points(key: str, values: FloatArray) -> None:
    run = run_of(key, values, reward=noisy(-1.0, 3.0, 0.1, 200))
    verdict = heldout.diagnose(run)
    assert verdict.state is not State.CANNOT_TELL
    assert not _SHARES.search(prose(run, verdict)), _SHARES.findall(prose(run, verdict))


def test_a_rise_of_returns_is_told_in_returns() -> None:
    verdict = heldout.diagnose(run_of("eval/mean_reward", np.linspace(-160.0, -92.5, 20)))
    risen = re.search(r"he held-out score has risen by ([\d.]+) since step 0 \(95 % interval", verdict.sentence)
    assert risen is not None
    assert float(risen.group(1)) == pytest.approx(67.5, abs=8.0)
    assert verdict.recommended is not None
    assert verdict.recommended.estimate == pytest.approx(-92.5, abs=4.0)
    assert "estimated at -9" in verdict.sentence


def test_a_share_and_the_same_in_percent_are_told_alike() -> None:
    share = noisy(0.3, 0.6, 0.01)
    one, other = (heldout.diagnose(run_of("eval_accuracy", whole * share)) for whole in (1.0, 100.0))
    assert one.sentence == other.sentence
    assert " points since step 0" in one.sentence
    assert " %" in prose(run_of("eval_accuracy", share), one)


@pytest.mark.parametrize(
    ("key", "problems", "first", "last"),
    [("eval_perplexity", None, 4.6, 17.5), ("val_error_rate", 500, 0.2, 0.6), ("eval_loss", None, 0.8, 2.0)],
)
def test_where_lower_is_better_a_rise_is_worse_and_is_told_as_a_rise(
    key: str, problems: int | None, first: float, last: float
) -> None:
    by = abs(last - first) / 50
    worse = heldout.diagnose(run_of(key, noisy(first, last, by, 24), problems))
    assert worse.state is State.REGRESSED
    assert "has got worse, rising by" in worse.sentence
    assert "rising by -" not in worse.sentence
    assert worse.recommended is not None
    assert worse.recommended.step <= 40
    assert worse.recommended.estimate == pytest.approx(first, abs=12 * by)
    better = heldout.diagnose(run_of(key, noisy(last, first, by, 24), problems))
    assert better.state is State.IMPROVING
    assert "has got better, falling by" in better.sentence
    assert "no rise was seen" in better.sentence
    assert better.recommended is not None
    assert better.recommended.step >= 190


def test_the_table_of_scores_tells_each_in_its_own_unit() -> None:
    step = 10 * np.arange(20)
    metrics = {
        "eval/accuracy": Series("eval/accuracy", step, noisy(0.7, 0.3, 0.01)),
        "eval/episodic_return": Series("eval/episodic_return", step, noisy(900.0, 300.0, 9.0)),
    }
    run = Run("made", "memory", "test", metrics, {"held_out": "eval/accuracy"})
    table = benchmarks(heldout.diagnose(run))
    if table is not None:  # where both are known as held-out scores
        cells = {row[0]: row[2] for row in table.rows}
        assert cells["eval/accuracy"].endswith(" points")
        assert "points" not in cells.get("eval/episodic_return", "")


@given(st.floats(-1e6, 1e6), st.booleans(), st.booleans())
@settings(max_examples=50, deadline=None)
def test_a_score_turned_and_turned_back_is_what_was_logged(value: float, share: bool, lower: bool) -> None:
    said = Spoken(share, lower, 1.0)
    assert said.as_logged(said.as_logged(value)) == pytest.approx(value, abs=1e-9)


def test_an_interval_runs_upwards_in_the_log_s_own_direction() -> None:
    assert Spoken(share=True, lower=True).levels(0.6, 0.8) == "20.0 to 40.0"
    assert Spoken(share=False, lower=True, span=10.0).levels(-9.0, -4.0) == "4.00 to 9.00"
    assert Spoken(share=False, span=100.0).level(-93.26) == "-93.3"


def test_a_score_that_is_no_share_is_level_by_its_own_noise_and_gain() -> None:
    """A score of thousandths is not level for being small: the margin is in units of its noise."""
    small = heldout.diagnose(run_of("eval_reward", noisy(0.001, 0.001, 0.0002, 30)))
    assert small.state is State.PLATEAU
    rising = heldout.diagnose(run_of("eval_reward", noisy(1.0, 3.0, 0.2, 30)))
    assert rising.state is State.IMPROVING
    share = heldout.diagnose(run_of("eval_accuracy", noisy(0.5, 0.5, 0.001, 30), 100_000))
    assert share.state is State.PLATEAU


def test_the_interpretation_of_a_score_that_got_worse_by_rising_does_not_say_that_it_fell() -> None:
    run = run_of("val_error_rate", noisy(0.2, 0.6, 0.005, 24), 500, reward=noisy(0.0, 1.0, 0.01, 240))
    verdict = heldout.diagnose(run)
    assert verdict.state is State.OVER_OPTIMISED
    told = " ".join(heldout.describe(run, verdict).interpretation)
    assert "The held-out score has got worse while the reward rose" in told
    assert "has fallen" not in told


def test_variants_of_one_measurement_are_counted_and_not_listed() -> None:
    falls = heldout.diagnose(run_of("eval/accuracy", noisy(0.7, 0.3, 0.01)))
    assert falls.variants == 0
    step, by = 10 * np.arange(20), noisy(0.7, 0.3, 0.01)
    names = ("val-core/a/acc/mean@8", "val-core/b/acc/mean@8")
    metrics = {name: Series(name, step, by + 0.01 * k) for k, name in enumerate(names)}
    table = benchmarks(heldout.diagnose(Run("made", "memory", "test", metrics, {"held_out": names[0]})))
    assert table is not None
    assert [row[0] for row in table.rows] == list(names)
    assert table.title == "Every held-out score (2 columns, 1 benchmark)"


def test_a_rise_of_few_scores_of_unknown_noise_needs_more_deviations() -> None:
    """Eight scores know their noise by seven degrees of freedom: a rise is sure at 2.4 deviations and not at 1.96."""
    rising = noisy(0.0, 8.0, 1.0, 8)
    seen = Evidence()
    for step, value in enumerate(rising.tolist()):
        seen.add(Evaluation(step, value, share=False))
    test = level_of(seen)
    assert test.state == "improving"
    assert level_of(seen, margin=1e9).state != "plateau"  # below 12 scores none is level
    turned = Evidence()
    for step, value in enumerate((700.0 * rising - 3.0).tolist()):
        turned.add(Evaluation(step, value, share=False))
    assert level_of(turned).change / level_of(turned).sd == pytest.approx(test.change / test.sd, rel=1e-9)
    assert level_of(turned).state == test.state
