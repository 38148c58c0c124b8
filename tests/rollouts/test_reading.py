"""Rollouts are read from whoever wrote them: what stands where, what was left out, and what a restart supersedes."""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import heldout
from heldout.errors import UsageError
from heldout.rollouts import Rollouts
from heldout.rollouts.reading import Stored, rollouts_of
from heldout.run import NoteKind

NAN = math.nan


def lines(path: Path, *rows: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def told(found: Rollouts) -> list[tuple[Any, ...]]:
    return [(one.step, one.problem, one.prompt, one.text, one.reward, dict(one.parts)) for one in found]


def said(found: Rollouts) -> list[str]:
    return [note.text for note in found.notes]


def hashed(prompt: str) -> str:
    return hashlib.sha256(prompt.encode()).hexdigest()[:16]


def user(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def assistant(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


# --- every format


def test_our_own_run_directory_as_its_recorder_writes_it(tmp_path: Path) -> None:
    with heldout.Recorder(tmp_path / "run", rank=0) as recorder:
        for step in (10, 20):
            recorder.log(step, {"reward": 0.5})
            recorder.rollouts(
                step,
                [
                    {
                        "problem": "p",
                        "prompt": "ask",
                        "text": f"a{step}",
                        "tokens": 3,
                        "reward": 1.0,
                        "reward/tests": 1.0,
                    },
                    {"problem": "q", "prompt": "ask q", "text": "b", "tokens": 4, "reward": None, "reward/tests": None},
                ],
            )
    found = rollouts_of(tmp_path / "run")
    assert told(found)[:2] == [
        (10, "p", "ask", "a10", 1.0, {"tests": 1.0}),
        (10, "q", "ask q", "b", pytest.approx(NAN, nan_ok=True), {"tests": pytest.approx(NAN, nan_ok=True)}),
    ]
    assert found.step.tolist() == [10, 10, 20, 20]
    assert found.tokens.tolist() == [3, 4, 3, 4]
    assert len(set(found.group.tolist())) == 4
    assert (found.format, found.notes, found.paid) == ("rollouts that heldout recorded", (), None)
    assert found.kept_with.tolist() == found.judged_with.tolist() == [1.0] * 4


def test_our_own_rows_with_all_that_is_known_of_them(tmp_path: Path) -> None:
    row = {
        "step": 7,
        "problem": "p",
        "prompt": "ask",
        "text": " exit()",
        "reward": 1.0,
        "group": 40,
        "advantage": 0.5,
        "stop": "eos",
        "tokens": 4,
        "kept_with": 0.25,
        "judged_with": 0.5,
        "rewarded": True,
        "group_rewarded": 6,
        "hidden": 0.0,
        "hidden_kind": "left the program",
    }
    lost = {**row, "hidden": 0.0, "hidden_kind": "infrastructure", "group": 41, "rewarded": False}
    found = rollouts_of(lines(tmp_path / "rollouts" / "all.jsonl", row, {**row, "hidden": None}, lost))
    assert found.kind == ["left the program", "left the program", "infrastructure"]
    np.testing.assert_array_equal(found.failed, [1.0, NAN, NAN])  # where the sandbox failed nothing is known
    assert found.paid is not None
    assert found.rewarded.tolist() == [True, True, False]
    assert found.group.tolist() == [0, 0, 1]
    assert (found.kept_with[0], found.judged_with[0], found.group_rewarded[0], found.advantage[0]) == (
        0.25,
        0.5,
        6,
        0.5,
    )
    assert found.stop[0] == "eos"
    judged = found.judged
    assert judged.chance.tolist() == [0.5] * 3


def test_the_completions_of_trl_have_a_column_for_each_reward_function(tmp_path: Path) -> None:
    folder = tmp_path / "completions"
    folder.mkdir()
    for step in (1, 2):
        pl.DataFrame(
            {
                "step": [step] * 2,
                "prompt": [user("add"), user("sub")],
                "completion": [assistant("a"), assistant("b")],
                "good": [1.0, None],
                "short": [0.5, 0.25],
                "advantage": [0.7, -0.7],
            }
        ).write_parquet(folder / f"completions_{step:05d}.parquet")
    found = rollouts_of(tmp_path)
    assert told(found)[0] == (1, hashed("add"), "add", "a", 1.5, {"good": 1.0, "short": 0.5})
    assert found.reward.tolist() == [1.5, 0.25, 1.5, 0.25]
    assert found.advantage.tolist() == [0.7, -0.7, 0.7, -0.7]
    assert said(found) == ["The rows have no reward of their own: the sum of their parts was taken (good, short)."]


def test_the_generations_of_verl(tmp_path: Path) -> None:
    for step in (1, 2, 10):
        rows = [
            {"input": "ask", "output": f"o{step}", "gts": "7", "score": 1.0, "step": step, "acc": True, "pred": "x"}
        ]
        lines(tmp_path / "rollout_data" / f"{step}.jsonl", *rows, rows[0] | {"score": NAN, "acc": False})
    found = rollouts_of(tmp_path / "rollout_data")
    assert found.step.tolist() == [1, 1, 2, 2, 10, 10]
    assert told(found)[0] == (1, hashed("ask"), "ask", "o1", 1.0, {"acc": 1.0})
    assert found.group.tolist() == [0, 0, 1, 1, 2, 2]
    assert np.isnan(found.reward[1])
    assert said(found)[0] == "1.jsonl: 1 row whose 'score' is no finite number (kept)."


def test_validation_dumps_are_left_alone_unless_they_are_asked_for(tmp_path: Path) -> None:
    row = {"input": "ask", "output": "o", "score": 1.0, "step": 5}
    lines(tmp_path / "rollouts" / "5.jsonl", row)
    lines(tmp_path / "val" / "5.jsonl", row, row)
    found = rollouts_of(tmp_path)
    assert len(found) == 1
    assert said(found) == ["Left alone, as evaluations by their names: val; give such a folder itself to read it."]
    assert len(rollouts_of(tmp_path / "val")) == 2


def test_the_samples_of_skyrl_have_rewards_of_tokens(tmp_path: Path) -> None:
    row = {
        "input_prompt": "ask",
        "output_response": "o",
        "score": [0.0, 0.0, 1.0],
        "stop_reason": "length",
        "env_class": "x",
    }
    found = rollouts_of(lines(tmp_path / "dump" / "global_step_20_evals" / "gsm8k.jsonl", row).parents[1])
    assert told(found) == [(20, hashed("ask"), "ask", "o", 1.0, {})]
    assert found.stop == ["length"]


def test_results_of_verifiers(tmp_path: Path) -> None:
    row = {
        "example_id": 3,
        "prompt": [{"role": "system", "content": "be good"}, *user("ask")],
        "completion": assistant("o"),
        "reward": 0.5,
        "metrics": {"right": 0.0, "format": 1.0},
        "task": "x",
    }
    found = rollouts_of(lines(tmp_path / "step_4" / "results.jsonl", row).parents[1])
    assert told(found) == [(4, "3", "be good\nask", "o", 0.5, {"right": 0.0, "format": 1.0})]


def test_traces_of_prime_rl_packed_or_not_and_each_once(tmp_path: Path) -> None:
    nodes = [{"message": one} for one in (*user("ask"), *assistant("first"), *user("go on"), *assistant("last"))]
    row = {
        "env": {"name": "rg"},
        "run": {"work": {"type": "train", "step": 4}},
        "traces": [
            {"task": {"key": "p"}, "rewards": {"a": {"score": 0.5, "weight": 2.0}, "b": 1.0}, "nodes": nodes},
            {"task": {"key": "p"}, "rewards": {"a": 0.0}, "nodes": []},
        ],
    }
    whole = lines(tmp_path / "rollouts" / "step_4" / "train" / "all" / "traces.jsonl", row, row)
    lines(tmp_path / "rollouts" / "step_4" / "train" / "effective" / "traces.jsonl", row)
    lines(tmp_path / "rollouts" / "step_4" / "eval" / "all" / "traces.jsonl", row)
    expected: list[tuple[Any, ...]] = [(4, "p", "ask", "last", 1.0, {})] * 2
    assert told(rollouts_of(tmp_path)) == expected
    packed = whole.with_name("traces.jsonl.gz")
    packed.write_bytes(gzip.compress(whole.read_bytes()))
    assert told(rollouts_of(tmp_path)) == expected
    whole.unlink()
    assert told(rollouts_of(tmp_path)) == expected


def test_samples_of_openrlhf_and_rows_of_ones_own(tmp_path: Path) -> None:
    found = rollouts_of(lines(tmp_path / "a.jsonl", {"input": "ask", "output": "o", "reward": -1.5}))
    assert told(found) == [(0, hashed("ask"), "ask", "o", -1.5, {})]
    assert said(found) == ["Neither the rows nor the names of the files tell a step; all were taken as step 0."]
    own = {"task_id": "HumanEval/1", "question": "ask", "response": "o", "score": 1, "reward_style": 0.5, "step": 3.0}
    assert told(rollouts_of(lines(tmp_path / "b.jsonl", own))) == [
        (3, "HumanEval/1", "ask", "o", 1.0, {"reward_style": 0.5})
    ]


def test_ids_that_name_the_answers_are_no_problems(tmp_path: Path) -> None:
    rows = [
        {"id": f"s{place}", "prompt": f"ask {place // 2}", "completion": "o", "reward": 1, "step": 1}
        for place in range(4)
    ]
    found = rollouts_of(lines(tmp_path / "a.jsonl", *rows))
    assert found.problems == (hashed("ask 0"), hashed("ask 1"))
    assert found.group.tolist() == [0, 0, 1, 1]
    assert said(found) == ["The ids name the answers; problems are told by their prompts."]
    pl.DataFrame(rows).write_parquet(tmp_path / "a.parquet")
    assert told(rollouts_of(tmp_path / "a.parquet")) == told(found)


# --- odd input


def test_what_cannot_be_used_is_listed_and_the_rest_is_read(tmp_path: Path) -> None:
    good = {"problem": "p", "prompt": "ask", "text": "o", "reward": 1.0, "step": 1}
    path = tmp_path / "rollouts" / "step-1.jsonl"
    lines(
        path,
        good,
        "",
        "[1, 2]",
        "nonsense",
        good | {"text": None},
        good | {"text": 7},
        good | {"text": ["a", "b"]},
        good | {"step": -1},
        good | {"step": 2.5},
        good | {"reward": "high"},
        good | {"reward": None, "kept_with": 0.0},
        good | {"text": "half a pair \ud800"},
    )
    with path.open("ab") as file:
        file.write(json.dumps(good | {"text": "caf@"}).encode().replace(b"@", b"\xe9") + b"\n")
        file.write(json.dumps(good).encode()[:-9])  # cut as its process died
    found = rollouts_of(tmp_path)
    assert [one.text for one in found] == ["o", "o", "o", "half a pair \ud800", "caf\ufffd"]
    assert sorted(said(found)) == sorted(
        [
            "rollouts/step-1.jsonl: 3 lines cut or broken and left out, the last of them "
            '\'{"problem": "p", "prompt": "ask", "text": "o", "reward": 1.0…\'.',
            "rollouts/step-1.jsonl: 1 row with bytes that are no UTF-8, each shown as \ufffd.",
            "rollouts/step-1.jsonl: 1 row whose answer is null (left out).",
            "rollouts/step-1.jsonl: 2 rows without an answer that is one text (left out).",
            "rollouts/step-1.jsonl: 2 rows whose 'step' is no whole number from 0 on (left out).",
            "rollouts/step-1.jsonl: 1 row whose 'reward' is no finite number (kept).",
            "rollouts/step-1.jsonl: 1 row whose 'kept_with' is no chance (kept).",
        ]
    )


@pytest.mark.parametrize(
    ("answers", "texts", "left"),
    [
        (["a", None], ["a"], "1 row whose answer is null"),
        ([b"a", b"b"], None, "2 rows without an answer that is one text"),
        ([["a", "b"], ["c"]], ["c"], "1 row without an answer that is one text"),
        ([1, 2], None, "2 rows without an answer that is one text"),
        ([assistant("a"), assistant("b")], ["a", "b"], ""),
    ],
)
def test_answers_of_parquet_that_are_no_texts_are_counted(
    tmp_path: Path, answers: list[Any], texts: list[str] | None, left: str
) -> None:
    path = tmp_path / "step-1.parquet"
    pl.DataFrame({"prompt": ["q", "q"], "completion": answers, "reward": [1.0, 0.0]}).write_parquet(path)
    if texts is None:
        with pytest.raises(UsageError, match=left):
            rollouts_of(path)
        return
    found = rollouts_of(path)
    assert [one.text for one in found] == texts
    assert said(found) == ([f"step-1.parquet: {left} (left out)."] if left else [])


def test_other_files_are_named_and_an_empty_one_is_no_mistake(tmp_path: Path) -> None:
    good = {"prompt": "ask", "text": "o", "reward": 1.0}
    lines(tmp_path / "step-1.jsonl", good)
    (tmp_path / "step-2.jsonl").touch()
    lines(tmp_path / "metrics.jsonl", {"step": 1, "loss": 0.5})
    (tmp_path / "step-3.parquet").write_bytes(b"PAR1 and no more")
    lines(tmp_path / "generated.jsonl", {"input": "ask", "output": "o", "score": 1.0})
    found = rollouts_of(tmp_path)
    assert len(found) == 1
    (note,) = found.notes
    assert (note.kind, note.count) == (NoteKind.IGNORED, 4)
    assert "metrics.jsonl has the keys 'step' and 'loss'" in note.text
    assert "step-2.jsonl is empty" in note.text
    assert "step-3.parquet cannot be read" in note.text
    assert "generated.jsonl has verl's generations" in note.text


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda path: None, "does not exist; give a run directory"),
        (lambda path: path.mkdir(), "holds no rollouts: there is no file of JSON lines or Parquet in it"),
        (lambda path: path.write_text("hello"), "is neither JSON lines nor Parquet"),
        (lambda path: lines(path / "a.jsonl", {"step": 1, "loss": 0.5}), "a.jsonl has the keys 'step' and 'loss'"),
        (
            lambda path: lines(path / "a.jsonl", {"text": None, "prompt": ""}),
            "holds no rollouts: 1 row whose answer is null",
        ),
    ],
)
def test_a_place_without_rollouts_is_refused_with_what_is_there(tmp_path: Path, make: Any, why: str) -> None:
    make(tmp_path / "x")
    with pytest.raises(UsageError, match=r"^[^\n]*$") as refused:
        rollouts_of(tmp_path / "x")
    assert why in str(refused.value)


def test_a_packed_file_that_is_cut_gives_what_stands_before(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [{"prompt": "ask", "text": rng.bytes(3000).hex(), "reward": 1.0, "step": 1} for _ in range(60)]
    data = gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode())
    (tmp_path / "a.jsonl.gz").write_bytes(data[: len(data) // 2])
    found = rollouts_of(tmp_path / "a.jsonl.gz")
    assert 5 < len(found) < 60
    assert "cannot be read beyond line" in said(found)[0]
    assert [one.text for one in found] == [row["text"] for row in rows[: len(found)]]


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("120.jsonl", 120),
        ("completions_00120.jsonl", 120),
        ("step-00000120.jsonl", 120),
        ("global_step_120/data.jsonl", 120),
        ("step_120/part-7.jsonl", 120),
        ("train-00000-of-00001.jsonl", 0),  # a shard
        ("humaneval2.jsonl", 0),
        ("v1.jsonl", 0),
    ],
)
def test_the_step_is_read_off_names_that_give_one(tmp_path: Path, name: str, step: int) -> None:
    lines(tmp_path / name, {"prompt": "a", "completion": "x", "reward": 1.0})
    found = rollouts_of(tmp_path)
    assert found.step.tolist() == [step]
    assert bool(found.notes) == (step == 0)  # said where it is assumed


# --- restarts


def test_a_run_that_was_taken_up_again_in_one_file_is_there_once(tmp_path: Path) -> None:
    steps = [10, 10, 20, 20, 30, 40, 20, 20, 30]  # taken up again at 20
    rows = [{"prompt": "ask", "text": str(place), "reward": 1.0, "step": step} for place, step in enumerate(steps)]
    found = rollouts_of(lines(tmp_path / "all.jsonl", *rows))
    assert [(one.step, one.text) for one in found] == [(10, "0"), (10, "1"), (20, "6"), (20, "7"), (30, "8")]
    assert said(found) == ["4 rows at steps that the run, taken up again, wrote anew were superseded."]


def test_rows_in_no_order_are_sorted_and_all_kept(tmp_path: Path) -> None:
    steps = np.random.default_rng(0).permutation(40).tolist()
    rows = [{"prompt": "ask", "text": str(step), "reward": 1.0, "step": step} for step in steps]
    found = rollouts_of(lines(tmp_path / "all.jsonl", *rows))
    assert [one.text for one in found] == [str(step) for step in range(40)]
    assert said(found) == ["Rows were not in order of their steps; they were sorted."]


@pytest.mark.parametrize(
    ("order", "left"),
    [
        ([1, 2, 3, 4, 5, 6, 7, 8], 8),
        ([1, 2, 3, 6, 7, 8, 4, 5], 5),  # taken up again at 4, and now at 5: 6 to 8 are from before
        ([1, 10, 11, 12, 2, 3, 4, 5], 8),  # copied in the order of their names
        ([8, 2, 5, 1, 7, 3, 6, 4], 8),  # copied in no order
    ],
)
def test_files_of_later_steps_from_before_a_restart_are_known_by_their_times(
    tmp_path: Path, order: Sequence[int], left: int
) -> None:
    for place, step in enumerate(order):
        path = lines(tmp_path / f"{step}.jsonl", {"input": "a", "output": str(step), "score": 1.0, "step": step})
        os.utime(path, (1e9 + 60 * place, 1e9 + 60 * place))
    found = rollouts_of(tmp_path)
    assert found.step.tolist() == sorted(order)[:left]
    assert bool(found.notes) == (left < 8)


# --- outcomes that were added afterwards


def test_outcomes_beside_the_files_are_read_with_them_and_stale_ones_are_not(tmp_path: Path) -> None:
    run = tmp_path / "run"
    lines(run / "rollouts" / "step-1.jsonl", *[{"prompt": "a", "text": text, "reward": 1.0} for text in "xyz"])
    pl.DataFrame({"prompt": ["a"] * 3, "text": ["u", "v", "w"], "reward": [1.0] * 3}).write_parquet(
        run / "rollouts" / "step-2.parquet"
    )

    def outcome(file: str, row: int, text: str, hidden: float | None, kind: str) -> dict[str, object]:
        of = hashlib.sha256(text.encode()).hexdigest()
        return {"file": f"rollouts/{file}", "row": row, "text_sha256": of, "hidden": hidden, "hidden_kind": kind}

    lines(
        run / "hidden.jsonl",
        outcome("step-1.jsonl", 0, "x", 0.5, "wrong answer"),
        outcome("step-1.jsonl", 1, "another", 1.0, "solved"),
        outcome("step-2.parquet", 1, "v", 0.0, "raised"),
        outcome("step-2.parquet", 1, "v", 1.0, "solved"),  # judged again
        outcome("step-2.parquet", 2, "w", None, "infrastructure"),
        {"file": "x"},
        '{"cut',
    )
    found = rollouts_of(run)
    np.testing.assert_array_equal(found.hidden, [0.5, NAN, NAN, NAN, 1.0, NAN])
    assert found.kind == ["wrong answer", "", "", "", "solved", "infrastructure"]
    assert said(found) == [
        "hidden.jsonl: 2 lines cut or without an outcome, left out.",
        "rollouts/step-1.jsonl: 1 row differing from the answer that was judged afterwards; that outcome was left out "
        "(kept).",
    ]


@pytest.mark.parametrize(
    ("judged", "chances"),
    [
        ([], [0.1, 1.0, 0.1, 1.0]),
        ([1, 3], [0.5, 0.5, 0.5, 0.5]),  # with those that were judged before, all that was kept
        ([1], [0.5, 0.5, 0.1, 1.0]),  # interrupted there
        ([-1], [0.1, 1.0, 0.1, 1.0]),  # of a file that was written anew since
    ],
)
def test_where_all_that_was_kept_is_judged_the_chance_of_it_is_that_of_having_been_kept(
    tmp_path: Path, judged: list[int], chances: list[float]
) -> None:
    rows = [
        {"prompt": "a", "text": str(at), "reward": 1.0, "kept_with": 0.5, "judged_with": 0.1, "hidden": hidden}
        for at, hidden in enumerate((0.0, None, 1.0, None))
    ]
    lines(tmp_path / "step-1.jsonl", *rows)
    added = [
        {
            "file": "step-1.jsonl",
            "row": abs(at),
            "text_sha256": hashlib.sha256(str(at).encode()).hexdigest(),
            "hidden": 0.0,
        }
        for at in judged
    ]
    lines(tmp_path / "hidden.jsonl", *added)
    found = rollouts_of(tmp_path)
    known = np.where(np.isnan(found.hidden), 1.0, found.judged_with)
    assert known.tolist() == chances


def test_every_row_says_in_which_file_it_stands(tmp_path: Path) -> None:
    row = {"prompt": "a", "text": "x", "reward": 1.0}
    lines(tmp_path / "step-2.jsonl", row, "", row)
    lines(tmp_path / "step-1.jsonl", row)
    texts = rollouts_of(tmp_path).texts
    assert isinstance(texts, Stored)
    assert [texts.place(row) for row in range(3)] == [("step-1.jsonl", 0), ("step-2.jsonl", 0), ("step-2.jsonl", 2)]


# --- texts


@settings(max_examples=15, deadline=None)
@given(
    texts=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), min_size=1, max_size=12),
    order=st.randoms(use_true_random=False),
    parquet=st.booleans(),
)
def test_any_text_comes_back_in_whatever_order_it_is_asked_for(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], order: Any, parquet: bool
) -> None:
    folder = tmp_path_factory.mktemp("r")
    rows = [{"prompt": f"ask {place}", "text": text, "reward": 1.0} for place, text in enumerate(texts)]
    if parquet:
        pl.DataFrame(rows).write_parquet(folder / "step-1.parquet")
    else:
        lines(folder / "step-1.jsonl", *rows)
    found = rollouts_of(folder)
    asked = [order.randrange(len(texts)) for _ in range(20)]
    assert list(found.texts.read(asked)) == [(f"ask {place}", texts[place]) for place in asked]


@pytest.mark.parametrize("small", [0, 2**24])  # bytes of a file that is read at once
def test_texts_of_many_files_and_of_more_rows_than_are_held_are_each_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: int
) -> None:
    monkeypatch.setattr("heldout.rollouts.files._SMALL", small)
    for step in range(6):
        size = 5000 if step == 0 else 700
        pl.DataFrame(
            {"prompt": ["a"] * size, "text": [f"{step} {row}" for row in range(size)], "reward": [1.0] * size}
        ).write_parquet(tmp_path / f"step-{step}.parquet")
    found = rollouts_of(tmp_path)
    rows = np.random.default_rng(0).permutation(len(found))[:1500].tolist()
    starts = [0, *(5000 + 700 * step for step in range(5))]
    expected = [f"{found.step[row]} {row - starts[found.step[row]]}" for row in rows]
    assert [text for _, text in found.texts.read(rows)] == expected


def test_a_step_that_is_written_as_text_is_one(tmp_path: Path) -> None:
    row = {"prompt": "a", "completion": "b", "reward": 1}
    steps = ("7", " 12 ", "0012", "12/40", "-3", "1e3", "9" * 19, -3, None)
    found = rollouts_of(lines(tmp_path / "a.jsonl", *({**row, "step": step} for step in steps)))
    assert found.step.tolist() == [7, 12, 12]
    assert said(found) == [
        "a.jsonl: 5 rows whose 'step' is no whole number from 0 on (left out).",
        "a.jsonl: 1 row without a step (left out).",
    ]


def test_rewards_that_are_texts_are_read_as_numbers_and_those_that_are_none_are_counted(tmp_path: Path) -> None:
    row = {"prompt": "a", "completion": "b", "step": 1}
    given = ("1.0", " -2e1 ", "0.5", "nan", "good", "1,5", "1_0", None)
    found = rollouts_of(lines(tmp_path / "a.jsonl", *({**row, "reward": one} for one in given)))
    np.testing.assert_array_equal(found.reward, [1.0, -20.0, 0.5, *[np.nan] * 5])
    assert said(found) == ["a.jsonl: 4 rows whose 'reward' is no finite number (kept)."]
    rows = [{**row, "advantage": 0.1, "my_reward": one, "gold": "42"} for one in ("1", "0", "good")]
    completions = tmp_path / "completions_00001.parquet"
    pl.DataFrame(rows).write_parquet(completions)
    by_part = rollouts_of(completions)
    assert list(by_part.parts) == ["my_reward"]
    np.testing.assert_array_equal(by_part.reward, [1.0, 0.0, np.nan])
    assert "whose 'my_reward' is no finite number" in " ".join(said(by_part))


def test_what_rows_do_not_tell_or_tell_wrongly_is_said(tmp_path: Path) -> None:
    row = {"completion": "b", "reward": 1, "step": 1}
    found = rollouts_of(lines(tmp_path / "a.jsonl", *({**row, "hidden": one} for one in (0, 1, 0.5, 2, -0.1, True))))
    assert np.isnan(found.hidden).tolist() == [False, False, False, True, True, False]
    assert said(found) == [
        "a.jsonl: 2 rows whose 'hidden' is no share of tests, from 0 to 1 (kept).",
        "The rows name neither a problem nor a prompt, so which of them answer the same problem is not known; the "
        "answers of a step count as one group.",
    ]
    assert said(rollouts_of(lines(tmp_path / "b.jsonl", {**row, "prompt": "ask"}))) == []


def test_episodes_as_verifiers_writes_them_have_their_steps_and_those_of_an_evaluation_none(tmp_path: Path) -> None:
    # shortened from what write_episode of verifiers 0.4.0 writes
    trace = {
        "version": 1,
        "task": {"type": "double", "data": {"idx": 7, "prompt": "Double x."}, "key": "double/7"},
        "agent": {"config": {}, "name": "agent", "trainable": True},
        "nodes": [
            {"message": {"role": "user", "content": "Double x."}, "sampled": False},
            {"parent": 0, "message": {"role": "assistant", "content": "return 2 * x"}, "sampled": True},
        ],
        "rewards": {"tests": {"score": 1.0, "weight": 0.5}, "form": {"score": 0.0, "weight": 1.0}},
        "stop_condition": "agent_completed",
    }
    episode = {"id": "a", "env": {"id": "double"}, "task": trace["task"], "ok": True, "errors": [], "traces": [trace]}
    runs = [{"run": {"type": "train", "id": "r", "work": {"type": "train", "step": step}}} for step in (3, 4)]
    found = rollouts_of(lines(tmp_path / "traces.jsonl", *({**episode, **run} for run in runs)))
    assert (found.step.tolist(), found.problems, found.reward.tolist()) == ([3, 4], ("double/7",), [0.5, 0.5])
    assert {name: values.tolist() for name, values in found.parts.items()} == {"tests": [0.5, 0.5], "form": [0.0, 0.0]}
    assert next((one.prompt, one.text, one.stop) for one in found) == ("Double x.", "return 2 * x", "agent_completed")
    assert said(found) == []
    evaluated = rollouts_of(lines(tmp_path / "other.jsonl", {**episode, "run": {"type": "eval", "id": "r"}}))
    assert evaluated.step.tolist() == [0]
    assert said(evaluated) == ["Neither the rows nor the names of the files tell a step; all were taken as step 0."]
