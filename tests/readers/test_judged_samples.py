"""Judged samples: which folder says what they are of, which step they belong to, and which scores are shares."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from in_memory import told

from heldout.errors import NoMetrics
from heldout.readers.folders.places import owner
from heldout.readers.judged_samples import Kind, kind_of, read
from heldout.readers.source import Source
from heldout.run import NoteKind


def verl(path: Path, *scores: float, **more: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{"input": f"p{i}", "output": "", "score": score, "step": 5, **more} for i, score in enumerate(scores)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("val/1.jsonl", Kind.HELD_OUT),
        ("validation_data/1.jsonl", Kind.HELD_OUT),
        ("my-eval/1.jsonl", Kind.HELD_OUT),
        ("rollouts/1.jsonl", Kind.TRAINING),
        ("train/1.jsonl", Kind.TRAINING),
        ("train/val/1.jsonl", Kind.HELD_OUT),  # the nearest name counts
        ("val/step_5/1.jsonl", Kind.HELD_OUT),
        ("val/step_5/a/1.jsonl", None),  # the third folder above counts no more
        ("medieval/1.jsonl", None),
        ("x/1.jsonl", None),
    ],
)
def test_the_nearest_two_folders_say_what_samples_are_of(tmp_path: Path, path: str, expected: Kind | None) -> None:
    assert kind_of(tmp_path / "a" / "b" / path) is expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [("exp/val/1.jsonl", "exp"), ("exp/evals/step_100/x.jsonl", "exp"), ("exp/step_7/1.jsonl", "exp"), ("1.jsonl", "")],
)
def test_samples_belong_to_the_folder_above_those_that_sort_them(tmp_path: Path, path: str, expected: str) -> None:
    assert owner(tmp_path / path, tmp_path) == tmp_path / expected


@pytest.mark.parametrize(("folder", "unsaid"), [("val", False), ("dump", True)])
def test_where_no_folder_says_what_samples_are_of_the_log_says_so(tmp_path: Path, folder: str, unsaid: bool) -> None:
    logs = read(Source(verl(tmp_path / "a" / folder / "1.jsonl", 1.0, 0.0)))
    assert logs is not None
    assert logs[0].format == "verl-samples"
    assert logs[0].maybe_training == unsaid
    assert any(note.kind is NoteKind.ASSUMED for note in logs[0].notes) == unsaid
    assert [(one.step, one.rate) for one in logs[0].measured] == [(5, 0.5)]


@pytest.mark.parametrize(("score", "is_share"), [(0.0, True), (1.0, True), (1.0000001, False), (-0.0000001, False)])
def test_scores_within_0_and_1_are_shares(tmp_path: Path, score: float, is_share: bool) -> None:
    path = verl(tmp_path / "val" / "1.jsonl", 0.5, score)
    if is_share:
        assert read(Source(path))
        return
    with pytest.raises(NoMetrics, match="1 score outside 0 to 1"):
        read(Source(path))


def test_what_was_right_wins_over_the_reward_where_it_is_a_share(tmp_path: Path) -> None:
    logs = read(Source(verl(tmp_path / "val" / "1.jsonl", 0.2, 0.4, acc=1.0)))
    assert logs is not None
    assert logs[0].measured[0].rate == 1.0
    logs = read(Source(verl(tmp_path / "val" / "2.jsonl", 0.2, 0.4, acc=7.0)))
    assert logs is not None
    assert logs[0].measured[0].rate == pytest.approx(0.3)


def test_training_rollouts_are_refused_by_the_name_of_their_folder(tmp_path: Path) -> None:
    with pytest.raises(NoMetrics, match="training rollouts"):
        read(Source(verl(tmp_path / "rollouts" / "1.jsonl", 1.0)))


# -- whole files ------------------------------------------------------------------------------------------------------


def lines(path: Path, *rows: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def whole(path: Path) -> dict[str, Any]:
    logs = read(Source(path))
    assert logs is not None
    (log,) = logs
    return told(log)


def sample(prompt: str, score: object, **more: object) -> dict[str, object]:
    return {"input": prompt, "output": "", "score": score, "step": 5, **more}


def test_a_whole_file_of_verl(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "val" / "5.jsonl",
        sample("a", 0.5),
        sample("a", 9.0, acc=True),
        sample("a", 0.25, acc="yes"),
        sample("b", 0.0, acc=-0.5),
        sample("b", 1.0, data_source="math", step=0),
        sample("c", None),
        sample("c", float("nan"), acc=None),
        sample("c", 1.0, step=-1),
        sample("c", 1.0, step=True),
        {"input": 3, "output": "", "score": 1.0, "step": 5},
        "broken",
    )
    assert whole(path) == {
        "format": "verl-samples",
        "step": [5, 0],
        "columns": {
            "eval/validation/pass@1": {0: pytest.approx(((0.5 + 1 + 0.25) / 3 + 0) / 2)},
            "eval/math/pass@1": {1: 1.0},
        },
        "session": [0, 0],
        "notes": [
            ("dropped", "val/5.jsonl: 1 line cut or broken and left out, the last of them 'broken'.", 1),
            ("dropped", "val/5.jsonl: 3 lines without the keys or values that belong there, left out.", 3),
            ("dropped", "5.jsonl: 2 samples not judged and left out.", 2),
        ],
        "measured": [
            (5, "eval/validation/pass@1", pytest.approx(1.75 / 6)),
            (0, "eval/math/pass@1", 1.0),
        ],
    }


def result(example: object, reward: object, **more: object) -> dict[str, object]:
    return {"example_id": example, "reward": reward, **more}


def test_a_whole_file_of_verifiers(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "x" / "step_20" / "y" / "results.jsonl",
        result(1, 1.0),
        result("1", 0.5),  # the same problem
        result(2, 0.0, task="gsm8k"),
        result(2, 1.0, env_id="aime", task="gsm8k"),
        result(3, 1.0, error="timeout"),
        result(4.5, 1.0),
        result(4, 0.0, error=None),
    )
    assert whole(path) == {
        "format": "verifiers-results",
        "step": [20, 20, 20],
        "columns": {
            "eval/validation/pass@1": {0: 0.375},
            "eval/gsm8k/pass@1": {1: 0.0},
            "eval/aime/pass@1": {2: 1.0},
        },
        "session": [0, 0, 0],
        "notes": [
            ("dropped", "y/results.jsonl: 1 line without the keys or values that belong there, left out.", 1),
            ("dropped", "results.jsonl: 1 sample not judged and left out.", 1),
        ],
        "measured": [
            (20, "eval/validation/pass@1", 0.375),
            (20, "eval/gsm8k/pass@1", 0.0),
            (20, "eval/aime/pass@1", 1.0),
        ],
    }


def test_samples_without_a_step_stand_at_0_and_that_is_said(tmp_path: Path) -> None:
    made = whole(lines(tmp_path / "x" / "results.jsonl", result(1, 1.0), result(2, 0.0)))
    assert made["step"] == [0]
    text = "results.jsonl: neither the samples nor their folder tell the step; taken as step 0."
    assert made["notes"] == [("assumed", text, 1)]


@pytest.mark.parametrize(
    ("folder", "step"),
    [
        ("step_7", 7),
        ("checkpoint-7", 7),
        ("eval_ckpt7", 7),
        ("steps-7", 7),
        ("a7", 0),
        ("step_7b", 0),
        ("step_9/step_7", 7),
    ],
)
def test_the_nearest_folder_with_a_number_tells_the_step(tmp_path: Path, folder: str, step: int) -> None:
    assert whole(lines(tmp_path / "x" / folder / "results.jsonl", result(1, 1.0)))["step"] == [step]


def trace(key: object, *scores: object, kind: str = "eval", **more: object) -> dict[str, object]:
    return {
        "env": {"name": "rg"},
        "run": {"work": {"type": kind, "step": 4}},
        "traces": [{"task": {"key": key}, "rewards": score} for score in scores],
        **more,
    }


def test_a_whole_file_of_traces(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "x" / "traces.jsonl",
        trace("p", {"a": 0.5}, {"a": {"score": 0.5, "weight": 0.5}, "b": {"score": 1.0}}, {}, None),  # 0.5 and 1.25
        trace("q", {"a": 1.0}, ok=False),
        trace("q", {"a": 1.0}, errors=["x"]),
        trace("q", {"a": 0.5}, ok=True, errors=[], env={"id": "other"}),
        trace("q", {"a": {"score": "1"}}),  # judged by nobody
        trace("q", {"a": 0.25}, env={}, run={"type": "eval", "step": 6}),
        trace(None, {"a": 1.0}),
        trace("t", {"a": 0.0}, kind="train"),
        {**trace(None), "traces": [{"rewards": {"a": 0.75}}], "task": {"data": {"idx": 0}}},
        {**trace(None), "traces": [3, {"rewards": {"a": 0.25}, "task": {"hash": "h"}}]},
        {**trace("s", {"a": 1.0}), "run": {"work": {"type": "eval", "step": -1}}},
    )
    made = whole(path)
    assert made["measured"] == [
        (4, "eval/rg/pass@1", pytest.approx((0.875 + 0.75 + 0.25) / 3)),
        (4, "eval/other/pass@1", 0.5),
        (6, "eval/validation/pass@1", 0.25),
        (0, "eval/rg/pass@1", 1.0),
    ]
    assert made["format"] == "prime-rl-traces"
    assert "maybe_training" not in made
    assert made["notes"] == [
        ("dropped", "x/traces.jsonl: 1 line without the keys or values that belong there, left out.", 1),
        ("ignored", "traces.jsonl: 1 training rollout left out.", 1),
        ("dropped", "traces.jsonl: 3 samples not judged and left out.", 3),
        ("assumed", "traces.jsonl: neither the samples nor their folder tell the step; taken as step 0.", 1),
    ]


def test_a_trace_alone_on_its_line(tmp_path: Path) -> None:
    row = {"task": {"key": "p"}, "rewards": {"a": 1.0}, "nodes": [], "run": {"step": 3}}
    made = whole(lines(tmp_path / "w" / "x" / "y.jsonl", row))
    assert made["measured"] == [(3, "eval/validation/pass@1", 1.0)]
    assert made["maybe_training"] is True
    text = (
        "The samples in x/ were taken as validation samples; if they are training rollouts, they are no held-out "
        "evidence (a folder named val or rollouts tells)."
    )
    assert made["notes"] == [("assumed", text, 1)]


@pytest.mark.parametrize(
    ("row", "known"),
    [
        ({"input": "", "output": "", "score": 1, "step": 1}, True),
        ({"input": "", "output": "", "score": 1}, False),
        ({"example_id": 1, "reward": 1}, True),
        ({"example_id": 1}, False),
        ({"traces": [{"task": {"key": "a"}, "rewards": {"a": 1}}], "env": {}}, True),
        ({"traces": []}, False),
        ({"task": {"key": 1}, "rewards": {"a": 1}, "nodes": []}, True),
        ({"task": {"key": 1}, "rewards": {"a": 1}}, False),
        ({"step": 1, "reward": 1}, False),
        ([{"example_id": 1, "reward": 1}], False),
    ],
)
def test_a_format_is_known_by_the_keys_of_its_first_line(tmp_path: Path, row: object, known: bool) -> None:
    assert bool(read(Source(lines(tmp_path / "x" / "y.jsonl", row)))) is known


@pytest.mark.parametrize("length", [10, 65_400, 65_536, 200_000])
def test_a_sample_of_any_length_is_known(tmp_path: Path, length: int) -> None:
    path = lines(tmp_path / "val" / "1.jsonl", sample("a", 1.0, output="x" * length), sample("b", 0.0))
    assert whole(path)["measured"] == [(5, "eval/validation/pass@1", 0.5)]
    path.write_text(path.read_text().split("\n")[0])  # one alone, without a line end
    assert whole(path)["measured"] == [(5, "eval/validation/pass@1", 1.0)]


@pytest.mark.parametrize(
    ("folder", "rows", "why"),
    [
        ("val", [sample("a", None)], "samples of which none was judged; nothing to read."),
        (
            "val",
            [sample("a", 2.0), sample("b", -1.0)],
            "samples with 2 scores outside 0 to 1, which are no shares of problems solved; they were not used.",
        ),
        (
            "x",
            [trace("t", {"a": 0.0}, kind="train")],
            "the samples are training rollouts by their folder or their lines; they are no held-out outcomes and were "
            "not used.",
        ),
    ],
)
def test_samples_that_are_of_no_use_are_refused(tmp_path: Path, folder: str, rows: list[object], why: str) -> None:
    with pytest.raises(NoMetrics) as refused:
        read(Source(lines(tmp_path / folder / "1.jsonl", *rows)))
    assert str(refused.value) == f"1.jsonl: {why}"


@pytest.mark.parametrize(
    ("columns", "refused"), [(["prompt", "completion", "advantage", "step"], True), (["prompt", "completion"], False)]
)
def test_a_table_of_completions_is_refused(tmp_path: Path, columns: list[str], refused: bool) -> None:
    path = tmp_path / "completions_1.parquet"
    pl.DataFrame({column: [1] for column in columns}).write_parquet(path)
    if refused:
        with pytest.raises(NoMetrics, match="TRL's sampled completions"):
            read(Source(path))
    else:
        assert read(Source(path)) is None
    path.write_bytes(b"PAR1")
    assert read(Source(path)) is None


@pytest.mark.parametrize(("step", "known"), [(2**62 - 1, True), (2**62, False), (10**400, False)])
def test_a_step_that_no_counter_reaches_is_none(tmp_path: Path, step: int, known: bool) -> None:
    path = tmp_path / "val" / "5.jsonl"
    verl(path, 1.0, 0.0, step=step)
    if known:
        [log] = read(Source(path)) or []
        assert [one.step for one in log.measured] == [step]
    else:
        with pytest.raises(NoMetrics, match=r"5\.jsonl"):
            read(Source(path))


def test_evaluations_that_skyrl_dumps(tmp_path: Path) -> None:
    path = tmp_path / "dumped_evals" / "global_step_20_evals" / "openai_gsm8k.jsonl"
    path.parent.mkdir(parents=True)
    common = {"output_response": "x", "stop_reason": "stop", "env_class": "gsm8k", "env_extras": {}}
    scores: list[object] = [1.0, [0.0, 1.0], 0.0, [], None]  # of the reply, or of each token
    rows = [
        {"input_prompt": f"q{i // 2}", "score": score, "data_source": "openai/gsm8k", **common}
        for i, score in enumerate(scores)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (log,) = read(Source(path)) or []
    (evaluation,) = log.measured
    assert (log.format, evaluation.step, evaluation.key) == ("skyrl-evals", 20, "eval/openai/gsm8k/pass@1")
    assert evaluation.rate == 0.5  # of two problems, one solved twice and one not at all
    assert not log.maybe_training
    assert [note.text for note in log.notes] == ["openai_gsm8k.jsonl: 2 samples not judged and left out."]
