"""Whether recipes were evaluated alike: what names a set of problems, and which settings hold for evaluation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from recipes_made import rates, recipe, solved

from heldout.compare import Answer, Comparison, compare
from heldout.run import Evaluation, Run


def refused(found: Comparison) -> bool:
    return "not-alike" in {one.code for one in found.refusals}


def scores(run: Run) -> Run:
    """The run, whose score has a name that does not say whether it is a share."""
    return replace(run, metrics={"eval/score": replace(run["held_out"], name="eval/score")},
                   roles={"held_out": "eval/score"})  # fmt: skip


def on(run: Run, benchmark: str) -> Run:
    """The run, evaluated on the same names of problems of another benchmark."""
    measured = tuple(replace(one, benchmark=benchmark) for one in run.measured)
    key = measured[0].key
    metrics = {"reward": run["reward"], key: replace(run["held_out"], name=key)}
    return replace(run, measured=measured, metrics=metrics, roles={"reward": "reward", "held_out": key})


@pytest.mark.parametrize(("second", "differs"), [("math500", True), ("GSM8K", False)])
def test_problems_of_benchmarks_that_are_called_otherwise_are_not_the_same(second: str, differs: bool) -> None:
    a = [on(run, "gsm8k") for run in recipe("a", 0.9)]
    b = [on(run, second) for run in recipe("b", 0.2, first=9)]
    found = compare([*a, *b], at="last")
    assert refused(found) == differs
    assert (found.primary[0].answer is Answer.NOT_COMPARED) == differs
    assert bool(found.problems) != differs  # which problems only one solves is not asked of two sets


@pytest.mark.parametrize(
    ("key", "first", "second", "differs"),
    [
        ("eval_dataset", "gsm8k", "math500", True),
        ("eval_dataset", "/a/data/gsm8k", "/b/data/gsm8k", False),
        ("data/val_files", "gsm8k/test.parquet", "math/test.parquet", True),
        ("dataset", "gsm8k", "math500", False),  # which is what a recipe is trained on
    ],
)
def test_a_set_of_problems_that_a_setting_calls_otherwise(key: str, first: str, second: str, differs: bool) -> None:
    told = {key: first}, {key: second}
    single = [*recipe("a", 0.9, **told[0]), *recipe("b", 0.2, first=9, **told[1])]
    assert refused(compare(single, at="last")) == differs
    alone = [rates("a", [0.1, 0.9], 256, **told[0]), rates("b", [0.1, 0.2], 256, **told[1])]
    assert refused(compare(alone, at="last")) == differs


@pytest.mark.parametrize(("prefix", "differs"), [("question_", True), ("algebra-intermediate/", False)])
def test_numbers_after_a_word_that_says_nothing_are_the_same_in_one_task_only(prefix: str, differs: bool) -> None:
    def named(run: Run, task: str) -> Run:
        ids = [f"{prefix}{k}" for k in range(200)]
        counts = [(one.step, one.outcomes.passed.tolist()) for one in run.measured if one.outcomes is not None]
        each = tuple(Evaluation.from_counts(step, ids, passed) for step, passed in counts)
        return replace(run, measured=each, config={**run.config, "task": task})

    a, b = recipe("a", 0.9), recipe("b", 0.2, first=9)
    other = [*(named(run, "mbpp") for run in a), *(named(run, "humaneval") for run in b)]
    assert refused(compare(other, at="last")) == differs


def test_of_sets_that_are_not_alike_no_difference_is_told() -> None:
    a = recipe("a", 0.9, k=5, eval_dataset="gsm8k")
    b = recipe("b", 0.2, k=5, first=9, eval_dataset="math500")
    found = compare([*a, *b], at="last")
    assert np.isnan(found.primary[0].value)
    assert not any("of the pairs" in note for note in found.notes)
    alike = compare([*a, *recipe("b", 0.2, k=5, first=9, eval_dataset="gsm8k")], at="last")
    assert any("of the pairs" in note for note in alike.notes)


def test_scores_of_two_units_are_not_compared_in_either_order() -> None:
    a, b = (scores(rates(name, values)) for name, values in (("a", [0.1, 0.4]), ("b", [10.0, 40.9])))
    for runs in ([a, b], [b, a]):
        found = compare(runs, at="last")
        assert found.primary[0].answer is Answer.NOT_COMPARED
        assert "not in one unit" in found.primary[0].why


def test_a_setting_of_evaluation_hides_no_other_of_training() -> None:
    a = recipe("a", 0.9, temperature=0.2, eval_top_p=1.0)
    b = recipe("b", 0.2, first=9, temperature=1.0, eval_top_p=1.0)
    status = {one.name: one.status for one in compare([*a, *b]).fingerprint}
    assert status["temperature"] == "not known"


def test_a_setting_of_evaluation_decides_beside_one_that_may_be_of_training() -> None:
    a = recipe("a", 0.9, temperature=0.2, val_top_p=0.9)
    b = recipe("b", 0.2, first=9, temperature=1.0, val_top_p=1.0)
    assert refused(compare([*a, *b]))


@pytest.mark.parametrize(("key", "differs"), [("eval_max_new_tokens", True), ("max_completion_length", False)])
def test_how_long_answers_may_be_is_a_condition_of_evaluation(key: str, differs: bool) -> None:
    a, b = recipe("a", 0.9, **{key: 4096}), recipe("b", 0.2, first=9, **{key: 256})
    found = compare([*a, *b])
    assert refused(found) == differs
    assert next(one.status for one in found.fingerprint if one.name == "length") != "same"


def test_a_problem_that_both_solve_is_none_that_only_one_solves() -> None:
    n = 60
    a = [solved(f"a-{s}", [np.full(n, 0.995)] * 2, seed=s, samples=100, reward="a") for s in range(3)]
    b = [solved(f"b-{s}", [np.full(n, 0.75)] * 2, seed=9 + s, samples=100, reward="b") for s in range(3)]
    part = compare([*a, *b], at="last").problems[0]
    assert (part.both, part.sure_a, part.sure_b) == (n, (), ())


def test_answers_of_one_seed_are_not_independent() -> None:
    def seeds(name: str, first: int) -> list[Run]:
        own = [np.random.default_rng(first + s) for s in range(3)]
        return [
            solved(f"{name}-{s}", [rng.choice([0.03, 0.97], 60)] * 2, seed=first + s, samples=32, reward=name)
            for s, rng in enumerate(own)
        ]

    equal = [compare([*seeds("a", 10 * k), *seeds("b", 500 + 10 * k)], at="last").problems[0] for k in range(6)]
    assert [one.sure_a + one.sure_b for one in equal] == [()] * 6
    assert all(one.only_a and one.only_b for one in equal)
