"""Every extra can be installed: a resolver finds versions that go together, newest, lowest, and those of our own files.

What is found for several extras at once holds for each of them. The index is asked only for what uv has not seen yet.
"""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import pytest

uv = pytest.importorskip("uv", reason="EXTRAS NOT CHECKED: uv is not installed; run: pip install uv")

ROOT = Path(__file__).parents[1]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
FOR_US = {"all", "bench", "dev", "docs", "release"}
PINNED_APART = {"vllm"}  # which contradicts constraints.txt
CASES = {
    "newest": (set(EXTRAS), ()),
    "lowest": (set(EXTRAS), ("--resolution", "lowest-direct")),
    "constraints.txt": (set(EXTRAS) - PINNED_APART, ("-c", "constraints.txt")),
    "constraints-vllm.txt": (PINNED_APART | {"all"}, ("-c", "constraints-vllm.txt")),
}
PATIENCE = 60.0  # seconds, with an index of which nothing is known yet
NO_INDEX = ("Failed to fetch", "error sending request", "timed out", "dns error")


@pytest.mark.parametrize("case", CASES)
def test_a_resolver_finds_versions_that_go_together(case: str) -> None:
    extras, options = CASES[case]
    done = _resolve(extras, *options, "--offline")
    if done is None or done.returncode:  # of what was never seen it knows nothing offline
        done = _resolve(extras, *options)
    if done is None:
        pytest.skip(f"EXTRAS NOT CHECKED ({case}): the package index took more than {PATIENCE:.0f} s")
    if done.returncode and any(sign in done.stderr for sign in NO_INDEX):
        pytest.skip(f"EXTRAS NOT CHECKED ({case}): the package index cannot be reached")
    assert done.returncode == 0, done.stderr
    assert "numpy==" in done.stdout


def test_all_is_every_extra_that_a_person_uses() -> None:
    assert EXTRAS["all"] == [f"heldout[{','.join(sorted(set(EXTRAS) - PINNED_APART - FOR_US))}]"]


def _resolve(extras: set[str], *options: str) -> subprocess.CompletedProcess[str] | None:
    """Return what uv says of these extras together; None where it takes too long."""
    chosen = [word for extra in sorted(extras) for word in ("--extra", extra)]
    command = [uv.find_uv_bin(), "pip", "compile", "pyproject.toml", *chosen, *options]
    try:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return None
