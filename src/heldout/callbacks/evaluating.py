"""What a callback measures by itself: the held-out problems of its tasks, asked as the training asks."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from heldout.callbacks.asking import Asking
from heldout.callbacks.tasks import HeldOutSplit
from heldout.errors import UsageError
from heldout.evaluation.during import Evaluator
from heldout.evaluation.score import Policy
from heldout.evaluation.stops import default_stops
from heldout.sandbox import Sandbox
from heldout.text import counted

HIGH = 0.5  # a mean reward from here on is high beside a held-out score of 0
_LOG = logging.getLogger("heldout")
_EVAL = "eval_"  # before the names of a trainer's own metrics of an evaluation


class TaskEvaluation:
    """Evaluates the held-out problems of tasks, each task a benchmark: an `evaluate` of `HeldoutCallback`.

    Parameters
    ----------
    split
        What is held out.
    samples
        Completions of each problem.
    policy
        What is sampled from, or what makes that of the model; None for the training's own model and settings.
    stops
        At which completions are cut; None for what the problems say (`default_stops`).

    Attributes
    ----------
    stops
        Those that are used, once the training has begun.
    """

    def __init__(
        self,
        split: HeldOutSplit,
        samples: int | None = None,
        policy: Policy | Callable[[Any], Policy] | None = None,
        stops: Sequence[str] | None = None,
    ) -> None:
        self.split, self.samples, self.policy, self.given = split, samples or 1, policy, stops
        self.stops: tuple[str, ...] = tuple(stops or ())
        self.chat = False
        self._evaluators: list[Evaluator] = []
        self._worked = self._warned = False

    def begin(self, asking: Callable[[], Asking], sandbox: Sandbox, steps: int) -> None:
        """Get ready for a training of so many steps; `asking` is called where the training's own model is measured."""
        everything = [problem for problems in self.split.held_out.values() for problem in problems]
        policy = self.policy
        own = asking() if policy is None else None
        self.chat = own.chat if own else bool(getattr(policy, "chat", False))
        if self.given is None:
            self.stops = default_stops(everything, chat=self.chat)
        policy = own.policy(self.stops) if own else policy
        assert policy is not None
        self._evaluators = [
            Evaluator(problems, policy, sandbox, _LOG.info, self.samples, steps, benchmark=name)
            for name, problems in self.split.held_out.items()
        ]
        self._worked = False

    def __call__(self, model: Any, step: int) -> list[dict[str, Any]]:
        """Return what was found of each benchmark.

        What fails at the first evaluation of a training ends it, for then something is set up wrongly; later it is
        warned of once, and the training goes on.
        """
        try:
            found = [evaluator(model, step) for evaluator in self._evaluators]
        except Exception as error:
            if not self._worked:
                raise
            if not self._warned:
                self._warned = True
                text = f"The evaluation at step {step} failed ({error}); the training goes on without it."
                warnings.warn(text, RuntimeWarning, stacklevel=2)
            return []
        self._worked = True
        return found

    def doubt(self, outcomes: Mapping[str, Any], reward: float | None) -> str:
        """Return what is odd about an evaluation beside the newest reward, in a sentence with what to check, or ""."""
        problems, passed = outcomes.get("problems", ()), outcomes.get("passed", ())
        if not len(problems) or any(passed) or reward is None or not reward >= HIGH:
            return ""
        kinds = sorted(outcomes.get("errors", {}).items(), key=lambda one: -one[1])
        most = f" (most often: {kinds[0][0]}, {kinds[0][1]} times)" if kinds else ""
        at = ", ".join(map(repr, self.stops)) or "nothing"
        asked = "as a chat" if self.chat else "as plain text"
        return (
            f"None of {counted(len(problems), 'held-out problem')} is solved{most}, while the training's reward is "
            f"{reward:.2f}: check where answers are cut (at {at}; {outcomes.get('cut', 0.0):.0%} were too long), how "
            f"they are asked for ({asked}), how programs are found in them, and whether the reward pays what the tests "
            "want."
        )


def refuse_policy(policy: object) -> None:
    """Raise a UsageError where something is no policy, nor makes one of a model."""
    if not (hasattr(policy, "sample") or callable(policy)):
        raise UsageError(
            f"policy is a {type(policy).__name__}; it is what has sample(prompts, samples), such as a ServedPolicy, or "
            "a function that makes one of the model."
        )


def of_its_set(logs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return metrics of an evaluation under the name of its data set, which TRL leaves out of those of its own.

    >>> of_its_set({"eval_a_runtime": 0.5, "eval_reward": 0.25})
    {'eval_a_runtime': 0.5, 'eval_a_reward': 0.25}
    """
    timed = [key for key in logs if key.startswith(_EVAL) and key.endswith("_runtime")]
    if len(timed) != 1 or timed[0] == f"{_EVAL}runtime":
        return logs
    own = timed[0].removesuffix("runtime")
    new = [own + key.removeprefix(_EVAL) if key.startswith(_EVAL) and not key.startswith(own) else key for key in logs]
    return dict(zip(new, logs.values(), strict=True))
