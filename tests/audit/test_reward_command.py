"""``heldout audit REWARD``: exit statuses, files, a text tried again, and rewards and texts that do harm."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROWS = [
    {"id": f"sum <b>{n}</b>", "prompt": f"{n} + {n}? Put it in \\boxed{{}}.", "answer": str(2 * n), "compare": "maths"}
    for n in (21, 34)
]
SOUND = """
    import re
    def reward(completion, answer):
        found = re.findall(r"boxed\\{([^{}]*)\\}", completion)
        try:
            return float(len(found) == 1 and float(found[0].replace(",", "")) == float(answer))
        except ValueError:
            return 0.0
"""
CONTAINED = """
    import os
    def reward(completion, answer):
        print("noise \\x1b[31m")
        os.chdir("/")
        os.environ.clear()
        return float(answer in completion)
"""


def audit(folder: Path, *words: str | Path, source: str = "", status: int = 0) -> subprocess.CompletedProcess[str]:
    if source:
        (folder / "mine.py").write_text("\n".join(line[4:] for line in source.split("\n")))
        (folder / "task.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    command = [sys.executable, "-m", "heldout", "audit", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == status, done.stderr + done.stdout
    return done


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The audit of a reward that is fooled, prints, changes directory and clears the environment."""
    folder = tmp_path_factory.mktemp("audit")
    words = ("mine.py:reward", "--task", "task.jsonl", "-o", "out", "--fail-on", "paid-trick", "--split", "test")
    ROWS[:] = [row | {"split": "test"} for row in ROWS]
    return folder, audit(folder, *words, source=CONTAINED, status=3).stdout


def results(folder: Path) -> list[dict[str, Any]]:
    told: dict[str, Any] = json.loads((folder / "out" / "audit.json").read_text())
    assert told["format"] == "heldout.audit/1"
    found: list[dict[str, Any]] = told["results"]
    return found


def test_a_paid_trick_is_told_with_a_text_a_bound_and_what_to_change(written: tuple[Path, str]) -> None:
    _, said = written
    assert "called: reward, one answer at a time: completion= text, answer= column answer" in " ".join(said.split())
    assert re.search(r"guess: .*paid on 2 of 2 problems \(34 to 100 %\)", said)
    assert "Take out exactly one answer" in said
    assert re.search(r"inject: not paid on 2 problems \(at most 66 %\)", said)
    assert "it proves none absent" in said
    assert "safe" not in said


def test_every_flaw_has_a_file_whose_text_shows_it_again(written: tuple[Path, str]) -> None:
    folder, _ = written
    page = (folder / "out" / "audit.html").read_text()
    flaws = [one for one in results(folder) if one["flaw"]]
    assert {"guess", "contradict"} <= {one["family"] for one in flaws}
    for one in flaws:
        assert one["fix"], one["name"]
        example = one["examples"][0]
        assert (folder / example["file"]).read_text() == example["text"]
    first = flaws[0]["examples"][0]
    (command,) = re.findall(rf"<code class=\"command\">(heldout audit .* {first['file']} .*)</code>", page)[:1]
    words = shlex.split(command.replace("&lt;", "<").replace("&gt;", ">").replace("&#39;", "'"))
    again = audit(folder, *words[2:])
    assert again.stdout.splitlines()[1] == (
        f"{first['problem']}: gets 1, a right answer 1; fails the hidden tests: a wrong answer is paid"
    )


def test_what_comes_from_the_task_is_escaped_on_the_page(written: tuple[Path, str]) -> None:
    page = (written[0] / "out" / "audit.html").read_text()
    assert not re.search("<b>(21|34)", page)
    assert "Problem sum &lt;b&gt;" in page


def test_the_page_shows_how_often_each_flaw_was_paid(written: tuple[Path, str], open_page: Callable[..., Any]) -> None:
    page = open_page((written[0] / "out" / "audit.html").as_uri())  # a breach of its policy fails the test
    bar = page.locator(".share").first.bounding_box()
    assert (bar["height"], bar["width"] > 100) == (8, True)


def test_a_sound_reward_is_not_accused_and_its_bounds_are_printed(tmp_path: Path) -> None:
    flaws = [word for one in ("paid-trick", "partly-paid", "rejected-right", "flaky") for word in ("--fail-on", one)]
    said = audit(tmp_path, "mine.py:reward", "--task", "task.jsonl", "--limit", "1", *flaws, source=SOUND).stdout
    assert "Nothing was found in what was checked." in said
    assert "guess: not paid on 1 problem (at most 79 %)" in said


def test_a_reward_that_pays_no_right_answer_in_any_format_makes_the_audit_useless(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def reward(completion, answer): return float('<final>' + answer in completion)")
    (tmp_path / "task.jsonl").write_text(json.dumps(ROWS[0]) + "\n")
    told = json.loads(audit(tmp_path, "mine.py:reward", "--task", "task.jsonl", "--json", status=2).stdout)
    (rejected,) = (one for one in told["results"] if one["kind"] == "rejected-right")
    assert rejected["seen"].startswith("No right answer was paid in any of the formats that were tried: ")


def test_a_folder_called_like_a_reward_is_asked_for_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    row = {"id": "half", "prompt": "Halve x.", "entry_point": "f", "tests": [{"args": [4], "expected": 2}]}
    (tmp_path / "task.jsonl").write_text(json.dumps(row) + "\n")
    (tmp_path / "answer.txt").write_text("def f(x):\n    return x // 2\n")
    assert "half: gets 1; passes" in audit(tmp_path, "tests", "--task", "task.jsonl", "--text", "answer.txt").stdout
    assert "holds no rollouts" in audit(tmp_path, "./tests", "--task", "task.jsonl", status=2).stderr


def test_a_reward_that_ends_hangs_and_forks_ends_no_audit(tmp_path: Path) -> None:
    source = """
        import os, time
        def reward(completion, answer):
            if "0, 1, 2" in completion:
                os._exit(0)
            if not completion.strip():
                time.sleep(60)
            if "sorry" in completion:
                os.fork()
            return float(completion == f"The answer is $\\\\boxed{{{answer}}}$.")
    """
    words = ("mine.py:reward", "--task", "task.jsonl", "--limit", "1", "--timeout", "0.5", "--json")
    (tmp_path / "task.jsonl").write_text(json.dumps(ROWS[0]) + "\n")
    (tmp_path / "mine.py").write_text("\n".join(line[8:] for line in source.split("\n")))
    told = json.loads(audit(tmp_path, *words).stdout)
    found = {one["name"] for one in told["results"] if one["flaw"] and one["kind"] == "odd"}
    assert {"ends the reward's process", "hangs the reward"} <= found
    assert told["scale"]["right"] == 1.0


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("mine.py:none", "--task", "task.jsonl"), "has no function 'none'; it has reward and needs."),
        (("mine.py", "--task", "task.jsonl"), "name the function in it too: mine.py:reward or mine.py:needs."),
        (("", "--task", "task.jsonl"), "The name of what is to be audited is empty"),
        (("mine.py:reward", "--task", "absent.jsonl"), "is no task"),
        (("mine.py:reward", "--task", "task.jsonl", "--fail-on", "x"), "there is no such flaw"),
        (("mine.py:reward", "--task", "task.jsonl", "--problem", "x"), "has no problem 'x'"),
        (("mine.py:reward", "--task", "task.jsonl", "--text", "absent"), "cannot be read"),
        (("mine.py:reward", "--task", "task.jsonl", "--regrade", "tests"), "--regrade says nothing"),
        (("task.jsonl", "--fail-on", "paid-trick"), "is a run, of which --fail-on says nothing"),
        (("mine.py:reward",), "name them by --task"),
        (("mine.py:needs", "--task", "task.jsonl"), "--column rubric=COLUMN"),
    ],
)
def test_what_cannot_be_audited_is_one_sentence(words: tuple[str, ...], why: str, tmp_path: Path) -> None:
    more = "\n    def needs(completion, answer, rubric):\n        return 0.0\n"
    said = audit(tmp_path, *words, source=SOUND + more, status=2).stderr
    assert why in said
    assert said.count("\n") == 1
    assert said.startswith("heldout: ")
