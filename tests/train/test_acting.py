"""Acting on findings: what is changed of a training, how it goes back, and what is written down of it.

The policy, the task and the reward that can be fooled are those of `conftest`: ``x`` solves every problem, ``0``
none, and the reward pays ``0`` more.
"""

from __future__ import annotations

import io
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="training needs the extra train")
pytest.importorskip("trl", reason="training needs the extra train")
pytest.importorskip("pydantic_monty", reason="the sandbox needs pydantic-monty")

from rich.console import Console

import heldout
from heldout.errors import UsageError
from heldout.store.lines import read_rows
from heldout.train.acting import active_at
from heldout.train.config import TrainConfig, settings_of
from heldout.train.grpo import train
from heldout.train.remedies import Remedy
from heldout.train.saved import newest_checkpoint

pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning:transformers"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def configured(hacked: Any) -> Any:
    """Return a function that makes settings of a run some of whose answers the hidden tests judge."""
    return partial(hacked, evaluate_problems=100, judge=8, judge_cost=0.0)


def run_of(config: TrainConfig, directory: Path) -> tuple[Path, str]:
    shown = io.StringIO()
    train(config, directory, console=Console(file=shown, width=1000))
    return directory, shown.getvalue()


@pytest.fixture(scope="module")
def dry(configured: Any, hackable: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run that only says what it would have done."""
    remedies = [f"hack: drop={hackable}", "hack: tests*1"]
    return run_of(configured(remedy=remedies, on_fall="roll-back"), tmp_path_factory.mktemp("dry") / "run")


@pytest.fixture(scope="module")
def mended(configured: Any, hackable: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The same run, whose reward is replaced by the hidden tests once its answers are found to fail them."""
    config = configured(remedy=[f"hack: drop={hackable}", "hack: tests*1"], acts="apply")
    return run_of(config, tmp_path_factory.mktemp("mended") / "run")


@pytest.fixture(scope="module")
def gone_back(configured: Any, hackable: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The same run, which goes back where the held-out score has fallen, and has its reward replaced then."""
    config = configured(
        remedy=[f"likely: drop={hackable}", "likely: tests*1", "likely: rate*0.5"], on_fall="roll-back", acts="apply"
    )
    return run_of(config, tmp_path_factory.mktemp("back") / "run")


def acts(run: Path, *names: str) -> list[dict[str, Any]]:
    """Return the acts of these names in ``findings.jsonl``."""
    return [row for row in read_rows(run / "findings.jsonl").rows if row.get("act") in names]


def held_out(run: Path) -> list[float]:
    return list(heldout.read(run)["held_out"].value)


def test_by_default_it_is_only_said_what_would_be_done(dry: tuple[Path, str], hackable: str) -> None:
    run, shown = dry
    found = acts(run, "remedy", "go_back")
    assert [row.get("remedy") for row in found] == [f"drop={hackable}", "tests*1", None]
    assert {(row["done"], row["why"]) for row in found} == {(False, "dry run: acts is not apply")}
    assert found[0]["kind"] == "hack_rate_high"
    assert f"tests*1: not done (dry run: acts is not apply), because of hack rate high: {found[0]['seen']}" in shown
    assert held_out(run)[-1] < 0.05
    assert heldout.read(run)["reward"].step.tolist() == list(range(1, 41))


def test_a_reward_that_is_replaced_by_the_hidden_tests_trains_for_them_from_there_on(
    dry: tuple[Path, str], mended: tuple[Path, str]
) -> None:
    run = heldout.read(mended[0])
    first, second = acts(mended[0], "remedy")
    assert first["done"]
    assert second["done"]
    assert second["step"] == acts(dry[0], "remedy")[0]["step"]
    assert run["rewards/tests/mean"].step.tolist() == list(range(second["step"] + 1, 41))
    assert held_out(mended[0])[-1] > 0.9
    unmended = heldout.read(dry[0])["reward"].value
    assert run["reward"].value.tolist()[: second["step"]] == unmended.tolist()[: second["step"]]


def test_what_counts_as_rewarded_follows_the_reward(mended: tuple[Path, str]) -> None:
    judged = heldout.read(mended[0]).judged
    assert judged is not None
    late = judged.between(acts(mended[0], "remedy")[-1]["step"] + 1)
    assert late is not None
    known = late.rewarded & (late.failed == late.failed)  # NaN: not judged
    assert known.sum() > 50
    assert not late.failed[known].any()


def test_a_run_that_goes_back_reads_as_one_run(gone_back: tuple[Path, str]) -> None:
    run, shown = gone_back
    (back,) = acts(run, "go_back")
    assert back["done"]
    assert back["holds_from"] < back["step"]
    assert f"step {back['step']}: going back to step {back['holds_from']}: done" in shown
    log = heldout.read(run)
    assert log["reward"].step.tolist() == list(range(1, 41))
    assert log["held_out"].step.tolist() == list(range(0, 41, 2))
    assert log["rewards/tests/mean"].step.tolist() == list(range(back["holds_from"] + 1, 41))
    assert held_out(run)[-1] > 0.9
    assert [row["step"] for row in read_rows(run / "findings.jsonl").rows if row["what"] == "rewind"] == [
        back["holds_from"] + 1
    ]
    assert newest_checkpoint(run) == str(run / "checkpoints" / "checkpoint-40")
    assert (run / "left" / f"checkpoint-{back['step']}").is_dir()  # the policy that was left is still there


def test_the_rate_of_a_remedy_is_that_of_the_steps_after_it(gone_back: tuple[Path, str]) -> None:
    (back,) = acts(gone_back[0], "go_back")
    rates = heldout.read(gone_back[0])["learning_rate"].value
    start = back["holds_from"]
    assert set(rates[:start]) == {1e-2}
    assert set(rates[start:]) == {5e-3}


def test_going_back_without_a_remedy_takes_the_same_steps_again(configured: Any, tmp_path: Path) -> None:
    run, _ = run_of(configured(on_fall="roll-back", acts="apply", stop_on="likely"), tmp_path / "run")
    first, second = acts(run, "go_back")
    assert first["done"]
    assert second["why"] == "it went back 1 times already, at most 1 are allowed"
    assert second["step"] == first["step"]
    assert [row["step"] for row in acts(run, "stop")] == [second["step"]]
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    twice: dict[int, list[float]] = {}
    for line in lines:
        if "reward" in line:
            twice.setdefault(line["step"], []).append(line["loss"])
    again = [losses for losses in twice.values() if len(losses) == 2]
    assert len(again) == first["step"] - first["holds_from"]
    assert all(one == other for one, other in again)


def test_a_run_that_breaks_off_after_it_went_back_holds_its_remedies(
    gone_back: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (back,) = acts(gone_back[0], "go_back")
    run, config = tmp_path / "run", settings_of(gone_back[0])
    monkeypatch.setenv("BREAK_AT", str(back["step"] + 5))  # calls of the reward, those before it went back included
    with pytest.raises(MemoryError):
        train(config, run)
    monkeypatch.delenv("BREAK_AT")
    assert train(settings_of(run), run, resume=True)
    once, again = heldout.read(gone_back[0]), heldout.read(run)
    for key in ("reward", "loss", "held_out", "rewards/tests/mean", "learning_rate"):
        assert again[key].value.tolist() == once[key].value.tolist()


def test_a_penalty_that_a_remedy_asks_for_finds_its_reference(configured: Any, tmp_path: Path) -> None:
    run, _ = run_of(configured(remedy=["hack: kl=0.5"], acts="apply", steps=20), tmp_path / "run")
    (act,) = acts(run, "remedy")
    assert heldout.read(run)["kl"].step.tolist() == list(range(act["step"] + 1, 21))


def test_a_run_is_measured_oftener_once_its_answers_fail(
    dry: tuple[Path, str], configured: Any, tmp_path: Path
) -> None:
    run, _ = run_of(configured(evaluate_calm=20, evaluate_most=12), tmp_path / "run")
    first = next(row for row in read_rows(run / "findings.jsonl").rows if row.get("detector") == "hack_rate")["step"]
    assert first == acts(dry[0], "remedy")[0]["step"]
    finer = [step for step in range(0, 41, 2) if step > first and step % 20][:9]
    assert heldout.read(run)["held_out"].step.tolist() == sorted({0, 20, 40, *finer})
    assert read_rows(run / "findings.jsonl").rows[0]["planned"] == 12


def test_what_holds_is_what_was_done_last_of_all_that_holds_by_then() -> None:
    one, two = Remedy("hack", "kl=1"), Remedy("likely", "cap=1")
    first = {"act": "remedy", "done": True, "holds": ["kl=1"], "holds_from": 5}
    last = {"act": "go_back", "done": True, "holds": ["kl=1", "cap=1"], "holds_from": 3}
    not_done = {"act": "remedy", "done": False, "holds": ["cap=1"], "holds_from": 0}
    assert active_at([first, not_done], 4, [one, two]) == []
    assert active_at([first, not_done], 5, [one, two]) == [one]
    assert active_at([first, last], 4, [one, two]) == [one, two]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"remedy": ["hack tests"]}, "'hack tests' is no remedy; write WHEN: WHAT, such as 'hack: tests"),
        ({"remedy": ["fall: kl=0.1"]}, "WHEN is watch, likely, hack or confirmed"),
        ({"remedy": ["hack: kl=0"]}, "'hack: kl=0' is no remedy"),
        ({"remedy": ["hack: rate*2"]}, "between 0 and 1"),
        ({"remedy": ["hack: clip=1..0"]}, "is no remedy"),
        ({"remedy": ["likely: cap=1"], "evaluate_every": 0}, "remedy = 'likely: cap=1' needs held-out evaluations"),
        ({"remedy": ["hack: cap=1"], "judge": 0}, "needs training answers that the hidden tests judge"),
        ({"on_fall": "roll-back", "evaluate_every": 0}, "on_fall = roll-back needs held-out evaluations"),
        ({"acts": "apply"}, "acts = apply, but nothing is to be done"),
    ],
)
def test_what_cannot_be_done_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as error:
        TrainConfig(**settings)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("remedies", "words"),
    [
        (["hack: drop=tests"], "drop=tests: the reward has no such part"),
        (["hack: drop=exit-status"], "The remedies drop every part of the reward"),
    ],
)
def test_a_reward_of_nothing_is_refused(configured: Any, tmp_path: Path, remedies: list[str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        train(configured(reward="exit-status", remedy=remedies), tmp_path / "run")
    assert not (tmp_path / "run").exists()
