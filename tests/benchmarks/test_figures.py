"""Figures of the benchmark: what is in them, and that nothing lies on anything else."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.text import Text

from benchmarks.cases import Case, Result, as_json
from benchmarks.detect import main
from benchmarks.figures import _apart, _figures, alarms, regret, save
from benchmarks.rivals import OURS, RIVALS
from benchmarks.score import Estimate, Score, Selection
from heldout.charts.matplotlib_backend.settings import own_settings
from heldout.errors import UsageError


def _result(name: str = "n200K40", seed: int = 0) -> Any:
    """Detectors with made-up numbers, several of them close together."""
    case, rng = Case.named(name), np.random.default_rng(seed)

    def one(detector: Any, tuned: Any) -> Any:
        rate = 0.05 if tuned else float(rng.choice([0.0, 0.01, 0.03, 0.2, 1.0]))
        delay = float(rng.choice([6.0, 6.1, 6.3, 9.0, 16.0]))
        falls = {family: Estimate(0.5, 0.01) for family in case.declines}
        return Score(
            detector,
            1.0,
            {family: Estimate(rate, 0.01) for family in case.nulls},
            falls,
            falls,
            {family: Estimate(delay, 0.2) for family in case.declines},
            falls,
        )

    names = [detector.name for detector in (*RIVALS, *OURS)]
    tuned = [] if "outside" in name else names[2:]
    pick = Selection(*(Estimate(value, 0.02) for value in (0.9, 0.4, 0.95, 0.98, 20.0, 0.9, 0.1)))
    better = replace(pick, regret=Estimate(0.6, 0.02))
    return Result(
        case,
        30,
        seed,
        tuple(one(name, False) for name in names),
        tuple(one(name, True) for name in tuned),
        {"raw argmax": {"honest": pick}, "heldout": {"honest": better}},
    )


def _drawn(make: Any, results: Any) -> Any:
    with own_settings():
        figure = make(results)
        figure.canvas.draw()
    shown = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
    return figure, shown


@pytest.mark.parametrize("seed", range(5))
def test_no_words_overlap_and_none_leave_the_figure(seed: int) -> None:
    figure, shown = _drawn(alarms, _result(seed=seed))
    boxes = [(text.get_text(), text.get_window_extent()) for text in shown]
    for (one, a), (other, b) in combinations(boxes, 2):
        assert not a.padded(-1.0).overlaps(b.padded(-1.0)), (one, other)
    for text, box in boxes:
        assert figure.bbox.x0 <= box.x0 <= box.x1 <= figure.bbox.x1, text
        assert figure.bbox.y0 <= box.y0 <= box.y1 <= figure.bbox.y1, text


def test_every_detector_is_named_on_the_left_and_the_tuned_ones_on_the_right_with_their_delay() -> None:
    result = _result()
    words = [text.get_text() for text in _drawn(alarms, result)[1]]
    left = ", ".join(words).split(", ")
    for detector in (*RIVALS, *OURS):
        assert detector.name.replace("heldout: alarm", "heldout").split(", ")[0] in left
    assert sum("  " in text for text in words) == len(result.matched)


def test_dots_on_each_other_share_a_name_unless_they_are_ours() -> None:
    one = _result().default[0]
    names = ("always", "never", "heldout: GP", "heldout: scan")
    result = replace(_result(), default=tuple(replace(one, detector=name) for name in names), matched=())
    words = [text.get_text() for text in _drawn(alarms, result)[1]]
    assert {"always, never", "heldout: GP", "heldout: scan"} <= set(words)


def test_heldout_is_emphasised() -> None:
    shown = {text.get_text().split("  ")[0]: text for text in _drawn(alarms, _result())[1]}
    assert shown["heldout"].get_fontweight() == "bold"
    assert shown["heldout"].get_color() == shown["heldout: GP"].get_color() != shown["EWMA"].get_color()


def test_without_tuned_thresholds_there_is_one_panel() -> None:
    assert len(alarms(_result("n200K40-outside")).axes) == 1
    assert len(alarms(_result()).axes) == 2


def test_regret_is_drawn_over_problems_for_configurations_that_differ_in_them_alone() -> None:
    results = [_result(name) for name in ("n500K40", "n100K40", "n200K20", "n500K40-churn")]
    names = [name for name, *_ in _figures(results)]
    assert names == [*(f"{one.case.name}-alarms" for one in results), "regret-K40", "regret-K20", "regret-K40-churn"]
    words = [text.get_text() for text in _drawn(regret, results[1::-1])[1]]
    assert {"100", "500", "heldout", "highest rate seen", "40 evaluations"} <= set(words)


@pytest.mark.parametrize("wanted", [[0.0, 0.1, 0.2, 9.0], [5.0, 5.0, 5.0], [8.0, 8.5, 9.9], [3.0]])
def test_names_in_a_column_stand_apart_in_order_inside_and_near(wanted: Any) -> None:
    places = _apart(wanted, 1.0, 0.0, 10.0)
    assert np.all(np.diff(places) >= 1.0 - 1e-9)
    assert min(places) >= 0.0
    assert max(places) <= 10.0
    assert max(abs(a - b) for a, b in zip(places, wanted, strict=True)) <= len(wanted)


def test_names_that_have_room_are_not_moved() -> None:
    assert _apart([1.0, 3.0, 4.0], 1.0, 0.0, 10.0) == [1.0, 3.0, 4.0]


def test_figures_are_drawn_from_an_earlier_file_as_svg_and_png_and_always_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "result.json"
    file.write_text(as_json([_result()], lambda result: {}))
    for folder in ("one", "other"):
        main(2, [], 0, 1, None, tmp_path / folder, file)
    written = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert written == ["n200K40-alarms.png", "n200K40-alarms.svg", "regret-K40.png", "regret-K40.svg"]
    assert "n200K40-alarms.svg" in capsys.readouterr().out.replace("\n", "")
    for name in written:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()
    title = ElementTree.parse(tmp_path / "one" / "n200K40-alarms.svg").find("{http://www.w3.org/2000/svg}title")
    assert title is not None
    assert title.text == "n200K40: false alarms against delay"


def test_names_lie_within_the_figure_in_a_file_whose_pixels_are_others(tmp_path: Path) -> None:
    save([_result()], tmp_path)
    drawn = ElementTree.parse(tmp_path / "n200K40-alarms.svg").getroot()
    _, _, width, height = map(float, drawn.attrib["viewBox"].split())
    texts = [one for one in drawn.iter() if one.tag.endswith("text")]
    assert "heldout" in {"".join(one.itertext()) for one in texts}
    for one in texts:
        assert 0.0 <= float(one.attrib["x"]) <= width
        assert 0.0 <= float(one.attrib["y"]) <= height


def test_a_file_is_no_folder_for_figures(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(UsageError, match="that is a file; name a folder"):
        main(2, ["n20K8"], 0, 1, None, tmp_path / "taken")
    with pytest.raises(UsageError, match="nothing can be written there"):
        save([_result()], tmp_path / "taken" / "inside")
