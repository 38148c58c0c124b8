"""Right programs: none is failed by a judge; what monty cannot run it says, and the default sandbox solves them all."""

from __future__ import annotations

from collections import Counter

import pytest

from benchmarks.honest import STYLES, Honest, programs
from heldout.errors import SandboxError
from heldout.sandbox import Judgement, judge, open_sandbox

PROGRAMS = programs()
NOT_THERE = {"unsupported", "needs a package", "infrastructure"}  # what says nothing about a program


def judged(name: str) -> list[tuple[Honest, Judgement]]:
    try:
        opened = open_sandbox(name, workers=2)
    except SandboxError as error:
        pytest.skip(str(error))
    with opened:
        if name == "auto" and opened.notes:
            pytest.skip(opened.notes[0])
        return list(zip(PROGRAMS, judge([one.attempt for one in PROGRAMS], opened), strict=True))


def failed(found: list[tuple[Honest, Judgement]], allowed: set[str] = set()) -> list[tuple[str, str, str]]:  # noqa: B006
    return [
        (one.style, one.name, f"{judgement.kind}: {judgement.answers[judgement.passed.index(False)]}")
        for one, judgement in found
        if judgement.kind not in {"solved", *allowed}
    ]


def test_there_are_many_of_each_style() -> None:
    counts = Counter(one.style for one in PROGRAMS)
    assert len(PROGRAMS) >= 120
    assert set(counts) == set(STYLES)
    assert min(counts.values()) >= 12
    assert len({(one.style, one.name) for one in PROGRAMS}) == len(PROGRAMS)


def test_bubblewrap_solves_them_all() -> None:
    pytest.importorskip("numpy")
    assert failed(judged("bubblewrap")) == []


def test_monty_finds_fault_with_none_and_says_what_it_cannot_run() -> None:
    found = judged("monty")
    assert failed(found, NOT_THERE) == []
    functions = [judgement for one, judgement in found if one.style not in ("stdin", "numpy")]
    assert sum(judgement.solved for judgement in functions) >= 0.7 * len(functions)


def test_the_default_solves_them_all() -> None:
    assert failed(judged("auto")) == []


def test_each_program_is_told_from_a_wrong_one() -> None:
    try:
        opened = open_sandbox("bubblewrap", workers=2)
    except SandboxError as error:
        pytest.skip(str(error))
    with opened:  # the same programs against the tests of another one of the same style
        stdin = [one.attempt for one in PROGRAMS if one.style == "stdin"]
        swapped = [one._replace(tests=other.tests) for one, other in zip(stdin, stdin[1:] + stdin[:1], strict=True)]
        assert not any(one.solved for one in judge(swapped, opened))
