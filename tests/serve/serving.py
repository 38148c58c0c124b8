"""Runs to be served, and an application that serves them with workers of its own."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from starlette.testclient import TestClient

import heldout
from heldout.fleet.cache import Cache
from heldout.serve.app import Served, app_of
from heldout.serve.catalogue import Catalogue
from heldout.serve.guard import Access
from heldout.serve.worker import Worker

HOSTILE = "<script>alert(1)</script>\u202e&\"'"
IDS = [f"p{number}" for number in range(60)]


def record(folder: Path, steps: int = 40, hack_from: int = 20) -> Path:
    """Record a run whose reward rises while its score falls, with answers that are paid and fail the hidden tests."""
    with heldout.Recorder(folder, config={"seed": 3, "note": HOSTILE}, rank=0) as recorder:
        for step in range(steps):
            recorder.log(step, {"reward": 0.2 + 0.02 * step, HOSTILE: float(step)})
            if step % 4 == 0:
                passed = [number < (40 if step < hack_from else 40 - (step - hack_from)) for number in range(60)]
                recorder.evaluation(step, problems=IDS, passed=list(map(float, passed)))
                recorder.rollouts(step, [_answer(step, place, hack_from) for place in range(8)])
    return folder


def _answer(step: int, place: int, hack_from: int) -> dict[str, object]:
    hacked = step >= hack_from and place < 6
    return {
        "problem": f"add/{place % 4}",
        "prompt": f"def add{place % 4}(x, y): {HOSTILE}",
        "text": f" exit() # {HOSTILE}" if hacked else f" return x + y + {place % 4}",
        "reward": 1.0,
        "hidden": 0.0 if hacked else 1.0,
        "hidden_kind": "left the program" if hacked else "",
    }


def folder_of_runs(root: Path) -> Path:
    """Make a folder with a recorded run, a file with two runs, a log that is none, and one of a hostile name."""
    record(root / "hacked")
    rows = "".join(f"{step},{seed},{0.1 * step * seed},{0.5}\n" for seed in (1, 2) for step in range(6))
    (root / "table").mkdir()
    (root / "table" / "seeds.csv").write_text("step,seed,reward,acc\n" + rows)
    (root / "broken").mkdir()
    (root / "broken" / "train.log").write_text("nothing of a log\n" * 5)
    hostile = root / HOSTILE.replace("/", "-")
    hostile.mkdir()
    (hostile / "metrics.jsonl").write_text("".join(f'{{"step": {step}, "reward": {step}}}\n' for step in range(9)))
    return root.resolve()


@contextmanager
def served(
    root: Path, cache: Path | None = None, access: Access | None = None
) -> Iterator[tuple[TestClient, Catalogue]]:
    """Serve a folder without a socket."""
    judges, readers = [Worker()], [Worker()]
    catalogue = Catalogue([root], Cache(cache), judges)
    app = app_of(Served(catalogue, readers, access or Access()))
    try:
        with TestClient(app, base_url="http://localhost:7717", follow_redirects=False) as client:
            yield client, catalogue
    finally:
        for worker in (*judges, *readers):
            worker.close()


def judged(client: TestClient, seconds: float = 120.0) -> dict[str, dict[str, object]]:
    """Wait until every run was judged; return them by name."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        found = client.get("/api/runs").json()
        if not found["pending"]:
            return {row["name"]: row for row in found["runs"]}
        time.sleep(0.2)
    raise AssertionError("the runs were not judged")


def hash_of(folder: Path) -> str:
    """Return what changes with anything in a folder."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        found.update(str(path.relative_to(folder)).encode("utf-8", "surrogateescape"))
        found.update(path.read_bytes() if path.is_file() else b"")
        found.update(str(path.stat().st_mtime_ns).encode())
    return found.hexdigest()
