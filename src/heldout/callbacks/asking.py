"""How a trainer asks and samples: as a policy that answers held-out problems in the same way."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any

from heldout.errors import UsageError
from heldout.evaluation.engine import EnginePolicy
from heldout.evaluation.score import Policy
from heldout.evaluation.transformers import TransformersPolicy
from heldout.tasks import Problem

_LOOKED_AT = 64  # rows of the data set that say how is asked


def trainer_of(callback: Any) -> Any | None:
    """Return the trainer that calls a callback just now, for transformers tells a callback everything but that."""
    from transformers import Trainer

    frame = sys._getframe(1)
    while frame is not None:
        one = frame.f_locals.get("self")
        if isinstance(one, Trainer) and any(there is callback for there in one.callback_handler.callbacks):
            return one
        frame = frame.f_back  # type: ignore[assignment]
    return None


class Asking:
    """Asks and samples as a training does: prompts as text or messages, by the settings and the engine of the trainer.

    Parameters
    ----------
    args
        Settings of the trainer.
    processing_class
        The trainer's tokenizer, or what holds it.
    dataset
        What is trained on. Where its prompts are messages, a problem's prompt is the user's, behind the messages with
        which all of them begin (a system prompt).
    problem_of
        The problem that a row of it names by an id. Where the row has other words around that problem's prompt, and
        all rows the same, a held-out problem gets them as well.
    trainer
        It has the engine, where that is vLLM, and the chat template, where that is not the tokenizer's.

    Raises
    ------
    UsageError
        When there is no tokenizer.
    """

    def __init__(
        self,
        args: Any,
        processing_class: Any,
        dataset: Any,
        trainer: Any = None,
        problem_of: Callable[[Mapping[str, Any]], Problem | None] = lambda row: None,
    ) -> None:
        self.tokenizer = getattr(processing_class, "tokenizer", processing_class)
        if self.tokenizer is None:
            raise UsageError(
                "To evaluate on a task the trainer needs a tokenizer; give it processing_class=…, or give the callback "
                "policy=…"
            )
        self.args, self.trainer = args, trainer
        rows = _first_rows(dataset)
        prompts = [row["prompt"] for row in rows]
        self.around = _around([(problem.prompt, _last(row["prompt"])) for row in rows if (problem := problem_of(row))])
        self.chat = bool(prompts) and not isinstance(prompts[0], str)
        self.before = _common_beginning(prompts) if self.chat else []

    @property
    def engine(self) -> bool:
        """Whether the trainer samples with vLLM."""
        return getattr(self.trainer, "vllm_generation", None) is not None

    def encode(self, prompt: str) -> list[int]:
        """Return the tokens of a problem's prompt."""
        prompt = prompt.join(self.around)
        if not self.chat:
            return list(self.tokenizer(prompt)["input_ids"])
        text = self.tokenizer.apply_chat_template(
            [*self.before, {"role": "user", "content": prompt}],
            tools=getattr(self.trainer, "tools", None) or None,
            chat_template=getattr(self.trainer, "chat_template", None),
            add_generation_prompt=True,
            tokenize=False,
            **(getattr(self.args, "chat_template_kwargs", None) or {}),
        )
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])  # the template has them

    def policy(self, stops: Sequence[str]) -> Callable[[Any], Policy]:
        """Return what makes a policy of the model as it is, whose answers are cut at these texts."""
        if self.engine:
            engine = EnginePolicy(self.trainer, self.tokenizer, self.encode, stops, self.args.seed)
            return lambda model: engine
        at_once = getattr(self.args, "steps_per_generation", None) or 1
        given: Mapping[str, Any] = {
            "temperature": getattr(self.args, "temperature", 1.0),
            "top_p": getattr(self.args, "top_p", 1.0),
            "top_k": max(getattr(self.args, "top_k", 0) or 0, 0),
            "max_new_tokens": getattr(self.args, "max_completion_length", None),
            "batch_size": max(self.args.per_device_train_batch_size * at_once, self.args.per_device_eval_batch_size),
            "seed": self.args.seed,
        }
        return lambda model: TransformersPolicy(model, self.tokenizer, stop=stops, encode=self.encode, **given)


def _first_rows(dataset: Any) -> list[Mapping[str, Any]]:
    rows = islice(iter(dataset), _LOOKED_AT) if dataset is not None else ()
    return [row for row in rows if isinstance(row, Mapping) and row.get("prompt")]


def _last(prompt: Any) -> str:
    """Return what is asked: the text, or the last message."""
    return prompt if isinstance(prompt, str) else str(prompt[-1].get("content", ""))


def _around(asked: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """Return what stands before and behind the prompts of problems where they are asked: the same for all of them.

    Where it is not, the prompts are asked as they are, which is warned of.
    """
    found = {text.partition(prompt)[::2] if prompt and prompt in text else None for prompt, text in asked}
    if len(found) == 1 and (one := found.pop()) is not None:
        return one
    if found:
        text = "The data set asks otherwise than the task, not always in the same words around its prompts; held-out "
        warnings.warn(f"{text}problems are asked as the task has them.", RuntimeWarning, stacklevel=2)
    return "", ""


def _common_beginning(prompts: Sequence[Any]) -> list[Any]:
    """Return the messages before the last one, where all have the same."""
    before = [list(prompt)[:-1] for prompt in prompts]
    return list(before[0]) if all(one == before[0] for one in before) else []
