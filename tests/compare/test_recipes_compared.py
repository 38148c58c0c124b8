"""Recipes compared as a whole: what is said, and that it depends on nothing that it should not."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recipes_made import KEY, rates, recipe, run_of, solved

from heldout.compare import Answer, compare, words
from heldout.compare.groups import Group
from heldout.datasets.real import real_runs
from heldout.errors import UsageError
from heldout.evaluation.score import compare as compare_two
from heldout.readers import read
from heldout.run import Evaluation, Outcomes, Run


def test_two_recipes_that_differ_are_told_apart_and_which_way() -> None:
    found = compare([*recipe("good", 0.7), *recipe("poor", 0.4, first=10)], at="last")
    one = found.primary[0]
    assert (one.a, one.b, one.answer) == ("good", "poor", Answer.BETTER)
    assert one.low < 0.3 < one.high
    assert one.seeds == (3, 3)
    assert one.problems == 200
    assert "good is better than poor" in words.conclusion(found, one)


def test_one_run_each_is_the_paired_comparison_of_two_evaluations() -> None:
    a, b = recipe("a", 0.6, k=1)[0], recipe("b", 0.5, k=1, first=5)[0]
    one = compare([a, b], at="last").primary[0]
    pair = compare_two(b.evaluations()[-1], a.evaluations()[-1])
    for name in ("se", "low", "high", "p"):
        assert getattr(one, name) == pytest.approx(getattr(pair, name), abs=1e-12)
    assert one.value == pytest.approx(pair.difference, abs=1e-12)


def test_two_seeds_of_one_recipe_are_compared_run_by_run_and_cannot_be_told_apart() -> None:
    found = compare(recipe("honest", 0.5, k=2), at="last")
    one = found.primary[0]
    assert (one.a, one.b, one.answer) == ("honest-0", "honest-1", Answer.CANNOT_TELL)
    assert one.smallest_visible > abs(one.value)
    assert found.differs == {}


def test_the_order_of_arguments_turns_the_sign_and_nothing_else() -> None:
    good, poor = recipe("good", 0.62), recipe("poor", 0.5, first=10)
    there, back = (compare(runs, at="last").primary[0] for runs in ([*good, *poor], [*poor, *good]))
    assert there.value == pytest.approx(-back.value, abs=1e-12)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low), abs=1e-12)
    assert (there.se, there.p, there.df) == pytest.approx((back.se, back.p, back.df), abs=1e-12)
    assert {there.answer, back.answer} in ({Answer.BETTER, Answer.WORSE}, {Answer.CANNOT_TELL})


def shuffled(run: Run, seed: int) -> Run:
    order = np.random.default_rng(seed).permutation(200)

    def turned(one: Evaluation) -> Evaluation:
        assert one.outcomes is not None
        ids = tuple(one.outcomes.problems[k] for k in order)
        return replace(one, outcomes=Outcomes(ids, one.outcomes.passed[order], one.outcomes.samples[order]))

    return replace(run, measured=tuple(turned(one) for one in run.measured))


def test_the_order_of_problems_changes_nothing() -> None:
    runs = [*recipe("a", 0.6, evaluations=4), *recipe("b", 0.5, first=10, evaluations=4)]
    there, back = compare(runs), compare([shuffled(run, k) for k, run in enumerate(runs)])
    for one, other in zip(there.differences, back.differences, strict=True):
        assert (one.value, one.se, one.df, one.p) == pytest.approx(
            (other.value, other.se, other.df, other.p), abs=1e-12
        )
    assert np.allclose(there.curves[0].low, back.curves[0].low, atol=1e-12)
    assert there.problems[0] == back.problems[0]


def test_showing_another_recipe_changes_no_difference_of_the_others() -> None:
    a, b, c = recipe("a", 0.6), recipe("b", 0.5, first=10), recipe("c", 0.3, first=20)
    alone = compare([*b, *a], baseline="b", at="last").primary[0]
    among = next(one for one in compare([*a, *b, *c], baseline="b", at="last").primary if one.a == "a")
    assert (alone.value, alone.low, alone.high, alone.p) == (among.value, among.low, among.high, among.p)
    assert among.comparisons == 2
    assert among.adjusted_low <= among.low
    assert among.adjusted_p >= among.p


def test_the_kept_checkpoint_is_judged_by_what_is_believed_of_it() -> None:
    runs = [*recipe("a", 0.6, evaluations=8), *recipe("b", 0.5, first=10, evaluations=8)]
    found = compare(runs)
    keeps = [[member.keep or 0.0 for member in side.members] for side in found.recipes]
    expected = np.mean(keeps[0]) - np.mean(keeps[1])
    assert found.primary[0].value == pytest.approx(float(expected), abs=1e-12)
    assert found.recipes[0].levels["keep"].value == pytest.approx(float(np.mean(keeps[0])), abs=1e-12)


def test_the_same_only_where_the_difference_is_shown_to_be_small() -> None:
    twice = [recipe("a", 0.5, k=4, n=2000, samples=16), recipe("b", 0.5, k=4, n=2000, samples=16, first=10)]
    runs = [run for one in twice for run in one]
    assert compare(runs, at="last", margin=4.0).primary[0].answer is Answer.SAME
    assert compare(runs, at="last", margin=0.01).primary[0].answer is Answer.CANNOT_TELL


def test_a_copy_of_a_run_is_no_other_seed() -> None:
    a, b = recipe("a", 0.6), recipe("b", 0.5, first=10)
    found = compare([*a, replace(a[0], name="a-9", source="elsewhere"), *b], at="last")
    assert [member.counted for member in found.recipes[0].members] == [True, True, True, False]
    assert found.recipes[0].members[3].why == "it has the same measurements as a-0"
    assert found.primary[0] == replace(compare([*a, *b], at="last").primary[0], otherwise=found.primary[0].otherwise)


def test_two_models_that_were_measured_once_are_compared_without_any_curve() -> None:
    runs = [*recipe("a", 0.9, k=1, evaluations=1), *recipe("b", 0.4, k=1, first=3, evaluations=1)]
    found = compare(runs)
    assert [(one.at, one.answer) for one in found.differences] == [("keep", Answer.BETTER)]
    assert found.curves == ()
    assert "<figure" not in found.html()


def test_all_steps_are_the_mean_of_the_curve() -> None:
    found = compare([*recipe("a", 0.6), *recipe("b", 0.5, first=10)], at="all")
    assert found.primary[0].value == pytest.approx(float(found.curves[0].value.mean()), abs=1e-12)


def test_a_step_that_no_run_was_evaluated_at_is_refused_with_the_nearest() -> None:
    runs = [*recipe("a", 0.6), *recipe("b", 0.5, first=10)]
    assert compare(runs, at=10).primary[0].problems == 200
    with pytest.raises(UsageError, match="at step 13; the nearest that all have are 0, 10, 20"):
        compare(runs, at=13)
    with pytest.raises(UsageError, match="must be keep, last, all, or a step"):
        compare(runs, at="best")


@pytest.mark.parametrize("margin", [0.0, -1.0, math.nan, math.inf])
def test_a_margin_that_is_none_is_refused(margin: float) -> None:
    with pytest.raises(UsageError, match="above 0"):
        compare([*recipe("a", 0.6), *recipe("b", 0.5, first=10)], margin=margin)


def test_one_run_is_nothing_to_compare() -> None:
    with pytest.raises(UsageError, match="two runs"):
        compare(recipe("a", 0.6, k=1))
    with pytest.raises(UsageError, match="no group 'c' for --baseline; there are a, b"):
        compare([*recipe("a", 0.6), *recipe("b", 0.5, first=10)], baseline="c")


def test_pairs_of_seeds_need_the_same_seeds_on_both_sides() -> None:
    a, b = recipe("a", 0.6), recipe("b", 0.5)
    assert "pairs of seeds" in compare([*a, *b], at="last", paired_seeds=True).primary[0].method
    with pytest.raises(UsageError, match="the same seeds on both sides"):
        compare([*a, *recipe("b", 0.5, first=1)], at="last", paired_seeds=True)


def test_pairs_of_seeds_are_found_in_whatever_order_they_are_given() -> None:
    a, b = recipe("a", 0.6, scatter=0.1), recipe("b", 0.5)
    one, other = (compare([*a, *x], at="last", paired_seeds=True).primary[0] for x in (b, b[::-1]))
    assert (one.value, one.se) == pytest.approx((other.value, other.se), abs=1e-12)


def test_another_benchmark_is_compared_when_asked_for_and_an_unknown_one_refused() -> None:
    runs = [*recipe("a", 0.6), *recipe("b", 0.5, first=10)]
    assert compare(runs, benchmark="held-out", at="last").benchmark == KEY
    with pytest.raises(UsageError, match="no benchmark 'aime'; it has held-out"):
        compare(runs, benchmark="aime")


def test_of_three_recipes_the_best_is_a_set_and_never_a_rank() -> None:
    close = [*recipe("a", 0.6), *recipe("b", 0.6, first=10), *recipe("c", 0.2, first=20)]
    found = compare(close, at="last")
    assert found.best == ("a", "b")
    assert "Any of a or b may be the best" in words.best(found)
    clear = compare([*recipe("a", 0.8), *close[3:]], at="last")
    assert clear.best == ("a",)


def test_the_highest_of_equals_is_said_to_look_better_than_it_is() -> None:
    found = compare([run for k in range(5) for run in recipe("abcde"[k], 0.6, first=10 * k)], at="last")
    seen = [one.levels["last"].value for one in found.recipes]
    assert len(found.shrunk) == len(seen)
    assert np.ptp(found.shrunk) < np.ptp(seen)
    top = found.recipes[int(np.argmax(seen))].name
    assert f"{top} looks best at {found.spoken.level(max(seen))}; " in words.best(found)
    assert "once the luck of the highest of 5 is taken away" in words.best(found)
    two = compare([*recipe("a", 0.6), *recipe("b", 0.6, first=10)], at="last")
    assert (two.shrunk, words.best(two)) == ((), "")


def test_problems_are_counted_and_those_that_surely_differ_are_named() -> None:
    n = 60
    strong = np.full(n, 0.99)
    weak = np.where(np.arange(n) < 5, 0.01, 0.99)
    a = [solved(f"a-{s}", [strong] * 2, seed=s, samples=16, reward="a") for s in range(3)]
    b = [solved(f"b-{s}", [weak] * 2, seed=10 + s, samples=16, reward="b") for s in range(3)]
    part = compare([*a, *b], at="last").problems[0]
    assert (part.only_a, part.only_b, part.both, part.neither) == (5, 0, 55, 0)
    assert part.sure_a == ("p0", "p1", "p2", "p3", "p4")
    assert part.sure_b == ()


def test_curves_part_where_their_band_leaves_out_zero() -> None:
    base, up = np.full(300, 0.4), np.full(300, 0.75)
    a = [solved(f"a-{s}", [base, base, up, up, up], seed=s, reward="a") for s in range(3)]
    b = [solved(f"b-{s}", [base] * 5, seed=10 + s, reward="b") for s in range(3)]
    found = compare([*a, *b])
    assert found.curves[0].apart == (20, 30, 40)
    assert "apart from step 20 on" in words.over_steps(found, found.curves[0])
    assert next(one for one in found.parting if one.key == "held_out").step == 20


def test_what_is_not_defined_is_null_in_json() -> None:
    told = json.loads(compare([rates("a", [0.1, 0.5]), rates("b", [0.1, 0.4])]).json())
    assert told["schema"] == "heldout.compare/1"
    assert told["differences"][0]["low"] is None
    assert told["differences"][0]["answer"] == "not compared"
    assert {"groups", "estimates", "differences", "curve", "problems", "set", "refusals", "notes"} <= told.keys()


def test_a_log_without_any_evaluation_is_told_and_breaks_nothing() -> None:
    found = compare([run_of("a", [], reward="a"), *recipe("b", 0.5, k=1)])
    assert found.primary[0].answer is Answer.NOT_COMPARED
    assert "no run of a has a held-out evaluation" in words.conclusion(found, found.primary[0])
    assert found.html()
    assert found.json()


def test_the_labelled_runs_say_what_is_known_of_them() -> None:
    packed = real_runs(["exit-hack-0", "exit-hack-1", "honest-0"])
    found = compare([read(one.path) for one in packed], at="last")
    one = found.primary[0]
    assert (one.a, one.b, one.answer) == ("exit-hack", "honest-0", Answer.WORSE)
    assert [member.state for member in found.recipes[0].members] == ["over-optimised"] * 2


shares = st.floats(0.02, 0.98)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    levels=st.lists(shares, min_size=2, max_size=3), k=st.integers(1, 3), n=st.integers(50, 90),
    samples=st.integers(1, 3), seed=st.integers(0, 10**6), at=st.sampled_from(["keep", "last", "all"]),
)  # fmt: skip
def test_nothing_is_called_better_where_the_interval_covers_zero(
    levels: list[float], k: int, n: int, samples: int, seed: int, at: str
) -> None:
    runs = [
        run
        for g, level in enumerate(levels)
        for run in recipe("abc"[g], level, k=k, n=n, evaluations=2, first=seed + 10 * g, samples=samples)
    ]
    found = compare([Group("abc"[g], tuple(runs[g * k : g * k + k])) for g in range(len(levels))], at=at)
    for one in found.differences:
        covers = not (one.adjusted_low > 0.0 or one.adjusted_high < 0.0)
        said = words.conclusion(found, one)
        assert not (covers and "better" in said), said
        assert ("better" in said) == (one.answer in (Answer.BETTER, Answer.WORSE))
    spoken = [*words.cannot_say(found), *found.notes, *words.parting(found), words.best(found), words.states(found)]
    assert not any("better" in text for text in spoken)
    assert one.low <= one.value <= one.high
