"""The same answer in other circumstances: each difference is found by its name, and a steady reward has none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from benchmarks.graders.kinds import KINDS
from benchmarks.graders.problems import functions, mathematics
from heldout.audit.asking import Asker
from heldout.audit.odd import TEXTS, Odd
from heldout.audit.parts import Kind, Known, Part, Result
from heldout.audit.scale import Scale
from heldout.audit.steadiness import Steadiness
from heldout.audit.wrappings import FENCE, OF_ANSWERS
from heldout.rewards.worker import open_grader
from heldout.sandbox import Sandbox, open_sandbox

MATHS = [
    Known(one, (one.columns["answer"],), scale=Scale(known=True), wrapping=OF_ANSWERS[0]) for one in mathematics()[:3]
]
CODE = [Known(one, (one.solution,), scale=Scale(known=True), wrapping=FENCE) for one in functions()[:1]]
BOX = "import re\ndef given(text): return re.findall(r'boxed\\{(.*?)\\}', text)[-1:]\n"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with open_sandbox(workers=1) as one:
        yield one


def found(part: Part, reward: str, known: Sequence[Known], sandbox: Sandbox, seconds: float = 3.0) -> dict[str, Result]:
    with open_grader(reward, [one.problem for one in known], sandbox, workers=1, seconds=seconds) as grader:
        return {one.name: one for one in part(Asker(grader, sandbox), known)}


def written(folder: Path, source: str) -> str:
    (folder / "mine.py").write_text(BOX + source)
    return f"{folder}/mine.py:f"


def flaws(results: dict[str, Result]) -> set[str]:
    return {name for name, one in results.items() if one.flaw}


def test_a_steady_reward_has_no_flaw_and_says_on_how_many_problems(sandbox: Sandbox) -> None:
    kind = next(one for one in KINDS if one.name == "any_box")
    results = found(Steadiness(), kind.sound.reward, MATHS, sandbox)
    assert flaws(results) == set()
    assert all(one.of == 3 for name, one in results.items() if "poison" not in name)


def test_chance_is_found_and_not_taken_for_anything_else(tmp_path: Path, sandbox: Sandbox) -> None:
    reward = "import random, time\nrandom.seed(time.time_ns())\ndef f(completion):\n"
    reward += "    return random.SystemRandom().random()"
    results = found(Steadiness(), written(tmp_path, reward), MATHS, sandbox)
    assert results["the same answer again"].found == 3
    assert "alone it gets" in results["the same answer again"].examples[0].why
    assert "a wrong answer after a right one" not in flaws(results)


def test_a_verdict_that_is_kept_is_found_with_what_it_pays(tmp_path: Path, sandbox: Sandbox) -> None:
    reward = "seen = {}\ndef f(completion, answer, problem):\n"
    reward += "    return seen.setdefault((problem, len(completion)), float(given(completion) == [answer]))"
    results = found(Steadiness(), written(tmp_path, reward), MATHS, sandbox)
    kept = results["a wrong answer after a right one"]
    assert (kept.kind, kept.family, kept.found) == (Kind.PAID, "state", 3)
    assert results["a right answer after a wrong one"].kind is Kind.FLAKY
    assert "the same answer again" not in flaws(results)
    assert "the answer of another problem" not in flaws(results)


def test_a_verdict_that_is_kept_without_its_problem_is_paid_for_another_one(tmp_path: Path, sandbox: Sandbox) -> None:
    reward = "seen = {}\ndef f(completion, answer):\n"
    reward += "    return seen.setdefault(completion, float(given(completion) == [answer]))"
    results = found(Steadiness(), written(tmp_path, reward), MATHS, sandbox)
    assert results["the answer of another problem"].kind is Kind.PAID
    assert "a wrong answer after a right one" not in flaws(results)


def test_ranks_within_a_batch_are_told_and_are_no_flaw(sandbox: Sandbox) -> None:
    kind = next(one for one in KINDS if one.name == "ranked")
    results = found(Steadiness(), kind.flawed.reward, MATHS, sandbox)
    assert flaws(results) == set()
    told = next(one for name, one in results.items() if name.startswith("a batch of"))
    assert (told.kind, told.found) == (Kind.TOLD, 3)


def test_a_score_that_depends_on_the_place_in_the_batch_is_found(tmp_path: Path, sandbox: Sandbox) -> None:
    reward = "def f(completions): return [1.0 / (1 + place) for place, _ in enumerate(completions)]"
    assert "the same batch in another order" in flaws(found(Steadiness(), written(tmp_path, reward), MATHS, sandbox))


def test_an_answer_that_poisons_the_process_is_found_where_later_ones_are_paid(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    reward = (
        "import builtins\ndef f(completion, tests, entry_point):\n    names = {}\n    try:\n"
        "        exec(completion.replace('```python', '').replace('```', ''), names)\n"
        "        return float(builtins.all([names[entry_point](*t['args']) == t['expected'] for t in tests]))\n"
        "    except Exception:\n        return 0.0\n"
    )
    results = found(Steadiness(), written(tmp_path, reward), CODE, sandbox)
    poisoned = results["after an answer that poisons the process"]
    assert (poisoned.kind, poisoned.family) == (Kind.PAID, "state")
    assert "after '" in poisoned.examples[0].why


def test_odd_texts_that_end_hang_or_upset_a_reward_are_found(tmp_path: Path, sandbox: Sandbox) -> None:
    reward = (
        "import os\ndef f(completions, answer):\n"
        "    for one in completions:\n"
        "        if '\\0' in one: os._exit(3)\n"
        "        while '\\ud800' in one: pass\n"
        "    return [float((given(one) or ['0'])[-1].replace('(', '0')[:4]) for one in completions]"
    )
    results = found(Odd(), written(tmp_path, reward), MATHS[:1], sandbox, seconds=1.0)
    assert {"a text with NUL", "half a character", "NaN", "a division by zero"} <= flaws(results)
    assert "an empty text" not in flaws(results)
    assert results["a text with NUL"].examples[0].outcome.kind == "died"
    assert results["half a character"].examples[0].outcome.kind == "hung"
    assert "no finite number" in results["NaN"].seen
    assert "one text of its batch is odd" in results["a right answer beside an odd text"].seen


def test_a_reward_that_reads_every_text_has_no_flaw(sandbox: Sandbox) -> None:
    kind = next(one for one in KINDS if one.name == "any_box")
    results = found(Odd(), kind.sound.reward, MATHS[:1], sandbox)
    assert flaws(results) == set()
    assert len(results) == len(TEXTS) + 1
