"""What parameters may be, and how the words of a finding are filled."""

from __future__ import annotations

import math

import pytest

from heldout.detectors.clipping import ClipSaturation
from heldout.detectors.question import COUNT, FRACTION, Range, above, as_markdown, at_least, between, whole


@pytest.mark.parametrize(
    ("allowed", "words", "inside", "outside"),
    [
        (at_least(2.0), "at least 2 and finite", [2, 2.0, 9.5], [1.999, math.inf, math.nan, "2", None]),
        (above(2.0), "above 2 and finite", [2.001, 3], [2.0, -3.0, math.inf]),
        (between(0.01, 0.2), "from 0.01 to 0.2", [0.01, 0.1, 0.2], [0.009, 0.201, math.nan]),
        (whole(0), "a whole number of at least 0", [0, 1], [-1, 0.0, True, "1"]),
        (COUNT, "a whole number of at least 1", [1, 10**9], [0, False, 1.0]),
        (FRACTION, "between 0 and 1, both excluded", [1e-9, 0.5, 0.999], [0, 0.0, 1, 1.0, 1.1, -0.1]),
    ],
)
def test_a_range_allows_what_its_words_say(
    allowed: Range, words: str, inside: list[object], outside: list[object]
) -> None:
    assert allowed.words == words
    assert all(allowed.allows(value) for value in inside)
    assert not any(allowed.allows(value) for value in outside)


def test_the_page_has_question_needs_text_and_a_row_for_each_parameter() -> None:
    page = as_markdown([ClipSaturation])
    assert (
        "## ClipSaturation\n\n**Are too many tokens clipped, or nearly all of them at one bound?** Name: `clipping`."
        in page
    )
    assert (
        "Needs: `clip_fraction` or `clip_fraction_low` or `clip_fraction_high`.\n\n`clip_saturation` is found" in page
    )
    assert "| `share` | 0.3 | between 0 and 1, both excluded | share of clipped tokens that is too many |" in page
    assert "``" not in page
    assert page.count("\n## ") == 1
