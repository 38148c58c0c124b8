"""verl's own trainers with our logger in them, and what verl's own loggers write; where verl is installed.

The loop, the configuration, the loggers and the dumps are verl's. What needs GPUs is stood in for: a step gives
metrics, a validation gives outcomes.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import signal
import warnings
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from documented import DOCS, example

import heldout
from heldout.errors import MissingExtra, RecordError, UsageError

try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # verl says which engines are not installed
        import transfer_queue
        from hydra import compose, initialize_config_module
        from verl.trainer.ppo.v1 import PPOTrainer, get_trainer_cls
        from verl.utils.tracking import Tracking

        from heldout.callbacks import verl as ours
    MISSING = ""
except ImportError as error:
    MISSING = f"verl and what its trainers need is not installed ({error})"

needs_verl = pytest.mark.skipif(bool(MISSING), reason=MISSING)
pytestmark = pytest.mark.filterwarnings("ignore::Warning:(?!heldout)")
PROBLEMS = [f"problem {index}" for index in range(200)]
EASE = np.random.default_rng(0).random(len(PROBLEMS))
EVERY = 2


def outcomes(step: int, falls: bool) -> list[float]:
    level = 0.5 + 0.01 * min(step, 16) - (0.03 if falls else -0.002) * max(step - 16, 0)
    chance = 0.9 * EASE + 0.1 * np.random.default_rng(step).random(len(PROBLEMS))
    return (chance < level).astype(float).tolist()


@pytest.mark.skipif(not MISSING, reason="verl is installed")
def test_without_verl_one_sentence_says_how_to_install_it() -> None:
    with pytest.raises(MissingExtra, match="pip install 'verl"):
        importlib.import_module("heldout.callbacks.verl")


def configured(*overrides: str) -> Any:
    schedule = [f"trainer.test_freq={EVERY}", "trainer.total_training_steps=60", "trainer.validation_data_dir=val"]
    names = ["trainer.logger=[file]", "trainer.project_name=p", "trainer.experiment_name=e"]
    with initialize_config_module("verl.trainer.config", version_base=None):
        return compose("ppo_trainer", [*schedule, *names, "trainer.default_local_dir=saved", *overrides])


def nothing(where: str, step: int) -> None: ...


def trainer_of(
    config: Any, *, falls: bool = True, begin: int = 0, save: int = 4, happens: Callable[[str, int], None] = nothing
) -> Any:
    """verl's trainer of the mode that the configuration names, without the GPUs; what `happens` is asked everywhere."""

    class OnCpu(get_trainer_cls(config.trainer.v1.trainer_mode)):  # type: ignore[misc]
        def step(self, metrics: dict[str, float], timing: dict[str, float]) -> Any:
            happens("step", self.global_steps)
            metrics["critic/score/mean"] = 0.01 * self.global_steps
            if self.global_steps % save == 0:
                actor = Path(f"saved/global_step_{self.global_steps}/actor")
                actor.mkdir(parents=True, exist_ok=True)
            return transfer_queue.KVBatchMeta(partition_id="train", keys=[], tags=[])

        def _validate(self) -> dict[str, float]:
            passed = outcomes(self.global_steps, falls)
            also = {"acc": passed, "reward": passed, "uid": [f"{one}_0_0" for one in PROBLEMS]}
            truths = [None] * len(PROBLEMS)
            self._dump_generations(PROBLEMS, PROBLEMS, truths, passed, also, self.config.trainer.validation_data_dir)
            for dump in self._dump_futures:
                dump.result()
            happens("validated", self.global_steps)
            return {"val-core/gsm8k/acc/mean@1": float(np.mean(passed))}

        def _compute_metrics(self, *given: Any, **named: Any) -> None: ...
        def on_step_end(self) -> None: ...
        def _start_profiling(self) -> None: ...
        def _stop_profiling(self) -> None: ...
        def _reissue_inflight_prompts(self) -> None: ...

    trainer = OnCpu(config)
    trainer.global_steps, trainer.steps_per_epoch = begin, 10
    trainer.total_training_steps = config.trainer.total_training_steps
    trainer._init_dump_executor()
    return trainer


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    if not MISSING:
        monkeypatch.setattr(transfer_queue, "kv_clear", lambda **_: None)  # there is no cluster, and nothing in it
        monkeypatch.setattr(ours, "QUIET", 0.0)


@needs_verl
def test_a_falling_run_of_a_trainer_that_the_configuration_names_is_stopped() -> None:
    told = ["+trainer.heldout.where=run", "+trainer.heldout.rules={stop: confirmed, roll_back: confirmed}"]
    trainer = trainer_of(configured("trainer.v1.trainer_mode=heldout_sync", *told))
    trainer.fit(None)
    last = trainer.global_steps - 1
    assert 16 < last < 60
    back = json.loads(Path("run/rollback.json").read_text())
    assert back["checkpoint"] == str(Path(f"saved/global_step_{back['step']}/actor").absolute())
    assert 8 <= back["step"] <= 20
    run = heldout.read("run")
    assert run["reward"].step.tolist() == list(range(1, last + 1))
    assert [one.step for one in run.evaluations()] == list(range(0, last + 1, EVERY))  # the last was awaited at the end
    assert all(one.outcomes is not None and len(one.outcomes) == len(PROBLEMS) for one in run.evaluations())
    assert heldout.diagnose(run, horizon=31).state == "over-optimised"
    written = [json.loads(line) for line in Path("run/findings.jsonl").read_text().splitlines()]
    assert written[0]["planned"] == 31  # every second of 60 steps, and one before the first
    assert heldout.read("p/e.jsonl")["reward"].step[-1] == last  # verl's own logger went on


@needs_verl
def test_an_honest_run_goes_on_to_its_end_as_it_would_unwatched() -> None:
    where = [
        "trainer.v1.trainer_mode=heldout_sync",
        "+trainer.heldout.where=run",
        "+trainer.heldout.rules.stop=likely",
    ]
    watched, alone = trainer_of(configured(*where), falls=False), trainer_of(configured(), falls=False)
    watched.fit(None)
    seen = Path("p/e.jsonl").read_bytes()
    alone.fit(None)
    assert Path("p/e.jsonl").read_bytes() == seen
    assert watched.trainer_mode == alone.trainer_mode == "sync"
    assert isinstance(watched.replay_buffer, type(alone.replay_buffer))


@needs_verl
@pytest.mark.parametrize("first", [True, False])
def test_a_resumed_training_goes_on_with_the_same_run(first: bool) -> None:
    config = [
        f"trainer.val_before_train={first}",
        "trainer.v1.trainer_mode=heldout_sync",
        "+trainer.heldout.where=run",
        "trainer.total_training_steps=8",
    ]
    trainer_of(configured(*config)).fit(None)
    with pytest.raises(RecordError, match="a run is recorded here already"):
        trainer_of(configured(*config)).fit(None)
    trainer_of(configured(*config[:3], "trainer.total_training_steps=12"), begin=4).fit(None)
    assert heldout.read("run")["reward"].step.tolist() == list(range(1, 13))


def killed(config: Any, where: str, step: int) -> None:
    """Train in a process that is killed at a place of the loop, which lets it neither finish nor close anything."""

    def kill(here: str, now: int) -> None:
        if (here, now) == (where, step):
            os.kill(os.getpid(), signal.SIGKILL)

    process = os.fork()
    if process == 0:
        try:
            trainer_of(config, happens=kill).fit(None)
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == -signal.SIGKILL


def measured(where: str = "run") -> list[int]:
    """The evaluated steps of a run, which must all have the outcomes of all problems."""
    run = heldout.read(where)
    assert [one.step for one in run.measured] == [one.step for one in run.evaluations()]
    assert all(one.outcomes is not None and len(one.outcomes) == len(PROBLEMS) for one in run.measured)
    return [one.step for one in run.measured]


@needs_verl
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(("where", "step", "lost"), [("validated", 8, 8), ("step", 9, None)])
def test_a_training_that_was_killed_behind_a_checkpoint_goes_on_without_a_gap(
    where: str, step: int, lost: int | None, first: bool
) -> None:
    config = [
        f"trainer.val_before_train={first}",
        "trainer.v1.trainer_mode=heldout_sync",
        "+trainer.heldout.where=run",
        "trainer.total_training_steps=12",
    ]
    killed(configured(*config), where, step)
    trainer_of(configured(*config), begin=8).fit(None)
    run = heldout.read("run")
    assert measured() == list(range(0 if first else EVERY, 13, EVERY))
    assert run["reward"].step.tolist() == [one for one in range(1, 13) if one != lost]  # verl logs it at its end
    assert run.checkpoints.keys() == {4, 8, 12}


@needs_verl
@pytest.mark.parametrize("first", [True, False])
def test_a_training_that_goes_on_in_another_directory_begins_with_its_own_evaluations(first: bool) -> None:
    config = [f"trainer.val_before_train={first}", "trainer.v1.trainer_mode=heldout_sync"]
    trainer_of(configured(*config, "+trainer.heldout.where=run", "trainer.total_training_steps=8")).fit(None)
    config += ["+trainer.heldout.where=another", "trainer.total_training_steps=12"]
    trainer_of(configured(*config), begin=8).fit(None)
    assert measured("another") == ([8, 10, 12] if first else [10, 12])
    assert heldout.read("another").checkpoints.keys() == {8, 12}


@needs_verl
def test_outcomes_that_were_being_written_when_it_failed_are_taken_when_it_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(where: str, step: int) -> None:
        if (where, step) == ("step", 9):
            raise RuntimeError("out of memory")

    config = ["trainer.v1.trainer_mode=heldout_sync", "+trainer.heldout.where=run", "trainer.total_training_steps=12"]
    monkeypatch.setattr(ours, "QUIET", 1e9)
    with pytest.raises(RuntimeError, match="out of memory"):
        trainer_of(configured(*config), happens=fails).fit(None)
    monkeypatch.setattr(ours, "QUIET", 0.0)
    assert json.loads(Path("run/process.json").read_text())["last_word"] == "failed"
    assert heldout.read("run").measured == ()
    trainer_of(configured(*config), begin=8).fit(None)
    assert measured() == list(range(0, 13, EVERY))


@needs_verl
def test_outcomes_that_never_come_are_told_of() -> None:
    def lose(where: str, step: int) -> None:
        if (where, step) == ("validated", 4):
            Path("val/4.jsonl").unlink()

    config = ["trainer.v1.trainer_mode=heldout_sync", "+trainer.heldout.where=run", "trainer.total_training_steps=8"]
    trainer = trainer_of(configured(*config), happens=lose)
    with pytest.warns(RuntimeWarning, match=r"outcomes in val/4\.jsonl could not be read"):
        trainer.fit(None)
    assert [one.step for one in heldout.read("run").measured] == [0, 2, 6, 8]


@needs_verl
def test_the_documented_settings_are_those_that_exist() -> None:
    told = re.search(r"Below `trainer\.heldout` stand\s+(.*?)\.", (DOCS / "guard.md").read_text(), re.DOTALL)
    assert told is not None
    assert sorted(re.findall(r"`(\w+)`", told[1])) == sorted(one.name for one in fields(ours.Settings))


@needs_verl
def test_a_margin_reaches_the_judgement() -> None:
    config = ["trainer.v1.trainer_mode=heldout_sync", "+trainer.heldout.where=run", "+trainer.heldout.margin=0.125"]
    trainer_of(configured(*config, "trainer.total_training_steps=2")).fit(None)
    begun = json.loads(Path("run/findings.jsonl").read_text().splitlines()[0])
    assert any("0.125" in detector for detector in begun["detectors"])


@needs_verl
def test_outcomes_that_are_still_being_written_are_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "QUIET", 1e9)  # never whole before the end
    trainer_of(configured("trainer.v1.trainer_mode=heldout_sync", "+trainer.heldout.where=run")).fit(None)
    run = heldout.read("run")
    assert [one.step for one in run.evaluations()] == list(range(0, 61, EVERY))
    assert all(one.outcomes is not None and len(one.outcomes) == len(PROBLEMS) for one in run.evaluations())


@needs_verl
def test_each_mode_of_verl_has_its_own() -> None:
    for mode in ("sync", "colocate_async", "separate_async"):
        assert issubclass(get_trainer_cls(f"heldout_{mode}"), get_trainer_cls(mode))
        assert issubclass(get_trainer_cls(f"heldout_{mode}"), PPOTrainer)


@needs_verl
@pytest.mark.parametrize(
    ("told", "says"),
    [
        ([], "trainer.heldout.where is missing"),
        (["+trainer.heldout.where=run", "+trainer.heldout.stop=likely"], "trainer.heldout.stop does not exist"),
        (["+trainer.heldout.where=run", "+trainer.heldout.rules.halt=likely"], "rules.halt does not exist"),
        (["+trainer.heldout.where=run", "+trainer.heldout.rules.evaluate=watch"], "verl evaluates every test_freq"),
        (["+trainer.heldout.where=run", "+trainer.heldout.rules.stop=sure"], "it must be one of never"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused_before_anything_starts(told: list[str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        trainer_of(configured("trainer.v1.trainer_mode=heldout_sync", *told))
    assert not Path("run").exists()


@needs_verl
@pytest.mark.parametrize("backend", ["console", "file", "tensorboard"])
def test_what_verls_own_loggers_write_is_read(
    backend: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VERL_FILE_LOGGER_PATH", "verl.jsonl")
    monkeypatch.setenv("TENSORBOARD_DIR", "events")
    tracking = Tracking("p", "e", default_backend=[backend])
    rates = [float(np.mean(outcomes(step, falls=True))) for step in range(0, 41, EVERY)]
    tracking.log({"val-core/gsm8k/acc/mean@1": rates[0]}, 0)
    for step in range(1, 41):
        held = {"val-core/gsm8k/acc/mean@1": rates[step // EVERY]} if step % EVERY == 0 else {}
        tracking.log({"critic/score/mean": 0.01 * step, "training/global_step": step, **held}, step)
    tracking.finish()
    Path("console.log").write_text(capsys.readouterr().out)
    where = {"console": "console.log", "file": "verl.jsonl", "tensorboard": "events"}[backend]
    run = heldout.read(where, problems=len(PROBLEMS))
    assert run["reward"].step.tolist() == list(range(1, 41))
    assert run["held_out"].step.tolist() == list(range(0, 41, EVERY))
    assert run["held_out"].value.tolist() == pytest.approx(rates, rel=1e-6)
    assert heldout.diagnose(run, horizon=21).state == "over-optimised"


@needs_verl
def test_the_documented_command_line_is_one_that_verl_takes() -> None:
    words = example("guard.md", "main_ppo", "console").split()
    assert words[0] == f"VERL_USE_EXTERNAL_MODULES={ours.__name__}"
    trainer = trainer_of(configured(*(word for word in words if word.lstrip("+").startswith("trainer."))))
    trainer.fit(None)
    assert heldout.read("runs/a")["reward"].step[-1] < 60
