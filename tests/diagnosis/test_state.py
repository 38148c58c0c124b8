"""The words of a verdict, just below and just above what decides between them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from scores_told import rated, told

import heldout
from heldout.detectors.overoptimisation import Level, OverOptimisation
from heldout.detectors.plateau import level_of
from heldout.diagnosis.answer import SIZES
from heldout.diagnosis.past import fall_now, has_fallen
from heldout.diagnosis.state import answer_of, not_asked, smallest_visible
from heldout.findings import State, Verdict
from heldout.run import Run, Series
from heldout.stats.gp import gp_posterior
from heldout.stats.scan import smallest_visible_drop

STEP_DOWN = [0.3, 0.4, 0.5, 0.5, 0.5, 0.2, 0.2, 0.2, 0.2, 0.2]


def run_of(rates: Any, problems: int | None = 1000, reward: Iterable[float] = ()) -> Run:
    steps = np.arange(len(rates))
    sizes = None if problems is None else np.full(len(rates), float(problems))
    metrics = {"pass@1": Series("pass@1", steps, np.array(rates, dtype=float), problems=sizes)}
    if more := list(reward):
        metrics["reward"] = Series("reward", np.arange(len(more)), np.array(more, dtype=float))
    roles = {"held_out": "pass@1"} | ({"reward": "reward"} if more else {})
    return Run("made", "memory", "test", metrics, roles)


def judged(rates: Any, problems: int | None = 1000, reward: Iterable[float] = ()) -> Verdict:
    return heldout.diagnose(run_of(rates, problems, reward))


@pytest.mark.parametrize(("count", "few"), [(1, "1 evaluation"), (3, "3 evaluations")])
def test_fewer_than_four_evaluations_show_nothing(count: int, few: str) -> None:
    verdict = judged([0.5] * count)
    assert (verdict.state, verdict.label) == (State.CANNOT_TELL, "too few evaluations")
    assert verdict.sentence == f"{few} cannot show a fall; at least 4 are needed, and 20 to 40 see most."
    assert judged([0.5] * 4).label != "too few evaluations"


def test_a_held_out_series_without_a_value_is_no_evidence() -> None:
    verdict = judged([])
    assert (verdict.state, verdict.label) == (State.NO_EVIDENCE, "training signals only")


@pytest.mark.parametrize(
    ("reward", "state", "label", "how"),
    [
        (np.linspace(0, 1, 10), State.OVER_OPTIMISED, "confirmed, reward rising", "while the reward rises."),
        ((), State.REGRESSED, "confirmed, reward unknown", "and too little is known of the reward to say why."),
        (np.linspace(1, 0, 10), State.REGRESSED, "confirmed, reward falling", "and the reward falls too."),
    ],
)  # fmt: skip
def test_a_fall_is_told_with_its_interval_and_what_the_reward_did(
    reward: Iterable[float], state: State, label: str, how: str
) -> None:
    verdict = judged(STEP_DOWN, reward=reward)
    assert (verdict.state, verdict.label, verdict.peak_step) == (state, label, 2)
    now = told(rated(STEP_DOWN)).looks[-1]
    drop, half = 100 * now.drop, 196 * now.drop_sd
    assert verdict.sentence.startswith(
        f"The held-out score has fallen by {drop:.1f} points since step 2 (95 % interval {drop - half:.1f} to "
        f"{drop + half:.1f}) {how}"
    )
    assert verdict.onset is not None
    assert verdict.onset.step == 5
    assert "It fell a point or more below its peak between step 4 and step 5 (90 % interval)." in verdict.sentence


def test_a_fall_on_evaluations_of_unknown_size_is_likely_at_most() -> None:
    verdict = judged(STEP_DOWN, None)
    assert (verdict.state, verdict.label) == (State.REGRESSED, "likely, reward unknown")
    assert told(rated(STEP_DOWN, None)).worst.level is Level.LIKELY


def test_a_rise_is_told_from_the_first_evaluation_to_the_last() -> None:
    rates = np.linspace(0.2, 0.6, 10)
    verdict = judged(rates)
    assert (verdict.state, verdict.label) == (State.IMPROVING, "no fall seen")
    evidence = told(rated(rates)).evidence
    gain, sd = gp_posterior(evidence.rates, evidence.noise()).difference(9, 0)
    half = 1.96 * sd
    low, high = (f"{100 * (gain + side * half):.1f}" for side in (-1, 1))
    assert verdict.sentence.startswith(
        f"The held-out score has risen by {100 * gain:.1f} points since step 0 (95 % interval {low} to {high}); no "
        "fall was seen, and one below "
    )


def test_a_rise_that_is_over_is_told_with_the_level_that_it_led_to() -> None:
    rates = [*np.linspace(0.2, 0.5, 8), *np.full(16, 0.5)]
    verdict = judged(rates, 5000)
    assert verdict.state is State.PLATEAU
    assert re.match(
        r"The held-out score has risen by (28|29|30)\.\d points and is level since step 12: it changes by less than "
        r"1\.\d points per quarter of the run \(90 %\); no fall was seen, and one below 4\.\d points would not "
        r"have been\.",
        verdict.sentence,
    )


@pytest.mark.parametrize(
    ("visible", "unseen"), [(0.051, ", and one below 5.1 points would not have been."), (None, ".")]
)
def test_a_level_score_is_a_plateau_with_the_fall_that_would_not_have_been_seen(
    visible: float | None, unseen: str
) -> None:
    answer = answer_of(told(rated([0.5] * 10)), visible)
    assert (answer.state, answer.label) == (State.PLATEAU, "no fall seen")
    assert answer.sentence.endswith(f"per quarter of the run (90 %); no fall was seen{unseen}")


@pytest.mark.parametrize(("margin", "state"), [(None, State.CANNOT_TELL), (6.0, State.PLATEAU)])
def test_the_margin_of_the_user_decides_what_is_level(margin: float | None, state: State) -> None:
    falls = told(rated([0.5, 0.52, 0.51, 0.49, 0.53, 0.52, 0.48, 0.47, 0.5, 0.48], 100))
    assert answer_of(falls, 0.08, margin).state is state


def test_noise_is_neither_a_fall_nor_a_rise() -> None:
    falls = told(rated([0.5, 0.52, 0.51, 0.49, 0.53, 0.52, 0.48, 0.47, 0.5, 0.48], 100))
    answer, test = answer_of(falls, 0.08), level_of(falls.evidence)
    low, high = test.interval
    assert (answer.state, answer.label) == (State.CANNOT_TELL, "within noise")
    assert answer.sentence.startswith(
        "Neither a fall nor a rise can be told: its change per quarter of the run lies between "
        f"{100 * low:.1f} and {100 * high:.1f} points (90 % interval); "
    )
    assert re.search(r"; \d+ problems would decide a margin of 2\.0 points\.$", answer.sentence)
    wanted = 100 * (2 * 1.645 * test.sd / 0.02) ** 2  # half a margin is nine tenths sure
    assert f"; {min(n for n in SIZES if n >= wanted)} problems" in answer.sentence


@pytest.mark.parametrize(
    ("problems", "count", "fewest"), [(1000, 7, 8), (1000, 8, None), (None, 11, 12), (None, 12, None)]
)
def test_fewer_evaluations_than_the_test_needs_are_told_to_be_too_few(
    problems: int | None, count: int, fewest: int | None
) -> None:
    wave = 0.5 + 0.002 * np.where(np.arange(count) % 2, -1.0, 1.0)
    answer = answer_of(told(rated(wave, problems)), None)
    assert answer.state is (State.PLATEAU if fewest is None else State.CANNOT_TELL)
    if fewest:
        assert answer.sentence.endswith(f"; {fewest} evaluations are the fewest that can show a level.")


def test_a_fall_that_may_be_one_is_watched() -> None:
    falls = told(rated(np.linspace(0.5, 0.37, 20), 20))
    assert falls.looks[-1].level is Level.WATCH
    assert falls.run_p() == 0.2
    answer = answer_of(falls, None)
    assert (answer.state, answer.label) == (State.CANNOT_TELL, "watch")
    assert answer.sentence.startswith(
        "The held-out score may be falling: its change per quarter of the run lies between -"
    )


def test_a_score_that_rose_and_may_be_falling_since_is_not_called_improving() -> None:
    rates = [0.22, 0.35, 0.51, 0.58, 0.64, 0.66, 0.70, 0.63, 0.60, 0.61, 0.63, 0.62, 0.64, 0.63, 0.60, 0.60]
    falls = told(rated(rates, 256))
    assert falls.looks[-1].level is Level.WATCH
    assert level_of(falls.evidence).state == "improving"  # by its last third against its first
    answer = answer_of(falls, 0.09)
    assert (answer.state, answer.label, answer.watched) == (State.CANNOT_TELL, "watch", True)
    assert re.match(
        r"The held-out score has risen by [\d.]+ points since step 0 \(95 % .*\), but may be falling: its change",
        answer.sentence,
    )
    still = told(rated(rates[:6], 256))
    assert answer_of(still, 0.09).state is State.IMPROVING


DIP = [0.3, 0.4, 0.5, 0.5, 0.5, 0.2, 0.2]


@pytest.mark.parametrize(
    ("end", "recovered"),
    [([0.3, 0.5, 0.6, 0.6], True), ([0.3, 0.5, 0.3, 0.6], False), ([0.3, 0.5, 0.6, 0.3], False)],
)
def test_a_score_has_recovered_where_its_last_two_evaluations_are_back(end: list[float], recovered: bool) -> None:
    verdict = judged([*DIP, *end], 5000)
    assert (verdict.state is State.RECOVERED) is recovered
    if recovered:
        assert verdict.label == "confirmed"
        assert verdict.sentence.startswith(
            "The held-out score fell after step 3 and has come back: it is now between 4.2 and 13.2 points better than "
        )
        assert verdict.onset is not None
        assert (verdict.onset.step, verdict.onset.high, verdict.onset.back) == (5, 5, 8)
        assert verdict.onset.low in (2, 3, 4)
        assert "below its peak since" not in verdict.sentence


def wobble(seed: int) -> OverOptimisation:
    """A level score of 400 problems that dips by so much for two evaluations that an alarm is raised."""
    rates = np.random.default_rng(seed).binomial(400, 0.5, 24) / 400
    rates[12:14] -= 0.09
    return told(rated(rates, 400))


def test_an_alarm_lasts_as_long_as_the_fall() -> None:
    ended = [answer_of(falls, None) for falls in map(wobble, range(12)) if falls.worst.level >= Level.LIKELY]
    assert len(ended) >= 6
    assert not any(answer.state in (State.OVER_OPTIMISED, State.REGRESSED) for answer in ended)
    told_so = [answer for answer in ended if answer.label == "no fall now"]
    assert told_so
    assert all(answer.state in (State.PLATEAU, State.CANNOT_TELL) for answer in told_so)
    assert all(
        re.match(
            r"The alarm of step \d+ did not last: what is left of the fall since step \d+ lies between -", one.sentence
        )
        for one in told_so
    )


def test_a_fall_is_told_only_with_an_interval_above_zero() -> None:
    """The scan confirms falls of which the posterior's own interval, blunter than it, still holds zero."""
    rng = np.random.default_rng(3)
    blunt = 0
    for _ in range(20):
        rates = rng.binomial(150, np.linspace(0.5, 0.42, 24)) / 150
        falls = told(rated(rates, 150))
        now, seen = falls.looks[-1], fall_now(falls)
        if has_fallen(falls):
            assert 0.0 < seen.low <= seen.drop <= seen.high
            assert "(95 % interval -" not in answer_of(falls, None).sentence
            blunt += now.drop - 1.96 * now.drop_sd <= 0.0
        elif now.level >= Level.LIKELY:
            assert answer_of(falls, None).state is State.CANNOT_TELL
        assert (falls.least_fall() > 0.0) == (now.statistic >= now.bound)
    assert blunt


@pytest.mark.parametrize("count", [5, 6, 12, 40])
def test_the_smallest_visible_fall_is_one_that_shows_within_three_evaluations(count: int) -> None:
    expected = smallest_visible_drop(count, count, min(3, count - 2), 1e-4)
    assert smallest_visible(count, 1e-4) == expected


@pytest.mark.parametrize(("count", "variance"), [(4, 1e-4), (12, math.nan), (12, math.inf)])
def test_of_too_few_evaluations_or_unknown_noise_no_smallest_fall_is_known(count: int, variance: float) -> None:
    assert smallest_visible(count, variance) is None


@pytest.mark.parametrize(
    ("problems", "exact", "reward", "missing"),
    [
        (None, False, True, ["error control"]),
        (100, False, True, ["exact error control"]),
        (100, True, True, []),
        (100, True, False, ["cause of a fall"]),
        (None, False, False, ["error control", "cause of a fall"]),
    ],
)
def test_what_could_not_be_asked_is_listed(problems: int | None, exact: bool, reward: bool, missing: list[str]) -> None:
    found = not_asked(run_of([0.5], problems, [0.0] if reward else ()), exact)
    assert [item.detector for item in found] == missing
    assert not not_asked(Run("made", "memory", "test", {}, {}), exact)


@pytest.mark.parametrize(
    ("problems", "fall", "settled"),
    [
        (20, 1.5, 100),
        (150, 1.5, 200),
        (250, 1.6, 300),
        (450, 1.7, 500),
        (450, 1.5, 700),
        (600, 1.5, 1000),
        (900, 1.5, 1500),
        (1200, 1.5, 2000),
        (1800, 1.6, 3000),
        (2500, 1.6, 5000),
        (4000, 1.6, 10_000),
    ],
)
def test_a_suspected_fall_is_told_with_the_problems_that_would_have_settled_it(
    problems: int, fall: float, settled: int
) -> None:
    rates = np.linspace(0.5, 0.5 - fall * math.sqrt(0.25 / problems), 8)  # the fall in standard errors of one rate
    falls = told(rated(rates, problems))
    assert falls.run_p() <= 0.1
    answer = answer_of(falls, None)
    assert (answer.state, answer.label) == (State.CANNOT_TELL, "just short of a fall, reward unknown")
    peak = falls.looks[-1].peak_step
    assert answer.peak_step == peak
    assert answer.sentence == (
        f"The held-out score may have fallen since step {peak} (run-level p ≤ {falls.run_p():g}, reward unknown), but "
        f"these evaluations do not confirm it. {settled} problems with the same rates would have confirmed it."
    )
