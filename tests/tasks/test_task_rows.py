"""Data sets of the hub: their splits, their columns, and one sentence where there is no network or no library."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from heldout.errors import UsageError
from heldout.tasks import load_task

ROW = {
    "task_id": "a",
    "question": "def f(x):\n",
    "entry_point": "f",
    "test": "def check(candidate):\n    assert candidate(1) == 2\n",
}


def stored(folder: Path, **splits: int) -> str:
    datasets = pytest.importorskip("datasets", reason="the hub needs `datasets`, of the extra `train`")
    parts = {split: [{**ROW, "task_id": f"{split}-{i}"} for i in range(size)] for split, size in splits.items()}
    for split, rows in parts.items():
        datasets.Dataset.from_list(rows).to_parquet(folder / f"{split}-00000-of-00001.parquet")
    return f"hf:{folder}"


def test_splits_keep_their_names(tmp_path: Path) -> None:
    task = load_task(stored(tmp_path, train=3, validation=2, test=1), columns={"prompt": "question"})
    assert [problem.id for problem in task.split("validation")] == ["validation-0", "validation-1"]
    assert len(task.split("train")) == 3
    assert task.problems[0].prompt == ROW["question"]
    assert task.notes == ()


def test_everything_in_one_training_split_was_not_split(tmp_path: Path) -> None:
    task = load_task(stored(tmp_path, train=4), columns={"prompt": "question"})
    assert len(task.split("test")) == 4
    assert "4 problems named no split" in task.notes[0]


def test_without_a_network_it_is_one_sentence(tmp_path: Path) -> None:
    pytest.importorskip("datasets", reason="the hub needs `datasets`, of the extra `train`")
    code = "from heldout.tasks import load_task; load_task('hf:nobody/nothing-of-the-sort')"
    offline = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=offline, check=False)
    told = done.stderr.strip().splitlines()[-1]
    assert told.startswith("heldout.errors.TaskError: The data set 'nobody/nothing-of-the-sort' cannot be loaded (")
    assert told.endswith("check its name and the network, or save it as JSON lines.")


def test_without_the_library_the_command_that_installs_it_is_named() -> None:
    code = (
        "import sys; sys.modules['datasets'] = None\n"
        "from heldout.errors import MissingExtra\nfrom heldout.tasks import load_task\n"
        "try: load_task('hf:openai/openai_humaneval')\nexcept MissingExtra as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == (
        "Data sets of the hub need the library datasets; in the checkout of heldout, run: pip install '.[train]'"
    )


def test_a_name_of_too_many_parts_is_explained() -> None:
    pytest.importorskip("datasets", reason="the hub needs `datasets`, of the extra `train`")
    with pytest.raises(UsageError, match="'a/b/c/d' is no data set of the hub; write hf:OWNER/NAME"):
        load_task("hf:a/b/c/d")
