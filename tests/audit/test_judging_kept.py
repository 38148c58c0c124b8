"""What a run kept is judged by hidden tests: beside the files, on from where it was left, as it was given."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import heldout
from heldout.audit.judging import judge_kept, kept_of
from heldout.audit.regrading import regrade
from heldout.audit.run_command import regraded_lines
from heldout.cli import app
from heldout.errors import RecordError, UsageError
from heldout.rewards.worker import open_grader
from heldout.rollouts.reading import rollouts_of
from heldout.sandbox import Answer, Program, Sandbox, Status, open_sandbox
from heldout.tasks import Task, load_task

RIGHT, WRONG, HALF, LEAVES = "    return 2 * x\n", "    return 0\n", "    return 4\n", "    exit()\n"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with open_sandbox(workers=1) as one:
        yield one


@pytest.fixture
def task(tmp_path: Path) -> Task:
    tests = [{"args": [2], "expected": 4}, {"args": [3], "expected": 6}]
    rows = [
        {"id": name, "prompt": f"def f(x):\n    # {name}\n", "entry_point": "f", "tests": tests, "split": "train"}
        for name in ("double", "twice")
    ]
    path = tmp_path / "task.jsonl"
    path.write_text("".join(json.dumps(row | {"stub": row["prompt"]}) + "\n" for row in rows))
    return load_task(str(path))


def run_of(folder: Path, *pages: Sequence[dict[str, Any]]) -> Path:
    with heldout.Recorder(folder / "run", rank=0) as recorder:
        for number, page in enumerate(pages, 1):
            recorder.log(10 * number, {"reward": 0.5})
            recorder.rollouts(10 * number, page)
    return folder / "run"


def row(text: str, reward: float, problem: str = "double", **more: Any) -> dict[str, Any]:
    return {"problem": problem, "prompt": f"def f(x):\n    # {problem}\n", "text": text, "reward": reward, **more}


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "hidden.jsonl")
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_outcomes_are_added_beside_and_nothing_else_changes(tmp_path: Path, task: Task, sandbox: Sandbox) -> None:
    run = run_of(
        tmp_path,
        [row(RIGHT, 1.0), row(HALF, 0.0), row(LEAVES, 1.0), row("I cannot.", 0.0, stop="length")],
        [row(RIGHT, 1.0, "twice"), row(LEAVES, 1.0, "twice"), row(RIGHT, 0.0, "of another set")],
    )
    before = digests(run)
    added = judge_kept(kept_of(rollouts_of(run), task), sandbox)
    assert digests(run) == before
    assert (added.judged, added.before, added.unknown, added.lost) == (6, 0, 1, 0)
    found = rollouts_of(run)
    np.testing.assert_array_equal(found.hidden, [1.0, 0.5, 0.0, 0.0, 1.0, 0.0, np.nan])
    assert found.kind[:3] == ["solved", "wrong answer", "left the program"]
    judged = heldout.read(run).judged
    assert judged is not None
    assert int((judged.rewarded & (judged.failed == 1.0)).sum()) == 2


def test_a_judging_that_was_interrupted_goes_on_and_judges_nothing_twice(
    tmp_path: Path, task: Task, sandbox: Sandbox
) -> None:
    texts = [f"    return {'2 * x' if place % 3 else '0'}  # {place}\n" for place in range(300)]
    run = run_of(tmp_path, [row(text, 1.0) for text in texts])

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        judge_kept(kept_of(rollouts_of(run), task), sandbox, stop)
    first = len((run / "hidden.jsonl").read_text().splitlines())
    assert 0 < first < 300
    with (run / "hidden.jsonl").open("a") as file:
        file.write('{"file":"rollouts/st')  # as a process leaves it that was killed in the middle
    added = judge_kept(kept_of(rollouts_of(run), task), sandbox)
    assert (added.judged, added.before) == (300 - first, first)
    np.testing.assert_array_equal(rollouts_of(run).hidden, [float(place % 3 > 0) for place in range(300)])
    again = judge_kept(kept_of(rollouts_of(run), task), sandbox)
    assert (again.judged, again.before) == (0, 300)


class Failing(Sandbox):
    """A sandbox that fails on what mentions it, as one without memory would."""

    name = "failing"

    def __init__(self, real: Sandbox) -> None:
        self.real, self.limits, self.notes = real, real.limits, real.notes

    def run(self, programs: Sequence[Program]) -> list[list[Answer]]:
        lost = [Answer(Status.INFRASTRUCTURE, error="no memory")]
        answered = self.real.run(programs)
        return [
            lost * len(one) if "unlucky" in program.source else one
            for program, one in zip(programs, answered, strict=True)
        ]

    def close(self) -> None:
        self.real.close()


def test_what_the_sandbox_could_not_judge_is_judged_when_it_is_asked_again(
    tmp_path: Path, task: Task, sandbox: Sandbox
) -> None:
    run = run_of(tmp_path, [row(RIGHT, 1.0), row("    return 0  # unlucky\n", 1.0)])
    added = judge_kept(kept_of(rollouts_of(run), task), Failing(sandbox))
    assert (added.judged, added.lost, added.why) == (1, 1, "no memory")
    np.testing.assert_array_equal(rollouts_of(run).hidden, [1.0, np.nan])
    added = judge_kept(kept_of(rollouts_of(run), task), sandbox)
    assert (added.judged, added.before, added.lost) == (1, 1, 0)
    assert rollouts_of(run).hidden.tolist() == [1.0, 0.0]


def test_problems_are_found_by_their_prompts_in_the_dumps_of_a_trainer(
    tmp_path: Path, task: Task, sandbox: Sandbox
) -> None:
    folder = tmp_path / "dump"
    folder.mkdir()
    asked = f"Finish this:\n{task.problems[1].prompt}"
    lines = [{"input": asked, "output": text, "score": 1.0, "step": 1} for text in (RIGHT, WRONG)]
    (folder / "1.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    kept = kept_of(rollouts_of(folder / "1.jsonl"), task)
    assert kept.notes == ("No id names a problem; they were found by their prompts.",)
    assert judge_kept(kept, sandbox).file == folder / "1.jsonl.hidden.jsonl"
    assert rollouts_of(folder / "1.jsonl").hidden.tolist() == [1.0, 0.0]
    assert np.isnan(rollouts_of(folder).hidden).all()  # a folder has outcomes of its own


def test_answers_are_cut_where_the_run_cut_them(tmp_path: Path, task: Task, sandbox: Sandbox) -> None:
    wrote_on = RIGHT + "\nprint(f(1), file=None, flush=3)\nexit()\n"
    run = run_of(tmp_path, [row(wrote_on, 1.0)])
    assert kept_of(rollouts_of(run), task, []).stops == ()
    kept = kept_of(rollouts_of(run), task)
    assert "\nprint(" in kept.stops
    judge_kept(kept, sandbox)
    assert rollouts_of(run).hidden.tolist() == [1.0]


def test_what_cannot_be_judged_is_refused_in_a_sentence(tmp_path: Path, task: Task, sandbox: Sandbox) -> None:
    run = run_of(tmp_path, [row(RIGHT, 1.0, "of another set")])
    with pytest.raises(UsageError, match="holds no sample of a problem of task"):
        kept_of(rollouts_of(run), task)
    other = run_of(tmp_path / "b", [row(RIGHT, 1.0)])
    kept = kept_of(rollouts_of(other), task)
    (other / "hidden.jsonl").mkdir()
    with pytest.raises(RecordError, match=r"hidden.jsonl: outcomes cannot be written"):
        judge_kept(kept, sandbox)


# --- another reward


def test_another_reward_is_told_by_what_it_would_pay_and_lose(tmp_path: Path, task: Task, sandbox: Sandbox) -> None:
    page = [row(LEAVES, 1.0, kept_with=0.5) for _ in range(3)] + [row(RIGHT, 1.0) for _ in range(4)]
    page += [row(f"    return x + x  # {place}\n", 0.0) for place in range(2)] + [row(HALF, 0.0)]
    run = run_of(tmp_path, page)
    with (
        pytest.raises(UsageError, match="no answer was judged by hidden tests"),
        open_grader("tests", task.problems, sandbox) as grader,
    ):
        regrade(kept_of(rollouts_of(run), task), "tests", grader, progress=lambda done, total: None)
    judge_kept(kept_of(rollouts_of(run), task), sandbox)
    reward = tmp_path / "mine.py"
    reward.write_text(
        "calls = []\n"
        "def leaves_or_sums(completion):\n"
        "    if 'x + x' in completion:\n"
        "        raise ValueError('a sum')\n"
        "    return 5.0 if 'exit' in completion or '2 * x' in completion else -1.0\n"
    )
    kept = kept_of(rollouts_of(run), task)
    with open_grader(f"{reward}:leaves_or_sums", task.problems, sandbox, workers=1) as grader:
        found = regrade(kept, "mine", grader, progress=lambda done, total: None)
    shares = [(one.answers, one.share) for one in (found.hacked, found.right, found.missed, found.wrong)]
    assert shares == [(3, 1.0), (4, 0.0), (2, 0.0), (1, 0.0)]
    assert found.without == {"raised": 2}
    assert (found.asked, found.there) == (10, 10)
    with open_grader("tests", task.problems, sandbox, workers=1) as grader:
        found = regrade(kept, "tests", grader, progress=lambda done, total: None)
    shares = [(one.answers, one.share) for one in (found.hacked, found.right, found.missed, found.wrong)]
    assert shares == [(3, 0.0), (4, 0.0), (2, 1.0), (1, 0.0)]
    assert 0.3 < found.hacked.high < 1.0


@pytest.mark.parametrize(("body", "why"), [("raise ValueError('broken')", "raised"), ("return float('nan')", "number")])
def test_of_a_reward_that_gives_no_number_nothing_is_said(
    tmp_path: Path, task: Task, sandbox: Sandbox, body: str, why: str
) -> None:
    run = run_of(tmp_path, [row(LEAVES, 1.0), row(RIGHT, 1.0)])
    judge_kept(kept_of(rollouts_of(run), task), sandbox)
    reward = tmp_path / "mine.py"
    reward.write_text(f"def mine(completion):\n    {body}\n")
    with (
        open_grader(f"{reward}:mine", task.problems, sandbox, workers=1) as grader,
        pytest.raises(UsageError, match=f"mine gave no number for any of 2 answers .*{why}"),
    ):
        regrade(kept_of(rollouts_of(run), task), "mine", grader, progress=lambda done, total: None)


def test_a_reward_that_gives_every_answer_the_same_number_tells_nothing_apart(
    tmp_path: Path, task: Task, sandbox: Sandbox
) -> None:
    run = run_of(tmp_path, [row(LEAVES, 1.0), row(RIGHT, 1.0)])
    judge_kept(kept_of(rollouts_of(run), task), sandbox)
    reward = tmp_path / "mine.py"
    reward.write_text("def same(completion):\n    return 0.5\ndef other(completion):\n    return len(completion)\n")
    told = []
    for name in ("same", "other"):
        with open_grader(f"{reward}:{name}", task.problems, sandbox, workers=1) as grader:
            found = regrade(kept_of(rollouts_of(run), task), name, grader, progress=lambda done, total: None)
        told.append(
            "It gave every one of them 0.5: it tells no two answers apart, right or wrong." in regraded_lines(found)
        )
    assert told == [True, False]


def test_a_reward_that_hangs_at_every_answer_is_given_up_after_some(
    tmp_path: Path, task: Task, sandbox: Sandbox
) -> None:
    run = run_of(tmp_path, [row(f"{RIGHT}    # {place}", 1.0) for place in range(40)])
    judge_kept(kept_of(rollouts_of(run), task), sandbox)
    reward = tmp_path / "mine.py"
    reward.write_text("import time\ndef mine(completion):\n    time.sleep(60)\n")
    with (
        open_grader(f"{reward}:mine", task.problems, sandbox, workers=2, seconds=0.2) as grader,
        pytest.raises(UsageError, match=r"any of 16 answers \(16 hung\)"),
    ):
        regrade(kept_of(rollouts_of(run), task), "mine", grader, progress=lambda done, total: None)


def test_of_very_many_answers_some_of_each_kind_are_asked_about(tmp_path: Path, task: Task, sandbox: Sandbox) -> None:
    page = [row(f"{RIGHT}    # {place}", 1.0) for place in range(60)] + [row(LEAVES, 1.0), row(WRONG, 0.0)]
    run = run_of(tmp_path, page)
    judge_kept(kept_of(rollouts_of(run), task), sandbox)
    with open_grader("tests", task.problems, sandbox, workers=1) as grader:
        found = regrade(kept_of(rollouts_of(run), task), "tests", grader, most=20, progress=lambda done, total: None)
    assert (found.asked, found.there) == (22, 62)
    assert (found.right.answers, found.hacked.answers, found.wrong.answers) == (20, 1, 1)


# --- the command


def audit(*words: object) -> None:
    with pytest.raises(SystemExit) as ended:
        app(["audit", *map(str, words), "--sandbox", "monty"])
    assert ended.value.code == 0


def test_the_command_judges_lists_and_scores_by_another_reward(
    tmp_path: Path, task: Task, capsys: pytest.CaptureFixture[str]
) -> None:
    run = run_of(tmp_path, [row(WRONG, 1.0), row(RIGHT, 1.0), row(RIGHT, 1.0, "of another set")])
    audit(run, "--task", tmp_path / "task.jsonl", "--regrade", "tests")
    told = capsys.readouterr().out
    assert f"2 answers judged now, 0 before; the outcomes stand in {run}/hidden.jsonl." in told
    assert "1 answer to problems that the task does not have: not judged." in told
    assert "×1  ·  step 10  ·  reward 1  ·  hidden tests: wrong answer  ·  problem double" in told
    assert "of 1 answer that were paid and fail the hidden tests, 0.0 % would still be paid" in told
    audit(run, "--task", tmp_path / "task.jsonl", "--json")
    data = json.loads(capsys.readouterr().out)
    assert (data["schema"], data["judged"]["judged"], data["judged"]["before"]) == ("heldout.audit.run/1", 0, 2)
    assert data["samples"]["table"]["rewarded"] == {"passes": 1, "fails": 1, "not_judged": 1}


def test_a_mistake_at_the_command_is_one_sentence(tmp_path: Path, task: Task) -> None:
    run = run_of(tmp_path, [row(RIGHT, 1.0)])
    for words, why in (
        ([run], "does not say which problems its answers are to; give them by --task"),
        ([tmp_path / "nowhere", "--task", "embedded"], "is no reward and nothing that exists"),
        ([run, "--task", tmp_path / "task.jsonl", "--regrade", "no such reward"], "is no reward"),
    ):
        with pytest.raises(UsageError, match=r"^[^\n]*$") as refused:
            audit(*words)
        assert why in str(refused.value)


def test_an_interrupted_command_keeps_what_was_judged_and_goes_on_with_the_rest(tmp_path: Path, task: Task) -> None:
    quick = [row(f"    return 2 * x  # {number}\n", 1.0) for number in range(128)]  # so many are judged at once
    run = run_of(tmp_path, [*quick, *(row(f"    while True: x = {number}\n", 1.0) for number in range(3))])
    command = [sys.executable, "-m", "heldout", "audit", str(run), "--task", str(tmp_path / "task.jsonl")]
    with subprocess.Popen(
        ["env", "--default-signal=INT", *command, "--sandbox", "monty", "--seconds", "600"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as one:
        while not (run / "hidden.jsonl").exists() or not (run / "hidden.jsonl").read_bytes():
            time.sleep(0.01)
        one.send_signal(signal.SIGINT)
        _, errors = one.communicate(timeout=60)
    assert one.returncode == 130
    assert "Traceback" not in errors
    assert len((run / "hidden.jsonl").read_text().splitlines()) == len(quick)
    audit(run, "--task", tmp_path / "task.jsonl", "--seconds", "0.05")
    found = rollouts_of(run)
    assert (found.hidden == [1.0] * len(quick) + [0.0] * 3).all()
