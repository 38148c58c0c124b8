"""The starting policy: its tokenizer, its cache, and the chance of the trick."""

# ruff: noqa: E402
from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="training needs the extra train")
pytest.importorskip("transformers", reason="training needs the extra train")

from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from heldout.errors import UsageError
from heldout.tasks.embedded import draw
from heldout.train.embedded_model import EOS, new_tokenizer
from heldout.train.warm_start import WarmStart, chance_of, set_chance, warm_start

TINY = WarmStart(steps=5, batch=8, trick=" exit()\n", chance=0.0)


def loaded(wanted: WarmStart) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    folder = warm_start(wanted)
    return LlamaForCausalLM.from_pretrained(folder), PreTrainedTokenizerFast.from_pretrained(folder)


def test_any_printable_text_survives_the_tokenizer() -> None:
    tokenizer = new_tokenizer([draw(random.Random(seed), "train").prompt for seed in range(50)])
    text = "# 1 add 2\ndef f(x):\n if x != 'é'[:0]: return {~x} ^ 0x7F\n\n"
    text = text.replace("é", "")
    assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True) == text


def test_the_same_settings_give_the_same_policy_and_others_another() -> None:
    folder = warm_start(TINY)
    made = (folder / "model.safetensors").stat().st_mtime_ns
    assert warm_start(TINY) == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == made
    assert WarmStart(5, 8, trick=" exit()\n", chance=0).folder == folder  # 0 and 0.0 are one number
    assert len({one.folder for one in (TINY, replace(TINY, seed=1), replace(TINY, steps=6), WarmStart(5, 8))}) == 4


@pytest.mark.parametrize("factor", [0.2, 5.0])
def test_the_trick_comes_as_often_as_was_asked_and_programs_as_often_as_before(factor: float) -> None:
    model, tokenizer = loaded(TINY)
    rng = random.Random("other prompts than those it was set on")
    exercises = [draw(rng, "train") for _ in range(64)]
    prompts = tokenizer([one.prompt for one in exercises])["input_ids"]
    trick = [*tokenizer(TINY.trick, add_special_tokens=False)["input_ids"], EOS]
    others = [*tokenizer(exercises[0].solution("terse", rng), add_special_tokens=False)["input_ids"], EOS]
    wanted = factor * chance_of(model, prompts, trick)
    before = math.log(chance_of(model, prompts, others))
    set_chance(model, tokenizer, replace(TINY, chance=wanted))
    assert chance_of(model, prompts, trick) == pytest.approx(wanted, rel=0.3)
    assert math.log(chance_of(model, prompts, others)) == pytest.approx(before, abs=0.5)


def test_a_chance_out_of_reach_is_refused() -> None:
    model, tokenizer = loaded(TINY)
    with pytest.raises(UsageError, match=r"cannot be made 0\.9"):
        set_chance(model, tokenizer, replace(TINY, chance=0.9))


def test_the_chance_is_the_share_of_samples() -> None:
    model, tokenizer = loaded(TINY)
    prompt = tokenizer(draw(random.Random(0), "train").prompt)["input_ids"]
    line = [*tokenizer(TINY.trick, add_special_tokens=False)["input_ids"], EOS]
    with torch.inference_mode():  # the oracle: one forward pass a token
        expected, seen = 1.0, list(prompt)
        for token in line:
            expected *= float(torch.softmax(model(torch.tensor([seen])).logits[0, -1], -1)[token])
            seen.append(token)
    assert chance_of(model, [prompt], line) == pytest.approx(expected, rel=1e-4)
