from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from heldout.charts import Axis, Chart, Line, Marker, Place, Side, legend_place
from heldout.charts.placement import (
    CORNERS,
    Box,
    beside_horizontal,
    beside_vertical,
    corner_box,
    drawn,
    emptiest,
    label_box,
)

UNIT = Axis("x", (0, 1), (0, 1))
STEP = np.linspace(0, 1, 50)


def chart(value: np.ndarray, **options: Any) -> Chart:
    return Chart(UNIT, UNIT, layers=(Line(Side.LEFT, STEP, value, "a name", **options),))


def test_ties_go_to_the_upper_left() -> None:
    assert legend_place(chart(np.full(50, 0.5))) == Place.UPPER_LEFT


@pytest.mark.parametrize(
    ("value", "place"),
    [(1 - STEP, Place.UPPER_RIGHT), (STEP, Place.UPPER_LEFT), (np.full(50, 0.95), Place.LOWER_LEFT)],
)
def test_the_emptiest_corner(value: np.ndarray, place: Place) -> None:
    assert legend_place(chart(value)) == place


def test_above_if_every_corner_hides_a_curve() -> None:
    crowd = [Line(Side.LEFT, STEP, np.full(50, height)) for height in (0.05, 0.15, 0.85, 0.95)]
    assert legend_place(chart(STEP).with_layers(*crowd)) == Place.ABOVE


def test_a_wish_is_followed_unless_it_hides_a_curve() -> None:
    assert legend_place(replace(chart(np.full(50, 0.5)), legend=Place.LOWER_RIGHT)) == Place.LOWER_RIGHT
    assert legend_place(replace(chart(STEP), legend=Place.UPPER_RIGHT)) == Place.UPPER_LEFT
    assert legend_place(replace(chart(STEP), legend=Place.NONE)) == Place.NONE


def test_noise_may_be_covered_where_a_curve_may_not() -> None:
    assert drawn(chart(STEP, raw=True)).weight.sum() < 0.2 * drawn(chart(STEP)).weight.sum()


def test_markers_count() -> None:
    assert drawn(chart(STEP, marker=Marker.CIRCLE)).weight.sum() > drawn(chart(STEP)).weight.sum()


def test_boxes() -> None:
    one, two = Box(0, 0, 0.5, 0.5), Box(0.25, 0.25, 0.5, 1.0)
    assert one.overlap(two) == pytest.approx(0.0625)
    assert one.outside() == 0.0
    assert two.outside() == pytest.approx(0.25)
    assert two.outside(headroom=0.25) == 0.0
    assert all(corner_box(place, (0.3, 0.2)).outside() == 0.0 for place in CORNERS)


def test_a_label_stands_clear_of_curves_and_of_others() -> None:
    content = drawn(chart(1 - np.abs(STEP - 0.5)))
    box = label_box((0.5, 0.8), (0.1, 0.05), (0.02, 0.03), content, [])
    assert box is not None
    assert content.hidden_by(box) == 0.0
    other = label_box((0.5, 0.8), (0.1, 0.05), (0.02, 0.03), content, [box])
    assert other is not None
    assert other.overlap(box) == 0.0


def test_a_label_without_room_is_left_out() -> None:
    taken = [Box(0, 0, 1, 1)]
    assert label_box((0.5, 0.5), (0.1, 0.05), (0.02, 0.03), drawn(chart(STEP)), taken) is None
    assert emptiest(beside_vertical(0.5, (0.8, 0.1), (0.01, 0.01)), drawn(chart(STEP)), []) is None


def test_a_label_goes_over_the_top_if_it_may() -> None:
    box = label_box((0.5, 1.0), (0.1, 0.05), (0.02, 0.03), drawn(chart(1 - np.abs(STEP - 0.5))), [], headroom=0.1)
    assert box is not None
    assert box.bottom >= 1.0


def test_labels_of_rules() -> None:
    assert beside_vertical(0.2, (0.1, 0.05), (0.01, 0.02))[0] == Box(0.21000000000000002, 0.9299999999999999, 0.1, 0.05)
    assert beside_horizontal(0.5, (0.1, 0.05), (0.01, 0.02))[0].bottom == 0.52
