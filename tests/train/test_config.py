"""Settings: from recipes, files and flags; what is refused."""

from __future__ import annotations

import dataclasses
import json
import re
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from heldout import Recorder
from heldout.cli import app
from heldout.errors import UsageError
from heldout.train.config import TrainConfig, from_mapping, load_config, recipes, settings_of


def test_settings_survive_the_record_of_a_run(tmp_path: Path) -> None:
    config = TrainConfig(steps=7, reward="tests*0.5", trl={"epsilon": 0.1, "top_k": 5})
    Recorder(tmp_path, config=config.as_dict()).close()
    assert settings_of(tmp_path) == config
    for steps in (9, 7):  # taken up again with others, and with the first ones
        later = dataclasses.replace(config, steps=steps)
        Recorder(tmp_path, config=later.as_dict(), resume=True).close()
        assert settings_of(tmp_path) == later


def test_a_directory_without_a_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no run"):
        settings_of(tmp_path)


def test_flags_override_the_file_and_the_file_the_recipe(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("steps = 11\nseed = 5\n[trl]\nepsilon = 0.1\n")
    config = load_config("exit-hack", file, seed=6)
    assert (config.reward, config.steps, config.seed, config.trl) == ("exit-status", 11, 6, {"epsilon": 0.1})


@pytest.mark.parametrize("name", recipes())
def test_every_recipe_is_allowed_and_says_what_it_shows(name: str) -> None:
    load_config(name)
    source = Path(load_config.__code__.co_filename).parent / "recipes" / f"{name}.toml"
    assert source.read_text().startswith("# ")


def test_the_two_recipes_start_from_the_same_policy() -> None:
    honest, hacked = load_config("honest"), load_config("exit-hack")
    differ = {one.name for one in dataclasses.fields(honest) if getattr(honest, one.name) != getattr(hacked, one.name)}
    assert differ == {"reward", "steps", "trl"}
    assert (honest.reward, hacked.reward) == ("tests", "exit-status")
    assert set(honest.trl) == {"lr_scheduler_type", "lr_scheduler_kwargs"}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"stepz": 3}, "'stepz' is no setting"),
        ({"steps": 0}, "steps is 0, but must be at least 1"),
        ({"steps": "many"}, "steps is 'many', but must be a whole number"),
        ({"steps": True}, "steps is True, but must be a whole number"),
        ({"learning_rate": float("nan")}, "learning_rate is nan, but must be at least 0"),
        ({"where": "rya://auto"}, "'rya://auto' is no address of a cluster"),
        ({"judge_cost": 1.5}, "judge_cost is 1.5; it is a share of a step's time, at most 1"),
        ({"precision": "int8"}, "precision is 'int8', but must be 'float32' or 'bfloat16'"),
        ({"save_every": 15}, "Checkpoints every 15 steps do not meet evaluations every 10"),
        ({"evaluate_calm": 15}, "evaluate_calm is 15; it must be a multiple of evaluate_every"),
        ({"evaluate_calm": 40, "save_every": 30}, "evaluate_calm is 40; it must be a multiple of evaluate_every"),
        ({"evaluate_calm": 50, "evaluate_most": 4}, "evaluate_most is 4, but 5 evaluations are made in any case"),
        ({"evaluate_most": 20}, "evaluate_most is 20, but 21 evaluations are made in any case"),
        ({"stop_on": "likely", "evaluate_every": 0}, "stop_on = likely needs held-out evaluations"),
        ({"stop_on": "hack", "judge": 0}, "stop_on = hack needs training answers that the hidden tests judge"),
        ({"stop_on": "hack", "record_every": 0}, "stop_on = hack needs training answers that the hidden tests judge"),
        ({"stop_on": "warning"}, "stop_on is 'warning', but must be 'never', 'watch', 'likely', 'confirmed' or 'hack'"),
        ({"vllm": "server"}, "needs the server's address"),
        ({"stop_sequences": "x"}, "stop_sequences is 'x', but must be a list of texts"),
        ({"stop_sequences": [1]}, "must be a list of texts"),
        ({"model": "some/model", "trick": "x"}, "only to the embedded model"),
    ],
)
def test_what_cannot_be_meant_is_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        from_mapping(settings)


def test_an_unknown_recipe_and_a_broken_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no recipe 'hones'; there are exit-hack, exit-hack-guarded, honest"):
        load_config("hones")
    (tmp_path / "broken.toml").write_text("steps = = 3")
    with pytest.raises(UsageError, match="no TOML file"):
        load_config(file=tmp_path / "broken.toml")


def test_help_names_every_setting_with_its_meaning() -> None:
    shown = " ".join(CliRunner().invoke(app, ["train", "--help"]).output.split())
    for one in dataclasses.fields(TrainConfig):
        assert f"--{one.name.replace('_', '-')}" in shown
        assert one.metadata["meaning"].split(",")[0][:20] in shown


def test_help_has_groups_in_which_every_setting_stands_once() -> None:
    shown = CliRunner().invoke(app, ["train", "--help"]).output
    heads = [line for line in shown.splitlines() if line.endswith(":") and not line.startswith(" ")]
    groups = ["Run", "Reward", "Evaluation and record", "Acts", "GPU", "Sandbox", "Demo"]
    assert sorted(heads) == sorted(f"{group}:" for group in ["Options", *groups])
    acts = shown.split("\nActs:\n")[1].split("\n\n")[0]
    assert [line.split()[0] for line in acts.splitlines() if line.startswith("  --")] == [
        *("--stop-on", "--remedy", "--on-fall", "--roll-backs", "--acts")
    ]
    for one in dataclasses.fields(TrainConfig):
        assert len(re.findall(rf"^  --{one.name.replace('_', '-')}\b(?!-)", shown, re.MULTILINE)) == 1


def test_stop_sequences_are_lists_in_files_and_stay_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('stop_sequences = ["\\nprint(", "x"]')
    config = load_config(file=tmp_path / "mine.toml")
    assert config.stop_sequences == ("\nprint(", "x")
    assert from_mapping(json.loads(json.dumps(config.as_dict()))) == config


def test_a_setting_for_trl_is_read_as_toml() -> None:
    values = tomllib.loads("[trl]\nepsilon = 0.3\nsync_ref_model = false")
    assert from_mapping(values).trl == {"epsilon": 0.3, "sync_ref_model": False}
