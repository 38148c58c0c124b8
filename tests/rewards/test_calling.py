"""How a reward of anybody's is called: every known signature, and what cannot be filled."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from heldout.errors import UsageError
from heldout.rewards.calling import Case, columns_of, load
from heldout.sandbox.compare import equal
from heldout.sandbox.hidden import Reply, Test
from heldout.tasks.problem import Problem

CASES = [Case("2 + 2?", "4", {"answer": "4", "tests": [1]}), Case("3 + 3?", "7", {"answer": "6", "tests": [2]})]
TRL = "return [float(c == a) for c, a in zip(completions, answer)]"
KNOWN = {
    "trl": f"def f(prompts, completions, answer, **columns): {TRL}",
    "trl without names": f"def f(completions, **columns):\n answer = columns['answer']\n {TRL}",
    "asynchronous": f"async def f(completions, answer, **_): {TRL}",
    "an array": "import numpy\ndef f(completions, answer): return numpy.array(completions) == numpy.array(answer)",
    "verl": "def f(data_source, solution_str, ground_truth, extra_info=None): "
    "return float(solution_str == ground_truth)",
    "verl, a dictionary": "def f(data_source, solution_str, ground_truth, extra_info): "
    "return {'score': float(solution_str == ground_truth), 'acc': 1}",
    "verl, a batch": "def f(data_sources, solution_strs, ground_truths, extra_infos): "
    "return [float(a == b) for a, b in zip(solution_strs, ground_truths)]",
    "verl, columns of the row": "def f(data_source, solution_str, ground_truth, extra_info=None): "
    "return float(solution_str == extra_info['answer'])",
    "a tuple": "def f(solution_str, ground_truth): return float(solution_str == ground_truth), 'why'",
    "two arguments": "def f(completion, reference): return completion == reference",
    "two arguments, by place": "def f(given_one, right_one, /): return given_one == right_one",
    "the answer is the text": "def f(answer, gold): return answer == gold",
    "open-instruct": """
        class Result:
            def __init__(self, score): self.score = score
        class f:
            def __call__(self, tokenized_prediction, prediction, label, query=None):
                assert tokenized_prediction == list(prediction.encode())
                return Result(float(prediction == label))
    """,
    "a rubric": """
        def right(completion, answer): return float(completion[-1]['content'] == answer)
        def short(completion, state, parser): return 0.0
        class Rubric:
            funcs, weights, parser = [right, short], [1.0, 0.5], object()
        class Environment:
            rubric = Rubric()
        f = Environment()
    """,
}


def called(folder: Path, source: str, cases: Sequence[Case] = CASES, **given: Any) -> list[float | None]:
    (folder / "mine.py").write_text(textwrap.dedent(source))
    return load(f"{folder}/mine.py:f", ["answer", "tests"], given.pop("renamed", {}), code=False, **given)(cases)


@pytest.mark.parametrize("source", KNOWN.values(), ids=KNOWN)
def test_a_reward_of_any_known_signature_is_called_as_it_expects(source: str, tmp_path: Path) -> None:
    assert called(tmp_path, source) == [1.0, 0.0]


def test_an_answer_can_be_a_conversation(tmp_path: Path) -> None:
    source = (
        "def f(prompts, completions, answer):\n"
        "    return [c[0]['content'] == p[-1]['content'][0] for c, p in zip(completions, prompts)]"
    )
    assert called(tmp_path, source, [Case("4?", "4", {"answer": "4"})], messages=True) == [1.0]


def test_none_stays_none_and_what_is_no_number_is_an_error(tmp_path: Path) -> None:
    assert called(tmp_path, "def f(completions): return [None, 0.5]") == [None, 0.5]
    for source in (
        "def f(completions): return [0.5]",
        "def f(completions): return 0.5",
        "def f(completion, answer): return 'yes'",
    ):
        with pytest.raises(UsageError, match="should give"):
            called(tmp_path, source)


def test_an_argument_that_nothing_fills_is_an_error_that_says_how_to_fill_it(tmp_path: Path) -> None:
    source = "def f(completions, rubric_text): return [0.0 for _ in completions]"
    with pytest.raises(UsageError, match=r"needs 'rubric_text'.*answer and tests.*--column rubric_text=COLUMN"):
        called(tmp_path, source)
    assert called(tmp_path, source, renamed={"rubric_text": "answer"}) == [0.0, 0.0]
    with pytest.raises(UsageError, match="no column 'gold'"):
        called(tmp_path, source, renamed={"rubric_text": "gold"})


def test_what_cannot_be_loaded_is_one_sentence(tmp_path: Path) -> None:
    for source, why in (
        ("import no_such_module", "no_such_module"),
        ("raise SystemExit(3)", "SystemExit"),
        ("f = 3", "int"),
    ):
        with pytest.raises(UsageError, match=why):
            called(tmp_path, source)
    with pytest.raises(UsageError, match="no function 'f'"):
        called(tmp_path, "g = 3")


def test_the_plan_says_what_every_argument_is_given(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def grade(prompts, completions, label, strict=True, **rest): ...")
    told = load(f"{tmp_path}/mine.py:grade", ["answer", "tests"], {}, code=False).told
    assert told == (
        "grade, all answers of a batch at a time: prompts= prompt, completions= text, label= column answer, "
        "**= columns answer and tests"
    )
    programs = load(f"{tmp_path}/mine.py:grade", ["answer", "tests"], {}, code=True).told
    assert "label= column tests" in programs


def test_a_problem_has_the_columns_of_its_row_and_what_its_set_makes_plain() -> None:
    numbers = Problem("a", "Halve", "f", (Test((4,), 2, {"k": 1}),), solution="x", columns={"level": 3, "none": None})
    assert columns_of(numbers) == {
        "id": "a",
        "entry_point": "f",
        "tests": [{"args": [4], "expected": 2, "kwargs": {"k": 1}}],
        "solution": "x",
        "level": 3,
    }
    assert columns_of(Problem("b", "?", "", (Reply("4", equal),))) == {"id": "b", "answer": "4"}
