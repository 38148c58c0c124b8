"""Which detectors are asked about a run, and how the plan decides about that of falls."""

from __future__ import annotations

import pytest

from heldout.detectors import Detectors, Plateau, default_detectors, falls_among


def test_the_detector_of_falls_is_asked_first_and_all_others_after_it() -> None:
    asked = Detectors.planned(20)
    assert [one.name for one in asked] == [asked.falls.name, *(one.name for one in default_detectors())]
    own = Plateau()
    assert list(Detectors.planned(20, [own]))[1:] == [own]


@pytest.mark.parametrize(
    ("evaluations", "group", "horizon"),
    [(None, 1, None), (0, 1, 1), (1, 1, 1), (160, 1, 160), (161, 2, 81), (320, 2, 160), (321, 3, 107)],
)
def test_a_plan_of_more_than_160_evaluations_is_grouped(
    evaluations: int | None, group: int, horizon: int | None
) -> None:
    falls = falls_among(evaluations)
    assert (falls.group, falls.horizon) == (group, horizon)
