"""The recorder: nothing that was logged is lost, and nothing that goes wrong stops the loop."""

from __future__ import annotations

import json
import math
import os
import random
import resource
import signal
import subprocess
import sys
import textwrap
import threading
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import heldout
from heldout import Recorder
from heldout.errors import RecordError, UsageError
from heldout.run import Evaluation, Run

RELAXED = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
SOURCE = str(Path(heldout.__file__).parents[1])


@pytest.fixture(autouse=True)
def _first_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)


def child(code: str, *args: object) -> subprocess.Popen[str]:
    """A process of its own that runs `code`, with `folder` as its first argument."""
    whole = f"import sys, os, time\nfrom heldout import Recorder\nfolder = sys.argv[1]\n{textwrap.dedent(code)}"
    env = {**os.environ, "PYTHONPATH": SOURCE}
    return subprocess.Popen(
        [sys.executable, "-c", whole, *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
    )


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


# -- what is logged is read back -------------------------------------------------------------------------------------

NUMBERS = st.floats(allow_nan=True, allow_infinity=True) | st.integers(-(2**70), 2**70) | st.booleans()
KEYS = st.text(st.characters(exclude_categories=()), min_size=1, max_size=12).filter(
    lambda key: key not in ("step", "time", "nonfinite", "resumed") and key.isprintable()
)


def assert_holds(run: Run, key: str, step: int, value: float) -> None:
    series = run.metrics[key.encode("utf-8", "replace").decode()]
    at = float(value)
    if abs(at) < 1e-100:  # too small, or too large, for its square to be a number
        at = 0.0
    if abs(at) <= 1e100:
        assert series.value[np.searchsorted(series.step, step)] == at
    else:
        assert step in series.nonfinite


@RELAXED
@given(rows=st.lists(st.dictionaries(KEYS, NUMBERS, min_size=1, max_size=5), min_size=1, max_size=6))
def test_what_was_logged_is_read_back(tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, float]]) -> None:
    folder = tmp_path_factory.mktemp("run")
    with Recorder(folder) as recorder:
        for step, row in enumerate(rows):
            recorder.log(step, row)
    if not any(math.isfinite(float(value)) for row in rows for value in row.values()):
        rows = [*rows, {"one": 1.0}]
        with Recorder(folder, resume=True) as recorder:
            recorder.log(len(rows) - 1, rows[-1])
    assert recorder.lost == 0
    run = heldout.read(folder)
    for step, row in enumerate(rows):
        for key, value in row.items():
            assert_holds(run, key, step, value)


def test_nan_and_infinities_are_kept_and_named(tmp_path: Path) -> None:
    with Recorder(tmp_path / "run") as recorder:
        recorder.log(1, {"loss": math.nan, "reward": 0.5}, kl=math.inf)
        recorder.log(2, loss=-math.inf, reward=0.25)
    first, second = lines(tmp_path / "run" / "metrics.jsonl")
    assert first["loss"] is None
    assert first["nonfinite"] == {"loss": "nan", "kl": "inf"}
    assert second["nonfinite"] == {"loss": "-inf"}
    run = heldout.read(tmp_path / "run")
    assert run.metrics["loss"].nonfinite.tolist() == [1, 2]
    assert run.metrics["kl"].nonfinite.tolist() == [1]
    assert run["reward"].value.tolist() == [0.5, 0.25]


def test_numbers_of_other_libraries_are_numbers(tmp_path: Path) -> None:
    with Recorder(tmp_path / "run") as recorder:
        recorder.log(np.int64(3), {"a": np.float32(0.1), "b": np.array([2.0]), "c": True, "d": np.int32(7), "e": None})  # type: ignore[arg-type, dict-item]
    assert recorder.lost == 0
    (row,) = lines(tmp_path / "run" / "metrics.jsonl")
    assert (row["step"], row["a"], row["b"], row["c"], row["d"]) == (3, float(np.float32(0.1)), 2.0, 1.0, 7)
    assert "e" not in row


@pytest.mark.parametrize("value", ["high", [1, 2], {"a": 1}, object(), 1j, np.array([1.0, 2.0]), b"1"])
def test_what_is_no_number_is_left_out_counted_and_warned_of_once(tmp_path: Path, value: object) -> None:
    with Recorder(tmp_path / "run") as recorder:
        with pytest.warns(RuntimeWarning, match="'note' at step 0"):
            recorder.log(0, {"reward": 1.0, "note": value})  # type: ignore[dict-item]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            recorder.log(1, {"reward": 2.0, "note": value})  # type: ignore[dict-item]
    assert recorder.lost == 2
    assert [row["reward"] for row in lines(tmp_path / "run" / "metrics.jsonl")] == [1.0, 2.0]


@pytest.mark.parametrize("step", ["7", 1.5, None, -1, 2**63])
def test_a_step_that_is_none_loses_the_call_and_nothing_else(tmp_path: Path, step: object) -> None:
    with Recorder(tmp_path / "run") as recorder:
        with pytest.warns(RuntimeWarning, match="could not be recorded"):
            recorder.log(step, reward=1.0)  # type: ignore[arg-type]
        recorder.checkpoint(step, tmp_path)  # type: ignore[arg-type]
        recorder.rollouts(step, [{"a": 1}])  # type: ignore[arg-type]
        assert math.isnan(recorder.evaluation(step, problems=["a"], passed=[1]).rate)  # type: ignore[arg-type]
        recorder.log(1, reward=1.0)
    assert recorder.lost == 4
    assert [row["step"] for row in lines(tmp_path / "run" / "metrics.jsonl")] == [1]


def test_a_metric_named_like_a_part_of_the_record_is_refused_unless_it_says_the_same(tmp_path: Path) -> None:
    with Recorder(tmp_path / "run") as recorder:
        recorder.log(5, {"step": 5, "reward": 1.0})
        with pytest.warns(RuntimeWarning, match="'step'"):
            recorder.log(6, {"step": 99, "reward": 1.0})
    assert [row["step"] for row in lines(tmp_path / "run" / "metrics.jsonl")] == [5, 6]
    assert recorder.lost == 1


def test_a_second_reader_sees_each_call_when_it_returns(tmp_path: Path) -> None:
    with Recorder(tmp_path / "run") as recorder:
        for step in range(5):
            recorder.log(step, reward=float(step))
            assert len(heldout.read(tmp_path / "run")["reward"]) == step + 1


def test_threads_do_not_mix_their_lines(tmp_path: Path) -> None:
    with Recorder(tmp_path / "run") as recorder:

        def work(number: int) -> None:
            for step in range(300):
                recorder.log(step, {f"metric_{number}": number + step / 1000})

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    run = heldout.read(tmp_path / "run")
    for number in range(8):
        assert run.metrics[f"metric_{number}"].value.tolist() == [number + step / 1000 for step in range(300)]


# -- evaluations, checkpoints, rollouts ------------------------------------------------------------------------------


def test_an_evaluation_is_returned_and_read_back(tmp_path: Path) -> None:
    with Recorder(tmp_path / "run") as recorder:
        made = recorder.evaluation(
            10,
            problems=["a", "b", "c"],
            passed=[4, 0, 1.5],
            samples=[4, 4, 2],
            mean_length=math.inf,
            errors={"syntax": 3},
            note="warm",
        )
        assert made.rate == pytest.approx((1 + 0 + 0.75) / 3)
        assert (made.problems, made.samples) == (3, pytest.approx(10 / 3))
    assert recorder.lost == 0
    (row,) = lines(tmp_path / "run" / "evals" / "held-out.jsonl")
    assert row["passed"] == [4, 0, 1.5]
    assert row["nonfinite"] == {"mean_length": "inf"}
    (read,) = heldout.read(tmp_path / "run").measured
    assert read.outcomes is not None
    assert made.outcomes is not None
    assert read.outcomes.problems == made.outcomes.problems
    assert read.outcomes.passed.tolist() == made.outcomes.passed.tolist()
    assert read.outcomes.samples.tolist() == made.outcomes.samples.tolist()
    assert (read.step, read.rate, read.problems, read.samples) == (10, made.rate, 3, made.samples)
    assert read.benchmark == "held-out"


@pytest.mark.parametrize(
    ("problems", "passed", "samples"),
    [
        ([], [], 1),
        (["a"], [1, 1], 1),
        (["a", "a"], [1, 0], 1),
        (["a"], [2], 1),
        (["a"], [-1], 1),
        (["a"], [math.nan], 1),
        (["a"], [0], 0),
        (["a"], [0], 1.5),
        (["a", "b"], [0, 0], [1, 1, 1]),
    ],
)
def test_an_evaluation_that_does_not_fit_together_is_not_recorded(
    tmp_path: Path, problems: list[str], passed: list[float], samples: object
) -> None:
    with Recorder(tmp_path / "run") as recorder, pytest.warns(RuntimeWarning, match="evaluation of step 3"):
        made = recorder.evaluation(3, problems=problems, passed=passed, samples=samples)  # type: ignore[arg-type]
    assert math.isnan(made.rate)
    assert recorder.lost == 1
    assert not (tmp_path / "run" / "evals").exists()


def test_a_benchmark_may_be_named_like_a_path(tmp_path: Path) -> None:
    with Recorder(tmp_path / "run") as recorder:
        recorder.evaluation(1, problems=["a"], passed=[1], benchmark="../openai/gsm8k")
        recorder.evaluation(1, problems=["a"], passed=[0], benchmark="..")
    assert {path.parent for path in tmp_path.rglob("*.jsonl")} == {tmp_path / "run" / "evals"}
    assert heldout.read(tmp_path / "run").metrics["eval/../openai/gsm8k/pass@1"].value.tolist() == [1.0]


def test_checkpoints_inside_move_with_the_run(tmp_path: Path) -> None:
    with Recorder(tmp_path / "run") as recorder:
        recorder.log(1, reward=1.0)
        for step in (1, 2):
            folder = tmp_path / "run" / "checkpoints" / f"at-{step}"
            folder.mkdir(parents=True)
            recorder.checkpoint(step, folder)
        recorder.checkpoint(3, tmp_path / "elsewhere")
    (tmp_path / "run").rename(tmp_path / "moved")
    (tmp_path / "moved" / "checkpoints" / "at-1").rmdir()
    run = heldout.read(tmp_path / "moved")
    assert run.checkpoints == {2: str(tmp_path / "moved" / "checkpoints" / "at-2")}
    assert any("2 recorded checkpoints not there any more" in note.text for note in run.notes)


def test_rollouts_are_a_table_a_step(tmp_path: Path) -> None:
    rows = [{"prompt": "p", "reward": 1, "parts": {"a": 0.5}}, {"prompt": "q", "reward": 0.5, "stop": "eos"}]
    with Recorder(tmp_path / "run") as recorder:
        recorder.rollouts(412, rows)
    assert recorder.lost == 0
    frame = pl.read_parquet(tmp_path / "run" / "rollouts" / "step-00000412.parquet")
    assert frame["prompt"].to_list() == ["p", "q"]
    assert frame["reward"].to_list() == [1.0, 0.5]
    assert sorted(path.name for path in (tmp_path / "run" / "rollouts").iterdir()) == ["step-00000412.parquet"]


# -- run.json --------------------------------------------------------------------------------------------------------


class Colour(Enum):
    RED = "red"


@dataclass
class Settings:
    lr: float
    folder: Path


def test_run_json_says_what_the_run_was(tmp_path: Path) -> None:
    config = {
        "optimiser": Settings(1e-5, Path("a/b")),
        "seed": 7,
        "clip": math.inf,
        "sizes": (1, np.int64(2)),
        "colour": Colour.RED,
        "big": 2**80,
    }
    Recorder(tmp_path / "run", config=config, roles={"reward": "score"}).close()
    about = json.loads((tmp_path / "run" / "run.json").read_text())
    assert about["config"]["optimiser"] == {"lr": 1e-5, "folder": "a/b"}
    assert about["config"]["clip"] == "inf"
    assert about["config"]["sizes"] == [1, 2]
    assert about["config"]["colour"] == "red"
    assert about["config"]["big"] == str(2**80)
    assert about["seeds"] == {"seed": 7}
    assert about["roles"] == {"reward": "score"}
    assert about["heldout"] == heldout.__version__
    assert about["versions"]["numpy"] == np.__version__


def test_the_commit_is_that_of_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Recorder(tmp_path / "without").close()
    assert "git" not in json.loads((tmp_path / "without" / "run.json").read_text())
    commit = ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "first"]
    for command in (["init", "-q"], commit):
        subprocess.run(["git", *command], check=True)
    Recorder(tmp_path / "with").close()
    said = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    assert json.loads((tmp_path / "with" / "run.json").read_text())["git"] == said


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"config": [1]}, "config is a list"),
        ({"config": {"model": {"net": object()}}}, r"config\['model'\]\['net'\] is a object"),
        ({"roles": {"rewrd": "x"}}, "near ones are reward"),
        ({"roles": {"reward": 3}}, "must be the name of a metric"),
    ],
)
def test_wrong_settings_refuse_to_start_and_leave_nothing(tmp_path: Path, wrong: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        Recorder(tmp_path / "run", **wrong)  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()


def test_a_place_that_cannot_be_written_refuses_to_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RecordError, match="no run can be recorded here"):
        Recorder(tmp_path / "file" / "run")


# -- one writer, one run a directory ---------------------------------------------------------------------------------


def test_a_directory_with_a_run_is_refused_without_resume(tmp_path: Path) -> None:
    with Recorder(tmp_path / "run") as recorder:
        recorder.log(1, reward=0.5)
    with pytest.raises(RecordError, match="resume=True"):
        Recorder(tmp_path / "run")


def test_a_run_of_which_nothing_was_recorded_is_begun_anew_with_its_new_settings(tmp_path: Path) -> None:
    """Such as one that was refused for a setting, which is now another."""
    Recorder(tmp_path / "run", config={"lr": 1.0}).close("failed")
    Recorder(tmp_path / "run", resume=True).close("failed")  # leaves a mark, and no step
    with Recorder(tmp_path / "run", config={"lr": 0.5}) as recorder:
        recorder.log(1, reward=0.5)
    found = heldout.read(tmp_path / "run")
    assert (found.config["lr"], found["reward"].step.tolist()) == (0.5, [1])


@pytest.mark.parametrize(
    "name", ["evals/a.jsonl", "rollouts/a", "checkpoints.jsonl", "metrics.00000.jsonl", "metrics.jsonl"]
)
def test_a_run_that_holds_anything_else_is_not_begun_anew(tmp_path: Path, name: str) -> None:
    """Not even lines that cannot be read, or such as were sent to a store before."""
    Recorder(tmp_path / "run").close()
    (tmp_path / "run" / name).parent.mkdir(exist_ok=True)
    (tmp_path / "run" / name).write_text('{"step": 1, "rew')
    with pytest.raises(RecordError, match="resume=True"):
        Recorder(tmp_path / "run")


def test_settings_of_another_program_are_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"mine": 1}')
    with pytest.raises(RecordError, match="not written by heldout"):
        Recorder(tmp_path)
    assert (tmp_path / "run.json").read_text() == '{"mine": 1}'


def test_files_of_others_are_never_appended_to(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text("{}\n")
    with pytest.raises(RecordError, match="not written by heldout"):
        Recorder(tmp_path, resume=True)
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(RecordError, match="not written by heldout"):
        Recorder(tmp_path, resume=True)


def test_a_second_writer_is_refused_while_the_first_lives(tmp_path: Path) -> None:
    with Recorder(tmp_path / "run") as recorder:
        recorder.log(1, reward=1.0)
        with pytest.raises(RecordError, match=f"process {os.getpid()} is writing"):
            Recorder(tmp_path / "run", resume=True)
        other = child("Recorder(folder, resume=True)", tmp_path / "run")
        assert "is writing this run" in other.communicate()[1]
        recorder.log(2, reward=2.0)
    Recorder(tmp_path / "run", resume=True).close()
    assert heldout.read(tmp_path / "run")["reward"].step.tolist() == [1, 2]


def test_a_forked_worker_that_outlives_its_parent_does_not_hold_the_run(tmp_path: Path) -> None:
    parent = child(
        """
        recorder = Recorder(folder)
        if os.fork() == 0:
            os.close(2)
            print(os.getpid(), flush=True)
            time.sleep(60)
        time.sleep(60)
        """,
        tmp_path / "run",
    )
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    try:
        parent.kill()
        parent.wait()
        Recorder(tmp_path / "run", resume=True).close()
    finally:
        os.kill(worker, signal.SIGKILL)
        parent.communicate()


def test_only_the_first_rank_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "3")
    with Recorder(tmp_path / "run") as recorder:
        recorder.log(1, reward=1.0)
        recorder.checkpoint(1, tmp_path)
        recorder.rollouts(1, [{"a": 1}])
        assert recorder.evaluation(1, problems=["a", "b"], passed=[1, 0]).rate == 0.5
    assert not (tmp_path / "run").exists()
    assert recorder.lost == 0
    with Recorder(tmp_path / "run", rank=0) as recorder:
        recorder.log(1, reward=1.0)
    assert (tmp_path / "run" / "metrics.jsonl").exists()


def test_a_rank_that_is_no_number_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "first")
    with pytest.raises(UsageError, match="'first'"):
        Recorder(tmp_path / "run")


def test_after_closing_a_call_is_lost_and_says_so(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "run")
    recorder.close()
    with pytest.warns(RuntimeWarning, match="closed"):
        recorder.log(1, reward=1.0)
    assert recorder.lost == 1


# -- resuming --------------------------------------------------------------------------------------------------------


def test_a_resumed_run_goes_on_behind_a_line_that_was_cut(tmp_path: Path) -> None:
    with Recorder(tmp_path / "run") as recorder:
        recorder.log(1, reward=1.0)
        recorder.log(2, reward=2.0)
    path = tmp_path / "run" / "metrics.jsonl"
    path.write_bytes(path.read_bytes()[:-9])
    with Recorder(tmp_path / "run", resume=True) as recorder:
        recorder.log(3, reward=3.0)
    run = heldout.read(tmp_path / "run")
    assert run["reward"].step.tolist() == [1, 3]
    assert any(note.kind.value == "dropped" and "1 line cut or broken" in note.text for note in run.notes)


def test_resuming_with_other_settings_keeps_both(tmp_path: Path) -> None:
    with Recorder(tmp_path / "run", config={"lr": 1.0}) as recorder:
        recorder.log(1, reward=1.0)
    with Recorder(tmp_path / "run", config={"lr": 0.5}, resume=True) as recorder:
        recorder.log(2, reward=1.0)
    run = heldout.read(tmp_path / "run")
    assert run.config["lr"] == 0.5
    assert json.loads((tmp_path / "run" / "run.json").read_text())["config"] == {"lr": 1.0}
    assert any("with other settings" in note.text for note in run.notes)


# -- death and full disks --------------------------------------------------------------------------------------------

LOOP = """
    try:
        with Recorder(folder, resume=True) as recorder:
            step = int(sys.argv[2])
            while True:
                recorder.log(step, {"reward": step / 7, "kl": float("nan") if step % 5 == 0 else 0.5})
                if step % 3 == 0:
                    recorder.evaluation(step, problems=["a", "b", "c"], passed=[1, step % 2, 0])
                os.write(1, b"%d\\n" % step)
                step += 1
    except BrokenPipeError:
        pass
"""


def killed_at_random(folder: Path, start: int, rng: random.Random) -> list[int]:
    """Start a process that logs, kill it at a random moment, and return the steps whose calls had returned."""
    process = child(LOOP, folder, start)
    assert process.stdout is not None
    first = process.stdout.readline()
    time.sleep(rng.expovariate(1 / 0.01))
    process.kill()
    rest, errors = process.communicate()
    assert first, errors
    return [int(line) for line in (first + rest).splitlines(keepends=True) if line.endswith("\n")]


def kill_many(folder: Path, kills: int, seed: int = 0) -> int:
    """Kill a run `kills` times, resume it each time, and return how many completed calls there were; all are there."""
    rng = random.Random(seed)
    returned: list[int] = []
    for _ in range(kills):
        start = returned[-1] + 1 if returned else 0
        returned += killed_at_random(folder, start, rng)
    run = heldout.read(folder)
    reward, kl, held = run.metrics["reward"], run.metrics["kl"], run["held_out"]
    assert not set(returned) - set(reward.step.tolist())
    assert all(value == step / 7 for step, value in zip(reward.step.tolist(), reward.value.tolist(), strict=True))
    assert not {step for step in returned if step % 5 == 0} - set(kl.nonfinite.tolist())
    assert not {step for step in returned if step % 3 == 0} - set(held.step.tolist())
    assert len(run.measured) == len(held)
    return len(returned)


def test_a_process_killed_at_any_moment_has_lost_no_call_that_returned(tmp_path: Path) -> None:
    assert kill_many(tmp_path / "run", 30) >= 30


def test_a_full_disk_costs_records_but_not_the_loop(tmp_path: Path) -> None:
    code = f"""
    import resource, signal, warnings
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    recorder = Recorder(folder)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, {resource.RLIM_INFINITY}))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for step in range(1000):
            recorder.log(step, {{"reward": step / 7}})
        recorder.rollouts(1, [{{"text": os.urandom(30_000).hex()}}])
    resource.setrlimit(resource.RLIMIT_FSIZE, ({resource.RLIM_INFINITY}, {resource.RLIM_INFINITY}))
    recorder.log(2000, {{"reward": 1.5}})
    print(len([one for one in caught if issubclass(one.category, RuntimeWarning)]), recorder.lost)
    """
    process = child(code, tmp_path / "run")
    said, errors = process.communicate()
    assert process.returncode == 0, errors
    warned, lost = map(int, said.split())
    run = heldout.read(tmp_path / "run")
    reward = run["reward"]
    assert 1 <= warned <= 2
    assert 0 < lost < 1000
    assert reward.step[-1] == 2000
    # One more was logged afterwards, and the rollouts were lost; a line that lacks only its end is lost, and read.
    assert len(reward) + lost in (1000 + 2, 1000 + 3)
    assert reward.value[:-1].tolist() == [step / 7 for step in range(len(reward) - 1)]
    assert not list((tmp_path / "run").rglob("*.new"))


def log_many(recorder: Recorder, count: int) -> None:
    for step in range(count):
        recorder.log(step, {"reward": step / 7})


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB, where this process may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(place)], capture_output=True)
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_disk_that_is_really_full_and_then_emptied(small_disk: Path) -> None:
    with Recorder(small_disk / "run") as recorder:
        (small_disk / "ballast").write_bytes(bytes(32_768))
        with pytest.warns(RuntimeWarning, match="could not be recorded"):
            log_many(recorder, 1000)
        (small_disk / "ballast").unlink()
        recorder.log(2000, reward=1.0)
        reward = heldout.read(small_disk / "run")["reward"]
    assert reward.step[-1] == 2000
    # a line that lacks nothing but its end counts as lost and is read all the same
    assert len(reward) + recorder.lost in (1001, 1002)


def test_a_file_taken_away_while_running_does_not_stop_the_loop(tmp_path: Path) -> None:
    with Recorder(tmp_path / "run") as recorder:
        recorder.log(1, reward=1.0)
        for path in (tmp_path / "run").iterdir():
            path.unlink()
        (tmp_path / "run").rmdir()
        recorder.log(2, reward=1.0)
        with pytest.warns(RuntimeWarning, match="could not be recorded"):
            recorder.evaluation(2, problems=["a"], passed=[1])


def test_an_evaluation_that_is_there_already_is_recorded_as_it_is(tmp_path: Path) -> None:
    made = Evaluation.from_counts(3, ["a", "b"], [1, 0], benchmark="code")
    with Recorder(tmp_path / "run") as recorder:
        recorder.evaluated(made, errors={"syntax": 1})
        with pytest.warns(RuntimeWarning, match="evaluation of step 4 .* not known one by one"):
            recorder.evaluated(Evaluation(4, 0.5, benchmark="code"))
    (row,) = lines(tmp_path / "run" / "evals" / "code.jsonl")
    assert (row["step"], row["problems"], row["passed"], row["samples"]) == (3, ["a", "b"], [1, 0], 1)
    assert row["errors"] == {"syntax": 1}
    assert recorder.lost == 1
