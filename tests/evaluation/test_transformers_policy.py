"""Sampling from a model of transformers: in order, repeatable, and without a trace on the model or the random state."""

from __future__ import annotations

import random
import string
from pathlib import Path
from typing import Any

import pytest

from heldout.errors import UsageError
from heldout.evaluation.transformers import TransformersPolicy, load_policy

torch = pytest.importorskip("torch", reason="sampling needs torch, of the extra `train`")
transformers = pytest.importorskip("transformers", reason="sampling needs transformers, of the extra `train`")

CONTEXT = 64
PROMPTS = ["# 1 add 3\ndef f(x):\n", "a", "# 1 max 4\n# 2 neg\ndef f(x):\n", "bb"]


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from tokenizers.decoders import Fuse

    words = {token: place for place, token in enumerate(["<pad>", "<bos>", "<eos>", *string.printable[:97]])}
    characters = Tokenizer(models.BPE(vocab=words, merges=[]))
    characters.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    characters.decoder = Fuse()
    characters.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 1)])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=characters, pad_token="<pad>", bos_token="<bos>", eos_token="<eos>", padding_side="right"
    )


@pytest.fixture(scope="module")
def model() -> Any:
    torch.manual_seed(3)
    config = transformers.LlamaConfig(
        vocab_size=100,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        initializer_range=0.5,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    return transformers.LlamaForCausalLM(config)


def test_the_same_seed_gives_the_same_completions_and_another_seed_others(model: Any, tokenizer: Any) -> None:
    one = TransformersPolicy(model, tokenizer, seed=1, max_new_tokens=12)
    assert one.sample(PROMPTS, 3) == one.sample(PROMPTS, 3)
    assert one.sample(PROMPTS, 3) != TransformersPolicy(model, tokenizer, seed=2, max_new_tokens=12).sample(PROMPTS, 3)


def test_what_is_likeliest_does_not_depend_on_padding_order_or_batches(model: Any, tokenizer: Any) -> None:
    def greedy(prompts: list[str], batch: int) -> dict[str, str]:
        policy = TransformersPolicy(model, tokenizer, temperature=0, max_new_tokens=10, batch_size=batch)
        return {p: texts[0].text for p, texts in zip(prompts, policy.sample(prompts, 1), strict=True)}

    alone = {p: text for one in PROMPTS for p, text in greedy([one], 1).items()}
    assert len(set(alone.values())) > 1
    assert greedy(PROMPTS, 4) == alone
    assert greedy(PROMPTS[::-1], 3) == alone


def test_greedy_completions_are_the_argmax_of_the_model(model: Any, tokenizer: Any) -> None:
    policy = TransformersPolicy(model, tokenizer, temperature=0, max_new_tokens=8)
    ids = tokenizer(PROMPTS[0])["input_ids"]
    for _ in range(8):
        if ids[-1] == 2:
            break
        with torch.no_grad():
            ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
    expected = tokenizer.decode(ids[len(tokenizer(PROMPTS[0])["input_ids"]) :], skip_special_tokens=True)
    assert policy.sample(PROMPTS[:1], 1)[0][0].text == expected


def test_tokens_follow_the_model_s_own_distribution(model: Any, tokenizer: Any) -> None:
    policy = TransformersPolicy(model, tokenizer, max_new_tokens=1, batch_size=4000)
    with torch.no_grad():
        share = model(torch.tensor([tokenizer("a")["input_ids"]])).logits[0, -1].softmax(0)
    token = int(share[3:].argmax()) + 3
    drawn = [completion.text for completion in policy.sample(["a"], 4000)[0]]
    expected = float(share[token])
    error = (expected * (1 - expected) / 4000) ** 0.5
    assert abs(drawn.count(tokenizer.decode([token])) / 4000 - expected) < 5 * error


def test_rare_tokens_are_drawn_as_often_as_the_model_says(model: Any, tokenizer: Any) -> None:
    policy = TransformersPolicy(model, tokenizer, max_new_tokens=1, batch_size=4000)
    with torch.no_grad():
        share = model(torch.tensor([tokenizer("a")["input_ids"]])).logits[0, -1].softmax(0)
    rare = [token for token in share.argsort()[:50].tolist() if token > 2]  # those that a top-50 would never give
    drawn = [completion.text for completion in policy.sample(["a"], 4000)[0]]
    expected = float(share[rare].sum())
    counted = sum(drawn.count(tokenizer.decode([token])) for token in rare)
    assert abs(counted / 4000 - expected) < 5 * (expected * (1 - expected) / 4000) ** 0.5
    assert expected > 0.01  # else this would say nothing


def test_what_is_sampled_does_not_depend_on_padding_order_batches_or_the_prompts_beside_it(
    model: Any, tokenizer: Any
) -> None:
    def sampled(prompts: list[str], batch: int) -> dict[str, list[str]]:
        policy = TransformersPolicy(model, tokenizer, max_new_tokens=8, batch_size=batch)
        return {p: [one.text for one in texts] for p, texts in zip(prompts, policy.sample(prompts, 3), strict=True)}

    alone = {p: texts for one in PROMPTS for p, texts in sampled([one], 1).items()}
    assert len({text for texts in alone.values() for text in texts}) > 10  # samples and prompts differ
    assert sampled(PROMPTS, 12) == alone
    assert sampled(PROMPTS[::-1], 5) == alone


def test_a_prompt_that_comes_twice_gets_samples_of_its_own(model: Any, tokenizer: Any) -> None:
    policy = TransformersPolicy(model, tokenizer, max_new_tokens=8)
    first, second = policy.sample(["a", "a"], 2)
    assert [first + second] == policy.sample(["a"], 4)
    assert first != second


def test_only_the_likeliest_tokens_are_drawn_where_that_is_asked_for(model: Any, tokenizer: Any) -> None:
    with torch.no_grad():
        shares = model(torch.tensor([tokenizer("a")["input_ids"]])).logits[0, -1].softmax(0)
    best = shares.argsort(descending=True)[:5].tolist()
    for settings in ({"top_k": 5}, {"top_p": float(shares[best].sum()) - 1e-4}):
        policy = TransformersPolicy(model, tokenizer, max_new_tokens=1, **settings)
        drawn = [one.text for one in policy.sample(["a"], 1000)[0]]
        texts = [tokenizer.decode([token], skip_special_tokens=True) for token in best]
        assert set(drawn) == set(texts)
        expected = float(shares[best[0]] / shares[best].sum())
        assert abs(drawn.count(texts[0]) / 1000 - expected) < 5 * (expected * (1 - expected) / 1000) ** 0.5


def test_sixteen_shares_of_the_prompts_get_what_one_gets(model: Any, tokenizer: Any) -> None:
    prompts = [f"{letter}{place}" for letter in "abcd" for place in range(8)]
    policy = TransformersPolicy(model, tokenizer, max_new_tokens=2)
    whole = policy.sample(prompts, 1)
    for rank in range(16):
        assert policy.sample(prompts[rank::16], 1) == whole[rank::16]


def test_a_completion_may_fill_the_context_and_no_more(model: Any, tokenizer: Any) -> None:
    longest = max(len(tokenizer(prompt)["input_ids"]) for prompt in PROMPTS)
    written = TransformersPolicy(model, tokenizer).sample(PROMPTS, 20)
    assert max(one.tokens for several in written for one in several) == CONTEXT - longest
    TransformersPolicy(model, tokenizer, max_new_tokens=CONTEXT - longest).sample(PROMPTS, 1)
    with pytest.raises(UsageError, match="leaves no room"):
        TransformersPolicy(model, tokenizer, max_new_tokens=CONTEXT - longest + 1).sample(PROMPTS, 1)


def test_the_model_and_the_random_state_are_left_as_they_were(model: Any, tokenizer: Any) -> None:
    model.train()
    model.lm_head.eval()
    modes = [module.training for module in model.modules()]
    weights = [parameter.requires_grad for parameter in model.parameters()]
    state, own, side = torch.get_rng_state(), random.getstate(), tokenizer.padding_side
    TransformersPolicy(model, tokenizer, max_new_tokens=5).sample(PROMPTS, 2)
    assert [module.training for module in model.modules()] == modes
    assert [parameter.requires_grad for parameter in model.parameters()] == weights
    assert torch.equal(torch.get_rng_state(), state)
    assert random.getstate() == own
    assert tokenizer.padding_side == side
    loss = model(torch.tensor([[1, 5, 6]]), labels=torch.tensor([[1, 5, 6]])).loss
    loss.backward()  # the model can still be trained
    model.zero_grad()


def test_the_model_s_own_generation_settings_change_nothing_and_are_kept(model: Any, tokenizer: Any) -> None:
    policy = TransformersPolicy(model, tokenizer, max_new_tokens=10)
    plain, before = policy.sample(PROMPTS, 2), model.generation_config
    model.generation_config = own = transformers.GenerationConfig(
        repetition_penalty=9.0, top_k=1, top_p=0.1, min_p=0.5, temperature=0.1, do_sample=True, eos_token_id=[2]
    )
    try:
        assert policy.sample(PROMPTS, 2) == plain
        assert model.generation_config is own
    finally:
        model.generation_config = before


def test_a_completion_says_how_long_it_is_and_why_it_ended(model: Any, tokenizer: Any) -> None:
    completions = TransformersPolicy(model, tokenizer, max_new_tokens=20).sample(PROMPTS, 60)
    everything = [completion for several in completions for completion in several]
    assert {completion.stop for completion in everything} == {"eos", "length"}
    for completion in everything:
        assert 1 <= completion.tokens <= 20
        assert len(completion.text) <= completion.tokens
        assert completion.stop == "eos" or completion.tokens == 20
        assert not any(mark in completion.text for mark in ("<pad>", "<bos>", "<eos>"))


def test_a_completion_is_cut_before_the_first_stop_and_has_the_tokens_up_to_its_end(model: Any, tokenizer: Any) -> None:
    def sampled(**settings: Any) -> list[Any]:
        policy = TransformersPolicy(model, tokenizer, max_new_tokens=30, **settings)
        return [one for several in policy.sample(PROMPTS, 20) for one in several]

    free = sampled()
    long = [one.text for one in free if len(one.text) > 25]
    stops = [long[0][20:22], long[1][3:6], "Z"]
    seen = 0
    for before, after in zip(free, sampled(stop=stops), strict=True):
        ends = [(before.text.index(stop) + len(stop), len(stop)) for stop in stops if stop in before.text]
        if not ends:
            assert after == before
            continue
        seen += 1
        end, length = min(ends)
        assert (after.text, after.stop) == (before.text[: end - length], "stop")
        if len(before.text) == before.tokens - (before.stop == "eos"):  # else some tokens are no text
            assert after.tokens == end
        assert end <= after.tokens <= before.tokens
    assert 5 < seen < 75


def test_a_stop_that_begins_in_the_prompt_is_none(model: Any, tokenizer: Any) -> None:
    prompt = PROMPTS[1]
    free = TransformersPolicy(model, tokenizer, max_new_tokens=30).sample([prompt], 30)[0]
    first = next(one.text for one in free if len(one.text) > 20)
    stop = prompt[-1] + first[0]
    written = TransformersPolicy(model, tokenizer, max_new_tokens=30, stop=[stop]).sample([prompt], 30)[0]
    same = [after for before, after in zip(free, written, strict=True) if before.text == first]
    assert same[0].text == first if stop not in first else same == []


def test_no_more_is_sampled_once_every_row_has_stopped(model: Any, tokenizer: Any) -> None:
    steps: list[int] = []
    forward = model.forward

    def counted(*args: Any, **given: Any) -> Any:
        steps.append(1)
        return forward(*args, **given)

    try:
        model.forward = counted
        policy = TransformersPolicy(model, tokenizer, max_new_tokens=50, stop=[*string.printable[:97]])
        assert {one.text for one in policy.sample(["a"], 10)[0]} <= {"", "<pad>", "<bos>"}
    finally:
        del model.forward
    assert len(steps) < 40


def test_an_indent_at_the_start_is_kept_where_the_tokenizer_alone_would_drop_it(model: Any) -> None:
    from tokenizers import Tokenizer, decoders, models

    words = {token: place for place, token in enumerate(["<pad>", "<bos>", "<eos>", "▁", "a", ":", "\n"])}
    blanks = Tokenizer(models.BPE(vocab=words, merges=[]))
    blanks.decoder = decoders.Metaspace(prepend_scheme="always")
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=blanks, pad_token="<pad>", eos_token="<eos>")
    assert tokenizer.decode([3, 3, 4]) == " a"
    assert TransformersPolicy(model, tokenizer)._text([4, 5], [3, 3, 4]) == "  a"


def test_a_prompt_that_leaves_no_room_is_refused(model: Any, tokenizer: Any) -> None:
    with pytest.raises(UsageError, match=r"has 58 tokens and the model's context 64"):
        TransformersPolicy(model, tokenizer, max_new_tokens=7).sample(["x" * 57], 1)
    assert len(TransformersPolicy(model, tokenizer, max_new_tokens=6).sample(["x" * 57], 1)) == 1


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"temperature": -0.1}, "temperature is -0.1"),
        ({"max_new_tokens": 0}, "max_new_tokens is 0"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"chat": True}, "no chat template"),
        ({"stop": ["a", ""]}, "stop sequence is empty"),
    ],
)
def test_settings_outside_what_is_allowed_are_refused(
    model: Any, tokenizer: Any, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        TransformersPolicy(model, tokenizer, **settings)


def test_a_chat_template_is_applied_where_it_is_asked_for(model: Any, tokenizer: Any) -> None:
    class Seen(TransformersPolicy):
        def encoded(self, prompt: str) -> str:
            return str(self.tokenizer.decode(self._encode(prompt)))

    template, tokenizer.chat_template = (
        tokenizer.chat_template,
        "{% for m in messages %}<bos>[{{ m.content }}]{% endfor %}:",
    )
    try:
        assert Seen(model, tokenizer, chat=True).encoded("hi") == "<bos>[hi]:"
    finally:
        tokenizer.chat_template = template


def test_a_saved_model_samples_as_the_one_in_memory(model: Any, tokenizer: Any, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    loaded = load_policy(str(tmp_path), device="cpu", max_new_tokens=9)
    here = TransformersPolicy(model, tokenizer, max_new_tokens=9)
    assert loaded.sample(PROMPTS, 2) == here.sample(PROMPTS, 2)


def test_a_folder_without_a_model_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no config\.json"):
        load_policy(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UsageError, match="cannot be loaded") as told:
        load_policy(str(tmp_path))
    assert "\n" not in str(told.value)
