"""`read` as a whole: every format, cut anywhere; random content; directories; real logs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from test_tensorboard import event, scalar
from test_tensorboard import file_of as event_file

import heldout
from benchmarks import logs
from heldout.errors import NotUnderstood, ReadError, SeveralRuns, UnknownMetric
from heldout.readers import FORMATS, name_of, read_all

RELAXED = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
STEPS = 12


def _csv(path: Path) -> None:
    pl.DataFrame(list(logs.rows(STEPS))).write_csv(path)


def _verl(path: Path) -> None:
    path.write_text("".join(f"step:{s} - critic/score/mean:{s / 7:.3f} - actor/ppo_kl:0.001\n" for s in range(STEPS)))


def _verl_jsonl(path: Path) -> None:
    path.write_text("".join(json.dumps({"step": s, "data": {"critic/score/mean": s / 7}}) + "\n" for s in range(STEPS)))


def _trl(path: Path) -> None:
    path.write_text(
        "".join(
            f"{{'loss': 0.1, 'reward': {s / 7}, 'epoch': 0.1}}\n  8%|▊         | {s}/12 [00:01<00:02, 1.0s/it]\n"
            for s in range(1, STEPS + 1)
        )
    )


WRITERS = {
    "metrics.jsonl": lambda path: logs.write_jsonl(path, STEPS),
    "trainer_state.json": lambda path: logs.write_trainer_state(path, STEPS),
    "events.out.tfevents.1": lambda path: logs.write_events(path, STEPS),
    "table.csv": _csv,
    "verl.log": _verl,
    "verl.jsonl": _verl_jsonl,
    "trl.log": _trl,
}


def assert_read_or_refused(path: Path) -> bool:
    """Read a file; a refusal must be one sentence on one line."""
    said = "nothing"
    try:
        return bool(read_all(path))
    except ReadError as error:
        said = str(error)
    assert said
    assert "\n" not in said
    return False


@pytest.mark.parametrize("name", WRITERS)
@RELAXED
@given(share=st.floats(0.3, 0.999))
def test_any_cut_of_the_tail_still_reads_what_is_complete(tmp_path: Path, name: str, share: float) -> None:
    whole_path = tmp_path / name
    WRITERS[name](whole_path)
    whole = heldout.read(whole_path)["reward"]
    data = whole_path.read_bytes()
    cut_path = tmp_path / f"cut-{name}"
    cut_path.write_bytes(data[: int(len(data) * share)])
    run = heldout.read(cut_path)
    cut = run["reward"]
    assert 1 <= len(cut) <= len(whole)
    same = min(len(cut), len(whole)) - 1  # the very last number of a text may itself be cut, which a note then says
    assert cut.step[:same].tolist() == whole.step[:same].tolist()
    assert cut.value[:same].tolist() == whole.value[:same].tolist()
    end = int(len(data) * share)
    on_a_boundary = b"\n" in data[end - 1 : end + 1] or name.startswith("events")
    assert on_a_boundary or any(note.kind.value in ("dropped", "assumed") for note in run.notes)


@RELAXED
@given(data=st.binary(max_size=400))
@example(data=b"PAR1")
@example(data=b"SQLite format 3\x00")
@example(data=b":W&B\xe1\xbe\x00")
@example(data=b"\xff\xfe\x00")
@example(data=b'{"a":' * 300)
@example(data=b"[" * 5000)
@example(data=b"{" * 5000)
def test_random_bytes_are_refused_in_a_sentence_or_read(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "log"
    path.write_bytes(data)
    assert_read_or_refused(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["step", "reward", "a", "b"]), inner, max_size=4)
    ),
    max_leaves=20,
)


@RELAXED
@given(document=JSON, lines=st.booleans())
def test_random_json_never_gives_a_traceback(tmp_path: Path, document: object, lines: bool) -> None:
    path = tmp_path / "log.json"
    path.write_text("\n".join(json.dumps(document) for _ in range(3)) if lines else json.dumps(document))
    try:
        runs = read_all(path)
    except ReadError:
        return
    assert all(np.isfinite(series.value).all() for run in runs for series in run.metrics.values())


def test_an_empty_file_says_so(tmp_path: Path) -> None:
    path = tmp_path / "x.wandb"
    path.touch()
    with pytest.raises(NotUnderstood, match="empty"):
        heldout.read(path)


def test_a_missing_path_names_near_ones(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "reward": 1}\n')
    with pytest.raises(ReadError, match=r"did you mean .*metrics\.jsonl"):
        heldout.read(tmp_path / "metric.jsonl")


def test_prose_is_not_understood_and_the_sentence_says_what_is(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Dear diary,\ntoday I trained.\n")
    with pytest.raises(NotUnderstood, match=r"Dear diary.*heldout reads .*Write it as CSV"):
        heldout.read(path)


def test_files_of_one_format_are_runs_of_their_own(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text("step,reward\n1,0.5\n2,0.6\n")
    assert [run.name for run in read_all(tmp_path)] == ["a", "b"]
    with pytest.raises(SeveralRuns, match="'a', 'b'"):
        heldout.read(tmp_path)
    assert heldout.read(tmp_path, run="b").name == "b"


def test_the_same_run_in_another_format_is_named_not_mixed(tmp_path: Path) -> None:
    logs.write_jsonl(tmp_path / "metrics.jsonl", STEPS)
    _csv(tmp_path / "log.csv")
    run = heldout.read(tmp_path)
    assert run.format == "JSON lines"
    assert any("log.csv" in note.text for note in run.notes)


def test_event_files_of_a_resumed_run_are_joined(tmp_path: Path) -> None:
    for name, begun, steps in (("1.a", 1000.0, range(10)), ("2.b", 2000.0, range(4, 6))):
        events = [event(step, scalar("reward", step), wall=begun + step) for step in steps]
        (tmp_path / f"events.out.tfevents.{name}").write_bytes(event_file(*events))
    run = heldout.read(tmp_path)
    assert run["reward"].step.tolist() == list(range(6))
    assert any("restarted 1 time" in note.text for note in run.notes)


def test_a_training_folder_with_tensorboard_inside_is_one_run(tmp_path: Path) -> None:
    for last in (5, 9):
        (tmp_path / f"checkpoint-{last}").mkdir()
        logs.write_trainer_state(tmp_path / f"checkpoint-{last}" / "trainer_state.json", last)
    (tmp_path / "runs" / "today").mkdir(parents=True)
    logs.write_events(tmp_path / "runs" / "today" / "events.out.tfevents.1", 9)
    run = heldout.read(tmp_path)
    assert run.format == "Hugging Face trainer_state.json"
    assert len(run["reward"]) == 9
    assert any("events.out.tfevents.1" in note.text for note in run.notes)


def test_a_link_to_a_neighbour_is_not_read_twice(tmp_path: Path) -> None:
    (tmp_path / "run-1").mkdir()
    logs.write_jsonl(tmp_path / "run-1" / "metrics.jsonl", STEPS)
    (tmp_path / "latest").symlink_to("run-1")
    (tmp_path / "run-1" / "up").symlink_to("..")
    assert [run.name for run in read_all(tmp_path)] == ["run-1"]


def test_held_out_scores_in_a_file_beside_the_log_are_joined(tmp_path: Path) -> None:
    logs.write_jsonl(tmp_path / "metrics.jsonl", 4)
    scores = {
        "baseline": {"acc": 0.1},
        "checkpoint_1": {"acc": 0.2},
        "checkpoint_2": {"acc": 0.3},
        "checkpoint_3": {"acc": 0.4},
    }
    (tmp_path / "heldout_scores.json").write_text(json.dumps(scores))
    run = heldout.read(tmp_path)
    assert run["held_out"].value.tolist() == [0.1, 0.2, 0.3, 0.4]
    assert any("joined" in note.text for note in run.notes)


def test_every_reader_declines_what_is_not_its_own(tmp_path: Path) -> None:
    from heldout.readers.source import Source

    path = tmp_path / "x"
    path.write_bytes(b"\x00\x01\x02\x03 nothing that anybody writes")
    assert all(format.read is None or format.read(Source(path)) is None for format in FORMATS)


def test_every_real_log_is_read_or_refused_in_a_sentence(real_runs: Path) -> None:
    read: set[str] = set()
    refused: set[str] = set()
    for path in sorted(real_runs.glob("*/*")):
        (read if assert_read_or_refused(path) else refused).add(path.name)
    assert refused == {
        "reference_onset.json",
        "threshold_grid.csv",
        "verl_demo.log",
        "grpo.log",
        "run-qe0uj2az.wandb",
        "run-w4i7jexi.wandb",
        "run-wntzruuo.wandb",
    }
    assert len(read) >= 39


def test_one_run_in_several_formats_gives_the_same_series(real_runs: Path) -> None:
    folder = real_runs / "procgen-ppo-4formats"
    table = heldout.read(folder / "log.csv")
    for other in (*folder.glob("*.wandb"), *folder.glob("events*")):
        run = heldout.read(other)
        for role in ("reward", "length"):
            assert run[role].step.tolist() == table[role].step.tolist()
            np.testing.assert_allclose(run[role].value, table[role].value, rtol=1e-6)
    console = heldout.read(folder / "output.log")
    np.testing.assert_allclose(console["reward"].value, table["reward"].value, rtol=1e-5, atol=1e-4)


def test_rllibs_three_files_give_the_same_series(real_runs: Path) -> None:
    folder = real_runs / "rllib-apex-beamrider-trunc"
    whole = heldout.read(folder / "result.json")
    for other in (folder / "progress.csv", *folder.glob("events*")):
        run = heldout.read(other)
        for role in ("reward", "length"):
            common, ours, theirs = np.intersect1d(run[role].step, whole[role].step, return_indices=True)
            assert len(common) >= len(whole[role]) - 1
            np.testing.assert_allclose(run[role].value[ours], whole[role].value[theirs], rtol=1e-6)


@pytest.mark.parametrize("name", ["deepseek-r1", "kimi-dev"])
def test_what_is_told_of_an_example_counts_as_for_any_log(name: str) -> None:
    held_out = heldout.read(f"example:{name}", problems=200, samples=4)["held_out"]
    assert held_out.problems is not None
    assert held_out.samples is not None
    assert set(held_out.problems.tolist()) == {200.0}
    assert set(held_out.samples.tolist()) == {4.0}
    assert heldout.read(f"example:{name}")["held_out"].problems is None
    length = heldout.read(f"example:{name}", roles={"length": held_out.name}).roles["length"]
    assert length == held_out.name
    with pytest.raises(UnknownMetric, match=r"--length: .* has no metric 'nothing'"):
        heldout.read(f"example:{name}", roles={"length": "nothing"})


def test_an_example_is_one_run_with_a_name() -> None:
    found = heldout.read("example:kimi-dev", run="Kimi-Dev RL")
    assert (found.name, len(found["held_out"])) == ("Kimi-Dev RL", 21)
    with pytest.raises(SeveralRuns, match="has no run 'other'; it has 'Kimi-Dev RL'"):
        heldout.read("example:kimi-dev", run="other")


# -- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("exp/metrics.jsonl", "exp"),
        ("exp/Logs.txt", "exp"),
        ("exp/log.csv", "exp"),
        ("exp/trainer_state.json", "exp"),
        ("exp/events.out.tfevents.1.host", "exp"),
        ("exp/mine.jsonl", "mine"),
        ("exp/my_metrics.jsonl", "my_metrics"),
        ("exp/run-abc.wandb", "abc"),
        ("exp/run-metrics.jsonl", "exp"),
    ],
)
def test_a_run_without_a_name_has_that_of_its_file_or_folder(tmp_path: Path, path: str, name: str) -> None:
    assert name_of(tmp_path / path) == name


def test_of_many_runs_the_first_are_listed(tmp_path: Path) -> None:
    for count in (6, 7):
        for i in range(count):
            _csv(tmp_path / f"r{i}.csv")
        with pytest.raises(SeveralRuns) as refused:
            heldout.read(tmp_path)
        listed = ", ".join(f"'r{i}'" for i in range(6)) + (" …" if count == 7 else "")
        assert str(refused.value) == f"{tmp_path} holds {count} runs ({listed}); choose one with run=… (--run NAME)."
    for i in range(7, 9):
        _csv(tmp_path / f"r{i}.csv")
    with pytest.raises(SeveralRuns) as refused:
        heldout.read(tmp_path, run="x")
    assert str(refused.value) == f"{tmp_path} has no run 'x'; it has {', '.join(repr(f'r{i}') for i in range(8))}."


def test_a_run_is_chosen_by_its_own_name_or_that_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("Step,a - reward,b - reward\n1,1,2\n2,3,4\n")
    assert heldout.read(path, run="b")["reward"].value.tolist() == [2.0, 4.0]
    _csv(tmp_path / "u.csv")
    assert heldout.read(tmp_path / "u.csv", run="u").name == "u"


def test_a_path_that_is_not_there_names_up_to_three_near_ones(tmp_path: Path) -> None:
    with pytest.raises(ReadError) as refused:
        heldout.read(tmp_path / "metrics.csv")
    assert str(refused.value) == f"{tmp_path / 'metrics.csv'}: there is no such file or directory."
    for i in range(4):
        _csv(tmp_path / f"metrics{i}.csv")
    with pytest.raises(ReadError) as refused:
        heldout.read(tmp_path / "metrics.csv")
    assert str(refused.value).count("metrics") == 4
    assert str(refused.value).startswith(
        f"{tmp_path / 'metrics.csv'}: there is no such file or directory; did you mean "
    )
