"""Progress bars that carry metrics: ``Episode [1/1]:  5%|█ | 3/60 [00:10<03:10, 3.3s/it, reward=0.2]``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from heldout.metrics import means
from heldout.readers.consoles.line import parsed, split_of

# 25%|██▌   | 2/8 [01:17<03:48, 38.07s/it, reward=0.2]    12it [00:31,  2.6s/it, reward=0.2]
_BAR = re.compile(
    r"(?:\d{1,3}+%\|[^|\n]{0,300}+\|[ ]{0,20}+)?(?<![\d/])(?P<at>\d{1,12})(?:/\d{1,12}|it) "
    r"\[\d{1,4}:\d\d(?::\d\d)?(?:<[^,\]\n]{1,20}|(?=,))"
    r"(?:,[ ]{1,3}[^,\]\n]{1,30}(?:, (?P<items>[^\]\n]{1,4000}+))?)?\]"
)
_OUTER = re.compile(r"(?i:episode|epoch)\W{0,3}(\d{1,9})")
_WORDS = re.compile(r"[^\W\d_]+")
_NUMBERS = re.compile(r"[-+]?\d[\d.,e+-]*")


class Bar(NamedTuple):
    """One drawing of a progress bar."""

    at: int
    outer: int  # the episode or epoch that its title names, or 0
    title: str  # without numbers, so that it is the same for every drawing
    row: dict[str, Any]  # the metrics in its title and behind its rate, where it carries some


def bars_in(line: str) -> tuple[list[Bar], str]:
    """Return the bars in a line, and what stands behind the last one."""
    bars: list[Bar] = []
    at = 0
    if " [" not in line:
        return bars, line
    for found in _BAR.finditer(line):
        title = line[at : found.start()]
        items = {**parsed(title.rstrip(": ")).row, **(parsed(found["items"]).row if found["items"] else {})}
        row = {key: value for key, value in items.items() if key.lower() not in ("episode", "epoch")}
        outer = _OUTER.search(title)
        at = found.end()
        bars.append(Bar(int(found["at"]), int(outer[1]) if outer else 0, _NUMBERS.sub("", title).strip(), row))
    return bars, line[at:]


def of_training(bars: Sequence[Bar]) -> str:
    """Return the title of those bars that carry the reward, or else of those that were drawn most often."""
    bars = [bar for bar in bars if not is_of_evaluation(bar)] or bars
    drawn = Counter(bar.title for bar in bars)
    with_reward = {bar.title for bar in bars if any(_is_reward(key) for key in bar.row)}
    return max(drawn, key=lambda title: (title in with_reward, drawn[title]))


def is_of_evaluation(bar: Bar) -> bool:
    """Whether the title of a bar says that it counts the problems of an evaluation: such are no steps of a training."""
    return any(split_of(word) not in ("", "train") for word in _WORDS.findall(bar.title))


def begins_anew(bars: Sequence[Bar]) -> bool:
    """Whether bars of one title begin again and again, with no epoch or episode to tell them apart."""
    again = Counter(b.title for a, b in pairwise(bars) if a.title == b.title and b.at < a.at and not b.outer)
    return any(count > 1 for count in again.values())


def moves_last(bars: Sequence[Bar]) -> bool:
    """Whether a bar gets its metrics first and moves then, so that the later of two drawings tells the step."""
    return bool(bars) and bars[0].at == 0


def _is_reward(key: str) -> bool:
    return means(key, ("reward",))
