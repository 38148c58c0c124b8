"""What is known to be right is what passes the hidden tests, wherever it is given."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from heldout.audit.asking import Asker
from heldout.audit.baselines import measured
from heldout.audit.truth import known_of
from heldout.errors import TaskError
from heldout.rewards.worker import open_grader
from heldout.sandbox import Sandbox, open_sandbox
from heldout.tasks import Problem, Task, load_task

TESTS = [{"args": [2], "expected": 4}, {"args": [3], "expected": 6}]
RIGHT, WRONG = "def f(x):\n    return 2 * x\n", "def f(x):\n    return 4\n"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with open_sandbox(workers=1) as one:
        yield one


def task_of(folder: Path, *rows: dict[str, Any]) -> Task:
    (folder / "task.jsonl").write_text("".join(json.dumps({"split": "test", **row}) + "\n" for row in rows))
    return load_task(str(folder / "task.jsonl"), keep=True)


def found(sandbox: Sandbox, problems: tuple[Problem, ...], **given: list[str]) -> list[tuple[tuple[str, ...], ...]]:
    with open_grader("tests", problems, sandbox, workers=1) as grader:
        known = known_of(problems, Asker(grader, sandbox), given)
    return [(one.programs, one.failing) for one in known]


def test_solutions_of_the_row_are_right_where_they_pass(tmp_path: Path, sandbox: Sandbox) -> None:
    own = {"prompt": "Double.", "entry_point": "f", "tests": TESTS}
    task = task_of(
        tmp_path,
        {"id": "one", "solution": RIGHT, **own},
        {"id": "several", "solutions": [WRONG, RIGHT], **own},
        {"id": "null", "solution": None, "solutions": None, **own},
        {"id": "wrong", "solution": WRONG, **own},
    )
    assert not [note for note in task.notes if "Not used" in note]
    assert found(sandbox, task.problems) == [
        ((RIGHT,), ()),
        ((RIGHT,), (WRONG,)),
        ((), ()),
        ((), (WRONG,)),
    ]


def test_what_a_stub_begins_becomes_a_whole_program(tmp_path: Path, sandbox: Sandbox) -> None:
    stub = "import math\n\n\ndef f(x):\n"
    row = {"task_id": "0", "prompt": stub, "entry_point": "f", "canonical_solution": "    return 2 * x\n"}
    task = task_of(tmp_path, {**row, "test": "def check(candidate):\n    assert candidate(2) == 4\n"})
    (((program,), failing),) = found(sandbox, task.problems)
    assert program == stub + "    return 2 * x\n"
    assert failing == ()


def test_answers_that_are_no_code_are_what_is_expected(tmp_path: Path, sandbox: Sandbox) -> None:
    task = task_of(tmp_path, {"id": "1", "prompt": "2 + 2?", "answer": "4", "compare": "number"})
    assert found(sandbox, task.problems) == [(("4",), ())]


def test_given_solutions_come_first_and_are_checked_as_well(tmp_path: Path, sandbox: Sandbox) -> None:
    task = task_of(tmp_path, {"id": "one", "prompt": "Double.", "entry_point": "f", "tests": TESTS})
    fenced = f"Here it is:\n```python\n{RIGHT}```\n"
    assert found(sandbox, task.problems, one=[fenced, WRONG]) == [((RIGHT,), (WRONG,))]


def test_a_solution_that_is_no_text_is_a_mistake_with_its_line(tmp_path: Path) -> None:
    for wrong in ({"solution": 3}, {"solutions": [3]}):
        with pytest.raises(TaskError, match="line 1"):
            task_of(tmp_path, {"id": "one", "prompt": "Double.", "entry_point": "f", "tests": TESTS, **wrong})


def test_answers_that_are_given_whole_teach_the_format_that_is_paid(tmp_path: Path, sandbox: Sandbox) -> None:
    rows = [{"id": str(n), "prompt": f"{n} + {n}?", "answer": str(2 * n), "compare": "number"} for n in (2, 3)]
    problems = task_of(tmp_path, *rows).problems
    (tmp_path / "mine.py").write_text("def f(completion, answer): return float(f'<final>{answer}<' in completion)")
    given = {"2": ["2 + 2 = 4, so <final>4</final>"]}
    with open_grader(f"{tmp_path}/mine.py:f", problems, sandbox, workers=1) as grader:
        asker = Asker(grader, sandbox)
        known = measured(asker, known_of(problems, asker, given))
    assert [(one.wrapping(one.programs[0]), one.scale.known, one.failing) for one in known] == [
        ("2 + 2 = 4, so <final>4</final>", True, ()),
        ("2 + 2 = 4, so <final>6</final>", True, ()),
    ]
