"""Files of one run that were written at the same time, and those that were written one after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from heldout.readers.assemble import assemble
from heldout.readers.log import Column, Log
from heldout.readers.restarts import joined
from heldout.readers.writers import merged_writers
from heldout.run import Run


def log(tags: Mapping[str, Mapping[int, float]], begun: float, seconds: float = 1.0) -> Log:
    """Return the log of an event file with these values by tag and step; a step takes so many seconds."""
    cells = sorted((step, tag, value) for tag, values in tags.items() for step, value in values.items())
    rows: dict[str, list[int]] = {}
    for row, (_, tag, _) in enumerate(cells):
        rows.setdefault(tag, []).append(row)
    values = np.array([value for _, _, value in cells])
    columns = {tag: Column(np.array(at), values[at]) for tag, at in rows.items()}
    step = np.array([step for step, _, _ in cells])
    clock = Column(np.arange(len(cells)), begun + seconds * (step - step[0]))
    session = np.zeros(len(cells), dtype=np.int64)
    return Log("tensorboard", step, {**columns, "wall_time": clock}, session=session)


def whole(logs: Sequence[Log]) -> Run:
    return assemble(joined(merged_writers(logs)), "run", "folder")


def ramp(first: int, last: int, every: int = 1, height: float = 0.0) -> dict[int, float]:
    return {step: height + step for step in range(first, last + 1, every)}


def texts(run: Run) -> str:
    return " ".join(note.text for note in run.notes)


def test_an_evaluator_beside_a_trainer_takes_nothing_back() -> None:
    trainer = log({"reward": ramp(0, 120), "lr": ramp(0, 120, height=5)}, 1000.0)
    evaluator = log({"eval/pass@1": ramp(0, 120, 10), "lr": ramp(0, 120, 10, height=7)}, 1003.0, 1.1)
    run = whole([trainer, evaluator])
    assert (len(run["reward"]), len(run["eval/pass@1"])) == (121, 13)
    assert run["lr"].value.tolist() == [5 + step for step in range(121)]
    assert "2 files were written at the same time; they were merged by tag" in texts(run)
    assert "the first file's were kept (lr)" in texts(run)
    assert "restarted" not in texts(run)


@pytest.mark.parametrize("skew", [0.0, 0.4, -0.4])
def test_of_two_ranks_the_first_by_name_is_kept_whichever_began_first(skew: float) -> None:
    rank0 = log({"reward": ramp(0, 50), "eval": ramp(0, 50, 10)}, 1000.0)
    rank1 = log({"reward": ramp(0, 50, height=100), "rank1/loss": ramp(0, 50)}, 1000.0 + skew)
    run = whole([rank0, rank1])
    assert run["reward"].value.tolist() == list(range(51))
    assert len(run["eval"]) == 6
    assert len(run["rank1/loss"]) == 51


def test_a_run_that_was_taken_up_again_is_a_restart_whatever_the_order_of_names() -> None:
    first, second = log({"reward": ramp(0, 60)}, 1000.0), log({"reward": ramp(41, 90, height=100)}, 5000.0)
    for order in ([first, second], [second, first]):
        run = whole(order)
        assert run["reward"].value.tolist() == [*range(41), *range(141, 191)]
        assert "restarted 1 time" in texts(run)


@pytest.mark.parametrize(("back", "last_wins"), [(1.0, True), (2.9, True), (3.1, False)])
def test_a_clock_that_differs_a_little_makes_no_second_writer(back: float, last_wins: bool) -> None:
    first, second = log({"reward": ramp(0, 60)}, 1000.0), log({"reward": ramp(40, 100, height=100)}, 1060.0 - back)
    assert whole([first, second])["reward"].value[40] == (140.0 if last_wins else 40.0)


def test_two_writers_that_are_both_taken_up_again_are_one_restart() -> None:
    before = [log({"reward": ramp(0, 60)}, 1000.0), log({"eval": ramp(0, 60, 10)}, 1001.0)]
    after = [log({"reward": ramp(41, 99, height=100)}, 5000.0), log({"eval": ramp(50, 90, 10, height=100)}, 5009.0)]
    run = whole([before[0], after[0], before[1], after[1]])
    assert run["reward"].value.tolist() == [*range(41), *range(141, 200)]
    assert run["eval"].value.tolist() == [0, 10, 20, 30, 40, 150, 160, 170, 180, 190]


def test_a_file_with_one_time_within_another_s_is_of_a_second_writer() -> None:
    settings = log({"hparam/final": {0: 0.5}}, 1001.0)
    run = whole([log({"reward": ramp(0, 60)}, 1000.0), settings])
    assert (len(run["reward"]), len(run["hparam/final"])) == (61, 1)


def test_logs_without_a_clock_follow_each_other_as_given() -> None:
    logs = [log({"a": ramp(0, 3)}, 1.0), log({"a": ramp(2, 5, height=9)}, 1.0)]
    bare = [Log("tensorboard", one.step, {"a": one.columns["a"]}, session=one.session) for one in logs]
    assert whole(bare)["a"].value.tolist() == [0, 1, 11, 12, 13, 14]
