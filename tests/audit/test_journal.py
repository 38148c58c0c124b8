"""An audit that is ended goes on where it was, and says what was not asked."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from heldout.audit.asking import Asker, OutOfTime
from heldout.audit.audit import Audit, audit
from heldout.audit.journal import Journal
from heldout.audit.parts import Kind, Known, Result
from heldout.errors import UsageError
from heldout.rewards.grader import Done, Grader, Outcome, Session, grade
from heldout.rewards.source import source_of
from heldout.sandbox import Sandbox, open_sandbox
from heldout.sandbox.hidden import Reply
from heldout.tasks.problem import Problem
from heldout.tasks.replies import exact

SUMS = [Problem(f"sum {n}", f"{n} + {n}?", "", (Reply(str(2 * n), exact),)) for n in range(12)]
ABOUT = {"the reward's source": "a", "the task": "b"}


class Lengths(Grader):
    """A reward that gives an answer its length, and counts what it is asked."""

    plan = "lengths"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def close(self) -> None:
        return None

    def run(self, sessions: Sequence[Session], done: Done = lambda place, found: None) -> list[list[list[Outcome]]]:
        found = []
        for place, session in enumerate(sessions):
            self.asked += [text for call in session for _, text in call]
            if any(text == "stop" for call in session for _, text in call):
                raise KeyboardInterrupt
            found.append([[Outcome(math.inf if text == "inf" else float(len(text)))] for ((_, text),) in session])
            done(place, found[-1])
        return found


def journal(reward: Grader, path: Path, **changed: str) -> Journal:
    return Journal(reward, path, ABOUT | {name.replace("_", " "): value for name, value in changed.items()})


def test_what_was_scored_before_an_end_is_not_asked_about_again(tmp_path: Path) -> None:
    answers = [(SUMS[0], text) for text in ("a", "bb", "inf", "\ud800", "stop", "ccc")]
    first, second = Lengths(), Lengths()
    with journal(first, tmp_path / "out" / "answers.jsonl") as one, pytest.raises(KeyboardInterrupt):
        grade(one, answers)
    with journal(second, tmp_path / "out" / "answers.jsonl") as one:
        assert "Goes on after the 4 answers" in one.notes[0]
        found = [outcome.score for outcome in grade(one, [answer for answer in answers if answer[1] != "stop"])]
        again = [outcome.score for outcome in grade(one, answers[:1])]
    assert found == [1.0, 2.0, math.inf, 1.0, 3.0]
    assert again == [1.0]
    assert second.asked == ["ccc", "a"]  # the second time that it is wanted it is asked about anew


def test_a_journal_of_something_else_is_begun_anew_and_one_that_ended_well_too(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    with journal(Lengths(), path) as one:
        grade(one, [(SUMS[0], "a")])
    reward = Lengths()
    with journal(reward, path, the_task="other") as one:
        assert one.notes == (f"Begun anew: {path} has answers to another audit (the task was not the same).",)
        grade(one, [(SUMS[0], "a")])
        one.finished()
    with journal(reward, path, the_task="other") as one:
        assert one.notes == ()
        grade(one, [(SUMS[0], "a")])
    assert reward.asked == ["a", "a"]
    path.write_text(path.read_text()[:-10])  # the disk was full, or the process killed, within a line
    with journal(reward, path, the_task="other") as one:
        grade(one, [(SUMS[0], "b")])
    assert [("format" in row, "said" in row) for row in map(json.loads, path.read_text().splitlines()[:1])] == [
        (True, False)
    ]


def test_a_reward_is_another_once_a_file_that_it_imports_is_another(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import json\nfrom beside import worth\n")
    (tmp_path / "beside.py").write_text("worth = 1.0\n")
    (tmp_path / "other.py").write_text("")
    name = f"{tmp_path}/mine.py:reward"
    before = source_of(name)
    (tmp_path / "other.py").write_text("x = 1\n")
    assert source_of(name) == before
    (tmp_path / "beside.py").write_text("worth = 2.0\n")
    assert source_of(name) != before
    assert source_of(f"python {tmp_path}/mine.py") != source_of(f"python {tmp_path}/other.py")


class Part:
    """A part that asks about one answer of each problem."""

    def __init__(self, name: str, text: str = "a") -> None:
        self.name, self.text = name, text

    def __call__(self, asker: Asker, problems: Sequence[Known]) -> Iterator[Result]:
        some = asker.some(problems, 8)
        yield Result(Kind.TOLD, self.name, "", 0, len(some))
        asker.ask([(known.problem, self.text) for known in some])
        yield Result(Kind.TOLD, f"{self.name}, asked", "", 0, len(some))


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with open_sandbox(workers=1) as one:
        yield one


def test_an_interrupted_audit_has_what_was_found_and_names_what_was_not(sandbox: Sandbox) -> None:
    came: list[Audit] = []
    parts = [Part("first"), Part("second", "stop"), Part("third")]
    found = audit(Asker(Lengths(), sandbox), "lengths", "sums", SUMS, parts=parts, came=came.append)
    assert {one.name for one in found.results} == {"first", "first, asked", "second"}
    assert found.ended == "interrupted: 1 of 3 parts done; not checked: second and third"
    assert [(one.done, one.missing) for one in came] == [(("first",), ("second", "third"))]


class Slow(Lengths):
    """A reward that takes its time."""

    def run(self, sessions: Sequence[Session], done: Done = lambda place, found: None) -> list[list[list[Outcome]]]:
        def late(place: int, found: list[list[Outcome]]) -> None:
            time.sleep(0.02)
            done(place, found)

        return super().run(sessions, late)


def test_with_little_time_parts_take_fewer_problems_and_what_was_not_asked_is_named(sandbox: Sandbox) -> None:
    asker = Asker(Slow(), sandbox, budget=1e6)
    asker.fit([(SUMS[0], "a")], 1)
    assert len(asker.some(SUMS, 8)) == 8
    asker = Asker(Slow(), sandbox, budget=60.0)
    asker.fit([(SUMS[0], "a")], 10**9)
    assert len(asker.some(SUMS, 8)) == 2
    with pytest.raises(OutOfTime):
        Asker(Slow(), sandbox, budget=0.0).ask([(SUMS[0], "a")])
    with pytest.raises(UsageError, match="0 s were over"):
        audit(Asker(Slow(), sandbox, budget=0.0), "slow", "sums", SUMS, parts=[Part("first")])


def test_an_interrupted_command_writes_what_there_is_and_goes_on_when_it_is_given_again(tmp_path: Path) -> None:
    rows = [
        {"id": f"{n}", "prompt": f"{n} + {n}?", "answer": str(2 * n), "compare": "number", "split": "test"}
        for n in (3, 4)
    ]
    (tmp_path / "task.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = "def reward(completion, answer):\n    return float(answer in completion)\n"
    (tmp_path / "mine.py").write_text(source)
    command = [
        "env",
        "--default-signal=INT",
        sys.executable,
        "-m",
        "heldout",
        "audit",
        "mine.py:reward",
        "--task",
        "task.jsonl",
        "-o",
        "out",
    ]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as one:
        answers = tmp_path / "out" / "answers.jsonl"
        while not (tmp_path / "out" / "audit.json").exists():  # the first part is done
            time.sleep(0.01)
        one.send_signal(signal.SIGINT)
        said, errors = one.communicate(timeout=60)
    assert one.returncode == 130, errors
    assert "parts done; not checked: " in errors.splitlines()[-1]
    assert "the same command goes on from there" in errors
    told = json.loads((tmp_path / "out" / "audit.json").read_text())
    assert told["parts"]["stopped"] == "interrupted"
    assert told["parts"]["done"][0] == "tricks"
    for text in (said, (tmp_path / "out" / "audit.html").read_text()):
        assert "interrupted: " in text
    scored = len(answers.read_text().splitlines()) - 1
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "Goes on after the " in done.stderr
    assert json.loads((tmp_path / "out" / "audit.json").read_text())["parts"]["missing"] == []
    assert len(answers.read_text().splitlines()) > scored
