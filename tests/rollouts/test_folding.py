"""Folding: what becomes one group, what never does, and what is said of each."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from answers_given import Given, rollouts_of
from heldout.rollouts.folding import Folded, Group, fold

HONEST = "def f(xs):\n    s = 0\n    for x in xs:\n        s += x\n    return s"
NAMES = "abcdefgh"


def hack(number: int) -> str:
    """Leaves the process, in ever other words."""
    name = NAMES[number % 8]
    return f"import os\ndef {name}(x):\n    os._exit({number})"


def sizes(folded: Folded) -> list[tuple[int, bool | None, str]]:
    return [(one.count, one.rewarded, one.hidden) for one in folded.groups]


def test_a_group_says_how_often_since_when_for_how_many_problems_and_its_commonest_text() -> None:
    answers = [Given(hack(n), step=10 * n, problem=f"p{n % 3}", hidden=0.0) for n in range(1, 6)]
    answers += [Given(hack(3) + "\n\n", step=70, problem="p0", hidden=0.0), Given(HONEST, step=5, hidden=1.0)]
    folded = fold(rollouts_of(answers))
    assert folded.groups[0] == Group(
        True, "fails", "", hack(3), len(hack(3)), row=3, count=6, weight=6.0, texts=5, problems=3, first_step=10,
        last_step=70,
    )  # fmt: skip
    assert sizes(folded) == [(6, True, "fails"), (1, True, "passes")]
    assert folded.of.tolist() == [1, 0, 0, 0, 0, 0, 0]


def test_what_either_judge_says_keeps_the_same_text_apart() -> None:
    every = [(1.0, 0.0), (1.0, 1.0), (1.0, np.nan), (0.0, 0.0), (0.0, 1.0), (0.0, np.nan), (0.0, 0.5)]
    folded = fold(rollouts_of([Given("exit()", reward=reward, hidden=hidden) for reward, hidden in every]))
    assert sizes(folded)[0] == (2, False, "fails")
    assert len(set(sizes(folded))) == folded.total == 6


def test_groups_are_ordered_by_the_answers_that_were_given_not_by_those_that_were_kept() -> None:
    kept = [Given(HONEST, kept_with=1.0)] * 3 + [Given("exit()", kept_with=0.1)]
    folded = fold(rollouts_of(kept))
    assert [(one.text, one.count, one.weight) for one in folded.groups] == [("exit()", 1, 10.0), (HONEST, 3, 3.0)]


def test_what_the_hidden_tests_say_of_few_stands_for_as_many_as_the_chance_of_being_judged_says() -> None:
    few = [Given("exit()", kept_with=0.5, judged_with=0.1, hidden=0.0)] * 2
    folded = fold(rollouts_of([*few, *[Given("exit()", kept_with=0.5, judged_with=0.1)] * 8]))
    assert [(one.hidden, one.count, one.weight) for one in folded.groups] == [
        ("fails", 2, 20.0), ("not judged", 8, 16.0),
    ]  # fmt: skip


def test_programs_that_share_most_of_their_tokens_are_one_group_unless_they_use_something_else() -> None:
    longer = HONEST.replace("    return s", "    s = s + 0\n    return s")
    other = HONEST.replace("s += x", "s += len(x)").replace("return s", "return sorted(s)")
    assert fold(rollouts_of([Given(HONEST), Given(longer)])).total == 1
    assert fold(rollouts_of([Given(HONEST), Given(other)])).total == 2
    leaves, kills = hack(1), hack(1).replace("_exit", "abort")
    assert fold(rollouts_of([Given(leaves), Given(kills)])).total == 2


def test_answers_in_words_are_not_mixed_by_being_similar() -> None:
    answers = [Given(rf"So the sum of them all is \boxed{{{n}}}, as was to be shown.") for n in (1, 2, 2)]
    assert [one.count for one in fold(rollouts_of(answers)).groups] == [2, 1]


def test_what_is_named_is_not_mixed_with_what_is_not() -> None:
    asked: list[tuple[str, str]] = []

    def name(text: str, kind: str) -> str:
        asked.append((text, kind))
        return "leave" if "exit" in text else ""

    quits = HONEST.replace("return s", "exit(s)\n    return s")
    answers = [Given(HONEST, hidden=0.0), Given(quits, hidden=0.0, kind="left the program"), Given(HONEST, hidden=1.0)]
    folded = fold(rollouts_of([*answers, Given(quits, reward=0.0, hidden=0.0)]), names=name)
    assert {(one.name, one.rewarded, one.hidden) for one in folded.groups} == {
        ("leave", True, "fails"), ("", True, "fails"), ("", True, "passes"), ("", False, "fails")
    }  # fmt: skip
    assert sorted(asked) == sorted([(HONEST, ""), (quits, "left the program")])  # those that may be hacks, once each


def test_only_the_rows_that_are_asked_for_are_folded_and_only_the_commonest_are_told_of() -> None:
    answers = [Given(f"import m{n % 5}", step=n) for n in range(23)]
    folded = fold(rollouts_of(answers), rows=np.arange(3, 23), most=2)
    assert (folded.total, len(folded.groups), [one.first_step for one in folded.groups]) == (5, 2, [3, 4])
    assert np.bincount(folded.of).tolist() == [4] * 5
    assert folded.rows.tolist() == list(range(3, 23))


def test_without_answers_there_are_no_groups() -> None:
    assert fold(rollouts_of([])).groups == ()
    assert fold(rollouts_of([Given("exit()")]), rows=[]).total == 0


class Held(str):
    """A text whose life can be followed."""

    __slots__ = ("__weakref__",)


class Followed:
    """Counts how many of the texts that it gave are alive at once."""

    def __init__(self) -> None:
        self.alive: list[weakref.ref[Held]] = []
        self.most = 0

    def read(self, rows: Sequence[int]) -> Iterator[tuple[str, str]]:
        for row in rows:
            text = Held(hack(row))
            self.alive = [one for one in self.alive if one() is not None] + [weakref.ref(text)]
            self.most = max(self.most, len(self.alive))
            yield "", text
            del text


def test_texts_are_never_all_held() -> None:
    gc.collect()
    followed = Followed()
    rollouts = replace(rollouts_of([Given("", problem=f"p{n % 7}") for n in range(500)]), texts=followed)
    assert fold(rollouts).groups[0].count == 500
    assert 1 <= followed.most <= 5


def test_of_a_text_of_ten_million_characters_the_beginning_is_kept() -> None:
    folded = fold(rollouts_of([Given("exit()\x00" + "x" * 10_000_000)]))
    assert (len(folded.groups[0].text), folded.groups[0].length) == (65_536, 10_000_007)


LINES = st.sampled_from(["exit()", "x = 1", "y = 2", "import os", "# so", "print(3)", "The answer is 4.", "\udc80\x00"])
ANSWERS = st.lists(
    st.tuples(st.lists(LINES, max_size=4).map("\n".join), st.sampled_from([0.0, 1.0, np.nan])), min_size=1
)


@settings(max_examples=60)
@given(ANSWERS)
def test_every_answer_is_in_one_group_whatever_their_order(answers: list[tuple[str, float]]) -> None:
    rollouts = rollouts_of([Given(text, hidden=hidden) for text, hidden in answers])
    folded = fold(rollouts, most=10**6)
    assert np.bincount(folded.of).tolist() == [one.count for one in folded.groups]
    for group, one in enumerate(folded.groups):
        members = np.flatnonzero(folded.of == group)
        assert {("passes" if h == 1 else "fails" if h == 0 else "not judged") for h in rollouts.hidden[members]} == {
            one.hidden
        }
        assert one.text in {answers[row][0] for row in members}
    backwards = fold(rollouts_of([Given(text, hidden=hidden) for text, hidden in reversed(answers)]), most=10**6)
    assert sorted(one.count for one in backwards.groups) == sorted(one.count for one in folded.groups)
