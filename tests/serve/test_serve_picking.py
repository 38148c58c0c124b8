"""What a reader picks of a run's figures: by a form, in the address, and never more than the run has."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

import pytest
from serving import HOSTILE, record, served
from starlette.testclient import TestClient
from typer.testing import CliRunner

import heldout
from heldout.cli import app as cli
from heldout.serve.picking import Picked, choices, figures_of, x_axes
from heldout.text import visible

HELD_OUT = "eval/held-out/pass@1"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    root = tmp_path_factory.mktemp("picked") / "runs"
    record(root / "hacked", 60)
    rows = [{"step": step, "reward": 0.1 * step, "num_tokens": 1000 * step, "eval/acc": 0.5} for step in range(1, 9)]
    rows += [{"step": 9, "reward": 0.9, "odd": float("nan")}]
    (root / "counted").mkdir()
    (root / "counted" / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    with served(root.resolve()) as (client, _):
        yield client


def page(app: TestClient, run: str = "hacked", **picked: str) -> str:
    answer = app.get(f"/run/{run}?{urlencode(picked)}")
    assert answer.status_code == 200, answer.text
    return answer.text


def offered(text: str, name: str) -> dict[str, bool]:
    """Return the values of a select, and whether each is the one chosen."""
    inside = re.search(rf'<select name="{name}">(.*?)</select>', text, re.DOTALL)
    assert inside
    return {unescape(value): bool(on) for value, on in re.findall(r'<option value="([^"]*)"( selected)?', inside[1])}


def stems(text: str) -> list[str]:
    return re.findall(r'<figure class="chart" id="figure-([^"]+)"', text)


def drawn(text: str) -> list[str]:
    """Return the data of each figure."""
    return [one for one in re.findall(r'<script type="application/json">(.*?)</script>', text) if '"command":' in one]


def commands(text: str) -> list[str]:
    return [json.loads(one)["command"] for one in drawn(text)]


def test_the_form_shows_what_is_drawn(app: TestClient) -> None:
    text = page(app)
    assert [key for key, on in offered(text, "left").items() if on] == ["reward"]
    assert [key for key, on in offered(text, "right").items() if on] == [HELD_OUT]
    assert offered(text, "axis") == {"step": True, "time": False}
    assert offered(text, "window") == {"": False, "0": False, "5": False, "10": False}
    assert visible(HOSTILE) in offered(text, "left")


def test_what_has_no_value_that_can_be_drawn_is_not_offered(app: TestClient) -> None:
    assert app.get("/api/run/counted/window?key=odd").status_code == 200
    assert "odd" not in offered(page(app, "counted"), "left")


def test_another_pair_is_drawn_above_the_usual_figures(app: TestClient) -> None:
    usual, picked = stems(page(app)), page(app, left="held_out", right="reward")
    assert stems(picked) == ["picked", *usual]
    assert [key for key, on in offered(picked, "left").items() if on] == [HELD_OUT]
    assert f"--left {HELD_OUT} --right reward" in commands(picked)[0]


def test_a_name_is_picked_as_the_form_writes_it(app: TestClient) -> None:
    assert stems(page(app, left=visible(HOSTILE)))[0] == "picked"


def test_picking_what_is_there_changes_nothing(app: TestClient) -> None:
    assert stems(page(app, left="reward", right="held_out", axis="step", window="")) == stems(page(app))


def test_over_tokens_nothing_stands_that_is_over_steps(app: TestClient) -> None:
    text = page(app, "counted", axis="tokens")
    assert offered(text, "axis") == {"step": False, "tokens": True}
    assert '"label":"Tokens seen"' in text
    assert all("--x tokens" in command for command in commands(text))
    assert '"lane":[]' in text


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("left=nothing", "has no metric"),
        ("left=reward&right=%3Cb%3E", "has no metric"),
        ("right=reward", "left="),
        ("axis=tokens", "cannot be drawn over tokens; it can over step"),
        ("axis=wall", "it can be step, tokens, time, sqrt-kl"),
        ("window=0.5", "1 or more, or 0 for none"),
        ("window=nan", "1 or more"),
        ("window=inf", "1 or more"),
        ("window=wide", "1 or more"),
    ],
)
def test_what_the_run_does_not_have_is_refused_in_a_sentence(app: TestClient, query: str, why: str) -> None:
    for path in ("/run/hacked", "/api/run/hacked/live", "/api/figure/hacked/reward-and-held-out.svg"):
        answer = app.get(f"{path}?{query}")
        assert (answer.status_code, why in unescape(answer.text)) == (400, True), answer.text
        assert "<b>" not in answer.text or answer.headers["content-type"].startswith("text/plain")


def test_a_figure_without_smoothing_is_drawn_again_without(app: TestClient) -> None:
    text = page(app, window="0")
    assert offered(text, "window")["0"]
    assert all("--window 0 " in command for command in commands(text))
    assert [figure for figure in drawn(text) if "local-linear" in figure] == []
    assert any("local-linear" in figure for figure in drawn(page(app)))


@pytest.mark.parametrize("kind", ["svg", "pdf", "png"])
def test_each_file_of_a_view_is_what_its_command_draws(app: TestClient, tmp_path: Path, kind: str) -> None:
    """Byte for byte, with the metrics, the width of smoothing and the window of steps of the view."""
    picked = {"left": "held_out", "right": "reward", "window": "5"}
    text = page(app, **picked)
    address = next(unescape(one) for one in re.findall(r'href="([^"]+)"', text) if f"/picked.{kind}" in one)
    drawn = app.get(f"{address}&from=10&to=40")
    assert drawn.status_code == 200, drawn.text
    words = shlex.split(commands(text)[0])[1:]
    done = CliRunner().invoke(cli, [*words, "--xlim", "10:40", "-o", str(tmp_path / f"f.{kind}")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / f"f.{kind}").read_bytes() == drawn.content


def test_a_window_beyond_the_run_is_drawn_as_the_command_draws_it(app: TestClient, tmp_path: Path) -> None:
    drawn = app.get("/api/figure/hacked/reward-and-held-out.svg?from=-20&to=80").content
    words = shlex.split(commands(page(app))[0])[1:]
    done = CliRunner().invoke(cli, [*words, "--xlim=-20:80", "-o", str(tmp_path / "f.svg")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "f.svg").read_bytes() == drawn


def test_windows_of_a_picked_figure_come_as_data(app: TestClient) -> None:
    told = app.get("/api/run/hacked/live?px=300&left=held_out").json()
    assert told["figures"]["picked"]["right"] is None
    part = app.get("/api/figure/hacked/picked.json?left=held_out&from=10&to=20&px=100").json()
    assert part["left"] == told["figures"]["picked"]["left"]
    assert app.get("/api/figure/hacked/picked.json").status_code == 400


def test_every_choice_that_a_form_offers_can_be_drawn(real_runs: Path) -> None:
    for name in ("trl-trainerstate-gemma3-gsm8k", "grpo-reward-vs-eval-json", "rllib-ppo-beamrider-5k"):
        run = heldout.read_all(real_runs / name)[0]
        verdict = heldout.diagnose(run)
        first = figures_of(run, verdict, Picked())[0]
        for axis in x_axes(run):
            assert figures_of(run, verdict, Picked(x=axis))
        form = choices(run, Picked(), first)
        for key in form["metrics"][:8]:  # type: ignore[index]
            assert figures_of(run, verdict, Picked(left=key))


@pytest.mark.parametrize("query", ["from=30&to=30", "from=900", "to=-900", "from=4&to=3"])
def test_what_is_wrong_with_a_window_is_said_in_the_names_of_the_address(app: TestClient, query: str) -> None:
    answer = app.get(f"/api/figure/hacked/reward-and-held-out.svg?{query}")
    assert answer.status_code == 400
    assert re.match(r"from is \S+ and to is \S+; from must", answer.text)
