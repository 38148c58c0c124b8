"""Folders of models: whole or not there, whatever broke or came first."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs the extra train")
pytest.importorskip("trl", reason="training needs the extra train")

from miniature import write_policy

from heldout.errors import HeldoutError
from heldout.train.folders import is_whole, publish
from heldout.train.warm_start import WarmStart, warm_start


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_policy(tmp_path_factory.mktemp("policy"))


@pytest.mark.parametrize("broken", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_file_that_is_missing_or_cut_is_seen(policy: Path, tmp_path: Path, broken: str) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(policy, folder)
    assert is_whole(folder)
    whole = (folder / broken).read_bytes()
    (folder / broken).write_bytes(whole[:-20])
    assert not is_whole(folder)
    (folder / broken).unlink()
    assert not is_whole(folder)
    assert not is_whole(tmp_path / "nowhere")


def test_a_broken_folder_is_replaced_and_a_whole_one_of_another_process_stays(policy: Path, tmp_path: Path) -> None:
    folder = tmp_path / "kept"

    def write(place: Path) -> None:
        shutil.copytree(policy, place, dirs_exist_ok=True)
        (place / "note").write_text("new")

    shutil.copytree(policy, folder)
    assert publish(write, folder) == folder
    assert not (folder / "note").exists()
    (folder / "config.json").write_text("{")
    publish(write, folder)
    assert is_whole(folder)
    assert (folder / "note").read_text() == "new"
    assert [one.name for one in tmp_path.iterdir()] == ["kept"]


def test_what_is_not_whole_is_never_published(policy: Path, tmp_path: Path) -> None:
    def write(place: Path) -> None:
        shutil.copytree(policy, place, dirs_exist_ok=True)
        (place / "model.safetensors").write_bytes(b"")

    with pytest.raises(HeldoutError, match="is not whole"):
        publish(write, tmp_path / "kept")
    assert list(tmp_path.iterdir()) == []


def test_a_broken_starting_policy_is_made_anew() -> None:
    wanted = WarmStart(steps=2, batch=2)
    weights = warm_start(wanted) / "model.safetensors"
    first = weights.read_bytes()
    weights.write_bytes(first[: len(first) // 2])
    assert (warm_start(wanted) / "model.safetensors").read_bytes() == first
