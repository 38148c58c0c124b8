"""A Hugging Face model as a policy: batched sampling that leaves the model and the random state as they were."""

from __future__ import annotations

import random
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from heldout.errors import MissingExtra, UsageError, how_to_install
from heldout.evaluation.score import Completion
from heldout.evaluation.seeds import seed_of, wanted
from heldout.evaluation.stops import checked_stops, cut_at
from heldout.text import counted

LONGEST = 512  # new tokens, where neither the caller nor the model's context says
_LOOK_EVERY = 16  # new tokens between two looks for a stop: each look decodes everything that is new


class TransformersPolicy:
    """Samples from a causal language model of `transformers`.

    Each sample has random numbers of its own, told by the seed, its prompt and its number alone. So the same model
    gives the same completions to the same prompts; two checkpoints are compared with common random numbers; and what a
    prompt gets does not depend on the process, the batch or the prompts beside it. To the bit that holds where batches
    are equal and kernels repeat themselves: other batches change the last bits of a model's arithmetic, which now and
    then tips a token. The distribution is the model's either way, and samples are independent.

    Parameters
    ----------
    model, tokenizer
        A loaded model on whatever device, which may be in training, and its tokenizer, which adds its special tokens.
    temperature
        Of the sampling; 0 takes the likeliest token.
    top_p, top_k
        Sample from the likeliest tokens that have this probability together, and from so many at most; 1 and 0 for the
        whole distribution.
    max_new_tokens
        Longest completion; None for what the model's context leaves, at most 512.
    batch_size
        Completions that are generated together.
    seed
        Of the sampling; no two samples share random numbers.
    chat
        Give each prompt as a user's message, in the tokenizer's chat template.
    stop
        Texts at which a completion ends; it is cut before the first of them, and its tokens are those up to there.
    encode
        How a prompt becomes tokens, where that is not for the tokenizer and `chat` to say.

    Raises
    ------
    UsageError
        When an argument is outside what is allowed, or there is no chat template.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        temperature: float = 1.0,
        top_p: float = 1.0,
        top_k: int = 0,
        max_new_tokens: int | None = None,
        batch_size: int = 256,
        seed: int = 0,
        chat: bool = False,
        stop: Sequence[str] = (),
        encode: Callable[[str], Sequence[int]] | None = None,
    ) -> None:
        if temperature < 0:
            raise UsageError(f"The temperature is {temperature}; it must be 0 or more.")
        for name, value in (("max_new_tokens", max_new_tokens), ("batch_size", batch_size)):
            if value is not None and value < 1:
                raise UsageError(f"{name} is {value}; it must be at least 1.")
        if chat and not tokenizer.chat_template:
            raise UsageError("This model's tokenizer has no chat template; leave chat out.")
        self.model = model
        self.tokenizer = tokenizer
        self.temperature, self.top_p, self.top_k = temperature, top_p, top_k
        self.stop = checked_stops(stop)
        self.max_new_tokens = max_new_tokens
        self.batch_size = batch_size
        self.seed = seed
        self.chat, self.encode = chat, encode

    def sample(self, prompts: Sequence[str], samples: int) -> list[list[Completion]]:
        """Return `samples` completions for each prompt, in the order of the prompts.

        Prompts of like length are generated together, which saves padding. A prompt that leaves no room in the model's
        context is a UsageError.
        """

        encoded = [self._encode(prompt) for prompt in prompts]
        longest, ends = self._room(encoded), self._ends()
        jobs = sorted(wanted(prompts, samples), key=lambda one: len(encoded[one.place]))
        found: list[list[Completion]] = [[] for _ in prompts]
        with undisturbed(self.model), _plain_generation(self.model):
            for start in range(0, len(jobs), self.batch_size):
                batch = jobs[start : start + self.batch_size]
                seeds = [seed_of(self.seed, prompts[one.place], one.number) for one in batch]
                written = self._generate([encoded[one.place] for one in batch], seeds, longest, ends)
                for one, completion in zip(batch, written, strict=True):
                    found[one.place].append(completion)
        return found

    def _encode(self, prompt: str) -> list[int]:
        if self.encode is not None:
            return list(self.encode(prompt))
        if self.chat:
            message = [{"role": "user", "content": prompt}]
            text = self.tokenizer.apply_chat_template(message, tokenize=False, add_generation_prompt=True)
            return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])  # the template has them
        return list(self.tokenizer(prompt)["input_ids"])

    def _room(self, encoded: Sequence[Sequence[int]]) -> int:
        """Return how many new tokens a completion may have."""
        context = getattr(self.model.config, "max_position_embeddings", None)
        if context is None:
            return self.max_new_tokens or LONGEST
        longest, wanted = max(map(len, encoded), default=0), self.max_new_tokens or 1
        if longest + wanted > context:
            raise UsageError(
                f"A prompt has {counted(longest, 'token')} and the model's context {context}, which leaves no room for "
                f"{counted(wanted, 'new token')}; take shorter prompts or fewer new tokens."
            )
        return self.max_new_tokens or min(LONGEST, context - longest)

    def _generate(
        self, rows: Sequence[Sequence[int]], seeds: Sequence[int], longest: int, ends: Sequence[int]
    ) -> list[Completion]:
        """Generate one completion for each row of tokens, with its own seed."""
        import torch

        pad = self.tokenizer.pad_token_id if self.tokenizer.pad_token_id is not None else (ends or [0])[0]
        width = max(map(len, rows))
        ids = torch.tensor([[pad] * (width - len(row)) + list(row) for row in rows], device=self.model.device)
        real = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows], device=self.model.device)
        output = self.model.generate(
            input_ids=ids,
            attention_mask=real,
            max_new_tokens=longest,
            use_cache=True,  # also of a model whose gradient checkpointing has it off
            pad_token_id=pad,
            eos_token_id=list(ends) or None,
            stopping_criteria=[self._stopped(width)] if self.stop else None,
            logits_processor=[self._drawn(width, seeds, longest)] if self.temperature > 0 else None,
            do_sample=False,  # the likeliest token, which is the one that was drawn
        )
        written = output[:, width:].tolist()
        return [self._completion(row, tokens, ends) for row, tokens in zip(rows, written, strict=True)]

    def _drawn(self, width: int, seeds: Sequence[int], longest: int) -> Callable[..., Any]:
        """Return what draws the next token of each row: it leaves that one possible, and no other.

        A number that is uniform in [0, 1) finds its token where the shares of all tokens, added up, pass it.
        """
        import torch

        kept = self._kept()
        uniform = torch.tensor(np.array([np.random.default_rng(seed).random(longest) for seed in seeds]))

        def drawn(ids: Any, scores: Any, **given: Any) -> Any:
            for one in kept:
                scores = one(ids, scores)
            exact = torch.float32 if scores.device.type == "mps" else torch.float64
            passed = scores.softmax(-1, dtype=torch.float32).to(exact).cumsum(-1)
            level = uniform[:, ids.shape[1] - width, None].to(passed.device, exact) * passed[:, -1:]
            token = torch.searchsorted(passed, level, right=True).clamp(max=passed.shape[1] - 1)
            return torch.full_like(scores, -torch.inf).scatter_(1, token, 0.0)

        return drawn

    def _kept(self) -> list[Callable[..., Any]]:
        """Return what shapes the scores before a token is drawn, in the order of transformers."""
        from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

        temperature = [TemperatureLogitsWarper(float(self.temperature))] if self.temperature != 1 else []
        likeliest = [TopKLogitsWarper(self.top_k)] if self.top_k else []
        return [*temperature, *likeliest, *([TopPLogitsWarper(self.top_p)] if self.top_p < 1 else [])]

    def _ends(self) -> list[int]:
        """Return the tokens that end a text: those of the model's own generation settings, else the tokenizer's."""
        own = getattr(self.model.generation_config, "eos_token_id", None)
        ends = own if isinstance(own, list) else [own]
        return [end for end in dict.fromkeys([*ends, self.tokenizer.eos_token_id]) if end is not None]

    def _completion(self, prompt: Sequence[int], tokens: Sequence[int], ends: Sequence[int]) -> Completion:
        end = next((place for place, token in enumerate(tokens) if token in ends), None)
        text = self._text(prompt, tokens[:end])
        cut = cut_at(text, self.stop)
        if cut != text:
            needed = range(1, len(tokens[:end]) + 1)  # tokens, of which the first so many hold the whole stop
            first = bisect_left(needed, True, key=lambda count: self._holds_a_stop(self._text(prompt, tokens[:count])))
            return Completion(cut, needed[first], "stop")
        return Completion(text, len(tokens) if end is None else end + 1, "length" if end is None else "eos")

    def _stopped(self, width: int) -> Callable[..., Any]:
        """Return what says for each row whether it holds a stop, so that it is not continued; looked at now and then.

        Only what is new is looked at. The libraries' own stop strings would also find one that begins in the prompt.
        """
        import torch

        done: set[int] = set()

        def stopped(ids: Any, scores: Any, **given: Any) -> Any:
            if (ids.shape[1] - width) % _LOOK_EVERY == 0:
                for row, tokens in enumerate(ids[:, width:].tolist()):
                    if row not in done and self._holds_a_stop(self._decoded(tokens)):
                        done.add(row)
            return torch.tensor([row in done for row in range(ids.shape[0])], device=ids.device)

        return stopped

    def _holds_a_stop(self, text: str) -> bool:
        return any(stop in text for stop in self.stop)

    def _text(self, prompt: Sequence[int], tokens: Sequence[int]) -> str:
        """Decode what follows a prompt; alone, some tokenizers would drop its first blank, and with it an indent."""
        before, whole = self._decoded(prompt), self._decoded([*prompt, *tokens])
        return whole[len(before) :] if whole.startswith(before) else self._decoded(tokens)

    def _decoded(self, tokens: Sequence[int]) -> str:
        text = self.tokenizer.decode(list(tokens), skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return str(text)


def load_policy(name: str, *, device: str | None = None, **settings: Any) -> TransformersPolicy:
    """Load a model and its tokenizer as a policy; `settings` are those of `TransformersPolicy`.

    Parameters
    ----------
    name
        A directory that ``save_pretrained`` wrote, or a model of the Hugging Face hub. Its own code is not run.
    device
        Such as ``cpu`` or ``cuda``; a GPU where there is one.

    Raises
    ------
    UsageError
        When torch or transformers is not installed, or the model cannot be loaded, in one sentence.
    """
    _refuse_what_is_no_model(name)
    try:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils import logging
    except ImportError:
        raise MissingExtra(f"Models need torch and transformers; {how_to_install('train')}") from None
    try:
        tokenizer = AutoTokenizer.from_pretrained(name)
        logging.disable_progress_bar()  # of loading the weights: gone in a moment, and not ours
        model: Any = AutoModelForCausalLM.from_pretrained(name, dtype="auto")
    except (OSError, ValueError, KeyError) as error:
        why = str(error).strip().split("\n")[0].rstrip(".")
        raise UsageError(
            f"The model {name!r} cannot be loaded ({why}); check the path or name, and the network."
        ) from None
    where = device or ("cuda" if torch.cuda.is_available() else "cpu")
    return TransformersPolicy(model.to(where), tokenizer, **settings)


def _refuse_what_is_no_model(name: str) -> None:
    if Path(name).is_dir() and not any((Path(name) / one).is_file() for one in ("config.json", "adapter_config.json")):
        raise UsageError(f"{name} holds no model: there is no config.json; give a folder that save_pretrained wrote.")
    if Path(name).is_file():
        raise UsageError(
            f"{name} is a file, not the folder of a model; samples are read from files that end with .jsonl, .json "
            "or .parquet."
        )
    if re.match(r"[\w.-]+:\d+(?:/|$)", name):
        raise UsageError(f"{name} looks like the address of a server, which begins with http:// or https://.")


@contextmanager
def undisturbed(model: Any) -> Iterator[None]:
    """Put a model into evaluation mode, without gradients and their checkpointing; put all of it back afterwards.

    The states of all generators of random numbers are put back as well.
    """
    import torch

    gpus = {weight.device.index for weight in model.parameters() if weight.device.type == "cuda"}
    before = [
        (module, name, getattr(module, name))
        for module in model.modules()
        for name in ("training", "gradient_checkpointing")
        if name in vars(module)
    ]
    python, array = random.getstate(), np.random.get_state()  # noqa: NPY002 (the global one is meant)
    try:
        with torch.random.fork_rng(devices=gpus), torch.no_grad():
            model.eval()
            for module, name, _ in before:
                setattr(module, name, False)
            yield
    finally:
        random.setstate(python)
        np.random.set_state(array)  # noqa: NPY002
        for module, name, value in before:
            setattr(module, name, value)


@contextmanager
def _plain_generation(model: Any) -> Iterator[None]:
    """Switch to no generation settings but ours, and back.

    A model's own settings (a repetition penalty, top-p) would otherwise fill in for whatever is not said, and what is
    measured would not be the model's own distribution.
    """
    own = model.generation_config
    model.generation_config = type(own)()
    try:
        yield
    finally:
        model.generation_config = own
