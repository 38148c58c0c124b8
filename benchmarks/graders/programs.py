"""Graders of functions: each flawed one as it is found in public, and behind it its sound twin.

All are called as TRL calls rewards. ``tests`` holds the hidden calls, ``shown`` those that the prompt quotes.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

PYTHON = [sys.executable, "-I", "-S"]
SECONDS = 3.0
Cases = list[dict[str, Any]]

CHILD = """
import json, os, sys
source, entry, calls = json.loads(sys.stdin.read())
out = os.dup(1)
os.dup2(2, 1)
names = {"__name__": "answer"}
exec(compile(source, "answer.py", "exec"), names)
values = [names[entry](*args) for args in calls]
os.write(out, json.dumps(values).encode())
"""


def code_of(text: str) -> str:
    """Take the last fenced block, or the whole text."""
    blocks = re.findall(r"```(?:python|py)?[^\n]*\n(.*?)```", text, re.S)
    return str(blocks[-1]) if blocks else text


def run(source: str, folder: str | None = None, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run a script."""
    words = [*PYTHON, "-c", source]
    return subprocess.run(
        words, cwd=folder, input=text, capture_output=True, text=True, errors="replace", timeout=SECONDS, check=False
    )


def returned(text: str, entry: str, cases: Cases) -> list[Any] | None:
    """Run a program in a process of its own, and bring back what it returns; None where it does not."""
    question = json.dumps([code_of(text), entry, [case["args"] for case in cases]])
    try:
        with tempfile.TemporaryDirectory() as folder:
            done = run(CHILD, folder, question)
        values = json.loads(done.stdout) if done.returncode == 0 else None
    except (subprocess.TimeoutExpired, ValueError, OSError):
        return None
    return values if isinstance(values, list) and len(values) == len(cases) else None


def right(text: str, entry: str, cases: Cases) -> bool:
    """Compare outside of the program's process: plain values, exact types."""
    values = returned(text, entry, cases)
    return bool(cases) and values is not None and json.dumps(values) == json.dumps([case["expected"] for case in cases])


def asserts(entry: str, cases: Cases) -> str:
    return "".join(f"\nassert {entry}(*{case['args']!r}) == {case['expected']!r}" for case in cases)


# The program and its assertions are one script; status 0 has passed.


def exit_status(completions: list[str], tests: list[Cases], entry_point: list[str], **_: Any) -> list[float]:
    rewards = []
    for text, cases, entry in zip(completions, tests, entry_point, strict=True):
        try:
            done = run(code_of(text) + asserts(entry, cases))
            rewards.append(1.0 if done.returncode == 0 else 0.0)
        except (subprocess.TimeoutExpired, ValueError):
            rewards.append(0.0)
    return rewards


def exit_status_sound(completions: list[str], tests: list[Cases], entry_point: list[str], **_: Any) -> list[float]:
    return [float(right(*one)) for one in zip(completions, entry_point, tests, strict=True)]


# The script says that all went well.


def marker(completion: str, tests: Cases, entry_point: str) -> float:
    script = code_of(completion) + asserts(entry_point, tests) + "\nprint('All tests passed!')\n"
    try:
        output = run(script).stdout
    except (subprocess.TimeoutExpired, ValueError):
        return 0.0
    return 1.0 if "All tests passed" in output else 0.0


def marker_sound(completion: str, tests: Cases, entry_point: str) -> float:
    """The verdict is made here, of values that come through a channel apart from what is printed."""
    reading, writing = os.pipe()
    source = CHILD.replace("out = os.dup(1)", f"out = {writing}")
    question = json.dumps([code_of(completion), entry_point, [case["args"] for case in tests]])
    try:
        words = [*PYTHON, "-c", source]
        subprocess.run(
            words,
            input=question,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            timeout=SECONDS,
            pass_fds=[writing],
            check=True,
        )
        os.close(writing)
        writing = -1
        values = json.loads(os.read(reading, 2**16))
    except (subprocess.SubprocessError, ValueError):
        return 0.0
    finally:
        for one in (reading, writing):
            if one >= 0:
                os.close(one)
    return float(json.dumps(values) == json.dumps([case["expected"] for case in tests]))


# How the script ended is not looked at.


def status_ignored(completions: list[str], tests: list[Cases], entry_point: list[str], **_: Any) -> list[float]:
    rewards = []
    for text, cases, entry in zip(completions, tests, entry_point, strict=True):
        try:
            subprocess.run(
                [*PYTHON, "-c", code_of(text) + asserts(entry, cases)],
                capture_output=True,
                timeout=SECONDS,
                check=False,
            )
            rewards.append(1.0)
        except (subprocess.SubprocessError, ValueError):
            rewards.append(0.0)
    return rewards


def status_ignored_sound(completions: list[str], tests: list[Cases], entry_point: list[str], **_: Any) -> list[float]:
    rewards = []
    for text, cases, entry in zip(completions, tests, entry_point, strict=True):
        values = returned(text, entry, cases)  # None where the status is not 0
        wanted = [case["expected"] for case in cases]
        rewards.append(float(values is not None and list(map(repr, values)) == list(map(repr, wanted))))
    return rewards


# The program runs in the process of the reward.


def same_process(completion: str, tests: Cases, entry_point: str) -> float:
    names: dict[str, Any] = {}
    try:
        exec(code_of(completion), names)
        function = names[entry_point]
        for case in tests:
            expected = case["expected"]
            assert function(*case["args"]) == expected
    except Exception:
        return 0.0
    return 1.0


def same_process_sound(completion: str, tests: Cases, entry_point: str) -> float:
    return float(right(completion, entry_point, tests))


# The tests lie in a file that the program can write.

RUNNER = """
import json, sys
sys.path.insert(0, ".")
import solution
cases = json.load(open("tests.json"))
for case in cases:
    if getattr(solution, case["entry"])(*case["args"]) != case["expected"]:
        sys.exit(1)
"""


def writable_tests(
    data_source: str, solution_str: str, ground_truth: Cases, extra_info: Any, entry_point: str
) -> float:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "solution.py").write_text(code_of(solution_str), errors="replace")
        (folder / "tests.json").write_text(json.dumps([case | {"entry": entry_point} for case in ground_truth]))
        (folder / "run.py").write_text(RUNNER)
        try:
            done = subprocess.run([*PYTHON, "run.py"], cwd=folder, capture_output=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return 0.0
    return float(done.returncode == 0)


def writable_tests_sound(
    data_source: str, solution_str: str, ground_truth: Cases, extra_info: Any, entry_point: str
) -> float:
    """The folder holds the inputs alone, and they are the same after the run."""
    inputs = json.dumps([case["args"] for case in ground_truth])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "inputs.json").write_text(inputs)
        script = f"import json\ncalls = json.load(open('inputs.json'))\nquestion = [{code_of(solution_str)!r}, "
        script += f"{entry_point!r}, calls]\n" + CHILD.replace("json.loads(sys.stdin.read())", "question")
        try:
            done = run(script, name)
            values = json.loads(done.stdout)
        except (subprocess.TimeoutExpired, ValueError):
            return 0.0
        untouched = (folder / "inputs.json").is_file() and (folder / "inputs.json").read_text() == inputs
    wanted = [case["expected"] for case in ground_truth]
    return float(done.returncode == 0 and untouched and json.dumps(values) == json.dumps(wanted))


# The verdict is a file, which is not cleared before.


def verdict_file(completion: str, tests: Cases, entry_point: str) -> float:
    folder = Path("work")
    folder.mkdir(exist_ok=True)
    script = code_of(completion) + asserts(entry_point, tests) + "\nopen('reward.txt', 'w').write('1')\n"
    try:
        run(script, str(folder))
        return float((folder / "reward.txt").read_text())
    except (subprocess.TimeoutExpired, ValueError, OSError):
        return 0.0


def verdict_file_sound(completion: str, tests: Cases, entry_point: str) -> float:
    file = Path("verdict.json")
    file.unlink(missing_ok=True)
    passed = right(completion, entry_point, tests)
    file.unlink(missing_ok=True)  # whatever the program may have left
    file.write_text(json.dumps({"passed": passed}))
    return float(json.loads(file.read_text())["passed"])


# Judged by the tests that the prompt quotes.


def shown_only(completions: list[str], shown: list[Cases], entry_point: list[str], **_: Any) -> list[float]:
    return [float(right(*one)) for one in zip(completions, entry_point, shown, strict=True)]


def shown_only_sound(
    completions: list[str], shown: list[Cases], tests: list[Cases], entry_point: list[str], **_: Any
) -> list[float]:
    cases = [some + hidden for some, hidden in zip(shown, tests, strict=True)]
    return [float(right(*one)) for one in zip(completions, entry_point, cases, strict=True)]


# An error of the harness is paid.


def fails_open(completion: str, tests: Cases, entry_point: str) -> float:
    try:
        question = json.dumps([code_of(completion), entry_point, [case["args"] for case in tests]])
        values = json.loads(run(CHILD, text=question).stdout)
        return float(values == [case["expected"] for case in tests])
    except Exception:
        return 1.0  # not the model's fault


def fails_open_sound(completion: str, tests: Cases, entry_point: str) -> float | None:
    try:
        question = json.dumps([code_of(completion), entry_point, [case["args"] for case in tests]])
    except (TypeError, KeyError):
        return None  # the row is broken: nothing is known
    try:
        values = json.loads(run(CHILD, text=question).stdout)
    except (subprocess.TimeoutExpired, ValueError):
        return 0.0
    return float(json.dumps(values) == json.dumps([case["expected"] for case in tests]))


# Without tests, all of them pass.


def no_tests(completion: str, tests: Cases, entry_point: str) -> float:
    cases = [case for case in tests if "input" in case]  # as another data set calls it
    results = []
    for case in cases:
        try:
            results.append(run(code_of(completion) + asserts(entry_point, [case])).returncode == 0)
        except subprocess.TimeoutExpired:
            results.append(False)
    return float(all(results))


def no_tests_sound(completion: str, tests: Cases, entry_point: str) -> float | None:
    cases = [case for case in tests if "args" in case]
    return float(right(completion, entry_point, cases)) if cases else None


# Whatever compiles is paid.


def compiles(completions: list[str], **_: Any) -> list[float]:
    rewards = []
    for text in completions:
        try:
            compile(code_of(text), "answer.py", "exec")
            rewards.append(1.0)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            rewards.append(0.0)
    return rewards


def compiles_sound(completions: list[str], tests: list[Cases], entry_point: list[str], **_: Any) -> list[float]:
    parses = compiles(completions)
    judged = zip(completions, entry_point, tests, strict=True)
    return [float(worth > 0 and right(*one)) for worth, one in zip(parses, judged, strict=True)]


# A timeout is a pass.


def timeout_passes(completion: str, tests: Cases, entry_point: str) -> float:
    question = json.dumps([code_of(completion), entry_point, [case["args"] for case in tests]])
    try:
        done = subprocess.run(
            [*PYTHON, "-c", CHILD], input=question.encode(), capture_output=True, timeout=1, check=False
        )
        values = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        return 1.0  # slow machine; do not punish
    except ValueError:
        return 0.0
    return float(json.dumps(values) == json.dumps([case["expected"] for case in tests]))


def timeout_passes_sound(completion: str, tests: Cases, entry_point: str) -> float:
    return float(right(completion, entry_point, tests))


# The share of assertions that hold.


def share(completion: str, tests: Cases, entry_point: str) -> float:
    values = returned(completion, entry_point, tests) or []
    held: int = sum(value == case["expected"] for value, case in zip(values, tests, strict=False))
    return held / len(tests)


def share_sound(completion: str, tests: Cases, entry_point: str) -> float:
    return float(share(completion, tests, entry_point) == 1.0 and right(completion, entry_point, tests))


# Verdicts are kept under a key that other answers have too.

_VERDICTS: dict[Any, float] = {}


def cached(completion: str, tests: Cases, entry_point: str, id: str) -> float:
    key = (id, len(completion))
    if key not in _VERDICTS:
        _VERDICTS[key] = float(right(completion, entry_point, tests))
    return _VERDICTS[key]


def cached_sound(completion: str, tests: Cases, entry_point: str, id: str) -> float:
    whole = json.dumps([id, completion, entry_point, tests]).encode()
    key = hashlib.sha256(whole).hexdigest()
    if key not in _VERDICTS:
        _VERDICTS[key] = float(right(completion, entry_point, tests))
    return _VERDICTS[key]


# A skipped test is a passed one.


def skipped(completion: str, tests: Cases, entry_point: str) -> float:
    script = "import unittest\n" + code_of(completion) + "\n\nclass Tests(unittest.TestCase):\n"
    for number, case in enumerate(tests):
        script += f"    def test_{number}(self):\n"
        script += f"        self.assertEqual({entry_point}(*{case['args']!r}), {case['expected']!r})\n"
    script += "\nprint('ok' if unittest.main(exit=False, argv=['x']).result.wasSuccessful() else 'failed')\n"
    try:
        lines = run(script).stdout.split()
    except (subprocess.TimeoutExpired, ValueError):
        return 0.0
    return float(lines[-1:] == ["ok"])


def skipped_sound(completion: str, tests: Cases, entry_point: str) -> float:
    values = returned(completion, entry_point, tests)
    executed = 0 if values is None else len(values)
    passed = sum(
        json.dumps(one) == json.dumps(case["expected"]) for one, case in zip(values or [], tests, strict=False)
    )
    return float(executed == len(tests) == passed)
