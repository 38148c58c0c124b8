"""Every page and every address of the server, over runs of which one was hacked."""

from __future__ import annotations

import json
import re
import shlex
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from serving import HOSTILE, folder_of_runs, hash_of, judged, served
from starlette.testclient import TestClient
from typer.testing import CliRunner

import heldout
from heldout.cli import app as cli
from heldout.serve.catalogue import Catalogue
from heldout.serve.live import event

Served = tuple[TestClient, Catalogue, Path]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    root = folder_of_runs(tmp_path_factory.mktemp("served") / "runs")
    before = hash_of(root)
    with served(root) as (client, catalogue):
        judged(client)
        yield client, catalogue, root
    assert hash_of(root) == before, "something was written into what is served"


def page(app: Served, path: str, status: int = 200) -> str:
    answer = app[0].get(path)
    assert answer.status_code == status, answer.text
    return answer.text


def slug(app: Served, name: str) -> str:
    return next(entry.slug for entry in app[1].entries if entry.row.name == name)


def test_the_table_has_a_row_for_each_run_and_says_what_was_not_read(app: Served) -> None:
    text = page(app, "/")
    assert len(re.findall("<tr [^>]*data-slug", text)) == 4
    assert "over-optimised" in text
    assert "broken" in text[text.index('id="refused"') :]


def test_rows_for_programs(app: Served) -> None:
    found = app[0].get("/api/runs").json()
    rows = {row["name"]: row for row in found["runs"]}
    assert rows["hacked"]["state"] == "over-optimised"
    assert not rows["hacked"]["live"], "its record says that it has ended"
    assert all(row["live"] for name, row in rows.items() if name.startswith("table")), "nothing says that they have"
    assert {"table/seeds-1", "table/seeds-2"} <= {re.sub("[^a-z0-9/]+", "-", name) for name in rows} or len(rows) == 4
    assert found["not_read"].keys() == {"broken"}


def test_the_page_of_a_run_is_that_of_its_report(app: Served) -> None:
    text = page(app, f"/run/{slug(app, 'hacked')}")
    run = heldout.read(app[2] / "hacked")
    assert heldout.diagnose(run).state.value in text
    assert "<figure" in text
    assert "<style" not in text
    assert not re.search(r"<script(?! src=| type=.application/json)", text)
    assert f'href="/run/{slug(app, "hacked")}/samples?reward=1&amp;hidden=fail"' in text


def test_a_run_of_several_in_one_file_has_a_page_of_its_own(app: Served) -> None:
    several = [entry for entry in app[1].entries if entry.place.name == "table"]
    assert len(several) == 2
    assert all(page(app, f"/run/{entry.slug}") for entry in several)


def test_names_and_texts_are_escaped_everywhere(app: Served) -> None:
    hacked = slug(app, "hacked")
    paths = ["/", f"/run/{hacked}", f"/run/{hacked}/samples", f"/run/{hacked}/samples/36/0"]
    paths += [f"/run/{entry.slug}" for entry in app[1].entries]
    for path in paths:
        text = page(app, path)
        assert HOSTILE not in text
        assert "<script>alert" not in text
        assert "\u202e" not in text


def test_the_answers_that_fooled_the_judge_are_two_links_away(app: Served) -> None:
    hacked = slug(app, "hacked")
    text = page(app, f"/run/{hacked}/samples?reward=1&hidden=fail")
    assert "×30" in text
    assert "return x + y" not in text
    answer = re.search(rf'href="(/run/{hacked}/samples/\d+/\d+)"', text)
    assert answer
    whole = page(app, answer[1])
    assert "left the program" in whole
    assert "From the last honest answer to this problem" in whole
    assert "exit()" in whole


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 80),
        ("steps=20-", 40),
        ("steps=36", 8),
        ("steps=36-36", 8),
        ("steps=16+-+20", 16),
        ("steps=-4", 16),
        ("problem=add/0", 20),
        ("q=return", 50),
        ("reward=1&hidden=pass", 50),
        ("reward=1&hidden=fail", 30),
        ("reward=0", 0),
        ("hidden=none", 0),
        ("q=nowhere", 0),
    ],
)
def test_answers_are_chosen_by_the_address(app: Served, query: str, count: int) -> None:
    found = app[0].get(f"/api/run/{slug(app, 'hacked')}/samples?{query}").json()
    assert found["schema"] == "heldout.samples/1"
    assert found["chosen"] == count
    assert f"{count} answers of 80" in page(app, f"/run/{slug(app, 'hacked')}/samples?{query}")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("q=exit(", "The pattern exit( is no regular expression"),
        ("problem=nobody", "nobody"),
        ("steps=a", "write a step, or two with a dash between, such as 10-250."),
        ("steps=nan", "write a step, or two with a dash between"),
        ("steps=--4", "write a step, or two with a dash between"),
        ("steps=-", "write a step, or two with a dash between"),
        ("steps=250-10", "the first step must not be above the last: 10-250."),
    ],
)
def test_what_cannot_be_chosen_is_said_above_all_answers(app: Served, query: str, words: str) -> None:
    text = page(app, f"/run/{slug(app, 'hacked')}/samples?{query}")
    assert 'role="alert"' in text
    assert words in text
    assert "×30" in text


@pytest.mark.parametrize(
    "query", ["reward=2", "hidden=maybe", "sort=random", "page=0", "page=-1", "page=51", "page=x", "page=٣"]
)
def test_what_is_no_choice_is_refused(app: Served, query: str) -> None:
    page(app, f"/run/{slug(app, 'hacked')}/samples?{query}", 400)


def test_a_pattern_that_never_ends_is_ended(app: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("heldout.serve.app._SEARCH", 2.0)
    client, hacked = app[0], slug(app, "hacked")
    answer = client.get(f"/api/run/{hacked}/samples", params={"q": r"(?:[^z]|[^q])*z(?:[^z]|[^q])*q(.|..)*é"})
    assert answer.status_code in (200, 422)
    assert client.get(f"/run/{hacked}").status_code == 200


def test_one_answer_for_programs(app: Served) -> None:
    hacked = slug(app, "hacked")
    found = app[0].get(f"/api/run/{hacked}/samples/36/0").json()
    assert found["problem"] == "add/0"
    assert "\\u202e" in found["text"]
    page(app, f"/run/{hacked}/samples/36/8", 400)
    page(app, f"/run/{hacked}/samples/37/0", 400)


def test_a_window_holds_the_lowest_and_the_highest_of_each_column(app: Served) -> None:
    data = app[0].get(f"/api/run/{slug(app, 'hacked')}/window?key=reward&key=held_out&from=10&to=20&px=100").content
    (count,) = struct.unpack_from("<I", data)
    steps, values = (np.frombuffer(data, "<f8", count, 8 + 8 * count * part) for part in (0, 1))
    assert steps.tolist() == list(range(10, 21))
    np.testing.assert_allclose(values, 0.2 + 0.02 * steps)
    (others,) = struct.unpack_from("<I", data, 8 + 16 * count)
    assert np.frombuffer(data, "<f8", others, 16 + 16 * count).tolist() == [12.0, 16.0, 20.0]
    assert len(data) == 16 + 16 * (count + others)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "key=reward&px=0",
        "key=reward&px=4001",
        "key=reward&px=nan",
        "key=reward&from=5&to=4",
        "key=reward&smooth=-1",
    ],
)
def test_windows_have_limits(app: Served, query: str) -> None:
    page(app, f"/api/run/{slug(app, 'hacked')}/window?{query}", 400)


def test_a_metric_that_is_not_there_is_said(app: Served) -> None:
    assert "has no metric" in page(app, f"/api/run/{slug(app, 'hacked')}/window?key=nothing", 422)


def test_what_changes_while_a_run_goes_on_comes_as_data(app: Served) -> None:
    told = app[0].get(f"/api/run/{slug(app, 'hacked')}/live?px=500").json()
    assert told["last"] == 39
    assert told["verdict"]["state"] == "over-optimised"
    assert next(line["key"] for line in told["lines"]) == "state"
    figure = told["figures"]["reward-and-held-out"]
    assert figure["schema"] == "heldout.chart/1"
    part = app[0].get(f"/api/figure/{slug(app, 'hacked')}/reward-and-held-out.json?from=10&to=20&px=300").json()
    assert part["left"] == figure["left"]


@pytest.mark.parametrize(("kind", "begins"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_a_figure_as_a_file(app: Served, kind: str, begins: bytes) -> None:
    answer = app[0].get(f"/api/figure/{slug(app, 'hacked')}/reward-and-held-out.{kind}?width=8.5")
    assert answer.content.startswith(begins)
    assert answer.headers["content-disposition"] == f'inline; filename="reward-and-held-out.{kind}"'


def test_a_window_of_a_figure_is_what_its_command_draws_byte_for_byte(app: Served, tmp_path: Path) -> None:
    drawn = app[0].get(f"/api/figure/{slug(app, 'hacked')}/reward-and-held-out.svg?from=10&to=20").content
    command = re.search(r'"command":\s*("heldout chart [^\n]*?[^\\]")', page(app, f"/run/{slug(app, 'hacked')}"))
    assert command is not None
    words = shlex.split(json.loads(command[1]))[1:]
    done = CliRunner().invoke(cli, [*words, "--xlim", "10:20", "-o", str(tmp_path / "f.svg")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "f.svg").read_bytes() == drawn
    assert b">20</text>" in drawn
    assert b">30</text>" not in drawn


def test_the_report_for_programs_is_the_commands(app: Served) -> None:
    found = app[0].get(f"/api/run/{slug(app, 'hacked')}").json()
    assert found["schema"] == "heldout.report/1"
    assert found["verdict"]["state"] == "over-optimised"


def test_runs_are_compared_as_the_command_does(app: Served) -> None:
    hacked = slug(app, "hacked")
    other = next(entry.slug for entry in app[1].entries if entry.place.name == "table")
    text = page(app, f"/compare?a={hacked}&b={other}")
    assert "<style" not in text
    assert f'name="run" value="{hacked}"' in text
    found = app[0].get(f"/api/compare?run={hacked}&run={other}&at=last").json()
    assert found["schema"] == "heldout.compare/1"
    page(app, f"/compare?run={hacked}", 400)
    page(app, f"/compare?run={hacked}&run=nobody", 404)
    page(app, f"/compare?run={hacked}&run={other}&at=never", 400)


def test_what_a_browser_has_is_not_sent_again(app: Served) -> None:
    client = app[0]
    for path in ("/", f"/run/{slug(app, 'hacked')}", "/api/runs", "/assets/live.js"):
        first = client.get(path)
        again = client.get(path, headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert client.get(path, headers={"if-none-match": '"another"'}).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/run/nobody",
        "/run/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/run/..%2f..%2fetc%2fpasswd",
        "/assets/../app.py",
        "/assets/%2e%2e/app.py",
        "/assets/..%2fapp.py",
        "/assets/..%5capp.py",
        "/assets//etc/passwd",
        "/assets/",
        "/api/run/nobody",
        "/api/figure/hacked/reward-and-held-out.exe",
        "/nothing",
    ],
)
def test_no_address_is_made_into_a_path(app: Served, path: str) -> None:
    answer = app[0].get(f"http://localhost:7717{path}")
    assert answer.status_code == 404
    assert "root:" not in answer.text


def test_assets_come_with_their_kind_and_health_is_told(app: Served) -> None:
    assert app[0].get("/assets/live.js").headers["content-type"].startswith("text/javascript")
    assert app[0].get("/assets/style.css").headers["content-type"].startswith("text/css")
    assert app[0].get("/healthz").text == "ok"


def test_an_event_is_one_line_whatever_is_in_it() -> None:
    lines = event("run", {"row": "a\nb\r\nc\u2028"}, "7").decode().split("\n")
    assert lines[:2] == ["event: run", "id: 7"]
    assert json.loads(lines[2].removeprefix("data: ")) == {"row": "a\nb\r\nc\u2028"}
    assert lines[3:] == ["", ""]
