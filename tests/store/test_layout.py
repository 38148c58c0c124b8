"""The files of a run directory: their names never change, and a directory of somebody else's is not one."""

from __future__ import annotations

from pathlib import Path

import pytest

from heldout.errors import RecordError
from heldout.store import layout


def test_the_names_of_the_files_are_those_that_were_promised() -> None:
    assert (layout.RUN, layout.METRICS, layout.EVALS, layout.CHECKPOINTS, layout.FINDINGS) == (
        "run.json",
        "metrics.jsonl",
        "evals",
        "checkpoints.jsonl",
        "findings.jsonl",
    )
    assert (layout.BEST, layout.ROLL_BACK, layout.LOCK, layout.ROLLOUTS) == (
        "best.json",
        "rollback.json",
        "run.lock",
        "rollouts",
    )


def test_a_new_run_is_recognised_and_known_again(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_bytes(layout.new_run({"lr": 0.5, "data_seed": 3}, {"reward": "score"}))
    assert layout.is_run(tmp_path)
    known = layout.known_run(tmp_path / "run.json")
    assert (known["config"]["lr"], known["roles"], known["seeds"]) == (
        0.5,
        {"reward": "score"},
        {"data_seed": 3},
    )


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": "other run"}', '{"format": "heldout run"'])
def test_what_heldout_did_not_write_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "run.json"
    path.write_text(text)
    with pytest.raises(RecordError, match="was not written by heldout"):
        layout.known_run(path)


def test_a_directory_without_run_json_is_no_run(tmp_path: Path) -> None:
    assert not layout.is_run(tmp_path)
    assert not layout.is_run(tmp_path / "nowhere")
    (tmp_path / "run.json").write_text('{"name": "somebody else"}')
    assert not layout.is_run(tmp_path)


@pytest.mark.parametrize(
    ("benchmark", "name"),
    [("gsm8k", "gsm8k"), ("../a/b", "_a_b"), ("", "_"), ("a" * 101, "a" * 100), ("mbpp+ @k-1", "mbpp+_@k-1")],
)
def test_a_benchmark_may_have_any_name(benchmark: str, name: str) -> None:
    assert layout.evaluation_file(benchmark) == f"evals/{name}.jsonl"
