"""Programs for contest problems in the real sandbox: right ones are solved in every form, wrong ones are not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from heldout.errors import SandboxError
from heldout.sandbox import Sandbox, judge, open_sandbox
from heldout.tasks import load_task

SAMPLES = Path(__file__).parent / "samples"

# Of each set and problem, programs that are right and programs that are wrong.
PROGRAMS: dict[tuple[str, str], tuple[list[str], list[str]]] = {
    ("livecodebench", "halves"): (
        [
            "print(int(input()) / 2)",
            "import sys\nfor line in sys.stdin:\n    sys.stdout.write(str(int(line) / 2))\nexit(0)",
            "def main():\n    print(' ', float(stdin.readline()) / 2, '\\n')\nif __name__ == '__main__':\n    main()",
            "print(Decimal(input()) / 2 if 'Decimal' in globals() else float(input()) / 2)",
        ],
        [
            "print(int(input()) // 2)",
            "print(int(input()) / 2 + 1e-9)",
            "print(input())\nprint(0)",
            "pass",
            "print(1/0)",
        ],
    ),
    ("livecodebench", "rows"): (
        ["input()\nprint('\\n'.join(word[::-1] for word in input().split()))"],
        ["input()\nprint(' '.join(word[::-1] for word in input().split()))", "input()\nprint(input()[::-1])"],
    ),
    ("livecodebench", "pairs"): (
        [
            "class Solution:\n    def pairs(self, nums: List[int], target: int) -> List[List[int]]:\n"
            "        return [[i, j] for (i, a), (j, b) in combinations(enumerate(nums), 2) if a + b == target]",
            "class Solution:\n    def pairs(self, nums, target):\n"
            "        return tuple((i, j) for j in range(len(nums)) for i in range(j) if nums[i] + nums[j] == target)",
        ],
        [
            "class Solution:\n    def pairs(self, nums, target):\n        return []",
            "class Solution:\n    def pairs(self, nums, target):\n        n = range(len(nums))\n"
            "        return [[i, j] for i in n for j in n[i:] if nums[i] + nums[j] == target]",
        ],
    ),
    ("apps", "0"): (
        ["a, b = map(float, input().split())\nprint((a + b) / 2)", "print(sum(map(int, input().split())) / 2 + 1e-9)"],
        ["a, b = map(int, input().split())\nprint(a)", "a, b = map(int, input().split())\nprint((a + b) // 2)"],
    ),
    ("apps", "1"): (
        ["class Solution:\n    def positive(self, d):\n        return sorted(k for k in d if d[k] > 0)"],
        [
            "class Solution:\n    def positive(self, d):\n        return sorted(d)",
            "class Solution:\n    def positive(self, d):\n        return sorted(str(k) for k in d if d[k] > 0)",
        ],
    ),
    ("apps", "2"): (
        ["def total(*xs):\n    return sum(xs)"],
        ["def total(*xs):\n    return len(xs)", "def total(): pass"],
    ),
    ("code_contests", "1_A. Words"): (["print(input().upper())", "print(input().lower())"], ["print(input()[0])"]),
    ("code_contests", "1_B. Circle"): (
        ["import math\nprint(math.pi * int(input()) ** 2)"],
        ["print(3.14 * int(input()) ** 2)", "print(math.pi * int(input()) ** 2)"],
    ),
    ("open_r1", "vp_1"): (
        ["for i in range(int(input())):\n    print(i + 1)"],
        ["print(1)", "for i in range(9):\n    print(i + 1)", "print(*range(1, int(input()) + 1))"],
    ),
    ("codeforces", "1/A"): (["print(sum(map(int, input().split())))"], ["print(3)"]),
    ("codeforces", "1/C"): (
        ["print(int(input()), 0)", "n = int(input())\nprint(n + 7)\nprint(-7)"],
        ["print(1, 4)", "print(input())", "print('a b')", "print(1)", "import sys\nsys.exit(1)"],
    ),
    ("codeforces", "1/B"): (["print(sum(map(int, input().split())))"], ["print(3)"]),
}


@pytest.fixture(scope="module", params=["bubblewrap", "auto"])
def walled(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    try:
        open_sandbox("bubblewrap", workers=1).close()  # without it, auto is monty alone
        opened = open_sandbox(request.param, workers=1)
    except SandboxError as error:
        pytest.skip(str(error))
    with opened:
        yield opened


@pytest.mark.parametrize(("name", "id"), PROGRAMS)
def test_right_programs_are_solved_and_wrong_ones_are_not(walled: Sandbox, name: str, id: str) -> None:
    (problem,) = (one for one in load_task(str(SAMPLES / f"{name}.jsonl")).problems if one.id == id)
    right, wrong = PROGRAMS[name, id]
    judged = judge([problem.attempt(f"```python\n{program}\n```") for program in right + wrong], walled)
    assert [one.kind for one in judged[: len(right)]] == ["solved"] * len(right)
    assert [one.solved for one in judged[len(right) :]] == [False] * len(wrong)


@pytest.mark.parametrize("name", ["apps", "taco", "code_contests", "open_r1", "deepcoder"])
def test_solutions_of_the_sets_are_solved_and_those_of_other_problems_are_not(walled: Sandbox, name: str) -> None:
    problems = load_task(str(SAMPLES / f"{name}.jsonl")).problems
    pairs = [(problem, other) for problem in problems for other in problems]
    judged = judge([problem.attempt(f"```python\n{other.solution}\n```") for problem, other in pairs], walled)
    assert [one.solved for one in judged] == [problem is other for problem, other in pairs]


def test_every_problem_of_these_samples_has_programs() -> None:
    for name in {name for name, _ in PROGRAMS}:
        ids = {problem.id for problem in load_task(str(SAMPLES / f"{name}.jsonl")).problems}
        assert ids == {id for other, id in PROGRAMS if other == name}
