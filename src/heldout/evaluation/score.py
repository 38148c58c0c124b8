"""A policy on held-out problems: sample, judge in a sandbox, count; and two such evaluations compared, pair by pair.

A *policy* is whatever turns prompts into completions: a model, an API, a file of saved samples.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from heldout.errors import HeldoutError, UsageError
from heldout.run import Evaluation, Outcomes
from heldout.sandbox.base import Sandbox
from heldout.sandbox.hidden import SourceTest
from heldout.sandbox.judging import judge
from heldout.stats.passk import mean_pass_at_k
from heldout.stats.rates import measured_problems, paired_difference, wilson
from heldout.tasks.answers import Extracted
from heldout.tasks.problem import Problem

SOLVED = "solved"
INFRASTRUCTURE = "infrastructure"  # the sandbox failed, not the program


@dataclass(frozen=True, slots=True)
class Completion:
    """What a policy wrote."""

    text: str  # without its prompt
    tokens: int = 0  # with the end-of-text token; 0 where it is not known
    stop: str = ""  # why it ended: "eos", "stop" at a stop sequence, "length" when cut; empty where it is not known


class Policy(Protocol):
    """Whatever turns prompts into completions."""

    def sample(self, prompts: Sequence[str], samples: int) -> list[list[Completion]]:
        """Return `samples` completions for each prompt, in the order of the prompts."""


class PassAt(NamedTuple):
    """A pass@k over the problems and its standard error, clustered by problem."""

    estimate: float
    se: float


@dataclass(frozen=True)
class EvaluationResult:
    """One evaluation and what was seen on the way."""

    evaluation: Evaluation  # with the outcome of every problem
    pass_at: Mapping[int, PassAt]  # k → pass@k with its standard error, nan with fewer than two problems
    mean_length: float  # tokens of a completion on average; nan where the lengths are not known
    cut: float  # share of the completions that ended because they were too long
    lost: str  # why most of those could not be judged that could not; empty where all could
    packages: Mapping[str, int]  # how many programs needed which package that is not there
    errors: Mapping[str, int]  # how many failed in which way: "wrong answer", "raised", "no code", "timeout", …
    problems: tuple[Problem, ...]  # what was evaluated, in the order of `completions`
    completions: tuple[tuple[Completion, ...], ...]  # of each problem
    kinds: tuple[tuple[str, ...], ...]  # for each completion "solved" or the way in which it failed
    extracted: tuple[tuple[Extracted, ...], ...]  # for each completion the program that it stands for, and its place

    @property
    def extractions(self) -> Mapping[str, int]:
        """How many programs were found in which way ("fence", "body", …), the commonest first."""
        found = (one.how.split(" of ")[0].rstrip("0123456789 ") for several in self.extracted for one in several)
        return dict(Counter(how for how in found if how).most_common())

    @property
    def unjudged(self) -> tuple[int, int, int]:
        """Tests of these problems that cannot be judged, tests in all, and problems that have such tests."""
        left = [problem.unjudged for problem in self.problems if problem.unjudged]
        judged = sum(len(one.items) if isinstance(one, SourceTest) else 1 for p in self.problems for one in p.tests)
        return sum(left), sum(left) + judged, len(left)


def evaluate(
    policy: Policy,
    problems: Sequence[Problem],
    sandbox: Sandbox,
    *,
    step: int,
    samples: int = 1,
    benchmark: str = "held-out",
    ks: Sequence[int] = (1,),
) -> EvaluationResult:
    """How many of the problems does the policy solve?

    Parameters
    ----------
    policy, problems
        What is measured, and on what: at least one problem; ids must differ.
    sandbox
        Where the programs run.
    step
        The training step of the policy.
    samples
        Completions for each problem.
    benchmark
        What the evaluation is called.
    ks
        Which pass@k to estimate, each from 1 to `samples`.

    Raises
    ------
    UsageError
        When an argument is outside what is allowed.
    HeldoutError
        When the sandbox failed on every program.
    """
    if samples < 1:
        raise UsageError(f"The number of samples is {samples}; it must be at least 1.")
    check_ks(ks, samples)
    completions = policy.sample([problem.prompt for problem in problems], samples)
    return score(problems, completions, sandbox, step=step, benchmark=benchmark, ks=ks)


def score(
    problems: Sequence[Problem],
    completions: Sequence[Sequence[Completion]],
    sandbox: Sandbox,
    *,
    step: int,
    benchmark: str = "held-out",
    ks: Sequence[int] = (1,),
) -> EvaluationResult:
    """Judge completions that are already there, at least one for each problem; otherwise as `evaluate`.

    A completion counts as solved if it passes every test of its problem. Those that could not be judged because the
    sandbox itself failed are no samples: they are counted among the errors and nowhere else, and a problem of which
    none could be judged is left out of the outcomes.
    """
    _check_problems(problems, completions)
    extracted = tuple(
        tuple(problem.answer(one.text, cut=one.stop == "length") for one in several)
        for problem, several in zip(problems, completions, strict=True)
    )
    pairs = [(problem, one) for problem, several in zip(problems, extracted, strict=True) for one in several]
    verdicts = judge([problem.posed(one) for problem, one in pairs], sandbox, values=False)
    left = iter(verdicts)
    kinds = tuple(tuple(next(left).kind for _ in several) for several in completions)
    lost = Counter(one.lost for one in verdicts if one.lost).most_common(1)
    outcomes = _outcomes(problems, kinds, lost[0][0] if lost else "")
    check_ks(ks, int(outcomes.samples.max()))
    everything = [completion for several in completions for completion in several]
    lengths = [completion.tokens for completion in everything if completion.tokens]
    estimates = {k: mean_pass_at_k(outcomes.samples, outcomes.passed, k) for k in ks}
    return EvaluationResult(
        evaluation=Evaluation.of(step, outcomes, benchmark),
        pass_at={k: PassAt(estimate.value, estimate.se) for k, estimate in estimates.items()},
        mean_length=sum(lengths) / len(lengths) if lengths else math.nan,
        cut=sum(completion.stop == "length" for completion in everything) / len(everything),
        lost=lost[0][0] if lost else "",
        packages=dict(Counter(one.package for one in verdicts if one.package).most_common()),
        errors=dict(Counter(kind for several in kinds for kind in several if kind != SOLVED).most_common()),
        problems=tuple(problems),
        completions=tuple(map(tuple, completions)),
        kinds=kinds,
        extracted=extracted,
    )


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """How much better the second policy is than the first, on the problems that both were measured on."""

    difference: float  # pass@1 of the second minus that of the first
    se: float  # standard error of the paired difference; nan with one problem
    low: float  # 95 % interval
    high: float
    p: float  # two-sided, of no difference; nan where the standard error does not give one
    test: str  # how `p` was found: "McNemar, exact" for one sample each, "paired t" otherwise
    problems: int  # how many both have
    won: int  # problems on which the second is better
    lost: int  # on which it is worse
    left_out: int  # problems that only one of them has


def compare(a: Evaluation, b: Evaluation) -> PairedDifference:
    """Is `b` better than `a`?

    On the same problems most of the noise of two evaluations is the problems' own difficulty, and cancels: the
    standard error is that of the mean of the differences, problem by problem. With one sample for each problem the
    p-value is McNemar's exact test of the problems on which they disagree; otherwise that of Student's t.

    What it cannot see: other seeds of what was trained, and where no problem differs the interval has no width at all.

    Raises
    ------
    UsageError
        When the outcomes of the single problems are not known, or no problem is in both.

    References
    ----------
    McNemar 1947, Psychometrika 12; Miller 2024, "Adding error bars to evals", arXiv 2411.00640.
    """
    if a.outcomes is None or b.outcomes is None:
        raise UsageError("Only evaluations whose problems are known one by one can be compared in pairs.")
    first = dict(zip(a.outcomes.problems, a.outcomes.share.tolist(), strict=True))
    second = dict(zip(b.outcomes.problems, b.outcomes.share.tolist(), strict=True))
    both = [name for name in first if name in second]
    if not both:
        raise UsageError(f"The evaluations {a.benchmark!r} and {b.benchmark!r} have no problem in common.")
    single = bool((a.outcomes.samples == 1).all() and (b.outcomes.samples == 1).all())
    found = paired_difference([first[name] for name in both], [second[name] for name in both], single=single)
    return PairedDifference(
        difference=found.difference,
        se=found.se,
        low=found.low,
        high=found.high,
        p=found.p,
        test="McNemar, exact" if found.exact else "paired t",
        problems=len(both),
        won=found.won,
        lost=found.lost,
        left_out=len(first) + len(second) - 2 * len(both),
    )


def interval(estimate: float, se: float, problems: int, samples: float = math.inf) -> tuple[float, float]:
    """Return a 95 % interval for a rate over problems, within [0, 1] and never without width.

    Wilson's score interval for as many independent problems as give this standard error (`measured_problems`): never
    fewer than there are, and below 100 problems never more than `samples` of each can stand for. `nan` where there is
    no estimate.

    References
    ----------
    Wilson 1927, Journal of the American Statistical Association 22.

    >>> interval(0.0, 0.0, 100)[1] > 0.03
    True
    """
    return wilson(estimate, measured_problems(estimate, se, problems, samples))


def check_ks(ks: Sequence[int], samples: int) -> None:
    """Refuse a pass@k that so many samples of a problem cannot tell, with a UsageError."""
    for k in ks:
        if not 1 <= k <= samples:
            raise UsageError(f"pass@{k} needs at least {max(k, 1)} samples of a problem; there are {samples}.")


def _outcomes(problems: Sequence[Problem], kinds: Sequence[Sequence[str]], lost: str) -> Outcomes:
    judged = [[kind for kind in several if kind != INFRASTRUCTURE] for several in kinds]
    kept = [(problem.id, several) for problem, several in zip(problems, judged, strict=True) if several]
    if not kept:
        raise HeldoutError(f"The sandbox failed on every program, so nothing was measured: {lost.rstrip('.')}.")
    return Outcomes(
        tuple(name for name, _ in kept),
        np.array([several.count(SOLVED) for _, several in kept], np.float64),
        np.array([len(several) for _, several in kept], np.int64),
    )


def _check_problems(problems: Sequence[Problem], completions: Sequence[Sequence[Completion]]) -> None:
    if not problems:
        raise UsageError("There are no problems to evaluate on.")
    twice = [name for name, times in Counter(problem.id for problem in problems).items() if times > 1]
    if twice:
        raise UsageError(f"The problem {twice[0]!r} is there twice; every problem needs an id of its own.")
    if len(completions) != len(problems) or not all(completions):
        raise UsageError(
            f"There are completions for {sum(map(bool, completions))} of {len(problems)} problems; each needs one."
        )
