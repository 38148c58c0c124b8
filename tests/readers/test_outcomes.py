"""Who solved what: outcomes of single problems as other trainers write them, and which of their files are none."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from in_memory import told

import heldout
from benchmarks import logs
from heldout.errors import NoMetrics, NotUnderstood, ReadError
from heldout.readers import read_all
from heldout.readers.assemble import surviving
from heldout.readers.judged_samples import outcomes_of
from heldout.readers.log import attached, log_of
from heldout.readers.run_directory import read_evaluations
from heldout.readers.source import Source
from heldout.readers.steps import log_from_table
from heldout.run import Evaluation, Outcomes, Run, Series
from heldout.stats.passk import mean_pass_at_k
from heldout.stats.rates import standard_error


def write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return path


def verl_rows(step: int, solved: Mapping[str, list[float]], **also: Any) -> list[dict[str, Any]]:
    """Samples as verl's trainer dumps them."""
    return [
        {"input": prompt, "output": f"try {n}", "gts": "42", "score": score, "step": step, **also}
        for prompt, scores in solved.items()
        for n, score in enumerate(scores)
    ]


def said(run: Run, kind: str) -> str:
    return " ".join(note.text for note in run.notes if note.kind.value == kind)


def verl_log(folder: Path, steps: int = 31) -> None:
    rows = ({"step": step, "data": {"critic/score/mean": step / steps}} for step in range(steps))
    write_lines(folder / "gsm8k.jsonl", rows)


# -- grouping ---------------------------------------------------------------------------------------------------------


@given(st.dictionaries(st.text(max_size=3), st.lists(st.booleans(), min_size=1, max_size=5), min_size=2, max_size=8))
def test_samples_are_grouped_by_problem(judged: dict[str, list[bool]]) -> None:
    mixed = [(problem, scores[n]) for n in range(5) for problem, scores in judged.items() if n < len(scores)]
    outcomes = outcomes_of((problem, float(score)) for problem, score in mixed)
    assert dict(zip(outcomes.problems, outcomes.passed, strict=True)) == {p: sum(s) for p, s in judged.items()}
    assert dict(zip(outcomes.problems, outcomes.samples, strict=True)) == {p: len(s) for p, s in judged.items()}
    truth = mean_pass_at_k(outcomes.samples, outcomes.passed, 1)
    assert standard_error(outcomes.share) == pytest.approx(truth.se)


# -- verl -------------------------------------------------------------------------------------------------------------


def test_validation_dumps_of_verl_join_the_run_beside_them(tmp_path: Path) -> None:
    verl_log(tmp_path / "exp")
    for step in (0, 10, 20):
        write_lines(
            tmp_path / "exp" / "val" / f"{step}.jsonl", verl_rows(step, {"1+1?": [1, 0], "2+2?": [0, step / 20]})
        )
    (tmp_path / "exp" / "ckpts" / "global_step_20" / "actor").mkdir(parents=True)
    run = heldout.read(tmp_path / "exp")
    assert run.format == "verl file log"
    assert run.roles["held_out"] == "eval/validation/pass@1"
    assert run["held_out"].value.tolist() == [0.25, 0.375, 0.5]
    assert run["held_out"].problems is not None
    assert run["held_out"].samples is not None
    assert run["held_out"].problems.tolist() == run["held_out"].samples.tolist() == [2.0, 2.0, 2.0]
    outcomes = [evaluation.outcomes for evaluation in run.measured]
    assert all(one is not None and one.samples.tolist() == [2, 2] for one in outcomes)
    assert len({one.problems for one in outcomes if one is not None}) == 1
    assert len(run["reward"]) == 31
    assert run.checkpoints == {20: str(tmp_path / "exp" / "ckpts" / "global_step_20")}


def test_they_can_be_read_alone(tmp_path: Path) -> None:
    for step in (0, 10, 100):
        write_lines(tmp_path / "exp" / "validation_data" / f"{step}.jsonl", verl_rows(step, {"a": [1], "b": [0]}))
    for path in (tmp_path / "exp", tmp_path / "exp" / "validation_data"):
        run = heldout.read(path)
        assert run.format == "samples dumped by verl"
        assert run["held_out"].step.tolist() == [0, 10, 100]
    assert len(heldout.read(tmp_path / "exp" / "validation_data" / "10.jsonl").measured) == 1


def test_training_rollouts_are_never_held_out_outcomes(tmp_path: Path) -> None:
    verl_log(tmp_path / "exp")
    for step in range(5):
        write_lines(tmp_path / "exp" / "rollout_data" / f"{step}.jsonl", verl_rows(step, {"a": [1], "b": [0]}))
    run = heldout.read(tmp_path / "exp")
    assert run.measured == ()
    assert "held_out" not in run.roles
    assert "5 files here not read" in said(run, "ignored")
    assert "training rollouts" in said(run, "ignored")
    with pytest.raises(NoMetrics, match="training rollouts"):
        heldout.read(tmp_path / "exp" / "rollout_data" / "3.jsonl")


def test_where_no_folder_tells_it_is_assumed_alone_and_left_alone_beside_a_run(tmp_path: Path) -> None:
    write_lines(tmp_path / "exp" / "here" / "dumps" / "5.jsonl", verl_rows(5, {"a": [1], "b": [0]}))
    alone = heldout.read(tmp_path / "exp" / "here")
    assert len(alone.measured) == 1
    assert "samples in dumps/ were taken as validation samples" in said(alone, "assumed")
    verl_log(tmp_path / "exp" / "here")
    beside = heldout.read(tmp_path / "exp" / "here")
    assert beside.measured == ()
    assert "1 file of judged samples left alone" in said(beside, "ignored")


def test_acc_is_the_outcome_where_the_score_is_a_reward(tmp_path: Path) -> None:
    rows = [*verl_rows(1, {"a": [-1.0]}, acc=False), *verl_rows(1, {"b": [1.0]}, acc=True)]
    write_lines(tmp_path / "exp" / "val" / "1.jsonl", rows)
    (evaluation,) = heldout.read(tmp_path / "exp").measured
    assert evaluation.rate == 0.5


def test_scores_that_are_no_shares_leave_the_logged_rates_alone(tmp_path: Path) -> None:
    rows = [{"step": step, "data": {"critic/score/mean": 0.1, "val-core/x/acc/mean@1": 0.5}} for step in range(4)]
    write_lines(tmp_path / "exp" / "log.jsonl", rows)
    write_lines(tmp_path / "exp" / "val" / "1.jsonl", verl_rows(1, {"a": [-1.0], "b": [1.0]}))
    run = heldout.read(tmp_path / "exp")
    assert run.roles["held_out"] == "val-core/x/acc/mean@1"
    assert run.measured == ()
    assert "1 score outside 0 to 1" in said(run, "ignored")


def test_the_data_source_names_the_benchmark(tmp_path: Path) -> None:
    rows = [*verl_rows(1, {"a": [1.0]}, data_source="openai/gsm8k"), *verl_rows(1, {"b": [0.0]}, data_source="math")]
    run = heldout.read(write_lines(tmp_path / "exp" / "val" / "1.jsonl", rows))
    assert {evaluation.key: evaluation.rate for evaluation in run.measured} == {
        "eval/openai/gsm8k/pass@1": 1.0,
        "eval/math/pass@1": 0.0,
    }


def test_a_sample_longer_than_the_head_and_a_cut_one(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "exp" / "val" / "1.jsonl", verl_rows(1, {"a" * 200_000: [1], "b": [0], "c": [1]}))
    path.write_bytes(path.read_bytes()[:-5])
    run = heldout.read(path)
    assert run.measured[0].rate == 0.5
    assert "val/1.jsonl: 1 line cut or broken" in said(run, "dropped")


def test_several_experiments_keep_their_own_outcomes(tmp_path: Path) -> None:
    for number, name in enumerate(("a", "b")):
        verl_log(tmp_path / name)
        write_lines(tmp_path / name / "val" / "5.jsonl", verl_rows(5, {"p": [number], "q": [number]}))
    runs = {run.name: run for run in read_all(tmp_path)}
    assert {name: run["held_out"].value.tolist() for name, run in runs.items()} == {"a": [0.0], "b": [1.0]}
    for name in ("a", "b"):
        (tmp_path / name / "gsm8k.jsonl").unlink()
    runs = {run.name: run for run in read_all(tmp_path)}
    assert {name: run["held_out"].value.tolist() for name, run in runs.items()} == {"a": [0.0], "b": [1.0]}


def test_outcomes_beside_event_files_of_a_resumed_run(tmp_path: Path) -> None:
    (tmp_path / "exp").mkdir()
    logs.write_events(tmp_path / "exp" / "events.out.tfevents.1", 12)
    logs.write_events(tmp_path / "exp" / "events.out.tfevents.2", 12)
    write_lines(tmp_path / "exp" / "val" / "5.jsonl", verl_rows(5, {"p": [1], "q": [0]}))
    run = heldout.read(tmp_path / "exp")
    assert [(evaluation.step, evaluation.rate) for evaluation in run.measured] == [(5, 0.5)]
    assert len(run["reward"]) == 12


# -- TRL --------------------------------------------------------------------------------------------------------------


def test_completions_of_trl_are_no_outcomes(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("step,reward\n1,0.5\n2,0.6\n")
    folder = tmp_path / "completions"
    folder.mkdir()
    for step in (1, 2):
        columns = {"step": [step], "prompt": ["p"], "completion": ["c"], "accuracy_reward": [1.0], "advantage": [0.0]}
        pl.DataFrame(columns).write_parquet(folder / f"completions_{step:05d}.parquet")
    run = heldout.read(tmp_path)
    assert run.measured == ()
    assert run.metrics.keys() == {"reward"}
    assert "2 files here not read" in said(run, "ignored")
    assert "not told apart" in said(run, "ignored")
    with pytest.raises(ReadError, match="sampled completions"):
        heldout.read(folder / "completions_00001.parquet")


# -- verifiers and prime-rl -------------------------------------------------------------------------------------------


def result(example: int, reward: float | None, **also: Any) -> dict[str, Any]:
    """A line of results.jsonl."""
    return {"example_id": example, "prompt": [], "completion": [], "task": "gsm8k", "reward": reward, **also}


def test_results_of_online_evaluations_take_the_step_of_their_folder(tmp_path: Path) -> None:
    metrics = ({"step": step, "time": 1.0, "reward/all/mean": step / 30} for step in range(30))
    write_lines(tmp_path / "run" / "metrics.jsonl", metrics)
    for step in (0, 20):
        rows = [result(0, 1.0), result(1, 0.0), result(0, 1.0), result(1, float(step > 0))]
        write_lines(tmp_path / "run" / "evals" / f"step_{step}" / "gsm8k" / "results.jsonl", rows)
    run = heldout.read(tmp_path / "run")
    assert run.roles["held_out"] == "eval/gsm8k/pass@1"
    assert run["held_out"].step.tolist() == [0, 20]
    assert run["held_out"].value.tolist() == [0.5, 0.75]
    assert run.measured[0].outcomes is not None
    assert run.measured[0].outcomes.problems == ("0", "1")


def test_samples_that_ended_in_an_error_are_not_failures(tmp_path: Path) -> None:
    rows = [result(0, 1.0), result(1, 0.0, error={"error": "Timeout"}), result(2, None), result(3, 0.0)]
    run = heldout.read(write_lines(tmp_path / "out" / "results.jsonl", rows))
    assert run.measured[0].rate == 0.5
    assert "2 samples not judged" in said(run, "dropped")
    assert "taken as step 0" in said(run, "assumed")


def trace(problem: int, score: float, kind: str = "eval", step: int = 5, number: int = 0) -> dict[str, Any]:
    """An episode as prime-rl writes it: one agent that is scored, a judge that is not."""
    return {
        "id": f"episode-{kind}-{problem}-{number}",
        "env": {"id": "coding"},
        "run": {"id": "r", "work": {"type": kind, "step": step}},
        "ok": True,
        "errors": [],
        "traces": [
            {
                "task": {"data": {"idx": problem}},
                "nodes": [],
                "rewards": {"tests": {"score": score, "weight": 1.0}, "judge": None},
            },
            {"task": {"data": {"idx": problem}}, "nodes": [], "rewards": {}},
        ],
    }


def test_eval_traces_of_prime_rl_and_not_its_training_ones(tmp_path: Path) -> None:
    base = tmp_path / "run" / "rollouts" / "step_5"
    write_lines(base / "eval" / "all" / "traces.jsonl", [trace(0, 1.0), trace(1, 0.0)])
    write_lines(base / "train" / "all" / "traces.jsonl", [trace(7, 1.0, "train")])
    run = heldout.read(tmp_path / "run")
    assert [(one.step, one.key, one.rate) for one in run.measured] == [(5, "eval/coding/pass@1", 0.5)]
    assert "training rollouts" in said(run, "ignored")


def test_a_stream_of_both_gives_its_evaluations(tmp_path: Path) -> None:
    rows = [trace(7, 1.0, "train"), trace(0, 1.0), trace(1, 0.0), {**trace(2, 0.0), "ok": False, "traces": []}]
    path = write_lines(tmp_path / "run" / "traces" / "stream" / "00000.jsonl", rows)
    run = heldout.read(path)
    assert run.measured[0].rate == 0.5
    assert "1 training rollout left out" in said(run, "ignored")
    assert "without the keys" in said(run, "dropped")  # the episode that failed names no problem


@pytest.mark.parametrize(
    "rows",
    [
        [{"input": 1, "output": 2, "score": "x", "step": "y"}],
        [{"example_id": None, "reward": []}],
        [{"traces": [], "env": None}],
        [{"traces": 3, "env": {}, "task": "x"}],
        [{"task": {"data": 3}, "rewards": {"a": {"weight": "x"}}, "nodes": []}],
        [{"input": "a", "output": "b", "score": None, "step": 3, "acc": "yes"}],
    ],
)
def test_odd_lines_are_refused_in_a_sentence(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    with pytest.raises((NoMetrics, NotUnderstood)) as caught:
        heldout.read(write_lines(tmp_path / "exp" / "val" / "1.jsonl", rows * 2))
    assert "\n" not in str(caught.value)


def test_metrics_that_only_resemble_samples_are_still_read(tmp_path: Path) -> None:
    rows = [{"step": step, "task": "code", "reward": step / 5, "problems": 100} for step in range(5)]
    run = heldout.read(write_lines(tmp_path / "exp" / "val" / "metrics.jsonl", rows))
    assert np.allclose(run["reward"].value, [0, 0.2, 0.4, 0.6, 0.8])


# -- the evaluations of a run directory, alone ------------------------------------------------------------------------


def line(step: int | bool, passed: list[float]) -> str:
    row = {"step": step, "time": 1.0, "benchmark": "b", "problems": ["p", "q"], "passed": passed, "samples": [1, 1]}
    return json.dumps(row) + "\n"


def test_a_whole_file_of_evaluations(tmp_path: Path) -> None:
    path = tmp_path / "evals" / "b.jsonl"
    path.parent.mkdir()
    rows = [line(1, [1, 0]), line(2, [1, 2]), line(3, [1]), line(-4, [1, 1]), line(True, [1, 1]), "nothing\n"]
    path.write_text("".join(rows) + line(6, [1, 1]) + line(7, [0, 0])[:-5])
    (log,) = read_evaluations(Source(path)) or []
    assert told(log) == {
        "format": "evaluations",
        "step": [1, 6],
        "columns": {"eval/b/pass@1": {0: 0.5, 1: 1.0}},
        "session": [0, 0],
        "notes": [
            (
                "dropped",
                f"evals/b.jsonl: 2 lines cut or broken and left out, the last of them {line(7, [0, 0])[:60] + '…'!r}.",
                2,
            ),
            ("dropped", "evals/b.jsonl: 4 lines without the keys or values that belong there, left out.", 4),
        ],
        "measured": [(1, "eval/b/pass@1", 0.5), (6, "eval/b/pass@1", 1.0)],
    }
    path.write_text(line(1, [1]))
    with pytest.raises(
        NoMetrics, match=r"^b\.jsonl: evaluations of heldout, but no line of it is whole; nothing to re"
    ):
        read_evaluations(Source(path))
    path.write_text('{"step": 1, "benchmark": "b"}\n')
    assert read_evaluations(Source(path)) is None


def test_what_else_is_known_of_an_evaluation_is_a_row_with_it() -> None:
    trained = log_from_table([{"step": 1, "reward": 0.5, "eval/b/pass@1": 0.9}], "csv")
    one, two = (Evaluation.of(step, Outcomes.from_counts(["p"], [1]), "b") for step in (4, 2))
    log = attached(trained, [one, two], [{"n": 3, "deep": {"m": True, "t": "7"}, "l": [1]}, {"n": None}])
    assert told(log) == {
        "format": "csv",
        "step": [1, 4, 2],
        "columns": {
            "reward": {0: 0.5},
            "eval/b/pass@1": {1: 1.0, 2: 1.0},
            "eval/b/n": {1: 3.0},
            "eval/b/deep/m": {1: 1.0},
        },
        "notes": [
            ("assumed", "'eval/b/pass@1' was logged as a metric too; what the evaluations say was kept.", 1),
        ],
        "measured": [(4, "eval/b/pass@1", 1.0), (2, "eval/b/pass@1", 1.0)],
    }
    assert attached(trained, []) is trained
    empty = log_of([one], "csv")
    later = attached(empty, [two])
    given = attached(empty, [two], session=np.array([0]))
    assert (told(empty)["session"], told(later)["session"], told(given)["session"]) == ([0], [0, 1], [0, 0])


def test_of_measurements_those_that_still_stand_in_the_run_survive_the_last_of_equal_ones() -> None:
    made = [
        Evaluation.of(step, Outcomes.from_counts(["p", "q"], [n, 0]), "b")
        for step, n in ((4, 0), (2, 1), (4, 1), (9, 1))
    ]
    series = Series("eval/b/pass@1", np.array([2, 4]), np.array([0.5, 0.5]))
    assert surviving(made, {"eval/b/pass@1": series}) == (made[1], made[2])
    assert surviving(made, {}) == ()
