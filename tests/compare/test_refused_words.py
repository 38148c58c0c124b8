"""Everything that a comparison must not say: each refusal where it has to come, and not where it just need not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from recipes_made import rates, recipe, run_of, solved

import heldout
from heldout.compare import Answer, Comparison, compare
from heldout.compare.fingerprint import FEWEST_COMMON
from heldout.compare.refusals import CODES
from heldout.readers import read
from heldout.run import Evaluation, Outcomes, Run


def codes(found: Comparison) -> set[str]:
    assert {one.code for one in found.refusals} <= set(CODES)
    return {one.code for one in found.refusals}


def text(found: Comparison, code: str) -> str:
    return next(one.text for one in found.refusals if one.code == code)


def test_of_one_run_each_nothing_is_said_of_recipes() -> None:
    one, two = recipe("a", 0.8, k=1), recipe("a", 0.8, k=2)
    assert "one-run" in codes(compare([*one, *recipe("b", 0.3, k=1, first=9)]))
    assert "one-run" not in codes(compare([*two, *recipe("b", 0.3, k=2, first=9)]))


def test_rewards_of_different_functions_are_not_compared() -> None:
    assert "reward" in codes(compare([*recipe("tests", 0.6), *recipe("model", 0.5, first=9)]))
    alike = [*recipe("tests", 0.6, lr=1e-6), *recipe("tests", 0.5, first=9, lr=2e-6)]
    assert "reward" not in codes(compare(alike))


def without(run: Run, problems: int) -> Run:
    """The run without the first so many problems."""

    def cut(one: Evaluation) -> Evaluation:
        assert one.outcomes is not None
        ids, passed, samples = one.outcomes.problems, one.outcomes.passed, one.outcomes.samples
        return Evaluation.of(one.step, Outcomes(ids[problems:], passed[problems:], samples[problems:]))

    return run_of(run.name, [cut(one) for one in run.measured], **run.config)


@pytest.mark.parametrize(
    ("n", "left_out", "refused"), [(200, 40, False), (200, 41, True), (51, 1, False), (50, 1, True)]
)
def test_too_few_problems_in_common(n: int, left_out: int, refused: bool) -> None:
    a = recipe("a", 0.9, n=n)
    b = [without(run, left_out) for run in recipe("b", 0.2, first=9, n=n)]
    found = compare([*a, *b], at="last")
    assert ("not-alike" in codes(found)) == refused
    assert (found.primary[0].answer is Answer.NOT_COMPARED) == refused
    assert FEWEST_COMMON == 50


@pytest.mark.parametrize(
    ("key", "first", "second", "refused"),
    [
        ("eval_temperature", 1.0, 0.7, True),
        ("eval_temperature", 1.0, 1.0, False),
        ("temperature", 1.0, 0.7, False),  # which may be of training alone
        ("prompt_template", "a", "b", False),
        ("val/prompt_template", "a", "b", True),
        ("eval_timeout", 5, 6, True),
    ],
)
def test_conditions_of_evaluation_that_differ(key: str, first: object, second: object, refused: bool) -> None:
    a, b = recipe("a", 0.9, **{key: first}), recipe("b", 0.2, first=9, **{key: second})
    found = compare([*a, *b], at="last")
    assert ("not-alike" in codes(found)) == refused


def test_a_temperature_of_our_own_training_holds_for_its_evaluations() -> None:
    ours = {"evaluate_problems": 200, "evaluate_samples": 1}
    a, b = recipe("a", 0.9, temperature=1.0, **ours), recipe("b", 0.2, first=9, temperature=0.7, **ours)
    assert "temperature" in text(compare([*a, *b]), "not-alike")


def test_other_numbers_of_samples() -> None:
    a, b = recipe("a", 0.9, samples=2), recipe("b", 0.2, first=9, samples=4)
    assert "samples" in text(compare([*a, *b]), "not-alike")


def test_problems_that_are_named_by_numbers_are_the_same_only_in_one_set() -> None:
    def numbered(run: Run, task: str) -> Run:
        names = [str(k) for k in range(200)]
        counts = [(one.step, one.outcomes.passed.tolist()) for one in run.measured if one.outcomes is not None]
        each = [Evaluation.from_counts(step, names, passed) for step, passed in counts]
        return run_of(run.name, each, **run.config, task=task)

    a, b = recipe("a", 0.9), recipe("b", 0.2, first=9)
    other = [*(numbered(run, "mbpp") for run in a), *(numbered(run, "humaneval") for run in b)]
    assert "not-alike" in codes(compare(other))
    same = [*(numbered(run, "mbpp") for run in a), *(numbered(run, "mbpp") for run in b)]
    assert "not-alike" not in codes(compare(same))


def test_ranks_where_more_than_one_may_be_the_best() -> None:
    close = [*recipe("a", 0.6), *recipe("b", 0.6, first=10), *recipe("c", 0.2, first=20)]
    assert "ranks" in codes(compare(close, at="last"))
    assert "ranks" not in codes(compare([*recipe("a", 0.9), *close[3:]], at="last"))


def test_the_highest_of_many_values() -> None:
    many = [*recipe("a", 0.6, evaluations=9), *recipe("b", 0.5, first=9, evaluations=9)]
    single = [*recipe("a", 0.6, evaluations=1), *recipe("b", 0.5, first=9, evaluations=1)]
    assert "raw-maximum" in codes(compare(many))
    assert "raw-maximum" not in codes(compare(single))


def test_rates_of_unknown_size() -> None:
    unknown = compare([rates("a", [0.1, 0.8]), rates("b", [0.1, 0.2])], at="last")
    assert "no-size" in codes(unknown)
    assert np.isnan(unknown.primary[0].p)
    known = compare([rates("a", [0.1, 0.8], 256), rates("b", [0.1, 0.2], 256)], at="last")
    assert "no-size" not in codes(known)
    assert known.primary[0].answer is Answer.BETTER


def test_rates_of_unknown_size_are_compared_over_three_seeds_and_not_over_two() -> None:
    def seeds(name: str, level: float, k: int) -> list[Run]:
        return [rates(f"{name}-{s}", [0.1, level + 0.01 * s], reward=name, seed=s) for s in range(k)]

    assert compare([*seeds("a", 0.8, 3), *seeds("b", 0.2, 3)], at="last").primary[0].answer is Answer.BETTER
    assert compare([*seeds("a", 0.8, 2), *seeds("b", 0.2, 2)], at="last").primary[0].answer is Answer.NOT_COMPARED


def test_that_two_are_the_same_because_no_difference_was_found() -> None:
    unsure = compare([*recipe("a", 0.5), *recipe("b", 0.5, first=9)], at="last")
    assert "a difference of up to" in text(unsure, "not-the-same")
    clear = compare([*recipe("a", 0.9), *recipe("b", 0.2, first=9)], at="last")
    assert "not-the-same" not in codes(clear)


def recorded(where: Path, level: float, *, seed: int, reward: str, close: bool) -> heldout.Recorder:
    rng = np.random.default_rng(seed)
    recorder = heldout.Recorder(where, config={"reward": reward, "seed": seed}, rank=0)
    for step in range(0, 40, 10):
        recorder.log(step, {"reward": 0.1 * step})
        recorder.evaluation(step, problems=[f"p{i}" for i in range(80)], passed=(rng.random(80) < level).tolist())
    if close:
        recorder.close()
    return recorder


def test_a_final_word_while_a_run_goes_on(tmp_path: Path) -> None:
    recorded(tmp_path / "a", 0.9, seed=0, reward="x", close=True)
    running = recorded(tmp_path / "b", 0.2, seed=1, reward="y", close=False)
    found = compare([read(tmp_path / name) for name in "ab"])
    assert "goes-on" in codes(found)
    assert found.provisional
    running.close()
    over = compare([read(tmp_path / name) for name in "ab"])
    assert "goes-on" not in codes(over)
    assert not over.provisional


def test_a_cause_where_more_than_one_setting_differs() -> None:
    one = [*recipe("r", 0.9, lr=1), *recipe("r", 0.2, first=9, lr=2)]
    two = [*recipe("r", 0.9, lr=1, kl=1), *recipe("r", 0.2, first=9, lr=2, kl=2)]
    assert "cause" not in codes(compare(one))
    assert "lr and kl" in text(compare(two), "cause")
    unset = [replace(run, config={}) for run in one]
    assert "do not carry all settings" in text(compare(unset, named={"a": unset[:3], "b": unset[3:]}), "cause")


def ending(name: str, level: float, evaluations: int, *, seed: int, reward: str) -> Run:
    return solved(name, [np.full(200, level)] * evaluations, seed=seed, reward=reward, max_steps=40)


def test_seeds_that_ended_early_are_told_and_both_answers_where_they_would_turn_it() -> None:
    a = [ending(f"a-{s}", 0.8, 5, seed=s, reward="a") for s in range(3)]
    b = [ending(f"b-{s}", 0.5, 5, seed=10 + s, reward="b") for s in range(3)]
    whole = compare([*a, *b], at="last")
    assert "missing-seeds" not in codes(whole)
    early = compare([*a, ending("a-3", 0.05, 2, seed=3, reward="a"), *b], at="last")
    told = text(early, "missing-seeds")
    assert "3 of 4 seeds count (a-3: it ended early, at step" in told
    assert early.primary[0].value == pytest.approx(whole.primary[0].value, abs=1e-12)
    assert early.primary[0].otherwise[0].answer is Answer.CANNOT_TELL
    assert "which is another answer" in told
    mild = compare([*a, ending("a-3", 0.8, 2, seed=3, reward="a"), *b], at="last")
    assert "another answer" not in text(mild, "missing-seeds")


def test_of_a_seed_without_any_evaluation_both_extremes_are_tried() -> None:
    a = [ending(f"a-{s}", 0.8, 5, seed=s, reward="a") for s in range(3)]
    b = [ending(f"b-{s}", 0.5, 5, seed=10 + s, reward="b") for s in range(3)]
    found = compare([*a, run_of("a-3", [], reward="a", seed=3, max_steps=40), *b], at="last")
    assert [one.text for one in found.primary[0].otherwise] == ["had a-3 solved nothing", "had a-3 solved everything"]
    assert found.primary[0].otherwise[0].answer is Answer.CANNOT_TELL


def test_single_problems_from_one_flip() -> None:
    few = compare([*recipe("a", 0.6), *recipe("b", 0.5, first=9)], at="last")
    assert "one-flip" in codes(few)
    hard = np.where(np.arange(80) < 8, 0.01, 0.9)
    many = [
        [solved(f"{name}-{s}", [chance] * 2, seed=s, samples=20, reward=name) for s in range(3)]
        for name, chance in (("a", np.full(80, 0.9)), ("b", hard))
    ]
    assert "one-flip" not in codes(compare([run for one in many for run in one], at="last"))


def test_where_lower_is_better_the_sign_is_told() -> None:
    def errors(name: str, last: float) -> list[Run]:
        runs = [rates(f"{name}-{s}", [0.5, last + 0.01 * s], reward=name, seed=s) for s in range(3)]
        key = "eval/error_rate"
        return [
            replace(
                run, metrics={"reward": run["reward"], key: replace(run["held_out"], name=key)}, roles={"held_out": key}
            )
            for run in runs
        ]

    found = compare([*errors("a", 0.1), *errors("b", 0.3)], at="last")
    assert found.primary[0].answer is Answer.BETTER
    assert found.primary[0].value == pytest.approx(0.2)
    assert any("Lower is better" in note for note in found.notes)
