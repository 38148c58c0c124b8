"""From rows to columns: what is known of every rollout, without its text, however many there are."""

from __future__ import annotations

import hashlib
import math
import re
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from heldout.errors import TaskError
from heldout.rollouts.formats import FIELDS, Format, Row
from heldout.rollouts.outcomes import Outcome
from heldout.rollouts.rollout import NAMELESS
from heldout.sandbox.base import Status
from heldout.stats.arrays import FloatArray, IntArray
from heldout.steps import is_step
from heldout.tasks.answer_text import PLACE_KEYS, message_text, texts_of

_NUMBERS = ("reward", "hidden", "advantage", "tokens", "kept_with", "judged_with", "rewarded", "group_rewarded")
_CHANCES = ("kept_with", "judged_with")
_DOUBTFUL = frozenset({"id", "name", "uid", "custom_id", "unique_id", *PLACE_KEYS})  # may name the sample instead
STALE = "differing from the answer that was judged afterwards; that outcome was left out"
_PLAIN = (float, int, bool)
_UNREAD = object()
_WHOLE = re.compile(r"\s*[0-9]{1,19}\s*")  # a step that was written as text
_NUMBER = re.compile(r"\s*[-+]?(?:[0-9]{1,40}\.?[0-9]{0,40}|\.[0-9]{1,40})(?:[eE][-+]?[0-9]{1,3})?\s*")
_REWARD = re.compile(r"reward|score", re.IGNORECASE)
_MOST_PARTS = 40  # parts of a reward; rows with more numbers than that hold something else


class Place(NamedTuple):
    """Where a row stands."""

    file: int  # which of the files
    row: int  # from 0
    offset: int = 0  # the byte at which its line begins


class Table:
    """The columns of many rollouts, row by row."""

    def __init__(self) -> None:
        self.step, self.file, self.row, self.offset = array("q"), array("i"), array("q"), array("q")
        self.problem, self.prompt, self.group = array("q"), array("q"), array("q")
        self.number = {name: array("d") for name in _NUMBERS}
        self.kind: list[str] = []
        self.stop: list[str] = []
        self.parts: dict[str, array[float]] = {}
        self.dropped: Counter[str] = Counter()  # why a row was left out → how many were
        self.noticed: Counter[str] = Counter()  # what was strange about a row that was kept → how many were
        self._names: dict[str, int] = {}
        self._prompts: dict[int, int] = {}  # by their hashes
        self._prompt_names: list[str] = []
        self._groups: dict[Any, int] = {}
        self._texts: dict[str, str] = {}  # each kind and stop reason once
        self._layouts: dict[tuple[str, ...], Layout] = {}
        self.tells_steps = False  # whether any row names its step
        self._doubtful = False
        self._summed = False

    def __len__(self) -> int:
        return len(self.step)

    def layout(self, format: Format, keys: tuple[str, ...]) -> Layout:
        """Return under which of these keys each field of a rollout stands."""
        known = self._layouts.get((format.id, *keys))
        if known is None:
            known = self._layouts[(format.id, *keys)] = Layout(format, keys)
        return known

    def add(self, row: Row, at: Layout, place: Place, step: int | None, said: Outcome | None) -> None:
        """Take in a row, unpacked; `step` is its file's, `said` what hidden tests said of it afterwards.

        A row that cannot be used is counted in `dropped`. Its answer may be left out of it, where that was not read.
        """
        own = row.get(at.step) if at.step else None
        number = step if own is None else _step(own)
        self.tells_steps = self.tells_steps or own is not None
        text = row.get(at.text, _UNREAD)
        why = _no_step(row, at) if number is None else "" if at.text else "without an answer"
        if not why and text is not _UNREAD and (said is not None or type(text) is not str):
            try:
                text = answer_of(row, at)
                why = "whose answer is null" if text is None else ""
            except TaskError:
                why = "without an answer that is one text"
            if said is not None and isinstance(text, str) and digest(text) != said.text:
                self.noticed[STALE] += 1
                said = None
        if why or number is None:
            self.dropped[why] += 1
            return
        self._add_names(row, at, number)
        self._add_facts(row, at, said)
        self.step.append(number)
        self.file.append(place.file)
        self.row.append(place.row)
        self.offset.append(place.offset)

    def _add_names(self, row: Row, at: Layout, step: int) -> None:
        name = _name(row.get(at.problem)) if at.problem else ""
        prompt = -1
        if not name or at.doubtful:
            prompt = self._prompt(prompt_of(row, at))
            self._doubtful = self._doubtful or bool(name)
            name = name or self._prompt_names[prompt]
        problem = self._names.setdefault(name, len(self._names))
        own = row.get(at.group) if at.group else None
        key = (step, own) if isinstance(own, str | int) else (step, problem, prompt)
        self.problem.append(problem)
        self.prompt.append(prompt)
        self.group.append(self._groups.setdefault(key, len(self._groups)))

    def _prompt(self, text: str) -> int:
        """Return the number of a prompt; prompts are not kept."""
        key = hash(text)
        found = self._prompts.get(key)
        if found is None:
            found = self._prompts[key] = len(self._prompts)
            self._prompt_names.append(digest(text)[:16] if text else NAMELESS)
        return found

    def _add_facts(self, row: Row, at: Layout, said: Outcome | None) -> None:
        """Take in the numbers of a row, the parts of its reward, and its words."""
        parts = {name: value for name, value in at.parts_in(row) if value is not None}
        for key in at.parts:
            if type(row[key]) is str and _REWARD.search(key) and number_of(row[key]) is None:
                self.noticed[f"whose {key!r} is no finite number"] += 1
        numbers = {name: self._number(row[key], name, key) for name, key in at.numbers}
        if parts and not at.keys["reward"]:
            numbers["reward"], self._summed = sum(parts.values()), True
        kind, stop = (_word(row[at.keys[name]]) if at.keys[name] else "" for name in ("kind", "stop"))
        if said is not None:
            numbers["hidden"], kind = said.hidden, said.kind
        if kind == Status.INFRASTRUCTURE:  # nothing is known about the answer
            numbers["hidden"] = math.nan
        for name, value in numbers.items():
            self._put(self.number[name], value)
        for name, value in parts.items():
            if name in self.parts or len(self.parts) < _MOST_PARTS:
                self._put(self.parts.setdefault(name, array("d")), value)
        self.kind.append(self._texts.setdefault(kind, kind))
        self.stop.append(self._texts.setdefault(stop, stop))

    def _number(self, raw: Any, name: str, key: str) -> float:
        """Read a number of a row, nan where it is none; what is strange about it is counted."""
        value = number_of(raw)
        if value is None:
            if raw is not None:
                self.noticed[f"whose {key!r} is no finite number"] += 1
            return math.nan
        if name == "hidden" and not 0.0 <= value <= 1.0:
            self.noticed[f"whose {key!r} is no share of tests, from 0 to 1"] += 1
            return math.nan
        if name in _CHANCES and not 0.0 < value <= 1.0:
            if value or name != "judged_with":  # 0 is said where none was to be judged
                self.noticed[f"whose {key!r} is no chance"] += 1
            return math.nan
        return value

    def all_judged(self, first: int, last: int) -> None:
        """Say that all rows from the `first` that is here to one of that number in its file were judged afterwards.

        The chance of having been judged is then that of having been kept.
        """
        kept, judged, hidden = (self.number[name] for name in ("kept_with", "judged_with", "hidden"))
        for column in (kept, judged, hidden):
            self._fill(column, len(self))
        for at in range(first, len(self)):
            if self.row[at] <= last and not math.isnan(hidden[at]):
                judged[at] = kept[at]

    def _put(self, column: array[float], value: float) -> None:
        """Put the value of this row behind a column, which has none of rows that say nothing."""
        self._fill(column, len(self))
        column.append(value)

    def _fill(self, column: array[float], size: int) -> None:
        missing = size - len(column)
        if missing:
            column.extend(array("d", [math.nan]) * missing)

    def column(self, values: array[float]) -> FloatArray:
        """Return a column of numbers over all rows."""
        whole = np.full(len(self), math.nan)
        whole[: len(values)] = values
        return whole

    @property
    def tells_problems(self) -> bool:
        """Whether any row names its problem or has a prompt."""
        return self._names.keys() != {NAMELESS}

    @property
    def is_summed(self) -> bool:
        """Whether rewards are sums of their parts, because the rows have no other."""
        return self._summed

    def problems(self) -> tuple[tuple[str, ...], IntArray, str]:
        """Return the names of all problems, that of every row by its number, and a note where ids name samples."""
        problem, prompt = integers(self.problem), integers(self.prompt)
        rows = len(problem)
        if self._doubtful and rows > 1 and len(self._names) == rows and len(self._prompts) < rows:
            return tuple(self._prompt_names), prompt, "The ids name the answers; problems are told by their prompts."
        return tuple(self._names), problem, ""

    def groups(self) -> IntArray:
        """Return the number of the group of every row."""
        return integers(self.group)


class Layout:
    """Under which key of a row each field stands."""

    def __init__(self, format: Format, keys: Sequence[str]) -> None:
        there = set(keys)
        self.keys: dict[str, str] = {
            name: next((key for key in format.keys(name) if key in there), "") for name in FIELDS
        }
        if self.keys["problem"] == self.keys["prompt"]:
            self.keys["problem"] = ""
        self.step, self.problem, self.prompt = self.keys["step"], self.keys["problem"], self.keys["prompt"]
        self.text, self.group = self.keys["text"], self.keys["group"]
        self.numbers = [(name, self.keys[name]) for name in _NUMBERS if self.keys[name]]
        self.doubtful = self.problem in _DOUBTFUL
        used = set(self.keys.values())
        self.parts = [key for key in keys if format.part(key) and key not in used]
        self.inside = [key for key in format.inside if key in there]

    def parts_in(self, row: Row) -> list[tuple[str, float | None]]:
        """Return the parts of a row's reward by their names."""
        found = [(_part_name(key), _part(key, row[key])) for key in self.parts]
        for key in self.inside:
            value = row[key]
            if isinstance(value, Mapping):
                found += [(str(name), number_of(one)) for name, one in value.items()]
        return found


def number_of(value: Any) -> float | None:
    """Read a reward or another number of a row; None where it is none, or not finite.

    A text that is a number counts as that. A list is summed up: rewards of tokens, of which only the last differs from
    0. An object is a reward by its parts, each with its weight where it has one; a list of objects is that of several
    agents, of which the mean counts.
    """
    if type(value) in _PLAIN:
        return float(value) if math.isfinite(value) else None
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value) and math.isfinite(float(value)) else None
    if isinstance(value, Mapping):
        return _weighted(value)
    if isinstance(value, list) and value:
        several = [number_of(one) for one in value]
        known = [one for one in several if one is not None]
        if len(known) < len(several):
            return None
        return sum(known) / len(known) if isinstance(value[0], Mapping) else sum(known)
    return None


def _part(key: str, value: Any) -> float | None:
    """Read a part of a reward: a number, and a text that is one where the name of the column says so."""
    return number_of(value) if type(value) in _PLAIN or (type(value) is str and _REWARD.search(key)) else None


def _plain_number(value: Any) -> float | None:
    return number_of(value) if type(value) in _PLAIN else None


def _weighted(parts: Mapping[str, Any]) -> float | None:
    if {"score", "weight"} & parts.keys():
        score, weight = _plain_number(parts.get("score")), _plain_number(parts.get("weight", 1.0))
        return None if score is None else score * (1.0 if weight is None else weight)
    known = [one for value in parts.values() if (one := number_of(value)) is not None]
    return sum(known) if known else None


def answer_of(row: Row, at: Layout) -> str | None:
    """Return the answer of a row, None where it is null; a TaskError where there is none, or several.

    Of several messages the last that the policy said counts.
    """
    value = row.get(at.text)
    texts = texts_of(value)
    talk = isinstance(value, list) and all(isinstance(one, Mapping) and "role" in one for one in value)
    if len(texts) != 1 and not (talk and texts):
        raise TaskError(f"{len(texts)} answers")
    return texts[-1]


def prompt_of(row: Row, at: Layout) -> str:
    """Return the prompt of a row: a text, or what was said in a conversation before the answer."""
    value = row.get(at.prompt) if at.prompt else None
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        return "" if value is None else str(value)
    try:
        return "\n".join(message_text(one) if isinstance(one, Mapping) else str(one) for one in value)
    except TaskError:
        return str(value)


def digest(text: str) -> str:
    """Return the SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def integers(values: array[int]) -> IntArray:
    """Return whole numbers that were gathered as an array."""
    return np.array(values, dtype=np.int64)


def _step(value: Any) -> int | None:
    if (isinstance(value, str) and _WHOLE.fullmatch(value)) or (isinstance(value, float) and value.is_integer()):
        value = int(value)
    return value if is_step(value) else None


def _no_step(row: Row, at: Layout) -> str:
    there = at.step and row.get(at.step) is not None
    return f"whose {at.step!r} is no whole number from 0 on" if there else "without a step"


def _name(value: Any) -> str:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _word(value: Any) -> str:
    return value[:100] if isinstance(value, str) else ""


def _part_name(key: str) -> str:
    return key.partition("/")[2] if key.startswith(("reward/", "rewards/")) else key
