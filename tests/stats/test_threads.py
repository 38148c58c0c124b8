"""Linear algebra has one thread where it is asked to, and as many as before afterwards."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from heldout.stats.threads import _libraries, _loaded, on_one_thread, one_thread

PROGRAM = """
import numpy as np
np.linalg.inv(np.eye(3))
from heldout.stats.threads import _libraries, _loaded, one_thread
found = [one for one in map(_loaded, _libraries()) if one]
threads = found[0][0] if found else lambda: 0
print(threads())
with one_thread():
    print(threads())
    with one_thread():
        print(threads())
    print(threads())
try:
    with one_thread():
        raise KeyError
except KeyError:
    print(threads())
"""


@pytest.mark.skipif(not any(map(_loaded, _libraries())), reason="numpy has another library than OpenBLAS")
def test_threads_are_one_within_and_what_they_were_afterwards() -> None:
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.split() == ["2", "1", "1", "1", "2"]


def test_a_decorated_function_returns_what_it_did_and_keeps_its_name() -> None:
    @on_one_thread
    def added(a: int, *, b: int) -> int:
        """Add."""
        return a + b

    assert added(1, b=2) == 3
    assert (added.__name__, added.__doc__) == ("added", "Add.")
    with one_thread():
        pass
