"""heldout's own format of a task: what a row may hold, and how a mistake is told."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from heldout.errors import TaskError, UsageError
from heldout.sandbox import Answer, Status, Test, judge
from heldout.tasks import load_task
from heldout.tasks.contamination import contaminated
from heldout.tasks.formats.reading import continues
from in_process import InProcess

DOCS = Path(__file__).parents[2] / "docs" / "tasks.md"
ROW = {
    "id": "double",
    "prompt": "# twice\ndef double(x):\n",
    "entry_point": "double",
    "tests": [{"args": [2], "expected": 4}, "double((1,)) == (1, 1)"],
    "split": "train",
}


def saved(folder: Path, *rows: Any) -> str:
    path = folder / "mine.jsonl"
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return str(path)


def test_a_row_becomes_a_problem(tmp_path: Path) -> None:
    task = load_task(saved(tmp_path, ROW, "", {**ROW, "id": "other", "stub": "", "split": "test"}))
    first, second = task.problems
    assert (task.name, task.notes) == ("mine", ())
    assert first.tests == (Test((2,), 4), Test(((1,),), (1, 1)))
    assert first.stub == first.prompt == ROW["prompt"]
    assert (second.stub, second.split) == ("", "test")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": ""}, r"mine\.jsonl, line 2: 'id' is ''"),
        ({"id": 5.0}, "line 2: 'id' is 5.0; every problem needs its own, a text or a whole number"),
        ({"id": "double", "prompt": "Another."}, "line 2: the id 'double' occurs a second time"),
        ({"prompt": None}, "line 2: 'prompt' is missing"),
        ({"entry_point": "a b"}, "line 2: 'entry_point' is 'a b'; it must be the name of a function"),
        ({"tests": []}, "line 2: 'tests' must be a list of at least one test"),
        ({"tests": [{"args": 2, "expected": 4}]}, r"line 2, test 1: a test must be \{"),
        ({"tests": [{"args": [2]}]}, r"line 2, test 1: a test must be \{"),
        ({"tests": ["double(2) == 4", "double(x) == 4"]}, "line 2, test 2: 'double.x. == 4' says nothing"),
        ({"tests": ["double(2) =="]}, "line 2, test 1: 'double.2. ==' says nothing"),
        ({"split": "dev"}, "line 2: 'split' is 'dev'"),
        ({"stub": 3}, "line 2: 'stub' is 3"),
    ],
)
def test_a_mistake_is_told_with_file_and_line(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(TaskError, match=said):
        load_task(saved(tmp_path, ROW, {**ROW, "id": "second", **change}))


def test_what_is_no_json_is_told_with_its_line(tmp_path: Path) -> None:
    for line, said in (
        ("{", "line 2: this is no JSON"),
        ("[1]", r"line 2: a problem must be a JSON object, not \[1\]"),
    ):
        with pytest.raises(TaskError, match=said):
            load_task(saved(tmp_path, ROW, line))
    with pytest.raises(TaskError, match="holds no problems"):
        load_task(saved(tmp_path, ""))
    damaged = gzip.compress(bytes(range(256)))[:10] + b"\xff" * 50
    for data in (b"\xff\xfe", damaged):
        (tmp_path / "mine.jsonl").write_bytes(data)
        with pytest.raises(TaskError, match="cannot be read"):
            load_task(str(tmp_path / "mine.jsonl"))


def test_a_packed_file_that_unpacks_to_gigabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl.gz"
    path.write_bytes(gzip.compress(b" " * 2**22) * 2**10)  # 4 GiB in 4 MB
    with pytest.raises(TaskError, match=r"unpacks to more than 512 MiB.*; unpack it yourself"):
        load_task(str(path))
    path.write_bytes(gzip.compress(b" " * 2**22 + b"\n" + json.dumps(ROW).encode()))
    assert len(load_task(str(path)).problems) == 1


def test_a_file_in_another_encoding_is_told_what_it_should_be(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_bytes(json.dumps(ROW).encode("utf-16"))
    with pytest.raises(TaskError, match=r"mine.jsonl cannot be read: byte 0 is not UTF-8; save it in that encoding"):
        load_task(str(path))


def test_tests_may_be_assertions_have_keywords_and_a_comparison_of_their_own(tmp_path: Path) -> None:
    row = {**ROW, "tests": ["assert double(2) == 4", {"args": [], "expected": 4, "kwargs": {"x": 2}}]}
    strict, python = load_task(saved(tmp_path, row, {**row, "id": "other", "compare": "python"})).problems
    assert strict.tests == (Test((2,), 4), Test((), 4, {"x": 2}))
    returned = Answer(Status.RETURNED, 4.0)
    assert [test.passes(returned) for one in (strict, python) for test in one.tests] == [False, False, True, True]
    with pytest.raises(TaskError, match="line 1: 'compare' is 'loose'; it must be 'strict', 'python', "):
        load_task(saved(tmp_path, {**row, "compare": "loose"}))


def test_rows_of_another_format_than_the_first_are_refused(tmp_path: Path) -> None:
    other = {"task_id": 1, "text": "Add.", "code": "def f(x): pass", "test_list": ["assert f(1) == 2"]}
    with pytest.raises(
        TaskError, match=r"mine\.jsonl, line 2: the row has code, .* of the format heldout's own, which"
    ):
        load_task(saved(tmp_path, ROW, other))


def test_a_json_array_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text(json.dumps([ROW]))
    assert load_task(str(tmp_path / "mine.json")).problems[0].id == "double"


def numbered(i: int, prompt: str | None = None) -> dict[str, Any]:
    prompt = f"# {i}\ndef double(x):\n" if prompt is None else prompt
    return {**ROW, "id": f"p{i}", "prompt": prompt, "tests": [{"args": [i], "expected": i}], "split": None}


def test_without_a_split_a_hash_of_the_prompt_decides_and_a_note_says_so(tmp_path: Path) -> None:
    rows = [numbered(i) for i in range(1000)]
    path = saved(tmp_path, *rows)
    task = load_task(path)
    for problem in task.problems:
        place = int(hashlib.sha256(problem.prompt.encode()).hexdigest()[:16], 16) / 2**64
        assert problem.split == ("train" if place < 0.8 else "validation" if place < 0.9 else "test")
    assert {problem.split for problem in task.problems} == {"train", "validation", "test"}
    assert task == load_task(path)
    assert task.notes == ("1 000 problems named no split; a hash of the prompt chose it, 80 : 10 : 10.",)


def test_problems_that_look_alike_stay_on_one_side(tmp_path: Path) -> None:
    rows = []
    for i in range(60):
        words = " ".join(f"word{i}x{j}" for j in range(20))
        rows += [
            numbered(4 * i, words),
            numbered(4 * i + 1, words.upper()),  # the same prompt
            numbered(4 * i + 2, f"{words} and so on"),  # a near copy
            {**numbered(4 * i + 3, f"Another {i}."), "tests": numbered(4 * i)["tests"]},  # the same tests
        ]
    task = load_task(saved(tmp_path, *rows))
    sides = [{problem.split for problem in task.problems[4 * i : 4 * i + 4]} for i in range(60)]
    assert all(len(side) == 1 for side in sides)
    assert {split for side in sides for split in side} == {"train", "validation", "test"}
    assert contaminated(task) == {}
    assert task.notes[-1].startswith("240 problems look like others and went to the same side as those; the largest")
    assert "has 4 of 240." in task.notes[-1]


def test_a_problem_without_a_split_goes_where_one_that_looks_like_it_is(tmp_path: Path) -> None:
    words = " ".join(f"word{j}" for j in range(20))
    for split in ("train", "validation", "test"):
        task = load_task(saved(tmp_path, {**numbered(0, words), "split": split}, numbered(1, f"{words} again")))
        assert [problem.split for problem in task.problems] == [split, split]


def test_keys_without_a_meaning_are_said(tmp_path: Path) -> None:
    (note,) = load_task(saved(tmp_path, {**ROW, "difficulty": 3})).notes
    assert note == "Not used: 'difficulty' (1 time)."


def test_columns_of_other_names_can_be_mapped(tmp_path: Path) -> None:
    theirs = {("question" if key == "prompt" else key): value for key, value in ROW.items()}
    path = saved(tmp_path, theirs)
    assert load_task(path, columns={"prompt": "question"}).problems[0].prompt == ROW["prompt"]
    with pytest.raises(UsageError, match="no column 'ask'; it has entry_point, id, question, split and tests"):
        load_task(path, columns={"prompt": "ask"})


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("def f(x):\n", True),
        ("def f(x):\n\t", True),
        ('def f(x):\n  """Doc."""\n', True),
        ("def f(\n    x,\n) -> int:\n", True),
        ("def g(x):\n    return x\n\n\ndef f(x):\n    # go on\n", True),
        ("def f(x):\n    return x\n\n\ndef g(x):\n", False),
        ("Write a function.\ndef f(x):\n", False),
        ("Write f.", False),
        ("", False),
        ("def f(x): return x\nf(1)", False),
    ],
)
def test_a_prompt_is_continued_if_it_ends_inside_the_function(prompt: str, expected: bool) -> None:
    assert continues(prompt, "f") is expected


def test_nulls_numbers_as_ids_and_tests_as_json_text_are_read_as_tables_have_them(tmp_path: Path) -> None:
    plain = load_task(saved(tmp_path, ROW)).problems[0]
    row = {**ROW, "id": 7, "tests": json.dumps(ROW["tests"]), "stub": None, "compare": None, "split": None}
    (read,) = load_task(saved(tmp_path, row), split=plain.split).problems
    assert read == replace(plain, id="7")


def test_what_is_no_task_is_explained(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"is no task \(it is a folder; name the file in it"):
        load_task(str(tmp_path))
    (tmp_path / "problems.csv").write_text("id,prompt\n")
    with pytest.raises(UsageError, match=r"is no task \(it is there, but must end with .jsonl or .json\)"):
        load_task(str(tmp_path / "problems.csv"))
    with pytest.raises(UsageError, match="'embeded' is no task; take embedded, an existing"):
        load_task("embeded")
    with pytest.raises(UsageError, match="has splits and columns of its own"):
        load_task("embedded", split="test")
    with pytest.raises(UsageError, match="'dev' is no split"):
        load_task(saved(tmp_path, ROW), split="dev")
    with pytest.raises(TaskError, match="there are no tests; the row has id, and needs 'tests'"):
        load_task(saved(tmp_path, {"id": "a"}))


def test_the_example_in_the_docs_is_a_task_of_twenty_problems_that_can_be_solved(tmp_path: Path) -> None:
    script, solutions = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)[:2]
    space: dict[str, Any] = {"__name__": "example"}
    exec(script.replace('"problems.jsonl"', repr(str(tmp_path / "problems.jsonl"))), space)
    task = load_task(str(tmp_path / "problems.jsonl"))
    assert len(task.problems) == 20
    assert task.notes == ()
    assert contaminated(task) == {}
    exec(solutions.replace('"samples.jsonl"', repr(str(tmp_path / "samples.jsonl"))), space)
    rows = [json.loads(line) for line in (tmp_path / "samples.jsonl").read_text().splitlines()]
    written = {row["id"]: row["completion"] for row in rows}
    items = [p.attempt(written[p.id]) for p in task.problems if p.id in written]
    solved = [judgement.solved for judgement in judge(items, InProcess())]
    assert len(solved) == len(task.split("validation"))
    assert solved.count(True) == len(solved) - 1  # the docs say that one of them is wrong
