"""A policy whose weights two processes share, measured on so many held-out problems; a script for torchrun."""

from __future__ import annotations

import os
import sys


def main(folder: str, counts: list[int]) -> None:
    from accelerate import PartialState
    from torch.distributed.fsdp import fully_shard
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from heldout.evaluation.during import Evaluator
    from heldout.evaluation.transformers import TransformersPolicy
    from heldout.sandbox import open_sandbox
    from heldout.tasks import load_task

    state = PartialState(cpu=True)
    tokenizer = AutoTokenizer.from_pretrained(f"{folder}/model")
    model = AutoModelForCausalLM.from_pretrained(f"{folder}/model")
    for layer in model.model.layers:
        fully_shard(layer)
    fully_shard(model)
    problems = load_task(f"{folder}/task.jsonl").split("validation")
    with open_sandbox("monty", workers=1) as sandbox:
        for count in counts:
            evaluator = Evaluator(
                problems[:count],
                lambda model: TransformersPolicy(model, tokenizer, max_new_tokens=20, batch_size=3),
                sandbox,
                lambda said: None,
                samples=3,
                steps=1,
            )
            found = evaluator(model, 0)
            if state.is_main_process:
                outcomes = dict(sorted(zip(found["problems"], found["passed"], strict=True)))
                print(outcomes, round(found["mean_length"], 3), flush=True)
    state.destroy_process_group()
    # At the end of Python a thread of gloo that still lets go of its last tensor aborts or never ends (torch 2.13).
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], [int(word) for word in sys.argv[2:]])
