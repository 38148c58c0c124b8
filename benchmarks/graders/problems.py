"""The problems on which the graders are audited: functions, programs that read stdin, and mathematics."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from heldout.tasks import Problem, load_task

_SHOWN = 2  # calls that the prompt quotes; the others are hidden

_FUNCTIONS: tuple[tuple[str, str, list[list[Any]]], ...] = (
    (
        "Return how many of the words are longer than n characters.",
        "def count_longer(words, n):\n    return sum(1 for word in words if len(word) > n)\n",
        [[["a", "abc"], 1], [["to", "be"], 2], [[], 0], [["four", "five", "six"], 3], [["x"], 0], [["abc", "abcd"], 3]],
    ),
    (
        "Return the largest difference between two neighbours in the list, 0 where there are none.",
        "def widest_gap(numbers):\n    best = 0\n    for one, other in zip(numbers, numbers[1:]):\n"
        "        gap = abs(one - other)\n        if gap > best:\n            best = gap\n    return best\n",
        [[[1, 4, 9]], [[3, 3]], [[]], [[10, -10, 5]], [[5]], [[0, 7, 7, 1]], [[-2, -9, 3]]],
    ),
    (
        "Return the text with every run of one character shortened to that character.",
        "def squeeze(text):\n    out = ''\n    for letter in text:\n        if not out or out[-1] != letter:\n"
        "            out += letter\n    return out\n",
        [["aab"], ["abc"], [""], ["aaaa"], ["abba"], ["  x  y"], ["mississippi"]],
    ),
    (
        "Return the sum of the digits of n, which may be negative.",
        "def digit_sum(n):\n    n = abs(n)\n    total = 0\n    while n > 0:\n        total += n % 10\n"
        "        n //= 10\n    return total\n",
        [[123], [7], [0], [-45], [1000], [99], [90817]],
    ),
    (
        "Return the items of the list that occur exactly once, in order.",
        "def singles(items):\n    return [item for item in items if items.count(item) == 1]\n",
        [[[1, 2, 1]], [["a", "b"]], [[]], [[5, 5, 5]], [[3, 1, 3, 2]], [[0, -1, 0, 4, 4, 9]]],
    ),
    (
        "Return whether the brackets ( and ) of the text are balanced.",
        "def balanced(text):\n    depth = 0\n    for letter in text:\n        if letter == '(':\n"
        "            depth += 1\n        elif letter == ')':\n            depth -= 1\n            if depth < 0:\n"
        "                return False\n    return depth == 0\n",
        [["(a)"], ["(("], [""], [")("], ["(a(b)c)()"], ["())("], ["((x))"]],
    ),
    (
        "Return the n-th triangular number modulo m.",
        "def triangular(n, m):\n    return n * (n + 1) // 2 % m\n",
        [[4, 7], [3, 100], [0, 5], [10, 3], [100, 1000], [7, 29], [12, 11]],
    ),
    (
        "Return how often each word occurs in the text, as a dictionary; capitals do not count.",
        "def tally(text):\n    counts = {}\n    for word in text.lower().split():\n"
        "        counts[word] = counts.get(word, 0) + 1\n    return counts\n",
        [["a b a"], ["One one"], [""], ["x"], ["to be or not to be"], ["  A  a b "]],
    ),
)

_STDIN: tuple[tuple[str, str, list[str]], ...] = (
    (
        "Read n, then n numbers, one a line. Print their sum, and on a second line the largest of them.",
        "n = int(input())\nnumbers = [int(input()) for _ in range(n)]\nprint(sum(numbers))\nprint(max(numbers))\n",
        ["3\n1\n2\n3\n", "1\n-5\n", "4\n10\n-3\n10\n0\n", "2\n7\n8\n"],
    ),
    (
        "Read a line of words. Print each word and its length, one word a line.",
        "for word in input().split():\n    print(word, len(word))\n",
        ["to be\n", "one three five\n", "x\n", "aa b cccc\n"],
    ),
    (
        "Read a and b. Print all numbers from a to b that 3 divides, one a line, and then how many they are.",
        "a, b = map(int, input().split())\nfound = [n for n in range(a, b + 1) if n % 3 == 0]\n"
        "for n in found:\n    print(n)\nprint(len(found))\n",
        ["1 10\n", "3 3\n", "4 5\n", "-3 6\n"],
    ),
)

_MATHS = (
    ("A shop sells 17 boxes of 24 apples. How many apples is that?", "408"),
    ("What is 15 % of 840?", "126"),
    ("A train takes 3 hours for 252 km. How many km does it go in 1 hour?", "84"),
    ("What is the sum of the whole numbers from 1 to 50?", "1275"),
    ("A pizza is cut into 8 slices, of which 6 are eaten. Which part of it is left, as a fraction?", "1/4"),
    ("How many ways are there to choose 2 of 12 people?", "66"),
    ("What is 7/2 as a decimal number?", "3.5"),
    ("What is the area of a rectangle with sides 36 and 57?", "2052"),
)


@cache
def functions() -> tuple[Problem, ...]:
    """Problems whose answer is a function; the prompt quotes two of the tests."""
    return _loaded([_function(*one) for one in _FUNCTIONS])


@cache
def programs() -> tuple[Problem, ...]:
    """Problems whose answer reads stdin and prints."""
    return _loaded([_program(*one) for one in _STDIN])


@cache
def mathematics() -> tuple[Problem, ...]:
    """Problems whose answer is a number in a box."""
    return _loaded(
        [{"problem": asked, "answer": gold, "solution": f"The answer is \\boxed{{{gold}}}."} for asked, gold in _MATHS]
    )


SETS: dict[str, Callable[[], tuple[Problem, ...]]] = {
    "functions": functions,
    "programs": programs,
    "mathematics": mathematics,
}


def write(rows: list[dict[str, Any]], path: Path) -> None:
    """Write rows as a task file."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def _loaded(rows: list[dict[str, Any]]) -> tuple[Problem, ...]:
    with TemporaryDirectory() as folder:
        write(rows, path := Path(folder) / "audited.jsonl")
        task = load_task(str(path), keep=True, split="train")
    solutions = [row.get("solution") or row["solutions"][0] for row in rows]
    return tuple(replace(one, solution=text) for one, text in zip(task.problems, solutions, strict=True))


def _function(asked: str, source: str, calls: list[list[Any]]) -> dict[str, Any]:
    name = source.partition("(")[0].removeprefix("def ")
    names: dict[str, Any] = {}
    exec(source, names)
    tests = [{"args": args, "expected": names[name](*args)} for args in calls]
    shown = "".join(f"{name}({', '.join(map(repr, one['args']))}) == {one['expected']!r}\n" for one in tests[:_SHOWN])
    prompt = f"Write a Python function {source.partition(':')[0].removeprefix('def ')}. {asked}\n\n{shown}"
    return {
        "id": name,
        "prompt": prompt,
        "entry_point": name,
        "tests": tests,
        "shown": tests[:_SHOWN],
        "solution": source,
    }


def _program(asked: str, source: str, inputs: list[str]) -> dict[str, Any]:
    outputs = []
    for text in inputs:
        kept, sys.stdin = sys.stdin, io.StringIO(text)
        try:
            with contextlib.redirect_stdout(io.StringIO()) as out:
                exec(source, {})
        finally:
            sys.stdin = kept
        outputs.append(out.getvalue())
    first = f"Input:\n{inputs[0]}Output:\n{outputs[0]}"
    return {
        "question": f"{asked} Answer with a Python program.\n\n{first}",
        "input_output": {"inputs": inputs, "outputs": outputs},
        "solutions": [source],
    }
