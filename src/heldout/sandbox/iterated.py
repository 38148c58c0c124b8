"""What came back from a program that is no plain data, but gives some when it is gone through.

A program may return a generator, a range or an array where its tests ask for ``list(f(x))`` or ``sorted(f(x))``. Its
items are taken in the sandbox, as many as may be returned, and stand here in an object that is equal to nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from heldout.sandbox.values import NotPlain


class Iterated:
    """Items that can be gone through: what an iterator gave, or another object without a length.

    Going through it again gives them again, since each call in an assertion is a call of its own.

    Examples
    --------
    >>> value = Iterated([1, 2])
    >>> list(value), value == [1, 2]
    ([1, 2], False)
    """

    def __init__(self, items: list[Any]) -> None:
        self._items = items

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)


class Sized(Iterated):
    """Items of an object that has a length, such as the values of a dictionary."""

    def __len__(self) -> int:
        return len(self._items)


class Indexed(Sized):
    """Items of an object that has places as well: a range, a deque, an array.

    >>> len(Indexed([1, 2])), Indexed([1, 2])[1]
    (2, 2)
    """

    def __getitem__(self, place: Any) -> Any:
        return self._items[place]


class View(Sized):
    """The keys or items of a dictionary, which Python says are equal to a set of the same.

    >>> View([1, 2]) == {1, 2}, View([1, 2]) == [1, 2]
    (True, False)
    """

    def __init__(self, items: list[Any]) -> None:
        super().__init__(items)
        self._set = frozenset(items)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, set | frozenset) and self._set == other

    __hash__ = object.__hash__


_KINDS = {"iterated": Iterated, "sized": Sized, "indexed": Indexed, "view": View}


def iterated(tag: str, items: list[Any]) -> Iterated:
    """Read what the sandbox wrote of such an object; a `heldout.sandbox.values.Reader`."""
    if tag not in _KINDS:
        raise NotPlain(f"a tag {tag[:20]!r} that is not known")
    return _KINDS[tag](items)
