"""Which runs are taken for seeds of one recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from heldout.compare.groups import NOT_SET, groups_of, seeds_in
from heldout.errors import UsageError
from heldout.run import Run


def run(name: str, **config: Any) -> Run:
    return Run(name, f"runs/{name}", "test", {}, config=config)


def named(groups: list[Any]) -> dict[str, list[str]]:
    return {group.name: [one.name for one in group.runs] for group in groups}


def test_runs_that_differ_in_seed_name_and_place_alone_are_one_recipe() -> None:
    runs = [
        run("honest-0", reward="tests", seed=0, run_name="a", output_dir="/x/a", created="1"),
        run("rm-0", reward="model", seed=0),
        run("honest-1", reward="tests", seed=1, run_name="b", output_dir="/x/b", created="2"),
    ]
    assert named(groups_of(runs)) == {"honest": ["honest-0", "honest-1"], "rm-0": ["rm-0"]}
    assert groups_of(runs)[0].seeds == ("0", "1")


def test_one_other_setting_makes_another_recipe() -> None:
    assert len(groups_of([run("a-1", lr=1e-6, seed=1), run("a-2", lr=2e-6, seed=2)])) == 2


def test_equal_numbers_are_one_value_however_they_are_written() -> None:
    assert len(groups_of([run("a-1", steps=100, seed=1), run("a-2", steps=100.0, seed=2)])) == 1


def test_logs_without_settings_are_no_recipe_unless_their_names_name_a_seed() -> None:
    assert len(groups_of([run("first"), run("second")])) == 2
    assert len(groups_of([run("run-1"), run("run-2")])) == 2
    assert named(groups_of([run("honest-seed0"), run("honest-seed3")])) == {"honest": ["honest-seed0", "honest-seed3"]}
    assert seeds_in([run("honest-seed3")]) == ("3",)


def test_equal_names_in_other_places_are_other_recipes() -> None:
    a = [Run(f"log-seed{k}", f"runs/a/log-seed{k}.csv", "csv", {}) for k in range(2)]
    b = [Run(f"log-seed{k}", f"runs/b/log-seed{k}.csv", "csv", {}) for k in range(2, 4)]
    assert [[one.name for one in group.runs] for group in groups_of([*a, *b])] == [
        ["log-seed0", "log-seed1"],
        ["log-seed2", "log-seed3"],
    ]


def test_by_a_setting_runs_without_it_are_a_group_of_their_own() -> None:
    runs = [run("a", kl=0.1, lr=1), run("b", lr=2), run("c", kl=0.1, lr=3), run("d", trainer={"kl": 1})]
    assert named(groups_of(runs, by="kl")) == {"kl=0.1": ["a", "c"], NOT_SET: ["b", "d"]}
    assert named(groups_of(runs, by="trainer.kl"))["trainer.kl=1"] == ["d"]


def test_by_a_setting_equal_numbers_are_one_value() -> None:
    assert named(groups_of([run("a", steps=100, x=1), run("b", steps=100.0, x=2)], by="steps")) == {
        "steps=100": ["a", "b"]
    }


def test_by_a_setting_that_no_run_has_is_refused_with_the_near_ones() -> None:
    with pytest.raises(UsageError, match="learning_rate"):
        groups_of([run("a", learning_rate=1)], by="learning_rat")
    with pytest.raises(UsageError, match="no settings"):
        groups_of([run("a")], by="kl")


def test_named_groups_come_first_and_the_others_group_themselves() -> None:
    a, b, c = run("a", lr=1), run("b", lr=2), run("c", lr=3)
    assert named(groups_of([a, b, c], named={"mine": [c, a]})) == {"mine": ["c", "a"], "b": ["b"]}
    with pytest.raises(UsageError, match="in the groups 'x' and 'y'"):
        groups_of([a], named={"x": [a], "y": [a]})


def test_a_run_given_twice_counts_once() -> None:
    one = run("a", seed=1)
    assert named(groups_of([one, one, run("b", lr=1)])) == {"a": ["a"], "b": ["b"]}


def test_a_place_that_is_spelled_in_two_ways_is_one_run(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "a")
    places = [tmp_path / "a", tmp_path / "link", tmp_path / "link" / ".." / "a"]
    assert len(groups_of([Run("a", str(place), "test", {}) for place in places])) == 1


def test_the_seed_is_that_of_the_training_or_the_one_that_differs() -> None:
    own = [run(str(k), data_seed=42, trainer={"random_seed": k}) for k in range(2)]
    assert seeds_in(own) == ("0", "1")
    assert seeds_in(own[:1]) == ("0",)
    assert seeds_in([run(str(k), seed=42, trainer={"seed": k}) for k in range(2)]) == ("0", "1")
    assert seeds_in([run(str(k), data_seed=42) for k in range(2)]) == ("42", "42")


def test_groups_never_share_a_name() -> None:
    runs = [run(f"ppo-{k}", lr=k % 2, seed=k) for k in range(4)]
    assert sorted(named(groups_of(runs))) == ["ppo", "ppo (2)"]


@pytest.mark.parametrize("source", ["half \ud800 a character", "a\x00b", "example:kimi-dev"])
def test_a_source_that_is_no_path_is_a_run_like_any_other(source: str) -> None:
    runs = [Run(name, source, "test", {}) for name in ("a", "b")]
    assert sum(map(len, groups_of(runs))) == 2
