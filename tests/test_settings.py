"""The settings of a run, as a report shows them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from heldout.readers import read
from heldout.report import write_report
from heldout.run import Run, Series
from heldout.settings import differing, recipe_of, settings_of

CONFIG = {
    "seed": 7,
    "trainer": {"lr": 1e-6, "model_name": "tiny", "empty": None},
    "reward": "exit-status",
    "wandb_api_key": "hidden-one",
    "hub_token": "hidden-two",
    "max_tokens": 512,
    "created": "today",
}


def test_settings_are_flat_and_those_of_reward_and_model_come_first() -> None:
    told = settings_of(CONFIG)
    assert list(told) == ["reward", "trainer/model_name", "seed", "trainer/lr", "max_tokens"]
    assert told["reward"] == "exit-status"


def test_what_is_named_like_a_secret_is_in_no_report(tmp_path: Path) -> None:
    reward = Series("reward", np.arange(10), np.linspace(0, 1, 10))
    run = Run("mine", "here", "test", {"reward": reward}, {"reward": "reward"}, config=CONFIG)
    write_report(run, tmp_path, formats=["svg"])
    texts = {name: (tmp_path / name).read_text() for name in ("report.html", "report.md", "report.json")}
    assert all("exit-status" in text.replace("\\", "") for text in texts.values())
    assert not any("hidden-" in text.replace("\\", "") for text in texts.values())
    assert json.loads(texts["report.json"])["run"]["settings"]["seed"] == "7"


@pytest.mark.parametrize(
    "key", ["token", "hf_token", "hub/token", "auth-token", "helper_token", "API_TOKEN", "api_key"]
)
def test_tokens_that_open_doors_are_left_out(key: str) -> None:
    assert settings_of({key: "x"}) == {}


def test_many_and_long_settings_are_shortened_and_none_is_obeyed() -> None:
    told = settings_of({f"k{k}": "x" * 500 + "\x1b]0;T\x07" for k in range(200)})
    assert len(told) == 60
    assert all(len(text) <= 120 and "\x1b" not in text for text in told.values())
    assert settings_of({}) == {}


def test_runs_differ_in_what_is_a_setting_and_not_in_where_and_when_they_ran() -> None:
    circumstances = [
        {
            "seed": k,
            "data": {"seed": k},
            "run_name": f"r{k}",
            "output_dir": f"/x/{k}",
            "created": str(k),
            "host": str(k),
        }
        | {"versions": {"torch": str(k)}, "git": str(k), "hub_token": str(k), "wandb": {"id": k}, "start_time": k}
        for k in range(2)
    ]
    assert differing(circumstances) == {}
    assert differing([{"lr": 1e-6, "steps": 10}, {"steps": 10.0, "kl": 0.1}]) == {
        "lr": ("1e-06", None),
        "kl": (None, "0.1"),
    }


def test_settings_whose_names_only_look_like_a_place_still_count() -> None:
    config = {"model_name": "tiny", "model_path": "/m/tiny", "max_time": 1, "n_gpus_per_node": 8, "name_or_path": "x"}
    assert set(recipe_of(config)) == set(config)


@pytest.mark.parametrize(
    ("key", "first", "second"),
    [
        ("model", "/ckpt/sft-A/step_100/hf", "/ckpt/sft-B/step_100/hf"),
        ("model/local_path", "/m/a", "/m/b"),
        ("model/local_dir", "/m/a", "/m/b"),
        ("eval/time", 10, 60),
        ("data/start_date", "2020", "2021"),
        ("model/commit", "a1", "b2"),
        ("local_model_path", "/m/a", "/m/b"),
        ("reward/penalty_per_token", 0, 0.5),
        ("eos_token", "</s>", "<|end|>"),
    ],
)
def test_what_is_read_and_what_is_asked_makes_the_recipe(key: str, first: object, second: object) -> None:
    assert set(differing([{key: first}, {key: second}])) == {key}


@pytest.mark.parametrize("key", ["trainer/default_local_dir", "trainer/log_dir", "run/start_date", "time", "run/time"])
def test_what_is_written_and_when_does_not(key: str) -> None:
    assert differing([{key: "/a/x"}, {key: "/b/y"}]) == {}


@pytest.mark.parametrize(
    ("first", "second", "equal"),
    [("1e-6", 1e-6, True), ("0.10", 0.1, True), ("1e2", 100, True), (2**60, 2**60 + 1, False), ("07", 7, False)],
)
def test_of_a_number_its_value_counts(first: object, second: object, equal: bool) -> None:
    assert (differing([{"lr": first}, {"lr": second}]) == {}) is equal


def test_long_values_are_cut_where_they_part() -> None:
    told = differing([{"prompt": "x" * 500 + "one"}, {"prompt": "x" * 500 + "two\x1b"}])
    assert told == {"prompt": ("…one", "…two\\x1b")}


def test_settings_that_are_nested_without_end_are_cut(tmp_path: Path) -> None:
    nested = '{"n":' * 980 + "1" + "}" * 980
    (tmp_path / "run.json").write_text(f'{{"format": "heldout run", "config": {{"seed": 3, "deep": {nested}}}}}')
    (tmp_path / "metrics.jsonl").write_text(
        "".join(json.dumps({"step": k, "reward": 0.1 * k}) + "\n" for k in range(9))
    )
    told = settings_of(read(tmp_path).config)
    assert told["seed"] == "3"
    assert list(told.values())[-1] == "…"
