"""What grew: counts, shares and ranks, with answers that stand for many."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from answers_given import Given, rollouts_of
from heldout.rollouts import Rollouts
from heldout.rollouts.growth import Growth, growth

EARLY, LATE = 10, 90


def between(rollouts: Rollouts) -> tuple[Growth, ...]:
    return growth(rollouts, np.flatnonzero(rollouts.step == EARLY), np.flatnonzero(rollouts.step == LATE))


def kinds(step: int, counts: dict[str, int], kept_with: float = 1.0) -> list[Given]:
    return [Given(text, step, f"p{n}", kept_with=kept_with) for text, count in counts.items() for n in range(count)]


def test_what_took_over_is_first_with_its_counts_and_what_ebbed_is_last() -> None:
    answers = kinds(EARLY, {"import a": 50, "import b": 10, "import c": 4}) + kinds(
        LATE, {"import a": 20, "import b": 10}
    )
    found = between(rollouts_of([*answers, *kinds(LATE, {"exit()": 34})]))
    assert [(one.group.text, one.before, one.after) for one in found] == [
        ("exit()", 0, 34), ("import b", 10, 10), ("import c", 4, 0), ("import a", 50, 20)
    ]  # fmt: skip
    assert [one.grew for one in found] == [True, False, False, False]
    assert found[0].share_after == pytest.approx(34 / 64)
    assert found[0].group.count == 34


@pytest.mark.parametrize(("z", "after", "grew"), [(3.0, 5, True), (2.99, 5, False), (9.0, 4, False), (-9.0, 50, False)])
def test_under_five_answers_and_below_three_errors_nothing_is_called_grown(z: float, after: int, grew: bool) -> None:
    (one,) = between(rollouts_of(kinds(LATE, {"exit()": 9})))
    assert replace(one, z=z, after=after).grew == grew


def test_answers_that_stand_for_many_make_shares_and_no_certainty() -> None:
    early = kinds(EARLY, {"import a": 40})
    whole = between(rollouts_of(early + kinds(LATE, {"import a": 30, "exit()": 10})))[0]
    some = between(rollouts_of(early + kinds(LATE, {"import a": 30}) + kinds(LATE, {"exit()": 1}, kept_with=0.1)))[0]
    assert whole.share_after == pytest.approx(some.share_after) == pytest.approx(0.25)
    assert some.after == 1
    assert some.z < 0.7 * whole.z
    alike = kinds(EARLY, {"import a": 40}, 0.5) + kinds(LATE, {"import a": 30, "exit()": 10}, 0.1)
    assert between(rollouts_of(alike))[0].z == pytest.approx(whole.z)  # kept with one chance: as if all were kept


def test_a_stretch_without_answers_shows_no_growth() -> None:
    found = between(rollouts_of(kinds(LATE, {"exit()": 30})))
    assert [(one.z, one.before, one.after, one.share_before) for one in found] == [(0.0, 0, 30, 0.0)]
    assert between(rollouts_of([])) == ()


def test_a_planted_kind_is_among_the_first_three_whatever_else_drifts() -> None:
    rng, first = np.random.default_rng(7), 0
    runs, answers, others = 40, 256, 60
    names = [f"import m{n}" for n in range(others)]
    for _ in range(runs):
        share = rng.dirichlet(np.full(others, 0.5))
        drifted = share * np.exp(rng.normal(0.0, 0.5, others))
        early = rng.multinomial(answers, share)
        late = rng.multinomial(answers, np.append(0.9 * drifted / drifted.sum(), 0.1))
        given = [Given(text, EARLY) for text, count in zip(names, early, strict=True) for _ in range(count)]
        given += [Given(text, LATE) for text, count in zip([*names, "exit()"], late, strict=True) for _ in range(count)]
        first += "exit()" in [one.group.text for one in between(rollouts_of(given))[:3]]
    assert first >= 38  # of 40
