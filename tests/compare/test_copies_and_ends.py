"""Runs that are no other seed, and runs that did not come to their end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recipes_made import KEY, rates, recipe, run_of

from heldout.compare import compare
from heldout.compare.model import Comparison
from heldout.compare.words import title
from heldout.run import Evaluation, Run, Series
from heldout.store.writer import Writer


def sides(copy: Run, *, evaluations: int = 3) -> Comparison:
    a, b = recipe("a", 0.6, evaluations=evaluations), recipe("b", 0.5, first=10, evaluations=evaluations)
    return compare([*a, copy, *b], at="last")


def counts(found: Comparison) -> list[bool]:
    return [one.counted for one in found.recipes[0].members]


def snapshot(run: Run, evaluations: int) -> Run:
    """The run as it stood after so many evaluations."""
    held_out, reward = run.metrics[KEY], run.metrics["reward"]
    assert held_out.problems is not None
    short = Series(
        KEY, held_out.step[:evaluations], held_out.value[:evaluations], None, held_out.problems[:evaluations]
    )
    metrics = {KEY: short, "reward": Series("reward", reward.step[:12], reward.value[:12])}
    return replace(run, source="snapshots/a-0", metrics=metrics, measured=run.measured[:evaluations])


def without_reward(run: Run) -> Run:
    metrics = {key: series for key, series in run.metrics.items() if key != "reward"}
    return replace(run, metrics=metrics, roles={"held_out": KEY})


@pytest.mark.parametrize("name", ["a-0", "a-9"])
@pytest.mark.parametrize("evaluations", [1, 2, 3])
def test_a_copy_is_no_seed_whatever_its_name_and_however_few_its_evaluations(name: str, evaluations: int) -> None:
    copy = replace(recipe("a", 0.6, evaluations=evaluations)[0], name=name, source="copies/a")
    found = sides(copy, evaluations=evaluations)
    assert counts(found) == [True, True, True, False]
    assert found.primary[0].otherwise == ()
    assert "missing-seeds" not in [one.code for one in found.refusals]
    assert title(found) == "a (seeds 0 1 2) against b (seeds 10 11 12)"
    assert any(note.startswith(f"{name} has the same measurements as a-0") for note in found.notes)


@pytest.mark.parametrize("evaluations", [1, 2])
def test_a_snapshot_is_no_seed_wherever_it_stands(evaluations: int) -> None:
    a, b = recipe("a", 0.6), recipe("b", 0.5, first=10)
    whole = compare([*a, *b], at="last").primary[0]
    for runs in ([snapshot(a[0], evaluations), *a], [*a, snapshot(a[0], evaluations)]):
        found = compare([*runs, *b], at="last")
        assert sum(counts(found)) == 3
        assert (found.primary[0].value, found.primary[0].otherwise) == (pytest.approx(whole.value), ())


def test_outcomes_alone_tell_a_copy_and_a_few_rates_do_not() -> None:
    a, b = recipe("a", 0.6, evaluations=1), recipe("b", 0.5, first=10, evaluations=1)
    bare = [without_reward(run) for run in (*a, replace(a[0], name="a-9", source="copies/a"), *b)]
    assert counts(compare(bare)) == [True, True, True, False]
    few = [without_reward(rates(f"{name}-{k}", [level], seed=k, lr=level)) for name, level in (("a", 0.5), ("b", 0.4))
           for k in range(3)]  # fmt: skip
    assert counts(compare(few, at="last")) == [True, True, True]


def test_equal_evaluations_of_other_trainings_are_no_copies() -> None:
    a = recipe("a", 0.6)
    reward = replace(a[0].metrics["reward"], value=a[0].metrics["reward"].value + 0.01)
    other = replace(a[0], name="a-9", source="other/a", metrics={**a[0].metrics, "reward": reward})
    assert counts(sides(other)) == [True] * 4


def ended(tmp_path: Path, name: str, upto: int, word: str, **config: Any) -> Run:
    """A run whose process said this last, with evaluations up to a step."""
    place = tmp_path / name
    place.mkdir()
    replace(Writer.this(), last_word=word).write(place)
    seed = sum(map(ord, name))
    rng = np.random.default_rng(seed)
    problems = [f"p{i}" for i in range(100)]
    found = [
        Evaluation.from_counts(step, problems, rng.binomial(1, 0.5, 100).tolist()) for step in range(0, upto + 1, 10)
    ]
    return replace(run_of(name, found, seed=seed, reward=name[0], **config), source=str(place))


@pytest.mark.parametrize("other", [{"env": {"max_steps": 30}}, {"eval": {"steps": 10}}, {"agent": {"total_steps": 4}}])
def test_a_plan_is_the_trainers_own(tmp_path: Path, other: dict[str, Any]) -> None:
    plan = {**other, "max_steps": 100}
    a = [ended(tmp_path, f"a-{k}", 40 if k == 2 else 100, "stopped", **plan) for k in range(3)]
    b = [ended(tmp_path, f"b-{k}", 100, "finished", **plan) for k in range(3)]
    found = compare([*a, *b], at="last")
    assert counts(found) == [True, True, False]
    assert "missing-seeds" in [one.code for one in found.refusals]


def test_a_plan_that_was_passed_is_none(tmp_path: Path) -> None:
    runs = [ended(tmp_path, f"{name}-{k}", 100, "finished", steps=30) for name in "ab" for k in range(2)]
    assert {one.life.value for side in compare(runs, at="last").recipes for one in side.members} == {"finished"}


def test_a_recipe_of_which_every_run_failed_counts_and_is_told(tmp_path: Path) -> None:
    a = [ended(tmp_path, f"a-{k}", 30, "failed", max_steps=100) for k in range(3)]
    b = [ended(tmp_path, f"b-{k}", 100, "finished", max_steps=100) for k in range(3)]
    found = compare([*a, *b], at="last")
    told = next(one.text for one in found.refusals if one.code == "missing-seeds")
    assert told.startswith("a as a whole: none of 3 seeds came to its end (a-0: it failed, at step 30")
    assert counts(found) == [True, True, True]


def test_a_copy_is_no_seed_in_what_would_be_otherwise() -> None:
    a, b = recipe("a", 0.6, evaluations=5, max_steps=40), recipe("b", 0.5, first=10, evaluations=5, max_steps=40)
    early = recipe("a", 0.6, k=1, first=50, evaluations=1, max_steps=40)[0]
    copy = replace(a[0], name="a-8", source="copies/a")
    without, beside = (compare([*a, *more, *b], at="last").primary[0] for more in ([early], [early, copy]))
    assert len(without.otherwise) == 1
    assert beside == without


def test_of_unseen_seeds_on_both_sides_every_combination_is_tried() -> None:
    a, b = recipe("a", 0.6, max_steps=20), recipe("b", 0.5, first=10, max_steps=20)
    unseen = [run_of(f"{name}-9", [], reward=name, seed=99, max_steps=20) for name in "ab"]
    one = compare([*a, unseen[0], *b, unseen[1]], at="last").primary[0]
    assert [other.text for other in one.otherwise] == [
        f"had a-9 solved {first} and b-9 {second}"
        for first in ("nothing", "everything")
        for second in ("nothing", "everything")
    ]
    values = [other.value for other in one.otherwise]
    assert values[1] < values[0] < values[2]
    assert values[3] == pytest.approx(values[0])
