"""The labelled runs that ship: all can be read, and their truth says what their scores say."""

from __future__ import annotations

import numpy as np
import pytest

import heldout
from heldout.datasets import RealRun, real_runs
from heldout.errors import UsageError

RUNS = real_runs()
MOST = 15 * 2**20  # bytes of all of them together


def test_every_run_has_a_log_beside_its_truth_and_all_are_small() -> None:
    folder = RUNS[0].path.parent
    logs = {one.path for one in RUNS}
    assert {path for path in folder.iterdir() if path.suffix != ".json"} == logs
    assert sum(path.stat().st_size for path in folder.iterdir()) < MOST


@pytest.mark.parametrize("one", RUNS, ids=lambda one: one.name)
def test_what_is_said_of_a_run_is_what_its_true_scores_say(one: RealRun) -> None:
    assert one.name == f"{one.kind}-{one.seed}"
    assert np.all(np.diff(one.step) > 0)
    assert one.solved_at(one.best) == one.solved.max()
    assert (one.onset is None) == (one.state == "healthy")
    if one.onset is not None:
        assert one.best < one.onset
        after = one.solved[one.step >= one.onset]
        assert np.all(after < one.solved.max() - 0.01)
    if one.trick is not None and one.trick_50 is not None and one.trick_5 is not None:
        assert one.trick_5 < one.trick_50
        assert np.interp(one.trick_50, one.step, one.trick) == pytest.approx(0.5, abs=0.02)


def test_a_log_is_read_with_its_held_out_outcomes_and_the_answers_that_were_judged() -> None:
    run = heldout.read(RUNS[0].path)
    assert {"reward", "held_out"} <= run.roles.keys()
    assert all(one.outcomes is not None for one in run.evaluations())
    assert run.judged is not None
    assert "/" not in run.config["task"]


def test_a_kind_that_is_not_there_is_refused() -> None:
    assert {one.kind for one in real_runs([RUNS[0].kind])} == {RUNS[0].kind}
    assert [one.name for one in real_runs([RUNS[0].name])] == [RUNS[0].name]
    with pytest.raises(UsageError, match="of the kind or name 'no-such'"):
        real_runs(["no-such"])
