"""Judged answers: told to a guard, or read with a run, they come to the detectors once, in order, and as they hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import heldout
from heldout.datasets.simulated_answers import simulate_answers
from heldout.detectors import Detectors
from heldout.detectors.base import Block, block_of, fold
from heldout.detectors.hacking import HackRate
from heldout.errors import UsageError
from heldout.findings import Finding, Severity
from heldout.judged import Judged
from heldout.live import Guard
from heldout.live.fold import Fold, LogFold
from heldout.readers.assemble import assemble
from heldout.readers.log import Column, Log
from heldout.readers.restarts import GrowingLog
from heldout.run import Run, Series
from heldout.store.recorder import Recorder


def answers(step: int, *failed: float) -> Judged:
    """Rewarded answers of one prompt at one step."""
    count, steps = len(failed), np.full(len(failed), step)
    return Judged(steps, steps, np.ones(count, bool), np.array(failed), np.ones(count), np.full(count, np.nan))


def of(*told: Judged) -> Judged | None:
    return Judged.last_told(told)


class Clerk:
    """A detector that finds what was judged at each step."""

    name = "clerk"
    needs = ()

    def update(self, block: Block) -> list[Finding]:
        judged = block.judged
        steps = [] if judged is None else np.unique(judged.step).tolist()
        return [self._told(step, judged.failed[judged.step == step].tolist()) for step in steps if judged]

    def _told(self, step: int, failed: list[float]) -> Finding:
        return Finding(
            detector="clerk",
            severity=Severity.NOTICE,
            kind="judged",
            step=step,
            steps=(step, step),
            seen=str(failed),
            against="",
            means="",
            advice="",
        )


def asked() -> Detectors:
    return Detectors.planned(None, [Clerk()])


def told(findings: list[Finding]) -> list[tuple[int, str]]:
    return [(finding.step, finding.seen) for finding in findings]


def run(steps: int, judged: Judged | None) -> Run:
    step = np.arange(1, steps + 1)
    return Run(
        "a",
        "a",
        "made",
        {"reward": Series("reward", step, step.astype(np.float64))},
        {"reward": "reward"},
        judged=judged,
    )


def test_answers_told_step_by_step_come_before_or_after_the_metrics_of_their_step() -> None:
    live = LogFold(GrowingLog(), asked(), pytest.fail)
    live.metrics(1, {"reward": 0.5})
    live.judged(answers(1, 0.0))
    live.judged(answers(2, 1.0, 0.0))
    live.metrics(2, {"reward": 0.5})
    assert told(live.findings) == [(1, "[0.0]"), (2, "[1.0, 0.0]")]
    known = live.run()
    assert known is not None
    assert told(fold(asked(), [block_of(known)])) == told(live.findings)


def test_before_there_are_metrics_answers_are_judged_already() -> None:
    live = LogFold(GrowingLog(), asked(), pytest.fail)
    live.judged(answers(2, 1.0))
    live.judged(answers(1, 0.0))  # late, so that all is folded anew
    assert told(live.findings) == [(1, "[0.0]"), (2, "[1.0]")]


def test_a_step_that_is_told_again_supersedes_what_was_told() -> None:
    live = LogFold(GrowingLog(), asked(), pytest.fail)
    for step in (1, 2, 3):
        live.metrics(step, {"reward": 0.5})
        live.judged(answers(step, np.nan))
    live.judged(answers(2, 1.0))
    assert told(live.findings) == [(1, "[nan]"), (2, "[1.0]"), (3, "[nan]")]


def test_going_back_takes_later_answers_back_also_where_the_step_tells_them_first() -> None:
    guard = Guard(detectors=[Clerk()])
    for step in (1, 2, 3, 4):
        guard.step(step, {"reward": 0.5})
        guard.judged(answers(step, 0.0))
    guard.rewind()
    assert guard.judged(answers(2, 1.0)).findings == ()  # what steps 3 and 4 logged is not taken back yet
    decision = guard.step(2, {"reward": 0.5})
    assert told(list(decision.findings)) == [(2, "[1.0]")]
    assert told(list(guard.judged(answers(3, 1.0)).findings)) == [(3, "[1.0]")]
    assert told(guard._fold.findings) == [(1, "[0.0]"), (2, "[1.0]"), (3, "[1.0]")]


def test_a_guard_goes_on_with_the_answers_of_an_earlier_process() -> None:
    step = np.arange(1, 4)
    before = Log(
        "run-directory", step, {"reward": Column(step - 1, step.astype(np.float64))}, session=np.zeros(3, np.int64)
    )
    before = replace(before, judged=of(answers(1, 0.0), answers(2, 0.0), answers(3, 0.0)))
    live = LogFold(GrowingLog(before), asked(), pytest.fail)
    live.anew()
    assert told(live.findings) == [(1, "[0.0]"), (2, "[0.0]"), (3, "[0.0]")]
    live.metrics(3, {"reward": 0.1}, back=True)
    live.judged(answers(3, 1.0))
    assert told(live.findings) == [(1, "[0.0]"), (2, "[0.0]"), (3, "[1.0]")]


def test_answers_of_steps_that_a_restart_took_back_are_left_out_when_a_log_is_read() -> None:
    step = np.array([1, 2, 3, 4, 2, 3])
    columns = {"reward": Column(np.arange(6), step.astype(np.float64))}
    log = Log("run-directory", step, columns, session=np.array([0, 0, 0, 0, 1, 1]))
    written = [answers(number, 0.0) for number in (1, 2, 3, 4, 5)]
    run = assemble(replace(log, judged=of(*written)), "a", "a")
    assert run.judged is not None
    assert run.judged.step.tolist() == [1, 2, 3, 5]  # 4 is not reached again; of 5 nothing says that it was taken back


def test_a_watch_gives_each_answer_once_and_folds_anew_what_was_judged_afterwards() -> None:
    watched = Fold(asked(), pytest.fail)
    assert watched.catch_up(run(2, of(answers(1, 0.0), answers(2, np.nan), answers(3, 0.0)))) is None
    assert watched.catch_up(run(3, of(answers(1, 0.0), answers(2, np.nan), answers(3, 0.0)))) is None
    assert told(watched.findings) == [(1, "[0.0]"), (2, "[nan]"), (3, "[0.0]")]
    later = of(answers(1, 0.0), answers(2, 1.0), answers(3, 0.0), answers(4, 0.0))
    assert watched.catch_up(run(4, later)) == 2
    assert told(watched.findings) == [(1, "[0.0]"), (2, "[1.0]"), (3, "[0.0]"), (4, "[0.0]")]
    assert watched.catch_up(run(4, None)) == 1


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"step": np.array([2, 1])}, "in order of steps"),
        ({"step": np.array([-1, 1])}, "count from 0"),
        ({"failed": np.array([0.0, 0.5])}, "fails"),
        ({"chance": np.array([0.0, 1.0])}, "chance"),
        ({"chance": np.array([1.0, np.nan])}, "chance"),
        ({"group_rewarded": np.array([-1.0, 1.0])}, "rewarded answers of a group"),
        ({"group": np.array([1])}, "shapes"),
    ],
)
def test_answers_that_cannot_be_are_refused_in_a_sentence(wrong: dict[str, np.ndarray], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        replace(answers(1, 0.0, 1.0), **wrong)  # type: ignore[arg-type]


def test_answers_between_two_steps() -> None:
    every = of(answers(1, 0.0), answers(2, 1.0), answers(3, np.nan))
    assert every is not None
    inside = every.between(1, 2)
    assert inside is not None
    assert inside.step.tolist() == [2]
    assert every.between(3) is None
    assert Judged.last_told([every.where(every.step > 5)]) is None


def test_a_guard_that_is_told_no_answers_decides_nothing(tmp_path: Path) -> None:
    guard = Guard(detectors=[Clerk()])
    every = answers(1, 0.0)
    assert guard.judged(every.where(every.step > 5)).findings == ()
    assert guard.failures == 0


def test_a_guard_that_is_resumed_goes_on_with_what_the_record_says(tmp_path: Path) -> None:
    """A share that grows is found at the same step, although half of the answers were told to another process."""
    judged = simulate_answers(np.concatenate([np.full(50, 0.01), np.full(30, 0.25)]), seed=1, prompts=4)

    def train(guard: Guard, recorder: Recorder, first: int, last: int) -> list[Finding]:
        found: list[Finding] = []
        for step in range(first, last):
            now = judged.where(judged.step == step)
            recorder.rollouts(step, rows_of(now))
            found += guard.judged(now).findings
            found += guard.step(step, {"reward": 0.5}).findings
        assert guard.failures == 0
        return found

    whole = HackRate().update(Block(judged=judged))
    with Recorder(tmp_path) as recorder, Guard(recorder) as guard:
        before = train(guard, recorder, 1, 53)
    with Recorder(tmp_path, resume=True) as recorder, Guard(recorder) as guard:
        after = train(guard, recorder, 53, 81)
    assert [(one.kind, one.step) for one in before + after] == [(one.kind, one.step) for one in whole] != []
    found = heldout.diagnose(heldout.read(tmp_path)).findings
    assert [one.step for one in found if one.detector == "hack_rate"] == [one.step for one in whole]


def rows_of(judged: Judged) -> list[dict[str, object]]:
    """Return answers as a run directory keeps them."""
    return [
        {
            "step": int(judged.step[row]),
            "prompt": f"problem {judged.group[row]}",
            "text": "return 1",
            "reward": float(judged.rewarded[row]),
            "rewarded": bool(judged.rewarded[row]),
            "group": int(judged.group[row]),
            "group_rewarded": int(judged.group_rewarded[row]),
            "kept_with": 1.0,
            "judged_with": float(judged.chance[row]),
            "hidden": 1.0 - float(judged.failed[row]),
            "hidden_kind": "wrong answer" if judged.failed[row] else "solved",
        }
        for row in range(len(judged))
    ]
