"""A policy on held-out problems while it is trained: the one evaluator of `heldout train` and of the callbacks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from heldout.evaluation.score import Policy, evaluate, interval
from heldout.sandbox.base import Sandbox
from heldout.stats.passk import mean_pass_at_k
from heldout.tasks.problem import Problem

_MOST_KINDS = 2  # ways of failing in the line that an evaluation gets
_COLUMNS = ("problems", "passed", "samples")  # of an evaluation, as `Recorder.evaluation` takes them


class Evaluator:
    """Measures the policy on held-out problems with the true judge: the `evaluate` of `HeldoutCallback`.

    Each process samples and judges its share of the problems.
    """

    def __init__(
        self,
        problems: Sequence[Problem],
        policy: Callable[[Any], Policy],  # makes something to sample from of the model as it is
        sandbox: Sandbox,
        say: Callable[[str], None],  # told what each evaluation found
        samples: int,  # completions of each problem
        steps: int,  # of the whole run
    ) -> None:
        self.problems, self.policy, self.sandbox, self.say = problems, policy, sandbox, say
        self.samples, self.steps = samples, steps
        self.newest = ""  # for the line that shows progress

    def __call__(self, model: Any, step: int) -> dict[str, Any]:
        """Return what all processes together found, as `Recorder.evaluation` takes it."""
        parts = self._shares(model, step)
        problems, passed, samples = ([one for part in parts for one in part[key]] for key in _COLUMNS)
        length, cut = (
            sum(part[key] * len(part["problems"]) for part in parts) / len(problems) for key in ("mean_length", "cut")
        )
        errors = dict(sum((Counter(part["errors"]) for part in parts), Counter[str]()))
        rate = mean_pass_at_k(samples, passed, 1)
        low, high = interval(rate.value, rate.se, rate.n, self.samples)
        self.newest = f"Pass@1 {rate.value:.1%} ({low:.1%} to {high:.1%})"
        failed = "".join(f", {kind} {count}" for kind, count in Counter(errors).most_common(_MOST_KINDS))
        said = f"{self.newest}, {length:.1f} tokens, {cut:.0%} cut{failed}"
        self.say(f"step {step} of {self.steps}: held-out {said}")
        found = {"problems": problems, "passed": passed, "samples": samples}
        return {**found, "mean_length": length, "cut": cut, "errors": errors}

    def _shares(self, model: Any, step: int) -> Sequence[Mapping[str, Any]]:
        """Return what each process found of its share of the problems."""
        from accelerate import PartialState
        from accelerate.utils import gather_object

        state = PartialState()
        mine = self._share(model, step, self.problems[state.process_index :: state.num_processes])
        return list(gather_object(mine)) if state.num_processes > 1 else mine

    def _share(self, model: Any, step: int, problems: Sequence[Problem]) -> list[dict[str, Any]]:
        """Return what this process found; nothing where there are more processes than problems."""
        if not problems:
            return []
        found = evaluate(self.policy(model), problems, self.sandbox, step=step, samples=self.samples)
        outcomes = found.evaluation.outcomes
        assert outcomes is not None
        columns = (list(outcomes.problems), outcomes.passed.tolist(), outcomes.samples.tolist())
        named = dict(zip(_COLUMNS, columns, strict=True))
        return [{**named, "mean_length": found.mean_length, "cut": found.cut, "errors": dict(found.errors)}]
