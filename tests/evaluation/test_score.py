"""Evaluating a policy and comparing two: counts, standard errors against scipy and simulation, what does not count."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from heldout.errors import HeldoutError, UsageError
from heldout.evaluation.score import Completion, compare, evaluate, interval, score
from heldout.run import Evaluation, Outcomes
from heldout.sandbox.base import Answer, Call, Program
from heldout.sandbox.hidden import Test
from heldout.stats.rates import wilson
from heldout.tasks.problem import Problem
from in_process import BROKEN, InProcess

RIGHT, WRONG, RAISES, BROKEN_SYNTAX = " return x + 1\n", " return x\n", " return y\n", " return )\n"


def problem(name: str) -> Problem:
    head = f"# {name}\ndef f(x):\n"
    return Problem(name, head, "f", (Test((1,), 2), Test((-4,), -3)), "test", head)


class Scripted:
    """A policy that answers from a table; the prompt's first word names the problem."""

    def __init__(self, texts: dict[str, list[str]]) -> None:
        self.texts = texts
        self.asked: list[tuple[list[str], int]] = []

    def sample(self, prompts: Sequence[str], samples: int) -> list[list[Completion]]:
        self.asked.append((list(prompts), samples))
        found = [self.texts[prompt.split()[1]] for prompt in prompts]
        return [[Completion(text, len(text), "eos") for text in texts[:samples]] for texts in found]


def test_every_problem_s_samples_are_judged_and_counted() -> None:
    policy = Scripted({"a": [RIGHT, WRONG], "b": [RIGHT, RIGHT], "c": [RAISES, BROKEN_SYNTAX]})
    problems = [problem(name) for name in "abc"]
    result = evaluate(policy, problems, InProcess(), step=7, samples=2, benchmark="mine", ks=(1, 2))
    outcomes = result.evaluation.outcomes
    assert outcomes is not None
    assert policy.asked == [([one.prompt for one in problems], 2)]
    assert outcomes.problems == ("a", "b", "c")
    assert outcomes.passed.tolist() == [1, 2, 0]
    assert outcomes.samples.tolist() == [2, 2, 2]
    assert (result.evaluation.step, result.evaluation.key) == (7, "eval/mine/pass@1")
    assert result.evaluation.rate == 0.5
    assert result.errors == {"wrong answer": 1, "raised": 1, "syntax": 1}
    assert result.kinds == (("solved", "wrong answer"), ("solved", "solved"), ("raised", "syntax"))
    assert result.mean_length == np.mean([len(t) for t in (RIGHT, WRONG, RIGHT, RIGHT, RAISES, BROKEN_SYNTAX)])
    assert result.pass_at[1].estimate == 0.5
    assert result.pass_at[2].estimate == pytest.approx(2 / 3)
    assert result.pass_at[1].se == pytest.approx(np.std([0.5, 1, 0], ddof=1) / math.sqrt(3))


def test_what_the_sandbox_could_not_judge_does_not_count() -> None:
    policy = Scripted({"a": [RIGHT, BROKEN], "b": [BROKEN, BROKEN], "c": [WRONG, WRONG]})
    result = evaluate(policy, [problem(name) for name in "abc"], InProcess(), step=0, samples=2)
    outcomes = result.evaluation.outcomes
    assert outcomes is not None
    assert outcomes.problems == ("a", "c")
    assert outcomes.samples.tolist() == [1, 2]
    assert result.evaluation.rate == 0.5
    assert result.errors == {"infrastructure": 3, "wrong answer": 2}


def test_an_evaluation_in_which_nothing_could_be_judged_is_an_error() -> None:
    with pytest.raises(HeldoutError, match="failed on every program"):
        score([problem("a")], [[Completion(BROKEN)]], InProcess(), step=0)


def test_lengths_that_are_not_known_are_not_averaged() -> None:
    completions = [[Completion(RIGHT, 4, "length"), Completion(WRONG)]]
    assert score([problem("a")], completions, InProcess(), step=0).mean_length == 4
    assert score([problem("a")], completions, InProcess(), step=0).cut == 0.5
    assert math.isnan(score([problem("a")], [[Completion(RIGHT)]], InProcess(), step=0).mean_length)


def test_pass_at_k_is_estimated_as_far_as_the_problem_with_the_most_samples_reaches() -> None:
    completions = [[Completion(RIGHT), Completion(WRONG)], [Completion(WRONG)]]
    problems = [problem("a"), problem("b")]
    result = score(problems, completions, InProcess(), step=0, ks=(1, 2))
    assert result.pass_at[2].estimate == 1.0  # of the problem with two samples
    with pytest.raises(UsageError, match="pass@3 needs at least 3 samples of a problem; there are 2"):
        score(problems, completions, InProcess(), step=0, ks=(3,))


def test_arguments_outside_what_is_allowed_are_explained() -> None:
    policy, one = Scripted({"a": [RIGHT]}), problem("a")
    with pytest.raises(UsageError, match=r"pass@3 needs at least 3 samples of a problem; there are 2"):
        evaluate(policy, [one], InProcess(), step=0, samples=2, ks=(1, 3))
    with pytest.raises(UsageError, match="number of samples is 0"):
        evaluate(policy, [one], InProcess(), step=0, samples=0)
    with pytest.raises(UsageError, match="'a' is there twice"):
        evaluate(policy, [one, one], InProcess(), step=0)
    with pytest.raises(UsageError, match="no problems"):
        evaluate(policy, [], InProcess(), step=0)
    with pytest.raises(UsageError, match="completions for 0 of 1 problems"):
        score([one], [[]], InProcess(), step=0)


def test_the_standard_error_is_that_of_new_problems_of_the_kind() -> None:
    rng = np.random.default_rng(1)
    estimates, errors = [], []
    for _ in range(200):
        solved = rng.binomial(3, rng.beta(0.4, 0.6, size=60))
        texts = [[Completion(RIGHT)] * n + [Completion(WRONG)] * (3 - n) for n in solved]
        result = score([problem(f"p{i}") for i in range(60)], texts, Instant(), step=0)
        estimates.append(result.pass_at[1].estimate)
        errors.append(result.pass_at[1].se)
    assert np.std(estimates) == pytest.approx(np.mean(errors), rel=0.12)


class Instant(InProcess):
    """The same verdicts without running anything: the answers are known for these two programs."""

    def run(self, programs: Sequence[Program]) -> list[list[Answer]]:
        right, wrong = (InProcess.run(self, [program])[0] for program in _BOTH)
        return [right if RIGHT in program.source else wrong for program in programs]


def _program(text: str) -> Program:
    return Program(problem("p").answer(text).source, "f", (Call((1,)), Call((-4,))))


_BOTH = [_program(RIGHT), _program(WRONG)]


def evaluation(passed: Sequence[float], samples: Sequence[int] | int = 1, names: str = "p") -> Evaluation:
    counts = np.full(len(passed), samples) if isinstance(samples, int) else np.array(samples)
    ids = tuple(f"{names}{place}" for place in range(len(passed)))
    return Evaluation.of(0, Outcomes(ids, np.array(passed, float), counts.astype(np.int64)))


def test_single_samples_are_compared_by_the_problems_that_differ() -> None:
    found = compare(evaluation([0] * 12 + [1] * 10 + [1] * 2), evaluation([1] * 12 + [1] * 10 + [0] * 2))
    assert (found.won, found.lost, found.problems, found.left_out) == (12, 2, 24, 0)
    assert found.difference == pytest.approx(10 / 24)
    each = [1] * 12 + [0] * 10 + [-1] * 2
    assert found.se == pytest.approx(stats.sem(each))
    assert found.p == pytest.approx(stats.binomtest(2, 14).pvalue)
    assert found.test == "McNemar, exact"
    assert found.low == pytest.approx(found.difference - stats.t.ppf(0.975, 23) * found.se)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=40))
def test_several_samples_are_compared_as_a_paired_test_does(counts: list[tuple[int, int]]) -> None:
    a, b = ([pair[side] for pair in counts] for side in (0, 1))
    found, back = compare(evaluation(a, 4), evaluation(b, 4)), compare(evaluation(b, 4), evaluation(a, 4))
    assert found.difference == pytest.approx((sum(b) - sum(a)) / 4 / len(a))
    assert found.difference == pytest.approx(-back.difference)
    assert (found.won, found.lost) == (back.lost, back.won)
    each = (np.array(b) - np.array(a)) / 4
    if each.std() > 1e-12:
        assert found.p == pytest.approx(stats.ttest_rel(b, a).pvalue, abs=1e-12)


def test_pairing_takes_out_how_hard_the_problems_are() -> None:
    rng = np.random.default_rng(0)
    chance = rng.beta(0.3, 0.3, size=400)
    a, b = (evaluation(rng.binomial(8, chance).tolist(), 8) for _ in range(2))
    found = compare(a, b)
    assert a.outcomes is not None
    assert b.outcomes is not None
    apart = math.hypot(stats.sem(a.outcomes.share), stats.sem(b.outcomes.share))
    assert found.se < 0.5 * apart


def test_problems_that_only_one_has_are_left_out_and_counted() -> None:
    found = compare(evaluation([1, 0, 1]), evaluation([1, 1, 1, 0, 0]))
    assert (found.problems, found.left_out, found.won, found.lost) == (3, 2, 1, 0)
    with pytest.raises(UsageError, match="no problem in common"):
        compare(evaluation([1]), evaluation([1], names="q"))
    with pytest.raises(UsageError, match="one by one"):
        compare(evaluation([1]), Evaluation(0, 0.5))


@given(st.integers(1, 300), st.data())
def test_the_interval_of_single_samples_is_wilson_s(n: int, data: st.DataObject) -> None:
    solved = data.draw(st.integers(0, n))
    rate = solved / n
    low, high = interval(rate, math.sqrt(rate * (1 - rate) / n), n)
    expected = stats.binomtest(solved, n).proportion_ci(method="wilson")
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-9)


@pytest.mark.parametrize(("samples", "most"), [(1, 10.0), (40, 14.134), (math.inf, 10 / 0.7)])
def test_few_problems_say_no_more_than_their_samples_can(samples: float, most: float) -> None:
    assert interval(0.4, 0.001, 10, samples) == pytest.approx(wilson(0.4, most), abs=1e-4)


def test_there_is_no_interval_without_an_estimate() -> None:
    assert all(map(math.isnan, interval(math.nan, math.nan, 0)))
