"""Pages with figures to read in a browser, made once for all tests of a worker."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np

from heldout import pages
from heldout.charts import Chart, Hints, Marks, length_and_pass_rate, reward_and_held_out
from heldout.charts.browser import as_data
from heldout.report import write_report
from heldout.run import Run, Series

STEPS = np.arange(300)
EVALUATED = np.arange(0, 300, 10)
LANE = [
    {"step": 90, "low": 60, "high": 120, "severity": "alarm", "title": "the score falls", "anchor": "finding-1"},
    {"step": 200, "low": 200, "high": 200, "severity": "watch", "title": "entropy is low", "anchor": "finding-2"},
]
_PAGE = """{% extends "base.html" %}{% from "parts.html" import figure %}{% block content %}
<h1>{{ name }}</h1>
{% for stem, chart in charts.items() %}
{{ figure(stem, chart, "<svg></svg>"|safe, caption=chart.caption, files=[stem ~ ".svg"],
  command="heldout chart run", lane=lane if loop.first else ()) }}
{% endfor %}
<h3 id="finding-1">the score falls</h3><h3 id="finding-2">entropy is low</h3>
{% endblock %}"""


@cache
def a_run() -> Run:
    """A noisy reward that rises, evaluations with bars that fall, and lengths."""
    rng = np.random.default_rng(0)
    reward = Series("reward", STEPS, np.clip(0.3 + STEPS / 400 + rng.normal(0, 0.12, 300), 0, None))
    score = np.clip(0.4 + 0.3 * np.sin(EVALUATED / 90), 0, 1)
    held_out = Series("pass@1", EVALUATED, score, np.full(30, 0.03))
    length = Series("length", STEPS, 400.0 + 100 * np.cos(STEPS / 50) + rng.normal(0, 20, 300))
    roles = {"reward": "reward", "held_out": "pass@1", "length": "length"}
    return Run("a run", "memory", "test", {one.name: one for one in (reward, held_out, length)}, roles)


@cache
def a_page() -> str:
    """The address of a page with two figures, a lane of findings, and little else."""
    marks = Marks(chosen=130, tied=((110, 150),), onset=180)
    reward = reward_and_held_out(a_run(), marks=marks)
    length = length_and_pass_rate(a_run(), hints=Hints(left_ticks=(300, 450, 50)))  # values lie outside
    return page_of({"reward": reward, "length": length}, LANE)


def page_of(charts: dict[str, Chart], lane: list[dict[str, Any]], name: str = "a run") -> str:
    """Write a page of figures; return its address."""
    data = {stem: as_data(chart) for stem, chart in charts.items()}
    template = pages.template("base.html", "heldout.report").environment.from_string(_PAGE)
    path = Path(mkdtemp()) / "page.html"
    path.write_text(template.render(charts=data, lane=lane, name=name), encoding="utf-8")
    return path.as_uri()


@cache
def a_report() -> Path:
    """The report of that run."""
    return write_report(a_run(), Path(mkdtemp()), ["svg"]).page
