"""Sets of contest problems, in small samples of their true schemas: what is read, compared and left out."""

from __future__ import annotations

import base64
import json
import pickle
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from heldout.errors import TaskError
from heldout.sandbox import CheckedTest, StdinTest, Test
from heldout.sandbox.compare import name_of
from heldout.tasks import Problem, Task, load_task
from heldout.tasks.contamination import contaminated
from heldout.tasks.formats import contests, registry
from heldout.tasks.rows import Row

SAMPLES = Path(__file__).parent / "samples"
SETS = ["livecodebench", "apps", "taco", "code_contests", "open_r1", "codeforces", "deepcoder"]


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLES / f"{name}.jsonl").read_text().splitlines()]


def read(folder: Path, *data: dict[str, Any]) -> Task:
    path = folder / "mine.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in data))
    return load_task(str(path))


def one(folder: Path, row: dict[str, Any], **changes: Any) -> Problem:
    (problem,) = read(folder, row | changes).problems
    return problem


def compared(problem: Problem) -> set[str]:
    return {name_of(test.compare) for test in problem.tests if isinstance(test, StdinTest | Test)}


def expected(task: Task) -> Iterator[tuple[str, str, list[Any], set[str]]]:
    for problem in task.problems:
        tests = [
            (test.text if isinstance(test, StdinTest) else test.args, test.expected)
            for test in problem.tests
            if isinstance(test, StdinTest | Test)
        ]
        yield problem.id, problem.entry_point, tests, compared(problem)


def test_live_code_bench() -> None:
    assert list(expected(load_task(str(SAMPLES / "livecodebench.jsonl")))) == [
        ("halves", "", [("3\n", "1.5\n"), ("4\n", "2\n"), ("-1\n", "-0.50")], {"decimal lines"}),
        (
            "rows",
            "",
            [("2\nab cd\n", "ba\ndc\n"), ("1\nxyz\n", "zyx"), ("3\na b cé", "a\nb\néc")],
            {"decimal lines"},
        ),
        (
            "pairs",
            "Solution().pairs",
            [(([1, 2, 3], 4), [[0, 2]]), (([2, 2, 2], 4), [[0, 1], [0, 2], [1, 2]]), (([], 0), [])],
            {"json"},
        ),
    ]


def test_apps() -> None:
    task = load_task(str(SAMPLES / "apps.jsonl"))
    assert list(expected(task)) == [
        ("0", "", [("1 2\n", "1.5\n"), ("4 4", "4")], {"tokens"}),
        ("1", "Solution().positive", [(({1: 2, 10: -1, 3: 4},), [[1, 3]]), (({},), [])], {"json or item"}),
        ("2", "total", [((1, 2), [3]), ((), 0)], {"json or item"}),
    ]
    assert any("left out" in note and "3" in note for note in task.notes)


def test_taco() -> None:
    task = load_task(str(SAMPLES / "taco.jsonl"))
    assert [(entry, tests) for _, entry, tests, _ in expected(task)] == [
        ("", [("3 1 2\n", "1\n"), ("5\n", "5\n")]),
        ("largest", [(([1, 3, 2], 2), [3, 2]), (([5], 1), [5])]),
    ]
    assert [problem.limits and problem.limits.seconds for problem in task.problems] == [6.0, 20.0]


def test_code_contests() -> None:
    task = load_task(str(SAMPLES / "code_contests.jsonl"))
    assert list(expected(task)) == [
        (
            "1_A. Words",
            "",
            [("abc\n", "ABC\n"), ("x", "X"), ("Zz\n", "ZZ\n"), ("éa\n", "ÉA\n")],
            {"tokens of CodeContests"},
        ),
        ("1_B. Circle", "", [("1\n", "3.141593\n"), ("2\n", "12.566371\n")], {"tokens of CodeContests"}),
    ]
    assert [problem.limits and problem.limits.seconds for problem in task.problems] == [6.0, 20.0]
    assert all(problem.limits and problem.limits.memory_mb == 1024 and not problem.prelude for problem in task.problems)
    assert any("1_C. Files" in note for note in task.notes)


def test_open_r1() -> None:
    task = load_task(str(SAMPLES / "open_r1.jsonl"))
    assert list(expected(task)) == [("vp_1", "", [("2\n", "1\n2\n"), ("3\n", "1\n2\n3")], {"lines"})]
    assert any("vp_2" in note for note in task.notes)


def test_codeforces() -> None:
    task = load_task(str(SAMPLES / "codeforces.jsonl"))
    assert list(expected(task)) == [
        ("1/A", "", [("1 2\n", "3\n"), ("5 -5\n", "0\n")], {"tokens"}),
        ("1/B", "", [("1 1\n", "2\n")], {"tokens"}),
        ("1/C", "", [], set()),
    ]
    assert [test.text for test in task.problems[2].tests if isinstance(test, CheckedTest)] == ["5\n", "0\n"]
    assert [(p.limits.seconds, p.limits.memory_mb) for p in task.problems[:2] if p.limits] == [(1.0, 256), (2.5, 256)]
    assert set(task.left_out) == {"1/D"}
    assert any("not complete (1/B)" in note for note in task.notes)
    assert "Example\n1 2\nprints\n3" in task.problems[0].prompt
    assert "5 -5" not in task.problems[0].prompt


def test_a_problem_that_talks_with_a_judge_is_left_out(tmp_path: Path) -> None:
    first, second, *_ = rows("codeforces")
    task = read(tmp_path, first, second | {"interaction_format": "Ask at most ten times."})
    assert dict(task.left_out) == {"1/B": "it talks with a judge"}


def test_deepcoder() -> None:
    found = [found[1:] for found in expected(load_task(str(SAMPLES / "deepcoder.jsonl")))]
    assert found == [
        ("inc", [((1,), 2), ((-1,), [0])], {"json or item"}),
        ("", [("1\n", "2\n")], {"tokens"}),
        ("Solution().swap", [((1, 2), [2, 1]), (("a", None), (None, "a"))], {"json"}),
        ("", [("abc\n", "3\n"), ("\n", "0\n")], {"tokens"}),
        ("", [("4\n", "yes\n"), ("3\n", "no\n")], {"tokens"}),
    ]


@pytest.mark.parametrize("name", SETS)
def test_no_test_is_shown_beyond_the_question(name: str) -> None:
    for problem in load_task(str(SAMPLES / f"{name}.jsonl")).problems:
        assert problem.entry_point or "reads from standard input" in problem.prompt
        assert problem.entry_point.split(".")[-1] in problem.prompt
        for test in problem.tests:
            if isinstance(test, StdinTest) and len(test.text) > 3 and "Example" not in problem.prompt:
                assert test.text not in problem.prompt


@pytest.mark.parametrize("name", ["livecodebench", "apps", "taco", "deepcoder"])
def test_the_imports_of_the_harness_are_given_before_the_program_and_behind_those_from_the_future(name: str) -> None:
    problem = load_task(str(SAMPLES / f"{name}.jsonl")).problems[0]
    program = "'Doc.'\nfrom __future__ import annotations\nx: List[int] = deque([inf])\ninc = lambda n: n\n"
    source = problem.attempt(f"```python\n{program}```").source
    space: dict[str, Any] = {}
    exec(compile(source, "program", "exec", dont_inherit=True), space)
    assert space["x"][0] == float("inf")
    assert space["pow"] is pow
    assert space["open"] is open
    assert space["__annotations__"] == {"x": "List[int]"}


# --- private tests that are packed ---


def packed(value: object) -> str:
    return base64.b64encode(zlib.compress(pickle.dumps(value))).decode()


@pytest.mark.parametrize(
    ("private", "why"),
    [
        (packed([{"input": "1", "output": "2", "testtype": "stdin"}]), "EMPTY_LIST"),
        (packed("no JSON"), "no JSON"),
        (packed(print), "GLOBAL"),
        ("garbage", "neither JSON nor a packed text"),
    ],
)
def test_private_tests_of_another_form_leave_the_problem_out_by_name(tmp_path: Path, private: str, why: str) -> None:
    first, second, _ = rows("livecodebench")
    task = read(tmp_path, first | {"private_test_cases": private}, second)
    assert [problem.id for problem in task.problems] == ["rows"]
    assert any("halves" in note for note in task.notes)
    assert task.order == ("halves", "rows")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"public_test_cases": "[{"}, "line 1: 'public_test_cases' is no JSON"),
        ({"public_test_cases": "[1]"}, "line 1: 'public_test_cases' must be a list of tests"),
        ({"private_test_cases": '["a"]'}, "line 1: 'private_test_cases' must be a list of tests"),
        ({"private_test_cases": packed("{}")}, "line 1: 'private_test_cases' must be a list of tests"),
        ({"metadata": "{"}, "line 1: 'metadata' is no JSON"),
        ({"question_content": None}, "line 1: 'question_content' is missing"),
        ({"question_id": None}, "line 1: 'question_id' is missing"),
    ],
)
def test_a_row_of_live_code_bench_that_is_wrong_is_told_by_file_and_line(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    with pytest.raises(TaskError, match=said):
        read(tmp_path, rows("livecodebench")[0] | change)


# --- tests that cannot be judged ---


def kept(problem: Problem) -> list[Any]:
    return [test.expected for test in problem.tests if isinstance(test, StdinTest | Test)]


def test_a_test_that_cannot_be_read_is_left_out_alone_and_named(tmp_path: Path) -> None:
    deep = "[" * 200 + "]" * 200
    row = rows("apps")[1]
    tests = {"fn_name": "positive", "inputs": [[1], "abc", json.loads(deep), [2]], "outputs": [1, 2, 3, 4]}
    task = read(tmp_path, row | {"input_output": json.dumps(tests)})
    assert kept(task.problems[0]) == [1, 4]
    assert any("2 " in note and "test 2" in note for note in task.notes)


@pytest.mark.parametrize(
    "packed_tests",
    [
        '{"inputs": ["1"]}',
        "{",
        "[1, 2]",
        "__import__('os').mkdir('ran')",
        "(" * 5000,
        '{"inputs": ["1"], "outputs": ["' + "x" * 20 + '"], "fn_name": "a; import os"}',
        "9" * 5000,
    ],
)
def test_tests_that_are_none_leave_the_problem_out(tmp_path: Path, packed_tests: str) -> None:
    good, bad = rows("apps")[0], rows("apps")[1]
    task = read(tmp_path, good, bad | {"input_output": packed_tests})
    assert [problem.id for problem in task.problems] == ["0"]
    assert any("left out" in note and "1" in note for note in task.notes)
    assert not Path("ran").exists()


def test_all_tests_are_kept_up_to_a_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = rows("apps")[0]
    many = {"inputs": [f"{n}" for n in range(500)], "outputs": [f"{n}" for n in range(500)]}
    assert len(one(tmp_path, row, input_output=json.dumps(many)).tests) == 500
    monkeypatch.setattr(contests, "MOST", 100)
    short = one(tmp_path, row, input_output=json.dumps({"inputs": ["1" * 90, "2" * 90, "3"], "outputs": ["4"] * 3}))
    assert [test.text[0] for test in short.tests if isinstance(test, StdinTest)] == ["1", "3"]


def test_ids_of_apps_tell_its_two_splits_apart(tmp_path: Path) -> None:
    row = rows("apps")[0]
    task = read(tmp_path, row | {"split": "train"}, row | {"split": "test", "question": "Another."})
    assert [(problem.id, problem.split) for problem in task.problems] == [("train/0", "train"), ("0", "test")]


def test_a_problem_without_an_id_has_the_same_one_wherever_it_stands(tmp_path: Path) -> None:
    data = rows("deepcoder")
    ids = [problem.id for problem in read(tmp_path, *data).problems]
    assert sorted(problem.id for problem in read(tmp_path, *data[::-1]).problems) == sorted(ids)
    assert len(set(ids)) == len(data)


def test_a_row_that_says_the_same_again_counts_once_and_is_named(tmp_path: Path) -> None:
    row = rows("deepcoder")[0]
    task = read(tmp_path, row, row, row | {"tests": rows("deepcoder")[1]["tests"]})
    assert len({problem.id for problem in task.problems}) == len(task.problems) == 2
    assert any(note.startswith("1 row said again") for note in task.notes)


def test_the_same_problem_in_two_splits_is_two_problems_for_the_one_who_looks_for_contamination(tmp_path: Path) -> None:
    row = rows("taco")[0]
    task = read(tmp_path, row | {"split": "train"}, row | {"split": "test"})
    assert set(contaminated(task)) == {task.problems[1].id}


@pytest.mark.parametrize("words", ["2.0 seconds", "500 milliseconds", "None", "", "soon", "1 hour", None])
def test_a_limit_of_taco_in_words_never_lowers_that_for_contests(tmp_path: Path, words: str | None) -> None:
    problem = one(tmp_path, rows("taco")[0], time_limit=words)
    assert problem.limits is not None
    assert problem.limits.seconds == 6.0


JUNK: list[Any] = [
    *(
        None,
        "",
        0,
        -1,
        True,
        1e400,
        float("nan"),
        "x",
        "\ud800",
        "[",
        "[1]",
        "{}",
        "()",
        10**30,
        [],
        {},
        [1],
        ["a"],
        [[]],
    ),
    *({"a": 1}, {"input": ["1"], "output": []}, {"seconds": "2"}, {"nanos": []}),
    *([{"input": 1, "output": 2}], [{"input": ["1"], "output": ["2"], "type": "function_call", "fn_name": 3}]),
]


@pytest.mark.parametrize("name", SETS)
def test_whatever_a_value_of_a_row_is_the_row_is_read_or_refused_in_a_sentence(name: str) -> None:
    for row in rows(name):
        for key in row:
            for junk in JUNK:
                said = outcome(row | {key: junk})
                assert not said or said.startswith(("here, line 1", "mine"))
                assert "\n" not in said


def outcome(row: dict[str, Any]) -> str:
    """What is said of a row that is refused; nothing where it is read, or left out by name."""
    try:
        task = registry.read("mine", [Row("here, line 1", row)])
    except TaskError as error:
        return str(error)
    assert all(problem.attempt("print(1)").tests for problem in task.problems)
    assert task.problems or any("left out" in note or "dropped" in note for note in task.notes)
    return ""


@pytest.mark.parametrize(
    ("own", "seconds", "memory"),
    [((1.0, 256.0), 1.0, 256), ((None, None), 6.0, 1024), ((-1, 0), 6.0, 1024), ((1e400, 10**30), 60.0, 4096)],
)
def test_limits_of_codeforces_are_the_row_s_own_within_reason(
    tmp_path: Path, own: tuple[Any, Any], seconds: float, memory: int
) -> None:
    problem = one(tmp_path, rows("codeforces")[0], time_limit=own[0], memory_limit=own[1])
    assert problem.limits is not None
    assert (problem.limits.seconds, problem.limits.memory_mb) == (seconds, memory)
