from __future__ import annotations

import io
import re
import struct
import time
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from charts_data import LENGTH_HINTS, REWARD_HINTS, noisy_run, published_length, published_reward, run_of, series
from matplotlib.axes import Axes

from heldout.charts import Chart, Colour, Hints, Marks, dual_axis, length_and_pass_rate, reward_and_held_out
from heldout.charts.drawing import draw, render, renders, save, svg
from heldout.charts.matplotlib_backend.sizes import LEAST_POINTS, Scale
from heldout.charts.palettes import PALETTES

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>alert('$x_1$')</script> & \"q\" -- _奖励 $"


def published() -> Chart:
    return reward_and_held_out(published_reward(), hints=REWARD_HINTS)


def hostile() -> Chart:
    run = run_of(series(HOSTILE, [0, 1], [0, 1]), series("_$\\frac{1}{", [0, 1], [0, 1]))
    return dual_axis(run, HOSTILE, "_$\\frac{1}{")


def luminance(colour: str) -> float:
    parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", PALETTES)
def test_text_is_readable_and_the_two_sides_differ_in_grey(theme: Any) -> None:
    palette = PALETTES[theme]
    for role in (Colour.INK, Colour.MUTED, Colour.LEFT, Colour.RIGHT, Colour.MARK):
        assert contrast(palette[role], palette["ground"]) >= 4.5
    for role in Colour:
        assert contrast(palette[role], palette["ground"]) >= 3.0
    assert contrast(palette[Colour.LEFT], palette[Colour.RIGHT]) >= 1.35


@pytest.mark.parametrize("width", [4.0, 8.5, 16.0, 25.0])
def test_text_keeps_a_readable_size(width: Any) -> None:
    assert Scale.of(width, None).tick >= LEAST_POINTS


def test_the_same_chart_gives_the_same_bytes() -> None:
    assert renders(published()) == renders(published())


def test_no_dates() -> None:
    files = renders(published())
    assert b"CreationDate" not in files["pdf"]
    assert b"date" not in files["svg"].lower()
    assert b"/Type0" in files["pdf"] or b"/TrueType" in files["pdf"]
    assert b"/Type3" not in files["pdf"]


def test_the_users_settings_do_not_matter_and_are_left_alone() -> None:
    expected = render(published(), "svg")
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red", "lines.linewidth": 9, "svg.fonttype": "none"}):
        assert render(published(), "svg") == expected
        assert mpl.rcParams["font.size"] == 30


def test_svg_is_accessible() -> None:
    chart = published()
    root = ET.fromstring(render(chart, "svg"))
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None
    assert description is not None
    assert title.text == "Reward Score and Test Pass@1 over Steps"
    assert description.text == chart.caption
    assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"


def test_two_svgs_in_one_page_share_no_id() -> None:
    def ids(chart: Chart, **options: Any) -> set[str]:
        return set(re.findall(r'\sid="([^"]+)"', svg(chart, **options)))

    one, other = published(), length_and_pass_rate(published_length(), hints=LENGTH_HINTS)
    assert ids(one).isdisjoint(ids(other))
    assert ids(one).isdisjoint(ids(one, theme="dark"))


def test_every_reference_in_an_svg_has_its_target() -> None:
    text = svg(reward_and_held_out(noisy_run(), marks=Marks(chosen=350)))
    ids = set(re.findall(r'\sid="([^"]+)"', text))
    used = set(re.findall(r'href="#([^"]+)"', text)) | set(re.findall(r"url\(#([^)]+)\)", text))
    assert used
    assert used <= ids


def test_svg_for_a_page_has_no_declaration() -> None:
    text = svg(published())
    assert text.startswith("<svg ")
    assert "<!DOCTYPE" not in text
    assert "<?xml" not in text


def test_hostile_labels_are_text() -> None:
    text = svg(hostile().with_title(HOSTILE))
    root = ET.fromstring(text)
    assert "<script" not in text
    assert "<!--" not in text
    title = root.find(f"{SVG}title")
    assert title is not None
    assert title.text == HOSTILE


def test_hostile_labels_in_every_format() -> None:
    assert all(renders(hostile().with_title(HOSTILE)).values())


def test_png_size_and_words() -> None:
    data = render(published(), "png", width_cm=8.5, dpi=254)
    assert data.startswith(b"\x89PNG")
    assert struct.unpack(">I", data[16:20]) == (850,)
    assert b"Reward Score and Test Pass@1 over Steps" in data


def test_themes_differ() -> None:
    assert PALETTES["dark"]["ground"] in svg(published(), theme="dark")
    assert PALETTES["light"]["ground"] in svg(published())


@pytest.mark.parametrize("suffix", ["svg", "png", "pdf", "PNG"])
def test_save(tmp_path: Path, suffix: Any) -> None:
    path = save(published(), tmp_path / f"figure.{suffix}", width_cm=8.5)
    assert path.stat().st_size > 1000


def pixels(chart: Chart, **options: Any) -> np.ndarray:
    from matplotlib.image import imread

    return imread(io.BytesIO(render(chart, "png", **options)))[..., :3]


@pytest.mark.parametrize("width", [8.5, 16.0, 25.0])
@pytest.mark.parametrize(
    "chart",
    [
        published(),
        length_and_pass_rate(published_length(), hints=LENGTH_HINTS),
        reward_and_held_out(noisy_run(), marks=Marks(chosen=350, tied=((200, 480),))),
        dual_axis(run_of(series("a/" * 60, range(60), range(60)), series("b/" * 60, [0], [0])), "a/" * 60, "b/" * 60),
        published().with_title("a title that is too long for one line " * 3),
    ],
    ids=["reward", "length", "noisy", "long keys", "long title"],
)
def test_nothing_is_cut_off_at_the_edge(chart: Any, width: Any) -> None:
    image = pixels(chart, width_cm=width, dpi=72)
    for edge in (image[0], image[-1], image[:, 0], image[:, -1]):
        assert (edge == 1.0).all()


def test_a_million_points_stay_small() -> None:
    step = np.arange(1_000_000)
    value = np.tanh(step / 3e5) + np.random.default_rng(0).normal(0, 0.3, step.size)
    run = run_of(series("reward", step, value), reward="reward")
    start = time.perf_counter()
    chart = reward_and_held_out(run)
    files = renders(chart, ("svg", "png"))
    assert time.perf_counter() - start < 10.0  # about a second on an idle machine
    assert len(files["svg"]) < 300_000


def test_a_raw_line_of_many_points_stays_small() -> None:
    from heldout.charts import Line, Side

    step = np.arange(1_000_000.0)
    line = Line(Side.LEFT, step, np.random.default_rng(0).uniform(3, 5, step.size), raw=True, width=0.4)
    chart = published()
    wide = Chart(chart.x.__class__("step", (0, 500_000, 1_000_000), (0, 1e6)), chart.left, layers=(line,))
    assert len(render(wide, "svg")) < 300_000


ODD = {
    "one point": ([5], [1.0]),
    "constant": (range(80), np.full(80, 0.3)),
    "zeros": (range(80), np.zeros(80)),
    "huge": (range(0, 25_000_000, 100_000), 1e12 * np.sin(np.arange(250))),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("both", [True, False])
def test_odd_series_are_drawn(name: str, both: Any) -> None:
    step, value = ODD[name]
    run = run_of(series("a", step, value), series("b", step, value), reward="a", held_out="b")
    chart = dual_axis(run, "a", "b" if both else None, hints=Hints(title="T", legend="above"))
    assert "nan" not in svg(chart, width_cm=8.5).lower().replace("nance", "")


def test_pdf_says_what_it_shows() -> None:
    data = render(published(), "pdf")
    text = data + b"".join(
        zlib.decompressobj().decompress(part)
        for part in re.findall(rb"stream\r?\n(.*?)endstream", data, re.DOTALL)
        if part[:1] == b"x"
    )
    assert b"Reward Score and Test Pass@1 over Steps" in text


@pytest.mark.parametrize("width_cm", [8.5, 16.0, 25.0])
def test_axis_labels_stand_clear_of_the_tick_labels(width_cm: float) -> None:
    ax = draw(published(), width_cm=width_cm)
    figure = ax.figure
    figure.canvas.draw()
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        label = axis.label.get_window_extent()
        ticks = [text.get_window_extent() for text in axis.get_ticklabels() if axis.get_visible()]
        assert not any(label.overlaps(tick) for tick in ticks if label.width and tick.width)


# -- axes of matplotlib, to go on with ---------------------------------------------------------------------------------


def points_of(ax: Axes, axes: Axes) -> set[tuple[float, float]]:
    """What is drawn on `ax` in the units of `axes`."""
    lines = [line for line in ax.lines if line.get_transform() == axes.transData]
    return {(float(x), float(y)) for line in lines for x, y in np.asarray(line.get_xydata())}


def test_axes_are_in_the_units_of_the_chart() -> None:
    chart = published()
    ax = draw(chart)
    left, right = ax.figure.axes
    assert ax is left
    assert (left.get_xlim(), left.get_ylim(), right.get_ylim()) == (chart.x.limits, (3.0, 5.0), (0.28, 0.36))
    assert (650.0, 4.65) in points_of(ax, left)
    assert (350.0, 0.348) in points_of(ax, right)
    assert right.get_yticklabels()[0].get_text() == "0.28"


def test_axes_of_ones_own_keep_their_place_and_the_other_axes_are_left_alone() -> None:
    figure, (first, second) = plt.subplots(1, 2)
    place = first.get_position().bounds
    assert draw(published(), first) is first
    assert first.get_position().bounds == place
    assert not second.lines
    assert len(figure.axes) == 3  # the right side of the first one


def test_drawing_on_axes_leaves_the_users_settings_alone() -> None:
    with mpl.rc_context({"font.size": 30}):
        draw(published())
        assert mpl.rcParams["font.size"] == 30


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")
