"""Small figures of what a run logged beside reward and score."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from heldout.pages import template
from heldout.report import multiples
from heldout.report.multiples import HEIGHT, WIDTH, Multiples, multiples_of
from heldout.run import Run, Series
from heldout.stats.arrays import FloatArray

HOSTILE = "<script>alert(1)</script>\u202e"


def run_of(**values: FloatArray) -> Run:
    metrics = {key: Series(key, np.arange(len(one)), one) for key, one in values.items()}
    return Run("r", "m", "t", metrics, {key: key for key in values})


def drawn(run: Run) -> Multiples:
    found = multiples_of(run)
    assert found is not None
    return found


def points(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"(-?\d+) (-?\d+)", path)]


def test_a_drawing_reaches_from_the_lowest_to_the_highest_value_over_the_whole_run() -> None:
    (one,) = drawn(run_of(entropy=np.array([3.0, 1.0, 2.0]), grad_norm=np.full(5, 0.5))).drawings
    assert points(one.raw) == [(0, 8), (250, HEIGHT - 8), (500, 100)]  # the run has five steps
    assert one.ends == "1.00 to 3.00"
    assert one.line == ""


def test_what_never_changes_is_told_and_not_drawn() -> None:
    assert (
        drawn(run_of(entropy=np.arange(3.0), grad_norm=np.zeros(5))).note == "The same at every step: Gradient norm 0."
    )
    assert multiples_of(run_of(grad_norm=np.zeros(5))) is None
    assert multiples_of(run_of(reward=np.arange(5.0))) is None
    assert multiples_of(run_of(entropy=np.array([1.0]))) is None


def test_no_spike_of_a_long_run_is_lost_and_the_drawing_stays_small() -> None:
    rng = np.random.default_rng(0)
    value = rng.normal(0.0, 1.0, 100_000)
    value[[12_345, 77_777]] = 50.0, -50.0
    found = drawn(run_of(entropy=value))
    (one,) = found.drawings
    assert {min(y for _, y in points(one.raw)), max(y for _, y in points(one.raw))} == {8, HEIGHT - 8}
    assert {50.0, -50.0} <= set(one.values)
    assert len(one.raw) + len(one.line) < 4_000
    assert max(x for x, _ in points(one.line)) == WIDTH


def test_signals_of_the_same_steps_share_them() -> None:
    found = drawn(run_of(entropy=np.arange(60.0), grad_norm=np.arange(60.0) ** 2, kl_reference=np.arange(30.0)))
    assert [len(steps) for steps in found.steps] == [30, 60]
    assert [one.at for one in found.drawings] == [0, 1, 1]


@pytest.mark.parametrize("key", [HOSTILE, "rewards/" + HOSTILE])
def test_a_hostile_key_is_only_ever_text(key: str) -> None:
    series = Series(key, np.arange(3), np.arange(3.0))
    page = template("report/multiples.html", "heldout.report").render(
        multiples=multiples_of(Run("r", "m", "t", {key: series}, {"entropy": key}))
    )
    assert page.count("<script") == 1
    assert "\u202e" not in page


def with_parts(count: int, *, roles: tuple[str, ...] = ("entropy", "grad_norm")) -> Run:
    parts = {f"rewards/part{place}/mean": np.arange(4.0) + place for place in range(count)}
    run = run_of(**dict.fromkeys(roles, np.arange(4.0)))
    metrics = {key: Series(key, np.arange(4), value) for key, value in parts.items()}
    return replace(run, metrics={**run.metrics, **metrics})


@pytest.mark.parametrize(
    ("count", "seen", "drawings"), [(0, 2, 2), (1, 2, 2), (4, 6, 6), (5, 6, 7), (12, 6, 14), (13, 6, 14), (40, 6, 14)]
)
def test_every_part_of_the_reward_is_drawn_or_named(count: int, seen: int, drawings: int) -> None:
    found = drawn(with_parts(count))
    assert (found.seen, len(found.drawings)) == (seen, drawings)
    left_out = count - 12
    assert (f"{left_out} more part" in found.note) is (left_out > 0)
    if left_out > 0:
        assert "rewards/part12/mean" in found.note
        assert "heldout chart RUN --left KEY draws one." in found.note
    page = template("report/multiples.html", "heldout.report").render(multiples=found)
    assert page.count("<figure") == drawings
    assert ("<details>" in page) is (drawings > seen)


def test_all_signals_are_in_sight() -> None:
    found = drawn(with_parts(0, roles=multiples._ROLES))
    assert found.seen == len(found.drawings) == len(multiples._ROLES)
