"""Where runs lie: found by names alone, and nowhere else than in what is served."""

from __future__ import annotations

from pathlib import Path

import heldout
from heldout.fleet.places import leading_out, places_in, stamps_of

LOG = '{"step": 1, "reward": 0.1}\n{"step": 2, "reward": 0.2}\n'


def made(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(LOG)
    return root.resolve()


def found(root: Path, depth: int = 4) -> list[str]:
    return [place.name for place in places_in([root], depth).found]


def test_each_folder_with_a_log_is_a_place(tmp_path: Path) -> None:
    root = made(tmp_path, "a/metrics.jsonl", "b/c/metrics.jsonl", "b/d/train.log", "empty/readme.md")
    assert found(root) == ["a", "b/c", "b/d"]


def test_what_only_sorts_a_runs_files_is_no_place(tmp_path: Path) -> None:
    root = made(
        tmp_path,
        "a/trainer_state.json",
        "a/checkpoint-10/trainer_state.json",
        "a/completions/10.jsonl",
        "b/checkpoint-10/trainer_state.json",
        "b/checkpoint-20/trainer_state.json",
        "c/metrics.jsonl",
        "c/evals/gsm8k.json",
    )
    assert found(root) == ["a", "b", "c"]


def test_a_folder_that_is_full_of_logs_is_one_place(tmp_path: Path) -> None:
    root = made(tmp_path, "seed0.csv", "seed1.csv")
    assert found(root) == [root.name]


def test_a_log_beside_folders_of_runs_is_a_place_of_its_own(tmp_path: Path) -> None:
    assert found(made(tmp_path, "table.csv", "a/metrics.jsonl")) == ["table.csv", "a"]


def test_a_recorded_run_is_a_place_whatever_lies_in_it(tmp_path: Path) -> None:
    with heldout.Recorder(tmp_path / "run", rank=0) as recorder:
        recorder.log(1, {"reward": 0.5})
    made(tmp_path, "run/further/metrics.jsonl")
    assert found(tmp_path.resolve()) == ["run"]


def test_a_run_or_a_file_can_be_served_itself(tmp_path: Path) -> None:
    root = made(tmp_path, "a/metrics.jsonl")
    assert found(root / "a") == ["a"]
    assert found(root / "a" / "metrics.jsonl") == ["metrics.jsonl"]


def test_several_folders_put_their_names_in_front(tmp_path: Path) -> None:
    root = made(tmp_path, "x/a/metrics.jsonl", "y/a/metrics.jsonl")
    assert [place.name for place in places_in([root / "x", root / "y"]).found] == ["x/a", "y/a"]


def test_it_looks_so_deep_and_no_deeper(tmp_path: Path) -> None:
    root = made(tmp_path, "1/2/3/metrics.jsonl")
    assert found(root, 3) == ["1/2/3"]
    assert found(root, 2) == []


def test_hidden_folders_and_links_to_neighbours_are_no_places(tmp_path: Path) -> None:
    root = made(tmp_path, "a/metrics.jsonl", ".git/metrics.jsonl")
    (root / "latest").symlink_to(root / "a")
    assert found(root) == ["a"]


def test_a_link_that_leads_out_is_listed_and_not_followed(tmp_path: Path) -> None:
    outside = made(tmp_path / "outside", "metrics.jsonl")
    root = made(tmp_path / "served", "a/metrics.jsonl")
    (root / "b").symlink_to(outside)
    (root / "c.csv").symlink_to(outside / "metrics.jsonl")
    places = places_in([root])
    assert [place.name for place in places.found] == ["a"]
    assert places.left.keys() == {"b", "c.csv"}
    assert [place.name for place in places_in([root, outside]).found] == ["served/a", "outside"]


def test_a_link_in_the_middle_of_a_run_is_found(tmp_path: Path) -> None:
    outside = made(tmp_path / "outside", "secret.jsonl")
    root = made(tmp_path / "served", "a/metrics.jsonl", "a/evals/gsm8k.json")
    assert leading_out(root / "a", [root]) is None
    link = root / "a" / "evals" / "more.json"
    link.symlink_to(outside / "secret.jsonl")
    assert leading_out(root / "a", [root]) == link


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    root = made(tmp_path, "a/metrics.jsonl", "b/metrics.jsonl")
    (root / "a" / "to").symlink_to(root / "b")
    (root / "b" / "to").symlink_to(root / "a")
    assert found(root) == ["a", "b"]


def test_what_a_link_leads_to_is_listed_once_and_by_its_own_name(tmp_path: Path) -> None:
    root = made(tmp_path, "a/metrics.jsonl", "b/metrics.jsonl", ".store/c/metrics.jsonl", "deep/1/2/d/metrics.jsonl")
    for name, target in (("self", "."), ("b/up", ".."), ("b/a", "../a"), ("a.jsonl", "a/metrics.jsonl")):
        (root / name).symlink_to(target)
    (root / "c").symlink_to(".store/c")  # which is found by no other name
    assert found(root) == ["a", "b", "c", "deep/1/2/d"]
    (root / "d").symlink_to("deep/1/2/d")
    assert found(root, 2) == ["a", "b", "c", "d"]


def test_a_stamp_changes_with_a_line_and_with_new_answers(tmp_path: Path) -> None:
    with heldout.Recorder(tmp_path / "run", rank=0) as recorder:
        recorder.log(1, {"reward": 0.5})
        seen = [stamps_of(tmp_path / "run")]
        recorder.log(2, {"reward": 0.6})
        seen.append(stamps_of(tmp_path / "run"))
        recorder.rollouts(2, [{"problem": "p", "prompt": "q", "text": "a", "reward": 1.0}])
        seen.append(stamps_of(tmp_path / "run"))
    assert seen[0] != seen[1] != seen[2]
    assert stamps_of(tmp_path / "run") == stamps_of(tmp_path / "run")
