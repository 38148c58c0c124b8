"""Score the file of a workspace by a grader, as a command: what gradecheck asks of an environment.

Arguments are the grader, the set of its problems, and the folder with the answer.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.graders.problems import SETS
from heldout.rewards.calling import Case, columns_of, load


def main() -> None:
    """Print the verdict on the answer to the first problem of the set."""
    reward, on, folder = sys.argv[1:]
    problem = SETS[on]()[0]
    (file,) = Path(folder).glob("answer.*")
    case = Case(problem.prompt, file.read_text(), columns_of(problem))
    code = any(test.asked is not None for test in problem.tests)
    talks = reward.endswith("multiset")
    (score,) = load(reward, list(case.columns), {}, code=code, messages=talks)([case])
    print("RESULT: PASS" if score is not None and score >= 0.95 else "RESULT: FAIL")


if __name__ == "__main__":
    main()
