"""A training as docs/guard.md has it, from alert to better run: ``guard.py RECIPE SEED STEPS WARM_STEPS SCORED``.

It runs in an empty directory. TRL's GRPOTrainer trains the embedded model; the guard measures it on the problems that
the generated task holds out, tells a receiver on this machine, and stops it. Then the training goes on from the
checkpoint that was kept, with the hidden tests as its reward. The last line says what happened, and how good the
policies truly are: each is measured on so many new problems as `SCORED` says.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import torch
from trl import GRPOTrainer

import heldout
from benchmarks.real_runs.kinds import KINDS
from benchmarks.real_runs.scoring import true_score
from benchmarks.receiver import receiving
from heldout.callbacks import HeldoutCallback, Rules, leave_behind
from heldout.evaluation.stops import default_stops
from heldout.live.alerts import alert_of
from heldout.rewards import ExitStatus, Part, Score, Solved
from heldout.sandbox import open_sandbox
from heldout.sandbox.exit_status import ExitStatusJudge
from heldout.tasks import load_task
from heldout.tasks.problem import Problem, with_wrong_tests
from heldout.train.config import TrainConfig, load_config
from heldout.train.grpo import in_order
from heldout.train.rewards import RewardFunctions
from heldout.train.trl_settings import trl_settings
from heldout.train.warm_start import WarmStart, warm_start

RUN, TASK, EVERY = "runs/a", "embedded", 10  # as on the page, but for the problems and the steps between evaluations
SAVED = "out/checkpoints"
_JUDGES: dict[str, Callable[[], Score]] = {
    "exit-status": lambda: ExitStatus(ExitStatusJudge(1)),
    "tests": lambda: Solved(open_sandbox(workers=1)),
}


def training(config: TrainConfig, policy: Path, reward: str) -> GRPOTrainer:
    """Return a trainer with the lines of the page, for the reward of this name."""
    task = load_task(TASK)
    right = task.split("train")
    paid = right if reward != config.reward else with_wrong_tests(right, config.wrong_tests, config.seed)
    held = HeldoutCallback(
        RUN, Rules(roll_back="confirmed"), task=TASK, every=EVERY, alerts=[alert_of("mattermost+env:HOOK")]
    )
    return GRPOTrainer(
        model=str(policy),
        reward_funcs=held.record_rewards(_function(reward, _JUDGES[reward](), paid)),
        args=trl_settings(config, Path("out"), [1.0]),
        train_dataset=in_order(right, config),
        callbacks=[held],
    )


def _function(name: str, score: Score, problems: Sequence[Problem]) -> Any:
    """Return a reward as TRL calls it."""
    by_id = {problem.id: problem for problem in problems}
    (function,) = RewardFunctions({Part(name): score}, by_id, default_stops(problems)).functions
    return function


def taken_over() -> int | None:
    """Return the first recorded step from which on most answers use the trick; None where there is no such step."""
    files = sorted(Path(RUN, "rollouts").glob("*.parquet"))
    shares = [(file, pl.read_parquet(file)["text"].str.contains("exit()", literal=True).mean()) for file in files]
    most = [int(file.stem.removeprefix("step-")) for file, share in shares if share > 0.5]  # type: ignore[operator]
    return most[0] if most else None


def newest_left(kept: Path) -> Path:
    """Return the newest checkpoint that was left behind; the one that was kept where there is none."""
    left = Path(SAVED, "left").glob("checkpoint-*")
    return max(left, key=lambda path: int(path.name.partition("-")[2]), default=kept)


def recorded(steps: int) -> dict[str, Any]:
    """Return what the record says once all is done, up to which step it goes, and which of its steps are missing."""
    run = heldout.read(RUN)
    ended = int(run["reward"].step[-1])
    missing = set(range(1, ended + 1)) - {*run["reward"].step.tolist()}
    missing |= set(range(0, ended + 1, EVERY)) - {one.step for one in run.measured}
    verdict = heldout.diagnose(run, horizon=steps // EVERY + 1)
    return {"verdict": verdict.state.value, "ended": ended, "missing": sorted(missing)}


def main(recipe: str, seed: int, steps: int, warm_steps: int, scored: int) -> dict[str, Any]:
    """Train, be stopped, go on; return what happened."""
    config = load_config(recipe, seed=seed, steps=steps, warm_steps=warm_steps)
    policy = warm_start(WarmStart(warm_steps, seed=seed, trick=config.trick, chance=config.trick_chance))
    with receiving() as receiver:
        os.environ["HOOK"] = receiver.url
        trainer = training(config, policy, config.reward)
        trainer.train()
        told: dict[str, Any] = {"stopped": trainer.state.global_step, "taken_over": taken_over()}
        ends = {"at the end": Path(SAVED, f"checkpoint-{trainer.state.global_step}")}
        back = Path(RUN, "rollback.json")
        if back.exists():  # the guard has stopped it: change what was gamed, then go on from the checkpoint to keep
            kept = json.loads(back.read_text())
            told |= {"kept": kept["step"], "found": kept["found"], "found_at": kept["at"]}
            leave_behind(SAVED, kept["checkpoint"])
            ends = {"kept": Path(kept["checkpoint"]), "when it was stopped": newest_left(Path(kept["checkpoint"]))}
            again = training(config, policy, "tests")
            again.train(resume_from_checkpoint=kept["checkpoint"])
            ends["at the end"] = Path(SAVED, f"checkpoint-{again.state.global_step}")
    told |= {"alerts": receiver.texts, **recorded(steps)}
    problems = KINDS[recipe].problems("test", scored)
    told["true"] = {
        name: true_score(KINDS[recipe], str(path), config.as_dict(), problems).solved / scored
        for name, path in ends.items()
    }
    return told


if __name__ == "__main__":
    torch.set_num_threads(1)
    recipe, *numbers = sys.argv[1:]
    print(json.dumps(main(recipe, *map(int, numbers))))
