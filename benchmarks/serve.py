"""How soon `heldout serve` shows a folder of runs, cold and with what it kept, and how soon a new line is told."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

_LINES = 20


def main(runs: int, folder: Path | None) -> None:
    """Print what was measured on a folder, or on copies of a small run."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        where = folder or _copies(root / "runs", runs)
        for what in ("cold", "warm"):
            print(what, _once(where, root / "cache"))
        if folder is None:
            print("from a line to the event that tells it, in seconds:", _latency(where, root / "cache"))


def _copies(root: Path, runs: int) -> Path:
    """Write runs of 100 steps and ten evaluations, all different."""
    for number in range(runs):
        folder = root / f"run-{number:04d}"
        folder.mkdir(parents=True)
        rows = [{"step": step, "reward": 0.2 + 0.005 * step + 0.01 * (number % 7)} for step in range(100)]
        for row in rows[::10]:
            row["eval/pass@1"] = 0.3 + 0.001 * (row["step"] * (number % 5))
        (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return root


class _Server:
    def __init__(self, root: Path, cache: Path) -> None:
        words = ["serve", str(root), "--port", "0", "--no-open", "--cache", str(cache)]
        self.process = subprocess.Popen([sys.executable, "-m", "heldout", *words], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().split()[0]

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.address + path, timeout=600) as answer:
            return json.load(answer)

    def memory(self) -> float:
        """Return what the server and its workers hold for themselves, in MB."""
        pids, found = [self.process.pid], 0.0
        for pid in pids:
            with suppress(OSError):
                for task in Path(f"/proc/{pid}/task").iterdir():
                    pids += [int(child) for child in (task / "children").read_text().split()]
                rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
                found += sum(int(row.split()[1]) for row in rows if row.startswith("Pss:")) / 1000
        return found

    def close(self) -> None:
        self.process.terminate()
        self.process.communicate()


def _once(root: Path, cache: Path) -> str:
    began = time.monotonic()
    server = _Server(root, cache)
    try:
        found = server.get("api/runs")
        names = time.monotonic() - began
        while found["pending"]:
            time.sleep(0.2)
            found = server.get("api/runs")
        verdicts, shown = time.monotonic() - began, len(found["runs"])
        return f"{shown} runs: names after {names:.1f} s, verdicts after {verdicts:.1f} s, {server.memory():.0f} MB"
    finally:
        server.close()


def _latency(root: Path, cache: Path) -> str:
    server = _Server(root, cache)
    run = min(root.iterdir())
    waits = []
    try:
        with urllib.request.urlopen(f"{server.address}events?run={run.name}", timeout=60) as stream:
            _next(stream)
            for step in range(100, 100 + _LINES):
                began = time.monotonic()
                with (run / "metrics.jsonl").open("a") as file:
                    file.write(json.dumps({"step": step, "reward": 0.5}) + "\n")
                _next(stream)
                waits.append(time.monotonic() - began)
        return f"median {sorted(waits)[_LINES // 2]:.2f}, longest {max(waits):.2f}"
    finally:
        server.close()


def _next(stream: Any) -> None:
    while not stream.readline().startswith(b"data:"):
        pass
