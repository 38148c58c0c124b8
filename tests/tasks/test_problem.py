"""A completion becomes a program in one way."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.errors import UsageError
from heldout.tasks.problem import Problem, Task, code_of

STUB = "import math\n\n\ndef helper(x):\n    return x\n\n\ndef area(r: float) -> float:\n"
BODY = "    return math.pi * r * helper(r)\n"
WHOLE = "def area(r: float) -> float:\n" + BODY
OPENED = Problem("circle", "say", "area", (), stub=STUB)
ALONE = Problem("circle", "Write area(r).", "area", ())


@pytest.mark.parametrize(
    ("problem", "completion", "expected"),
    [
        (OPENED, BODY, STUB + BODY),
        (OPENED, f"```python\n{BODY}```", STUB + BODY),
        (OPENED, WHOLE, STUB.removesuffix("def area(r: float) -> float:\n") + WHOLE),
        (OPENED, f"Here it is:\n\n```python\n{WHOLE}```\nIt works.", STUB.split("def area")[0] + WHOLE),
        (OPENED, "\n\n" + WHOLE, STUB.split("def area")[0] + "\n\n" + WHOLE),
        (OPENED, BODY + "\n\n" + WHOLE, STUB + BODY + "\n\n" + WHOLE),  # a body comes first: it goes on from the stub
        (ALONE, WHOLE, WHOLE),
        (ALONE, f"~~~\nx = 1\n~~~\nbetter:\n~~~py\n{WHOLE}~~~", WHOLE),
        (ALONE, f"Cut in the middle:\n```python\n{WHOLE}", WHOLE),
        (OPENED, "", STUB),
    ],
)
def test_a_completion_is_joined_so_that_the_entry_point_is_defined(
    problem: Problem, completion: str, expected: str
) -> None:
    assert problem.program(completion) == expected


def test_a_function_whose_name_only_begins_alike_replaces_nothing() -> None:
    other = "def area_of(r):\n    return 0\n"
    assert OPENED.program(other) == STUB + other


@given(st.text(alphabet="abc =()\n\t#`~", max_size=60))
def test_any_text_gives_a_program_and_fences_lose_nothing_of_the_code(text: str) -> None:
    assert OPENED.program(text).startswith("import math\n")
    code = "a = 1\n" + text.replace("`", "").replace("~", "") + "\nb = 2\n"
    assert code_of(f"so:\n```python\n{code}```\n") == code


def test_text_without_a_fence_is_the_code() -> None:
    assert code_of(" return `x`\n") == " return `x`\n"
    assert ast.parse(OPENED.program(BODY))


def test_a_split_that_is_not_there_is_explained() -> None:
    task = Task("small", (OPENED,))
    assert task.split("train") == (OPENED,)
    with pytest.raises(UsageError, match="small has no problems in its split 'test'; it has train"):
        task.split("test")
    with pytest.raises(UsageError, match="'dev' is no split; take train, validation or test"):
        task.split("dev")
