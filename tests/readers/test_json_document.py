"""JSON lines, JSON documents and trainer_state.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from in_memory import source, told

from heldout import read
from heldout.errors import NoMetrics, ReadError
from heldout.readers import read_all
from heldout.readers.documents import json_document
from heldout.run import NoteKind


def written(path: Path, document: Any) -> Path:
    path.write_text(json.dumps(document))
    return path


def test_keys_that_appear_late_are_not_lost(tmp_path: Path) -> None:
    rows = [{"step": step, "reward": 0.1, **({"eval_reward": 0.5} if step == 400 else {})} for step in range(500)]
    path = tmp_path / "m.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert read(path)["held_out"].step.tolist() == [400]


@pytest.mark.parametrize(
    "odd", ['{"step": 150, "reward": "0.5"}', '{"step": 150, "reward": {"mean": 2}}', "garbage", "[1]"]
)
def test_one_odd_line_costs_nothing_else(tmp_path: Path, odd: str) -> None:
    good = [json.dumps({"step": step, "reward": step / 7}) for step in range(300) if step != 150]
    path = tmp_path / "m.jsonl"
    path.write_text("\n".join([*good[:150], odd, *good[150:]]) + "\n")
    run = read(path)
    kept = dict(zip(run["reward"].step.tolist(), run["reward"].value.tolist(), strict=True))
    assert {step: step / 7 for step in range(300) if step != 150}.items() <= kept.items()


def test_nested_objects_become_paths(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text(
        '{"step": 1, "info": {"learner": {"kl": 0.5}}, "tags": ["a"]}\n'
        '{"step": 2, "info": {"learner": {"kl": 0.6}}, "tags": ["b"]}\n'
    )
    run = read(path)
    assert run["info/learner/kl"].value.tolist() == [0.5, 0.6]
    assert any(note.kind is NoteKind.IGNORED and "tags" in note.text for note in run.notes)


def test_integers_that_turn_into_fractions_keep_their_fractions(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text("".join(f'{{"step": {s}, "reward": {0 if s < 200 else 0.5}}}\n' for s in range(300)))
    assert read(path)["reward"].value[-1] == 0.5


def test_trainer_state_joins_train_and_eval_rows(tmp_path: Path) -> None:
    history = [
        {"step": 10, "epoch": 0.1, "reward": 0.2},
        {"step": 10, "epoch": 0.1, "eval_reward": 0.3},
        {"step": 20, "epoch": 0.2, "reward": None},
    ]
    run = read(written(tmp_path / "trainer_state.json", {"global_step": 20, "max_steps": 100, "log_history": history}))
    assert run.format.endswith("trainer_state.json")
    assert run["held_out"].value.tolist() == [0.3]
    assert run["reward"].nonfinite.tolist() == [20]  # the Trainer writes null for NaN
    assert run.config["max_steps"] == 100


def test_a_training_folder_gives_the_longest_history(tmp_path: Path) -> None:
    for last in (10, 30, 20):
        folder = tmp_path / f"checkpoint-{last}"
        folder.mkdir()
        rows = [{"step": step, "reward": step} for step in range(10, last + 1, 10)]
        written(folder / "trainer_state.json", {"global_step": last, "log_history": rows})
    run = read(tmp_path)
    assert run["reward"].step.tolist() == [10, 20, 30]
    assert any("3 saved trainer states" in note.text for note in run.notes)


def test_columns_of_lists(tmp_path: Path) -> None:
    run = read(written(tmp_path / "d.json", {"step": [1, 2, 3], "reward": [0.1, 0.2, 0.3], "other": [1]}))
    assert run["reward"].value.tolist() == [0.1, 0.2, 0.3]


def test_members_labelled_by_checkpoint(tmp_path: Path) -> None:
    members = {
        "baseline": {"acc": 0.1},
        "x/checkpoint_000001": {"acc": 0.2},
        "x/checkpoint_000002": {"acc": 0.3},
        "x/final": {"acc": 0.4},
    }
    run = read(written(tmp_path / "d.json", members))
    assert run["held_out"].step.tolist() == [0, 1, 2, 3]


def test_lists_beside_each_other_are_one_run(tmp_path: Path) -> None:
    document = {
        "run": "x",
        "eval_trajectory": [{"step": 0, "accuracy": 0.1}, {"step": 5, "accuracy": 0.2}],
        "validation_loss": [{"step": 0, "training_loss": None}, {"step": 5, "training_loss": 0.5}],
    }
    run = read(written(tmp_path / "d.json", document))
    assert run["eval_trajectory/accuracy"].step.tolist() == [0, 5]
    assert run["training_loss"].step.tolist() == [5]


def test_lists_under_different_parents_are_different_runs(tmp_path: Path) -> None:
    document = {"runs": {name: {"signals": [{"step": 0, "g": i}, {"step": 1, "g": i}]} for i, name in enumerate("ab")}}
    assert [run.name for run in read_all(written(tmp_path / "d.json", document))] == ["runs/a", "runs/b"]


def rows_of_run(*steps: int, **more: float) -> list[dict[str, float]]:
    return [{"step": step, "reward": step / 8, **more} for step in steps]


@pytest.mark.parametrize(
    "document",
    [
        {"a": rows_of_run(1, 2), "b": rows_of_run(1, 2)},
        {"a": rows_of_run(1, 2, kl=1.0), "b": rows_of_run(1, 2)},  # one logs more than the other
        {"a": {"meta": 3, "rows": rows_of_run(1, 2)}, "b": {"meta": 4, "rows": rows_of_run(1, 2)}},
        {
            "a": {str(step): {"reward": 0.5} for step in (1, 2, 3)},
            "b": {str(step): {"reward": 0.5} for step in (1, 2, 3)},
        },
        {
            "a": {f"step_{i}": {"reward": 0.5} for i in (1, 2, 3)},
            "b": {f"step_{i}": {"reward": 0.5} for i in (1, 2, 3)},
        },
        {"a": {"step": [1, 2], "reward": [0.5, 0.5]}, "b": {"step": [1, 2], "reward": [0.5, 0.5]}},
        [{"name": "a", "history": rows_of_run(1, 2)}, {"name": "b", "history": rows_of_run(1, 2)}],
        {"config": {"lr": 0.1}, "a": {"rows": rows_of_run(1, 2)}, "b": {"rows": rows_of_run(1, 2)}},
    ],
)
def test_rows_under_the_name_of_each_run_are_runs(document: Any) -> None:
    made = whole(document)
    assert [one["name"] for one in made] == ["a", "b"]
    assert {tuple(one["step"]) for one in made} <= {(1, 2), (1, 2, 3)}
    assert all("reward" in one["columns"] for one in made)


def test_runs_below_two_names_carry_both() -> None:
    document = {model: {seed: rows_of_run(1, 2) for seed in ("s0", "s1")} for model in ("small", "large")}
    assert [one["name"] for one in whole(document)] == ["small/s0", "small/s1", "large/s0", "large/s1"]


def test_settings_beside_the_rows_of_a_run_are_its_own() -> None:
    made = whole({name: {"beta": beta, "rows": rows_of_run(1, 2)} for name, beta in (("a", 0.1), ("b", 0.2))})
    assert [one["config"] for one in made] == [{"beta": 0.1}, {"beta": 0.2}]


def test_lists_named_after_parts_of_a_run_or_of_other_metrics_are_one_run() -> None:
    (made,) = whole({"train": rows_of_run(1, 2), "validation": rows_of_run(1, 2)})
    assert made["columns"].keys() == {"train/reward", "validation/reward"}
    (made,) = whole({"rollouts": rows_of_run(1, 2), "scores": [{"step": 2, "acc": 0.5}]})
    assert made["columns"].keys() == {"reward", "acc"}


@pytest.mark.parametrize("document", [{}, [], 3, "x", {"a": 1}, [1, 2], {"a": {"b": {"c": 1}}}])
def test_json_without_rows_is_refused(tmp_path: Path, document: Any) -> None:
    with pytest.raises(ReadError):
        read(written(tmp_path / "d.json", document))


def test_an_empty_history_says_that_nothing_was_logged(tmp_path: Path) -> None:
    with pytest.raises(NoMetrics, match="nothing was logged yet"):
        read(written(tmp_path / "trainer_state.json", {"log_history": []}))


def test_the_size_of_the_evaluation_is_taken_from_the_settings(tmp_path: Path) -> None:
    rows = [{"step": step, "accuracy": 0.5} for step in range(3)]
    run = read(written(tmp_path / "d.json", {"config": {"eval_problems": 50}, "trajectory": rows}))
    assert run.config["eval_problems"] == 50
    assert run["held_out"].problems is not None
    assert run["held_out"].problems.tolist() == [50, 50, 50]
    assert any("50 problems, was taken from the setting 'eval_problems'" in note.text for note in run.notes)


# -- whole documents --------------------------------------------------------------------------------------------------


def whole(document: Any) -> list[dict[str, Any]]:
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    return [told(log) for log in json_document.read(source(data, "d.json")) or []]


def test_settings_and_rows_of_a_whole_document() -> None:
    rows = [{"step": 1, "acc": 0.5, "tag": "t"}, {"step": 2, "acc": 0.75, "tag": "t"}]
    made = whole({"model": "m", "n": 3, "f": 0.5, "list": [1], "config": {"n": 4, "lr": 0.1}, "rows": rows})
    assert made == [
        {
            "format": "json",
            "step": [1, 2],
            "columns": {"acc": {0: 0.5, 1: 0.75}},
            "config": {"model": "m", "n": 4, "f": 0.5, "lr": 0.1, "tag": "t"},
        }
    ]
    assert whole([*rows, 3, "x"])[0]["step"] == [1, 2]
    assert whole({"model": "m", "config": 3, "rows": rows})[0]["config"] == {"model": "m", "config": 3, "tag": "t"}


@pytest.mark.parametrize(
    ("document", "step"),
    [
        ({"step": 3, "acc": 0.5}, [3]),  # one flat row
        ({"Step": [1, 2], "acc": [0.5, 0.5], "other": [1], "none": []}, [1, 2]),
        ({"a_1": {"acc": 0.5}, "a_2": {"acc": 0.5}, "last": {"acc": 0.5}}, [1, 2, 3]),
        ({"a_1": {"acc": 0.5}, "a_2": {"acc": 0.5}}, None),  # two labels are none
        ({"a_1": {"acc": 0.5}, "a_2": {"acc": 0.5}, "a_3": {"acc": "x"}}, None),
        ({"a_1": {"acc": 0.5}, "a_2": {"acc": 0.5}, "bc": {"acc": 0.5}}, None),
        ({"a_1": {"acc": 0.5}, "a_2": {"acc": 0.5}, "a_3": {"acc": 0.5}, "v": 2}, [1, 2, 3]),
        ({"step": [[1], [2]], "acc": [0.5, 0.5]}, None),
        ({"acc": [0.5, 0.5]}, None),
        ({"rows": [{"acc": 0.5}]}, None),
        ({"rows": [{"step": 1, "acc": 0.5}, 3]}, None),
        ({"step": "x", "acc": "y"}, None),
    ],
)
def test_what_rows_a_document_holds(document: object, step: list[int] | None) -> None:
    if step is None:
        with pytest.raises(ReadError):
            whole(document)
    else:
        assert [one["step"] for one in whole(document)] == [step]


def test_labels_are_kept_to_their_last_200_characters() -> None:
    document = {f"{'x' * 300}_{i}": {"acc": 0.5} for i in (10, 20, 30)}
    assert whole(document)[0]["step"] == [10, 20, 30]
    steps = {f"s{i}": {"step": 7 * i, "acc": 0.5} for i in (1, 2, 3)}
    with pytest.raises(NoMetrics):  # a step inside wins over the label, but these are no lists of rows
        whole(steps)


@pytest.mark.parametrize(("depth", "found"), [(8, True), (9, False)])
def test_lists_of_rows_are_looked_for_eight_objects_deep(depth: int, found: bool) -> None:
    document: dict[str, Any] = {"rows": [{"step": 1, "acc": 0.5}, {"step": 2, "acc": 0.5}]}
    for _ in range(depth):
        document = {"in": document}
    if found:
        (made,) = whole(document)
        assert made["name"] == "/".join(["in"] * depth)
    else:
        with pytest.raises(NoMetrics):
            whole(document)


def test_keys_that_two_lists_share_are_told_apart_by_the_names_of_the_lists() -> None:
    document = {
        "train": [{"step": 1, "acc": 0.1, "loss": 2.0}, {"step": 2, "acc": 0.2, "loss": 1.0}],
        "test": [{"step": 1, "acc": 0.3}],
        "empty": [],
    }
    (made,) = whole(document)
    assert made["step"] == [1, 2, 1]
    assert made["columns"] == {"train/acc": {0: 0.1, 1: 0.2}, "loss": {0: 2.0, 1: 1.0}, "test/acc": {2: 0.3}}
    assert "name" not in made


CUT = b'{"model": "m [1", "rows": [{"step": 1, "acc": 0.5, "tags": ["a", "b"]}, {"step": 2, "acc": 0.25, "tags": []}]}'


@pytest.mark.parametrize("size", range(len(CUT) + 1))
def test_a_document_cut_anywhere_gives_the_entries_that_were_complete(size: int) -> None:
    try:
        made = whole(CUT[:size])
    except NoMetrics:
        made = []
    complete = [
        at for at in range(1, size + 1) if CUT[:at].endswith((b"}", b"]")) or (CUT[at : at + 1] == b"," and at < size)
    ]
    complete = [at for at in complete if at > 20]  # the bracket and the comma within and behind the text are no rows
    if size == len(CUT):
        assert [note for note in made[0].get("notes", []) if note[0] == "dropped"] == []
        assert made[0]["columns"] == {"acc": {0: 0.5, 1: 0.25}}
        return
    acc = [value for value, at in ((0.5, CUT.index(b"0.5") + 3), (0.25, CUT.index(b"0.25") + 4)) if size > at]
    if not acc:
        assert made == []
        return
    assert list(made[0]["columns"]["acc"].values()) == acc
    lost = size - complete[-1]
    assert made[0]["notes"][0] == (
        "dropped", f"The file is cut: its last {lost} bytes are no complete entry and were dropped.", 1,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("data", "kept"),
    [
        (b'[{"step": 1, "acc": NaN}, {"step": 2, "acc": 0.5}]', 2),
        (b'\xef\xbb\xbf [{"step": 1, "acc": 0.5}]', 1),
        (b'[{"step": 1, "acc": 0.5}, {"step": 2, "acc": 0.5}} oops', 2),
        (b"[" * 199 + b'{"step": 1}, ', 0),
        (b"{nonsense", None),
        (b"[", None),
        (b"x[1]", None),
        (b"", None),
    ],
)
def test_what_is_nearly_a_document(data: bytes, kept: int | None) -> None:
    if kept is None:
        assert whole(data) == []
    elif not kept:
        with pytest.raises(NoMetrics):
            whole(data)
    else:
        (made,) = whole(data)
        assert len(made["step"]) == kept


def test_a_document_without_rows_is_refused_with_what_it_holds() -> None:
    with pytest.raises(
        NoMetrics, match=r"^d\.json: JSON without rows of metrics \(it holds a, b\); expected a list of"
    ):
        whole({"a": 1, "b": {}})
    with pytest.raises(NoMetrics, match=r"\(it holds list\)"):
        whole([])


def test_lists_of_several_lengths_are_one_run(tmp_path: Path) -> None:
    document = {
        "train_step": [*range(10, 110, 10)],
        "train_reward": [n / 10 for n in range(10)],
        "eval_step": [50, 100],
        "eval_accuracy": [0.4, 0.5],
        "updates": [{"step": 20, "loss": 1.0, "kl": 0.1}, {"step": 90, "loss": 0.5, "kl": 0.2}],
        "orphans": [1.0] * 7,
    }
    run = read(written(tmp_path / "log.json", document))
    assert run["held_out"].step.tolist() == [50, 100]
    assert run["reward"].step.tolist() == [*range(10, 110, 10)]
    assert run["kl"].value.tolist() == [0.1, 0.2]
    assert any("1 list of values left out" in note.text and "orphans" in note.text for note in run.notes)


def test_lists_of_one_length_belong_to_the_steps_that_are_called_alike(tmp_path: Path) -> None:
    document = {"step": [1, 2, 3], "reward": [1, 2, 3], "val_step": [0, 2, 4], "val_acc": [0.1, 0.2, 0.3]}
    run = read(written(tmp_path / "log.json", document))
    assert run["held_out"].step.tolist() == [0, 2, 4]
    assert run["reward"].step.tolist() == [1, 2, 3]


def test_lists_that_count_something_else_are_left_out_and_named(tmp_path: Path) -> None:
    document = {
        "episode": [*range(1, 7)],
        "reward": [1.0] * 6,
        "eval_timesteps": [1000, 2000, 3000, 4000, 5000],
        "eval_return": [2.0] * 5,
    }
    run = read(written(tmp_path / "log.json", document))
    assert run.steps.tolist() == [1, 2, 3, 4, 5, 6]
    assert any("eval_return" in note.text for note in run.notes)


def test_objects_beside_a_list_of_steps_stay(tmp_path: Path) -> None:
    run = read(written(tmp_path / "log.json", {"step": [1, 2], "metrics": [{"reward": 0.1}, {"reward": 0.2}]}))
    assert run["reward"].value.tolist() == [0.1, 0.2]


def test_lists_without_steps_are_counted_where_one_is_a_reward(tmp_path: Path) -> None:
    document = {"episode_rewards": [1, 2, 3, 4, 5, 6], "lengths": [9] * 6, "losses": [1.0] * 50, "layers": [64, 64]}
    run = read(written(tmp_path / "log.json", document))
    assert run.counted
    assert run["reward"].value.tolist() == [1, 2, 3, 4, 5, 6]
    assert any("losses" in note.text for note in run.notes)
    with pytest.raises(ReadError, match="JSON without rows"):
        read(written(tmp_path / "settings.json", {"layers": [64, 64, 64, 64, 64], "name": "x"}))


@pytest.mark.parametrize(("name", "held_out"), [("eval_trajectory", True), ("history", False), ("train_log", False)])
def test_a_list_that_is_named_after_evaluations_holds_held_out_scores(
    tmp_path: Path, name: str, held_out: bool
) -> None:
    rows = [
        {"step": step, "mean_reward": 0.3 + step / 900, "lenient_acc": 0.5 - step / 900} for step in range(0, 120, 20)
    ]
    losses = [{"step": step, "training_loss": 0.1, "validation_loss": 0.2} for step in range(0, 120, 20)]
    (tmp_path / "run.json").write_text(json.dumps({"run": "a", name: rows, "validation_loss": losses}))
    run = read_all(tmp_path / "run.json")[0]
    assert run.roles["reward"] == "mean_reward"
    assert run.roles.get("held_out") == (f"{name}/lenient_acc" if held_out else None)
    assert "training_loss" in run.metrics


def test_values_by_their_steps_stand_beside_lists(tmp_path: Path) -> None:
    document = {
        "step": [*range(1, 41)],
        "reward": [n / 40 for n in range(1, 41)],
        "dev_bleu": {"10": 38.5, "20": 36.0, "30": 37.5, "40": 38.0},
        "lr_by_layer": {"first": 0.1, "last": 0.2},
    }
    run = read(written(tmp_path / "m.json", document))
    assert run["reward"].step.tolist() == [*range(1, 41)]
    assert run["held_out"].step.tolist() == [10, 20, 30, 40]
    assert run["held_out"].value.tolist() == [38.5, 36.0, 37.5, 38.0]


def test_what_is_json_from_end_to_end_was_printed_by_no_console(tmp_path: Path) -> None:
    phases = [{"name": f"phase {n}", "final_eval": n / 4, "samples": 400} for n in range(1, 4)]
    path = tmp_path / "training_log.json"
    path.write_text(json.dumps({"meta": {"mode": "sft"}, "curriculum": {"phases": phases}}, indent=2))
    with pytest.raises(NoMetrics, match="JSON without rows of metrics"):
        read(path)
