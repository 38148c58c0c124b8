"""The ``heldout chart`` line that makes a figure again, byte for byte; and how its flags are read.

What a person types of axes is written as ``AXIS=VALUE``, AXIS being ``x``, ``left`` or ``right``, and ranges as
``LOW:HIGH``.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from heldout.charts.hints import SIDES, Hints
from heldout.charts.spec import PAGE_CM, Theme
from heldout.charts.style import PLAIN, Style
from heldout.errors import UsageError

_DPI = 200.0


def command_for(
    paths: Sequence[str],
    out: str,
    *,
    figure: str = "",
    left: str = "",
    right: Sequence[str] = (),
    hints: Hints | None = None,
    window: float | None = None,
    peaks: bool = True,
    verdict: bool = False,
    width_cm: float = PAGE_CM,
    height_cm: float | None = None,
    theme: Theme = "light",
    dpi: float = _DPI,
    style: Style = PLAIN,
    flags: Mapping[str, str] | None = None,
) -> str:
    """Which command makes this figure again?

    Parameters
    ----------
    paths
        The runs.
    out
        The file to write.
    figure
        Which standard figure, such as ``reward-and-held-out``; or else `left` and `right`.
    left, right
        Keys or roles.
    hints, window, peaks, verdict
        What was asked of the figure; of hints, what the command line knows: no markers and no dashes.
    width_cm, height_cm, theme, dpi, style
        How it is drawn.
    flags
        How the log was read, as in ``{"--reward": "score"}``.

    Examples
    --------
    >>> command_for(["runs/my run"], "f.svg", left="reward", hints=Hints(x_limits=(80, 130)))
    "heldout chart 'runs/my run' --left reward --xlim 80:130 -o f.svg"
    """
    words: list[str] = [*paths, *(word for pair in (flags or {}).items() for word in pair)]
    words += _given("--figure", figure) + _given("--left", left)
    words += [word for key in right for word in ("--right", key)]
    words += [*_of_axes(hints or Hints())]
    words += _given("--window", window is not None and _number(window))
    words += [*(["--no-peaks"] if not peaks else []), *(["--verdict"] if verdict else [])]
    words += [*_of_looks(width_cm, height_cm, theme, dpi, style)]
    return shlex.join(["heldout", "chart", *words, "-o", out])


def _of_axes(hints: Hints) -> Iterator[str]:
    yield from _given("--x", hints.x if hints.x != "step" else "")
    for axis in ("x", "left", "right"):
        if axis in hints.log:
            yield from ("--log", axis)
        limits, ticks = hints.limits(axis), getattr(hints, f"{axis}_ticks")
        if limits:
            yield from ("--xlim", _range(limits)) if axis == "x" else ("--ylim", f"{axis}={_range(limits)}")
        yield from _given("--ticks", ticks and f"{axis}={_range(ticks)}")
        label, name = getattr(hints, f"{axis}_label"), getattr(hints, f"{axis}_name", None)
        yield from _given("--label", label and f"{axis}={label}")
        yield from _given("--entry", name and f"{axis}={name}")
    yield from (*_given("--legend", hints.legend), *_given("--title", hints.title))
    yield from () if hints.raw else ("--no-raw",)


def _of_looks(width_cm: float, height_cm: float | None, theme: str, dpi: float, style: Style) -> Iterator[str]:
    yield from _given("--width", _number(width_cm) if width_cm != PAGE_CM else "")
    yield from _given("--height", height_cm and _number(height_cm))
    yield from _given("--theme", theme if theme != "light" else "")
    yield from _given("--dpi", _number(dpi) if dpi != _DPI else "")
    yield from _given("--font", style.font if style.font != PLAIN.font else "")
    yield from _given("--palette", style.palette if style.palette != PLAIN.palette else "")
    yield from _given("--style", style.sheet)


def _given(flag: str, value: Any) -> list[str]:
    return [flag, str(value)] if value else []


def _range(numbers: Sequence[float]) -> str:
    return ":".join(map(_number, numbers))


def _number(value: float) -> str:
    return repr(float(value)).removesuffix(".0")


def of_axes(flag: str, texts: Sequence[str], default: str = "") -> dict[str, str]:
    """Read ``AXIS=VALUE`` of a flag that may be given once for each axis; without ``AXIS=`` it is of the default.

    >>> of_axes("--ylim", ["3:5", "right=0:1"], "left")
    {'left': '3:5', 'right': '0:1'}
    """
    found: dict[str, str] = {}
    for text in texts:
        axis, equals, value = text.partition("=")
        if not equals or axis not in SIDES:
            axis, value = default, text
        if not axis or not value:
            raise UsageError(f"{flag} {text} names no axis; write it as left=…, right=… or x=….")
        if axis in found:
            raise UsageError(f"{flag} is given twice for the {axis} axis ({found[axis]} and {value}); give it once.")
        found[axis] = value
    return found


def numbers_of(flag: str, text: str, count: int) -> tuple[float, ...]:
    """Read numbers with colons between them.

    >>> numbers_of("--xlim", "0:700", 2)
    (0.0, 700.0)
    """
    form = {2: "LOW:HIGH, such as 0:700", 3: "FIRST:LAST:DISTANCE, such as 0:700:100"}[count]
    try:
        found = tuple(float(part) for part in text.split(":"))
    except ValueError:
        found = ()
    if len(found) != count or not all(map(math.isfinite, found)) or found[0] >= found[1]:
        raise UsageError(f"{flag} {text} cannot be read; write it as {form}.")
    return found
