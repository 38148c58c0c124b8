"""Run directories: what the recorder wrote, put in order, with everything that could not be used listed."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from in_memory import told

import heldout
from heldout import Recorder
from heldout.errors import NoMetrics, ReadError
from heldout.findings import State
from heldout.readers import read_all, run_directory
from heldout.run import Run
from heldout.stats.passk import mean_pass_at_k
from heldout.stats.rates import binomial_se, effective_problems

PROBLEMS = [f"p{number}" for number in range(50)]


def outcome(rng: np.random.Generator, rate: float) -> list[int]:
    return rng.binomial(1, rate, len(PROBLEMS)).tolist()


def recorded(folder: Path, steps: int = 40, every: int = 10) -> Path:
    rng = np.random.default_rng(0)
    with Recorder(folder, config={"seed": 1, "lr": 1e-5}) as recorder:
        for step in range(steps):
            recorder.log(step, {"reward": step / steps, "completions/mean_length": 100.0 + step, "kl": 0.01})
            if step % every == 0:
                recorder.evaluation(step, problems=PROBLEMS, passed=outcome(rng, 0.4), mean_length=90.0)
    return folder


def said(run: Run, kind: str) -> str:
    return " ".join(note.text for note in run.notes if note.kind.value == kind)


def test_metrics_roles_evaluations_and_settings(tmp_path: Path) -> None:
    run = heldout.read(recorded(tmp_path / "mine"))
    assert (run.name, run.format) == ("mine", "heldout run directory")
    assert run.roles["reward"] == "reward"
    assert run.roles["held_out"] == "eval/held-out/pass@1"
    assert run.roles["length"] == "completions/mean_length"
    assert run.config["lr"] == 1e-5
    assert run.config["seeds"] == {"seed": 1}
    assert len(run["reward"]) == 40
    assert [evaluation.step for evaluation in run.measured] == [0, 10, 20, 30]
    assert run.evaluations() == list(run.measured)
    assert run.metrics["eval/held-out/mean_length"].value.tolist() == [90.0] * 4
    assert said(run, "dropped") == said(run, "unknown") == said(run, "repaired") == ""


def test_each_rate_has_its_size_and_the_error_clustered_by_problem(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    with Recorder(tmp_path / "run") as recorder:
        for step in range(4):
            samples = rng.integers(1, 9, len(PROBLEMS))
            recorder.evaluation(step, problems=PROBLEMS, passed=rng.binomial(samples, 0.3), samples=samples)  # type: ignore[arg-type]
    run = heldout.read(tmp_path / "run", problems=7)  # what the log says itself is not overruled
    held = run["held_out"]
    assert held.problems is not None
    assert held.samples is not None
    assert held.spread is not None
    for place, evaluation in enumerate(run.measured):
        assert evaluation.outcomes is not None
        truth = mean_pass_at_k(evaluation.outcomes.samples, evaluation.outcomes.passed, 1)
        assert held.value[place] == pytest.approx(truth.value)
        each = float(evaluation.outcomes.samples.mean())
        least = binomial_se(truth.value, effective_problems(len(PROBLEMS), each))  # so few cannot tell how they differ
        assert held.spread[place] == pytest.approx(max(truth.se, float(least)))
        assert (held.problems[place], held.samples[place]) == (len(PROBLEMS), each)


@pytest.mark.parametrize("passed", [[0, 0, 0], [1, 1, 1], [0.5, 0.5, 0.5]])
def test_an_evaluation_in_which_all_came_out_alike_is_still_unsure(tmp_path: Path, passed: list[float]) -> None:
    with Recorder(tmp_path / "run") as recorder:
        recorder.evaluation(1, problems=["a", "b", "c"], passed=passed)
    spread = heldout.read(tmp_path / "run")["held_out"].spread
    assert spread is not None
    assert spread[0] > 0.1


def test_a_run_directory_is_judged_like_any_log(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    problems = [f"p{number}" for number in range(300)]
    rates = np.concatenate([np.linspace(0.3, 0.6, 12), np.linspace(0.6, 0.1, 12)])
    with Recorder(tmp_path / "run") as recorder:
        for step in range(240):
            recorder.log(step, reward=step / 240 + rng.normal(0, 0.02))
            if step % 10 == 0:
                recorder.evaluation(step, problems=problems, passed=rng.binomial(1, rates[step // 10], 300))  # type: ignore[arg-type]
    verdict = heldout.diagnose(heldout.read(tmp_path / "run"))
    assert verdict.state is State.OVER_OPTIMISED


def test_the_first_benchmark_is_the_held_out_score_unless_the_run_says_otherwise(tmp_path: Path) -> None:
    for name, roles in (("first", None), ("said", {"held_out": "eval/hard/pass@1"})):
        with Recorder(tmp_path / name, roles=roles) as recorder:
            for step in (1, 2):
                recorder.log(step, {"reward": 1.0, "eval_accuracy": 0.5})
                recorder.evaluation(step, problems=["a", "b"], passed=[1, 0], benchmark="zeta")
                recorder.evaluation(step, problems=["a", "b"], passed=[1, 1], benchmark="hard")
    assert heldout.read(tmp_path / "first").roles["held_out"] == "eval/zeta/pass@1"
    run = heldout.read(tmp_path / "said")
    assert run.roles["held_out"] == "eval/hard/pass@1"
    assert [evaluation.rate for evaluation in run.evaluations()] == [1.0, 1.0]
    assert [evaluation.rate for evaluation in run.evaluations("eval/zeta/pass@1")] == [0.5, 0.5]
    assert (
        heldout.read(tmp_path / "said", roles={"held_out": "eval/zeta/pass@1"}).roles["held_out"] == "eval/zeta/pass@1"
    )


def test_a_role_for_a_metric_that_was_never_logged_is_said(tmp_path: Path) -> None:
    with Recorder(tmp_path / "run", roles={"reward": "scroe"}) as recorder:
        recorder.log(1, reward=1.0)
    run = heldout.read(tmp_path / "run")
    assert run.roles["reward"] == "reward"
    assert "reward is 'scroe'" in said(run, "assumed")


def test_after_a_restart_the_last_write_holds(tmp_path: Path) -> None:
    with Recorder(tmp_path / "run") as recorder:
        for step in range(20):
            recorder.log(step, reward=1.0)
            if step % 5 == 0:
                recorder.evaluation(step, problems=["a", "b"], passed=[0, 0])
    with Recorder(tmp_path / "run", resume=True) as recorder:
        for step in range(8, 13):
            recorder.log(step, reward=2.0)
        recorder.evaluation(10, problems=["a", "b"], passed=[1, 1])
    run = heldout.read(tmp_path / "run")
    assert run["reward"].step.tolist() == list(range(13))
    assert run["reward"].value.tolist() == [1.0] * 8 + [2.0] * 5
    # Step 15 was measured on a branch that was given up.
    assert [(evaluation.step, evaluation.rate) for evaluation in run.measured] == [(0, 0.0), (5, 0.0), (10, 1.0)]
    assert run["held_out"].step.tolist() == [0, 5, 10]
    assert "The run restarted 1 time; 14 rows" in said(run, "repaired")
    assert "taken up again 1 time" in said(run, "repaired")


def test_measuring_old_checkpoints_afterwards_takes_nothing_back(tmp_path: Path) -> None:
    folder = recorded(tmp_path / "run")
    with Recorder(folder, resume=True) as recorder:
        recorder.evaluation(5, problems=PROBLEMS, passed=[1] * 50)
        recorder.evaluation(0, problems=PROBLEMS, passed=[1] * 50)
    run = heldout.read(folder)
    assert len(run["reward"]) == 40
    assert [evaluation.step for evaluation in run.measured] == [0, 5, 10, 20, 30]
    assert run.measured[0].rate == 1.0
    assert "1 step logged more than once" in said(run, "repaired")
    with Recorder(folder, resume=True) as recorder:  # and while the training goes on
        recorder.log(40, reward=1.0)
        recorder.evaluation(7, problems=PROBLEMS, passed=[1] * 50)
    run = heldout.read(folder)
    assert len(run["reward"]) == 41
    assert [evaluation.step for evaluation in run.measured] == [0, 5, 7, 10, 20, 30]


def test_steps_logged_out_of_order_are_no_restart(tmp_path: Path) -> None:
    with Recorder(tmp_path / "run") as recorder:
        for step in (0, 3, 1, 2, 4):
            recorder.log(step, reward=float(step))
    assert heldout.read(tmp_path / "run")["reward"].value.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_cut_and_broken_lines_are_listed(tmp_path: Path) -> None:
    folder = recorded(tmp_path / "run")
    for path in (folder / "metrics.jsonl", folder / "evals" / "held-out.jsonl"):
        path.write_bytes(path.read_bytes()[:-20])
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('\n{"reward": 3}\nwhat\n')
    run = heldout.read(folder)
    assert run["reward"].step.tolist() == list(range(39))
    assert [evaluation.step for evaluation in run.measured] == [0, 10, 20]
    dropped = said(run, "dropped")
    assert "run/metrics.jsonl: 2 lines cut or broken and left out, the last of them 'what'" in dropped
    assert "run/metrics.jsonl: 1 line without the keys" in dropped
    assert "evals/held-out.jsonl: 1 line cut or broken" in dropped


@pytest.mark.parametrize(
    "wrong",
    [
        {"passed": [2, 0]},
        {"passed": [1]},
        {"samples": 0},
        {"problems": ["a", "a"]},
        {"problems": []},
        {"step": -1},
        {"step": None},
        {"passed": ["x", 0]},
        {"samples": [1, 1, 1]},
    ],
)
def test_an_evaluation_that_does_not_fit_together_is_listed_and_not_used(
    tmp_path: Path, wrong: dict[str, object]
) -> None:
    with Recorder(tmp_path / "run") as recorder:
        recorder.evaluation(1, problems=["a", "b"], passed=[1, 0])
    path = tmp_path / "run" / "evals" / "held-out.jsonl"
    line = json.loads(path.read_text())
    path.write_text(path.read_text() + json.dumps({**line, "step": 2, **wrong}) + "\n")
    run = heldout.read(tmp_path / "run")
    assert [evaluation.step for evaluation in run.measured] == [1]
    assert "1 line without the keys or values" in said(run, "dropped")


def test_a_large_log_reads_the_same_in_both_ways(tmp_path: Path) -> None:
    metrics = {f"metric_{number}": number / 7 for number in range(60)}
    with Recorder(tmp_path / "run") as recorder:
        for step in range(1600):
            recorder.log(step, {**metrics, "reward": step / 3})
    assert (tmp_path / "run" / "metrics.jsonl").stat().st_size > 2_000_000
    quick = heldout.read(tmp_path / "run")
    with Recorder(tmp_path / "run", resume=True) as recorder:
        recorder.log(1600, {"reward": math.nan})
    thorough = heldout.read(tmp_path / "run")
    assert quick.metrics.keys() == thorough.metrics.keys()
    for key in quick.metrics:
        assert np.array_equal(quick.metrics[key].value, thorough.metrics[key].value[:1600])
    assert thorough["reward"].nonfinite.tolist() == [1600]


def test_a_directory_of_runs_gives_each_of_them_and_other_logs_too(tmp_path: Path) -> None:
    recorded(tmp_path / "v0.1")
    recorded(tmp_path / "v0.2")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "run.csv").write_text("step,reward\n1,0.5\n2,0.6\n")
    assert [run.name for run in read_all(tmp_path)] == ["v0.1", "v0.2", "old"]
    assert all(len(run.measured) == 4 for run in read_all(tmp_path)[:2])


@pytest.mark.parametrize("name", ["run.json", "metrics.jsonl"])
def test_a_file_of_the_run_stands_for_the_run(tmp_path: Path, name: str) -> None:
    run = heldout.read(recorded(tmp_path / "run") / name)
    assert run.format == "heldout run directory"
    assert len(run.measured) == 4


def test_the_evaluations_can_be_read_alone(tmp_path: Path) -> None:
    folder = recorded(tmp_path / "run")
    whole = heldout.read(folder)
    for path in (folder / "evals", folder / "evals" / "held-out.jsonl"):
        run = heldout.read(path)
        assert run.roles["held_out"] == "eval/held-out/pass@1"
        assert [evaluation.rate for evaluation in run.measured] == [evaluation.rate for evaluation in whole.measured]
        assert run.metrics.keys() == {"eval/held-out/pass@1"}


def test_checkpoints_by_record_and_by_name(tmp_path: Path) -> None:
    folder = recorded(tmp_path / "run")
    for name in ("checkpoints/step-10", "checkpoints/step-20", "best"):
        (folder / name).mkdir(parents=True)
        (folder / name / "model.safetensors").touch()
    (folder / "checkpoints" / "step-30").mkdir()  # empty: being written, or emptied
    with Recorder(folder, resume=True) as recorder:
        recorder.checkpoint(15, folder / "best")
    run = heldout.read(folder)
    assert run.checkpoints == {
        10: str(folder / "checkpoints" / "step-10"),
        15: str(folder / "best"),
        20: str(folder / "checkpoints" / "step-20"),
    }


@pytest.mark.parametrize("name", ["checkpoint-20", "global_step_20", "checkpoints/down/checkpoint-20"])
def test_checkpoints_beside_a_foreign_log(tmp_path: Path, name: str) -> None:
    (tmp_path / "log.csv").write_text("step,reward\n1,0.5\n2,0.6\n")
    (tmp_path / name).mkdir(parents=True)
    (tmp_path / name / "model.safetensors").touch()
    assert heldout.read(tmp_path).checkpoints == {20: str(tmp_path / name)}


def test_a_run_without_a_record_and_a_broken_one_are_refused_in_a_sentence(tmp_path: Path) -> None:
    Recorder(tmp_path / "empty").close()
    with pytest.raises(ReadError, match="nothing was recorded yet"):
        heldout.read(tmp_path / "empty")
    folder = recorded(tmp_path / "broken")
    path = folder / "run.json"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ReadError, match="is no complete JSON document"):
        heldout.read(folder)


# -- whole directories ------------------------------------------------------------------------------------------------


def directory(folder: Path, about: Any = None, **files: list[object]) -> Path:
    """A run directory of these lines: of metrics, of evals, of checkpoints, of findings."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(json.dumps({"format": "heldout run", **(about or {})} if about != [] else []))
    for name, lines in files.items():
        path = folder / "evals" / "b.jsonl" if name == "evals" else folder / f"{name}.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in lines))
    return folder


def evaluation(step: int, passed: int, **more: object) -> dict[str, object]:
    return {"step": step, "benchmark": "b", "problems": ["p", "q"], "passed": [passed, 0], "samples": [2, 2], **more}


def test_a_whole_directory(tmp_path: Path) -> None:
    folder = directory(
        tmp_path / "r",
        {
            "created": "now",
            "versions": {"a": 1},
            "git": "g",
            "seeds": {},
            "other": 1,
            "config": {"lr": 1},
            "roles": {"reward": "x"},
        },
        metrics=[
            {"step": 0, "time": 1.0, "r": 0.5, "deep": {"k": 1}},
            {"step": 3, "time": 2.0, "r": 0.25},
            {"resumed": True, "time": 3.0},
            {"resumed": True, "time": 4.0, "config": {"lr": 2}, "roles": {"reward": "r"}},
            {"step": 2, "time": 5.0, "r": 0.75},
            {"step": -1, "r": 1},
            {"step": True, "r": 1},
            {"step": 1.0, "r": 1},
            {"r": 1},
            "broken",
        ],
        evals=[
            evaluation(1, 1, time=4.5, note="t", more={"n": 3}),
            evaluation(3, 2, time=2.5),
            evaluation(2, 0, time=6.0),
            evaluation(0, 0),  # of no time, so the first
        ],
        checkpoints=[
            {"step": 3, "path": "gone"},
            {"step": 9, "path": "gone"},
            {"step": 1, "path": "."},
            {"step": "2", "path": "."},
            {"step": 4},
        ],
        findings=[
            {"what": "finding"},
            {"what": "finding"},
            *({"what": "act", "act": "evaluate", "done": True, "step": step} for step in (1, 2, 3, 4, 5)),
            {"what": "act", "act": "stop", "done": True, "step": 7},
            {"what": "act", "act": "stop", "done": False, "step": 8},
            {"what": "act", "act": "dance", "done": True, "step": 9},
        ],
    )
    assert told(run_directory.read(folder)) == {
        "format": "run-directory",
        "step": [0, 3, 2, 0, 3, 1, 2],
        "columns": {
            "time": {0: 1.0, 1: 2.0, 2: 5.0},
            "r": {0: 0.5, 1: 0.25, 2: 0.75},
            "deep/k": {0: 1.0},
            "eval/b/pass@1": {3: 0.0, 4: 0.5, 5: 0.25, 6: 0.0},
            "eval/b/more/n": {5: 3.0},
        },
        "session": [0, 0, 1, 0, 0, 0, 1],
        "config": {"created": "now", "versions": {"a": 1}, "git": "g", "seeds": {}, "lr": 2},
        "notes": [
            ("dropped", "r/metrics.jsonl: 1 line cut or broken and left out, the last of them 'broken'.", 1),
            ("dropped", "r/metrics.jsonl: 4 lines without the keys or values that belong there, left out.", 4),
            ("dropped", "2 recorded checkpoints not there any more (steps 3 to 9).", 2),
            ("repaired", "The run was taken up again 2 times, with other settings; the last ones are given.", 2),
            (
                "ignored",
                "While it ran, the guard wrote 2 findings, dance at step 9, asked for evaluations at steps 1, 2, 3, 4 "
                "…, stopped the run at step 7 (findings.jsonl).",
                2,
            ),
        ],
        "roles": {"reward": "r"},
        "measured": [
            (0, "eval/b/pass@1", 0.0),
            (3, "eval/b/pass@1", 0.5),
            (1, "eval/b/pass@1", 0.25),
            (2, "eval/b/pass@1", 0.0),
        ],
        "checkpoints": {1: str(folder)},
    }


def test_what_is_not_there_is_not_spoken_of(tmp_path: Path) -> None:
    folder = directory(
        tmp_path / "r",
        [],
        metrics=[{"step": 1, "r": 0.5}, {"resumed": True}],
        findings=[{"what": "act", "act": "stop", "done": True, "step": 1}, "cut"],
        checkpoints=[{"step": 3, "path": "gone"}],
    )
    assert told(run_directory.read(folder)) == {
        "format": "run-directory",
        "step": [1],
        "columns": {"r": {0: 0.5}},
        "session": [0],
        "notes": [
            ("dropped", "1 recorded checkpoint not there any more (steps 3 to 3).", 1),
            ("repaired", "The run was taken up again 1 time.", 1),
        ],
    }
    finding = directory(tmp_path / "f", metrics=[{"step": 1, "r": 0.5}], findings=[{"what": "finding"}])
    (note,) = run_directory.read(finding).notes
    assert note.text == "While it ran, the guard wrote 1 finding (findings.jsonl)."


def test_a_directory_without_a_number_holds_its_evaluations_alone(tmp_path: Path) -> None:
    folder = directory(tmp_path / "r", metrics=[{"step": 1}], evals=[evaluation(1, 1, time=1.0)])
    assert told(run_directory.read(folder)) == {
        "format": "run-directory",
        "step": [1],
        "columns": {"eval/b/pass@1": {0: 0.25}},
        "session": [0],
        "measured": [(1, "eval/b/pass@1", 0.25)],
    }
    with pytest.raises(NoMetrics, match=r"r2: a run was started here, but nothing was recorded yet\.$"):
        run_directory.read(directory(tmp_path / "r2"))


@pytest.mark.parametrize("steps", ["whole", "missing", "fraction", "negative"])
def test_a_large_file_is_read_at_once_where_every_row_has_a_step(tmp_path: Path, steps: str) -> None:
    """Whichever way: rows without a step that is one are left out and counted."""
    odd = {"whole": '"step":7,', "missing": "", "fraction": '"step":0.5,', "negative": '"step":-1,'}[steps]
    lines = [f'{{"step":{i},"a":0.5,"b":{i}}}' for i in range(80_000)]
    lines[50] = f'{{{odd}"a":0.5,"b":50}}'
    folder = directory(tmp_path / "r", metrics=[*lines])
    log = run_directory.read(folder)
    assert len(log.step) == (80_000 if steps == "whole" else 79_999)
    assert [note.count for note in log.notes] == ([] if steps == "whole" else [1])


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("benchmarks", [1, 2])
def test_a_clock_that_went_back_makes_nothing_older(tmp_path: Path, named: bool, benchmarks: int) -> None:
    """The run is taken up again on a machine whose clock is 60 s behind; older records do not name the session."""
    session = {"session": 140.0} if named else {}
    lines = [evaluation(step, 0, time=100.0 + step) for step in (10, 20, 30)]
    lines += [evaluation(step, 2, time=126.0 + step, **session) for step in (20, 30)]
    metrics: list[object] = [{"step": step, "time": 100.0 + step, "r": 0.5} for step in range(100)]
    metrics += [{"resumed": True, "time": 140.0}]
    metrics += [{"step": step, "time": 125.0 + step, "r": 0.5} for step in range(15, 40)]
    files = {f"eval{number}": lines for number in range(benchmarks)}
    folder = directory(tmp_path / "r", metrics=metrics)
    (folder / "evals").mkdir(exist_ok=True)
    for name, found in files.items():
        rows = [{**line, "benchmark": name} for line in found]
        (folder / "evals" / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = heldout.read(folder)
    for name in files:
        assert run[f"eval/{name}/pass@1"].step.tolist() == [10, 20, 30]
        assert run[f"eval/{name}/pass@1"].value.tolist() == [0.0, 0.5, 0.5]


def test_an_evaluation_names_the_session_in_which_it_was_made(tmp_path: Path) -> None:
    with Recorder(tmp_path / "r") as recorder:
        recorder.log(1, {"r": 0.5})
        recorder.evaluation(1, problems=["p"], passed=[0])
    with Recorder(tmp_path / "r", resume=True) as recorder:
        recorder.log(1, {"r": 0.5})
        recorder.evaluation(1, problems=["p"], passed=[1])
    lines = [json.loads(line) for line in (tmp_path / "r" / "evals" / "held-out.jsonl").read_text().splitlines()]
    marks = [json.loads(line) for line in (tmp_path / "r" / "metrics.jsonl").read_text().splitlines()]
    assert "session" not in lines[0]
    assert lines[1]["session"] == marks[1]["time"]
    run = heldout.read(tmp_path / "r")
    assert run["held_out"].value.tolist() == [1.0]
    assert run.metrics.keys() == {"r", "time", "eval/held-out/pass@1"}


def test_what_two_judges_say_of_the_answers_that_were_kept_is_read_with_the_run(tmp_path: Path) -> None:
    whole = {"rewarded": True, "group_rewarded": 3, "kept_with": 0.5}
    with Recorder(tmp_path, rank=0) as recorder:
        for step in (10, 20, 30):
            recorder.log(step, {"reward": 0.5})
            recorder.rollouts(
                step,
                [
                    {"step": step, "prompt": "a", "text": "x", "reward": 1.0, "group": step} | whole | more
                    for more in (
                        {"judged_with": 0.25, "hidden": 0.0, "hidden_kind": "raised"},
                        {"judged_with": 0.25, "hidden": None, "hidden_kind": ""},  # was not drawn
                        {"judged_with": 0.0, "hidden": None, "hidden_kind": ""},  # none was to be drawn
                    )
                ],
            )
    run = heldout.read(tmp_path)
    assert run.judged is not None
    assert run.judged.step.tolist() == [10, 10, 20, 20, 30, 30]
    np.testing.assert_array_equal(run.judged.failed[:2], [1.0, np.nan])
    assert run.judged.chance.tolist() == [0.25] * 6
    assert run.judged.group_rewarded.tolist() == [3.0] * 6
    with Recorder(tmp_path, rank=0, resume=True) as recorder:  # taken up again at 20, and as far as that
        recorder.log(20, {"reward": 0.5})
    again = heldout.read(tmp_path)
    assert again.judged is not None
    assert again.judged.step.tolist() == [10, 10, 20, 20]


def test_a_run_whose_answers_nobody_judged_has_no_judged_answers_until_somebody_does(tmp_path: Path) -> None:
    with Recorder(tmp_path, rank=0) as recorder:
        recorder.log(10, {"reward": 0.5})
        recorder.rollouts(
            10, [{"prompt": "a", "text": "x", "reward": 1.0}, {"prompt": "a", "text": "y", "reward": 0.0}]
        )
    assert heldout.read(tmp_path).judged is None
    of = hashlib.sha256(b"y").hexdigest()
    row = {
        "file": "rollouts/step-00000010.parquet",
        "row": 1,
        "text_sha256": of,
        "hidden": 0.5,
        "hidden_kind": "raised",
    }
    (tmp_path / "hidden.jsonl").write_text(json.dumps(row) + "\n")
    judged = heldout.read(tmp_path).judged
    assert judged is not None
    assert (judged.failed.tolist(), judged.rewarded.tolist(), judged.chance.tolist()) == ([1.0], [False], [1.0])
