"""Some runs of a log that holds several, and what an exit code says while a run goes on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import heldout
from heldout.cli import app
from heldout.cli.chosen import Chosen
from heldout.cli.reading import Reading
from heldout.errors import UsageError


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One table of nine runs: three seeds of three learning rates."""
    rng = np.random.default_rng(0)
    rows = [
        f"{lr},{seed},{step},{rng.random():.4f},{level + 0.05 * rng.random():.4f}"
        for lr, level in (("1e-06", 0.4), ("1e-05", 0.8), ("0.0001", 0.6))
        for seed in range(3)
        for step in range(0, 60, 10)
    ]
    path = tmp_path_factory.mktemp("sweep") / "sweep.csv"
    path.write_text("\n".join(("lr,seed,step,reward,eval/pass@1", *rows)))
    return path


def call(*argv: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["compare", *map(str, argv), "--at", "last"])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout if "--json" in argv else " ".join(done.output.split())


def groups(*argv: object) -> dict[str, list[str]]:
    code, text = call(*argv, "--json")
    assert code == 0, text
    return {one["name"]: [member["name"] for member in one["members"]] for one in json.loads(text)["groups"]}


def names(lr: str, *seeds: int) -> list[str]:
    return [f"seed={seed}, lr={lr}" for seed in seeds or range(3)]


def test_runs_of_one_log_are_chosen_by_name(sweep: Path) -> None:
    assert groups(sweep, "--run", "*lr=1e-05", "--run", "*lr=1e-06") == {
        "lr=1e-06": names("1e-06"),
        "lr=1e-05": names("1e-05"),
    }
    assert list(groups(sweep)) == ["lr=1e-06", "lr=1e-05", "lr=0.0001"]


def test_groups_are_made_of_runs_by_name_and_the_others_are_left_out(sweep: Path) -> None:
    exact = ",".join(names("1e-06"))  # a name may hold a comma
    assert groups(sweep, "--group", "new=*lr=1e-05", "--group", f"old={exact}") == {
        "new": names("1e-05"),
        "old": names("1e-06"),
    }


def test_a_log_of_one_run_is_not_asked_for_its_name(sweep: Path, tmp_path: Path) -> None:
    for seed in range(3):
        lines = sweep.read_text().splitlines()[19 + 6 * seed : 25 + 6 * seed]
        rows = [line.split(",", 2)[2] for line in lines]
        (tmp_path / f"other-seed{seed}.csv").write_text("\n".join(("step,reward,eval/pass@1", *rows)))
    found = groups(sweep, *sorted(tmp_path.iterdir()), "--run", "*lr=1e-06")
    assert found == {"lr=1e-06": names("1e-06"), "other": [f"other-seed{seed}" for seed in range(3)]}


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        (["--run", "lr=1"], "No run is called 'lr=1' (--run); there are 'seed=2, lr=1e-06'"),
        (
            ["--group", "a=seed=7, lr=1e-06"],
            "--group a has 'seed=7', which is no file, no folder and no run; there are 'seed=2, lr=1e-06'",
        ),
        (["--group", "a=*lr=1e-06", "--group", "b=seed=0*"], "is in the groups 'a' and 'b'; name it once"),
    ],
)
def test_a_name_that_no_run_has_is_one_sentence(sweep: Path, argv: list[str], why: str) -> None:
    done = CliRunner().invoke(app, ["compare", str(sweep), *argv])
    assert isinstance(done.exception, UsageError)
    assert why in str(done.exception)


def test_a_log_of_which_no_run_is_chosen_is_told(sweep: Path, tmp_path: Path) -> None:
    (tmp_path / "more.csv").write_text(sweep.read_text().replace("1e-0", "2e-0"))
    _, text = call(sweep, tmp_path / "more.csv", "--run", "*lr=1e-06", "--run", "*lr=1e-05")
    assert f"{tmp_path / 'more.csv'}: none of its 9 runs is chosen by --run." in text


def test_parts_of_a_group_are_paths_and_names_with_commas(tmp_path: Path) -> None:
    (tmp_path / "a,b.csv").write_text("step,reward\n1,2\n2,3\n")
    (tmp_path / "c.csv").write_text("step,reward\n1,3\n2,3\n")
    name, runs = Chosen(Reading()).of_group(f"x={tmp_path / 'c.csv'},{tmp_path / 'a,b.csv'}", [])
    assert (name, [run.name for run in runs]) == ("x", ["c", "a,b"])


def test_a_pattern_that_the_shell_has_left_is_a_pattern(tmp_path: Path) -> None:
    for name in ("a-1", "a-2", "b-1", "c"):
        (tmp_path / f"{name}.csv").write_text("step,reward\n1,2\n2,3\n")
    chosen = Chosen(Reading())
    runs = chosen.of_paths([f"{tmp_path}/a-*.csv", f"{tmp_path}/c.csv"])
    assert [run.name for run in runs] == ["a-1", "a-2", "c"]
    assert [run.name for run in chosen.of_group(f"x={tmp_path}/b*", runs)[1]] == ["b-1"]
    assert (chosen.of_paths([f"{tmp_path}/d*"]), [*chosen.refused]) == ([], [f"{tmp_path}/d*"])


def record(folder: Path, level: float, seed: int) -> heldout.Recorder:
    rng = np.random.default_rng(seed)
    recorder = heldout.Recorder(folder, config={"seed": seed, "recipe": folder.name[:-2]}, rank=0)
    for step in range(3):
        recorder.log(step, {"reward": rng.random()})
        recorder.evaluation(step, problems=[f"p{i}" for i in range(80)], passed=(rng.random(80) < level).tolist())
    return recorder


def test_while_a_run_goes_on_fail_on_has_no_final_word(tmp_path: Path) -> None:
    for k, (name, level) in enumerate((("old", 0.9), ("poor", 0.1)) * 2):
        record(tmp_path / f"{name}-{k}", level, seed=k).close()
    running = record(tmp_path / "new-9", 0.1, seed=9)
    old, poor, new = (sorted(tmp_path.glob(f"{name}-*")) for name in ("old", "poor", "new"))
    for on in ("worse", "different"):
        code, text = call(*new, *old, "--fail-on", on)
        assert (code, "no final word for --fail-on" in text) == (2, True)
        assert "So far, and provisionally: " in text
        assert call(*old, *poor, *new, "--fail-on", "different")[0] == 3  # of two that have ended it is final
    assert call(*new, *old)[0] == 0
    running.close()
    assert call(*new, *old, "--fail-on", "worse")[0] == 3
