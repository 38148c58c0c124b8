"""The engine with which a trainer of TRL samples, vLLM beside or within its processes, as a policy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from heldout.evaluation.score import Completion
from heldout.evaluation.stops import checked_stops, cut_at


class EnginePolicy:
    """Samples from the weights of a training with the trainer's own engine, by the trainer's own settings.

    Parameters
    ----------
    trainer
        One of TRL with ``use_vllm=True``: it has the engine, ``vllm_generation``, and the number of the step whose
        weights that holds.
    tokenizer
        Turns what is written into text.
    encode
        How a prompt becomes tokens.
    stop
        Texts at which a completion is cut.
    seed
        Of the sampling, where the engine draws in this process; one in a server draws on, as its own state has it.

    Notes
    -----
    What is promised: the settings of the training (temperature, top-p, top-k, longest length), the weights of the step,
    and a training that goes on as if nothing had been sampled, where the engine is within its process.
    """

    def __init__(
        self,
        trainer: Any,
        tokenizer: Any,
        encode: Callable[[str], Sequence[int]],
        stop: Sequence[str] = (),
        seed: int = 0,
    ) -> None:
        self.trainer, self.tokenizer, self.encode = trainer, tokenizer, encode
        self.stop, self.seed = checked_stops(stop), seed

    def sample(self, prompts: Sequence[str], samples: int) -> list[list[Completion]]:
        """Return `samples` completions for each prompt, in the order of the prompts; in every process alike many."""
        import torch

        engine, step = self.trainer.vllm_generation, self.trainer.state.global_step
        if self.trainer._last_loaded_step != step:  # TRL's own mark; it does not send them again then
            engine.sync_weights()
            self.trainer._last_loaded_step = step
        asked = [list(self.encode(prompt)) for prompt in prompts for _ in range(samples)]
        torch.manual_seed(self.seed + int(self.trainer.accelerator.process_index))  # put back by who measures
        _, written, *_ = engine.generate(prompts=asked, images=None, num_generations=samples)
        found = [self._completion(list(tokens), engine.max_completion_length) for tokens in written]
        return [found[place * samples : (place + 1) * samples] for place in range(len(prompts))]

    def _completion(self, tokens: list[int], longest: int) -> Completion:
        text = str(self.tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False))
        cut = cut_at(text, self.stop)
        if cut != text:
            return Completion(cut, len(tokens), "stop")
        ended = bool(tokens) and tokens[-1] in self._ends()
        return Completion(text, len(tokens), "length" if len(tokens) >= longest and not ended else "eos")

    def _ends(self) -> set[int]:
        own = getattr(getattr(self.trainer.model, "generation_config", None), "eos_token_id", None)
        ends = own if isinstance(own, list) else [own]
        return {end for end in [*ends, self.tokenizer.eos_token_id] if end is not None}
