"""What is said of a pair beside its answer: which point it is of, what is possible, and whose rewards are one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from recipes_made import rates, recipe, solved

import heldout
from heldout.compare import Answer, Difference, compare, words
from heldout.compare.groups import groups_of
from heldout.compare.pairs import MCNEMAR, PAIRED
from heldout.readers import read, read_all
from heldout.run import Evaluation, Run
from heldout.stats.rates import newcombe


def recorded(where: Path, level: float, last: int, *, seed: int, close: bool) -> heldout.Recorder:
    rng = np.random.default_rng(seed)
    recorder = heldout.Recorder(where, config={"reward": f"r{where.name[0]}", "seed": seed}, rank=0)
    for step in range(0, last + 1, 10):
        recorder.log(step, {"reward": 0.1 * step})
        recorder.evaluation(step, problems=[f"p{i}" for i in range(80)], passed=(rng.random(80) < level).tolist())
    if close:
        recorder.close()
    return recorder


def test_while_a_run_goes_on_levels_and_difference_are_of_one_step(tmp_path: Path) -> None:
    recorded(tmp_path / "a", 0.9, 40, seed=0, close=True)
    running = recorded(tmp_path / "b", 0.2, 20, seed=1, close=False)
    recorded(tmp_path / "c", 0.2, 40, seed=2, close=True)
    found = compare([read(tmp_path / name) for name in "ab"], at="last")
    one, other = (recipe.levels["last"] for recipe in found.recipes)
    assert (one.steps, other.steps) == ((20,), (20,))
    assert one.value - other.value == pytest.approx(found.primary[0].value)
    assert any("all have, step 20" in note for note in found.notes)
    three = compare([read(tmp_path / name) for name in "abc"], at="last")
    assert words.best(three).startswith("So far, and provisionally: ")
    running.close()
    assert not words.best(compare([read(tmp_path / name) for name in "abc"], at="last")).startswith("So far")


@pytest.mark.parametrize(
    ("first", "second", "one"),
    [
        ({"reward_clip": 5, "rm": "sky-v1"}, {"reward_clip": 5, "rm": "sky-v2"}, False),
        ({"reward_clip": 5, "lr": 1}, {"reward_clip": 5, "lr": 2}, False),  # nothing names a reward
        ({"rm": "sky-v1", "lr": 1}, {"rm": "sky-v1", "lr": 2}, True),
    ],
)
def test_rewards_are_one_where_their_names_are(first: dict[str, object], second: dict[str, object], one: bool) -> None:
    a, b = recipe("x", 0.6), recipe("x", 0.5, first=9)
    found = compare([*(replace(r, name=f"a{k}", config=first) for k, r in enumerate(a)),
                     *(replace(r, name=f"b{k}", config=second) for k, r in enumerate(b))])  # fmt: skip
    assert ("reward" not in {refusal.code for refusal in found.refusals}) == one


def test_two_checkpoints_that_are_the_same_are_no_recipes() -> None:
    chance = np.full(4000, 0.5)
    runs = [solved(name, [chance], seed=3 + k, samples=64, reward=name) for k, name in enumerate("ab")]
    found = compare(runs, at="last", margin=4.0)
    assert found.primary[0].answer is Answer.SAME
    assert words.conclusion(found, found.primary[0]).startswith("The checkpoints of a and b are the same")


def test_problems_are_called_shared_only_where_they_are() -> None:
    assert "200 shared problems" in words.subject(compare([*recipe("a", 0.6), *recipe("b", 0.5, first=9)], at="last"))
    alone = words.subject(compare([rates("a", [0.1, 0.6], 200), rates("b", [0.1, 0.5], 200)], at="last"))
    assert "200 problems" in alone
    assert "shared" not in alone


def test_what_is_possible_and_what_is_visible_are_paid_for_as_the_interval_is() -> None:
    runs = [run for k, name in enumerate("abcde") for run in recipe(name, 0.5, first=10 * k)]
    for one in compare(runs, at="last").primary:
        assert one.possible == max(-one.adjusted_low, one.adjusted_high)
        assert one.smallest_visible > 0.5 * (one.adjusted_high - one.adjusted_low)


def test_what_it_would_be_otherwise_is_paid_for_as_the_answer_is() -> None:
    def ending(name: str, k: int, level: float, evaluations: int = 5) -> list[Run]:
        chances = [[np.full(200, level)] * evaluations] * k
        return [
            solved(f"{name}-{s}", one, seed=100 * ord(name) + s, reward=name, max_steps=40)
            for s, one in enumerate(chances)
        ]

    a, b = [*ending("a", 3, 0.6), *ending("z", 1, 0.6, 2)], ending("b", 3, 0.5)
    a[3] = replace(a[3], name="a-3", config={**a[3].config, "reward": "a"})
    others = [run for name in "cdef" for run in ending(name, 3, 0.5)]
    two, many = (
        next(one for one in compare([*b, *a, *more], baseline="b", at="last").primary if one.a == "a").otherwise[0]
        for more in ([], others)
    )
    assert two.value == many.value
    assert many.high - many.low > 1.2 * (two.high - two.low)


def test_an_exact_p_is_only_that_of_mcnemar() -> None:
    rng = np.random.default_rng(0)
    names = [f"p{i}" for i in range(100)]
    runs = [solved(name, [np.full(100, 0.5)], seed=k, reward=name) for k, name in enumerate("ab")]
    assert compare(runs, at="last").primary[0].method == MCNEMAR
    partly = [
        replace(run, measured=(Evaluation.from_counts(0, names, (rng.integers(0, 3, 100) / 2).tolist()),))
        for run in runs
    ]
    assert compare(partly, at="last").primary[0].method == PAIRED


def test_recipes_of_one_name_are_told_by_their_folders_and_no_two_are_called_alike() -> None:
    alone = [replace(recipe("x", 0.5, k=1, lr=k)[0], name="seed0", source=f"runs/lr{k}/seed0") for k in (1, 2)]
    assert [group.name for group in groups_of(alone)] == ["lr1/seed0", "lr2/seed0"]
    seeds = [replace(recipe("x", 0.5, k=1, lr=k)[0], name=f"seed{s}", source=f"runs/lr{k}/seed{s}", config={"lr": k})
             for k in (1, 2) for s in (0, 1)]  # fmt: skip
    assert [group.name for group in groups_of(seeds)] == ["lr1/seed0", "lr2/seed0"]
    one_file = [replace(run, source=f"{place}log.csv") for run, place in zip(alone, ("", "a/"), strict=True)]
    third = replace(recipe("x", 0.5, k=1, lr=3)[0], name="seed0 (2)", source="log.csv")
    assert sorted(group.name for group in groups_of([*one_file, third])) == ["seed0", "seed0 (2)", "seed0 (3)"]


def test_what_was_put_in_order_or_left_out_of_the_logs_is_told_once_for_all_runs(tmp_path: Path) -> None:
    for k in range(3):
        rows = [f"{step},{step / 7 + k:.3f},{'nan' if step < 20 else 0.5 + 0.01 * k}" for step in range(0, 60, 10)]
        (tmp_path / f"a-seed{k}.csv").write_text("\n".join(("step,reward,eval/pass@1", *rows, "")))
        rows = [f"{step},{step / 7 + k:.3f},{0.6 + 0.02 * k}" for step in range(0, 60, 10)]
        (tmp_path / f"b-seed{k}.csv").write_text("\n".join(("step,reward,eval/pass@1", *rows, "")))
    found = compare(read_all(tmp_path), at="last")
    told = [note for note in found.notes if "NaN" in note]
    assert told == [
        "a-seed0, a-seed1 and a-seed2: 2 values NaN or infinite, left out: eval/pass@1 (2, first at step 0)."
    ]


def test_one_run_is_compared_with_two_whose_number_of_problems_is_known() -> None:
    def one(name: str, last: float, seed: int, problems: int | None) -> Run:
        return rates(name, [0.1, last], problems, reward=name[0], seed=seed)

    def told(problems: int | None) -> Difference:
        runs = [one("a", 0.9, 0, problems), one("b0", 0.2, 1, problems), one("b1", 0.21, 2, problems)]
        return compare(runs, at="last").primary[0]

    assert told(200).answer is Answer.BETTER
    assert told(200).seeds == (1, 2)
    assert told(None).answer is Answer.NOT_COMPARED
    assert "there are 1 and 2; the logs do not say how many problems they are of" in told(None).why


def test_a_difference_that_is_written_as_nothing_has_no_sign() -> None:
    found = compare([rates("a", [0.5, 0.5]), rates("b", [0.5, 0.50004])], at="last")
    assert words.measured(found, found.primary[0]).split()[0] == "0"


def test_of_three_recipes_each_method_is_named_once() -> None:
    three = compare([*recipe("a", 0.5), *recipe("b", 0.6, first=10), *recipe("c", 0.7, first=20)], at="last")
    assert words.methods(three) == "two-way over seeds and problems, paid for 2 comparisons"
    two = compare([*recipe("a", 0.5), *recipe("b", 0.9, first=10)], at="last")
    assert words.methods(two).startswith("two-way over seeds and problems, df ")


def test_a_long_name_is_short_in_every_sentence() -> None:
    runs = [rates(f"{letter * 90}-seed", [0.5, level]) for letter, level in (("x", 0.6), ("y", 0.7))]
    found = compare(runs, at="last")
    assert not [text for text in (*words.cannot_say(found), *found.notes) if "x" * 41 in text]


@pytest.mark.parametrize(("first", "answer"), [(1.0, Answer.BETTER), (0.0, Answer.CANNOT_TELL)])
def test_problems_that_all_differ_alike_are_as_sure_as_so_many_answers(first: float, answer: Answer) -> None:
    a, b = (
        solved(name, [np.full(60, chance)] * 2, seed=k) for k, (name, chance) in enumerate((("a", first), ("b", 0.0)))
    )
    one = compare([a, b], at="last").primary[0]
    assert (one.value, one.answer) == (first, answer)
    low, high = newcombe(0.0, 60, first, 60, 0.95)
    assert (one.low, one.high) == (pytest.approx(low), pytest.approx(high))
    assert one.low < one.high
    assert one.p == pytest.approx(2.0**-59 if first else 1.0)
