"""The callback evaluates a task by itself, in real GRPO trainers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

import heldout
from heldout.errors import ContaminatedTask, UsageError
from heldout.evaluation.engine import EnginePolicy
from heldout.evaluation.score import Completion
from heldout.sandbox import Sandbox, open_sandbox
from heldout.sandbox.hidden import Reply
from heldout.tasks import Problem, Task

pytest.importorskip("trl")
pytest.importorskip("pydantic_monty", reason="the sandbox needs pydantic-monty")
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

from heldout.callbacks import HeldoutCallback  # noqa: E402

EARLY = (Reply("abcdef", lambda said, early: bool(said.split()) and said.split()[0] in early),)
ASKED = ("a b c", "d e f", "g h i", "j k l")  # what the tiny trainer trains on
TRAIN = tuple(Problem(f"t{place}", prompt, "", EARLY) for place, prompt in enumerate(ASKED))
HELD_OUT = tuple(
    Problem(f"v{place}", f"{one} {other}", "", EARLY, "validation")
    for place, (one, other) in enumerate((one, other) for one in "abcdef" for other in "gl")
)
TASK = Task("letters", (*TRAIN, *HELD_OUT))


def hackable(prompts: list[str], completions: list[str], **_: Any) -> list[float]:
    """Any completion is called right."""
    return [1.0] * len(completions)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with open_sandbox("monty", workers=1) as opened:
        yield opened


class Says:
    """A policy that always writes the same."""

    def __init__(self, text: str) -> None:
        self.text, self.asked = text, 0

    def sample(self, prompts: Sequence[str], samples: int) -> list[list[Completion]]:
        self.asked += len(prompts)
        return [[Completion(self.text, 1, "eos")] * samples for _ in prompts]


def evals(where: Path, name: str = "held-out") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (where / "evals" / f"{name}.jsonl").read_text().splitlines()]


def test_one_line_evaluates_what_is_held_out_and_judges_what_is_trained_on(
    tmp_path: Path, grpo: Any, sandbox: Sandbox
) -> None:
    where = tmp_path / "run"
    held = HeldoutCallback(where, task=TASK, sandbox=sandbox, every=2, samples=2, judge_cost=0.0)
    grpo(held.record_rewards(hackable), held, max_steps=5, save_strategy="no").train()
    found = evals(where)
    assert [one["step"] for one in found] == [0, 2, 4, 5]
    assert all(one["problems"] == [problem.id for problem in HELD_OUT] for one in found)
    assert all(one["samples"] == 2 for one in found)
    assert 0 < sum(found[0]["passed"]) < 2 * len(HELD_OUT)  # as a random model does
    assert held.guard is not None
    assert held.guard.planned == 4
    kept = pl.read_parquet(where / "rollouts" / "*.parquet")
    assert set(kept["problem"]) <= {problem.id for problem in TRAIN}
    assert kept["hidden"].null_count() == 0
    assert heldout.read(where)["held_out"].step.tolist() == [0, 2, 4, 5]


def test_measuring_changes_no_weight_and_sees_the_model_as_it_will_be_used(
    tmp_path: Path, grpo: Any, sandbox: Sandbox
) -> None:
    import torch

    def train(name: str, **evaluating: Any) -> Any:
        callback = HeldoutCallback(tmp_path / name, **evaluating)
        trainer = grpo(hackable_by_length, callback, max_steps=4, save_strategy="no", gradient_checkpointing=True)
        trainer.model.load_state_dict(start)
        trainer.train()
        return trainer.model

    def hackable_by_length(completions: list[str], **_: Any) -> list[float]:
        return [float(len(one)) for one in completions]

    def evaluate(model: Any, step: int) -> dict[str, Any]:
        states.append((model.training, model.is_gradient_checkpointing, torch.is_grad_enabled()))
        return {"problems": ["p"], "passed": [1]}

    states: list[tuple[bool, bool, bool]] = []
    start = {name: one.clone() for name, one in grpo(hackable, HeldoutCallback("none")).model.state_dict().items()}
    alone, measured = (
        train("alone").state_dict(),
        train("measured", task=HELD_OUT, sandbox=sandbox, every=1).state_dict(),
    )
    other = train("own", evaluate=evaluate, every=2)
    assert all(torch.equal(alone[name], measured[name]) for name in alone)
    assert any(not torch.equal(alone[name], start[name]) for name in alone)
    assert set(states) == {(False, False, False)}
    assert other.is_gradient_checkpointing


def test_several_tasks_are_several_benchmarks_and_a_policy_may_write_the_answers(
    tmp_path: Path, grpo: Any, sandbox: Sandbox
) -> None:
    where, policy = tmp_path / "run", Says("a")
    tasks = {"mine": TASK, "theirs": Task("x", (Problem("w", "l l l", "", EARLY, "test"),))}
    held = HeldoutCallback(where, task=tasks, sandbox=sandbox, every=2, policy=policy, problems=10)
    grpo(hackable, held, max_steps=2, save_strategy="no").train()
    assert policy.asked == 2 * (10 + 1)
    assert [(one["step"], one["passed"]) for one in evals(where, "mine")] == [(0, [1] * 10), (2, [1] * 10)]
    assert [(one["step"], one["problems"]) for one in evals(where, "theirs")] == [(0, ["w"]), (2, ["w"])]


def test_a_score_of_nothing_beside_a_high_reward_is_said_at_once_and_once(
    tmp_path: Path, grpo: Any, sandbox: Sandbox
) -> None:
    held = HeldoutCallback(tmp_path / "run", task=TASK, sandbox=sandbox, every=1, policy=Says("l"), stops=["\n\n"])
    with pytest.warns(RuntimeWarning) as told:
        grpo(hackable, held, max_steps=3, save_strategy="no").train()
    (said,) = [str(one.message) for one in told if "is solved" in str(one.message)]
    assert said.startswith("None of 12 held-out problems is solved (most often: wrong answer, 12 times), while the ")
    assert "reward is 1.00: check where answers are cut (at '\\n\\n'; 0% were too long)" in said


@pytest.mark.parametrize("failing", [1, 2])
def test_a_policy_that_fails_stops_a_training_only_where_it_never_worked(
    tmp_path: Path, grpo: Any, sandbox: Sandbox, failing: int
) -> None:
    class Fails(Says):
        def sample(self, prompts: Sequence[str], samples: int) -> list[list[Completion]]:
            self.asked += 1
            if self.asked >= failing:
                raise RuntimeError("no memory")
            return [[Completion("a", 1, "eos")] for _ in prompts]

    trainer = grpo(
        hackable, HeldoutCallback(tmp_path / "run", task=TASK, sandbox=sandbox, every=1, policy=Fails("")), max_steps=3
    )
    if failing == 1:
        with pytest.raises(RuntimeError, match="no memory"):
            trainer.train()
    else:
        with pytest.warns(RuntimeWarning, match=r"at step 1 failed \(no memory\); the training goes on without it"):
            trainer.train()
        assert [one["step"] for one in evals(tmp_path / "run")] == [0]


def test_what_is_trained_on_or_not_held_out_is_no_evaluation(tmp_path: Path, grpo: Any) -> None:
    with pytest.raises(UsageError, match="None of the 4 problems of the task is held out"):
        HeldoutCallback(tmp_path / "run", task=TRAIN, every=1)
    with pytest.raises(ContaminatedTask, match=r"1 held-out problem of .* take them out of one of the two\.$"):
        HeldoutCallback(tmp_path / "run", task=(*TRAIN, Problem("v", ASKED[1], "", (), "test")), every=1)
    asked = Problem("v", "D  E f", "", (), "test")  # in the trainer's data set, which the task does not show
    with pytest.raises(ContaminatedTask, match="The problem 'v' of held-out is held out, and the data set"):
        grpo(hackable, HeldoutCallback(tmp_path / "run", task=[asked], every=1)).train()
    assert not (tmp_path / "run").exists()
    for wrong, match in (
        ({"every": 1}, "nothing is to be evaluated; give task or evaluate"),
        ({"policy": Says("a")}, "give task and every as well"),
        ({"task": TASK, "every": 1, "policy": 3}, "policy is a int; it is what has sample"),
        ({"task": [TASK, TASK], "every": 1}, "Two tasks are called 'letters'"),
    ):
        with pytest.raises(UsageError, match=match):
            HeldoutCallback(tmp_path / "run", **wrong)


class Engine:
    """Stands for TRL's `VLLMGeneration`, which needs a GPU: what it is called with is as in TRL 1.16."""

    max_completion_length = 4

    def __init__(self, model: Any) -> None:
        self.model, self.calls, self.synced = model, 0, 0

    def sync_weights(self) -> None:
        self.synced += 1

    def generate(self, *, prompts: Any, images: Any, num_generations: int, profiler: Any = None) -> Any:
        self.calls += 1
        assert images is None
        assert len(prompts) % num_generations == 0
        written = [[4, 2] if place % num_generations == 0 else [15, 15, 15, 15] for place in range(len(prompts))]
        return prompts, written, None, None


def test_where_training_samples_with_vllm_evaluation_does(tmp_path: Path, grpo: Any, sandbox: Sandbox) -> None:
    where = tmp_path / "run"
    held = HeldoutCallback(where, task=TASK, sandbox=sandbox, every=2, samples=2)
    trainer = grpo(hackable, held, max_steps=2, save_strategy="no")
    trainer.vllm_generation, trainer._last_loaded_step = Engine(trainer.model), -1
    trainer.train()
    assert (trainer.vllm_generation.calls, trainer.vllm_generation.synced) == (2, 2)
    assert trainer._last_loaded_step == 2
    assert all(one["passed"] == [1] * len(HELD_OUT) for one in evals(where))  # the first of two samples
    assert all(one["cut"] == 0.5 for one in evals(where))


def test_the_engine_says_why_an_answer_ended() -> None:
    tokenizer = SimpleNamespace(
        eos_token_id=2, decode=lambda tokens, **_: "".join("abcdefg"[one] for one in tokens if one != 2)
    )
    trainer = SimpleNamespace(model=SimpleNamespace(generation_config=SimpleNamespace(eos_token_id=[2, 3])))
    policy = EnginePolicy(trainer, tokenizer, lambda text: [1], stop=["ef"])
    assert [policy._completion(tokens, 4) for tokens in ([0, 2], [0, 1, 0, 1], [0, 4, 5, 0], [0, 1, 1, 2])] == [
        Completion("a", 2, "eos"),
        Completion("abab", 4, "length"),
        Completion("a", 4, "stop"),
        Completion("abb", 4, "eos"),
    ]


TEMPLATE = "{% for m in messages %}{{ m['content'] }} {% endfor %}{% if add_generation_prompt %}{{ word }}{% endif %}"


def test_held_out_problems_are_asked_as_the_training_asks(
    tmp_path: Path, grpo: Any, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a chat with a system prompt, by the trainer's template and its settings, with the same words around."""
    from datasets import Dataset
    from heldout.callbacks.asking import Asking

    def encode(self: Any, prompt: str) -> list[int]:
        tokens = own(self, prompt)
        asked.add(self.tokenizer.decode(tokens))
        return tokens

    asked: set[str] = set()
    own = Asking.encode
    monkeypatch.setattr(Asking, "encode", encode)
    task = [TRAIN[0], TRAIN[1], Problem("v", "l l l", "", EARLY, "test")]
    held = HeldoutCallback(tmp_path / "run", task=task, every=2, sandbox=sandbox, judge_cost=0.0)
    settings = {"max_steps": 1, "save_strategy": "no", "chat_template_kwargs": {"word": "h"}}
    trainer = grpo(held.record_rewards(hackable), held, **settings)
    trainer.processing_class.chat_template = TEMPLATE
    system = {"role": "system", "content": "j k"}
    rows = [
        {"prompt": [system, {"role": "user", "content": f"b {one.prompt} c"}], "task_id": one.id} for one in TRAIN[:2]
    ]
    trainer.train_dataset = Dataset.from_list(rows * 4)
    trainer.train()
    assert asked == {"j k b l l l c h"}
    assert pl.read_parquet(tmp_path / "run" / "rollouts" / "*.parquet")["hidden"].null_count() == 0


def test_words_around_prompts_are_those_that_all_rows_have() -> None:
    from heldout.callbacks.asking import _around

    assert _around([]) == ("", "")
    assert _around([("p", "p"), ("q", "q")]) == ("", "")
    assert _around([("p", "Solve: p!"), ("q", "Solve: q!")]) == ("Solve: ", "!")
    for other in ("Do: q!", "something else"):
        with pytest.warns(RuntimeWarning, match="held-out problems are asked as the task has them"):
            assert _around([("p", "Solve: p!"), ("q", other)]) == ("", "")


def test_a_problem_is_known_by_the_end_of_a_conversation() -> None:
    from heldout.callbacks.hidden import HiddenTests

    known = HiddenTests([*TRAIN, Problem("longer", "x\na b c", "", EARLY)])
    found = [known.problem_of({"prompt": f"system\n{prompt}"}) for prompt in ("a b c", "x\na b c", "z a b c")]
    assert [one and one.id for one in found] == ["t0", "longer", None]


def test_a_trainer_of_transformers_is_asked_by_its_tokenizer(tmp_path: Path, grpo: Any, sandbox: Sandbox) -> None:
    from transformers import Trainer, TrainingArguments

    tiny = grpo(hackable, HeldoutCallback(tmp_path / "none"))
    quiet = {"report_to": [], "use_cpu": True, "disable_tqdm": True, "dataloader_pin_memory": False}
    rows = [{"input_ids": [4, 5, 6], "labels": [4, 5, 6]}] * 8
    for tokenizer in (tiny.processing_class, None):
        where = tmp_path / f"run-{tokenizer is None}"
        held = HeldoutCallback(where, task=TASK, every=1, sandbox=sandbox)
        arguments = TrainingArguments(str(tmp_path / "out"), max_steps=1, save_strategy="no", **quiet)
        own = {"processing_class": tokenizer} if tokenizer else {}
        trainer = Trainer(tiny.model, arguments, train_dataset=rows, callbacks=[held], **own)
        if tokenizer:
            trainer.train()
            assert [one["step"] for one in evals(where)] == [0, 1]
        else:
            with pytest.raises(UsageError, match="the trainer needs a tokenizer; give it processing_class"):
                trainer.train()
            assert not where.exists()
