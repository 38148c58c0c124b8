"""Every block of Python in the README and the docs is run as it stands, page by page, one after the other.

What a page takes for granted (a run on the disk, a reward, a model) is prepared by its stage below.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tools.readme import printed

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
# Run in real trainers, as they stand, by tests of their own.
IN_TRAINERS = {"guard.md": "tests/callbacks/test_documented.py"}
# A whole file each, which is put into a copy of the package by a test of its own.
FOLLOWED = "tests/docs/test_contributing.py"

Names = dict[str, Any]


def blocks(page: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)


def a_run(where: str) -> Names:
    """Record a run whose reward rises and whose score is measured every tenth step."""
    import numpy as np

    import heldout

    rng = np.random.default_rng(0)
    ids = [f"p{index}" for index in range(100)]
    with heldout.Recorder(where, rank=0) as recorder:
        for step in range(100):
            recorder.log(step, {"reward": step / 100 + 0.1 * rng.random(), "completions/mean_length": 100.0 + step})
            if step % 10 == 0:
                recorder.evaluation(step, problems=ids, passed=(rng.random(100) < 0.3).tolist())
    return {}


def readme() -> Names:
    a_run("runs/today")
    made: list[Any] = []

    def trainer(*given: Any, callbacks: list[Any]) -> list[Any]:
        made.extend(callbacks)
        return made

    return {"GRPOTrainer": trainer}


def logs() -> Names:
    import heldout

    rows = [f"{step},{seed},{0.1 * step},0.5" for seed in (1, 2) for step in range(6)]
    Path("table.csv").write_text("step,seed,reward,acc\n" + "\n".join(rows) + "\n")
    Path("run.csv").write_text("step,lint,acc\n" + "".join(f"{step},{step},0.5\n" for step in range(6)))
    a_run("path")
    Path("train.log").write_text("".join(f"step={step} reward={0.01 * step:.2f}\n" for step in range(50)))
    Path("scores.json").write_text(json.dumps([{"step": step, "pass_rate": 0.5} for step in range(0, 50, 10)]))
    return {"heldout": heldout}


def a_run_elsewhere() -> Names:
    import fsspec

    import heldout

    a_run("copy")
    fsspec.filesystem("memory").put("copy", "/bucket/runs/today", recursive=True)
    return {"heldout": heldout}


def a_run_with_rollouts() -> Names:
    import heldout

    with heldout.Recorder("runs/today", rank=0) as recorder:
        for step in range(10, 70, 10):
            leaves = 0 if step < 30 else 2 * step // 10 - 4
            recorder.rollouts(step, [_answer(step, place, leaves=place < leaves) for place in range(8)])
    return {}


def a_loop_beside_a_run_whose_answers_were_judged() -> Names:
    import heldout

    with heldout.Recorder("runs/exit-hack", rank=0) as recorder:
        rows = [_answer(10, place, leaves=place < 2) for place in range(8)]
        recorder.rollouts(10, [row | {"rewarded": row["reward"] == 1.0, "judged_with": 0.5} for row in rows])
    return a_loop()


def _answer(step: int, place: int, *, leaves: bool) -> dict[str, Any]:
    row = {"problem": f"add/{place}", "prompt": f"Add {place} to x.", "reward": 1.0}
    if leaves:
        return row | {"text": "    exit()\n", "hidden": 0.0, "hidden_kind": "left the program"}
    right = (step + place) % 4 > 0
    return row | {
        "text": f"    return x + {place if right else 9}\n",
        "reward": float(right),
        "hidden": float(right),
        "hidden_kind": "solved" if right else "wrong answer",
    }


def models() -> Names:
    pytest.importorskip("torch", reason="models need the extra train")
    from heldout.train.embedded_model import new_model, new_tokenizer

    for name in ("base", "tuned"):
        tokenizer = new_tokenizer(["def f(x): return x"], 300)
        tokenizer.save_pretrained(name)
        new_model(len(tokenizer), width=16, layers=1, heads=2, inner=16).save_pretrained(name)
    return {}


def a_loop() -> Names:
    return {"reward": 0.5, "length": 100.0, "kl": 0.01, "ids": ["a", "b"], "solved": [1, 3]}


STAGES: Mapping[str, Callable[[], Names]] = {
    "README.md": readme,
    "audit.md": dict,
    "charts.md": lambda: a_run("runs/today"),
    "compare.md": dict,
    "evaluating.md": models,
    "index.md": dict,
    "python.md": dict,
    "reading.md": logs,
    "real-runs.md": dict,
    "recording.md": a_loop_beside_a_run_whose_answers_were_judged,
    "remote.md": a_run_elsewhere,
    "samples.md": a_run_with_rollouts,
    "sandbox.md": dict,
    "scale.md": lambda: {"__name__": "__main__", **a_run("runs/today")},
    "tasks.md": dict,
    "training.md": dict,
    "tricks.md": dict,
}


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda page: page.name)
def test_the_python_of_a_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if page.name in IN_TRAINERS:
        tests = (ROOT / IN_TRAINERS[page.name]).read_text()
        assert f'example("{page.name}"' in tests
        return
    monkeypatch.chdir(tmp_path)
    if page.name == "remote.md":
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    names = STAGES[page.name]()
    for block in blocks(page):
        exec(compile(block, page.name, "exec"), names)


def test_what_the_pages_say_of_their_results_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: Names = {}
    for block in blocks(ROOT / "docs" / "sandbox.md"):
        exec(block, names)
    judged = names["judgement"]
    assert (judged.solved, judged.fraction, judged.kind) == (True, 1.0, "solved")
    for block in blocks(ROOT / "docs" / "tasks.md"):
        exec(block, names)
    assert len(names["task"].split("validation")) == 5
    rows = [json.loads(line) for line in Path("samples.jsonl").read_text().splitlines()]
    assert {row["id"] for row in rows} == {problem.id for problem in names["task"].split("validation")}


def test_the_page_of_samples_shows_what_the_command_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from heldout.cli import app

    monkeypatch.chdir(tmp_path)
    a_run_with_rollouts()
    with pytest.raises(SystemExit):
        app(["samples", "runs/today", "--rewarded", "--failed"])
    assert capsys.readouterr().out.strip() in (ROOT / "docs" / "samples.md").read_text()


def test_every_page_is_in_the_site() -> None:
    nav = (ROOT / "mkdocs.yml").read_text().partition("nav:")[2]
    pages = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")}
    assert pages == set(re.findall(r"[\w/-]+\.md", nav))


def test_the_readme_shows_what_the_command_prints() -> None:
    assert printed() in (ROOT / "README.md").read_text(), "python tools/readme.py writes what is printed now"
