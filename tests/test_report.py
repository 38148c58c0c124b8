"""The files of a report: complete, escaped, self-contained, and the same to machines as to people."""

from __future__ import annotations

import html
import json
import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import heldout
from heldout.charts import Band, Line, legend_place
from heldout.errors import UsageError
from heldout.report import FORMATS, SCHEMA, folder_name, write_report
from heldout.report.figures import standard_figures
from heldout.report.json_report import as_json
from heldout.run import Note, NoteKind, Run, Series

HOSTILE = '<script>alert("x")</script> | `$a_b$` [l](http://e)'


class Tags(HTMLParser):
    """Collects what a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loaded += [value or "" for name, value in attrs if name == "src" or (tag == "link" and name == "href")]


@pytest.fixture(scope="module")
def kimi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(heldout.read("example:kimi-dev"), tmp_path_factory.mktemp("kimi"), FORMATS).folder


def test_all_files_are_there(kimi: Path) -> None:
    names = {path.name for path in kimi.iterdir()}
    figures = {f"length-and-pass-rate.{suffix}" for suffix in ("svg", "png", "pdf")}
    assert names == {"report.html", "report.md", "report.json"} | figures


def test_the_json_has_what_is_documented(kimi: Path) -> None:
    data = json.loads((kimi / "report.json").read_text())
    assert data["schema"] == SCHEMA
    assert data["run"] | {"metrics": [], "settings": {}} == {
        "name": "Kimi-Dev RL", "source": "example:kimi-dev", "format": "example", "steps": 21, "first_step": 0,
        "last_step": 200, "metrics": [], "settings": {},
    }  # fmt: skip
    assert data["roles"]["held_out"] == {
        "key": "Pass Rate (%)",
        "unit": "%",
        "scale": "percent",
        "values": 21,
        "problems": None,
        "samples": None,
    }
    assert data["roles"]["reward"] is None
    assert data["series"]["length"]["peak"] == {"step": 180, "value": 8550.0}
    assert data["series"]["held_out"]["trough"] == {"step": 0, "value": 24.5}
    assert {"step": 200, "value": 8400.0} in data["key_points"]["length"]
    assert data["correlations"][0]["differences"]["n"] == 20
    assert data["observations"][0]["weight"] >= data["observations"][-1]["weight"]
    assert data["notes"][0]["kind"] == "assumed"


def keys(value: object) -> Iterator[str]:
    """Every key of an object that the schema names: not those that a run brings along."""
    if isinstance(value, list):
        for one in value:
            yield from keys(one)
    elif isinstance(value, dict):
        for key, one in value.items():
            yield key
            if key in ("series", "key_points", "roles"):
                yield from keys(list(one.values()))
            elif key not in ("evidence", "figures"):
                yield from keys(one)


def test_every_key_of_the_json_is_documented(kimi: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    step = np.arange(0, 300, 10)
    rates = {"val/a_acc": np.linspace(0.5, 0.2, 30), "val/b_acc": np.full(30, 0.4)}
    metrics = {
        key: Series(key, step, rng.binomial(500, p) / 500, problems=np.full(30, 500.0)) for key, p in rates.items()
    }
    metrics["entropy"] = Series("entropy", step, np.geomspace(1.0, 0.001, 30))
    metrics["reward"] = Series("reward", step, np.sin(step / 60.0) + rng.normal(0.0, 0.05, 30))
    roles = {"held_out": "val/a_acc", "entropy": "entropy", "reward": "reward"}
    run = Run("r", "m", "t", metrics, roles, (Note(NoteKind.UNKNOWN, "n"),))
    folders = (kimi, write_report(run, tmp_path / "out").folder)
    found = {key for folder in folders for key in keys(json.loads((folder / "report.json").read_text()))}
    documented = (Path(__file__).parents[1] / "docs" / "report.md").read_text()
    assert {key for key in found if not re.search(rf"`[^`]*\b{key}\b[^`]*`", documented)} == set()
    assert {"adjusted_p", "advice", "reference", "n_effective", "lag_points", "start_level", "peak_step"} <= found


def test_a_number_that_is_not_defined_is_null() -> None:
    run = Run("one", "m", "test", {"reward": Series("reward", np.array([3]), np.array([0.5]))}, {"reward": "reward"})
    written = as_json(run, heldout.describe(run), heldout.diagnose(run), {})
    assert json.loads(written)["series"]["reward"]["noise"] == {"sd": None, "share_of_movement": None}
    assert b"NaN" not in written


def test_the_page_loads_nothing_and_runs_only_what_its_policy_names(kimi: Path) -> None:
    page = (kimi / "report.html").read_text()
    tags = Tags()
    tags.feed(page)
    assert tags.loaded == ["data:,"]  # no icon: browsers would ask for one
    policy = html.unescape(re.findall(r'Content-Security-Policy" content="([^"]*)"', page)[0])
    for script in re.findall(r"<script>(.*?)</script>", page, re.DOTALL):
        assert f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy.split("style-src-attr")[0]
    assert not re.search(r"url\((?!#)", page)
    assert "color-scheme: light dark" in page


def test_the_markdown_has_its_parts_in_order(kimi: Path) -> None:
    text = (kimi / "report.md").read_text()
    parts = [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")]
    assert parts == [
        "Findings",
        "Not checked",
        "Checkpoints",
        "Overview",
        "Components",
        "Detailed analysis",
        "Key observations",
        "Interpretation",
        "Settings",
        "What the reader did",
    ]


def test_what_comes_from_a_log_is_escaped_everywhere(tmp_path: Path) -> None:
    values = np.random.default_rng(0).random(60)
    metrics = {HOSTILE: Series(HOSTILE, np.arange(60), values), "pass@1": Series("pass@1", np.arange(60), values)}
    run = Run(
        HOSTILE, HOSTILE, "test", metrics, {"reward": HOSTILE, "held_out": "pass@1"}, (Note(NoteKind.UNKNOWN, HOSTILE),)
    )
    folder = write_report(run, tmp_path / "out").folder
    page = (folder / "report.html").read_text()
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
    markdown = (folder / "report.md").read_text()
    assert "<script" not in markdown.replace("\\<", "")
    assert json.loads((folder / "report.json").read_text())["run"]["name"] == HOSTILE


def test_two_figures_in_one_page_do_not_share_ids(tmp_path: Path) -> None:
    steps = np.arange(80)
    rng = np.random.default_rng(0)
    keys = {"reward": "reward", "held_out": "pass@1", "length": "length"}
    run = Run("r", "m", "test", {key: Series(key, steps, rng.random(80)) for key in keys.values()}, keys)
    page = (write_report(run, tmp_path / "out").folder / "report.html").read_text()
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert page.count("<svg") >= 2
    assert len(ids) == len(set(ids))


def test_one_value_is_enough_for_a_report(tmp_path: Path) -> None:
    run = Run("one", "m", "test", {"reward": Series("reward", np.array([3]), np.array([0.5]))}, {"reward": "reward"})
    assert write_report(run, tmp_path / "out").page.exists()


def test_an_unknown_figure_format_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="svg, png, pdf, not 'gif'"):
        write_report(heldout.read("example:kimi-dev"), tmp_path, ["gif"])


@pytest.mark.parametrize(
    ("name", "folder"), [("a/b c", "a-b-c"), ("../..", "run"), ("", "run"), ("x" * 200, "x" * 160)]
)
def test_a_runs_name_becomes_a_safe_folder(name: str, folder: str) -> None:
    assert folder_name(name) == folder


def test_the_published_figures_have_the_published_axes() -> None:
    (reward,) = standard_figures(heldout.read("example:deepseek-r1"))
    chart = reward.chart
    assert chart.x.ticks == tuple(range(0, 701, 100))
    assert chart.left.ticks == pytest.approx(np.arange(3.0, 5.01, 0.25))
    assert chart.right is not None
    assert chart.right.ticks == pytest.approx(np.arange(0.28, 0.3601, 0.01))
    assert (chart.x.label, chart.left.label, chart.right.label) == ("Steps", "Reward Score", "Test Pass@1")
    assert chart.entries == ("Reward", "Performance")
    assert legend_place(chart) == "upper left"
    first, second = (layer for layer in chart.layers if isinstance(layer, Line))
    assert (first.marker, first.dash, first.colour) == ("circle", "solid", "left")
    assert (second.marker, second.dash, second.colour) == ("diamond", "dashed", "right")
    assert not any(isinstance(layer, Band) for layer in chart.layers)  # the raw values are not published

    (length,) = standard_figures(heldout.read("example:kimi-dev"))
    chart = length.chart
    assert chart.x.ticks == tuple(range(0, 201, 25))
    assert chart.left.ticks == (6500, 7000, 7500, 8000, 8500)
    assert chart.right is not None
    assert chart.right.ticks == (24, 26, 28, 30, 32, 34)
    first, second = (layer for layer in chart.layers if isinstance(layer, Line))
    assert (first.marker, second.marker) == ("square", "circle")
    assert legend_place(chart) == "upper left"
