"""Saved samples: every shape that harnesses write gives the same texts for the same problems, or is refused by name."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.errors import HeldoutError, TaskError, UsageError
from heldout.evaluation.saved import Saved, agreement, is_saved, read_saved
from heldout.evaluation.whose import problems_of
from heldout.sandbox.hidden import Test
from heldout.tasks import Problem, Task
from heldout.tasks.answer_text import SAMPLE_KEYS, texts_of

TESTS = (Test((1,), 2),)
IDS = ("HumanEval/0", "HumanEval/1", "HumanEval/2", "HumanEval/3")
TASK = Task(
    "he",
    tuple(Problem(name, f"def f{name[-1]}(x):\n", f"f{name[-1]}", TESTS, "test") for name in IDS if name[-1] != "1"),
    order=IDS,  # HumanEval/1 had no test that could be read
)
A, B = "    return x + 1\n", "    return 2\n"


def read(path: Path, rows: Any, task: Task = TASK, **how: Any) -> Saved:
    """Write rows as JSON lines, or anything else as one JSON text, and read them."""
    lines = [json.dumps(row) + "\n" for row in rows] if path.suffix == ".jsonl" else [json.dumps(rows, indent=1)]
    path.write_text("".join(lines))
    return read_saved(path, task, task.problems, **how)


def texts(saved: Saved) -> list[list[str]]:
    return [[one.text for one in several] for several in saved.completions]


TWICE = [[A, B], [A, B], [A, B]]
SHAPES: dict[str, tuple[str, Callable[[str, int], Any]]] = {
    "completion": ("x.jsonl", lambda name, place: {"task_id": name, "completion": [A, B]}),
    "generations": ("x.jsonl", lambda name, place: {"problem_id": name, "generations": [A, B]}),
    "code_list": ("x.json", lambda name, place: {"question_id": name, "code_list": [A, B], "output_list": ["a", "b"]}),
    "resps": (
        "samples_he.jsonl",
        lambda name, place: {
            "doc_id": place,
            "doc": {"task_id": name},
            "resps": [[A], [B]],
            "filtered_resps": ["", ""],
        },
    ),
    "messages": (
        "x.jsonl",
        lambda name, place: {"id": name, "completion": [[{"role": "assistant", "content": text}] for text in (A, B)]},
    ),
    "whole talks": (
        "x.jsonl",
        lambda name, place: {
            "id": name,
            "messages": [[{"role": "user", "content": "?"}, {"role": "assistant", "content": t}] for t in (A, B)],
        },
    ),
    "an answer of a server": (
        "x.jsonl",
        lambda name, place: {
            "custom_id": name,
            "response": {"body": {"choices": [{"message": {"role": "assistant", "content": t}} for t in (A, B)]}},
        },
    ),
    "places": ("x.jsonl", lambda name, place: {"index": place, "response": [A, B]}),
    "numbers": ("x.jsonl", lambda name, place: {"task_id": int(name[-1]), "response": [A, B]}),
    "other signs": ("x.jsonl", lambda name, place: {"task_id": name.replace("/", "_"), "solution": [A, B]}),
    "order": ("x.jsonl", lambda name, place: {"output": [A, B]}),
    "lists without ids": ("x.json", lambda name, place: [A, B]),
    "lines of lists": ("x.jsonl", lambda name, place: [A, B]),
    "prompts": (
        "x.jsonl",
        lambda name, place: {"prompt": f"<|user|>Go on:\ndef f{name[-1]}(x):\n<|assistant|>", "completion": [A, B]},
    ),
    "prompts beside the name of something else": (
        "x.jsonl",
        lambda name, place: {
            "name": "a-model",
            "id": f"s{place}",
            "prompt": f"def f{name[-1]}(x):\n",
            "output": [A, B],
        },
    ),
    "asked in messages": (
        "x.jsonl",
        lambda name, place: {
            "prompt": [{"role": "user", "content": f"Write\ndef f{name[-1]}(x):"}],
            "completion": [A, B],
        },
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_a_row_is_read(tmp_path: Path, shape: str) -> None:
    name, row = SHAPES[shape]
    assert texts(read(tmp_path / name, [row(name, place) for place, name in enumerate(IDS)])) == TWICE


@pytest.mark.parametrize("key", SAMPLE_KEYS)
def test_every_key_that_holds_samples_is_known_and_refused_under_another_name(tmp_path: Path, key: str) -> None:
    assert texts(read(tmp_path / "x.jsonl", [{"id": IDS[2], key: A}])) == [[], [A], []]
    with pytest.raises(TaskError, match=rf"line 2: no key holds an answer; the row has 'id' and 'x{key}'"):
        read(tmp_path / "x.jsonl", [{"id": IDS[2], key: A}, {"id": IDS[2], f"x{key}": A}])


def test_what_is_one_object_is_opened_by_id(tmp_path: Path) -> None:
    assert texts(read(tmp_path / "x.json", {name: [A, B] for name in IDS})) == TWICE
    evalplus = {
        "date": "today",
        "eval": {
            name: [{"task_id": name, "solution": A, "base_status": "pass", "plus_status": "fail"}] for name in IDS
        },
    }
    saved = read(tmp_path / "x.json", evalplus)
    assert texts(saved) == [[A]] * 3
    assert (saved.verdict, saved.verdicts) == ("base_status", [[True]] * 3)
    plus = Task("humaneval-plus", TASK.problems, order=IDS)
    assert read(tmp_path / "x.json", evalplus, plus).verdicts == [[False]] * 3
    inspect = {
        "samples": [{"id": name, "output": {"completion": A, "choices": []}, "messages": []} for name in IDS],
    }
    assert texts(read(tmp_path / "x.json", inspect)) == [[A]] * 3


def test_a_folder_of_programs_or_files_gzip_and_parquet_are_read(tmp_path: Path) -> None:
    rows = [{"task_id": name, "completion": text} for name in IDS for text in (A, B)]
    programs = tmp_path / "programs"
    for name in IDS:
        (programs / name.replace("/", "_")).mkdir(parents=True)
        for place in range(11):
            text = A if place == 0 else B
            (programs / name.replace("/", "_") / f"{place}.py").write_text(text)
    assert is_saved(str(programs))
    assert texts(read_saved(programs, TASK, TASK.problems)) == [[A, *[B] * 10]] * 3
    files = tmp_path / "files"
    files.mkdir()
    (files / "metrics.jsonl").write_text('{"step": 1}\n')
    for number, text in enumerate((A, B)):
        part = [row for row in rows if row["completion"] == text]
        (files / f"output-rs{number}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in part))
    assert texts(read_saved(files, TASK, TASK.problems)) == TWICE
    (tmp_path / "x.jsonl.gz").write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    assert texts(read_saved(tmp_path / "x.jsonl.gz", TASK, TASK.problems)) == TWICE
    pl.DataFrame(rows).write_parquet(tmp_path / "x.parquet")
    assert texts(read_saved(tmp_path / "x.parquet", TASK, TASK.problems)) == TWICE
    (tmp_path / "bad.parquet").write_bytes(b"PAR1")
    with pytest.raises(TaskError, match="cannot be read as Parquet"):
        read_saved(tmp_path / "bad.parquet", TASK, TASK.problems)


def test_a_folder_is_a_model_where_it_has_a_configuration_and_one_run_is_one_step(tmp_path: Path) -> None:
    (tmp_path / "samples-step-1.jsonl").write_text(json.dumps({"id": IDS[0], "completion": A}) + "\n")
    assert is_saved(str(tmp_path))
    (tmp_path / "samples-step-2.jsonl").write_text(json.dumps({"id": IDS[0], "completion": A}) + "\n")
    with pytest.raises(UsageError, match="holds samples of 2 steps"):
        read_saved(tmp_path, TASK, TASK.problems)
    (tmp_path / "config.json").write_text("{}")
    assert not is_saved(str(tmp_path))
    assert not is_saved("owner/name")
    assert not is_saved(str(tmp_path / "none"))


def test_of_several_keys_the_first_counts_and_a_note_says_so(tmp_path: Path) -> None:
    row = {"task_id": IDS[0], "raw_solution": "Sure!", "solution": B, "completion": A}
    saved = read(tmp_path / "x.jsonl", [row, {**row, "completion": None}])
    assert texts(saved)[0] == [A, B]
    assert "Judged is 'completion', not 'solution' and 'raw_solution' (1 row)." in saved.notes
    assert "Judged is 'solution', not 'completion' and 'raw_solution' (1 row)." in saved.notes


def test_what_is_of_other_problems_or_null_is_counted_and_what_is_missing_named(tmp_path: Path) -> None:
    rows = [
        {"id": IDS[0], "completion": [A, None, A]},
        {"id": IDS[1], "completion": [A, A]},
        {"id": "Mbpp/3", "completion": A},
        {"id": IDS[2], "completion": None},
    ]
    saved = read(tmp_path / "x.jsonl", rows)
    assert texts(saved) == [[A, A], [], []]
    assert saved.notes == [
        "2 samples of problems that he left out skipped: HumanEval/1.",
        "1 sample of problems that he does not have skipped: Mbpp/3.",
        "2 samples null, without an answer to judge: left out, and not counted as failed.",
        "2 problems without a sample left out: HumanEval/2 and HumanEval/3.",
    ]


def test_an_answer_without_text_is_no_null_and_thinking_apart_is_put_back(tmp_path: Path) -> None:
    answers = [
        {"role": "assistant", "content": None},
        {"role": "assistant", "content": None, "reasoning_content": "Hm"},
        {"role": "assistant", "content": A, "reasoning": "Hm"},
        {"role": "assistant", "content": [{"type": "text", "text": "    return "}, {"type": "text", "text": "1"}]},
    ]
    saved = read(tmp_path / "x.jsonl", [{"id": IDS[0], "response": one} for one in answers])
    assert texts(saved)[0] == ["", "<think>Hm</think>", f"<think>Hm</think>{A}", "    return 1"]


def test_two_prefixes_are_two_sets_and_no_id_in_common_is_refused_with_both(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'task_id' says Mbpp/2 and Mbpp/3, and the problems are HumanEval/0"):
        read(tmp_path / "x.jsonl", [{"task_id": f"Mbpp/{n}", "index": n, "completion": A} for n in (2, 3)])
    bare = Task("mbpp", tuple(Problem(str(n), f"{n}.", "f", TESTS, "test") for n in (2, 3)))
    saved = read(tmp_path / "x.jsonl", [{"task_id": f"Mbpp/{n}", "completion": A} for n in (2, 3)], bare)
    assert texts(saved) == [[A], [A]]
    assert saved.notes == ["'task_id' names the problems by their numbers: Mbpp/2 was taken for 2."]


def test_places_are_not_taken_for_the_numbers_of_a_set_that_begins_elsewhere(tmp_path: Path) -> None:
    ids = [str(number) for number in range(11, 31)]  # as MBPP's begin
    task = Task("mbpp", tuple(Problem(name, f"{name}.", "f", TESTS, "test") for name in ids))
    for rows in (range(20), range(11, 15)):  # all, or a part whose places are ids as well
        saved = read(tmp_path / "x.jsonl", [{"doc_id": n, "resps": [[str(n)]]} for n in rows], task)
        assert [several[0] for several in texts(saved)[rows[0] : rows[-1] + 1]] == list(map(str, rows))
        assert saved.notes[0] == "'doc_id' was taken to count the problems from 0; 0 is 11."
    saved = read(tmp_path / "x.jsonl", [{"index": n, "output": str(n)} for n in range(20)], task)
    assert texts(saved)[:2] == [["0"], ["1"]]


def test_places_count_the_split_where_it_is_long_enough_and_else_the_set(tmp_path: Path) -> None:
    parts = [Problem(f"p{n}", f"{n}.", "f", TESTS, "test" if n >= 4 else "train") for n in range(6)]
    task = Task("own", tuple(parts))
    path = tmp_path / "x.jsonl"
    path.write_text("".join(json.dumps({"output": str(n)}) + "\n" for n in range(2)))
    assert texts(read_saved(path, task, parts[4:])) == [["0"], ["1"]]
    path.write_text("".join(json.dumps({"output": str(n)}) + "\n" for n in range(6)))
    assert texts(read_saved(path, task, parts[4:])) == [["4"], ["5"]]
    path.write_text("".join(json.dumps({"output": str(n)}) + "\n" for n in range(5)))
    with pytest.raises(UsageError, match=r"5 rows without an id, and there are 2 problems in the split \(6 in all\)"):
        read_saved(path, task, parts[4:])


def test_the_filters_of_lm_eval_do_not_count_an_answer_twice(tmp_path: Path) -> None:
    row = {"doc_id": 0, "doc": {"task_id": IDS[0]}, "resps": [[A]]}
    saved = read(tmp_path / "x.jsonl", [{**row, "filter": "create_test"}, {**row, "filter": "none"}])
    assert texts(saved)[0] == [A]
    assert any("create_test and none" in note for note in saved.notes)


def test_samples_are_cut_at_stops_only_where_these_are_given(tmp_path: Path) -> None:
    row = {"id": IDS[0], "completion": f"{A}\nprint(f0(1))\n"}
    assert texts(read(tmp_path / "x.jsonl", [row]))[0] == [row["completion"]]
    assert texts(read(tmp_path / "x.jsonl", [row], stops=("\nprint(", "\nif")))[0] == [A]


@pytest.mark.parametrize(
    ("values", "verdicts"),
    [
        ({"passed": [True, False]}, [True, False]),
        ({"result": ["passed", "failed: assertion"]}, [True, False]),
        ({"result": ["timed out", "passed"]}, [False, True]),
        ({"graded_list": [True, False]}, [True, False]),
        ({"reward": [1.0, 0]}, [True, False]),
        ({"kind": ["infrastructure", "wrong answer"]}, [None, False]),
        ({"reward": [1.0, 0.5]}, [None, None]),  # no verdict: it knows more than two values
        ({"result": ["passed", "42"]}, [None, None]),
        ({"reward": [1.0, 0.5], "score": [0, 1]}, [False, True]),
    ],
)
def test_verdicts_of_a_file_are_read_where_they_are_verdicts(
    tmp_path: Path, values: dict[str, list[Any]], verdicts: list[bool | None]
) -> None:
    assert read(tmp_path / "x.jsonl", [{"id": IDS[0], "output": [A, B], **values}]).verdicts[0] == verdicts
    single = [{"id": IDS[0], "output": A, **{key: value[place] for key, value in values.items()}} for place in (0, 1)]
    assert read(tmp_path / "x.jsonl", single).verdicts[0] == verdicts


def test_agreement_counts_what_both_have_judged_and_names_the_rest() -> None:
    one, two, three = TASK.problems
    kinds = [("solved", "timeout"), ("solved", "infrastructure"), ("raised",)]
    found = agreement([one, two, three], kinds, [[True, True], [False, True], [None]])
    assert found == (3, 1, (one.id,), (two.id,))


WORDS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*SAMPLE_KEYS, "id", "role"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(WORDS)
def test_whatever_json_holds_is_read_or_refused_in_one_sentence(tmp_path_factory: Any, value: Any) -> None:
    path = tmp_path_factory.mktemp("any") / "x.json"
    path.write_text(json.dumps(value))
    refused, saved = "", None
    try:
        saved = read_saved(path, TASK, TASK.problems)
    except HeldoutError as error:
        refused = str(error)
    assert "\n" not in refused
    assert saved is None or all(isinstance(one.text, str) for several in saved.completions for one in several)


def test_a_nest_too_deep_is_refused() -> None:
    value: Any = A
    for _ in range(30):
        value = [value]
    with pytest.raises(TaskError, match="too deep"):
        texts_of(value)


def test_a_prompt_that_stands_in_many_others_tells_no_problem() -> None:
    short, blank = (Problem(name, prompt, "f", TESTS) for name, prompt in (("s", "def f"), ("b", " ")))
    task = Task("t", (short, blank))
    rows = [{"id": str(place), "prompt": f"{place} def f(x): # {place}"} for place in range(5)]
    names, notes = problems_of(Path("a"), rows[:4], task, task.problems)
    assert names == ["s"] * 4
    assert notes == ["No id names a problem; they were found by their prompts."]
    with pytest.raises(UsageError, match="holds no sample of a problem of t"):
        problems_of(Path("a"), rows, task, task.problems)
    long = Problem("l", "def f(y)", "f", TESTS)
    both = Task("t", (short, blank, long))
    names, notes = problems_of(Path("a"), [*rows, {"id": "9", "prompt": "def f(y)"}], both, both.problems)
    assert names == [None] * 5 + ["l"]
    assert notes[1:] == ["The prompt of s stands in 5 different prompts: it tells no problem, and those were left out."]
