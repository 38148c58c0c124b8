"""Inputs like those that are there: drawn by the shape of the inputs of tests, to see in what two programs differ.

What is drawn keeps to what the tests show: the types, the range of numbers and of lengths, the letters, whether lists
are sorted and whether their items repeat. So a program is seldom asked what nobody would ask it; where it raises all
the same, whoever compares leaves the input out.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

_MORE = 2  # by so much a length may be larger than any that was seen
_LARGE = 10**9  # whole numbers beyond are not made larger
_DIGITS = 18  # of a whole number in a text
_LONGEST = 60  # of what is drawn, so that drawing and running stay cheap
_WHOLE = re.compile(r"-?[0-9]+")

Draw = Callable[[random.Random], Any]


def calls(seen: Sequence[tuple[Any, ...]], count: int, rng: random.Random) -> Iterator[tuple[Any, ...]]:
    """Yield arguments of calls, drawn by the shape of those that were seen; none where none were seen.

    Half of them change one argument of a call that was seen, half draw all.
    """
    for _ in range(count if seen else 0):
        like = rng.choice(seen)
        places = [place for place, _ in enumerate(like)]
        if not places:
            return
        chosen = {rng.choice(places)} if rng.random() < 0.5 else set(places)
        columns = {place: [one[place] for one in seen if len(one) > place] for place in chosen}
        yield tuple(of_shape(columns[place])(rng) if place in chosen else like[place] for place in places)


def texts(seen: Sequence[str], count: int, rng: random.Random) -> Iterator[str]:
    """Yield texts for stdin: one that was seen, with a number or a word changed; none where none were seen.

    Where there are several lines the first one stays, since it often says how many follow.
    """
    numbers = [int(one) for text in seen for one in _WHOLE.findall(text, _second_line(text)) if len(one) < _DIGITS]
    words = of_shape([word for text in seen for word in text.split()])
    for _ in range(count if seen else 0):
        text = rng.choice(seen)
        places = list(_WHOLE.finditer(text, _second_line(text)))
        if places and numbers:
            one = rng.choice(places)
            yield text[: one.start()] + str(_number(numbers)(rng)) + text[one.end() :]
        elif text.split():
            yield text.replace(rng.choice(text.split()), words(rng) or "a", 1)


def _second_line(text: str) -> int:
    """Where the second line begins, or 0 where there is none."""
    first, _, rest = text.partition("\n")
    return len(first) if rest.strip() else 0


def of_shape(seen: Sequence[Any]) -> Draw:
    """Return what draws a value of the shape of those seen; of several types, one that is as common."""
    kinds: dict[type, list[Any]] = {}
    for one in seen:
        kinds.setdefault(type(one), []).append(one)
    draws = {kind: _of_kind(kind, some) for kind, some in kinds.items()}

    def draw(rng: random.Random) -> Any:
        return draws[type(rng.choice(seen))](rng)

    return draw if seen else lambda rng: None


def _of_kind(kind: type, seen: Sequence[Any]) -> Draw:
    if kind is bool:
        return lambda rng: rng.random() < 0.5
    if kind is int:
        return _number(seen)
    if kind is float:
        return _decimal(seen)
    if kind is str:
        return _text(seen)
    if kind in (list, tuple):
        return _sequence(kind, seen)
    if kind in (set, frozenset):
        members = of_shape(list(chain(*seen)))
        return lambda rng: kind(members(rng) for _ in range(_length(seen, rng)))
    if kind is dict:
        keys, values = of_shape(list(chain(*seen))), of_shape([item for one in seen for item in one.values()])
        return lambda rng: {keys(rng): values(rng) for _ in range(_length(seen, rng))}
    return lambda rng: rng.choice(seen)


def _number(seen: Sequence[int]) -> Draw:
    low, high = min(seen), max(seen)
    top = high + max(2, abs(high)) if abs(high) < _LARGE else high
    bottom = low - max(2, abs(low)) if -_LARGE < low < 0 else low
    return lambda rng: rng.choice(seen) + rng.choice((0, 1)) if rng.random() < 0.3 else rng.randint(bottom, top)


def _decimal(seen: Sequence[float]) -> Draw:
    finite = [one for one in seen if math.isfinite(one)]
    size = max(map(abs, finite), default=1.0) * 1.5
    bottom = -size if min(finite, default=0.0) < 0 else 0.0
    digits = 0 if all(one.is_integer() for one in finite) else 2
    return lambda rng: rng.choice(seen) if rng.random() < 0.2 else round(rng.uniform(bottom, size), digits)


def _text(seen: Sequence[str]) -> Draw:
    letters = sorted(set("".join(seen)))

    def draw(rng: random.Random) -> str:
        text = rng.choice(seen)
        kept = list(text)
        for _ in range(rng.randint(0, 3)):
            place = rng.randrange(len(kept) + 1)
            match rng.randrange(3):
                case 0 if len(kept) > min(map(len, seen)):
                    del kept[place : place + 1]
                case 1 if letters and len(kept) < min(_LONGEST, max(map(len, seen)) + _MORE):
                    kept.insert(place, rng.choice(letters))
                case _ if letters and place < len(kept):
                    kept[place] = rng.choice(letters)
        return "".join(kept)

    return draw


def _sequence(kind: type, seen: Sequence[Any]) -> Draw:
    """Draw a list or tuple; items of types that never stood together are not mixed."""
    alike: dict[frozenset[type], list[Any]] = {}
    for one in seen:
        alike.setdefault(frozenset(map(type, one)), []).append(one)
    draws = {types: _items(some) for types, some in alike.items()}

    def draw(rng: random.Random) -> Any:
        return kind(draws[frozenset(map(type, rng.choice(seen)))](rng))

    return draw


def _items(seen: Sequence[Sequence[Any]]) -> Callable[[random.Random], list[Any]]:
    """Draw the items of a list; where all that were seen are sorted, or of one length, or unlike, so are these."""
    pool = list(chain(*seen))
    one_more = of_shape(pool)
    long = any(len(one) > 2 for one in seen)
    rising = long and all(_is_sorted(one) for one in seen)
    unique = long and all(len({repr(item) for item in one}) == len(one) for one in seen)

    def draw(rng: random.Random) -> list[Any]:
        if not pool:
            return []
        items = [rng.choice(pool) if rng.random() < 0.5 else one_more(rng) for _ in range(_length(seen, rng))]
        if unique:
            items = list({repr(item): item for item in items}.values())
        return sorted(items) if rising else items

    return draw


def _is_sorted(items: Sequence[Any]) -> bool:
    try:
        return list(items) == sorted(items)
    except TypeError:
        return False


def _length(seen: Sequence[Any], rng: random.Random) -> int:
    lengths = [len(one) for one in seen]
    if min(lengths) == max(lengths) and len(lengths) > 1:
        return min(lengths[0], _LONGEST)
    return min(rng.randint(min(lengths), max(lengths) + _MORE), _LONGEST)
