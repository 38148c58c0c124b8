"""Floor, ceiling and the format that a reward asks for, found out by asking it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from heldout.audit.asking import Asker
from heldout.audit.baselines import measured
from heldout.audit.parts import Known
from heldout.errors import UsageError
from heldout.rewards.worker import open_grader
from heldout.sandbox import Sandbox, open_sandbox
from heldout.sandbox.hidden import Reply, Test
from heldout.tasks.problem import Problem
from heldout.tasks.replies import exact

SUMS = [Known(Problem(f"sum-{n}", f"{n} + {n}?", "", (Reply(str(2 * n), exact),)), (str(2 * n),)) for n in range(3)]
STUB = "def f(x):\n"
PROGRAM = STUB + "    return 2 * x\n"
BODY = Known(Problem("double", STUB, "f", (Test((2,), 4),), stub=STUB), (PROGRAM,))


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with open_sandbox(workers=1) as one:
        yield one


def of(folder: Path, sandbox: Sandbox, source: str, problems: list[Known]) -> list[Known]:
    (folder / "mine.py").write_text("import re\n" + textwrap.dedent(source))
    given = [one.problem for one in problems]
    with open_grader(f"{folder}/mine.py:f", given, sandbox, workers=1) as grader:
        return measured(Asker(grader, sandbox), problems)


def test_the_format_that_is_asked_for_is_found(tmp_path: Path, sandbox: Sandbox) -> None:
    gated = """
        def f(completion, answer):
            found = re.fullmatch(r"(?s)<think>.+</think>\\s*<answer>(.+)</answer>", completion)
            return 2.0 * float(bool(found) and found[1].strip() == answer) - 1.0
    """
    for one in of(tmp_path, sandbox, gated, SUMS):
        assert one.wrapping.name == "in answer tags, after thinking"
        assert (one.scale.floor, one.scale.ceiling, one.scale.known) == (-1.0, 1.0, True)


def test_form_that_is_added_leaves_plain_right_answers_below(tmp_path: Path, sandbox: Sandbox) -> None:
    added = """
        def f(completion, answer):
            shape = 0.8 * bool(re.fullmatch(r"(?s)<think>.+</think>\\s*<answer>.*</answer>", completion))
            return shape + 0.2 * (answer in completion)
    """
    (one,) = of(tmp_path, sandbox, added, SUMS[2:])
    assert one.wrapping("x").startswith("<think>")
    assert (one.scale.floor, one.scale.least) == (0.0, 0.2)
    assert one.scale.is_above(0.8)


def test_a_completion_that_goes_on_from_the_prompt_is_tried(tmp_path: Path, sandbox: Sandbox) -> None:
    joined = f"""
        def f(completion, tests):
            names = {{}}
            try:
                exec({STUB!r} + completion, names)
                return float(names["f"](2) == 4)
            except Exception:
                return 0.0
    """
    (one,) = of(tmp_path, sandbox, joined, [BODY])
    assert one.wrapping.name == "as what continues the prompt"
    assert (one.scale.floor, one.scale.ceiling) == (0.0, 1.0)


def test_plain_texts_are_preferred_and_an_unknown_solution_leaves_the_scale_open(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    contained = "def f(completion, answer): return float(answer in completion)"
    with_truth, without = of(tmp_path, sandbox, contained, [SUMS[2], Known(SUMS[1].problem)])
    assert with_truth.wrapping.name == "in a box"
    assert (with_truth.scale.known, without.scale.known, without.scale.ceiling) == (True, False, 1.0)


@pytest.mark.parametrize(
    ("right", "name"),
    [
        ("re.search(r'(?m)^Answer: (.*)\\Z', completion)[1]", "after 'Answer:'"),
        ("json.loads(completion)['answer']", "as JSON"),
        ("json.loads(re.search('<answer>(.*)</answer>', completion)[1])['answer']", "as JSON, in answer tags"),
    ],
)
def test_a_line_and_json_are_formats(right: str, name: str, tmp_path: Path, sandbox: Sandbox) -> None:
    source = f"""
        import json
        def f(completion, answer):
            try:
                return float({right} == answer)
            except (TypeError, ValueError):
                return 0.0
    """
    (one,) = of(tmp_path, sandbox, source, SUMS[:1])
    assert (one.wrapping.name, one.scale.known) == (name, True)


def test_a_reward_that_scores_nothing_is_refused_with_its_error(tmp_path: Path, sandbox: Sandbox) -> None:
    with pytest.raises(UsageError, match=r"no score .*raised: KeyError: 'gold'.* answer= column answer"):
        of(tmp_path, sandbox, "def f(completion, answer): return {}['gold']", SUMS)
    (one,) = of(tmp_path, sandbox, "def f(completion, answer): return 1 / len(completion)", SUMS[:1])
    assert one.scale.known
