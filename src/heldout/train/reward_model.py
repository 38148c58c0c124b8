"""A learned reward: the starting policy's weights with a scalar head, fitted to judged samples of that policy.

It never sees what the policy becomes, so the policy can learn to please it without solving more: the second way, after
a judge that can be fooled, in which a reward and the truth part. Nothing is planted here.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedTokenizerBase
from transformers.utils import logging

from heldout.evaluation.score import Policy
from heldout.sandbox.base import Sandbox
from heldout.sandbox.judging import judge
from heldout.tasks.problem import Problem
from heldout.train.folders import publish

Progress = Callable[[str, int, int], None]

_BATCH, _RATE, _SCORED = 32, 1e-3, 256  # samples a step, learning rate, samples scored at once


@dataclass(frozen=True, slots=True)
class Labelled:
    """A completion and whether it solves its problem."""

    prompt: str
    completion: str
    solved: bool


def labelled_samples(policy: Policy, problems: Sequence[Problem], samples: int, sandbox: Sandbox) -> list[Labelled]:
    """Sample a policy on problems and judge what it wrote; what the sandbox itself failed on is left out."""
    answers = policy.sample([problem.prompt for problem in problems], samples)
    pairs = [(problem, one.text) for problem, some in zip(problems, answers, strict=True) for one in some]
    attempts = [problem.attempt(text) for problem, text in pairs]
    return [
        Labelled(problem.prompt, text, judgement.solved)
        for (problem, text), judgement in zip(pairs, judge(attempts, sandbox, values=False), strict=True)
        if judgement.kind != "infrastructure"
    ]


class RewardModel:
    """The scorer as a reward: its logit, the higher the likelier that it believes the program right."""

    def __init__(self, folder: Path) -> None:
        self.model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=1, dtype=torch.float32)
        self.model.eval()
        if torch.accelerator.is_available():
            self.model.to(torch.accelerator.current_accelerator())
        self.tokenizer = AutoTokenizer.from_pretrained(folder)

    def __call__(self, problems: Sequence[Problem], completions: Sequence[str]) -> list[float]:
        return self.scores([(problem.prompt, text) for problem, text in zip(problems, completions, strict=True)])

    def scores(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """Return one score for each prompt and completion."""
        scores: list[float] = []
        with torch.inference_mode():
            for start in range(0, len(pairs), _SCORED):
                scores += logits_of(self.model, self.tokenizer, pairs[start : start + _SCORED]).tolist()
        return scores


def fit_reward_model(
    start: str, labelled: Sequence[Labelled], folder: Path, epochs: int, seed: int, progress: Progress
) -> float:
    """Fit a scorer to judged samples, keep it in a folder, and return how well it tells samples that it did not see.

    It starts from the weights of the policy that wrote the samples; solved and unsolved ones weigh alike, however many
    there are of each. What is returned is the chance that it scores a solved sample above an unsolved one (AUC), on the
    last eighth of the samples, which it is not fitted to; `nan` where these are all of one kind.
    """
    fitted = len(labelled) - len(labelled) // 8
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        tokenizer = AutoTokenizer.from_pretrained(start)
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        with _expected_to_lack_a_head():
            model = AutoModelForSequenceClassification.from_pretrained(start, num_labels=1, dtype=torch.float32)
        model.config.pad_token_id = tokenizer.pad_token_id
        _fit(model, tokenizer, labelled[:fitted], epochs, random.Random(f"heldout labels {seed}"), progress)
        publish(lambda place: (model.save_pretrained(place), tokenizer.save_pretrained(place)), folder)
    scores = RewardModel(folder).scores([(one.prompt, one.completion) for one in labelled[fitted:]])
    return auc(scores, [one.solved for one in labelled[fitted:]])


def auc(scores: Sequence[float], solved: Sequence[bool]) -> float:
    """Return the share of pairs of a solved and an unsolved sample that the scores put in order; a tie counts half.

    >>> auc([0.1, 0.9, 0.5, 0.5], [False, True, True, False])
    0.875
    """
    good, bad = (
        np.array([s for s, is_good in zip(scores, solved, strict=True) if is_good is kind]) for kind in (True, False)
    )
    if not len(good) or not len(bad):
        return math.nan
    differences = good[:, None] - bad[None, :]
    return float((np.sign(differences) + 1).mean() / 2)


def _fit(
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    labelled: Sequence[Labelled],
    epochs: int,
    rng: random.Random,
    progress: Progress,
) -> None:
    solved = sum(one.solved for one in labelled)
    balance = torch.tensor((len(labelled) - solved) / max(1, solved))
    optimizer = torch.optim.AdamW(model.parameters(), lr=_RATE)
    steps = epochs * -(-len(labelled) // _BATCH)
    decay = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.1, steps)
    done = 0
    for _ in range(epochs):
        order = rng.sample(range(len(labelled)), len(labelled))
        for first in range(0, len(order), _BATCH):
            batch = [labelled[place] for place in order[first : first + _BATCH]]
            logits = logits_of(model, tokenizer, [(one.prompt, one.completion) for one in batch])
            truth = torch.tensor([float(one.solved) for one in batch])
            loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, truth, pos_weight=balance)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            decay.step()
            done += 1
            progress("reward model", done, steps)


@contextmanager
def _expected_to_lack_a_head() -> Iterator[None]:
    """Keep transformers from reporting that the policy has no scalar head: it is what is being made."""
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)


def logits_of(model: Any, tokenizer: PreTrainedTokenizerBase, pairs: Sequence[tuple[str, str]]) -> torch.Tensor:
    """Return one score for each prompt and completion, shape (pairs,); read at the end of the completion."""
    texts = [prompt + completion + tokenizer.eos_token for prompt, completion in pairs]
    batch = tokenizer(texts, return_tensors="pt", padding=True, padding_side="right").to(model.device)
    logits: torch.Tensor = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits[:, 0]
    return logits
