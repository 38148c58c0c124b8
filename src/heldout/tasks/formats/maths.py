"""Problems whose answer is a text: GSM8K, MATH, AIME, and exact matches."""

from __future__ import annotations

from typing import Any

from heldout.errors import TaskError
from heldout.sandbox.compare import Comparison
from heldout.sandbox.hidden import Reply
from heldout.tasks.formats.reading import SOLUTIONS, Reading, hashed_name, name_of, solution_of, text_or
from heldout.tasks.math_worker import need_math_verify
from heldout.tasks.problem import Problem
from heldout.tasks.replies import Maths, exact, exact_number, number
from heldout.tasks.rows import Row
from heldout.text import sentence_list

COMPARED: dict[str, Comparison] = {"exact": exact, "number": number, "maths": Maths()}
KEYS = frozenset({"id", "prompt", "answer", "compare", "split", *SOLUTIONS})
GSM8K_RULE = "GSM8K: the number behind the last ####, else in the last box, else the last number of all."
RULE = 'The last box, else what follows the last "answer is", is compared as a number, else by math-verify.'
_BOX = "Put the final answer within \\boxed{}.\n"


def own(row: Row) -> Reading:
    """Read heldout's own format of verified answers; ``compare`` and ``split`` may be missing::

        {"id": "capital", "prompt": "What is the capital of France?", "answer": "Paris", "compare": "exact"}

    ``compare`` is ``exact``, ``number`` or ``maths``.
    """
    chosen = row.data.get("compare", "exact")
    if not isinstance(chosen, str) or chosen not in COMPARED:
        raise TaskError(f"{row.where}: 'compare' is {chosen!r}; it must be {sentence_list(list(COMPARED), 'or')}.")
    return _replied(row.text("id"), row.text("prompt"), _answer(row), COMPARED[chosen], solution_of(row))


def gsm8k(row: Row) -> Reading:
    """Read ``question`` and ``answer``, which ends with ``#### 42``. The id is a hash of the question."""
    question, answer = row.text("question"), row.text("answer")
    _, marked, expected = answer.rpartition("####")
    if not marked or exact_number(expected) is None:
        raise TaskError(f"{row.where}: 'answer' must end with #### and a number, as in GSM8K.")
    return _replied(hashed_name(row, "question"), f"{question.strip()}\n\n{_BOX}", expected.strip(), number, answer)


def competition(row: Row) -> Reading:
    """Read ``problem`` and ``answer``, a formula or a number, as in MATH-500 and AIME."""
    problem = row.text("problem")
    keyed = any(row.data.get(key) not in (None, "") for key in ("unique_id", "id"))
    name = name_of(row, "unique_id", "id") if keyed else hashed_name(row, "problem")
    return _replied(name, f"{problem.strip()}\n\n{_BOX}", _answer(row), Maths(), text_or(row, "solution"))


def _answer(row: Row) -> str:
    answer: Any = row.data.get("answer")
    if isinstance(answer, bool) or not isinstance(answer, str | int | float) or not str(answer).strip():
        raise TaskError(f"{row.where}: 'answer' is {answer!r}; it must be a text or a number.")
    return str(answer).strip()


def _replied(name: str, prompt: str, expected: str, compare: Comparison, solution: str = "") -> Reading:
    if compare == Maths() and exact_number(expected) is None:
        need_math_verify()
    if compare is number and exact_number(expected) is None:
        return Reading(Problem(name, prompt, "", ()), why=f"its answer {expected[:40]!r} is no number")
    return Reading(Problem(name, prompt, "", (Reply(expected, compare),), solution=solution))
