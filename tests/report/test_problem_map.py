"""The picture of problems × evaluations, and the table of checkpoints."""

from __future__ import annotations

import base64
import io
import json
import shlex
from pathlib import Path

import numpy as np
from PIL import Image

from heldout.diagnosis.problems import Problems
from heldout.report import write_report
from heldout.report.problem_map import problem_map
from heldout.run import Evaluation, Run, Series
from heldout.stats.arrays import FloatArray

HOSTILE = "</script><img src=x onerror=alert(1)>\u202e\x00"


def problems(share: FloatArray, fate: str = "lost") -> Problems:
    count, times = share.shape
    names = tuple(f"{HOSTILE}{k}" for k in range(count))
    return Problems(names, np.arange(times), share, (fate,) * count, 0, times - 1, count, None, (0, 0))


def pixels(picture: str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    data = base64.b64decode(picture.removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))


def test_each_cell_is_a_pixel_as_opaque_as_its_share() -> None:
    share = np.array([[0.0, 1.0, 0.5], [np.nan, 0.1, 1.0]])
    (strip,) = problem_map(problems(share)).strips
    shown = pixels(strip.picture)
    assert shown[..., 3].tolist() == [[0, 255, 128], [90, 26, 255]]
    assert (shown[1, 0, :3] != shown[0, 1, :3]).any()  # what was not asked is no share of the colour of what was solved
    assert strip.data["cells"] == ["0a5", "-1a"]


def test_a_thousand_problems_in_fifty_evaluations_stay_small_even_at_random() -> None:
    share = np.random.default_rng(0).integers(0, 2, (1000, 50)).astype(float)
    (strip,) = problem_map(problems(share)).strips
    assert len(strip.picture) < 16_000  # a bit for each cell is 6 kB; the most that chance can need
    assert problem_map(problems(share)).note == ""


def test_of_very_many_some_are_drawn_and_it_is_said() -> None:
    found = problem_map(problems(np.ones((3000, 300))))
    assert pixels(found.strips[0].picture).shape == (1000, 100, 4)
    assert found.note == "Drawn are 1000 of 3 000 problems and 100 of 300 evaluations, evenly spread."
    assert found.steps[0] == 0
    assert found.steps[-1] == 299


def trained(folder: Path) -> Run:
    rng = np.random.default_rng(1)
    names = [f"{HOSTILE}{k}" for k in range(120)]
    found = [
        Evaluation.from_counts(10 * k, names, rng.binomial(1, p, 120).tolist())
        for k, p in enumerate([0.3, 0.5, 0.6, 0.6, 0.2, 0.1, 0.0, 0.0])
    ]
    key = "eval/held-out/pass@1"
    series = Series(key, np.array([one.step for one in found]), np.array([one.rate for one in found]))
    saved = {20: str(folder / "check 20"), 30: HOSTILE}
    return Run("r", str(folder), "test", {key: series}, {"held_out": key}, measured=tuple(found), checkpoints=saved)


def test_the_report_counts_problems_and_lists_checkpoints_in_all_its_files(tmp_path: Path) -> None:
    folder = write_report(trained(tmp_path), tmp_path / "out", ["svg"]).folder
    page, markdown = (folder / "report.html").read_text(), (folder / "report.md").read_text()
    told = json.loads((folder / "report.json").read_text())
    counts = told["problems"]
    assert f"Lost since step {counts['since']}: {counts['lost']} of 120 problems (by chance alone" in page
    assert f"Lost since step {counts['since']}: {counts['lost']} of 120 problems" in markdown
    assert counts["lost_by_chance"]["low"] < counts["lost_by_chance"]["expected"] < counts["lost"]
    assert [one["step"] for one in told["checkpoints"]] == list(range(0, 80, 10))
    kept = next(one for one in told["checkpoints"] if one["step"] == told["verdict"]["recommended"]["step"])
    assert kept["estimate"] == told["verdict"]["recommended"]["estimate"]
    assert HOSTILE[:10] not in page
    assert "## Checkpoints" in markdown


def test_the_one_to_keep_can_be_evaluated_again_by_a_line_that_a_shell_understands(tmp_path: Path) -> None:
    page = (write_report(trained(tmp_path), tmp_path / "out", ["svg"]).folder / "report.html").read_text()
    assert f"heldout eval {shlex.quote(str(tmp_path / 'check 20'))} --task TASK".replace("'", "&#39;") in page
