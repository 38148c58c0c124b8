"""Fonts, colours, style sheets, formulas, and files for LaTeX."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from charts_data import REWARD_HINTS, published_reward, run_of, series
from fontTools.fontBuilder import FontBuilder  # type: ignore[import-untyped]
from fontTools.pens.ttGlyphPen import TTGlyphPen  # type: ignore[import-untyped]
from matplotlib.font_manager import fontManager

from heldout.charts import Chart, Hints, Style, dual_axis, render, reward_and_held_out, svg, unknown_signs
from heldout.charts.matplotlib_backend import fonts
from heldout.charts.matplotlib_backend.pgf import as_tex
from heldout.errors import ChartError

SIGN = "𠀀"  # an ideograph that no font of the usual ones has
HOSTILE = r"\input{/etc/passwd} $x$ 50% a_b & #1 ~^"


def published() -> Chart:
    return reward_and_held_out(published_reward(), hints=REWARD_HINTS)


def named(key: str) -> Chart:
    return dual_axis(run_of(series(key, [0, 1], [0, 1])), key)


@pytest.fixture
def font(tmp_path: Path) -> Iterator[str]:
    """A font that has one sign."""
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    pen.lineTo((500, 0))
    pen.lineTo((500, 500))
    pen.closePath()
    glyph = pen.glyph()
    made = FontBuilder(1000, isTTF=True)
    made.setupGlyphOrder([".notdef", "sign"])
    made.setupCharacterMap({ord(SIGN): "sign"})
    made.setupGlyf({".notdef": glyph, "sign": glyph})
    made.setupHorizontalMetrics({".notdef": (600, 0), "sign": (600, 0)})
    made.setupHorizontalHeader(ascent=800, descent=-200)
    made.setupNameTable({"familyName": "One Sign", "styleName": "Regular"})
    made.setupOS2()
    made.setupPost()
    made.save(tmp_path / "one.ttf")
    yield str(tmp_path / "one.ttf")
    fontManager.ttflist = [entry for entry in fontManager.ttflist if entry.name != "One Sign"]
    fonts._added.cache_clear()


def test_a_sign_that_no_font_has_is_told_and_one_that_is_given_is_used(font: str) -> None:
    chart = named(f"reward {SIGN}")
    assert unknown_signs(chart) == SIGN
    assert unknown_signs(chart, Style(font=font)) == ""
    assert "font-family=\"'One Sign', 'DejaVu Sans'" in svg(chart, style=Style(font=font))
    assert unknown_signs(chart) == ""  # it is known now, and chosen for the sign


def test_nothing_is_logged_of_a_font_that_has_no_bold_form(font: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("WARNING"):
        render(published().with_title(SIGN), "svg", style=Style(font=font))
    assert caplog.records == []


def test_serif_is_the_same_on_every_machine() -> None:
    assert "font-family=\"'STIXGeneral'" in svg(published(), style=Style(font="serif"))
    assert b"STIXGeneral" in render(published(), "pdf", style=Style(font="serif"))


def test_colours_of_ones_own() -> None:
    drawing = svg(published(), style=Style(palette="#123456, #abcdef"))
    assert "#123456" in drawing
    assert "#abcdef" in drawing
    assert "#00508f" not in drawing
    assert 'stroke="#000000"' in svg(published(), style=Style(palette="grey"))


def test_a_style_sheet_sets_sizes_and_colours(tmp_path: Path) -> None:
    sheet = tmp_path / "paper.mplstyle"
    sheet.write_text("font.size: 14\nlines.linewidth: 3\naxes.prop_cycle: cycler('color', ['112233', '445566'])\n")
    drawing = svg(published(), style=Style(sheet=str(sheet)))
    assert {"14px"} <= set(re.findall(r'font-size="([^"]+)"', drawing))
    assert 'stroke="#112233" stroke-width="3"' in drawing
    assert "#445566" in drawing
    ground = svg(published(), style=Style(sheet="ggplot"))  # of the plot; the page around it stays white
    assert 'fill="#e5e5e5"' in ground
    assert 'fill="#ffffff"' in ground


def test_a_style_sheet_cannot_make_a_key_a_command(tmp_path: Path) -> None:
    sheet = tmp_path / "s.mplstyle"
    sheet.write_text("text.parse_math: True\nsvg.fonttype: path\nlines.linewidth: 2\n")
    assert "$x_1$" in svg(named("$x_1$"), style=Style(sheet=str(sheet)))
    sheet.write_text("text.usetex: True\n")
    with pytest.raises(ChartError, match=r"asks for LaTeX \(text.usetex\); write a .pgf file"):
        svg(published(), style=Style(sheet=str(sheet)))


@pytest.mark.parametrize("text", ["nothing of it\n", "lines.linewidth: wide\n", ""])
def test_a_sheet_that_is_none(tmp_path: Path, text: str) -> None:
    sheet = tmp_path / "s.mplstyle"
    sheet.write_text(text)
    with pytest.raises(ChartError, match="The style sheet"):
        svg(published(), style=Style(sheet=str(sheet)))


@pytest.mark.parametrize(
    ("style", "words"),
    [
        ({"palette": "blue"}, "The palette is 'blue'; it can be heldout, okabe-ito, grey, or up to 5 colours"),
        ({"palette": "#12345g"}, "The palette is '#12345g'"),
        ({"font": "Comic Serif"}, "No font 'Comic Serif' is installed"),
        ({"font": "nowhere.ttf"}, "The font 'nowhere.ttf' cannot be read"),
        ({"sheet": "nowhere.mplstyle"}, "The style sheet 'nowhere.mplstyle' cannot be read"),
    ],
)
def test_looks_that_there_are_not(style: dict[str, str], words: str) -> None:
    with pytest.raises(ChartError, match=words):
        svg(published(), style=Style(**style))


# -- formulas ----------------------------------------------------------------------------------------------------------


def test_a_formula_is_what_a_person_wrote_and_never_a_key() -> None:
    run = run_of(series("$x^2$", [0, 1], [0, 1]))
    assert "$x^2$" in svg(dual_axis(run, "$x^2$"))
    hints = Hints(left_label=r"Reward $\beta$", title="$n$ runs")
    chart = dual_axis(run, "$x^2$", hints=hints)
    assert {r"Reward $\beta$", "$n$ runs"} <= chart.mathtext
    drawing = svg(chart)
    assert "β" in drawing.split("</desc>")[1]
    assert r"\beta" not in drawing.split("</desc>")[1]


def test_a_formula_that_cannot_be_set_is_one_sentence() -> None:
    chart = dual_axis(published_reward(), "reward", hints=Hints(left_label=r"$\frac{1}{$"))
    with pytest.raises(ChartError, match="holds no formula that can be set"):
        svg(chart)


# -- LaTeX -------------------------------------------------------------------------------------------------------------


def test_pgf_is_written_without_latex_and_obeys_no_key() -> None:
    text = render(named(HOSTILE), "pgf").decode()
    assert r"\begin{pgfpicture}" in text
    body = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    assert r"\input" not in body
    assert r"\textbackslash{}input\{/etc/passwd\} \$x\$ 50% a\_b \& \#1 \textasciitilde{}\textasciicircum{}" in body


def test_pgf_lets_a_formula_be_one() -> None:
    chart = dual_axis(published_reward(), "reward", hints=Hints(left_label=r"Reward_1 $\beta_1$"))
    assert r"Reward\_1 $\beta_1$" in render(chart, "pgf").decode()


def test_every_line_of_a_comment_is_one() -> None:
    text = render(published().with_title("a\n\\input{x}").with_caption("b\r\\input{y}"), "pgf").decode()
    assert text.splitlines()[0].startswith("%% a\\n")
    assert text.splitlines()[1].startswith("%% b\\r")


def test_each_sign_that_latex_obeys_is_written_as_it_reads() -> None:
    assert as_tex("\\") == r"\textbackslash{}"
    assert as_tex("{}") == r"\{\}"
