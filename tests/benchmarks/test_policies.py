"""The benchmarks of sandboxes: what they count, on few programs."""

from __future__ import annotations

import pytest

from benchmarks.neighbours import measure as beside
from benchmarks.policies import measure
from heldout.errors import SandboxError


def test_every_policy_is_measured_and_only_the_sandbox_that_lacks_something_misses_programs() -> None:
    try:
        monty, bubblewrap, auto = measure(20, 1, 1)
    except SandboxError as error:
        pytest.skip(str(error))
    if auto.right < auto.programs:
        pytest.skip("bubblewrap is not here")
    assert (monty.policy, bubblewrap.policy, auto.policy) == ("monty", "bubblewrap", "auto")
    assert monty.right + monty.cannot_run == bubblewrap.right == auto.right >= 120
    assert monty.false == bubblewrap.false == auto.false == 0
    assert bubblewrap.ratio == 1.0
    assert all(one.small_per_second > 0 and one.honest_per_second > 0 for one in (monty, bubblewrap, auto))


@pytest.mark.parametrize("name", ["monty", "bubblewrap"])
def test_busy_neighbours_fail_no_right_program(name: str) -> None:
    try:
        result = beside(name, 12, 8, 0.05, 2)
    except SandboxError as error:
        pytest.skip(str(error))
    assert result.late == 0
    assert result.programs == 12
