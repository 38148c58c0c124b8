"""Problems and samples: where they come from, and what is said of those that were given for nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import heldout
from heldout import Recorder, read
from heldout.metrics import Unit
from heldout.run import Run


def table(folder: Path, key: str, values: Sequence[float], more: str = "") -> Path:
    path = folder / "t.csv"
    rows = "".join(f"{10 * place},{place},{value}{more and ',400'}\n" for place, value in enumerate(values))
    path.write_text(f"step,reward,{key}{more and f',{more}'}\n{rows}")
    return path


def about_sizes(run: Run) -> list[str]:
    return [note.text for note in run.notes if "samples" in note.text or "--problems" in note.text]


def asked(run: Run) -> tuple[int | None, float | None]:
    return run["held_out"].fewest_problems, run["held_out"].mean_samples


def test_problems_alone_are_taken_as_asked_once_and_that_is_said(tmp_path: Path) -> None:
    path = table(tmp_path, "eval/pass@1", [0.25, 0.5, 0.5])
    run = read(path, problems=400)
    assert asked(run) == (400, 1.0)
    (text,) = about_sizes(run)
    assert text == (
        "Each evaluation of 'eval/pass@1' is taken as 400 problems with one sample each; where there were more, give "
        "--samples M."
    )
    assert about_sizes(read(path, problems=400, samples=1)) == []
    assert asked(read(path, problems=100, samples=4)) == (100, 4.0)
    (found,) = about_sizes(read(table(tmp_path, "eval/pass@1", [0.25, 0.5], more="eval/num_examples")))
    assert "taken as 400 problems with one sample each" in found


def test_the_name_of_a_mean_says_how_many_samples_it_is_over(tmp_path: Path) -> None:
    path = table(tmp_path, "eval/aime24/mean@8", [0.25, 0.5, 0.5])
    assert asked(read(path, problems=30)) == (30, 8.0)
    assert about_sizes(read(path, problems=30)) == []
    assert asked(read(path, problems=30, samples=2)) == (30, 2.0)
    assert asked(read(path)) == (None, None)


@pytest.mark.parametrize(
    ("key", "values", "why"),
    [
        (
            "eval/return",
            [-93.5, 10.0, 212.5],
            "'eval/return' runs from -94 to 212, so it is no share",
        ),
        ("eval/perplexity", [0.5, 0.4, 0.3], "'eval/perplexity' is by its name no share"),
        ("eval_reward", [1.5, 2.0, 3.5], "'eval_reward' runs from 1.50 to 3.50, so it is no share"),
    ],
)
def test_why_a_number_of_problems_is_of_no_use_to_a_plain_score_is_said(
    tmp_path: Path, key: str, values: Sequence[float], why: str
) -> None:
    run = read(table(tmp_path, key, values), problems=100, samples=4)
    assert asked(run) == (None, None)
    assert run.unit(key) is Unit.SCORE
    assert about_sizes(run) == [f"--problems 100 and --samples 4 were not used: {why} of so many problems."]


def test_samples_of_an_unknown_number_of_problems_are_not_used(tmp_path: Path) -> None:
    run = read(table(tmp_path, "eval/pass@1", [0.25, 0.5, 0.5]), samples=4)
    assert asked(run) == (None, None)
    assert about_sizes(run) == [
        "--samples 4 was not used: how many problems 'eval/pass@1' is of is not known (--problems N)."
    ]


def test_a_run_with_outcomes_knows_its_own_sizes(tmp_path: Path) -> None:
    with Recorder(tmp_path / "run") as recorder:
        recorder.evaluation(1, problems=["a", "b", "c"], passed=[2, 0, 1], samples=2)
    run = read(tmp_path / "run", problems=7, samples=9)
    assert asked(run) == (3, 2.0)
    (text,) = about_sizes(run)
    assert text.startswith("--problems 7 and --samples 9 were not used: the log holds the outcome of every problem")
    assert about_sizes(read(tmp_path / "run")) == []


@pytest.mark.parametrize("name", ["deepseek-r1", "kimi-dev"])
def test_an_example_takes_sizes_and_says_what_it_assumes(name: str) -> None:
    run = read(f"example:{name}", problems=200)
    assert asked(run) == (200, 1.0)
    assert any("taken as 200 problems with one sample each" in text for text in about_sizes(run))


def test_ten_problems_with_forty_samples_are_no_four_hundred(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    level = [0.3, 0.32, 0.36, 0.4, 0.42, 0.42, 0.36, 0.3, 0.24, 0.2, 0.16, 0.14]
    path = table(tmp_path, "eval/pass@1", [round(float(x), 4) for x in level + 0.004 * rng.standard_normal(12)])
    few, many = (heldout.diagnose(read(path, problems=n, samples=m)) for n, m in ((10, 40), (400, 1)))
    assert few.label != many.label
    assert "confirmed" in many.label
    assert "confirmed" not in few.label
    assert few.recommended is not None
    assert many.recommended is not None
    assert few.recommended.high - few.recommended.low > 2 * (many.recommended.high - many.recommended.low)
    assert any("10 problems with 40 samples each" in advice for advice in few.advice)
    assert "on these problems, of which fewer than 30 confirm nothing" in few.sure
    assert "on these problems" not in many.sure


def test_up_to_how_many_samples_help_is_said_where_problems_are_few(tmp_path: Path) -> None:
    path = table(tmp_path, "eval/pass@1", [0.3, 0.34, 0.37, 0.41, 0.42, 0.42, 0.46, 0.45])
    more = "where there are no more, up to 7 samples of each help"
    for samples, helps in ((1, True), (6, True), (7, False), (40, False)):
        advice = heldout.diagnose(read(path, problems=100, samples=samples)).advice
        assert any(more in one for one in advice) is helps


def test_no_number_of_problems_is_asked_of_a_plain_score(tmp_path: Path) -> None:
    said = set()
    for seed in range(12, 24):  # falls from none to a likely one, and of all that lies between
        rng = np.random.default_rng(seed)
        rise = np.concatenate([np.linspace(0.0, 3.0, 8), np.linspace(3.0, 3.0 - rng.uniform(1.0, 5.0), 8)])
        path = table(tmp_path, "eval/perplexity", np.round(9.0 - rise + rng.standard_normal(16), 3).tolist())
        verdict = heldout.diagnose(read(path))
        said.add(verdict.label.split(",")[0])
        assert not any("problems" in text for text in (verdict.sentence, verdict.sure))
    assert "just short of a fall" in said
