"""Evaluations as lines: the ids of their problems are written once, and no evaluation is lost where they are not."""

from __future__ import annotations

import json
import os
import tarfile
import threading
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import heldout
from heldout import Recorder
from heldout.errors import NoRun
from heldout.live.follow import Follower
from heldout.readers import read_all
from heldout.readers.source import Files
from heldout.run import Evaluation, NoteKind, Outcomes, Run
from heldout.store import evaluations
from heldout.store.afterwards import add_evaluation
from heldout.store.evaluations import MOST_SETS, PACKED, digest_of, evaluation_columns
from heldout.store.lines import dump_line

IDS = ["a", "b", "c"]
KEPT, LINES = Path("evals", "held-out.ids.json"), Path("evals", "held-out.jsonl")


@pytest.fixture(autouse=True)
def _first_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)


@pytest.fixture(autouse=True)
def _few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that ids stand beside the lines of small evaluations too."""
    monkeypatch.setattr(evaluations, "BESIDE", 0)


def record(
    folder: Path, *passed: Sequence[float], ids: Sequence[str] = IDS, first: int = 0, resume: bool = False
) -> Path:
    """Record evaluations of steps 0, 10 …, and a few metrics."""
    with Recorder(folder, resume=resume) as recorder:
        for number, counts in enumerate(passed, start=first):
            recorder.log(10 * number, reward=number / 10)
            recorder.evaluation(10 * number, problems=ids, passed=counts)
    return folder


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def told(run: Run) -> list[tuple[int, list[tuple[str, float, int]]]]:
    """What a run says of each problem at each step."""
    return [(one.step, outcome_rows(one.outcomes)) for one in run.measured]


def outcome_rows(outcomes: Outcomes | None) -> list[tuple[str, float, int]]:
    assert outcomes is not None
    return list(zip(outcomes.problems, outcomes.passed.tolist(), outcomes.samples.tolist(), strict=True))


def as_of_old(folder: Path, measured: Evaluation) -> Path:
    """Write an evaluation with its ids in its line, in a run directory of its own."""
    record(folder).joinpath("evals").mkdir()
    (folder / LINES).write_bytes(dump_line(evaluation_columns(measured)))
    return folder


# -- written ---------------------------------------------------------------------------------------------------------


@st.composite
def counts(draw: st.DrawFn) -> tuple[list[str], list[float], list[int] | int]:
    few = st.lists(st.text(st.characters(exclude_categories=["Cs"])), unique=True, min_size=1, max_size=6)
    many = st.sampled_from([PACKED - 1, PACKED]).map(lambda size: [f"{place}" for place in range(size)])
    ids = draw(few | many)
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    most = draw(st.sampled_from([1, 64, 255, 256]))
    samples = rng.integers(1, most + 1, len(ids)) if draw(st.booleans()) else np.full(len(ids), most)
    passed = rng.integers(0, samples + 1) / draw(st.sampled_from([1, 1, 2]))
    return ids, passed.tolist(), samples.tolist()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(measured=counts())
def test_any_outcomes_are_read_back_as_from_a_line_that_holds_the_ids(
    tmp_path_factory: pytest.TempPathFactory, measured: tuple[list[str], list[float], list[int] | int]
) -> None:
    folder = tmp_path_factory.mktemp("runs")
    ids, passed, samples = measured
    with Recorder(folder / "new") as recorder:
        made = recorder.evaluation(0, problems=ids, passed=passed, samples=samples)
    new, old = heldout.read(folder / "new"), heldout.read(as_of_old(folder / "old", made))
    assert told(new) == told(old) == [(0, outcome_rows(made.outcomes))]
    assert new.notes == old.notes
    assert recorder.lost == 0


def test_ids_are_written_once_and_again_for_other_problems(tmp_path: Path) -> None:
    run = record(tmp_path / "run", [1, 0, 0], [1, 1, 0])
    before = (run / KEPT).stat()
    record(run, [1, 1, 1], first=2, resume=True)
    assert (run / KEPT).stat() == before  # not even the same again
    record(run, [1, 0], ids=["c", "d"], first=3, resume=True)
    assert json.loads((run / KEPT).read_text()) == {digest_of(IDS): IDS, digest_of(["c", "d"]): ["c", "d"]}
    assert [row["problems"] for row in rows(run / LINES)] == [digest_of(IDS)] * 3 + [digest_of(["c", "d"])]
    assert [[name for name, *_ in outcomes] for _, outcomes in told(heldout.read(run))] == [IDS, IDS, IDS, ["c", "d"]]


def test_of_many_problems_counts_are_packed_where_each_fits_a_byte(tmp_path: Path) -> None:
    few, many = [f"p{place}" for place in range(PACKED - 1)], [f"p{place}" for place in range(PACKED)]
    with Recorder(tmp_path) as recorder:
        recorder.evaluation(0, problems=few, passed=[1] * len(few))
        recorder.evaluation(1, problems=many, passed=[255] * len(many), samples=255)
        recorder.evaluation(2, problems=many, passed=[256] * len(many), samples=256)
        recorder.evaluation(3, problems=many, passed=[0.5] * len(many), samples=[1, 2] * (len(many) // 2))
    found = rows(tmp_path / LINES)
    assert [type(row["passed"]) for row in found] == [list, str, list, list]
    assert [type(row["samples"]) for row in found] == [int, int, int, str]
    assert [one.rate for one in heldout.read(tmp_path).measured] == [1.0, 1.0, 1.0, 0.375]


def test_two_hundred_evaluations_of_ten_thousand_problems_take_three_megabytes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    ids = [f"train/{place:07d}" for place in range(10_000)]
    with Recorder(tmp_path) as recorder:
        for step in range(2):
            recorder.evaluation(step, problems=ids, passed=rng.integers(0, 65, len(ids)).tolist(), samples=64)
    assert (tmp_path / KEPT).stat().st_size + 100 * (tmp_path / LINES).stat().st_size <= 3_000_000


def test_problems_that_are_drawn_anew_all_the_time_stay_in_the_lines(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder:
        for step in range(MOST_SETS + 2):
            recorder.evaluation(step, problems=[f"p{step}", "q"], passed=[1, 0])
    assert [type(row["problems"]) for row in rows(tmp_path / LINES)] == [str] * MOST_SETS + [list] * 2
    assert len(json.loads((tmp_path / KEPT).read_text())) == MOST_SETS
    assert recorder.lost == 0
    assert [outcomes[0][0] for _, outcomes in told(heldout.read(tmp_path))] == [f"p{k}" for k in range(MOST_SETS + 2)]


@pytest.mark.parametrize("names", [["gsm8k", "code"], ["a/b", "a_b"], ["x.ids", "x"], ["題" * 120, "."]])
def test_benchmarks_of_any_names_keep_their_own_ids(tmp_path: Path, names: list[str]) -> None:
    with Recorder(tmp_path) as recorder:
        for step in range(2):
            for name in names:
                recorder.evaluation(step, problems=[f"{name}-1", "2"], passed=[1, 0], benchmark=name)
    assert recorder.lost == 0
    found = {(one.benchmark, one.step): outcome_rows(one.outcomes)[0][0] for one in heldout.read(tmp_path).measured}
    assert found == {(name, step): f"{name}-1" for name in names for step in range(2)}


def test_threads_lose_no_ids(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder:

        def work(number: int) -> None:
            for step in range(number, 160, 8):
                recorder.evaluation(step, problems=[f"{number}-1", f"{number}-2"], passed=[1, 0])

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert recorder.lost == 0
    assert [outcomes[0][0] for _, outcomes in told(heldout.read(tmp_path))] == [f"{k % 8}-1" for k in range(160)]


# -- what goes wrong while it is written -----------------------------------------------------------------------------


def test_killed_between_the_ids_and_the_line_nothing_is_wrong(tmp_path: Path) -> None:
    run = record(tmp_path / "run", [1, 0, 0])
    (run / LINES).unlink()
    (run / "evals" / ".held-out.ids.json.17.new").write_text('{"sha256:')  # by a process that was killed before
    assert told(heldout.read(run)) == []
    record(run, [1, 1, 0], first=1, resume=True)
    found = heldout.read(run)
    assert told(found) == [(10, [("a", 1.0, 1), ("b", 1.0, 1), ("c", 0.0, 1)])]
    assert not [note for note in found.notes if "ids" in note.text]


@pytest.mark.parametrize("action", ["always", "error"])
def test_where_the_ids_cannot_be_written_the_line_holds_them(tmp_path: Path, action: Any) -> None:
    run = record(tmp_path / "run")
    blocked = run / "evals" / f".held-out.ids.json.{os.getpid()}.new"
    blocked.mkdir(parents=True)
    with Recorder(run, resume=True) as recorder, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter(action)
        for step in range(3):
            try:
                recorder.evaluation(step, problems=IDS, passed=[1, 0, 0])
            except RuntimeWarning as warning:  # as the user wants it
                caught.append(warning)  # type: ignore[arg-type]
        lost = recorder.lost
        blocked.rmdir()
        recorder.evaluation(3, problems=IDS, passed=[1, 1, 1])
        assert (recorder.lost, len(caught) > 0) == (lost, True)
    assert [type(row["problems"]) for row in rows(run / LINES)] == [list] * 3 + [str]
    assert told(heldout.read(run))[0] == (0, [("a", 1.0, 1), ("b", 0.0, 1), ("c", 0.0, 1)])
    assert lost >= 3
    if action == "always":
        (only,) = caught
        assert "the ids of problems beside evals/held-out.jsonl, for step 0, could not be recorded" in str(only.message)


@pytest.mark.parametrize("content", [b"", b'{"sha256:12', b"[1]", b"\x00\xff"])
def test_ids_that_were_damaged_are_written_again_and_what_was_there_is_kept(tmp_path: Path, content: bytes) -> None:
    run = record(tmp_path / "run", [1, 0, 0])
    (run / KEPT).write_bytes(content)
    record(run, [1, 1, 0], first=1, resume=True)
    assert (run / "evals" / "held-out.ids.broken").read_bytes() == content
    assert [[name for name, *_ in outcomes] for _, outcomes in told(heldout.read(run))] == [IDS, IDS]


def test_ids_that_are_deleted_while_it_runs_are_written_again(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder:
        recorder.evaluation(0, problems=IDS, passed=[1, 0, 0])
        (tmp_path / KEPT).unlink()
        recorder.evaluation(1, problems=IDS, passed=[1, 0, 0])
    assert [[name for name, *_ in outcomes] for _, outcomes in told(heldout.read(tmp_path))] == [IDS, IDS]


# -- read ------------------------------------------------------------------------------------------------------------


def test_lines_of_both_forms_stand_in_one_file(tmp_path: Path) -> None:
    old = as_of_old(tmp_path / "run", Evaluation.from_counts(0, IDS, [0, 1, 0]))
    record(old, [1, 1, 0], first=1, resume=True)
    found = heldout.read(old)
    assert told(found) == [
        (0, [("a", 0.0, 1), ("b", 1.0, 1), ("c", 0.0, 1)]),
        (10, [("a", 1.0, 1), ("b", 1.0, 1), ("c", 0.0, 1)]),
    ]
    assert not [note for note in found.notes if "ids" in note.text]


WRONG = {
    "is not there": None,
    "is broken or cut": '{"sha256:',
    "is no mapping from digests to ids": '["a", "b", "c"]',
    "does not hold them": json.dumps({digest_of(["a"]): ["a"]}),
    "holds other ids in their place": json.dumps({digest_of(IDS): ["a", "c", "b"]}),
    "holds something else than ids in their place": json.dumps({digest_of(IDS): ["a", 1, None]}),
    "holds some of them twice": json.dumps({digest_of(["a", "a", "b"]): ["a", "a", "b"]}),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("alone", [False, True])
def test_without_their_ids_outcomes_count_and_a_sentence_says_so(tmp_path: Path, wrong: str, alone: bool) -> None:
    run = record(tmp_path / "run", [1, 0, 0], [0, 1, 1])
    if wrong == "holds some of them twice":
        (run / LINES).write_text((run / LINES).read_text().replace(digest_of(IDS), digest_of(["a", "a", "b"])))
    (run / KEPT).unlink()
    if (content := WRONG[wrong]) is not None:
        (run / KEPT).write_text(content)
    found = heldout.read(run / LINES if alone else run)
    assert [[passed for _, passed, _ in outcomes] for _, outcomes in told(found)] == [[1, 0, 0], [0, 1, 1]]
    first, second = ([name for name, *_ in outcomes] for _, outcomes in told(found))
    assert first == second
    assert len(set(first)) == 3
    (note,) = [note for note in found.notes if note.kind is NoteKind.MISSING]
    assert note.text.startswith(f"evals/held-out.ids.json {wrong}, so the problems of 2 evaluations have numbers")
    assert note.text.count(". ") == 0


def test_ids_that_are_too_large_to_be_read_are_not_read(tmp_path: Path) -> None:
    run = record(tmp_path / "run", [1, 0, 0])
    with (run / KEPT).open("r+b") as file:
        file.truncate(2**33)
    (note,) = [note for note in heldout.read(run).notes if note.kind is NoteKind.MISSING]
    assert "held-out.ids.json is too large (8589.9 MB; read are 67.1 MB)" in note.text


def test_a_pipe_in_place_of_the_ids_is_not_waited_for(tmp_path: Path) -> None:
    run = record(tmp_path / "run", [1, 0, 0])
    (run / KEPT).unlink()
    os.mkfifo(run / KEPT)
    assert [len(outcomes) for _, outcomes in told(heldout.read(run))] == [3]


LINE = {"step": 7, "time": 1.0, "benchmark": "held-out", "problems": digest_of(IDS), "passed": [1, 0, 0], "samples": 1}


@pytest.mark.parametrize(
    "line",
    [
        {**LINE, "passed": [1, 0]},
        {**LINE, "passed": [1, 0, 0, 0]},
        {**LINE, "passed": "AQA="},  # two counts
        {**LINE, "passed": "no base64"},
        {**LINE, "passed": "é"},
        {**LINE, "passed": ""},
        {**LINE, "passed": "AQAC"},  # the last of one sample passed twice
        {**LINE, "samples": "AQAB"},  # none of the second
        {**LINE, "problems": "abc"},
        {**LINE, "problems": f"{digest_of(IDS)}0"},
        {**LINE, "problems": digest_of(IDS).upper()},
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_a_line_whose_counts_do_not_fit_is_left_out_and_told(tmp_path: Path, line: dict[str, Any], known: bool) -> None:
    run = record(tmp_path / "run", [1, 0, 0], [1, 1, 0])
    with (run / LINES).open("a") as file:
        file.write(json.dumps(line) + "\n")
    if not known:
        (run / KEPT).unlink()
    found = heldout.read(run)
    assert [step for step, _ in told(found)] == [0, 10]
    (note,) = [note for note in found.notes if note.kind is NoteKind.DROPPED]
    assert note.text == "evals/held-out.jsonl: 1 line without the keys or values that belong there, left out."


def test_a_packed_line_that_fits_is_read(tmp_path: Path) -> None:
    run = record(tmp_path / "run", [1, 0, 0])
    with (run / LINES).open("a") as file:
        file.write(json.dumps({**LINE, "passed": "AQAC", "samples": "AQEC"}) + "\n")
    assert told(heldout.read(run))[-1] == (7, [("a", 1.0, 1), ("b", 0.0, 1), ("c", 2.0, 2)])


def test_ids_that_come_later_than_the_lines_are_known_at_the_next_look(tmp_path: Path) -> None:
    run = record(tmp_path / "run", [1, 0, 0], [0, 1, 1])
    kept = (run / KEPT).read_bytes()
    (run / KEPT).unlink()
    files = Files(growing=True)
    (before,) = read_all(run, files=files)
    follower = Follower(str(run))
    assert follower.poll() is not None
    (run / KEPT).write_bytes(kept)
    (after,) = read_all(run, files=files)
    assert {note.kind for note in before.notes} - {note.kind for note in after.notes} == {NoteKind.MISSING}
    assert told(after) == told(heldout.read(run))
    again = follower.poll()
    assert again is not None
    assert told(again) == told(after)


def test_the_folder_of_evaluations_is_read_alone_and_ids_are_no_log(tmp_path: Path) -> None:
    run = record(tmp_path / "run", [1, 0, 0])
    found = heldout.read(run / "evals")
    assert told(found) == told(heldout.read(run))
    assert not [note for note in found.notes if "ids" in note.text]
    with pytest.raises(NoRun, match=r"held-out\.ids\.json: the ids of problems; name the \.jsonl beside it"):
        heldout.read(run / KEPT)


def test_an_archive_holds_the_ids(tmp_path: Path) -> None:
    run = record(tmp_path / "run", [1, 0, 0])
    with tarfile.open(tmp_path / "run.tar.gz", "w:gz") as archive:
        archive.add(run, "run")
    assert told(heldout.read(tmp_path / "run.tar.gz")) == told(heldout.read(run))


# -- added afterwards ------------------------------------------------------------------------------------------------


def test_what_is_added_afterwards_names_its_problems_as_the_run_does(tmp_path: Path) -> None:
    run = record(tmp_path / "run", [1, 0, 0], [1, 1, 0])
    add_evaluation(run, Evaluation.from_counts(5, IDS, [1, 1, 1], benchmark="set-test"), seed=0)
    add_evaluation(run, Evaluation.from_counts(5, IDS[::-1], [0, 0, 1], benchmark="set-test"), seed=1)
    assert [row["problems"] for row in rows(run / LINES)][2:] == [digest_of(IDS)] + [digest_of(IDS[::-1])] * 2
    assert sorted(path.name for path in (run / "evals").iterdir()) == [KEPT.name, LINES.name]
    (pooled,) = [one for one in heldout.read(run).measured if one.step == 5]
    assert sorted(outcome_rows(pooled.outcomes)) == [("a", 2.0, 2), ("b", 1.0, 2), ("c", 1.0, 2)]


def test_what_is_added_brings_ids_back_that_were_lost(tmp_path: Path) -> None:
    run = record(tmp_path / "run", [1, 0, 0], [1, 1, 0])
    (run / KEPT).unlink()
    found, _ = add_evaluation(run, Evaluation.from_counts(5, IDS, [1, 1, 1], benchmark="set-test"))
    assert found.benchmark == "held-out"
    assert [[name for name, *_ in outcomes] for _, outcomes in told(heldout.read(run))] == [IDS] * 3


def test_ids_of_few_problems_stand_in_each_line_and_those_of_many_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluations, "BESIDE", PACKED)
    few, many = [[f"p{number}" for number in range(count)] for count in (PACKED - 1, PACKED)]
    record(tmp_path / "few", [1] * len(few), [0] * len(few), ids=few)
    assert not (tmp_path / "few" / KEPT).exists()
    assert [row["problems"] for row in rows(tmp_path / "few" / LINES)] == [few, few]
    record(tmp_path / "many", [1] * len(many), [0] * len(many), ids=many)
    assert rows(tmp_path / "many" / KEPT) == [{digest_of(many): many}]
    assert [row["problems"] for row in rows(tmp_path / "many" / LINES)] == [digest_of(many)] * 2
