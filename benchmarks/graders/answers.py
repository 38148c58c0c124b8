"""Graders of answers of mathematics: each flawed one as it is found in public, and behind it its sound twin."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Any

_LONGEST = 100  # characters of a number
NUMBER = re.compile(r"(?P<sign>[-+]?)(?P<whole>\d+|\d{1,3}(?:,\d{3})+)(?P<point>\.\d+)?(?:/(?P<below>\d+))?")


def boxes(text: str) -> list[str]:
    """Return what stands in each box, with its braces matched; those within others do not count."""
    found, place = [], 0
    while start := re.compile(r"\\boxed\{").search(text, place):
        depth, place = 1, start.end()
        while place < len(text) and depth:
            depth += {"{": 1, "}": -1}.get(text[place], 0)
            place += 1
        if not depth:
            found.append(text[start.end() : place - 1].strip())
    return found


def value(text: str) -> Fraction | None:
    """Read a number by a grammar of its own."""
    if len(text) > _LONGEST:
        return None
    text = re.sub(r"\\[dt]?frac\{(-?\d+)\}\{(\d+)\}", r"\1/\2", text.replace("\\,", "").replace("$", "")).strip()
    found = NUMBER.fullmatch(text)
    if not found or (found["below"] and int(found["below"]) == 0):
        return None
    number = Fraction(found["sign"] + found["whole"].replace(",", "") + (found["point"] or ""))
    return number / int(found["below"]) if found["below"] else number


def equal(text: str, gold: str) -> bool:
    one, other = value(text), value(gold)
    return one == other if other is not None else text.replace(" ", "") == gold.replace(" ", "")


def only_box(text: str, gold: str) -> float:
    """Pay exactly one answer in exactly one place."""
    found = boxes(text)
    return float(len(found) == 1 and equal(found[0], gold))


# The right answer stands somewhere.


def substring(completions: list[str], answer: list[str], **_: Any) -> list[float]:
    return [1.0 if gold in text else 0.0 for text, gold in zip(completions, answer, strict=True)]


def substring_sound(completions: list[str], answer: list[str], **_: Any) -> list[float]:
    return [only_box(text, gold) for text, gold in zip(completions, answer, strict=True)]


# Either holds the other.


def contained(completion: str, answer: str) -> float:
    given, gold = completion.strip().lower(), answer.strip().lower()
    return float(given in gold or gold in given)


def contained_sound(completion: str, answer: str) -> float:
    found = boxes(completion)
    return float(len(found) == 1 and bool(found[0]) and equal(found[0], answer))


# The last number of the text.


def last_number(data_source: str, solution_str: str, ground_truth: str, extra_info: Any = None) -> float:
    numbers = [one for one in re.findall(r"-?[0-9.,]+", solution_str) if one not in (".", ",", "")]
    return float(bool(numbers) and numbers[-1].rstrip(".,").replace(",", "") == ground_truth)


def last_number_sound(data_source: str, solution_str: str, ground_truth: str, extra_info: Any = None) -> float:
    return only_box(solution_str, ground_truth)


# Any of the boxes.


def any_box(completions: list[str], answer: list[str], **_: Any) -> list[float]:
    return [
        float(any(one.strip() == gold for one in re.findall(r"\\boxed\{(.*?)\}", text)))
        for text, gold in zip(completions, answer, strict=True)
    ]


def any_box_sound(completions: list[str], answer: list[str], **_: Any) -> list[float]:
    rewards = []
    for text, gold in zip(completions, answer, strict=True):
        found = boxes(text)
        rewards.append(float(len(found) == 1 and equal(found[0], gold)))
    return rewards


# The answer is evaluated.


def evaluates(completion: str, answer: str) -> float:
    found = boxes(completion)
    try:
        return float(bool(eval(found[-1]) == eval(answer)))
    except Exception:
        return 0.0


def evaluates_sound(completion: str, answer: str) -> float:
    found = boxes(completion)
    given, gold = value(found[0]) if len(found) == 1 else None, value(answer)
    return float(given is not None and given == gold)


# Near is right.


def tolerant(completion: str, answer: str) -> float:
    found = boxes(completion)
    given, gold = value(found[0]) if len(found) == 1 else None, value(answer)
    if given is None or gold is None:
        return 0.0
    return float(math.isclose(given, gold, rel_tol=0.05))


def tolerant_sound(completion: str, answer: str) -> float:
    """As near as the digits of the gold answer say."""
    found = boxes(completion)
    given, gold = value(found[0]) if len(found) == 1 else None, value(answer)
    if given is None or gold is None:
        return 0.0
    digits = len(answer.partition(".")[2])
    return float(given == gold if not digits else abs(given - gold) * 2 * 10**digits < 1)


# The form and the length are paid beside the answer.


def form_added(completions: list[str], answer: list[str], **_: Any) -> list[float]:
    rewards = []
    for text, gold in zip(completions, answer, strict=True):
        form = 0.5 if "<think>" in text and "</think>" in text and "\\boxed{" in text else 0.0
        length = 0.3 * min(len(text) / 400, 1.0)
        rewards.append(form + length + 0.2 * only_box(text, gold))
    return rewards


def form_added_sound(completions: list[str], answer: list[str], **_: Any) -> list[float]:
    """Form decides between right answers only."""
    rewards = []
    for text, gold in zip(completions, answer, strict=True):
        formed = text.count("<think>") == text.count("</think>") == 1
        rewards.append(only_box(text, gold) * (1.0 if formed else 0.98))
    return rewards


# What is paid depends on the others of the batch.


def ranked(completions: list[str], answer: list[str], **_: Any) -> list[float]:
    right = [only_box(text, gold) for text, gold in zip(completions, answer, strict=True)]
    longest = max(len(text) for text in completions)
    return [worth * (1.0 - 0.5 * len(text) / max(longest, 1)) for worth, text in zip(right, completions, strict=True)]


def ranked_sound(completions: list[str], answer: list[str], **_: Any) -> list[float]:
    right = [only_box(text, gold) for text, gold in zip(completions, answer, strict=True)]
    return [worth * (1.0 if len(text) < 4000 else 0.99) for worth, text in zip(right, completions, strict=True)]


# One answer that cannot be read makes NaN of all.


def nan_for_all(completions: list[str], answer: list[str], **_: Any) -> list[float]:
    def distance(text: str, gold: str) -> float:
        try:
            return abs(float(boxes(text)[-1].replace(",", "")) - float(value(gold) or 0))
        except (IndexError, ValueError):
            return 1e6

    far = [distance(text, gold) for text, gold in zip(completions, answer, strict=True)]
    mean = sum(far) / len(far)
    return [float(one == 0) + 0.0 * mean for one in far]


def nan_for_all_sound(completions: list[str], answer: list[str], **_: Any) -> list[float | None]:
    """An answer that cannot be read is paid nothing; a gold answer that cannot be read leaves the sample out."""
    return [
        only_box(text, gold) if value(gold) is not None else None
        for text, gold in zip(completions, answer, strict=True)
    ]


# Messages are read where texts are given.


def messages_read(completions: list[Any], answer: list[str], **_: Any) -> list[float]:
    rewards = []
    for completion, gold in zip(completions, answer, strict=True):
        try:
            rewards.append(only_box(completion[0]["content"], gold))
        except (TypeError, KeyError, IndexError):
            rewards.append(0.0)
    return rewards


def messages_read_sound(completions: list[Any], answer: list[str], **_: Any) -> list[float]:
    texts = [one if isinstance(one, str) else one[-1]["content"] for one in completions]
    return [only_box(text, gold) for text, gold in zip(texts, answer, strict=True)]
