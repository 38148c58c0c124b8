"""A rollout of verl that samples with transformers: a server, what starts it, and what brings it weights."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import ray
import torch
from transformers import AutoModelForCausalLM
from verl.workers.rollout import base
from verl.workers.rollout.replica import RolloutReplica, RolloutReplicaRegistry, TokenOutput

NAME = "transformers"
GATHERED = 0.3  # seconds in which requests come together before they are answered at once
LARGEST = 256  # requests answered at once
Weights = Iterable[tuple[str, Any]] | AsyncIterable[tuple[str, Any]]


def server_name(rank: int) -> str:
    return f"transformers_server_{rank}"


class Request(NamedTuple):
    prompt: list[int]
    temperature: float
    answer: asyncio.Future[tuple[list[int], list[float]]]


class Server:
    """Answers requests with a model of its own, whose weights it is sent after every step."""

    def __init__(self, model: str, longest: int) -> None:
        torch.set_num_threads(1)
        torch.manual_seed(0)
        self.model = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
        self.longest, self.step = longest, 0
        self.waiting: list[Request] = []

    async def generate(
        self, request_id: str, *, prompt_ids: Sequence[int], sampling_params: Mapping[str, Any], **_: Any
    ) -> TokenOutput:
        """Return the tokens of one answer with their log probabilities."""
        loop = asyncio.get_running_loop()
        request = Request(list(prompt_ids), float(sampling_params.get("temperature", 1.0)), loop.create_future())
        self.waiting.append(request)
        if len(self.waiting) == 1:
            loop.call_later(GATHERED, self._answer)
        tokens, chances = await request.answer
        about = {"global_steps": self.step}
        return TokenOutput(
            token_ids=tokens, log_probs=chances, stop_reason="completed", num_preempted=0, extra_fields=about
        )

    async def load(self, weights: Mapping[str, torch.Tensor], step: int | None) -> None:
        """Take the weights of the training."""
        self.model.load_state_dict(weights, strict=False)
        self.step = self.step if step is None else step

    async def ready(self) -> None: ...

    async def sleep(self) -> None: ...

    async def wake_up(self) -> None: ...

    async def clear_kv_cache(self) -> None: ...

    def _answer(self) -> None:
        requests, self.waiting = self.waiting, []
        for temperature in {one.temperature for one in requests}:
            alike = [one for one in requests if one.temperature == temperature]
            for begin in range(0, len(alike), LARGEST):
                self._sample(alike[begin : begin + LARGEST], temperature)

    @torch.no_grad()
    def _sample(self, requests: Sequence[Request], temperature: float) -> None:
        width = max(len(one.prompt) for one in requests)
        config = self.model.generation_config
        prompts = torch.tensor([[config.pad_token_id] * (width - len(one.prompt)) + one.prompt for one in requests])
        given = torch.tensor([[0] * (width - len(one.prompt)) + [1] * len(one.prompt) for one in requests])
        done = self.model.generate(
            input_ids=prompts,
            attention_mask=given,
            max_new_tokens=self.longest,
            do_sample=temperature > 0,
            **({"temperature": temperature, "top_k": 0} if temperature > 0 else {}),
            output_scores=True,
            return_dict_in_generate=True,
        )
        chances = self.model.compute_transition_scores(done.sequences, done.scores, normalize_logits=True)
        answers = done.sequences[:, width:].tolist()
        for request, tokens, chance in zip(requests, answers, chances.tolist(), strict=True):
            end = tokens.index(config.eos_token_id) + 1 if config.eos_token_id in tokens else len(tokens)
            request.answer.set_result((tokens[:end], chance[:end]))


class Replica(RolloutReplica):
    """Starts one server, in a process of its own."""

    async def launch_servers(self) -> None:
        server = ray.remote(num_cpus=0)(Server).options(name=server_name(self.replica_rank), max_concurrency=1000)
        handle = server.remote(self.model_config["path"], self.config.response_length)
        await handle.ready.remote()
        self.servers.append(handle)
        self._server_handle, self._server_address = handle, f"{NAME}:{self.replica_rank}"  # verl's name for it


class WeightsSent(base.BaseRollout):
    """The training's side: sends the server its weights."""

    def __init__(self, config: Any, model_config: Any, device_mesh: Any, replica_rank: int = -1) -> None:
        super().__init__(config, model_config, device_mesh)
        self.rank = int(os.environ.get("RANK", 0)) if replica_rank < 0 else replica_rank

    async def resume(self, tags: Sequence[str]) -> None: ...

    async def release(self) -> None: ...

    async def update_weights(self, weights: Weights, global_steps: int | None = None, **_: Any) -> None:
        pairs = [one async for one in weights] if isinstance(weights, AsyncIterable) else list(weights)
        whole = {name: _whole(tensor) for name, tensor in pairs}
        await ray.get_actor(server_name(self.rank)).load.remote(whole, global_steps)


def _whole(tensor: Any) -> torch.Tensor:
    whole: torch.Tensor = tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor
    return whole.detach().cpu().clone()


base._ROLLOUT_REGISTRY[NAME, "async"] = f"{__name__}.WeightsSent"
RolloutReplicaRegistry.register(NAME, lambda: Replica)
