"""Which detectors are asked about a run, and how the plan decides about that of falls."""

from __future__ import annotations

import pytest

from heldout.detectors import Block, Detectors, Plateau, default_detectors, falls_among
from heldout.run import Evaluation


def test_the_detector_of_falls_is_asked_first_and_all_others_after_it() -> None:
    asked = Detectors.planned(20)
    assert [one.name for one in asked] == [asked.falls.name, *(one.name for one in default_detectors())]
    own = Plateau(horizon=20, margin=3.0)
    assert list(Detectors.planned(40, [own], margin=3.0))[1:] == [own]


def test_a_detector_of_plateaus_is_told_of_the_plan_and_the_margin() -> None:
    (level,) = Detectors.planned(40, [Plateau()], margin=3.0).others
    assert isinstance(level, Plateau)
    assert (level.horizon, level.margin) == (40, 3.0)
    assert Detectors.planned(40, margin=3.0).margin == 3.0
    ramp = [Evaluation(k, 0.3 + 0.005 * k, 10_000) for k in range(9)]  # 5 points a quarter
    assert not level.update(Block(evaluations=ramp))
    assert Plateau().update(Block(evaluations=ramp))  # a quarter of a run that ends here is two evaluations


@pytest.mark.parametrize(
    ("evaluations", "group", "horizon"),
    [(None, 1, None), (0, 1, 1), (1, 1, 1), (160, 1, 160), (161, 2, 81), (320, 2, 160), (321, 3, 107)],
)
def test_a_plan_of_more_than_160_evaluations_is_grouped(
    evaluations: int | None, group: int, horizon: int | None
) -> None:
    falls = falls_among(evaluations)
    assert (falls.group, falls.horizon) == (group, horizon)
