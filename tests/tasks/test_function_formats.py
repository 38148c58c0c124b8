"""Sets of functions, in small samples of their true schemas: what is read, what is left out, and who is solved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from heldout.errors import TaskError, UsageError
from heldout.evaluation.stops import AFTER_A_FUNCTION, default_stops
from heldout.sandbox import Reply, SourceTest, Test, judge, open_sandbox
from heldout.sandbox.base import Sandbox
from heldout.sandbox.compare import Close, equal, same
from heldout.tasks import Problem, Task, load_task
from heldout.tasks.asserts import parsed
from heldout.tasks.comparing import compared_as
from heldout.tasks.formats import registry
from heldout.tasks.formats.acecode import called
from heldout.tasks.formats.evalplus import typed
from heldout.tasks.formats.evalplus_rule import agrees
from heldout.tasks.plain import Holds
from heldout.tasks.rows import file_rows

SAMPLES = Path(__file__).parent / "samples"
SETS = {
    "human_eval": "human-eval",
    "human_eval_plus": "human-eval",
    "evalplus_human_eval": "evalplus",
    "mbpp": "mbpp",
    "mbpp_sanitized": "mbpp",
    "mbpp_plus": "mbpp-plus",
    "evalplus_mbpp": "evalplus",
    "acecode": "acecode",
    "leetcode": "leetcode",
    "multipl_e": "multipl-e",
    "cruxeval": "cruxeval",
    "kodcode": "kodcode",
    "bigcodebench": "bigcodebench",
}


def sample(name: str) -> Task:
    return load_task(str(SAMPLES / f"{name}.jsonl"))


def row(name: str, place: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SAMPLES / f"{name}.jsonl").read_text().splitlines()[place])
    return found


def read(folder: Path, *rows: dict[str, Any]) -> Task:
    path = folder / "mine.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    return load_task(str(path))


@pytest.mark.parametrize("name", SETS)
def test_every_set_is_known_by_its_keys_and_read_whole(name: str) -> None:
    rows = file_rows(SAMPLES / f"{name}.jsonl")
    for one in rows:
        assert next(form.id for form in registry.FORMATS if form.recognises(one.data)) == SETS[name]
    task = sample(name)
    assert len(task.problems) == len(rows)
    assert not task.left_out
    benchmark = next(form.benchmark for form in registry.FORMATS if form.id == SETS[name])
    assert not benchmark or {problem.split for problem in task.problems} == {"test"}


@pytest.mark.parametrize("name", SETS)
def test_what_the_set_gives_as_right_is_solved_and_what_does_nothing_is_not(name: str, sandbox: Sandbox) -> None:
    problems = sample(name).problems
    right = [problem.attempt(solution_of(problem)) for problem in problems]
    for problem, judgement in zip(problems, judge(right, sandbox), strict=True):
        assert judgement.kind == "solved", (problem.id, judgement.answers)
    wrong = [problem.attempt(mutant_of(problem)) for problem in problems]
    for problem, judgement in zip(problems, judge(wrong, sandbox), strict=True):
        assert judgement.kind in ("wrong answer", "raised"), (problem.id, judgement.kind, judgement.answers)


def solution_of(problem: Problem) -> str:
    return problem.solution or "    return x + 1\n"


def mutant_of(problem: Problem) -> str:
    """The right solution with one thing changed."""
    solution = solution_of(problem)
    changes = {"x + 1": "x + 2", "x+1": "x+2", "return": "return None and", "[ANSWER]": "[ANSWER]0 + "}
    return next(solution.replace(one, other) for one, other in changes.items() if one in solution)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with open_sandbox("bubblewrap") as place:
        yield place


def kinds(problem: Problem) -> list[str]:
    return [type(test).__name__ for test in problem.tests]


def test_assertions_of_mbpp_are_calls_with_what_has_to_hold_and_the_rest_is_a_program() -> None:
    calls, sets, objects = sample("mbpp").problems
    assert [test.kwargs for test in calls.tests if isinstance(test, Test)] == [{}, {}, {"x": 3}]
    assert [str(test.compare) for test in sets.tests if isinstance(test, Test)] == [
        "the assertion `set(_) == set((2,))`",
        "the assertion `sorted(_) == [2, 3]`",
    ]
    assert kinds(objects) == ["SourceTest"]
    assert "The function is shared(a, b)." in sets.prompt


def test_evalplus_on_the_hub_compares_floats_as_close_and_everything_else_exactly() -> None:
    one, floats, polynomial = sample("human_eval_plus").problems
    assert [test.compare for test in one.tests if isinstance(test, Test)] == [equal] * 3
    assert [test.compare for test in floats.tests if isinstance(test, Test)] == [Close(1e-7, 1e-6)] * 2
    assert kinds(polynomial) == ["SourceTest"]
    shared, half = sample("mbpp_plus").problems
    assert [test.args for test in shared.tests if isinstance(test, Test)] == [((3, 4), (5, 4)), ((1,), (2,))]
    assert [test.compare for test in half.tests if isinstance(test, Test)] == [Close(1e-7, 1e-6)] * 2


def test_a_problem_whose_tests_on_the_hub_are_known_to_be_wrong_is_named(tmp_path: Path) -> None:
    task = read(tmp_path, row("mbpp_plus"), {**row("mbpp_plus", 1), "task_id": 164})
    assert "1 problem: its tests on the hub lack an exception of evalplus (164)." in task.notes


@pytest.mark.parametrize(
    ("number", "args", "expected"),
    [
        (2, [[1], [2]], [(1,), (2,)]),
        (63, [[[1, 2], [3]]], [[(1, 2), (3,)]]),
        (75, [[[1], [2]], 3], [[(1,), (2,)], 3]),
        (750, [[1], [2]], [[1], (2,)]),
        (115, [[[1, 1], []]], [[{1}, {}]]),
        (124, ["1.5", "2j"], [1.5, 2j]),
        (307, [[1], 2, 3], [(1,), 2, 3]),
        (259, [[[1], [2]], [[3]]], [((1,), (2,)), ((3,),)]),
        (278, [[1, [2]]], [(1, (2,))]),
        (722, [{"a": [1]}, 2, 3], [{"a": (1,)}, 2, 3]),
        (252, ["1+1j"], [1 + 1j]),
        (791, [[1, [2, [3]]]], [(1, (2, (3,)))]),
        (1, [[1]], [[1]]),
    ],
)
def test_arguments_of_mbpp_plus_become_what_json_cannot_write(
    number: int, args: list[Any], expected: list[Any]
) -> None:
    assert repr(typed(f"Mbpp/{number}", args)) == repr(expected)


@pytest.mark.parametrize(
    ("name", "args", "out", "expected", "atol", "right"),
    [
        ("f", [1], 2, 2.0, 0, True),
        ("f", [1], 0.1 + 0.2, 0.3, 0, True),
        ("f", [1], 0.30001, 0.3, 0, False),
        ("f", [1], 1, 1.0000001, 0, False),  # another type
        ("f", [1], [0.1 + 0.2, 1], [0.3, 1], 0, False),
        ("f", [1], [0.1 + 0.2, 1], [0.3, 1], 1e-6, True),
        ("f", [1], ["a"], ["b"], 1e-6, False),
        ("find_zero", [[1, 2]], -0.5, 7, 1e-4, True),
        ("find_zero", [[1, 2]], -0.6, -0.5, 1e-4, False),
        ("Diff", [1], [2, 1, 1], (1, 2), 0, True),
        ("check_str", ["a"], "match", True, 0, True),
        ("check_str", ["a"], None, True, 0, False),
        ("check_str", ["a"], None, None, 0, True),
        ("are_equivalent", [1, 2], "anything", False, 0, True),
        ("sum_div", [8], 0, 7, 0, True),
        ("sum_div", [8], 6, 7, 0, False),
        ("surface_Area", [3, 4], 35, 33, 0, True),  # 9 + 6 * sqrt(18.25) is 34.6
        ("surface_Area", [3, 4], 34, 33, 0, False),
        ("digit_distance_nums", [1, 25], 6, 9, 0, True),
    ],
)
def test_who_agrees_with_the_reference(
    name: str, args: list[Any], out: Any, expected: Any, atol: float, right: bool
) -> None:
    assert agrees(name, args, out, expected, atol) is right


def test_acecode_takes_a_solution_that_passed_and_names_what_is_no_python() -> None:
    one, other = sample("acecode").problems
    assert (one.entry_point, other.entry_point) == ("inc", "first_word")
    assert "x + 1" in one.solution
    assert (one.unjudged, other.unjudged) == (0, 1)
    assert called(parsed("import helper\nassert len(helper(f(1))) == 2").body) == "f"
    assert called(parsed("assert len([1]) == 1").body) == ""


def test_leetcode_calls_a_method_by_keywords_and_brings_its_helpers() -> None:
    one, other = sample("leetcode").problems
    assert one.entry_point == "Solution().inc"
    assert [test.kwargs for test in one.tests if isinstance(test, Test)] == [{"x": 1}, {"x": -5}]
    assert one.prelude.startswith("import math")
    assert "class Solution:" in one.prompt
    (program,) = [test for test in other.tests if isinstance(test, SourceTest)]
    assert "def is_same_set" in program.source


def test_kodcode_keeps_simple_functions_as_calls_and_names_what_looks_inside() -> None:
    task = sample("kodcode")
    function, stack = task.problems
    assert kinds(function) == ["Test", "Test", "SourceTest"]
    assert [test.items for test in function.tests if isinstance(test, SourceTest)] == [("test_wrong", "test_more")]
    assert [test.items for test in stack.tests if isinstance(test, SourceTest)] == [("test_stack",)]
    assert (function.unjudged, stack.unjudged) == (0, 1)
    assert any("`test_prints`; of Data_2_I" in note for note in task.notes)


def test_bigcodebench_lists_its_test_cases_and_names_those_that_patch() -> None:
    task = sample("bigcodebench")
    (test,) = task.problems[0].tests
    assert isinstance(test, SourceTest)
    assert (test.items, test.runner) == (
        ("TestCases.test_length", "TestCases.test_sorted", "TestCases.test_none"),
        "unittest",
    )
    assert task.problems[0].unjudged == 1


def test_cruxeval_compares_literals_without_running_anything() -> None:
    (test,) = sample("cruxeval").problems[1].tests
    assert isinstance(test, Reply)
    for answer, right in (
        ("[ANSWER][(1,), 'x'][/ANSWER]", True),
        ("It is\n[ANSWER]f('x', (1,)) == [(1,), \"x\"][/ANSWER] I think.", True),
        ("[(1.0,), 'x']", True),
        ("[ANSWER]f('x', (1,))[/ANSWER]", False),
        ("[ANSWER][[1], 'x'][/ANSWER]", False),
        ("[ANSWER]0[/ANSWER] no [ANSWER][(1,), 'x']", True),
        ("__import__('os').getcwd()", False),
        ("", False),
    ):
        assert test.compare(answer, test.expected) is right, answer


VARIANTS = (("cruxeval", "input"), ("mbpp", "published"), ("mbpp_sanitized", "published"), ("mbpp_plus", "published"))


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_a_variant_is_solved_by_what_the_set_gives_as_right_and_not_by_a_mutant(
    name: str, variant: str, sandbox: Sandbox
) -> None:
    task = load_task(str(SAMPLES / f"{name}.jsonl"), variant=variant)
    usual = sample(name).problems
    assert [problem.id for problem in task.problems] == [problem.id for problem in usual]
    assert all(problem.prompt != other.prompt for problem, other in zip(task.problems, usual, strict=True))
    judged = judge([problem.attempt(solution_of(problem)) for problem in task.problems], sandbox)
    assert all(judgement.solved for judgement in judged)
    wrong = [problem.attempt(solution_of(problem).replace("f(", "f(0, ")) for problem in task.problems]
    if name != "cruxeval":
        wrong = [problem.attempt(mutant_of(problem)) for problem in task.problems]
    assert not any(judgement.solved for judgement in judge(wrong, sandbox))


def test_the_published_prompt_of_mbpp_shows_its_assertions_and_says_so() -> None:
    task = load_task(str(SAMPLES / "mbpp.jsonl"), variant="published")
    assert task.problems[0].prompt == (
        "You are an expert Python programmer, and here is your task: Write a function to add one to a number. Your "
        "code should pass these tests:\n\nassert inc(1) == 2\nassert inc(-1)==0\nassert inc(x=3) == 4\n[BEGIN]\n"
    )
    assert any("show the assertions" in note for note in task.notes)
    assert not any("assert" in problem.prompt for problem in sample("mbpp").problems)


def test_cruxeval_runs_its_function_on_the_arguments_of_an_answer(sandbox: Sandbox) -> None:
    one, two = load_task(str(SAMPLES / "cruxeval.jsonl"), variant="input").problems
    assert "With which arguments does f return 2?" in one.prompt
    answers = (
        (one, "[ANSWER]f(1)[/ANSWER]", "solved"),
        (one, "<think>f(2)</think>First f(0), no:\n[ANSWER]assert f(x=1.0) == 2[/ANSWER]", "solved"),
        (one, "It is\nf(True)", "solved"),
        (one, "1", "solved"),
        (one, "[ANSWER]len('a')[/ANSWER]", "solved"),
        (one, "[ANSWER]f(2)[/ANSWER]", "wrong answer"),
        (one, "[ANSWER]f(1, 2)[/ANSWER]", "raised"),
        (one, "[ANSWER]f('a')[/ANSWER]", "raised"),
        (one, "[ANSWER]f(*[1])[/ANSWER]", "syntax"),
        (one, "[ANSWER]f(**{'x': 1})[/ANSWER]", "syntax"),
        (one, "[ANSWER]f(x := 1)[/ANSWER]", "syntax"),
        (one, "[ANSWER]f(open('/etc/passwd'))[/ANSWER]", "syntax"),
        (one, "[ANSWER]f(1) if 1 else 2[/ANSWER]", "syntax"),
        (one, "[ANSWER]g(1)[/ANSWER]", "syntax"),
        (one, "[ANSWER]f(1))\n    return 2 #[/ANSWER]", "syntax"),
        (one, "[ANSWER]f(lambda: 1)[/ANSWER]", "syntax"),
        (one, "f(" + "9" * 5000 + ")", "syntax"),
        (one, " \n", "no answer"),
        (one, "[ANSWER][/ANSWER]", "no answer"),
        (two, "[ANSWER]'x', (1,)[/ANSWER]", "solved"),
        (two, "[ANSWER]f(a='x', b=tuple([1]))[/ANSWER]", "solved"),
        (two, "[ANSWER]('x', (1,))[/ANSWER]", "raised"),
        (two, "[ANSWER]f('x', [1])[/ANSWER]", "wrong answer"),
    )
    judged = judge([problem.attempt(answer) for problem, answer, _ in answers], sandbox)
    assert [one.kind for one in judged] == [kind for *_, kind in answers]


def test_a_variant_that_a_set_does_not_have_is_refused_with_those_it_has(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="MBPP has no variant 'input'; it has 'published'"):
        load_task(str(SAMPLES / "mbpp.jsonl"), variant="input")
    with pytest.raises(UsageError, match="HumanEval has no variant 'input'; it has none"):
        load_task(str(SAMPLES / "human_eval.jsonl"), variant="input")
    with pytest.raises(UsageError, match="no variants"):
        load_task("embedded", variant="input")
    path = tmp_path / "mine.jsonl"
    path.write_text(json.dumps({**row("cruxeval"), "input": "object()"}) + "\n" + json.dumps(row("cruxeval", 1)))
    assert load_task(str(path), variant="input").left_out == {"sample_0": "its input is no plain data"}


def test_completions_are_cut_where_the_set_says_it_of_all_its_problems(tmp_path: Path) -> None:
    stops = ("\ndef", "\n#", "\nif", "\nclass")
    (problem,) = sample("multipl_e").problems[:1]
    assert default_stops([problem]) == stops
    assert default_stops([problem], chat=True) == ()
    assert default_stops([problem, replace(problem, stops=("\nif", "\n@", "\ndef"))]) == ("\ndef", "\nif")
    assert default_stops([problem, replace(problem, stops=())]) == AFTER_A_FUNCTION
    assert default_stops([]) == AFTER_A_FUNCTION
    with pytest.raises(TaskError, match="'stop_tokens' must be a list of texts"):
        read(tmp_path, {**row("multipl_e"), "stop_tokens": "\ndef"})
    without = {key: value for key, value in row("multipl_e").items() if key != "stop_tokens"}
    assert read(tmp_path, without).problems[0].stops == ()


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("evalplus_human_eval", {"atol": "x"}, "line 1: 'atol' is 'x'; it must be a number"),
        ("evalplus_human_eval", {"base_input": [1]}, "'base_input' must be a list of lists of arguments"),
        ("evalplus_mbpp", {"base_input": [[1, 2]]}, "'base_input' does not hold the arguments of Mbpp/2"),
        ("evalplus_human_eval", {"canonical_solution": " return ("}, "the reference solution are no Python"),
        ("multipl_e", {"language": "lua"}, "'language' is 'lua'; only programs in py"),
        ("multipl_e", {"tests": "assert 1"}, "check.…. is not called"),
        ("leetcode", {"entry_point": "a b"}, "'entry_point' is 'a b'"),
        ("kodcode", {"test_info": None, "test": "def test_one():\n    pass"}, "says what is tested"),
        ("bigcodebench", {"test": "class T(:"}, "the tests are no Python"),
        ("acecode", {"test_cases": "assert f(1) == 2"}, "'test_cases' must be a list of assertions"),
    ],
)
def test_a_mistake_is_told_with_file_and_line(tmp_path: Path, name: str, change: dict[str, Any], said: str) -> None:
    with pytest.raises(TaskError, match=said):
        read(tmp_path, row(name) | change)


def test_what_has_no_test_is_left_out_with_the_reason(tmp_path: Path) -> None:
    task = read(tmp_path, row("cruxeval"), {**row("cruxeval", 1), "output": "object()"})
    assert task.left_out == {"sample_1": "its output is no literal"}
    task = read(tmp_path, row("acecode"), {**row("acecode", 1), "test_cases": ["assert len([1]) == 1"]})
    assert task.left_out == {"oss_2": "its assertions call no function of the program"}


def test_another_comparison_leaves_assertions_of_other_things_alone() -> None:
    calls, sets, _ = compared_as(sample("mbpp"), "strict").problems
    assert {test.compare for test in calls.tests if isinstance(test, Test)} == {same}
    assert all(isinstance(test.compare, Holds) for test in sets.tests if isinstance(test, Test))


def test_a_test_looks_inside_by_a_fixture_as_well_and_a_door_may_be_opened(tmp_path: Path) -> None:
    test = (
        "import pytest\nfrom solution import Stack\n\n@pytest.fixture\ndef quiet(monkeypatch):\n    return 1\n\n"
        "@pytest.fixture\ndef place(quiet):\n    return 3\n\ndef test_place(place):\n    assert Stack()\n\n"
        "def test_door():\n    assert Stack().open() is None\n\ndef test_file():\n    open('x')\n    assert Stack()\n"
    )
    task = read(tmp_path, row("kodcode", 1) | {"test": test})
    (program,) = task.problems[0].tests
    assert isinstance(program, SourceTest)
    assert program.items == ("test_door",)
    assert task.problems[0].unjudged == 2
