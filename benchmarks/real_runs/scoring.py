"""How good is each checkpoint really? Measured on problems that neither training nor its evaluations ever had."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from benchmarks.real_runs.kinds import Kind
from heldout.stats.arrays import BoolArray
from heldout.store.layout import RUN
from heldout.store.lines import read_rows
from heldout.tasks.problem import Problem

PROBLEMS = 2048  # the standard error of a rate is about one point
SCORES = "true-scores.jsonl"  # of a run's directory
COARSE = 40  # steps between checkpoints that are scored first


@dataclass(frozen=True, slots=True)
class TrueScore:
    """One checkpoint on the new problems."""

    step: int
    solved: int
    trick: int | None  # answers that do what the reward pays for beside the task; None where there is no such thing
    length: float  # tokens of an answer
    outcomes: str  # a bit a problem, in hexadecimal digits: the same problems in the same order at every step

    @property
    def passed(self) -> BoolArray:
        """Whether each problem was solved, shape (`PROBLEMS`,)."""
        return np.unpackbits(np.frombuffer(bytes.fromhex(self.outcomes), np.uint8)).astype(bool)


def scores_of(directory: Path) -> list[TrueScore]:
    """Return what was measured so far, in order of steps."""
    found = {row["step"]: TrueScore(**row) for row in read_rows(directory / SCORES).rows}
    return [found[step] for step in sorted(found)]


def steps_to_score(directory: Path, every: int = 1) -> list[int]:
    """Return the saved steps, with the start, that are not scored yet; those at multiples of `every`, and the last."""
    saved = sorted(int(path.name.partition("-")[2]) for path in (directory / "checkpoints").glob("checkpoint-*"))
    known = {score.step for score in scores_of(directory)}
    return [step for step in [0, *saved] if (step % every == 0 or step == saved[-1]) and step not in known]


def score(kind: Kind, directory: Path, steps: Sequence[int]) -> Iterator[TrueScore]:
    """Measure checkpoints of a run; each is written down as it comes."""
    config, problems = config_of(directory), test_problems(kind)
    for step in steps:
        one = true_score(kind, _policy_at(directory, step, config), config, problems, step)
        with (directory / SCORES).open("ab") as file:
            file.write(orjson.dumps(asdict(one), option=orjson.OPT_APPEND_NEWLINE))
        yield one


def true_score(
    kind: Kind, policy: str, config: Mapping[str, Any], problems: Sequence[Problem], step: int = 0
) -> TrueScore:
    """Measure a policy on new problems, sampled as the settings of its training say."""
    import torch

    from heldout.evaluation.score import SOLVED, evaluate
    from heldout.evaluation.stops import default_stops
    from heldout.evaluation.transformers import load_policy
    from heldout.sandbox import open_sandbox

    torch.set_num_threads(1)
    as_trained = {name: config[name] for name in ("temperature", "seed")} | {"max_new_tokens": config["max_tokens"]}
    stops = default_stops(problems, chat=False)
    with open_sandbox("auto", workers=1) as sandbox:
        found = evaluate(load_policy(policy, device="cpu", stop=stops, **as_trained), problems, sandbox, step=step)
    passed = np.array([kinds == (SOLVED,) for kinds in found.kinds])
    texts = [completions[0].text for completions in found.completions]
    trick = kind.trick and sum(kind.trick(p, text) for p, text in zip(problems, texts, strict=True))
    bits = np.packbits(passed).tobytes().hex()
    return TrueScore(step, int(passed.sum()), trick, round(found.mean_length, 2), bits)


def test_problems(kind: Kind) -> list[Problem]:
    """The new problems on which every run of a kind is scored."""
    return kind.problems("test", PROBLEMS)


def config_of(directory: Path) -> dict[str, Any]:
    """Return the settings with which a run was trained, whatever version of heldout trained it."""
    config: dict[str, Any] = orjson.loads((directory / RUN).read_bytes())["config"]
    return config


def _policy_at(directory: Path, step: int, config: Mapping[str, Any]) -> str:
    """Where the policy of a step lies; that of step 0 is kept in the cache, or made again."""
    from heldout.train.warm_start import WarmStart, warm_start

    if step:
        return str(directory / "checkpoints" / f"checkpoint-{step}")
    if config["model"] != "embedded":
        return str(config["model"])
    taught = {"trick": config["trick"], "chance": config["trick_chance"]}
    return str(warm_start(WarmStart(config["warm_steps"], seed=config["seed"], **taught)))
