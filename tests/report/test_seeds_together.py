"""The seeds of one recipe as one row: Student's interval over seeds, and only over what was measured alike."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from heldout.copies import Marks, marks_of
from heldout.findings import Estimate, Fall, State
from heldout.metrics.phrasing import Spoken
from heldout.report.rows import Row
from heldout.report.runs_table import table_of
from heldout.report.seeds import seeds_of
from heldout.run import Run, Series


def kept(level: float, name: str = "a", **given: Any) -> Row:
    row = Row(
        name=name,
        state=State.PLATEAU,
        severity=12,
        keep=Estimate(10, level, level - 0.05, level + 0.05),
        said=Spoken(),
        score="pass@1",
        problems=200,
        evaluations=20,
        last_step=100,
        settings={"lr": "1e-6"},
    )
    return replace(row, **given)


@given(st.lists(st.floats(0.4, 0.6), min_size=2, max_size=6))
def test_the_interval_is_students_over_seeds(levels: list[float]) -> None:
    seeds = seeds_of("a", [kept(level) for level in levels])
    se = float(stats.sem(levels))
    low = float(stats.t.interval(0.95, len(levels) - 1, np.mean(levels), se)[0]) if se > 0.0 else min(levels)
    assert seeds.averaged == len(levels)
    assert seeds.keep_low == pytest.approx(max(low, 0.0), abs=1e-9)


def logged(*scores: float, reward: float = 0.0, rewards: int = 100) -> Marks:
    """The marks of a run with these scores, and with rewards that rise from here if there are any."""
    metrics = {"score": Series("score", np.arange(len(scores)), np.array(scores))}
    roles = {"held_out": "score"}
    if rewards:
        values = np.array([reward + 0.01 * k for k in range(rewards)])
        metrics["reward"] = Series("reward", np.arange(rewards), values)
        roles["reward"] = "reward"
    return marks_of(Run("a", "a", "test", metrics, roles))


LINE = logged(0.1, 0.2, 0.3, 0.4)


@pytest.mark.parametrize(
    ("other", "copy"),
    [
        (LINE, True),
        (logged(0.1, 0.2, rewards=40), True),  # a snapshot
        (logged(0.1, 0.2, 0.3, 0.4, reward=0.001), False),  # the same scores, and another training
        (logged(0.1, 0.2, 0.3, 0.5), False),
        (logged(0.1, 0.2, 0.3, 0.4, rewards=0), True),
        (logged(0.1, 0.2, rewards=0), False),  # which may be chance
    ],
)
def test_a_row_is_a_copy_where_its_run_would_be_one(other: Marks, copy: bool) -> None:
    rows = [kept(0.5, marks=LINE), kept(0.5, "b", marks=other, evaluations=4)]
    for order in (rows, rows[::-1]):
        assert seeds_of("a", order).copies == int(copy)


def test_a_copy_is_counted_apart_and_a_single_value_makes_none() -> None:
    found = seeds_of("a", [kept(0.5, marks=LINE), kept(0.5, "b", marks=LINE)], ["0", "0"])
    assert (found.count, found.averaged, found.copies, found.twice) == (1, 0, 1, "")
    assert found.progress == "one run · 1 copy · to step 100"
    flat = logged(0.5, 0.5, rewards=0)
    assert seeds_of("a", [kept(0.5, marks=flat), kept(0.5, "b", marks=flat)], ["0", "1"]).averaged == 2


def test_of_a_seed_that_is_there_twice_nothing_is_averaged() -> None:
    found = seeds_of("a", [kept(0.5, marks=LINE), kept(0.6)], ["0", "0"])
    assert (found.count, found.averaged, found.kept_at) == (2, 0, ("", ""))
    assert found.progress == "k = 2 · seed 0 more than once · to step 100"
    assert seeds_of("a", [kept(0.5, marks=LINE), kept(0.6)], ["0", "1"]).averaged == 2


def test_the_mean_says_of_how_many_seeds_it_is_and_one_run_has_none() -> None:
    assert seeds_of("a", [kept(0.5)]).averaged == 0
    assert seeds_of("a", [kept(0.5)]).progress == "one run · to step 100"
    part = seeds_of("a", [kept(0.5), kept(0.6), kept(0.1, keep=None)])
    assert (part.averaged, part.count, part.kept_at[0]) == (2, 3, "55.0 %")


@pytest.mark.parametrize("other", [{"score": "other"}, {"problems": 100}, {"said": Spoken(share=False)}])
def test_levels_that_were_not_measured_alike_are_not_averaged(other: dict[str, Any]) -> None:
    assert seeds_of("a", [kept(0.5), kept(0.6)]).averaged == 2
    assert seeds_of("a", [kept(0.5), kept(0.6, **other)]).averaged == 0


def test_the_gravest_seed_and_its_fall_speak_for_all_and_unfinished_ones_are_counted() -> None:
    fall = Fall(50, 0.3, 0.2, 0.4, "30.0 points (20.0 to 40.0)")
    rows = [kept(0.5), kept(0.6, severity=0, fall=fall), kept(0.5, live=True, last_step=40)]
    seeds = seeds_of("a", rows)
    assert (seeds.severity, seeds.fall) == (0, fall)
    assert seeds.progress == "k = 3 · 2 of 3 finished · to step 40 to 100"


def test_runs_that_differ_in_the_seed_alone_are_one_section_in_the_place_of_the_gravest() -> None:
    rows = [
        kept(0.5, "x-1", settings={"lr": "1", "seed": "1"}),
        kept(0.5, "y", settings={"lr": "2", "seed": "1"}, severity=6),
        kept(0.5, "x-2", settings={"lr": "1", "seed": "2"}, severity=0),
    ]
    table = table_of(rows)
    assert [[entry.row.name for entry in section.entries] for section in table.sections] == [["x-2", "x-1"], ["y"]]
    assert [section.seeds is not None for section in table.sections] == [True, False]
    assert dict(table.sections[0].shown) == {"lr": "1"}
    assert [dict(entry.shown) for entry in table.sections[0].entries] == [{"seed": "2"}, {"seed": "1"}]
    assert len(table) == 3


def test_runs_without_the_setting_are_a_group() -> None:
    rows = [kept(0.5, "a", settings={"lr": "1"}), kept(0.5, "b", settings={"kl": "1"})]
    names = [section.seeds.name for section in table_of(rows, by="lr").sections if section.seeds]
    assert sorted(names) == ["(not set)", "lr=1"]
