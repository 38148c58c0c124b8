"""One row a run: the verdict's own numbers, in an order of gravity, and lines that fit their box."""

from __future__ import annotations

import pickle
import re
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import heldout
from heldout.datasets.simulated import simulate
from heldout.findings import Hacked, State, Verdict
from heldout.report.rows import Row, row_of, severity_of, worst_first
from heldout.report.sparkline import HEIGHT, WIDTH, Spark, drawn, spark_of
from heldout.run import Run, Series

FINITE = st.floats(allow_nan=False, allow_infinity=False)


def run_of(**metrics: list[float]) -> Run:
    """A run whose metrics are its roles, each over as many steps as it has values."""
    series = {key: Series(key, np.arange(len(value)), np.array(value)) for key, value in metrics.items()}
    return Run("a", "a.csv", "CSV table", series, roles={key: key for key in metrics})


def simulated(family: str, seed: int) -> Run:
    """A run of 30 evaluations of 500 problems whose truth has a known shape."""
    made = simulate(family, 500, 30, seed=seed)
    metrics = {
        "pass@1": Series("pass@1", made.steps, made.rates, problems=np.full(len(made.steps), 500.0)),
        "reward": Series("reward", np.arange(len(made.reward)), made.reward),
    }
    return Run("run", "memory", "test", metrics, {"held_out": "pass@1", "reward": "reward"})


def test_a_row_repeats_the_verdict() -> None:
    run = simulated("sharp_collapse", 3)
    verdict = heldout.diagnose(run)
    row = row_of(run, verdict, page="a/report.html", changed=7.0)
    assert verdict.fell
    assert verdict.fall is not None
    assert verdict.recommended is not None
    assert (row.state, row.label, row.colour) == (verdict.state, verdict.label, "red")
    assert (row.keep, row.tied, row.fall) == (verdict.recommended, len(verdict.tied) - 1, verdict.fall)
    size, _, interval = verdict.fall.text.partition(" (")
    assert f"by {size} since step {verdict.fall.peak_step} (95 % interval {interval}" in verdict.sentence
    assert row.keep_low == pytest.approx(verdict.recommended.low)
    assert " ".join((row.kept_at[0], f"(95 % interval {row.kept_at[1]})")) in verdict.sentence
    assert (row.evaluations, row.problems, row.page, row.changed) == (30, 500, "a/report.html", 7.0)
    assert pickle.loads(pickle.dumps(row)) == row  # a fleet sends rows between processes


def test_a_fall_is_told_only_where_the_verdict_states_one() -> None:
    for family in ("honest", "noisy_plateau", "sharp_collapse", "slow_overopt"):
        verdict = heldout.diagnose(simulated(family, 5))
        assert (verdict.fall is not None) == verdict.fell
        assert verdict.fall is None or 0.0 < verdict.fall.low <= verdict.fall.drop <= verdict.fall.high


def test_a_run_without_evaluations_or_without_any_metric_has_a_row() -> None:
    for run in (run_of(reward=[0.1, 0.2]), run_of(reward=[0.5]), Run("empty", "", "CSV table", {})):
        row = row_of(run, heldout.diagnose(run))
        assert (row.state, row.evaluations, row.keep, row.fall) == (State.NO_EVIDENCE, 0, None, None)


def test_the_gravest_are_first_and_of_equal_ones_the_newest() -> None:
    states = [State.IMPROVING, State.OVER_OPTIMISED, State.CANNOT_TELL, State.REGRESSED, State.NO_EVIDENCE]
    judged = [Verdict(state=state, label="", sentence="") for state in states]
    rows = [Row(name=one.state.value, state=one.state, severity=severity_of(one), changed=1.0) for one in judged]
    new = replace(rows[1], name="newest", changed=2.0)
    unread = Row(name="not judged")
    assert [row.name for row in worst_first([unread, *rows, new])] == [
        "newest",
        "over-optimised",
        "regressed",
        "cannot tell",
        "no held-out evidence",
        "improving",
        "not judged",
    ]


def test_what_hidden_tests_reject_and_what_may_be_a_fall_go_before_what_is_not_known() -> None:
    verdict = partial(Verdict, label="", sentence="")
    few = Hacked(
        share=0.2, low=0.1, high=0.3, answers=64, first_step=0, last_step=9, since=1, since_low=0, since_high=2, text=""
    )
    unknown = severity_of(verdict(state=State.CANNOT_TELL))
    assert severity_of(verdict(state=State.CANNOT_TELL, peak_step=3)) < unknown
    assert severity_of(verdict(state=State.CANNOT_TELL, watched=True)) < unknown
    assert severity_of(verdict(state=State.IMPROVING, hacked=few)) < unknown
    apart = severity_of(verdict(state=State.DISAGREE))
    assert severity_of(verdict(state=State.REGRESSED, hacked=few)) < apart


def test_every_state_has_a_sign_of_its_own() -> None:
    assert len({state.sign for state in State}) == len(State)


def heights(svg: str, kind: str) -> list[int]:
    """How far up the points of a drawn line are, in units of the drawing; every point must lie inside of it."""
    found = re.search(rf'class="{kind}" d="M(\d+) (\d+)l([^"]+)"', svg)
    assert found
    moves = np.array([int(one) for one in re.findall(r"-?\d+", found[3])]).reshape(-1, 2)
    at = np.cumsum(np.vstack([[int(found[1]), int(found[2])], moves]), axis=0)
    assert np.all((at >= 0) & (at <= [WIDTH, HEIGHT]))
    assert np.all(np.diff(at[:, 0]) >= 0)
    return [int(HEIGHT - y) for y in at[:, 1]]


@given(st.lists(FINITE, min_size=1, max_size=300), st.lists(FINITE, max_size=70))
def test_every_line_stays_in_its_box_and_has_at_most_24_points(reward: list[float], held_out: list[float]) -> None:
    spark = spark_of(run_of(reward=reward, held_out=held_out))
    assert len(spark.reward) == min(len(reward), 24)
    assert len(spark.held_out) == min(len(held_out), 24)
    svg = drawn([spark])
    assert heights(svg, "r")
    assert not held_out or heights(svg, "h")


def test_a_long_line_is_the_means_of_24_stretches() -> None:
    value = np.random.default_rng(0).normal(size=4800)
    found = spark_of(run_of(reward=value.tolist())).reward
    assert np.allclose([y for _, y in found], value.reshape(24, 200).mean(axis=1))


def shares(**values: list[float]) -> Spark:
    """Shares under names that say so, one for each role."""
    series = {f"{role}/pass@1": Series(f"{role}/pass@1", np.arange(len(v)), np.array(v)) for role, v in values.items()}
    return spark_of(Run("a", "a.csv", "CSV table", series, roles={role: f"{role}/pass@1" for role in values}))


def test_two_shares_have_one_scale_and_two_scores_have_their_own() -> None:
    svg = drawn([shares(reward=[0.0, 1.0], held_out=[0.25, 0.5])])
    assert heights(svg, "r") == [2, 26]
    assert heights(svg, "h") == [8, 14]
    svg = drawn([spark_of(run_of(reward=[-3.0, 9.0], held_out=[100.0, 200.0]))])
    assert heights(svg, "r") == heights(svg, "h") == [2, 26]


def test_a_level_share_looks_level_and_the_seeds_of_a_recipe_have_one_scale() -> None:
    level = heights(drawn([shares(held_out=[0.50, 0.51, 0.50])]), "h")
    assert max(level) - min(level) == 2  # a tenth of a scale that spans ten points
    svg = drawn([shares(held_out=[0.0, 1.0], reward=[0.0, 1.0]), shares(held_out=[0.5, 0.5])], "both")
    assert svg.count('class="h"') == 2
    assert 'class="r"' not in svg


def test_the_words_of_a_line_are_escaped_and_nothing_is_drawn_of_nothing() -> None:
    assert drawn([Spark()]) == drawn([]) == ""
    assert '"><script>' not in drawn([Spark(reward=((0.0, 0.0),), text='"><script>')])
