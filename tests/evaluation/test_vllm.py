"""The engine vLLM, of which a stand-in takes the requests: each sample is one, with a seed of its own."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from heldout.evaluation.vllm import VllmPolicy


class Settings(SimpleNamespace):
    """What vLLM calls SamplingParams."""

    def clone(self) -> Settings:
        return Settings(**vars(self))


class Engine:
    """Answers with the prompt and the seed that it was given."""

    def __init__(self, model: str, seed: int) -> None:
        self.asked: list[tuple[str, int]] = []

    def generate(self, prompts: Sequence[str], settings: Sequence[Settings], use_tqdm: bool) -> list[Any]:
        pairs = [(prompt, one.seed) for prompt, one in zip(prompts, settings, strict=True)]
        self.asked += pairs
        outputs = [
            SimpleNamespace(text=f"{prompt} {seed}", token_ids=[1, 2], stop_reason=None, finish_reason="length")
            for prompt, seed in pairs
        ]
        return [SimpleNamespace(outputs=[one]) for one in outputs]


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("vllm")
    module.LLM, module.SamplingParams = Engine, Settings  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "vllm", module)


def test_every_sample_is_a_request_with_a_seed_of_its_own_that_no_other_prompt_changes() -> None:
    found = VllmPolicy("m", seed=3).sample(["a", "b"], 2)
    texts = [one.text for several in found for one in several]
    assert [text[0] for text in texts] == ["a", "a", "b", "b"]
    assert len(set(texts)) == 4
    assert VllmPolicy("m", seed=3).sample(["b"], 2) == found[1:]
    assert VllmPolicy("m", seed=4).sample(["b"], 2) != found[1:]
    assert found[0][0].stop == "length"
