"""A reward in worker processes of ours: what an answer does to its process harms no other answer."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from heldout.errors import UsageError
from heldout.rewards.apart import apart
from heldout.rewards.worker import Grader, Outcome, grade, open_grader
from heldout.sandbox import Sandbox, open_sandbox
from heldout.sandbox.hidden import Test
from heldout.tasks.problem import Problem

DOUBLE = Problem("double", "Double x.", "f", (Test((2,), 4), Test((3,), 6)), solution="def f(x): return 2 * x")
RIGHT = DOUBLE.solution
SCRIBBLES = "import os\nfor n in range(3, 20):\n try: os.write(n, b'[[1.0]]' + bytes(9))\n except OSError: pass"
SAME_PROCESS = """
    import builtins
    def reward(completions, tests, **_):
        print("this is no number", flush=True)
        worth = []
        for text, some in zip(completions, tests):
            names = {}
            try:
                exec(text, names)
                worth.append(float(builtins.all([names["f"](*one["args"]) == one["expected"] for one in some])))
            except Exception:
                worth.append(0.0)
        return worth
"""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with open_sandbox(workers=1) as one:
        yield one


@pytest.fixture
def same_process(tmp_path: Path, sandbox: Sandbox) -> Iterator[Grader]:
    (tmp_path / "mine.py").write_text(textwrap.dedent(SAME_PROCESS))
    with open_grader(f"{tmp_path}/mine.py:reward", [DOUBLE], sandbox, seconds=3.0, workers=1) as grader:
        yield grader


def alone(grader: Grader, *texts: str) -> list[tuple[float | None, str]]:
    return [(one.score, one.kind) for one in grade(grader, [(DOUBLE, text) for text in texts])]


def test_what_an_answer_does_to_the_process_harms_no_other_answer(same_process: Grader) -> None:
    texts = {
        RIGHT: (1.0, "scored"),
        "import os; os._exit(0)": (None, "died"),
        "while True: pass": (None, "hung"),
        "exit()": (None, "died"),
        "import os, signal; os.kill(os.getppid(), signal.SIGKILL)": (None, "died"),
        "import builtins; builtins.all = lambda _: True\ndef f(x): return 0": (1.0, "scored"),
        "def f(x): return 0": (0.0, "scored"),
        SCRIBBLES: (0.0, "scored"),
        RIGHT + "\n": (1.0, "scored"),
    }
    assert dict(zip(texts, alone(same_process, *texts), strict=True)) == texts


def test_a_reward_that_is_known_to_hang_is_waited_for_less(tmp_path: Path, sandbox: Sandbox) -> None:
    (tmp_path / "mine.py").write_text("def reward(completion):\n while completion == 'loop': pass\n return 1.0")
    patience = 2.5
    with open_grader(f"{tmp_path}/mine.py:reward", [DOUBLE], sandbox, seconds=patience, workers=1) as grader:
        found = grade(grader, [(DOUBLE, "loop")] * 4 + [(DOUBLE, "")])
    assert [one.kind for one in found] == ["hung"] * 4 + ["scored"]
    least, *others = sorted(found[:4], key=lambda one: one.seconds)
    assert [one.seconds for one in others] == [patience] * 3
    assert 2.0 <= least.seconds <= min(patience, max(2.0, 10 * found[4].seconds))
    assert least.error == f"it did not end within {least.seconds:.3g} s"


def test_calls_that_only_wait_are_made_while_others_do(tmp_path: Path, sandbox: Sandbox) -> None:
    """With one turn, one who waits meets another only where the first gave the turn away."""
    if not apart():
        pytest.skip("this machine has no spaces of processes")
    (tmp_path / "mine.py").write_text(
        "import os, time\n"
        f"folder = {str(tmp_path)!r}\n"
        "def reward(completion):\n"
        "    open(f'{folder}/{completion}', 'w').close()\n"
        "    while completion in 'ab' and not all(os.path.exists(f'{folder}/{one}') for one in 'ab'):\n"
        "        time.sleep(0.05)\n"
        "    return 1.0\n"
    )
    with open_grader(
        f"{tmp_path}/mine.py:reward", [DOUBLE], sandbox, messages=False, seconds=60.0, workers=1
    ) as grader:
        assert alone(grader, "a", "b") == [(1.0, "scored")] * 2


def test_what_is_done_is_told_at_once_and_what_that_raises_ends_the_rest(same_process: Grader) -> None:
    told = []

    def done(place: int, found: list[list[Outcome]]) -> None:
        told.append((place, found[0][0].score))
        if place == 1:
            raise KeyError

    with pytest.raises(KeyError):
        same_process.run([[[(DOUBLE, text)]] for text in (RIGHT, "", *["while True: pass"] * 20)], done)
    assert told[:2] == [(0, 1.0), (1, 0.0)]


def test_calls_of_one_session_share_a_process_and_sessions_do_not(same_process: Grader) -> None:
    poison, wrong = "import builtins; builtins.all = lambda _: True\ndef f(x): return 0", "def f(x): return 0"
    sessions = [[[(DOUBLE, poison)], [(DOUBLE, wrong)]], [[(DOUBLE, wrong)]], [[(DOUBLE, wrong), (DOUBLE, RIGHT)]]]
    scores = [[[one.score for one in call] for call in session] for session in same_process.run(sessions)]
    assert scores == [[[1.0], [1.0]], [[0.0]], [[0.0, 1.0]]]


def test_an_answer_that_forks_the_reward_is_graded_once(same_process: Grader) -> None:
    forks = "import os; os.fork()\n" + RIGHT
    (found,) = same_process.run([[[(DOUBLE, forks)], [(DOUBLE, RIGHT)]]])
    assert [[one.score for one in call] for call in found] == [[1.0], [1.0]]
    assert alone(same_process, *[forks] * 5) == [(1.0, "scored")] * 5


def test_after_an_answer_that_ends_the_process_the_rest_of_its_session_is_not_run(same_process: Grader) -> None:
    (found,) = same_process.run([[[(DOUBLE, RIGHT)], [(DOUBLE, "import os; os._exit(3)")], [(DOUBLE, RIGHT)]]])
    assert [[one.kind for one in call] for call in found] == [["scored"], ["died"], ["not run"]]
    assert found[1][0].error == "it left with exit status 3"


def test_answers_write_into_a_folder_that_is_thrown_away(
    same_process: Grader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    alone(same_process, "open('reward.txt', 'w').write('1')")
    assert {one.name for one in tmp_path.iterdir()} <= {"mine.py", "__pycache__"}


def test_an_error_of_the_reward_is_an_outcome(tmp_path: Path, sandbox: Sandbox) -> None:
    (tmp_path / "mine.py").write_text("def reward(completion, tests): return [1.0, float('nan')][len(completion)]")
    with open_grader(f"{tmp_path}/mine.py:reward", [DOUBLE], sandbox, workers=1) as grader:
        first, second, third = grade(grader, [(DOUBLE, ""), (DOUBLE, "a"), (DOUBLE, "ab")])
    assert first.score == 1.0
    assert second.score != second.score
    assert (third.kind, third.error) == ("raised", "IndexError: list index out of range")


def test_a_reward_that_reads_conversations_alone_is_given_those(tmp_path: Path, sandbox: Sandbox) -> None:
    (tmp_path / "mine.py").write_text(
        "def reward(completions, **_): return [len(c[0]['content']) for c in completions]"
    )
    with open_grader(f"{tmp_path}/mine.py:reward", [DOUBLE], sandbox, workers=1) as grader:
        assert alone(grader, "abc") == [(3.0, "scored")]
        assert "completions= messages" in grader.plan


@pytest.mark.skipif(not shutil.which("bwrap"), reason="bubblewrap is not installed")
def test_a_reward_can_run_programs_in_bubblewrap_itself(tmp_path: Path, sandbox: Sandbox) -> None:
    walls = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc"]
    if subprocess.run([*walls, "true"], check=False).returncode:
        pytest.skip("bubblewrap cannot mount a /proc here at all")
    (tmp_path / "mine.py").write_text(
        "import subprocess, sys\n"
        "def reward(completion, tests):\n"
        "    asked = ''.join(f\"assert f(*{one['args']}) == {one['expected']}\\n\" for one in tests)\n"
        f"    words = [*{walls}, sys.executable, '-c', completion + '\\n' + asked]\n"
        "    return float(not subprocess.run(words).returncode)\n"
    )
    with open_grader(f"{tmp_path}/mine.py:reward", [DOUBLE], sandbox, workers=1) as grader:
        if grader.notes:
            pytest.skip(grader.notes[0])
        assert alone(grader, RIGHT, "def f(x): return 0", RIGHT) == [(1.0, "scored"), (0.0, "scored"), (1.0, "scored")]


def test_an_answer_sees_and_kills_no_process_but_those_of_its_reward(same_process: Grader) -> None:
    if not apart():
        pytest.skip("this machine has no spaces of processes")
    looks = "import os\nseen = [int(one) for one in os.listdir('/proc') if one.isdigit()]\n"
    assert alone(
        same_process, f"{looks}assert max(seen) < 100 and not os.path.exists('/proc/{os.getpid()}')\n{RIGHT}"
    ) == [(1.0, "scored")]
    kills = f"{looks}import signal\nfor one in seen:\n if one != os.getpid():\n  os.kill(one, signal.SIGKILL)\n"
    assert alone(same_process, kills, RIGHT) == [(None, "died"), (1.0, "scored")]


def test_a_reward_whose_file_is_deleted_is_the_same_reward_ever_after(tmp_path: Path, sandbox: Sandbox) -> None:
    (tmp_path / "my reward.py").write_text(
        "import os, signal\n"
        "def reward(completion, solution):\n"
        "    if os.path.exists(__file__): os.remove(__file__)\n"
        "    if completion == 'kill': os.kill(os.getppid(), signal.SIGKILL)\n"
        "    return float(completion == solution)\n"
    )
    with open_grader(f"{tmp_path}/my reward.py:reward", [DOUBLE], sandbox, workers=1) as grader:
        assert alone(grader, RIGHT, "kill", RIGHT) == [(1.0, "scored"), (None, "died"), (1.0, "scored")]


def test_a_reward_that_cannot_be_loaded_again_has_died_and_says_why(tmp_path: Path, sandbox: Sandbox) -> None:
    mark = tmp_path / "mark"
    (tmp_path / "mine.py").write_text(
        f"import os, signal\nopen({str(mark)!r}, 'x').close()\n"
        "def reward(completion, solution):\n"
        "    if completion == 'kill': os.kill(os.getppid(), signal.SIGKILL)\n"
        "    return float(completion == solution)\n"
    )
    with open_grader(f"{tmp_path}/mine.py:reward", [DOUBLE], sandbox, workers=1) as grader:
        first, killed = grade(grader, [(DOUBLE, RIGHT), (DOUBLE, "kill")])
    assert (first.score, killed.kind) == (1.0, "died")
    assert "could not be loaded once more: The reward" in killed.error
    assert "FileExistsError" in killed.error


def test_with_which_status_a_reward_leaves_python_is_told(tmp_path: Path, sandbox: Sandbox) -> None:
    (tmp_path / "mine.py").write_text(
        "import sys\ndef reward(completion): sys.exit(int(completion) if completion else None)"
    )
    with open_grader(f"{tmp_path}/mine.py:reward", [DOUBLE], sandbox, messages=False, workers=1) as grader:
        said = [one.error for one in grade(grader, [(DOUBLE, "3"), (DOUBLE, "")])]
    assert said == ["it left with exit status 3", "it left with exit status 0"]


def test_the_named_rewards_run_in_the_sandbox(sandbox: Sandbox) -> None:
    wanted = {"tests": [1.0, 0.0], "fraction": [1.0, 0.5], "exit-status": [1.0, 0.0], "tests + fraction*2": [3.0, 1.0]}
    for name, scores in wanted.items():
        with open_grader(name, [DOUBLE], sandbox, workers=1) as grader:
            assert [one.score for one in grade(grader, [(DOUBLE, RIGHT), (DOUBLE, "def f(x): return 4")])] == scores


@pytest.mark.skipif(not shutil.which("bwrap"), reason="bubblewrap is not installed")
def test_a_command_that_never_reads_has_died_and_nothing_else_has(sandbox: Sandbox) -> None:
    long = "x" * 2**20  # more than a pipe holds, so that some of it is never written
    with open_grader("true", [DOUBLE], sandbox, workers=1) as grader:
        assert {one.kind for one in grade(grader, [(DOUBLE, long), (DOUBLE, "short")])} == {"died"}


def test_a_command_is_asked_line_by_line_and_started_again_when_it_ends(tmp_path: Path, sandbox: Sandbox) -> None:
    script = tmp_path / "grade.py"
    script.write_text(
        "import json, sys, time\n"
        "for line in sys.stdin:\n"
        "    row = json.loads(line)\n"
        "    if row['completion'] == 'leave': sys.exit(3)\n"
        "    if row['completion'] == 'hang': time.sleep(60)\n"
        "    print('scoring', row['id'])\n"
        "    print(json.dumps({'score': float(row['completion'] == row['solution'])}), flush=True)\n"
    )
    texts = [RIGHT, "wrong", "leave", RIGHT, "hang", RIGHT]
    with open_grader(f"{sys.executable} {script}", [DOUBLE], sandbox, seconds=4.0, workers=1) as grader:
        found = alone(grader, *texts)
    assert found == [(1.0, "scored"), (0.0, "scored"), (None, "died"), (1.0, "scored"), (None, "hung"), (1.0, "scored")]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("no-such-command --x", "is no reward"),
        ("no_such_module:reward", "cannot be loaded"),
        ("reward-model", "cannot be named here"),
        ("{folder}/mine.py:ends", "ends Python as it is loaded"),
        ("{folder}/mine.py", "is a file of Python; name the function in it too: .*mine.py:ends"),
        ("python 'unclosed", "No closing quotation"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_a_sentence(name: str, why: str, tmp_path: Path, sandbox: Sandbox) -> None:
    (tmp_path / "mine.py").write_text("import os; os._exit(0)\ndef ends(): ...")
    with pytest.raises(UsageError, match=why):
        open_grader(name.format(folder=tmp_path), [DOUBLE], sandbox, workers=1)
