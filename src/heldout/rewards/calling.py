"""How a reward of anybody's is called: its arguments are filled by their names, and the plan can be printed.

Known are TRL's ``f(prompts, completions, **columns)``, verl's ``compute_score(data_source, solution_str, ground_truth,
extra_info)`` and its batched sister, the verifier classes of open-instruct, rubrics and environments of verifiers, and
``f(completion, reference)``; each may be asynchronous. An argument without a default that cannot be filled is an error,
never a row of zeros. All this happens in the process that holds the reward, see `heldout.rewards.serving`.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from heldout.errors import UsageError
from heldout.rewards.own import loaded
from heldout.sandbox.hidden import Reply, StdinTest, Test
from heldout.tasks.problem import Problem
from heldout.text import sentence_list


class Case(NamedTuple):
    """One answer that a reward is asked about."""

    prompt: str
    text: str
    columns: Mapping[str, Any]
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Fill:
    """What an argument is given."""

    told: str  # in the printed plan
    give: Callable[[Case], Any]


_BATCHED = {
    *("completions", "responses", "solution_strs", "predictions", "outputs", "generations", "texts", "samples"),
    *("candidates", "codes", "programs", "answers_given"),
}
_TEXTS = (
    *("completion", "response", "solution_str", "prediction", "pred", "output", "model_output", "generation"),
    *("generated_text", "generated", "text", "sample", "candidate", "code", "program", "submission", "predict_str"),
    *("student_answer", "llm_output", "model_answer", "given"),
)
_PROMPTS = {"prompt", "prompts", "query", "queries", "question", "questions", "instruction", "problem_text"}
_TRUTHS = (
    *("ground_truth", "answer", "gold", "label", "target", "reference", "expected", "reference_answer", "truth", "gt"),
    *("expected_answer", "correct_answer", "final_answer", "solution", "verification_info"),
)
_TESTS = ("tests", "test_cases", "test_list", "test", "input_output", "public_tests", "tests_json")
_TOKENS = {"completion_ids", "tokenized_prediction", "response_ids"}
_NOTHING: Mapping[str, tuple[str, Any]] = {  # what trainers hand over besides, and rewards seldom look at
    "trainer_state": ("None", None),
    "log_extra": ("a function that does nothing", lambda *_: None),
    "log_metric": ("a function that does nothing", lambda *_: None),
    "info": ("an empty dictionary", {}),
    "task": ("an empty text", ""),
}


def columns_of(problem: Problem) -> dict[str, Any]:
    """Return what a reward may ask for of a problem: what its set makes plain, and above that the columns of its row.

    >>> columns_of(Problem("half", "Halve x.", "f", (Test((4,), 2),)))["tests"]
    [{'args': [4], 'expected': 2}]
    """
    ours: dict[str, Any] = {"id": problem.id, "entry_point": problem.entry_point, "tests": _plain(problem)}
    replies = [test for test in problem.tests if isinstance(test, Reply)]
    if replies:
        ours = {"id": problem.id, "answer": replies[0].expected}
    if problem.solution:
        ours["solution"] = problem.solution
    return ours | {name: value for name, value in problem.columns.items() if value is not None}


def _plain(problem: Problem) -> list[dict[str, Any]]:
    tests: list[dict[str, Any]] = []
    for test in problem.tests:
        if isinstance(test, Test):
            more = {"kwargs": dict(test.kwargs)} if test.kwargs else {}
            tests.append({"args": list(test.args), "expected": test.expected} | more)
        elif isinstance(test, StdinTest):
            tests.append({"input": test.text, "output": test.expected})
    return tests


@dataclass(frozen=True, slots=True)
class Plan:
    """How one function is called."""

    function: Callable[..., Any]
    batched: bool  # lists in, a list out; else one answer at a time
    fills: Mapping[str, Fill]
    by_place: tuple[str, ...] = ()  # arguments that have no name for a caller
    spread: tuple[str, ...] = ()  # columns that **columns takes
    weight: float = 1.0  # in a sum

    @property
    def told(self) -> str:
        """Say what each argument is given: "completions= texts, answer= column answer"."""
        parts = [f"{name}= {fill.told}" for name, fill in self.fills.items()]
        parts += [f"**= columns {sentence_list(list(self.spread))}"] if self.spread else []
        how = "all answers of a batch at a time" if self.batched else "one answer at a time"
        weight = "" if self.weight == 1.0 else f" × {self.weight:g}"
        return f"{_named(self.function)}{weight}, {how}: {', '.join(parts)}"

    def call(self, cases: Sequence[Case]) -> list[float | None]:
        """Return one number for each case, or None; whatever the function raises passes, as does a UsageError."""
        if self.batched:
            return _numbers(self._ask(cases), len(cases), self.function)
        return [_number(self._ask(one), self.function) for one in cases]

    def _ask(self, cases: Sequence[Case] | Case) -> Any:
        """Call it, with one value for each argument of one case, or a list of them for several."""

        def value(give: Callable[[Case], Any]) -> Any:
            return give(cases) if isinstance(cases, Case) else [give(one) for one in cases]

        given = {name: value(fill.give) for name, fill in self.fills.items()}
        given |= {name: value(_column(name).give) for name in self.spread}
        placed = [given.pop(name) for name in self.by_place]
        answer = self.function(*placed, **given)
        return asyncio.run(_awaited(answer)) if inspect.isawaitable(answer) else answer


async def _awaited(answer: Any) -> Any:
    return await answer


@dataclass(frozen=True, slots=True)
class Calling:
    """How a reward is called: one plan, or several whose numbers are added up."""

    plans: tuple[Plan, ...]
    told: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "told", "; ".join(plan.told for plan in self.plans))

    def __call__(self, cases: Sequence[Case]) -> list[float | None]:
        if len(self.plans) == 1:
            return self.plans[0].call(cases)
        columns = [(plan.weight, plan.call(cases)) for plan in self.plans]
        return [_sum([(weight, said[place]) for weight, said in columns]) for place in range(len(cases))]


def _sum(parts: Sequence[tuple[float, float | None]]) -> float | None:
    """The weighted sum of those that said something, as trainers build it; None where none did."""
    known = [weight * worth for weight, worth in parts if worth is not None]
    return sum(known) if known else None


def load(
    name: str,
    columns: Sequence[str],
    renamed: Mapping[str, str],
    *,
    messages: bool = False,
    code: bool = True,
    source: bytes | None = None,
) -> Calling:
    """Load a reward, ``module:function`` or ``file.py:function``, and find out how it is called.

    `columns` are those that every problem has, `renamed` says for an argument which of them it gets, `messages` whether
    answers are conversations, `code` whether they are programs, `source` the text of its
    file, where that was read before.

    Raises
    ------
    UsageError
        When it cannot be loaded, or has an argument without default that nothing fills; the message says how to name
        the column.
    """
    found = loaded(name, source)
    rubrics = list(_rubric(found))
    if rubrics:
        plans = [
            replace(plan_of(one, columns, renamed, messages=True, code=code, parser=parser), weight=weight)
            for one, weight, parser in rubrics
        ]
        return Calling(tuple(plans))
    if not callable(found):
        raise UsageError(f"{name} is a {type(found).__name__}, which cannot be called; name a function or a class.")
    return Calling((plan_of(found, columns, renamed, messages=messages, code=code),))


def _rubric(found: Any) -> Iterator[tuple[Callable[..., Any], float, Any]]:
    """Yield functions, weights and parser of a rubric or environment of verifiers; nothing for anything else."""
    rubric = getattr(found, "rubric", found)
    for one in getattr(rubric, "rubrics", [rubric]):
        functions = getattr(one, "funcs", None) or getattr(one, "reward_funcs", None)
        if isinstance(functions, list):
            weights = getattr(one, "weights", None) or getattr(one, "reward_weights", None) or [1.0] * len(functions)
            for function, weight in zip(functions, weights, strict=False):
                if weight:
                    yield function, float(weight), getattr(one, "parser", None)


def plan_of(
    function: Callable[..., Any],
    columns: Sequence[str],
    renamed: Mapping[str, str],
    *,
    messages: bool = False,
    code: bool = True,
    parser: Any = None,
) -> Plan:
    """Find out what to give each argument of a function; a UsageError names one that cannot be filled.

    >>> plan_of(lambda completion, reference: 1.0, ["reference"], {}).told
    '<lambda>, one answer at a time: completion= text, reference= column reference'
    """
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        raise UsageError(f"{_named(function)} does not say which arguments it takes; wrap it in a function.") from None
    named = [one for one in parameters if one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)]
    text = _text_of(named, columns)
    filler = _Filler(function, columns, renamed, messages, code, parser, text)
    fills: dict[str, Fill] = {}
    for one in named:
        fill = filler.fill(one)
        if fill is not None:
            fills[one.name] = fill
    batched = text in _BATCHED
    spread = tuple(name for name in columns if name not in fills and name.isidentifier())
    takes_rest = any(one.kind is one.VAR_KEYWORD for one in parameters)
    if takes_rest and batched and "prompts" not in fills:
        fills["prompts"] = filler.prompt()
    placed = tuple(one.name for one in named if one.kind is one.POSITIONAL_ONLY and one.name in fills)
    return Plan(function, batched, fills, placed, spread if takes_rest and batched else ())


def _text_of(named: Sequence[inspect.Parameter], columns: Sequence[str]) -> str:
    """Return the argument that takes the answer: by its name, else the first that is neither prompt nor column."""
    names = [one.name for one in named]
    for known in (*sorted(_BATCHED), *_TEXTS):
        if known in names and (known not in columns or known in ("completion", "completions", "solution_str")):
            return known
    needed = [one.name for one in named if one.default is one.empty and one.name not in _PROMPTS]
    free = [name for name in needed if name not in columns or len(needed) == 2]
    return (free or needed or [""])[0]


@dataclass(frozen=True, slots=True)
class _Filler:
    """Finds what an argument is given."""

    function: Callable[..., Any]
    columns: Sequence[str]
    renamed: Mapping[str, str]
    messages: bool
    code: bool
    parser: Any
    text: str  # the argument that takes the answer

    def fill(self, one: inspect.Parameter) -> Fill | None:
        """Return what fills it, None where its default may stand; a UsageError where it has none."""
        name, single = one.name, one.name.removesuffix("s")
        if name in self.renamed:
            return self._renamed(name)
        if name == self.text:
            return Fill("messages", lambda case: _said("assistant", case.text)) if self.messages else _TEXT
        for column in (name, single):
            if column in self.columns and not (column in _PROMPTS and self.messages):
                return _column(column)
        if name in _PROMPTS:
            return self.prompt()
        if name in ("problem", "problems"):
            return Fill("heldout's own problem", lambda case: case.problem)
        found = self._known(name, one.default is one.empty)
        if found is not None or one.default is not one.empty:
            return found
        alone = self.text not in _BATCHED and len(self._needed()) == 2  # text and reference, whatever they are called
        truth = self._truth(single) if single in (*_TRUTHS, *_TESTS) or name in _TESTS or alone else None
        if truth is None:
            there = sentence_list(sorted(self.columns)) or "no columns"
            raise UsageError(
                f"{_named(self.function)} needs {name!r}, which nothing of the task fills; the task has {there}: say "
                f"which it is by --column {name}=COLUMN."
            )
        return truth

    def prompt(self) -> Fill:
        return Fill("messages of the prompt", lambda case: _said("user", case.prompt)) if self.messages else _PROMPT

    def _renamed(self, name: str) -> Fill:
        column = self.renamed[name]
        if column not in self.columns:
            raise UsageError(
                f"--column {name}={column}: the task has no column {column!r}; it has "
                f"{sentence_list(sorted(self.columns))}."
            )
        return _column(column)

    def _known(self, name: str, needed: bool) -> Fill | None:
        """What trainers hand over besides the columns of a row."""
        if name in _TOKENS:
            return Fill("the bytes of the text, for its tokens", lambda case: list(case.text.encode(errors="replace")))
        if name in ("ground_truth", "ground_truths") and "reward_model" in self.columns:
            return Fill("ground_truth in column reward_model", _nested_truth)
        if name in ("ground_truth", "ground_truths", "solution_str"):
            return self._truth("ground_truth")
        if name in ("extra_info", "extra_infos"):  # verl hands it over whatever its default is
            return Fill("all columns", lambda case: dict(case.columns))
        if name in ("data_source", "data_sources") and needed:
            return Fill("'heldout'", lambda case: "heldout")
        if name == "state" and needed:
            return Fill("prompt, completion and columns", _state)
        if name == "parser" and self.parser is not None:
            return Fill("the rubric's own", lambda case: self.parser)
        plain = _NOTHING.get(name.removesuffix("s") if name != "trainer_state" else name)
        return Fill(plain[0], lambda case: plain[1]) if plain and needed else None

    def _truth(self, name: str) -> Fill | None:
        """The column that says what is right: of tests for programs, the answer for others."""
        order = (*_TESTS, *_TRUTHS) if self.code and name != "solution" else (*_TRUTHS, *_TESTS)
        found = next((one for one in order if one in self.columns), None)
        return None if found is None else _column(found)

    def _needed(self) -> list[str]:
        return [one.name for one in inspect.signature(self.function).parameters.values() if one.default is one.empty]


_TEXT = Fill("text", lambda case: case.text)
_PROMPT = Fill("prompt", lambda case: case.prompt)


def _column(name: str) -> Fill:
    return Fill(f"column {name}", lambda case: case.columns.get(name))


def _said(role: str, text: str) -> list[dict[str, str]]:
    return [{"role": role, "content": text}]


def _state(case: Case) -> dict[str, Any]:
    said = {"prompt": _said("user", case.prompt), "completion": _said("assistant", case.text)}
    return {**case.columns, **said, "responses": [], "info": {}, "task": "", "turn": 1, "trajectory": []}


def _nested_truth(case: Case) -> Any:
    return case.columns["reward_model"]["ground_truth"]


def _named(function: Any) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


def _numbers(value: Any, count: int, function: Any) -> list[float | None]:
    if isinstance(value, Mapping):
        value = next((value[key] for key in ("scores", "rewards", "score", "reward") if key in value), value)
    value = value.tolist() if hasattr(value, "tolist") else value
    if not isinstance(value, list | tuple):
        raise UsageError(f"{_named(function)} gave {value!r:.80}; it should give a list of one number an answer.")
    if len(value) != count:
        raise UsageError(f"{_named(function)} gave {len(value)} numbers for {count} answers; it should give one each.")
    return [_number(one, function) for one in value]


def _number(value: Any, function: Any) -> float | None:
    """Read what a reward gave for one answer: a number, None, a dictionary or an object with score, a tuple."""
    if isinstance(value, Mapping):
        value = next((value[key] for key in ("score", "reward") if key in value), value)
    elif isinstance(value, list | tuple) and value:
        value = value[0]
    elif hasattr(value, "score"):
        value = value.score
    if value is None:
        return None
    try:
        if isinstance(value, str | bytes):
            raise TypeError
        return float(value)
    except (TypeError, ValueError):
        raise UsageError(
            f"{_named(function)} gave {value!r:.80} for an answer; it should give a number or None."
        ) from None
