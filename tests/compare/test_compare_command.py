"""``heldout compare`` as a user meets it: paths, groups, exit codes, files, and names that somebody else chose."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import heldout
from heldout.cli import app

HOSTILE = "<img src=x onerror=alert(1)>\x1b]0;T\x07[red]‮"
NAME = HOSTILE.replace("=", "")  # with which a name of a group ends


def record(where: Path, level: float, *, seed: int, evaluations: int = 3, **config: object) -> Path:
    rng = np.random.default_rng(seed)
    with heldout.Recorder(where, config={"seed": seed, **config}, rank=0) as recorder:
        for step in range(0, 10 * evaluations, 10):
            recorder.log(step, {"reward": 0.1 * step + rng.random()})
            recorder.evaluation(step, problems=[f"p{i}" for i in range(80)], passed=(rng.random(80) < level).tolist())
    return where


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    for seed in range(2):
        record(folder / f"good-{seed}", 0.9, seed=seed, reward="tests")
        record(folder / f"poor-{seed}", 0.3, seed=seed, reward="model")
    return folder


def settings(k: int) -> dict[str, Any]:
    return {HOSTILE: str(k), "task": HOSTILE}


def call(*argv: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["compare", *map(str, argv)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        return 2, f"{done.output}{done.exception}"
    return done.exit_code, done.output


def told(*argv: object) -> dict[str, Any]:
    code, text = call(*argv, "--json")
    assert code == 0, text
    return json.loads(text)


def test_a_folder_of_runs_is_grouped_and_compared(runs: Path) -> None:
    found = told(runs, "--at", "last")
    assert [(one["name"], len(one["members"])) for one in found["groups"]] == [("good", 2), ("poor", 2)]
    assert found["differences"][0]["answer"] == "better"
    code, text = call(runs, "--at", "last")
    assert code == 0
    assert "good is better than poor at the last step" in " ".join(text.split())


def test_groups_may_be_named_and_told_apart_by_a_setting(runs: Path) -> None:
    found = told("--group", f"x={runs / 'good-0'},{runs / 'poor-0'}", "--group", f"y={runs / 'good-1'}", "--at", "last")
    assert [(one["name"], [m["name"] for m in one["members"]]) for one in found["groups"]] == [
        ("x", ["good-0", "poor-0"]),
        ("y", ["good-1"]),
    ]
    assert [one["name"] for one in told(runs, "--by", "seed", "--at", "last")["groups"]] == ["seed=0", "seed=1"]


def test_a_group_that_is_named_twice_has_all_of_its_runs(runs: Path) -> None:
    parts = [f"x={runs / 'good-0'}", f"x={runs / 'good-1'}", f"y={runs / 'poor-0'}"]
    found = told(*(word for part in parts for word in ("--group", part)))
    assert [len(one["members"]) for one in found["groups"]] == [2, 1]


def test_what_cannot_be_read_is_said_and_the_others_are_compared(runs: Path, tmp_path: Path) -> None:
    code, text = call(runs / "good-0", tmp_path / "missing", runs / "poor-0", "--at", "last")
    assert code == 2
    assert "no such file" in text
    assert "The checkpoint of good-0 is better than that of poor-0" in " ".join(text.split())


@pytest.mark.parametrize(
    ("first", "second", "on", "code"),
    [
        ("good", "poor", "worse", 0),
        ("poor", "good", "worse", 3),
        ("good", "poor", "different", 3),
        ("good-0", "good-1", "different", 0),
    ],
)
def test_fail_on(runs: Path, first: str, second: str, on: str, code: int) -> None:
    paths = [path for name in (first, second) for path in sorted(runs.glob(f"{name}*"))]
    assert call(*paths, "--at", "last", "--fail-on", on)[0] == code


def test_worse_is_asked_of_the_baseline_however_many_groups_there_are(runs: Path) -> None:
    paths = sorted(runs.iterdir())
    assert call(*paths, "--at", "last", "--fail-on", "worse", "--baseline", "poor")[0] == 3
    assert call(*paths, "--at", "last", "--fail-on", "worse", "--baseline", "good")[0] == 0


def test_where_nothing_could_be_compared_the_code_is_two(runs: Path, tmp_path: Path) -> None:
    other = record(tmp_path / "other", 0.5, seed=0, eval_dataset="math500")
    one = record(tmp_path / "one", 0.5, seed=0, eval_dataset="gsm8k")
    code, text = call(one, other, "--at", "last")
    assert code == 2
    assert "are not compared" in " ".join(text.split())


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        ([], "nothing to compare with"),
        (["{runs}/good-0"], "nothing to compare with: 1 run given"),
        (["--group", "x"], "it must be NAME=PATH"),
        (["--group", "=a"], "it must be NAME=PATH"),
        (["{runs}", "--by", "sead"], "No run has the setting 'sead'; they have seed"),
        (["{runs}", "--at", "15"], "No run was evaluated at step 15"),
        (["{runs}", "--margin", "0"], "above 0"),
        (["{runs}", "--margin", "nan"], "above 0"),
        (["{runs}", "--baseline", "x"], "no group 'x'"),
        (["{runs}", "--benchmark", "x"], "no benchmark 'x'"),
    ],
)
def test_a_mistake_is_one_sentence(runs: Path, argv: list[str], why: str) -> None:
    code, text = call(*(part.format(runs=runs) for part in argv))
    assert code == 2
    assert why in " ".join(text.split())
    assert "Traceback" not in text


def test_names_and_settings_of_others_are_shown_and_never_obeyed(tmp_path: Path) -> None:
    for k, level in enumerate((0.9, 0.3)):
        record(tmp_path / f"r{k}", level, seed=k, reward=f"{HOSTILE}{k}", **settings(k))
    groups = [part for k in range(2) for part in ("--group", f"{NAME}{k}={tmp_path / f'r{k}'}")]
    code, text = call(*groups, "-o", tmp_path / "out")
    assert code == 0, text
    assert "\x1b" not in text
    assert "‮" not in text
    page = (tmp_path / "out" / "compare.html").read_text()
    assert "<img" not in page
    assert "\x1b" not in page
    assert json.loads((tmp_path / "out" / "compare.json").read_bytes())["schema"] == "heldout.compare/1"


def test_an_empty_run_beside_others_is_no_traceback(runs: Path, tmp_path: Path) -> None:
    heldout.Recorder(tmp_path / "empty", rank=0).close()
    code, text = call(tmp_path / "empty", runs / "good-0", runs / "poor-0", "--at", "last")
    assert code == 2
    assert "nothing was recorded" in text
    assert "good-0" in text


def test_anonymous_recipes_are_letters_and_no_file_tells_whose_they_are(runs: Path, tmp_path: Path) -> None:
    code, text = call(*sorted(runs.iterdir()), "--at", "last", "--anonymous", "--baseline", "poor", "-o", tmp_path)
    assert code == 0, text
    written = json.loads((tmp_path / "compare.json").read_bytes())
    assert [one["name"] for one in written["groups"]] == ["A", "B"]
    assert [member["name"] for member in written["groups"][0]["members"]] == ["A1", "A2"]
    assert written["baseline"] == "B"
    assert written["differences"][0]["answer"] == "better"
    for name in ("compare.json", "compare.html"):
        assert not any(own in (tmp_path / name).read_text() for own in ("good-", "poor-", str(runs)))
    assert "A1 is good-0" in text


def test_no_output_without_names_tells_a_prompt_an_owner_or_a_place(runs: Path, tmp_path: Path) -> None:
    kept_back = ("Solve-this-riddle", "alicelab", "boblab", "alice-home", "Janet")
    for k, (name, owner) in enumerate((("one", "alicelab"), ("two", "boblab"))):
        config = {
            "seed": 0,
            "eval": {"prompt_template": f"Solve-this-riddle {k} of alicelab"},
            "model": f"{owner}/tiny",
            "train_data": f"/srv/alice-home/{owner}/train.jsonl",
        }
        with heldout.Recorder(tmp_path / name, config=config, rank=0) as recorder:
            for step in (0, 10):
                recorder.log(step, {"reward": 0.1})
                problems = [f"Janet has {i} apples" for i in range(80)]
                recorder.evaluation(step, problems=problems, passed=[k == 0] * 80)
    for paths in (["one", "two"], ["two", "one"]):
        out = tmp_path / "out"
        code, text = call(*(tmp_path / one for one in paths), "--anonymous", "--at", "last", "-o", out)
        assert code == 2  # their prompts differ
        assert "prompt" in text
        printed = text.partition("A is ")[0]
        written = [(out / name).read_text() for name in ("compare.json", "compare.html")]
        assert not [word for word in kept_back for shown in (printed, *written) if word in shown]
        differ = json.loads(written[0])["differs"]
        assert differ["model"] == ["tiny", "tiny (2)"]


def test_a_number_to_quote_needs_problems_that_did_not_choose_the_checkpoint(tmp_path: Path) -> None:
    for name, level in (("a b", 0.9), ("c", 0.3)):
        rng = np.random.default_rng(1)
        with heldout.Recorder(tmp_path / name, config={"reward": name}, rank=0) as recorder:
            for step in (0, 10):
                recorder.log(step, {"reward": 0.1})
                recorder.evaluation(
                    step, problems=[f"p{i}" for i in range(80)], passed=(rng.random(80) < level).tolist()
                )
                place = tmp_path / name / f"step-{step}"
                place.mkdir()
                recorder.checkpoint(step, place)
    found = told(tmp_path / "a b", tmp_path / "c")
    keep = found["groups"][0]["members"][0]["keep_step"]
    assert found["quote"] == f"heldout eval '{tmp_path}/a b/step-{keep}' --split test -o '{tmp_path}/a b'"
