"""HumanEval+ and MBPP+: the two sets with many more inputs, as evalplus itself has them and as the hub has MBPP+.

In evalplus' own form a reference solution says what the inputs give. It runs where the tests run, beside the
comparison, so no program that is tested sees either.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from typing import Any

from heldout.errors import TaskError
from heldout.sandbox.hidden import HiddenTest, SourceTest
from heldout.tasks.formats.mbpp import prompt_of, tested, with_tests
from heldout.tasks.formats.programs import assert_tests
from heldout.tasks.formats.reading import Reading, name_of, texts, tree_of
from heldout.tasks.problem import Problem
from heldout.tasks.rows import Row

RULE = (
    "Values are compared as evalplus does: equal, or of one type and close (rtol 1e-7) where the problem gives a "
    "tolerance, or where nothing but floats is expected (atol 1e-6). Base and plus tests both count."
)
_WRONG = ("143", "164", "229")  # whose tests the hub's copy has without the exceptions that evalplus makes for them
_AGREES = Path(__file__).with_name("evalplus_rule.py")
_Turn = Callable[[Any], Any]


def native(row: Row) -> Reading:
    """Read ``task_id``, ``prompt``, ``entry_point``, ``canonical_solution``, ``base_input``, ``plus_input``, ``atol``.

    The two lists of inputs are a test each. Problems of MBPP+ are known by their ids (``Mbpp/2``); their programs are
    the completion alone, and their inputs become what JSON cannot write.
    """
    name, prompt, entry_point = name_of(row, "task_id"), row.text("prompt"), row.text("entry_point")
    solution = row.text("canonical_solution")
    is_mbpp = name.casefold().startswith("mbpp")
    reference = solution if is_mbpp else prompt + solution
    tree_of(row, "the reference solution", reference)
    atol = row.data.get("atol", 0)
    if not isinstance(atol, int | float):
        raise TaskError(f"{row.where}: 'atol' is {atol!r}; it must be a number.")
    tests: list[HiddenTest] = []
    for key in ("base_input", "plus_input"):
        inputs = _inputs(row, key, name if is_mbpp else "")
        if inputs:
            tests.append(SourceTest(_program(reference, entry_point, inputs, atol), ("check",), "check"))
    return Reading(Problem(name, prompt, entry_point, tuple(tests), stub="" if is_mbpp else prompt, solution=solution))


def mbpp_plus(row: Row) -> Reading:
    """Read the hub's MBPP+: as MBPP, with a program ``test`` that has all inputs and what they give."""
    code, setup = row.text("code"), "\n".join(texts(row, "test_imports"))
    function = tested(row, code, texts(row, "test_list", "assertions"))
    body = tree_of(row, "the tests", f"{setup}\n{row.text('test')}").body
    tests = assert_tests(body, function.name, also="candidate")
    name = name_of(row, "task_id")
    remarks = ("its tests on the hub lack an exception of evalplus",) if name in _WRONG else ()
    return Reading(Problem(name, prompt_of(row, function), function.name, tests, solution=code), remarks=remarks)


def mbpp_plus_published(row: Row) -> Reading:
    """Read a row of the hub's MBPP+ with the prompt of MBPP's authors, which shows the assertions of ``test_list``."""
    reading = mbpp_plus(row)
    return replace(reading, problem=replace(reading.problem, prompt=with_tests(row)))


def _inputs(row: Row, key: str, mbpp: str) -> list[Any]:
    inputs = row.data.get(key) or []
    if not isinstance(inputs, list) or not all(isinstance(one, list) for one in inputs):
        raise TaskError(f"{row.where}: {key!r} must be a list of lists of arguments.")
    try:
        return [typed(mbpp, one) for one in inputs] if mbpp else inputs
    except (TypeError, ValueError, IndexError, AttributeError) as error:
        raise TaskError(f"{row.where}: {key!r} does not hold the arguments of {mbpp} ({error}).") from None


def _program(reference: str, entry_point: str, inputs: list[Any], atol: float) -> str:
    """Tests that compare with a reference."""
    return "\n".join(
        (
            reference,
            _AGREES.read_text(encoding="utf-8"),
            "import copy",
            "inf, nan = math.inf, math.nan",
            f"_inputs = {inputs!r}",
            f"_reference = {entry_point}",
            "def check(candidate):",
            "    for args in _inputs:",
            "        expected, out = (run(*copy.deepcopy(args)) for run in (_reference, candidate))",
            f"        assert agrees({entry_point!r}, args, out, expected, {atol!r})",
        )
    )


def typed(name: str, args: list[Any]) -> list[Any]:
    """Return the arguments of a problem of MBPP+ as the types that JSON cannot write. Source: evalplus/data/mbpp.py.

    >>> typed("Mbpp/106", [[1], [2]]), typed("Mbpp/124", ["1", "2j"]), typed("Mbpp/3", [[1]])
    ([[1], (2,)], [1.0, 2j], [[1]])
    """
    turns = _TYPED.get(int(name.rpartition("/")[2]), (_same,))
    several = (*turns, *repeat(turns[-1], max(0, len(args) - len(turns))))
    return [turn(arg) for turn, arg in zip(several, args, strict=False)]


def _same(value: Any) -> Any:
    return value


def _tuples(value: Any) -> Any:
    return [tuple(item) for item in value]


def _tuple_of_tuples(value: Any) -> Any:
    return tuple(tuple(item) for item in value)


def _tuple_with_tuples(value: Any) -> Any:
    return tuple(tuple(item) if isinstance(item, list) else item for item in value)


def _sets(value: Any) -> Any:
    return [set(item) if isinstance(item, list) and item else {} for item in value]


def _values_as_tuples(value: Any) -> Any:
    return {key: tuple(item) for key, item in value.items()}


def _all_tuples(value: Any) -> Any:
    return tuple(map(_all_tuples, value)) if isinstance(value, list) else value


# What each argument becomes, by the number of the problem; the last one stands for all that follow.
_TYPED: dict[int, tuple[_Turn, ...]] = {
    number: turns
    for numbers, turns in (
        ((2, 116, 132, 143, 222, 261, 273, 394, 399, 421, 424, 429, 470, 560, 579, 596, 616, 630), (tuple,)),
        ((726, 740, 744, 809), (tuple,)),
        ((63, 64, 70, 94, 120, 237, 272, 299, 400, 409, 417, 438, 473, 614, 780), (_tuples,)),
        ((75, 413, 444, 753), (_tuples, _same)),
        ((106, 750), (_same, tuple)),
        ((115,), (_sets,)),
        ((124,), (float, complex)),
        ((250, 405, 446, 617, 720, 763, 808, 307), (tuple, _same)),
        ((259, 401, 445), (_tuple_of_tuples,)),
        ((278,), (_tuple_with_tuples,)),
        ((722,), (_values_as_tuples, _same)),
        ((252,), (complex,)),
        ((580, 615, 791), (_all_tuples,)),
    )
    for number in numbers
}
