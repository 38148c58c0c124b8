"""`heldout eval` as a person types it: saved samples and a saved model, what is printed, and what is recorded."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import heldout
from calls_of import calls_of
from heldout.tasks import load_task
from heldout.tasks.embedded import draw

pytest.importorskip("pydantic_monty", reason="programs run in monty, of the extra `sandbox`")


def command(*words: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "heldout", "eval", *map(str, words)]
    return subprocess.run(line, capture_output=True, text=True, cwd=cwd, check=False)


@pytest.fixture
def task(tmp_path: Path) -> Path:
    rng = random.Random(0)
    rows = []
    for place in range(8):
        exercise = draw(rng, "test")
        tests = [{"args": list(test.args), "expected": test.expected} for test in calls_of(exercise.problem)]
        split = "test" if place < 6 else "validation"
        rows.append(
            {"id": f"p[{place}]", "prompt": exercise.prompt, "entry_point": "f", "tests": tests, "split": split}
        )
        rows[-1]["solution"] = exercise.solution("long", rng)
        rows[-1]["level"] = "easy"
    path = tmp_path / "steps.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def samples(task: Path, name: str, solved: dict[int, int], each: int = 2) -> Path:
    """Save samples of which so many solve each problem."""
    rows = [json.loads(line) for line in task.read_text().splitlines()]
    lines = [
        {"id": rows[place]["id"], "completion": rows[place]["solution"] if number < right else " return )\n"}
        for place, right in solved.items()
        for number in range(each)
    ]
    path = task.parent / name
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_saved_samples_are_judged_printed_and_recorded(task: Path, tmp_path: Path) -> None:
    saved = samples(task, "samples-step-40.jsonl", {0: 2, 1: 1, 2: 0, 3: 2, 4: 2, 7: 2})
    out = tmp_path / "run"
    done = command(saved, "--task", task, "--split", "test", "-k", "2", "-o", out)
    assert done.returncode == 0, done.stderr
    for said in (
        "steps, test split (for reporting; choose on the validation split): 6 problems",
        "2 samples of problems that are not evaluated were left out.",
        "1 problem without a sample left out: p[5].",
        "pass@1   70.0%",
        "pass@2   80.0%",
        "failed   syntax 3",
        "Hardest, 2 of 2 not always solved",
        "p[2]",
        "Not used: 'level' (8 times).",
    ):
        assert said in done.stdout
    (measured,) = heldout.read(out).measured
    assert (measured.step, measured.benchmark, measured.rate) == (40, "steps-test", 0.7)
    assert measured.outcomes is not None
    assert dict(zip(measured.outcomes.problems, measured.outcomes.passed, strict=True))["p[1]"] == 1
    again = command(out / "samples-step-00000040.jsonl", "--task", task, "--split", "test")
    assert "pass@1   70.0%" in again.stdout


def test_the_verdicts_of_a_file_are_held_against_these(task: Path) -> None:
    saved = samples(task, "judged.jsonl", {0: 2, 1: 1, 2: 0})
    rows = [json.loads(line) for line in saved.read_text().splitlines()]
    for row, passed in zip(rows, (True, True, True, True, False, False), strict=True):  # one of p[1]'s does not pass
        row["passed"] = passed
    saved.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = command(saved, "--task", task, "--split", "test")
    assert "The file's own verdicts (passed) agree with these on 5 of 6 samples" in done.stdout
    assert "passed there and failed here: p[1]." in done.stdout


@pytest.mark.parametrize(("cut", "warns"), [(1, False), (2, True)])
def test_answers_cut_at_the_limit_are_warned_of_above_5_percent(task: Path, cut: int, warns: bool) -> None:
    saved = samples(task, "cut.jsonl", dict.fromkeys(range(5), 4), 4)
    rows = [json.loads(line) for line in saved.read_text().splitlines()]
    for row in rows[:cut]:
        row["finish_reason"] = "length"
    saved.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = command(saved, "--task", task, "--split", "test")
    assert ("of the answers were cut at the limit" in done.stdout) == warns  # 1 of 20 is not above 5 %, 2 are


def test_equal_samples_of_every_problem_are_told(task: Path) -> None:
    def told(solved: dict[int, int]) -> bool:
        done = command(samples(task, "a.jsonl", solved), "--task", task, "--split", "test")
        return "The samples of each problem are all the same text" in done.stdout

    assert told(dict.fromkeys(range(5), 2))
    assert not told({**dict.fromkeys(range(5), 2), 3: 1})
    assert not told(dict.fromkeys(range(4), 2))


def test_further_checkpoints_make_one_run(task: Path, tmp_path: Path) -> None:
    for step, solved in ((10, {6: 0, 7: 0}), (20, {6: 2, 7: 0})):
        saved = samples(task, f"step-{step}.jsonl", solved)
        done = command(saved, "--task", task, "-o", tmp_path / "run")
        assert done.returncode == 0, done.stderr
    run = heldout.read(tmp_path / "run")
    assert [(one.step, one.rate) for one in run.evaluations()] == [(10, 0.0), (20, 0.5)]


def test_two_are_compared_in_pairs(task: Path, tmp_path: Path) -> None:
    worse = samples(task, "worse.jsonl", dict.fromkeys(range(6), 0), 1)
    better = samples(task, "better.jsonl", {**dict.fromkeys(range(5), 1), 5: 0}, 1)
    done = command(worse, better, "--task", task, "--split", "test", "-o", tmp_path / "both")
    assert done.returncode == 0, done.stderr
    assert "paired on 6 problems: +83.3 points" in done.stdout
    assert "p = 0.062, McNemar, exact); better on 5, worse on 0." in done.stdout
    assert heldout.read(tmp_path / "both" / "better").measured[0].rate == pytest.approx(5 / 6)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["none.jsonl"], "none.jsonl cannot be read"),
        (["steps.jsonl", "--task", "steps.jsonl", "--split", "train"], "no problems in its split 'train'; it has"),
        (["steps.jsonl", "steps.jsonl", "steps.jsonl"], "There are 3 models"),
        (
            ["mine.jsonl", "--task", "steps.jsonl"],
            "of a problem of steps: 'id' says q, and the problems are p[0], p[1]",
        ),
        (["mine.jsonl", "--task", "none"], "'none' is no task"),
        (
            ["mine.jsonl", "--task", "steps.jsonl", "--split", "train"],
            "it has validation and test: --split validation.",
        ),
        (["mine.jsonl", "-o", "note.txt"], "note.txt: no run can be recorded here (File exists)"),
        (["mine.jsonl", "-o", "other"], "run.json: was not written by heldout, so no run can be recorded beside it"),
        (
            ["note.txt"],
            "note.txt is a file, not the folder of a model; samples are read from files that end with .jsonl",
        ),
        (["localhost:8000/v1"], "localhost:8000/v1 looks like the address of a server, which begins with http://"),
        (
            ["one.jsonl", "--task", "steps.jsonl", "-k", "2"],
            "pass@2 needs at least 2 samples of a problem; there are 1",
        ),
        (["mine.jsonl", "--sandbox", "cellar"], "cellar"),
        (["http://127.0.0.1:9/v1", "-k", "2"], "pass@2 needs at least 2 samples"),
        (["mine.jsonl", "--model", "tiny"], "--model tiny names a model of a server"),
        (["http://127.0.0.1:9", "--model", "a", "--model", "b"], "2 names for 1 served model"),
    ],
)
def test_a_mistake_is_one_sentence(task: Path, words: list[str], said: str) -> None:
    (task.parent / "mine.jsonl").write_text('{"id": "q", "completion": ""}\n')
    (task.parent / "note.txt").write_text("no sample")
    (task.parent / "other").mkdir()
    (task.parent / "other" / "run.json").write_text("{}")
    samples(task, "one.jsonl", {6: 1, 7: 0}, 1)
    done = command(*words, cwd=task.parent)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(find_spec("vllm") is not None, reason="vLLM is installed here")
def test_columns_are_mapped_and_tests_that_are_not_judged_stand_beside_the_score(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "ask": "Write inc(x).", "test_cases": ["assert inc(1) == 2", "assert inc( == 3"]},
        {"id": "b", "ask": "Write half(x).", "test_cases": ["assert half(2) == 1"]},
        {"id": "c", "ask": "Write nothing.", "test_cases": ["assert len([1]) == 1"]},
    ]
    for row in rows:
        row["split"] = "test"
    (tmp_path / "task.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    samples = [{"id": "a", "completion": "def inc(x):\n    return x + 1\n"}, {"id": "c", "completion": "pass"}]
    (tmp_path / "samples.jsonl").write_text("".join(json.dumps(sample) + "\n" for sample in samples))
    words = (tmp_path / "samples.jsonl", "--task", tmp_path / "task.jsonl", "--split", "test")
    done = command(*words, "--column", "question=ask")
    assert done.returncode == 0, done.stderr
    for said in (
        "pass@1      100.0%",
        "not judged  1 of 2 tests, of 1 problem",
        "left out    1 problem of the set, which cannot be judged",
        "1 sample of problems that task left out skipped: c.",
        "1 test of 1 problem not judged, because they are no Python: such as `assert inc( == 3`; of a.",
    ):
        assert said in done.stdout, said
    for column, why in (("question", "has no value; write it as ours=theirs"), ("question=nothing", "has no column")):
        refused = command(*words, "--column", column)
        assert refused.returncode == 2
        assert why in refused.stderr


def test_an_engine_that_is_not_installed_is_one_sentence(task: Path) -> None:
    done = command("owner/name", "--task", task, "--engine", "vllm")
    assert done.returncode == 2
    assert done.stderr == "heldout: The engine vllm is not installed; on a machine with a GPU run: pip install vllm\n"


def test_a_saved_model_is_sampled_and_judged(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="sampling needs torch, of the extra `train`")
    pytest.importorskip("transformers", reason="sampling needs transformers, of the extra `train`")
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    alphabet = sorted({letter for problem in load_task("embedded").problems for letter in problem.prompt} | set("=*"))
    words = {token: place for place, token in enumerate(["<pad>", "<eos>", *alphabet])}
    letters = Tokenizer(models.BPE(vocab=words, merges=[]))
    letters.pre_tokenizer, letters.decoder = pre_tokenizers.Split("", "isolated"), decoders.Fuse()
    PreTrainedTokenizerFast(tokenizer_object=letters, pad_token="<pad>", eos_token="<eos>").save_pretrained(tmp_path)
    size = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    LlamaForCausalLM(
        LlamaConfig(vocab_size=len(words), num_key_value_heads=1, pad_token_id=0, eos_token_id=1, **size)
    ).save_pretrained(tmp_path)
    done = command(tmp_path, "--limit", "12", "--samples", "2", "--max-new-tokens", "6", "-o", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert "embedded, validation split (for choosing; report on the test split): 12 problems" in done.stdout
    assert "24 on 12 problems" in done.stdout
    assert "12 problems with 2 samples each: samples make the score of these problems precise" in done.stdout
    rows = [json.loads(line) for line in (tmp_path / "run" / "samples-step-00000000.jsonl").read_text().splitlines()]
    assert len(rows) == 24
    assert all(1 <= row["tokens"] <= 6 for row in rows)
    assert len({row["completion"] for row in rows}) > 12


def test_tests_are_compared_as_asked(tmp_path: Path) -> None:
    path, saved = tmp_path / "ones.jsonl", tmp_path / "samples.jsonl"
    row = {"id": "one", "prompt": "Return 1.0.", "entry_point": "f", "tests": [{"args": [], "expected": 1.0}]}
    path.write_text(json.dumps(row | {"split": "test"}))
    saved.write_text(json.dumps({"id": "one", "completion": "def f():\n    return 1\n"}))
    for name, said in (("strict", "pass@1   0.0%"), ("python", "pass@1   100.0%")):
        done = command(saved, "--task", path, "--split", "test", "--compare", name)
        assert said in done.stdout, done.stdout + done.stderr
        assert f"1 test compared as '{name}'" in done.stdout
    refused = command(saved, "--task", path, "--split", "test", "--compare", "tokens")
    assert refused.returncode == 2
    assert "is for tests by stdin, and ones has none" in refused.stderr


def test_what_a_terminal_would_obey_in_an_id_is_written_as_its_code(tmp_path: Path) -> None:
    name = "\x1b[2J[/]p"
    row = {"id": name, "prompt": "Write f.", "entry_point": "f", "tests": [{"args": [1], "expected": 2}]}
    task, saved = tmp_path / "task.jsonl", tmp_path / "samples.jsonl"
    task.write_text(json.dumps(row | {"split": "test"}))
    saved.write_text(json.dumps({"id": name, "completion": "def f(x): return 0\n"}))
    printed = command(saved, "--task", task, "--split", "test", "--sandbox", "monty").stdout
    assert "\x1b[2J" not in printed
    assert r"\x1b[2J[/]p" in printed
