"""Which column of a run plays which part, from what the names say and from what the columns hold.

A name alone can deceive: ``accuracy`` is of the batch in one log and of the evaluation in the next. What decides is
evidence: on how many rows a column stands beside those of the training, whether it only repeats the reward, and what
else is there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np

from heldout.metrics.by_values import OF_POLICIES, Measured, counters, no_lengths, with_a_loss
from heldout.metrics.keys import ERRORS, GRADES, HELD_OUT, Side, words_of
from heldout.metrics.log_words import OF_OPTIMISER, SPARSER, beside, renamed
from heldout.metrics.meanings import HARMFUL, LOSSES, PART, REWARD, ROLES, UNNAMED, Match, meaning_of
from heldout.stats.arrays import FloatArray

_OF_TRAINING = OF_OPTIMISER | {"reward", "reward_component", "reward_std", "value_function", "train_pass_rate"}
# What a log of reinforcement learning has, and one of supervised or preference training has not.
_OF_RL = frozenset({"reward", "reward_component", "kl_policies", "kl_reference", "clip_fraction", "value_function"})
_REWARDED = frozenset({"reward", "reward_component"})
_ENOUGH = 5  # evaluations: more make no name better than one that says more
_FINE = 20  # times its rounding that a column spreads: six agreements by chance are one in a million
_FACTORS = (1.0, 100.0, 0.01)  # as a share, and in percent
_TINY = 1e-9  # what floating point leaves between equal values
_RELATIVE = 1e-6  # and what single precision leaves, of the value
# Decimals of a column that was rounded, and how far it may then be off; with more, floating point is what limits it.
_ROUNDINGS = tuple((decimals, 0.5001 * 10.0**-decimals) for decimals in range(5))
_FEW = 3  # times fewer values than the fullest column of a meaning: a passing measurement of it
_RARE = 5  # times fewer values than another reward: measured on other prompts, now and then
_NEAR = {"reward": ("reward", "reward_component", "train_pass_rate", "preference"), "length": ("tokens",)}
# Chosen by more than the name; and the spread of something else plays no part of its own.
_NOT_BY_NAME = frozenset({"reward", "held_out", "score", "spread_of_another"})


@dataclass(frozen=True, slots=True)
class Choice:
    """What a column was taken for."""

    role: str  # the name of a meaning; empty where the column is not known
    reason: str  # why, in words
    sure: bool = True  # whether the name alone says so; otherwise a user may know better


@dataclass(frozen=True, slots=True)
class Choices:
    """What the columns of one run were taken for."""

    roles: Mapping[str, str]  # meaning → the column that plays that part
    held_out: tuple[str, ...]  # every held-out score, the preferred one first, copies of one measurement once
    columns: Mapping[str, Choice]  # every column
    supervised: bool  # whether nothing is reinforced: supervised or preference training
    near: Mapping[str, tuple[str, ...]]  # role → columns that come near, where none was taken or one that says little


Same = Callable[[str, str], bool]  # does the first column only repeat the second?


def choose(columns: Mapping[str, Measured], *, evaluation: bool = False) -> Choices:
    """Choose which column plays which part; `evaluation` where the log calls itself one of evaluations."""
    points = {key: len(column.step) for key, column in columns.items()}
    table = _Table(points, evaluation, no_lengths(columns) | counters(columns), with_a_loss(columns))

    def same(one: str, other: str) -> bool:
        return repeats(columns[one], columns[other])

    roles = table.roles(same)
    scores = tuple(table.measurements(columns))
    near = {role: table.near(role) for role in ROLES if role not in roles} | table.better_named(roles)
    return Choices(roles, scores, table.why, table.supervised, near)


def choose_roles(points: Mapping[str, int], same: Same) -> dict[str, str]:
    """Return the roles alone, from how many values each column has and whether one repeats another."""
    return _Table(points, evaluation=False).roles(same)


def repeats(one: Measured, other: Measured) -> bool:
    """Whether a column that varies only repeats another wherever it is measured, rounded or in percent."""
    if len(one.step) <= 2 or not one.value.min() < one.value.max() or differs(one, other):
        return False
    its = other.value[np.searchsorted(other.step, one.step)]
    return any(_alike(one.value, factor * its, _TINY) or _finely(one.value, factor * its) for factor in _FACTORS)


def differs(one: Measured, other: Measured) -> bool:
    """Whether a column is measured once where another is not, or has a value of its own there, beyond its rounding.

    What differs does so whatever comes later: further values can only show that less was rounded away.
    """
    at = np.searchsorted(other.step, one.step)
    if not len(one.step) or at[-1] >= len(other.step) or np.any(other.step[at] != one.step):
        return True
    its = other.value[at]
    return not any(_within_rounding(one.value, factor * its) for factor in _FACTORS)


def _alike(values: FloatArray, its: FloatArray, off: float) -> bool:
    return bool(np.allclose(values, its, rtol=_RELATIVE, atol=off))


def _finely(values: FloatArray, its: FloatArray) -> bool:
    """Whether values that agree within their rounding are so many and so far apart that this is no chance."""
    if len(values) <= _ENOUGH:
        return False
    off = next((off for decimals, off in _ROUNDINGS if _shows(values, decimals) or _shows(its, decimals)), _TINY)
    return off * _FINE < float(np.ptp(values)) and _alike(values, its, off)


def _within_rounding(values: FloatArray, its: FloatArray) -> bool:
    """Whether two columns agree but for what was rounded away in one of them, by the decimals that it shows."""
    apart = float(np.max(np.abs(values - its) - _RELATIVE * np.abs(its)))
    enough = [decimals for decimals, off in _ROUNDINGS if off >= apart]  # the fewer, the more was rounded away
    return apart <= _TINY or any(_shows(column, decimals) for decimals in enough for column in (values, its))


def _shows(values: FloatArray, decimals: int) -> bool:
    """Whether a column has no more decimals than so many."""
    return bool(np.all(np.abs(values - values.round(decimals)) <= _TINY))


def is_reward_elsewhere(key: str) -> bool:
    """Whether a key names the optimised reward on other prompts than those of the training, not another judge's score.

    >>> is_reward_elsewhere("eval_reward"), is_reward_elsewhere("gold_reward"), is_reward_elsewhere("eval/accuracy")
    (True, False, False)
    """
    match = meaning_of(key)
    if match is None or match.meaning.name != "held_out" or match.side is not Side.HELD_OUT:
        return False
    return match.rank // 10 in (REWARD // 10, REWARD // 10 - 1) and not match.benchmark


class _Table:
    """The columns of one log, read together."""

    def __init__(
        self,
        points: Mapping[str, int],
        evaluation: bool,
        unlike: Collection[str] = (),
        losses: Mapping[str, str] | None = None,
    ) -> None:
        """Read the names of columns with so many values; those `unlike` what their names say are not known. `losses`
        are those of the training that stand on the same rows as a column.
        """
        self._losses = losses or {}
        self.points = {key: count for key, count in points.items() if count}
        usual = renamed(self.points, evaluation)
        known = {key: usual.get(key, key) for key in self.points if key not in unlike}
        self.matches = {key: match for key, name in known.items() if (match := meaning_of(name))}
        self.why = {key: Choice("", "its words say nothing that is known") for key in self.points}
        self.why |= {key: Choice(match.meaning.name, "its name says so") for key, match in self.matches.items()}
        for key in beside(self.points).keys() & self.matches.keys():
            name = self.matches[key].meaning.name
            self._say(key, name, "a proxy and gold stand beside each other: one is optimised, one is not", sure=False)
        self._named = {match.meaning.name for match in self.matches.values()}
        self._problems = any(m.meaning.name == "evaluation_size" and m.rank < 10 for m in self.matches.values())
        rewards = (self.points[key] for key, match in self.matches.items() if match.meaning.name == "reward")
        self._often = max(rewards, default=0)  # values of the reward that is measured most often
        self.rows = max((self.points[key] for key in self.matches if self._trains(key)), default=0)
        self.supervised = self._is_supervised()
        self._scores: list[str] = []  # held-out scores, best first

    def roles(self, same: Same) -> dict[str, str]:
        """Return meaning → column. The reward comes first: a score that only repeats it is none."""
        reward = self._reward()
        self._scores = [key for key in self._held_out() if not self._repeats(key, reward, same)]
        roles = self._by_name()
        roles |= {"reward": reward} if reward else {}
        roles |= {"held_out": self._scores[0]} if self._scores else {}
        return roles

    def measurements(self, columns: Mapping[str, Measured]) -> list[str]:
        """Return the held-out scores, each measurement once: pass@8 beside pass@1, and what is equal, are copies.

        The preferred one comes first, then the others as they stand in the log.
        """
        kept, equal = dict[tuple[str, str], str](), dict[int, str]()
        for key in self._scores:
            value, what = columns[key].value, _measurement(key, self.matches[key])
            guessed = self.matches[key].rank >= UNNAMED and not (value.min() >= 0 and value.max() <= 1)
            values = hash((columns[key].step.tobytes(), value.tobytes()))
            copied = kept.get(what) or equal.get(values)
            if copied:
                self._say(key, "held_out", f"of the same measurement as {copied}")
            elif not guessed or not kept:
                kept[what] = equal[values] = key
        place = {key: at for at, key in enumerate(self.points)}
        return sorted(kept.values(), key=lambda key: (key != self._scores[0], place[key]))

    def _trains(self, key: str) -> bool:
        match = self.matches[key]
        if match.side in (Side.HELD_OUT, Side.JUDGE):
            return False
        if match.meaning.name == "reward":  # of the evaluation, in a table of nothing else
            return not (self._problems and OF_OPTIMISER.isdisjoint(self._named))
        return match.meaning.name in _OF_TRAINING

    def _is_supervised(self) -> bool:
        """Whether nothing is reinforced: a loss with an evaluation loss, token accuracy or preferred responses."""
        if "preference" in self._named and not self._named.issuperset({"reward", "kl_reference"}):
            return self._named.isdisjoint({"clip_fraction", "kl_policies", "length", "truncation"})
        if not self._named.isdisjoint(_OF_RL) or "loss" not in self._named:
            return False
        if self._solves_problems() or self._has_a_policy():
            return False
        sides = {(match.meaning.name, match.side is Side.HELD_OUT) for match in self.matches.values()}
        fitted = any(m.meaning.name == "held_out" and LOSSES <= m.rank < UNNAMED for m in self.matches.values())
        fitted = fitted or "token_accuracy" in self._named or self._fits_labels()
        return ("loss", False) in sides and (("loss", True) in sides or fitted)

    def _fits_labels(self) -> bool:
        """Whether a plain accuracy is of the batch and of an evaluation, as classifiers and reward models log it."""
        matches = {key: m for key, m in self.matches.items() if "accuracy" in (word.text for word in words_of(key))}
        batch = (m.meaning.name == "score" and self.points[key] * SPARSER > self.rows for key, m in matches.items())
        return any(batch) and any(m.meaning.name == "held_out" and not m.benchmark for m in matches.values())

    def _has_a_policy(self) -> bool:
        """Whether a loss is of a policy or of a value function, which only reinforcement learning has."""
        losses = (key for key, match in self.matches.items() if match.meaning.name == "loss")
        return any(not OF_POLICIES.isdisjoint(word.text for word in words_of(key)) for key in losses)

    def _solves_problems(self) -> bool:
        """Whether problems are solved in an evaluation: a pass rate is no measure of how well labels are fitted."""
        held_out = (key for key, match in self.matches.items() if match.meaning.name == "held_out")
        return any(not {"pass", "solve"}.isdisjoint(word.text for word in words_of(key)) for key in held_out)

    def _reward(self) -> str:
        """Return the column of the reward; where there is none, the one part that is no format and no penalty."""
        if self.supervised:
            return ""
        keys = [key for key, match in self.matches.items() if match.meaning.name == "reward"]
        keys = [key for key in keys if self.points[key] * _FEW >= self._often]
        if keys:
            return min(keys, key=self._order)
        parts = [key for key, m in self.matches.items() if m.meaning.name == "reward_component" and m.rank < PART]
        parts = [key for key in parts if self.matches[key].rank == 0] or parts
        if len({self.matches[key].benchmark for key in parts}) != 1:
            return ""
        part = min(parts, key=self._order)
        self._say(part, "reward", "the only part of a reward that is neither format nor penalty", sure=False)
        return part

    def _held_out(self) -> list[str]:
        """Return the columns that are held-out scores, best first: enough evaluations come before a better name."""
        keys = [key for key in self.matches if self._is_held_out(key)]
        enough = min(_ENOUGH, max((self.points[key] for key in keys), default=0) / 2)
        return sorted(keys, key=lambda key: (self.points[key] < enough, *self._order(key)))

    def _is_held_out(self, key: str) -> bool:
        match, count = self.matches[key], self.points[key]
        name = match.meaning.name
        if name == "score":
            seldom = count * SPARSER <= self.rows
            why = f"on {count} of {self.rows} rows of the training: an evaluation"
            if seldom and key in self._losses:
                seldom, why = False, f"on the same rows as {self._losses[key]}, a loss of the training: of its batches"
            elif not seldom:
                why = "on every row of the training: of the batch" if self.rows else "nothing is trained here"
            self._say(key, "held_out" if seldom or not self.rows else name, why, sure=False)
        elif name == "held_out" and match.rank >= UNNAMED:
            why = (
                "it is of an evaluation, but what of it is not said in words that are known; higher is taken as better"
            )
            self._say(key, name, why, sure=False)
        elif name == "held_out" and LOSSES <= match.rank < UNNAMED and self._named.isdisjoint(_REWARDED):
            self._say(key, name, "better than others by its loss only, and there is no reward")
            return False
        elif name == "reward" and match.side is Side.NONE and count * _RARE <= self._often:
            self._say(
                key,
                "held_out",
                f"{count} times beside {self._often} of another reward: on other prompts",
                sure=False,
            )
        if self.supervised and self.why[key].role == "held_out":
            self._say(key, "held_out", "nothing is reinforced here: not taken")
            return False
        return self.why[key].role == "held_out"

    def _repeats(self, key: str, reward: str, same: Same) -> bool:
        if not reward or key == reward or not same(key, reward):
            return False
        self._say(key, "score", f"only repeats the reward, {reward}")
        return True

    def _by_name(self) -> dict[str, str]:
        """Choose for every other meaning: a column that is no passing measurement, then the best way of saying it."""
        fullest = dict[str, int]()
        for key, match in self.matches.items():
            fullest[match.meaning.name] = max(fullest.get(match.meaning.name, 0), self.points[key])
        best = dict[str, str]()
        for key, match in self.matches.items():
            name = match.meaning.name
            if name not in _NOT_BY_NAME and self.points[key] * _FEW >= fullest[name]:
                best[name] = min(key, best.get(name, key), key=self._order)
        return best

    def _order(self, key: str) -> tuple[int, int, int, str]:
        return (self.matches[key].rank, -self.points[key], len(words_of(key)), key)

    def near(self, role: str) -> tuple[str, ...]:
        """Return columns that might play a part that none was taken for, as far as the evidence goes."""
        return tuple(key for key in self.points if self._is_near(key, role))

    def better_named(self, roles: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
        """Return columns that may be a better held-out score than the one taken: where that is no measure of success,
        and they say more and stand on the same rows.
        """
        taken = self.matches.get(roles.get("held_out", ""))
        if taken is None or taken.rank < HARMFUL:
            return {}
        rows = self.points[roles["held_out"]]
        scores = [key for key, match in self.matches.items() if match.meaning.name == "score"]
        found = tuple(key for key in scores if self.matches[key].rank < HARMFUL and self.points[key] == rows)
        return {"held_out": found} if found else {}

    def _is_near(self, key: str, role: str) -> bool:
        match = self.matches.get(key)
        if role == "reward" and self.supervised:
            return False
        if match is None:  # nothing is known of it but how often it is measured
            return role == "held_out" and 1 < self.points[key] * SPARSER <= self.rows
        if role == "held_out":
            loss = match.meaning.name == "loss" and match.side is Side.HELD_OUT
            return match.meaning.name in ("held_out", "score") or loss
        if role == "length" and not {"token", "length"} & {word.text for word in words_of(key)}:
            return False  # a count of episodes is none
        return match.meaning.name in _NEAR.get(role, ())

    def _say(self, key: str, role: str, reason: str, *, sure: bool = True) -> None:
        self.why[key] = Choice(role, reason, sure)


def _measurement(key: str, match: Match) -> tuple[str, str]:
    """Return what is measured: the problem set, and of what kind the score is; verl logs several of one set."""
    benchmark = match.benchmark.lower()
    texts = {word.text for word in words_of(key)}
    if {"val", "core"} <= texts or {"val", "aux"} <= texts:
        return benchmark, ""
    where = "/".join([benchmark, *sorted(HELD_OUT & texts)])
    kinds = ("reward", "return", "elo", *sorted(GRADES | ERRORS))
    return where, next((kind for kind in kinds if kind in texts), "solved")
