"""A model in vLLM's engine, in this process, as a policy: for GPUs, where it samples far faster than transformers.

A model that is spread over several GPUs, or needs other settings of the engine, is served with ``vllm serve`` and
measured at its address.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from heldout.errors import MissingExtra, UsageError
from heldout.evaluation.score import Completion
from heldout.evaluation.seeds import seed_of, wanted
from heldout.evaluation.stops import checked_stops, cut_at
from heldout.evaluation.transformers import LONGEST


class VllmPolicy:
    """Samples from a model that vLLM has loaded; the settings are those of `TransformersPolicy`.

    Each sample has a seed of its own, told by `seed`, its prompt and its number. A seed promises the same samples only
    as far as vLLM does: not for other batches.

    Raises
    ------
    MissingExtra
        When vLLM is not installed.
    UsageError
        When the model cannot be loaded, or a setting is outside what is allowed.
    """

    def __init__(
        self,
        name: str,
        *,
        temperature: float = 1.0,
        top_p: float = 1.0,
        top_k: int = 0,
        max_new_tokens: int | None = None,
        seed: int = 0,
        chat: bool = False,
        stop: Sequence[str] = (),
    ) -> None:
        try:
            from vllm import LLM, SamplingParams
        except ImportError:
            raise MissingExtra(
                "The engine vllm is not installed; on a machine with a GPU run: pip install vllm"
            ) from None
        self.chat, self.stop, self.seed = chat, checked_stops(stop), seed
        try:
            self._sampling = SamplingParams(
                temperature=temperature,
                top_p=top_p,
                top_k=top_k,
                min_p=0.0,
                repetition_penalty=1.0,
                max_tokens=max_new_tokens or LONGEST,
                stop=list(self.stop),
            )
            self.engine: Any = LLM(model=name, seed=seed)
        except (ValueError, OSError, RuntimeError) as error:
            why = str(error).strip().split("\n")[0].rstrip(".")
            raise UsageError(f"vLLM cannot load {name!r} with these settings ({why}).") from None

    def sample(self, prompts: Sequence[str], samples: int) -> list[list[Completion]]:
        """Return `samples` completions for each prompt, in the order of the prompts."""
        jobs = wanted(prompts, samples)
        settings = [self._seeded(prompts[one.place], one.number) for one in jobs]
        if self.chat:
            talks = [[{"role": "user", "content": prompts[one.place]}] for one in jobs]
            answers = self.engine.chat(talks, settings, use_tqdm=False)
        else:
            answers = self.engine.generate([prompts[one.place] for one in jobs], settings, use_tqdm=False)
        found: list[list[Completion]] = [[] for _ in prompts]
        for one, answer in zip(jobs, answers, strict=True):
            found[one.place].append(self._completion(answer.outputs[0]))
        return found

    def _seeded(self, prompt: str, number: int) -> Any:
        settings = self._sampling.clone()
        settings.seed = seed_of(self.seed, prompt, number)
        return settings

    def _completion(self, written: Any) -> Completion:
        text = cut_at(written.text, self.stop)
        stopped = isinstance(written.stop_reason, str) or text != written.text
        stop = "stop" if stopped else "eos" if written.finish_reason == "stop" else str(written.finish_reason)
        return Completion(text, len(written.token_ids), stop)
