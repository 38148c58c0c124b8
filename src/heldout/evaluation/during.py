"""A policy on held-out problems while it is trained: the one evaluator of `heldout train` and of the callbacks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from heldout.errors import HeldoutError
from heldout.evaluation.score import Policy, interval, score
from heldout.ranks import gathered, ranks
from heldout.sandbox.base import Sandbox
from heldout.stats.passk import mean_pass_at_k
from heldout.tasks.problem import Problem

_MOST_KINDS = 2  # ways of failing in the line that an evaluation gets
_COLUMNS = ("problems", "passed", "samples")  # of an evaluation, as `Recorder.evaluation` takes them


class Evaluator:
    """Measures the policy on held-out problems with the true judge: an `evaluate` of `HeldoutCallback`.

    Each process samples and judges its share of the problems. All ask for equally many completions, also those whose
    share is smaller: a model that is spread over processes writes only where all of them take part.

    Parameters
    ----------
    problems
        What is measured on.
    policy
        What is sampled from, or what makes that of the model as it is.
    sandbox
        Where the programs run.
    say
        Told in a line what each evaluation found.
    samples
        Completions of each problem.
    steps
        Of the whole run.
    benchmark
        What the problems are called together.
    """

    def __init__(
        self,
        problems: Sequence[Problem],
        policy: Policy | Callable[[Any], Policy],
        sandbox: Sandbox,
        say: Callable[[str], None],
        samples: int,
        steps: int,
        benchmark: str = "held-out",
    ) -> None:
        self.problems, self.policy, self.sandbox, self.say = problems, policy, sandbox, say
        self.samples, self.steps, self.benchmark = samples, steps, benchmark
        self.newest = ""  # for the line that shows progress

    def __call__(self, model: Any, step: int) -> dict[str, Any]:
        """Return what all processes together found, as `Recorder.evaluation` takes it; a HeldoutError where one failed.

        Every process gets to know of that, so that none waits for another.
        """
        parts = self._shares(model, step)
        place = {problem.id: number for number, problem in enumerate(self.problems)}  # however many processes there are
        rows = [row for part in parts for row in zip(*(part[key] for key in _COLUMNS), strict=True)]
        problems, passed, samples = map(list, zip(*sorted(rows, key=lambda row: place[row[0]]), strict=True))
        length, cut = (
            sum(part[key] * len(part["problems"]) for part in parts) / len(problems) for key in ("mean_length", "cut")
        )
        errors = dict(sum((Counter(part["errors"]) for part in parts), Counter[str]()))
        rate = mean_pass_at_k(samples, passed, 1)
        low, high = interval(rate.value, rate.se, rate.n, self.samples)
        self.newest = f"Pass@1 {rate.value:.1%} ({low:.1%} to {high:.1%})"
        failed = "".join(f", {kind} {count}" for kind, count in Counter(errors).most_common(_MOST_KINDS))
        said = f"{self.newest}, {length:.1f} tokens, {cut:.0%} cut{failed}"
        self.say(f"step {step} of {self.steps}: {self.benchmark} {said}")
        found = {"problems": problems, "passed": passed, "samples": samples, "benchmark": self.benchmark}
        return {**found, "mean_length": length, "cut": cut, "errors": errors}

    def _shares(self, model: Any, step: int) -> Sequence[Mapping[str, Any]]:
        """Return what each process found of its share of the problems."""
        here = ranks()
        if here.size == 1:
            return self._share(model, step, self.problems, len(self.problems))
        most = -(-len(self.problems) // here.size)
        mine = self.problems[here.rank :: here.size]
        try:
            parts = gathered(self._share(model, step, mine, most))
        except Exception as error:
            parts = gathered([{"failed": str(error) or type(error).__name__}])
        found = [one for part in parts for one in part]
        for one in found:
            if "failed" in one:
                raise HeldoutError(f"The evaluation failed in one of the processes: {one['failed']}")
        return found

    def _share(self, model: Any, step: int, problems: Sequence[Problem], most: int) -> list[dict[str, Any]]:
        """Return what this process found; nothing where there are more processes than problems."""
        asked = [*problems, *self.problems][:most]
        policy = self.policy if hasattr(self.policy, "sample") else self.policy(model)
        completions = policy.sample([problem.prompt for problem in asked], self.samples)
        if not problems:
            return []
        found = score(problems, completions[: len(problems)], self.sandbox, step=step, benchmark=self.benchmark)
        outcomes = found.evaluation.outcomes
        assert outcomes is not None
        columns = (list(outcomes.problems), outcomes.passed.tolist(), outcomes.samples.tolist())
        named = dict(zip(_COLUMNS, columns, strict=True))
        return [{**named, "mean_length": found.mean_length, "cut": found.cut, "errors": dict(found.errors)}]
