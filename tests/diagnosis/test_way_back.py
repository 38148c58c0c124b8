"""How a training goes on from a checkpoint: read off what lies there, quoted for where it is typed."""

from __future__ import annotations

import ast
import json
import shlex
from pathlib import Path

import pytest

from heldout.diagnosis.way_back import way_back

OURS = {"format": "heldout run", "config": {"evaluate_every": 10, "record_every": 10, "sandbox": "monty"}}


def write(folder: Path, *files: str) -> Path:
    folder.mkdir(parents=True)
    for file in files:
        (folder / file).touch()
    return folder


@pytest.mark.parametrize(
    ("files", "name", "line"),
    [
        (["trainer_state.json", "optimizer.pt"], "checkpoint-60", "trainer.train(resume_from_checkpoint={})"),
        (["trainer_state.json", "optimizer.bin"], "c", "trainer.train(resume_from_checkpoint={})"),
        (["trainer_state.json", "global_step60"], "c", "trainer.train(resume_from_checkpoint={})"),
        (["trainer_state.json", "config.json"], "c", "AutoModelForCausalLM.from_pretrained({})"),
        (["trainer_state.json", "adapter_config.json"], "c", "AutoPeftModelForCausalLM.from_pretrained({})"),
        (["config.json"], "c", "AutoModelForCausalLM.from_pretrained({})"),
        ([], "a.ckpt", "trainer.fit(module, ckpt_path={})"),
    ],
)
def test_it_is_a_line_of_the_script_that_names_the_folder(
    files: list[str], name: str, line: str, tmp_path: Path
) -> None:
    folder = write(tmp_path / "it's" / name, *files)
    back = way_back(folder)
    assert back is not None
    assert back.line == line.format(repr(str(folder)))
    call = ast.parse(back.line, mode="eval").body
    assert isinstance(call, ast.Call)
    given = call.args[-1] if not call.keywords else call.keywords[-1].value
    assert ast.literal_eval(given) == str(folder)


@pytest.mark.parametrize("where", ["checkpoints", "kept"])
def test_a_run_of_heldout_train_goes_back_by_a_command(where: str, tmp_path: Path) -> None:
    run = tmp_path / "a b"
    saved = write(run / where / "checkpoint-60", "trainer_state.json", "optimizer.pt", "config.json")
    (run / "run.json").write_text(json.dumps(OURS))
    back = way_back(saved)
    assert back is not None
    assert shlex.split(back.line) == ["heldout", "train", "--from", "60", "-o", str(run)]


@pytest.mark.parametrize("about", ['{"config": {"learning_rate": 1}}', '{"config": null}', "[]", "{"])
def test_beside_another_run_it_is_the_line_of_its_trainer(about: str, tmp_path: Path) -> None:
    saved = write(tmp_path / "checkpoints" / "checkpoint-60", "trainer_state.json", "optimizer.pt")
    (tmp_path / "run.json").write_text(about)
    back = way_back(saved)
    assert back is not None
    assert back.line.startswith("trainer.train(")


def test_verl_goes_back_to_the_folder_above_the_actor() -> None:
    line = "trainer.resume_mode=resume_path trainer.resume_from_path=c/global_step_60"
    found = [way_back(path) for path in ("c/global_step_60", "c/global_step_60/actor")]
    assert [back.line for back in found if back] == [line, line]
    quoted = way_back("it's $(rm x)`/global_step_60")
    assert quoted is not None
    assert shlex.split(quoted.line)[1] == "trainer.resume_from_path=it's $(rm x)`/global_step_60"


def test_where_nothing_tells_and_what_cannot_be_typed_there_is_none(tmp_path: Path) -> None:
    assert way_back("") is None
    assert way_back("c/step-60") is None
    assert way_back(write(tmp_path / "checkpoint-60", "weights")) is None
    assert way_back("\x1b[31m\u202e/global_step_60") is None
