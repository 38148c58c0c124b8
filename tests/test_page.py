"""The page in a real browser: light and dark, wide and narrow."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

import heldout
from heldout.charts.palettes import PALETTES
from heldout.report import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--disable-quic",
    "--disable-component-update",
    "--disable-sync",
]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(heldout.read("example:deepseek-r1"), tmp_path_factory.mktemp("page"), ["svg"]).page


def shot(page: Path, out: Path, *, width: int, dark: bool = False) -> Image.Image:
    """A screenshot of the top of the page."""
    own = [f"--user-data-dir={out.parent / 'profile'}", f"--blink-settings=preferredColorScheme={0 if dark else 1}"]
    command = [str(CHROMIUM), *QUIET, *own, f"--window-size={width},1100", f"--screenshot={out}", page.as_uri()]
    subprocess.run(command, capture_output=True, check=True, timeout=120)
    return Image.open(out).convert("RGB")


def colours(image: Image.Image) -> set[tuple[int, ...]]:
    return {colour for _, colour in image.getcolors(1 << 24) or [] if isinstance(colour, tuple)}


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


@pytest.mark.parametrize("dark", [False, True])
def test_page_and_figure_follow_the_theme(page: Path, tmp_path: Path, dark: bool) -> None:
    image = shot(page, tmp_path / "shot.png", width=1000, dark=dark)
    palette, other = (PALETTES[theme] for theme in (("dark", "light") if dark else ("light", "dark")))
    assert image.getpixel((5, 5)) == rgb(palette["ground"])
    seen = colours(image)
    assert rgb(palette["left"]) in seen
    assert rgb(palette["right"]) in seen
    assert rgb(other["left"]) not in seen


def test_a_narrow_page_shows_the_figure_whole(page: Path, tmp_path: Path) -> None:
    image = shot(page, tmp_path / "shot.png", width=500)
    right = rgb(PALETTES["light"]["right"])
    xs = [x for x in range(image.width) for y in range(0, image.height, 2) if image.getpixel((x, y)) == right]
    assert xs
    assert max(xs) < image.width - 4  # the right axis stands inside the page
    assert max(xs) > 0.8 * image.width  # and the figure fills it
