"""Rows in the formats of HumanEval and MBPP become problems; what cannot be a test is said."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from heldout.errors import TaskError
from heldout.sandbox import SourceTest, Test, judge
from heldout.tasks import Problem, load_task
from in_process import InProcess

DOUBLED = {
    "task_id": "Made/0",
    "prompt": 'from typing import List\n\n\ndef doubled(items: List[int]) -> List[int]:\n    """ Twice each. """\n',
    "entry_point": "doubled",
    "canonical_solution": "    return [2 * item for item in items]\n",
    "test": "\n\nMETADATA = {'author': 'us'}\n\n\ndef check(candidate):\n    assert candidate([1, -2]) == [2, -4]\n"
    "    assert candidate([]) == []\n    for n in range(3):\n        assert candidate([n]) == [2 * n]\n",
}
HALF = {
    "task_id": "Made/1",
    "prompt": "import math\n\n\ndef area(r: float) -> float:\n",
    "entry_point": "area",
    "canonical_solution": "    return math.pi * r * r\n",
    "test": "def check(candidate):\n    assert abs(candidate(1.0) - 3.141592653589793) < 1e-6\n"
    "    assert candidate(0.0) == 0.0\n",
}
DICE = {
    "task_id": "Made/2",
    "prompt": "def dice():\n",
    "entry_point": "dice",
    "canonical_solution": "    return 4\n",
    "test": "def check(candidate):\n    assert candidate() in range(1, 7)\n",
}
LONGEST: dict[str, Any] = {
    "task_id": 11,
    "text": "Write a function to find the longest word.",
    "code": "def first(x):\n  return x[0]\ndef longest(words, least=0):\n  return max(words, key=len)",
    "test_list": ["assert longest(['a', 'bcd', 'ef']) == 'bcd'", "assert longest(('x',), 1) == 'x'"],
    "test_setup_code": "",
}


def saved(folder: Path, *rows: dict[str, Any], name: str = "made.jsonl") -> str:
    path = folder / name
    text = "".join(json.dumps(row) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return str(path)


def solves(problem: Problem, completion: str) -> bool:
    (judgement,) = judge([problem.attempt(completion)], InProcess())
    return judgement.solved


@pytest.mark.parametrize("name", ["made.jsonl", "made.jsonl.gz"])
def test_the_reference_solutions_pass_and_others_fail(tmp_path: Path, name: str) -> None:
    task = load_task(saved(tmp_path, DOUBLED, HALF, name=name))
    assert task.name == "made"
    for problem, row in zip(task.problems, (DOUBLED, HALF), strict=True):
        assert problem.prompt == row["prompt"]
        assert solves(problem, row["canonical_solution"])
        assert solves(problem, f"```python\n{row['prompt']}{row['canonical_solution']}```")
        assert not solves(problem, "    return None\n")


def test_mbpp_completions_are_whole_programs_and_the_prompt_names_the_function_without_its_tests(
    tmp_path: Path,
) -> None:
    (problem,) = load_task(saved(tmp_path, LONGEST)).problems
    assert problem.id == "11"
    assert problem.prompt == "Write a function to find the longest word.\nThe function is longest(words, least=0).\n"
    assert problem.stub == ""
    assert solves(problem, LONGEST["code"])
    assert not solves(problem, "def longest(words, least=0):\n  return 'bcd'")


def test_loops_are_unrolled_and_problems_without_a_test_are_left_out_by_name(tmp_path: Path) -> None:
    untested = {**DICE, "test": "def check(candidate):\n    pass\n"}
    task = load_task(saved(tmp_path, DOUBLED, untested))
    assert [problem.id for problem in task.problems] == ["Made/0"]
    assert len(task.problems[0].tests) == 5
    assert task.notes[0] == "1 problem left out, because there is no test: Made/2."
    assert task.left_out == {"Made/2": "there is no test"}
    assert task.order == ("Made/0", "Made/2")


def test_what_cannot_be_read_as_calls_stays_a_program_with_what_the_prompt_defines(tmp_path: Path) -> None:
    row = {
        **DICE,
        "prompt": "import math\n\ndef area(r):\n    return math.pi * r * r\n\ndef radius(a):\n",
        "entry_point": "radius",
        "test": "import random\n\ndef check(candidate):\n    assert candidate(0.0) == 0.0\n    for _ in range(9):\n"
        "        r = random.random()\n        assert abs(candidate(area(r)) - r) < 1e-6\n"
        "    assert radius(0.0) == 0.0\n",
    }
    (problem,) = load_task(saved(tmp_path, row)).problems
    *calls, program = problem.tests
    assert [test.args for test in calls if isinstance(test, Test)] == [(0.0,), (0.0,)]
    assert isinstance(program, SourceTest)
    assert (program.items, program.runner) == (("check",), "check")
    space: dict[str, Any] = {}
    exec(program.source, space)
    space["check"](lambda a: (a / 3.141592653589793) ** 0.5)
    with pytest.raises(AssertionError):
        space["check"](lambda a: 0.5)


def test_benchmarks_without_a_split_are_for_testing(tmp_path: Path) -> None:
    task = load_task(saved(tmp_path, DOUBLED, {**HALF, "split": "validation"}))
    assert [problem.split for problem in task.problems] == ["test", "validation"]
    assert "1 problem named no split; as a benchmark they are all for testing." in task.notes
    assert {problem.split for problem in load_task(saved(tmp_path, DOUBLED, HALF), split="train").problems} == {"train"}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({**DOUBLED, "prompt": ""}, r"made\.jsonl, line 1: 'prompt' is ''; it must be a text"),
        ({**DOUBLED, "entry_point": None}, "line 1: 'entry_point' is missing"),
        ({**DOUBLED, "test": "def check(candidate:"}, "line 1: the tests are no Python"),
        ({key: value for key, value in DOUBLED.items() if key != "task_id"}, "line 1: 'task_id' is missing"),
        ({**DOUBLED, "split": "dev"}, "line 1: 'split' is 'dev'; it must be train, validation or test"),
        ({**LONGEST, "test_list": ["assert shortest(1) == 2"]}, "no assertion calls a function that 'code' defines"),
        ({**LONGEST, "test_list": "assert longest(['a']) == 'a'"}, "'test_list' must be a list of assertions"),
        ({**LONGEST, "code": "def ("}, "'code' or 'test_list' is no Python"),
    ],
)
def test_a_row_of_another_form_is_named_by_file_and_line(tmp_path: Path, row: dict[str, Any], said: str) -> None:
    with pytest.raises(TaskError, match=said):
        load_task(saved(tmp_path, row))


def test_an_id_that_occurs_twice_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="line 2: the id 'Made/0' occurs a second time"):
        load_task(saved(tmp_path, DOUBLED, DOUBLED | {"prompt": DOUBLED["prompt"].replace("def", "# Again.\ndef")}))
