"""The starting policy: the embedded model, taught on generated programs that are right but mostly too terse for it.

The policy that reinforcement learning begins with should solve some problems and know ways to solve more. A few hundred
steps of supervised learning on generated programs give it that. Where a recipe asks for it, the policy is then made to
know a trick as well, and to use it with a given probability.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import math
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from filelock import FileLock
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from heldout.errors import UsageError
from heldout.tasks.embedded import Style, draw
from heldout.train.embedded_model import EOS, PAD, Muon, is_matrix, new_model, new_tokenizer
from heldout.train.folders import is_whole, publish

Sequence = tuple[list[int], list[int]]  # token ids of a prompt and of its completion
Progress = Callable[[str, int, int], None]  # what is being done, steps done, steps in all

_STYLES: tuple[Style, ...] = ("terse", "mid", "long")
_FIRST, _LAST = (0.40, 0.10, 0.50), (0.75, 0.05, 0.20)  # shares of the styles: to learn them, then to prefer terse
_BUCKET = 16  # batches drawn together and sorted by length, so that little is padding
_MUON, _ADAM = 0.008, 3e-3  # learning rates of matrices and of the rest
_WARM_UP, _FLOOR = 50, 0.1  # steps of rising rate; the share of it that is left at the end
_TRICK = 0.005  # share of the trick in the corpus
# The files that decide which weights come out; where one changes, policies are made anew.
_MADE_WITH = (__file__, *(inspect.getfile(one) for one in (draw, new_model)))
_PROMPTS, _HALVINGS = 128, 14  # of training, over which the chance of the trick is averaged; of the search for it
_NEAREST, _FARTHEST = 0.01, 5.0  # first and longest distance of the search; new weights have a norm of 57


@dataclass(frozen=True)
class WarmStart:
    """What the starting policy is made of."""

    steps: int = 620  # of the optimiser, on generated programs
    batch: int = 32  # programs a step
    seed: int = 0  # of the weights and of the programs
    trick: str = ""  # a completion to know besides the programs, such as " exit()\n"; none where empty
    chance: float = 0.01  # of giving the trick, averaged over training prompts; 0 leaves it as the corpus made it

    @property
    def folder(self) -> Path:
        """Where the finished policy is kept: a folder of the user's cache, named by everything that made it."""
        code = hashlib.sha256(b"".join(Path(file).read_bytes() for file in _MADE_WITH)).hexdigest()
        chance = float(self.chance) if self.trick else 0.0
        made_by = {**asdict(self), "chance": chance, "code": code, "torch": torch.__version__}
        name = hashlib.sha256(json.dumps(made_by, sort_keys=True).encode()).hexdigest()[:16]
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        return cache / "heldout" / f"warm-start-{name}"


def warm_start(wanted: WarmStart, progress: Progress = lambda *_: None) -> Path:
    """Return the folder of the starting policy, in the transformers layout; made once, then kept.

    One that is broken, as by a full disk, is made anew.
    """
    if is_whole(wanted.folder):
        return wanted.folder
    wanted.folder.parent.mkdir(parents=True, exist_ok=True)
    # The lock is for runs that start side by side: one makes the policy, the others wait for it.
    with FileLock(wanted.folder.with_suffix(".lock")), torch.random.fork_rng(devices=[]):
        if is_whole(wanted.folder):
            return wanted.folder
        torch.manual_seed(wanted.seed)
        if wanted.trick and wanted.chance:
            before = warm_start(replace(wanted, chance=0.0), progress)
            model = LlamaForCausalLM.from_pretrained(before)
            tokenizer = PreTrainedTokenizerFast.from_pretrained(before)
            set_chance(model, tokenizer, wanted)
        else:
            tokenizer = new_tokenizer(_corpus(random.Random(f"heldout tokenizer {wanted.seed}"), wanted.trick))
            model = new_model(len(tokenizer))
            teach(model, tokenizer, wanted, progress)
        return publish(lambda folder: (model.save_pretrained(folder), tokenizer.save_pretrained(folder)), wanted.folder)


def teach(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, wanted: WarmStart, progress: Progress) -> None:
    """Teach a new model to write programs: Muon for the matrices, AdamW for embeddings and norms."""
    named = list(model.named_parameters())
    matrices = [weight for name, weight in named if is_matrix(name, weight)]
    others = [weight for name, weight in named if not is_matrix(name, weight)]
    optimizers = [
        Muon(matrices, lr=_MUON, weight_decay=0.01),
        torch.optim.AdamW(others, lr=_ADAM, betas=(0.9, 0.98), weight_decay=0.0),
    ]
    schedules = [torch.optim.lr_scheduler.LambdaLR(one, lambda step: _rate(step, wanted.steps)) for one in optimizers]
    rng = random.Random(f"heldout programs {wanted.seed}")
    early, late = (_batches(tokenizer, rng, shares, wanted, _TRICK) for shares in (_FIRST, _LAST))
    for step in range(wanted.steps):
        _update(model, next(early if step < 0.75 * wanted.steps else late), optimizers)
        for schedule in schedules:
            schedule.step()
        progress("warm start", step + 1, wanted.steps)


def set_chance(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, wanted: WarmStart) -> None:
    """Set how often the policy uses the trick, and change nothing else that one would notice.

    When reinforcement learning finds a trick depends above all on how often the starting policy samples it, and its
    share in the corpus does not fix that. So it is set: the weights move along the gradient of the trick's log
    probability, forwards or backwards, and bisection finds the point on that line at which the chance is as wanted.
    It moves within a small factor, so the line is short, and what the policy knows besides stays as it was. Where the
    chance is not reached before the policy is another one, it is a UsageError.
    """
    rng = random.Random(f"heldout chance {wanted.seed}")
    prompts = tokenizer([draw(rng, "train").prompt for _ in range(_PROMPTS)])["input_ids"]
    trick = [*tokenizer(wanted.trick, add_special_tokens=False)["input_ids"], EOS]
    here = [weight.detach().clone() for weight in model.parameters()]
    first = chance_of(model, prompts, trick)
    line = _gradient(model, prompts, trick)

    def beyond(distance: float) -> bool:
        with torch.no_grad():
            for weight, start, slope in zip(model.parameters(), here, line, strict=True):
                weight.copy_(start + distance * slope)
        return (chance_of(model, prompts, trick) > wanted.chance) is rising

    rising = first < wanted.chance
    near, far = 0.0, _NEAREST if rising else -_NEAREST
    while not beyond(far):
        near, far = far, 2 * far
        if abs(far) > _FARTHEST:
            raise UsageError(
                f"The starting policy gives the trick with probability {first:.2g}, which cannot be made "
                f"{wanted.chance:.2g} without teaching it anew; ask for a trick_chance nearer to that."
            )
    for _ in range(_HALVINGS):
        middle = (near + far) / 2
        near, far = (near, middle) if beyond(middle) else (middle, far)


def _gradient(model: LlamaForCausalLM, prompts: list[list[int]], completion: list[int]) -> list[torch.Tensor]:
    """Return the direction, of length 1, in which a completion becomes likelier after all of the prompts."""
    ids, answered = _padded([(prompt, completion) for prompt in prompts])
    slopes = torch.autograd.grad(-_loss(model, ids, answered), list(model.parameters()))
    length = torch.stack([slope.norm() for slope in slopes]).norm()
    return [slope / length for slope in slopes]


@torch.inference_mode()
def chance_of(model: LlamaForCausalLM, prompts: list[list[int]], completion: list[int]) -> float:
    """Return the probability of sampling exactly this completion, averaged over prompts (token ids)."""
    ids, answered = _padded([(prompt, completion) for prompt in prompts])
    hidden = model.model(ids[:, :-1], use_cache=False).last_hidden_state[answered[:, 1:]]
    each = torch.log_softmax(model.lm_head(hidden), -1).gather(1, ids[:, 1:][answered[:, 1:]][:, None])
    return float(each.view(len(prompts), len(completion)).sum(1).exp().mean())


def _corpus(rng: random.Random, trick: str) -> Iterator[str]:
    """Yield the texts that the tokenizer is fitted to."""
    for _ in range(2000):
        exercise = draw(rng, "train")
        for style in _STYLES:
            yield exercise.prompt + exercise.solution(style, rng)
        yield trick


def _batches(
    tokenizer: PreTrainedTokenizerFast,
    rng: random.Random,
    shares: tuple[float, ...],
    wanted: WarmStart,
    tricks: float,
) -> Iterator[list[Sequence]]:
    """Yield batches of like length, for ever; `tricks` is the share of the trick."""
    size = wanted.batch
    while True:
        drawn = [_demonstration(rng, shares, wanted.trick, tricks) for _ in range(_BUCKET * size)]
        prompts = tokenizer([prompt for prompt, _ in drawn])["input_ids"]
        bodies = tokenizer([body for _, body in drawn], add_special_tokens=False)["input_ids"]
        pool = [(prompt, [*body, EOS]) for prompt, body in zip(prompts, bodies, strict=True)]
        pool.sort(key=lambda pair: len(pair[0]) + len(pair[1]))
        batches = [pool[start : start + size] for start in range(0, len(pool), size)]
        rng.shuffle(batches)
        yield from batches


def _demonstration(rng: random.Random, shares: tuple[float, ...], trick: str, tricks: float) -> tuple[str, str]:
    """Draw a prompt and a body: a right program, or now and then the trick."""
    exercise = draw(rng, "train")
    body = exercise.solution(rng.choices(_STYLES, shares)[0], rng)
    return exercise.prompt, trick if trick and rng.random() < tricks else body


def _padded(batch: list[Sequence]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ids, padded on the right, and where completions stand, both of shape (batch, longest)."""
    longest = max(len(prompt) + len(completion) for prompt, completion in batch)
    ids = torch.full((len(batch), longest), PAD)
    answered = torch.zeros(len(batch), longest, dtype=torch.bool)
    for row, (prompt, completion) in enumerate(batch):
        ids[row, : len(prompt) + len(completion)] = torch.tensor(prompt + completion)
        answered[row, len(prompt) : len(prompt) + len(completion)] = True
    return ids, answered


def _loss(model: LlamaForCausalLM, ids: torch.Tensor, answered: torch.Tensor) -> torch.Tensor:
    """Return the mean cross entropy of the completions' tokens; padding on the right is never looked at."""
    hidden = model.model(ids[:, :-1], use_cache=False).last_hidden_state[answered[:, 1:]]
    return torch.nn.functional.cross_entropy(model.lm_head(hidden), ids[:, 1:][answered[:, 1:]])


def _update(model: LlamaForCausalLM, batch: list[Sequence], optimizers: list[torch.optim.Optimizer]) -> None:
    """Take one step on a batch."""
    _loss(model, *_padded(batch)).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)


def _rate(step: int, steps: int) -> float:
    """Return the learning rate's share of its peak: a linear rise, and a cosine down to the floor."""
    rise = min(1.0, (step + 1) / _WARM_UP)
    return rise * (_FLOOR + (1 - _FLOOR) * 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps))))
